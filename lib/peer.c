/* SPDX-License-Identifier: ISC */
/* peer.c - see peer.h for the contract. */
#include "peer.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An IPv4 address mapped into IPv6 is an IPv4 address. */
static const char *
unmapped(const char *text)
{
	static const char mapped[] = "::ffff:";

	return strncasecmp(text, mapped, sizeof(mapped) - 1) == 0 &&
		strchr(text, '.') != NULL
	    ? text + sizeof(mapped) - 1
	    : text;
}

/* Write an address that is known as text. False if it is none. */
static bool
set_address(struct peer *peer, const char *text)
{
	unsigned char bytes[sizeof(struct in6_addr)];

	text = unmapped(text);
	if (strlen(text) > INET6_ADDRSTRLEN)
		return false;
	if (inet_pton(AF_INET, text, bytes) == 1)
		(void)snprintf(
		    peer->literal, sizeof(peer->literal), "[%s]", text);
	else if (inet_pton(AF_INET6, text, bytes) == 1)
		(void)snprintf(
		    peer->literal, sizeof(peer->literal), "[IPv6:%s]", text);
	else
		return false;
	(void)snprintf(peer->address, sizeof(peer->address), "%s", text);
	return true;
}

/* False where it is not one of IP. */
static bool
print_address(
    const struct sockaddr_storage *address, char text[INET6_ADDRSTRLEN])
{
	const void *bytes = address->ss_family == AF_INET
	    ? (const void *)&((const struct sockaddr_in *)address)->sin_addr
	    : (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr;

	return inet_ntop(address->ss_family, bytes, text, INET6_ADDRSTRLEN) !=
	    NULL;
}

static void
describe_network(
    int fd, const struct sockaddr_storage *address, struct peer *peer)
{
	struct sockaddr_storage here = { 0 };
	socklen_t len = sizeof(here);
	char text[INET6_ADDRSTRLEN];

	if (print_address(address, text))
		(void)set_address(peer, text); /* what ntop wrote is one */
	if (getsockname(fd, (struct sockaddr *)&here, &len) == 0 &&
	    print_address(&here, text))
		(void)snprintf(
		    peer->here, sizeof(peer->here), "%s", unmapped(text));
}

static void
describe_local(int fd, struct peer *peer)
{
	struct ucred credentials;
	socklen_t len = sizeof(credentials);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &len) < 0)
		return;
	peer->uid = credentials.uid;
	(void)snprintf(peer->address, sizeof(peer->address), "uid %lu",
	    (unsigned long)credentials.uid);
	(void)snprintf(peer->literal, sizeof(peer->literal), "uid %lu",
	    (unsigned long)credentials.uid);
}

static void
describe_environment(struct peer *peer)
{
	static const char *const names[] = { "TCPREMOTEIP", "REMOTE_ADDR" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = getenv(names[i]);

		if (value != NULL && set_address(peer, value))
			return;
	}
}

void
peer_describe(int fd, struct peer *peer)
{
	struct sockaddr_storage address = { 0 };
	socklen_t len = sizeof(address);
	int listening = 0;
	socklen_t listening_len = sizeof(listening);
	struct stat st;

	*peer = (struct peer){
		.kind = PEER_NONE,
		.uid = (uid_t)-1,
		.address = "unknown",
	};
	if (fstat(fd, &st) < 0) {
		peer->kind = PEER_CLOSED;
		return;
	}
	if (S_ISSOCK(st.st_mode) &&
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening,
		&listening_len) == 0 &&
	    listening != 0) {
		peer->kind = PEER_LISTENING;
		return;
	}
	/* Even one that is gone by now is no pipe. */
	if (S_ISSOCK(st.st_mode))
		peer->kind = PEER_NETWORK;
	if (peer->kind == PEER_NONE ||
	    getpeername(fd, (struct sockaddr *)&address, &len) < 0) {
		describe_environment(peer);
	} else if (address.ss_family == AF_UNIX) {
		peer->kind = PEER_LOCAL;
		describe_local(fd, peer);
	} else {
		describe_network(fd, &address, peer);
	}
}

void
peer_name_user(struct peer *peer)
{
	FILE *passwd = fopen("/etc/passwd", "re");
	const struct passwd *entry = NULL;

	(void)snprintf(peer->user, sizeof(peer->user), "uid-%lu",
	    (unsigned long)peer->uid);
	if (passwd == NULL)
		return;
	while ((entry = fgetpwent(passwd)) != NULL)
		if (entry->pw_uid == peer->uid) {
			(void)snprintf(peer->user, sizeof(peer->user), "%s",
			    entry->pw_name);
			break;
		}
	(void)fclose(passwd); /* it was only read */
}
