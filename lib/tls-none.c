/* SPDX-License-Identifier: ISC */
/* tls-none.c - see tls.h for the contract: a build without OpenSSL. As
 * tls_open() returns nothing, nobody comes to the others. */
#include "tls.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char without[] =
    "this smtpd was built without TLS; build it with TLS=openssl";

struct tls *
tls_open(const struct tls_settings *settings, bool shared,
    char text[TLS_TEXT_MAX + 1])
{
	(void)settings;
	(void)shared;
	(void)snprintf(text, TLS_TEXT_MAX + 1, "%s", without);
	return NULL;
}

void
tls_refresh(struct tls *tls, char text[TLS_TEXT_MAX + 1])
{
	(void)tls;
	(void)snprintf(text, TLS_TEXT_MAX + 1, "%s", without);
}

void
tls_rotate(struct tls *tls, time_t now)
{
	(void)tls;
	(void)now;
}

void
tls_close(struct tls *tls)
{
	(void)tls;
}

struct tls_session *
tls_start(struct tls *tls, int in_fd, int out_fd)
{
	(void)tls;
	(void)in_fd;
	(void)out_fd;
	return NULL;
}

int
tls_handshake(struct tls_session *session, char text[TLS_TEXT_MAX + 1])
{
	(void)session;
	(void)snprintf(text, TLS_TEXT_MAX + 1, "%s", without);
	return 0;
}

ssize_t
tls_read(struct tls_session *session, void *out, size_t size)
{
	(void)session;
	(void)out;
	(void)size;
	return 0;
}

ssize_t
tls_write(struct tls_session *session, const void *data, size_t size)
{
	(void)session;
	(void)data;
	(void)size;
	errno = EPIPE;
	return -1;
}

short
tls_events(const struct tls_session *session)
{
	(void)session;
	return 0;
}

bool
tls_has_pending(const struct tls_session *session)
{
	(void)session;
	return false;
}

void
tls_finish(struct tls_session *session, bool notify)
{
	(void)session;
	(void)notify;
}

void
tls_describe(const struct tls_session *session, struct tls_info *info)
{
	(void)session;
	memset(info, 0, sizeof(*info));
}

bool
tls_binding(
    const struct tls_session *session, unsigned char out[TLS_BINDING_LEN])
{
	(void)session;
	(void)out;
	return false;
}

bool
tls_is_stale(const struct tls_session *session)
{
	(void)session;
	return false;
}

unsigned
tls_check(const struct tls_settings *settings,
    void (*say)(void *to, bool problem, const char *text), void *to)
{
	(void)settings;
	say(to, true, without);
	return 1;
}
