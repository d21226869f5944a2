/* SPDX-License-Identifier: ISC */
/* prompt.h - ask whoever sits at standard input for a new password. */
#ifndef PROMPT_H
#define PROMPT_H

#include <stdbool.h>
#include <stddef.h>

/* Read a password into out[0..size), with a NUL: from a terminal twice and
 * without echo, which is as it was afterwards, whatever signal comes; from
 * anything else a line. Returns an exit status of sysexits.h; unless it is
 * EX_OK standard error has been told why. */
int prompt_password(char *out, size_t size);

#endif
