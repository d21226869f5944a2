/* SPDX-License-Identifier: ISC */
/* confine.c - see confine.h for the contract. */
#include "confine.h"

#include <sys/stat.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/calls.h"

enum {
	FIELDS_ROOM = 1 << 20, /* of a file, for what we add to a message */
};

static struct log *violation_log;

/* A call was refused. It comes where it was made, not in between as other
 * signals do, so the log can be written to. The signal's own action comes
 * next, for whoever waits for us. */
static void
on_violation(int signal_number, siginfo_t *info, void *context)
{
	struct log_record record;

	(void)context;
	log_begin(&record, LOG_PROBLEM);
	log_field(&record, "problem",
	    "the sandbox refused system call %d (%s) and ended the process",
	    info->si_syscall, calls_name(info->si_syscall, info->si_arch));
	log_write(violation_log, &record);
	(void)raise(signal_number);
}

static void
catch_violations(struct log *log)
{
	struct sigaction on = {
		.sa_sigaction = on_violation,
		.sa_flags = SA_SIGINFO | (int)SA_RESETHAND,
	};

	violation_log = log;
	(void)sigaction(SIGSYS, &on, NULL); /* cannot fail: it exists */
}

static bool
is_confining(const struct confinement *confinement)
{
	return confinement->wanted != CONFIG_SANDBOX_OFF && SANDBOX_CAN;
}

void
confine_init(struct confinement *confinement)
{
	confinement->wanted = CONFIG_SANDBOX_OFF;
	sandbox_init(&confinement->sandbox);
}

void
confine_process(struct confinement *confinement, const struct config *config,
    struct log *log)
{
	confinement->wanted = (enum config_sandbox)config->sandbox;
	if (!is_confining(confinement) ||
	    sandbox_is_active(&confinement->sandbox, SANDBOX_PRIVILEGES))
		return;
	log_open(log);
	tzset();
	catch_violations(log);
	sandbox_process(&confinement->sandbox, geteuid() == 0);
}

/* --- files --- */

/* What lies beside a directory whose files are links to there: certbot's
 * certificates, of live/ and archive/. */
static void
allow_beside(struct sandbox *sandbox, const char *directory, const char *beside)
{
	char path[CONFIG_TEXT_MAX + sizeof("/../archive")];

	(void)snprintf(path, sizeof(path), "%s/../%s", directory, beside);
	sandbox_allow(sandbox, path, SANDBOX_READ);
}

/* A file, which may be a link to elsewhere, and the directory it is in, where
 * another of its name may take its place. */
static void
allow_file(struct sandbox *sandbox, const char *file)
{
	char path[CONFIG_TEXT_MAX + 1];
	char *slash;

	(void)snprintf(path, sizeof(path), "%s", file);
	slash = strrchr(path, '/');
	if (slash != NULL)
		slash[slash == path] = '\0';
	sandbox_allow(sandbox, slash == NULL ? "." : path, SANDBOX_READ);
	sandbox_allow(sandbox, file, SANDBOX_READ);
}

static void
allow_settings(struct sandbox *sandbox, const struct config *config)
{
	const char *credentials = getenv("CREDENTIALS_DIRECTORY");

	if (config_has_tls(config)) {
		sandbox_allow(sandbox, config->certificates, SANDBOX_READ);
		allow_beside(sandbox, config->certificates, "archive");
		if (credentials != NULL)
			sandbox_allow(sandbox, credentials, SANDBOX_READ);
	}
	if (config_has_tls(config) && config->client_authorities[0] != '\0')
		allow_file(sandbox, config->client_authorities);
	if (config->passwords[0] != '\0')
		allow_file(sandbox, config->passwords);
	if (config->user_messages > 0 || config->user_recipients > 0) {
		/* Later nothing beside it can be made; where this fails, for
		 * another reason than that it is there, a record says so. Not
		 * mkdir(2), which the sandbox lacks: a session of the accept
		 * loop comes here within. */
		(void)mkdirat(AT_FDCWD, config->rates, 0700);
		sandbox_allow(sandbox, config->rates, SANDBOX_STORE);
	}
}

void
confine_files(
    struct confinement *confinement, const struct config *config, int tree_fd)
{
	if (!is_confining(confinement))
		return;
	sandbox_tree(&confinement->sandbox, tree_fd);
	allow_settings(&confinement->sandbox, config);
}

/* --- the session --- */

void
confine_session(struct confinement *confinement, const struct config *config,
    bool limits_files)
{
	struct sandbox_limits limits = { .memory = config->memory };

	if (!is_confining(confinement))
		return;
	if (config->message_size > 0 && limits_files)
		limits.file_size = config->message_size + FIELDS_ROOM;
	sandbox_session(&confinement->sandbox, &limits);
}

void
confine_calls(struct confinement *confinement, const struct services *services,
    bool listener)
{
	struct sandbox *sandbox = &confinement->sandbox;
	bool connects = false;

	for (size_t i = 0; i < services->len; i++)
		connects |= services->list[i].config.dovecot_auth[0] != '\0';
	if (is_confining(confinement) &&
	    !sandbox_is_active(sandbox, SANDBOX_SECCOMP))
		sandbox_calls(sandbox, listener, connects);
}

/* --- what is active --- */

bool
confine_has_files(const struct confinement *confinement)
{
	return sandbox_is_active(&confinement->sandbox, SANDBOX_LANDLOCK);
}

const char *
confine_lacks(struct confinement *confinement)
{
	char text[SANDBOX_TEXT_MAX + 1];
	char *lacks = confinement->lacks;
	size_t len = 0;

	if (!is_confining(confinement) &&
	    confinement->wanted != CONFIG_SANDBOX_REQUIRE)
		return NULL;
	for (enum sandbox_layer i = 0; i < SANDBOX_LAYERS; i++) {
		if (sandbox_is_active(&confinement->sandbox, i))
			continue;
		sandbox_describe(&confinement->sandbox, i, text);
		len += (size_t)snprintf(lacks + len,
		    sizeof(confinement->lacks) - len, "%s%s: %s",
		    len > 0 ? "; " : "", sandbox_name(i), text);
	}
	return len > 0 ? lacks : NULL;
}

bool
confine_forbids(struct confinement *confinement)
{
	return confinement->wanted == CONFIG_SANDBOX_REQUIRE &&
	    confine_lacks(confinement) != NULL;
}
