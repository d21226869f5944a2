/* SPDX-License-Identifier: ISC */
/* parser.c - what the language and the addresses cost, as pure functions.
 *
 *   parser [SECONDS]    by the clock, each row for so long (0.3)
 *   parser count        each row once, its name and unit a line: bench/counts
 *                       runs this under callgrind
 *
 * Each row brings a session to where a command or a body comes next, puts
 * that into the read buffer, and has measured() take it. Knows no descriptor;
 * every question is answered with yes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"

#include "protocol.h"

enum { BODY = 48 * 1024 };	/* octets of a body; fits the read buffer */

#define HELLO "EHLO client.example.net\r\n"
#define FROM HELLO "MAIL FROM:<sender@client.example.net>\r\n"
#define FOR FROM "RCPT TO:<user1@example.org>\r\n"
#define RECEIVED \
	"Received: from relay.example.net (relay.example.net [192.0.2.7])\r\n" \
	"\tby mx.example.net with ESMTPS id 4f9a27; " \
	"Sat, 21 Nov 2026 12:00:00 +0000\r\n"
#define HEADER RECEIVED RECEIVED \
	"From: \"A. Sender\" <sender@client.example.net>\r\n" \
	"To: user1@example.org\r\nSubject: how fast\r\n" \
	"Date: Sat, 21 Nov 2026 12:00:00 +0000\r\n" \
	"Message-ID: <20261121.4f9a27@client.example.net>\r\n" \
	"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"

struct row {
	const char *name;
	const char *before;	/* sent first; NULL: text is an address */
	const char *text;	/* then this, or where NULL a body, */
	size_t line;		/* of lines of so many octets with CR LF, */
	const char *start;	/* each beginning with this */
	unsigned commands;	/* in text; 0: it is part of a message */
	bool refused;		/* as it should be */
};

static const struct row rows[] = {
	{ "EHLO", "", HELLO, .commands = 1 },
	{ "MAIL", HELLO, "MAIL FROM:<sender@client.example.net>\r\n",
	    .commands = 1 },
	{ "MAIL with parameters", HELLO, "MAIL FROM:"
	    "<sender@client.example.net> SIZE=4096 BODY=8BITMIME SMTPUTF8\r\n",
	    .commands = 1 },
	{ "RCPT", FROM, "RCPT TO:<user1@example.org>\r\n", .commands = 1 },
	{ "RCPT, another", FOR, "RCPT TO:<user2@example.org>\r\n",
	    .commands = 1 },
	{ "DATA", FOR, "DATA\r\n", .commands = 1 },
	{ "end of DATA", FOR "DATA\r\nSubject: x\r\n\r\nx\r\n", ".\r\n",
	    .commands = 1 },
	{ "BDAT, empty and last", FOR, "BDAT 0 LAST\r\n", .commands = 1 },
	{ "RSET", FOR, "RSET\r\n", .commands = 1 },
	{ "NOOP", HELLO, "NOOP\r\n", .commands = 1 },
	{ "VRFY", HELLO, "VRFY user1\r\n", .commands = 1 },
	{ "QUIT", HELLO, "QUIT\r\n", .commands = 1 },
	{ "unknown verb", HELLO, "HELO2 x\r\n", .commands = 1,
	    .refused = true },
	{ "RCPT, wrong", FROM, "RCPT TO:<user1@example..org>\r\n",
	    .commands = 1, .refused = true },
	{ "session", "", FOR "DATA\r\n" HEADER "\r\nHello.\r\n.\r\nQUIT\r\n",
	    .commands = 6 },
	{ "header", FOR "DATA\r\n", HEADER HEADER HEADER HEADER HEADER HEADER },
	{ "DATA body", FOR "DATA\r\n\r\n", .line = 78, .start = "" },
	{ "DATA body, long lines", FOR "DATA\r\n\r\n", .line = 998,
	    .start = "" },
	{ "DATA body, dots", FOR "DATA\r\n\r\n", .line = 78, .start = ".." },
	{ "BDAT body", FOR "BDAT 1000000 LAST\r\n\r\n", .line = 78,
	    .start = "" },
	{ "BDAT body, binary", HELLO "MAIL FROM:<> BODY=BINARYMIME\r\n"
	    "RCPT TO:<user1@example.org>\r\nBDAT 1000000 LAST\r\n\r\n",
	    .line = 78, .start = "" },
	{ "address", .text = "<user1@example.org>" },
	{ "address, long",
	    .text = "<first.middle.last+folder@mail.department.example.org>" },
	{ "address, quoted", .text = "<\"first last\"@example.org>" },
	{ "address, UTF-8", .text = "<j\303\266rg@b\303\274cher.example>" },
	{ "address, literal", .text = "<user1@[IPv6:2001:db8::25]>" },
	{ "address, wrong", .text = "<user1@example..org>", .refused = true },
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static const struct protocol_settings settings = {
	.hostname = "mx.example.org",
	.size_max = 50 << 20,
	.recipients_max = 1000,
	.messages_max = 1000,
	.errors_max = 20,
	.hops_max = 100,
	.vrfy = true,
};

static struct protocol protocol;

/* What nobody looks at the compiler would leave out. */
static volatile bool went;

void measured(const struct row *row);

/* Answer until all input is taken. Whether the session goes on. */
static bool
take(struct protocol *p)
{
	for (;;) {
		switch (protocol_step(p)) {
		case PROTOCOL_WANT_SENDER:
		case PROTOCOL_WANT_RECIPIENT:
		case PROTOCOL_WANT_VERIFY:
		case PROTOCOL_WANT_COMMIT:
			protocol_answer(p, VERDICT_YES);
			break;
		case PROTOCOL_WANT_OPEN:
			p->id[0] = '1';
			p->id[1] = '\0';
			protocol_answer(p, VERDICT_YES);
			break;
		case PROTOCOL_WANT_OUTPUT:
			p->out_len = 0;
			break;
		case PROTOCOL_WANT_INPUT:
			return true;
		case PROTOCOL_WANT_CLOSE:
			return false;
		default:
			break;
		}
	}
}

static bool
is_address(const struct row *row)
{
	return row->before == NULL;
}

/* One row whose input is there. bench/counts counts from the entry of this
 * function to its return, so it is one and has a name. */
__attribute__((noinline, noclone)) void
measured(const struct row *row)
{
	struct address address;
	size_t used;

	if (is_address(row))
		went = address_parse_path(row->text, strlen(row->text),
		    ADDRESS_ALLOW_UTF8, &address, &used) == ADDRESS_OK;
	else
		went = take(&protocol);
}

static void
feed(const char *text, size_t len)
{
	size_t room;
	char *place = protocol_room(&protocol, &room);

	if (room < len) {
		fputs("parser: the read buffer is too small\n", stderr);
		exit(1);
	}
	memcpy(place, text, len);
	protocol_add(&protocol, len);
}

/* What row wants measured. Returns its length. */
static size_t
input_of(const struct row *row, char body[BODY])
{
	size_t at = 0, start;

	if (row->text != NULL) {
		memcpy(body, row->text, strlen(row->text));
		return strlen(row->text);
	}
	start = strlen(row->start);
	while (at + row->line + 2 <= BODY) {
		memcpy(body + at, row->start, start);
		memset(body + at + start, 'x', row->line - 2 - start);
		at += row->line - 2;
		body[at++] = '\r';
		body[at++] = '\n';
	}
	return at;
}

/* All of row but what is measured. */
static void
prepare(const struct row *row, const char *input, size_t len)
{
	if (is_address(row))
		return;
	protocol_init(&protocol, &settings, false);
	(void)take(&protocol);
	if (row->before[0] != '\0') {
		feed(row->before, strlen(row->before));
		(void)take(&protocol);
	}
	protocol.out_len = 0;
	feed(input, len);
}

/* What is refused by accident would be cheap. */
static void
check(const struct row *row)
{
	const struct protocol *p = &protocol;
	bool refused = is_address(row) ? !went :
	    p->out_len > 0 && p->out[0] == '5';
	bool body = !is_address(row) && (row->commands == 0 ||
	    strcmp(row->name, "DATA") == 0);

	if (refused == row->refused && (is_address(row) ||
	    body == protocol_in_body(p)))
		return;
	fprintf(stderr, "parser: \"%s\" did not go as it should: %.*s\n",
	    row->name, is_address(row) ? 0 : (int)p->out_len, p->out);
	exit(1);
}

/* The unit of a row, and how many of it one run of measured() is. */
static const char *
unit_of(const struct row *row, size_t len, double *units)
{
	*units = 1;
	if (is_address(row))
		return "address";
	if (row->commands == 0) {
		*units = (double)len / 1024;
		return "KiB";
	}
	*units = row->commands;
	return "command";
}

/* Seconds that one run of measured() takes: the mean, without preparation. */
static double
clocked(const struct row *row, const char *input, size_t len, double seconds)
{
	unsigned long runs = 0, batch = is_address(row) ? 100 : 1;
	double spent = 0;

	while (spent < seconds) {
		double begin;

		prepare(row, input, len);
		begin = now();
		for (unsigned long i = 0; i < batch; i++)
			measured(row);
		spent += now() - begin;
		runs += batch;
	}
	return spent / (double)runs;
}

int
main(int argc, char *argv[])
{
	bool count = argc > 1 && strcmp(argv[1], "count") == 0;
	double seconds = argc > 1 ? strtod(argv[1], NULL) : 0.3;
	static char input[BODY];

	for (size_t i = 0; i < ROWS; i++) {
		const struct row *row = &rows[i];
		size_t len = input_of(row, input);
		const char *unit;
		double units, took;

		prepare(row, input, len);
		measured(row);
		check(row);
		unit = unit_of(row, len, &units);
		if (count) {
			printf("%s\t%s\t%f\n", row->name, unit, units);
			continue;
		}
		took = clocked(row, input, len, seconds);
		if (row->commands == 0 && !is_address(row))
			printf("%-24s %9.0f MB/s\n", row->name,
			    (double)len / took / 1e6);
		else
			printf("%-24s %9.0f thousand a second\n", row->name,
			    units / took / 1e3);
	}
	return 0;
}
