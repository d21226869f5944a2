/* SPDX-License-Identifier: ISC */
/* Trace fields by table: dates in many zones, and the fields to the letter. */
#include "unit.h"

#include <stdlib.h>

#include "lib/trace.h"

static const struct { const char *zone; time_t when; const char *date; }
dates[] = {
	{ "UTC0", 0, "Thu, 1 Jan 1970 00:00:00 +0000" },
	{ "UTC0", 1709210096, "Thu, 29 Feb 2024 12:34:56 +0000" },
	{ "UTC0", 951782400, "Tue, 29 Feb 2000 00:00:00 +0000" },
	{ "UTC0", 1230767999, "Wed, 31 Dec 2008 23:59:59 +0000" },
	{ "UTC0", 2147483648, "Tue, 19 Jan 2038 03:14:08 +0000" },
	{ "UTC0", -1, "Wed, 31 Dec 1969 23:59:59 +0000" },
	{ "EST5EDT,M3.2.0,M11.1.0", 1705320000,
	    "Mon, 15 Jan 2024 07:00:00 -0500" },
	{ "EST5EDT,M3.2.0,M11.1.0", 1721044800,
	    "Mon, 15 Jul 2024 08:00:00 -0400" },
	{ "<+0530>-5:30", 1705320000, "Mon, 15 Jan 2024 17:30:00 +0530" },
	{ "<+0545>-5:45", 1705320000, "Mon, 15 Jan 2024 17:45:00 +0545" },
	{ "<-0330>3:30", 1705320000, "Mon, 15 Jan 2024 08:30:00 -0330" },
	{ "<-0030>0:30", 1705320000, "Mon, 15 Jan 2024 11:30:00 -0030" },
	{ "<+14>-14", 1705320000, "Tue, 16 Jan 2024 02:00:00 +1400" },
	{ "<-12>12", 1705320000, "Mon, 15 Jan 2024 00:00:00 -1200" },
	{ "<-12>12", 1705276800, "Sun, 14 Jan 2024 12:00:00 -1200" },
};

/* Whether text is a date-time of RFC 5322, 3.3, by a reading of its own. */
static bool
is_date(const char *text)
{
	static const char days[] = "MonTueWedThuFriSatSun";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	char day_name[4], month[4], sign, end;
	int day, year, hour, minute, second, hours, minutes;

	if (sscanf(text, "%3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d "
	    "%c%2d%2d%c", day_name, &day, month, &year, &hour, &minute,
	    &second, &sign, &hours, &minutes, &end) != 10)
		return false;
	return strstr(days, day_name) != NULL &&
	    strstr(months, month) != NULL && day >= 1 && day <= 31 &&
	    year >= 1900 && hour < 24 && minute < 60 && second <= 60 &&
	    (sign == '+' || sign == '-') && hours < 24 && minutes < 60;
}

static void
check_dates(void)
{
	char date[64];
	size_t len;

	for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++) {
		setenv("TZ", dates[i].zone, 1);
		tzset();
		len = trace_date(dates[i].when, date, sizeof(date));
		CHECK(strcmp(date, dates[i].date) == 0, "%s: %s",
		    dates[i].zone, date);
		CHECK(len == strlen(dates[i].date), "%zu octets", len);
		CHECK(is_date(date), "%s", date);
		CHECK(trace_date(dates[i].when, date, len) == 0,
		    "no room for the NUL");
		CHECK(trace_date(dates[i].when, date, len + 1) == len,
		    "room enough");
	}
	/* Each day of years with and without a leap day. */
	for (time_t when = 915148800; when < 915148800 + 800 * 86400;
	    when += 86400 - 61) {
		len = trace_date(when, date, sizeof(date));
		CHECK(len > 0 && is_date(date), "%s", date);
	}
	/* A year that no struct tm can hold. */
	CHECK(trace_date(INT64_MAX, date, sizeof(date)) == 0, "no such year");
}

static const struct {
	bool extended, lmtp, utf8, tls, authenticated;
	const char *keyword;
} keywords[] = {
	{ false, false, false, false, false, "SMTP" },
	{ true, false, false, false, false, "ESMTP" },
	{ true, false, true, false, false, "UTF8SMTP" },
	{ true, true, false, false, false, "LMTP" },
	{ true, true, true, false, false, "UTF8LMTP" },
	{ false, false, false, true, false, "SMTP" }, /* HELO after STARTTLS */
	{ true, false, false, true, false, "ESMTPS" },
	{ true, false, false, false, true, "ESMTPA" },
	{ true, false, false, true, true, "ESMTPSA" },
	{ true, false, true, true, false, "UTF8SMTPS" },
	{ true, false, true, false, true, "UTF8SMTPA" },
	{ true, false, true, true, true, "UTF8SMTPSA" },
	{ true, true, false, true, false, "LMTPS" },
	{ true, true, false, false, true, "LMTPA" },
	{ true, true, false, true, true, "LMTPSA" },
	{ true, true, true, true, true, "UTF8LMTPSA" },
};

static struct address
address_of(const char *text)
{
	struct address address = { .kind = ADDRESS_NULL };

	if (*text != '\0' && address_parse_mailbox(text, strlen(text),
	    &address) != ADDRESS_OK)
		abort();
	return address;
}

static const struct {
	const char *from, *to, *helo, *peer;
	bool newline;
	const char *fields;
	const char *cipher, *group; /* of TLS, or NULL */
} fields[] = {
	{ "a@b", "x@y", "c.example", "[192.0.2.1]", false,
	    "Return-Path: <a@b>\r\n"
	    "Received: from c.example ([192.0.2.1])\r\n"
	    "\tby mx.example.org with ESMTP id 1a-2b\r\n"
	    "\tfor <x@y>;\r\n"
	    "\tThu, 29 Feb 2024 12:34:56 +0000\r\n", NULL, NULL },
	{ "", NULL, "[IPv6:::1]", NULL, true,
	    "Return-Path: <>\n"
	    "Received: from [IPv6:::1]\n"
	    "\tby mx.example.org with ESMTP id 1a-2b;\n"
	    "\tThu, 29 Feb 2024 12:34:56 +0000\n", NULL, NULL },
	/* The clause of RFC 8314, 4.3. */
	{ "a@b", "x@y", "c.example", "[192.0.2.1]", false,
	    "Return-Path: <a@b>\r\n"
	    "Received: from c.example ([192.0.2.1])\r\n"
	    "\tby mx.example.org with ESMTPS id 1a-2b\r\n"
	    "\tfor <x@y>\r\n"
	    "\ttls TLS_AES_256_GCM_SHA384 group x25519;\r\n"
	    "\tThu, 29 Feb 2024 12:34:56 +0000\r\n",
	    "TLS_AES_256_GCM_SHA384", "x25519" },
	{ "a@b", NULL, "c.example", NULL, true,
	    "Return-Path: <a@b>\n"
	    "Received: from c.example\n"
	    "\tby mx.example.org with ESMTPS id 1a-2b\n"
	    "\ttls TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256;\n"
	    "\tThu, 29 Feb 2024 12:34:56 +0000\n",
	    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", NULL },
	/* No client writes other parts of the field. */
	{ "\"a >b\"@c", "x@y", "x>;(by_evil)\"", "uid 1000", true,
	    "Return-Path: <\"a >b\"@c>\n"
	    "Received: from x???by_evil?? (uid 1000)\n"
	    "\tby mx.example.org with ESMTP id 1a-2b\n"
	    "\tfor <x@y>;\n"
	    "\tThu, 29 Feb 2024 12:34:56 +0000\n", NULL, NULL },
};

static void
check_fields(void)
{
	char out[TRACE_MAX], protocol[TRACE_PROTOCOL_MAX + 1];

	setenv("TZ", "UTC0", 1);
	tzset();
	for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++) {
		struct trace trace = { .extended = keywords[i].extended,
		    .lmtp = keywords[i].lmtp, .utf8 = keywords[i].utf8,
		    .tls = keywords[i].tls,
		    .authenticated = keywords[i].authenticated };

		trace_protocol(&trace, protocol);
		CHECK(strcmp(protocol, keywords[i].keyword) == 0,
		    "%s", keywords[i].keyword);
	}
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		struct address from = address_of(fields[i].from);
		struct address to = address_of(fields[i].to == NULL ? "x" :
		    fields[i].to);
		struct trace trace = { .reverse_path = &from,
		    .recipient = fields[i].to == NULL ? NULL : &to,
		    .helo = fields[i].helo, .peer = fields[i].peer,
		    .hostname = "mx.example.org", .id = "1a-2b",
		    .extended = true, .newline = fields[i].newline,
		    .tls = fields[i].cipher != NULL,
		    .cipher = fields[i].cipher, .group = fields[i].group,
		    .when = 1709210096 };
		size_t len = trace_format(&trace, out);

		CHECK(strcmp(out, fields[i].fields) == 0, "%s", out);
		CHECK(len == strlen(fields[i].fields), "%zu octets", len);
	}
}

/* The longest of everything fits. */
static void
check_longest(void)
{
	struct address address = { .kind = ADDRESS_DOMAIN,
	    .local_len = ADDRESS_LOCAL_MAX, .domain_len = ADDRESS_DOMAIN_MAX };
	char out[TRACE_MAX], name[ADDRESS_DOMAIN_MAX + 1], id[64], peer[64];
	struct trace trace = { .reverse_path = &address,
	    .recipient = &address, .helo = name, .peer = peer,
	    .hostname = name, .id = id, .utf8 = true, .lmtp = true,
	    .tls = true, .authenticated = true,
	    .cipher = "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
	    .group = "secp256k1_of_a_long_name", .when = INT64_MAX };
	size_t len;

	memset(address.local, '"', ADDRESS_LOCAL_MAX);
	memset(address.domain, 'd', ADDRESS_DOMAIN_MAX);
	memset(name, 'n', sizeof(name));
	name[ADDRESS_DOMAIN_MAX] = '\0';
	memset(id, 'i', sizeof(id));
	id[sizeof(id) - 1] = '\0';
	memset(peer, 'p', sizeof(peer));
	peer[sizeof(peer) - 1] = '\0';
	len = trace_format(&trace, out);
	CHECK(len == strlen(out) && len < TRACE_MAX, "%zu octets", len);
	CHECK(strstr(out, "\tThu, 1 Jan 1970 00:00:00 -0000\n") == NULL &&
	    strstr(out, "\tThu, 1 Jan 1970 00:00:00 -0000\r\n") != NULL,
	    "a clock that is mad");
}

int
main(void)
{
	check_dates();
	check_fields();
	check_longest();
	return unit_end("trace");
}
