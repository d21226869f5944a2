/* SPDX-License-Identifier: ISC */
/* serve.h - one session on two descriptors, under alarm().
 *
 * Moves bytes between the descriptors and the language, through TLS where it is
 * on, and ends what takes too long. Owns signals and time; knows no verb. */
#ifndef SERVE_H
#define SERVE_H

#include "lib/title.h"
#include "session.h"

/* The signals of a session: SIGALRM and SIGTERM interrupt its waits, none that
 * a client can cause ends it. For the whole process, before any session. */
void serve_catch_signals(void);

/* What a session is served with. */
struct serve {
	int in_fd, out_fd;	   /* of the client; may be the same */
	const struct title *title; /* shows its state */
	struct tls *tls; /* made before, or NULL: it is made when needed */
};

/* Run a session that has begun to its end. Returns whether .tls should be made
 * anew: it was lacking, or what it was made from has changed. */
bool serve_session(struct session *session, const struct serve *serve);

/* Closing a socket with input unread would take our last reply back (TCP
 * resets): stop sending, and let the client finish for a moment. */
void serve_linger(int in_fd, int out_fd);

#endif
