/* SPDX-License-Identifier: ISC */
/* serve.c - see serve.h for the contract. */
#include "serve.h"

#include <sys/socket.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	LINGER_SECONDS = 2,	 /* for a client to read our last reply */
	LINGER_OCTETS = 1 << 20, /* of what it still sends meanwhile */
	DELAY_MAX = 60,		 /* seconds, after a failed AUTH */
};

/* What waits are guarded by, and what they wait for. Times are seconds of
 * CLOCK_MONOTONIC. */
struct guard {
	int in_fd, out_fd;
	struct tls *context;	 /* shared, or our own */
	struct tls_session *tls; /* once it began; then all goes through it */
	const struct config *config;
	time_t started;	   /* the session */
	time_t progress;   /* the last whole command, or octets of a body */
	time_t body;	   /* the body, 0 outside one */
	unsigned commands; /* seen at progress */
	bool gone;	   /* the client hung up, or is cut off */
	bool stale;	   /* certificates changed since .context was made */
};

/* A signal handler has no other place to write to. */
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

void
serve_catch_signals(void)
{
	/* No SA_RESTART: signals are here to interrupt waits. */
	struct sigaction on = { .sa_handler = on_alarm };

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

/* --- the client's octets, through TLS where it is on --- */

/* As may_retry() after a call that may have been one of TLS. */
static bool
may_go_on(const struct guard *guard, int fd, short events)
{
	return may_retry(
	    fd, guard->tls == NULL ? events : tls_events(guard->tls));
}

static ssize_t
take(struct guard *guard, char *place, size_t room)
{
	return guard->tls == NULL ? read(guard->in_fd, place, room)
				  : tls_read(guard->tls, place, room);
}

static ssize_t
give(struct guard *guard, const char *text, size_t len)
{
	return guard->tls == NULL ? write(guard->out_fd, text, len)
				  : tls_write(guard->tls, text, len);
}

/* Send the replies. A client that does not read them is cut off when due. */
static void
send_replies(struct guard *guard, struct protocol *protocol)
{
	size_t sent = 0;
	bool hurried = false;
	enum protocol_end why;

	while (sent < protocol->out_len && !guard->gone) {
		ssize_t wrote;

		if (alarmed && is_due(guard, protocol, &why)) {
			if (why != PROTOCOL_END_SHUTDOWN || hurried) {
				guard->gone = true;
				break;
			}
			/* When we are to stop it has a moment. */
			hurried = true;
			alarm(LINGER_SECONDS);
		}
		wrote =
		    give(guard, protocol->out + sent, protocol->out_len - sent);
		if (wrote >= 0)
			sent += (size_t)wrote;
		else if (!may_go_on(guard, guard->out_fd, POLLOUT))
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
		[PROTOCOL_END_TLS] = "tls",
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
		got = take(guard, place, room);
		if (got > 0) {
			protocol_add(protocol, (size_t)got);
			return;
		}
		if (got == 0 || !may_go_on(guard, guard->in_fd, POLLIN))
			break;
		why = PROTOCOL_END_INPUT;
	}
	session->end = end_name(why);
	protocol_end(protocol, why);
}

/* --- TLS --- */

/* Whether input is there that nobody has read. */
static bool
has_input(int fd)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };

	return poll(&ready, 1, 0) > 0 && (ready.revents & POLLIN) != 0;
}

/* The context, made when the first session of a process needs it. */
static bool
open_tls(struct guard *guard, struct session *session)
{
	struct tls_settings settings = session_tls(guard->config);
	char text[TLS_TEXT_MAX + 1];

	if (guard->context == NULL) {
		guard->context = tls_open(&settings, false, text);
		/* Also where one certificate of several is of no use. */
		if (text[0] != '\0')
			session_problem(session, text);
	}
	return guard->context != NULL;
}

/* STARTTLS was said. What came in clear behind it is not to be taken for what
 * comes through TLS, whether we have read it or not. */
static void
answer_starttls(struct guard *guard, struct session *session)
{
	/* Which may take a while, and so is first. */
	bool opened = open_tls(guard, session);

	protocol_answer(&session->protocol,
	    has_input(guard->in_fd) ? VERDICT_EARLY
		: opened	    ? VERDICT_YES
				    : VERDICT_LATER);
}

/* Until TLS is on. False: it never will be, and the session is over. */
static bool
shake_hands(struct guard *guard, struct session *session)
{
	enum protocol_end why = PROTOCOL_END_TLS;
	int done = 0;

	guard->tls = tls_start(guard->context, guard->in_fd, guard->out_fd);
	while (guard->tls != NULL) {
		if ((alarmed || stopping) &&
		    is_due(guard, &session->protocol, &why))
			break;
		done = tls_handshake(guard->tls, session->reason);
		if (done >= 0 || !may_go_on(guard, guard->in_fd, POLLIN))
			break;
	}
	if (done > 0)
		return true;
	session->end = end_name(why);
	return false;
}

static void
finish_tls(struct guard *guard, bool notify)
{
	if (guard->tls != NULL)
		tls_finish(guard->tls, notify);
	guard->tls = NULL;
}

/* There will be no TLS, and so not a word more. */
static void
give_up_tls(struct guard *guard, struct session *session)
{
	finish_tls(guard, false);
	serve_linger(guard->in_fd, guard->out_fd);
	guard->gone = true;
	protocol_end(&session->protocol, PROTOCOL_END_TLS);
}

/* From here on nothing is sent or taken in clear. */
static void
begin_tls(struct guard *guard, struct session *session)
{
	unsigned char binding[TLS_BINDING_LEN];
	struct tls_info info;
	bool bound;

	if (!shake_hands(guard, session)) {
		give_up_tls(guard, session);
		return;
	}
	guard->stale = tls_is_stale(guard->tls);
	tls_describe(guard->tls, &info);
	bound =
	    config_has_auth(guard->config) && tls_binding(guard->tls, binding);
	session_secured(session, &info, bound ? binding : NULL);
	explicit_bzero(binding, sizeof(binding));
}

/* TLS before the greeting (RFC 8314, 3.3). */
static void
begin_implicit(struct guard *guard, struct session *session)
{
	if (open_tls(guard, session)) {
		begin_tls(guard, session);
		return;
	}
	session->end = end_name(PROTOCOL_END_TLS);
	give_up_tls(guard, session);
}

/* --- what the language wants --- */

/* Who guesses passwords waits, each time twice as long. */
static void
delay(const struct guard *guard, unsigned failures)
{
	time_t wait = (time_t)guard->config->auth_delay, end;

	for (unsigned i = 1; i < failures && wait < DELAY_MAX; i++)
		wait *= 2;
	end = seconds() + (wait < DELAY_MAX ? wait : DELAY_MAX);
	while (wait > 0 && !stopping && seconds() < end)
		(void)poll(NULL, 0, 1000); /* a signal may end it early */
}

static void
authenticate(
    struct guard *guard, struct session *session, enum protocol_want want)
{
	unsigned before = session->protocol.auth_failures;

	session_serve(session, want);
	if (session->protocol.auth_failures > before)
		delay(guard, session->protocol.auth_failures);
}

/* A signal must not make a file system give up in the middle of a commit. */
static void
commit(struct session *session, enum protocol_want want)
{
	sigset_t held, before;

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

void
serve_linger(int in_fd, int out_fd)
{
	static char junk[4096];
	size_t drained = 0;

	if (shutdown(out_fd, SHUT_WR) < 0)
		return; /* not a socket, or nobody is there */
	alarmed = 0;
	alarm(LINGER_SECONDS);
	while (!alarmed && drained < LINGER_OCTETS) {
		ssize_t got = read(in_fd, junk, sizeof(junk));

		if (got > 0)
			drained += (size_t)got;
		else if (got == 0 || !may_retry(in_fd, POLLIN))
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
converse(
    struct session *session, struct guard *guard, const struct title *title)
{
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
		case PROTOCOL_WANT_STARTTLS:
			answer_starttls(guard, session);
			break;
		case PROTOCOL_WANT_HANDSHAKE:
			send_replies(guard, &session->protocol);
			begin_tls(guard, session);
			break;
		case PROTOCOL_WANT_AUTH_START:
		case PROTOCOL_WANT_AUTH_STEP:
			authenticate(guard, session, want);
			break;
		case PROTOCOL_WANT_COMMIT:
			commit(session, want);
			break;
		case PROTOCOL_WANT_CLOSE:
			send_replies(guard, &session->protocol);
			finish_tls(guard, !guard->gone);
			if (!guard->gone &&
			    (!session->protocol.quit ||
				has_unread(guard, session)))
				serve_linger(guard->in_fd, guard->out_fd);
			return;
		default:
			session_serve(session, want);
			break;
		}
	}
}

bool
serve_session(struct session *session, const struct serve *serve)
{
	struct guard guard = {
		.in_fd = serve->in_fd,
		.out_fd = serve->out_fd,
		.context = serve->tls,
		.config = session->config,
		.started = seconds(),
	};
	enum protocol_end why;

	guard.progress = guard.started;
	(void)is_due(&guard, &session->protocol, &why); /* sets the alarm */
	if (guard.config->tls == CONFIG_TLS_IMPLICIT)
		begin_implicit(&guard, session);
	converse(session, &guard, serve->title);
	finish_tls(&guard, false);
	if (guard.context != serve->tls)
		tls_close(guard.context);
	session_finish(session);
	return guard.stale || guard.context != serve->tls;
}
