/* SPDX-License-Identifier: ISC */
/* unit.h - what every table test shares: CHECK counts, unit_end() tells.
 *
 * A check that fails prints its place and its text and goes on. */
#ifndef UNIT_H
#define UNIT_H

#include <stdio.h>
#include <string.h>

static unsigned unit_passed, unit_failed;

/* CHECK(condition, format, ...): the rest says which row it was. */
#define CHECK(condition, ...) \
	((condition) ? (void)unit_passed++ : (void)(unit_failed++, \
	(void)fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, \
	#condition), (void)fprintf(stderr, __VA_ARGS__), \
	(void)fputc('\n', stderr)))

/* The last line of main(): what to return from it. */
static int
unit_end(const char *name)
{
	(void)printf("%s: %u passed, %u failed\n", name, unit_passed,
	    unit_failed);
	return unit_failed > 0;
}

#endif
