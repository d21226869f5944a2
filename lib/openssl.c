/* SPDX-License-Identifier: ISC */
/* openssl.c - see openssl.h for the contract. */
#include "openssl.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* What a linker would have filled in: one for the process, as is the library,
 * and the same however often it is filled. */
static struct openssl functions;

static const struct {
	const char *name;
	size_t place;
} rows[] = {
#define OPENSSL_ROW(name) { #name, offsetof(struct openssl, name) },
	OPENSSL_FUNCTIONS(OPENSSL_ROW)
#undef OPENSSL_ROW
};

/* It brings libcrypto.so.3 along, where dlsym(3) looks as well. */
static const char library_name[] = "libssl.so.3";

static bool
find_functions(void *library, char text[TLS_TEXT_MAX + 1])
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		void *found = dlsym(library, rows[i].name);

		if (found == NULL) {
			(void)snprintf(text, TLS_TEXT_MAX + 1,
			    "%s lacks %s: OpenSSL 3.0 or later is needed",
			    library_name, rows[i].name);
			return false;
		}
		memcpy(
		    (char *)&functions + rows[i].place, &found, sizeof(found));
	}
	return true;
}

/* How strong the signature of a certificate is OpenSSL finds out by the names
 * of old, and takes one it does not find for too weak. */
static bool
add_digests(void)
{
	return functions.EVP_add_digest(functions.EVP_sha224()) == 1 &&
	    functions.EVP_add_digest(functions.EVP_sha256()) == 1 &&
	    functions.EVP_add_digest(functions.EVP_sha384()) == 1 &&
	    functions.EVP_add_digest(functions.EVP_sha512()) == 1;
}

/* The order matters: what the first call leaves out no later one brings in.
 * Left out: reading openssl.cnf, which the sandbox hides; 1600 texts of errors;
 * names of algorithms in the way of OpenSSL 1, but for a few digests; freeing
 * it all at exit. The texts of libssl can be had later. */
static bool
begin(void)
{
	return functions.OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG |
		       OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS |
		       OPENSSL_INIT_NO_ADD_ALL_CIPHERS |
		       OPENSSL_INIT_NO_ADD_ALL_DIGESTS | OPENSSL_INIT_NO_ATEXIT,
		   NULL) == 1 &&
	    functions.OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) ==
	    1 &&
	    add_digests();
}

void
openssl_note(char text[TLS_TEXT_MAX + 1], const char *format, ...)
{
	va_list arguments;

	if (text[0] != '\0')
		return;
	va_start(arguments, format);
	(void)vsnprintf(text, TLS_TEXT_MAX + 1, format, arguments);
	va_end(arguments);
}

const struct openssl *
openssl_load(char text[TLS_TEXT_MAX + 1])
{
	void *library;

	if (functions.OPENSSL_init_ssl != NULL)
		return &functions;
	library = dlopen(library_name, RTLD_NOW | RTLD_LOCAL);
	if (library == NULL) {
		(void)snprintf(text, TLS_TEXT_MAX + 1,
		    "OpenSSL cannot be loaded, install libssl3: %s", dlerror());
		return NULL;
	}
	if (find_functions(library, text) && begin())
		return &functions;
	if (text[0] == '\0')
		(void)snprintf(
		    text, TLS_TEXT_MAX + 1, "OpenSSL does not begin");
	memset(&functions, 0, sizeof(functions));
	dlclose(library);
	return NULL;
}

const struct openssl *
openssl_loaded(void)
{
	return &functions;
}

static const struct {
	int reason;
	const char *text;
} reasons[] = {
	{ SSL_R_NO_SHARED_CIPHER, "no shared cipher" },
	{ SSL_R_UNSUPPORTED_PROTOCOL, "unsupported protocol version" },
	{ SSL_R_VERSION_TOO_LOW, "unsupported protocol version" },
	{ SSL_R_UNKNOWN_PROTOCOL, "unsupported protocol version" },
	{ SSL_R_WRONG_SSL_VERSION, "unsupported protocol version" },
	{ SSL_R_INAPPROPRIATE_FALLBACK,
	    "the client fell back to an older "
	    "version, as under an attack" },
	{ SSL_R_NO_SUITABLE_KEY_SHARE, "no shared group" },
	{ SSL_R_NO_SHARED_GROUPS, "no shared group" },
	{ SSL_R_NO_SUITABLE_GROUPS, "no shared group" },
	{ SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM,
	    "no shared signature algorithm" },
	{ SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS,
	    "no shared signature algorithm" },
	{ SSL_R_WRONG_VERSION_NUMBER, "not TLS" },
	{ SSL_R_HTTP_REQUEST, "not TLS, but HTTP" },
	{ SSL_R_HTTPS_PROXY_REQUEST, "not TLS, but HTTP" },
	{ SSL_R_UNEXPECTED_EOF_WHILE_READING, "the client hung up" },
};

static const char *
find_reason(int reason)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].reason == reason)
			return reasons[i].text;
	return NULL;
}

void
openssl_explain(unsigned long error, char text[TLS_TEXT_MAX + 1])
{
	int reason = ERR_GET_REASON(error);
	int alert = reason - SSL_AD_REASON_OFFSET;
	bool of_tls = ERR_GET_LIB(error) == ERR_LIB_SSL;
	const char *words = of_tls ? find_reason(reason) : NULL;

	if (of_tls && alert >= 0 && alert <= UCHAR_MAX) {
		openssl_note(text, "the client broke off: %s",
		    functions.SSL_alert_desc_string_long(alert));
		return;
	}
	if (words == NULL) {
		(void)functions.OPENSSL_init_ssl(
		    OPENSSL_INIT_LOAD_SSL_STRINGS, NULL);
		words = functions.ERR_reason_error_string(error);
	}
	if (words != NULL)
		openssl_note(text, "%s", words);
	else
		openssl_note(text, "error %08lX of OpenSSL", error);
}
