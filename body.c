/* SPDX-License-Identifier: ISC */
/* body.c - see body.h for the contract. */
#include "body.h"

#include <string.h>

#include "lib/address.h"

/* --- octets of the wire to octets of the message --- */

enum line {
	LINE_START,  /* after CR LF, or at the beginning */
	LINE_TEXT,   /* within a line */
	LINE_CR,     /* after a CR within a line */
	LINE_DOT,    /* after "." at the start of a line; withheld */
	LINE_DOT_CR, /* after "." CR; withheld */
	LINE_END,    /* after "." CR LF: the message is complete */
};

static void
refuse(struct body *body, enum body_fault fault)
{
	if (body->fault == BODY_GOOD)
		body->fault = fault;
}

/* Refuse, but not before the octets that come first were looked at: which of
 * two faults is told must not depend on how they came in packets. */
static void
refuse_next(struct body *body, enum body_fault fault)
{
	if (body->fault == BODY_GOOD)
		body->pending = fault;
}

enum { BLOCK = 64 };

/* Whether in a block and the octet behind it a CR or a LF stands alone. */
static bool
has_lone(const char in[BLOCK + 1])
{
	unsigned char alone = 0;

	for (size_t i = 0; i < BLOCK; i++)
		alone |= (in[i] == '\r') != (in[i + 1] == '\n');
	return alone != 0;
}

/* Past octets of in[0..len) in which no CR and no LF stands alone, by whole
 * blocks. A chunk is not searched for the end of a line, only for that: to
 * compare all octets of a block with their neighbours takes a fifth of the
 * instructions that memchr() takes line by line. */
static size_t
skip_pairs(const char *in, size_t len)
{
	size_t at = 0;

	if (len == 0 || in[0] == '\n')
		return 0;
	while (len - at > BLOCK && !has_lone(in + at))
		at += BLOCK;
	/* Not between a CR and its LF. */
	return at > 0 && in[at - 1] == '\r' ? at + 1 : at;
}

/* Within a line: go to its end, or to the end of in. Only CR LF ends a line:
 * a bare CR or LF is refused, and what follows it is not the start of a line,
 * so that no "." there ends the message (CVE-2023-51764 to -51766). */
static size_t
scan_line(struct body *body, const char *in, size_t len)
{
	const char *lf = memchr(in, '\n', len);
	size_t text = lf == NULL ? len : (size_t)(lf - in);
	const char *cr = body->bare_newline ? NULL : memchr(in, '\r', text);

	if (cr != NULL) {
		body->line = LINE_CR;
		return (size_t)(cr - in) + 1;
	}
	if (lf == NULL)
		return len;
	if (body->bare_newline)
		body->line = LINE_START;
	else
		refuse_next(body, BODY_BARE);
	/* The one that is refused is taken after it was. */
	return body->pending == BODY_GOOD ? text + 1 : text;
}

/* Take octets of in[0..len) and set .slice to those that belong to the
 * message, without the dot that stuffed a line (RFC 5321, 4.5.2). Stops early
 * where a dot is left out, before a fault and at the end of the message.
 * Returns how many octets were taken. */
static size_t
unstuff(struct body *body, const char *in, size_t len)
{
	size_t at = 0, start = 0;

	body->slice = in;
	while (
	    at < len && body->line != LINE_END && body->pending == BODY_GOOD) {
		switch (body->line) {
		case LINE_START:
			if (in[at] != '.' || body->chunked) {
				body->line = LINE_TEXT;
				break;
			}
			if (at > start) {
				body->slice_len = at - start;
				return at;
			}
			body->line = LINE_DOT;
			start = ++at;
			body->slice = in + start;
			break;
		case LINE_TEXT:
			if (body->chunked)
				at += skip_pairs(in + at, len - at);
			at += scan_line(body, in + at, len - at);
			break;
		case LINE_CR:
			body->line = in[at] == '\n' ? LINE_START : LINE_TEXT;
			if (in[at] == '\n')
				at++;
			else
				refuse_next(body, BODY_BARE);
			break;
		case LINE_DOT:
			if (in[at] == '\r') {
				body->line = LINE_DOT_CR;
				start = ++at;
			} else if (in[at] == '\n' && body->bare_newline) {
				body->line = LINE_END;
				start = ++at;
			} else {
				body->line = LINE_TEXT;
			}
			body->slice = in + start;
			break;
		case LINE_DOT_CR:
			if (in[at] == '\n') {
				body->line = LINE_END;
				start = ++at;
				break;
			}
			/* Not the end: the withheld CR is text after all. */
			body->line = LINE_TEXT;
			if (!body->bare_newline)
				refuse_next(body, BODY_BARE);
			body->slice = "\r";
			body->slice_len = 1;
			return at;
		}
	}
	body->slice_len = at - start;
	return at;
}

/* --- the header filter --- */

enum header {
	HEADER_NAME, /* in a field name, or before it */
	HEADER_KEEP, /* in a line that is kept */
	HEADER_DROP, /* in a line that is taken out */
	HEADER_DONE, /* past the header */
};

static const char return_path[] = "return-path";

/* The name of a field is known: count or drop it. */
static void
judge_field(struct body *body)
{
	size_t len = body->field_len;

	while (len > 0 &&
	    (body->field[len - 1] == ' ' || body->field[len - 1] == '\t'))
		len--;
	body->dropping = address_same(body->field, len, return_path);
	if (address_same(body->field, len, "received") &&
	    ++body->hops > body->hops_max)
		refuse(body, BODY_LOOP);
}

/* One octet of a field name, or of what comes where one may begin. */
static void
read_name(struct body *body, char byte)
{
	bool begins = body->field_len == 0;

	if (begins && (byte == '\r' || byte == '\n')) {
		body->header = HEADER_DONE;
		return;
	}
	if (begins && (byte == ' ' || byte == '\t')) {
		/* A continuation shares the fate of its field. */
		body->header = body->dropping ? HEADER_DROP : HEADER_KEEP;
		return;
	}
	if (byte == ':')
		judge_field(body);
	else if (byte != '\n' && body->field_len < BODY_FIELD_MAX) {
		body->field[body->field_len++] = byte;
		return;
	} else
		body->dropping = false;
	body->header = body->dropping ? HEADER_DROP : HEADER_KEEP;
}

/* Take octets off .slice and set .body to those that are kept, at most a line
 * of the header at a time; .body_len may be 0. A field name that began in an
 * earlier slice was held back in .field and is given first, if it is kept. */
static void
filter_header(struct body *body)
{
	size_t len = body->slice_len, at = 0;
	const char *lf;

	while (at < len && body->header == HEADER_NAME) {
		read_name(body, body->slice[at]);
		at += body->header == HEADER_NAME;
	}
	body->out = body->slice;
	body->out_len = 0;
	if (body->header == HEADER_NAME) {
		body->held += len;
		body->slice_len = 0;
		return;
	}
	if (body->held > 0) {
		body->out = body->field;
		body->out_len = body->header == HEADER_DROP ? 0 : body->held;
		body->held = 0;
		return;
	}
	lf =
	    body->header == HEADER_DONE ? NULL : memchr(body->slice, '\n', len);
	at = lf == NULL ? len : (size_t)(lf - body->slice) + 1;
	if (body->header != HEADER_DROP)
		body->out_len = at;
	if (lf != NULL) {
		body->header = HEADER_NAME;
		body->field_len = 0;
	}
	body->slice += at;
	body->slice_len -= at;
}

/* --- both --- */

void
body_begin(
    struct body *body, bool chunked, bool bare_newline, unsigned hops_max)
{
	/* All but the field, of which nothing is read before it is written. */
	memset(body, 0, offsetof(struct body, field));
	body->chunked = chunked;
	body->bare_newline = bare_newline;
	body->hops_max = hops_max;
}

size_t
body_take(struct body *body, const char *in, size_t len, bool raw)
{
	if (!raw)
		return unstuff(body, in, len);
	body->slice = in;
	body->slice_len = len;
	return len;
}

void
body_limit(struct body *body, size_t excess)
{
	body->slice_len -= excess;
	refuse_next(body, BODY_BIG);
}

bool
body_next(struct body *body)
{
	while (body->slice_len > 0 && body->fault == BODY_GOOD) {
		filter_header(body);
		if (body->out_len > 0 && body->fault == BODY_GOOD)
			return true;
	}
	body->slice_len = 0;
	if (body->pending != BODY_GOOD)
		refuse(body, body->pending);
	body->pending = BODY_GOOD;
	return false;
}

bool
body_has_ended(const struct body *body)
{
	return body->line == LINE_END;
}

void
body_end(struct body *body, bool raw)
{
	if (body->chunked && body->line == LINE_CR && !raw)
		refuse(body, BODY_BARE);
}

bool
body_rest(struct body *body)
{
	body->out = body->field;
	body->out_len = body->held;
	body->held = 0;
	return body->out_len > 0;
}
