/* SPDX-License-Identifier: ISC */
/* session.c - see session.h for the contract. */
#include "session.h"

#include <sys/random.h>
#include <sys/stat.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/trace.h"

static int64_t
microseconds(void)
{
	struct timespec now;

	/* Cannot fail: the clock exists and the pointer is good. */
	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* --- records --- */

static void
begin_record(const struct session *session, struct log_record *record,
    enum log_event event)
{
	log_begin(record, event);
	log_field(record, "peer", "%s", session->peer->address);
	if (session->protocol.helo[0] != '\0')
		log_field(record, "helo", "%s", session->protocol.helo);
}

static void
log_path(
    struct log_record *record, const char *key, const struct address *address)
{
	char text[ADDRESS_PRINT_MAX + 1];

	address_print(address, text);
	log_field(record, key, "<%s>", text);
}

void
session_problem(const struct session *session, const char *text)
{
	struct log_record record;

	begin_record(session, &record, LOG_PROBLEM);
	log_field(&record, "problem", "%s", text);
	log_write(session->log, &record);
}

/* A verdict of the store; where it is not good, what failed is logged. */
static enum verdict
from_store(struct session *session, enum verdict verdict)
{
	if (session->store.problem[0] != '\0')
		session_problem(session, session->store.problem);
	session->store.problem[0] = '\0';
	return verdict;
}

static void
note_problem(void *to, enum mailbox_note note, const char *text)
{
	if (note == MAILBOX_PROBLEM)
		session_problem(to, text);
}

static void
log_user(const struct session *session, struct log_record *record)
{
	if (session->submission.user[0] != '\0')
		log_field(record, "user", "%s", session->submission.user);
}

/* How an exchange of AUTH ended. Who fails is whom fail2ban(1) looks for. */
static void
log_auth(const struct session *session, const char *result)
{
	const struct auth *auth = &session->submission.auth;
	struct log_record record;

	begin_record(session, &record, LOG_AUTHENTICATION);
	log_field(&record, "result", "%s", result);
	log_field(&record, "mechanism", "%s", auth->mechanism);
	if (auth->user[0] != '\0')
		log_field(&record, "user", "%s", auth->user);
	log_write(session->log, &record);
}

static void
log_message(const struct session *session, unsigned stored, int64_t began)
{
	const struct protocol *protocol = &session->protocol;
	int64_t took = microseconds() - began;
	struct log_record record;

	begin_record(session, &record, LOG_MESSAGE);
	log_field(&record, "id", "%s", protocol->id);
	log_user(session, &record);
	log_path(&record, "from", &session->sender);
	log_field(&record, "to", "%s", session->recipients);
	log_field(&record, "recipients", "%u", protocol->recipients);
	log_field(&record, "size", "%" PRIu64, session->store.size);
	log_field(&record, "stored", "%u", stored);
	log_field(&record, "result", "%s",
	    stored == 0				? "failed"
		: stored < protocol->recipients ? "partial"
						: "stored");
	log_field(&record, "commit", "%" PRId64 ".%06" PRId64, took / 1000000,
	    took % 1000000);
	log_write(session->log, &record);
}

static void
log_rejected(struct session *session)
{
	const struct protocol *protocol = &session->protocol;
	struct log_record record;

	session->rejected++;
	begin_record(session, &record, LOG_REJECT);
	log_user(session, &record);
	if (protocol->verb[0] != '\0')
		log_field(&record, "verb", "%s", protocol->verb);
	if (protocol->has_path) {
		log_path(&record, "address", &protocol->path);
	} else if (session->recipients[0] != '\0') {
		log_path(&record, "from", &session->sender);
		log_field(&record, "to", "%s", session->recipients);
	}
	log_field(&record, "reply", "%s", protocol->rejected);
	log_write(session->log, &record);
}

/* --- the transaction --- */

/* Remember a recipient for the record and the trace. */
static void
remember(struct session *session, const struct address *recipient)
{
	char text[ADDRESS_PRINT_MAX + 1];
	size_t len = strlen(session->recipients);
	size_t room = sizeof(session->recipients) - len;
	int added;

	if (len == 0)
		session->recipient = *recipient;
	address_print(recipient, text);
	added = snprintf(session->recipients + len, room, "%s<%s>",
	    len > 0 ? "," : "", text);
	if (added < 0 || (size_t)added >= room)
		session->recipients[len] = '\0'; /* the count tells the rest */
}

static enum verdict
from_submission(
    const struct session *session, enum verdict verdict, const char *problem)
{
	if (problem != NULL)
		session_problem(session, problem);
	return verdict;
}

static enum verdict
begin_transaction(struct session *session)
{
	const struct protocol *protocol = &session->protocol;
	const char *problem;
	enum verdict verdict = submission_sender(&session->submission,
	    &session->mailboxes, &protocol->path, &problem);

	session->sender = protocol->path;
	verdict = from_submission(session, verdict, problem);
	return verdict == VERDICT_YES
	    ? from_store(session,
		  store_room(&session->store, protocol->parameters.size))
	    : verdict;
}

static enum verdict
add_recipient(struct session *session)
{
	const struct protocol *protocol = &session->protocol;
	const char *problem;
	enum verdict verdict;

	session->found.len = 0;
	verdict =
	    mailbox_find(&session->mailboxes, &protocol->path, &session->found);
	verdict = submission_recipient(
	    &session->submission, &protocol->path, verdict, &problem);
	verdict = from_submission(session, verdict, problem);
	if (verdict == VERDICT_YES)
		verdict = from_store(session,
		    store_recipient(&session->store, &session->found,
			protocol->parameters.size));
	if (verdict == VERDICT_YES)
		remember(session, &protocol->path);
	return verdict;
}

/* An id that is unique on this host with the second it stands for: time,
 * process, chance (containers may share a host name and process ids). */
static void
make_id(struct protocol *protocol, int64_t now)
{
	uint16_t chance = 0;

	/* Without chance the rest is still unique on this machine. */
	if (getrandom(&chance, sizeof(chance), GRND_NONBLOCK) < 0)
		chance = 0;
	(void)snprintf(protocol->id, sizeof(protocol->id),
	    "%" PRIx64 "-%lx-%04x", (uint64_t)now, (long)getpid(), chance);
}

/* Whether what a submission server does to messages is to be done. */
static bool
is_submission(const struct session *session)
{
	return session->config->submission &&
	    submission_is_known(&session->submission);
}

static void
put_completed(void *to, const char *bytes, size_t len)
{
	store_append(to, bytes, len);
}

/* Our trace fields of the message that begins. */
static size_t
print_trace(const struct session *session, time_t when, char text[TRACE_MAX])
{
	const struct protocol *protocol = &session->protocol;
	const struct peer *peer = session->peer;
	bool hidden = session->config->hide_client && is_submission(session);
	bool known = peer->literal[0] != '\0' && !hidden;

	return trace_format(
	    &(struct trace){
		.reverse_path = &session->sender,
		.recipient =
		    protocol->recipients == 1 ? &session->recipient : NULL,
		.helo = hidden ? "unknown" : protocol->helo,
		.peer = known ? peer->literal : NULL,
		.hostname = session->settings.hostname,
		.id = protocol->id,
		.extended = protocol->extended,
		.lmtp = session->settings.lmtp,
		.utf8 = protocol->parameters.utf8,
		.tls = protocol->secure,
		.authenticated = protocol->authenticated,
		.cipher = session->tls.cipher,
		.group = session->tls.group,
		.newline = protocol->newline,
		.when = when,
	    },
	    text);
}

static enum verdict
open_message(struct session *session)
{
	struct protocol *protocol = &session->protocol;
	int64_t now = microseconds();
	char text[TRACE_MAX];
	enum verdict verdict;

	make_id(protocol, now);
	verdict = from_store(session,
	    store_open(&session->store, protocol->id, (time_t)(now / 1000000)));
	if (verdict != VERDICT_YES)
		return verdict;
	store_append(&session->store, text,
	    print_trace(session, (time_t)(now / 1000000), text));
	if (is_submission(session))
		submission_open(&session->submission, protocol->id,
		    (time_t)(now / 1000000), protocol->newline, put_completed,
		    &session->store);
	return VERDICT_YES;
}

static void
append(struct session *session)
{
	const struct protocol *protocol = &session->protocol;

	if (is_submission(session))
		complete_add(&session->submission.complete, protocol->body,
		    protocol->body_len);
	else
		store_append(
		    &session->store, protocol->body, protocol->body_len);
}

/* How many recipients have the message. */
static unsigned
count_stored(const struct session *session, enum verdict verdict)
{
	unsigned stored = 0;

	for (unsigned i = 0;
	     i < session->protocol.recipients && verdict == VERDICT_YES; i++)
		stored += store_outcome(&session->store, i) == VERDICT_YES;
	return stored;
}

static enum verdict
commit_message(struct session *session)
{
	int64_t began = microseconds();
	enum verdict verdict;
	unsigned stored;

	if (is_submission(session))
		complete_end(&session->submission.complete);
	verdict = from_store(
	    session, store_commit(&session->store, session->settings.lmtp));
	stored = count_stored(session, verdict);
	if (stored > 0) {
		session->messages++;
		session->octets += session->store.size;
	}
	log_message(session, stored, began);
	return verdict;
}

static void
reset(struct session *session)
{
	store_reset(&session->store);
	session->recipients[0] = '\0';
	free(session->members);
	session->members = NULL;
	if (session->submission.auth.exchange != NULL) {
		log_auth(session, "cancelled");
		submission_cancel(&session->submission);
	}
}

/* --- AUTH --- */

static void
offer_mechanisms(struct session *session)
{
	const char *problem;
	const char *names =
	    submission_mechanisms(&session->submission, &problem);

	if (problem != NULL)
		session_problem(session, problem);
	protocol_mechanisms(&session->protocol, names);
}

static void
authenticate(struct session *session, const char *mechanism)
{
	struct protocol *protocol = &session->protocol;
	const char *challenge, *problem;
	enum verdict verdict = submission_auth(&session->submission, mechanism,
	    protocol->mechanism_len, protocol->response, protocol->response_len,
	    &challenge, &problem);

	if (problem != NULL)
		session_problem(session, problem);
	if (challenge != NULL) {
		protocol_challenge(protocol, challenge);
		return;
	}
	log_auth(session,
	    verdict == VERDICT_YES		   ? "ok"
		: verdict == VERDICT_NOT_AUTHENTIC ? "failed"
		: verdict == VERDICT_LATER	   ? "later"
						   : "malformed");
	protocol_answer(protocol, verdict);
}

/* --- VRFY and EXPN --- */

static enum verdict
verify(struct session *session)
{
	session->found.len = 0;
	return mailbox_find(
	    &session->mailboxes, &session->protocol.path, &session->found);
}

static bool
is_ascii(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] > 127)
			return false;
	return true;
}

/* A client that did not say SMTPUTF8 is not told a UTF-8 address. */
static void
tell_member(struct session *session)
{
	struct protocol *protocol = &session->protocol;
	enum verdict verdict;
	const char *member;
	size_t len;

	if (protocol->index == 0) {
		free(session->members);
		session->members = NULL;
		session->members_at = 0;
		verdict = mailbox_expand(&session->mailboxes, &protocol->path,
		    &session->members, &session->members_len);
		if (verdict == VERDICT_YES && !protocol->utf8_reply &&
		    !is_ascii(session->members, session->members_len))
			verdict = VERDICT_NOT_LISTED;
		if (verdict != VERDICT_YES) {
			protocol_answer(protocol, verdict);
			return;
		}
	}
	member = session->members + session->members_at;
	len = strlen(member);
	session->members_at += len + 1;
	protocol_member(
	    protocol, member, len, session->members_at < session->members_len);
}

/* --- the session --- */

void
session_serve(struct session *session, enum protocol_want want)
{
	struct protocol *protocol = &session->protocol;

	switch (want) {
	case PROTOCOL_WANT_MECHANISMS:
		offer_mechanisms(session);
		break;
	case PROTOCOL_WANT_AUTH_START:
		authenticate(session, protocol->mechanism);
		break;
	case PROTOCOL_WANT_AUTH_STEP:
		authenticate(session, NULL);
		break;
	case PROTOCOL_WANT_SENDER:
		protocol_answer(protocol, begin_transaction(session));
		break;
	case PROTOCOL_WANT_RECIPIENT:
		protocol_answer(protocol, add_recipient(session));
		break;
	case PROTOCOL_WANT_VERIFY:
		protocol_answer(protocol, verify(session));
		break;
	case PROTOCOL_WANT_MEMBER:
		tell_member(session);
		break;
	case PROTOCOL_WANT_OPEN:
		protocol_answer(protocol, open_message(session));
		break;
	case PROTOCOL_WANT_APPEND:
		append(session);
		break;
	case PROTOCOL_WANT_COMMIT:
		protocol_answer(protocol, commit_message(session));
		break;
	case PROTOCOL_WANT_OUTCOME:
		protocol_answer(
		    protocol, store_outcome(&session->store, protocol->index));
		break;
	case PROTOCOL_WANT_RESET:
		reset(session);
		break;
	case PROTOCOL_WANT_NOTE:
		log_rejected(session);
		break;
	default:
		break;
	}
}

int
session_mailboxes(struct mailboxes *mailboxes, const struct config *config,
    void (*note)(void *, enum mailbox_note, const char *), void *note_to)
{
	*mailboxes = (struct mailboxes){
		.hostname = config->hostname,
		.delimiters = config->delimiter,
		.depth_max = (unsigned)config->alias_depth,
		.members_max = (unsigned)config->mailboxes,
		.note = note,
		.note_to = note_to,
	};
	return mailbox_open(mailboxes, config->domains);
}

struct tls_settings
session_tls(const struct config *config)
{
	return (struct tls_settings){
		.certificates = config->certificates,
		.credentials = getenv("CREDENTIALS_DIRECTORY"),
		.hostname = config->hostname,
		.authorities = config->client_authorities,
	};
}

void
session_init(struct session *session, struct log *log)
{
	session->log = log;
	session->mailboxes.root_fd = -1;
}

int
session_configure(struct session *session, const struct config *config)
{
	struct mailboxes mailboxes;

	if (session_mailboxes(&mailboxes, config, note_problem, session) < 0)
		return -1;
	if (session->mailboxes.root_fd >= 0)
		close(session->mailboxes.root_fd);
	session->mailboxes = mailboxes;
	session->settings = (struct protocol_settings){
		.hostname = config->hostname,
		.size_max = config->message_size,
		.recipients_max = (unsigned)config->recipients,
		.messages_max = (unsigned)config->messages,
		.errors_max = (unsigned)config->errors,
		.hops_max = (unsigned)config->hops,
		.auth_failures_max = (unsigned)config->auth_failures,
		.lmtp = config->lmtp,
		.vrfy = config->vrfy,
		.expn = config->expn,
		.auth = config_has_auth(config),
		.auth_required = config->submission,
	};
	session->config = config;
	return 0;
}

bool
session_is_current(const struct session *session, const struct config *config)
{
	struct stat named, opened;

	return session->config == config && session->mailboxes.root_fd >= 0 &&
	    stat(config->domains, &named) == 0 &&
	    fstat(session->mailboxes.root_fd, &opened) == 0 &&
	    named.st_ino == opened.st_ino && named.st_dev == opened.st_dev;
}

void
session_begin(struct session *session, const struct peer *peer, bool early)
{
	const struct config *config = session->config;
	struct protocol_settings *settings = &session->settings;
	struct protocol *protocol = &session->protocol;
	/* Nobody is between us and a local program. */
	bool tls = config_has_tls(config) && peer->kind != PEER_LOCAL;

	settings->bare_newline =
	    config->bare_newline == CONFIG_NEWLINE_ACCEPT ||
	    (config->bare_newline == CONFIG_NEWLINE_AUTO &&
		peer->kind == PEER_NONE);
	settings->starttls = tls && config->tls != CONFIG_TLS_IMPLICIT;
	settings->tls_required = tls && config->tls == CONFIG_TLS_REQUIRE;
	session->peer = peer;
	session->mailboxes.here = peer->here;
	session->end = "refused";
	session->started = microseconds();
	protocol_init(protocol, settings, early);
	submission_begin(&session->submission, config, peer);
	protocol->confidential =
	    submission_is_confidential(&session->submission);
	protocol->admitted = submission_is_known(&session->submission);
	store_init(&session->store, session->mailboxes.root_fd,
	    session->settings.hostname, session->mailboxes.members_max,
	    config->over_quota == CONFIG_OVER_QUOTA_REJECT);
}

void
session_secured(struct session *session, const struct tls_info *info,
    const unsigned char *binding)
{
	session->tls = *info;
	submission_secured(&session->submission, info, binding);
	protocol_secured(&session->protocol);
	session->protocol.admitted = submission_is_known(&session->submission);
}

/* What TLS came to. */
static void
log_tls(const struct session *session, struct log_record *record)
{
	const struct tls_info *tls = &session->tls;

	if (tls->version == NULL)
		return;
	log_field(record, "tls", "%s", tls->version);
	log_field(record, "cipher", "%s", tls->cipher);
	if (tls->name[0] != '\0')
		log_field(record, "servername", "%s", tls->name);
	if (tls->client[0] != '\0')
		log_field(record, "certificate", "%s", tls->client);
	if (tls->resumed)
		log_field(record, "resumed", "yes");
}

void
session_finish(struct session *session)
{
	const struct protocol *protocol = &session->protocol;
	int64_t took = microseconds() - session->started;
	struct log_record record;

	begin_record(session, &record, LOG_SESSION);
	log_field(&record, "commands", "%u", protocol->commands);
	log_field(&record, "messages", "%u", session->messages);
	log_field(&record, "octets", "%" PRIu64, session->octets);
	log_field(&record, "rejected", "%u", session->rejected);
	log_field(&record, "end", "%s", protocol->quit ? "quit" : session->end);
	log_field(&record, "duration", "%" PRId64 ".%06" PRId64, took / 1000000,
	    took % 1000000);
	if (session->reason[0] != '\0')
		log_field(&record, "reason", "%s", session->reason);
	log_tls(session, &record);
	log_user(session, &record);
	if (session->unconfined != NULL)
		log_field(&record, "unconfined", "%s", session->unconfined);
	log_write(session->log, &record);
	reset(session);
	submission_finish(&session->submission);
	store_free(&session->store);
	mailbox_list_free(&session->found);
	if (session->mailboxes.root_fd >= 0)
		close(session->mailboxes.root_fd);
}
