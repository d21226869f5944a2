/* SPDX-License-Identifier: ISC */
/* pem.c - see pem.h for the contract. */
#include "pem.h"

#include <sys/stat.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* What a file holds, in memory of its own. */
struct content {
	char *octets;
	size_t len;
	const char *path;
};

/* Keys are among them. */
static void
drop_content(struct content *content)
{
	if (content->octets != NULL)
		explicit_bzero(content->octets, content->len);
	free(content->octets);
	content->octets = NULL;
}

/* Fill it with what size octets of fd are. 0, or -1 with errno. */
static int
fill_content(int fd, size_t size, struct content *content)
{
	content->octets = malloc(size > 0 ? size : 1);
	if (content->octets == NULL)
		return -1;
	while (content->len < size) {
		ssize_t got = read(
		    fd, content->octets + content->len, size - content->len);

		if (got < 0 && errno == EINTR)
			continue; /* of a disk, so it does not last */
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		content->len += (size_t)got;
	}
	return 0;
}

/* Returns whether there is something. The caller drops it. */
static bool
read_file(int fd, struct content *content, char text[TLS_TEXT_MAX + 1])
{
	struct stat st;

	if (fstat(fd, &st) == 0) {
		if (!S_ISREG(st.st_mode) || st.st_size > PEM_FILE_MAX) {
			openssl_note(text,
			    "%s: not a file of at most %d octets",
			    content->path, PEM_FILE_MAX);
			return false;
		}
		if (fill_content(fd, (size_t)st.st_size, content) == 0)
			return true;
	}
	openssl_note(text, "%s: %s", content->path, strerror(errno));
	return false;
}

/* --- keys --- */

int
pem_no_passphrase(char *out, int size, int writing, void *asked)
{
	(void)out;
	(void)size;
	(void)writing;
	*(bool *)asked = true;
	return -1;
}

/* The two forms of a key on P-256 that everybody writes, octet by octet: PKCS #8
 * (RFC 5208) and ECPrivateKey (RFC 5915). Between head and middle are 32 octets
 * of private key, behind the middle 65 of public key. */
enum {
	EC_PRIVATE_LEN = 32,
	EC_PUBLIC_LEN = 65,
	EC_FORMS = 2,
};

struct ec_form {
	size_t head_len, middle_len;
	unsigned char head[36], middle[17];
};

static const struct ec_form ec_forms[EC_FORMS] = {
	{ 36, 5,
	    { 0x30, 0x81, 0x87, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a,
		0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
		0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x04, 0x6d, 0x30, 0x6b,
		0x02, 0x01, 0x01, 0x04, 0x20 },
	    { 0xa1, 0x44, 0x03, 0x42, 0x00 } },
	{ 7, 17, { 0x30, 0x77, 0x02, 0x01, 0x01, 0x04, 0x20 },
	    { 0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01,
		0x07, 0xa1, 0x44, 0x03, 0x42, 0x00 } },
};

static bool
has_form(const struct ec_form *form, const unsigned char *der, size_t len)
{
	return len ==
	    form->head_len + EC_PRIVATE_LEN + form->middle_len +
		EC_PUBLIC_LEN &&
	    memcmp(der, form->head, form->head_len) == 0 &&
	    memcmp(der + form->head_len + EC_PRIVATE_LEN, form->middle,
		form->middle_len) == 0;
}

/* A key of its two numbers, or NULL. */
static EVP_PKEY *
make_ec_key(const struct openssl *openssl,
    const unsigned char private_key[EC_PRIVATE_LEN],
    const unsigned char public_key[EC_PUBLIC_LEN])
{
	static const bool swap = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
	unsigned char number[EC_PRIVATE_LEN], point[EC_PUBLIC_LEN];
	char group[] = "prime256v1";
	OSSL_PARAM parameters[] = {
		{ OSSL_PKEY_PARAM_GROUP_NAME, OSSL_PARAM_UTF8_STRING, group,
		    sizeof(group) - 1, OSSL_PARAM_UNMODIFIED },
		{ OSSL_PKEY_PARAM_PRIV_KEY, OSSL_PARAM_UNSIGNED_INTEGER, number,
		    sizeof(number), OSSL_PARAM_UNMODIFIED },
		{ OSSL_PKEY_PARAM_PUB_KEY, OSSL_PARAM_OCTET_STRING, point,
		    sizeof(point), OSSL_PARAM_UNMODIFIED },
		{ NULL, 0, NULL, 0, 0 },
	};
	EVP_PKEY_CTX *context =
	    openssl->EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *key = NULL;

	for (size_t i = 0; i < EC_PRIVATE_LEN; i++)
		number[i] = private_key[swap ? EC_PRIVATE_LEN - 1 - i : i];
	memcpy(point, public_key, sizeof(point));
	if (context != NULL && openssl->EVP_PKEY_fromdata_init(context) == 1 &&
	    openssl->EVP_PKEY_fromdata(
		context, &key, EVP_PKEY_KEYPAIR, parameters) != 1)
		key = NULL;
	explicit_bzero(number, sizeof(number));
	openssl->EVP_PKEY_CTX_free(context);
	return key;
}

/* OpenSSL's own way to read a key tries all decoders that it has, which takes
 * 0.4 ms of a process that lives for one session. Here the usual key is made
 * without. NULL for every other. */
static EVP_PKEY *
read_usual_key(const struct openssl *openssl, BIO *bio)
{
	char *name = NULL, *header = NULL;
	unsigned char *der = NULL;
	long len = 0;
	EVP_PKEY *key = NULL;

	if (openssl->PEM_read_bio(bio, &name, &header, &der, &len) != 1)
		return NULL;
	for (size_t i = 0; i < EC_FORMS && header[0] == '\0'; i++)
		if (has_form(&ec_forms[i], der, (size_t)len))
			key = make_ec_key(openssl, der + ec_forms[i].head_len,
			    der + len - EC_PUBLIC_LEN);
	explicit_bzero(der, (size_t)len);
	openssl->CRYPTO_free(name, __FILE__, __LINE__);
	openssl->CRYPTO_free(header, __FILE__, __LINE__);
	openssl->CRYPTO_free(der, __FILE__, __LINE__);
	return key;
}

static BIO *
open_content(const struct openssl *openssl, const struct content *content)
{
	return openssl->BIO_new_mem_buf(content->octets, (int)content->len);
}

static EVP_PKEY *
read_any_key(const struct openssl *openssl, BIO *bio, const char *path,
    char text[TLS_TEXT_MAX + 1])
{
	bool asked = false;
	EVP_PKEY *key = openssl->PEM_read_bio_PrivateKey(
	    bio, NULL, pem_no_passphrase, &asked);

	if (key == NULL && asked)
		openssl_note(text,
		    "%s: the key has a passphrase; remove it: "
		    "openssl pkey -in OLD -out NEW",
		    path);
	else if (key == NULL)
		openssl_note(text, "%s: no private key in PEM is in it", path);
	return key;
}

EVP_PKEY *
pem_read_key(const struct openssl *openssl, int fd, const char *path,
    char text[TLS_TEXT_MAX + 1])
{
	struct content content = { .path = path };
	EVP_PKEY *key = NULL;

	if (read_file(fd, &content, text)) {
		BIO *bio = open_content(openssl, &content);

		if (bio != NULL)
			key = read_usual_key(openssl, bio);
		openssl->BIO_free(bio);
		bio = key != NULL ? NULL : open_content(openssl, &content);
		if (bio != NULL)
			key = read_any_key(openssl, bio, path, text);
		openssl->BIO_free(bio);
	}
	drop_content(&content);
	openssl->ERR_clear_error();
	return key;
}

/* --- certificates --- */

/* STACK_OF(X509) has inline functions that would have to be linked. */
void
pem_free_chain(const struct openssl *openssl, STACK_OF(X509) * chain)
{
	openssl->OPENSSL_sk_pop_free(
	    (OPENSSL_STACK *)chain, (OPENSSL_sk_freefunc)openssl->X509_free);
}

/* Read what follows the first certificate. NULL where not all of it is one. */
static STACK_OF(X509) * read_chain(const struct openssl *openssl, BIO *bio)
{
	OPENSSL_STACK *chain = openssl->OPENSSL_sk_new_null();
	bool asked, ok = chain != NULL;
	X509 *next;

	while (ok &&
	    (next = openssl->PEM_read_bio_X509(
		 bio, NULL, pem_no_passphrase, &asked)) != NULL) {
		ok = openssl->OPENSSL_sk_num(chain) < PEM_CHAIN_MAX &&
		    openssl->OPENSSL_sk_push(chain, next) > 0;
		if (!ok)
			openssl->X509_free(next);
	}
	if (ok &&
	    ERR_GET_REASON(openssl->ERR_peek_last_error()) ==
		PEM_R_NO_START_LINE)
		return (STACK_OF(X509) *)chain;
	pem_free_chain(openssl, (STACK_OF(X509) *)chain);
	return NULL;
}

bool
pem_read_certificates(const struct openssl *openssl, int fd, const char *path,
    X509 **leaf, STACK_OF(X509) * *chain, char text[TLS_TEXT_MAX + 1])
{
	struct content content = { .path = path };
	bool asked;
	BIO *bio = NULL;

	*leaf = NULL;
	*chain = NULL;
	if (read_file(fd, &content, text))
		bio = open_content(openssl, &content);
	if (bio != NULL)
		*leaf = openssl->PEM_read_bio_X509(
		    bio, NULL, pem_no_passphrase, &asked);
	if (*leaf == NULL)
		openssl_note(text, "%s: no certificate in PEM is in it", path);
	else
		*chain = read_chain(openssl, bio);
	if (*leaf != NULL && *chain == NULL) {
		openssl_note(text,
		    "%s: what follows the first certificate is damaged, or "
		    "more than %d of them",
		    path, PEM_CHAIN_MAX);
		openssl->X509_free(*leaf);
		*leaf = NULL;
	}
	openssl->BIO_free(bio);
	drop_content(&content);
	openssl->ERR_clear_error();
	return *leaf != NULL;
}

/* Whether a host stands there in any case of letters, or "*" instead of its
 * first label. */
static bool
contains_host(const char *octets, size_t len, const char *host)
{
	size_t host_len = strlen(host), label = strcspn(host, ".");

	for (size_t i = 0; i + host_len <= len; i++)
		if (strncasecmp(octets + i, host, host_len) == 0)
			return true;
	if (host[label] == '\0')
		return false;
	for (size_t i = 0; i + 1 + host_len - label <= len; i++)
		if (octets[i] == '*' &&
		    strncasecmp(
			octets + i + 1, host + label, host_len - label) == 0)
			return true;
	return false;
}

bool
pem_mentions(
    const struct openssl *openssl, int fd, const char *path, const char *host)
{
	struct content content = { .path = path };
	char text[TLS_TEXT_MAX + 1] = "";
	char *name = NULL, *header = NULL;
	unsigned char *der = NULL;
	long len = 0;
	bool found = false;
	BIO *bio = NULL;

	if (read_file(fd, &content, text))
		bio = open_content(openssl, &content);
	if (bio != NULL &&
	    openssl->PEM_read_bio(bio, &name, &header, &der, &len) == 1) {
		found = contains_host((const char *)der, (size_t)len, host);
		openssl->CRYPTO_free(name, __FILE__, __LINE__);
		openssl->CRYPTO_free(header, __FILE__, __LINE__);
		openssl->CRYPTO_free(der, __FILE__, __LINE__);
	}
	openssl->BIO_free(bio);
	drop_content(&content);
	openssl->ERR_clear_error();
	return found;
}
