/* SPDX-License-Identifier: ISC */
/* parameter.h - the parameters of MAIL and RCPT (RFC 5321, 4.1.1.11).
 *
 *   SIZE=n (RFC 1870)   BODY=type (RFC 6152, RFC 3030)   SMTPUTF8 (RFC 6531)
 *   AUTH=mailbox (RFC 4954)
 *
 * Pure: text in, values out. Knows no reply. */
#ifndef PARAMETER_H
#define PARAMETER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum parameter_status {
	PARAMETER_OK,
	PARAMETER_SYNTAX,  /* no esmtp-param */
	PARAMETER_UNKNOWN, /* a keyword that is not offered */
	PARAMETER_TWICE,
	PARAMETER_VALUE, /* a value that the keyword does not take */
	PARAMETER_BIG,	 /* SIZE is beyond size_max */
	PARAMETER_STATUSES,
};

enum parameter_body { /* BODY= */
	PARAMETER_7BIT,
	PARAMETER_8BITMIME,
	PARAMETER_BINARYMIME,
};

struct parameters {
	/* Set by the caller. */
	uint64_t size_max; /* octets, 0 for no limit */
	bool auth;	   /* AUTH is offered */

	/* What was found, or nothing. */
	uint64_t size; /* octets; more than 64 bits hold is UINT64_MAX */
	enum parameter_body body;
	bool utf8;
};

/* Parse all of text[0..len), the rest of a MAIL command behind its path. Stops
 * at the first parameter that is wrong. */
enum parameter_status parameter_parse_mail(
    struct parameters *parameters, const char *text, size_t len);

/* The same for RCPT, for which we offer none. */
enum parameter_status parameter_parse_rcpt(const char *text, size_t len);

#endif
