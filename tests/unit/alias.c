/* SPDX-License-Identifier: ISC */
/* A line of an alias file by table. */
#include "unit.h"

#include <stdlib.h>

#include "lib/mailbox.h"

static const struct { const char *line; int status; const char *printed; }
rows[] = {
	{ "", 0, 0 }, { "   ", 0, 0 }, { "\t\r", 0, 0 }, { "#", 0, 0 },
	{ "# alice@example.org", 0, 0 }, { "  # x", 0, 0 }, { "\t#x", 0, 0 },
	{ "alice@example.org", 1, "alice@example.org" },
	{ "  alice@example.org \t\r", 1, "alice@example.org" },
	{ "alice", 1, "alice" },
	{ "alice # the boss", 1, "alice" },
	{ "alice\t#x", 1, "alice" },
	{ "alice#1", 1, "alice#1" },	/* an octet of a name like any other */
	{ "a#b # c # d", 1, "a#b" },
	{ "\"a b\"@example.org", 1, "\"a b\"@example.org" },
	{ "a@[192.0.2.1]", 1, "a@[192.0.2.1]" },
	{ "\xc3\xbc@\xc3\xbc.example", 1, "\xc3\xbc@\xc3\xbc.example" },
	{ "postmaster", 1, "postmaster" },
	{ "alice bob", -1, 0 }, { "alice,bob", -1, 0 },
	{ "alice, bob", -1, 0 }, { "<alice@example.org>", -1, 0 },
	{ "Alice <alice@example.org>", -1, 0 }, { "alice@", -1, 0 },
	{ "@example.org", -1, 0 }, { "alice:", -1, 0 },
	{ ":include:/etc/passwd", -1, 0 }, { "\"|/bin/sh", -1, 0 },
	{ "\"a #b\"@example.org", -1, 0 },	/* a comment began */
	{ "\xc3", -1, 0 }, { "a@\x80", -1, 0 }, { "alice\001", -1, 0 },
	{ "\ra", -1, 0 },
};

int
main(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len = strlen(rows[i].line);
		char *line = malloc(len > 0 ? len : 1);
		char printed[ADDRESS_PRINT_MAX + 1];
		struct address address;
		int status;

		if (line == NULL)
			abort();
		memcpy(line, rows[i].line, len);
		status = mailbox_parse_alias(line, len, &address);
		free(line);
		CHECK(status == rows[i].status, "\"%s\": %d", rows[i].line,
		    status);
		if (status <= 0 || rows[i].status <= 0)
			continue;
		address_print(&address, printed);
		CHECK(strcmp(printed, rows[i].printed) == 0, "\"%s\": %s",
		    rows[i].line, printed);
	}
	CHECK(mailbox_parse_alias("a\0b", 3, &(struct address){ 0 }) == -1,
	    "NUL");
	CHECK(mailbox_parse_alias("\0", 1, &(struct address){ 0 }) == -1,
	    "NUL alone");
	return unit_end("alias");
}
