/* SPDX-License-Identifier: ISC */
/* complete.h - what a submission server adds to the header of a message that
 * lacks it (RFC 6409, 4.2 and 8; RFC 5322, 3.6): Date, Message-ID, and the
 * domain of addresses that have none in From, Sender, To, Cc, Bcc and Reply-To
 * and their Resent- forms.
 *
 * Only a local-part that stands alone without a doubt gets a domain: a field
 * that is not all in the grammar of RFC 5322, 3.4 passes as it is. Fields are
 * added at the end of the header. A message that begins with anything but a
 * field has no header: they go before it, with an empty line where it does not
 * begin with one.
 *
 * Bytes of a message in, in slices of any size; the same bytes and what was
 * added out, in slices. All but the header passes untouched and uncopied.
 * Pure: no descriptor, clock or heap. */
#ifndef COMPLETE_H
#define COMPLETE_H

#include <stdbool.h>
#include <stddef.h>

enum {
	COMPLETE_FIELD_MAX = 8192, /* of an address field; a longer one passes
				    * as it is */
	COMPLETE_LINE_MAX = 998,   /* RFC 5322, 2.1.1; a field in which a line
				    * would get longer passes as it is */
};

struct complete_settings {
	const char *domain;	/* what a lone local-part is completed with */
	const char *date;	/* the value of Date, RFC 5322, 3.3 */
	const char *message_id; /* the value of Message-ID, with its "<>" */
	bool newline;		/* lines that are added end in LF alone */
};

struct complete {
	const struct complete_settings *settings;
	void (*put)(void *to, const char *bytes, size_t len);
	void *to;
	/* The rest is complete.c's own. */
	int state;
	bool has_date, has_message_id, has_field;
	size_t held; /* octets of field */
	char field[COMPLETE_FIELD_MAX];
};

/* Begin a message. settings outlive it; put takes what comes out. */
void complete_begin(struct complete *complete,
    const struct complete_settings *settings,
    void (*put)(void *to, const char *bytes, size_t len), void *to);

/* Take the next octets of the message. Lines end in LF, with or without a CR
 * before it. The result does not depend on how the message was cut into
 * slices. */
void complete_add(struct complete *complete, const char *bytes, size_t len);

/* The message is over: what is held back or missing comes out. */
void complete_end(struct complete *complete);

#endif
