/* SPDX-License-Identifier: ISC */
/* users.c - see users.h for the contract. */
#include "users.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"

/* Read the file, looking for a user. NULL, and text, where that cannot be
 * done. */
static struct passwords *
read_file(struct users *users, const char *name)
{
	struct passwords *passwords = malloc(sizeof(*passwords));

	users->text[0] = '\0';
	users->bad = false;
	if (passwords == NULL) {
		(void)snprintf(
		    users->text, sizeof(users->text), "out of memory");
		return NULL;
	}
	if (passwords_find(users->path, name, passwords, users->text,
		sizeof(users->text))) {
		users->bad = passwords->bad;
		return passwords;
	}
	free(passwords);
	return NULL;
}

static void
end(struct passwords *passwords)
{
	explicit_bzero(passwords, sizeof(*passwords));
	free(passwords);
}

bool
users_kinds(struct users *users, bool has[PASSWORDS_KINDS])
{
	struct passwords *passwords = read_file(users, NULL);

	if (passwords == NULL)
		return false;
	memcpy(has, passwords->any.has, sizeof(passwords->any.has));
	end(passwords);
	return true;
}

/* Whether a password fits any of the lines. All are tried, whichever fits:
 * time tells nothing. */
static int
verify_lines(struct users *users, const struct passwords_user *user,
    const char *password)
{
	char text[USERS_TEXT_MAX + 1];
	int fits = 0;

	for (size_t i = 0; i < PASSWORDS_KINDS; i++) {
		int one = user->has[i]
		    ? hash_verify(users->sasl, &user->entries[i], password,
			  text, sizeof(text))
		    : 0;

		if (one < 0) {
			memcpy(users->text, text, sizeof(text));
			return -1;
		}
		fits |= one;
	}
	return fits;
}

/* The name in any of the lines: there it is written as it should be. NULL where
 * there is none. */
static const char *
name_of(const struct passwords_user *user)
{
	for (size_t i = 0; i < PASSWORDS_KINDS; i++)
		if (user->has[i])
			return user->entries[i].user;
	return NULL;
}

int
users_verify(struct users *users, const char *name, const char *password,
    char out[PASSWORDS_USER_MAX + 1])
{
	struct passwords *passwords = read_file(users, name);
	const char *known;
	int fits;

	if (passwords == NULL)
		return -1;
	/* One who is not there costs as much as the first who is. */
	known = name_of(&passwords->own);
	fits = verify_lines(users,
	    known != NULL ? &passwords->own : &passwords->first, password);
	/* Nobody is known by saying nothing. */
	if (fits == 1 && (known == NULL || password[0] == '\0'))
		fits = 0;
	if (fits == 1)
		(void)snprintf(out, PASSWORDS_USER_MAX + 1, "%s", known);
	end(passwords);
	return fits;
}

int
users_keys(struct users *users, const char *name, enum passwords_kind kind,
    struct passwords_entry *out)
{
	struct passwords *passwords = read_file(users, name);
	int result = -1;

	if (passwords == NULL)
		return -1;
	/* They are always made up, and so cost nobody more. */
	if (!passwords->any.has[kind]) {
		(void)snprintf(users->text, sizeof(users->text),
		    "passwords = %s: no line has SCRAM keys any more",
		    users->path);
	} else if (!hash_pretend(
		       users->sasl, &passwords->any.entries[kind], name, out)) {
		(void)snprintf(
		    users->text, sizeof(users->text), "out of memory");
	} else {
		result = passwords->own.has[kind];
		if (result == 1)
			*out = passwords->own.entries[kind];
	}
	end(passwords);
	return result;
}
