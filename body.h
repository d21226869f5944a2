/* SPDX-License-Identifier: ISC */
/* body.h - from the octets of DATA or BDAT to those of the message.
 *
 *   octets of the wire --body_take--> .slice --body_next--> .out
 *                      un-stuffing            header filter
 *
 * Finds the end of DATA, takes out the dot that stuffs a line, refuses bare CR
 * and LF (RFC 5321, 2.3.8 and 4.5.2), leaves out Return-Path and counts
 * Received fields (RFC 5321, 4.4 and 6.3). Pure; knows no verb and no reply.
 * The result does not depend on how the octets were cut. */
#ifndef BODY_H
#define BODY_H

#include <stdbool.h>
#include <stddef.h>

enum { BODY_FIELD_MAX = 16 }; /* of a header field name looked at */

/* What is wrong with a message, as its sender is told. */
enum body_fault {
	BODY_GOOD,
	BODY_BARE, /* a CR or LF that ends no line */
	BODY_LOOP, /* more Received fields than hops_max */
	BODY_BIG,  /* body_limit() was passed */
	BODY_FAULTS,
};

struct body {
	/* For the caller to read. */
	enum body_fault fault;
	const char *out; /* of body_next() */
	size_t out_len;
	size_t slice_len; /* octets of the last body_take() still to come out */

	/* The rest is body.c's own. */
	bool chunked, bare_newline, dropping;
	int line, header;
	enum body_fault pending; /* the same, once .slice was looked at */
	unsigned hops, hops_max;
	const char *slice;	/* clean octets, before the header filter */
	size_t field_len, held; /* of field: seen, and seen in earlier slices */
	char field[BODY_FIELD_MAX];
};

/* Begin a message: chunked by BDAT, else ended by a dot. bare_newline: LF alone
 * ends a line. */
void body_begin(
    struct body *body, bool chunked, bool bare_newline, unsigned hops_max);

/* Take octets of in[0..len), which stay where they are until body_next() has
 * nothing left. raw: as they are, without un-stuffing and looking for faults.
 * May stop early. Returns how many were taken. */
size_t body_take(struct body *body, const char *in, size_t len, bool raw);

/* The last `excess` octets taken are beyond the limit: BODY_BIG, but not
 * before those that come first were looked at. */
void body_limit(struct body *body, size_t excess);

/* Set .out to the next octets of the message. False when there are none until
 * more is taken, or for ever because of .fault. */
bool body_next(struct body *body);

/* Whether the dot that ends DATA was taken. */
bool body_has_ended(const struct body *body);

/* The message is over: a CR that still waits for its LF is a fault. */
void body_end(struct body *body, bool raw);

/* After body_end(): octets that were held back because a field name could have
 * begun with them. As body_next(). */
bool body_rest(struct body *body);

#endif
