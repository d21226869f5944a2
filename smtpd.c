/* SPDX-License-Identifier: ISC */
/* smtpd.c - main: which descriptors did we get, who are we, and the session
 * under alarm().
 *
 * Owns descriptors, signals and time; knows no verb of the language. */
#include <sys/socket.h>
#include <sys/stat.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "lib/title.h"
#include "session.h"

#ifndef VERSION
#define VERSION "unknown"
#endif

enum {
	LINGER_SECONDS = 2,	 /* for a client to read our last reply */
	LINGER_OCTETS = 1 << 20, /* of what it still sends meanwhile */
};

/* What waits are guarded by. Times are seconds of CLOCK_MONOTONIC. */
struct guard {
	int in_fd, out_fd;
	const struct config *config;
	time_t started;	   /* the session */
	time_t progress;   /* the last whole command, or octets of a body */
	time_t body;	   /* the body, 0 outside one */
	unsigned commands; /* seen at progress */
	bool gone;	   /* the client hung up, or is cut off */
};

static volatile sig_atomic_t alarmed, stopping;

static void
on_alarm(int signal_number)
{
	(void)signal_number;
	alarmed = 1;
	/* Again soon: this one may have come just before the call it was to
	 * interrupt. alarm() is async-signal-safe. */
	alarm(1);
}

static void
on_term(int signal_number)
{
	stopping = 1;
	on_alarm(signal_number);
}

static void
catch_signals(void)
{
	/* No SA_RESTART: signals are here to interrupt waits. */
	struct sigaction on = { .sa_handler = on_alarm };
	sigset_t none;

	/* These cannot fail: the signals exist. */
	(void)sigaction(SIGALRM, &on, NULL);
	on.sa_handler = on_term;
	(void)sigaction(SIGTERM, &on, NULL);
	on.sa_handler = SIG_IGN;
	(void)sigaction(SIGPIPE, &on, NULL);
	/* A file size limit is an error of write(2), for the client to hear. */
	(void)sigaction(SIGXFSZ, &on, NULL);
	/* Whoever started us may have blocked them, and no wait would end. */
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static time_t
seconds(void)
{
	struct timespec now;

	/* Cannot fail: the clock exists and the pointer is good. */
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* Whether a wait has lasted long enough, and why. Otherwise sets the alarm for
 * the earliest time at which one may have. A second more, because whole ones
 * are compared: nobody is told to be late too early. */
static bool
is_due(struct guard *guard, const struct protocol *protocol,
    enum protocol_end *why)
{
	time_t now = seconds();
	time_t idle = guard->progress + 1 + (time_t)guard->config->idle_timeout;
	time_t deadline =
	    guard->started + 1 + (time_t)guard->config->session_timeout;
	time_t next = idle < deadline ? idle : deadline, slow = 0;

	if (guard->body != 0 && guard->config->data_rate > 0) {
		slow = guard->body + 1 + (time_t)guard->config->idle_timeout +
		    (time_t)(protocol->octets / guard->config->data_rate);
		if (slow < next)
			next = slow;
	}
	alarmed = 0;
	alarm((unsigned)(next > now ? next - now : 1));
	if (now >= deadline)
		*why = PROTOCOL_END_DEADLINE;
	else if (now >= idle)
		*why = PROTOCOL_END_IDLE;
	else if (slow != 0 && now >= slow)
		*why = PROTOCOL_END_SLOW;
	else if (stopping && !protocol_in_body(protocol))
		*why = PROTOCOL_END_SHUTDOWN;
	else
		return false;
	return true;
}

/* Note what the client has brought about since the last wait. */
static void
note_progress(struct guard *guard, const struct protocol *protocol)
{
	bool in_body = protocol_in_body(protocol);

	if (protocol->commands == guard->commands && !in_body)
		return;
	guard->commands = protocol->commands;
	guard->progress = seconds();
	if (!in_body)
		guard->body = 0;
	else if (guard->body == 0)
		guard->body = guard->progress;
}

/* After a call on fd failed: whether to try it again. */
static bool
may_retry(int fd, short events)
{
	struct pollfd ready = { .fd = fd, .events = events };

	/* Whoever started us may share a descriptor that does not block. */
	if (errno == EAGAIN)
		(void)poll(&ready, 1, -1); /* the next call tells */
	return errno == EAGAIN || errno == EINTR;
}

/* Send the replies. A client that does not read them is cut off when due. */
static void
send_replies(struct guard *guard, struct protocol *protocol)
{
	size_t sent = 0;
	enum protocol_end why;

	while (sent < protocol->out_len && !guard->gone) {
		ssize_t wrote;

		if (alarmed && is_due(guard, protocol, &why) &&
		    why != PROTOCOL_END_SHUTDOWN) {
			guard->gone = true;
			break;
		}
		wrote = write(guard->out_fd, protocol->out + sent,
		    protocol->out_len - sent);
		if (wrote >= 0)
			sent += (size_t)wrote;
		else if (!may_retry(guard->out_fd, POLLOUT))
			guard->gone = true;
	}
	protocol->out_len = 0;
}

static const char *
end_name(enum protocol_end why)
{
	static const char *const names[PROTOCOL_END_COUNT] = {
		[PROTOCOL_END_INPUT] = "hangup",
		[PROTOCOL_END_IDLE] = "idle",
		[PROTOCOL_END_SLOW] = "slow",
		[PROTOCOL_END_DEADLINE] = "deadline",
		[PROTOCOL_END_SHUTDOWN] = "shutdown",
	};

	return names[why];
}

/* Send what there is, then wait for input, or for the end of patience. */
static void
receive(struct guard *guard, struct session *session)
{
	struct protocol *protocol = &session->protocol;
	enum protocol_end why = PROTOCOL_END_INPUT;
	size_t room;
	char *place;

	note_progress(guard, protocol);
	send_replies(guard, protocol);
	place = protocol_room(protocol, &room);
	while (!guard->gone) {
		ssize_t got;

		if ((alarmed || stopping) && is_due(guard, protocol, &why))
			break;
		got = read(guard->in_fd, place, room);
		if (got > 0) {
			protocol_add(protocol, (size_t)got);
			return;
		}
		if (got == 0 || !may_retry(guard->in_fd, POLLIN))
			break;
		why = PROTOCOL_END_INPUT;
	}
	session->end = end_name(why);
	protocol_end(protocol, why);
}

/* A signal must not make a file system give up in the middle of a commit. */
static void
serve(struct session *session, enum protocol_want want)
{
	sigset_t held, before;

	if (want != PROTOCOL_WANT_COMMIT) {
		session_serve(session, want);
		return;
	}
	(void)sigfillset(&held); /* cannot fail, as the next ones */
	(void)sigprocmask(SIG_BLOCK, &held, &before);
	session_serve(session, want);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
}

/* Whether the client sent more than the session has looked at. */
static bool
has_unread(const struct guard *guard, const struct session *session)
{
	const struct protocol *protocol = &session->protocol;
	char byte;

	return protocol->in_end > protocol->in_start ||
	    recv(guard->in_fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
}

/* Closing with input unread would take our last reply back (TCP resets): stop
 * sending, and let the client finish for a moment. */
static void
linger(const struct guard *guard, const struct peer *peer)
{
	static char junk[4096];
	size_t drained = 0;

	if (peer->kind == PEER_NONE || guard->gone ||
	    shutdown(guard->out_fd, SHUT_WR) < 0)
		return;
	alarmed = 0;
	alarm(LINGER_SECONDS);
	while (!alarmed && drained < LINGER_OCTETS) {
		ssize_t got = read(guard->in_fd, junk, sizeof(junk));

		if (got > 0)
			drained += (size_t)got;
		else if (got == 0 || !may_retry(guard->in_fd, POLLIN))
			break;
	}
	alarm(0);
}

static void
show(const struct title *title, const struct session *session)
{
	const struct protocol *protocol = &session->protocol;

	if (protocol_in_body(protocol))
		title_set(title, "smtpd: %s %s %llu octets",
		    session->peer->address, protocol->verb,
		    (unsigned long long)protocol->octets);
	else
		title_set(title, "smtpd: %s %s", session->peer->address,
		    protocol->verb[0] == '\0' ? "-" : protocol->verb);
}

static void
run_session(
    struct session *session, struct guard *guard, const struct title *title)
{
	enum protocol_end why;

	guard->started = guard->progress = seconds();
	(void)is_due(guard, &session->protocol, &why); /* sets the alarm */
	for (;;) {
		enum protocol_want want;

		/* Not only where the input has run dry: it never may, with a
		 * client that pipelines one message after the other. */
		if (stopping && protocol_at_rest(&session->protocol)) {
			send_replies(guard, &session->protocol);
			session->end = end_name(PROTOCOL_END_SHUTDOWN);
			protocol_end(&session->protocol, PROTOCOL_END_SHUTDOWN);
		}
		want = protocol_step(&session->protocol);
		switch (want) {
		case PROTOCOL_WANT_INPUT:
			show(title, session);
			receive(guard, session);
			break;
		case PROTOCOL_WANT_OUTPUT:
			send_replies(guard, &session->protocol);
			break;
		case PROTOCOL_WANT_CLOSE:
			send_replies(guard, &session->protocol);
			if (!session->protocol.quit ||
			    has_unread(guard, session))
				linger(guard, session->peer);
			return;
		default:
			serve(session, want);
			break;
		}
	}
}

/* --- descriptors --- */

/* The first descriptor that systemd passed (sd_listen_fds(3)), or -1. Its
 * library is loaded only where the environment says that there is one. */
static int
passed_descriptor(void)
{
	int (*listen_fds)(int) = NULL;
	void *library;

	if (getenv("LISTEN_FDS") == NULL)
		return -1;
	library = dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL);
	if (library != NULL)
		*(void **)&listen_fds = dlsym(library, "sd_listen_fds");
	return listen_fds != NULL && listen_fds(1) > 0 ? 3 : -1;
}

/* Whether standard error is the client's socket, as under inetd. */
static bool
is_client(int fd)
{
	struct stat ours, client;

	return fstat(STDERR_FILENO, &ours) == 0 && fstat(fd, &client) == 0 &&
	    S_ISSOCK(ours.st_mode) && ours.st_dev == client.st_dev &&
	    ours.st_ino == client.st_ino;
}

/* Descriptors 0 to 2 must be open, or a file of ours would become one. */
static bool
hold_standard_descriptors(void)
{
	struct stat st;

	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		if (fstat(fd, &st) < 0 && open("/dev/null", O_RDWR) != fd)
			return false;
	return true;
}

/* --- who we are --- */

/* Become the configured user where we are root. Returns NULL, or what is in
 * the way. */
static const char *
drop_privileges(const struct config *config)
{
	static char text[CONFIG_TEXT_MAX + 128];
	const struct passwd *user;

	if (geteuid() != 0 || strcmp(config->user, "root") == 0)
		return NULL;
	user = getpwnam(config->user);
	if (user == NULL) {
		(void)snprintf(text, sizeof(text),
		    "started as root, and there "
		    "is no user \"%s\" to become; make one, choose another "
		    "with --user=NAME, or insist with --user=root",
		    config->user);
		return text;
	}
	if (initgroups(user->pw_name, user->pw_gid) == 0 &&
	    setresgid(user->pw_gid, user->pw_gid, user->pw_gid) == 0 &&
	    setresuid(user->pw_uid, user->pw_uid, user->pw_uid) == 0)
		return NULL;
	(void)snprintf(text, sizeof(text), "cannot become user \"%s\": %s",
	    config->user, strerror(errno));
	return text;
}

/* --- main --- */

/* We cannot serve: the operator is told why, a record for each line of text,
 * and a client that it is not its fault (RFC 5321, 3.1). */
static int
give_up(struct log *log, const struct guard *guard, const struct peer *peer,
    const char *text, int status)
{
	static const char reply[] =
	    "421 4.3.5 service not available: a local configuration error\r\n";
	struct log_record record;

	while (*text != '\0') {
		size_t len = strcspn(text, "\n");

		log_begin(&record, LOG_PROBLEM);
		log_field(&record, "problem", "%.*s", (int)len, text);
		log_write(log, &record);
		text += len + (text[len] == '\n');
	}
	if (peer->kind == PEER_LISTENING)
		return status;
	if (write(guard->out_fd, reply, sizeof(reply) - 1) < 0)
		return status; /* then nobody is there */
	linger(guard, peer);
	return status;
}

static bool
spoke_early(const struct config *config, const struct peer *peer, int fd)
{
	char byte;

	return peer->kind == PEER_NETWORK &&
	    config->early_talker == CONFIG_EARLY_REFUSE &&
	    recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
}

static int
report(const struct config *config, const struct config_call *call, bool loaded)
{
	const char *obstacle;
	unsigned problems = 0;

	switch (call->action) {
	case CONFIG_HELP:
		config_help(stdout);
		return EX_OK;
	case CONFIG_VERSION:
		(void)puts("smtpd " VERSION);
		return EX_OK;
	default:
		break;
	}
	if (!loaded)
		(void)fputs(call->problems, stdout);
	for (const char *at = call->problems; *at != '\0'; at++)
		problems += *at == '\n';
	obstacle = drop_privileges(config);
	if (obstacle != NULL) {
		(void)puts(obstacle);
		problems++;
	}
	if (call->action == CONFIG_EXPLAIN)
		return problems > 0 ? EX_CONFIG
				    : check_explain(config, call->address);
	return check_domains(config, problems);
}

int
main(int argc, char *argv[])
{
	static struct session session;
	static struct config config;
	static struct config_call call;
	struct guard guard = { .in_fd = STDIN_FILENO,
		.out_fd = STDOUT_FILENO,
		.config = &config };
	struct title title;
	struct peer peer;
	struct log log;
	bool loaded, client;
	int passed;
	const char *obstacle;

	if (!hold_standard_descriptors())
		return EX_OSERR;
	loaded = config_load(&config, &call, argc, argv) == 0;
	if (call.action != CONFIG_RUN) {
		int status = report(&config, &call, loaded);

		return fflush(stdout) == 0 ? status : EX_IOERR;
	}
	catch_signals();
	umask(0);
	peer_describe(guard.in_fd, &peer);
	passed = peer.kind == PEER_NONE ? passed_descriptor() : -1;
	if (passed >= 0) {
		guard.in_fd = guard.out_fd = passed;
		peer_describe(passed, &peer);
	}
	client = is_client(guard.in_fd);
	log_init(&log,
	    config.log == CONFIG_LOG_AUTO ||
		    (client && config.log == CONFIG_LOG_STDERR)
		? log_choose(client)
		: (enum log_destination)(config.log - CONFIG_LOG_JOURNAL));
	if (peer.kind == PEER_LISTENING)
		return give_up(&log, &guard, &peer,
		    "the descriptor is a "
		    "listening socket; use Accept=yes (systemd) or nowait "
		    "(inetd)",
		    EX_CONFIG);
	if (!loaded)
		return give_up(&log, &guard, &peer, call.problems, EX_CONFIG);
	obstacle = drop_privileges(&config);
	if (obstacle != NULL)
		return give_up(&log, &guard, &peer, obstacle, EX_CONFIG);
	if (session_init(&session, &config, &log, &peer,
		spoke_early(&config, &peer, guard.in_fd)) < 0) {
		(void)snprintf(call.problems, sizeof(call.problems),
		    "domains = %s: %s", config.domains, strerror(errno));
		return give_up(&log, &guard, &peer, call.problems, EX_OSERR);
	}
	title_init(&title, argv);
	run_session(&session, &guard, &title);
	session_finish(&session);
	return EX_OK;
}
