/* SPDX-License-Identifier: ISC */
/* trace.c - see trace.h for the contract. */
#include "trace.h"

#include <stdio.h>
#include <string.h>

enum { TLS_CLAUSE_MAX = 160 };

void
trace_protocol(const struct trace *trace, char out[TRACE_PROTOCOL_MAX + 1])
{
	/* A message is UTF8... by SMTPUTF8, which only EHLO and LHLO offer, as
	 * they alone lead to TLS and AUTH. */
	const char *base = trace->lmtp ? (trace->utf8 ? "UTF8LMTP" : "LMTP")
	    : trace->utf8	       ? "UTF8SMTP"
	    : trace->extended	       ? "ESMTP"
				       : "SMTP";

	(void)snprintf(out, TRACE_PROTOCOL_MAX + 1, "%s%s%s", base,
	    trace->tls && strcmp(base, "SMTP") != 0 ? "S" : "",
	    trace->authenticated && strcmp(base, "SMTP") != 0 ? "A" : "");
}

size_t
trace_date(time_t when, char *out, size_t size)
{
	/* Not strftime: names of days must not follow a locale. */
	static const char days[][4] = {
		"Sun",
		"Mon",
		"Tue",
		"Wed",
		"Thu",
		"Fri",
		"Sat",
	};
	static const char months[][4] = {
		"Jan",
		"Feb",
		"Mar",
		"Apr",
		"May",
		"Jun",
		"Jul",
		"Aug",
		"Sep",
		"Oct",
		"Nov",
		"Dec",
	};
	struct tm tm;
	long offset;
	int len;

	if (localtime_r(&when, &tm) == NULL)
		return 0;
	offset = (tm.tm_gmtoff < 0 ? -tm.tm_gmtoff : tm.tm_gmtoff) / 60;
	len = snprintf(out, size, "%s, %d %s %d %02d:%02d:%02d %c%02ld%02ld",
	    days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900,
	    tm.tm_hour, tm.tm_min, tm.tm_sec, tm.tm_gmtoff < 0 ? '-' : '+',
	    offset / 60, offset % 60);
	return len < 0 || (size_t)len >= size ? 0 : (size_t)len;
}

/* The name a client gave stands where a Domain must: what is none is made an
 * Atom, so that no client can write other parts of the field. */
static void
sanitize(const char *helo, char out[ADDRESS_DOMAIN_MAX + 1])
{
	size_t len = strnlen(helo, ADDRESS_DOMAIN_MAX);
	bool good = address_is_domain(helo, len);

	for (size_t i = 0; i < len; i++) {
		char lower = address_lower(helo[i]);
		bool plain = (lower >= 'a' && lower <= 'z') ||
		    (lower >= '0' && lower <= '9') ||
		    strchr("-_.", lower) != NULL;

		out[i] = good || plain ? helo[i] : '?';
	}
	out[len] = '\0';
}

/* The clause "tls" (RFC 8314, 4.3), or nothing. */
static void
print_tls(const struct trace *trace, const char *end, char out[TLS_CLAUSE_MAX])
{
	out[0] = '\0';
	if (trace->tls && trace->cipher != NULL)
		(void)snprintf(out, TLS_CLAUSE_MAX, "%s\ttls %s%s%s", end,
		    trace->cipher, trace->group == NULL ? "" : " group ",
		    trace->group == NULL ? "" : trace->group);
}

size_t
trace_format(const struct trace *trace, char out[TRACE_MAX])
{
	char reverse_path[ADDRESS_PRINT_MAX + 1], helo[ADDRESS_DOMAIN_MAX + 1];
	char recipient[ADDRESS_PRINT_MAX + 1], date[64];
	char protocol[TRACE_PROTOCOL_MAX + 1], tls[TLS_CLAUSE_MAX];
	const char *end = trace->newline ? "\n" : "\r\n";
	bool one = trace->recipient != NULL;
	int len;

	address_print(trace->reverse_path, reverse_path);
	sanitize(trace->helo, helo);
	recipient[0] = '\0';
	if (one)
		address_print(trace->recipient, recipient);
	if (trace_date(trace->when, date, sizeof(date)) == 0)
		(void)snprintf(
		    date, sizeof(date), "Thu, 1 Jan 1970 00:00:00 -0000");
	trace_protocol(trace, protocol);
	print_tls(trace, end, tls);
	len = snprintf(out, TRACE_MAX,
	    "Return-Path: <%s>%s"
	    "Received: from %s%s%s%s%s"
	    "\tby %s with %s id %s%s"
	    "%s%s%s%s;%s"
	    "\t%s%s",
	    reverse_path, end, helo, trace->peer == NULL ? "" : " (",
	    trace->peer == NULL ? "" : trace->peer,
	    trace->peer == NULL ? "" : ")", end, trace->hostname, protocol,
	    trace->id, one ? end : "", one ? "\tfor <" : "", recipient,
	    one ? ">" : "", tls, end, date, end);
	return len < 0 ? 0 : (size_t)len;
}
