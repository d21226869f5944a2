/* SPDX-License-Identifier: ISC */
/* listen.c - see listen.h for the contract. */
#include "listen.h"

#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "systemd.h"

enum {
	SECOND = 1000, /* milliseconds */
	STATUS_PERIOD = SECOND,
	PAUSE_MIN = 50, /* where processes or descriptors have run out */
	PAUSE_MAX = 5 * SECOND,
};

enum { SOURCE_NONE, SOURCE_IPV4, SOURCE_IPV6, SOURCE_LOCAL };

enum { SOURCE_TEXT = INET6_ADDRSTRLEN + sizeof("/64") };

static int64_t
microseconds(void)
{
	struct timespec now;

	/* Cannot fail: the clock exists and the pointer is good. */
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t
milliseconds(void)
{
	return microseconds() / 1000;
}

/* --- sources --- */

static struct listen_source
source_of(int fd, const struct sockaddr_storage *address)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
	struct listen_source source = { .kind = SOURCE_NONE };
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (address->ss_family == AF_INET) {
		source.kind = SOURCE_IPV4;
		memcpy(source.address, &v4->sin_addr, 4);
	} else if (address->ss_family == AF_INET6 &&
	    IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
		source.kind = SOURCE_IPV4;
		memcpy(source.address, v6->sin6_addr.s6_addr + 12, 4);
	} else if (address->ss_family == AF_INET6) {
		source.kind = SOURCE_IPV6; /* its network of 64 bits */
		memcpy(source.address, v6->sin6_addr.s6_addr, 8);
	} else if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0) {
		source.kind = SOURCE_LOCAL;
		memcpy(source.address, &peer.uid, sizeof(peer.uid));
	}
	return source;
}

static void
print_source(const struct listen_source *source, char *text, size_t size)
{
	unsigned char bytes[sizeof(struct in6_addr)] = { 0 };
	char address[INET6_ADDRSTRLEN] = "unknown";
	uid_t uid;

	memcpy(bytes, source->address, sizeof(source->address));
	if (source->kind == SOURCE_IPV4)
		(void)inet_ntop(AF_INET, bytes, address, sizeof(address));
	else if (source->kind == SOURCE_IPV6)
		(void)inet_ntop(AF_INET6, bytes, address, sizeof(address));
	memcpy(&uid, source->address, sizeof(uid));
	if (source->kind == SOURCE_LOCAL)
		(void)snprintf(text, size, "uid %lu", (unsigned long)uid);
	else
		(void)snprintf(text, size, "%s%s", address,
		    source->kind == SOURCE_IPV6 ? "/64" : "");
}

/* --- children --- */

/* Whether a child counts to a source; to NULL, which is all of them, it does.
 */
static bool
is_of(const struct listen_child *child, const struct listen_source *source)
{
	return source == NULL ||
	    memcmp(&child->source, source, sizeof(*source)) == 0;
}

/* A list, not a hash: counting 500 sessions takes less than a fork by far. */
static size_t
count_of(const struct listen *listen, const struct listen_source *source)
{
	size_t count = 0;

	for (size_t i = 0; i < listen->children_len; i++)
		count += is_of(&listen->children[i], source);
	return count;
}

/* Room for one more child. False: no memory. */
static bool
grow(struct listen *listen)
{
	size_t max = listen->children_max == 0 ? 64 : listen->children_max * 2;
	void *grown;

	if (listen->children_len < listen->children_max)
		return true;
	grown = reallocarray(listen->children, max, sizeof(*listen->children));
	if (grown == NULL)
		return false;
	listen->children = grown;
	listen->children_max = max;
	return true;
}

/* Take a child off the list. Returns where it came from. */
static struct listen_source
forget(struct listen *listen, pid_t pid)
{
	struct listen_source source = { .kind = SOURCE_NONE };
	size_t i = 0;

	while (i < listen->children_len && listen->children[i].pid != pid)
		i++;
	if (i < listen->children_len) {
		source = listen->children[i].source;
		listen->children[i] = listen->children[--listen->children_len];
	}
	if (listen->children_len == 0)
		listen->idle_since = milliseconds();
	listen->pause_end = 0; /* there is room for one again */
	listen->changed = true;
	return source;
}

/* Collect the children that have ended. True: one of them by a signal, and
 * .text tells of it; there may be more. */
static bool
reap(struct listen *listen)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct listen_source source = forget(listen, pid);
		char from[SOURCE_TEXT];

		if (!WIFSIGNALED(status))
			continue;
		print_source(&source, from, sizeof(from));
		(void)snprintf(listen->text, sizeof(listen->text),
		    "session %ld with %s was ended by signal %d (%s)",
		    (long)pid, from, WTERMSIG(status),
		    strsignal(WTERMSIG(status)));
		return true;
	}
	listen->reap = false;
	return false;
}

/* --- connections --- */

/* Say no without a process and without waiting: what the socket does not take
 * at once is lost. */
static void
turn_away(struct listen *listen, int fd, const char *why)
{
	char reply[264], junk[1024];
	int len = snprintf(reply, sizeof(reply), "421 %.255s\r\n", why);

	listen->refused++;
	listen->changed = true;
	(void)send(fd, reply, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL);
	/* A socket closed with input unread would take the reply back. */
	(void)shutdown(fd, SHUT_WR);
	(void)recv(fd, junk, sizeof(junk), MSG_DONTWAIT);
	close(fd);
}

/* Wait before we try again; each time longer. */
static enum listen_event
pause_for(struct listen *listen, const char *what)
{
	int error = errno;

	listen->pause = listen->pause == 0 ? PAUSE_MIN : listen->pause * 2;
	if (listen->pause > PAUSE_MAX)
		listen->pause = PAUSE_MAX;
	listen->pause_end = milliseconds() + listen->pause;
	(void)snprintf(listen->text, sizeof(listen->text),
	    "%s: %s; %zu sessions go on", what, strerror(error),
	    listen->children_len);
	return LISTEN_TROUBLE;
}

/* Whether to tell that all sessions are taken, or all of a source: not while
 * a session goes on that was there when it was told. */
static bool
is_news(struct listen *listen, const struct listen_source *source)
{
	enum listen_told what =
	    source == NULL ? LISTEN_TOLD_ALL : LISTEN_TOLD_SOURCE;

	for (size_t i = 0; i < listen->children_len; i++)
		if ((listen->children[i].told & what) != 0 &&
		    is_of(&listen->children[i], source))
			return false;
	for (size_t i = 0; i < listen->children_len; i++)
		if (is_of(&listen->children[i], source))
			listen->children[i].told |= what;
	return true;
}

/* Over the limit of a source, or with NULL over that of all. */
static enum listen_event
refuse(struct listen *listen, int fd, const struct listen_source *source)
{
	char from[SOURCE_TEXT] = "all sources";

	turn_away(listen, fd,
	    source != NULL
		? "4.7.0 too many sessions from your address, try again later"
		: "4.3.2 too many sessions, try again later");
	if (!is_news(listen, source))
		return LISTEN_NOTHING;
	if (source != NULL)
		print_source(source, from, sizeof(from));
	(void)snprintf(listen->text, sizeof(listen->text),
	    "limit of %u sessions of %s is reached",
	    source != NULL ? listen->settings.sessions_per_source
			   : listen->settings.sessions,
	    from);
	return LISTEN_REFUSED;
}

static void
become_child(struct listen *listen, int fd, unsigned listener)
{
	for (unsigned i = 0; i <= listen->listeners; i++)
		close(listen->fds[i].fd);
	listen->fd = fd;
	listen->listener = listener;
	/* Cannot fail: the set is one that was in force. */
	(void)sigprocmask(SIG_SETMASK, &listen->before, NULL);
}

static enum listen_event
start(struct listen *listen, int fd, const struct listen_source *source,
    unsigned listener)
{
	pid_t pid;
	int error;

	if (listen->settings.before_session != NULL)
		listen->settings.before_session(listen->settings.to);
	pid = grow(listen) ? fork() : -1;
	error = errno;

	if (pid == 0) {
		become_child(listen, fd, listener);
		return LISTEN_SESSION;
	}
	if (pid < 0) {
		turn_away(
		    listen, fd, "4.3.2 out of resources, try again later");
		errno = error;
		return pause_for(listen, "fork");
	}
	close(fd);
	listen->children[listen->children_len++] = (struct listen_child){
		.pid = pid,
		.source = *source,
	};
	listen->changed = true;
	listen->pause = 0;
	return LISTEN_NOTHING;
}

/* Accept a connection, and decide. */
static enum listen_event
take(struct listen *listen, unsigned listener)
{
	const struct listen_settings *settings = &listen->settings;
	struct sockaddr_storage address = { 0 };
	socklen_t len = sizeof(address);
	struct listen_source source;
	int fd = accept4(listen->fds[1 + listener].fd,
	    (struct sockaddr *)&address, &len, SOCK_CLOEXEC);

	if (fd < 0)
		switch (errno) {
		case EAGAIN: /* it is gone, or somebody else has it */
		case EINTR:
		case ECONNABORTED:
		case EPROTO:
			return LISTEN_NOTHING;
		default: /* it is still there, and would be ready at once */
			return pause_for(listen, "accept");
		}
	listen->idle_since = milliseconds();
	if (settings->closed != NULL) {
		turn_away(listen, fd, settings->closed);
		return LISTEN_NOTHING;
	}
	source = source_of(fd, &address);
	if (settings->sessions > 0 &&
	    listen->children_len >= settings->sessions)
		return refuse(listen, fd, NULL);
	if (settings->sessions_per_source > 0 &&
	    count_of(listen, &source) >= settings->sessions_per_source)
		return refuse(listen, fd, &source);
	return start(listen, fd, &source, listener);
}

/* --- signals and time --- */

static enum listen_event
drain(struct listen *listen)
{
	if (listen->draining) { /* told a second time */
		listen->drain_end = milliseconds();
		return LISTEN_NOTHING;
	}
	/* Who else has the sockets keeps the clients for later; if nobody has,
	 * they are refused at once. */
	for (unsigned i = 1; i <= listen->listeners; i++)
		close(listen->fds[i].fd);
	listen->listeners = 0;
	listen->draining = listen->changed = true;
	listen->drain_end =
	    milliseconds() + (int64_t)listen->settings.drain_timeout * SECOND;
	systemd_notify("STOPPING=1", true);
	return LISTEN_DRAIN;
}

static enum listen_event
take_signal(struct listen *listen)
{
	struct signalfd_siginfo info;
	char text[64];

	while (read(listen->fds[0].fd, &info, sizeof(info)) ==
	    (ssize_t)sizeof(info))
		switch (info.ssi_signo) {
		case SIGHUP:
			if (listen->draining)
				break;
			/* To be later than the request, in microseconds. */
			(void)snprintf(text, sizeof(text),
			    "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
			    microseconds());
			systemd_notify(text, true);
			return LISTEN_RELOAD;
		case SIGTERM:
			return drain(listen);
		default:
			listen->reap = true;
			break;
		}
	if (listen->reap && reap(listen))
		return LISTEN_CRASH;
	return __atomic_exchange_n(
		   &listen->shared->stale, false, __ATOMIC_RELAXED)
	    ? LISTEN_STALE
	    : LISTEN_NOTHING;
}

static void
tell_status(struct listen *listen, bool ready)
{
	char status[LISTEN_TEXT_MAX + 1], lines[LISTEN_TEXT_MAX + 32];

	(void)snprintf(status, sizeof(status),
	    "%zu sessions, %lu messages, %lu refused%s", listen->children_len,
	    listen_messages(listen), listen->refused,
	    listen->draining			  ? ", draining"
		: listen->settings.closed != NULL ? ", misconfigured"
						  : "");
	(void)snprintf(lines, sizeof(lines), "%sSTATUS=%s",
	    ready ? "READY=1\n" : "", status);
	systemd_notify(lines, ready);
	listen->changed = false;
	listen->status_at = milliseconds() + STATUS_PERIOD;
}

/* Do what is due now. */
static void
keep_time(struct listen *listen, int64_t now)
{
	if (listen->watchdog > 0 && now >= listen->watchdog_at) {
		systemd_notify("WATCHDOG=1", false);
		listen->watchdog_at = now + listen->watchdog;
	}
	if (listen->changed && now >= listen->status_at)
		tell_status(listen, false);
	if (now >= listen->pause_end)
		listen->pause_end = 0;
	if (listen->drain_end != 0 && now >= listen->drain_end) {
		for (size_t i = 0; i < listen->children_len; i++)
			(void)kill(listen->children[i].pid, SIGTERM);
		listen->drain_end = 0;
	}
}

/* When we are done: now where all is drained, after the idle time where
 * somebody starts us again, else 0: not as it is. Nor in a pause, when clients
 * may wait: started again for them, we would have forgotten to pause. */
static int64_t
end_of(const struct listen *listen, int64_t now)
{
	if (listen->children_len > 0)
		return 0;
	if (listen->draining)
		return now;
	return listen->settings.stays || listen->pause_end != 0
	    ? 0
	    : listen->idle_since + (int64_t)listen->settings.idle_exit * SECOND;
}

/* The earlier of two times, of which 0 is none. */
static int64_t
earlier(int64_t a, int64_t b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

/* Milliseconds until something is due, for poll(2). */
static int
patience(const struct listen *listen, int64_t now)
{
	int64_t next = earlier(listen->watchdog_at, listen->pause_end);

	next = earlier(next, listen->drain_end);
	next = earlier(next, end_of(listen, now));
	if (listen->changed)
		next = earlier(next, listen->status_at);
	if (next == 0 && !listen->reap)
		return -1;
	if (next <= now || listen->reap)
		return 0;
	return next - now > INT_MAX ? INT_MAX : (int)(next - now);
}

/* Without poll(2), for lack of memory or of descriptors, there is nothing to
 * wake us but time. */
static enum listen_event
hold(struct listen *listen)
{
	enum listen_event event = pause_for(listen, "poll");

	(void)poll(NULL, 0, (int)listen->pause);
	return event;
}

static enum listen_event
finish(struct listen *listen)
{
	if (listen->changed)
		tell_status(listen, false);
	/* So that a request to start us is no longer one to a running us. */
	if (!listen->draining)
		systemd_notify("STOPPING=1", true);
	return LISTEN_DONE;
}

enum listen_event
listen_next(struct listen *listen)
{
	enum listen_event event = LISTEN_NOTHING;

	while (event == LISTEN_NOTHING) {
		int64_t now = milliseconds(), end;
		unsigned count;
		int ready;

		keep_time(listen, now);
		count = listen->pause_end == 0 ? 1 + listen->listeners : 1;
		ready = poll(listen->fds, count, patience(listen, now));
		if (ready < 0 && errno != EINTR)
			return hold(listen);
		end = end_of(listen, now);
		if (ready == 0 && end != 0 && milliseconds() >= end)
			return finish(listen);
		if (listen->fds[0].revents != 0 || listen->reap)
			event = take_signal(listen);
		/* Sessions that have ended no longer count by now. */
		for (unsigned i = 1; i < count && event == LISTEN_NOTHING; i++)
			if (listen->fds[i].revents != 0)
				event = take(listen, i - 1);
	}
	return event;
}

/* --- begin --- */

/* What listen_init() could not do, with errno. */
static int
fail(struct listen *listen, const char *what)
{
	(void)snprintf(listen->text, sizeof(listen->text), "%s: %s", what,
	    strerror(errno));
	return -1;
}

/* A listening socket, which does not block: a client may be gone before we
 * accept. */
static int
prepare_listener(struct listen *listen, int fd)
{
	int listening = 0, flags = fcntl(fd, F_GETFL);
	socklen_t len = sizeof(listening);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return fail(listen, "a listening socket");
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0 ||
	    !listening) {
		(void)snprintf(listen->text, sizeof(listen->text),
		    "descriptor %d is not a listening socket", fd);
		return -1;
	}
	listen->fds[++listen->listeners] = (struct pollfd){
		.fd = fd,
		.events = POLLIN,
	};
	return 0;
}

int
listen_init(struct listen *listen, int first, unsigned count)
{
	sigset_t ours;

	*listen = (struct listen){ .idle_since = milliseconds(), .fd = -1 };
	if (count > LISTEN_MAX) {
		(void)snprintf(listen->text, sizeof(listen->text),
		    "%u listening sockets, and %d are the most", count,
		    LISTEN_MAX);
		return -1;
	}
	for (unsigned i = 0; i < count; i++)
		if (prepare_listener(listen, first + (int)i) < 0)
			return -1;
	(void)sigemptyset(&ours); /* cannot fail, as the next ones */
	(void)sigaddset(&ours, SIGCHLD);
	(void)sigaddset(&ours, SIGHUP);
	(void)sigaddset(&ours, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &ours, &listen->before);
	listen->fds[0] = (struct pollfd){
		.fd = signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK),
		.events = POLLIN,
	};
	if (listen->fds[0].fd < 0)
		return fail(listen, "signalfd");
	listen->shared = mmap(NULL, sizeof(*listen->shared),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (listen->shared == MAP_FAILED)
		return fail(listen, "mmap");
	listen->watchdog = (int64_t)(systemd_watchdog() / 2000);
	return 0;
}

void
listen_ready(struct listen *listen, const struct listen_settings *settings)
{
	listen->settings = *settings;
	tell_status(listen, true);
}

unsigned long
listen_messages(const struct listen *listen)
{
	return __atomic_load_n(&listen->shared->messages, __ATOMIC_RELAXED);
}

void
listen_count(struct listen *listen, unsigned messages)
{
	(void)__atomic_fetch_add(
	    &listen->shared->messages, messages, __ATOMIC_RELAXED);
}

void
listen_tell_stale(struct listen *listen)
{
	__atomic_store_n(&listen->shared->stale, true, __ATOMIC_RELAXED);
}
