/* SPDX-License-Identifier: ISC */
/* The settings by table: a file, what it sets, what is wrong with it. */
#include "unit.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>

#include "lib/config.h"

#define NUMBER(name) offsetof(struct config, name)

/* A line, and the number it sets. */
static const struct { const char *line; size_t offset; uint64_t value; }
numbers[] = {
	{ "message-size = 0", NUMBER(message_size), 0 },
	{ "message-size=1K", NUMBER(message_size), 1024 },
	{ "message-size = 50M", NUMBER(message_size), 50 << 20 },
	{ "message-size = 2 G", NUMBER(message_size), UINT64_C(2) << 30 },
	{ "message-size = 9223372036854775807", NUMBER(message_size),
	    INT64_MAX },
	{ "message-size = 8589934591G", NUMBER(message_size),
	    UINT64_C(8589934591) << 30 },
	{ "recipients = 1", NUMBER(recipients), 1 },
	{ "recipients = 999999", NUMBER(recipients), 999999 },
	{ "mailboxes = 20", NUMBER(mailboxes), 20 },
	{ "alias-depth = 100", NUMBER(alias_depth), 100 },
	{ "messages = 5", NUMBER(messages), 5 },
	{ "hops = 30", NUMBER(hops), 30 },
	{ "errors = 0", NUMBER(errors), 0 },
	{ "  errors\t= \t7 \r", NUMBER(errors), 7 },
	{ "idle-timeout = 90", NUMBER(idle_timeout), 90 },
	{ "idle-timeout = 90s", NUMBER(idle_timeout), 90 },
	{ "idle-timeout = 2min", NUMBER(idle_timeout), 120 },
	{ "idle-timeout = 24 h", NUMBER(idle_timeout), 86400 },
	{ "session-timeout = 720h", NUMBER(session_timeout), 2592000 },
	{ "data-rate = 1K", NUMBER(data_rate), 1024 },
	{ "lmtp = yes", NUMBER(lmtp), 1 },
	{ "vrfy = yes", NUMBER(vrfy), 1 },
	{ "expn = yes", NUMBER(expn), 1 },
	{ "expn = no", NUMBER(expn), 0 },
	{ "bare-newline = reject", NUMBER(bare_newline),
	    CONFIG_NEWLINE_REJECT },
	{ "bare-newline = accept", NUMBER(bare_newline),
	    CONFIG_NEWLINE_ACCEPT },
	{ "early-talker = allow", NUMBER(early_talker), CONFIG_EARLY_ALLOW },
	{ "over-quota = reject", NUMBER(over_quota),
	    CONFIG_OVER_QUOTA_REJECT },
	{ "log = journal", NUMBER(log), CONFIG_LOG_JOURNAL },
	{ "log = syslog", NUMBER(log), CONFIG_LOG_SYSLOG },
	{ "log = stderr", NUMBER(log), CONFIG_LOG_STDERR },
};

static const struct { const char *line; size_t offset; const char *value; }
texts[] = {
	{ "hostname = mx.example.net", NUMBER(hostname), "mx.example.net" },
	{ "hostname=[192.0.2.1]", NUMBER(hostname), "[192.0.2.1]" },
	{ "domains = /srv/mail domains", NUMBER(domains),
	    "/srv/mail domains" },
	{ "domains = a=b", NUMBER(domains), "a=b" },
	{ "delimiter = +-", NUMBER(delimiter), "+-" },
	{ "delimiter =", NUMBER(delimiter), "" },
	{ "user = mail # no comment", NUMBER(user), "mail # no comment" },
};

/* A file with one line that is wrong, and what is said about it. */
static const struct { const char *text, *problem; } wrongs[] = {
	{ "vrfy", "f:1: a line is \"name = value\"\n" },
	{ "# c\n\nfoo = 1\n", "f:3: \"foo\" is not a setting" },
	{ "= 1", "f:1: \"\" is not a setting" },
	{ "Vrfy = yes", "f:1: \"Vrfy\" is not a setting" },
	{ "[p", "f:1: a section is written [name]\n" },
	{ "[]", "f:1: a section is written [name]\n" },
	{ "[", "f:1: a section is written [name]\n" },
	{ "vrfy = Yes", "f:1: vrfy: \"Yes\" is not allowed; "
	    "it takes no, yes\n" },
	{ "log =", "f:1: log: \"\" is not allowed; it takes "
	    "auto, journal, syslog, stderr\n" },
	{ "hops = 0", "f:1: hops: \"0\" is not allowed; it takes "
	    "1 to 10000\n" },
	{ "hops = 10001", "f:1: hops: " }, { "hops = -1", "f:1: hops: " },
	{ "hops = 1K", "f:1: hops: " }, { "hops = 0x1", "f:1: hops: " },
	{ "hops = 18446744073709551617", "f:1: hops: " },
	{ "message-size = 8589934592G", "f:1: message-size: " },
	{ "message-size = 17179869185G", "f:1: message-size: " },
	{ "message-size = 18446744073709551615K", "f:1: message-size: " },
	{ "message-size = 9223372036854775808", "f:1: message-size: " },
	{ "message-size = 1k", "f:1: message-size: \"1k\" is not allowed; it "
	    "takes 0 to 9223372036854775807, with K, M or G\n" },
	{ "message-size = 1 M B", "f:1: message-size: " },
	{ "message-size = 1s", "f:1: message-size: " },
	{ "idle-timeout = 0", "f:1: idle-timeout: \"0\" is not allowed; it "
	    "takes 1 to 86400 seconds, or with s, min or h\n" },
	{ "idle-timeout = 25h", "f:1: idle-timeout: " },
	{ "idle-timeout = 1K", "f:1: idle-timeout: " },
	{ "idle-timeout = min", "f:1: idle-timeout: " },
	{ "hostname =", "f:1: hostname: \"\" is not allowed; it takes a host "
	    "name\n" },
	{ "hostname = a_b", "f:1: hostname: " },
	{ "hostname = -a", "f:1: hostname: " },
	{ "domains =", "f:1: domains: \"\" is not allowed; it takes a path\n" },
	{ "domains = a\001b", "f:1: domains: " },
	{ "delimiter = 123456789", "f:1: delimiter: \"123456789\" is not "
	    "allowed; it takes 0 to 8 characters\n" },
	{ "user =", "f:1: user: " },
	{ "[p]\nvrfy = maybe", "f:2: vrfy: " },	/* though it does not count */
};

static struct config config;
static struct config_call call;

static int
parse(const char *text, size_t len, const char *profile)
{
	char *copy = malloc(len > 0 ? len : 1);
	int problems;

	if (copy == NULL)
		abort();
	memcpy(copy, text, len);
	memset(&config, 'c', sizeof(config));
	call = (struct config_call){ 0 };
	problems = config_parse(&config, &call, "f", copy, len, profile);
	free(copy);
	return problems;
}

static uint64_t
number_at(size_t offset)
{
	uint64_t number;

	memcpy(&number, (char *)&config + offset, sizeof(number));
	return number;
}

static void
check_values(void)
{
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		CHECK(parse(numbers[i].line, strlen(numbers[i].line), NULL) ==
		    0, "%s: %s", numbers[i].line, call.problems);
		CHECK(number_at(numbers[i].offset) == numbers[i].value,
		    "%s: %" PRIu64, numbers[i].line,
		    number_at(numbers[i].offset));
	}
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		CHECK(parse(texts[i].line, strlen(texts[i].line), NULL) == 0,
		    "%s: %s", texts[i].line, call.problems);
		CHECK(strcmp((char *)&config + texts[i].offset,
		    texts[i].value) == 0, "%s", texts[i].line);
	}
}

static void
check_wrongs(void)
{
	static struct config untouched;

	memset(&untouched, 'c', sizeof(untouched));
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
		int problems = parse(wrongs[i].text, strlen(wrongs[i].text),
		    NULL);

		CHECK(problems == 1, "%s: %d problems", wrongs[i].text,
		    problems);
		CHECK(strncmp(call.problems, wrongs[i].problem,
		    strlen(wrongs[i].problem)) == 0, "%s: %s", wrongs[i].text,
		    call.problems);
		CHECK(memcmp(&config, &untouched, sizeof(config)) == 0,
		    "%s: sets something", wrongs[i].text);
	}
	CHECK(parse("user = a\0b", 10, NULL) == 1, "NUL");
}

static void
check_files(void)
{
	static const char file[] = "hops = 1\n[p]\nhops = 2\nerrors = 2\n"
	    "[q]\nhops = 3\n[p]\nlmtp = yes\n";
	char text[2 * CONFIG_TEXT_MAX];
	size_t len;

	CHECK(parse("", 0, NULL) == 0, "an empty file");
	CHECK(parse("\n\r\n # c\n\t#", 10, NULL) == 0, "nothing in it");
	CHECK(parse(file, sizeof(file) - 1, NULL) == 0 && config.hops == 1,
	    "no profile");
	CHECK(parse(file, sizeof(file) - 1, "p") == 0 && config.hops == 2 &&
	    config.errors == 2 && config.lmtp == 1, "profile p");
	CHECK(parse(file, sizeof(file) - 1, "q") == 0 && config.hops == 3,
	    "profile q");
	CHECK(parse(file, sizeof(file) - 1, "r") == 1,
	    "a profile that is not there");
	CHECK(parse("hops = 1\nhops = 2", 17, NULL) == 0 && config.hops == 2,
	    "the last line wins");

	/* The longest value, and one octet more. */
	len = (size_t)snprintf(text, sizeof(text), "domains = ");
	memset(text + len, 'd', CONFIG_TEXT_MAX + 1);
	CHECK(parse(text, len + CONFIG_TEXT_MAX, NULL) == 0 &&
	    strlen(config.domains) == CONFIG_TEXT_MAX, "the longest path");
	CHECK(parse(text, len + CONFIG_TEXT_MAX + 1, NULL) == 1,
	    "a path too long");

	/* More problems than there is room to tell. */
	for (len = 0; len + 6 < sizeof(text); len += 6)
		memcpy(text + len, "x = y\n", 6);
	CHECK(parse(text, len, NULL) == (int)(len / 6), "each is counted");
	CHECK(strlen(call.problems) < sizeof(call.problems) &&
	    strlen(call.problems) > sizeof(call.problems) / 2, "%zu octets",
	    strlen(call.problems));
}

int
main(void)
{
	check_values();
	check_wrongs();
	check_files();
	return unit_end("config");
}
