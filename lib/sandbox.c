/* SPDX-License-Identifier: ISC */
/* sandbox.c - see sandbox.h for the contract. */
#include "sandbox.h"

#include <linux/capability.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "calls.h"

static const char *const names[SANDBOX_LAYERS] = {
	[SANDBOX_PRIVILEGES] = "no_new_privs",
	[SANDBOX_CAPABILITIES] = "capabilities",
	[SANDBOX_DUMP] = "dump",
	[SANDBOX_LIMITS] = "limits",
	[SANDBOX_LANDLOCK] = "landlock",
	[SANDBOX_SECCOMP] = "seccomp",
};

void
sandbox_init(struct sandbox *sandbox)
{
	*sandbox = (struct sandbox){ .rules_fd = -1 };
	for (size_t i = 0; i < SANDBOX_LAYERS; i++)
		sandbox->error[i] = ENODATA;
}

/* --- the process --- */

/* 0 or errno of a call that returns -1 for an error. */
static int
error_of(long result)
{
	return result < 0 ? errno : 0;
}

const char *
sandbox_become(const char *user, char text[SANDBOX_TEXT_MAX + 1])
{
	const struct passwd *entry;

	if (geteuid() != 0 || strcmp(user, "root") == 0)
		return NULL;
	entry = getpwnam(user);
	if (entry == NULL) {
		(void)snprintf(text, SANDBOX_TEXT_MAX + 1,
		    "started as root, and there is no user \"%s\" to become; "
		    "make one, choose another with --user=NAME, or insist "
		    "with --user=root",
		    user);
		return text;
	}
	/* Not beyond what the kernel knows, nor where it may not be. */
	for (unsigned long capability = 0;
	     prctl(PR_CAPBSET_DROP, capability) == 0; capability++)
		;
	if (initgroups(entry->pw_name, entry->pw_gid) == 0 &&
	    setresgid(entry->pw_gid, entry->pw_gid, entry->pw_gid) == 0 &&
	    setresuid(entry->pw_uid, entry->pw_uid, entry->pw_uid) == 0)
		return NULL;
	(void)snprintf(text, SANDBOX_TEXT_MAX + 1,
	    "cannot become user \"%s\": %s", user, strerror(errno));
	return text;
}

/* Permitted, effective and inheritable; ambient ones go with these. What root
 * needs is access to files of any owner, no more. Where there are no others
 * that is all: whoever gave us none may have forbidden the call, too
 * (SystemCallFilter=~@privileged). */
static int
drop_capabilities(bool root)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct had[_LINUX_CAPABILITY_U32S_3] = { 0 };
	struct __user_cap_data_struct kept[_LINUX_CAPABILITY_U32S_3] = { 0 };
	uint32_t files = 1U << CAP_CHOWN | 1U << CAP_DAC_OVERRIDE |
	    1U << CAP_DAC_READ_SEARCH | 1U << CAP_FOWNER | 1U << CAP_FSETID;

	if (syscall(SYS_capget, &header, had) < 0)
		return errno;
	if (root) {
		kept[0].effective = had[0].effective & files;
		kept[0].permitted = had[0].permitted & files;
	}
	return memcmp(had, kept, sizeof(had)) == 0
	    ? 0
	    : error_of(syscall(SYS_capset, &header, kept));
}

/* Lower a limit; never raise one. */
static int
limit(int resource, rlim_t most)
{
	struct rlimit now;

	if (getrlimit((__rlimit_resource_t)resource, &now) < 0)
		return errno;
	if (now.rlim_max > most)
		now.rlim_max = most;
	if (now.rlim_cur > most)
		now.rlim_cur = most;
	return error_of(setrlimit((__rlimit_resource_t)resource, &now));
}

void
sandbox_process(struct sandbox *sandbox, bool root)
{
	int error = limit(RLIMIT_CORE, 0);

	sandbox->error[SANDBOX_LIMITS] =
	    error != 0 ? error : limit(RLIMIT_NOFILE, SANDBOX_FILES);
	sandbox->error[SANDBOX_PRIVILEGES] =
	    error_of(prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L));
	sandbox->root = root;
	sandbox->error[SANDBOX_CAPABILITIES] = drop_capabilities(root);
	sandbox->error[SANDBOX_DUMP] =
	    error_of(prctl(PR_SET_DUMPABLE, 0L, 0L, 0L, 0L));
}

/* --- Landlock, landlock(7) --- */

/* What the headers of Debian 12 do not name yet. */
enum {
	LANDLOCK_FS_ALL = (1 << 14) - 1, /* of version 2 */
	LANDLOCK_FS_TRUNCATE = 1 << 14,
	LANDLOCK_FS_IOCTL = 1 << 15,
	LANDLOCK_NET_ALL = 3,	/* bind and connect, TCP */
	LANDLOCK_SCOPE_ALL = 3, /* abstract sockets, signals */
	/* The versions that brought them. */
	LANDLOCK_TRUNCATION = 3,
	LANDLOCK_NETWORK = 4,
	LANDLOCK_DEVICES = 5,
	LANDLOCK_SCOPES = 6,
	LANDLOCK_LEAST = 2, /* 1 forbids links to other
					      * directories altogether */
	LANDLOCK_TREE = LANDLOCK_ACCESS_FS_READ_FILE |
	    LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_WRITE_FILE |
	    LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR |
	    LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REFER |
	    LANDLOCK_FS_TRUNCATE,
};

struct landlock_rules { /* struct landlock_ruleset_attr as of version 6 */
	uint64_t files, network, scopes;
};

static struct landlock_rules
rules_of(int version)
{
	struct landlock_rules rules = { .files = LANDLOCK_FS_ALL };

	if (version >= LANDLOCK_TRUNCATION)
		rules.files |= LANDLOCK_FS_TRUNCATE;
	if (version >= LANDLOCK_NETWORK)
		rules.network = LANDLOCK_NET_ALL;
	if (version >= LANDLOCK_DEVICES)
		rules.files |= LANDLOCK_FS_IOCTL;
	if (version >= LANDLOCK_SCOPES)
		rules.scopes = LANDLOCK_SCOPE_ALL;
	return rules;
}

static size_t
size_of_rules(int version)
{
	return version >= LANDLOCK_SCOPES ? sizeof(struct landlock_rules)
	    : version >= 4		  ? 2 * sizeof(uint64_t)
					  : sizeof(uint64_t);
}

static int
allow_beneath(int rules_fd, int fd, uint64_t access)
{
	struct landlock_path_beneath_attr rule = {
		.allowed_access = access,
		.parent_fd = fd,
	};

	return error_of(syscall(SYS_landlock_add_rule, rules_fd,
	    LANDLOCK_RULE_PATH_BENEATH, &rule, 0));
}

/* What a library that is loaded late is found by. */
static int
allow_libraries(int rules_fd)
{
	static const char *const paths[] = { "/usr/lib", "/lib", "/lib64",
		"/etc/ld.so.cache" };
	int error = 0;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		int fd = open(paths[i], O_PATH | O_CLOEXEC);

		if (fd < 0)
			continue; /* then nothing is to be read there */
		if (error == 0)
			error = allow_beneath(
			    rules_fd, fd, LANDLOCK_ACCESS_FS_READ_FILE);
		close(fd);
	}
	return error;
}

static int
make_rules(struct sandbox *sandbox, int tree_fd)
{
	struct landlock_rules rules;
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION);
	int error = 0;

	if (version < 0)
		return errno;
	sandbox->landlock = (int)version;
	if (version < LANDLOCK_LEAST)
		return EOPNOTSUPP;
	rules = rules_of((int)version);
	sandbox->rules_fd = (int)syscall(SYS_landlock_create_ruleset, &rules,
	    size_of_rules((int)version), 0);
	if (sandbox->rules_fd < 0)
		return errno;
	if (tree_fd >= 0)
		error = allow_beneath(
		    sandbox->rules_fd, tree_fd, LANDLOCK_TREE & rules.files);
	if (error == 0)
		error = allow_libraries(sandbox->rules_fd);
	return error;
}

static void
drop_rules(struct sandbox *sandbox)
{
	if (sandbox->rules_fd >= 0)
		close(sandbox->rules_fd);
	sandbox->rules_fd = -1;
}

void
sandbox_tree(struct sandbox *sandbox, int tree_fd)
{
	drop_rules(sandbox);
	sandbox->error[SANDBOX_LANDLOCK] = make_rules(sandbox, tree_fd);
	if (sandbox->error[SANDBOX_LANDLOCK] != 0)
		drop_rules(sandbox);
}

void
sandbox_allow(
    struct sandbox *sandbox, const char *path, enum sandbox_access access)
{
	uint64_t rights = LANDLOCK_ACCESS_FS_READ_FILE;
	struct stat st;
	int fd = sandbox->rules_fd < 0 ? -1 : open(path, O_PATH | O_CLOEXEC);

	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
		rights |= access == SANDBOX_STORE
		    ? LANDLOCK_TREE & rules_of(sandbox->landlock).files
		    : LANDLOCK_ACCESS_FS_READ_DIR;
	sandbox->error[SANDBOX_LANDLOCK] =
	    allow_beneath(sandbox->rules_fd, fd, rights);
	close(fd);
	if (sandbox->error[SANDBOX_LANDLOCK] != 0)
		drop_rules(sandbox);
}

/* --- the session --- */

void
sandbox_calls(struct sandbox *sandbox, bool listener, bool connects)
{
	sandbox->error[SANDBOX_SECCOMP] =
	    calls_restrict((listener ? CALLS_LISTENER : CALLS_SESSION) |
		(connects ? CALLS_CONNECT : 0));
}

/* Whether the accept loop's filter leaves too much to a session: a signal to
 * the loop, which Landlock forbids from version 6 on, or a process, which its
 * limit does not forbid to root. */
static bool
is_loose(const struct sandbox *sandbox)
{
	return sandbox->error[SANDBOX_SECCOMP] == 0 &&
	    (sandbox->root || sandbox->error[SANDBOX_LANDLOCK] != 0 ||
		sandbox->landlock < LANDLOCK_SCOPES);
}

void
sandbox_session(struct sandbox *sandbox, const struct sandbox_limits *limits)
{
	int error = limit(RLIMIT_NPROC, 0);

	if (error == 0 && limits->memory > 0)
		error = limit(RLIMIT_DATA, limits->memory);
	if (error == 0 && limits->file_size > 0)
		error = limit(RLIMIT_FSIZE, limits->file_size);
	if (sandbox->error[SANDBOX_LIMITS] == 0)
		sandbox->error[SANDBOX_LIMITS] = error;
	if (sandbox->rules_fd >= 0)
		sandbox->error[SANDBOX_LANDLOCK] = error_of(
		    syscall(SYS_landlock_restrict_self, sandbox->rules_fd, 0));
	drop_rules(sandbox);
	if (is_loose(sandbox))
		sandbox->error[SANDBOX_SECCOMP] = calls_restrict(CALLS_FORKED);
}

/* --- what is active --- */

bool
sandbox_is_active(const struct sandbox *sandbox, enum sandbox_layer layer)
{
	return sandbox->error[layer] == 0;
}

const char *
sandbox_name(enum sandbox_layer layer)
{
	return names[layer];
}

/* What a version lacks is refused by other layers. */
static void
describe_landlock(int version, char text[SANDBOX_TEXT_MAX + 1])
{
	static const struct {
		int since;
		const char *what;
	} parts[] = {
		{ LANDLOCK_TRUNCATION, "truncation" },
		{ LANDLOCK_NETWORK, "TCP" },
		{ LANDLOCK_DEVICES, "devices" },
		{ LANDLOCK_SCOPES, "signals" },
	};
	size_t len = (size_t)snprintf(
	    text, SANDBOX_TEXT_MAX + 1, "active, version %d", version);
	const char *before = " without ";

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (version >= parts[i].since)
			continue;
		len += (size_t)snprintf(text + len, SANDBOX_TEXT_MAX + 1 - len,
		    "%s%s", before, parts[i].what);
		before = ", ";
	}
}

void
sandbox_describe(const struct sandbox *sandbox, enum sandbox_layer layer,
    char text[SANDBOX_TEXT_MAX + 1])
{
	int error = sandbox->error[layer];

	if (error == ENODATA)
		(void)snprintf(text, SANDBOX_TEXT_MAX + 1, "not entered");
	else if (layer == SANDBOX_CAPABILITIES && sandbox->root && error == 0)
		(void)snprintf(text, SANDBOX_TEXT_MAX + 1,
		    "those over files alone, as user = root asks");
	else if (layer == SANDBOX_LANDLOCK && error == EOPNOTSUPP &&
	    sandbox->landlock > 0)
		(void)snprintf(text, SANDBOX_TEXT_MAX + 1,
		    "the kernel's version %d forbids links; 2 is needed",
		    sandbox->landlock);
	else if (error == ENOSYS || error == EOPNOTSUPP || error == EINVAL)
		(void)snprintf(text, SANDBOX_TEXT_MAX + 1,
		    "not in this kernel (%s)", strerror(error));
	else if (error != 0)
		(void)snprintf(
		    text, SANDBOX_TEXT_MAX + 1, "%s", strerror(error));
	else if (layer == SANDBOX_LANDLOCK)
		describe_landlock(sandbox->landlock, text);
	else
		(void)snprintf(text, SANDBOX_TEXT_MAX + 1, "active");
}
