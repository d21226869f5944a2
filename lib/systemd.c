/* SPDX-License-Identifier: ISC */
/* systemd.c - see systemd.h for the contract. */
#include "systemd.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "address.h"

enum { TRIES = 100, PAUSE = 50 /* milliseconds */ };

/* The decimal number in an environment variable, 0 where there is none. */
static uint64_t
number(const char *name)
{
	const char *value = getenv(name);
	uint64_t result;

	return value != NULL &&
		address_parse_number(value, strlen(value), &result)
	    ? result
	    : 0;
}

/* Whether the process that a variable names is this one: what a parent of ours
 * was told is not meant for us. */
static bool
is_us(const char *name)
{
	return number(name) == (uint64_t)getpid();
}

unsigned
systemd_descriptors(void)
{
	uint64_t count = number("LISTEN_FDS");

	if (count == 0 || count > INT_MAX - SYSTEMD_FD_FIRST ||
	    !is_us("LISTEN_PID"))
		return 0;
	for (unsigned i = 0; i < count; i++)
		if (fcntl(SYSTEMD_FD_FIRST + (int)i, F_SETFD, FD_CLOEXEC) < 0)
			return 0; /* no such descriptor: a false promise */
	return (unsigned)count;
}

void
systemd_descriptor_name(unsigned index, char name[SYSTEMD_NAME_MAX + 1])
{
	const char *at = is_us("LISTEN_PID") ? getenv("LISTEN_FDNAMES") : NULL;
	size_t len;

	while (at != NULL && index-- > 0) {
		at = strchr(at, ':');
		if (at != NULL)
			at++;
	}
	len = at == NULL ? 0 : strcspn(at, ":");
	if (len > SYSTEMD_NAME_MAX)
		len = 0;
	if (len > 0)
		memcpy(name, at, len);
	name[len] = '\0';
}

bool
systemd_started_us(void)
{
	return is_us("SYSTEMD_EXEC_PID");
}

uint64_t
systemd_watchdog(void)
{
	if (getenv("WATCHDOG_PID") != NULL && !is_us("WATCHDOG_PID"))
		return 0;
	return number("WATCHDOG_USEC");
}

void
systemd_notify(const char *lines, bool expected)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *path = getenv("NOTIFY_SOCKET");
	size_t len = path == NULL ? 0 : strlen(path);
	int fd;

	if (len < 2 || len >= sizeof(address.sun_path))
		return;
	memcpy(address.sun_path, path, len);
	if (path[0] == '@') /* the abstract name space, unix(7) */
		address.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	/* A manager that starts many services at once has a full queue; what
	 * is lost then would have it wait for READY=1 in vain. A send timeout
	 * would be simpler, but within the sandbox no such option is set. */
	for (int left = expected ? TRIES : 1; left > 0; left--) {
		if (sendto(fd, lines, strlen(lines),
			MSG_NOSIGNAL | MSG_DONTWAIT,
			(struct sockaddr *)&address,
			(socklen_t)(offsetof(struct sockaddr_un, sun_path) +
			    len)) >= 0 ||
		    errno != EAGAIN)
			break;
		if (left > 1)
			(void)poll(NULL, 0, PAUSE);
	}
	close(fd);
}
