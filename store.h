/* SPDX-License-Identifier: ISC */
/* store.h - a message becomes durable: in all of its Maildirs, or in none.
 *
 * States of a message, and what each guarantees:
 *   S1  an unnamed file holds the octets so far: nobody sees it, a crash or
 *       store_reset() leaves nothing (a name in tmp/ where the file system
 *       has no O_TMPFILE; Maildir readers remove what is old there)
 *   S2  the file is synced: its octets survive a power cut, still unseen
 *   S3  linked into the new/ of each mailbox, one inode for all of the same
 *       file system, group and mode; if one link fails, all are taken back
 *   S4  each new/ is synced: store_commit() says VERDICT_YES
 *
 * Knows Maildirs and quotas; knows no SMTP, client or reply. Memory does not
 * grow with the message. */
#ifndef STORE_H
#define STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "lib/mailbox.h"
#include "lib/verdict.h"

enum {
	STORE_BUFFER = 16384,  /* octets gathered for one write */
	STORE_AHEAD = 1 << 20, /* octets the disk is told of at once */
	STORE_ID_MAX = 63,     /* octets of a message id */
	STORE_NAME_MAX = 255,  /* octets of a file name */
	STORE_OPEN_MAX = 32,   /* directories held open in a commit */
	STORE_PROBLEM_MAX = 512,
};

/* The message file, and what its links must agree in. */
struct store_file {
	int fd;	    /* -1: none */
	int tmp_fd; /* the directory of its name, -1: unnamed */
	dev_t dev;
	ino_t home; /* of the Maildir it was made in */
	gid_t gid;  /* of the set-group-id directories, or -1 */
	mode_t mode;
	char name[STORE_NAME_MAX + 1]; /* in tmp_fd */
};

/* A Maildir of the transaction. */
struct store_target {
	int new_fd;   /* -1: not open */
	bool limited; /* has a quota */
	bool linked, wanted;
	enum verdict verdict;
};

/* Which recipient goes where. */
struct store_pair {
	unsigned recipient, target;
};

/* One at a time; opaque but for these, which the caller may read. */
struct store {
	int root_fd;
	const char *hostname;
	unsigned mailboxes_max;		 /* Maildirs of one message */
	bool reject_over_quota;		 /* a full mailbox is 5yz, not 4yz */
	char problem[STORE_PROBLEM_MAX]; /* what failed last, for the log */

	/* The rest is store.c's own. */
	struct mailbox_list list; /* targets[i] is of list.targets[i] */
	struct store_target *targets;
	struct store_pair *pairs;
	enum verdict *outcomes; /* for each recipient */
	size_t targets_max, pairs_len, pairs_max, outcomes_max;
	unsigned recipients, named;
	struct store_file file;
	enum verdict verdict; /* of the message; keeps the first failure */
	time_t seconds;
	char id[STORE_ID_MAX + 1];
	uint64_t size;	  /* of the message so far */
	uint64_t written; /* octets of it in the file */
	uint64_t begun;	  /* octets that the disk was told of */
	size_t buffer_len;
	char buffer[STORE_BUFFER];
};

/* Begin with an empty transaction. root_fd is the domains directory, hostname
 * goes into file names; both outlive the store. A message goes to at most
 * mailboxes_max Maildirs; for a full one the verdict is OVER_QUOTA, or
 * OVER_QUOTA_NEVER with reject_over_quota. */
void store_init(struct store *store, int root_fd, const char *hostname,
    unsigned mailboxes_max, bool reject_over_quota);

/* Whether the file system has room for size octets (0: any). VERDICT_YES,
 * NO_SPACE, or LATER. */
enum verdict store_room(struct store *store, uint64_t size);

/* Add a recipient with its Maildirs to the transaction. size as in SIZE=, 0
 * if unknown. VERDICT_YES, or OVER_QUOTA, OVER_QUOTA_NEVER, TOO_MANY,
 * MISCONFIGURED, LATER: then the recipient is not added. */
enum verdict store_recipient(
    struct store *store, const struct mailbox_list *list, uint64_t size);

/* Begin the message: at least one recipient was added. id is an Atom of at
 * most STORE_ID_MAX octets that is unique on this host with seconds, the time
 * of arrival. VERDICT_YES, or what the failure means to the client. */
enum verdict store_open(struct store *store, const char *id, time_t seconds);

/* Add octets. Failures keep until store_commit(). */
void store_append(struct store *store, const char *bytes, size_t len);

/* Make the message durable. With each false, all Maildirs or none: the verdict
 * is that of the message. With each true (LMTP), VERDICT_YES means that
 * store_outcome() tells for every recipient; one that fails gets nothing. */
enum verdict store_commit(struct store *store, bool each);

/* After a commit with each: what became of recipient index, counted from 0 in
 * the order they were added. */
enum verdict store_outcome(const struct store *store, unsigned index);

/* Forget the transaction. What is not committed is gone. */
void store_reset(struct store *store);

/* Reset, and free what a store holds. */
void store_free(struct store *store);

#endif
