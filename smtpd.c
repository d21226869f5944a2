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
#include "confine.h"
#include "lib/auth.h"
#include "lib/listen.h"
#include "lib/sandbox.h"
#include "lib/systemd.h"
#include "serve.h"
#include "service.h"

#ifndef VERSION
#define VERSION "unknown"
#endif

/* What a client is told where the fault is ours (RFC 5321, 3.1). */
#define OUR_FAULT "4.3.5 service not available: a local configuration error"

/* --- what there is to work with --- */

struct server {
	struct services services;
	struct config_call call;
	struct log log;
	struct session session;
	struct confinement confinement;
	int in_fd, out_fd; /* of the client, or in_fd listens */
	struct peer peer;
	struct title title;
	struct listen listen;
	int argc;
	char **argv;
	bool stale; /* what was loaded before the fork is out of date */
	char text[CONFIG_TEXT_MAX + SANDBOX_TEXT_MAX + 1]; /* of an obstacle */
};

static const struct config *
settings_of(const struct server *server)
{
	return &server->services.list[0].config;
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
	const struct config *config = settings_of(server);
	bool client = is_one_socket(STDERR_FILENO, server->in_fd);

	log_init(&server->log,
	    config->log == CONFIG_LOG_AUTO ||
		    (client && config->log == CONFIG_LOG_STDERR)
		? log_choose(client)
		: (enum log_destination)(config->log - CONFIG_LOG_JOURNAL));
}

/* --- one session --- */

static bool
spoke_early(const struct config *config, const struct peer *peer, int fd)
{
	char byte;

	return peer->kind == PEER_NETWORK &&
	    config->early_talker == CONFIG_EARLY_REFUSE &&
	    config->tls != CONFIG_TLS_IMPLICIT &&
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
serve_peer(struct server *server, struct tls *tls)
{
	const struct serve serve = {
		.in_fd = server->in_fd,
		.out_fd = server->out_fd,
		.title = &server->title,
		.tls = tls,
	};
	struct session *session = &server->session;
	int on = 1;

	/* A reply never waits for the acknowledgement of the one before. */
	if (server->peer.kind == PEER_NETWORK)
		(void)setsockopt(server->out_fd, IPPROTO_TCP, TCP_NODELAY, &on,
		    sizeof(on)); /* else it is slower, no more */
	session_begin(session, &server->peer,
	    spoke_early(session->config, &server->peer, server->in_fd));
	server->stale = serve_session(session, &serve);
	return EX_OK;
}

/* Who is at the other end. */
static void
meet(struct server *server, const struct config *config)
{
	peer_describe(server->in_fd, &server->peer);
	if (server->peer.kind == PEER_LOCAL && config->submission)
		peer_name_user(&server->peer);
}

/* Where mail lives for the sessions of a service. Returns NULL, or what is in
 * the way. */
static const char *
configure(struct server *server, const struct config *config)
{
	if (session_configure(&server->session, config) == 0)
		return NULL;
	(void)snprintf(server->text, sizeof(server->text), "domains = %s: %s",
	    config->domains, strerror(errno));
	return server->text;
}

/* Who we are and where mail lives. Returns NULL, or what is in the way, and
 * the exit status for it. */
static const char *
prepare(struct server *server, int *status)
{
	const char *obstacle =
	    sandbox_become(settings_of(server)->user, server->text);

	*status = EX_CONFIG;
	if (obstacle != NULL)
		return obstacle;
	*status = EX_OSERR;
	return configure(server, settings_of(server));
}

/* The files of the sessions that are configured. */
static void
confine_tree(struct server *server)
{
	const struct session *session = &server->session;

	confine_files(
	    &server->confinement, session->config, session->mailboxes.root_fd);
}

/* Records and replies that go to a file of any size are no message. */
static void
confine(struct server *server, const struct config *config)
{
	confine_session(&server->confinement, config,
	    !is_file(STDERR_FILENO) && !is_file(server->out_fd));
}

/* A session that is confined as far as it can be. */
static int
serve_confined(struct server *server, struct tls *tls)
{
	struct confinement *confinement = &server->confinement;

	if (confine_forbids(confinement))
		return give_up(
		    server, confine_lacks(confinement), EX_UNAVAILABLE);
	return serve_peer(server, tls);
}

static int
serve_one(struct server *server, bool loaded)
{
	struct confinement *confinement = &server->confinement;
	const char *obstacle = server->call.problems;
	int status = EX_CONFIG;

	serve_catch_signals();
	if (loaded)
		obstacle = prepare(server, &status);
	if (obstacle != NULL)
		return give_up(server, obstacle, status);
	confine_process(confinement, settings_of(server), &server->log);
	confine_tree(server);
	confine(server, settings_of(server));
	confine_calls(confinement, &server->services, false);
	server->session.unconfined = confine_lacks(confinement);
	return serve_confined(server, NULL);
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
	struct confinement *confinement = &server->confinement;
	const struct config *config = settings_of(server);

	if (obstacle == NULL) {
		confine_process(confinement, config, &server->log);
		confine_tree(server);
		confine_calls(confinement, &server->services, true);
		if (confine_forbids(confinement))
			obstacle = confine_lacks(confinement);
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
		.before_session = service_rotate,
		.to = &server->services,
	    });
	log_listener(server, obstacle == NULL ? "ready" : "closed", NULL,
	    obstacle == NULL ? confine_lacks(confinement) : NULL);
}

static const char *
load(struct server *server)
{
	return service_load(&server->services, server->listen.listeners,
	    &server->call, server->argc, server->argv, &server->log);
}

/* SIGHUP: the settings anew; where they are wrong, those from before. Once we
 * were open, whom we became and how we are confined does not change. */
static void
reload(struct server *server)
{
	struct services before = server->services;
	bool closed = server->listen.settings.closed != NULL;
	const char *obstacle = load(server);
	int status;

	if (obstacle == NULL && !closed) {
		struct config *config = &server->services.list[0].config;

		memcpy(config->user, before.list[0].config.user,
		    sizeof(config->user));
		config->sandbox = before.list[0].config.sandbox;
	}
	if (obstacle == NULL) {
		service_open_tls(&server->services, &server->log);
		if (service_has_tls(&before) &&
		    !service_has_tls(&server->services))
			obstacle = ""; /* it has been told */
	}
	if (obstacle == NULL)
		obstacle = prepare(server, &status);
	if (obstacle == NULL) {
		service_free(&before);
		open_or_close(server, NULL, server->listen.settings.stays);
		return;
	}
	log_lines(&server->log, obstacle);
	service_free(&server->services);
	server->services = before;
	listen_ready(&server->listen, &server->listen.settings);
	log_listener(server, "unchanged", NULL, NULL);
}

/* In a child: the session, with what was prepared for it. */
static int
serve_connection(struct server *server)
{
	const struct services *services = &server->services;
	const struct service *service =
	    &services->list[services->of[server->listen.listener]];
	struct confinement *confinement = &server->confinement;
	bool locked;
	int status;

	server->in_fd = server->out_fd = server->listen.fd;
	if (service->closed) /* why was told when it was loaded */
		return give_up(server, "", EX_CONFIG);
	meet(server, &service->config);
	if (!session_is_current(&server->session, &service->config)) {
		const char *obstacle = configure(server, &service->config);

		if (obstacle != NULL)
			return give_up(server, obstacle, EX_OSERR);
		confine_tree(server);
	}
	locked = confine_has_files(confinement);
	confine(server, &service->config);
	/* What the loop lacks it has said. */
	if (locked && !confine_has_files(confinement))
		server->session.unconfined = confine_lacks(confinement);
	status = serve_confined(server, service->tls);
	listen_count(&server->listen, server->session.messages);
	if (server->stale)
		listen_tell_stale(&server->listen);
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
serve_many(struct server *server, int first, unsigned count)
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
	obstacle = load(server);
	if (server->services.list == NULL) {
		log_lines(&server->log, obstacle);
		return EX_OSERR;
	}
	if (obstacle == NULL)
		obstacle = prepare(server, &status);
	if (obstacle == NULL)
		service_open_tls(&server->services, &server->log);
	open_or_close(server, obstacle, stays);
	for (;;)
		switch (listen_next(&server->listen)) {
		case LISTEN_SESSION:
			/* Nothing is left to do. exit(3) would copy pages, for
			 * the destructors of libraries that others loaded. */
			_exit(serve_connection(server));
		case LISTEN_RELOAD:
			reload(server);
			break;
		case LISTEN_STALE:
			service_open_tls(&server->services, &server->log);
			break;
		case LISTEN_DRAIN:
			log_listener(server, "draining", NULL, NULL);
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

	confine_process(
	    &server->confinement, settings_of(server), &server->log);
	confine_files(&server->confinement, settings_of(server), -1);
	confine(server, settings_of(server));
	confine_calls(&server->confinement, &server->services, false);
	for (enum sandbox_layer i = 0; i < SANDBOX_LAYERS; i++) {
		sandbox_describe(&server->confinement.sandbox, i, text);
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
	case CONFIG_HASH:
		return auth_hash_password(call->kind);
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
	obstacle = sandbox_become(settings_of(server)->user, server->text);
	if (obstacle != NULL) {
		(void)puts(obstacle);
		problems++;
	}
	if (call->action == CONFIG_EXPLAIN)
		return problems > 0
		    ? EX_CONFIG
		    : check_explain(settings_of(server), call->address);
	problems += check_secrets(settings_of(server));
	status = check_domains(settings_of(server), problems);
	show_sandbox(server);
	if (confine_forbids(&server->confinement)) {
		(void)puts("sandbox = require: that is not all of it");
		status = EX_CONFIG;
	}
	return status;
}

int
main(int argc, char *argv[])
{
	static struct service own;
	static struct server server; /* without a value it takes no room in
				      * the file */
	unsigned passed = 0;
	bool loaded;

	if (!hold_standard_descriptors())
		return EX_OSERR;
	unblock_signals();
	title_init(&server.title, &argv);
	server.services.list = &own;
	server.services.len = 1;
	server.argc = argc;
	server.argv = argv;
	server.in_fd = STDIN_FILENO;
	server.out_fd = STDOUT_FILENO;
	session_init(&server.session, &server.log);
	confine_init(&server.confinement);
	loaded = config_load(&own.config, &server.call, argc, argv, NULL) == 0;
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
		    &server, server.in_fd, passed > 0 ? passed : 1);
	if (server.peer.kind == PEER_LOCAL && own.config.submission)
		peer_name_user(&server.peer);
	return serve_one(&server, loaded);
}
