/* SPDX-License-Identifier: ISC */
/* trace.h - the trace fields that a receiver puts before a message:
 * Return-Path and Received (RFC 5321, 4.4; RFC 3848; RFC 6531, 3.7.3; RFC 8314,
 * 4.3).
 *
 * Values in, text out. Knows no descriptor, clock or session. */
#ifndef TRACE_H
#define TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "address.h"

enum { TRACE_MAX = 2048 }; /* octets of both fields, at most */

struct trace {
	const struct address *reverse_path;
	const struct address *recipient; /* "for", NULL unless it is one */
	const char *helo; /* as the client gave it, any visible ASCII */
	const char *peer; /* its address literal, NULL if it has none */
	const char *hostname;
	const char *id;		   /* an Atom */
	bool extended, lmtp, utf8; /* for the protocol keyword */
	bool tls, authenticated;   /* the same */
	const char *cipher;	   /* of TLS, its IANA name */
	const char *group;	   /* of its key exchange, or NULL */
	bool newline;		   /* lines end in LF alone */
	time_t when;
};

enum { TRACE_PROTOCOL_MAX = 15 };

/* Write the keyword of the "with" clause and a NUL: SMTP, ESMTP, LMTP, UTF8SMTP,
 * UTF8LMTP; with S after TLS and A after AUTH (RFC 3848). */
void trace_protocol(
    const struct trace *trace, char out[TRACE_PROTOCOL_MAX + 1]);

/* Write an RFC 5322, 3.3 date-time with the local offset, and a NUL. Returns
 * its length, or 0 when it does not fit in size. */
size_t trace_date(time_t when, char *out, size_t size);

/* Write both fields and a NUL. Returns the length without the NUL. */
size_t trace_format(const struct trace *trace, char out[TRACE_MAX]);

#endif
