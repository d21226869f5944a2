/* SPDX-License-Identifier: ISC */
/* auth-none.c - auth.h for a build without GNU SASL: nobody can log in. */
#include "auth.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static const char absent[] =
    "this smtpd was built without GNU SASL (AUTH=none)";

void
auth_init(struct auth *auth, const struct auth_settings *settings,
    const struct auth_channel *channel)
{
	memset(auth, 0, offsetof(struct auth, challenge));
	auth->challenge[0] = '\0';
	auth->settings = settings;
	auth->channel = channel;
	auth->dovecot_fd = -1;
}

bool
auth_mechanisms(struct auth *auth, char out[AUTH_MECHANISMS_MAX + 1])
{
	out[0] = '\0';
	memcpy(auth->problem, absent, sizeof(absent));
	return false;
}

enum auth_result
auth_start(struct auth *auth, const char *mechanism, size_t len,
    const char *response, size_t response_len)
{
	(void)mechanism, (void)len, (void)response, (void)response_len;
	memcpy(auth->problem, absent, sizeof(absent));
	return AUTH_LATER;
}

enum auth_result
auth_step(struct auth *auth, const char *response, size_t response_len)
{
	return auth_start(auth, "", 0, response, response_len);
}

void
auth_end(struct auth *auth)
{
	auth_init(auth, auth->settings, auth->channel);
}

int
auth_hash_password(const char *kind)
{
	(void)kind;
	(void)fprintf(stderr, "smtpd: %s\n", absent);
	return EX_UNAVAILABLE;
}

unsigned
auth_check(const struct auth_settings *settings,
    void (*say)(void *to, bool problem, const char *text), void *to)
{
	if (settings->passwords[0] == '\0' && settings->dovecot[0] == '\0')
		return 0;
	say(to, true, absent);
	return 1;
}
