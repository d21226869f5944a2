/* SPDX-License-Identifier: ISC */
/* title.h - what ps(1) shows of a session.
 *
 * Knows the process's argument area and nothing else. */
#ifndef TITLE_H
#define TITLE_H

#include <stddef.h>

/* The memory of the arguments and the environment, which lie in one piece. */
struct title {
	char *start;
	size_t size;
};

/* Take over the area of *argv and of the environment; both are copied first,
 * and *argv becomes the copy. Where that cannot be done titles are not shown. */
void title_init(struct title *title, char ***argv);

/* Show a text; no system call. */
void title_set(const struct title *title, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
