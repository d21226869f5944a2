/* SPDX-License-Identifier: ISC */
/* passwords.c - see passwords.h for the contract. */
#include "passwords.h"

#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "address.h"
#include "base64.h"

enum { BUFFER = 64 << 10 }; /* octets read at once; holds a line */

static const char not_a_line[] =
    "a line is \"user:hash\", a comment begins with \"#\"";
static const char not_a_user[] =
    "the user is not 1 to 320 octets of UTF-8 without control characters or "
    "spaces around";
static const char not_a_hash[] =
    "the hash is none that counts: yescrypt ($y$), bcrypt ($2b$), sha512 "
    "($6$), sha256 ($5$), or SCRAM-SHA-256$... or SCRAM-SHA-1$..., as "
    "smtpd --hash-password prints";
static const char not_keys[] =
    "SCRAM keys are SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY in "
    "base64, with 4096 to 9999999 iterations and 8 to 64 octets of salt";
static const char too_long[] = "the line is longer than 1023 octets";

size_t
passwords_key_len(enum passwords_kind kind)
{
	static const size_t lengths[PASSWORDS_KINDS] = {
		[PASSWORDS_SCRAM_SHA_256] = 32,
		[PASSWORDS_SCRAM_SHA_1] = 20,
	};

	return lengths[kind];
}

static bool
is_user(const char *text, size_t len)
{
	if (len == 0 || len > PASSWORDS_USER_MAX || text[0] == ' ' ||
	    text[len - 1] == ' ' || !address_is_utf8(text, len))
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned char byte = (unsigned char)text[i];

		/* U+0080 to U+009F are controls too. */
		if (byte < ' ' || byte == 127 ||
		    (byte == 0xc2 && (unsigned char)text[i + 1] < 0xa0))
			return false;
	}
	return true;
}

/* The hashes that count: all of them withstand guessing. */
static const struct hash {
	const char *start;
	enum passwords_kind kind;
	size_t end; /* of PASSWORDS_CRYPT: octets after the last "$" */
} hashes[] = {
	{ "SCRAM-SHA-256$", PASSWORDS_SCRAM_SHA_256, 0 },
	{ "SCRAM-SHA-1$", PASSWORDS_SCRAM_SHA_1, 0 },
	{ "$y$", PASSWORDS_CRYPT, 43 },
	{ "$6$", PASSWORDS_CRYPT, 86 },
	{ "$2b$", PASSWORDS_CRYPT, 53 },
	{ "$2y$", PASSWORDS_CRYPT, 53 },
	{ "$2a$", PASSWORDS_CRYPT, 53 },
	{ "$5$", PASSWORDS_CRYPT, 43 },
};

/* Which of them it is, by its start; or NULL. */
static const struct hash *
find_hash(const char *text, size_t len)
{
	for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++)
		if (len >= strlen(hashes[i].start) &&
		    memcmp(text, hashes[i].start, strlen(hashes[i].start)) == 0)
			return &hashes[i];
	return NULL;
}

/* Whether it is all of a hash of crypt(5): what lacks its end would never fit,
 * which nobody would understand. */
static bool
is_crypt(const struct hash *hash, const char *text, size_t len)
{
	size_t dollars = 0, end = 0;

	if (len > PASSWORDS_HASH_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		char byte = text[i];

		if (byte == '$') {
			dollars++;
			end = i + 1;
		} else if (!(byte >= '.' && byte <= '9') &&
		    !(byte >= 'A' && byte <= 'Z') &&
		    !(byte >= 'a' && byte <= 'z') && byte != '=') {
			return false;
		}
	}
	return dollars >= 3 && len - end == hash->end;
}

/* Cut text up to a byte off *text. False where it does not occur. */
static bool
cut(const char **text, size_t *len, char end, const char **out, size_t *out_len)
{
	const char *at = memchr(*text, end, *len);

	if (at == NULL)
		return false;
	*out = *text;
	*out_len = (size_t)(at - *text);
	*text = at + 1;
	*len -= *out_len + 1;
	return true;
}

static bool
take_key(const char *text, size_t len, enum passwords_kind kind,
    unsigned char out[PASSWORDS_KEY_MAX])
{
	size_t key_len = passwords_key_len(kind);

	return base64_decode(text, len, out, key_len) == (long)key_len;
}

/* What comes after "SCRAM-SHA-256$". */
static bool
parse_keys(const char *text, size_t len, struct passwords_entry *out)
{
	const char *part;
	size_t part_len;
	uint64_t iterations;
	long salt_len;

	if (!cut(&text, &len, ':', &part, &part_len) ||
	    !address_parse_number(part, part_len, &iterations) ||
	    part[0] == '0' || iterations < PASSWORDS_ITERATIONS_MIN ||
	    iterations > PASSWORDS_ITERATIONS_MAX)
		return false;
	out->iterations = (unsigned)iterations;
	if (!cut(&text, &len, '$', &part, &part_len))
		return false;
	salt_len = base64_decode(part, part_len, out->salt, sizeof(out->salt));
	if (salt_len < PASSWORDS_SALT_MIN)
		return false;
	out->salt_len = (size_t)salt_len;
	return cut(&text, &len, ':', &part, &part_len) &&
	    take_key(part, part_len, out->kind, out->stored_key) &&
	    take_key(text, len, out->kind, out->server_key);
}

static int
parse_hash(
    const char *text, size_t len, struct passwords_entry *out, const char **why)
{
	const struct hash *hash = find_hash(text, len);
	size_t start_len;

	*why = not_a_hash;
	if (hash == NULL)
		return -1;
	out->kind = hash->kind;
	if (hash->kind == PASSWORDS_CRYPT) {
		if (!is_crypt(hash, text, len))
			return -1;
		memcpy(out->hash, text, len);
		out->hash[len] = '\0';
		return 1;
	}
	*why = not_keys;
	start_len = strlen(hash->start);
	return parse_keys(text + start_len, len - start_len, out) ? 1 : -1;
}

int
passwords_parse(
    const char *line, size_t len, struct passwords_entry *out, const char **why)
{
	const char *user;
	size_t user_len;

	if (len == 0 || line[0] == '#')
		return 0;
	*why = too_long;
	if (len > PASSWORDS_LINE_MAX)
		return -1;
	*why = not_a_line;
	if (!cut(&line, &len, ':', &user, &user_len))
		return -1;
	*why = not_a_user;
	if (!is_user(user, user_len))
		return -1;
	memcpy(out->user, user, user_len);
	out->user[user_len] = '\0';
	return parse_hash(line, len, out, why);
}

/* The file, a line at a time. */
struct reader {
	int fd;
	char *buffer;
	size_t at, len; /* what of it is left, and read */
	size_t total;	/* octets of the file up to here */
	bool end;
	unsigned long line; /* the number of the last */
};

/* Read more behind what is left. 0, or -1 with errno. */
static int
fill(struct reader *reader)
{
	ssize_t got;

	memmove(reader->buffer, reader->buffer + reader->at,
	    reader->len - reader->at);
	reader->len -= reader->at;
	reader->at = 0;
	/* No line is as long. What is kept of it is too long still. */
	if (reader->len == BUFFER)
		reader->len = BUFFER / 2;
	do {
		got = read(reader->fd, reader->buffer + reader->len,
		    BUFFER - reader->len);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return -1;
	reader->end = got == 0;
	reader->len += (size_t)got;
	reader->total += (size_t)got;
	errno = EFBIG;
	return reader->total > PASSWORDS_FILE_MAX ? -1 : 0;
}

/* The next line, without its end, until the next call. 1, 0 at the end, or -1
 * with errno. */
static int
next_line(struct reader *reader, const char **line, size_t *len)
{
	for (;;) {
		char *start = reader->buffer + reader->at;
		size_t left = reader->len - reader->at;
		char *lf = memchr(start, '\n', left);

		if (lf != NULL || (reader->end && left > 0)) {
			*line = start;
			*len = lf != NULL ? (size_t)(lf - start) : left;
			reader->at += *len + (lf != NULL);
			reader->line++;
			return 1;
		}
		if (reader->end)
			return 0;
		if (fill(reader) < 0)
			return -1;
	}
}

/* Open the file, which no other user may read or change. Returns a descriptor,
 * or -1 and text. */
static int
open_file(const char *path, char *text, size_t size)
{
	/* A FIFO must not make us wait. */
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		(void)snprintf(
		    text, size, "passwords = %s: %s", path, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		(void)snprintf(text, size, "passwords = %s: not a file", path);
	else if (st.st_mode & (S_IRWXO | S_IWGRP))
		(void)snprintf(text, size,
		    "passwords = %s: others may %s it, so it does not count; "
		    "chmod %s",
		    path, st.st_mode & (S_IWOTH | S_IWGRP) ? "change" : "read",
		    "g-w,o= mends that");
	else
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* What is done with each line. */
typedef void visit(
    void *to, unsigned long number, const char *line, size_t len);

static int
visit_lines(struct reader *reader, visit *each, void *to)
{
	const char *line;
	size_t len;
	int more;

	while ((more = next_line(reader, &line, &len)) > 0)
		each(to, reader->line, line, len);
	return more;
}

/* Call each for every line. False, and text, where that cannot be done. */
static bool
visit_file(const char *path, visit *each, void *to, char *text, size_t size)
{
	struct reader reader = { .fd = open_file(path, text, size) };
	bool done = false;

	if (reader.fd < 0)
		return false;
	reader.buffer = calloc(1, BUFFER);
	if (reader.buffer != NULL) {
		done = visit_lines(&reader, each, to) == 0;
		if (!done)
			(void)snprintf(text, size, "passwords = %s: %s", path,
			    strerror(errno));
		explicit_bzero(reader.buffer, BUFFER);
		free(reader.buffer);
	} else {
		(void)snprintf(
		    text, size, "passwords = %s: %s", path, strerror(errno));
	}
	close(reader.fd); /* only read */
	return done;
}

/* What passwords_find() looks for, and where it puts it. */
struct search {
	const char *path;
	const char *user;  /* or NULL */
	const char *first; /* the name of the first user, or NULL */
	struct passwords *found;
	char *text;
	size_t size;
};

static void
keep(struct passwords_user *user, const struct passwords_entry *entry)
{
	if (user->has[entry->kind])
		return;
	user->has[entry->kind] = true;
	user->entries[entry->kind] = *entry;
}

/* Whether text[0..len) is the name. */
static bool
is_user_name(const char *text, size_t len, const char *name)
{
	for (size_t i = 0; i < len; i++)
		if (name[i] == '\0' ||
		    address_lower(text[i]) != address_lower(name[i]))
			return false;
	return name[len] == '\0';
}

/* Whether a line has to be looked at more closely. Not if it looks well and is
 * of neither user: of a hundred thousand that would take a while. */
static bool
is_wanted(const struct search *search, const char *line, size_t len)
{
	const struct hash *hash;
	const char *user;
	size_t user_len;

	if (len == 0 || line[0] == '#')
		return false;
	if (search->first == NULL || !cut(&line, &len, ':', &user, &user_len))
		return true;
	hash = find_hash(line, len);
	return hash == NULL || !search->found->any.has[hash->kind] ||
	    is_user_name(user, user_len, search->first) ||
	    (search->user != NULL &&
		is_user_name(user, user_len, search->user));
}

static void
keep_entry(struct search *search, const struct passwords_entry *entry)
{
	struct passwords *found = search->found;
	size_t len = strlen(entry->user);

	keep(&found->any, entry);
	if (search->first == NULL)
		search->first = found->any.entries[entry->kind].user;
	if (is_user_name(entry->user, len, search->first))
		keep(&found->first, entry);
	if (search->user != NULL &&
	    is_user_name(entry->user, len, search->user))
		keep(&found->own, entry);
}

static void
search_line(void *to, unsigned long number, const char *line, size_t len)
{
	struct search *search = to;
	struct passwords_entry entry;
	const char *why;
	int result;

	if (!is_wanted(search, line, len))
		return;
	result = passwords_parse(line, len, &entry, &why);
	if (result > 0)
		keep_entry(search, &entry);
	explicit_bzero(&entry, sizeof(entry));
	if (result >= 0 || search->found->bad)
		return;
	search->found->bad = true;
	(void)snprintf(search->text, search->size, "passwords = %s:%lu: %s",
	    search->path, number, why);
}

bool
passwords_find(const char *path, const char *user, struct passwords *out,
    char *text, size_t size)
{
	struct search search = {
		.path = path,
		.user = user,
		.found = out,
		.text = text,
		.size = size,
	};

	*out = (struct passwords){ 0 };
	return visit_file(path, search_line, &search, text, size);
}

/* A line as passwords_check() remembers it, to find those that are there
 * twice. */
struct mark {
	uint64_t user; /* a hash of the name */
	unsigned long line;
	enum passwords_kind kind;
};

struct inspection {
	const char *path;
	void (*say)(void *to, bool problem, const char *text);
	void *to;
	unsigned problems;
	struct mark *marks;
	size_t len, max;
	bool full; /* no memory for more of them */
};

/* FNV-1a, of the name in lower case. */
static uint64_t
hash_name(const char *name)
{
	uint64_t hash = 0xcbf29ce484222325;

	for (; *name != '\0'; name++) {
		hash ^= (unsigned char)address_lower(*name);
		hash *= 0x100000001b3;
	}
	return hash;
}

static void
complain(struct inspection *inspection, unsigned long line, const char *why)
{
	char text[1024];

	(void)snprintf(text, sizeof(text), "passwords = %s:%lu: %s",
	    inspection->path, line, why);
	inspection->say(inspection->to, true, text);
	inspection->problems++;
}

/* Keep a mark. Where there is no memory for more, none are kept any more. */
static void
add_mark(struct inspection *inspection, struct mark mark)
{
	if (inspection->len == inspection->max) {
		size_t max = 2 * inspection->max + 64;
		struct mark *more =
		    realloc(inspection->marks, max * sizeof(*more));

		inspection->full = more == NULL;
		if (more == NULL)
			return;
		inspection->marks = more;
		inspection->max = max;
	}
	inspection->marks[inspection->len++] = mark;
}

static void
inspect_line(void *to, unsigned long number, const char *line, size_t len)
{
	struct inspection *inspection = to;
	struct passwords_entry entry;
	const char *why;
	int result = passwords_parse(line, len, &entry, &why);

	if (result < 0)
		complain(inspection, number, why);
	if (result > 0 && !inspection->full)
		add_mark(inspection,
		    (struct mark){
			.user = hash_name(entry.user),
			.line = number,
			.kind = entry.kind,
		    });
	explicit_bzero(&entry, sizeof(entry));
}

static int
compare_marks(const void *one, const void *other)
{
	const struct mark *a = one, *b = other;

	if (a->user != b->user)
		return a->user < b->user ? -1 : 1;
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	return a->line < b->line ? -1 : a->line > b->line;
}

/* Complain of the second lines of one kind for one user. Returns how many
 * users there are. */
static size_t
inspect_twice(struct inspection *inspection)
{
	size_t users = 0;

	if (inspection->len > 0)
		qsort(inspection->marks, inspection->len,
		    sizeof(*inspection->marks), compare_marks);
	for (size_t i = 0; i < inspection->len; i++) {
		const struct mark *mark = &inspection->marks[i];
		bool again = i > 0 && mark[-1].user == mark->user;

		users += !again;
		if (again && mark[-1].kind == mark->kind)
			complain(inspection, mark->line,
			    "the user has another line of this kind above, "
			    "and that one counts");
	}
	return users;
}

unsigned
passwords_check(const char *path,
    void (*say)(void *to, bool problem, const char *text), void *to)
{
	struct inspection inspection = { .path = path, .say = say, .to = to };
	char text[1024];
	bool read =
	    visit_file(path, inspect_line, &inspection, text, sizeof(text));
	size_t users = inspect_twice(&inspection);

	free(inspection.marks);
	if (!read) {
		say(to, true, text);
		return inspection.problems + 1;
	}
	(void)snprintf(text, sizeof(text),
	    "passwords = %s: %zu users, %zu lines", path, users,
	    inspection.len);
	say(to, false, text);
	return inspection.problems;
}
