/* SPDX-License-Identifier: ISC */
/* Whose a reverse-path is, by table, in a domains directory made for it; and
 * what an alias leads to that mail cannot go to. */
#include "unit.h"

#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/beneath.h"
#include "lib/idn.h"
#include "lib/sender.h"

static char top[] = "/tmp/sender.XXXXXX";

/* A directory ends in "/"; a link begins with "->"; the rest are files. */
static const struct { const char *path, *text; } tree[] = {
	{ "example.org/", 0 },
	{ "example.org/alice/", 0 },
	{ "example.org/alice/.lists/", 0 },
	{ "example.org/bob/", 0 },
	{ "example.org/carol+work/", 0 },
	{ "example.org/carol/", 0 },
	{ "example.org/catch/", 0 },
	{ "example.org/@", "catch\n" },
	{ "example.org/info", "alice\n" },
	{ "example.org/team", "alice\nbob@example.org\n" },
	{ "example.org/deep", "team\n" },
	{ "example.org/boss", "alice@example.org\n" },
	{ "example.org/alice+news", "bob\n" },
	{ "example.org/remote", "eve@remote.example\nalice\n" },
	{ "example.org/stale", "nobody@example.com\n\"|/bin/sh\nalice\n" },
	{ "example.org/away", "eve@remote.example\n" },
	{ "example.org/loop", "loop\nalice\n" },
	{ "example.org/empty", "# nobody\n" },
	{ "example.org/many", "a@r.example\nb@r.example\nc@r.example\n"
	    "d@r.example\ne@r.example\nf@r.example\nalice\nbob\nbob\n" },
	{ "example.org/ghost", "->nowhere" },
	{ "example.org/twin", "->alice" },
	{ "example.org/outside", "->/tmp" },
	{ "example.com/", 0 },
	{ "example.com/alice/", 0 },
	{ "example.com/info", "alice\n" },
	{ "example.com/dan+x", "eve@remote.example\n" },
	{ "example.net", "->example.org" },
	{ "closed.example/", 0 },
	{ "closed.example/@", "bob@example.org\n" },
	{ "mx.example.org/", 0 },
	{ "mx.example.org/root/", 0 },
	{ "mx.example.org/cron", "root\n" },
	{ "@/", 0 },
	{ "@/any/", 0 },
	{ "@/postmaster", "any\n" },
	{ "xn--b-eha.example/", 0 },
	{ "xn--b-eha.example/zoe/", 0 },
};

static const struct {
	const char *user, *sender;
	enum verdict verdict;
} rows[] = {
	/* The null reverse-path is everybody's. */
	{ "alice@example.org", "", VERDICT_YES },
	{ "", "", VERDICT_YES },
	{ "no user\001", "", VERDICT_YES },
	/* The name of the user. */
	{ "alice@example.org", "alice@example.org", VERDICT_YES },
	{ "ALICE@EXAMPLE.ORG", "alice@example.org", VERDICT_YES },
	{ "alice@example.org", "ALICE@EXAMPLE.ORG", VERDICT_YES },
	{ "alice@example.org", "\"alice\"@example.org", VERDICT_YES },
	{ "nobody@remote.example", "nobody@remote.example", VERDICT_YES },
	{ "nobody@remote.example", "Nobody+x@REMOTE.example", VERDICT_YES },
	{ "nobody@remote.example", "nobody@example.org", VERDICT_NOT_OWNER },
	{ "nobody@remote.example", "nobody@remote.example.org",
	    VERDICT_NOT_OWNER },
	{ "nobody@remote.example", "nobody2@remote.example",
	    VERDICT_NOT_OWNER },
	{ "nobody@remote.example", "nobod@remote.example", VERDICT_NOT_OWNER },
	{ "nobody@remote.example", "+nobody@remote.example",
	    VERDICT_NOT_OWNER },
	/* The delimiter of a tag is one of those that are set. */
	{ "nobody@remote.example", "nobody-x@remote.example",
	    VERDICT_NOT_OWNER },
	{ "no+body@remote.example", "no+body@remote.example", VERDICT_YES },
	{ "no+body@remote.example", "no@remote.example", VERDICT_NOT_OWNER },
	{ "no+body@remote.example", "no+body+x@remote.example",
	    VERDICT_NOT_OWNER },
	{ "\"\"@remote.example", "+x@remote.example", VERDICT_NOT_OWNER },
	/* Others are not his. */
	{ "alice@example.org", "bob@example.org", VERDICT_NOT_OWNER },
	{ "alice@example.org", "carol@example.org", VERDICT_NOT_OWNER },
	{ "alice@example.org", "alice@example.com", VERDICT_NOT_OWNER },
	{ "alice@example.com", "alice@example.org", VERDICT_NOT_OWNER },
	{ "alice@example.org", "alice@remote.example", VERDICT_NOT_OWNER },
	{ "alice@example.org", "info@example.com", VERDICT_NOT_OWNER },
	{ "alice@example.org", "unknown@example.org", VERDICT_NOT_OWNER },
	{ "alice@example.org", "unknown@example.com", VERDICT_NOT_OWNER },
	/* Tags, one of which is a folder; aliases, alone or among others. */
	{ "alice@example.org", "alice+x@example.org", VERDICT_YES },
	{ "alice@example.org", "Alice+Lists@example.org", VERDICT_YES },
	{ "alice@example.org", "alice+@example.org", VERDICT_YES },
	{ "alice@example.org", "info@example.org", VERDICT_YES },
	{ "alice@example.org", "info+x@example.org", VERDICT_YES },
	{ "alice@example.org", "team@example.org", VERDICT_YES },
	{ "bob@example.org", "team@example.org", VERDICT_YES },
	{ "bob@example.org", "info@example.org", VERDICT_NOT_OWNER },
	{ "alice@example.org", "deep@example.org", VERDICT_YES },
	{ "alice@example.org", "twin@example.org", VERDICT_YES },
	{ "twin@example.org", "alice@example.org", VERDICT_YES },
	/* A tag that is somebody else's. */
	{ "alice@example.org", "alice+news@example.org", VERDICT_NOT_OWNER },
	{ "bob@example.org", "alice+news@example.org", VERDICT_YES },
	{ "carol@example.org", "carol+work@example.org", VERDICT_NOT_OWNER },
	{ "carol+work@example.org", "carol@example.org", VERDICT_NOT_OWNER },
	{ "carol+work@example.org", "carol+work@example.org", VERDICT_YES },
	{ "dan@example.com", "dan+y@example.com", VERDICT_YES },
	{ "dan@example.com", "dan+x@example.com", VERDICT_NOT_OWNER },
	/* The catch-all belongs to its mailbox, but not to who is caught. */
	{ "catch@example.org", "unknown@example.org", VERDICT_YES },
	{ "catch@example.org", "alice@example.org", VERDICT_NOT_OWNER },
	{ "unknown@example.org", "unknown@example.org", VERDICT_YES },
	{ "unknown@example.org", "unknown+x@example.org", VERDICT_YES },
	{ "unknown@example.org", "catch@example.org", VERDICT_NOT_OWNER },
	{ "unknown@example.org", "other@example.org", VERDICT_NOT_OWNER },
	{ "bob@example.org", "x@closed.example", VERDICT_YES },
	{ "x@closed.example", "bob@example.org", VERDICT_NOT_OWNER },
	{ "x@closed.example", "y@closed.example", VERDICT_NOT_OWNER },
	/* A user whose name is an alias or has a tag has no other mailbox. */
	{ "info@example.org", "info@example.org", VERDICT_YES },
	{ "info@example.org", "info+x@example.org", VERDICT_YES },
	{ "info@example.org", "alice@example.org", VERDICT_NOT_OWNER },
	{ "info@example.org", "boss@example.org", VERDICT_NOT_OWNER },
	{ "team@example.org", "alice@example.org", VERDICT_NOT_OWNER },
	{ "alice+x@example.org", "alice+x@example.org", VERDICT_YES },
	{ "alice+x@example.org", "alice@example.org", VERDICT_NOT_OWNER },
	{ "alice+x@example.org", "alice+y@example.org", VERDICT_NOT_OWNER },
	{ "alice+lists@example.org", "alice@example.org", VERDICT_NOT_OWNER },
	/* A domain alias, of the user or of the reverse-path. */
	{ "alice@example.org", "alice@example.net", VERDICT_YES },
	{ "alice@example.net", "alice@example.org", VERDICT_YES },
	{ "alice@example.net", "info@example.org", VERDICT_YES },
	{ "alice@example.net", "alice+lists@example.net", VERDICT_YES },
	{ "alice@example.net", "bob@example.net", VERDICT_NOT_OWNER },
	{ "unknown@example.net", "unknown@example.org", VERDICT_NOT_OWNER },
	/* Any domain that has no directory. */
	{ "any@whatever.example", "any@other.example", VERDICT_YES },
	{ "any@example.com", "any@other.example", VERDICT_NOT_OWNER },
	{ "any@other.example", "any@example.com", VERDICT_NOT_OWNER },
	{ "any@example.org", "any@other.example", VERDICT_NOT_OWNER },
	/* A local-part is a name at our own. */
	{ "root", "root@mx.example.org", VERDICT_YES },
	{ "root", "root+x@MX.example.org", VERDICT_YES },
	{ "root", "cron@mx.example.org", VERDICT_YES },
	{ "root", "root@example.org", VERDICT_NOT_OWNER },
	{ "root@mx.example.org", "cron@mx.example.org", VERDICT_YES },
	{ "alice", "alice@mx.example.org", VERDICT_YES },
	{ "alice", "alice@example.org", VERDICT_NOT_OWNER },
	{ "nobody", "nobody@mx.example.org", VERDICT_YES },
	{ "postmaster", "postmaster@mx.example.org", VERDICT_YES },
	{ "postmaster", "any@other.example", VERDICT_NOT_OWNER },
	/* Letters beyond ASCII: the same domain, another local-part. */
	{ "zoe@b\xc3\xbc.example", "zoe@xn--b-eha.example", VERDICT_YES },
	{ "zoe@xn--b-eha.example", "zoe+x@B\xc3\x9c.example", VERDICT_YES },
	{ "z\xc3\xb6@remote.example", "z\xc3\xb6@remote.example",
	    VERDICT_YES },
	{ "z\xc3\xb6@remote.example", "z\xc3\x96@remote.example",
	    VERDICT_NOT_OWNER },
	/* Other members of an alias, which mail cannot go to. */
	{ "alice@example.org", "remote@example.org", VERDICT_YES },
	{ "bob@example.org", "remote@example.org", VERDICT_NOT_OWNER },
	{ "alice@example.org", "stale@example.org", VERDICT_YES },
	{ "bob@example.org", "stale@example.org", VERDICT_NOT_OWNER },
	{ "alice@example.org", "away@example.org", VERDICT_NOT_OWNER },
	{ "alice@example.org", "empty@example.org", VERDICT_NOT_OWNER },
	{ "away@example.org", "away+x@example.org", VERDICT_YES },
	{ "alice@example.org", "loop@example.org", VERDICT_YES },
	/* It cannot be said. */
	{ "bob@example.org", "loop@example.org", VERDICT_ALIAS_LOOP },
	{ "alice@example.org", "many@example.org", VERDICT_MISCONFIGURED },
	{ "alice@example.org", "ghost@example.org", VERDICT_LATER },
	{ "ghost@example.org", "alice@example.org", VERDICT_LATER },
	{ "ghost@example.org", "ghost@example.org", VERDICT_YES },
	{ "ghost@example.org", "ghost+x@example.org", VERDICT_LATER },
	{ "outside@example.org", "alice@example.org", VERDICT_MISCONFIGURED },
	/* What is no name has no mailbox. */
	{ "", "alice@example.org", VERDICT_NOT_OWNER },
	{ "alice@", "alice@mx.example.org", VERDICT_NOT_OWNER },
	{ "@", "catch@example.org", VERDICT_NOT_OWNER },
	{ "\"@\"@example.org", "catch@example.org", VERDICT_NOT_OWNER },
	{ "\"..\"@example.org", "alice@example.org", VERDICT_NOT_OWNER },
	{ "\"alice/\"@example.org", "alice@example.org", VERDICT_NOT_OWNER },
	{ "\"../example.org/alice\"@example.com", "alice@example.org",
	    VERDICT_NOT_OWNER },
	{ "\".lists\"@example.org", "alice@example.org", VERDICT_NOT_OWNER },
	{ "EXAMPLE\\alice", "alice@mx.example.org", VERDICT_NOT_OWNER },
	{ "alice@[192.0.2.1]", "alice@[192.0.2.1]", VERDICT_YES },
	{ "alice@[192.0.2.1]", "alice@example.org", VERDICT_NOT_OWNER },
	{ "root@[127.0.0.1]", "cron@mx.example.org", VERDICT_YES },
	{ "root", "root@[127.0.0.1]", VERDICT_YES },
};

static void
make(int root_fd, const char *path, const char *text)
{
	size_t len = strlen(path);
	int fd, result;

	if (path[len - 1] == '/')
		result = mkdirat(root_fd, path, 0700);
	else if (strncmp(text, "->", 2) == 0)
		result = symlinkat(text + 2, root_fd, path);
	else {
		fd = openat(root_fd, path, O_WRONLY | O_CREAT | O_CLOEXEC,
		    0600);
		result = fd < 0 || write(fd, text, strlen(text)) !=
		    (ssize_t)strlen(text) || close(fd) < 0 ? -1 : 0;
	}
	if (result < 0) {
		perror(path);
		abort();
	}
}

static void
check(const struct mailboxes *mailboxes, const char *user, const char *sender,
    enum verdict expected)
{
	struct address reverse_path = { .kind = ADDRESS_NULL };
	enum verdict verdict;

	if (*sender != '\0' && address_parse_mailbox(sender, strlen(sender),
	    &reverse_path) != ADDRESS_OK)
		abort();
	verdict = sender_check(mailboxes, user, &reverse_path);
	CHECK(verdict == expected, "%s as <%s>: %d", user, sender, verdict);
}

static void
count(void *to, enum mailbox_note note, const char *text)
{
	(void)text;
	*(unsigned *)to += note == MAILBOX_PROBLEM;
}

/* A member that is remote is nothing to tell the operator of each time that
 * somebody sends; mail to the alias does that. */
static void
check_notes(struct mailboxes *mailboxes)
{
	unsigned problems = 0;

	mailboxes->note = count;
	mailboxes->note_to = &problems;
	check(mailboxes, "alice@example.org", "remote@example.org",
	    VERDICT_YES);
	check(mailboxes, "alice@example.org", "stale@example.org",
	    VERDICT_YES);
	CHECK(problems == 0, "%u problems", problems);
	check(mailboxes, "alice@example.org", "ghost@example.org",
	    VERDICT_LATER);
	CHECK(problems > 0, "a link that leads nowhere");
	problems = 0;
	check(mailboxes, "alice@example.org", "many@example.org",
	    VERDICT_MISCONFIGURED);
	CHECK(problems == 1, "too many: %u problems", problems);
	mailboxes->note = NULL;
}

/* Delivery is as strict as ever, and both leave the list in order. */
static void
check_delivery(const struct mailboxes *mailboxes)
{
	static const struct {
		const char *address;
		enum verdict find, reach;
		size_t len;
	} addresses[] = {
		{ "alice@example.org", VERDICT_YES, VERDICT_YES, 1 },
		{ "team@example.org", VERDICT_YES, VERDICT_YES, 2 },
		{ "remote@example.org", VERDICT_RELAY_DENIED, VERDICT_YES, 1 },
		{ "stale@example.org", VERDICT_MISCONFIGURED, VERDICT_YES, 1 },
		{ "empty@example.org", VERDICT_MISCONFIGURED, VERDICT_YES, 0 },
		{ "loop@example.org", VERDICT_ALIAS_LOOP, VERDICT_ALIAS_LOOP,
		    1 },
		{ "x@example.com", VERDICT_UNKNOWN_USER, VERDICT_UNKNOWN_USER,
		    0 },
		{ "x@remote.example", VERDICT_RELAY_DENIED,
		    VERDICT_RELAY_DENIED, 0 },
	};

	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		const char *text = addresses[i].address;
		struct mailbox_list list = { 0 };
		struct address address;
		enum verdict verdict;

		if (address_parse_mailbox(text, strlen(text), &address) !=
		    ADDRESS_OK)
			abort();
		verdict = mailbox_find(mailboxes, &address, &list);
		CHECK(verdict == addresses[i].find, "%s: %d", text, verdict);
		CHECK(list.len == (verdict == VERDICT_YES ?
		    addresses[i].len : 0), "%s: %zu", text, list.len);
		list.len = 0;
		verdict = mailbox_reach(mailboxes, &address, &list);
		CHECK(verdict == addresses[i].reach, "%s: %d", text, verdict);
		CHECK(list.len == addresses[i].len, "%s: %zu", text, list.len);
		mailbox_list_free(&list);
	}
}

/* Valgrind, which shows in what it preloads, has no openat2(2), without which
 * nothing can be found. */
static int
is_valgrind(int root_fd)
{
	int fd;

	if (getenv("LD_PRELOAD") == NULL)
		return 0;
	fd = beneath_open(root_fd, ".", O_PATH, 0);
	if (fd >= 0)
		close(fd);
	return fd < 0 && errno == ENOSYS;
}

int
main(void)
{
	struct mailboxes mailboxes = { .hostname = "mx.example.org",
	    .delimiters = "+", .depth_max = 8, .members_max = 6,
	    .root_fd = -1 };
	char folded[IDN_MAX + 1];
	int idn = idn_fold("\xc3\xbc", 2, folded) == IDN_OK;

	if (mkdtemp(top) == NULL || mailbox_open(&mailboxes, top) < 0)
		abort();
	if (is_valgrind(mailboxes.root_fd)) {
		(void)rmdir(top);
		return unit_end("sender, which needs openat2(2)");
	}
	for (size_t i = 0; i < sizeof(tree) / sizeof(tree[0]); i++)
		make(mailboxes.root_fd, tree[i].path, tree[i].text);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (idn || strstr(rows[i].user, "b\xc3\xbc") == NULL)
			check(&mailboxes, rows[i].user, rows[i].sender,
			    rows[i].verdict);
	check_notes(&mailboxes);
	/* Without it, there are domains that are not ours. */
	(void)unlinkat(mailboxes.root_fd, "@/any", AT_REMOVEDIR);
	(void)unlinkat(mailboxes.root_fd, "@/postmaster", 0);
	(void)unlinkat(mailboxes.root_fd, "@", AT_REMOVEDIR);
	check(&mailboxes, "alice@example.org", "remote@example.org",
	    VERDICT_YES);
	check(&mailboxes, "alice@example.org", "x@remote.example",
	    VERDICT_NOT_OWNER);
	check(&mailboxes, "x@remote.example", "x+y@remote.example",
	    VERDICT_YES);
	check_delivery(&mailboxes);
	mailboxes.delimiters = "-+";
	check(&mailboxes, "nobody@remote.example", "nobody-x@remote.example",
	    VERDICT_YES);
	mailboxes.delimiters = "";
	check(&mailboxes, "nobody@remote.example", "nobody+x@remote.example",
	    VERDICT_NOT_OWNER);
	for (size_t i = sizeof(tree) / sizeof(tree[0]); i-- > 0;) {
		char path[256];

		(void)snprintf(path, sizeof(path), "%s/%s", top, tree[i].path);
		(void)remove(path);
	}
	close(mailboxes.root_fd);
	(void)rmdir(top);
	/* A share that is not mounted. */
	mailboxes.root_fd = -1;
	check(&mailboxes, "alice@example.org", "alice@example.org",
	    VERDICT_YES);
	check(&mailboxes, "alice@example.org", "info@example.org",
	    VERDICT_LATER);
	return unit_end("sender");
}
