/* SPDX-License-Identifier: ISC */
/* store.c - see store.h for the contract. */
#include "store.h"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/beneath.h"
#include "lib/quota.h"

enum { SUBPATH_MAX = MAILBOX_PATH_MAX + 8 }; /* and "/new" */

/* What a failed system call means to the client (RFC 3463). */
static enum verdict
verdict_of(int error)
{
	switch (error) {
	case ENOSPC:
		return VERDICT_NO_SPACE;
	case EDQUOT:
		return VERDICT_OVER_QUOTA;
	case EFBIG:
		return VERDICT_TOO_BIG;
	case EACCES:
	case EPERM:
	case ELOOP:
	case EXDEV:
	case ENOTDIR:
		return VERDICT_MISCONFIGURED;
	default:
		return VERDICT_LATER;
	}
}

/* Note a failed call for the log and say what it means. Keeps errno. */
static enum verdict
failed(struct store *store, const char *call, const char *path)
{
	int error = errno;

	(void)snprintf(store->problem, sizeof(store->problem), "%s %s: %s",
	    call, path, strerror(error)); /* may be cut */
	errno = error;
	return verdict_of(error);
}

void
store_init(struct store *store, int root_fd, const char *hostname,
    unsigned mailboxes_max, bool reject_over_quota)
{
	/* All but the buffer: its pages stay untouched until they are used. */
	memset(store, 0, offsetof(struct store, buffer));
	store->root_fd = root_fd;
	store->hostname = hostname;
	store->mailboxes_max = mailboxes_max;
	store->reject_over_quota = reject_over_quota;
	store->file = (struct store_file){ .fd = -1, .tmp_fd = -1 };
}

enum verdict
store_room(struct store *store, uint64_t size)
{
	struct statvfs fs;

	if (size == 0 || store->root_fd < 0)
		return VERDICT_YES;
	if (fstatvfs(store->root_fd, &fs) < 0)
		return failed(store, "statvfs", "domains directory");
	/* No blocks at all: a file system that does not know its size. */
	if (fs.f_blocks == 0 || fs.f_frsize == 0 ||
	    size / fs.f_frsize < fs.f_bavail)
		return VERDICT_YES;
	errno = ENOSPC;
	return failed(store, "SIZE", "domains directory");
}

/* --- recipients --- */

/* Room for one more element in a growing array. False: no memory. */
static bool
grow(void **array, size_t len, size_t *max, size_t size)
{
	size_t more = *max == 0 ? 1 : *max * 2;
	void *grown;

	if (len < *max)
		return true;
	grown = reallocarray(*array, more, size);
	if (grown == NULL)
		return false;
	*array = grown;
	*max = more;
	return true;
}

/* Open the mailbox itself, of which the target may be a folder, and set path to
 * its name. A descriptor, or -1 with errno. */
static int
open_mailbox(const struct store *store, const struct mailbox_target *target,
    char path[MAILBOX_PATH_MAX])
{
	memcpy(path, target->path, target->root_len);
	path[target->root_len] = '\0';
	return beneath_open(store->root_fd, path, O_RDONLY | O_DIRECTORY, 0);
}

static enum verdict
check_quota(struct store *store, const struct mailbox_target *target,
    uint64_t size, bool *limited)
{
	char path[MAILBOX_PATH_MAX];
	struct quota quota;
	int fd = open_mailbox(store, target, path);

	if (fd < 0)
		return failed(store, "open", path);
	if (quota_read(fd, size, &quota) < 0) {
		enum verdict verdict = failed(store, "maildirsize of", path);

		if (errno == EINVAL)
			verdict = VERDICT_MISCONFIGURED;
		close(fd);
		return verdict;
	}
	close(fd);
	*limited = quota.limited;
	if (quota_fits(&quota, size))
		return VERDICT_YES;
	(void)snprintf(
	    store->problem, sizeof(store->problem), "%s: over quota", path);
	return store->reject_over_quota ? VERDICT_OVER_QUOTA_NEVER
					: VERDICT_OVER_QUOTA;
}

/* The index of a Maildir in the transaction, which it joins if it is new. */
static enum verdict
join_target(struct store *store, const struct mailbox_target *target,
    uint64_t size, size_t *index)
{
	struct mailbox_list *list = &store->list;
	bool limited = false;
	enum verdict verdict;

	for (size_t i = 0; i < list->len; i++)
		if (list->targets[i].ino == target->ino &&
		    list->targets[i].dev == target->dev) {
			*index = i;
			return VERDICT_YES;
		}
	if (list->len >= store->mailboxes_max)
		return VERDICT_TOO_MANY;
	verdict = check_quota(store, target, size, &limited);
	if (verdict != VERDICT_YES)
		return verdict;
	if (!grow((void **)&store->targets, list->len, &store->targets_max,
		sizeof(*store->targets)) ||
	    !grow((void **)&list->targets, list->len, &list->max,
		sizeof(*list->targets)))
		return failed(store, "memory for", target->path);
	*index = list->len;
	list->targets[list->len] = *target;
	store->targets[list->len] = (struct store_target){
		.new_fd = -1,
		.limited = limited,
	};
	list->len++;
	return VERDICT_YES;
}

enum verdict
store_recipient(
    struct store *store, const struct mailbox_list *list, uint64_t size)
{
	size_t targets_before = store->list.len;
	size_t pairs_before = store->pairs_len;
	enum verdict verdict = VERDICT_YES;

	if (!grow((void **)&store->outcomes, store->recipients,
		&store->outcomes_max, sizeof(*store->outcomes)))
		return failed(store, "memory for", "a recipient");
	store->outcomes[store->recipients] = VERDICT_YES;
	for (size_t i = 0; i < list->len && verdict == VERDICT_YES; i++) {
		size_t index = 0;

		verdict = join_target(store, &list->targets[i], size, &index);
		if (verdict != VERDICT_YES)
			break;
		if (!grow((void **)&store->pairs, store->pairs_len,
			&store->pairs_max, sizeof(*store->pairs))) {
			verdict =
			    failed(store, "memory for", list->targets[i].path);
			break;
		}
		store->pairs[store->pairs_len++] = (struct store_pair){
			.recipient = store->recipients,
			.target = (unsigned)index,
		};
	}
	if (verdict == VERDICT_YES) {
		store->recipients++;
	} else {
		store->list.len = targets_before;
		store->pairs_len = pairs_before;
	}
	return verdict;
}

/* --- the file --- */

/* A set-group-id mailbox belongs to a system user: its files get its group,
 * and the group may do with them what it may do with the directory. */
static mode_t
file_mode(const struct mailbox_target *target)
{
	return target->mode & S_ISGID ? 0600 | (target->mode & 0060) : 0600;
}

static gid_t
file_gid(const struct mailbox_target *target)
{
	return target->mode & S_ISGID ? target->gid : (gid_t)-1;
}

static bool
fits(const struct store_file *file, const struct mailbox_target *target)
{
	return file->dev == target->dev && file->gid == file_gid(target) &&
	    file->mode == file_mode(target);
}

static void
subpath(char path[SUBPATH_MAX], const struct mailbox_target *target,
    const char *name)
{
	(void)snprintf(path, SUBPATH_MAX, "%s/%s", target->path, name);
}

/* 0, or -1 with errno. EINVAL: the file system keeps its directories in order
 * without being told, or cannot at all; waiting would not change that. */
static int
sync_directory(int fd)
{
	return fsync(fd) == 0 || errno == EINVAL ? 0 : -1;
}

/* Make the missing ones of cur, new and tmp as the mailbox itself is made,
 * durably; never the mailbox. 0, or -1 with errno. */
static int
make_subdirectories(struct store *store, const struct mailbox_target *target)
{
	static const char *const names[] = { "cur", "new", "tmp" };
	int fd = beneath_open(
	    store->root_fd, target->path, O_RDONLY | O_DIRECTORY, 0);
	int result = fd < 0 ? -1 : 0;

	for (size_t i = 0; i < 3 && result == 0; i++)
		if (mkdirat(fd, names[i], target->mode & 0777) < 0 &&
		    errno != EEXIST)
			result = -1;
	if (result == 0)
		result = sync_directory(fd);
	if (fd >= 0) {
		int error = errno;

		close(fd);
		errno = error;
	}
	return result;
}

/* Open a subdirectory of a Maildir, or a file in one with O_TMPFILE; makes the
 * subdirectories where they are missing. -1 with errno. */
static int
open_in(struct store *store, const struct mailbox_target *target,
    const char *name, int flags, mode_t mode)
{
	char path[SUBPATH_MAX];
	int fd;

	subpath(path, target, name);
	fd = beneath_open(store->root_fd, path, flags, mode);
	if (fd >= 0 || errno != ENOENT)
		return fd;
	if (make_subdirectories(store, target) < 0)
		return -1;
	return beneath_open(store->root_fd, path, flags, mode);
}

static bool
lacks_tmpfile(int error)
{
	return error == EOPNOTSUPP || error == EISDIR || error == EINVAL ||
	    error == ENOSYS;
}

/* Close it; a name left in tmp/ goes. In this order: the name of an open file
 * would leave another one behind for a while on NFS and FUSE. Keeps errno. */
static void
drop_file(struct store_file *file)
{
	int error = errno;

	if (file->fd >= 0)
		close(file->fd);
	if (file->tmp_fd >= 0) {
		if (file->name[0] != '\0')
			(void)unlinkat(file->tmp_fd, file->name, 0);
		close(file->tmp_fd);
	}
	*file = (struct store_file){ .fd = -1, .tmp_fd = -1 };
	errno = error;
}

/* A file with a name in tmp/, for file systems without O_TMPFILE, or without
 * hard links. 0, or -1 with errno. */
static int
create_named(struct store *store, const struct mailbox_target *target,
    struct store_file *file)
{
	file->tmp_fd = open_in(store, target, "tmp", O_RDONLY | O_DIRECTORY, 0);
	if (file->tmp_fd < 0)
		return -1;
	/* Not the name it gets in new/: each copy has one of its own. */
	(void)snprintf(file->name, sizeof(file->name), "%lld.%s.%u",
	    (long long)store->seconds, store->id, store->named++);
	file->fd = openat(file->tmp_fd, file->name,
	    O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, file->mode);
	if (file->fd >= 0)
		return 0;
	file->name[0] = '\0'; /* what has that name is not ours */
	drop_file(file);
	return -1;
}

/* A file on the target's file system with its group and mode. 0, or -1 with
 * errno. */
static int
create_file(struct store *store, const struct mailbox_target *target,
    bool named, struct store_file *file)
{
	*file = (struct store_file){
		.fd = -1,
		.tmp_fd = -1,
		.dev = target->dev,
		.home = target->ino,
		.gid = file_gid(target),
		.mode = file_mode(target),
	};
	if (!named) {
		file->fd = open_in(
		    store, target, "tmp", O_TMPFILE | O_RDWR, file->mode);
		if (file->fd >= 0)
			return 0;
		if (!lacks_tmpfile(errno))
			return -1;
	}
	return create_named(store, target, file);
}

enum verdict
store_open(struct store *store, const char *id, time_t seconds)
{
	enum verdict verdict = VERDICT_LATER;

	(void)snprintf(store->id, sizeof(store->id), "%s", id);
	store->seconds = seconds;
	store->size = store->written = store->begun = 0;
	store->buffer_len = 0;
	store->verdict = VERDICT_YES;
	/* A mailbox that is gone by now has its turn at the commit. */
	for (size_t i = 0; i < store->list.len; i++) {
		if (create_file(store, &store->list.targets[i], false,
			&store->file) == 0)
			return VERDICT_YES;
		verdict = failed(
		    store, "create a file in", store->list.targets[i].path);
	}
	return store->verdict = verdict;
}

/* Write all of the vector. 0, or -1 with errno. */
static int
write_all(int fd, struct iovec *vector, int count)
{
	for (;;) {
		ssize_t wrote;

		while (count > 0 && vector->iov_len == 0) {
			vector++;
			count--;
		}
		if (count == 0)
			return 0;
		wrote = writev(fd, vector, count);

		if (wrote < 0 && errno != EINTR)
			return -1;
		if (wrote == 0) {
			errno = EIO;
			return -1;
		}
		for (int i = 0; i < count && wrote > 0; i++) {
			size_t part = (size_t)wrote < vector[i].iov_len
			    ? (size_t)wrote
			    : vector[i].iov_len;

			vector[i].iov_base = (char *)vector[i].iov_base + part;
			vector[i].iov_len -= part;
			wrote -= (ssize_t)part;
		}
	}
}

/* Copy the first size octets of one file to another. 0, or -1 with errno. */
static int
copy_file(int from_fd, int to_fd, uint64_t size)
{
	char buffer[STORE_BUFFER];
	off_t from = 0;

	while ((uint64_t)from < size) {
		uint64_t left = size - (uint64_t)from;
		ssize_t got =
		    copy_file_range(from_fd, &from, to_fd, NULL, left, 0);

		if (got > 0)
			continue;
		/* Not between these two: through memory, then. */
		got = pread(from_fd, buffer,
		    left < sizeof(buffer) ? left : sizeof(buffer), from);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			errno = got == 0 ? EIO : errno;
			return -1;
		}
		if (write_all(
			to_fd, &(struct iovec){ buffer, (size_t)got }, 1) < 0)
			return -1;
		from += got;
	}
	return 0;
}

/* The file has no room for more, and its Maildirs fail with verdict. With a
 * Maildir that another file has to serve, on another disk or for a group with
 * another share of this one, the message goes on there: by LMTP one full disk
 * is not everybody's. False: no such Maildir. */
static bool
change_file(struct store *store, enum verdict verdict)
{
	struct store_file other;

	for (size_t i = 0; i < store->list.len; i++)
		if (fits(&store->file, &store->list.targets[i]))
			store->targets[i].verdict = verdict;
	for (size_t i = 0; i < store->list.len; i++) {
		if (store->targets[i].verdict != VERDICT_YES ||
		    create_file(store, &store->list.targets[i], false, &other) <
			0)
			continue;
		if (copy_file(store->file.fd, other.fd, store->written) == 0) {
			drop_file(&store->file);
			store->file = other;
			store->begun = 0;
			return true;
		}
		drop_file(&other);
	}
	return false;
}

/* Let the disk begin with what was written of a long message, while the client
 * still sends: then the sync at its end is short. Only a hint, so it may fail.
 * 25 MiB took 47 ms without, of which the sync took 18. */
static void
write_ahead(struct store *store)
{
	off_t from = (off_t)store->begun;

	if (store->written - store->begun < STORE_AHEAD)
		return;
	(void)sync_file_range(store->file.fd, from,
	    (off_t)store->written - from, SYNC_FILE_RANGE_WRITE);
	store->begun = store->written;
}

/* Write what was gathered, then bytes[0..len). */
static void
flush_with(struct store *store, const char *bytes, size_t len)
{
	while (store->verdict == VERDICT_YES) {
		struct iovec vector[2] = {
			{ store->buffer, store->buffer_len },
			{ (void *)(uintptr_t)bytes, len },
		};
		enum verdict verdict;

		if (write_all(store->file.fd, vector, 2) == 0) {
			store->written += store->buffer_len + len;
			write_ahead(store);
			break;
		}
		verdict = failed(store, "write", store->id);
		if ((errno != ENOSPC && errno != EDQUOT) ||
		    !change_file(store, verdict))
			store->verdict = verdict;
	}
	store->buffer_len = 0;
}

void
store_append(struct store *store, const char *bytes, size_t len)
{
	store->size += len;
	if (store->verdict != VERDICT_YES)
		return;
	/* Short runs (header lines, unstuffed dots) are worth a copy, long
	 * ones go to the kernel from where they were read. */
	if (len > STORE_BUFFER - store->buffer_len) {
		flush_with(store, bytes, len);
		return;
	}
	memcpy(store->buffer + store->buffer_len, bytes, len);
	store->buffer_len += len;
}

/* --- the commit --- */

/* host name in a file name: "/" and ":" escaped as Maildir wants it, and ","
 * because our size comes after one. */
static void
message_name(const struct store *store, char name[STORE_NAME_MAX + 1])
{
	size_t len = (size_t)snprintf(name, STORE_NAME_MAX + 1, "%lld.%s.",
	    (long long)store->seconds, store->id);

	for (const char *at = store->hostname;
	     *at != '\0' && len < STORE_NAME_MAX - 40; at++)
		if (strchr("/:,", *at) != NULL)
			len += (size_t)snprintf(
			    name + len, 5, "\\%03o", (unsigned)*at);
		else
			name[len++] = *at;
	(void)snprintf(
	    name + len, STORE_NAME_MAX + 1 - len, ",S=%" PRIu64, store->size);
}

/* A synced copy of the message for a target the file itself cannot serve. 0,
 * or -1 with errno. */
static int
copy_for(struct store *store, const struct mailbox_target *target, bool named,
    struct store_file *copy)
{
	if (create_file(store, target, named, copy) < 0)
		return -1;
	if (copy_file(store->file.fd, copy->fd, store->size) == 0 &&
	    fsync(copy->fd) == 0)
		return 0;
	drop_file(copy);
	return -1;
}

/* Give the file a name in new_fd. An unnamed one by descriptor, which older
 * kernels allow through /proc only. 0, or -1 with errno. */
static int
link_file(const struct store_file *file, int new_fd, const char *name)
{
	char self[sizeof("/proc/self/fd/") + 3 * sizeof(int)];

	if (file->tmp_fd >= 0)
		return linkat(file->tmp_fd, file->name, new_fd, name, 0);
	if (linkat(file->fd, "", new_fd, name, AT_EMPTY_PATH) == 0)
		return 0;
	if (errno != ENOENT && errno != EPERM && errno != EINVAL)
		return -1;
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", file->fd);
	return linkat(AT_FDCWD, self, new_fd, name, AT_SYMLINK_FOLLOW);
}

/* Whether a link failed because of what the file system can do. */
static bool
lacks_link(int error)
{
	return error == EXDEV || error == EMLINK || error == EPERM ||
	    error == EOPNOTSUPP || error == ENOSYS || error == ENOENT ||
	    error == EINVAL;
}

/* Without a link: the file itself, if it has its name in the tmp/ of this very
 * Maildir. 0, or -1. */
static int
move_file(struct store_file *file, const struct mailbox_target *target,
    int new_fd, const char *name)
{
	if (file->tmp_fd < 0 || file->name[0] == '\0' ||
	    file->home != target->ino ||
	    renameat(file->tmp_fd, file->name, new_fd, name) < 0)
		return -1;
	file->name[0] = '\0';
	return 0;
}

/* Without a link: a copy with a name in tmp/, moved. 0, or -1 with errno. */
static int
move_copy(struct store *store, const struct mailbox_target *target, int new_fd,
    const char *name)
{
	struct store_file copy;
	int result;

	if (copy_for(store, target, true, &copy) < 0)
		return -1;
	result = renameat(copy.tmp_fd, copy.name, new_fd, name);
	if (result == 0)
		copy.name[0] = '\0';
	drop_file(&copy);
	return result;
}

static void
close_new(struct store_target *target)
{
	if (target->new_fd >= 0)
		close(target->new_fd);
	target->new_fd = -1;
}

/* S3 for one target. */
static void
place(struct store *store, struct store_file *file, size_t index,
    const char *name)
{
	struct store_target *target = &store->targets[index];
	const struct mailbox_target *maildir = &store->list.targets[index];

	target->new_fd =
	    open_in(store, maildir, "new", O_RDONLY | O_DIRECTORY, 0);
	if (target->new_fd < 0) {
		target->verdict = failed(store, "open new in", maildir->path);
		return;
	}
	if (faccessat(target->new_fd, "../cur", F_OK, AT_EACCESS) < 0 &&
	    make_subdirectories(store, maildir) < 0) {
		target->verdict = failed(store, "make cur in", maildir->path);
		close_new(target);
		return;
	}
	target->linked = link_file(file, target->new_fd, name) == 0 ||
	    (lacks_link(errno) &&
		(move_file(file, maildir, target->new_fd, name) == 0 ||
		    move_copy(store, maildir, target->new_fd, name) == 0));
	if (!target->linked)
		target->verdict = failed(store, "link into", maildir->path);
	if (index >= STORE_OPEN_MAX || !target->linked)
		close_new(target);
}

/* Whether the message still goes to this target: nothing failed there, and
 * without each, nothing failed anywhere. */
static bool
goes_on(const struct store *store, size_t index, bool each)
{
	return store->targets[index].verdict == VERDICT_YES &&
	    (each || store->verdict == VERDICT_YES);
}

/* S3 for all: targets that one file can serve are linked to one file. */
static void
place_all(struct store *store, const char *name, bool each)
{
	for (size_t i = 0; i < store->list.len; i++) {
		const struct mailbox_target *maildir = &store->list.targets[i];
		struct store_file copy = { .fd = -1, .tmp_fd = -1 };
		bool own = fits(&store->file, maildir);

		if (store->targets[i].linked || !goes_on(store, i, each))
			continue;
		/* The next one of its kind tries a copy of its own. */
		if (!own && copy_for(store, maildir, false, &copy) < 0) {
			store->targets[i].verdict =
			    failed(store, "copy into", maildir->path);
			if (!each)
				store->verdict = store->targets[i].verdict;
			continue;
		}
		for (size_t k = i; k < store->list.len; k++) {
			struct store_target *target = &store->targets[k];

			if (!target->linked && goes_on(store, k, each) &&
			    fits(own ? &store->file : &copy,
				&store->list.targets[k]))
				place(
				    store, own ? &store->file : &copy, k, name);
			if (!each && target->verdict != VERDICT_YES)
				store->verdict = target->verdict;
		}
		drop_file(&copy);
	}
}

static int
reopen_new(struct store *store, size_t index)
{
	struct store_target *target = &store->targets[index];

	if (target->new_fd < 0)
		target->new_fd = open_in(store, &store->list.targets[index],
		    "new", O_RDONLY | O_DIRECTORY, 0);
	return target->new_fd;
}

/* S4: after all links are made, so that a journal can take them in one go. */
static void
sync_all(struct store *store, bool each)
{
	for (size_t i = 0; i < store->list.len; i++) {
		struct store_target *target = &store->targets[i];

		if (!target->linked || !goes_on(store, i, each))
			continue;
		if (reopen_new(store, i) < 0 ||
		    sync_directory(target->new_fd) < 0)
			target->verdict = failed(
			    store, "sync new of", store->list.targets[i].path);
		if (!each && target->verdict != VERDICT_YES)
			store->verdict = target->verdict;
		if (i >= STORE_OPEN_MAX)
			close_new(target);
	}
}

enum verdict
store_outcome(const struct store *store, unsigned index)
{
	return store->verdict != VERDICT_YES ? store->verdict
					     : store->outcomes[index];
}

/* A recipient fares as the worst of its Maildirs. What no recipient with
 * success wants is taken back. */
static void
settle(struct store *store, const char *name)
{
	for (size_t i = 0; i < store->pairs_len; i++) {
		struct store_pair pair = store->pairs[i];

		if (store->targets[pair.target].verdict != VERDICT_YES)
			store->outcomes[pair.recipient] =
			    store->targets[pair.target].verdict;
	}
	for (size_t i = 0; i < store->pairs_len; i++)
		if (store_outcome(store, store->pairs[i].recipient) ==
		    VERDICT_YES)
			store->targets[store->pairs[i].target].wanted = true;
	for (size_t i = 0; i < store->list.len; i++) {
		struct store_target *target = &store->targets[i];

		if (target->linked && !target->wanted &&
		    (reopen_new(store, i) < 0 ||
			unlinkat(target->new_fd, name, 0) < 0))
			(void)failed(store, "take back from",
			    store->list.targets[i].path);
		close_new(target);
	}
}

/* Quotas are counted after the fact: a failure there must not undo mail. */
static void
count_quotas(struct store *store)
{
	for (size_t i = 0; i < store->list.len; i++) {
		char path[MAILBOX_PATH_MAX];
		int fd;

		if (!store->targets[i].limited || !store->targets[i].wanted)
			continue;
		fd = open_mailbox(store, &store->list.targets[i], path);
		if (fd < 0 || quota_add(fd, store->size) < 0)
			(void)failed(store, "maildirsize of", path);
		if (fd >= 0)
			close(fd);
	}
}

/* A client that announced no size may still be over a quota. */
static void
check_quotas(struct store *store, bool each)
{
	for (size_t i = 0; i < store->list.len; i++) {
		struct store_target *target = &store->targets[i];
		bool limited;

		if (store->verdict == VERDICT_YES && target->limited &&
		    target->verdict == VERDICT_YES)
			target->verdict = check_quota(store,
			    &store->list.targets[i], store->size, &limited);
		if (!each && target->verdict != VERDICT_YES)
			store->verdict = target->verdict;
	}
}

enum verdict
store_commit(struct store *store, bool each)
{
	char name[STORE_NAME_MAX + 1];

	flush_with(store, NULL, 0);
	check_quotas(store, each);
	if (store->verdict == VERDICT_YES && fsync(store->file.fd) < 0)
		store->verdict = failed(store, "sync", store->id);
	if (store->verdict != VERDICT_YES)
		return store->verdict;
	message_name(store, name);
	place_all(store, name, each);
	sync_all(store, each);
	settle(store, name);
	if (store->verdict == VERDICT_YES)
		count_quotas(store);
	return store->verdict;
}

void
store_reset(struct store *store)
{
	drop_file(&store->file);
	for (size_t i = 0; i < store->list.len; i++)
		close_new(&store->targets[i]);
	store->list.len = store->pairs_len = 0;
	store->recipients = 0;
	store->buffer_len = 0;
	store->verdict = VERDICT_YES;
}

void
store_free(struct store *store)
{
	store_reset(store);
	mailbox_list_free(&store->list);
	free(store->targets);
	free(store->pairs);
	free(store->outcomes);
	store->targets = NULL;
	store->pairs = NULL;
	store->outcomes = NULL;
	store->targets_max = store->pairs_max = store->outcomes_max = 0;
}
