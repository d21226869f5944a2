/* SPDX-License-Identifier: ISC */
/* tls-check.c - tls_check() of tls.h: what is wrong with the certificates. */
#include <sys/stat.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "certificate.h"
#include "openssl.h"
#include "tls.h"

enum {
	STRENGTH = 112,	       /* bits of security: level 2 in tls.c */
	SOON = 14 * 24 * 3600, /* seconds: before that it is to be renewed */
	DATE_MAX = 32,
	OTHERS = 007, /* of a mode */
	CHANGED_BY_GROUP = 020,
};

struct check {
	const struct openssl *openssl;
	const struct tls_settings *settings;
	struct certificates certificates;
	X509_STORE *trusted; /* the authorities of this machine */
	void (*say)(void *to, bool problem, const char *text);
	void *to;
	unsigned problems;
};

static void tell(struct check *check, bool problem, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void
tell(struct check *check, bool problem, const char *format, ...)
{
	char text[2 * TLS_TEXT_MAX + 1];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	check->say(check->to, problem, text);
	check->problems += problem;
}

/* --- the key's file --- */

static void
check_key_file(struct check *check, const struct certificate *certificate)
{
	char path[PATH_MAX];
	struct stat st;
	int fd = certificate_open(
	    &check->certificates, certificate->name, CERTIFICATE_KEY, path);

	if (fd < 0 || fstat(fd, &st) < 0) {
		tell(check, true, "%s: %s", path, strerror(errno));
	} else {
		if (st.st_mode & (OTHERS | CHANGED_BY_GROUP))
			tell(check, true,
			    "%s: its mode %04o lets others at the key; "
			    "chmod 0640",
			    path, (unsigned)(st.st_mode & 07777));
		if (st.st_uid != 0 && st.st_uid != geteuid())
			tell(check, true,
			    "%s: belongs to user %lu, who can change the key; "
			    "chown root",
			    path, (unsigned long)st.st_uid);
	}
	if (fd >= 0)
		close(fd);
}

/* --- the chain --- */

static X509 *
issuer_at(
    const struct check *check, const struct certificate *certificate, int depth)
{
	return check->openssl->OPENSSL_sk_value(
	    (const OPENSSL_STACK *)certificate->chain, depth);
}

/* Whether each certificate was issued by the one behind it. */
static bool
is_in_order(struct check *check, const struct certificate *certificate)
{
	const struct openssl *openssl = check->openssl;
	int len =
	    openssl->OPENSSL_sk_num((const OPENSSL_STACK *)certificate->chain);
	X509 *last = certificate->leaf;

	for (int i = 0; i < len; i++) {
		X509 *next = issuer_at(check, certificate, i);

		if (openssl->X509_check_issued(next, last) != X509_V_OK) {
			tell(check, true,
			    "%s: certificate %d of fullchain.pem was not "
			    "issued by the one behind it; they go up from "
			    "ours",
			    certificate->name, i + 1);
			return false;
		}
		last = next;
	}
	return true;
}

/* What a client finds out that trusts the authorities of this machine. */
static int
verify(const struct check *check, const struct certificate *certificate)
{
	const struct openssl *openssl = check->openssl;
	X509_STORE_CTX *context = openssl->X509_STORE_CTX_new();
	int error = X509_V_ERR_OUT_OF_MEM;

	if (context != NULL &&
	    openssl->X509_STORE_CTX_init(context, check->trusted,
		certificate->leaf, certificate->chain) == 1)
		error = openssl->X509_verify_cert(context) == 1
		    ? X509_V_OK
		    : openssl->X509_STORE_CTX_get_error(context);
	openssl->X509_STORE_CTX_free(context);
	openssl->ERR_clear_error();
	return error;
}

static void
check_chain(struct check *check, const struct certificate *certificate)
{
	const struct openssl *openssl = check->openssl;
	bool alone = openssl->OPENSSL_sk_num(
			 (const OPENSSL_STACK *)certificate->chain) == 0;
	int error;

	if (!is_in_order(check, certificate))
		return;
	error = verify(check, certificate);
	if (error == X509_V_OK)
		tell(check, false, "%s: trusted by whom this machine trusts",
		    certificate->name);
	else if (error == X509_V_ERR_CERT_HAS_EXPIRED ||
	    error == X509_V_ERR_CERT_NOT_YET_VALID)
		return; /* there is more to say about it */
	else if (error == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT)
		tell(check, false,
		    "%s: self-signed: good for mail between servers; who "
		    "submits mail will not trust it",
		    certificate->name);
	else if (alone)
		tell(check, true,
		    "%s: fullchain.pem lacks the certificate of its issuer "
		    "(%s); put it behind ours",
		    certificate->name,
		    openssl->X509_verify_cert_error_string(error));
	else
		tell(check, false, "%s: not trusted by this machine: %s",
		    certificate->name,
		    openssl->X509_verify_cert_error_string(error));
}

/* --- its strength --- */

/* As OpenSSL asks for by our security level. Who signed oneself signed
 * nothing. */
static bool
is_strong(const struct openssl *openssl, X509 *certificate)
{
	int bits;

	if (openssl->EVP_PKEY_get_security_bits(
		openssl->X509_get0_pubkey(certificate)) < STRENGTH)
		return false;
	return openssl->X509_check_issued(certificate, certificate) ==
	    X509_V_OK ||
	    openssl->X509_get_signature_info(
		certificate, NULL, NULL, &bits, NULL) != 1 ||
	    bits >= STRENGTH;
}

static void
check_strength(struct check *check, const struct certificate *certificate)
{
	const struct openssl *openssl = check->openssl;
	int len =
	    openssl->OPENSSL_sk_num((const OPENSSL_STACK *)certificate->chain);
	bool strong = is_strong(openssl, certificate->leaf);

	for (int i = 0; i < len; i++)
		strong = strong &&
		    is_strong(openssl, issuer_at(check, certificate, i));
	if (!strong)
		tell(check, true,
		    "%s: too weak; a key on P-256, or RSA of 2048 bits, and "
		    "SHA-256 will do",
		    certificate->name);
}

/* --- its time --- */

static void
check_time(struct check *check, const struct certificate *certificate)
{
	const struct openssl *openssl = check->openssl;
	const ASN1_TIME *end = openssl->X509_get0_notAfter(certificate->leaf);
	time_t soon = time(NULL) + SOON;
	char date[DATE_MAX] = "some day";
	struct tm tm;

	if (openssl->ASN1_TIME_to_tm(end, &tm) == 1)
		(void)strftime(date, sizeof(date), "%Y-%m-%d", &tm);
	if (openssl->X509_cmp_current_time(
		openssl->X509_get0_notBefore(certificate->leaf)) > 0)
		tell(check, true,
		    "%s: not valid yet; is the clock of this machine right?",
		    certificate->name);
	if (openssl->X509_cmp_current_time(end) <= 0)
		tell(check, true, "%s: expired on %s; renew it",
		    certificate->name, date);
	else if (openssl->X509_cmp_time(end, &soon) <= 0)
		tell(check, true, "%s: expires on %s; renew it",
		    certificate->name, date);
	else
		tell(check, false, "%s: valid until %s", certificate->name,
		    date);
}

/* --- its names --- */

/* Whether it names its directory, or what the name of that begins with, as in
 * NAME-0001 and NAME_ecc. */
static bool
names_directory(struct check *check, const struct certificate *certificate)
{
	char name[sizeof(certificate->name)];

	memcpy(name, certificate->name, sizeof(name));
	while (!certificate_names(check->openssl, certificate, name)) {
		char *end = strrchr(name, '-');
		char *other = strrchr(name, '_');

		if (other != NULL && (end == NULL || other > end))
			end = other;
		if (end == NULL)
			return false;
		*end = '\0';
	}
	return true;
}

static void
check_one(struct check *check, struct certificate *certificate)
{
	char text[TLS_TEXT_MAX + 1] = "";

	if (!certificate_read(&check->certificates, certificate, text)) {
		tell(check, true, "%s", text);
		return;
	}
	check_key_file(check, certificate);
	if (!names_directory(check, certificate))
		tell(check, true,
		    "%s: the certificate does not name it; who asks for %s "
		    "will not trust it",
		    certificate->name, certificate->name);
	check_chain(check, certificate);
	check_strength(check, certificate);
	check_time(check, certificate);
}

/* Which one clients get that ask for no name, and whether it is ours. */
static void
check_default(struct check *check)
{
	const struct certificate *chosen[CERTIFICATE_KINDS_MAX];
	const char *hostname = check->settings->hostname;
	char text[TLS_TEXT_MAX + 1] = "";
	size_t len = certificate_choose(&check->certificates, "", chosen, text);

	for (size_t i = 0; i < len; i++) {
		bool ours =
		    certificate_names(check->openssl, chosen[i], hostname);

		tell(check, !ours, "%s: for clients that ask for no name%s%s%s",
		    chosen[i]->name, ours ? "" : ", but does not name ",
		    ours ? "" : hostname, ours ? "" : ", our hostname");
	}
}

static void
check_authorities(struct check *check)
{
	const struct openssl *openssl = check->openssl;
	const char *path = check->settings->authorities;
	X509_STORE *store = openssl->X509_STORE_new();
	bool ok =
	    store != NULL && openssl->X509_STORE_load_file(store, path) == 1;

	tell(check, !ok, "%s: %s", path,
	    ok ? "certificates of clients are asked for"
	       : "certificates of authorities cannot be read from it");
	openssl->X509_STORE_free(store);
	openssl->ERR_clear_error();
}

unsigned
tls_check(const struct tls_settings *settings,
    void (*say)(void *to, bool problem, const char *text), void *to)
{
	char text[TLS_TEXT_MAX + 1] = "";
	struct check check = {
		.openssl = openssl_load(text),
		.settings = settings,
		.say = say,
		.to = to,
	};

	if (check.openssl == NULL) {
		tell(&check, true, "%s", text);
		return check.problems;
	}
	check.trusted = check.openssl->X509_STORE_new();
	/* Where these are not to be had nobody is trusted. */
	if (check.trusted != NULL)
		(void)check.openssl->X509_STORE_set_default_paths(
		    check.trusted);
	check.certificates.openssl = check.openssl;
	check.certificates.settings = settings;
	if (certificate_list(&check.certificates, text) < 0) {
		tell(&check, true, "%s", text);
	} else {
		for (size_t i = 0; i < check.certificates.len; i++)
			check_one(&check, &check.certificates.list[i]);
		check_default(&check);
	}
	if (settings->authorities[0] != '\0')
		check_authorities(&check);
	certificate_free(&check.certificates);
	check.openssl->X509_STORE_free(check.trusted);
	check.openssl->ERR_clear_error();
	return check.problems;
}
