/* SPDX-License-Identifier: ISC */
/* limit.c - how fast this file system can store mail that has to be durable.
 *
 *   limit PROCESSES MESSAGES OCTETS LINKS MAILDIR...
 *
 * The least that a delivery can do before it is promised: an unnamed file,
 * write, fdatasync; for each of its LINKS Maildirs a name in new/; for each
 * of these directories fsync. No network, no language, no log. Prints one
 * JSON object. */
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"

enum { WRITE_MAX = 1 << 20 };	/* octets of one write() */

static const char *body;
static long octets, links;

/* The new/ of each Maildir, kept open. */
static int *
open_directories(char *const maildirs[], long count)
{
	int *directories = calloc((size_t)count, sizeof(*directories));
	char name[4096];

	if (directories == NULL)
		die("limit");
	for (long i = 0; i < count; i++) {
		(void)snprintf(name, sizeof(name), "%s/new", maildirs[i]);
		directories[i] = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (directories[i] < 0)
			die(name);
	}
	return directories;
}

static void
deliver(const int *directories, long count, long number)
{
	int fd = openat(directories[number % count], ".",
	    O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	char self[64], name[64];

	if (fd < 0)
		die("O_TMPFILE");
	for (long left = octets; left > 0; left -= WRITE_MAX) {
		size_t len = (size_t)(left < WRITE_MAX ? left : WRITE_MAX);

		if (write(fd, body, len) != (ssize_t)len)
			die("write");
	}
	if (fdatasync(fd) < 0)
		die("fdatasync");
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	(void)snprintf(name, sizeof(name), "%ld", number);
	for (long i = 0; i < links; i++)
		if (linkat(AT_FDCWD, self, directories[(number + i) % count],
		    name, AT_SYMLINK_FOLLOW) < 0)
			die("linkat");
	for (long i = 0; i < links; i++)
		if (fsync(directories[(number + i) % count]) < 0)
			die("fsync");
	close(fd);
}

static double
seconds(struct timeval time)
{
	return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

int
main(int argc, char *argv[])
{
	long processes, messages, count = argc - 5;
	struct rusage usage;
	int status, bad = 0;
	double begin;
	int *directories;
	char *octet;

	if (count < 1) {
		fputs("usage: limit PROCESSES MESSAGES OCTETS LINKS "
		    "MAILDIR...\n", stderr);
		return 2;
	}
	processes = strtol(argv[1], NULL, 10);
	messages = strtol(argv[2], NULL, 10);
	octets = strtol(argv[3], NULL, 10);
	links = strtol(argv[4], NULL, 10);
	octet = malloc(WRITE_MAX);
	if (octet == NULL)
		die("limit");
	memset(octet, 'x', WRITE_MAX);
	body = octet;
	directories = open_directories(argv + 5, count);
	begin = now();
	for (long i = 0; i < processes; i++) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (pid == 0) {
			/* End with the parent: it may be interrupted. */
			(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
			for (long k = i; k < messages; k += processes)
				deliver(directories, count, k);
			_exit(0);
		}
	}
	while (wait(&status) > 0)
		bad |= status;
	getrusage(RUSAGE_CHILDREN, &usage);
	printf("{\"messages\": %ld, \"errors\": %d, \"seconds\": %.6f, "
	    "\"cpu_seconds\": %.6f}\n", messages, bad != 0, now() - begin,
	    seconds(usage.ru_utime) + seconds(usage.ru_stime));
	return bad != 0;
}
