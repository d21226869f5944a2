/* SPDX-License-Identifier: ISC */
/* passthrough.c - a FUSE file system that shows another directory and lacks
 * what some real ones lack. For the tests of the store.
 *
 *   passthrough [-o no_link] [-o no_size] DIRECTORY MOUNTPOINT
 *
 * There is never O_TMPFILE; with no_link no hard links; with no_size statfs
 * tells nothing. What is done is appended to DIRECTORY/../calls, a word a
 * line: fsync, fsyncdir, link, rename. */
#define FUSE_USE_VERSION 31
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static struct settings {
	int no_link, no_size;
} settings;

static const struct fuse_opt options[] = {
	{ "no_link", offsetof(struct settings, no_link), 1 },
	{ "no_size", offsetof(struct settings, no_size), 1 },
	FUSE_OPT_END,
};

static int root_fd, calls_fd;

/* Paths come with a leading "/". */
static const char *
beneath(const char *path)
{
	return path[1] == '\0' ? "." : path + 1;
}

static int
told(int result)
{
	return result < 0 ? -errno : result;
}

static void
note(const char *call)
{
	dprintf(calls_fd, "%s\n", call);
}

static void *
pt_init(struct fuse_conn_info *connection, struct fuse_config *config)
{
	(void)connection;
	config->use_ino = 1;
	config->attr_timeout = config->entry_timeout = 0;
	return NULL;
}

static int
pt_getattr(const char *path, struct stat *st, struct fuse_file_info *file)
{
	return told(file != NULL ? fstat((int)file->fh, st) :
	    fstatat(root_fd, beneath(path), st, AT_SYMLINK_NOFOLLOW));
}

static int
pt_readdir(const char *path, void *to, fuse_fill_dir_t fill, off_t offset,
    struct fuse_file_info *file, enum fuse_readdir_flags flags)
{
	int fd = openat(root_fd, beneath(path), O_RDONLY | O_DIRECTORY);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	(void)offset;
	(void)file;
	(void)flags;
	if (directory == NULL)
		return -errno;
	while ((entry = readdir(directory)) != NULL)
		if (fill(to, entry->d_name, NULL, 0, 0) != 0)
			break;
	closedir(directory);
	return 0;
}

static int
pt_mkdir(const char *path, mode_t mode)
{
	return told(mkdirat(root_fd, beneath(path), mode));
}

static int
pt_unlink(const char *path)
{
	return told(unlinkat(root_fd, beneath(path), 0));
}

static int
pt_rename(const char *from, const char *to, unsigned flags)
{
	note("rename");
	return told(renameat2(root_fd, beneath(from), root_fd, beneath(to),
	    flags));
}

static int
pt_link(const char *from, const char *to)
{
	if (settings.no_link)
		return -EPERM;
	note("link");
	return told(linkat(root_fd, beneath(from), root_fd, beneath(to), 0));
}

static int
pt_open(const char *path, struct fuse_file_info *file)
{
	int fd = openat(root_fd, beneath(path), file->flags);

	file->fh = (uint64_t)fd;
	return fd < 0 ? -errno : 0;
}

static int
pt_create(const char *path, mode_t mode, struct fuse_file_info *file)
{
	int fd = openat(root_fd, beneath(path), file->flags | O_CREAT, mode);

	file->fh = (uint64_t)fd;
	return fd < 0 ? -errno : 0;
}

static int
pt_read(const char *path, char *to, size_t len, off_t offset,
    struct fuse_file_info *file)
{
	(void)path;
	return told((int)pread((int)file->fh, to, len, offset));
}

static int
pt_write(const char *path, const char *from, size_t len, off_t offset,
    struct fuse_file_info *file)
{
	(void)path;
	return told((int)pwrite((int)file->fh, from, len, offset));
}

static int
pt_release(const char *path, struct fuse_file_info *file)
{
	(void)path;
	return told(close((int)file->fh));
}

static int
pt_fsync(const char *path, int data_only, struct fuse_file_info *file)
{
	(void)path;
	(void)data_only;
	note("fsync");
	return told(fsync((int)file->fh));
}

static int
pt_fsyncdir(const char *path, int data_only, struct fuse_file_info *file)
{
	(void)path;
	(void)data_only;
	(void)file;
	note("fsyncdir");
	return 0;
}

static int
pt_statfs(const char *path, struct statvfs *fs)
{
	(void)path;
	if (fstatvfs(root_fd, fs) < 0)
		return -errno;
	if (settings.no_size)
		fs->f_blocks = fs->f_bfree = fs->f_bavail = 0;
	return 0;
}

static const struct fuse_operations operations = {
	.init = pt_init,
	.getattr = pt_getattr,
	.readdir = pt_readdir,
	.mkdir = pt_mkdir,
	.unlink = pt_unlink,
	.rename = pt_rename,
	.link = pt_link,
	.open = pt_open,
	.create = pt_create,
	.read = pt_read,
	.write = pt_write,
	.release = pt_release,
	.fsync = pt_fsync,
	.fsyncdir = pt_fsyncdir,
	.statfs = pt_statfs,
};

/* The first argument that is no option is the directory to show. */
static int
take(void *data, const char *argument, int key, struct fuse_args *args)
{
	char calls[PATH_MAX];

	(void)data;
	(void)args;
	if (key != FUSE_OPT_KEY_NONOPT || root_fd > 0)
		return 1;
	root_fd = open(argument, O_PATH | O_DIRECTORY);
	(void)snprintf(calls, sizeof(calls), "%s/../calls", argument);
	calls_fd = open(calls, O_WRONLY | O_CREAT | O_APPEND, 0600);
	return root_fd < 0 || calls_fd < 0 ? -1 : 0;
}

int
main(int argc, char *argv[])
{
	struct fuse_args args = FUSE_ARGS_INIT(argc, argv);

	umask(0);
	if (fuse_opt_parse(&args, &settings, options, take) < 0)
		return 1;
	return fuse_main(args.argc, args.argv, &operations, NULL);
}
