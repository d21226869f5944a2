/* SPDX-License-Identifier: ISC */
/* quota.c - see quota.h for the contract.
 *
 * As described in Courier's README.maildirquota: appends are single writes
 * with O_APPEND, a new file is written in tmp/ and renamed into place. */
#include "quota.h"

#include <sys/stat.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char file_name[] = "maildirsize";

/* Read a number off *text. False where none stands, or one too large. */
static bool
take_number(const char **text, const char *end, int64_t *out)
{
	bool negative = *text < end && **text == '-';
	const char *start = *text += negative;
	int64_t value = 0;

	while (*text < end && **text >= '0' && **text <= '9') {
		if (value > (INT64_MAX - 9) / 10)
			return false;
		value = value * 10 + (*(*text)++ - '0');
	}
	*out = negative ? -value : value;
	return *text > start;
}

static bool
take_byte(const char **text, const char *end, char byte)
{
	if (*text == end || **text != byte)
		return false;
	++*text;
	return true;
}

/* "1000000S,1000C": each part once or not at all; others are not known. */
static bool
parse_definition(const char **text, const char *end, struct quota *out)
{
	unsigned seen = 0;

	do {
		int64_t number;
		unsigned part;

		if (take_byte(text, end, '-') ||
		    !take_number(text, end, &number))
			return false;
		part = take_byte(text, end, 'S') ? 1
		    : take_byte(text, end, 'C')	 ? 2
						 : 0;
		if (part == 0 || seen & part)
			return false;
		seen |= part;
		if (part == 1)
			out->octets_max = (uint64_t)number;
		else
			out->messages_max = (uint64_t)number;
	} while (take_byte(text, end, ','));
	return *text == end || take_byte(text, end, '\n');
}

static void
skip_spaces(const char **text, const char *end)
{
	while (take_byte(text, end, ' '))
		continue;
}

bool
quota_parse(const char *text, size_t len, struct quota *out)
{
	const char *end = text + len;

	*out = (struct quota){ 0 };
	out->limited = parse_definition(&text, end, out);
	if (!out->limited)
		return false;
	while (text < end) {
		int64_t octets, messages;

		skip_spaces(&text, end);
		if (!take_number(&text, end, &octets))
			return false;
		skip_spaces(&text, end);
		if (!take_number(&text, end, &messages))
			return false;
		skip_spaces(&text, end);
		if (text < end && !take_byte(&text, end, '\n'))
			return false;
		if (__builtin_add_overflow(out->octets, octets, &out->octets) ||
		    __builtin_add_overflow(
			out->messages, messages, &out->messages))
			return false;
	}
	return true;
}

bool
quota_fits(const struct quota *quota, uint64_t octets)
{
	uint64_t used = quota->octets < 0 ? 0 : (uint64_t)quota->octets;
	uint64_t count = quota->messages < 0 ? 0 : (uint64_t)quota->messages;

	if (!quota->limited)
		return true;
	if (quota->octets_max > 0 &&
	    (used >= quota->octets_max || octets > quota->octets_max - used))
		return false;
	return quota->messages_max == 0 || count < quota->messages_max;
}

/* The size of a message: from ",S=" in its name, or from the file. */
static int64_t
message_size(int directory_fd, const char *name)
{
	const char *mark = strstr(name, ",S=");
	const char *end = name + strlen(name);
	struct stat st;
	int64_t size;

	if (mark != NULL && (mark += 3) && take_number(&mark, end, &size) &&
	    size >= 0)
		return size;
	return fstatat(directory_fd, name, &st, 0) == 0 ? st.st_size : 0;
}

/* Whether the name of a message in cur/ carries the flag T, trashed. */
static bool
is_trashed(const char *name)
{
	const char *flags = strstr(name, ":2,");

	return flags != NULL && strchr(flags, 'T') != NULL;
}

/* Open directory_fd/name to read. NULL with errno. */
static DIR *
open_directory(int directory_fd, const char *name)
{
	int fd = openat(directory_fd, name,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);

	if (fd >= 0 && directory == NULL) {
		int error = errno;

		close(fd);
		errno = error;
	}
	return directory;
}

/* The next entry, or NULL: with errno 0 at the end. */
static const struct dirent *
next_entry(DIR *directory)
{
	errno = 0;
	return readdir(directory);
}

/* Close it. 0, or -1 with the error as errno. */
static int
end_directory(DIR *directory, int error)
{
	closedir(directory);
	errno = error;
	return error == 0 ? 0 : -1;
}

/* Add the messages of a folder's cur or new, where there is one. 0, or -1 with
 * errno. */
static int
count_messages(int folder_fd, const char *name, struct quota *quota)
{
	DIR *directory = open_directory(folder_fd, name);
	const struct dirent *entry;

	if (directory == NULL)
		return errno == ENOENT ? 0 : -1;
	while ((entry = next_entry(directory)) != NULL) {
		if (entry->d_name[0] == '.' || is_trashed(entry->d_name))
			continue;
		/* Names are the user's to choose: a sum may not overflow. */
		if (__builtin_add_overflow(quota->octets,
			message_size(dirfd(directory), entry->d_name),
			&quota->octets))
			quota->octets = INT64_MAX;
		quota->messages++;
	}
	return end_directory(directory, errno);
}

/* Add the messages of a folder, where it is one. 0, or -1 with errno. */
static int
count_folder(int maildir_fd, const char *name, struct quota *quota)
{
	int fd = openat(
	    maildir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int result, error;

	/* Its owner may have removed it just now. */
	if (fd < 0)
		return errno == ENOTDIR || errno == ELOOP || errno == ENOENT
		    ? 0
		    : -1;
	result = count_messages(fd, "cur", quota) < 0 ||
		count_messages(fd, "new", quota) < 0
	    ? -1
	    : 0;
	error = errno;
	close(fd);
	errno = error;
	return result;
}

/* Count every folder but the trash. 0, or -1 with errno. */
static int
count_all(int maildir_fd, struct quota *quota)
{
	DIR *directory = open_directory(maildir_fd, ".");
	const struct dirent *entry;
	int result = 0;

	if (directory == NULL)
		return -1;
	quota->octets = quota->messages = 0;
	while (result == 0 && (entry = next_entry(directory)) != NULL) {
		if (entry->d_name[0] != '.' ||
		    strcmp(entry->d_name, "..") == 0 ||
		    strcmp(entry->d_name, ".Trash") == 0)
			continue;
		result = count_folder(maildir_fd, entry->d_name, quota);
	}
	return end_directory(directory, errno);
}

/* Write maildirsize anew: the quota and one line with the whole count. 0, or
 * -1. */
static int
write_anew(int maildir_fd, const struct quota *quota, mode_t mode)
{
	char name[64], text[128];
	size_t len = 0;
	int fd;
	bool ok;

	if (quota->octets_max > 0 || quota->messages_max == 0)
		len += (size_t)snprintf(
		    text, sizeof(text), "%" PRIu64 "S", quota->octets_max);
	if (quota->messages_max > 0)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
		    "%s%" PRIu64 "C", len > 0 ? "," : "", quota->messages_max);
	len += (size_t)snprintf(text + len, sizeof(text) - len,
	    "\n%" PRId64 " %" PRId64 "\n", quota->octets, quota->messages);
	(void)snprintf(name, sizeof(name), "tmp/maildirsize.%lld.%ld",
	    (long long)time(NULL), (long)getpid());
	fd = openat(
	    maildir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0)
		return -1;
	ok = write(fd, text, len) == (ssize_t)len;
	ok = close(fd) == 0 && ok &&
	    renameat(maildir_fd, name, maildir_fd, file_name) == 0;
	/* What stays in tmp/ is removed by readers. */
	if (!ok)
		(void)unlinkat(maildir_fd, name, 0);
	return ok ? 0 : -1;
}

/* Open maildirsize. The mailbox may belong to a user of another id: a link of
 * his must not lead us to a file that is not his, nor a FIFO make us wait.
 * Returns a descriptor, or -1 with errno. */
static int
open_file(int maildir_fd, int flags, struct stat *st)
{
	int fd = openat(
	    maildir_fd, file_name, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0 && (fstat(fd, st) < 0 || !S_ISREG(st->st_mode))) {
		close(fd);
		errno = EINVAL;
		fd = -1;
	}
	return fd;
}

/* Read maildirsize into *out; *st tells of the file, *counted whether its
 * counts may be relied on. 0, or -1 with errno. */
static int
read_file(int maildir_fd, struct quota *out, bool *counted, struct stat *st)
{
	char text[QUOTA_FILE_MAX];
	int fd = open_file(maildir_fd, O_RDONLY, st), error;
	ssize_t got;

	if (fd < 0)
		return -1;
	got = read(fd, text, sizeof(text));
	error = errno;
	close(fd);
	errno = error;
	if (got < 0)
		return -1;
	*counted = quota_parse(text, (size_t)got, out) && got < QUOTA_FILE_MAX;
	if (out->limited)
		return 0;
	errno = EINVAL;
	return -1;
}

/* As quota_load(), with *counted and *st of the file, where there is one. */
static int
load(int maildir_fd, struct quota *out, bool *counted, struct stat *st)
{
	if (read_file(maildir_fd, out, counted, st) == 0)
		return 0;
	*out = (struct quota){ 0 };
	return errno == ENOENT ? 0 : -1;
}

int
quota_load(int maildir_fd, struct quota *out)
{
	struct stat st;
	bool counted;

	return load(maildir_fd, out, &counted, &st);
}

int
quota_read(int maildir_fd, uint64_t octets, struct quota *out)
{
	struct stat st = { 0 };
	bool counted = false;

	if (load(maildir_fd, out, &counted, &st) < 0)
		return -1;
	if (!out->limited)
		return 0;
	if (counted &&
	    (quota_fits(out, octets) || time(NULL) - st.st_mtime < QUOTA_AGE))
		return 0;
	if (count_all(maildir_fd, out) < 0)
		return -1;
	/* The count holds even where it cannot be written down. */
	(void)write_anew(maildir_fd, out, st.st_mode & 0666);
	return 0;
}

int
quota_add(int maildir_fd, uint64_t octets)
{
	char text[64], last = '\n';
	struct stat st;
	int fd = open_file(maildir_fd, O_RDWR | O_APPEND, &st);
	int len, result;

	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	/* Whoever wrote the quota by hand may have left out the line end. */
	if (st.st_size > 0 && pread(fd, &last, 1, st.st_size - 1) < 0)
		last = '\n';
	len = snprintf(text, sizeof(text), "%s%" PRIu64 " 1\n",
	    last == '\n' ? "" : "\n", octets);
	errno = ENOSPC; /* what it means if only a part is written */
	result = write(fd, text, (size_t)len) == len ? 0 : -1;
	return close(fd) < 0 ? -1 : result;
}
