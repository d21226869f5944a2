/* SPDX-License-Identifier: ISC */
/* sender.c - see sender.h for the contract. */
#include "sender.h"

#include <sys/stat.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "beneath.h"
#include "idn.h"

static const char *
domain_of(const struct mailboxes *mailboxes, const struct address *address)
{
	return address->domain_len > 0 ? address->domain : mailboxes->hostname;
}

/* Octets that are the same are the same domain, also where libidn2, which
 * compares others, is not installed. */
static bool
is_same_domain(const char *a, const char *b)
{
	char folded_a[IDN_MAX + 1], folded_b[IDN_MAX + 1];
	size_t len = strlen(a);

	if (address_equal(a, len, b, strlen(b)))
		return true;
	return idn_fold(a, len, folded_a) == IDN_OK &&
	    idn_fold(b, strlen(b), folded_b) == IDN_OK &&
	    strcmp(folded_a, folded_b) == 0;
}

/* What an address has to do with the name of a user. */
enum likeness {
	OTHER,
	SAME,
	TAGGED, /* the same and a tag */
};

static enum likeness
compare(const struct mailboxes *mailboxes, const struct address *user,
    const struct address *address)
{
	size_t tag = strcspn(address->local, mailboxes->delimiters);
	size_t len = user->local_len;

	if (address->local_len < len ||
	    !address_equal(address->local, len, user->local, len) ||
	    !is_same_domain(
		domain_of(mailboxes, address), domain_of(mailboxes, user)))
		return OTHER;
	if (address->local_len == len)
		return SAME;
	return tag == len && len > 0 ? TAGGED : OTHER;
}

/* Whether a target is the mailbox or a folder of it. VERDICT_YES, NOT_OWNER or
 * LATER. */
static enum verdict
is_of(const struct mailboxes *mailboxes, const struct mailbox_target *target,
    const struct mailbox_target *mailbox)
{
	struct stat st = { .st_dev = target->dev, .st_ino = target->ino };
	char path[MAILBOX_PATH_MAX];
	int fd, result = 0;

	if (target->path[target->root_len] != '\0') {
		memcpy(path, target->path, target->root_len);
		path[target->root_len] = '\0';
		fd = beneath_open(mailboxes->root_fd, path, O_PATH, 0);
		result = fd < 0 ? -1 : fstat(fd, &st);
		if (fd >= 0)
			close(fd);
	}
	if (result < 0)
		return VERDICT_LATER;
	return st.st_ino == mailbox->ino && st.st_dev == mailbox->dev
	    ? VERDICT_YES
	    : VERDICT_NOT_OWNER;
}

/* Whether a verdict says for certain where an address leads. */
static bool
is_certain(enum verdict verdict)
{
	return verdict == VERDICT_YES || verdict == VERDICT_UNKNOWN_USER ||
	    verdict == VERDICT_RELAY_DENIED;
}

/* Whether mail to the reverse-path goes to the mailbox, perhaps among others.
 */
static enum verdict
leads_to(const struct mailboxes *mailboxes, const struct address *reverse_path,
    const struct mailbox_target *mailbox)
{
	struct mailbox_list list = { 0 };
	enum verdict reached = mailbox_reach(mailboxes, reverse_path, &list);
	enum verdict verdict =
	    is_certain(reached) ? VERDICT_NOT_OWNER : reached;

	for (size_t i = 0; i < list.len && verdict != VERDICT_YES; i++) {
		enum verdict found =
		    is_of(mailboxes, &list.targets[i], mailbox);

		if (found != VERDICT_NOT_OWNER)
			verdict = found;
	}
	mailbox_list_free(&list);
	return verdict;
}

static bool
has_target(const struct mailbox_list *list, const struct mailbox_target *target)
{
	for (size_t i = 0; i < list->len; i++)
		if (list->targets[i].ino == target->ino &&
		    list->targets[i].dev == target->dev)
			return true;
	return false;
}

/* Whether two lists are the same. Each has a Maildir once. */
static bool
is_same_list(const struct mailbox_list *a, const struct mailbox_list *b)
{
	for (size_t i = 0; i < a->len; i++)
		if (!has_target(b, &a->targets[i]))
			return false;
	return a->len == b->len;
}

/* Whether a tag changes nothing: somebody may have made a mailbox or an alias
 * of the name with its tag, which then is not the user's. */
static enum verdict
lead_alike(const struct mailboxes *mailboxes, const struct address *user,
    const struct address *tagged)
{
	struct mailbox_list his = { 0 }, its = { 0 };
	enum verdict plain = mailbox_reach(mailboxes, user, &his);
	enum verdict verdict = mailbox_reach(mailboxes, tagged, &its);
	bool alike = verdict == plain && is_same_list(&his, &its);

	mailbox_list_free(&his);
	mailbox_list_free(&its);
	if (!is_certain(plain))
		return plain;
	if (!is_certain(verdict))
		return verdict;
	return alike ? VERDICT_YES : VERDICT_NOT_OWNER;
}

enum verdict
sender_check(const struct mailboxes *mailboxes, const char *user,
    const struct address *reverse_path)
{
	enum verdict verdict, by_name = VERDICT_NOT_OWNER;
	struct mailbox_target mailbox;
	struct address name;

	if (reverse_path->kind == ADDRESS_NULL)
		return VERDICT_YES;
	if (address_parse_mailbox(user, strlen(user), &name) != ADDRESS_OK)
		return VERDICT_NOT_OWNER;
	switch (compare(mailboxes, &name, reverse_path)) {
	case SAME:
		by_name = VERDICT_YES;
		break;
	case TAGGED:
		by_name = lead_alike(mailboxes, &name, reverse_path);
		break;
	case OTHER:
		break;
	}
	if (by_name == VERDICT_YES)
		return by_name;
	verdict = mailbox_exact(mailboxes, &name, &mailbox);
	if (verdict == VERDICT_YES)
		return leads_to(mailboxes, reverse_path, &mailbox);
	return verdict == VERDICT_UNKNOWN_USER ? by_name : verdict;
}
