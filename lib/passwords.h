/* SPDX-License-Identifier: ISC */
/* passwords.h - the password file: lines "user:hash".
 *
 * A hash is one of crypt(5): yescrypt, bcrypt, sha512crypt, sha256crypt; or
 * the keys of SCRAM (RFC 5803):
 *
 *     SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY
 *
 * and the same with SCRAM-SHA-1, in base64. A user has at most one line of
 * each of the three kinds; of two the first counts. Empty lines, and those
 * that begin with "#", count for nothing. Names of users are UTF-8, and
 * compared without regard to the case of ASCII letters.
 *
 * The file is read anew each time, from end to end, whoever is asked for: a
 * change counts at once, and time tells nothing about who is in it. Knows
 * hashes by their looks alone: lib/hash.h computes them. */
#ifndef PASSWORDS_H
#define PASSWORDS_H

#include <stdbool.h>
#include <stddef.h>

enum {
	PASSWORDS_FILE_MAX = 64 << 20, /* octets of the file */
	PASSWORDS_LINE_MAX = 1023,     /* of a line, without its end */
	PASSWORDS_USER_MAX = 320,      /* of a name: an address fits */
	PASSWORDS_HASH_MAX = 255,      /* of a hash of crypt(5) */
	PASSWORDS_SALT_MIN = 8,	       /* octets of a salt of SCRAM */
	PASSWORDS_SALT_MAX = 64,
	PASSWORDS_KEY_MAX = 32,		    /* of a key of SCRAM */
	PASSWORDS_ITERATIONS_MIN = 4096,    /* RFC 7677, 4 */
	PASSWORDS_ITERATIONS_MAX = 9999999, /* some seconds */
};

enum passwords_kind {
	PASSWORDS_CRYPT,
	PASSWORDS_SCRAM_SHA_256,
	PASSWORDS_SCRAM_SHA_1,
	PASSWORDS_KINDS, /* how many there are: tables are this long */
};

/* A line. */
struct passwords_entry {
	enum passwords_kind kind;
	char user[PASSWORDS_USER_MAX + 1];
	char hash[PASSWORDS_HASH_MAX + 1]; /* of PASSWORDS_CRYPT */
	/* of SCRAM; keys have passwords_key_len() octets */
	unsigned iterations;
	size_t salt_len;
	unsigned char salt[PASSWORDS_SALT_MAX];
	unsigned char stored_key[PASSWORDS_KEY_MAX];
	unsigned char server_key[PASSWORDS_KEY_MAX];
};

/* The lines of one user, each at the index of its kind. */
struct passwords_user {
	bool has[PASSWORDS_KINDS];
	struct passwords_entry entries[PASSWORDS_KINDS];
};

/* What the file says. Holds secrets: the caller wipes it. */
struct passwords {
	struct passwords_user own;   /* the lines of whom we asked for */
	struct passwords_user first; /* those of the first user */
	struct passwords_user any;   /* the first line of each kind */
	bool bad;		     /* some line is none */
};

/* Parse a line without its end. 1 and *out for a user, 0 where it counts for
 * nothing, -1 and *why, what a line should be, for anything else. Pure. */
int passwords_parse(const char *line, size_t len, struct passwords_entry *out,
    const char **why);

size_t passwords_key_len(enum passwords_kind kind);

/* Read the file, looking for a user (NULL for none). False, and text, where it
 * cannot be read, or others could. Where it can but a line is bad, text tells
 * the first such that was met: it lets nobody in, and the others count. Lines
 * of others are looked at no closer than to see what kind they are. */
bool passwords_find(const char *path, const char *user, struct passwords *out,
    char *text, size_t size);

/* Tell each problem of the file, and what is in order, as tls_check() does.
 * Returns how many problems. */
unsigned passwords_check(const char *path,
    void (*say)(void *to, bool problem, const char *text), void *to);

#endif
