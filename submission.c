/* SPDX-License-Identifier: ISC */
/* submission.c - see submission.h for the contract. */
#include "submission.h"

#include <stdio.h>
#include <string.h>

#include "lib/network.h"
#include "lib/sender.h"
#include "lib/trace.h"

/* How a local program is known: by its user id. */
static const char local[] = "local";

static void
know(struct submission *submission, const char *user, const char *mechanism)
{
	(void)snprintf(submission->user, sizeof(submission->user), "%s", user);
	(void)snprintf(submission->mechanism, sizeof(submission->mechanism),
	    "%s", mechanism);
}

/* What is known of the client before it says anything. */
static void
know_peer(struct submission *submission)
{
	const struct peer *peer = submission->peer;

	know(submission, "", "");
	if (submission->config->submission && peer->kind == PEER_LOCAL)
		know(submission, peer->user, local);
}

void
submission_begin(struct submission *submission, const struct config *config,
    const struct peer *peer)
{
	submission->config = config;
	submission->peer = peer;
	submission->auth_settings = (struct auth_settings){
		.passwords = config->passwords,
		.dovecot = config->dovecot_auth,
		.hostname = config->hostname,
	};
	submission->channel = (struct auth_channel){
		.external = submission->external,
		.peer = peer->kind == PEER_NETWORK ? peer->address : "",
		.here = peer->here,
	};
	submission->rate = (struct rate){
		.directory = config->rates,
		.limit = {
			[RATE_MESSAGES] = config->user_messages,
			[RATE_RECIPIENTS] = config->user_recipients,
		},
	};
	submission->external[0] = '\0';
	auth_init(&submission->auth, &submission->auth_settings,
	    &submission->channel);
	know_peer(submission);
	submission->network = config->submission &&
	    peer->kind == PEER_NETWORK &&
	    network_has(config->networks, peer->address);
}

void
submission_secured(struct submission *submission, const struct tls_info *info,
    const unsigned char *binding)
{
	submission->channel.tls = true;
	(void)snprintf(submission->external, sizeof(submission->external), "%s",
	    info->client);
	submission->channel.binding = NULL;
	if (binding != NULL) {
		memcpy(
		    submission->binding, binding, sizeof(submission->binding));
		submission->channel.binding = submission->binding;
	}
	auth_end(&submission->auth);
	know_peer(submission);
}

bool
submission_is_confidential(const struct submission *submission)
{
	const struct peer *peer = submission->peer;

	if (submission->channel.tls || peer->kind == PEER_LOCAL)
		return true;
	if (submission->config->auth_clear != CONFIG_CLEAR_LOOPBACK)
		return false;
	/* A pipe is of this machine, unless it says whose it is. */
	return peer->kind == PEER_NONE && peer->literal[0] == '\0'
	    ? true
	    : network_is_loopback(peer->address);
}

bool
submission_is_known(const struct submission *submission)
{
	return submission->user[0] != '\0' || submission->network;
}

const char *
submission_mechanisms(struct submission *submission, const char **problem)
{
	struct auth *auth = &submission->auth;
	bool known = auth_mechanisms(auth, submission->mechanisms);

	*problem = auth->problem[0] != '\0' ? auth->problem : NULL;
	return known ? submission->mechanisms : "";
}

enum verdict
submission_auth(struct submission *submission, const char *mechanism,
    size_t mechanism_len, const char *response, size_t response_len,
    const char **challenge, const char **problem)
{
	static const enum verdict verdicts[] = {
		[AUTH_MORE] = VERDICT_YES,
		[AUTH_YES] = VERDICT_YES,
		[AUTH_NO] = VERDICT_NOT_AUTHENTIC,
		[AUTH_MALFORMED] = VERDICT_MALFORMED,
		[AUTH_UNKNOWN] = VERDICT_UNKNOWN_MECHANISM,
		[AUTH_LATER] = VERDICT_LATER,
	};
	struct auth *auth = &submission->auth;
	enum auth_result result = mechanism != NULL
	    ? auth_start(auth, mechanism, mechanism_len, response, response_len)
	    : auth_step(auth, response, response_len);

	*challenge = result == AUTH_MORE ? auth->challenge : NULL;
	*problem = auth->problem[0] != '\0' ? auth->problem : NULL;
	if (result == AUTH_YES)
		know(submission, auth->user, auth->mechanism);
	return verdicts[result];
}

void
submission_cancel(struct submission *submission)
{
	auth_end(&submission->auth);
}

/* Root may speak for everybody, as it could anyway. */
static bool
may_use_any(const struct submission *submission)
{
	return submission->config->sender == CONFIG_SENDER_ANY ||
	    submission->user[0] == '\0' ||
	    (submission->peer->kind == PEER_LOCAL &&
		submission->peer->uid == 0 &&
		strcmp(submission->mechanism, local) == 0);
}

/* Whose limits count: the user's, or those of an address that needs none. */
static enum verdict
take(struct submission *submission, enum rate_kind kind, const char **problem)
{
	const char *who = submission->user[0] != '\0'
	    ? submission->user
	    : submission->peer->address;
	enum verdict verdict =
	    rate_take(&submission->rate, kind, who, time(NULL));

	*problem = submission->rate.problem[0] != '\0'
	    ? submission->rate.problem
	    : NULL;
	return verdict;
}

enum verdict
submission_sender(struct submission *submission,
    const struct mailboxes *mailboxes, const struct address *reverse_path,
    const char **problem)
{
	enum verdict verdict = VERDICT_YES;

	*problem = NULL;
	if (!submission_is_known(submission))
		return VERDICT_YES;
	if (submission->config->submission && !may_use_any(submission))
		verdict =
		    sender_check(mailboxes, submission->user, reverse_path);
	return verdict == VERDICT_YES ? take(submission, RATE_MESSAGES, problem)
				      : verdict;
}

enum verdict
submission_recipient(struct submission *submission,
    const struct address *recipient, enum verdict found, const char **problem)
{
	*problem = NULL;
	if (submission->network && submission->user[0] == '\0' &&
	    !network_lists(submission->config->network_recipients, recipient))
		return VERDICT_NOT_FOR_NETWORK;
	if (!submission_is_known(submission))
		return found;
	if (found == VERDICT_RELAY_DENIED)
		return VERDICT_NO_QUEUE;
	return found == VERDICT_YES ? take(submission, RATE_RECIPIENTS, problem)
				    : found;
}

/* What a lone local-part is completed with: a user means his own domain, others
 * mean ours. Not what only looks like a domain: who he is may have been said by
 * a certificate, and what is put into a header must be no more than it seems. */
static const char *
domain_of(const struct submission *submission)
{
	const char *at = strrchr(submission->user, '@');

	return at != NULL && address_is_domain(at + 1, strlen(at + 1))
	    ? at + 1
	    : submission->config->hostname;
}

void
submission_open(struct submission *submission, const char *id, time_t when,
    bool newline, void (*put)(void *to, const char *bytes, size_t len),
    void *to)
{
	const char *hostname = submission->config->hostname;

	if (trace_date(when, submission->date, sizeof(submission->date)) == 0)
		(void)snprintf(submission->date, sizeof(submission->date),
		    "Thu, 1 Jan 1970 00:00:00 -0000");
	(void)snprintf(submission->message_id, sizeof(submission->message_id),
	    "<%s@%.*s>", id, ADDRESS_DOMAIN_MAX, hostname);
	submission->completion = (struct complete_settings){
		.domain = domain_of(submission),
		.date = submission->date,
		.message_id = submission->message_id,
		.newline = newline,
	};
	complete_begin(&submission->complete, &submission->completion, put, to);
}

void
submission_finish(struct submission *submission)
{
	auth_end(&submission->auth);
	explicit_bzero(submission->binding, sizeof(submission->binding));
}
