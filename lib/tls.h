/* SPDX-License-Identifier: ISC */
/* tls.h - the server's side of TLS 1.2 and 1.3 (RFC 5246, RFC 8446), by
 * OpenSSL, which is loaded when it is first needed.
 *
 *   tls_open      the library, the certificates, ticket keys: once
 *   tls_start     one connection, then tls_handshake until it is done
 *   tls_read, tls_write, tls_finish
 *
 * Every call that waits does so in read(2) and write(2), and returns when a
 * signal interrupts these; with EINTR it also returns from time to time where
 * much comes and none of it is input. Knows certificates and descriptors; knows no SMTP,
 * no signal and no time limit. A build without OpenSSL links tls-none.c
 * instead of tls.c: then tls_open() says so. */
#ifndef TLS_H
#define TLS_H

#include <sys/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

enum {
	TLS_TEXT_MAX = 511,	       /* octets of what is in the way */
	TLS_NAME_MAX = 255,	       /* of a name in a certificate */
	TLS_BINDING_LEN = 32,	       /* octets of tls-exporter, RFC 9266 */
	TLS_CERTIFICATES_MAX = 1000,   /* names in the directory looked at */
	TLS_TICKET_SECONDS = 6 * 3600, /* a ticket key encrypts for this long,
					* and decrypts for as long again */
};

/* Where certificates are. Strings outlive the context. */
struct tls_settings {
	/* A directory with NAME/fullchain.pem and NAME/privkey.pem, PEM, as
	 * certbot and acme clients write it. A file certificates_NAME_FILE
	 * in the directory credentials (systemd's LoadCredential=; NULL for
	 * none) stands in for certificates/NAME/FILE, and its NAME need not be
	 * in the directory. */
	const char *certificates;
	const char *credentials;
	const char *hostname; /* whose certificate a client gets that asks for
			       * no name (RFC 6066, 3), or for none we have:
			       * the directory of that name, else the first in
			       * the order of names whose certificate holds
			       * it, else the first of all */
	const char *authorities; /* a PEM file: whose client certificates are
				  * believed; "" to ask clients for none */
};

struct tls;
struct tls_session;

/* Load OpenSSL and make a context. shared: sessions are forked from here, so
 * every certificate is loaded now, and session tickets (RFC 8446, 4.6.1; RFC
 * 5077) are given, whose keys live in the context alone. Otherwise only that
 * of hostname is, and another one by the handshake that needs it. Returns NULL
 * and text, one line that says what, where and what to do. Text beside a
 * context is about a certificate of no use, where others will do; mostly it is
 * "". The caller ends it by tls_close(). */
struct tls *tls_open(const struct tls_settings *settings, bool shared,
    char text[TLS_TEXT_MAX + 1]);

/* Read whatever changed since, for a context that is shared: after
 * tls_is_stale(). What is of no use any more stays as it was before. text says
 * what is, or is "". */
void tls_refresh(struct tls *tls, char text[TLS_TEXT_MAX + 1]);

/* Before a fork: change the ticket keys when they are due. now is seconds of
 * any clock that only runs forward. Costs a comparison when they are not. */
void tls_rotate(struct tls *tls, time_t now);

void tls_close(struct tls *tls); /* NULL is allowed */

/* Begin with a client on two descriptors, which may be the same and may be
 * pipes. Returns NULL where memory ends. tls outlives it. */
struct tls_session *tls_start(struct tls *tls, int in_fd, int out_fd);

/* 1: secured. 0: it failed for good, and text says why, one line ("no shared
 * cipher", "the client hung up"). -1: again, with errno EINTR (a signal came)
 * or EAGAIN (wait for tls_events()). The certificate is read anew where its
 * files are no longer those that were loaded. */
int tls_handshake(struct tls_session *session, char text[TLS_TEXT_MAX + 1]);

/* As read(2) and write(2): octets; 0 when nothing more can ever come, be it
 * close_notify, EOF, an alert or forged data (write never returns 0); -1 with
 * errno: EINTR or EAGAIN as above, EPIPE and others for good. After a 0 or a
 * lasting error only tls_finish() makes sense. size > 0.
 *
 * Unlike write(2), tls_write() may have sent a part of a record when it returns
 * EINTR or EAGAIN: the next one is to have the same octets, at any place and
 * followed by others if there are more. */
ssize_t tls_read(struct tls_session *session, void *out, size_t size);
ssize_t tls_write(struct tls_session *session, const void *data, size_t size);

/* What the last call that failed with EAGAIN waits for: POLLIN or POLLOUT. */
short tls_events(const struct tls_session *session);

/* Octets that tls_read() gives without a read(2). */
bool tls_has_pending(const struct tls_session *session);

/* End it: with notify, close_notify is sent unless the connection failed
 * before. The descriptors stay open. */
void tls_finish(struct tls_session *session, bool notify);

struct tls_info {
	const char *version; /* "TLSv1.3" */
	const char *cipher;  /* its IANA name: "TLS_AES_256_GCM_SHA384" */
	const char *group;   /* of the key exchange: "x25519", or NULL */
	char name[TLS_NAME_MAX + 1];   /* the server name asked for, or "" */
	char client[TLS_NAME_MAX + 1]; /* of a believed client certificate:
					* its first rfc822Name, else its CN;
					* or "" */
	bool resumed;
};

/* After the handshake. Text of the client is as it sent it. */
void tls_describe(const struct tls_session *session, struct tls_info *info);

/* The channel binding tls-exporter (RFC 9266): TLS_BINDING_LEN octets. False
 * where there is none: TLS 1.2 without extended_master_secret (RFC 7627). */
bool tls_binding(
    const struct tls_session *session, unsigned char out[TLS_BINDING_LEN]);

/* Whether this session found that files had changed since tls_open(): whoever
 * shares the context should refresh it. */
bool tls_is_stale(const struct tls_session *session);

/* Look at every certificate as --check does: that its key fits and is no
 * business of others (mode, owner), its chain is complete and in order, it
 * names its directory, and it is neither expired nor about to be (14 days).
 * Tells each through say, one line a time, problems and (problem = false) what
 * is in order. Returns how many problems. */
unsigned tls_check(const struct tls_settings *settings,
    void (*say)(void *to, bool problem, const char *text), void *to);

#endif
