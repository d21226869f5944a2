/* SPDX-License-Identifier: ISC */
/* startup.c - how long a fresh process takes to greet.
 *
 *   startup              greet, wait for the end of input: the least a
 *                        program that links libc can do
 *   startup RUNS ROUNDS COMMAND [ARGUMENT...]
 *                        time COMMAND and itself in turns, from fork() to the
 *                        greeting, and print medians and their ratio */
#include <sys/wait.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double
now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

/* Microseconds until the greeting of a program. */
static double
greeting(char *const argv[])
{
	int in[2], out[2], null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	char buffer[4096];
	double begin, took;
	pid_t pid;

	if (null < 0 || pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0) {
		perror("startup");
		exit(1);
	}
	begin = now();
	pid = vfork();
	if (pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		dup2(null, 2);
		execv(argv[0], argv);
		_exit(127);
	}
	close(out[1]);
	if (pid < 0 || read(out[0], buffer, sizeof(buffer)) < 3 ||
	    memcmp(buffer, "220", 3) != 0) {
		fprintf(stderr, "startup: %s does not greet\n", argv[0]);
		exit(1);
	}
	took = now() - begin;
	close(in[0]);
	close(in[1]);
	close(out[0]);
	close(null);
	waitpid(pid, NULL, 0);
	return took;
}

static int
compare(const void *a, const void *b)
{
	const double *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

static double
median(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), compare);
	return values[count / 2];
}

int
main(int argc, char *argv[])
{
	static const char text[] = "220 mx.example.org ESMTP\r\n";
	char byte, *least[] = { argv[0], NULL };
	size_t runs, rounds;
	double *mine, *theirs;

	if (argc < 4) {
		if (write(1, text, sizeof(text) - 1) < 0)
			return 1;
		while (read(0, &byte, 1) > 0)
			continue;
		return 0;
	}
	runs = strtoul(argv[1], NULL, 10);
	rounds = strtoul(argv[2], NULL, 10);
	mine = calloc(runs, sizeof(*mine));
	theirs = calloc(runs, sizeof(*theirs));
	if (runs == 0 || mine == NULL || theirs == NULL)
		return 1;
	for (size_t round = 0; round < rounds; round++) {
		double least_time, time;

		for (size_t i = 0; i < runs; i++) {
			mine[i] = greeting(least);
			theirs[i] = greeting(argv + 3);
		}
		least_time = median(mine, runs);
		time = median(theirs, runs);
		printf("libc only %.0f us, %s %.0f us, ratio %.2f\n",
		    least_time, strrchr(argv[3], '/') == NULL ? argv[3] :
		    strrchr(argv[3], '/') + 1, time, time / least_time);
	}
	return 0;
}
