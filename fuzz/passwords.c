/* SPDX-License-Identifier: ISC */
/* The password file as a fuzz target: the input is a name, a line end, and the
 * file.
 *
 * A line that is taken has what the contract says; and the file comes to what
 * its lines come to one by one, which is all that a model here knows. */
#include <sys/mman.h>
#include <sys/stat.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "lib/address.h"
#include "lib/passwords.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition) ((condition) ? (void)0 : fail(#condition, __LINE__))

static void
fail(const char *condition, int line)
{
	(void)fprintf(stderr, "passwords.c:%d: not %s\n", line, condition);
	abort();
}

/* A line from a copy of exactly its size. */
static int
parse(const char *text, size_t len, struct passwords_entry *out)
{
	char *line = malloc(len > 0 ? len : 1);
	const char *why = NULL;
	int result;

	if (line == NULL)
		abort();
	memcpy(line, text, len);
	result = passwords_parse(line, len, out, &why);
	free(line);
	MUST(result >= 0 || why != NULL);
	MUST(result != 0 || len == 0 || text[0] == '#');
	return result;
}

static void
check_entry(const struct passwords_entry *entry)
{
	size_t len = strlen(entry->user);

	MUST(len > 0 && len <= PASSWORDS_USER_MAX);
	MUST(address_is_utf8(entry->user, len));
	MUST(strchr(entry->user, ':') == NULL);
	for (size_t i = 0; i < len; i++)
		MUST((unsigned char)entry->user[i] >= ' ');
	if (entry->kind == PASSWORDS_CRYPT) {
		len = strlen(entry->hash);
		MUST(len >= 47 && len <= PASSWORDS_HASH_MAX);
		MUST(strpbrk(entry->hash, " :\r*!") == NULL);
		MUST(entry->hash[0] == '$' && strchr("y256", entry->hash[1]));
	} else {
		MUST(entry->kind < PASSWORDS_KINDS);
		MUST(entry->iterations >= 4096);
		MUST(entry->salt_len >= 8);
		MUST(entry->salt_len <= PASSWORDS_SALT_MAX);
	}
}

static void
keep(struct passwords_user *user, const struct passwords_entry *entry)
{
	if (!user->has[entry->kind])
		user->entries[entry->kind] = *entry;
	user->has[entry->kind] = true;
}

/* What the lines come to. */
static void
model(const char *text, size_t size, const char *name, struct passwords *out)
{
	static struct passwords_entry entry;
	char first[PASSWORDS_USER_MAX + 1] = "";
	size_t at = 0;

	*out = (struct passwords){ 0 };
	while (at < size) {
		const char *lf = memchr(text + at, '\n', size - at);
		size_t len = lf == NULL ? size - at : (size_t)(lf - text) - at;
		int result;

		memset(&entry, 0, sizeof(entry));
		result = parse(text + at, len, &entry);
		at += len + 1;
		out->bad |= result < 0;
		if (result <= 0)
			continue;
		check_entry(&entry);
		keep(&out->any, &entry);
		if (first[0] == '\0')
			memcpy(first, entry.user, sizeof(first));
		if (strcasecmp(entry.user, first) == 0)
			keep(&out->first, &entry);
		if (strcasecmp(entry.user, name) == 0)
			keep(&out->own, &entry);
	}
}

static void
compare(const struct passwords_user *one, const struct passwords_user *other)
{
	for (int kind = 0; kind < PASSWORDS_KINDS; kind++) {
		const struct passwords_entry *a = &one->entries[kind];
		const struct passwords_entry *b = &other->entries[kind];

		MUST(one->has[kind] == other->has[kind]);
		if (!one->has[kind])
			continue;
		MUST(strcmp(a->user, b->user) == 0);
		if (kind == PASSWORDS_CRYPT) {
			MUST(strcmp(a->hash, b->hash) == 0);
			continue;
		}
		MUST(a->iterations == b->iterations);
		MUST(a->salt_len == b->salt_len);
		MUST(memcmp(a->salt, b->salt, a->salt_len) == 0);
		MUST(memcmp(a->stored_key, b->stored_key,
		    passwords_key_len(a->kind)) == 0);
		MUST(memcmp(a->server_key, b->server_key,
		    passwords_key_len(a->kind)) == 0);
	}
}

static void
count(void *to, bool problem, const char *text)
{
	(void)text;
	*(unsigned *)to += problem;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct passwords expected, found;
	const uint8_t *lf = memchr(data, '\n', size);
	char name[PASSWORDS_USER_MAX + 1] = "", path[64], text[512] = "";
	size_t name_len = lf == NULL ? 0 : (size_t)(lf - data);
	unsigned problems = 0;
	int fd;

	if (lf == NULL || name_len >= sizeof(name))
		return 0;
	memcpy(name, data, name_len);
	fd = memfd_create("passwords", 0);
	if (fd < 0 || fchmod(fd, 0600) < 0 ||
	    write(fd, lf + 1, size - name_len - 1) < 0)
		abort();
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	model((const char *)lf + 1, size - name_len - 1, name, &expected);
	MUST(passwords_find(path, name, &found, text, sizeof(text)));
	MUST(expected.bad || !found.bad);
	MUST(found.bad == (text[0] != '\0'));
	compare(&expected.any, &found.any);
	compare(&expected.first, &found.first);
	compare(&expected.own, &found.own);
	MUST(passwords_check(path, count, &problems) == problems);
	MUST(problems > 0 || !expected.bad);
	close(fd);
	return 0;
}
