/* SPDX-License-Identifier: ISC */
/* Addresses as a fuzz target: the first octet chooses what is allowed, the
 * rest is parsed as a path, a mailbox, parameters, a number and a domain, from
 * a copy of exactly its size so that one octet too far is seen.
 *
 * What is good is within its limits, prints within its limit, and what was
 * printed parses to the same address. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition) ((condition) ? (void)0 : fail(#condition, __LINE__))

static void
fail(const char *condition, int line)
{
	(void)fprintf(stderr, "address.c:%d: not %s\n", line, condition);
	abort();
}

/* What must hold of every address that was accepted. */
static void
check_address(const struct address *address)
{
	char printed[ADDRESS_PRINT_MAX + 1];
	struct address again;
	size_t len;

	MUST(address->local_len <= ADDRESS_LOCAL_MAX);
	MUST(strlen(address->local) == address->local_len);
	MUST(strlen(address->domain) == address->domain_len);
	for (size_t i = 0; i < address->local_len; i++)
		MUST((unsigned char)address->local[i] >= ' ' &&
		    address->local[i] != 127);
	for (size_t i = 0; i < address->domain_len; i++)
		MUST(address->kind == ADDRESS_LITERAL ||
		    ((unsigned char)address->domain[i] > ' ' &&
		    strchr("<>@/\\\"(),;", address->domain[i]) == NULL));
	MUST((address->domain_len > 0) == (address->kind == ADDRESS_DOMAIN ||
	    address->kind == ADDRESS_LITERAL));
	MUST((address->domain[0] == '[') == (address->kind ==
	    ADDRESS_LITERAL));
	memset(printed, 'x', sizeof(printed));
	len = address_print(address, printed);
	MUST(len <= ADDRESS_PRINT_MAX && printed[len] == '\0');
	MUST(strlen(printed) == len);
	MUST(address_is_utf8(printed, len));
	if (address->kind == ADDRESS_NULL) {
		MUST(len == 0);
		return;
	}
	MUST(address_parse_mailbox(printed, len, &again) == ADDRESS_OK);
	MUST(again.kind == address->kind ||
	    address->kind == ADDRESS_POSTMASTER);
	MUST(again.local_len == address->local_len &&
	    memcmp(again.local, address->local, again.local_len) == 0);
	MUST(again.domain_len == address->domain_len &&
	    memcmp(again.domain, address->domain, again.domain_len) == 0);
	MUST(address->utf8 || !again.utf8);
}

static void
check_path(const char *text, size_t len, unsigned allow)
{
	struct address address, mailbox;
	char printed[ADDRESS_PRINT_MAX + 1];
	size_t used = SIZE_MAX, printed_len;
	enum address_status more;

	if (address_parse_path(text, len, allow, &address, &used) !=
	    ADDRESS_OK)
		return;
	MUST(used >= 2 && used <= len && used <= ADDRESS_PATH_MAX);
	MUST(text[0] == '<' && text[used - 1] == '>');
	MUST(address.kind != ADDRESS_LOCAL);
	MUST(address.kind != ADDRESS_NULL || allow & ADDRESS_ALLOW_NULL);
	MUST(address.kind != ADDRESS_POSTMASTER ||
	    allow & ADDRESS_ALLOW_POSTMASTER);
	MUST(!address.utf8 || allow & ADDRESS_ALLOW_UTF8);
	check_address(&address);
	/* What follows the path has no say in it. */
	more = address_parse_path(text, used, allow, &mailbox, &used);
	MUST(more == ADDRESS_OK && memcmp(&mailbox, &address,
	    sizeof(address)) == 0);
	if (address.kind == ADDRESS_NULL || text[1] == '@')
		return;
	/* Without a route the text between the brackets is a mailbox. */
	MUST(address_parse_mailbox(text + 1, used - 2, &mailbox) ==
	    ADDRESS_OK);
	printed_len = address_print(&mailbox, printed);
	MUST(printed_len <= used - 2);
}

static void
check_parameters(const char *text, size_t len)
{
	struct address_parameter parameter;
	const char *end = text + len, *before = text;

	while (address_parse_parameter(&text, &len, &parameter) > 0) {
		MUST(text > before && text + len == end);
		MUST(parameter.keyword > before && parameter.keyword_len > 0);
		MUST(parameter.keyword + parameter.keyword_len <= text);
		if (parameter.value != NULL) {
			MUST(parameter.value_len > 0);
			MUST(parameter.value + parameter.value_len == text);
			MUST(parameter.value[-1] == '=');
			MUST(address_is_utf8(parameter.value,
			    parameter.value_len));
		}
		before = text;
	}
}

static void
check_number(const char *text, size_t len)
{
	uint64_t number;
	char printed[32];
	int printed_len;

	if (!address_parse_number(text, len, &number))
		return;
	while (len > 1 && *text == '0') {
		text++;
		len--;
	}
	printed_len = snprintf(printed, sizeof(printed), "%llu",
	    (unsigned long long)number);
	MUST(len == (size_t)printed_len && memcmp(text, printed, len) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct address address;
	char *text;

	if (size == 0)
		return 0;
	text = malloc(size);
	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	/* The first octet stays out of reach, the last has nothing after. */
	check_path(text + 1, size - 1, data[0] % 8);
	if (address_parse_mailbox(text + 1, size - 1, &address) == ADDRESS_OK)
		check_address(&address);
	check_parameters(text + 1, size - 1);
	check_number(text + 1, size - 1);
	if (address_is_domain(text + 1, size - 1))
		MUST(size - 1 <= ADDRESS_DOMAIN_MAX && size > 1);
	(void)address_is_utf8(text + 1, size - 1);
	free(text);
	return 0;
}
