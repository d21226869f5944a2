/* SPDX-License-Identifier: ISC */
/* calls.c - see calls.h for the contract. */
#include "calls.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)
enum { ARCHITECTURE = AUDIT_ARCH_X86_64 };
#elif defined(__aarch64__)
enum { ARCHITECTURE = AUDIT_ARCH_AARCH64 };
#elif defined(__riscv) && __riscv_xlen == 64
enum { ARCHITECTURE = AUDIT_ARCH_RISCV64 };
#else
enum { ARCHITECTURE = 0 }; /* not tried on it: no filter */
#endif

/* A look at the lower half of an argument, which is all that the kernel sees of
 * an int: under a mask it is to equal one of some values. */
struct clause {
	unsigned argument;
	uint32_t mask;
	unsigned count;
	uint32_t values[3];
};

enum { CLAUSES_MAX = 3 };

/* All of its clauses hold; those behind the last have no values. */
struct test {
	struct clause clauses[CLAUSES_MAX];
};

/* Memory is written or executed, not both, and never by changing it. */
static const struct test mapping = { {
    { 2, PROT_WRITE | PROT_EXEC, 3, { 0, PROT_WRITE, PROT_EXEC } },
} };
static const struct test no_code = { {
    { 2, PROT_EXEC, 1, { 0 } },
} };
/* For sd_notify(3) and getifaddrs(3): datagrams, and of the protocols the
 * first, which netlink calls route. */
static const struct test family = { {
    { 0, UINT32_MAX, 2, { AF_UNIX, AF_NETLINK } },
    { 1, 15, 2, { SOCK_DGRAM, SOCK_RAW } },
    { 2, UINT32_MAX, 1, { 0 } },
} };
static const struct test no_delay = { {
    { 1, UINT32_MAX, 1, { IPPROTO_TCP } },
    { 2, UINT32_MAX, 1, { TCP_NODELAY } },
} };
static const struct test socket_level = { {
    { 1, UINT32_MAX, 1, { SOL_SOCKET } },
} };
/* Flags, duplicates and locks, which come first. F_SETOWN and F_SETSIG further
 * up would send any signal to our other processes. */
static const struct test plain_command = { {
    { 1, ~7U, 1, { 0 } },
} };
/* Our own limits, which only sink; not those of our other processes. */
static const struct test ourselves = { {
    { 0, UINT32_MAX, 1, { 0 } },
} };
/* Names for mappings, and stricter filters. */
static const struct test harmless_control = { {
    { 0, UINT32_MAX, 2, { PR_SET_VMA, PR_SET_SECCOMP } },
} };
static const struct test stop = { {
    { 1, UINT32_MAX, 1, { SIGTERM } },
} };
/* As fork(3) does: no threads, no name spaces. */
static const struct test plain_fork = { {
    { 0, ~(uint32_t)(CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID), 1,
	{ SIGCHLD } },
} };

/* Who may make a call: everybody, or the accept loop alone. */
enum whose { ALL, LOOP };

struct call {
	unsigned number;
	enum whose whose;
	const struct test *test; /* or NULL */
};

/* What a session does, and what one libc or another does for it. */
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
	{ SYS_fcntl, ALL, &plain_command },
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
	/* sockets: the client's, the log's, and netlink's. No connect(2): the
	 * client's would do for a connection to elsewhere. */
	{ SYS_socket, ALL, &family },
	{ SYS_bind, ALL, NULL },
	{ SYS_sendto, ALL, NULL },
	{ SYS_recvfrom, ALL, NULL },
	{ SYS_recvmsg, ALL, NULL },
	{ SYS_shutdown, ALL, NULL },
	{ SYS_getsockname, ALL, NULL },
	{ SYS_getpeername, ALL, NULL },
	{ SYS_getsockopt, ALL, &socket_level },
	{ SYS_setsockopt, ALL, &no_delay },
	/* memory */
	{ SYS_brk, ALL, NULL },
	{ SYS_mmap, ALL, &mapping },
	{ SYS_mprotect, ALL, &no_code },
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
	{ SYS_nanosleep, ALL, NULL },
	{ SYS_clock_nanosleep, ALL, NULL },
	{ SYS_setitimer, ALL, NULL },
	{ SYS_prlimit64, ALL, &ourselves },
	{ SYS_prctl, ALL, &harmless_control },
	{ SYS_futex, ALL, NULL },
	{ SYS_sched_yield, ALL, NULL },
	{ SYS_sched_getaffinity, ALL, NULL },
	{ SYS_restart_syscall, ALL, NULL },
	{ SYS_rt_sigprocmask, ALL, NULL },
	{ SYS_rt_sigreturn, ALL, NULL },
	{ SYS_exit, ALL, NULL },
	{ SYS_exit_group, ALL, NULL },
	/* the accept loop */
	{ SYS_accept4, LOOP, NULL },
	{ SYS_clone, LOOP, &plain_fork },
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

/* What a call comes to, and what a tracer makes of one that it skips. */
static const uint32_t ALLOW = SECCOMP_RET_ALLOW, REFUSE = SECCOMP_RET_TRAP,
		      ABSENT = SECCOMP_RET_ERRNO | ENOSYS, NONE = UINT32_MAX;

enum {
	CALLS = sizeof(calls) / sizeof(calls[0]),
	/* On every architecture this is the newest call of the table. What a
	 * later libc tries first is not there: libc does without it. */
	NEWER = SYS_landlock_restrict_self + 1,
	X32 = 1 << 30, /* another set of numbers on x86-64 */

	SEGMENTS_MAX = 2 * CALLS + 4,
	TESTS_MAX = 12,
	TEST_MAX = CLAUSES_MAX * 5 + 2, /* instructions */
	FILTER_MAX = 4 + 2 * SEGMENTS_MAX + TESTS_MAX * TEST_MAX,
};

/* A jump over half of the search is an unsigned octet. */
_Static_assert(SEGMENTS_MAX < 256, "jumps too far");

/* A filter being written. */
struct filter {
	struct sock_filter code[FILTER_MAX];
	unsigned short len;
};

static void
put(struct filter *filter, unsigned code, size_t yes, size_t no, uint32_t k)
{
	filter->code[filter->len++] = (struct sock_filter){
		.code = (unsigned short)code,
		.jt = (unsigned char)yes,
		.jf = (unsigned char)no,
		.k = k,
	};
}

static void
put_return(struct filter *filter, uint32_t verdict)
{
	put(filter, BPF_RET | BPF_K, 0, 0, verdict);
}

static void
put_load(struct filter *filter, size_t at)
{
	put(filter, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)at);
}

/* Go on behind it where the clause holds. */
static void
put_clause(struct filter *filter, const struct clause *clause)
{
	put_load(filter,
	    offsetof(struct seccomp_data, args) +
		sizeof(uint64_t) * clause->argument +
		(__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0));
	if (clause->mask != UINT32_MAX)
		put(filter, BPF_ALU | BPF_AND | BPF_K, 0, 0, clause->mask);
	for (unsigned i = clause->count; i > 0; i--)
		put(filter, BPF_JMP | BPF_JEQ | BPF_K, i, 0,
		    clause->values[clause->count - i]);
	put_return(filter, REFUSE);
}

static void
put_test(struct filter *filter, const struct test *test)
{
	for (size_t i = 0; i < CLAUSES_MAX; i++)
		if (test->clauses[i].count > 0)
			put_clause(filter, &test->clauses[i]);
	put_return(filter, ALLOW);
}

/* The calls from a number on, up to the next segment, that fare alike. */
struct segment {
	unsigned from;
	uint32_t verdict;
	const struct test *test; /* that decides instead, or NULL */
	size_t jump;		 /* to the test */
};

/* Append a segment, unless it goes on as the last one. */
static size_t
join_segment(struct segment *segments, size_t len, struct segment next)
{
	if (len > 0 && segments[len - 1].verdict == next.verdict &&
	    segments[len - 1].test == next.test)
		return len;
	segments[len] = next;
	return len + 1;
}

/* A segment that begins with a number; call is its row, or NULL. */
static struct segment
segment_of(unsigned number, const struct call *call, enum calls_purpose purpose)
{
	bool loop = call != NULL && call->whose == LOOP;
	bool known = call != NULL && (!loop || purpose == CALLS_LISTENER);

	if (purpose == CALLS_FORKED)
		return (struct segment){
			.from = number,
			.verdict = loop ? REFUSE : ALLOW,
		};
	return (struct segment){
		.from = number,
		.verdict = known ? ALLOW : REFUSE,
		.test = known ? call->test : NULL,
	};
}

/* All numbers from 0 on, cut into segments. Returns how many. */
static size_t
cut_segments(struct segment segments[SEGMENTS_MAX], enum calls_purpose purpose)
{
	const struct call *known[NEWER] = { NULL };
	size_t len = 0;

	for (size_t i = 0; i < CALLS; i++)
		known[calls[i].number] = &calls[i];
	for (unsigned i = 0; i < NEWER; i++)
		len = join_segment(
		    segments, len, segment_of(i, known[i], purpose));
	segments[len++] = (struct segment){
		.from = NEWER,
		.verdict = purpose == CALLS_FORKED ? ALLOW : ABSENT,
	};
	segments[len++] = (struct segment){
		.from = X32,
		.verdict = purpose == CALLS_FORKED ? ALLOW : REFUSE,
	};
	segments[len++] = (struct segment){ .from = NONE, .verdict = ALLOW };
	return len;
}

/* The search for the segment of a call, by halves: a filter that asks for 60
 * calls one by one takes the kernel 0.35 ms to accept, because it tries every
 * number there is; this one a third of that. Recursion goes eight deep. */
static void
put_search(struct filter *filter, struct segment *segments, size_t count)
{
	unsigned short here = filter->len;

	if (count == 1 && segments->test != NULL) {
		segments->jump = here;
		put(filter, BPF_JMP | BPF_JA, 0, 0, 0);
	} else if (count == 1) {
		put_return(filter, segments->verdict);
	} else {
		put(filter, BPF_JMP | BPF_JGE | BPF_K, 0, 0,
		    segments[count / 2].from);
		put_search(filter, segments, count / 2);
		filter->code[here].jt = (unsigned char)(filter->len - here - 1);
		put_search(filter, segments + count / 2, count - count / 2);
	}
}

static void
write_filter(struct filter *filter, enum calls_purpose purpose)
{
	struct segment segments[SEGMENTS_MAX];
	size_t count = cut_segments(segments, purpose);

	/* Another architecture's numbers mean other calls. */
	put_load(filter, offsetof(struct seccomp_data, arch));
	put(filter, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, ARCHITECTURE);
	put_return(filter, REFUSE);
	put_load(filter, offsetof(struct seccomp_data, nr));
	put_search(filter, segments, count);
	for (size_t i = 0; i < count; i++) {
		if (segments[i].test == NULL)
			continue;
		filter->code[segments[i].jump].k =
		    (uint32_t)(filter->len - segments[i].jump - 1);
		put_test(filter, segments[i].test);
	}
}

int
calls_restrict(enum calls_purpose purpose)
{
	struct filter filter;
	struct sock_fprog program = { .filter = filter.code };

	filter.len = 0; /* the rest is written, not read */
	if (ARCHITECTURE == 0)
		return ENOSYS;
	write_filter(&filter, purpose);
	program.len = filter.len;
	return prctl(PR_SET_SECCOMP, (unsigned long)SECCOMP_MODE_FILTER,
		   &program) < 0
	    ? errno
	    : 0;
}

const char *
calls_name(int call, unsigned architecture)
{
	static const struct {
		int number;
		char name[20];
	} known[] = {
		{ SYS_accept4, "accept4" },
		{ SYS_add_key, "add_key" },
		{ SYS_bpf, "bpf" },
		{ SYS_capset, "capset" },
		{ SYS_chdir, "chdir" },
		{ SYS_chroot, "chroot" },
		{ SYS_clone, "clone" },
		{ SYS_clone3, "clone3" },
		{ SYS_connect, "connect" },
		{ SYS_execve, "execve" },
		{ SYS_execveat, "execveat" },
		{ SYS_fcntl, "fcntl" },
		{ SYS_fchmodat, "fchmodat" },
		{ SYS_io_uring_setup, "io_uring_setup" },
		{ SYS_ioctl, "ioctl" },
		{ SYS_keyctl, "keyctl" },
		{ SYS_kill, "kill" },
		{ SYS_listen, "listen" },
		{ SYS_memfd_create, "memfd_create" },
		{ SYS_mknodat, "mknodat" },
		{ SYS_mmap, "mmap" },
		{ SYS_mount, "mount" },
		{ SYS_mprotect, "mprotect" },
		{ SYS_name_to_handle_at, "name_to_handle_at" },
		{ SYS_open_by_handle_at, "open_by_handle_at" },
		{ SYS_perf_event_open, "perf_event_open" },
		{ SYS_personality, "personality" },
		{ SYS_pidfd_open, "pidfd_open" },
		{ SYS_prctl, "prctl" },
		{ SYS_prlimit64, "prlimit64" },
		{ SYS_process_vm_readv, "process_vm_readv" },
		{ SYS_process_vm_writev, "process_vm_writev" },
		{ SYS_ptrace, "ptrace" },
		{ SYS_rt_sigaction, "rt_sigaction" },
		{ SYS_rt_sigqueueinfo, "rt_sigqueueinfo" },
		{ SYS_sendmsg, "sendmsg" },
		{ SYS_setgid, "setgid" },
		{ SYS_setns, "setns" },
		{ SYS_setresuid, "setresuid" },
		{ SYS_setrlimit, "setrlimit" },
		{ SYS_setsockopt, "setsockopt" },
		{ SYS_setuid, "setuid" },
		{ SYS_socket, "socket" },
		{ SYS_symlinkat, "symlinkat" },
		{ SYS_tgkill, "tgkill, abort" }, /* which comes by it */
		{ SYS_truncate, "truncate" },
		{ SYS_unshare, "unshare" },
		{ SYS_userfaultfd, "userfaultfd" },
#ifdef SYS_open
		{ SYS_chmod, "chmod" },
		{ SYS_fork, "fork" },
		{ SYS_mknod, "mknod" },
		{ SYS_rename, "rename" },
		{ SYS_symlink, "symlink" },
		{ SYS_unlink, "unlink" },
		{ SYS_vfork, "vfork" },
#endif
	};

	if (architecture != ARCHITECTURE)
		return "of another architecture";
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].number == call)
			return known[i].name;
	return "call";
}
