/* SPDX-License-Identifier: ISC */
/* prompt.c - see prompt.h for the contract. */
#include "prompt.h"

#include <sys/signalfd.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <termios.h>
#include <unistd.h>

static int
refuse(int status, const char *why)
{
	(void)fprintf(stderr, "smtpd: %s\n", why);
	return status;
}

/* Wait until there is input. False where a signal came first; signal_fd may be
 * -1. */
static bool
wait_input(int signal_fd)
{
	struct pollfd polled[] = {
		{ .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = signal_fd, .events = POLLIN },
	};

	while (poll(polled, 2, -1) < 0)
		if (errno != EINTR)
			return false;
	return polled[1].revents == 0;
}

/* Read a line, without its end, octet by octet: what follows is not ours. */
static int
read_line(int signal_fd, char *out, size_t size)
{
	size_t len = 0;
	ssize_t got;

	for (;;) {
		if (!wait_input(signal_fd))
			return EX_TEMPFAIL;
		got = read(STDIN_FILENO, out + len, 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return refuse(EX_IOERR, strerror(errno));
		if (got == 0 || out[len] == '\n')
			break;
		if (++len == size)
			return refuse(EX_DATAERR, "the password is too long");
	}
	out[len] = '\0';
	if (len == 0)
		return refuse(EX_DATAERR, "the password is empty");
	if (strlen(out) != len)
		return refuse(EX_DATAERR, "the password has a NUL");
	return EX_OK;
}

static int
ask(const char *question, int signal_fd, char *out, size_t size)
{
	int status;

	(void)fputs(question, stderr);
	status = read_line(signal_fd, out, size);
	(void)fputc('\n', stderr); /* the one that was not echoed */
	return status;
}

static int
ask_twice(int signal_fd, char *out, size_t size)
{
	char again[1024] = "";
	int status = ask("Password: ", signal_fd, out, size);

	if (status == EX_OK)
		status = ask("Again: ", signal_fd, again, sizeof(again));
	if (status == EX_OK && strcmp(again, out) != 0)
		status = refuse(EX_DATAERR, "these were two different ones");
	explicit_bzero(again, sizeof(again));
	return status;
}

/* While it asks signals wait. One that ends us does so when the terminal is as
 * it was. */
static int
ask_terminal(const struct termios *before, char *out, size_t size)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct termios silent = *before;
	sigset_t stops, blocked, old;
	int status = EX_OSERR, signal_fd;

	(void)sigemptyset(&stops); /* these cannot fail */
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		(void)sigaddset(&stops, ends[i]);
	blocked = stops;
	(void)sigaddset(&blocked, SIGTSTP);
	(void)sigprocmask(SIG_BLOCK, &blocked, &old);
	signal_fd = signalfd(-1, &stops, SFD_CLOEXEC);
	silent.c_lflag &= ~(tcflag_t)ECHO;
	if (signal_fd >= 0 &&
	    tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) == 0) {
		status = ask_twice(signal_fd, out, size);
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, before);
	} else {
		status = refuse(EX_OSERR, strerror(errno));
	}
	if (signal_fd >= 0)
		close(signal_fd);
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
	return status;
}

int
prompt_password(char *out, size_t size)
{
	struct termios before;
	int status = tcgetattr(STDIN_FILENO, &before) == 0
	    ? ask_terminal(&before, out, size)
	    : read_line(-1, out, size);

	if (status != EX_OK)
		explicit_bzero(out, size);
	return status;
}
