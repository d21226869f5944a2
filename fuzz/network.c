/* SPDX-License-Identifier: ISC */
/* Lists of networks and of addresses as a fuzz target: the first line is a
 * list, the rest an address.
 *
 * A list has what one of its words has; a word that is wrong has nobody; an
 * address has the same networks when it is written as mapped into IPv6. */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/network.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition) ((condition) ? (void)0 : fail(#condition, __LINE__))

static void
fail(const char *condition, int line)
{
	(void)fprintf(stderr, "network.c:%d: not %s\n", line, condition);
	abort();
}

/* A string at the end of its memory; the caller frees it. */
static char *
copy(const uint8_t *data, size_t len)
{
	char *text = malloc(len + 1);

	if (text == NULL)
		abort();
	memcpy(text, data, len);
	text[len] = '\0';
	return text;
}

static void
check_wrong(const char *list, const char *(*first)(const char *, size_t *))
{
	size_t len = 0;
	const char *word = first(list, &len);

	if (word == NULL)
		return;
	MUST(len > 0 && word >= list && len <= strlen(word));
	for (size_t i = 0; i < len; i++)
		MUST(word[i] != ' ' && word[i] != ',');
	MUST(word == list || word[-1] == ' ' || word[-1] == ',');
	MUST(word[len] == '\0' || word[len] == ' ' || word[len] == ',');
}

static void
check_words(const char *list, const char *address,
    const struct address *mailbox)
{
	char *words = strdup(list), *at = words, *word;
	bool has = false, lists = false;
	size_t len;

	if (words == NULL)
		abort();
	while ((word = strsep(&at, " ,")) != NULL) {
		bool wrong = network_wrong(word, &len) != NULL;

		MUST(!wrong || !network_has(word, address));
		has |= network_has(word, address);
		if (mailbox == NULL)
			continue;
		wrong = network_not_address(word, &len) != NULL;
		MUST(!wrong || !network_lists(word, mailbox));
		lists |= network_lists(word, mailbox);
	}
	MUST(has == network_has(list, address));
	MUST(mailbox == NULL || lists == network_lists(list, mailbox));
	free(words);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *lf = memchr(data, '\n', size);
	size_t list_len = lf == NULL ? size : (size_t)(lf - data);
	char *list = copy(data, list_len), mapped[INET6_ADDRSTRLEN + 8];
	char *address = copy(lf == NULL ? data : lf + 1,
	    lf == NULL ? 0 : size - list_len - 1);
	struct address mailbox;
	unsigned char bytes[sizeof(struct in6_addr)];
	bool is_mailbox = address_parse_mailbox(address, strlen(address),
	    &mailbox) == ADDRESS_OK;

	check_wrong(list, network_wrong);
	check_wrong(list, network_not_address);
	check_words(list, address, is_mailbox ? &mailbox : NULL);
	if (inet_pton(AF_INET, address, bytes) == 1) {
		(void)snprintf(mapped, sizeof(mapped), "::ffff:%s", address);
		MUST(network_has(list, address) == network_has(list, mapped));
		MUST(network_has("0.0.0.0/0", address));
		MUST(!network_has("::/0", address));
		MUST(network_is_loopback(address) == (bytes[0] == 127));
	} else if (inet_pton(AF_INET6, address, bytes) != 1) {
		MUST(!network_has(list, address));
	}
	free(list);
	free(address);
	return 0;
}
