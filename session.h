/* SPDX-License-Identifier: ISC */
/* session.h - one session: the wiring between the language, the mailboxes, the
 * store and the log.
 *
 * Answers what protocol_step() wants, but for input, output and TLS. Knows no
 * descriptor of the client, no signal and no verb. */
#ifndef SESSION_H
#define SESSION_H

#include <stdint.h>

#include "lib/config.h"
#include "lib/log.h"
#include "lib/mailbox.h"
#include "lib/peer.h"
#include "lib/tls.h"
#include "protocol.h"
#include "store.h"
#include "submission.h"

enum { SESSION_RECIPIENTS_MAX = 1023 }; /* octets of them in a record */

/* Large, and meant to be static: its buffers cost memory only when used. */
struct session {
	struct protocol protocol;
	struct protocol_settings settings;
	struct mailboxes mailboxes;
	const struct config *config;
	struct submission submission;
	struct tls_info tls; /* .version is NULL without TLS */
	struct store store;
	struct log *log;
	const struct peer *peer;
	const char *end;		  /* how it ended, for the record */
	char reason[TLS_TEXT_MAX + 1];	  /* and why, or "" */
	const char *unconfined;		  /* what the sandbox lacks, or NULL */
	struct address sender, recipient; /* the first of the transaction */
	char recipients[SESSION_RECIPIENTS_MAX + 1]; /* all, printed */
	struct mailbox_list found;
	char *members; /* of EXPN, each with a NUL */
	size_t members_len, members_at;
	int64_t started;   /* microseconds of CLOCK_REALTIME */
	uint64_t octets;   /* of messages stored */
	unsigned messages; /* stored, for at least one recipient */
	unsigned rejected; /* replies 4yz and 5yz */
};

/* Where mail lives, from the settings: mailbox_open() and the rest. Returns 0,
 * or -1 with errno. note and note_to as in struct mailboxes. */
int session_mailboxes(struct mailboxes *mailboxes, const struct config *config,
    void (*note)(void *, enum mailbox_note, const char *), void *note_to);

/* Where certificates are, from the settings, which outlive the result. */
struct tls_settings session_tls(const struct config *config);

/* Nothing but where records go. log outlives the session. */
void session_init(struct session *session, struct log *log);

/* What sessions need of the settings, once for all that are forked from here:
 * the domains directory is opened. config outlives the session. Returns 0, or
 * -1 with errno, and what was configured before stays. */
int session_configure(struct session *session, const struct config *config);

/* Whether these settings are the ones configured, and the domains directory is
 * still the one that was opened: another may have been mounted or put in its
 * place. */
bool session_is_current(
    const struct session *session, const struct config *config);

/* Begin a session with a peer, which outlives it. early: the client has spoken
 * already. */
void session_begin(
    struct session *session, const struct peer *peer, bool early);

/* TLS is on. binding: its tls-exporter, TLS_BINDING_LEN octets, or NULL. */
void session_secured(struct session *session, const struct tls_info *info,
    const unsigned char *binding);

/* Tell the operator what he should mend. */
void session_problem(const struct session *session, const char *text);

/* Do what protocol_step() wants; not for INPUT, OUTPUT, STARTTLS, HANDSHAKE and
 * CLOSE. */
void session_serve(struct session *session, enum protocol_want want);

/* The session is over: its record, and everything freed. */
void session_finish(struct session *session);

#endif
