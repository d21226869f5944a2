/* SPDX-License-Identifier: ISC */
/* client.c - load for an SMTP server on 127.0.0.1, and how it was borne.
 *
 *   client [OPTIONS] PORT [MAILDIR...]
 *
 * As many processes as the machine has processors share the parallel sessions
 * and wait for all of theirs with poll(). A command is sent when the one
 * before it was answered, unless -a. Where Maildirs are given, the run lasts
 * until the last file is in a new/ of them, as inotify tells. Prints one JSON
 * object. Believes any certificate. Knows no AUTH. */
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"

enum {
	IN_MAX = 8192,	  /* octets of replies read at once */
	COMMAND_MAX = 96, /* of each command here */
	CHUNK = 1 << 20,  /* octets of a BDAT chunk */
	LINE = 78,	  /* octets of a body line, with its end */
	ERRORS_MAX = 20,  /* then a process gives up */
	ERROR_TEXT = 120,
	CIPHER_TEXT = 60,
	PATIENCE = 60, /* seconds for the files after the sessions */
	SILENCE = 60,  /* seconds without a word from any server */
};

static const char usage[] =
    "usage: client [-P PARALLEL] [-n MESSAGES] [-k MESSAGES] [-s OCTETS]\n"
    "              [-r RECIPIENTS] [-u USERS] [-f FILES] [-abetT] "
    "PORT\n"
    "              [MAILDIR...]\n"
    "  -P  parallel sessions (1)           -n  messages in all (1)\n"
    "  -k  messages in each session (1)    -s  octets of a body (4096)\n"
    "  -r  recipients of each message (1)  -u  of user1 .. userUSERS (10)\n"
    "  -f  files to wait for (messages x recipients)\n"
    "  -a  send the envelope at once       -b  BDAT instead of DATA\n"
    "  -t  STARTTLS                        -e  no message: MESSAGES sessions\n"
    "  -T  STARTTLS, resuming a session of the same process if there is one\n";

/* What a session sends next. */
enum step {
	GREETING,
	HELLO,
	STARTTLS,
	HANDSHAKE,
	MAIL,
	RCPT,
	DATA,
	BODY,
	QUIT,
	DONE,
};

struct session {
	int fd;	       /* -1: none, this place is free */
	SSL *ssl;      /* NULL: in clear */
	short blocked; /* what is awaited before more can be sent */
	enum step step;
	long message, last; /* of all messages: this one, its end */
	unsigned recipient;
	size_t body_at; /* octets of the body in chunks before */
	double began, message_began;
	char *text; /* commands */
	size_t text_len;
	const char *body; /* what follows them */
	size_t body_len;
	size_t sent;  /* of both */
	unsigned due; /* replies that are missing */
	char want;    /* first digit of the last of them */
	size_t in_len;
	char in[IN_MAX];
};

/* What a process has done; shared memory. */
struct result {
	double last; /* when the last message was accepted */
	long messages, errors, resumed;
	char error[ERROR_TEXT];
	char cipher[CIPHER_TEXT]; /* of the last session */
};

static long parallel = 1, total = 1, each = 1, octets = 4096, users = 10;
static long recipients = 1, files = -1, port;
static bool at_once, chunks, empty, resume;
static SSL_CTX *tls;	    /* NULL: no STARTTLS */
static SSL_SESSION *ticket; /* the newest of this process */
static char *message;
static size_t message_len;
static double *message_times, *session_times; /* shared, one for each */

static void *
need(size_t count, size_t size)
{
	void *memory = calloc(count, size);

	if (memory == NULL)
		die("client");
	return memory;
}

/* Header, lines of letters, and the dot that only DATA wants. */
static void
write_message(void)
{
	static const char header[] =
	    "From: <sender@client.example.net>\r\n"
	    "To: <user1@example.org>\r\n"
	    "Date: Sat, 21 Nov 2026 12:00:00 +0000\r\n"
	    "Message-Id: <bench@client.example.net>\r\n"
	    "Subject: how fast\r\n\r\n";
	size_t body = (size_t)octets;
	char *at;

	message = need(1, sizeof(header) + body + sizeof("\r\n.\r\n"));
	at = stpcpy(message, header);
	for (size_t i = 0; i < body; i++)
		*at++ = i % LINE == LINE - 2 ? '\r'
		    : i % LINE == LINE - 1
		    ? '\n'
		    : (char)('a' + (i * 7 + i / LINE) % 26);
	if (at[-1] == '\r')
		at[-1] = 'x';
	if (at[-1] != '\n')
		at = stpcpy(at, "\r\n");
	message_len = (size_t)(at - message);
	memcpy(at, ".\r\n", 3);
}

/* Commands are added to .text, which has room for an envelope. */
__attribute__((format(printf, 2, 3))) static void
command(struct session *s, const char *format, ...)
{
	va_list arguments;
	int len;

	va_start(arguments, format);
	len = vsnprintf(s->text + s->text_len, COMMAND_MAX, format, arguments);
	va_end(arguments);
	if (len < 0 || len >= COMMAND_MAX)
		die("command");
	s->text_len += (size_t)len;
	s->due++;
	s->want = '2';
}

static void
command_recipient(struct session *s)
{
	command(s, "RCPT TO:<user%ld@example.org>\r\n",
	    (s->message + s->recipient) % users + 1);
	s->recipient++;
}

static void
command_data(struct session *s)
{
	command(s, "DATA\r\n");
	s->want = '3';
}

static void
send_body(struct session *s)
{
	size_t left = message_len - s->body_at;

	if (!chunks) {
		s->body = message;
		s->body_len = message_len + 3;
		s->due = 1;
		s->want = '2';
		s->step = MAIL;
		return;
	}
	if (left > CHUNK)
		left = CHUNK;
	s->body = message + s->body_at;
	s->body_len = left;
	s->body_at += left;
	if (s->body_at == message_len)
		s->step = MAIL;
	command(s, "BDAT %zu%s\r\n", left, s->step == MAIL ? " LAST" : "");
}

static void
send_mail(struct session *s)
{
	s->message_began = now();
	s->recipient = 0;
	s->body_at = 0;
	command(s, "MAIL FROM:<sender@client.example.net>\r\n");
	s->step = RCPT;
	if (!at_once)
		return;
	while (s->recipient < recipients)
		command_recipient(s);
	if (!chunks)
		command_data(s);
	s->step = BODY;
}

/* --- TLS --- */

static int
keep_ticket(SSL *ssl, SSL_SESSION *session)
{
	(void)ssl;
	SSL_SESSION_free(ticket);
	ticket = session;
	return 1;
}

static void
prepare_tls(void)
{
	tls = SSL_CTX_new(TLS_client_method());
	if (tls == NULL)
		die("SSL_CTX_new");
	(void)SSL_CTX_set_mode(tls,
	    SSL_MODE_ENABLE_PARTIAL_WRITE |
		SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	(void)SSL_CTX_set_session_cache_mode(
	    tls, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	if (resume)
		SSL_CTX_sess_set_new_cb(tls, keep_ticket);
}

/* The handshake itself is part of the first write. A ticket is used more than
 * once, as by clients that keep them in a file: of the copy OpenSSL would say
 * that it may not be. */
static void
begin_tls(struct session *s)
{
	SSL_SESSION *copy = ticket == NULL ? NULL : SSL_SESSION_dup(ticket);

	s->ssl = SSL_new(tls);
	if (s->ssl == NULL || SSL_set_fd(s->ssl, s->fd) != 1 ||
	    (copy != NULL && SSL_set_session(s->ssl, copy) != 1))
		die("SSL_new");
	SSL_SESSION_free(copy);
	SSL_set_connect_state(s->ssl);
}

/* Without a close_notify, as many a client does; a ticket is still good. */
static void
end_tls(struct session *s, struct result *result)
{
	if (s->ssl == NULL)
		return;
	result->resumed += SSL_session_reused(s->ssl);
	(void)snprintf(result->cipher, sizeof(result->cipher), "%s %s",
	    SSL_get_version(s->ssl), SSL_get_cipher_name(s->ssl));
	SSL_set_shutdown(s->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(s->ssl);
	s->ssl = NULL;
}

static void
hang_up(struct session *s, struct result *result)
{
	end_tls(s, result);
	close(s->fd);
	s->fd = -1;
}

/* --- the session --- */

/* The last command was answered: the next one. */
static void
next(struct session *s, struct result *result)
{
	s->text_len = s->body_len = s->sent = 0;
	if (s->step == MAIL && s->message_began > 0) {
		result->last = now();
		result->messages++;
		message_times[s->message++] = result->last - s->message_began;
	}
	if (s->step == MAIL && (empty || s->message == s->last))
		s->step = QUIT;
	switch (s->step) {
	case GREETING:
		break;
	case HELLO:
		command(s, "EHLO client.example.net\r\n");
		s->step = tls == NULL ? MAIL : STARTTLS;
		break;
	case STARTTLS:
		command(s, "STARTTLS\r\n");
		s->step = HANDSHAKE;
		break;
	case HANDSHAKE:
		begin_tls(s);
		command(s, "EHLO client.example.net\r\n");
		s->step = MAIL;
		break;
	case MAIL:
		send_mail(s);
		break;
	case RCPT:
		command_recipient(s);
		if (s->recipient == recipients)
			s->step = chunks ? BODY : DATA;
		break;
	case DATA:
		command_data(s);
		s->step = BODY;
		break;
	case BODY:
		send_body(s);
		break;
	case QUIT:
		command(s, "QUIT\r\n");
		s->step = DONE;
		break;
	case DONE:
		hang_up(s, result);
		session_times[(s->last - 1) / each] = now() - s->began;
		if (empty) {
			result->last = now();
			result->messages++;
		}
		break;
	}
}

static void
fail(struct session *s, struct result *result, const char *text, size_t len)
{
	result->errors++;
	if (result->error[0] == '\0')
		(void)snprintf(result->error, sizeof(result->error), "%.*s",
		    (int)len, text);
	hang_up(s, result);
}

static void
fail_errno(struct session *s, struct result *result)
{
	fail(s, result, strerror(errno), strlen(strerror(errno)));
}

/* Take whole lines. Returns false when the session has failed. */
static bool
take_replies(struct session *s, struct result *result)
{
	char *line = s->in, *end = s->in + s->in_len, *lf;

	while ((lf = memchr(line, '\n', (size_t)(end - line))) != NULL) {
		bool last = lf - line < 4 || line[3] != '-';

		if (s->due == 0 || line[0] != (s->due == 1 ? s->want : '2')) {
			fail(s, result, line, (size_t)(lf - line));
			return false;
		}
		s->due -= last;
		line = lf + 1;
	}
	s->in_len = (size_t)(end - line);
	memmove(s->in, line, s->in_len);
	return true;
}

/* As recv(2) and sendmsg(2) have it: -1 with EAGAIN where it would wait, and 0
 * at the end. What is wrong with TLS fails the session here: ECANCELED. */
static ssize_t
tls_result(struct session *s, struct result *result, int got)
{
	const char *text;

	switch (got > 0 ? SSL_ERROR_NONE : SSL_get_error(s->ssl, got)) {
	case SSL_ERROR_NONE:
		return got;
	case SSL_ERROR_WANT_READ:
		s->blocked = POLLIN;
		errno = EAGAIN;
		return -1;
	case SSL_ERROR_WANT_WRITE:
		s->blocked = POLLOUT;
		errno = EAGAIN;
		return -1;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	default:
		text = ERR_reason_error_string(ERR_peek_error());
		ERR_clear_error();
		if (text == NULL)
			text = "TLS failed";
		fail(s, result, text, strlen(text));
		errno = ECANCELED;
		return -1;
	}
}

static void
receive(struct session *s, struct result *result)
{
	static const char gone[] = "the connection was closed";
	char *place = s->in + s->in_len;
	size_t room = IN_MAX - s->in_len;
	ssize_t got;

	if (s->ssl == NULL)
		got = recv(s->fd, place, room, MSG_DONTWAIT);
	else
		got = tls_result(s, result, SSL_read(s->ssl, place, (int)room));
	if (got < 0 && (errno == EAGAIN || errno == ECANCELED))
		return;
	if (got < 0) {
		fail_errno(s, result);
		return;
	}
	if (got == 0) {
		fail(s, result, gone, sizeof(gone));
		return;
	}
	s->in_len += (size_t)got;
	if (take_replies(s, result) && s->due == 0 &&
	    s->sent == s->text_len + s->body_len)
		next(s, result);
}

static bool
to_send(const struct session *s)
{
	return s->fd >= 0 && s->sent < s->text_len + s->body_len;
}

/* A record at a time, until the kernel takes no more. */
static void
transmit_tls(struct session *s, struct result *result)
{
	while (to_send(s)) {
		bool text = s->sent < s->text_len;
		const char *from =
		    text ? s->text + s->sent : s->body + s->sent - s->text_len;
		size_t left =
		    (text ? s->text_len : s->text_len + s->body_len) - s->sent;
		ssize_t sent =
		    tls_result(s, result, SSL_write(s->ssl, from, (int)left));

		if (sent <= 0)
			return;
		s->sent += (size_t)sent;
	}
}

/* Commands and body by one call, as far as the kernel takes them. */
static void
transmit(struct session *s, struct result *result)
{
	size_t text = s->sent < s->text_len ? s->sent : s->text_len;
	size_t body = s->sent - text;
	struct iovec parts[2] = {
		{ s->text + text, s->text_len - text },
		{ (char *)(uintptr_t)s->body + body, s->body_len - body },
	};
	struct msghdr header = { .msg_iov = parts, .msg_iovlen = 2 };
	ssize_t sent;

	if (s->ssl != NULL) {
		transmit_tls(s, result);
		return;
	}
	sent = sendmsg(s->fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent >= 0)
		s->sent += (size_t)sent;
	else if (errno != EAGAIN)
		fail_errno(s, result);
}

static void
dial(struct session *s, long number, struct result *result)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int one = 1;

	s->began = now();
	s->step = HELLO;
	s->message = number * each;
	s->last = s->message + each < total ? s->message + each : total;
	s->message_began = 0;
	s->text_len = s->body_len = s->sent = s->in_len = 0;
	s->due = 1;
	s->want = '2';
	s->blocked = POLLOUT;
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (s->fd < 0)
		die("socket");
	(void)setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(s->fd, (struct sockaddr *)&to, sizeof(to)) < 0 &&
	    errno != EINPROGRESS)
		fail_errno(s, result);
}

/* One process: every step-th session, with places for some at a time. */
static void
work(long first, long step, long places, struct result *result)
{
	long sessions = (total + each - 1) / each, number = first;
	struct session *all = need((size_t)places, sizeof(*all));
	struct pollfd *fds = need((size_t)places, sizeof(*fds));
	long open;
	int ready;

	for (long i = 0; i < places; i++) {
		all[i].fd = -1;
		all[i].text = need((size_t)recipients + 4, COMMAND_MAX);
	}
	do {
		open = 0;
		for (long i = 0; i < places; i++) {
			struct session *s = &all[i];

			while (s->fd < 0 && number < sessions &&
			    result->errors < ERRORS_MAX) {
				dial(s, number, result);
				number += step;
			}
			open += s->fd >= 0;
			if (to_send(s))
				transmit(s, result);
			fds[i].fd = s->fd;
			fds[i].events =
			    (short)(POLLIN | (to_send(s) ? s->blocked : 0));
		}
		ready =
		    open == 0 ? 0 : poll(fds, (nfds_t)places, SILENCE * 1000);
		if (ready < 0)
			die("poll");
		/* Connections that a server has lost, or forgotten. */
		if (open > 0 && ready == 0) {
			result->errors += (unsigned)open;
			return;
		}
		for (long i = 0; i < places; i++)
			if (all[i].fd >= 0 && (fds[i].revents & ~POLLOUT) != 0)
				receive(&all[i], result);
	} while (open > 0);
}

/* Files that have appeared since. It looks no oftener than needed to tell
 * milliseconds, so that it is no load itself. */
static long
count_files(int fd, double *last)
{
	static char buffer[1 << 18]
	    __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t len = read(fd, buffer, sizeof(buffer));
	long count = 0;

	for (ssize_t at = 0; at < len; count++) {
		const struct inotify_event *event =
		    (const struct inotify_event *)(void *)(buffer + at);

		at += (ssize_t)(sizeof(*event) + event->len);
	}
	if (count > 0)
		*last = now();
	return count;
}

static int
watch(char *const maildirs[])
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	char name[4096];

	if (fd < 0)
		die("inotify");
	for (; *maildirs != NULL; maildirs++) {
		(void)snprintf(name, sizeof(name), "%s/new", *maildirs);
		if (inotify_add_watch(fd, name, IN_CREATE | IN_MOVED_TO) < 0)
			die(name);
	}
	return fd;
}

/* Wait for all processes and all files. Returns how many files there were and
 * sets *last to when the last one came. */
static long
await(long processes, int watched, struct result *results, double *last)
{
	struct timespec pause = { .tv_nsec = 1000000 };
	double end = 0;
	long seen = 0;

	for (;;) {
		bool failed = false;

		seen += count_files(watched, last);
		while (processes > 0 && waitpid(-1, NULL, WNOHANG) > 0)
			processes--;
		if (processes == 0 && end == 0)
			end = now() + PATIENCE;
		for (long i = 0; i < parallel; i++)
			failed = failed || results[i].errors > 0;
		if (processes == 0 && (seen >= files || failed || now() > end))
			return seen + count_files(watched, last);
		nanosleep(&pause, NULL);
	}
}

static int
compare(const void *a, const void *b)
{
	const double *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

/* Percentiles of what was measured, in microseconds. */
static void
print_times(const char *name, double *times, long count)
{
	long zero = 0;

	qsort(times, (size_t)count, sizeof(*times), compare);
	while (zero < count && times[zero] <= 0)
		zero++;
	times += zero;
	count -= zero;
	if (count > 0)
		printf(", \"%s_us\": {\"p50\": %.0f, \"p99\": %.0f, "
		       "\"max\": %.0f}",
		    name, times[count / 2] * 1e6, times[count * 99 / 100] * 1e6,
		    times[count - 1] * 1e6);
}

static void
print_error(const char *text)
{
	printf(", \"error\": \"");
	for (; *text != '\0'; text++)
		if (*text >= ' ' && *text <= '~' && *text != '"' &&
		    *text != '\\')
			putchar(*text);
	printf("\"");
}

static void
read_options(int argc, char *argv[])
{
	int option;

	while ((option = getopt(argc, argv, "P:n:k:s:r:u:f:abetT")) != -1) {
		long *number = option == 'P' ? &parallel
		    : option == 'n'	     ? &total
		    : option == 'k'	     ? &each
		    : option == 's'	     ? &octets
		    : option == 'r'	     ? &recipients
		    : option == 'u'	     ? &users
		    : option == 'f'	     ? &files
					     : NULL;

		if (number != NULL)
			*number = strtol(optarg, NULL, 10);
		at_once = at_once || option == 'a';
		chunks = chunks || option == 'b';
		empty = empty || option == 'e';
		resume = resume || option == 'T';
		if ((option == 't' || resume) && tls == NULL)
			prepare_tls();
		if (option == '?' || (number != NULL && *number < 1)) {
			fputs(usage, stderr);
			exit(2);
		}
	}
	port = argv[optind] == NULL ? 0 : strtol(argv[optind], NULL, 10);
	if (port < 1) {
		fputs(usage, stderr);
		exit(2);
	}
	if (files < 0)
		files = total * recipients;
	if (argv[optind + 1] == NULL || empty)
		files = 0;
	if (empty)
		each = 1;
	if (parallel > total)
		parallel = total;
}

int
main(int argc, char *argv[])
{
	long sessions, seen, processes = sysconf(_SC_NPROCESSORS_ONLN);
	struct result *results, all = { 0 };
	double begin, last = 0;
	int watched;

	read_options(argc, argv);
	write_message();
	sessions = (total + each - 1) / each;
	results = mmap(NULL,
	    (size_t)parallel * sizeof(*results) +
		(size_t)(sessions + total) * sizeof(double),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (results == MAP_FAILED)
		die("mmap");
	message_times = (double *)(results + parallel);
	session_times = message_times + total;
	watched = watch(argv + optind + 1);

	if (processes < 1 || processes > parallel)
		processes = processes < 1 ? 1 : parallel;
	begin = now();
	for (long i = 0; i < processes; i++) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (pid == 0) {
			/* End with the parent: it may be interrupted. */
			(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
			work(i, processes,
			    (parallel + processes - 1 - i) / processes,
			    &results[i]);
			_exit(0);
		}
	}
	seen = await(processes, watched, results, &last);
	for (long i = 0; i < processes; i++) {
		all.messages += results[i].messages;
		all.errors += results[i].errors;
		all.resumed += results[i].resumed;
		if (results[i].cipher[0] != '\0')
			memcpy(all.cipher, results[i].cipher, CIPHER_TEXT);
		if (results[i].last > all.last)
			all.last = results[i].last;
		if (results[i].error[0] != '\0')
			memcpy(all.error, results[i].error, ERROR_TEXT);
	}
	if (all.last < begin)
		all.last = begin;
	printf("{\"messages\": %ld, \"files\": %ld, \"errors\": %ld, "
	       "\"accepted_seconds\": %.6f, \"seconds\": %.6f",
	    all.messages, seen, all.errors, all.last - begin,
	    (last > all.last ? last : all.last) - begin);
	print_times("message", message_times, total);
	print_times("session", session_times, sessions);
	if (tls != NULL)
		printf(", \"resumed\": %ld, \"cipher\": \"%s\"", all.resumed,
		    all.cipher);
	print_error(all.error);
	printf("}\n");
	return all.errors > 0 || all.messages < total || seen < files;
}
