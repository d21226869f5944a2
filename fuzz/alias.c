/* SPDX-License-Identifier: ISC */
/* Alias files and maildirsize as a fuzz target: the input is lines of the one
 * and the whole of the other, from copies of exactly their size.
 *
 * A line is an address only if it is the same address without the spaces and
 * the comment around it; a quota that was read has counts that add up. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/mailbox.h"
#include "lib/quota.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition) ((condition) ? (void)0 : fail(#condition, __LINE__))

static void
fail(const char *condition, int line)
{
	(void)fprintf(stderr, "alias.c:%d: not %s\n", line, condition);
	abort();
}

static void *
copy(const void *data, size_t size)
{
	/* malloc(0) may be NULL; a size of its own keeps the end exact. */
	void *text = malloc(size > 0 ? size : 1);

	if (text == NULL)
		abort();
	memcpy(text, data, size);
	return text;
}

static void
check_line(const uint8_t *data, size_t len)
{
	char *line = copy(data, len);
	char printed[ADDRESS_PRINT_MAX + 32];
	struct address address, again;
	size_t printed_len, start = 0;

	switch (mailbox_parse_alias(line, len, &address)) {
	case 1:
		MUST(address.kind == ADDRESS_LOCAL ||
		    address.kind == ADDRESS_DOMAIN ||
		    address.kind == ADDRESS_LITERAL);
		memcpy(printed, " \t", 2);
		printed_len = 2 + address_print(&address, printed + 2);
		memcpy(printed + printed_len, "\t# a comment\r", 13);
		MUST(mailbox_parse_alias(printed, printed_len + 13, &again) ==
		    1 || address.local[0] == '#' ||
		    strstr(address.local, " #") != NULL);
		break;
	case 0:
		while (start < len && (line[start] == ' ' ||
		    line[start] == '\t' || line[start] == '\r'))
			start++;
		MUST(start == len || line[start] == '#');
		break;
	default:
		break;
	}
	free(line);
}

static void
check_quota(const uint8_t *data, size_t size)
{
	char *text = copy(data, size);
	struct quota quota;

	if (quota_parse(text, size, &quota)) {
		uint64_t used = quota.octets < 0 ? 0 : (uint64_t)quota.octets;

		MUST(size > 0 && text[0] >= '0' && text[0] <= '9');
		MUST(quota.limited);
		MUST(quota.octets_max <= INT64_MAX);
		MUST(quota.messages_max <= INT64_MAX);
		if (quota.octets_max > 0)
			MUST(!quota_fits(&quota, quota.octets_max - used + 1) ||
			    used > quota.octets_max);
		if (quota_fits(&quota, 1000))
			MUST(quota_fits(&quota, 999) && quota_fits(&quota, 0));
	}
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t at = 0;

	check_quota(data, size);
	while (at < size) {
		const uint8_t *lf = memchr(data + at, '\n', size - at);
		size_t len = lf == NULL ? size - at :
		    (size_t)(lf - (data + at));

		check_line(data + at, len);
		at += len + 1;
	}
	return 0;
}
