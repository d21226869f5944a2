/* SPDX-License-Identifier: ISC */
/* auth.h - who a client is: SASL (RFC 4422) for the server's side.
 *
 *   mechanisms   by GNU SASL over a password file, or by Dovecot, which has
 *                mechanisms and users of its own
 *   exchange     auth_start, then auth_step until it is decided
 *
 * Messages are base64, as SMTP carries them (RFC 4954, 4). Loads libgsasl and
 * libcrypt when an exchange begins. Knows users and passwords; knows no SMTP,
 * no descriptor of the client and no delay. Whoever calls it has seen to it
 * that a password cannot be overheard. A build without GNU SASL links
 * auth-none.c instead. */
#ifndef AUTH_H
#define AUTH_H

#include <stdbool.h>
#include <stddef.h>

enum {
	AUTH_LINE_MAX = 12288,	   /* octets of a message, RFC 4954, 4 */
	AUTH_USER_MAX = 320,	   /* octets of a user name */
	AUTH_MECHANISM_MAX = 20,   /* RFC 4422, 3.1 */
	AUTH_MECHANISMS_MAX = 255, /* of their list */
	AUTH_TEXT_MAX = 511,
};

/* Where users are: one of both, the other "". Strings outlive the exchange. */
struct auth_settings {
	const char *passwords; /* the password file, lib/passwords.h */
	const char *dovecot;   /* path of Dovecot's client auth socket */
	const char *hostname;  /* ours */
};

/* What is known of the connection. */
struct auth_channel {
	const unsigned char *binding; /* tls-exporter, 32 octets, or NULL */
	const char *external;	      /* who the client is by other means (its
			       * certificate, its user id), or "": EXTERNAL */
	const char *peer, *here;      /* IP addresses as text, or "" */
	bool tls;
};

enum auth_result {
	AUTH_MORE,	/* challenge is to be sent, auth_step is next */
	AUTH_YES,	/* auth->user is who it is, as the back end writes it */
	AUTH_NO,	/* wrong credentials, or not for him */
	AUTH_MALFORMED, /* a message that the mechanism does not know */
	AUTH_UNKNOWN,	/* a mechanism that is not offered */
	AUTH_LATER,	/* auth->problem says what the operator should mend */
};

struct auth_exchange; /* of one mechanism; auth.c's own */

struct auth {
	const struct auth_settings *settings;
	const struct auth_channel *channel;
	char user[AUTH_USER_MAX + 1]; /* of AUTH_YES; of AUTH_NO as far
					    * as the client gave one */
	char mechanism[AUTH_MECHANISM_MAX + 1]; /* of the exchange */
	char problem[AUTH_TEXT_MAX + 1];	/* for the operator, or ""; also
					    * beside AUTH_YES: a bad line of
					    * the password file, told once */
	struct auth_exchange *exchange;		/* NULL where there is none */
	int dovecot_fd;			       /* the connection to it, or -1 */
	char offered[AUTH_MECHANISMS_MAX + 1]; /* what may be started */
	bool told;			       /* of a bad line */
	/* The last, as it is large and most sessions need none: of AUTH_MORE,
	 * base64 and a NUL. */
	char challenge[AUTH_LINE_MAX + 1];
};

/* Nothing begun. settings and channel outlive auth. */
void auth_init(struct auth *auth, const struct auth_settings *settings,
    const struct auth_channel *channel);

/* The mechanisms to offer, "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN": those for
 * which the back end has what it takes, the strongest first; -PLUS where the
 * channel has a binding, EXTERNAL where it knows the client. Returns false, and
 * auth->problem, where the back end cannot be asked. */
bool auth_mechanisms(struct auth *auth, char out[AUTH_MECHANISMS_MAX + 1]);

/* Begin with a mechanism of that list (len octets, any case); without one it is
 * made now. response is the
 * initial response: base64 of response_len octets without padding errors, or
 * NULL where there was none ("=" of RFC 4954 is "" here). Never returns with
 * an exchange begun but by AUTH_MORE. */
enum auth_result auth_start(struct auth *auth, const char *mechanism,
    size_t len, const char *response, size_t response_len);

/* Go on with a response, base64; an empty one has no octets. */
enum auth_result auth_step(
    struct auth *auth, const char *response, size_t response_len);

/* The client gave up, or the session ends: secrets are wiped, the connection
 * to Dovecot is closed. auth_init() may follow. */
void auth_end(struct auth *auth);

/* smtpd --hash-password: read a password, from the terminal twice and without
 * echo, or a line from standard input where that is none, and print what a
 * password file holds for it. kind: "scram-sha-256", "scram-sha-1",
 * "yescrypt", "bcrypt" or "sha512". Returns an exit status of sysexits.h. */
int auth_hash_password(const char *kind);

/* Look at the back end as --check does: the file's permissions and each of its
 * lines, or whether Dovecot answers. As tls_check(). */
unsigned auth_check(const struct auth_settings *settings,
    void (*say)(void *to, bool problem, const char *text), void *to);

#endif
