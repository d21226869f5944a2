/* SPDX-License-Identifier: ISC */
/* users.h - the users of a password file: does a password fit one, and which
 * keys has he. Of one who is not there the same is told, in the same time, as
 * of one who is there and got it wrong. Knows no mechanism. */
#ifndef USERS_H
#define USERS_H

#include <stdbool.h>

#include "passwords.h"

struct sasl;

enum { USERS_TEXT_MAX = 511 };

struct users {
	const char *path; /* of the password file */
	const struct sasl *sasl;
	char text[USERS_TEXT_MAX + 1]; /* of a -1, or of a bad line; or "" */
	bool bad;		       /* a line of the file is none */
};

/* Which kinds of lines there are: has[kind]. False, and users->text, where the
 * file cannot be read. Needs no sasl. */
bool users_kinds(struct users *users, bool has[PASSWORDS_KINDS]);

/* Whether the password is that of the user: it fits one of his lines. 1, and
 * out is his name as the file writes it; 0; or -1 and users->text where that
 * cannot be found out. */
int users_verify(struct users *users, const char *name, const char *password,
    char out[PASSWORDS_USER_MAX + 1]);

/* The keys of a user for SCRAM. 1, or 0 where he has none: then they are keys
 * that fit no password and look the same each time; or -1 and users->text. The
 * caller wipes *out. */
int users_keys(struct users *users, const char *name, enum passwords_kind kind,
    struct passwords_entry *out);

#endif
