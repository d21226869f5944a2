/* SPDX-License-Identifier: ISC */
/* rate.c - see rate.h for the contract.
 *
 * A file is one line of a fixed length, so that writing it again leaves
 * nothing of the line before:
 *
 *   rate 1 START MESSAGES BEFORE RECIPIENTS BEFORE
 *
 * with the second at which the current window began, and how many there were
 * of each kind in it and in the one before. */
#include "rate.h"

#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "address.h"

enum {
	DIGITS = 15,   /* of a number: its product with RATE_WINDOW fits */
	TRIES_MAX = 8, /* at a call that is interrupted; at a file that is
			* removed while it is opened */
	CURRENT = 0,
	BEFORE = 1,
	WINDOWS,
};

static const char version[] = "rate 1";

enum {
	NUMBERS = 1 + RATE_KINDS * WINDOWS,
	RECORD_LEN = sizeof(version) + (size_t)NUMBERS * (1 + DIGITS),
};

struct record {
	uint64_t start;
	uint64_t count[RATE_KINDS][WINDOWS];
};

/* --- the name of a file --- */

static bool
is_plain(char byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') ||
	    (byte != '\0' && strchr("@_-+=", byte) != NULL);
}

/* One octet of a name. A dot is plain, but at the start, where it makes "..",
 * or hides the file. Returns how many octets it became. */
static size_t
put_octet(char *out, char byte, bool first)
{
	static const char digits[] = "0123456789ABCDEF";
	unsigned char octet = (unsigned char)byte;

	if (is_plain(byte) || (byte == '.' && !first)) {
		out[0] = byte;
		return 1;
	}
	out[0] = '%';
	out[1] = digits[octet >> 4];
	out[2] = digits[octet & 15];
	return 3;
}

/* FNV-1a of 64 bits. Users are those that the operator made, so nobody seeks
 * another with the same hash. */
static uint64_t
hash(const char *user)
{
	uint64_t value = 0xcbf29ce484222325;

	for (; *user != '\0'; user++) {
		value ^= (unsigned char)address_lower(*user);
		value *= 0x100000001b3;
	}
	return value;
}

/* The file of a user: his name, percent-encoded; of a long one the beginning
 * and a hash. "%" before anything but two digits is in no other name. */
static void
make_name(const char *user, char out[RATE_NAME_MAX + 1])
{
	enum { HASH_LEN = sizeof("%-0123456789abcdef") - 1, OCTET_LEN = 3 };
	size_t len = 0, at = 0;

	for (; user[at] != '\0' && len <= RATE_NAME_MAX - OCTET_LEN; at++)
		len += put_octet(out + len, address_lower(user[at]), at == 0);
	if (user[at] == '\0' && len > 0)
		out[len] = '\0';
	else if (len == 0)
		memcpy(out, "%", sizeof("%"));
	else
		(void)snprintf(out + RATE_NAME_MAX - HASH_LEN, HASH_LEN + 1,
		    "%%-%016" PRIx64, hash(user));
}

/* --- a record --- */

/* Parse a line. False where it is damaged, or of another version. */
static bool
parse(const char text[RECORD_LEN], struct record *out)
{
	const char *at = text + sizeof(version) - 1;
	uint64_t number[NUMBERS];

	if (memcmp(text, version, sizeof(version) - 1) != 0 ||
	    text[RECORD_LEN - 1] != '\n')
		return false;
	for (size_t i = 0; i < NUMBERS; i++, at += 1 + DIGITS)
		if (*at != ' ' ||
		    !address_parse_number(at + 1, DIGITS, &number[i]))
			return false;
	out->start = number[0];
	memcpy(out->count, number + 1, sizeof(out->count));
	return out->start % RATE_WINDOW == 0;
}

static void
print(const struct record *record, char out[RECORD_LEN + 1])
{
	(void)snprintf(out, RECORD_LEN + 1,
	    "%s %0*" PRIu64 " %0*" PRIu64 " %0*" PRIu64 " %0*" PRIu64
	    " %0*" PRIu64 "\n",
	    version, DIGITS, record->start, DIGITS,
	    record->count[RATE_MESSAGES][CURRENT], DIGITS,
	    record->count[RATE_MESSAGES][BEFORE], DIGITS,
	    record->count[RATE_RECIPIENTS][CURRENT], DIGITS,
	    record->count[RATE_RECIPIENTS][BEFORE]);
}

/* Bring the record to the window of now. Returns how many seconds of it have
 * passed. Whoever waited for the lock may come with a time of the window
 * before, which is then over: he counts in the one that is. */
static uint64_t
advance(struct record *record, time_t now)
{
	uint64_t second = now < 0 ? 0 : (uint64_t)now;
	uint64_t passed = second % RATE_WINDOW;
	uint64_t start = second - passed;

	if (record->start == start)
		return passed;
	if (record->start == start + RATE_WINDOW)
		return 0;
	for (int kind = 0; kind < RATE_KINDS; kind++) {
		uint64_t *count = record->count[kind];

		count[BEFORE] =
		    record->start + RATE_WINDOW == start ? count[CURRENT] : 0;
		count[CURRENT] = 0;
	}
	record->start = start;
	return passed;
}

/* How many of a kind there were in the last hour, as if the window before had
 * had them evenly; rounded up. */
static uint64_t
used(const struct record *record, enum rate_kind kind, uint64_t passed)
{
	const uint64_t *count = record->count[kind];

	return count[CURRENT] +
	    (count[BEFORE] * (RATE_WINDOW - passed) + RATE_WINDOW - 1) /
	    RATE_WINDOW;
}

/* --- the file --- */

/* Tell what is in the way: problem, at a file or (name NULL) the directory. */
static enum verdict
fail(struct rate *rate, const char *name, const char *problem)
{
	(void)snprintf(rate->problem, sizeof(rate->problem), "%s%s%s: %s",
	    rate->directory, name == NULL ? "" : "/", name == NULL ? "" : name,
	    problem); /* may be cut */
	return VERDICT_LATER;
}

static int
open_directory(const char *path)
{
	int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
	int fd = open(path, flags);

	if (fd >= 0 || errno != ENOENT)
		return fd;
	/* Not mkdir(2), which the sandbox lacks. */
	if (mkdirat(AT_FDCWD, path, 0700) < 0 && errno != EEXIST)
		return -1;
	return open(path, flags);
}

/* Wait for the lock. Its owner has it for a few system calls; who is stopped
 * while he has it must not stop everybody: the alarm of a session rings again
 * and again, and then the wait ends with EINTR. */
static int
lock(int fd)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int result = -1;

	for (int try = 0; try < TRIES_MAX && result < 0; try++) {
		result = fcntl(fd, F_SETLKW, &whole);
		if (result < 0 && errno != EINTR)
			break;
	}
	return result;
}

/* 1: the file is locked. 0: it was removed as old after it was opened, and
 * there may be another now. -1 with errno. */
static int
lock_file(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -1;
	if (!S_ISREG(st.st_mode)) {
		errno = EINVAL;
		return -1;
	}
	if (lock(fd) < 0 || fstat(fd, &st) < 0)
		return -1;
	return st.st_nlink > 0;
}

/* Open the file of that name, locked. In the directory are no links and no
 * FIFOs, unless somebody put them there. -1 with errno. */
static int
open_locked(int directory_fd, const char *name)
{
	int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;

	for (int try = 0; try < TRIES_MAX; try++) {
		int fd = openat(directory_fd, name, flags, 0600);
		int locked = fd < 0 ? -1 : lock_file(fd), error = errno;

		if (locked > 0)
			return fd;
		if (fd >= 0)
			close(fd);
		errno = error;
		if (locked < 0)
			return -1;
	}
	errno = EAGAIN;
	return -1;
}

/* Read the record; none in a new file, nor in a damaged one, which is told and
 * cut to the length it should have. 0, or -1 with errno. */
static int
load(struct rate *rate, int fd, const char *name, struct record *out)
{
	char text[RECORD_LEN + 1];
	ssize_t got;

	*out = (struct record){ 0 };
	do
		got = pread(fd, text, sizeof(text), 0);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -1;
	if (got == 0 || (got == RECORD_LEN && parse(text, out)))
		return 0;
	*out = (struct record){ 0 };
	(void)fail(rate, name, "damaged; counting begins anew");
	return ftruncate(fd, RECORD_LEN);
}

/* 0, or -1 with errno. */
static int
save(int fd, const struct record *record)
{
	char text[RECORD_LEN + 1];
	ssize_t put;

	print(record, text);
	do
		put = pwrite(fd, text, RECORD_LEN, 0);
	while (put < 0 && errno == EINTR);
	if (put >= 0 && put != RECORD_LEN)
		errno = ENOSPC; /* what it means if only a part is written */
	return put == RECORD_LEN ? 0 : -1;
}

/* Take one from the file, which is locked. */
static enum verdict
take(struct rate *rate, enum rate_kind kind, int fd, const char *name,
    time_t now)
{
	static const enum verdict too_fast[RATE_KINDS] = {
		[RATE_MESSAGES] = VERDICT_TOO_FAST_MESSAGES,
		[RATE_RECIPIENTS] = VERDICT_TOO_FAST_RECIPIENTS,
	};
	struct record record;
	uint64_t passed;

	if (load(rate, fd, name, &record) < 0)
		return fail(rate, name, strerror(errno));
	passed = advance(&record, now);
	if (used(&record, kind, passed) >= rate->limit[kind])
		return too_fast[kind];
	record.count[kind][CURRENT]++;
	return save(fd, &record) == 0 ? VERDICT_YES
				      : fail(rate, name, strerror(errno));
}

enum verdict
rate_take(struct rate *rate, enum rate_kind kind, const char *user, time_t now)
{
	char name[RATE_NAME_MAX + 1];
	enum verdict verdict;
	int directory_fd, fd;

	rate->problem[0] = '\0';
	if (rate->limit[kind] == 0)
		return VERDICT_YES;
	make_name(user, name);
	directory_fd = open_directory(rate->directory);
	if (directory_fd < 0)
		return fail(rate, NULL, strerror(errno));
	fd = open_locked(directory_fd, name);
	if (fd < 0) {
		verdict = fail(rate, name, strerror(errno));
	} else {
		verdict = take(rate, kind, fd, name, now);
		close(fd); /* which unlocks it */
	}
	close(directory_fd);
	return verdict;
}
