/* SPDX-License-Identifier: ISC */
/* certificate.h - the directory of certificates: NAME/fullchain.pem and
 * NAME/privkey.pem, which of them a client gets, and whether they are still the
 * files that were read.
 *
 * Knows files and names; knows no connection. Private to lib/tls.c and its
 * parts. */
#ifndef CERTIFICATE_H
#define CERTIFICATE_H

#include <sys/types.h>
#include <limits.h>
#include <stdbool.h>
#include <time.h>

#include "openssl.h"

enum {
	CERTIFICATE_KINDS_MAX = 3, /* of keys, for one name */
};

enum certificate_file {
	CERTIFICATE_CHAIN, /* fullchain.pem */
	CERTIFICATE_KEY,   /* privkey.pem */
	CERTIFICATE_FILES,
};

/* By this a file is known again: another one, or one that was changed, has
 * another. All 0 for none. */
struct certificate_stamp {
	dev_t device;
	ino_t inode;
	struct timespec changed;
};

struct certificate {
	char name[NAME_MAX + 1]; /* of the directory */
	bool looked;		 /* at the files with these stamps */
	struct certificate_stamp files[CERTIFICATE_FILES];
	/* NULL where the files are not read yet or are of no use. */
	X509 *leaf;
	EVP_PKEY *key;
	STACK_OF(X509) * chain;
};

struct certificates {
	const struct openssl *openssl;
	const struct tls_settings *settings;
	struct certificate *list; /* in the order of names */
	size_t len;
	struct certificate_stamp directory, credentials;
	bool changed; /* something was read that had been read before */
};

/* Find the names there are. Returns 0, or -1 and text. What was found before,
 * and is still there, stays read. The caller ends it by certificate_free(). */
int certificate_list(
    struct certificates *certificates, char text[TLS_TEXT_MAX + 1]);

void certificate_free(struct certificates *certificates);

/* Read every file that was not read, or is another one now. text is set by the
 * first that is of no use, if it was empty. */
void certificate_read_all(
    struct certificates *certificates, char text[TLS_TEXT_MAX + 1]);

/* Read the files of one name. Returns whether they are of use; otherwise sets
 * text, unless one stands there. */
bool certificate_read(const struct certificates *certificates,
    struct certificate *certificate, char text[TLS_TEXT_MAX + 1]);

/* What a client gets that asks for name, "" for none: one certificate of each
 * kind of key, as tls.h says, read now where they have to be. Returns how many,
 * or 0 and text. */
size_t certificate_choose(struct certificates *certificates, const char *name,
    const struct certificate *chosen[CERTIFICATE_KINDS_MAX],
    char text[TLS_TEXT_MAX + 1]);

/* Whether a certificate names a host, or a wildcard in it does. */
bool certificate_names(const struct openssl *openssl,
    const struct certificate *certificate, const char *host);

/* The path of a file, and its descriptor, or -1 with errno. */
int certificate_open(const struct certificates *certificates, const char *name,
    enum certificate_file file, char path[PATH_MAX]);

/* Whose certificate it is: its first rfc822Name, else its CN; or "". */
void certificate_holder(const struct openssl *openssl, const X509 *certificate,
    char out[TLS_NAME_MAX + 1]);

#endif
