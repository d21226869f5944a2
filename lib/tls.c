/* SPDX-License-Identifier: ISC */
/* tls.c - see tls.h for the contract.
 *
 *   openssl      the library's functions
 *   certificate  which certificate a client gets; pem reads its files
 *   ticket       the keys of session tickets
 *
 * A process that is exec'ed for one session pays for all of it each time: what
 * it does not need is not loaded, and a certificate is first read when it is
 * sent, but for that of our own name, which most clients get. The accept loop
 * instead pays once, and does in advance whatever its children would do. */
#include "tls.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "certificate.h"
#include "openssl.h"
#include "ticket.h"

struct tls {
	const struct openssl *openssl;
	struct tls_settings settings;
	SSL_CTX *context;
	struct certificates certificates;
	struct tickets tickets;
	bool shared;
};

struct tls_session {
	struct tls *tls;
	SSL *ssl;
	short events;
	bool is_secure;	 /* the handshake is done */
	bool is_over;	 /* nothing can be sent or received */
	bool is_writing; /* a record is partly sent */
	unsigned reads;	 /* of the call that is under way */
	/* Why there is no certificate for this client. */
	char text[TLS_TEXT_MAX + 1];
};

/* Forward secrecy always. CBC last, for Windows before 2016, which has nothing
 * better with an RSA key. TLS 1.3 has three ciphers, all good. */
static const char ciphers[] =
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-SHA384:ECDHE-RSA-AES256-SHA384:"
    "ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256:"
    "ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA:"
    "ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA";
static const char groups[] = "X25519:P-256:P-384";

enum {
	SECURITY_LEVEL = 2, /* 112 bits: RSA from 2048, no SHA-1 */
	READS_MAX = 4,	    /* read(2) of one call, of 16 KiB each at most */
};

/* --- what OpenSSL asks during a handshake --- */

/* That a name is known, which has it kept with the session. Which certificate
 * belongs to it is asked later, and not where a session is resumed. */
static int
on_name(SSL *ssl, int *alert, void *unused)
{
	(void)ssl;
	(void)alert;
	(void)unused;
	return SSL_TLSEXT_ERR_OK;
}

/* The certificates for this client. Returns 1, or 0 for none. */
static int
on_certificate(SSL *ssl, void *argument)
{
	struct tls_session *session = argument;
	struct certificates *certificates = &session->tls->certificates;
	const struct openssl *openssl = session->tls->openssl;
	const struct certificate *chosen[CERTIFICATE_KINDS_MAX];
	const char *name =
	    openssl->SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	size_t len = certificate_choose(
	    certificates, name == NULL ? "" : name, chosen, session->text);
	int used = 0;

	for (size_t i = 0; i < len; i++)
		if (openssl->SSL_use_cert_and_key(ssl, chosen[i]->leaf,
			chosen[i]->key, chosen[i]->chain, 1) == 1)
			used++;
		else
			openssl_note(session->text,
			    "%s/%s: too weak; a key on P-256, or RSA of 2048 "
			    "bits, and SHA-256 will do",
			    session->tls->settings.certificates,
			    chosen[i]->name);
	return used > 0;
}

/* Whoever a client says it is, the handshake goes on: its certificate is asked
 * for, not demanded. The result is kept with the session. */
static int
on_client_certificate(X509_STORE_CTX *store, void *argument)
{
	const struct openssl *openssl = argument;

	if (openssl->X509_verify_cert(store) != 1 &&
	    openssl->X509_STORE_CTX_get_error(store) == X509_V_OK)
		openssl->X509_STORE_CTX_set_error(
		    store, X509_V_ERR_UNSPECIFIED);
	return 1;
}

/* --- the context --- */

static bool
ask_clients(struct tls *tls, char text[TLS_TEXT_MAX + 1])
{
	const struct openssl *openssl = tls->openssl;
	const char *path = tls->settings.authorities;
	STACK_OF(X509_NAME) *names = openssl->SSL_load_client_CA_file(path);

	if (names == NULL ||
	    openssl->SSL_CTX_load_verify_file(tls->context, path) != 1) {
		openssl_note(text,
		    "%s: certificates of authorities cannot be read from it",
		    path);
		return false;
	}
	openssl->SSL_CTX_set_client_CA_list(tls->context, names);
	openssl->SSL_CTX_set_verify(tls->context, SSL_VERIFY_PEER, NULL);
	openssl->SSL_CTX_set_cert_verify_callback(
	    tls->context, on_client_certificate, (void *)(uintptr_t)openssl);
	return true;
}

/* What holds for every session. */
static bool
set_up(struct tls *tls, char text[TLS_TEXT_MAX + 1])
{
	static const unsigned char name[] = "smtpd";
	const struct openssl *openssl = tls->openssl;
	SSL_CTX *context = tls->context;

	(void)openssl->SSL_CTX_set_options(context,
	    SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
		SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
		/* What a client means ends with SMTP's own words. */
		SSL_OP_IGNORE_UNEXPECTED_EOF |
		/* Or a password lies in its buffer until more comes. */
		SSL_OP_CLEANSE_PLAINTEXT |
		(tls->shared ? 0 : SSL_OP_NO_TICKET));
	/* A write is one record. Buffers stay: an idle session is a process,
	 * which would not give their memory back. */
	(void)openssl->SSL_CTX_ctrl(context, SSL_CTRL_MODE,
	    SSL_MODE_ENABLE_PARTIAL_WRITE |
		SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN,
	    NULL);
	/* Both of a record, its head and the rest, by one read(2). */
	(void)openssl->SSL_CTX_ctrl(context, SSL_CTRL_SET_READ_AHEAD, 1, NULL);
	(void)openssl->SSL_CTX_ctrl(
	    context, SSL_CTRL_SET_SESS_CACHE_MODE, SSL_SESS_CACHE_OFF, NULL);
	(void)openssl->SSL_CTX_callback_ctrl(context,
	    SSL_CTRL_SET_TLSEXT_SERVERNAME_CB, (void (*)(void))on_name);
	openssl->SSL_CTX_set_security_level(context, SECURITY_LEVEL);
	if (openssl->SSL_CTX_ctrl(context, SSL_CTRL_SET_MIN_PROTO_VERSION,
		TLS1_2_VERSION, NULL) == 1 &&
	    openssl->SSL_CTX_ctrl(context, SSL_CTRL_SET_GROUPS_LIST, 0,
		(void *)(uintptr_t)groups) == 1 &&
	    openssl->SSL_CTX_set_cipher_list(context, ciphers) == 1 &&
	    openssl->SSL_CTX_set_session_id_context(
		context, name, sizeof(name) - 1) == 1 &&
	    openssl->SSL_CTX_set_num_tickets(context, tls->shared ? 1 : 0) == 1)
		return true;
	openssl_note(text, "OpenSSL takes none of our ciphers or groups");
	return false;
}

/* Read what sessions will need, as far as it is known. */
static bool
read_certificates(struct tls *tls, char text[TLS_TEXT_MAX + 1])
{
	const struct certificate *chosen[CERTIFICATE_KINDS_MAX];

	if (certificate_list(&tls->certificates, text) < 0)
		return false;
	if (tls->shared)
		certificate_read_all(&tls->certificates, text);
	return certificate_choose(&tls->certificates, "", chosen, text) > 0;
}

static bool
start_tickets(struct tls *tls, char text[TLS_TEXT_MAX + 1])
{
	if (!tls->shared)
		return true;
	(void)tls->openssl->SSL_CTX_set_timeout(
	    tls->context, TLS_TICKET_SECONDS);
	if (ticket_start(&tls->tickets, tls->openssl, tls->context))
		return true;
	openssl_note(text, "OpenSSL makes no keys for session tickets");
	return false;
}

static bool
open_context(struct tls *tls, char text[TLS_TEXT_MAX + 1])
{
	tls->openssl = openssl_load(text);
	if (tls->openssl == NULL)
		return false;
	tls->certificates.openssl = tls->openssl;
	tls->certificates.settings = &tls->settings;
	tls->context =
	    tls->openssl->SSL_CTX_new(tls->openssl->TLS_server_method());
	if (tls->context == NULL) {
		openssl_note(text, "OpenSSL has no memory, or no TLS");
		return false;
	}
	return set_up(tls, text) && read_certificates(tls, text) &&
	    (tls->settings.authorities[0] == '\0' || ask_clients(tls, text)) &&
	    start_tickets(tls, text);
}

/* --- a rehearsal --- */

enum { REHEARSAL_STEPS = 10 };

/* Let our side and a client of our own shake hands in memory. */
static void
shake_hands(struct tls_session *session, SSL *client)
{
	const struct openssl *openssl = session->tls->openssl;
	BIO *here, *there;

	if (openssl->BIO_new_bio_pair(&here, 0, &there, 0) != 1)
		return;
	openssl->SSL_set_bio(session->ssl, here, here);
	openssl->SSL_set_bio(client, there, there);
	for (int i = 0; i < REHEARSAL_STEPS; i++) {
		char octet;

		if (openssl->SSL_connect(client) == 1)
			(void)openssl->SSL_read(client, &octet, 1);
		if (openssl->SSL_accept(session->ssl) == 1)
			(void)openssl->SSL_read(session->ssl, &octet, 1);
	}
}

/* OpenSSL looks for most of what a handshake takes when it first takes it. Once
 * done here, sessions that are forked from here need not do it again and again.
 * Whether it succeeds is not our concern. */
static void
rehearse(struct tls *tls)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	const struct openssl *openssl = tls->openssl;
	SSL_CTX *context = openssl->SSL_CTX_new(openssl->TLS_client_method());

	for (size_t i = 0; context != NULL && i < 2; i++) {
		struct tls_session *session = tls_start(tls, -1, -1);
		SSL *client = openssl->SSL_new(context);

		if (session != NULL && client != NULL &&
		    openssl->SSL_ctrl(client, SSL_CTRL_SET_MAX_PROTO_VERSION,
			versions[i], NULL) == 1)
			shake_hands(session, client);
		openssl->SSL_free(client);
		tls_finish(session, false);
	}
	openssl->SSL_CTX_free(context);
	openssl->ERR_clear_error();
}

struct tls *
tls_open(const struct tls_settings *settings, bool shared,
    char text[TLS_TEXT_MAX + 1])
{
	struct tls *tls = calloc(1, sizeof(*tls));

	text[0] = '\0';
	if (tls == NULL) {
		openssl_note(text, "no memory for TLS");
		return NULL;
	}
	tls->settings = *settings;
	tls->shared = shared;
	if (!open_context(tls, text)) {
		tls_close(tls);
		return NULL;
	}
	if (shared)
		rehearse(tls);
	tls->certificates.changed = false;
	tls->openssl->ERR_clear_error();
	return tls;
}

void
tls_refresh(struct tls *tls, char text[TLS_TEXT_MAX + 1])
{
	text[0] = '\0';
	if (certificate_list(&tls->certificates, text) == 0)
		certificate_read_all(&tls->certificates, text);
	rehearse(tls);
	tls->certificates.changed = false;
	tls->openssl->ERR_clear_error();
}

void
tls_rotate(struct tls *tls, time_t now)
{
	if (tls->shared)
		ticket_rotate(&tls->tickets, now);
}

void
tls_close(struct tls *tls)
{
	if (tls == NULL)
		return;
	if (tls->openssl != NULL) {
		tls->openssl->SSL_CTX_free(tls->context);
		certificate_free(&tls->certificates);
		ticket_forget(&tls->tickets);
		tls->openssl->ERR_clear_error();
	}
	free(tls);
}

/* --- a session --- */

/* What never becomes input, new keys by the thousand or handshakes that are
 * refused, OpenSSL would read for as long as it comes, and the caller would not
 * get to look at the clock. So after some read(2) it is told of a signal. */
static long
on_read(BIO *bio, int operation, const char *data, size_t len, int argument,
    long number, int result, size_t *done)
{
	const struct openssl *openssl = openssl_loaded();
	struct tls_session *session;

	(void)data, (void)len, (void)argument, (void)number, (void)done;
	if (operation != BIO_CB_READ)
		return result;
	session = (struct tls_session *)openssl->BIO_get_callback_arg(bio);
	if (session->reads++ < READS_MAX)
		return result;
	openssl->BIO_set_flags(bio, BIO_FLAGS_READ | BIO_FLAGS_SHOULD_RETRY);
	errno = EINTR;
	return -1;
}

static void
count_reads(struct tls_session *session)
{
	const struct openssl *openssl = session->tls->openssl;
	BIO *input = openssl->SSL_get_rbio(session->ssl);

	openssl->BIO_set_callback_arg(input, (char *)session);
	openssl->BIO_set_callback_ex(input, on_read);
}

struct tls_session *
tls_start(struct tls *tls, int in_fd, int out_fd)
{
	const struct openssl *openssl = tls->openssl;
	struct tls_session *session = calloc(1, sizeof(*session));

	if (session == NULL)
		return NULL;
	session->tls = tls;
	session->ssl = openssl->SSL_new(tls->context);
	if (session->ssl == NULL ||
	    openssl->SSL_set_rfd(session->ssl, in_fd) != 1 ||
	    openssl->SSL_set_wfd(session->ssl, out_fd) != 1) {
		tls_finish(session, false);
		return NULL;
	}
	count_reads(session);
	openssl->SSL_set_cert_cb(session->ssl, on_certificate, session);
	return session;
}

/* Before each call: what it leaves is then its own. */
static void
prepare(struct tls_session *session)
{
	session->tls->openssl->ERR_clear_error();
	session->reads = 0;
	errno = 0;
}

/* After a call that failed: whether it may be made again, with errno and
 * events, or this is the end, with errno, which may be 0. */
static bool
may_retry(struct tls_session *session, int result)
{
	int error = errno; /* of read(2) or write(2), before anything else */
	int why = session->tls->openssl->SSL_get_error(session->ssl, result);

	session->events = why == SSL_ERROR_WANT_WRITE ? POLLOUT : POLLIN;
	if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) {
		errno = error == EWOULDBLOCK ? EAGAIN : error;
		/* OpenSSL would try again after more than these. */
		if (errno == EAGAIN || errno == EINTR)
			return true;
	}
	session->is_over = true;
	errno = why == SSL_ERROR_SYSCALL ? error : 0;
	return false;
}

/* After may_retry() said no. */
static void
explain(const struct tls_session *session, char text[TLS_TEXT_MAX + 1])
{
	const struct openssl *openssl = session->tls->openssl;
	unsigned long error = openssl->ERR_peek_error();

	if (ERR_GET_REASON(error) == SSL_R_CERT_CB_ERROR &&
	    session->text[0] != '\0')
		openssl_note(text, "%s", session->text);
	else if (error != 0)
		openssl_explain(error, text);
	else if (errno != 0)
		openssl_note(text, "the client hung up: %s", strerror(errno));
	else
		openssl_note(text, "the client hung up");
}

int
tls_handshake(struct tls_session *session, char text[TLS_TEXT_MAX + 1])
{
	int result;

	text[0] = '\0';
	if (session->is_over) {
		openssl_note(text, "the connection had failed before");
		return 0;
	}
	prepare(session);
	result = session->tls->openssl->SSL_accept(session->ssl);
	if (result == 1) {
		session->is_secure = true;
		return 1;
	}
	if (may_retry(session, result))
		return -1;
	explain(session, text);
	return 0;
}

/* --- what goes through it --- */

static int
clamp(size_t size)
{
	return size > INT_MAX ? INT_MAX : (int)size;
}

ssize_t
tls_read(struct tls_session *session, void *out, size_t size)
{
	int result;

	if (session->is_over)
		return 0;
	prepare(session);
	result =
	    session->tls->openssl->SSL_read(session->ssl, out, clamp(size));
	if (result > 0)
		return result;
	return may_retry(session, result) || errno != 0 ? -1 : 0;
}

ssize_t
tls_write(struct tls_session *session, const void *data, size_t size)
{
	int result = -1;

	errno = 0;
	if (!session->is_over) {
		prepare(session);
		result = session->tls->openssl->SSL_write(
		    session->ssl, data, clamp(size));
		session->is_writing = result <= 0;
		if (result > 0)
			return result;
		if (may_retry(session, result))
			return -1;
	}
	if (errno == 0)
		errno = EPIPE;
	return -1;
}

short
tls_events(const struct tls_session *session)
{
	return session->events;
}

/* Part of a record may have been received: whether it is enough is seen by a
 * look at it, with an input that has nothing more for the moment. */
static bool
can_peek(const struct tls_session *session)
{
	const struct openssl *openssl = session->tls->openssl;
	BIO *input = openssl->SSL_get_rbio(session->ssl);
	BIO *nothing = openssl->BIO_new(openssl->BIO_s_mem());
	char octet;
	int result;

	if (nothing == NULL || openssl->BIO_up_ref(input) != 1) {
		openssl->BIO_free(nothing);
		return false;
	}
	openssl->SSL_set0_rbio(session->ssl, nothing);
	result = openssl->SSL_peek(session->ssl, &octet, 1);
	openssl->SSL_set0_rbio(session->ssl, input);
	openssl->ERR_clear_error();
	return result > 0;
}

bool
tls_has_pending(const struct tls_session *session)
{
	const struct openssl *openssl = session->tls->openssl;

	if (session->is_over)
		return false;
	return openssl->SSL_pending(session->ssl) > 0 ||
	    (openssl->SSL_has_pending(session->ssl) == 1 && can_peek(session));
}

void
tls_finish(struct tls_session *session, bool notify)
{
	const struct openssl *openssl;

	if (session == NULL)
		return;
	openssl = session->tls->openssl;
	/* Behind half a record an alert would be more damage. That it may not
	 * arrive is nobody's loss. */
	if (notify && session->is_secure && !session->is_over &&
	    !session->is_writing)
		(void)openssl->SSL_shutdown(session->ssl);
	openssl->SSL_free(session->ssl);
	openssl->ERR_clear_error();
	free(session);
}

/* --- what is known of it --- */

void
tls_describe(const struct tls_session *session, struct tls_info *info)
{
	const struct openssl *openssl = session->tls->openssl;
	SSL *ssl = session->ssl;
	const char *name =
	    openssl->SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	const X509 *certificate = openssl->SSL_get0_peer_certificate(ssl);
	long group =
	    openssl->SSL_ctrl(ssl, SSL_CTRL_GET_NEGOTIATED_GROUP, 0, NULL);

	*info = (struct tls_info){
		.version = openssl->SSL_get_version(ssl),
		.cipher = openssl->SSL_CIPHER_standard_name(
		    openssl->SSL_get_current_cipher(ssl)),
		.group = group == NID_undef
		    ? NULL
		    : openssl->SSL_group_to_name(ssl, (int)group),
		.resumed = openssl->SSL_session_reused(ssl) == 1,
	};
	if (name != NULL)
		(void)snprintf(info->name, sizeof(info->name), "%s", name);
	if (certificate != NULL &&
	    openssl->SSL_get_verify_result(ssl) == X509_V_OK)
		certificate_holder(openssl, certificate, info->client);
	openssl->ERR_clear_error();
}

bool
tls_binding(
    const struct tls_session *session, unsigned char out[TLS_BINDING_LEN])
{
	static const char label[] = "EXPORTER-Channel-Binding";
	const struct openssl *openssl = session->tls->openssl;
	bool found;

	if (!session->is_secure ||
	    (openssl->SSL_version(session->ssl) < TLS1_3_VERSION &&
		openssl->SSL_ctrl(
		    session->ssl, SSL_CTRL_GET_EXTMS_SUPPORT, 0, NULL) != 1))
		return false;
	/* The context is there and empty, which in TLS 1.2 is not the same as
	 * none (RFC 5705, 4). */
	found = openssl->SSL_export_keying_material(session->ssl, out,
		    TLS_BINDING_LEN, label, sizeof(label) - 1,
		    (const unsigned char *)"", 0, 1) == 1;
	openssl->ERR_clear_error();
	return found;
}

bool
tls_is_stale(const struct tls_session *session)
{
	return session->tls->certificates.changed;
}
