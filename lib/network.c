/* SPDX-License-Identifier: ISC */
/* network.c - see network.h for the contract. */
#include "network.h"

#include <arpa/inet.h>
#include <string.h>

enum {
	BITS = 128,
	MAPPED_BITS = 96, /* of ::ffff:0:0/96, where IPv4 is in IPv6 */
};

/* An IPv6 address, or an IPv4 address mapped into one (RFC 4291, 2.5.5.2),
 * with how many of its bits count. So there is one kind to compare, and
 * "::/0", which is all of IPv6, has to leave out what is mapped. */
struct network {
	unsigned char bytes[BITS / 8];
	unsigned prefix;
};

static const unsigned char mapped[MAPPED_BITS / 8] = { [10] = 0xff, 0xff };

static bool
is_mapped(const struct network *network)
{
	return memcmp(network->bytes, mapped, sizeof(mapped)) == 0;
}

/* The address text[0..len), all of its bits. *v4 is whether it is written as
 * one of IPv4: prefixes count from there. */
static bool
parse_address(const char *text, size_t len, struct network *out, bool *v4)
{
	char copy[INET6_ADDRSTRLEN];

	if (len >= sizeof(copy))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	out->prefix = BITS;
	*v4 = memchr(text, ':', len) == NULL;
	if (!*v4)
		return inet_pton(AF_INET6, copy, out->bytes) == 1;
	memcpy(out->bytes, mapped, sizeof(mapped));
	return inet_pton(AF_INET, copy, out->bytes + sizeof(mapped)) == 1;
}

/* Decimal without a sign or a leading zero, which some would read as octal. */
static bool
parse_prefix(const char *text, size_t len, unsigned max, unsigned *out)
{
	uint64_t value;

	if (len > 3 || !address_parse_number(text, len, &value) ||
	    (len > 1 && text[0] == '0') || value > max)
		return false;
	*out = (unsigned)value;
	return true;
}

static bool
bit(const struct network *network, unsigned at)
{
	return network->bytes[at / 8] >> (7 - at % 8) & 1;
}

/* "192.0.2.0/24", or an address, which is a network of one. */
static bool
parse_network(const char *text, size_t len, struct network *out)
{
	const char *slash = memchr(text, '/', len);
	size_t address_len = slash == NULL ? len : (size_t)(slash - text);
	unsigned base;
	bool v4;

	if (!parse_address(text, address_len, out, &v4))
		return false;
	if (slash == NULL)
		return true;
	base = v4 ? MAPPED_BITS : 0;
	if (!parse_prefix(
		slash + 1, len - address_len - 1, BITS - base, &out->prefix))
		return false;
	out->prefix += base;
	for (unsigned i = out->prefix; i < BITS; i++)
		if (bit(out, i))
			return false;
	return true;
}

static bool
contains(const struct network *network, const struct network *address)
{
	unsigned whole = network->prefix / 8, i = whole * 8;

	if (network->prefix < MAPPED_BITS && is_mapped(address))
		return false;
	if (memcmp(network->bytes, address->bytes, whole) != 0)
		return false;
	while (i < network->prefix && bit(network, i) == bit(address, i))
		i++;
	return i == network->prefix;
}

/* Cut the next word off *list. Its length, 0 at the end. */
static size_t
next_word(const char **list, const char **word)
{
	static const char dividers[] = " ,";
	size_t len;

	*word = *list + strspn(*list, dividers);
	len = strcspn(*word, dividers);
	*list = *word + len;
	return len;
}

/* The first word that is none, with its length; or NULL. */
static const char *
first_wrong(
    const char *list, size_t *len, bool (*is_good)(const char *, size_t))
{
	const char *word;

	while ((*len = next_word(&list, &word)) > 0)
		if (!is_good(word, *len))
			return word;
	return NULL;
}

static bool
is_network(const char *text, size_t len)
{
	struct network network;

	return parse_network(text, len, &network);
}

const char *
network_wrong(const char *list, size_t *len)
{
	return first_wrong(list, len, is_network);
}

bool
network_has(const char *list, const char *address)
{
	struct network client, network;
	const char *word;
	size_t len;
	bool v4;

	if (!parse_address(address, strlen(address), &client, &v4))
		return false;
	while ((len = next_word(&list, &word)) > 0)
		if (parse_network(word, len, &network) &&
		    contains(&network, &client))
			return true;
	return false;
}

bool
network_is_loopback(const char *address)
{
	return network_has("127.0.0.0/8 ::1", address);
}

/* A domain, or an address with one. A domain alone is a mailbox without its
 * local-part, which also takes the UTF-8 of RFC 6531. */
static bool
parse_member(const char *text, size_t len, struct address *out, bool *alone)
{
	static const char any[] = { 'x', '@' };
	char mailbox[sizeof(any) + ADDRESS_DOMAIN_MAX];

	*alone = memchr(text, '@', len) == NULL;
	if (!*alone)
		return address_parse_mailbox(text, len, out) == ADDRESS_OK &&
		    out->domain_len > 0;
	if (len > ADDRESS_DOMAIN_MAX)
		return false;
	memcpy(mailbox, any, sizeof(any));
	memcpy(mailbox + sizeof(any), text, len);
	return address_parse_mailbox(mailbox, sizeof(any) + len, out) ==
	    ADDRESS_OK;
}

static bool
is_member(const char *text, size_t len)
{
	struct address member;
	bool alone;

	return parse_member(text, len, &member, &alone);
}

const char *
network_not_address(const char *list, size_t *len)
{
	return first_wrong(list, len, is_member);
}

bool
network_lists(const char *list, const struct address *address)
{
	struct address member;
	const char *word;
	size_t len;
	bool alone;

	if (address->domain_len == 0)
		return false;
	while ((len = next_word(&list, &word)) > 0)
		if (parse_member(word, len, &member, &alone) &&
		    address_equal(member.domain, member.domain_len,
			address->domain, address->domain_len) &&
		    (alone ||
			address_equal(member.local, member.local_len,
			    address->local, address->local_len)))
			return true;
	return false;
}
