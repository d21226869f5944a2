/* SPDX-License-Identifier: ISC */
/* address.h - the arguments of SMTP commands: paths, mailboxes, domains and
 * ESMTP parameters (RFC 5321, 4.1.2; RFC 6531, 3.3).
 *
 * Pure: bytes in, values out. Knows no descriptor, clock, heap, errno or
 * locale, and not which domains or users exist. Text is pointer plus length
 * and may hold any octet; nothing here reads past the length. */
#ifndef ADDRESS_H
#define ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Octets, RFC 5321, 4.5.3.1; RFC 6531 counts UTF-8 in octets too. */
enum {
	ADDRESS_LOCAL_MAX = 64,	  /* 4.5.3.1.1, as it was written */
	ADDRESS_DOMAIN_MAX = 255, /* 4.5.3.1.2 */
	ADDRESS_LABEL_MAX = 63,	  /* RFC 1035, 2.3.4 */
	ADDRESS_PATH_MAX = 256,	  /* 4.5.3.1.3, with "<", route and ">" */
	/* Longest address_print(): quoting may double the local-part. */
	ADDRESS_PRINT_MAX = 2 * ADDRESS_LOCAL_MAX + 2 + 1 + ADDRESS_DOMAIN_MAX,
};

enum address_status {
	ADDRESS_OK,
	ADDRESS_SYNTAX,	    /* not in the grammar */
	ADDRESS_TOO_LONG,   /* in the grammar, beyond a length above */
	ADDRESS_NEEDS_UTF8, /* good only after SMTPUTF8 was asked for */
};

enum address_kind {
	ADDRESS_NULL,	    /* "<>" */
	ADDRESS_POSTMASTER, /* "<postmaster>", no domain */
	ADDRESS_DOMAIN,	    /* local-part "@" domain */
	ADDRESS_LITERAL,    /* local-part "@" "[" literal "]" */
	ADDRESS_LOCAL,	    /* a bare local-part, in an alias file or VRFY */
};

/* A parsed address. Strings end in NUL for convenience and cannot hold one.
 * local is without its quotes; domain is as written, a literal with its
 * brackets, empty for kinds that have none. */
struct address {
	enum address_kind kind;
	bool utf8; /* an octet over 127 in it */
	uint8_t local_len, domain_len;
	char local[ADDRESS_LOCAL_MAX + 1];
	char domain[ADDRESS_DOMAIN_MAX + 1];
};

/* Which forms address_parse_path() takes, or-ed. */
enum {
	ADDRESS_ALLOW_NULL = 1,	      /* a reverse-path may be "<>" */
	ADDRESS_ALLOW_POSTMASTER = 2, /* a forward-path "<postmaster>" */
	ADDRESS_ALLOW_UTF8 = 4,	      /* SMTPUTF8 is on */
};

/* An ESMTP parameter, pointing into the caller's text (RFC 5321, 4.1.2). */
struct address_parameter {
	const char *keyword, *value; /* value is NULL when there is no "=" */
	size_t keyword_len, value_len;
};

/* Parse the Path at the start of text[0..len): "<" [source route ":"] Mailbox
 * ">" (RFC 5321, 4.1.2). A source route is checked and forgotten (appendix
 * C). On ADDRESS_OK fills *out and sets *used to the octets of the path;
 * on anything else both are undefined. */
enum address_status address_parse_path(const char *text, size_t len,
    unsigned allow, struct address *out, size_t *used);

/* Parse all of text[0..len) as a Mailbox without angle brackets, or as a
 * local-part alone. UTF-8 is allowed. Fills *out on ADDRESS_OK. */
enum address_status address_parse_mailbox(
    const char *text, size_t len, struct address *out);

/* Cut the next esmtp-param off *text, with the spaces before it. Returns 1
 * and fills *out, 0 when only spaces were left, -1 on a syntax error. On 1
 * advances *text and *len past it. UTF-8 values are let through (RFC 6531,
 * 3.3 extends esmtp-value). */
int address_parse_parameter(
    const char **text, size_t *len, struct address_parameter *out);

/* Parse all of text[0..len) as decimal digits into *out. False when empty,
 * not digits, or more than 64 bits. */
bool address_parse_number(const char *text, size_t len, uint64_t *out);

/* Whether text[0..len) is a Domain or an address literal (RFC 5321, 4.1.2),
 * as EHLO wants it. ASCII only. */
bool address_is_domain(const char *text, size_t len);

/* Whether text[0..len) is well-formed UTF-8 (RFC 3629, 4). */
bool address_is_utf8(const char *text, size_t len);

/* Write the address without angle brackets, with the least quoting (RFC 5321,
 * 4.1.2), and a NUL. Nothing for ADDRESS_NULL. Returns the length without the
 * NUL, at most ADDRESS_PRINT_MAX. */
size_t address_print(
    const struct address *address, char out[ADDRESS_PRINT_MAX + 1]);

/* ASCII without the locale: the one place where bytes have a case. */
char address_lower(char byte);
/* Whether text[0..len) equals word, a lower-case string, but for case. */
bool address_same(const char *text, size_t len, const char *word);
/* Whether two texts of any case are the same but for that. */
bool address_equal(const char *a, size_t a_len, const char *b, size_t b_len);

#endif
