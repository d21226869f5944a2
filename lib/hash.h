/* SPDX-License-Identifier: ISC */
/* hash.h - does a password fit a line of the password file, and what is the
 * line for a password: crypt(3) of libcrypt, and the keys of SCRAM (RFC 5802)
 * by GNU SASL. Knows no file and no client. */
#ifndef HASH_H
#define HASH_H

#include <stdbool.h>
#include <stddef.h>

#include "passwords.h"

struct sasl;

enum {
	HASH_PASSWORD_MAX = 511, /* octets, as of crypt(3) */
	HASH_TEXT_MAX = 383,	 /* of what hash_make() writes */
	HASH_ITERATIONS = 10000, /* of SCRAM keys that we make: each costs a
				  * client on a telephone as much as us */
	HASH_SALT = 16,		 /* octets of their salt */
};

/* Whether the password fits the entry: 1 or 0, in the same time; -1, and text,
 * where that cannot be found out. */
int hash_verify(const struct sasl *sasl, const struct passwords_entry *entry,
    const char *password, char *text, size_t size);

/* Make keys that fit no password, for a user whom the file does not know: what
 * a client sees of them, salt and iterations, looks as if it were of entry, and
 * is the same each time. Made of the name and of the keys of entry, which only
 * those know who have read the file. False where memory ends. */
bool hash_pretend(const struct sasl *sasl, const struct passwords_entry *entry,
    const char *user, struct passwords_entry *out);

/* Write what stands after "user:" for a password: kind is one of "yescrypt",
 * "bcrypt", "sha512", "scram-sha-256", "scram-sha-1". False, and text, where
 * that cannot be done. */
bool hash_make(const struct sasl *sasl, const char *kind, const char *password,
    char out[HASH_TEXT_MAX + 1], char *text, size_t size);

/* Whether there is a kind of that name. */
bool hash_is_kind(const char *kind);

/* Whether libcrypt can be loaded; else text says why. */
bool hash_check(char *text, size_t size);

#endif
