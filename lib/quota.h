/* SPDX-License-Identifier: ISC */
/* quota.h - Maildir++ quotas: the file maildirsize in a mailbox.
 *
 * Its first line is the quota ("10000000S,1000C": octets, messages), each
 * other line "octets messages" counts what came or went. A mailbox without
 * the file has no quota. Knows no SMTP and no address. */
#ifndef QUOTA_H
#define QUOTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	QUOTA_FILE_MAX = 5120, /* a longer file is made anew, Maildir++ */
	QUOTA_AGE = 15 * 60,   /* seconds: an older "full" is counted again */
};

struct quota {
	bool limited;			   /* there is a maildirsize */
	uint64_t octets_max, messages_max; /* 0: no limit */
	int64_t octets, messages;	   /* in use */
};

/* Parse a maildirsize text[0..len) into *out. False if its first line is not
 * a quota (then out->limited is false too) or another line not two numbers
 * (then what is in use is not known). Pure. */
bool quota_parse(const char *text, size_t len, struct quota *out);

/* Whether one more message of that many octets fits. */
bool quota_fits(const struct quota *quota, uint64_t octets);

/* Read the quota of the mailbox whose directory is maildir_fd, as the file has
 * it. Returns 0, or -1 with errno (EINVAL: the file is not a maildirsize;
 * ELOOP: a link, which is not followed). */
int quota_load(int maildir_fd, struct quota *out);

/* The same; and where the file is long or its counts are garbled, or it is
 * older than QUOTA_AGE and says that a message of that many octets does not
 * fit, the messages are counted and the file is made anew. */
int quota_read(int maildir_fd, uint64_t octets, struct quota *out);

/* Count a message of that many octets into maildirsize, where there is one.
 * Returns 0, or -1 with errno. */
int quota_add(int maildir_fd, uint64_t octets);

#endif
