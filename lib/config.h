/* SPDX-License-Identifier: ISC */
/* config.h - the settings: one table gives the flags, smtpd.conf(5), --help
 * and the defaults.
 *
 * A setting is a line "name = value" of the file or a flag --name=value; flags
 * win. Knows no SMTP and opens nothing but the file. */
#ifndef CONFIG_H
#define CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum {
	CONFIG_TEXT_MAX = 1023,	 /* octets of a text value */
	CONFIG_FILE_MAX = 65536, /* octets of the file */
	CONFIG_PROBLEM_MAX = 512,
};

enum config_newline {
	CONFIG_NEWLINE_AUTO,
	CONFIG_NEWLINE_REJECT,
	CONFIG_NEWLINE_ACCEPT
};
enum config_log {
	CONFIG_LOG_AUTO,
	CONFIG_LOG_JOURNAL,
	CONFIG_LOG_SYSLOG,
	CONFIG_LOG_STDERR
};
enum config_over_quota { CONFIG_OVER_QUOTA_RETRY, CONFIG_OVER_QUOTA_REJECT };
enum config_early { CONFIG_EARLY_REFUSE, CONFIG_EARLY_ALLOW };
enum config_tls {
	CONFIG_TLS_OFF,
	CONFIG_TLS_OFFER, /* STARTTLS, where there are certificates */
	CONFIG_TLS_REQUIRE,
	CONFIG_TLS_IMPLICIT
};
enum config_clear { CONFIG_CLEAR_NEVER, CONFIG_CLEAR_LOOPBACK };
enum config_sender { CONFIG_SENDER_OWN, CONFIG_SENDER_ANY };
enum config_sandbox {
	CONFIG_SANDBOX_AUTO,
	CONFIG_SANDBOX_REQUIRE,
	CONFIG_SANDBOX_OFF
};

/* Every setting; smtpd.conf(5) says what each is for. */
struct config {
	char hostname[CONFIG_TEXT_MAX + 1];
	char domains[CONFIG_TEXT_MAX + 1];
	char delimiter[CONFIG_TEXT_MAX + 1];
	char user[CONFIG_TEXT_MAX + 1];
	char certificates[CONFIG_TEXT_MAX + 1];
	char client_authorities[CONFIG_TEXT_MAX + 1];
	char passwords[CONFIG_TEXT_MAX + 1];
	char dovecot_auth[CONFIG_TEXT_MAX + 1];
	char rates[CONFIG_TEXT_MAX + 1];
	char networks[CONFIG_TEXT_MAX + 1];
	char network_recipients[CONFIG_TEXT_MAX + 1];
	uint64_t message_size; /* octets, 0: no limit */
	uint64_t recipients, messages, errors, hops, alias_depth, mailboxes;
	uint64_t idle_timeout, session_timeout; /* seconds */
	uint64_t data_rate;			/* octets a second */
	uint64_t lmtp, vrfy, expn;		/* 0 or 1 */
	uint64_t sessions, sessions_per_source;
	uint64_t drain_timeout, idle_exit;	 /* seconds */
	uint64_t memory;			 /* octets */
	uint64_t auth_failures, auth_delay;	 /* seconds */
	uint64_t user_messages, user_recipients; /* in an hour, 0: no limit */
	uint64_t submission, hide_client;	 /* 0 or 1 */
	/* enums above */
	uint64_t bare_newline, over_quota, early_talker, log, sandbox;
	uint64_t tls, auth_clear, sender;
};

/* What the command line asked for besides settings. */
enum config_action {
	CONFIG_RUN,
	CONFIG_CHECK,	/* --check */
	CONFIG_EXPLAIN, /* --explain=ADDRESS */
	CONFIG_HASH,	/* --hash-password */
	CONFIG_HELP,	/* --help */
	CONFIG_VERSION, /* --version */
};

struct config_call {
	enum config_action action;
	const char *address;		/* of CONFIG_EXPLAIN */
	const char *kind;		/* of CONFIG_HASH */
	char file[CONFIG_TEXT_MAX + 1]; /* that was, or would be, read */
	/* What was wrong, one problem a line; empty if nothing. */
	char problems[8 * CONFIG_PROBLEM_MAX];
};

/* Set every default, then read the file, then the flags. listener: the name of
 * the socket these settings are for, whose section of the file counts if there
 * is one and no flag names another; or NULL. Returns 0, or -1 with
 * call->problems: file, line, what was wrong and what is allowed. The host
 * name's default is that of the machine. */
int config_load(struct config *config, struct config_call *call, int argc,
    char *const argv[], const char *listener);

/* Whether sessions may use TLS, and whether they may use AUTH. */
bool config_has_tls(const struct config *config);
bool config_has_auth(const struct config *config);

/* Parse text, the content of a file of that name, into config: global lines
 * and those of [profile], which may be NULL. Returns how many problems were
 * written to call->problems. Pure but for that. */
int config_parse(struct config *config, struct config_call *call,
    const char *file, const char *text, size_t len, const char *profile);

/* Print what --help prints: each setting, what it is for, its default. */
void config_help(FILE *out);

#endif
