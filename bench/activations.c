/* SPDX-License-Identifier: ISC */
/* activations.c - sessions one after the other, for bench/activations.
 *
 *   activations PORT PARALLEL SESSIONS MESSAGES
 *
 * Each of PARALLEL processes begins its next session on 127.0.0.1 when its last
 * one has ended, until there were SESSIONS in all. A session is the greeting
 * and QUIT, with MESSAGES of 4 KiB to user@bench.example in between. Prints
 * sessions a second. */
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BODY = 4096, LINE = 64 };

static void
fail(const char *what, const char *reply)
{
	fprintf(stderr, "activations: %s: %s\n", what, reply);
	exit(1);
}

/* Send text, and wait for count replies, the last of which begins so. */
static void
say(int fd, const char *text, int count, char begins)
{
	char replies[4096];
	size_t len = 0;

	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		fail("write", text);
	while (count > 0) {
		ssize_t got =
		    read(fd, replies + len, sizeof(replies) - 1 - len);
		char *end;

		if (got <= 0)
			fail("no reply to", text);
		len += (size_t)got;
		replies[len] = '\0';
		while (count > 0 && (end = strchr(replies, '\n')) != NULL) {
			if (replies[3] == ' ' && --count == 0 &&
			    replies[0] != begins)
				fail(text, replies);
			len -= (size_t)(end + 1 - replies);
			memmove(replies, end + 1, len + 1);
		}
	}
}

static void
session(in_port_t port, int messages, const char *body)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	alarm(60); /* nothing here takes so long */
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		fail("connect", "refused");
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	say(fd, "", 1, '2');
	if (messages > 0)
		say(fd, "EHLO client.example\r\n", 1, '2');
	for (int i = 0; i < messages; i++) {
		say(fd, "MAIL FROM:<sender@client.example>\r\n", 1, '2');
		say(fd, "RCPT TO:<user@bench.example>\r\n", 1, '2');
		say(fd, "DATA\r\n", 1, '3');
		say(fd, body, 1, '2');
	}
	say(fd, "QUIT\r\n", 1, '2');
	close(fd);
}

int
main(int argc, char *argv[])
{
	static char body[BODY + 8] = "Subject: bench\r\n\r\n";
	long *left = mmap(NULL, sizeof(*left), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct timespec begin, end;
	int status, bad = 0;

	if (argc != 5 || left == MAP_FAILED)
		fail("usage", "activations PORT PARALLEL SESSIONS MESSAGES");
	for (size_t len = strlen(body); len + LINE <= BODY; len += LINE) {
		memset(body + len, 'x', LINE - 2);
		memcpy(body + len + LINE - 2, "\r\n", 3);
	}
	strcat(body, ".\r\n");
	*left = atol(argv[3]);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (int i = 0; i < atoi(argv[2]); i++)
		if (fork() == 0) {
			while (
			    __atomic_fetch_sub(left, 1, __ATOMIC_RELAXED) > 0)
				session((in_port_t)atoi(argv[1]), atoi(argv[4]),
				    body);
			return 0;
		}
	while (wait(&status) > 0)
		bad |= status;
	clock_gettime(CLOCK_MONOTONIC, &end);
	printf("%.0f\n",
	    atof(argv[3]) /
		((double)(end.tv_sec - begin.tv_sec) +
		    (double)(end.tv_nsec - begin.tv_nsec) / 1e9));
	return bad != 0;
}
