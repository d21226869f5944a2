/* SPDX-License-Identifier: ISC */
/* The filters of the sandbox by what they say to every call: the programs are
 * interpreted here, and compared with the table. It includes the source, as
 * nobody else is to see them. */
#include "unit.h"

#include <fcntl.h>

#include "lib/calls.c"

/* The verdict of a filter, by the machine of bpf(4), as far as it is used. */
static uint32_t
run(const struct filter *filter, const struct seccomp_data *data)
{
	uint32_t accumulator = 0;
	size_t at = filter->start;

	while (at < FILTER_MAX) {
		const struct sock_filter *code = &filter->code[at++];

		switch (code->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (code->k + 4 > sizeof(*data))
				return UINT32_MAX;
			memcpy(&accumulator, (const char *)data + code->k, 4);
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			accumulator &= code->k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			at += accumulator == code->k ? code->jt : code->jf;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			at += accumulator >= code->k ? code->jt : code->jf;
			break;
		case BPF_RET | BPF_K:
			return code->k;
		default:
			return UINT32_MAX;
		}
	}
	return UINT32_MAX; /* ran off its end */
}

enum { PURPOSES = 6 }; /* without and with CALLS_CONNECT */

static struct filter filters[PURPOSES];

static uint32_t
verdict(unsigned purpose, unsigned number, const uint64_t arguments[6])
{
	struct seccomp_data data = {
		.nr = (int)number,
		.arch = ARCHITECTURE,
	};

	if (arguments != NULL)
		memcpy(data.args, arguments, sizeof(data.args));
	return run(&filters[purpose], &data);
}

/* The row of a call, where it has two the one without CALLS_CONNECT. */
static const struct call *
row_of(unsigned number)
{
	for (size_t i = 0; i < CALLS; i++)
		if (calls[i].number == number)
			return &calls[i];
	return NULL;
}

/* Arguments that pass a test: of each clause the first value, with all that
 * the mask leaves free. */
static void
please(const struct test *test, uint64_t arguments[6])
{
	for (size_t i = 0; i < CLAUSES_MAX && test != NULL; i++) {
		const struct clause *clause = &test->clauses[i];

		if (clause->count > 0)
			arguments[clause->argument] =
			    clause->values[0] | ~(uint64_t)clause->mask;
	}
}

static void
check_number(unsigned number)
{
	const struct call *row = row_of(number);
	uint64_t arguments[6] = { 0 };
	uint32_t absent = number >= NEWER ? ABSENT : REFUSE;
	bool session = row != NULL && row->whose == ALL;
	bool connect = row != NULL && row->whose == CONNECT;

	please(row == NULL ? NULL : row->test, arguments);
	CHECK(verdict(CALLS_SESSION, number, arguments) ==
		(session ? ALLOW : absent),
	    "%u of a session", number);
	CHECK(verdict(CALLS_LISTENER, number, arguments) ==
		(row != NULL && !connect ? ALLOW : absent),
	    "%u of the accept loop", number);
	CHECK(verdict(CALLS_FORKED, number, arguments) ==
		(row == NULL || session || connect ? ALLOW : REFUSE),
	    "%u of a session of the loop", number);
	CHECK(verdict(CALLS_SESSION | CALLS_CONNECT, number, arguments) ==
		(session || connect ? ALLOW : absent),
	    "%u of a session that may connect", number);
	CHECK(verdict(CALLS_LISTENER | CALLS_CONNECT, number, arguments) ==
		(row != NULL ? ALLOW : absent),
	    "%u of a loop that may connect", number);
}

static void
check_numbers(void)
{
	for (unsigned number = 0; number < 2048; number++)
		check_number(number);
	CHECK(verdict(CALLS_SESSION, X32 - 1, NULL) == ABSENT, "before x32");
	CHECK(verdict(CALLS_SESSION, X32 | SYS_read, NULL) == REFUSE, "read of x32");
	CHECK(verdict(CALLS_SESSION, INT32_MAX, NULL) == REFUSE, "the last of x32");
	CHECK(verdict(CALLS_SESSION, 1U << 31, NULL) == REFUSE, "a negative one");
	CHECK(verdict(CALLS_SESSION, NONE - 1, NULL) == REFUSE, "-2");
	CHECK(verdict(CALLS_SESSION, NONE, NULL) == ALLOW, "none at all");
}

static void
check_architecture(void)
{
	const struct seccomp_data data = {
		.nr = SYS_read,
		.arch = AUDIT_ARCH_I386,
	};

	for (int i = 0; i < PURPOSES; i++)
		CHECK(run(&filters[i], &data) == REFUSE, "i386 by %d", i);
	CHECK(strcmp(calls_name(SYS_execve, ARCHITECTURE), "execve") ==
		0,
	    "execve by its name");
	CHECK(strcmp(calls_name(11, AUDIT_ARCH_I386),
		  "of another architecture") == 0,
	    "execve of i386");
}

static const struct row {
	const char *name;
	unsigned number;
	uint64_t arguments[6];
	bool allowed; /* to a session; of LOOP calls, to the loop */
} rows[] = {
	{ "mmap RW", SYS_mmap, { 0, 1, PROT_READ | PROT_WRITE }, true },
	{ "mmap RX", SYS_mmap, { 0, 1, PROT_READ | PROT_EXEC }, true },
	{ "mmap R", SYS_mmap, { 0, 1, PROT_READ }, true },
	{ "mmap none", SYS_mmap, { 0, 1, 0 }, true },
	{ "mmap WX", SYS_mmap, { 0, 1, PROT_WRITE | PROT_EXEC }, false },
	{ "mmap RWX", SYS_mmap, { 0, 1, 7 }, false },
	{ "mprotect RW", SYS_mprotect, { 0, 1, 3 }, true },
	{ "mprotect RX", SYS_mprotect, { 0, 1, 5 }, false },
	{ "mprotect X", SYS_mprotect, { 0, 1, 4 }, false },
	{ "fcntl F_DUPFD", SYS_fcntl, { 0, F_DUPFD }, true },
	{ "fcntl F_GETFL", SYS_fcntl, { 0, F_GETFL }, true },
	{ "fcntl F_SETFL", SYS_fcntl, { 0, F_SETFL }, true },
	{ "fcntl F_SETLK", SYS_fcntl, { 0, F_SETLK }, true },
	{ "fcntl F_SETOWN", SYS_fcntl, { 0, F_SETOWN }, false },
	{ "fcntl F_SETSIG", SYS_fcntl, { 0, F_SETSIG }, false },
	{ "fcntl F_SETOWN_EX", SYS_fcntl, { 0, F_SETOWN_EX }, false },
	{ "fcntl F_SETLEASE", SYS_fcntl, { 0, F_SETLEASE }, false },
	{ "fcntl F_NOTIFY", SYS_fcntl, { 0, F_NOTIFY }, false },
	{ "socket UNIX datagram", SYS_socket,
	    { AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0 }, true },
	{ "socket UNIX stream", SYS_socket, { AF_UNIX, SOCK_STREAM, 0 },
	    false },
	{ "socket UNIX seqpacket", SYS_socket, { AF_UNIX, SOCK_SEQPACKET, 0 },
	    false },
	{ "socket route", SYS_socket,
	    { AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0 }, true },
	{ "socket netfilter", SYS_socket, { AF_NETLINK, SOCK_RAW, 12 },
	    false },
	{ "socket TCP", SYS_socket, { AF_INET, SOCK_STREAM, 0 }, false },
	{ "socket UDP", SYS_socket, { AF_INET, SOCK_DGRAM, 0 }, false },
	{ "socket raw", SYS_socket, { AF_INET6, SOCK_RAW, 0 }, false },
	{ "socket packet", SYS_socket, { AF_PACKET, SOCK_RAW, 0 }, false },
	{ "setsockopt no delay", SYS_setsockopt, { 0, IPPROTO_TCP, 1 }, true },
	{ "setsockopt TCP_ULP", SYS_setsockopt, { 0, IPPROTO_TCP, 31 },
	    false },
	{ "setsockopt socket", SYS_setsockopt, { 0, SOL_SOCKET, 1 }, false },
	{ "getsockopt socket", SYS_getsockopt, { 0, SOL_SOCKET, 30 }, true },
	{ "getsockopt TCP", SYS_getsockopt, { 0, IPPROTO_TCP, 11 }, false },
	{ "prlimit64 ours", SYS_prlimit64, { 0, 7, 4096 }, true },
	{ "prlimit64 of another", SYS_prlimit64, { 1, 7, 0 }, false },
	{ "prlimit64 with a high half", SYS_prlimit64, { 1, 7, 1ULL << 32 },
	    false },
	{ "prctl a name", SYS_prctl, { PR_SET_VMA }, true },
	{ "prctl a filter", SYS_prctl, { PR_SET_SECCOMP }, true },
	{ "prctl dumpable", SYS_prctl, { PR_SET_DUMPABLE, 1 }, false },
	{ "prctl ptracer", SYS_prctl, { PR_SET_PTRACER }, false },
	{ "clone as fork", SYS_clone,
	    { CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD }, true },
	{ "clone a thread", SYS_clone,
	    { CLONE_VM | CLONE_SIGHAND | CLONE_THREAD }, false },
	{ "clone as vfork", SYS_clone, { CLONE_VM | CLONE_VFORK | SIGCHLD },
	    false },
	{ "clone a user name space", SYS_clone, { CLONE_NEWUSER | SIGCHLD },
	    false },
	{ "clone a network", SYS_clone, { CLONE_NEWNET | SIGCHLD }, false },
	{ "kill SIGTERM", SYS_kill, { 2, SIGTERM }, true },
	{ "kill SIGKILL", SYS_kill, { 2, SIGKILL }, false },
	{ "kill 0", SYS_kill, { 2, 0 }, false },
};

static void
check_arguments(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		bool loop = row_of(row->number)->whose == LOOP;

		CHECK(verdict(CALLS_LISTENER, row->number, row->arguments) ==
			(row->allowed ? ALLOW : REFUSE),
		    "%s of the accept loop", row->name);
		CHECK(verdict(CALLS_SESSION, row->number, row->arguments) ==
			(row->allowed && !loop ? ALLOW : REFUSE),
		    "%s of a session", row->name);
	}
}

/* A stream to a local socket, and only for who may connect. */
static void
check_streams(void)
{
	static const uint64_t local[6] = { AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC };
	static const uint64_t inet[6] = { AF_INET, SOCK_STREAM };

	for (unsigned i = 0; i < PURPOSES; i++) {
		bool connects = (i & CALLS_CONNECT) != 0;

		if (i & CALLS_FORKED)
			continue;
		CHECK(verdict(i, SYS_socket, local) ==
			(connects ? ALLOW : REFUSE),
		    "local stream, purpose %u", i);
		CHECK(verdict(i, SYS_socket, inet) == REFUSE,
		    "TCP, purpose %u", i);
	}
}

int
main(void)
{
	if (ARCHITECTURE == 0)
		return unit_end("sandbox: no filter on this architecture");
	for (int i = 0; i < PURPOSES; i++) {
		write_filter(&filters[i], (unsigned)i);
		CHECK(!filters[i].too_far, "filter %d", i);
	}
	check_numbers();
	check_architecture();
	check_arguments();
	check_streams();
	return unit_end("calls");
}
