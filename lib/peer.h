/* SPDX-License-Identifier: ISC */
/* peer.h - what a descriptor is, and who is at its other end.
 *
 * Knows sockets; knows no SMTP. */
#ifndef PEER_H
#define PEER_H

#include <sys/types.h>

enum { PEER_TEXT_MAX = 63, PEER_USER_MAX = 255 };

enum peer_kind {
	PEER_NONE,	/* a pipe, a terminal or a file */
	PEER_NETWORK,	/* a connected IPv4 or IPv6 socket */
	PEER_LOCAL,	/* a connected AF_UNIX socket */
	PEER_LISTENING, /* a listening socket: not a session */
	PEER_CLOSED,	/* not an open descriptor */
};

struct peer {
	enum peer_kind kind;
	uid_t uid;			 /* of PEER_LOCAL */
	char user[PEER_USER_MAX + 1];	 /* of peer_name_user() */
	char address[PEER_TEXT_MAX + 1]; /* for people: "192.0.2.1",
					 * "uid 1000", "unknown" */
	char literal[PEER_TEXT_MAX + 1]; /* for trace fields: "[192.0.2.1]",
					 * "[IPv6:2001:db8::1]" (RFC 5321,
					 * 4.1.3), "uid 1000", or empty */
	char here[PEER_TEXT_MAX + 1];	 /* the address of ours that the client
					 * of a socket chose, or empty */
};

/* Describe fd. Where getpeername(2) knows nothing, TCPREMOTEIP (tcpserver) and
 * then REMOTE_ADDR (others) tell the address, if they hold one. */
void peer_describe(int fd, struct peer *peer);

/* Fill .user of a PEER_LOCAL with the name of its user id in /etc/passwd, else
 * with "uid-1000". Other sources of names (nsswitch.conf(5)) would load
 * libraries and ask daemons, which a session may not. */
void peer_name_user(struct peer *peer);

#endif
