/* SPDX-License-Identifier: ISC */
/* beneath.h - open a name beneath a directory, and nowhere else.
 *
 * openat2(2) with RESOLVE_BENEATH: no "..", absolute or magic link leads out,
 * whatever the name holds. Knows no mail. */
#ifndef BENEATH_H
#define BENEATH_H

#include <sys/types.h>

/* Open path beneath the directory root_fd with the flags and mode of open(2);
 * O_CLOEXEC is added. Returns a descriptor or -1 with errno; EXDEV where the
 * path would lead out of the directory. */
int beneath_open(int root_fd, const char *path, int flags, mode_t mode);

#endif
