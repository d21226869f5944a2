/* SPDX-License-Identifier: ISC */
/* Lists of networks and of addresses by table. Every text is read from memory
 * that ends with it. */
#include "unit.h"

#include <stdlib.h>

#include "lib/network.h"

static const struct { const char *list, *address; bool has; } networks[] = {
	{ "", "192.0.2.1", false },
	{ " , ,", "192.0.2.1", false },
	{ "192.0.2.1", "192.0.2.1", true },
	{ "192.0.2.1", "192.0.2.2", false },
	{ "192.0.2.0/24", "192.0.2.255", true },
	{ "192.0.2.0/24", "192.0.3.0", false },
	{ "192.0.2.0/24", "192.0.1.255", false },
	{ "192.0.2.128/25", "192.0.2.127", false },
	{ "192.0.2.128/25", "192.0.2.128", true },
	{ "192.0.2.4/31", "192.0.2.5", true },
	{ "192.0.2.4/31", "192.0.2.6", false },
	{ "192.0.2.4/32", "192.0.2.4", true },
	{ "192.0.2.4/32", "192.0.2.5", false },
	{ "0.0.0.0/0", "255.255.255.255", true },
	{ "0.0.0.0/0", "0.0.0.0", true },
	{ "0.0.0.0/0", "::1", false },
	{ "0.0.0.0/0", "2001:db8::1", false },
	{ "128.0.0.0/1", "128.0.0.1", true },
	{ "128.0.0.0/1", "127.255.255.255", false },
	{ "10.0.0.0/8 192.0.2.0/24", "192.0.2.9", true },
	{ "10.0.0.0/8,192.0.2.0/24", "192.0.2.9", true },
	{ ",,10.0.0.0/8 , 192.0.2.0/24, ", "192.0.2.9", true },
	{ "10.0.0.0/8, 192.0.2.0/24", "172.16.0.1", false },
	{ "2001:db8::/32", "2001:db8:ffff::1", true },
	{ "2001:db8::/32", "2001:db9::1", false },
	{ "2001:DB8::/32", "2001:db8::1", true },
	{ "2001:db8::1", "2001:db8::1", true },
	{ "2001:db8::1", "2001:db8::2", false },
	{ "2001:db8:0:0::1", "2001:db8::1", true },
	{ "fe80::/10", "febf::1", true },
	{ "fe80::/10", "fec0::1", false },
	{ "::1/128", "::1", true },
	{ "::/0", "::1", true },
	{ "::/0", "2001:db8::1", true },
	/* A mapped address is one of IPv4, on both sides, and no other. */
	{ "192.0.2.0/24", "::ffff:192.0.2.1", true },
	{ "192.0.2.0/24", "::ffff:c000:201", true },
	{ "::ffff:192.0.2.0/120", "192.0.2.1", true },
	{ "::ffff:192.0.2.1", "192.0.2.1", true },
	{ "::ffff:0:0/96", "192.0.2.1", true },
	{ "::/0", "192.0.2.1", false },
	{ "::/0", "::ffff:192.0.2.1", false },
	{ "::/64", "::ffff:192.0.2.1", false },
	{ "::ffff:0:0/96", "::1", false },
	{ "192.0.2.0/24", "::192.0.2.1", false },
	{ "0.0.0.1", "::1", false },
	/* What is no network has nobody in it, and hides no other. */
	{ "192.0.2.1/24", "192.0.2.1", false },
	{ "x 192.0.2.1", "192.0.2.1", true },
	{ "192.0.2.0/24/24", "192.0.2.1", false },
	{ "192.0.2.0/", "192.0.2.0", false },
	{ "/0", "192.0.2.1", false },
	/* And what is no address is in no network. */
	{ "0.0.0.0/0 ::/0", "", false },
	{ "0.0.0.0/0 ::/0", "unknown", false },
	{ "0.0.0.0/0 ::/0", "uid 1000", false },
	{ "0.0.0.0/0 ::/0", "192.0.2.1 ", false },
	{ "0.0.0.0/0 ::/0", "192.0.2.1/32", false },
	{ "0.0.0.0/0 ::/0", "[192.0.2.1]", false },
	{ "0.0.0.0/0 ::/0", "fe80::1%eth0", false },
};

/* The first wrong word, "" for none. */
static const struct { const char *list, *word; } wrongs[] = {
	{ "", "" }, { " ,", "" }, { "192.0.2.1", "" },
	{ "192.0.2.0/24, 2001:db8::/32 ::1", "" },
	{ "0.0.0.0/0", "" }, { "::/0", "" }, { "::ffff:192.0.2.0/120", "" },
	{ "192.0.2.1/32", "" }, { "2001:db8::1/128", "" },
	{ "192.0.2.1/24", "192.0.2.1/24" },
	{ "192.0.2.0/24, 192.0.2.1/31 x", "192.0.2.1/31" },
	{ "10.0.0.0/7", "" }, { "11.0.0.0/7", "11.0.0.0/7" },
	{ "2001:db8::1/127", "2001:db8::1/127" },
	{ "2001:db8::/31", "" }, { "2001:db8::/28", "2001:db8::/28" },
	{ "::ffff:0:0/95", "::ffff:0:0/95" },
	{ "192.0.2.0/33", "192.0.2.0/33" },
	{ "2001:db8::/129", "2001:db8::/129" },
	{ "192.0.2.0/024", "192.0.2.0/024" },
	{ "192.0.2.0/+24", "192.0.2.0/+24" },
	{ "0.0.0.0/-0", "0.0.0.0/-0" }, { "0.0.0.0/00", "0.0.0.0/00" },
	{ "0.0.0.0/", "0.0.0.0/" }, { "0.0.0.0/0x0", "0.0.0.0/0x0" },
	{ "0.0.0.0/4294967296", "0.0.0.0/4294967296" },
	{ "192.0.2.0/255.255.255.0", "192.0.2.0/255.255.255.0" },
	{ "192.0.2", "192.0.2" }, { "192.0.2.0.", "192.0.2.0." },
	{ "192.0.02.1", "192.0.02.1" }, { "192.0.2.256", "192.0.2.256" },
	{ "0300.0.2.1", "0300.0.2.1" }, { "3221225985", "3221225985" },
	{ "1::2::3", "1::2::3" }, { "12345::", "12345::" }, { ":", ":" },
	{ "[::1]", "[::1]" }, { "fe80::1%lo", "fe80::1%lo" },
	{ "localhost", "localhost" }, { "!10.0.0.1", "!10.0.0.1" },
	{ "10.0.0.1;10.0.0.2", "10.0.0.1;10.0.0.2" },
	{ "1111:2222:3333:4444:5555:6666:255.255.255.255", "" },
	{ "1111:2222:3333:4444:5555:6666:255.255.255.2555555",
	    "1111:2222:3333:4444:5555:6666:255.255.255.2555555" },
};

static const struct { const char *list, *address; bool has; } members[] = {
	{ "", "alice@example.org", false },
	{ "example.org", "alice@example.org", true },
	{ "example.org", "alice@EXAMPLE.org", true },
	{ "EXAMPLE.ORG", "alice@example.org", true },
	{ "example.org", "alice@mx.example.org", false },
	{ "example.org", "alice@ample.org", false },
	{ "example.org", "example.org@example.net", false },
	{ "alice@example.org", "alice@example.org", true },
	{ "Alice@Example.org", "aLICE@eXAMPLE.ORG", true },
	{ "alice@example.org", "alic@example.org", false },
	{ "alice@example.org", "alice+x@example.org", false },
	{ "alice@example.org", "bob@example.org", false },
	{ "\"alice\"@example.org", "alice@example.org", true },
	{ "alice@example.org", "\"alice\"@example.org", true },
	{ "x@b,example.org bob@example.net", "bob@example.net", true },
	{ "x@b,example.org bob@example.net", "eve@example.net", false },
	/* The empty local-part is a local-part like others. */
	{ "\"\"@example.org", "alice@example.org", false },
	{ "\"\"@example.org", "\"\"@example.org", true },
	{ "[192.0.2.1]", "scan@[192.0.2.1]", true },
	{ "[192.0.2.1]", "scan@[192.0.2.2]", false },
	{ "b\xc3\xbc.example", "a@B\xc3\xbc.example", true },
	{ "b\xc3\xbc.example", "a@xn--b-eha.example", false },
	/* What is no word of such a list opens nothing. */
	{ "alice", "alice@example.org", false },
	{ "@example.org", "alice@example.org", false },
	{ "*", "alice@example.org", false },
	{ "*@example.org", "alice@example.org", false },
	{ ".org", "alice@example.org", false },
	{ "postmaster", "postmaster", false },
	{ "example.org", "alice", false },
};

static const struct { const char *list, *word; } not_members[] = {
	{ "", "" }, { "example.org, alice@example.net", "" },
	{ "localhost", "" }, { "b\xc3\xbc.example", "" },
	{ "[192.0.2.1] a@[IPv6:::1]", "" },
	{ "@example.org", "@example.org" }, { "alice@", "alice@" },
	{ "example.org .org", ".org" }, { "example..org", "example..org" },
	{ "<alice@example.org>", "<alice@example.org>" },
	{ "example.org.", "example.org." }, { "a;b", "a;b" },
	{ "\xff.example", "\xff.example" }, { "\"a b\"@c", "\"a" },
	{ "alice@example.org@example.net", "alice@example.org@example.net" },
	{ "example.org/24", "example.org/24" },
};

/* A text at the end of its memory; the caller frees it. */
static char *
copy(const char *text)
{
	char *result = strdup(text);

	if (result == NULL)
		abort();
	return result;
}

static void
check_wrong(const char *list, const char *word,
    const char *(*first)(const char *, size_t *))
{
	char *text = copy(list);
	size_t len = 0;
	const char *found = first(text, &len);

	if (found == NULL)
		CHECK(*word == '\0', "\"%s\": nothing wrong", list);
	else
		CHECK(len == strlen(word) && memcmp(found, word, len) == 0,
		    "\"%s\": \"%.*s\"", list, (int)len, found);
	free(text);
}

static void
check_member(const char *list, const char *address, bool has)
{
	struct address parsed;
	char *text = copy(list);

	if (address_parse_mailbox(address, strlen(address), &parsed) !=
	    ADDRESS_OK)
		abort();
	CHECK(network_lists(text, &parsed) == has, "\"%s\": %s", list,
	    address);
	free(text);
}

/* The longest domain that a mailbox has room for, ADDRESS_PATH_MAX, and one
 * octet more; no word is too long to look at. */
static void
check_longest(void)
{
	enum { LONGEST = ADDRESS_PATH_MAX - sizeof("x@") + 1 };
	char list[1000];
	size_t len;

	for (size_t i = 0; i < sizeof(list); i++)
		list[i] = i % 60 == 59 ? '.' : 'a';
	for (size_t end = LONGEST; end < sizeof(list); end++) {
		list[end] = '\0';
		CHECK((network_not_address(list, &len) == NULL) ==
		    (end == LONGEST), "%zu octets", end);
		list[end] = 'a';
	}
	memset(list, '1', sizeof(list) - 1);
	list[sizeof(list) - 1] = '\0';
	CHECK(network_wrong(list, &len) == list && len == sizeof(list) - 1,
	    "no network");
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(networks) / sizeof(networks[0]); i++) {
		char *list = copy(networks[i].list);
		char *address = copy(networks[i].address);

		CHECK(network_has(list, address) == networks[i].has,
		    "\"%s\": %s", list, address);
		free(list);
		free(address);
	}
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++)
		check_wrong(wrongs[i].list, wrongs[i].word, network_wrong);
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		check_member(members[i].list, members[i].address,
		    members[i].has);
	for (size_t i = 0; i < sizeof(not_members) / sizeof(not_members[0]);
	    i++)
		check_wrong(not_members[i].list, not_members[i].word,
		    network_not_address);
	check_longest();
	CHECK(!network_lists("example.org", &(struct address){ .kind =
	    ADDRESS_NULL }), "the null reverse-path");
	CHECK(network_is_loopback("127.0.0.1") &&
	    network_is_loopback("127.255.255.255") &&
	    network_is_loopback("::1") &&
	    network_is_loopback("::ffff:127.0.0.1"), "loopback");
	CHECK(!network_is_loopback("128.0.0.1") &&
	    !network_is_loopback("126.255.255.255") &&
	    !network_is_loopback("::") && !network_is_loopback("::2") &&
	    !network_is_loopback("") && !network_is_loopback("localhost"),
	    "not loopback");
	return unit_end("network");
}
