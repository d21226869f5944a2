/* SPDX-License-Identifier: ISC */
/* smtpd.c - main: which descriptors did we get, who are we, and the session
 * under alarm(), be it the only one or one of an accept loop.
 *
 * Owns descriptors, signals and time; knows no verb of the language. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "lib/listen.h"
#include "lib/sandbox.h"
#include "lib/systemd.h"
#include "lib/title.h"
#include "session.h"

#ifndef VERSION
#define VERSION "unknown"
#endif

enum {
	LINGER_SECONDS = 2,	 /* for a client to read our last reply */
	LINGER_OCTETS = 1 << 20, /* of what it still sends meanwhile */
	FIELDS_ROOM = 1 << 20,	 /* of a file, for what we add to a message */
};

/* What a client is told where the fault is ours (RFC 5321, 3.1). */
#define OUR_FAULT "4.3.5 service not available: a local configuration error"

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
	/* The accept loop takes it out of a queue, a session has no use for it. */
	(void)sigaction(SIGHUP, &on, NULL);
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

/* --- what there is to work with --- */

struct server {
	struct config config;
	struct config_call call;
	struct log log;
	struct session session;
	struct sandbox sandbox;
	struct guard guard;
	struct peer peer;
	struct title title;
	struct listen listen;
	int argc;
	char **argv;
	char text[CONFIG_TEXT_MAX + SANDBOX_TEXT_MAX + 1]; /* of an obstacle */
	char unconfined[SANDBOX_LAYERS * (SANDBOX_TEXT_MAX + 1)];
};

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

/* Whether standard error is the client's socket, as under inetd. */
static bool
is_client(int fd)
{
	struct stat ours, client;

	return fstat(STDERR_FILENO, &ours) == 0 && fstat(fd, &client) == 0 &&
	    S_ISSOCK(ours.st_mode) && ours.st_dev == client.st_dev &&
	    ours.st_ino == client.st_ino;
}

static bool
is_file(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

static void
choose_log(struct server *server)
{
	const struct config *config = &server->config;
	bool client = is_client(server->guard.in_fd);

	log_init(&server->log,
	    config->log == CONFIG_LOG_AUTO ||
		    (client && config->log == CONFIG_LOG_STDERR)
		? log_choose(client)
		: (enum log_destination)(config->log - CONFIG_LOG_JOURNAL));
}

/* A problem for each line of text. */
static void
log_lines(struct log *log, const char *text)
{
	struct log_record record;

	while (*text != '\0') {
		size_t len = strcspn(text, "\n");

		log_begin(&record, LOG_PROBLEM);
		log_field(&record, "problem", "%.*s", (int)len, text);
		log_write(log, &record);
		text += len + (text[len] == '\n');
	}
}

/* --- the sandbox --- */

static struct log *violation_log;

/* A call was refused. It comes where it was made, not in between as other
 * signals do, so the log can be written to. The signal's own action comes
 * next, for whoever waits for us. */
static void
on_violation(int signal_number, siginfo_t *info, void *context)
{
	struct log_record record;

	(void)context;
	log_begin(&record, LOG_PROBLEM);
	log_field(&record, "problem",
	    "the sandbox refused system call %d (%s) and ended the process",
	    info->si_syscall, sandbox_call_name(info->si_syscall));
	log_write(violation_log, &record);
	(void)raise(signal_number);
}

static void
catch_violations(struct log *log)
{
	struct sigaction on = {
		.sa_sigaction = on_violation,
		.sa_flags = SA_SIGINFO | (int)SA_RESETHAND,
	};

	violation_log = log;
	(void)sigaction(SIGSYS, &on, NULL); /* cannot fail: it exists */
}

static void
confine_tree(struct server *server)
{
	if (server->config.sandbox != CONFIG_SANDBOX_OFF)
		sandbox_tree(
		    &server->sandbox, server->session.mailboxes.root_fd);
}

/* What is to hold for all sessions from here on. */
static void
confine_process(struct server *server)
{
	if (server->config.sandbox == CONFIG_SANDBOX_OFF)
		return;
	log_open(&server->log);
	tzset();
	catch_violations(&server->log);
	sandbox_process(&server->sandbox, geteuid() == 0);
	confine_tree(server);
}

static void
confine_session(struct server *server)
{
	const struct config *config = &server->config;
	struct sandbox_limits limits = { .memory = config->memory };

	if (config->sandbox == CONFIG_SANDBOX_OFF)
		return;
	/* Records and replies that go to a file of any size are no message. */
	if (config->message_size > 0 && !is_file(STDERR_FILENO) &&
	    !is_file(server->guard.out_fd))
		limits.file_size = config->message_size + FIELDS_ROOM;
	sandbox_session(&server->sandbox, &limits);
}

/* The last of it, once. */
static void
confine_calls(struct server *server, bool listener)
{
	if (server->config.sandbox != CONFIG_SANDBOX_OFF &&
	    !sandbox_is_active(&server->sandbox, SANDBOX_SECCOMP))
		sandbox_calls(&server->sandbox, listener);
}

/* What the sandbox lacks though it is wanted: "landlock: not in this kernel;
 * ...", or NULL. */
static const char *
unconfined(struct server *server)
{
	char text[SANDBOX_TEXT_MAX + 1];
	size_t len = 0;

	if (server->config.sandbox == CONFIG_SANDBOX_OFF)
		return NULL;
	for (size_t i = 0; i < SANDBOX_LAYERS; i++) {
		if (sandbox_is_active(&server->sandbox, i))
			continue;
		sandbox_describe(&server->sandbox, i, text);
		len += (size_t)snprintf(server->unconfined + len,
		    sizeof(server->unconfined) - len, "%s%s: %s",
		    len > 0 ? "; " : "", sandbox_name(i), text);
	}
	return len > 0 ? server->unconfined : NULL;
}

/* --- one session --- */

static bool
spoke_early(const struct config *config, const struct peer *peer, int fd)
{
	char byte;

	return peer->kind == PEER_NETWORK &&
	    config->early_talker == CONFIG_EARLY_REFUSE &&
	    recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
}

/* The operator is told why we cannot serve, and a client that it is not its
 * fault. */
static int
give_up(struct server *server, const char *text, int status)
{
	static const char reply[] = "421 " OUR_FAULT "\r\n";

	log_lines(&server->log, text);
	if (write(server->guard.out_fd, reply, sizeof(reply) - 1) < 0)
		return status; /* then nobody is there */
	linger(&server->guard, &server->peer);
	return status;
}

/* A session that is ready but for its peer. */
static int
serve_peer(struct server *server)
{
	const struct guard *guard = &server->guard;
	int on = 1;

	/* A reply never waits for the acknowledgement of the one before. */
	if (server->peer.kind == PEER_NETWORK)
		(void)setsockopt(guard->out_fd, IPPROTO_TCP, TCP_NODELAY, &on,
		    sizeof(on)); /* else it is slower, no more */
	session_begin(&server->session, &server->peer,
	    spoke_early(&server->config, &server->peer, guard->in_fd));
	title_init(&server->title, server->argv);
	run_session(&server->session, &server->guard, &server->title);
	session_finish(&server->session);
	return EX_OK;
}

/* Who we are and where mail lives. Returns NULL, or what is in the way, and
 * the exit status for it. */
static const char *
prepare(struct server *server, int *status)
{
	const char *obstacle =
	    sandbox_become(server->config.user, server->text);

	*status = EX_CONFIG;
	if (obstacle != NULL)
		return obstacle;
	if (session_configure(&server->session, &server->config) == 0)
		return NULL;
	*status = EX_OSERR;
	(void)snprintf(server->text, sizeof(server->text), "domains = %s: %s",
	    server->config.domains, strerror(errno));
	return server->text;
}

static int
serve_one(struct server *server, bool loaded)
{
	const char *obstacle = server->call.problems;
	int status = EX_CONFIG;

	if (loaded)
		obstacle = prepare(server, &status);
	if (obstacle != NULL)
		return give_up(server, obstacle, status);
	confine_process(server);
	confine_session(server);
	confine_calls(server, false);
	server->session.unconfined = unconfined(server);
	if (server->config.sandbox == CONFIG_SANDBOX_REQUIRE &&
	    server->session.unconfined != NULL)
		return give_up(
		    server, server->session.unconfined, EX_UNAVAILABLE);
	return serve_peer(server);
}

/* --- the accept loop --- */

static void
log_listener(
    struct server *server, const char *state, const char *key, const char *text)
{
	const struct listen *listen = &server->listen;
	struct log_record record;

	log_begin(&record, LOG_LISTENER);
	log_field(&record, "state", "%s", state);
	log_field(&record, "running", "%zu", listen->children_len);
	log_field(&record, "messages", "%lu", listen_messages(listen));
	log_field(&record, "refused", "%lu", listen->refused);
	if (text != NULL)
		log_field(&record, key, "%s", text);
	log_write(&server->log, &record);
}

/* Serve from here on, or with an obstacle turn everybody away: whoever listens
 * would only start us again and again if we ended. */
static void
open_or_close(struct server *server, const char *obstacle, bool stays)
{
	const struct config *config = &server->config;

	if (obstacle == NULL) {
		confine_calls(server, true);
		if (config->sandbox == CONFIG_SANDBOX_REQUIRE)
			obstacle = unconfined(server);
	}
	if (obstacle != NULL)
		log_lines(&server->log, obstacle);
	listen_ready(&server->listen,
	    &(struct listen_settings){
		.sessions = (unsigned)config->sessions,
		.sessions_per_source = (unsigned)config->sessions_per_source,
		.drain_timeout = (unsigned)config->drain_timeout,
		.idle_exit = (unsigned)config->idle_exit,
		.stays = stays,
		.closed = obstacle == NULL ? NULL : OUR_FAULT,
	    });
	log_listener(server, obstacle == NULL ? "ready" : "closed",
	    "unconfined", unconfined(server));
}

/* SIGHUP: the settings anew; where they are wrong, those from before. Whom we
 * became and how we are confined does not change any more. */
static void
reload(struct server *server)
{
	static struct config before;
	const char *obstacle = server->call.problems;
	int status;

	before = server->config;
	if (config_load(&server->config, &server->call, server->argc,
		server->argv) == 0) {
		memcpy(server->config.user, before.user, sizeof(before.user));
		server->config.sandbox = before.sandbox;
		obstacle = prepare(server, &status);
	}
	if (obstacle == NULL) {
		confine_tree(server);
		open_or_close(server, NULL, server->listen.settings.stays);
		return;
	}
	server->config = before;
	log_lines(&server->log, obstacle);
	listen_ready(&server->listen, &server->listen.settings);
	log_listener(server, "unchanged", NULL, NULL);
}

/* In a child: the session, with what was prepared for it. */
static int
serve_connection(struct server *server)
{
	server->guard.in_fd = server->guard.out_fd = server->listen.fd;
	peer_describe(server->listen.fd, &server->peer);
	if (!session_is_current(&server->session, &server->config)) {
		const char *obstacle;
		int status;

		obstacle = prepare(server, &status);
		if (obstacle != NULL)
			return give_up(server, obstacle, status);
		confine_tree(server);
	}
	confine_session(server);
	(void)serve_peer(server);
	listen_count(&server->listen, server->session.messages);
	return EX_OK;
}

/* The listening sockets from first on. */
static int
serve_many(struct server *server, int first, unsigned count, bool loaded)
{
	/* inetd and the service manager start us again. */
	bool stays = first != STDIN_FILENO && !systemd_started_us();
	const char *obstacle;
	int status;

	if (listen_init(&server->listen, first, count) < 0) {
		(void)snprintf(server->text, sizeof(server->text),
		    "%u descriptors from %d on: %s; all are to be "
		    "listening sockets, at most %d",
		    count, first, strerror(errno), LISTEN_MAX);
		log_lines(&server->log, server->text);
		return EX_CONFIG;
	}
	obstacle = prepare(server, &status);
	confine_process(server);
	open_or_close(server, loaded ? obstacle : server->call.problems, stays);
	for (;;)
		switch (listen_next(&server->listen)) {
		case LISTEN_SESSION:
			return serve_connection(server);
		case LISTEN_RELOAD:
			reload(server);
			break;
		case LISTEN_DRAIN:
			log_listener(server, "draining", NULL, NULL);
			break;
		case LISTEN_REFUSED:
			log_listener(
			    server, "refusing", "reason", server->listen.text);
			break;
		case LISTEN_CRASH:
		case LISTEN_TROUBLE:
			log_lines(&server->log, server->listen.text);
			break;
		default:
			log_listener(server, "done", NULL, NULL);
			return EX_OK;
		}
}

/* --- main --- */

/* Enter the sandbox, and tell how that went. */
static void
show_sandbox(struct server *server)
{
	char text[SANDBOX_TEXT_MAX + 1];

	confine_process(server);
	confine_session(server);
	confine_calls(server, false);
	for (size_t i = 0; i < SANDBOX_LAYERS; i++) {
		sandbox_describe(&server->sandbox, i, text);
		(void)printf("sandbox: %s: %s\n", sandbox_name(i), text);
	}
}

static int
report(struct server *server, bool loaded)
{
	const struct config_call *call = &server->call;
	const char *obstacle;
	unsigned problems = 0;
	int status;

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
	obstacle = sandbox_become(server->config.user, server->text);
	if (obstacle != NULL) {
		(void)puts(obstacle);
		problems++;
	}
	if (call->action == CONFIG_EXPLAIN)
		return problems > 0
		    ? EX_CONFIG
		    : check_explain(&server->config, call->address);
	status = check_domains(&server->config, problems);
	show_sandbox(server);
	return status;
}

int
main(int argc, char *argv[])
{
	static struct server server;
	struct guard *guard = &server.guard;
	unsigned passed = 0;
	bool loaded;

	if (!hold_standard_descriptors())
		return EX_OSERR;
	server.argc = argc;
	server.argv = argv;
	*guard = (struct guard){
		.in_fd = STDIN_FILENO,
		.out_fd = STDOUT_FILENO,
		.config = &server.config,
	};
	session_init(&server.session, &server.log);
	sandbox_init(&server.sandbox);
	loaded = config_load(&server.config, &server.call, argc, argv) == 0;
	if (server.call.action != CONFIG_RUN) {
		int status = report(&server, loaded);

		return fflush(stdout) == 0 ? status : EX_IOERR;
	}
	catch_signals();
	umask(0);
	peer_describe(guard->in_fd, &server.peer);
	if (server.peer.kind == PEER_NONE)
		passed = systemd_descriptors();
	if (passed > 0) {
		guard->in_fd = guard->out_fd = SYSTEMD_FD_FIRST;
		peer_describe(guard->in_fd, &server.peer);
	}
	choose_log(&server);
	if (server.peer.kind == PEER_LISTENING || passed > 1)
		return serve_many(
		    &server, guard->in_fd, passed > 0 ? passed : 1, loaded);
	return serve_one(&server, loaded);
}
