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

static void
log_problem(const struct session *session, const char *text)
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
		log_problem(session, session->store.problem);
	session->store.problem[0] = '\0';
	return verdict;
}

static void
note_problem(void *to, enum mailbox_note note, const char *text)
{
	if (note == MAILBOX_PROBLEM)
		log_problem(to, text);
}

static void
log_message(const struct session *session, unsigned stored, int64_t began)
{
	const struct protocol *protocol = &session->protocol;
	int64_t took = microseconds() - began;
	struct log_record record;

	begin_record(session, &record, LOG_MESSAGE);
	log_field(&record, "id", "%s", protocol->id);
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
add_recipient(struct session *session)
{
	const struct protocol *protocol = &session->protocol;
	enum verdict verdict;

	session->found.len = 0;
	verdict =
	    mailbox_find(&session->mailboxes, &protocol->path, &session->found);
	if (verdict == VERDICT_YES)
		verdict = from_store(session,
		    store_recipient(
			&session->store, &session->found, protocol->size));
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

static enum verdict
open_message(struct session *session)
{
	struct protocol *protocol = &session->protocol;
	const struct peer *peer = session->peer;
	int64_t now = microseconds();
	char text[TRACE_MAX];
	enum verdict verdict;
	size_t len;

	make_id(protocol, now);
	verdict = from_store(session,
	    store_open(&session->store, protocol->id, (time_t)(now / 1000000)));
	if (verdict != VERDICT_YES)
		return verdict;
	len = trace_format(
	    &(struct trace){
		.reverse_path = &session->sender,
		.recipient =
		    protocol->recipients == 1 ? &session->recipient : NULL,
		.helo = protocol->helo,
		.peer = peer->literal[0] == '\0' ? NULL : peer->literal,
		.hostname = session->settings.hostname,
		.id = protocol->id,
		.extended = protocol->extended,
		.lmtp = session->settings.lmtp,
		.utf8 = protocol->utf8,
		.newline = protocol->newline,
		.when = (time_t)(now / 1000000),
	    },
	    text);
	store_append(&session->store, text, len);
	return VERDICT_YES;
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
	enum verdict verdict = from_store(
	    session, store_commit(&session->store, session->settings.lmtp));
	unsigned stored = count_stored(session, verdict);

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
	case PROTOCOL_WANT_SENDER:
		session->sender = protocol->path;
		protocol_answer(protocol,
		    from_store(
			session, store_room(&session->store, protocol->size)));
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
		store_append(
		    &session->store, protocol->body, protocol->body_len);
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
		.lmtp = config->lmtp,
		.vrfy = config->vrfy,
		.expn = config->expn,
	};
	session->newline = (enum config_newline)config->bare_newline;
	session->reject_over_quota =
	    config->over_quota == CONFIG_OVER_QUOTA_REJECT;
	return 0;
}

bool
session_is_current(const struct session *session, const struct config *config)
{
	struct stat named, opened;

	return session->mailboxes.root_fd >= 0 &&
	    stat(config->domains, &named) == 0 &&
	    fstat(session->mailboxes.root_fd, &opened) == 0 &&
	    named.st_ino == opened.st_ino && named.st_dev == opened.st_dev;
}

void
session_begin(struct session *session, const struct peer *peer, bool early)
{
	session->settings.bare_newline =
	    session->newline == CONFIG_NEWLINE_ACCEPT ||
	    (session->newline == CONFIG_NEWLINE_AUTO &&
		peer->kind == PEER_NONE);
	session->peer = peer;
	session->mailboxes.here = peer->here;
	session->end = "refused";
	session->started = microseconds();
	protocol_init(&session->protocol, &session->settings, early);
	store_init(&session->store, session->mailboxes.root_fd,
	    session->settings.hostname, session->mailboxes.members_max,
	    session->reject_over_quota);
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
	if (session->unconfined != NULL)
		log_field(&record, "unconfined", "%s", session->unconfined);
	log_write(session->log, &record);
	reset(session);
	store_free(&session->store);
	mailbox_list_free(&session->found);
	if (session->mailboxes.root_fd >= 0)
		close(session->mailboxes.root_fd);
}
