/* SPDX-License-Identifier: ISC */
/* What a user has sent in an hour: by table on a clock of our own, with files
 * that are damaged or no files, by many processes at once, and within the
 * filter of system calls. */
#include "unit.h"

#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/calls.h"
#include "lib/rate.h"
#include "lib/sandbox.h"

/* A time at which a window begins. */
enum { HOUR = 1699999200 };

static char top[] = "/tmp/rate.XXXXXX", directory[64];

static struct rate
rate_of(uint64_t messages, uint64_t recipients)
{
	return (struct rate){ .directory = directory,
	    .limit = { messages, recipients } };
}

static void
path_of(char *out, size_t size, const char *name)
{
	(void)snprintf(out, size, "%s/%s", directory, name);
}

/* Remove the directory with what is in it. */
static void
clean(void)
{
	DIR *open = opendir(directory);
	const struct dirent *entry;

	while (open != NULL && (entry = readdir(open)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			(void)unlinkat(dirfd(open), entry->d_name, 0);
	if (open != NULL)
		closedir(open);
	(void)rmdir(directory);
}

/* How many a user may take at a time before he is refused, at most max. */
static unsigned
take_all(uint64_t limit, const char *user, time_t now, unsigned max)
{
	struct rate rate = rate_of(limit, 0);
	unsigned taken = 0;

	while (taken < max && rate_take(&rate, RATE_MESSAGES, user, now) ==
	    VERDICT_YES)
		taken++;
	CHECK(rate.problem[0] == '\0', "%s", rate.problem);
	return taken;
}

/* Each row goes on where the one before it ended. */
static const struct {
	const char *user;
	time_t now;
	uint64_t limit;
	unsigned taken;
} rows[] = {
	{ "alice", HOUR, 10, 10 },
	{ "alice", HOUR + 3599, 10, 0 },
	{ "ALICE", HOUR + 1, 10, 0 },
	{ "alice", HOUR + 1, 12, 2 },		/* the operator gave more */
	{ "alice", HOUR + 1, 5, 0 },
	{ "bob", HOUR + 1, 10, 10 },
	/* The 12 of the window before weigh less and less, rounded up. */
	{ "alice", HOUR + 3600, 12, 0 },
	{ "alice", HOUR + 3600 + 299, 12, 0 },
	{ "alice", HOUR + 3600 + 300, 12, 1 },
	{ "alice", HOUR + 3600 + 1800, 12, 5 },
	{ "alice", HOUR + 3600 + 3599, 12, 5 },
	{ "alice", HOUR + 7200, 12, 1 },	/* 11 were in that window */
	/* A window without anything. */
	{ "bob", HOUR + 7200, 10, 10 },
	{ "bob", HOUR + 14400, 1, 1 },
	/* Who waited for the lock comes late: he does not begin a window. */
	{ "carol", HOUR, 10, 10 },
	{ "carol", HOUR - 1, 10, 0 },
	{ "carol", HOUR - 3600, 10, 0 },
	{ "carol", HOUR, 10, 0 },
	{ "carol", HOUR - 3601, 10, 10 },	/* the clock was set back */
	{ "carol", HOUR - 3601, 10, 0 },
	{ "dave", 0, 3, 3 },
	{ "dave", -5, 3, 0 },
	{ "dave", 3600, 3, 0 },
	{ "erin", HOUR, 1, 1 },
	{ "erin", HOUR, 1, 0 },
};

static void
check_rows(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned taken = take_all(rows[i].limit, rows[i].user,
		    rows[i].now, 100);

		CHECK(taken == rows[i].taken, "row %zu: %s took %u", i,
		    rows[i].user, taken);
	}
	clean();
}

/* In any 3600 seconds nobody gets more than the limit of an even stream
 * allows: asked every second for ten hours. */
static void
check_stream(void)
{
	enum { LIMIT = 60, SECONDS = 36000, STEP = 7 };
	struct rate rate = rate_of(LIMIT, 0);
	unsigned taken = 0;

	for (time_t at = 0; at < SECONDS; at += STEP)
		taken += rate_take(&rate, RATE_MESSAGES, "alice", HOUR + at) ==
		    VERDICT_YES;
	CHECK(taken > 8 * LIMIT && taken <= 10 * LIMIT, "%u", taken);
	clean();
}

static void
check_kinds(void)
{
	struct rate rate = rate_of(2, 3);

	for (int i = 0; i < 2; i++)
		CHECK(rate_take(&rate, RATE_MESSAGES, "a", HOUR) ==
		    VERDICT_YES, "message %d", i);
	for (int i = 0; i < 3; i++)
		CHECK(rate_take(&rate, RATE_RECIPIENTS, "a", HOUR) ==
		    VERDICT_YES, "recipient %d", i);
	CHECK(rate_take(&rate, RATE_MESSAGES, "a", HOUR) ==
	    VERDICT_TOO_FAST_MESSAGES, "messages");
	CHECK(rate_take(&rate, RATE_RECIPIENTS, "a", HOUR) ==
	    VERDICT_TOO_FAST_RECIPIENTS, "recipients");
	rate = rate_of(0, 3);
	CHECK(rate_take(&rate, RATE_MESSAGES, "a", HOUR) == VERDICT_YES,
	    "no limit");
	clean();
	CHECK(rate_take(&rate, RATE_MESSAGES, "a", HOUR) == VERDICT_YES &&
	    access(directory, F_OK) < 0, "nothing is made");
}

/* The user, and his file. */
static const struct { const char *user, *name; } names[] = {
	{ "alice", "alice" }, { "Alice@Example.ORG", "alice@example.org" },
	{ "a.b-c_d+e=f", "a.b-c_d+e=f" }, { "", "%" }, { "%", "%25" },
	{ ".", "%2E" }, { "..", "%2E." }, { "../etc", "%2E.%2Fetc" },
	{ "/", "%2F" }, { "a b", "a%20b" }, { "a\nb", "a%0Ab" },
	{ "\xc3\xbc\xff", "%C3%BC%FF" }, { ".hidden", "%2Ehidden" },
	{ "a/b", "a%2Fb" }, { "a%2Fb", "a%252fb" }, { "~", "%7E" },
};

static void
check_name(const char *user, const char *name)
{
	char path[512];
	struct stat st;

	CHECK(take_all(1, user, HOUR, 2) == 1, "%s", user);
	path_of(path, sizeof(path), name);
	CHECK(stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	    (st.st_mode & 07777) == 0600, "%s: no file %s", user, name);
	CHECK(st.st_size > 0 && st.st_size < 200, "its size");
}

/* Long names differ where the users do, wherever that is. */
static void
check_long_names(void)
{
	char user[400];

	for (size_t len = 60; len < sizeof(user); len++) {
		memset(user, len % 2 == 0 ? 'x' : '\xff', len);
		user[len] = '\0';
		CHECK(take_all(1, user, HOUR, 2) == 1, "%zu octets", len);
		user[len - 1] = 'y';
		CHECK(take_all(1, user, HOUR, 2) == 1, "%zu, the last", len);
		user[len - 1] = 'Y';
		CHECK(take_all(1, user, HOUR, 2) == 0, "%zu, its case", len);
	}
}

static void
check_names(void)
{
	struct stat st;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		check_name(names[i].user, names[i].name);
	CHECK(stat(directory, &st) == 0 && (st.st_mode & 07777) == 0700,
	    "the directory");
	check_long_names();
	clean();
}

static void
write_file(const char *name, const char *text)
{
	char path[512];
	int fd;

	path_of(path, sizeof(path), name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) ||
	    close(fd) < 0)
		abort();
}

/* What is in the file, and how many more he may take. */
static const struct { const char *text; bool damaged; unsigned taken; }
files[] = {
	{ "", false, 5 },
	{ "x", true, 5 }, { "\n", true, 5 },
	{ "rate 1 000001699999200 000000000000002 000000000000000 "
	    "000000000000000 000000000000000\n", false, 3 },
	{ "rate 1 000001699999200 000000000000005 000000000000000 "
	    "000000000000000 000000000000000\n", false, 0 },
	{ "rate 1 000001699999200 000000000000001 000000000000001 "
	    "000000000000009 000000000000009\n", false, 3 },
	{ "rate 1 000001699999200 999999999999999 999999999999999 "
	    "000000000000000 000000000000000\n", false, 0 },
	{ "rate 2 000001699999200 000000000000005 000000000000000 "
	    "000000000000000 000000000000000\n", true, 5 },
	{ "rate 1 000001699999201 000000000000005 000000000000000 "
	    "000000000000000 000000000000000\n", true, 5 },
	{ "rate 1 000001699999200 00000000000000x 000000000000000 "
	    "000000000000000 000000000000000\n", true, 5 },
	{ "rate 1 000001699999200 -00000000000005 000000000000000 "
	    "000000000000000 000000000000000\n", true, 5 },
	{ "rate 1 000001699999200 000000000000005 000000000000000 "
	    "000000000000000 000000000000000", true, 5 },
	{ "rate 1 000001699999200 000000000000005 000000000000000 "
	    "000000000000000 000000000000000\n\n", true, 5 },
	{ "rate 1 000001699999200 000000000000005 000000000000000 "
	    "000000000000000_000000000000000\n", true, 5 },
};

static void
check_files(void)
{
	struct rate rate = rate_of(5, 0);
	unsigned taken;

	(void)mkdir(directory, 0700);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		enum verdict verdict;

		write_file("alice", files[i].text);
		verdict = rate_take(&rate, RATE_MESSAGES, "alice", HOUR);
		CHECK((rate.problem[0] != '\0') == files[i].damaged,
		    "row %zu: \"%s\"", i, rate.problem);
		taken = verdict == VERDICT_YES;
		taken += take_all(5, "alice", HOUR, 10);
		CHECK(taken == files[i].taken, "row %zu: %u", i, taken);
	}
	clean();
}

/* What is in the way is told, and nobody may send. */
static void
check_problem(const char *user, const char *text)
{
	struct rate rate = rate_of(5, 0);

	CHECK(rate_take(&rate, RATE_MESSAGES, user, HOUR) == VERDICT_LATER,
	    "%s", text);
	CHECK(strncmp(rate.problem, directory, strlen(directory)) == 0 &&
	    strstr(rate.problem, text) != NULL, "\"%s\" is not \"%s\"",
	    rate.problem, text);
}

static void
check_problems(void)
{
	char path[512], other[512];
	struct stat st;

	(void)mkdir(directory, 0700);
	(void)snprintf(other, sizeof(other), "%s/other", top);
	path_of(path, sizeof(path), "link");
	if (symlink(other, path) < 0)
		abort();
	check_problem("link", strerror(ELOOP));
	CHECK(stat(other, &st) < 0, "the link was followed");
	path_of(path, sizeof(path), "fifo");
	if (mkfifo(path, 0600) < 0)
		abort();
	check_problem("fifo", strerror(EINVAL));
	path_of(path, sizeof(path), "directory");
	if (mkdir(path, 0700) < 0)
		abort();
	check_problem("directory", strerror(EISDIR));
	(void)rmdir(path);
	clean();
}

/* Nothing is made but the last directory of the path, and what is there but
 * is none is told. */
static void
check_directories(void)
{
	char path[128];
	int fd;

	(void)snprintf(directory, sizeof(directory), "%s/no/rates", top);
	check_problem("a", strerror(ENOENT));
	(void)snprintf(directory, sizeof(directory), "%s/file", top);
	fd = open(directory, O_WRONLY | O_CREAT, 0600);
	if (fd < 0)
		abort();
	close(fd);
	check_problem("a", strerror(ENOTDIR));
	(void)snprintf(path, sizeof(path), "%s", directory);
	(void)unlink(path);
	(void)snprintf(directory, sizeof(directory), "%s/rates", top);
}

static void
on_signal(int signal_number)
{
	(void)signal_number;
}

/* Many processes at once, at the turn of an hour: those that come late have a
 * time of the window before. Together they take what there is, not one more. */
static void
check_parallel(void)
{
	enum { PROCESSES = 50, EACH = 20, LIMIT = 333 };
	unsigned taken = 0;
	int status;

	for (int i = 0; i < PROCESSES; i++) {
		pid_t pid = fork();

		if (pid < 0)
			abort();
		if (pid == 0)
			_exit((int)take_all(LIMIT, "alice",
			    HOUR - (i % 3 == 0), EACH));
	}
	while (wait(&status) > 0) {
		CHECK(WIFEXITED(status), "a process died");
		taken += (unsigned)WEXITSTATUS(status);
	}
	CHECK(taken == LIMIT, "%u were taken", taken);
	clean();
}

/* Whether a process waits for a record lock, by /proc/locks. */
static bool
is_waiting(pid_t pid)
{
	char line[256], waiting[64];
	FILE *locks = fopen("/proc/locks", "re");
	bool found = false;

	if (locks == NULL)
		abort();
	(void)snprintf(waiting, sizeof(waiting), " WRITE %ld ", (long)pid);
	while (!found && fgets(line, sizeof(line), locks) != NULL)
		found = strstr(line, "-> POSIX") != NULL &&
		    strstr(line, waiting) != NULL;
	(void)fclose(locks);
	return found;
}

/* A file that is removed as old while somebody waits for its lock: what he
 * takes must be in the file that is there after it. */
static void
check_removal(void)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char path[512];
	int fd, status = 0;
	pid_t pid;

	(void)mkdir(directory, 0700);
	write_file("alice", "");
	path_of(path, sizeof(path), "alice");
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || fcntl(fd, F_SETLK, &whole) < 0)
		abort();
	pid = fork();
	if (pid < 0)
		abort();
	if (pid == 0)
		_exit(take_all(2, "alice", HOUR, 1) != 1);
	while (!is_waiting(pid) && waitpid(pid, &status, WNOHANG) == 0)
		(void)sched_yield();
	(void)unlink(path);
	close(fd);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0, "%d", status);
	CHECK(take_all(2, "alice", HOUR, 2) == 1, "what he took is lost");
	clean();
}

/* Who has the lock was stopped: signals end the wait. */
static void
check_interruption(void)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct sigaction on = { .sa_handler = on_signal };
	char path[512];
	int fd, status = 0;
	pid_t pid;

	(void)mkdir(directory, 0700);
	write_file("alice", "");
	path_of(path, sizeof(path), "alice");
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || fcntl(fd, F_SETLK, &whole) < 0)
		abort();
	(void)sigaction(SIGALRM, &on, NULL);
	pid = fork();
	if (pid < 0)
		abort();
	if (pid == 0) {
		struct rate rate = rate_of(2, 0);

		_exit(rate_take(&rate, RATE_MESSAGES, "alice", HOUR) !=
		    VERDICT_LATER || strstr(rate.problem, strerror(EINTR)) ==
		    NULL);
	}
	while (waitpid(pid, &status, WNOHANG) == 0)
		if (is_waiting(pid))
			(void)kill(pid, SIGALRM);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%d", status);
	close(fd);
	CHECK(take_all(2, "alice", HOUR, 3) == 2, "one was taken");
	clean();
}

/* A session may do all of it. Valgrind, which has calls of its own, shows in
 * what it preloads. */
static void
check_sandbox(void)
{
	int status;
	pid_t pid;

	if (!SANDBOX_CAN || getenv("LD_PRELOAD") != NULL)
		return;
	pid = fork();
	if (pid < 0)
		abort();
	if (pid == 0) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		    calls_restrict(CALLS_SESSION) != 0)
			_exit(77);	/* not on this kernel */
		_exit(take_all(3, "alice", HOUR, 10) != 3);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
	    WEXITSTATUS(status) % 77 == 0, "status %d", status);
	CHECK(WEXITSTATUS(status) == 77 || take_all(3, "alice", HOUR, 10) == 0, "it took them");
	clean();
}

int
main(void)
{
	if (mkdtemp(top) == NULL)
		abort();
	(void)snprintf(directory, sizeof(directory), "%s/rates", top);
	check_rows();
	check_stream();
	check_kinds();
	check_names();
	check_files();
	check_problems();
	check_directories();
	check_parallel();
	check_removal();
	check_interruption();
	check_sandbox();
	(void)rmdir(top);
	return unit_end("rate");
}
