/* SPDX-License-Identifier: ISC */
/* Dovecot's authentication protocol by table, against a server that says what
 * the row has it say: as it should, or otherwise. */
#include "unit.h"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "lib/dovecot.h"

#define GREETING "VERSION\t1\t2\nMECH\tPLAIN\tplaintext\n" \
	"MECH\tSCRAM-SHA-256\tmutual-auth\nSPID\t7\nCUID\t1\nCOOKIE\tab\nDONE\n"
#define HELLO "VERSION\t1\t3\nCPID\t"
#define OPEN { HELLO, GREETING }
#define REQUEST "AUTH\t1\tPLAIN\tservice=smtp\tnologin\tsecured=tls\t" \
	"lip=192.0.2.2\trip=192.0.2.1\tresp=AGJvYgBwZW5jaWw=\n"
#define CHANNEL "\tchannel_binding=MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZQA="

/* NULL: it hangs up. */
struct line {
	const char *hears; /* what our lines begin with; a NUL ends them all */
	const char *says;
};

enum { OPENS_NOT = -1 };

struct row {
	struct line lines[5];
	int result; /* of dovecot_start(), or of dovecot_step() after it */
	const char *user, *challenge;
	const char *text; /* a part of it */
};

static const struct row rows[] = {
	{ { OPEN, { REQUEST, "OK\t1\tuser=bob\n" } }, DOVECOT_YES, "bob", "",
	    "" },
	{ { OPEN, { REQUEST, "OK\t1\tuser=bob\thost=x\tproxy\tnologin\n" } },
	    DOVECOT_YES, "bob", "", "" },
	{ { OPEN, { REQUEST, "OK\t1\tx\tuser=b\001to\0011\001nb\n" } },
	    DOVECOT_YES, "b\to\001\nb", "", "" },
	{ { OPEN, { REQUEST, "OK\t1\tuser=bob\tnologin\treason=x\n" } },
	    DOVECOT_NO, "bob", "", "" },
	{ { OPEN, { REQUEST, "OK\t1\tuser=bob\tauth_user=root\n" } },
	    DOVECOT_NO, "bob", "", "" },
	{ { OPEN, { REQUEST, "FAIL\t1\tuser=bob\n" } }, DOVECOT_NO, "bob", "",
	    "" },
	{ { OPEN, { REQUEST, "FAIL\t1\n" } }, DOVECOT_NO, "", "", "" },
	{ { OPEN, { REQUEST, "FAIL\t1\tuser=bob\ttemp\n" } }, DOVECOT_LATER,
	    NULL, "", "its own log" },
	{ { OPEN, { REQUEST, "FAIL\t1\tcode=temp_fail\tuser=bob\n" } },
	    DOVECOT_LATER, NULL, "", "its own log" },
	{ { OPEN, { REQUEST, "FAIL\t1\tcode=invalid_base64\n" } },
	    DOVECOT_MALFORMED, "", "", "" },
	{ { OPEN, { REQUEST, "FAIL\t1\tuser=bob\tcode=user_disabled\n" } },
	    DOVECOT_NO, "bob", "", "" },
	/* challenges */
	{ { OPEN, { REQUEST, "CONT\t1\tYWJj\n" }, { "CONT\t1\tAAAA\n",
	    "OK\t1\tuser=bob\n" } }, DOVECOT_YES, "bob", "", "" },
	{ { OPEN, { REQUEST, "CONT\t1\tYWJj\n" }, { "CONT\t1\tAAAA\n",
	    "CONT\t1\tZGVm\n" } }, DOVECOT_MORE, "", "ZGVm", "" },
	{ { OPEN, { REQUEST, "CONT\t1\t\n" }, { "CONT\t1\tAAAA\n",
	    "CONT\t1\n" } }, DOVECOT_MORE, "", "", "" },
	/* the channel binding: unseen by the client, and with a challenge */
	{ { OPEN, { REQUEST, "CONT\t1\t#\tchannel_binding=tls-exporter\n" },
	    { "CONT\t1\t#" CHANNEL "\n", "CONT\t1\tYWJj\n" }, { "CONT\t1\tAAAA\n",
	    "OK\t1\tuser=bob\n" } }, DOVECOT_YES, "bob", "", "" },
	{ { OPEN, { REQUEST, "CONT\t1\tYWJj\tchannel_binding=tls-exporter\n" },
	    { "CONT\t1\tAAAA" CHANNEL "\n", "OK\t1\tuser=bob\n" } },
	    DOVECOT_YES, "bob", "", "" },
	{ { OPEN, { REQUEST, "CONT\t1\t#\tchannel_binding=tls-unique\n" } },
	    DOVECOT_NO, "", "", "" },
	{ { OPEN, { REQUEST, "CONT\t1\t#\tchannel_binding=tls-exporter\n" },
	    { "CONT\t1\t#", "CONT\t1\t#\n" } }, DOVECOT_LATER, NULL, "#",
	    "twice" },
	/* what it should not say */
	{ { OPEN, { REQUEST, "CONT\t1\tYWJ\n" } }, DOVECOT_LATER, NULL, "",
	    "base64" },
	{ { OPEN, { REQUEST, "CONT\t1\tYWJj\r\n" } }, DOVECOT_LATER, NULL, "",
	    "base64" },
	{ { OPEN, { REQUEST, "OK\t1\n" } }, DOVECOT_LATER, NULL, "", "no user" },
	{ { OPEN, { REQUEST, "OK\t1\tuser=\n" } }, DOVECOT_LATER, NULL, "",
	    "no user" },
	{ { OPEN, { REQUEST, "OK\t2\tuser=bob\n" } }, DOVECOT_LATER, NULL, "",
	    "nobody asked" },
	{ { OPEN, { REQUEST, "OK\n" } }, DOVECOT_LATER, NULL, "",
	    "nobody asked" },
	{ { OPEN, { REQUEST, "\n" } }, DOVECOT_LATER, NULL, "",
	    "nobody asked" },
	{ { OPEN, { REQUEST, "YES\t1\tuser=bob\n" } }, DOVECOT_LATER, NULL, "",
	    "none" },
	{ { OPEN, { REQUEST, "OK\t1\tuser=b\0010b\n" } }, DOVECOT_LATER, NULL,
	    "", "not of its protocol" },
	{ { OPEN, { REQUEST, "OK\t1\tuser=bob\001\n" } }, DOVECOT_LATER, NULL,
	    "", "not of its protocol" },
	{ { OPEN, { REQUEST, "OK\t1\tuser=bob\nOK\t1\tuser=root\n" } },
	    DOVECOT_LATER, NULL, "", "more than it was asked" },
	{ { OPEN, { REQUEST, "FAIL\t1\tuser=bob" } }, DOVECOT_LATER, NULL, "",
	    "hung up" },
	{ { OPEN, { REQUEST, "" } }, DOVECOT_LATER, NULL, "", "hung up" },
	/* greetings that are none */
	{ { { HELLO, "" } }, OPENS_NOT, NULL, NULL, "hung up" },
	{ { { HELLO, "VERSION\t2\t0\nDONE\n" } }, OPENS_NOT, NULL, NULL,
	    "version 1" },
	{ { { HELLO, "VERSION\t11\t0\nDONE\n" } }, OPENS_NOT, NULL, NULL,
	    "version 1" },
	{ { { HELLO, "MECH\tPLAIN\nDONE\n" } }, OPENS_NOT, NULL, NULL,
	    "version 1" },
	{ { { HELLO, "220 mx.example.org ESMTP\n" } }, OPENS_NOT, NULL, NULL,
	    "version 1" },
	{ { { HELLO, "VERSION\t1\t2\nMECH\tPLAIN\n" } }, OPENS_NOT, NULL, NULL,
	    "hung up" },
};

/* What is written, of any length, until the peer is gone. */
static void
speak(int fd, const char *text, size_t len)
{
	ssize_t sent;

	while (len > 0 && (sent = send(fd, text, len, MSG_NOSIGNAL)) > 0) {
		text += sent;
		len -= (size_t)sent;
	}
}

/* Read until there are lines that begin as they should. False: others. */
static bool
listen_for(int fd, const char *text)
{
	char got[4096];
	size_t len = 0, want = strlen(text);

	while (len < want) {
		ssize_t more = recv(fd, got + len, sizeof(got) - len, 0);

		if (more <= 0)
			return false;
		len += (size_t)more;
	}
	got[len] = '\0';
	if (memcmp(got, text, want) == 0)
		return true;
	(void)fprintf(stderr, "heard: %s instead of: %s", got, text);
	return false;
}

static char directory[] = "/tmp/smtpd-dovecot-XXXXXX";
static char path[sizeof(directory) + 10];

/* A server of one connection. say is called with it. */
static pid_t
serve(void (*say)(int fd, const void *with), const void *with)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM, 0), fd;
	pid_t child;

	(void)unlink(path);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (listener < 0 || bind(listener, (struct sockaddr *)&address,
	    sizeof(address)) < 0 || listen(listener, 1) < 0 ||
	    (child = fork()) < 0)
		abort();
	if (child > 0) {
		close(listener);
		return child;
	}
	fd = accept(listener, NULL, NULL);
	if (fd < 0)
		_exit(1);
	say(fd, with);
	close(fd);
	_exit(0);
}

static void
finish(pid_t child)
{
	int status;

	CHECK(waitpid(child, &status, 0) == child && status == 0, "%d", status);
}

static void
say_row(int fd, const void *with)
{
	const struct line *line = with;

	for (; line->hears != NULL; line++) {
		if (!listen_for(fd, line->hears))
			_exit(1);
		speak(fd, line->says, strlen(line->says));
	}
}

static const unsigned char binding[32] = "0123456789abcdef0123456789abcde";
static const struct dovecot_client client = { "192.0.2.1", "192.0.2.2", "",
	binding, sizeof(binding), true };

static void
check_row(const struct row *row)
{
	static struct dovecot_exchange exchange;
	struct dovecot_greeting greeting;
	char text[DOVECOT_TEXT_MAX + 1] = "";
	pid_t child = serve(say_row, row->lines);
	bool steps = row->lines[2].hears != NULL &&
	    strncmp(row->lines[2].hears, "CONT\t1\t#", 8) != 0;
	int fd = dovecot_open(path, &greeting, text), result = OPENS_NOT;

	steps |= row->lines[3].hears != NULL;
	if (fd >= 0) {
		CHECK(greeting.len == 2 && strcmp(greeting.mechanisms[1].name,
		    "SCRAM-SHA-256") == 0, "%zu", greeting.len);
		exchange.fd = fd;
		exchange.client = &client;
		result = (int)dovecot_start(&exchange, "PLAIN",
		    "AGJvYgBwZW5jaWw=", 16);
		if (result == DOVECOT_MORE && steps)
			result = (int)dovecot_step(&exchange, "AAAA", 4);
		(void)snprintf(text, sizeof(text), "%s", exchange.text);
		close(fd);
	}
	CHECK(result == row->result, "row %td: %d %s", row - rows, result,
	    text);
	CHECK(strstr(text, row->text) != NULL && (row->text[0] != '\0' ||
	    text[0] == '\0'), "row %td: %s", row - rows, text);
	CHECK(row->user == NULL || strcmp(exchange.user, row->user) == 0,
	    "row %td: %s", row - rows, exchange.user);
	CHECK(row->challenge == NULL || result != DOVECOT_MORE ||
	    strcmp(exchange.challenge, row->challenge) == 0, "row %td: %s",
	    row - rows, exchange.challenge);
	finish(child);
}

static void
say_text(int fd, const void *with)
{
	speak(fd, with, strlen(with));
	(void)shutdown(fd, SHUT_WR);
	while (recv(fd, (char[100]){ 0 }, 100, 0) > 0)
		continue;
}

static void
check_greeting(const char *text, const char *want, const char *why)
{
	struct dovecot_greeting greeting = { 0 };
	char problem[DOVECOT_TEXT_MAX + 1] = "", names[1000] = "";
	pid_t child = serve(say_text, text);
	int fd = dovecot_open(path, &greeting, problem);

	if (fd >= 0)
		close(fd);
	for (size_t i = 0; fd >= 0 && i < greeting.len; i++)
		(void)snprintf(names + strlen(names), sizeof(names) -
		    strlen(names), "%s%s ", greeting.mechanisms[i].name,
		    greeting.mechanisms[i].bound ? "+" : "");
	CHECK((fd >= 0) == (why == NULL), "%s", problem);
	CHECK(why == NULL || strstr(problem, why) != NULL, "%s", problem);
	CHECK(why != NULL || strcmp(names, want) == 0, "%s", names);
	finish(child);
}

/* Which mechanisms are taken, and how much is read. */
static void
check_greetings(void)
{
	char *much = malloc(2 * DOVECOT_LINE_MAX);

	if (much == NULL)
		abort();
	check_greeting("VERSION\t1\t99\nMECH\tPLAIN\tplaintext\n"
	    "MECH\tANONYMOUS\tanonymous\nMECH\tDOVECOT-TOKEN\tprivate\n"
	    "MECH\tSCRAM-SHA-256-PLUS\tmutual-auth\tchannel-binding\n"
	    "MECH\nMECH\t\nMECH\tplain\nMECH\tA B\nMECH\tA\001tB\n"
	    "MECH\tA23456789012345678901\nMECH\tA2345678901234567890\nNEW\n"
	    "DONE\n", "PLAIN SCRAM-SHA-256-PLUS+ A2345678901234567890 ", NULL);
	(void)strcpy(much, "VERSION\t1\t2\n");
	for (int i = 0; i < 40; i++)
		(void)sprintf(much + strlen(much), "MECH\tX%d\n", i);
	(void)strcat(much, "DONE\n");
	check_greeting(much, "X0 X1 X2 X3 X4 X5 X6 X7 X8 X9 X10 X11 X12 X13 "
	    "X14 X15 X16 X17 X18 X19 X20 X21 X22 X23 X24 X25 X26 X27 X28 X29 "
	    "X30 X31 ", NULL);
	(void)strcpy(much, "VERSION\t1\t2\n");
	for (int i = 0; i < DOVECOT_LINES_MAX; i++)
		(void)strcat(much, "X\n");
	check_greeting(much, NULL, "no end");
	(void)strcpy(much, "VERSION\t1\t2\n");
	memset(much + 12, 'x', DOVECOT_LINE_MAX);
	(void)strcpy(much + 12 + DOVECOT_LINE_MAX, "\nDONE\n");
	check_greeting(much, NULL, "too long");
	memset(much + 12, '\t', 100);
	(void)strcpy(much + 112, "\nDONE\n");
	check_greeting(much, NULL, "not of its protocol");
	free(much);
}

/* Seconds pass as one likes. */
static int pace = 1;

int
poll(struct pollfd *polled, nfds_t len, int timeout)
{
	struct timespec time = { timeout / 1000 / pace,
		(long)(timeout / pace) % 1000 * 1000000 };

	return ppoll(polled, len, timeout < 0 ? NULL : &time, NULL);
}

int
clock_gettime(clockid_t clock, struct timespec *time)
{
	int result = (int)syscall(SYS_clock_gettime, clock, time);
	long long whole = (time->tv_sec * 1000000000LL + time->tv_nsec) * pace;

	time->tv_sec = whole / 1000000000;
	time->tv_nsec = whole % 1000000000;
	return result;
}

/* It waits until we are gone. */
static void
say_nothing(int fd, const void *with)
{
	(void)with;
	while (recv(fd, (char[100]){ 0 }, 100, 0) > 0)
		continue;
}

static void
check_silence(void)
{
	struct dovecot_greeting greeting;
	char text[DOVECOT_TEXT_MAX + 1] = "";
	pid_t child = serve(say_nothing, NULL);

	pace = 300;
	CHECK(dovecot_open(path, &greeting, text) < 0 &&
	    strstr(text, "did not answer in time") != NULL, "%s", text);
	pace = 1;
	finish(child);
}

static void
on_alarm(int number)
{
	(void)number;
}

static void
say_slowly(int fd, const void *with)
{
	for (const char *at = with; *at != '\0'; at++) {
		struct timespec some = { 0, 200000 };

		(void)nanosleep(&some, NULL);
		speak(fd, at, 1);
	}
}

/* Signals interrupt each wait; what comes octet by octet is read all the
 * same. */
static void
check_signals(void)
{
	struct itimerval often = { { 0, 500 }, { 0, 500 } };
	struct sigaction action = { .sa_handler = on_alarm };
	struct dovecot_greeting greeting;
	char text[DOVECOT_TEXT_MAX + 1] = "";
	pid_t child = serve(say_slowly, GREETING);
	int fd;

	if (sigaction(SIGALRM, &action, NULL) < 0 ||
	    setitimer(ITIMER_REAL, &often, NULL) < 0)
		abort();
	fd = dovecot_open(path, &greeting, text);
	often = (struct itimerval){ 0 };
	(void)setitimer(ITIMER_REAL, &often, NULL);
	CHECK(fd >= 0 && greeting.len == 2, "%s", text);
	close(fd);
	finish(child);
	CHECK(!dovecot_is_open(-1), "no descriptor");
}

/* Nobody there, or nothing that can be connected to. */
static void
check_absent(void)
{
	struct dovecot_greeting greeting;
	char text[DOVECOT_TEXT_MAX + 1] = "", many[200];

	CHECK(dovecot_open(path, &greeting, text) < 0 &&
	    strstr(text, "refused") != NULL && strstr(text, path) != NULL,
	    "%s", text);
	CHECK(unlink(path) == 0 && dovecot_open(path, &greeting, text) < 0 &&
	    strstr(text, "No such file") != NULL, "%s", text);
	memset(many, 'x', sizeof(many));
	many[sizeof(many) - 1] = '\0';
	CHECK(dovecot_open(many, &greeting, text) < 0 &&
	    strstr(text, "too long") != NULL, "%s", text);
}

int
main(void)
{
	if (mkdtemp(directory) == NULL)
		abort();
	(void)snprintf(path, sizeof(path), "%s/auth", directory);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_row(&rows[i]);
	check_greetings();
	check_silence();
	check_signals();
	check_absent();
	(void)rmdir(directory);
	return unit_end("dovecot");
}
