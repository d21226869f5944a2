/* SPDX-License-Identifier: ISC */
/* serve.h - one session on two descriptors, under alarm().
 *
 * Moves bytes between the descriptors and the language, and ends what takes
 * too long. Owns signals and time; knows no verb. */
#ifndef SERVE_H
#define SERVE_H

#include "lib/title.h"
#include "session.h"

/* The signals of a session: SIGALRM and SIGTERM interrupt its waits, none that
 * a client can cause ends it. For the whole process, before any session. */
void serve_catch_signals(void);

/* Run a session that has begun to its end: in_fd and out_fd, which may be the
 * same, are the client; config gives the times; title shows its state. */
void serve_session(struct session *session, int in_fd, int out_fd,
    const struct config *config, const struct title *title);

/* Closing a socket with input unread would take our last reply back (TCP
 * resets): stop sending, and let the client finish for a moment. */
void serve_linger(int in_fd, int out_fd);

#endif
