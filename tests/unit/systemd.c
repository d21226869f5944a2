/* SPDX-License-Identifier: ISC */
/* What systemd says in the environment, by table; and where it is told. */
#include "unit.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/systemd.h"

/* In a value: our process. */
#define US "us"

static void
set(const char *name, const char *value)
{
	char pid[32];

	(void)snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	if (value == NULL)
		(void)unsetenv(name);
	else if (setenv(name, strcmp(value, US) == 0 ? pid : value, 1) < 0)
		exit(1);
}

static void
check_names(void)
{
	static const struct {
		const char *names;
		unsigned index;
		const char *want;
	} rows[] = {
		{ NULL, 0, "" },
		{ "", 0, "" },
		{ "smtp", 0, "smtp" },
		{ "smtp", 1, "" },
		{ "smtp:submission:local", 0, "smtp" },
		{ "smtp:submission:local", 1, "submission" },
		{ "smtp:submission:local", 2, "local" },
		{ "smtp:submission:local", 3, "" },
		{ "smtp::local", 1, "" },
		{ "smtp::local", 2, "local" },
	};
	char name[SYSTEMD_NAME_MAX + 1], names[SYSTEMD_NAME_MAX + 2];

	set("LISTEN_PID", US);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		set("LISTEN_FDNAMES", rows[i].names);
		systemd_descriptor_name(rows[i].index, name);
		CHECK(strcmp(name, rows[i].want) == 0, "row %zu: %s", i, name);
	}
	memset(names, 'n', sizeof(names));
	names[SYSTEMD_NAME_MAX + 1] = '\0';
	set("LISTEN_FDNAMES", names);
	systemd_descriptor_name(0, name);
	CHECK(name[0] == '\0', "a name that is too long");
	names[SYSTEMD_NAME_MAX] = '\0';
	set("LISTEN_FDNAMES", names);
	systemd_descriptor_name(0, name);
	CHECK(strcmp(name, names) == 0, "the longest name");
	/* What a parent of ours was told is not for us. */
	set("LISTEN_PID", "1");
	systemd_descriptor_name(0, name);
	CHECK(name[0] == '\0', "another's name");
	set("LISTEN_FDNAMES", NULL);
	set("LISTEN_PID", NULL);
}

static void
check_descriptors(void)
{
	static const struct {
		const char *count, *pid;
		unsigned want;
	} rows[] = {
		{ NULL, NULL, 0 },
		{ "1", US, 1 },
		{ "3", US, 3 },
		{ "03", US, 3 },
		{ "0", US, 0 },
		{ "", US, 0 },
		{ "1", NULL, 0 },
		{ "1", "", 0 },
		{ "1", "1", 0 },
		{ "1", "us ", 0 },
		{ "-1", US, 0 },
		{ "+1", US, 0 },
		{ " 1", US, 0 },
		{ "1 ", US, 0 },
		{ "1x", US, 0 },
		{ "0x1", US, 0 },
		/* More than there are. */
		{ "4", US, 0 },
		{ "2147483644", US, 0 },
		{ "2147483645", US, 0 },
		{ "4294967297", US, 0 },
		{ "18446744073709551615", US, 0 },
		{ "18446744073709551617", US, 0 },
		{ "184467440737095516170", US, 0 },
	};

	for (int fd = SYSTEMD_FD_FIRST; fd < SYSTEMD_FD_FIRST + 3; fd++)
		if (dup2(STDIN_FILENO, fd) < 0)
			exit(1);
	(void)close(SYSTEMD_FD_FIRST + 3); /* it is good if it was */
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned got;

		set("LISTEN_FDS", rows[i].count);
		set("LISTEN_PID", rows[i].pid);
		got = systemd_descriptors();
		CHECK(got == rows[i].want, "LISTEN_FDS=%s LISTEN_PID=%s: %u",
		    rows[i].count, rows[i].pid, got);
		for (int fd = SYSTEMD_FD_FIRST;
		    fd < SYSTEMD_FD_FIRST + (int)got; fd++)
			CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC, "row %zu: %d",
			    i, fd);
	}
}

static void
check_watchdog(void)
{
	static const struct {
		const char *period, *pid;
		uint64_t want;
	} rows[] = {
		{ NULL, NULL, 0 },
		{ NULL, US, 0 },
		{ "30000000", NULL, 30000000 },
		{ "30000000", US, 30000000 },
		{ "30000000", "1", 0 },
		{ "30000000", "", 0 },
		{ "30000000", "x", 0 },
		{ "30s", US, 0 },
		{ "-1", US, 0 },
		{ "18446744073709551615", US, UINT64_MAX },
		{ "18446744073709551616", US, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		set("WATCHDOG_USEC", rows[i].period);
		set("WATCHDOG_PID", rows[i].pid);
		CHECK(systemd_watchdog() == rows[i].want,
		    "WATCHDOG_USEC=%s WATCHDOG_PID=%s", rows[i].period,
		    rows[i].pid);
	}
}

static void
check_started(void)
{
	set("SYSTEMD_EXEC_PID", NULL);
	CHECK(!systemd_started_us(), "unset");
	set("SYSTEMD_EXEC_PID", "1");
	CHECK(!systemd_started_us(), "another's");
	set("SYSTEMD_EXEC_PID", US);
	CHECK(systemd_started_us(), "ours");
}

/* A socket of that name, of which the first octet may be NUL, hears what is
 * told to a name in the environment. */
static void
check_name(const char *name, size_t len, const char *variable)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t size =
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	char got[64] = "";

	memcpy(address.sun_path, name, len);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) < 0)
		exit(1);
	set("NOTIFY_SOCKET", variable);
	systemd_notify("READY=1\nSTATUS=x", true);
	CHECK(recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT) == 16 &&
		strcmp(got, "READY=1\nSTATUS=x") == 0,
	    "%s: %s", variable, got);
	(void)close(fd); /* nothing is left to lose */
}

static void
check_notify(void)
{
	static const char *const nowhere[] = { NULL, "", "/", "@",
		"/nonexistent/socket", "relative" };
	char name[sizeof(((struct sockaddr_un *)NULL)->sun_path) + 1];
	char directory[] = P_tmpdir "/smtpd-unit-XXXXXX";
	int fd = dup(STDIN_FILENO), next;
	size_t len;

	(void)close(fd); /* it is the lowest that is free */
	for (size_t i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++) {
		set("NOTIFY_SOCKET", nowhere[i]);
		systemd_notify("READY=1", true);
	}
	memset(name, 'x', sizeof(name) - 1);
	name[0] = '/';
	name[sizeof(name) - 1] = '\0';
	set("NOTIFY_SOCKET", name);
	systemd_notify("READY=1", true); /* too long by its end */
	if (mkdtemp(directory) == NULL)
		exit(1);
	len = (size_t)snprintf(name, sizeof(name), "%s/s", directory);
	check_name(name, len, name);
	CHECK(unlink(name) == 0 && rmdir(directory) == 0, "%s", name);
	len = (size_t)snprintf(
	    name, sizeof(name), "@smtpd-unit-%ld", (long)getpid());
	name[0] = '\0';
	char variable[sizeof(name)];

	memcpy(variable, name, sizeof(name));
	variable[0] = '@';
	check_name(name, len, variable);
	next = dup(STDIN_FILENO);
	CHECK(next == fd, "descriptor %d is left open", fd);
	(void)close(next); /* of no further use */
}

int
main(void)
{
	check_names();
	check_descriptors();
	check_watchdog();
	check_started();
	check_notify();
	return unit_end("systemd");
}
