/* SPDX-License-Identifier: ISC */
/* What is added to a message by table: whole, octet by octet, in slices of
 * other sizes; and a second time, when nothing may be missing. */
#include "unit.h"

#include <stdlib.h>

#include "lib/complete.h"

#define DATE "Date: Thu, 29 Feb 2024 12:34:56 +0000"
#define ID "Message-ID: <1a-2b@mx.example.org>"
#define ADDED DATE "\r\n" ID "\r\n"

static const struct complete_settings crlf = {
	.domain = "example.org",
	.date = "Thu, 29 Feb 2024 12:34:56 +0000",
	.message_id = "<1a-2b@mx.example.org>",
}, lf = {
	.domain = "example.org",
	.date = "Thu, 29 Feb 2024 12:34:56 +0000",
	.message_id = "<1a-2b@mx.example.org>",
	.newline = true,
};

enum { OUTPUT_MAX = 65536 };

struct output {
	size_t len;
	char text[OUTPUT_MAX];
};

static void
gather(void *to, const char *bytes, size_t len)
{
	struct output *output = to;

	CHECK(len > 0, "nothing is put");
	if (len > OUTPUT_MAX - output->len)
		abort();
	memcpy(output->text + output->len, bytes, len);
	output->len += len;
}

/* Each slice from memory that ends with it. */
static void
run(const struct complete_settings *settings, const char *text, size_t len,
    size_t slice, struct output *output)
{
	static struct complete complete;

	memset(&complete, 'x', sizeof(complete));
	output->len = 0;
	complete_begin(&complete, settings, gather, output);
	for (size_t at = 0; at < len; at += slice) {
		size_t size = len - at < slice ? len - at : slice;
		char *copy = malloc(size);

		if (copy == NULL)
			abort();
		memcpy(copy, text + at, size);
		complete_add(&complete, copy, size);
		free(copy);
	}
	complete_end(&complete);
}

static void
check(const struct complete_settings *settings, const char *text, size_t len,
    const char *expected, size_t expected_len)
{
	static const size_t slices[] = { OUTPUT_MAX, 1, 2, 3, 7, 64, 1000 };
	static struct output output, again;

	for (size_t i = 0; i < sizeof(slices) / sizeof(slices[0]); i++) {
		run(settings, text, len, slices[i], &output);
		CHECK(output.len == expected_len && memcmp(output.text,
		    expected, expected_len) == 0, "slices of %zu of \"%.*s\""
		    ": \"%.*s\"", slices[i], (int)len, text, (int)output.len,
		    output.text);
	}
	run(settings, output.text, output.len, OUTPUT_MAX, &again);
	CHECK(again.len == output.len && memcmp(again.text, output.text,
	    output.len) == 0, "a second time: \"%.*s\"", (int)again.len,
	    again.text);
}

static const struct {
	const struct complete_settings *settings;
	const char *text, *expected;
} messages[] = {
	/* Nothing, no header, a header and nothing. */
	{ &crlf, "", ADDED },
	{ &lf, "", DATE "\n" ID "\n" },
	{ &crlf, "\r\n", ADDED "\r\n" },
	{ &lf, "\n", DATE "\n" ID "\n\n" },
	{ &crlf, "\r\nFrom: alice\r\n", ADDED "\r\nFrom: alice\r\n" },
	{ &crlf, "\nFrom: alice\n", ADDED "\nFrom: alice\n" },
	{ &lf, "\r\nbody\r\n", DATE "\n" ID "\n\r\nbody\r\n" },
	{ &crlf, "Hello\r\nTo: bob\r\n", ADDED "\r\nHello\r\nTo: bob\r\n" },
	{ &lf, "Hello\nTo: bob\n", DATE "\n" ID "\n\nHello\nTo: bob\n" },
	{ &crlf, "Hello Bob: hi\r\n", ADDED "\r\nHello Bob: hi\r\n" },
	{ &crlf, " To: bob\r\n", ADDED "\r\n To: bob\r\n" },
	{ &crlf, "\tTo: bob\r\n", ADDED "\r\n\tTo: bob\r\n" },
	{ &crlf, ": x\r\n", ADDED "\r\n: x\r\n" },
	{ &crlf, "From alice Thu Feb 29\r\nTo: bob\r\n",
	    ADDED "\r\nFrom alice Thu Feb 29\r\nTo: bob\r\n" },
	{ &crlf, "\xc3\xbc: x\r\n", ADDED "\r\n\xc3\xbc: x\r\n" },
	{ &crlf, "x\x7f: x\r\n", ADDED "\r\nx\x7f: x\r\n" },
	{ &crlf, "\r", ADDED "\r\n\r" },
	{ &crlf, "\rTo: bob\r\n", ADDED "\r\n\rTo: bob\r\n" },
	{ &crlf, "\r\r\nTo: bob\r\n", ADDED "\r\n\r\r\nTo: bob\r\n" },
	{ &crlf, "\r:\r\n", ADDED "\r\n\r:\r\n" },
	{ &crlf, "Fro", ADDED "\r\nFro" },
	{ &crlf, "From ", ADDED "\r\nFrom " },
	{ &crlf, "From\r\n: alice\r\n", ADDED "\r\nFrom\r\n: alice\r\n" },
	/* At the end of the header, and nothing after it is looked at. */
	{ &crlf, "Subject: x\r\n\r\nFrom: alice\r\nDate: x\r\n",
	    "Subject: x\r\n" ADDED "\r\nFrom: alice\r\nDate: x\r\n" },
	{ &lf, "Subject: x\n\nFrom: alice\n",
	    "Subject: x\n" DATE "\n" ID "\n\nFrom: alice\n" },
	{ &crlf, "Subject: x\n\nbody", "Subject: x\n" ADDED "\nbody" },
	{ &crlf, "Subject: x\r\n", "Subject: x\r\n" ADDED },
	{ &crlf, "Subject: x", "Subject: x\r\n" ADDED },
	{ &lf, "Subject: x", "Subject: x\n" DATE "\n" ID "\n" },
	{ &crlf, "Subject:", "Subject:\r\n" ADDED },
	{ &crlf, "Subject: x\r\n\ty\r\n", "Subject: x\r\n\ty\r\n" ADDED },
	{ &crlf, "Subject: x\r\n\r", "Subject: x\r\n" ADDED "\r" },
	/* An end of the header without an empty line stays one. */
	{ &crlf, "Subject: x\r\nHello\r\nFrom: alice\r\n",
	    "Subject: x\r\n" ADDED "Hello\r\nFrom: alice\r\n" },
	{ &crlf, "From: alice\r\nHello\r\nTo: bob\r\n",
	    "From: alice@example.org\r\n" ADDED "Hello\r\nTo: bob\r\n" },
	{ &crlf, "Subject: x\r\nFro", "Subject: x\r\n" ADDED "Fro" },
	/* What is there is not added: in any case, wherever it is. */
	{ &crlf, "Date: x\r\n\r\n", "Date: x\r\n" ID "\r\n\r\n" },
	{ &crlf, "Message-ID: x\r\n\r\n", "Message-ID: x\r\n" DATE "\r\n\r\n" },
	{ &crlf, "DATE: x\r\nmessage-id: y\r\n\r\nz",
	    "DATE: x\r\nmessage-id: y\r\n\r\nz" },
	{ &crlf, "Date : x\r\nMessage-Id\t : y\r\n",
	    "Date : x\r\nMessage-Id\t : y\r\n" },
	{ &crlf, "Date:\r\nMessage-ID: \r\n\r\n",
	    "Date:\r\nMessage-ID: \r\n\r\n" },
	{ &crlf, "Date: x\r\nMessage-ID: y\r\nSubject: z",
	    "Date: x\r\nMessage-ID: y\r\nSubject: z" },
	{ &crlf, "Date: x\r\nMessage-ID: y\r\nFrom: alice",
	    "Date: x\r\nMessage-ID: y\r\nFrom: alice@example.org" },
	{ &crlf, "Date: x\r\nMessage-ID: y\r\nHello\r\n",
	    "Date: x\r\nMessage-ID: y\r\nHello\r\n" },
	{ &crlf, "X-Date: x\r\nDates: y\r\nDat: z\r\nResent-Date: x\r\n"
	    "Resent-Message-ID: x\r\n\r\n", "X-Date: x\r\nDates: y\r\nDat: z"
	    "\r\nResent-Date: x\r\nResent-Message-ID: x\r\n" ADDED "\r\n" },
	{ &crlf, "Subject: x\r\n Date: y\r\n\r\n",
	    "Subject: x\r\n Date: y\r\n" ADDED "\r\n" },
	/* A field is held until the line after it has begun. */
	{ &crlf, "From: alice", "From: alice@example.org\r\n" ADDED },
	{ &lf, "From: alice", "From: alice@example.org\n" DATE "\n" ID "\n" },
	{ &crlf, "From: alice\r\n", "From: alice@example.org\r\n" ADDED },
	{ &crlf, "From: alice\n", "From: alice@example.org\n" ADDED },
	{ &crlf, "From:\r\n alice\r\n\r\nx",
	    "From:\r\n alice@example.org\r\n" ADDED "\r\nx" },
	{ &lf, "From:\n alice\n ,\n\tbob\n\nx", "From:\n alice@example.org\n ,"
	    "\n\tbob@example.org\n" DATE "\n" ID "\n\nx" },
	{ &crlf, "From: alice\r\n \r\n\r\n",
	    "From: alice@example.org\r\n \r\n" ADDED "\r\n" },
	{ &crlf, "From: alice\r\nTo: bob\r\n\r\n", "From: alice@example.org"
	    "\r\nTo: bob@example.org\r\n" ADDED "\r\n" },
	{ &crlf, "From: alice\r", "From: alice@example.org\r\r\n" ADDED },
	{ &lf, "From: alice\r", "From: alice@example.org\r\n" DATE "\n" ID
	    "\n" },
	{ &crlf, "To:\r", "To:\r\r\n" ADDED },
	/* Each of the fields, and no others. */
	{ &crlf, "from: a\r\nSENDER: a\r\nReply-to: a\r\nto : a\r\nCc:a\r\n"
	    "bcc:\ta\r\n\r\n",
	    "from: a@example.org\r\nSENDER: a@example.org\r\n"
	    "Reply-to: a@example.org\r\nto : a@example.org\r\n"
	    "Cc:a@example.org\r\nbcc:\ta@example.org\r\n" ADDED "\r\n" },
	{ &crlf, "Resent-From: a\r\nResent-Sender: a\r\nResent-Reply-To: a\r\n"
	    "Resent-To: a\r\nResent-Cc: a\r\nResent-Bcc: a\r\n\r\n",
	    "Resent-From: a@example.org\r\nResent-Sender: a@example.org\r\n"
	    "Resent-Reply-To: a@example.org\r\nResent-To: a@example.org\r\n"
	    "Resent-Cc: a@example.org\r\nResent-Bcc: a@example.org\r\n"
	    ADDED "\r\n" },
	{ &crlf, "Subject: a\r\nX-To: a\r\nTo-: a\r\nReceived: a\r\n"
	    "Return-Path: a\r\nErrors-To: a\r\nT: a\r\n\r\n",
	    "Subject: a\r\nX-To: a\r\nTo-: a\r\nReceived: a\r\n"
	    "Return-Path: a\r\nErrors-To: a\r\nT: a\r\n" ADDED "\r\n" },
};

/* The value of a field To; "@" stands for what is added, and 0 for a field
 * that passes as it is. */
#define AT "@example.org"
static const struct { const char *value, *completed; } values[] = {
	{ "", 0 }, { " ", 0 }, { " ,", 0 }, { " alice", " alice" AT },
	{ "alice", "alice" AT }, { " alice ", " alice" AT " " },
	{ " alice@example.net", 0 }, { " a.b-c+d_e", " a.b-c+d_e" AT },
	{ " <alice>", " <alice" AT ">" }, { " <alice@b>", 0 },
	{ " < alice >", " < alice" AT " >" },
	{ " Alice <alice>", " Alice <alice" AT ">" },
	{ " Alice Liddell <alice>", " Alice Liddell <alice" AT ">" },
	{ " Alice P. Liddell <alice>", " Alice P. Liddell <alice" AT ">" },
	{ " Alice<alice>", " Alice<alice" AT ">" },
	{ " \"Liddell, Alice\" <alice>", " \"Liddell, Alice\" <alice" AT ">" },
	{ " \"a\\\"b\\\\\" <alice>", " \"a\\\"b\\\\\" <alice" AT ">" },
	{ " \"<bob>\" <alice>", " \"<bob>\" <alice" AT ">" },
	{ " \"a\" b \"c\" <alice>", " \"a\" b \"c\" <alice" AT ">" },
	{ " \"\" <alice>", " \"\" <alice" AT ">" },
	{ " =?utf-8?Q?J=C3=B6?= <joe>", " =?utf-8?Q?J=C3=B6?= <joe" AT ">" },
	{ " J\xc3\xb6 <joe>", " J\xc3\xb6 <joe" AT ">" },
	{ " J\xf6 <joe>", " J\xf6 <joe" AT ">" },
	{ " \"J\xf6\" <joe>", " \"J\xf6\" <joe" AT ">" },
	/* Comments, as the cron of old writes them. */
	{ " root (Cron Daemon)", " root" AT " (Cron Daemon)" },
	{ " (Cron Daemon) root", " (Cron Daemon) root" AT },
	{ " alice(a, b <c> \"d)", " alice" AT "(a, b <c> \"d)" },
	{ " alice ((a) (b (c)))", " alice" AT " ((a) (b (c)))" },
	{ " alice (\\) \\( \xff)", " alice" AT " (\\) \\( \xff)" },
	{ " Alice (x) <(y)alice(z)>(w)", " Alice (x) <(y)alice" AT "(z)>(w)" },
	{ " alice (a", 0 }, { " alice (a))", 0 }, { " alice )", 0 },
	{ " (alice)", 0 }, { " alice (a\\", 0 }, { " alice (a\\)", 0 },
	/* Lists, with empty elements. */
	{ " alice, bob", " alice" AT ", bob" AT },
	{ " alice,bob,carol@b", " alice" AT ",bob" AT ",carol@b" },
	{ " carol@b, bob", " carol@b, bob" AT },
	{ ",alice,,bob,", ",alice" AT ",,bob" AT "," },
	{ " A <a>, B <b>", " A <a" AT ">, B <b" AT ">" },
	{ " a (x), (y) b", " a" AT " (x), (y) b" AT },
	/* Groups. */
	{ " undisclosed-recipients:;", 0 },
	{ " undisclosed recipients: ;", 0 },
	{ " \"a b\":;", 0 }, { " a: ,, ;", 0 },
	{ " team: alice, bob@b;", " team: alice" AT ", bob@b;" },
	{ " team: A <alice>;", " team: A <alice" AT ">;" },
	{ " team:;, alice", " team:;, alice" AT },
	{ " alice, team: bob;, carol", " alice" AT ", team: bob" AT
	    ";, carol" AT },
	{ " team: alice; (x)", " team: alice" AT "; (x)" },
	{ " team: alice", 0 }, { " alice;", 0 }, { " :;", 0 },
	{ " team: alice; bob", 0 }, { " a: b: c;;", 0 }, { " a: b: c;", 0 }, { " a: b:, c;", 0 }, { " :alice;", 0 },
	{ " team: alice;;", 0 }, { " <alice>:;", 0 }, { " a@b: c;", 0 },
	/* A quoted-string is a local-part, too. */
	{ " \"alice\"", " \"alice\"" AT },
	{ " \"a b\"@b, alice", " \"a b\"@b, alice" AT },
	{ " <\"a \\\" b\">", " <\"a \\\" b\"" AT ">" },
	{ " \"alice", 0 }, { " \"alice\\\"", 0 }, { " \"a\"b", 0 },
	{ " \"a\".b", 0 }, { " \"a\tb\"", 0 },
	/* Routes: whose a local-part behind one is, is not ours to say. */
	{ " <@a,@b:alice@c>, bob", " <@a,@b:alice@c>, bob" AT },
	{ " <@a:alice>", 0 }, { " <@a:alice>, bob", 0 },
	{ " <@a, , @b : alice@c>, bob", " <@a, , @b : alice@c>, bob" AT },
	{ " <@a alice@c>, bob", 0 }, { " <@:alice@c>, bob", 0 },
	{ " @a:alice@c, bob", 0 },
	/* Domains of any form. */
	{ " a@[192.0.2.1], b", " a@[192.0.2.1], b" AT },
	{ " a@[x y\\]], b", " a@[x y\\]], b" AT },
	{ " a @ b . c", 0 }, { " a @ b, c", " a @ b, c" AT },
	{ " a@b (x), c", " a@b (x), c" AT },
	{ " a..b.@c, d", " a..b.@c, d" AT },
	{ " a@, b", 0 }, { " a@[b, c", 0 }, { " a@[b[c]], d", 0 },
	{ " a@[b[c], d", 0 }, { " <a b@c>, d", 0 },
	{ " a@b@c, d", 0 }, { " @b, c", 0 }, { " a@\"b\", c", 0 },
	/* What may be a name, and not an address. */
	{ " Alice Liddell", 0 }, { " Alice P. Liddell", 0 },
	{ " P. Liddell", 0 }, { " P . Liddell", 0 },
	{ " \"Alice\" Liddell", 0 }, { " =?utf-8?Q?alice?=", 0 },
	{ " <=?utf-8?Q?alice?=>", 0 }, { " bob, =?us-ascii?Q?alice?=", 0 },
	{ " =\?=", " =\?=" AT }, { " =\?\?=", 0 }, { " =?x", " =?x" AT },
	{ " .alice", 0 }, { " alice.", 0 }, { " al..ice", 0 }, { " .", 0 },
	{ " alice bob@b", 0 }, { " Alice alice@b, bob", 0 },
	{ " j\xc3\xb6", " j\xc3\xb6" AT }, { " j\xf6", 0 },
	{ " <>", 0 }, { " <>, bob", 0 }, { " Alice <>", 0 },
	{ " <alice", 0 }, { " alice>", 0 }, { " <alice>>", 0 },
	{ " <<alice>>", 0 }, { " <alice> bob", 0 }, { " <alice> <bob>", 0 },
	{ " <alice, bob>", 0 }, { " <Alice Liddell>", 0 },
	{ " alice\\", 0 }, { " al\\ice", 0 }, { " al]ice", 0 },
	{ " alice\001", 0 }, { " al\x7fice", 0 }, { " (\001) alice", 0 }, { " (\\\001) alice", 0 },
	{ " \"\001\" <alice>", 0 }, { " al\rice", 0 }, { " alice\r", 0 },
	{ " mailto:alice", 0 }, { " /dev/null", " /dev/null" AT },
	{ " |/bin/sh", " |/bin/sh" AT }, { " alice@b bob@c", 0 },
	/* Folded at every place where that may be. */
	{ "\r\n alice\r\n\t,\r\n bob\r\n ", "\r\n alice" AT "\r\n\t,\r\n bob"
	    AT "\r\n " },
	{ "\n Alice\n Liddell\n <\n alice\n >", "\n Alice\n Liddell\n <\n "
	    "alice" AT "\n >" },
	{ " alice (a\r\n b)", " alice" AT " (a\r\n b)" },
	{ " \"a\r\n b\" <alice>", " \"a\r\n b\" <alice" AT ">" },
	{ " \"a\r\n b\"", 0 }, { " a@[x\r\n y], b", " a@[x\r\n y], b" AT },
	{ " a\r\n .b", 0 }, { " alice\r\r\n ", 0 },
	{ " team:\r\n alice,\r\n bob\r\n ;", " team:\r\n alice" AT ",\r\n bob"
	    AT "\r\n ;" },
};

static void
check_value(const char *value, const char *completed)
{
	static char text[4096], expected[4096];

	(void)snprintf(text, sizeof(text), "To:%s\r\n\r\nTo:%s\r\n", value,
	    value);
	(void)snprintf(expected, sizeof(expected), "To:%s\r\n%s\r\nTo:%s\r\n",
	    completed == NULL ? value : completed, ADDED, value);
	check(&crlf, text, strlen(text), expected, strlen(expected));
}

/* An octet of any value, wherever it is, is kept; in a name or at its start it
 * ends the header, and in an address field it can be no address. */
static void
check_octets(void)
{
	static const char form[] = "Subject: x\r\nX-\001: \001\r\nTo: \001x\001"
	    " y\r\n\r\n\001";
	char text[sizeof(form)];
	static struct output output, slow;

	for (int octet = 0; octet < 256; octet++) {
		size_t at = 0;

		for (size_t i = 0; i < sizeof(form); i++)
			text[i] = form[i] == '\001' ? (char)octet : form[i];
		run(&crlf, text, sizeof(form) - 1, OUTPUT_MAX, &output);
		run(&crlf, text, sizeof(form) - 1, 1, &slow);
		CHECK(output.len == slow.len && memcmp(output.text, slow.text,
		    slow.len) == 0, "octet %d in slices", octet);
		for (size_t i = 0; i < output.len; i++)
			at += at < sizeof(form) - 1 && output.text[i] ==
			    text[at];
		CHECK(at == sizeof(form) - 1, "octet %d is lost", octet);
		CHECK(memmem(output.text, output.len, ADDED, strlen(ADDED)) !=
		    NULL, "octet %d", octet);
	}
}

static size_t
repeat(char *out, size_t at, const char *text, size_t end)
{
	size_t len = strlen(text);

	for (; at + len <= end; at += len)
		memcpy(out + at, text, len);
	return at;
}

/* A field of the longest size is completed, one octet more is not. And names
 * that are as long as that. */
static void
check_longest(void)
{
	static char text[COMPLETE_FIELD_MAX + 100];
	static char expected[sizeof(text) + 100];

	for (size_t size = COMPLETE_FIELD_MAX - 1;
	    size <= COMPLETE_FIELD_MAX + 1; size++) {
		size_t len = 5, expected_len;
		bool fits = size <= COMPLETE_FIELD_MAX;

		memcpy(text, "To: x", 5);
		len = repeat(text, len, ",\r\n a@b", size - 10);
		while (len < size - 2)
			text[len++] = ' ';
		memcpy(text + len, "\r\n\r\n", 4);
		expected_len = (size_t)snprintf(expected, sizeof(expected),
		    "To: x%s%.*s" ADDED "\r\n", fits ? AT : "",
		    (int)(size - 5), text + 5);
		check(&crlf, text, size + 2, expected, expected_len);
		/* The same at the end of the message. */
		check(&crlf, text, size, expected, expected_len - 2);
	}
	for (size_t size = COMPLETE_FIELD_MAX - 1;
	    size <= COMPLETE_FIELD_MAX + 1; size++) {
		size_t len = repeat(text, 0, "x", size - 1), expected_len;

		text[len++] = ':';
		memcpy(text + len, "\r\n\r\n", 4);
		expected_len = size <= COMPLETE_FIELD_MAX
		    ? (size_t)snprintf(expected, sizeof(expected),
			"%.*s\r\n" ADDED "\r\n", (int)len, text)
		    : (size_t)snprintf(expected, sizeof(expected),
			ADDED "\r\n%.*s\r\n\r\n", (int)len, text);
		check(&crlf, text, len + 4, expected, expected_len);
	}
}

/* No line becomes longer than a line may be; and each is counted alone. */
static void
check_lines(int lines)
{
	static char text[8192], expected[8192];

	for (size_t size = COMPLETE_LINE_MAX - 30;
	    size <= COMPLETE_LINE_MAX + 2; size++) {
		size_t len = 0, expected_len = 0;
		bool fits = size + 2 * strlen(AT) <= COMPLETE_LINE_MAX;

		for (int line = 0; line < lines; line++) {
			size_t start = len;

			len += (size_t)sprintf(text + len, "%sa,b",
			    line == 0 ? "To: " : " ");
			expected_len += (size_t)sprintf(expected +
			    expected_len, "%sa%s,b%s", line == 0 ? "To: " :
			    " ", fits ? AT : "", fits ? AT : "");
			for (; len - start < size - 1; len++)
				expected[expected_len++] = text[len] = ' ';
			len += (size_t)sprintf(text + len, ",\r\n");
			expected_len += (size_t)sprintf(expected +
			    expected_len, ",\r\n");
		}
		expected_len += (size_t)sprintf(expected + expected_len,
		    "%s\r\n", ADDED);
		len += (size_t)sprintf(text + len, "\r\n");
		check(&crlf, text, len, expected, expected_len);
	}
}

/* As many in one line as it has room for; of one more, none. */
static void
check_many(void)
{
	char value[1000], completed[2000];

	for (int count = 60; count < 80; count++) {
		size_t len = 0, completed_len = 0;

		for (int i = 0; i < count; i++) {
			len += (size_t)sprintf(value + len, "a,");
			completed_len += (size_t)sprintf(completed +
			    completed_len, "a" AT ",");
		}
		check_value(value, strlen("To:") + completed_len <=
		    COMPLETE_LINE_MAX ? completed : NULL);
	}
}

/* Local-parts of 64 octets and more. */
static void
check_local_parts(void)
{
	char value[80], completed[100];

	for (int len = 63; len <= 66; len++) {
		(void)snprintf(value, sizeof(value), " <%.*s>", len,
		    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		    "aaaaaaaaaaaaaaaaaaaa");
		(void)snprintf(completed, sizeof(completed), "%.*s" AT ">",
		    len + 2, value);
		check_value(value, len <= 64 ? completed : NULL);
	}
}

/* Comments may be as deep as a field is long. */
static void
check_depth(void)
{
	static char value[4096], completed[8192];
	size_t half = 1000;

	memcpy(value, " a", 2);
	memset(value + 2, '(', half);
	memset(value + 2 + half, ')', half);
	value[2 + 2 * half] = '\0';
	check_value(value, NULL);	/* one line, longer than it may be */
	half = 400;
	memset(value + 2, '(', half);
	memset(value + 2 + half, ')', half);
	value[2 + 2 * half] = '\0';
	(void)snprintf(completed, sizeof(completed), " a" AT "%s", value + 2);
	check_value(value, completed);
	value[1 + 2 * half] = '\0';
	check_value(value, NULL);
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++)
		check(messages[i].settings, messages[i].text,
		    strlen(messages[i].text), messages[i].expected,
		    strlen(messages[i].expected));
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		check_value(values[i].value, values[i].completed);
	check_octets();
	check_longest();
	check_lines(1);
	check_lines(3);
	check_many();
	check_local_parts();
	check_depth();
	check(&crlf, "To: a\0b\r\n\r\n\0", 12,
	    "To: a\0b\r\n" ADDED "\r\n\0", 12 + strlen(ADDED));
	check(&crlf, "\0To: a\r\n", 8, ADDED "\r\n\0To: a\r\n",
	    10 + strlen(ADDED));
	return unit_end("complete");
}
