/* SPDX-License-Identifier: ISC */
/* listen.h - the accept loop: a process for each connection, and no more of
 * them than allowed.
 *
 *        +--------------- listen_next ---------------+
 *        |  poll: listeners, signals, the next time  |
 *        |    accept -> too many? 421 : fork ------- | -> LISTEN_SESSION, in
 *        |    SIGCHLD -> wait                        |    the child
 *        |    SIGHUP -> LISTEN_RELOAD                |
 *        |    SIGTERM -> drain, then SIGTERM to all  |
 *        +-------------------------------------------+
 *
 * Reads nothing that a client sends and never waits for one. Knows sockets,
 * processes and time; knows of SMTP the one reply to whom it turns away. */
#ifndef LISTEN_H
#define LISTEN_H

#include <sys/types.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	LISTEN_MAX = 64, /* listening sockets */
	LISTEN_TEXT_MAX = 255,
};

struct listen_settings {
	unsigned sessions;	      /* at once, 0 for no limit */
	unsigned sessions_per_source; /* of an IPv4 address, an IPv6 network
				       * of 64 bits, a local user; 0: none */
	unsigned drain_timeout;	      /* seconds for sessions after SIGTERM */
	unsigned idle_exit;	      /* seconds without a session */
	bool stays;		      /* nobody would start us again: no exit */
	void (*before_session)(void *to); /* called before each fork, or NULL */
	void *to;
	const char *closed; /* why there is no service, with its enhanced
			       * status code: told to each client; or NULL */
};

enum listen_event {
	LISTEN_NOTHING, /* never returned: go on */
	LISTEN_SESSION, /* in a child: .fd is its connection */
	LISTEN_RELOAD,	/* SIGHUP: read the settings again */
	LISTEN_STALE,	/* listen_tell_stale() was called in a child */
	LISTEN_DRAIN,	/* SIGTERM: no more sessions are taken */
	LISTEN_CRASH,	/* a signal ended a session: .text says which, whose */
	LISTEN_REFUSED, /* a limit was reached: .text says which. Told once
			 * until sessions that count to it have ended */
	LISTEN_TROUBLE, /* no process or descriptor to be had: .text */
	LISTEN_DONE,	/* no session is left, and none is to come */
};

/* Where a connection comes from, as limits see it. */
struct listen_source {
	unsigned char kind, address[8];
};

/* What was told while a child was there: that a limit is reached. */
enum listen_told { LISTEN_TOLD_SOURCE = 1, LISTEN_TOLD_ALL = 2 };

struct listen_child {
	pid_t pid;
	struct listen_source source;
	unsigned told; /* of enum listen_told */
};

struct listen_shared {
	unsigned long messages; /* stored so far */
	bool stale;
};

struct listen {
	struct pollfd fds[1 + LISTEN_MAX]; /* signals, then the listeners */
	unsigned listeners;
	struct listen_settings settings;
	struct listen_child *children;
	size_t children_len, children_max;
	struct listen_shared *shared; /* with the children */
	unsigned long refused;
	sigset_t before; /* the signals that a child blocks */
	bool reap;	 /* children have ended */
	bool draining;	 /* after SIGTERM */
	bool changed;	 /* since the status was told */
	/* Milliseconds of CLOCK_MONOTONIC; ends are 0 for none. */
	int64_t idle_since, drain_end, pause_end, status_at, watchdog_at;
	int64_t pause, watchdog;	/* how long; 0 for none */
	char text[LISTEN_TEXT_MAX + 1]; /* of the event */
	int fd;				/* of LISTEN_SESSION */
	unsigned listener; /* which of them it came by, from 0 on */
};

/* Take over count listening sockets from descriptor first on, and SIGCHLD,
 * SIGHUP and SIGTERM, which are blocked from here on: a handler installed
 * earlier would take one that is meant for the loop. Returns 0, or -1 and .text
 * says why: more than LISTEN_MAX sockets, one that does not listen, or what the
 * kernel says. */
int listen_init(struct listen *listen, int first, unsigned count);

/* New settings; the service manager is told that we are ready. */
void listen_ready(
    struct listen *listen, const struct listen_settings *settings);

/* Accept and wait until there is something to do for the caller. After
 * LISTEN_SESSION this is the child: signals are as they were, the listening
 * sockets closed. */
enum listen_event listen_next(struct listen *listen);

/* How many messages all sessions that have ended have stored. */
unsigned long listen_messages(const struct listen *listen);

/* In a child: count messages that it has stored. */
void listen_count(struct listen *listen, unsigned messages);

/* In a child: something that was loaded before the fork is out of date. */
void listen_tell_stale(struct listen *listen);

#endif
