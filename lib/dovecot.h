/* SPDX-License-Identifier: ISC */
/* dovecot.h - a client of Dovecot's authentication protocol, version 1.
 *
 *   dovecot_open    connect, and learn its mechanisms
 *   dovecot_start   an exchange; then dovecot_step, until it is decided
 *
 * A connection serves one exchange. Lines from Dovecot are read as if they
 * came from anywhere. From minor version 3 on (Dovecot 2.4) it asks for the
 * channel binding when a mechanism needs it. Knows messages as base64; knows
 * nothing of what they say. */
#ifndef DOVECOT_H
#define DOVECOT_H

#include <stdbool.h>
#include <stddef.h>

enum {
	DOVECOT_LINE_MAX = 16384, /* octets; Dovecot's own limit */
	DOVECOT_LINES_MAX = 200,  /* of its greeting */
	DOVECOT_SECONDS = 30,	  /* for an answer. It lets a client wait for
				   * 2 s after a failure, and for up to 15
				   * where others failed from his address */
	DOVECOT_MECHANISMS = 32,  /* that we remember */
	DOVECOT_NAME_MAX = 20,	  /* of a mechanism, RFC 4422, 3.1 */
	DOVECOT_USER_MAX = 320,
	DOVECOT_MESSAGE_MAX = 12288, /* of base64, RFC 4954, 4 */
	DOVECOT_BINDING_MAX = 32,    /* octets of a channel binding */
	DOVECOT_TEXT_MAX = 511,
};

struct dovecot_mechanism {
	char name[DOVECOT_NAME_MAX + 1];
	bool bound; /* needs a channel binding */
};

struct dovecot_greeting {
	struct dovecot_mechanism mechanisms[DOVECOT_MECHANISMS];
	size_t len;
};

/* What it is told about the client. Strings may be "". */
struct dovecot_client {
	const char *peer, *here, *certificate;
	const unsigned char *binding; /* tls-exporter, or NULL */
	size_t binding_len;
	bool tls;
};

enum dovecot_result {
	DOVECOT_MORE,
	DOVECOT_YES,
	DOVECOT_NO,
	DOVECOT_MALFORMED, /* not what the mechanism expects */
	DOVECOT_LATER,	   /* Dovecot or the way to it fails */
};

/* An exchange. The caller sets the descriptor and the client, which outlive
 * it, and closes the descriptor at its end. */
struct dovecot_exchange {
	int fd;
	const struct dovecot_client *client;
	char challenge[DOVECOT_MESSAGE_MAX + 1]; /* of DOVECOT_MORE */
	char user[DOVECOT_USER_MAX + 1]; /* of DOVECOT_YES and DOVECOT_NO */
	char text[DOVECOT_TEXT_MAX + 1]; /* of DOVECOT_LATER, else "" */
	bool bind; /* the next step is to tell the channel binding */
};

/* Connect to the socket at path. Mechanisms are those that are neither private
 * nor anonymous. Returns a descriptor, which the caller closes, or -1 and
 * text. */
int dovecot_open(const char *path, struct dovecot_greeting *out,
    char text[DOVECOT_TEXT_MAX + 1]);

/* Whether its other end is still there, and has said nothing more. */
bool dovecot_is_open(int fd);

/* Begin, with a mechanism of the greeting. response is base64, which the
 * caller has checked, or NULL where there is none. */
enum dovecot_result dovecot_start(struct dovecot_exchange *exchange,
    const char *mechanism, const char *response, size_t response_len);

/* Go on after DOVECOT_MORE. */
enum dovecot_result dovecot_step(struct dovecot_exchange *exchange,
    const char *response, size_t response_len);

#endif
