/* SPDX-License-Identifier: ISC */
/* sandbox.c - see sandbox.h for the contract. */
#include "sandbox.h"

#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* Permitted, effective and inheritable; ambient ones go with these. Where there
 * are none that is all: whoever gave us none may have forbidden the call, too
 * (SystemCallFilter=~@privileged). */
static int
drop_capabilities(void)
{
	static const struct __user_cap_data_struct
	    none[_LINUX_CAPABILITY_U32S_3];
	struct __user_cap_data_struct ours[_LINUX_CAPABILITY_U32S_3];
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};

	if (syscall(SYS_capget, &header, ours) == 0 &&
	    memcmp(ours, none, sizeof(none)) == 0)
		return 0;
	return error_of(syscall(SYS_capset, &header, none));
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
	sandbox->error[SANDBOX_CAPABILITIES] = root ? 0 : drop_capabilities();
	sandbox->error[SANDBOX_DUMP] =
	    error_of(prctl(PR_SET_DUMPABLE, 0L, 0L, 0L, 0L));
}

/* --- Landlock, landlock(7) --- */

/* What the headers of Debian 12 do not name yet. */
enum {
	LANDLOCK_FS_TRUNCATE = 1 << 14,	 /* from version 3 on */
	LANDLOCK_FS_ALL = (1 << 14) - 1, /* of version 2 */
	LANDLOCK_FS_IOCTL = 1 << 15,	 /* 5 */
	LANDLOCK_NET_ALL = 3,		 /* 4: bind and connect, TCP */
	LANDLOCK_SCOPE_ALL = 3,		 /* 6: abstract sockets, signals */
	LANDLOCK_LEAST = 2,		 /* 1 forbids links to other
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

	if (version >= 3)
		rules.files |= LANDLOCK_FS_TRUNCATE;
	if (version >= 4)
		rules.network = LANDLOCK_NET_ALL;
	if (version >= 5)
		rules.files |= LANDLOCK_FS_IOCTL;
	if (version >= 6)
		rules.scopes = LANDLOCK_SCOPE_ALL;
	return rules;
}

static size_t
size_of_rules(int version)
{
	return version >= 6 ? sizeof(struct landlock_rules)
	    : version >= 4  ? 2 * sizeof(uint64_t)
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
}

/* --- seccomp, seccomp(2) --- */

#if defined(__x86_64__)
enum { ARCHITECTURE = AUDIT_ARCH_X86_64 };
#elif defined(__aarch64__)
enum { ARCHITECTURE = AUDIT_ARCH_AARCH64 };
#elif defined(__riscv) && __riscv_xlen == 64
enum { ARCHITECTURE = AUDIT_ARCH_RISCV64 };
#else
enum { ARCHITECTURE = 0 }; /* not tried on it: no filter */
#endif

/* Who may make a call. */
enum whose {
	ALL,
	LOOP,	   /* the accept loop alone */
	LOOP_FREE, /* the accept loop without the test */
};

/* A look at the lower half of an argument: under a mask, whether it equals one
 * of two values, and whether that is what is allowed. */
struct test {
	unsigned argument;
	uint32_t mask, values[2];
	bool allowed;
};

/* Memory is written or executed, not both. */
static const struct test protection = {
	.argument = 2,
	.mask = PROT_WRITE | PROT_EXEC,
	.values = { PROT_WRITE | PROT_EXEC, PROT_WRITE | PROT_EXEC },
	.allowed = false,
};
static const struct test family = {
	.argument = 0,
	.mask = UINT32_MAX,
	.values = { AF_UNIX, AF_NETLINK },
	.allowed = true,
};
/* A limit is read, not set. */
static const struct test query = {
	.argument = 2,
	.mask = UINT32_MAX,
	.allowed = true,
};
static const struct test stop = {
	.argument = 1,
	.mask = UINT32_MAX,
	.values = { SIGTERM, SIGTERM },
	.allowed = true,
};
static const struct test no_name_space = {
	.argument = 0,
	.mask = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
	    CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET,
	.allowed = true,
};

struct call {
	unsigned number;
	enum whose whose;
	const struct test *test; /* or NULL */
};

/* What a session does, and what libc does for it. */
static const struct call calls[] = {
	/* descriptors */
	{ SYS_read, ALL, NULL },
	{ SYS_write, ALL, NULL },
	{ SYS_readv, ALL, NULL },
	{ SYS_writev, ALL, NULL },
	{ SYS_pread64, ALL, NULL },
	{ SYS_pwrite64, ALL, NULL },
	{ SYS_close, ALL, NULL },
	{ SYS_lseek, ALL, NULL },
	{ SYS_fcntl, ALL, NULL },
	{ SYS_ppoll, ALL, NULL },
	/* files */
	{ SYS_openat, ALL, NULL },
	{ SYS_openat2, ALL, NULL },
	{ SYS_fstat, ALL, NULL },
	{ SYS_newfstatat, ALL, NULL },
	{ SYS_statx, ALL, NULL },
	{ SYS_fstatfs, ALL, NULL },
	{ SYS_faccessat, ALL, NULL },
	{ SYS_faccessat2, ALL, NULL },
	{ SYS_readlinkat, ALL, NULL },
	{ SYS_getdents64, ALL, NULL },
	{ SYS_linkat, ALL, NULL },
	{ SYS_unlinkat, ALL, NULL },
	{ SYS_mkdirat, ALL, NULL },
	{ SYS_renameat2, ALL, NULL },
	{ SYS_fsync, ALL, NULL },
	{ SYS_fdatasync, ALL, NULL },
	{ SYS_sync_file_range, ALL, NULL },
	{ SYS_ftruncate, ALL, NULL },
	{ SYS_fchmod, ALL, NULL },
	{ SYS_fchown, ALL, NULL },
	{ SYS_copy_file_range, ALL, NULL },
	/* sockets: the client's, the log's, and netlink for getifaddrs(3) */
	{ SYS_socket, ALL, &family },
	{ SYS_connect, ALL, NULL },
	{ SYS_bind, ALL, NULL },
	{ SYS_sendto, ALL, NULL },
	{ SYS_sendmsg, ALL, NULL },
	{ SYS_recvfrom, ALL, NULL },
	{ SYS_recvmsg, ALL, NULL },
	{ SYS_shutdown, ALL, NULL },
	{ SYS_getsockname, ALL, NULL },
	{ SYS_getpeername, ALL, NULL },
	{ SYS_getsockopt, ALL, NULL },
	{ SYS_setsockopt, ALL, NULL },
	/* memory */
	{ SYS_brk, ALL, NULL },
	{ SYS_mmap, ALL, &protection },
	{ SYS_mprotect, ALL, &protection },
	{ SYS_munmap, ALL, NULL },
	{ SYS_mremap, ALL, NULL },
	{ SYS_madvise, ALL, NULL },
	/* the process and its time */
	{ SYS_getpid, ALL, NULL },
	{ SYS_gettid, ALL, NULL },
	{ SYS_getuid, ALL, NULL },
	{ SYS_geteuid, ALL, NULL },
	{ SYS_getgid, ALL, NULL },
	{ SYS_getegid, ALL, NULL },
	{ SYS_uname, ALL, NULL },
	{ SYS_getrandom, ALL, NULL },
	{ SYS_clock_gettime, ALL, NULL },
	{ SYS_gettimeofday, ALL, NULL },
	{ SYS_setitimer, ALL, NULL },
	{ SYS_prlimit64, LOOP_FREE, &query },
	{ SYS_futex, ALL, NULL },
	{ SYS_sched_yield, ALL, NULL },
	{ SYS_restart_syscall, ALL, NULL },
	{ SYS_rt_sigprocmask, ALL, NULL },
	{ SYS_rt_sigreturn, ALL, NULL },
	{ SYS_exit, ALL, NULL },
	{ SYS_exit_group, ALL, NULL },
	/* the accept loop */
	{ SYS_accept4, LOOP, NULL },
	{ SYS_clone, LOOP, &no_name_space },
	{ SYS_wait4, LOOP, NULL },
	{ SYS_kill, LOOP, &stop },
	{ SYS_set_robust_list, LOOP, NULL },
	{ SYS_rseq, LOOP, NULL },
	{ SYS_landlock_create_ruleset, LOOP, NULL },
	{ SYS_landlock_add_rule, LOOP, NULL },
	{ SYS_landlock_restrict_self, LOOP, NULL },
/* older names of some of them, which newer architectures lack */
#ifdef SYS_open
	{ SYS_open, ALL, NULL },
	{ SYS_access, ALL, NULL },
	{ SYS_readlink, ALL, NULL },
	{ SYS_poll, ALL, NULL },
	{ SYS_alarm, ALL, NULL },
	{ SYS_time, ALL, NULL },
#endif
#ifdef SYS_renameat
	{ SYS_renameat, ALL, NULL },
#endif
};

enum {
	CALLS = sizeof(calls) / sizeof(calls[0]),
	TESTS_MAX = 8,
	SEGMENTS_MAX = 2 * CALLS + 1,
	/* A jump and a verdict a segment, 5 more for a test, and what comes
	 * before. */
	FILTER_MAX = 2 * SEGMENTS_MAX + 5 * TESTS_MAX + 8,
};

/* Half of it is jumped over, in an unsigned octet. */
_Static_assert(FILTER_MAX / 2 + 5 * TESTS_MAX < 256, "jumps too far");

static int
compare_calls(const void *a, const void *b)
{
	const struct call *left = a, *right = b;

	return left->number < right->number ? -1 : left->number > right->number;
}

/* A filter being written. */
struct filter {
	struct sock_filter code[FILTER_MAX];
	unsigned short len;
};

static void
put(struct filter *filter, unsigned code, unsigned yes, unsigned no, uint32_t k)
{
	filter->code[filter->len++] = (struct sock_filter){
		.code = (unsigned short)code,
		.jt = (unsigned char)yes,
		.jf = (unsigned char)no,
		.k = k,
	};
}

static void
put_verdict(struct filter *filter, bool allowed)
{
	put(filter, BPF_RET | BPF_K, 0, 0,
	    allowed ? SECCOMP_RET_ALLOW : SECCOMP_RET_TRAP);
}

static void
put_load(struct filter *filter, size_t at)
{
	put(filter, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)at);
}

static void
put_test(struct filter *filter, const struct test *test)
{
	put_load(filter,
	    offsetof(struct seccomp_data, args) + 8 * test->argument +
		(__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0));
	put(filter, BPF_ALU | BPF_AND | BPF_K, 0, 0, test->mask);
	put(filter, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, test->values[0]);
	put(filter, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, test->values[1]);
	put_verdict(filter, test->allowed);
	put_verdict(filter, !test->allowed);
}

/* The calls from a number on, up to the next segment, that fare alike. */
struct segment {
	unsigned from;
	bool allowed;
	const struct test *test; /* that decides instead, or NULL */
};

static struct segment
segment_of(const struct call *call, bool listener)
{
	return (struct segment){
		.from = call->number,
		.allowed = call->whose != LOOP || listener,
		.test = (call->whose == LOOP && !listener) ||
			(call->whose == LOOP_FREE && listener)
		    ? NULL
		    : call->test,
	};
}

/* Append a segment, unless it goes on as the last one. */
static size_t
join_segment(struct segment *segments, size_t len, struct segment next)
{
	if (len > 0 && segments[len - 1].allowed == next.allowed &&
	    segments[len - 1].test == next.test)
		return len;
	segments[len] = next;
	return len + 1;
}

/* All numbers from 0 on, cut into segments. Returns how many. */
static size_t
cut_segments(struct segment segments[SEGMENTS_MAX], bool listener)
{
	struct call sorted[CALLS];
	size_t len = 0;
	unsigned next = 0;

	memcpy(sorted, calls, sizeof(calls));
	qsort(sorted, CALLS, sizeof(sorted[0]), compare_calls);
	for (size_t i = 0; i < CALLS; i++) {
		if (sorted[i].number > next)
			len = join_segment(
			    segments, len, (struct segment){ .from = next });
		len = join_segment(
		    segments, len, segment_of(&sorted[i], listener));
		next = sorted[i].number + 1;
	}
	return join_segment(segments, len, (struct segment){ .from = next });
}

/* The search for the segment of a call, by halves, and with few instructions:
 * a filter that asks for 60 calls one by one takes the kernel 0.35 ms to
 * accept, because it tries every number there is; this one a third of that.
 * Recursion goes seven deep. */
static void
put_search(struct filter *filter, const struct segment *segments, size_t count)
{
	unsigned short jump = filter->len;

	if (count == 1 && segments->test != NULL) {
		put_test(filter, segments->test);
	} else if (count == 1) {
		put_verdict(filter, segments->allowed);
	} else {
		put(filter, BPF_JMP | BPF_JGE | BPF_K, 0, 0,
		    segments[count / 2].from);
		put_search(filter, segments, count / 2);
		filter->code[jump].jt = (unsigned char)(filter->len - jump - 1);
		put_search(filter, segments + count / 2, count - count / 2);
	}
}

void
sandbox_calls(struct sandbox *sandbox, bool listener)
{
	struct filter filter = { .len = 0 };
	struct segment segments[SEGMENTS_MAX];
	struct sock_fprog program = { .filter = filter.code };

	if (ARCHITECTURE == 0) {
		sandbox->error[SANDBOX_SECCOMP] = ENOSYS;
		return;
	}
	/* Another architecture's numbers mean other calls. */
	put_load(&filter, offsetof(struct seccomp_data, arch));
	put(&filter, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, ARCHITECTURE);
	put_verdict(&filter, false);
	put_load(&filter, offsetof(struct seccomp_data, nr));
	put_search(&filter, segments, cut_segments(segments, listener));
	program.len = filter.len;
	sandbox->error[SANDBOX_SECCOMP] = error_of(prctl(
	    PR_SET_SECCOMP, (unsigned long)SECCOMP_MODE_FILTER, &program));
}

const char *
sandbox_call_name(int call)
{
	static const struct {
		int number;
		char name[20];
	} known[] = {
		{ SYS_execve, "execve" },
		{ SYS_execveat, "execveat" },
		{ SYS_clone, "clone" },
		{ SYS_clone3, "clone3" },
		{ SYS_kill, "kill" },
		{ SYS_tgkill, "tgkill" },
		{ SYS_ptrace, "ptrace" },
		{ SYS_process_vm_readv, "process_vm_readv" },
		{ SYS_process_vm_writev, "process_vm_writev" },
		{ SYS_socket, "socket" },
		{ SYS_listen, "listen" },
		{ SYS_accept4, "accept4" },
		{ SYS_mmap, "mmap" },
		{ SYS_mprotect, "mprotect" },
		{ SYS_prctl, "prctl" },
		{ SYS_prlimit64, "prlimit64" },
		{ SYS_setuid, "setuid" },
		{ SYS_setresuid, "setresuid" },
		{ SYS_setgid, "setgid" },
		{ SYS_capset, "capset" },
		{ SYS_chroot, "chroot" },
		{ SYS_mount, "mount" },
		{ SYS_unshare, "unshare" },
		{ SYS_setns, "setns" },
		{ SYS_symlinkat, "symlinkat" },
		{ SYS_bpf, "bpf" },
		{ SYS_keyctl, "keyctl" },
		{ SYS_io_uring_setup, "io_uring_setup" },
		{ SYS_rt_sigaction, "rt_sigaction" },
		{ SYS_ioctl, "ioctl" },
#ifdef SYS_fork
		{ SYS_fork, "fork" },
		{ SYS_vfork, "vfork" },
#endif
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].number == call)
			return known[i].name;
	return "call";
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

void
sandbox_describe(const struct sandbox *sandbox, enum sandbox_layer layer,
    char text[SANDBOX_TEXT_MAX + 1])
{
	int error = sandbox->error[layer];

	if (error == ENODATA)
		(void)snprintf(text, SANDBOX_TEXT_MAX + 1, "not entered");
	else if (layer == SANDBOX_CAPABILITIES && sandbox->root)
		(void)snprintf(
		    text, SANDBOX_TEXT_MAX + 1, "kept, as user = root asks");
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
		(void)snprintf(text, SANDBOX_TEXT_MAX + 1,
		    "active, version %d%s", sandbox->landlock,
		    sandbox->landlock < 4 ? ", without network" : "");
	else
		(void)snprintf(text, SANDBOX_TEXT_MAX + 1, "active");
}
