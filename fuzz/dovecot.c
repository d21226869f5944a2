/* SPDX-License-Identifier: ISC */
/* What Dovecot answers as a fuzz target: an answer a line, each to one request
 * of ours, and then it hangs up.
 *
 * Nobody is let in but by a line that begins with OK and names him; and what we
 * send is a line each, whatever it said before. */
#include <sys/socket.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/dovecot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition) ((condition) ? (void)0 : fail(#condition, __LINE__))

static void
fail(const char *condition, int line)
{
	(void)fprintf(stderr, "dovecot.c:%d: not %s\n", line, condition);
	abort();
}

static void
check_result(const struct dovecot_exchange *exchange,
    enum dovecot_result result, const uint8_t *line, size_t len)
{
	static const char good[] = "OK\t1\t";

	MUST(result <= DOVECOT_LATER);
	MUST((result == DOVECOT_LATER) == (exchange->text[0] != '\0'));
	MUST(strlen(exchange->user) <= DOVECOT_USER_MAX);
	MUST(strlen(exchange->challenge) <= DOVECOT_MESSAGE_MAX);
	MUST(strpbrk(exchange->challenge, "\t\n\r ") == NULL);
	if (result != DOVECOT_YES)
		return;
	MUST(exchange->user[0] != '\0');
	MUST(len > sizeof(good) - 1 &&
	    memcmp(line, good, sizeof(good) - 1) == 0);
	MUST(memmem(line, len, "\tuser=", 6) != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const unsigned char binding[32];
	static struct dovecot_exchange exchange;
	const struct dovecot_client client = { "192.0.2.1", "", "a\tb\n",
		binding, sizeof(binding), true };
	enum dovecot_result result = DOVECOT_MORE;
	bool started = false;
	int pair[2];

	exchange.client = &client;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) < 0)
		abort();
	exchange.fd = pair[0];
	while (size > 0 && result == DOVECOT_MORE) {
		const uint8_t *lf = memchr(data, '\n', size);
		size_t len = lf == NULL ? size : (size_t)(lf - data) + 1;
		char sent[DOVECOT_LINE_MAX];
		ssize_t got;

		if (len > 100000 ||
		    send(pair[1], data, len, MSG_NOSIGNAL) != (ssize_t)len)
			break;
		/* Behind the last there is nothing to wait for. */
		if (len == size || memchr(data, '#', len) != NULL)
			(void)shutdown(pair[1], SHUT_WR);
		result = started ? dovecot_step(&exchange, "AAAA", 4)
				 : dovecot_start(&exchange, "PLAIN", NULL, 0);
		started = true;
		check_result(&exchange, result, data, len);
		got = recv(pair[1], sent, sizeof(sent), 0);
		MUST(got > 0 && sent[got - 1] == '\n');
		data += len;
		size -= len;
	}
	close(pair[0]);
	close(pair[1]);
	return 0;
}
