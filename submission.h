/* SPDX-License-Identifier: ISC */
/* submission.h - who the client of a session is, and what he may send: AUTH
 * (RFC 4954) and the rules of a submission server (RFC 6409).
 *
 * Between a session and lib/auth, lib/sender, lib/rate, lib/network and
 * lib/complete. A session whose settings ask for none of these calls none.
 * Knows no SMTP reply, no descriptor and no verb. */
#ifndef SUBMISSION_H
#define SUBMISSION_H

#include <stdbool.h>
#include <time.h>

#include "lib/auth.h"
#include "lib/complete.h"
#include "lib/config.h"
#include "lib/mailbox.h"
#include "lib/peer.h"
#include "lib/rate.h"
#include "lib/tls.h"
#include "lib/verdict.h"

/* Large, as struct session. */
struct submission {
	const struct config *config;
	const struct peer *peer;
	char user[AUTH_USER_MAX + 1]; /* who the client is, "" for nobody */
	char mechanism[AUTH_MECHANISM_MAX + 1]; /* by what we know it, or "" */
	bool network; /* it may submit for where it comes from */

	/* The rest is submission.c's own. */
	struct auth auth;
	struct auth_settings auth_settings;
	struct auth_channel channel;
	char mechanisms[AUTH_MECHANISMS_MAX + 1];
	char external[TLS_NAME_MAX + 1];
	unsigned char binding[TLS_BINDING_LEN];
	struct rate rate;
	struct complete_settings completion;
	char date[64], message_id[2 * ADDRESS_DOMAIN_MAX];
	struct complete complete;
};

/* Begin with a client. Both outlive the session. A local program is who its
 * user id says, where local programs submit. */
void submission_begin(struct submission *submission,
    const struct config *config, const struct peer *peer);

/* TLS is on: what was known of the client is forgotten. binding: the channel
 * binding, or NULL. */
void submission_secured(struct submission *submission,
    const struct tls_info *info, const unsigned char *binding);

/* Whether a password cannot be overheard. */
bool submission_is_confidential(const struct submission *submission);

/* Whether the client may submit without AUTH. */
bool submission_is_known(const struct submission *submission);

/* The mechanisms to offer, for protocol_mechanisms(); "" where the back end
 * cannot be asked. *problem is what the operator should mend, or NULL. */
const char *submission_mechanisms(
    struct submission *submission, const char **problem);

/* Begin or (mechanism is NULL) go on with AUTH; response as for auth_start().
 * Sets *challenge where one is to be sent, and otherwise to NULL and returns
 * VERDICT_YES, NOT_AUTHENTIC, MALFORMED, UNKNOWN_MECHANISM, or LATER with
 * *problem. */
enum verdict submission_auth(struct submission *submission,
    const char *mechanism, size_t mechanism_len, const char *response,
    size_t response_len, const char **challenge, const char **problem);

/* The client cancelled AUTH: secrets are wiped. */
void submission_cancel(struct submission *submission);

/* Whether the client may send with a reverse-path, now: VERDICT_YES, NOT_OWNER,
 * TOO_FAST_MESSAGES, or one of sender_check() or rate_take(); then *problem may
 * say why. */
enum verdict submission_sender(struct submission *submission,
    const struct mailboxes *mailboxes, const struct address *reverse_path,
    const char **problem);

/* The same for a recipient, of whom mailbox_find() said found. */
enum verdict submission_recipient(struct submission *submission,
    const struct address *recipient, enum verdict found, const char **problem);

/* Begin to complete a message, of this id and time: put gets it. newline: its
 * lines end in LF alone. */
void submission_open(struct submission *submission, const char *id, time_t when,
    bool newline, void (*put)(void *to, const char *bytes, size_t len),
    void *to);

/* The session is over: everything secret is wiped. */
void submission_finish(struct submission *submission);

#endif
