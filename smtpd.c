/* SPDX-License-Identifier: ISC */
/* smtpd.c - main: which descriptors did we get, who are we, what do we give
 * up; then one session, or an accept loop of them.
 *
 * Owns the process; knows no verb of the language. */
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
#include "lib/calls.h"
#include "lib/listen.h"
#include "lib/sandbox.h"
#include "lib/systemd.h"
#include "serve.h"

#ifndef VERSION
#define VERSION "unknown"
#endif

enum {
	FIELDS_ROOM = 1 << 20, /* of a file, for what we add to a message */
};

/* What a client is told where the fault is ours (RFC 5321, 3.1). */
#define OUR_FAULT "4.3.5 service not available: a local configuration error"

/* --- what there is to work with --- */

struct server {
	struct config config;
	struct config_call call;
	struct log log;
	struct session session;
	struct sandbox sandbox;
	int in_fd, out_fd; /* of the client, or in_fd listens */
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

/* Signals as we know them: whoever started us may have blocked some, and no
 * wait would end. */
static void
unblock_signals(void)
{
	sigset_t none;

	(void)sigemptyset(&none); /* cannot fail, nor can the next */
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Whether two descriptors are one socket, as standard error and the client's
 * are under inetd. */
static bool
is_one_socket(int a, int b)
{
	struct stat one, other;

	return fstat(a, &one) == 0 && fstat(b, &other) == 0 &&
	    S_ISSOCK(one.st_mode) && one.st_dev == other.st_dev &&
	    one.st_ino == other.st_ino;
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
	bool client = is_one_socket(STDERR_FILENO, server->in_fd);

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
	    info->si_syscall, calls_name(info->si_syscall, info->si_arch));
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

static bool
is_confining(const struct server *server)
{
	return server->config.sandbox != CONFIG_SANDBOX_OFF && SANDBOX_CAN;
}

static void
confine_tree(struct server *server)
{
	if (is_confining(server))
		sandbox_tree(
		    &server->sandbox, server->session.mailboxes.root_fd);
}

/* What is to hold for all sessions from here on. */
static void
confine_process(struct server *server)
{
	if (!is_confining(server))
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

	if (!is_confining(server))
		return;
	/* Records and replies that go to a file of any size are no message. */
	if (config->message_size > 0 && !is_file(STDERR_FILENO) &&
	    !is_file(server->out_fd))
		limits.file_size = config->message_size + FIELDS_ROOM;
	sandbox_session(&server->sandbox, &limits);
}

/* The last of it, once. */
static void
confine_calls(struct server *server, bool listener)
{
	if (is_confining(server) &&
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

	if (!is_confining(server) &&
	    server->config.sandbox != CONFIG_SANDBOX_REQUIRE)
		return NULL;
	for (enum sandbox_layer i = 0; i < SANDBOX_LAYERS; i++) {
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
	if (write(server->out_fd, reply, sizeof(reply) - 1) < 0)
		return status; /* then nobody is there */
	serve_linger(server->in_fd, server->out_fd);
	return status;
}

/* A session that is ready but for its peer. */
static int
serve_peer(struct server *server)
{
	int on = 1;

	/* A reply never waits for the acknowledgement of the one before. */
	if (server->peer.kind == PEER_NETWORK)
		(void)setsockopt(server->out_fd, IPPROTO_TCP, TCP_NODELAY, &on,
		    sizeof(on)); /* else it is slower, no more */
	session_begin(&server->session, &server->peer,
	    spoke_early(&server->config, &server->peer, server->in_fd));
	serve_session(&server->session, server->in_fd, server->out_fd,
	    &server->config, &server->title);
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

/* A session that is confined as far as it can be. */
static int
serve_confined(struct server *server)
{
	if (server->config.sandbox == CONFIG_SANDBOX_REQUIRE &&
	    unconfined(server) != NULL)
		return give_up(server, server->unconfined, EX_UNAVAILABLE);
	return serve_peer(server);
}

static int
serve_one(struct server *server, bool loaded)
{
	const char *obstacle = server->call.problems;
	int status = EX_CONFIG;

	serve_catch_signals();
	if (loaded)
		obstacle = prepare(server, &status);
	if (obstacle != NULL)
		return give_up(server, obstacle, status);
	confine_process(server);
	confine_session(server);
	confine_calls(server, false);
	server->session.unconfined = unconfined(server);
	return serve_confined(server);
}

/* --- the accept loop --- */

static void
log_listener(struct server *server, const char *state, const char *reason,
    const char *lacks)
{
	const struct listen *listen = &server->listen;
	struct log_record record;

	log_begin(&record, LOG_LISTENER);
	log_field(&record, "state", "%s", state);
	log_field(&record, "running", "%zu", listen->children_len);
	log_field(&record, "messages", "%lu", listen_messages(listen));
	log_field(&record, "refused", "%lu", listen->refused);
	if (reason != NULL)
		log_field(&record, "reason", "%s", reason);
	if (lacks != NULL)
		log_field(&record, "unconfined", "%s", lacks);
	log_write(&server->log, &record);
}

/* Serve from here on, or with an obstacle turn everybody away: whoever listens
 * would only start us again and again if we ended. Then we are not confined
 * yet, for we may have to become another user first. */
static void
open_or_close(struct server *server, const char *obstacle, bool stays)
{
	const struct config *config = &server->config;

	if (obstacle == NULL) {
		if (sandbox_is_active(&server->sandbox, SANDBOX_PRIVILEGES))
			confine_tree(server);
		else
			confine_process(server);
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
	log_listener(server, obstacle == NULL ? "ready" : "closed", NULL,
	    obstacle == NULL ? unconfined(server) : NULL);
}

/* SIGHUP: the settings anew; where they are wrong, those from before. Once we
 * were open, whom we became and how we are confined does not change. */
static void
reload(struct server *server)
{
	static struct config before;
	const char *obstacle = server->call.problems;
	bool closed = server->listen.settings.closed != NULL;
	int status;

	before = server->config;
	if (config_load(&server->config, &server->call, server->argc,
		server->argv) == 0) {
		if (!closed) {
			memcpy(server->config.user, before.user,
			    sizeof(before.user));
			server->config.sandbox = before.sandbox;
		}
		obstacle = prepare(server, &status);
	}
	if (obstacle == NULL) {
		open_or_close(server, NULL, server->listen.settings.stays);
		return;
	}
	server->config = before;
	log_lines(&server->log, obstacle);
	listen_ready(&server->listen, &server->listen.settings);
	log_listener(server, "unchanged", "reason", NULL);
}

/* In a child: the session, with what was prepared for it. */
static int
serve_connection(struct server *server)
{
	bool locked;
	int status;

	server->in_fd = server->out_fd = server->listen.fd;
	peer_describe(server->listen.fd, &server->peer);
	if (!session_is_current(&server->session, &server->config)) {
		const char *obstacle = prepare(server, &status);

		if (obstacle != NULL)
			return give_up(server, obstacle, status);
		confine_tree(server);
	}
	locked = sandbox_is_active(&server->sandbox, SANDBOX_LANDLOCK);
	confine_session(server);
	/* What the loop lacks it has said. */
	if (locked && !sandbox_is_active(&server->sandbox, SANDBOX_LANDLOCK))
		server->session.unconfined = unconfined(server);
	status = serve_confined(server);
	listen_count(&server->listen, server->session.messages);
	return status;
}

/* inetd gives us its socket three times. Away from where other things belong it
 * can be closed: by a session, and by us when we are to stop. Returns where it
 * is now, or -1. */
static int
move_listener(int fd)
{
	int moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++)
		if (is_one_socket(i, moved) && dup2(null, i) < 0)
			moved = -1;
	close(null);
	return moved;
}

/* The listening sockets from first on. */
static int
serve_many(struct server *server, int first, unsigned count, bool loaded)
{
	/* inetd and the service manager start us again. */
	bool stays = first != STDIN_FILENO && !systemd_started_us();
	const char *obstacle;
	int status;

	if (first == STDIN_FILENO)
		first = move_listener(first);
	if (listen_init(&server->listen, first, count) < 0) {
		log_lines(&server->log, server->listen.text);
		return EX_CONFIG;
	}
	serve_catch_signals();
	obstacle = prepare(server, &status);
	open_or_close(server, loaded ? obstacle : server->call.problems, stays);
	for (;;)
		switch (listen_next(&server->listen)) {
		case LISTEN_SESSION:
			return serve_connection(server);
		case LISTEN_RELOAD:
			reload(server);
			break;
		case LISTEN_DRAIN:
			log_listener(server, "draining", "reason", NULL);
			break;
		case LISTEN_REFUSED:
			log_listener(
			    server, "refusing", server->listen.text, NULL);
			break;
		case LISTEN_CRASH:
		case LISTEN_TROUBLE:
			log_lines(&server->log, server->listen.text);
			break;
		default:
			log_listener(server, "done", "reason", NULL);
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
	for (enum sandbox_layer i = 0; i < SANDBOX_LAYERS; i++) {
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
	if (server->config.sandbox == CONFIG_SANDBOX_REQUIRE &&
	    unconfined(server) != NULL) {
		(void)puts("sandbox = require: that is not all of it");
		status = EX_CONFIG;
	}
	return status;
}

int
main(int argc, char *argv[])
{
	static struct server server;
	unsigned passed = 0;
	bool loaded;

	if (!hold_standard_descriptors())
		return EX_OSERR;
	unblock_signals();
	title_init(&server.title, &argv);
	server.argc = argc;
	server.argv = argv;
	server.in_fd = STDIN_FILENO;
	server.out_fd = STDOUT_FILENO;
	session_init(&server.session, &server.log);
	sandbox_init(&server.sandbox);
	loaded = config_load(&server.config, &server.call, argc, argv) == 0;
	if (server.call.action != CONFIG_RUN) {
		int status = report(&server, loaded);

		return fflush(stdout) == 0 ? status : EX_IOERR;
	}
	umask(0);
	peer_describe(server.in_fd, &server.peer);
	if (server.peer.kind == PEER_NONE)
		passed = systemd_descriptors();
	if (passed > 0) {
		server.in_fd = server.out_fd = SYSTEMD_FD_FIRST;
		peer_describe(server.in_fd, &server.peer);
	}
	choose_log(&server);
	if (server.peer.kind == PEER_LISTENING || passed > 1)
		return serve_many(
		    &server, server.in_fd, passed > 0 ? passed : 1, loaded);
	return serve_one(&server, loaded);
}
