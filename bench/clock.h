/* SPDX-License-Identifier: ISC */
/* clock.h - what the programs that measure have in common. */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Seconds, from no time in particular on. */
static inline double
now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* A call failed, and nothing can be measured. */
static inline void
die(const char *what)
{
	perror(what);
	exit(1);
}

#endif
