/* SPDX-License-Identifier: ISC */
/* auth.c - see auth.h for the contract. */
#include "auth.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "address.h"
#include "base64.h"
#include "dovecot.h"
#include "hash.h"
#include "passwords.h"
#include "sasl.h"
#include "users.h"

enum { DECODED_MAX = AUTH_LINE_MAX / 4 * 3 };

static_assert((int)AUTH_USER_MAX == (int)PASSWORDS_USER_MAX, "one limit");
static_assert((int)AUTH_USER_MAX == (int)DOVECOT_USER_MAX, "one limit");
static_assert((int)AUTH_MECHANISM_MAX == (int)DOVECOT_NAME_MAX, "one limit");
static_assert((int)AUTH_LINE_MAX == (int)DOVECOT_MESSAGE_MAX, "one limit");
static_assert((int)AUTH_TEXT_MAX == (int)DOVECOT_TEXT_MAX, "one limit");
static_assert((int)AUTH_TEXT_MAX == (int)USERS_TEXT_MAX, "one limit");

/* What a mechanism takes of the back end. */
enum needs { A_USER, KEYS_SHA_1, KEYS_SHA_256, A_CERTIFICATE };

/* Those that we know, the strongest first. */
static const struct mechanism {
	enum needs needs;
	bool bound; /* to the channel */
	bool first; /* the client speaks first */
	char name[AUTH_MECHANISM_MAX + 1];
} mechanisms[] = {
	{ KEYS_SHA_256, true, true, "SCRAM-SHA-256-PLUS" },
	{ KEYS_SHA_1, true, true, "SCRAM-SHA-1-PLUS" },
	{ KEYS_SHA_256, false, true, "SCRAM-SHA-256" },
	{ KEYS_SHA_1, false, true, "SCRAM-SHA-1" },
	{ A_CERTIFICATE, false, true, "EXTERNAL" },
	/* here come those that only Dovecot knows */
	{ A_USER, false, true, "PLAIN" },
	{ A_USER, false, false, "LOGIN" },
};

enum {
	MECHANISMS = sizeof(mechanisms) / sizeof(mechanisms[0]),
	MECHANISMS_PLAIN = 5, /* where PLAIN is */
};

/* One that is under way: by Dovecot, or by GNU SASL. */
struct auth_exchange {
	const struct mechanism *mechanism; /* NULL where Dovecot's alone */
	struct dovecot_client client;
	struct dovecot_exchange dovecot;

	struct sasl sasl;
	Gsasl_session *session;
	bool begun;   /* the client has spoken */
	bool known;   /* SCRAM: the keys are those of a user */
	bool done;    /* SCRAM: it is over but for an empty response */
	bool failing; /* the back end fails; problem says why */
	char found[AUTH_USER_MAX + 1]; /* the user, as the file writes him */
};

static const struct mechanism *
find_mechanism(const char *name)
{
	for (size_t i = 0; i < MECHANISMS; i++)
		if (strcmp(mechanisms[i].name, name) == 0)
			return &mechanisms[i];
	return NULL;
}

static bool
is_same_user(const char *one, const char *other)
{
	return address_equal(one, strlen(one), other, strlen(other));
}

/* Text that is too long is none. */
static void
set_user(struct auth *auth, const char *user)
{
	size_t len = strlen(user);

	auth->user[0] = '\0';
	if (len <= AUTH_USER_MAX)
		memcpy(auth->user, user, len + 1);
}

static void
add_name(char out[AUTH_MECHANISMS_MAX + 1], const char *name)
{
	size_t len = strlen(out), name_len = strlen(name);

	if (len + 1 + name_len > AUTH_MECHANISMS_MAX)
		return;
	if (len > 0)
		out[len++] = ' ';
	memcpy(out + len, name, name_len + 1);
}

/* Tell what the users cannot be asked for; and a bad line, once. */
static void
tell(struct auth *auth, const struct users *users, bool failed)
{
	if (failed || (users->bad && !auth->told))
		memcpy(auth->problem, users->text, sizeof(auth->problem));
	auth->told |= users->bad;
}

/* Whether the channel, and the file where it has such lines, do for it. */
static bool
can_offer(const struct auth *auth, const struct mechanism *mechanism,
    const bool has[PASSWORDS_KINDS])
{
	if (mechanism->bound && auth->channel->binding == NULL)
		return false;
	switch (mechanism->needs) {
	case A_CERTIFICATE:
		return auth->channel->external[0] != '\0';
	case KEYS_SHA_256:
		return has[PASSWORDS_SCRAM_SHA_256];
	case KEYS_SHA_1:
		return has[PASSWORDS_SCRAM_SHA_1];
	default:
		return has[PASSWORDS_CRYPT] || has[PASSWORDS_SCRAM_SHA_256] ||
		    has[PASSWORDS_SCRAM_SHA_1];
	}
}

static bool
list_own(struct auth *auth, char out[AUTH_MECHANISMS_MAX + 1])
{
	struct users users = { .path = auth->settings->passwords };
	bool has[PASSWORDS_KINDS] = { false };
	bool known = users.path[0] == '\0' || users_kinds(&users, has);

	tell(auth, &users, !known);
	for (size_t i = 0; known && i < MECHANISMS; i++)
		if (can_offer(auth, &mechanisms[i], has))
			add_name(out, mechanisms[i].name);
	return known;
}

static bool
has_mechanism(
    const struct dovecot_greeting *greeting, const struct mechanism *mechanism)
{
	for (size_t i = 0; i < greeting->len; i++)
		if (strcmp(greeting->mechanisms[i].name, mechanism->name) == 0)
			return true;
	return false;
}

/* Those of Dovecot, in our order; those we do not know before PLAIN. Who the
 * client is by his certificate we know ourselves: EXTERNAL is not Dovecot's. */
static void
merge(const struct auth *auth, const struct dovecot_greeting *greeting,
    char out[AUTH_MECHANISMS_MAX + 1])
{
	for (size_t i = 0; i < MECHANISMS; i++) {
		const struct mechanism *mechanism = &mechanisms[i];
		bool bindable =
		    !mechanism->bound || auth->channel->binding != NULL;

		for (size_t k = 0; i == MECHANISMS_PLAIN && k < greeting->len;
		     k++)
			if (!greeting->mechanisms[k].bound &&
			    find_mechanism(greeting->mechanisms[k].name) ==
				NULL)
				add_name(out, greeting->mechanisms[k].name);
		if (mechanism->needs == A_CERTIFICATE
			? auth->channel->external[0] != '\0'
			: bindable && has_mechanism(greeting, mechanism))
			add_name(out, mechanism->name);
	}
}

static bool
list_dovecot(struct auth *auth, char out[AUTH_MECHANISMS_MAX + 1])
{
	struct dovecot_greeting greeting;

	if (auth->dovecot_fd >= 0)
		close(auth->dovecot_fd);
	auth->dovecot_fd =
	    dovecot_open(auth->settings->dovecot, &greeting, auth->problem);
	if (auth->dovecot_fd < 0)
		return false;
	merge(auth, &greeting, out);
	return true;
}

void
auth_init(struct auth *auth, const struct auth_settings *settings,
    const struct auth_channel *channel)
{
	memset(auth, 0, offsetof(struct auth, challenge));
	auth->challenge[0] = '\0';
	auth->settings = settings;
	auth->channel = channel;
	auth->dovecot_fd = -1;
}

bool
auth_mechanisms(struct auth *auth, char out[AUTH_MECHANISMS_MAX + 1])
{
	bool listed;

	auth->offered[0] = auth->problem[0] = '\0';
	listed = auth->settings->dovecot[0] != '\0'
	    ? list_dovecot(auth, auth->offered)
	    : list_own(auth, auth->offered);
	memcpy(out, auth->offered, sizeof(auth->offered));
	return listed;
}

/* Find a mechanism in the list that was offered. Sets auth->mechanism. */
static bool
is_offered(struct auth *auth, const char *name, size_t len)
{
	const char *at = auth->offered;

	while (*at != '\0') {
		size_t one = strcspn(at, " ");

		if (one == len && strncasecmp(at, name, len) == 0) {
			memcpy(auth->mechanism, at, len);
			auth->mechanism[len] = '\0';
			return true;
		}
		at += one + (at[one] == ' ');
	}
	return false;
}

/* End the exchange, if there is one. */
static void
drop(struct auth *auth)
{
	struct auth_exchange *exchange = auth->exchange;

	auth->exchange = NULL;
	if (auth->dovecot_fd >= 0)
		close(auth->dovecot_fd);
	auth->dovecot_fd = -1;
	if (exchange == NULL)
		return;
	if (exchange->session != NULL)
		exchange->sasl.finish(exchange->session);
	sasl_close(&exchange->sasl);
	explicit_bzero(exchange, sizeof(*exchange));
	free(exchange);
}

/* --- by GNU SASL --- */

static enum auth_result
fail(struct auth *auth, const char *why)
{
	(void)snprintf(auth->problem, sizeof(auth->problem), "%s", why);
	return AUTH_LATER;
}

/* Whether a password is the user's, for GNU SASL. */
static int
verify_user(struct auth *auth, const char *user, const char *password)
{
	struct users users = {
		.path = auth->settings->passwords,
		.sasl = &auth->exchange->sasl,
	};
	char name[AUTH_USER_MAX + 1];
	int fits = users_verify(&users, user, password, name);

	tell(auth, &users, fits < 0);
	auth->exchange->failing = fits < 0;
	set_user(auth, fits == 1 ? name : user);
	return fits == 1 ? GSASL_OK : GSASL_AUTHENTICATION_ERROR;
}

/* Wipe a property; GNU SASL would only free it. */
static void
wipe_property(
    const struct sasl *sasl, Gsasl_session *session, Gsasl_property property)
{
	char *value = (char *)sasl->property_fast(session, property);

	if (value != NULL)
		explicit_bzero(value, strlen(value));
}

/* A name and a password, as a client said them. An authorization identity (RFC
 * 4422, 2) must be the name itself. */
static int
check_password(struct auth *auth, const char *user, const char *other,
    const char *password)
{
	const struct sasl *sasl = &auth->exchange->sasl;
	char name[AUTH_USER_MAX + 1], acts[AUTH_USER_MAX + 1];
	char secret[HASH_PASSWORD_MAX + 1];
	int status = GSASL_AUTHENTICATION_ERROR;

	if (sasl_prepare(sasl, user, name, sizeof(name)) &&
	    sasl_prepare(sasl, other, acts, sizeof(acts)) &&
	    sasl_prepare(sasl, password, secret, sizeof(secret))) {
		status = verify_user(auth, name, secret);
		if (acts[0] != '\0' && !is_same_user(acts, name))
			status = GSASL_AUTHENTICATION_ERROR;
	}
	explicit_bzero(secret, sizeof(secret));
	return status;
}

/* PLAIN and LOGIN. */
static int
on_password(struct auth *auth, Gsasl_session *session)
{
	const struct sasl *sasl = &auth->exchange->sasl;
	const char *user = sasl->property_fast(session, GSASL_AUTHID);
	const char *other = sasl->property_fast(session, GSASL_AUTHZID);
	const char *password = sasl->property_fast(session, GSASL_PASSWORD);
	int status;

	if (user == NULL || password == NULL)
		return GSASL_AUTHENTICATION_ERROR;
	status =
	    check_password(auth, user, other != NULL ? other : "", password);
	wipe_property(sasl, session, GSASL_PASSWORD);
	return status;
}

static int
on_external(struct auth *auth, Gsasl_session *session)
{
	const struct sasl *sasl = &auth->exchange->sasl;
	const char *other = sasl->property_fast(session, GSASL_AUTHZID);
	const char *external = auth->channel->external;

	set_user(auth, external);
	return auth->user[0] != '\0' &&
		(other == NULL || is_same_user(other, external))
	    ? GSASL_OK
	    : GSASL_AUTHENTICATION_ERROR;
}

static void
set_base64(struct auth_exchange *exchange, Gsasl_session *session,
    Gsasl_property property, const void *data, size_t len)
{
	char text[BASE64_LEN(PASSWORDS_SALT_MAX) + 1];

	(void)base64_encode(data, len, text);
	if (exchange->sasl.property_set(session, property, text) != GSASL_OK)
		exchange->failing = true;
	explicit_bzero(text, sizeof(text));
}

static void
set_keys(struct auth_exchange *exchange, Gsasl_session *session,
    const struct passwords_entry *entry)
{
	size_t len = passwords_key_len(entry->kind);
	char iterations[16];

	(void)snprintf(iterations, sizeof(iterations), "%u", entry->iterations);
	if (exchange->sasl.property_set(
		session, GSASL_SCRAM_ITER, iterations) != GSASL_OK)
		exchange->failing = true;
	set_base64(
	    exchange, session, GSASL_SCRAM_SALT, entry->salt, entry->salt_len);
	set_base64(
	    exchange, session, GSASL_SCRAM_STOREDKEY, entry->stored_key, len);
	set_base64(
	    exchange, session, GSASL_SCRAM_SERVERKEY, entry->server_key, len);
}

/* SCRAM has a name and wants keys. */
static int
on_keys(struct auth *auth, Gsasl_session *session)
{
	struct auth_exchange *exchange = auth->exchange;
	const struct sasl *sasl = &exchange->sasl;
	struct users users = {
		.path = auth->settings->passwords,
		.sasl = sasl,
	};
	const char *user = sasl->property_fast(session, GSASL_AUTHID);
	char name[AUTH_USER_MAX + 1];
	struct passwords_entry entry;
	int known;

	if (user == NULL || !sasl_prepare(sasl, user, name, sizeof(name)))
		name[0] = '\0'; /* is nobody's */
	set_user(auth, name);
	known = users_keys(&users, name,
	    exchange->mechanism->needs == KEYS_SHA_1 ? PASSWORDS_SCRAM_SHA_1
						     : PASSWORDS_SCRAM_SHA_256,
	    &entry);
	tell(auth, &users, known < 0);
	exchange->failing = known < 0;
	exchange->known = known == 1;
	if (known >= 0)
		set_keys(exchange, session, &entry);
	if (known == 1)
		memcpy(exchange->found, entry.user, sizeof(entry.user));
	explicit_bzero(&entry, sizeof(entry));
	return GSASL_OK;
}

static int
on_binding(struct auth *auth, Gsasl_session *session)
{
	/* Also for mechanisms without: a client that says it could bind, but
	 * was offered none that do, was lied to (RFC 5802, 6). */
	if (auth->channel->binding == NULL)
		return GSASL_NO_CB_TLS_EXPORTER;
	set_base64(auth->exchange, session, GSASL_CB_TLS_EXPORTER,
	    auth->channel->binding, DOVECOT_BINDING_MAX);
	return GSASL_OK;
}

/* What GNU SASL asks for. */
static int
on_question(Gsasl *context, Gsasl_session *session, Gsasl_property property)
{
	struct auth *auth = sasl_hook(session);

	(void)context; /* knows no more than the session */
	if (auth == NULL)
		return GSASL_NO_CALLBACK;
	switch (property) {
	case GSASL_VALIDATE_SIMPLE:
		return on_password(auth, session);
	case GSASL_VALIDATE_EXTERNAL:
		return on_external(auth, session);
	case GSASL_SCRAM_ITER:
		return on_keys(auth, session);
	case GSASL_CB_TLS_EXPORTER:
		return on_binding(auth, session);
	default:
		return GSASL_NO_CALLBACK;
	}
}

/* PLAIN that GNU SASL refuses for a character that is newer than it, after it
 * has found the message to be well-formed. The name may be such too. (LOGIN it
 * takes as it is.) */
static int
check_new_characters(struct auth *auth, const char *message, size_t len)
{
	char text[DECODED_MAX + 1];
	const char *end = text + len, *user, *password = NULL;
	int status = GSASL_AUTHENTICATION_ERROR;

	memcpy(text, message, len);
	text[len] = '\0';
	user = memchr(text, '\0', len);
	if (user != NULL) {
		user++;
		password = memchr(user, '\0', (size_t)(end - user));
	}
	if (password != NULL)
		status = check_password(auth, user, text, password + 1);
	explicit_bzero(text, sizeof(text));
	return status;
}

/* SCRAM has seen the proof: is it that of a user, for himself? */
static int
check_proof(struct auth *auth, Gsasl_session *session)
{
	const struct auth_exchange *exchange = auth->exchange;
	const struct sasl *sasl = &exchange->sasl;
	const char *other = sasl->property_fast(session, GSASL_AUTHZID);
	char acts[AUTH_USER_MAX + 1] = "";

	if (!exchange->known ||
	    (other != NULL && !sasl_prepare(sasl, other, acts, sizeof(acts))))
		return GSASL_AUTHENTICATION_ERROR;
	if (acts[0] != '\0' && !is_same_user(acts, exchange->found) &&
	    !is_same_user(acts, auth->user))
		return GSASL_AUTHENTICATION_ERROR;
	set_user(auth, exchange->found);
	return GSASL_OK;
}

static bool
is_scram(const struct mechanism *mechanism)
{
	return mechanism->needs == KEYS_SHA_1 ||
	    mechanism->needs == KEYS_SHA_256;
}

/* A message for the client. What LOGIN is asked is in no standard, and some
 * clients know no other words than these. */
static enum auth_result
challenge(struct auth *auth, const char *text, size_t len)
{
	if (auth->exchange->mechanism->needs == A_USER && len > 0) {
		text = text[0] == 'U' ? "Username:" : "Password:";
		len = strlen(text);
	}
	if (len > DECODED_MAX)
		return fail(auth, "GNU SASL says more than SMTP can");
	(void)base64_encode(text, len, auth->challenge);
	return AUTH_MORE;
}

/* What a status of GNU SASL means. */
static enum auth_result
judge(struct auth *auth, int status, const char *text, size_t len)
{
	struct auth_exchange *exchange = auth->exchange;

	if (exchange->failing)
		return auth->problem[0] != '\0' ? AUTH_LATER
						: fail(auth, "out of memory");
	switch (status) {
	case GSASL_OK:
		exchange->done = true;
		return len > 0 ? challenge(auth, text, len) : AUTH_YES;
	case GSASL_NEEDS_MORE:
		return challenge(auth, text, len);
	case GSASL_AUTHENTICATION_ERROR:
	case GSASL_SASLPREP_ERROR:
	case GSASL_NO_CB_TLS_EXPORTER:
	case GSASL_NO_CB_TLS_UNIQUE:
		return AUTH_NO;
	case GSASL_MECHANISM_PARSE_ERROR:
	case GSASL_BASE64_ERROR:
		return AUTH_MALFORMED;
	default:
		(void)snprintf(auth->problem, sizeof(auth->problem),
		    "GNU SASL: %s", exchange->sasl.strerror(status));
		return AUTH_LATER;
	}
}

/* A step of the mechanism with a message, or without one: NULL. */
static enum auth_result
step_sasl(struct auth *auth, const char *message, size_t len)
{
	struct auth_exchange *exchange = auth->exchange;
	const struct sasl *sasl = &exchange->sasl;
	char *text = NULL;
	size_t text_len = 0;
	enum auth_result result;
	int status;

	status = sasl->step(exchange->session, message, len, &text, &text_len);
	if (status != GSASL_OK && status != GSASL_NEEDS_MORE)
		text = NULL; /* it is not to be looked at then */
	if (status == GSASL_SASLPREP_ERROR && message != NULL &&
	    exchange->mechanism->needs == A_USER)
		status = check_new_characters(auth, message, len);
	if (status == GSASL_OK && is_scram(exchange->mechanism))
		status = check_proof(auth, exchange->session);
	result = judge(auth, status, text, text != NULL ? text_len : 0);
	if (text != NULL)
		sasl->free(text);
	return result;
}

/* A message of the client. GNU SASL would ask for more of an empty one, for
 * ever, and would take text before a NUL for all of it. */
static enum auth_result
hear(struct auth *auth, const char *message, size_t len)
{
	struct auth_exchange *exchange = auth->exchange;
	const struct mechanism *mechanism = exchange->mechanism;

	if (exchange->done)
		return len == 0 ? AUTH_YES : AUTH_MALFORMED;
	if (len == 0 && mechanism->needs != A_CERTIFICATE)
		return AUTH_MALFORMED;
	if (is_scram(mechanism) && memchr(message, '\0', len) != NULL)
		return AUTH_MALFORMED;
	return step_sasl(auth, message, len);
}

/* Begin. Where there is nothing to hear yet the challenge is empty, but for
 * LOGIN. */
static enum auth_result
start_sasl(struct auth *auth, const char *message, size_t len)
{
	struct auth_exchange *exchange = auth->exchange;
	struct sasl *sasl = &exchange->sasl;
	enum auth_result result = AUTH_MORE;

	if (!sasl_open(sasl, auth->problem, sizeof(auth->problem)))
		return AUTH_LATER;
	sasl->callback_set(sasl->context, on_question);
	if (sasl->server_start(sasl->context, auth->mechanism,
		&exchange->session) != GSASL_OK) {
		exchange->session = NULL;
		return fail(auth, "GNU SASL cannot start the mechanism");
	}
	sasl->session_hook_set(exchange->session, auth);
	/* LOGIN asks first, and takes what was said before for its answer. */
	if (!exchange->mechanism->first)
		result = step_sasl(auth, NULL, 0);
	return message != NULL && result == AUTH_MORE ? hear(auth, message, len)
						      : result;
}

/* --- by Dovecot --- */

static enum auth_result
judge_dovecot(struct auth *auth, enum dovecot_result result)
{
	static const enum auth_result results[] = {
		[DOVECOT_MORE] = AUTH_MORE,
		[DOVECOT_YES] = AUTH_YES,
		[DOVECOT_NO] = AUTH_NO,
		[DOVECOT_MALFORMED] = AUTH_MALFORMED,
		[DOVECOT_LATER] = AUTH_LATER,
	};
	const struct dovecot_exchange *dovecot = &auth->exchange->dovecot;

	(void)snprintf(
	    auth->challenge, sizeof(auth->challenge), "%s", dovecot->challenge);
	if (result == DOVECOT_LATER)
		(void)fail(auth, dovecot->text);
	if (result == DOVECOT_YES || result == DOVECOT_NO)
		set_user(auth, dovecot->user);
	return results[result];
}

static enum auth_result
start_dovecot(struct auth *auth, const char *response, size_t response_len)
{
	struct auth_exchange *exchange = auth->exchange;
	const struct auth_channel *channel = auth->channel;

	exchange->client = (struct dovecot_client){
		.peer = channel->peer,
		.here = channel->here,
		.certificate = channel->tls ? channel->external : "",
		.binding = channel->binding,
		.binding_len = DOVECOT_BINDING_MAX,
		.tls = channel->tls,
	};
	exchange->dovecot.client = &exchange->client;
	exchange->dovecot.fd = auth->dovecot_fd;
	return judge_dovecot(auth,
	    dovecot_start(
		&exchange->dovecot, auth->mechanism, response, response_len));
}

/* --- by whichever --- */

static bool
is_by_dovecot(const struct auth *auth)
{
	return auth->settings->dovecot[0] != '\0' &&
	    strcmp(auth->mechanism, "EXTERNAL") != 0;
}

/* Decode a response and pass it on. message is room for that. */
static enum auth_result
pass(struct auth *auth, const char *response, size_t response_len,
    char message[DECODED_MAX])
{
	long len = 0;

	if (response_len > AUTH_LINE_MAX)
		return AUTH_MALFORMED;
	if (response != NULL)
		len =
		    base64_decode(response, response_len, message, DECODED_MAX);
	if (len < 0)
		return AUTH_MALFORMED;
	if (!auth->exchange->begun) {
		auth->exchange->begun = true;
		return is_by_dovecot(auth)
		    ? start_dovecot(auth, response, response_len)
		    : start_sasl(
			  auth, response == NULL ? NULL : message, (size_t)len);
	}
	return is_by_dovecot(auth) ? judge_dovecot(auth,
					 dovecot_step(&auth->exchange->dovecot,
					     response, response_len))
				   : hear(auth, message, (size_t)len);
}

static enum auth_result
go_on(struct auth *auth, const char *response, size_t response_len)
{
	char message[DECODED_MAX];
	enum auth_result result = pass(auth, response, response_len, message);

	explicit_bzero(message, sizeof(message));
	if (result != AUTH_MORE) {
		explicit_bzero(auth->challenge, sizeof(auth->challenge));
		drop(auth);
	}
	return result;
}

/* Know what was offered, and have Dovecot at hand: it may have been restarted
 * since. */
static bool
prepare(struct auth *auth)
{
	char list[AUTH_MECHANISMS_MAX + 1];

	if (auth->offered[0] != '\0' &&
	    (auth->settings->dovecot[0] == '\0' ||
		dovecot_is_open(auth->dovecot_fd)))
		return true;
	return auth_mechanisms(auth, list);
}

enum auth_result
auth_start(struct auth *auth, const char *mechanism, size_t len,
    const char *response, size_t response_len)
{
	if (auth->exchange != NULL)
		drop(auth);
	auth->user[0] = auth->mechanism[0] = auth->problem[0] = '\0';
	auth->challenge[0] = '\0';
	if (!prepare(auth))
		return AUTH_LATER;
	if (!is_offered(auth, mechanism, len))
		return AUTH_UNKNOWN;
	auth->exchange = calloc(1, sizeof(*auth->exchange));
	if (auth->exchange == NULL)
		return fail(auth, "out of memory");
	auth->exchange->mechanism = find_mechanism(auth->mechanism);
	return go_on(auth, response, response_len);
}

enum auth_result
auth_step(struct auth *auth, const char *response, size_t response_len)
{
	auth->problem[0] = '\0';
	return auth->exchange == NULL ? AUTH_MALFORMED
				      : go_on(auth, response, response_len);
}

void
auth_end(struct auth *auth)
{
	const struct auth_settings *settings = auth->settings;
	const struct auth_channel *channel = auth->channel;

	if (auth->exchange != NULL)
		explicit_bzero(auth->challenge, sizeof(auth->challenge));
	drop(auth);
	auth_init(auth, settings, channel);
}
