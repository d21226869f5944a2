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
	size_t argument;
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
/* And streams, to a local socket. */
static const struct test local_family = { {
    { 0, UINT32_MAX, 2, { AF_UNIX, AF_NETLINK } },
    { 1, 15, 3, { SOCK_STREAM, SOCK_DGRAM, SOCK_RAW } },
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

/* Who may make a call: everybody, the accept loop alone, or who may connect. */
enum whose { ALL, LOOP, CONNECT };

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
	{ SYS_sysinfo, ALL, NULL }, /* qsort(3), by which OpenSSL sorts */
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
	/* Dovecot's socket. Of the client's socket it could make a connection
	 * to elsewhere, which Landlock forbids from version 4 on. */
	{ SYS_socket, CONNECT, &local_family },
	{ SYS_connect, CONNECT, NULL },
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
	FILTER_MAX = 512, /* instructions */
};

/* A filter being written: from its end, since jumps lead forward and so know
 * where they lead. A place in it is an index into code. */
struct filter {
	struct sock_filter code[FILTER_MAX];
	size_t start;
	size_t allow, refuse, absent; /* where each verdict is */
	bool too_far;		      /* for a jump, which is an octet */
};

/* Put an instruction before the others. Returns its place. */
static size_t
put(struct filter *filter, unsigned code, uint32_t k)
{
	if (filter->start == 0)
		filter->too_far = true;
	else
		filter->start--;
	filter->code[filter->start] = (struct sock_filter){
		.code = (unsigned short)code,
		.k = k,
	};
	return filter->start;
}

/* Put a comparison, with the places to go on at. */
static size_t
put_jump(struct filter *filter, unsigned comparison, uint32_t k, size_t yes,
    size_t no)
{
	size_t here = put(filter, BPF_JMP | comparison | BPF_K, k);

	if (yes - here > UINT8_MAX || no - here > UINT8_MAX)
		filter->too_far = true;
	filter->code[here].jt = (unsigned char)(yes - here - 1);
	filter->code[here].jf = (unsigned char)(no - here - 1);
	return here;
}

static size_t
put_load(struct filter *filter, size_t at)
{
	return put(filter, BPF_LD | BPF_W | BPF_ABS, (uint32_t)at);
}

/* Go on at next where the clause holds. */
static size_t
put_clause(struct filter *filter, const struct clause *clause, size_t next)
{
	size_t otherwise = filter->refuse;

	for (unsigned i = 0; i < clause->count; i++)
		otherwise = put_jump(
		    filter, BPF_JEQ, clause->values[i], next, otherwise);
	if (clause->mask != UINT32_MAX)
		(void)put(filter, BPF_ALU | BPF_AND | BPF_K, clause->mask);
	return put_load(filter,
	    offsetof(struct seccomp_data, args) + 8 * clause->argument +
		(__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0));
}

static size_t
put_test(struct filter *filter, const struct test *test)
{
	size_t place = filter->allow;

	for (size_t i = 0; i < CLAUSES_MAX; i++)
		if (test->clauses[i].count > 0)
			place = put_clause(filter, &test->clauses[i], place);
	return place;
}

/* The calls from a number on, up to the next segment, that fare alike. */
struct segment {
	unsigned from;
	uint32_t verdict;
	const struct test *test; /* that decides instead, or NULL */
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
segment_of(unsigned number, const struct call *call, unsigned purpose)
{
	if (purpose & CALLS_FORKED)
		return (struct segment){
			.from = number,
			.verdict = call != NULL ? REFUSE : ALLOW,
		};
	return (struct segment){
		.from = number,
		.verdict = call != NULL ? ALLOW : REFUSE,
		.test = call != NULL ? call->test : NULL,
	};
}

/* Whether a row counts for a purpose. To a session of the accept loop only what
 * it loses does. */
static bool
is_meant(const struct call *call, unsigned purpose)
{
	switch (call->whose) {
	case LOOP:
		return purpose & (CALLS_LISTENER | CALLS_FORKED);
	case CONNECT:
		return purpose & CALLS_CONNECT;
	default:
		return !(purpose & CALLS_FORKED);
	}
}

/* All numbers from 0 on, cut into segments. Returns how many. */
static size_t
cut_segments(struct segment segments[SEGMENTS_MAX], unsigned purpose)
{
	const struct call *known[NEWER] = { NULL };
	size_t len = 0;

	for (size_t i = 0; i < CALLS; i++)
		if (is_meant(&calls[i], purpose))
			known[calls[i].number] = &calls[i];
	for (unsigned i = 0; i < NEWER; i++)
		len = join_segment(
		    segments, len, segment_of(i, known[i], purpose));
	segments[len++] = (struct segment){
		.from = NEWER,
		.verdict = (purpose & CALLS_FORKED) ? ALLOW : ABSENT,
	};
	segments[len++] = (struct segment){
		.from = X32,
		.verdict = (purpose & CALLS_FORKED) ? ALLOW : REFUSE,
	};
	segments[len++] = (struct segment){ .from = NONE, .verdict = ALLOW };
	return len;
}

/* Where the calls of a segment go. */
static size_t
put_segment(struct filter *filter, const struct segment *segment)
{
	if (segment->test != NULL)
		return put_test(filter, segment->test);
	return segment->verdict == ALLOW ? filter->allow
	    : segment->verdict == ABSENT ? filter->absent
					 : filter->refuse;
}

/* The search for the segment of a call, by halves, in few instructions: the
 * kernel takes 26 us to accept a filter, and a third of one for each of them; a
 * filter that asks for 60 calls one by one takes 350, since it is tried with
 * every number there is. Recursion goes eight deep. */
static size_t
put_search(struct filter *filter, const struct segment *segments, size_t count)
{
	size_t half = count / 2, below, above;

	if (count == 1)
		return put_segment(filter, segments);
	above = put_search(filter, segments + half, count - half);
	below = put_search(filter, segments, half);
	return put_jump(filter, BPF_JGE, segments[half].from, above, below);
}

static void
write_filter(struct filter *filter, unsigned purpose)
{
	struct segment segments[SEGMENTS_MAX];
	size_t count = cut_segments(segments, purpose), next;

	filter->start = FILTER_MAX;
	filter->too_far = false;
	filter->allow = put(filter, BPF_RET | BPF_K, ALLOW);
	filter->refuse = put(filter, BPF_RET | BPF_K, REFUSE);
	filter->absent = put(filter, BPF_RET | BPF_K, ABSENT);
	(void)put_search(filter, segments, count);
	next = put_load(filter, offsetof(struct seccomp_data, nr));
	/* Another architecture's numbers mean other calls. */
	(void)put_jump(filter, BPF_JEQ, ARCHITECTURE, next, filter->refuse);
	(void)put_load(filter, offsetof(struct seccomp_data, arch));
}

int
calls_restrict(unsigned purpose)
{
	struct filter filter;
	struct sock_fprog program;

	if (ARCHITECTURE == 0)
		return ENOSYS;
	write_filter(&filter, purpose);
	if (filter.too_far)
		return E2BIG;
	program.filter = filter.code + filter.start;
	program.len = (unsigned short)(FILTER_MAX - filter.start);
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
