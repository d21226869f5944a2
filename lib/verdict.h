/* SPDX-License-Identifier: ISC */
/* verdict.h - what one part of the house tells another about a request.
 *
 * A verdict says what a client may be told; it is never a reply. mailbox and
 * store give verdicts, protocol.c alone turns them into SMTP (RFC 5321, 4.2)
 * with an enhanced status code (RFC 3463). Knows nothing else. */
#ifndef VERDICT_H
#define VERDICT_H

enum verdict {
	VERDICT_YES,
	VERDICT_UNKNOWN_USER,	   /* we serve the domain, not the mailbox */
	VERDICT_RELAY_DENIED,	   /* we do not serve the domain */
	VERDICT_NO_QUEUE,	   /* the same, told to one who may relay */
	VERDICT_NOT_OWNER,	   /* the reverse-path is not the user's */
	VERDICT_NOT_FOR_NETWORK,   /* a recipient not open to the network */
	VERDICT_TOO_FAST_MESSAGES, /* for the user, in this hour */
	VERDICT_TOO_FAST_RECIPIENTS,
	VERDICT_NOT_AUTHENTIC, /* wrong user or password */
	VERDICT_MALFORMED,     /* what a SASL mechanism does not know */
	VERDICT_UNKNOWN_MECHANISM,
	VERDICT_EARLY,	    /* what may come only later is here already */
	VERDICT_NOT_LISTED, /* a mailbox, but not one to verify or expand */
	VERDICT_OVER_QUOTA, /* the mailbox is full; room may come */
	VERDICT_OVER_QUOTA_NEVER, /* the same, where the operator wants a 5xx */
	VERDICT_NO_SPACE,	  /* the file system is full */
	VERDICT_TOO_BIG,	  /* larger than a fixed limit */
	VERDICT_TOO_MANY,	  /* recipients: the rest in another message */
	VERDICT_ALIAS_LOOP,    /* an alias leads back to itself, or too deep */
	VERDICT_MISCONFIGURED, /* only the operator can mend it */
	VERDICT_LATER, /* input/output, memory, descriptors: try again */
	VERDICT_COUNT, /* how many there are: tables are this long */
};

#endif
