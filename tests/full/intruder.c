/* SPDX-License-Identifier: ISC */
/* intruder.c - what a client would try who can run code in a session.
 *
 * Loaded with LD_PRELOAD, it looks for "intrude=NAME" in what the session
 * reads, makes that attempt from inside of read(2), and says on standard error
 * what came of it: "intruder NAME: EACCES". OUTSIDE is a directory outside the
 * mail tree with a file in it, INSIDE a Maildir, PORT a TCP port that listens.
 */
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char text[512];

/* Known beforehand: the accept loop, which loaded us, or who started us. */
static pid_t loaded, parent;

__attribute__((constructor)) static void
begin(void)
{
	loaded = getpid();
	parent = getppid();
}

static pid_t
victim(void)
{
	return getpid() == loaded ? parent : loaded;
}

/* A name in the directory of an environment variable. */
static const char *
in(const char *variable, const char *name)
{
	snprintf(text, sizeof(text), "%s/%s", getenv(variable), name);
	return text;
}

static int
other_process(const char *file, int flags)
{
	snprintf(text, sizeof(text), "/proc/%d/%s", victim(), file);
	return open(text, flags);
}

static const struct sockaddr *
somebody(void)
{
	static struct sockaddr_in to = { .sin_family = AF_INET };

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	to.sin_port = htons((uint16_t)atoi(getenv("PORT")));
	return (const struct sockaddr *)&to;
}

/* Does it, as far as it may, and harms nobody where it may. */
#define TRY(name, expression)                                                  \
	static long try_##name(int fd)                                         \
	{                                                                      \
		(void)fd;                                                      \
		return (long)(expression);                                     \
	}

#define CALL(name, ...) TRY(name, syscall(SYS_##name, __VA_ARGS__))

/* Files. */
TRY(write_passwd, open("/etc/passwd", O_WRONLY))
TRY(append_passwd, open("/etc/passwd", O_WRONLY | O_APPEND))
TRY(read_passwd, open("/etc/passwd", O_RDONLY))
TRY(read_shadow, open("/etc/shadow", O_RDONLY))
TRY(list_root, open("/", O_RDONLY | O_DIRECTORY))
TRY(read_environment, open("/proc/self/environ", O_RDONLY))
TRY(write_memory, other_process("mem", O_RDWR))
TRY(read_link, readlink("/proc/self/fd/0", text, sizeof(text)) < 0 ? -1 : 0)
TRY(create_outside, open(in("OUTSIDE", "new"), O_WRONLY | O_CREAT, 0600))
TRY(unnamed_outside, open(getenv("OUTSIDE"), O_WRONLY | O_TMPFILE, 0600))
TRY(mkdir_outside, mkdirat(AT_FDCWD, in("OUTSIDE", "new"), 0700))
TRY(unlink_outside, unlinkat(AT_FDCWD, in("OUTSIDE", "file"), 0))
TRY(create_inside, open(in("INSIDE", "tmp/made"), O_WRONLY | O_CREAT, 0600))
TRY(rmdir_inside, unlinkat(AT_FDCWD, in("INSIDE", "cur"), AT_REMOVEDIR))
TRY(symlink_inside, syscall(SYS_symlinkat, "/etc", AT_FDCWD,
    in("INSIDE", "link")))
TRY(fifo_inside, mknodat(AT_FDCWD, in("INSIDE", "fifo"), S_IFIFO | 0600, 0))
TRY(device_inside, mknodat(AT_FDCWD, in("INSIDE", "null"), S_IFCHR | 0600, 259))
TRY(chmod_inside, syscall(SYS_fchmodat, AT_FDCWD, in("INSIDE", "."), 0777))
TRY(truncate_inside, truncate(in("INSIDE", "maildirsize"), 0))

static long
try_rename_outside(int fd)
{
	char from[512];

	(void)fd;
	snprintf(from, sizeof(from), "%s", in("OUTSIDE", "file"));
	return renameat(AT_FDCWD, from, AT_FDCWD, in("OUTSIDE", "other"));
}

static long
try_rename_inside_out(int fd)
{
	char from[512];

	(void)fd;
	snprintf(from, sizeof(from), "%s", in("INSIDE", "tmp"));
	return renameat(AT_FDCWD, from, AT_FDCWD, in("OUTSIDE", "tmp"));
}

static long
try_link_outside_in(int fd)
{
	char from[512];

	(void)fd;
	snprintf(from, sizeof(from), "%s", in("OUTSIDE", "file"));
	return linkat(AT_FDCWD, from, AT_FDCWD, in("INSIDE", "tmp/file"), 0);
}

CALL(open_by_handle_at, AT_FDCWD, NULL, 0)
CALL(name_to_handle_at, AT_FDCWD, "/", NULL, NULL, 0)
CALL(mount, "none", "/tmp", "tmpfs", 0, NULL)
CALL(chroot, "/")
CALL(chdir, "/")
CALL(memfd_create, "name", 0)

/* Processes. */
static char *no_words[] = { NULL };
TRY(exec, execve("/bin/true", no_words, no_words))
CALL(execveat, AT_FDCWD, "/bin/true", no_words, no_words, 0)
#ifdef SYS_fork
TRY(plain_fork, syscall(SYS_fork) == 0 ? (_exit(0), 0) : 0)
TRY(vfork, syscall(SYS_vfork) == 0 ? (_exit(0), 0) : 0)
#endif
TRY(thread, syscall(SYS_clone,
    CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD, NULL))
CALL(clone3, NULL, 0)

static long
try_fork(int fd)
{
	pid_t pid = fork();

	(void)fd;
	if (pid == 0)
		_exit(0);
	return pid;
}

CALL(ptrace, 16, victim(), NULL, NULL) /* PTRACE_ATTACH */
TRY(read_memory, syscall(SYS_process_vm_readv, victim(), NULL, 0, NULL, 0, 0))
TRY(kill_term, kill(victim(), SIGTERM))
TRY(kill_kill, kill(victim(), SIGKILL))
TRY(kill_zero, kill(victim(), 0))
TRY(kill_all, kill(-1, SIGTERM))
TRY(kill_thread, syscall(SYS_tgkill, victim(), victim(), SIGTERM))
CALL(rt_sigqueueinfo, victim(), SIGTERM, NULL)
CALL(pidfd_open, victim(), 0)
TRY(own_signals, fcntl(fd, F_SETOWN, victim()))
TRY(choose_signal, fcntl(fd, F_SETSIG, SIGKILL))
TRY(limit_other, syscall(SYS_prlimit64, victim(), RLIMIT_CPU,
    &(struct rlimit){ 0, 0 }, NULL))
TRY(limit_pointer, syscall(SYS_prlimit64, victim(), RLIMIT_CPU,
    (void *)(uintptr_t)(1ULL << 32), NULL))
TRY(limit_more, setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 4096, 4096 }))
TRY(limit_processes, setrlimit(RLIMIT_NPROC, &(struct rlimit){ 9, 9 }))
TRY(dump, prctl(PR_SET_DUMPABLE, 1L, 0L, 0L, 0L))
CALL(setuid, 0)
CALL(setresuid, 0, 0, 0)
CALL(capset, NULL, NULL)
CALL(unshare, CLONE_NEWUSER)
CALL(setns, 0, 0)
CALL(personality, 0x0040000) /* ADDR_NO_RANDOMIZE */
CALL(rt_sigaction, SIGSYS, NULL, NULL, 8)

static long
try_abort(int fd)
{
	(void)fd;
	abort();
}

/* Sockets. */
TRY(tcp, socket(AF_INET, SOCK_STREAM, 0))
TRY(tcp6, socket(AF_INET6, SOCK_STREAM, 0))
TRY(udp, socket(AF_INET, SOCK_DGRAM, 0))
TRY(packet, socket(AF_PACKET, SOCK_RAW, 0))
TRY(unix_stream, socket(AF_UNIX, SOCK_STREAM, 0))
TRY(netfilter, socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER))
TRY(connect, connect(fd, somebody(), sizeof(struct sockaddr_in)))
TRY(fast_open, sendto(fd, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL, somebody(),
    sizeof(struct sockaddr_in)))
TRY(bind, bind(fd, somebody(), sizeof(struct sockaddr_in)))
TRY(listen, listen(fd, 1))
TRY(accept, accept4(fd, NULL, NULL, 0))
TRY(socket_option, setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", 3))
CALL(sendmsg, fd, NULL, 0)

/* The kernel. */
TRY(map_code, mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))
TRY(make_code, mprotect((void *)((uintptr_t)text & ~(uintptr_t)4095), 4096,
    PROT_READ | PROT_EXEC))
TRY(push_input, syscall(SYS_ioctl, fd, 0x5412 /* TIOCSTI */, "x"))
CALL(io_uring_setup, 1, NULL)
CALL(bpf, 0, NULL, 0)
CALL(perf_event_open, NULL, 0, -1, -1, 0)
CALL(userfaultfd, 0)
CALL(keyctl, 0, -3, 0) /* KEYCTL_GET_KEYRING_ID */
CALL(add_key, "user", "name", "x", 1, -3)
TRY(newer, syscall(470))
#ifdef __x86_64__
TRY(x32, syscall(1 << 30 | SYS_getpid))

static long
try_i386(int fd)
{
	long result = 20; /* getpid */

	(void)fd;
	__asm__ volatile("int $0x80" : "+a"(result)::"memory");
	return result;
}
#endif

#define ROW(name)                                                              \
	{                                                                      \
#name, try_##name                                              \
	}
static const struct {
	const char *name;
	long (*make)(int fd);
} attempts[] = {
	ROW(write_passwd), ROW(append_passwd), ROW(read_passwd),
	ROW(read_shadow), ROW(list_root), ROW(read_environment),
	ROW(write_memory), ROW(read_link), ROW(create_outside),
	ROW(unnamed_outside), ROW(mkdir_outside), ROW(unlink_outside),
	ROW(create_inside), ROW(rmdir_inside), ROW(symlink_inside),
	ROW(fifo_inside), ROW(device_inside), ROW(chmod_inside),
	ROW(truncate_inside), ROW(rename_outside), ROW(rename_inside_out),
	ROW(link_outside_in), ROW(open_by_handle_at), ROW(name_to_handle_at),
	ROW(mount), ROW(chroot), ROW(chdir), ROW(memfd_create), ROW(exec),
	ROW(execveat), ROW(thread), ROW(clone3), ROW(fork), ROW(ptrace),
	ROW(read_memory), ROW(kill_term), ROW(kill_kill), ROW(kill_zero),
	ROW(kill_all), ROW(kill_thread), ROW(rt_sigqueueinfo), ROW(pidfd_open),
	ROW(own_signals), ROW(choose_signal), ROW(limit_other),
	ROW(limit_pointer), ROW(limit_more), ROW(limit_processes), ROW(dump),
	ROW(setuid), ROW(setresuid), ROW(capset), ROW(unshare), ROW(setns),
	ROW(personality), ROW(rt_sigaction), ROW(abort), ROW(tcp), ROW(tcp6),
	ROW(udp), ROW(packet), ROW(unix_stream), ROW(netfilter), ROW(connect),
	ROW(fast_open), ROW(bind), ROW(listen), ROW(accept),
	ROW(socket_option), ROW(sendmsg), ROW(map_code), ROW(make_code),
	ROW(push_input), ROW(io_uring_setup), ROW(bpf), ROW(perf_event_open),
	ROW(userfaultfd), ROW(keyctl), ROW(add_key), ROW(newer),
#ifdef SYS_fork
	ROW(plain_fork), ROW(vfork),
#endif
#ifdef __x86_64__
	ROW(x32), ROW(i386),
#endif
};

static void
say(const char *name, const char *outcome)
{
	char line[256];
	int len =
	    snprintf(line, sizeof(line), "intruder %s: %s\n", name, outcome);

	if (write(STDERR_FILENO, line, (size_t)len) < 0)
		_exit(1);
}

static void
attempt(int fd, const char *name)
{
	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++)
		if (strcmp(attempts[i].name, name) == 0) {
			errno = 0;
			say(name,
			    attempts[i].make(fd) >= 0 ? "done"
						      : strerrorname_np(errno));
			return;
		}
	say(name, "no such attempt");
}

/* In the place of libc's. */
ssize_t
read(int fd, void *buffer, size_t size)
{
	static const char mark[] = "intrude=";
	ssize_t got = syscall(SYS_read, fd, buffer, size);
	const char *at = got <= 0
	    ? NULL
	    : memmem(buffer, (size_t)got, mark, sizeof(mark) - 1);
	char name[64] = "";
	size_t len = 0;

	if (at == NULL)
		return got;
	at += sizeof(mark) - 1;
	while (len < sizeof(name) - 1 && at + len < (char *)buffer + got &&
	    at[len] > ' ')
		len++;
	memcpy(name, at, len);
	attempt(fd, name);
	return got;
}
