/* SPDX-License-Identifier: ISC */
/* protocol.h - the SMTP language, RFC 5321, as a pure function over bytes.
 *
 *       bytes from the client            replies to the client
 *                |                                ^
 *   protocol_room, protocol_add                .out, .out_len
 *                v                                |
 *        +----------------- struct protocol -----------------+
 *        |  line -> verb table -> handler -> reply           |
 *        |  body -> un-stuff -> header filter -> .body slice |
 *        +---------------------------------------------------+
 *              |  protocol_step says what it wants  ^
 *              v                                    |  protocol_answer
 *         mailboxes, store, clock, descriptors: the caller
 *
 * Knows framing, verbs, their order, replies; also LMTP (RFC 2033), STARTTLS
 * and AUTH, but nothing of TLS and SASL. Knows no descriptor, file, clock, heap, errno, user or domain. The same bytes give
 * the same replies and the same body however they were cut into packets. */
#ifndef PROTOCOL_H
#define PROTOCOL_H

#include "body.h"
#include "lib/address.h"
#include "lib/verdict.h"
#include "parameter.h"

enum {
	PROTOCOL_IN_MAX = 65536,    /* octets read ahead of the language */
	PROTOCOL_OUT_MAX = 16384,   /* replies gathered for one write */
	PROTOCOL_REPLY_MAX = 12304, /* octets one step may add to .out */
	PROTOCOL_COMMAND_MAX = 512, /* a command line, 4.5.3.1.4 */
	PROTOCOL_LINE_MAX = 2048,   /* the same, with all extensions */
	PROTOCOL_AUTH_MAX = 12288,  /* of AUTH and its exchange, RFC 4954, 4 */
	PROTOCOL_JUNK_MAX = 65536,  /* without a line end: hang up */
	PROTOCOL_HELO_MAX = 255,    /* a domain, 4.5.3.1.2 */
	PROTOCOL_ID_MAX = 63,	    /* octets of a message id */
};

/* What protocol_step() needs before it goes on. */
enum protocol_want {
	PROTOCOL_WANT_NOTHING,	  /* never returned: go on */
	PROTOCOL_WANT_INPUT,	  /* send .out, wait, protocol_add */
	PROTOCOL_WANT_OUTPUT,	  /* .out is nearly full: send it */
	PROTOCOL_WANT_STARTTLS,	  /* may TLS begin now?               -> answer;
				 * VERDICT_EARLY where input waits already */
	PROTOCOL_WANT_HANDSHAKE,  /* send .out, then TLS: protocol_secured, or
				 * protocol_end */
	PROTOCOL_WANT_MECHANISMS, /* which may a client use?
				   * -> protocol_mechanisms */
	PROTOCOL_WANT_AUTH_START, /* begin .mechanism with .response, NULL where
				   * there is none: protocol_challenge, or a
				   * verdict                        -> answer */
	PROTOCOL_WANT_AUTH_STEP,  /* go on with .response: the same */
	PROTOCOL_WANT_SENDER,	  /* may .path send .parameters.size
				 * octets?                          -> answer */
	PROTOCOL_WANT_RECIPIENT, /* may .path receive?              -> answer */
	PROTOCOL_WANT_VERIFY,  /* is .path a mailbox here?         -> answer */
	PROTOCOL_WANT_MEMBER,  /* member .index of the expansion of .path:
				 * protocol_member, or a verdict    -> answer */
	PROTOCOL_WANT_OPEN,    /* begin a message, fill .id        -> answer */
	PROTOCOL_WANT_APPEND,  /* .body belongs to the message; failure keeps
				 * until the commit */
	PROTOCOL_WANT_COMMIT,  /* make it durable                  -> answer */
	PROTOCOL_WANT_OUTCOME, /* LMTP: what became of it for accepted
				 * recipient .index?                -> answer */
	PROTOCOL_WANT_RESET,   /* forget the transaction and an exchange of
				* AUTH, drop what is open */
	PROTOCOL_WANT_NOTE,    /* .rejected was replied: for the log */
	PROTOCOL_WANT_CLOSE,   /* send .out, hang up */
};

/* Why the caller ends a session. */
enum protocol_end {
	PROTOCOL_END_INPUT,    /* the client hung up: no reply */
	PROTOCOL_END_IDLE,     /* nothing came for too long */
	PROTOCOL_END_SLOW,     /* a body came too slowly */
	PROTOCOL_END_DEADLINE, /* the session lasted too long */
	PROTOCOL_END_SHUTDOWN, /* we are told to stop */
	PROTOCOL_END_TLS,      /* no TLS came about: no word in clear */
	PROTOCOL_END_COUNT,
};

/* What an operator may choose; set before protocol_init() and constant. */
struct protocol_settings {
	const char *hostname; /* at most ADDRESS_DOMAIN_MAX octets */
	uint64_t size_max;    /* octets of a message, 0 for no limit */
	unsigned recipients_max, messages_max; /* per message, per session */
	unsigned errors_max;	    /* rejected commands before 421 */
	unsigned hops_max;	    /* Received fields, RFC 5321, 6.3 */
	unsigned auth_failures_max; /* failed AUTH before 421 */
	bool lmtp, vrfy, expn;
	bool starttls;	    /* offer STARTTLS (RFC 3207) */
	bool auth;	    /* offer AUTH (RFC 4954), where nobody overhears */
	bool tls_required;  /* for MAIL: 530 before TLS */
	bool auth_required; /* for MAIL: 530 before AUTH */
	bool bare_newline;  /* LF alone ends a line: pipes, never sockets */
};

struct protocol {
	const struct protocol_settings *settings;

	/* For the caller to read; valid until the next step. */
	struct address path;	      /* of the want; of MAIL after SENDER */
	struct parameters parameters; /* of MAIL */
	uint64_t octets;	      /* of the message so far */
	unsigned recipients;	      /* accepted in this transaction */
	unsigned index;		      /* of WANT_MEMBER and WANT_OUTCOME */
	unsigned commands, transactions, errors; /* in the session */
	bool secure;				 /* by TLS */
	bool authenticated;			 /* by AUTH */
	bool extended;				 /* EHLO or LHLO, not HELO */
	bool newline;	      /* this transaction's lines end in LF alone */
	bool utf8_reply;      /* SMTPUTF8 of VRFY or EXPN (RFC 6531, 3.7.4.2) */
	bool has_path;	      /* the last command had a path: .path */
	bool quit;	      /* the client said goodbye */
	const char *verb;     /* of the last command, upper case, "" if none */
	const char *rejected; /* of WANT_NOTE: text of a 4yz or 5yz reply */
	const char *body;     /* of WANT_APPEND */
	size_t body_len;
	const char *mechanism; /* of WANT_AUTH_START, not ended by NUL */
	size_t mechanism_len;
	const char *response; /* of WANT_AUTH_...: base64, perhaps empty */
	size_t response_len;
	char helo[PROTOCOL_HELO_MAX + 1];

	/* For the caller to write before the first step, and to read. */
	bool confidential; /* a password cannot be overheard; so after TLS */
	bool admitted;	   /* it may send without AUTH */

	/* For the caller to write at WANT_OPEN: an Atom (RFC 5321, 4.1.2). */
	char id[PROTOCOL_ID_MAX + 1];

	/* Replies not yet sent; the caller sets out_len to 0 when they are. */
	size_t out_len;

	/* The rest is protocol.c's own. */
	int phase, state;
	struct body message;
	enum protocol_want asked;
	const struct protocol_verb *command;
	const char *refusal; /* why the message will not be accepted */
	bool noted, reset, closing, chunked, last;
	uint64_t chunk;		/* octets of the BDAT chunk still to come */
	size_t skipped;		/* octets of an overlong line */
	const char *mechanisms; /* offered, NULL before EHLO */
	const char *too_long;	/* the reply to an overlong line */
	unsigned auth_failures;
	size_t in_start, in_end;
	char out[PROTOCOL_OUT_MAX]; /* of out_len above */
	char in[PROTOCOL_IN_MAX];
};

/* Begin a session: puts the greeting into .out. With early, the client spoke
 * before it: greets with 554 and refuses all but QUIT (RFC 5321, 3.1). */
void protocol_init(struct protocol *protocol,
    const struct protocol_settings *settings, bool early);

/* Where the next bytes of the client belong. Returns the place and sets *room,
 * which is at least one octet after PROTOCOL_WANT_INPUT. */
char *protocol_room(struct protocol *protocol, size_t *room);

/* Say that len octets were put there. */
void protocol_add(struct protocol *protocol, size_t len);

/* Go on until something is wanted. After a want marked "answer",
 * protocol_answer() comes first. Never returns PROTOCOL_WANT_NOTHING. */
enum protocol_want protocol_step(struct protocol *protocol);

/* Answer the last want. A verdict without meaning there counts as
 * VERDICT_LATER. */
void protocol_answer(struct protocol *protocol, enum verdict verdict);

/* Answer WANT_MEMBER with a mailbox, printed, and say whether more follow.
 * protocol_answer() may refuse the first, never a later one. */
void protocol_member(
    struct protocol *protocol, const char *text, size_t len, bool more);

/* Answer WANT_HANDSHAKE: TLS is on, and the client is nobody we know; also
 * before the first step, where TLS comes before the greeting (RFC 8314, 3).
 * What was received in clear and not looked at is forgotten. */
void protocol_secured(struct protocol *protocol);

/* Answer WANT_MECHANISMS: their names, divided by spaces; "" for none. The text
 * stays valid until the next answer. */
void protocol_mechanisms(struct protocol *protocol, const char *names);

/* Answer WANT_AUTH_...: base64 of at most PROTOCOL_AUTH_MAX octets. The client
 * has to respond to it. */
void protocol_challenge(struct protocol *protocol, const char *challenge);

/* End the session for a reason of the caller's, with one 421 unless the client
 * is gone; the next steps want RESET where needed, then CLOSE. */
void protocol_end(struct protocol *protocol, enum protocol_end why);

/* Whether the next octet belongs to a message and not to a command. */
bool protocol_in_body(const struct protocol *protocol);

/* Whether all that was taken is answered and told: the next octet, if any,
 * begins a command. */
bool protocol_at_rest(const struct protocol *protocol);

#endif
