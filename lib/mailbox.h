/* SPDX-License-Identifier: ISC */
/* mailbox.h - who receives mail here: the domains directory.
 *
 *   domains/example.org/alice/     a Maildir: alice@example.org
 *   domains/example.org/info       a text file: an alias
 *   domains/example.org/@          the catch-all of the domain
 *   domains/example.net            a symbolic link: a domain alias
 *   domains/@                      any domain that has no directory
 *
 * Order: the exact name, the name before a delimiter, the catch-all. Every
 * look-up stays beneath the directory. Knows no SMTP reply, no message and not
 * how a Maildir is written; never makes or changes anything. */
#ifndef MAILBOX_H
#define MAILBOX_H

#include <sys/types.h>
#include <stdbool.h>
#include <stddef.h>

#include "address.h"
#include "verdict.h"

enum {
	/* domain "/" local-part "/." folder, and a NUL */
	MAILBOX_PATH_MAX = ADDRESS_DOMAIN_MAX + 2 * ADDRESS_LOCAL_MAX + 4,
	MAILBOX_ALIAS_SIZE_MAX = 1 << 20, /* octets of an alias file */
	MAILBOX_NOTE_MAX = 1024,	  /* octets of a note */
};

/* One Maildir to deliver to. */
struct mailbox_target {
	char path[MAILBOX_PATH_MAX]; /* beneath the domains directory */
	size_t root_len; /* octets of path that name the mailbox itself,
				 * where path names a folder in it */
	dev_t dev;	 /* of the directory, as are the next ones */
	ino_t ino;
	mode_t mode;
	gid_t gid;
};

/* Maildirs, each once. Starts as {0}; mailbox_list_free() ends it. */
struct mailbox_list {
	struct mailbox_target *targets;
	size_t len, max;
};

enum mailbox_note {
	MAILBOX_STEP,	 /* how the look-up went on, for --explain */
	MAILBOX_PROBLEM, /* something only the operator can mend */
};

struct mailboxes {
	int root_fd;		/* of the domains directory, or -1 */
	const char *hostname;	/* the domain of our address literals and of
				 * an address without one */
	const char *here;	/* an IP address of ours, or NULL; for a
				 * process that sees no interfaces */
	const char *delimiters; /* each octet may come before a tag */
	unsigned depth_max;	/* aliases in aliases */
	unsigned members_max;	/* of one address, all aliases expanded */
	bool steps;		/* whether MAILBOX_STEP notes are wanted */
	void (*note)(void *to, enum mailbox_note, const char *text);
	void *note_to;
};

/* Open the domains directory. A directory that is not there is no error here:
 * look-ups then answer VERDICT_LATER. Returns 0, or -1 with errno. */
int mailbox_open(struct mailboxes *mailboxes, const char *root);

/* Find the Maildirs for an address and add those that are new to list.
 * VERDICT_YES; UNKNOWN_USER, RELAY_DENIED, ALIAS_LOOP, MISCONFIGURED, or LATER
 * (also for an absent or empty domains directory): then list is unchanged. */
enum verdict mailbox_find(const struct mailboxes *mailboxes,
    const struct address *address, struct mailbox_list *list);

/* The same for who asks where an address leads, not whether mail can go there:
 * in an alias, a member that is unknown or not local and a line that is no
 * address are passed over. With VERDICT_YES list has all there is, which may
 * be nothing; with another verdict it has what was found all the same. */
enum verdict mailbox_reach(const struct mailboxes *mailboxes,
    const struct address *address, struct mailbox_list *list);

/* The mailbox of exactly that name: no alias, no tag and no catch-all leads to
 * it. VERDICT_YES and *out; UNKNOWN_USER, MISCONFIGURED, LATER. */
enum verdict mailbox_exact(const struct mailboxes *mailboxes,
    const struct address *address, struct mailbox_target *out);

/* What EXPN tells (RFC 5321, 3.5): *members becomes the entries of the alias,
 * or the mailbox itself, printed, each ended by a NUL, *len octets in all. The
 * caller frees it. Verdicts as for mailbox_find(): there is nothing to free
 * but with VERDICT_YES. */
enum verdict mailbox_expand(const struct mailboxes *mailboxes,
    const struct address *address, char **members, size_t *len);

/* Parse a line of an alias file, without its line end: 1 and *out for an
 * address, 0 for a blank line or a comment, -1 if it is neither. Pure. */
int mailbox_parse_alias(const char *line, size_t len, struct address *out);

void mailbox_list_free(struct mailbox_list *list);

#endif
