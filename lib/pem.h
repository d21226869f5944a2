/* SPDX-License-Identifier: ISC */
/* pem.h - a certificate with its chain, and a private key, out of files in PEM
 * (RFC 7468).
 *
 * Knows no directory and no name. Private to lib/tls.c and its parts. */
#ifndef PEM_H
#define PEM_H

#include <stdbool.h>

#include "openssl.h"

enum {
	PEM_FILE_MAX = 1 << 18, /* octets */
	PEM_CHAIN_MAX = 10,	/* certificates above the first */
};

/* Read the first certificate of a file as *leaf, and those behind it as *chain,
 * which may be empty. path is for text. Returns false and text, with neither,
 * where there is none, or where not all of them can be read. */
bool pem_read_certificates(const struct openssl *openssl, int fd,
    const char *path, X509 **leaf, STACK_OF(X509) * *chain,
    char text[TLS_TEXT_MAX + 1]);

/* Whether the first certificate of a file may name a host: it, or a wildcard for
 * it, stands somewhere in there. By far quicker than to read what it means. */
bool pem_mentions(
    const struct openssl *openssl, int fd, const char *path, const char *host);

/* Read the private key. Asks nobody for a passphrase. Returns NULL and text
 * where there is none. */
EVP_PKEY *pem_read_key(const struct openssl *openssl, int fd, const char *path,
    char text[TLS_TEXT_MAX + 1]);

void pem_free_chain(const struct openssl *openssl, STACK_OF(X509) * chain);

/* A passphrase, or none: what OpenSSL would otherwise ask the terminal for.
 * asked is a bool * that becomes true. */
int pem_no_passphrase(char *out, int size, int writing, void *asked);

#endif
