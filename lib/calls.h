/* SPDX-License-Identifier: ISC */
/* calls.h - the system calls that are left to a session: seccomp(2) filters
 * from one table.
 *
 * Written without a library, whose loading would cost each session more than
 * the filter does. Knows the kernel's calls; knows nothing of what they are for
 * but what libc makes of them. */
#ifndef CALLS_H
#define CALLS_H

/* What a filter is for. The third is laid over the second: of two verdicts the
 * stricter holds. The fourth may be or-ed to the first two. */
enum calls_purpose {
	CALLS_SESSION = 0,  /* a process that is one session */
	CALLS_LISTENER = 1, /* the accept loop, and what it forks */
	CALLS_FORKED = 2,   /* a session of it, without the loop's own calls */
	CALLS_CONNECT = 4,  /* it may connect to a local socket */
};

/* Allow this process and its children only the calls of the table. Another is
 * not executed and raises SIGSYS; one that is newer than the table fails with
 * ENOSYS, so that libc does without it. Needs no_new_privs. Returns 0, or errno:
 * ENOSYS on an architecture that the table was not tried on, EINVAL where the
 * kernel has no such filters. */
int calls_restrict(unsigned purpose);

/* The name of a system call that an intruder might try, or "call" for others.
 * architecture as in siginfo_t. Async-signal-safe. */
const char *calls_name(int call, unsigned architecture);

#endif
