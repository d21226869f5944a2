/* SPDX-License-Identifier: ISC */
/* The settings as a fuzz target: the input is a file, from a copy of exactly
 * its size, read with and without a profile.
 *
 * Whatever it holds, each value stays in its range, nothing around the struct
 * is written, and what was wrong is told in the room there is. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/address.h"
#include "lib/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition) ((condition) ? (void)0 : fail(#condition, __LINE__))

static void
fail(const char *condition, int line)
{
	(void)fprintf(stderr, "config.c:%d: not %s\n", line, condition);
	abort();
}

/* The ranges once more, written by hand: a row cannot widen one unseen. */
static void
check_numbers(const struct config *config)
{
	const struct { uint64_t value, min, max; } ranges[] = {
		{ config->message_size, 0, INT64_MAX },
		{ config->recipients, 1, 1000000 },
		{ config->mailboxes, 1, 1000000 },
		{ config->alias_depth, 1, 100 },
		{ config->messages, 1, 1000000000 },
		{ config->hops, 1, 10000 },
		{ config->errors, 0, 1000000 },
		{ config->idle_timeout, 1, 86400 },
		{ config->session_timeout, 1, 2592000 },
		{ config->data_rate, 0, INT32_MAX },
		{ config->lmtp, 0, 1 },
		{ config->vrfy, 0, 1 },
		{ config->expn, 0, 1 },
		{ config->bare_newline, CONFIG_NEWLINE_AUTO,
		    CONFIG_NEWLINE_ACCEPT },
		{ config->early_talker, CONFIG_EARLY_REFUSE,
		    CONFIG_EARLY_ALLOW },
		{ config->over_quota, CONFIG_OVER_QUOTA_RETRY,
		    CONFIG_OVER_QUOTA_REJECT },
		{ config->log, CONFIG_LOG_AUTO, CONFIG_LOG_STDERR },
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		MUST(ranges[i].value >= ranges[i].min &&
		    ranges[i].value <= ranges[i].max);
}

static void
check_text(const char *text, size_t min, size_t max)
{
	size_t len = strnlen(text, max + 1);

	MUST(len >= min && len <= max);
	for (size_t i = 0; i < len; i++)
		MUST((unsigned char)text[i] >= ' ' && text[i] != 127);
}

static void
check_config(const struct config *config)
{
	check_numbers(config);
	check_text(config->hostname, 1, ADDRESS_DOMAIN_MAX);
	MUST(address_is_domain(config->hostname, strlen(config->hostname)));
	check_text(config->domains, 1, CONFIG_TEXT_MAX);
	check_text(config->delimiter, 0, 8);
	check_text(config->user, 1, 255);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char name[] = "smtpd", none[] = "--config=/dev/null";
	static char *const argv[] = { name, none, NULL };
	static struct { char before[64]; struct config config; char after[64]; }
	guarded;
	static struct config defaults, plain;
	static struct config_call call;
	char *text = malloc(size > 0 ? size : 1);

	if (text == NULL)
		abort();
	memcpy(text, data, size);
	if (defaults.hostname[0] == '\0')
		MUST(config_load(&defaults, &call, 2, argv, NULL) == 0);
	memset(&guarded, 'g', sizeof(guarded));
	for (int turn = 0; turn < 2; turn++) {
		int problems;

		guarded.config = defaults;
		call = (struct config_call){0};
		problems = config_parse(&guarded.config, &call, "fuzz.conf",
		    text, size, turn == 0 ? NULL : "p");
		check_config(&guarded.config);
		for (size_t i = 0; i < sizeof(guarded.before); i++)
			MUST(guarded.before[i] == 'g' &&
			    guarded.after[i] == 'g');
		MUST(problems >= 0);
		MUST((problems > 0) == (call.problems[0] != '\0'));
		MUST(strnlen(call.problems, sizeof(call.problems)) <
		    sizeof(call.problems));
		if (turn == 0)
			plain = guarded.config;
	}
	/* Where no line counts for the profile alone, it changes nothing. */
	if (memmem(text, size, "[p]", 3) == NULL)
		MUST(memcmp(&plain, &guarded.config, sizeof(plain)) == 0);
	free(text);
	return 0;
}
