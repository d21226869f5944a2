/* SPDX-License-Identifier: ISC */
/* rate.h - how much a user has sent in the last hour, over processes and
 * reboots: a small file for each user in a directory.
 *
 * Counts in two windows of an hour, the current one and the one before, which
 * counts for the part of it that is less than an hour ago. Updates are under a
 * record lock (fcntl(2), F_SETLKW); not synced: after a power cut a user may
 * have the last seconds again. A file that was not written for two hours says
 * nothing any more and may be removed at any time. Knows users and numbers;
 * knows no SMTP. */
#ifndef RATE_H
#define RATE_H

#include <stdint.h>
#include <time.h>

#include "verdict.h"

enum {
	RATE_WINDOW = 3600,  /* seconds */
	RATE_NAME_MAX = 200, /* octets of a file name */
	RATE_TEXT_MAX = 255,
};

enum rate_kind { RATE_MESSAGES, RATE_RECIPIENTS, RATE_KINDS };

struct rate {
	const char *directory; /* where the files are; made if it is absent,
				* but not what it is in */
	uint64_t limit[RATE_KINDS];	 /* in an hour, 0 for none */
	char problem[RATE_TEXT_MAX + 1]; /* for the operator, or "" */
};

/* Take one of a kind for a user, text of any octets without NUL, ASCII without
 * case, at a time of CLOCK_REALTIME. VERDICT_YES; VERDICT_TOO_FAST_MESSAGES or
 * _RECIPIENTS where the limit is reached, and then nothing is taken;
 * VERDICT_LATER with .problem. Without a limit of that kind nothing is opened.
 * A clock that was set back by more than a window begins a new one, and so
 * does a file that is damaged, which .problem tells, whatever the verdict. */
enum verdict rate_take(
    struct rate *rate, enum rate_kind kind, const char *user, time_t now);

#endif
