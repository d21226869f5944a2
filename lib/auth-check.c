/* SPDX-License-Identifier: ISC */
/* auth-check.c - what auth.h has for the operator. */
#include "auth.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "hash.h"
#include "passwords.h"
#include "prompt.h"
#include "sasl.h"

int
auth_hash_password(const char *kind)
{
	char password[HASH_PASSWORD_MAX + 1], secret[sizeof(password)];
	char hash[HASH_TEXT_MAX + 1], text[AUTH_TEXT_MAX + 1] = "";
	struct sasl sasl;
	int status = EX_UNAVAILABLE;
	bool made = false;

	if (!hash_is_kind(kind)) {
		(void)fprintf(stderr,
		    "smtpd: --hash-password=%s: it takes scram-sha-256, "
		    "scram-sha-1, yescrypt, bcrypt, sha512\n",
		    kind);
		return EX_USAGE;
	}
	if (sasl_open(&sasl, text, sizeof(text))) {
		status = prompt_password(password, sizeof(password));
		/* As it is before it is compared. */
		made = status == EX_OK &&
		    sasl_prepare(&sasl, password, secret, sizeof(secret)) &&
		    hash_make(&sasl, kind, secret, hash, text, sizeof(text));
		explicit_bzero(password, sizeof(password));
		explicit_bzero(secret, sizeof(secret));
		sasl_close(&sasl);
	}
	if (made)
		return puts(hash) < 0 || fflush(stdout) < 0 ? EX_IOERR : EX_OK;
	if (text[0] != '\0')
		(void)fprintf(stderr, "smtpd: %s\n", text);
	return status == EX_OK ? EX_DATAERR : status;
}

static unsigned
check_passwords(const struct auth_settings *settings,
    void (*say)(void *to, bool problem, const char *text), void *to)
{
	char text[AUTH_TEXT_MAX + 1];
	unsigned problems = passwords_check(settings->passwords, say, to);
	struct sasl sasl;

	if (!sasl_open(&sasl, text, sizeof(text))) {
		say(to, true, text);
		problems++;
	}
	sasl_close(&sasl);
	if (!hash_check(text, sizeof(text))) {
		say(to, true, text);
		problems++;
	}
	return problems;
}

static unsigned
check_dovecot(const struct auth_settings *settings,
    void (*say)(void *to, bool problem, const char *text), void *to)
{
	char line[AUTH_TEXT_MAX + AUTH_MECHANISMS_MAX + 64];
	char list[AUTH_MECHANISMS_MAX + 1];
	static const unsigned char binding[32]; /* for all it could offer */
	struct auth_channel channel = {
		.binding = binding,
		.external = "",
		.tls = true,
	};
	struct auth auth;
	bool listed;

	auth_init(&auth, settings, &channel);
	listed = auth_mechanisms(&auth, list) && list[0] != '\0';
	if (listed)
		(void)snprintf(line, sizeof(line),
		    "dovecot-auth = %s: it offers %s", settings->dovecot, list);
	else if (auth.problem[0] != '\0')
		(void)snprintf(line, sizeof(line), "%s", auth.problem);
	else
		(void)snprintf(line, sizeof(line),
		    "dovecot-auth = %s: it offers no mechanism",
		    settings->dovecot);
	say(to, !listed, line);
	auth_end(&auth);
	return !listed;
}

unsigned
auth_check(const struct auth_settings *settings,
    void (*say)(void *to, bool problem, const char *text), void *to)
{
	unsigned problems = 0;

	if (settings->passwords[0] != '\0')
		problems += check_passwords(settings, say, to);
	if (settings->dovecot[0] != '\0')
		problems += check_dovecot(settings, say, to);
	return problems;
}
