/* SPDX-License-Identifier: ISC */
/* hash.c - see hash.h for the contract. */
#include "hash.h"

#include <crypt.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "base64.h"
#include "sasl.h"

enum { BCRYPT_PASSWORD_MAX = 72 }; /* it does not look further */

/* Costs are a tenth of a second of ours at most: each log-in pays it, and each
 * attempt. */
static const struct kind {
	const char *name;
	const char *start;  /* of its hashes; of those of crypt(5) "$..." */
	unsigned long cost; /* as of crypt_gensalt(3); 0 is its default */
	enum passwords_kind kind;
} kinds[] = {
	{ "yescrypt", "$y$", 0, PASSWORDS_CRYPT },
	{ "bcrypt", "$2b$", 10, PASSWORDS_CRYPT },
	{ "sha512", "$6$", 100000, PASSWORDS_CRYPT },
	{ "scram-sha-256", "SCRAM-SHA-256", HASH_ITERATIONS,
	    PASSWORDS_SCRAM_SHA_256 },
	{ "scram-sha-1", "SCRAM-SHA-1", HASH_ITERATIONS,
	    PASSWORDS_SCRAM_SHA_1 },
};

static const struct kind *
find_kind(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
}

bool
hash_is_kind(const char *kind)
{
	return find_kind(kind) != NULL;
}

/* In a time that does not tell where the first difference is. */
static bool
is_equal(const void *one, const void *other, size_t len)
{
	const volatile unsigned char *a = one, *b = other;
	unsigned char difference = 0;

	for (size_t i = 0; i < len; i++)
		difference |= a[i] ^ b[i];
	return difference == 0;
}

/* Load libcrypt. NULL, and text, where it cannot be. */
static void *
open_crypt(char *text, size_t size)
{
	void *library = dlopen("libcrypt.so.1", RTLD_NOW | RTLD_LOCAL);

	if (library == NULL)
		(void)snprintf(text, size,
		    "libcrypt cannot be used: %s; is libcrypt1 installed?",
		    dlerror());
	return library;
}

bool
hash_check(char *text, size_t size)
{
	void *library = open_crypt(text, size);

	if (library != NULL)
		dlclose(library);
	return library != NULL;
}

/* crypt(3) with a setting into out. 0, or an errno. */
static int
compute(void *library, const char *password, const char *setting,
    char out[CRYPT_OUTPUT_SIZE])
{
	__typeof__(crypt_r) *function =
	    (__typeof__(function))dlsym(library, "crypt_r");
	/* 32 KiB, and zeros, as crypt(3) wants it. */
	struct crypt_data *data = calloc(1, sizeof(*data));
	const char *hash;
	int error = 0;

	out[0] = '\0';
	if (function == NULL || data == NULL) {
		free(data);
		return ENOMEM;
	}
	errno = 0;
	hash = function(password, setting, data);
	/* A hash that begins with "*" is none. */
	if (hash == NULL || hash[0] == '*')
		error = errno != 0 ? errno : EINVAL;
	else
		(void)snprintf(out, CRYPT_OUTPUT_SIZE, "%s", hash);
	explicit_bzero(data, sizeof(*data));
	free(data);
	return error;
}

static int
verify_crypt(const char *hash, const char *password, char *text, size_t size)
{
	char computed[CRYPT_OUTPUT_SIZE] = "";
	void *library = open_crypt(text, size);
	size_t len = strlen(hash);
	int error, result;

	if (library == NULL)
		return -1;
	error = compute(library, password, hash, computed);
	dlclose(library);
	result = error == 0 && strlen(computed) == len &&
	    is_equal(computed, hash, len);
	explicit_bzero(computed, sizeof(computed));
	/* ERANGE: a password longer than any it made hashes of. */
	if (error == 0 || error == ERANGE)
		return result;
	(void)snprintf(text, size, "crypt(3) failed: %s", strerror(error));
	return -1;
}

/* All the keys that GNU SASL derives of a password. */
struct keys {
	char salted[PASSWORDS_KEY_MAX];
	char client[PASSWORDS_KEY_MAX];
	char server[PASSWORDS_KEY_MAX];
	char stored[PASSWORDS_KEY_MAX];
};

static int
derive(const struct sasl *sasl, enum passwords_kind kind, const char *password,
    unsigned iterations, const void *salt, size_t salt_len, struct keys *out)
{
	*out = (struct keys){ 0 };
	return sasl->scram_secrets_from_password(
	    kind == PASSWORDS_SCRAM_SHA_1 ? GSASL_HASH_SHA1 : GSASL_HASH_SHA256,
	    password, iterations, salt, salt_len, out->salted, out->client,
	    out->server, out->stored);
}

static int
verify_keys(const struct sasl *sasl, const struct passwords_entry *entry,
    const char *password, char *text, size_t size)
{
	struct keys keys;
	size_t len = passwords_key_len(entry->kind);
	int status = derive(sasl, entry->kind, password, entry->iterations,
	    entry->salt, entry->salt_len, &keys);
	bool same = is_equal(keys.stored, entry->stored_key, len);

	same &= is_equal(keys.server, entry->server_key, len);
	explicit_bzero(&keys, sizeof(keys));
	/* Nobody has keys of a password that SASLprep refuses. */
	if (status == GSASL_OK || status == GSASL_SASLPREP_ERROR)
		return status == GSASL_OK && same;
	(void)snprintf(text, size, "GNU SASL: %s", sasl->strerror(status));
	return -1;
}

int
hash_verify(const struct sasl *sasl, const struct passwords_entry *entry,
    const char *password, char *text, size_t size)
{
	return entry->kind == PASSWORDS_CRYPT
	    ? verify_crypt(entry->hash, password, text, size)
	    : verify_keys(sasl, entry, password, text, size);
}

/* The name in lower case as hexadecimal digits, which SASLprep leaves alone. */
static void
write_name(const char *user, char out[2 * PASSWORDS_USER_MAX + 1])
{
	static const char digits[] = "0123456789abcdef";
	size_t len = 0;

	for (; *user != '\0' && len < (size_t)2 * PASSWORDS_USER_MAX; user++) {
		unsigned char byte = (unsigned char)address_lower(*user);

		out[len++] = digits[byte >> 4];
		out[len++] = digits[byte & 15];
	}
	out[len] = '\0';
}

bool
hash_pretend(const struct sasl *sasl, const struct passwords_entry *entry,
    const char *user, struct passwords_entry *out)
{
	unsigned char secret[2 * PASSWORDS_KEY_MAX];
	char name[2 * PASSWORDS_USER_MAX + 1];
	struct keys keys;
	size_t len = passwords_key_len(entry->kind), at = 0;
	unsigned part = 1;
	bool done = true;

	write_name(user, name);
	memcpy(secret, entry->stored_key, len);
	memcpy(secret + len, entry->server_key, len);
	*out = *entry;
	/* One number of iterations tells nothing of the keys of another. */
	for (; done && at < entry->salt_len; at += len) {
		size_t some = entry->salt_len - at;

		done = derive(sasl, entry->kind, name, part++, secret, 2 * len,
			   &keys) == GSASL_OK;
		memcpy(out->salt + at, keys.salted, some < len ? some : len);
	}
	done = done &&
	    derive(sasl, entry->kind, name, part, secret, 2 * len, &keys) ==
		GSASL_OK;
	memcpy(out->stored_key, keys.stored, len);
	memcpy(out->server_key, keys.server, len);
	explicit_bzero(secret, sizeof(secret));
	explicit_bzero(&keys, sizeof(keys));
	return done;
}

/* A hash of crypt(5), with a salt of its own. */
static bool
make_crypt(const struct kind *kind, const char *password,
    char out[HASH_TEXT_MAX + 1], char *text, size_t size)
{
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];
	char computed[CRYPT_OUTPUT_SIZE] = "";
	void *library = open_crypt(text, size);
	__typeof__(crypt_gensalt_rn) *function;
	int error = EINVAL;

	if (library == NULL)
		return false;
	function = (__typeof__(function))dlsym(library, "crypt_gensalt_rn");
	if (function != NULL &&
	    function(kind->start, kind->cost, NULL, 0, setting,
		sizeof(setting)) != NULL)
		error = compute(library, password, setting, computed);
	dlclose(library);
	if (error != 0) {
		(void)snprintf(
		    text, size, "crypt(3) failed: %s", strerror(error));
		return false;
	}
	(void)snprintf(out, HASH_TEXT_MAX + 1, "%s", computed);
	explicit_bzero(computed, sizeof(computed));
	return true;
}

/* Keys as RFC 5803 writes them. */
static bool
make_keys(const struct sasl *sasl, const struct kind *kind,
    const char *password, char out[HASH_TEXT_MAX + 1], char *text, size_t size)
{
	char salt[HASH_SALT], salt_text[BASE64_LEN(HASH_SALT) + 1];
	char stored[BASE64_LEN(PASSWORDS_KEY_MAX) + 1];
	char server[BASE64_LEN(PASSWORDS_KEY_MAX) + 1];
	size_t len = passwords_key_len(kind->kind);
	struct keys keys;
	int status = sasl->nonce(salt, sizeof(salt));

	if (status == GSASL_OK)
		status = derive(sasl, kind->kind, password,
		    (unsigned)kind->cost, salt, sizeof(salt), &keys);
	if (status != GSASL_OK) {
		(void)snprintf(text, size, "%s",
		    status == GSASL_SASLPREP_ERROR
			? "SCRAM allows no such character in a password "
			  "(RFC 4013); choose another one, or another kind"
			: sasl->strerror(status));
		return false;
	}
	(void)base64_encode(salt, sizeof(salt), salt_text);
	(void)base64_encode(keys.stored, len, stored);
	(void)base64_encode(keys.server, len, server);
	(void)snprintf(out, HASH_TEXT_MAX + 1, "%s$%lu:%s$%s:%s", kind->start,
	    kind->cost, salt_text, stored, server);
	explicit_bzero(&keys, sizeof(keys));
	return true;
}

bool
hash_make(const struct sasl *sasl, const char *kind, const char *password,
    char out[HASH_TEXT_MAX + 1], char *text, size_t size)
{
	const struct kind *row = find_kind(kind);

	if (row == NULL) {
		(void)snprintf(text, size, "no such kind: %s", kind);
		return false;
	}
	if (row->kind != PASSWORDS_CRYPT)
		return make_keys(sasl, row, password, out, text, size);
	if (strcmp(kind, "bcrypt") == 0 &&
	    strlen(password) > BCRYPT_PASSWORD_MAX) {
		(void)snprintf(text, size,
		    "bcrypt takes %d octets of a password and ignores the "
		    "rest; choose another kind",
		    BCRYPT_PASSWORD_MAX);
		return false;
	}
	return make_crypt(row, password, out, text, size);
}
