/* SPDX-License-Identifier: ISC */
/* mailbox.c - see mailbox.h for the contract. */
#include "mailbox.h"

#include <sys/stat.h>
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "beneath.h"
#include "idn.h"

static const char any[] = "@"; /* catch-all, and any domain */

/* An alias being expanded, and the one it was found in. */
struct chain {
	const struct chain *parent;
	dev_t dev;
	ino_t ino;
	unsigned depth;
};

/* One mailbox_find(). */
struct search {
	const struct mailboxes *in;
	struct mailbox_list *list;
	struct chain *seen; /* aliases already expanded */
	size_t seen_len, seen_max;
	unsigned members;
	bool partial; /* go on after what stands in the way of a delivery */
};

/* What stands at a path beneath the domains directory. */
enum entry {
	ENTRY_NONE,
	ENTRY_DIRECTORY,
	ENTRY_FILE,
	ENTRY_ERROR, /* only the operator can mend it */
	ENTRY_LATER, /* descriptors, memory, a disk: later */
};

__attribute__((format(printf, 3, 4))) static void
note(
    const struct mailboxes *in, enum mailbox_note kind, const char *format, ...)
{
	char text[MAILBOX_NOTE_MAX];
	va_list args;

	if (in->note == NULL || (kind == MAILBOX_STEP && !in->steps))
		return;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args); /* may be cut */
	va_end(args);
	in->note(in->note_to, kind, text);
}

int
mailbox_open(struct mailboxes *mailboxes, const char *root)
{
	mailboxes->root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return mailboxes->root_fd < 0 && errno != ENOENT ? -1 : 0;
}

void
mailbox_list_free(struct mailbox_list *list)
{
	free(list->targets);
	*list = (struct mailbox_list){ 0 };
}

static bool
is_absent(int error)
{
	return error == ENOENT || error == ENOTDIR || error == ENAMETOOLONG;
}

/* What is not at path: nothing, or a link that leads nowhere today, as one to
 * a share that is not mounted does. */
static enum entry
look_for_link(const struct mailboxes *in, const char *path)
{
	int fd = beneath_open(in->root_fd, path, O_PATH | O_NOFOLLOW, 0);

	if (fd < 0) {
		note(in, MAILBOX_STEP, "%s: not there", path);
		return ENTRY_NONE;
	}
	close(fd);
	note(in, MAILBOX_PROBLEM, "%s: a link that leads nowhere", path);
	return ENTRY_LATER;
}

static enum entry
look(const struct mailboxes *in, const char *path, struct stat *st)
{
	int fd = beneath_open(in->root_fd, path, O_PATH, 0);
	enum entry entry = ENTRY_ERROR;

	if (in->root_fd < 0 || (fd < 0 && is_absent(errno)))
		return look_for_link(in, path);
	if (fd < 0 || fstat(fd, st) < 0) {
		if (errno != EXDEV && errno != ELOOP && errno != EACCES &&
		    errno != EPERM)
			entry = ENTRY_LATER;
		note(in, MAILBOX_PROBLEM, "%s: %s%s", path, strerror(errno),
		    errno == EXDEV ? " (a link must be relative and stay in "
				     "the domains directory)"
				   : "");
	} else if (S_ISDIR(st->st_mode)) {
		entry = ENTRY_DIRECTORY;
	} else if (S_ISREG(st->st_mode)) {
		entry = ENTRY_FILE;
	} else {
		note(in, MAILBOX_PROBLEM, "%s: neither a directory nor a file",
		    path);
	}
	if (fd >= 0)
		close(fd);
	return entry;
}

/* Whether an unknown name may be told for certain: an absent or empty domains
 * directory looks like a share that is not mounted. */
static bool
is_populated(const struct mailboxes *in)
{
	int fd = in->root_fd < 0
	    ? -1
	    : openat(in->root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	bool found = false;
	int error;

	if (directory == NULL) {
		note(in, MAILBOX_PROBLEM, "domains directory: %s",
		    in->root_fd < 0 ? "not there" : strerror(errno));
		if (fd >= 0)
			close(fd);
		return false;
	}
	errno = 0;
	while (!found && (entry = readdir(directory)) != NULL)
		found = entry->d_name[0] != '.' &&
		    strcmp(entry->d_name, "lost+found") != 0;
	error = errno;
	closedir(directory);
	if (!found)
		note(in, MAILBOX_PROBLEM, "domains directory: %s",
		    error != 0 ? strerror(error)
			       : "empty; is the share mounted?");
	return found;
}

static struct mailbox_target
make_target(const char *path, size_t root_len, const struct stat *st)
{
	struct mailbox_target target = {
		.root_len = root_len,
		.dev = st->st_dev,
		.ino = st->st_ino,
		.mode = st->st_mode,
		.gid = st->st_gid,
	};

	memcpy(target.path, path, strlen(path) + 1);
	return target;
}

static enum verdict
add_target(struct search *search, const char *path, size_t root_len,
    const struct stat *st)
{
	struct mailbox_list *list = search->list;

	for (size_t i = 0; i < list->len; i++)
		if (list->targets[i].ino == st->st_ino &&
		    list->targets[i].dev == st->st_dev)
			return VERDICT_YES;
	if (list->len == list->max) {
		size_t max = list->max == 0 ? 4 : list->max * 2;
		void *grown =
		    reallocarray(list->targets, max, sizeof(*list->targets));

		if (grown == NULL)
			return VERDICT_LATER;
		list->targets = grown;
		list->max = max;
	}
	list->targets[list->len++] = make_target(path, root_len, st);
	return VERDICT_YES;
}

/* The local-part as it is looked up: ASCII in lower case, with its NUL. */
static void
fold_local(const struct address *address, char out[ADDRESS_LOCAL_MAX + 1])
{
	for (size_t i = 0; i <= address->local_len; i++)
		out[i] = address_lower(address->local[i]);
}

/* Whether a local-part, or a part of it, may be looked up as a file name. */
static bool
is_name(const char *text, size_t len)
{
	return len > 0 && len <= ADDRESS_LOCAL_MAX && text[0] != '.' &&
	    memchr(text, '/', len) == NULL && memchr(text, '@', len) == NULL &&
	    memchr(text, '\0', len) == NULL;
}

/* path = directory "/" name */
static void
join(char path[MAILBOX_PATH_MAX], const char *directory, const char *name,
    size_t len)
{
	/* Lengths are those of the grammar: it always fits. */
	(void)snprintf(
	    path, MAILBOX_PATH_MAX, "%s/%.*s", directory, (int)len, name);
}

int
mailbox_parse_alias(const char *line, size_t len, struct address *out)
{
	for (size_t i = 0; i < len; i++)
		if (line[i] == '#' &&
		    (i == 0 || line[i - 1] == ' ' || line[i - 1] == '\t'))
			len = i;
	while (len > 0 && strchr(" \t\r", line[len - 1]) && line[len - 1])
		len--;
	while (len > 0 && (*line == ' ' || *line == '\t')) {
		line++;
		len--;
	}
	if (len == 0)
		return 0;
	return address_parse_mailbox(line, len, out) == ADDRESS_OK ? 1 : -1;
}

/* Read an alias file whole. Returns octets in *text, which the caller frees,
 * or -1 after a note. */
static ssize_t
read_alias(const struct mailboxes *in, const char *path, char **text)
{
	int fd = beneath_open(in->root_fd, path, O_RDONLY | O_NONBLOCK, 0);
	size_t len = 0;
	ssize_t got = -1;

	*text = fd < 0 ? NULL : malloc(MAILBOX_ALIAS_SIZE_MAX + 1);
	while (*text != NULL && len <= MAILBOX_ALIAS_SIZE_MAX &&
	    (got = read(fd, *text + len, MAILBOX_ALIAS_SIZE_MAX + 1 - len)) > 0)
		len += (size_t)got;
	if (got < 0 || len > MAILBOX_ALIAS_SIZE_MAX) {
		note(in, MAILBOX_PROBLEM, "%s: %s", path,
		    got < 0 ? strerror(errno) : "longer than 1 MiB");
		free(*text);
		*text = NULL;
	}
	if (fd >= 0)
		close(fd);
	return *text == NULL ? -1 : (ssize_t)len;
}

/* Cut the next line off text, which ends at end. */
static size_t
next_line(const char **text, const char *end, const char **line)
{
	const char *lf = memchr(*text, '\n', (size_t)(end - *text));
	size_t len = (size_t)((lf == NULL ? end : lf) - *text);

	*line = *text;
	*text = lf == NULL ? end : lf + 1;
	return len;
}

static enum verdict find_in(struct search *search, const char *directory,
    const struct address *address, const struct chain *chain);
static enum verdict find_domain(struct search *search,
    const struct address *address, const struct chain *chain);

/* A member of the alias at path, line number line. */
static enum verdict
find_member(struct search *search, const char *directory, const char *path,
    unsigned line, const struct address *member, const struct chain *chain)
{
	char printed[ADDRESS_PRINT_MAX + 1];
	enum verdict verdict;

	address_print(member, printed);
	note(search->in, MAILBOX_STEP, "%s:%u: %s", path, line, printed);
	if (++search->members > search->in->members_max) {
		note(search->in, MAILBOX_PROBLEM, "%s:%u: more than %u members",
		    path, line, search->in->members_max);
		return VERDICT_MISCONFIGURED;
	}
	verdict = member->kind == ADDRESS_LOCAL
	    ? find_in(search, directory, member, chain)
	    : find_domain(search, member, chain);
	if (search->partial &&
	    (verdict == VERDICT_RELAY_DENIED ||
		verdict == VERDICT_UNKNOWN_USER))
		return VERDICT_YES; /* it leads nowhere here */
	switch (verdict) {
	case VERDICT_RELAY_DENIED:
		note(search->in, MAILBOX_PROBLEM,
		    "%s:%u: %s is not local, and "
		    "there is no outgoing queue",
		    path, line, printed);
		break;
	case VERDICT_UNKNOWN_USER:
		note(search->in, MAILBOX_PROBLEM, "%s:%u: %s does not exist",
		    path, line, printed);
		verdict = VERDICT_MISCONFIGURED;
		break;
	default:
		break;
	}
	return verdict;
}

/* Whether this alias was expanded before; if not, remember it. -1: memory. */
static int
was_seen(struct search *search, const struct stat *st)
{
	for (size_t i = 0; i < search->seen_len; i++)
		if (search->seen[i].ino == st->st_ino &&
		    search->seen[i].dev == st->st_dev)
			return 1;
	if (search->seen_len == search->seen_max) {
		size_t max = search->seen_max == 0 ? 8 : search->seen_max * 2;
		void *grown =
		    reallocarray(search->seen, max, sizeof(*search->seen));

		if (grown == NULL)
			return -1;
		search->seen = grown;
		search->seen_max = max;
	}
	search->seen[search->seen_len++] = (struct chain){
		.dev = st->st_dev,
		.ino = st->st_ino,
	};
	return 0;
}

/* Whether the alias is being expanded already, or too deep in others. */
static bool
is_loop(const struct search *search, const char *path, const struct stat *st,
    const struct chain *chain)
{
	if (chain != NULL && chain->depth >= search->in->depth_max) {
		note(search->in, MAILBOX_PROBLEM,
		    "%s: aliases nested deeper "
		    "than %u",
		    path, search->in->depth_max);
		return true;
	}
	for (; chain != NULL; chain = chain->parent)
		if (chain->ino == st->st_ino && chain->dev == st->st_dev) {
			note(search->in, MAILBOX_PROBLEM,
			    "%s: the alias leads back to itself", path);
			return true;
		}
	return false;
}

/* A line of the alias at path. *members counts those that are one. */
static enum verdict
find_line(struct search *search, const char *directory, const char *path,
    unsigned number, const char *line, size_t len, const struct chain *chain,
    unsigned *members)
{
	struct address member;
	int parsed = mailbox_parse_alias(line, len, &member);

	*members += parsed > 0;
	if (parsed > 0)
		return find_member(
		    search, directory, path, number, &member, chain);
	if (parsed == 0 || search->partial)
		return VERDICT_YES;
	note(
	    search->in, MAILBOX_PROBLEM, "%s:%u: not an address", path, number);
	return VERDICT_MISCONFIGURED;
}

/* Whether a line with this verdict is the last to look at. Too many members
 * are too many for everybody. */
static bool
is_last(const struct search *search, enum verdict verdict)
{
	return verdict != VERDICT_YES &&
	    (!search->partial || search->members > search->in->members_max);
}

static enum verdict
find_members(struct search *search, const char *directory, const char *path,
    const char *text, size_t len, const struct chain *chain)
{
	const char *end = text + len, *line;
	enum verdict first = VERDICT_YES, verdict = VERDICT_YES;
	unsigned number = 0, members = 0;

	while (text < end && !is_last(search, verdict)) {
		size_t line_len = next_line(&text, end, &line);

		verdict = find_line(search, directory, path, ++number, line,
		    line_len, chain, &members);
		if (first == VERDICT_YES)
			first = verdict;
	}
	if (first == VERDICT_YES && members == 0 && !search->partial) {
		note(search->in, MAILBOX_PROBLEM,
		    "%s: an alias without an "
		    "address",
		    path);
		first = VERDICT_MISCONFIGURED;
	}
	return first;
}

static enum verdict
find_alias(struct search *search, const char *directory, const char *path,
    const struct stat *st, const struct chain *parent)
{
	struct chain chain = {
		.parent = parent,
		.dev = st->st_dev,
		.ino = st->st_ino,
		.depth = parent == NULL ? 1 : parent->depth + 1,
	};
	enum verdict verdict;
	char *text;
	ssize_t len;
	int seen;

	note(search->in, MAILBOX_STEP, "%s: an alias", path);
	if (is_loop(search, path, st, parent))
		return VERDICT_ALIAS_LOOP;
	seen = was_seen(search, st);
	if (seen != 0)
		return seen > 0 ? VERDICT_YES : VERDICT_LATER;
	len = read_alias(search->in, path, &text);
	if (len < 0)
		return VERDICT_LATER;
	verdict =
	    find_members(search, directory, path, text, (size_t)len, &chain);
	free(text);
	return verdict;
}

/* What stands at directory/name: its verdict, or UNKNOWN_USER when nothing
 * does. tag, if any, chooses a folder of the mailbox that exists. */
static enum verdict
find_name(struct search *search, const char *directory, const char *name,
    size_t len, const char *tag, const struct chain *chain)
{
	char path[MAILBOX_PATH_MAX], folder[MAILBOX_PATH_MAX];
	struct stat st, folder_st;

	join(path, directory, name, len);
	switch (look(search->in, path, &st)) {
	case ENTRY_NONE:
		return VERDICT_UNKNOWN_USER;
	case ENTRY_ERROR:
		return VERDICT_MISCONFIGURED;
	case ENTRY_LATER:
		return VERDICT_LATER;
	case ENTRY_FILE:
		return find_alias(search, directory, path, &st, chain);
	case ENTRY_DIRECTORY:
		break;
	}
	if (tag != NULL && is_name(tag, strlen(tag)) &&
	    snprintf(folder, sizeof(folder), "%s/.%s", path, tag) <
		(int)sizeof(folder) &&
	    look(search->in, folder, &folder_st) == ENTRY_DIRECTORY) {
		note(search->in, MAILBOX_STEP, "%s: a folder", folder);
		return add_target(search, folder, strlen(path), &folder_st);
	}
	note(search->in, MAILBOX_STEP, "%s: a mailbox", path);
	return add_target(search, path, strlen(path), &st);
}

/* The local-part in a directory of the domains directory: the exact name, the
 * name before a tag, the catch-all. */
static enum verdict
find_in(struct search *search, const char *directory,
    const struct address *address, const struct chain *chain)
{
	char local[ADDRESS_LOCAL_MAX + 1];
	enum verdict verdict = VERDICT_UNKNOWN_USER;
	size_t len = address->local_len, tag;

	fold_local(address, local);
	if (is_name(local, len))
		verdict = find_name(search, directory, local, len, NULL, chain);
	tag = strcspn(local, search->in->delimiters);
	if (verdict == VERDICT_UNKNOWN_USER && tag > 0 && tag < len &&
	    is_name(local, tag))
		verdict = find_name(
		    search, directory, local, tag, local + tag + 1, chain);
	if (verdict == VERDICT_UNKNOWN_USER)
		verdict = find_name(search, directory, any, 1, NULL, chain);
	return verdict;
}

/* Whether an address literal names an interface of this machine, or what the
 * client takes for one. */
static bool
is_own_literal(const char *here, const struct address *address)
{
	char text[INET6_ADDRSTRLEN];
	unsigned char bytes[sizeof(struct in6_addr)], ours[sizeof(bytes)];
	bool v6 = address->domain[1] == 'I' || address->domain[1] == 'i';
	size_t from = v6 ? sizeof("[IPv6:") - 1 : 1;
	size_t len = address->domain_len - from - 1;
	struct ifaddrs *interfaces, *i;
	bool own = false;

	if (len >= sizeof(text))
		return false;
	memcpy(text, address->domain + from, len);
	text[len] = '\0';
	if (inet_pton(v6 ? AF_INET6 : AF_INET, text, bytes) != 1)
		return false;
	if (here != NULL &&
	    inet_pton(v6 ? AF_INET6 : AF_INET, here, ours) == 1 &&
	    memcmp(ours, bytes, v6 ? 16 : 4) == 0)
		return true;
	if (getifaddrs(&interfaces) < 0)
		return false;
	for (i = interfaces; i != NULL && !own; i = i->ifa_next) {
		if (i->ifa_addr == NULL)
			continue;
		if (!v6 && i->ifa_addr->sa_family == AF_INET)
			own =
			    memcmp(&((struct sockaddr_in *)(void *)i->ifa_addr)
					->sin_addr,
				bytes, 4) == 0;
		if (v6 && i->ifa_addr->sa_family == AF_INET6)
			own =
			    memcmp(&((struct sockaddr_in6 *)(void *)i->ifa_addr)
					->sin6_addr,
				bytes, 16) == 0;
	}
	freeifaddrs(interfaces);
	return own;
}

/* The name of the directory for the domain of an address. */
static enum verdict
fold_domain(const struct search *search, const struct address *address,
    char out[IDN_MAX + 1])
{
	const char *domain = address->domain;

	if (address->kind == ADDRESS_LITERAL) {
		if (!is_own_literal(search->in->here, address)) {
			note(search->in, MAILBOX_STEP,
			    "%s: not an address of "
			    "this machine",
			    domain);
			memcpy(out, any, sizeof(any));
			return VERDICT_YES;
		}
		domain = search->in->hostname;
	} else if (address->kind != ADDRESS_DOMAIN) {
		domain = search->in->hostname;
	}
	switch (idn_fold(domain, strlen(domain), out)) {
	case IDN_OK:
		return VERDICT_YES;
	case IDN_INVALID:
		note(search->in, MAILBOX_STEP, "%s: not a domain", domain);
		return VERDICT_RELAY_DENIED;
	default:
		note(search->in, MAILBOX_PROBLEM,
		    "%s: needs libidn2, which is "
		    "not installed",
		    domain);
		return VERDICT_MISCONFIGURED;
	}
}

/* Every name of the domains directory that could be a domain, sorted. */
static int
list_domains(const struct mailboxes *in, struct dirent ***names)
{
	return in->root_fd < 0
	    ? -1
	    : scandirat(in->root_fd, ".", names, NULL, alphasort);
}

/* Mail for a postmaster nobody made: our own domain's, any domain's, then the
 * first domain's that has one (RFC 5321, 4.5.1). */
static enum verdict
find_postmaster(struct search *search, const struct chain *chain)
{
	static const char name[] = "postmaster";
	char folded[IDN_MAX + 1];
	const char *hostname = search->in->hostname;
	enum verdict verdict = VERDICT_UNKNOWN_USER;
	struct dirent **names = NULL;
	int count;

	note(search->in, MAILBOX_STEP, "looking for a postmaster");
	if (idn_fold(hostname, strlen(hostname), folded) == IDN_OK)
		verdict = find_name(
		    search, folded, name, sizeof(name) - 1, NULL, chain);
	count = list_domains(search->in, &names);
	for (int pass = 0; pass < 2; pass++)
		for (int i = 0; i < count; i++)
			if (verdict == VERDICT_UNKNOWN_USER &&
			    names[i]->d_name[0] != '.' &&
			    strlen(names[i]->d_name) <= IDN_MAX)
				verdict = find_name(search, names[i]->d_name,
				    pass == 0 ? name : any,
				    pass == 0 ? sizeof(name) - 1 : 1, NULL,
				    chain);
	for (int i = 0; i < count; i++)
		free(names[i]);
	free(names);
	if (verdict == VERDICT_UNKNOWN_USER) {
		note(search->in, MAILBOX_PROBLEM,
		    "no domain has a postmaster: "
		    "make a mailbox or an alias of that name");
		verdict = VERDICT_MISCONFIGURED;
	}
	return verdict;
}

/* Whether a folded domain is our own name, which has a postmaster even where
 * it has no directory (RFC 5321, 4.5.1). */
static bool
is_hostname(const struct mailboxes *in, const char *domain)
{
	char folded[IDN_MAX + 1];

	return idn_fold(in->hostname, strlen(in->hostname), folded) == IDN_OK &&
	    strcmp(folded, domain) == 0;
}

static enum verdict
find_domain(struct search *search, const struct address *address,
    const struct chain *chain)
{
	char domain[IDN_MAX + 1];
	struct stat st;
	enum verdict verdict = fold_domain(search, address, domain);
	enum entry entry;

	if (verdict != VERDICT_YES)
		return verdict;
	verdict = find_in(search, domain, address, chain);
	if (verdict != VERDICT_UNKNOWN_USER)
		return verdict;
	entry = look(search->in, domain, &st);
	if (entry == ENTRY_NONE || entry == ENTRY_FILE) {
		verdict = find_in(search, any, address, chain);
		if (verdict != VERDICT_UNKNOWN_USER)
			return verdict;
		entry = look(search->in, any, &st);
	}
	if (entry == ENTRY_ERROR)
		return VERDICT_MISCONFIGURED;
	if (entry == ENTRY_LATER)
		return VERDICT_LATER;
	if (entry != ENTRY_DIRECTORY && !is_populated(search->in))
		return VERDICT_LATER;
	if (address_same(address->local, address->local_len, "postmaster") &&
	    (entry == ENTRY_DIRECTORY || is_hostname(search->in, domain)))
		return find_postmaster(search, chain);
	/* Without a domain there is no "not ours": it is a user of ours. */
	return entry == ENTRY_DIRECTORY || address->domain_len == 0
	    ? VERDICT_UNKNOWN_USER
	    : VERDICT_RELAY_DENIED;
}

enum verdict
mailbox_find(const struct mailboxes *mailboxes, const struct address *address,
    struct mailbox_list *list)
{
	struct search search = { .in = mailboxes, .list = list };
	size_t before = list->len;
	enum verdict verdict;

	verdict = find_domain(&search, address, NULL);
	if (verdict != VERDICT_YES)
		list->len = before;
	free(search.seen);
	return verdict;
}

enum verdict
mailbox_reach(const struct mailboxes *mailboxes, const struct address *address,
    struct mailbox_list *list)
{
	struct search search = {
		.in = mailboxes,
		.list = list,
		.partial = true,
	};
	enum verdict verdict = find_domain(&search, address, NULL);

	free(search.seen);
	return verdict;
}

/* The mailbox of a name in a directory; *absent where nothing has it. */
static enum verdict
exact_in(const struct mailboxes *in, const char *directory, const char *local,
    struct mailbox_target *out, bool *absent)
{
	char path[MAILBOX_PATH_MAX];
	struct stat st;
	enum entry entry;

	join(path, directory, local, strlen(local));
	entry = look(in, path, &st);
	*absent = entry == ENTRY_NONE;
	if (entry == ENTRY_ERROR)
		return VERDICT_MISCONFIGURED;
	if (entry == ENTRY_LATER)
		return VERDICT_LATER;
	if (entry != ENTRY_DIRECTORY)
		return VERDICT_UNKNOWN_USER;
	*out = make_target(path, strlen(path), &st);
	return VERDICT_YES;
}

enum verdict
mailbox_exact(const struct mailboxes *mailboxes, const struct address *address,
    struct mailbox_target *out)
{
	struct search search = { .in = mailboxes };
	char domain[IDN_MAX + 1], local[ADDRESS_LOCAL_MAX + 1];
	enum verdict verdict = fold_domain(&search, address, domain);
	struct stat st;
	bool absent;

	fold_local(address, local);
	if (verdict == VERDICT_RELAY_DENIED ||
	    !is_name(local, address->local_len))
		return VERDICT_UNKNOWN_USER;
	if (verdict != VERDICT_YES)
		return verdict;
	verdict = exact_in(mailboxes, domain, local, out, &absent);
	if (!absent)
		return verdict;
	switch (look(mailboxes, domain, &st)) {
	case ENTRY_NONE:
	case ENTRY_FILE:
		verdict = exact_in(mailboxes, any, local, out, &absent);
		return absent && !is_populated(mailboxes) ? VERDICT_LATER
							  : verdict;
	case ENTRY_DIRECTORY:
		return VERDICT_UNKNOWN_USER;
	case ENTRY_ERROR:
		return VERDICT_MISCONFIGURED;
	default:
		return VERDICT_LATER;
	}
}

/* The alias file that an address names exactly, read whole. Returns its
 * length, or -1 where it names none. */
static ssize_t
find_exact_alias(
    const struct mailboxes *in, const struct address *address, char **text)
{
	struct search search = { .in = in };
	char domain[IDN_MAX + 1], path[MAILBOX_PATH_MAX];
	char local[ADDRESS_LOCAL_MAX + 1];
	struct stat st;

	fold_local(address, local);
	if (!is_name(local, address->local_len) ||
	    fold_domain(&search, address, domain) != VERDICT_YES)
		return -1;
	join(path, domain, local, address->local_len);
	return look(in, path, &st) == ENTRY_FILE ? read_alias(in, path, text)
						 : -1;
}

/* The same address, with a domain where it has none. */
static struct address
qualify(const struct address *address, const char *domain)
{
	struct address whole = *address;
	size_t len = strnlen(domain, ADDRESS_DOMAIN_MAX);

	if (whole.domain_len == 0) {
		memcpy(whole.domain, domain, len);
		whole.domain[len] = '\0';
		whole.domain_len = (uint8_t)len;
		whole.kind =
		    domain[0] == '[' ? ADDRESS_LITERAL : ADDRESS_DOMAIN;
	}
	return whole;
}

enum verdict
mailbox_expand(const struct mailboxes *mailboxes, const struct address *address,
    char **members, size_t *len)
{
	struct mailbox_list list = { 0 };
	struct address whole = qualify(address, mailboxes->hostname);
	enum verdict verdict = mailbox_find(mailboxes, address, &list);
	const char *at, *end, *line;
	char *text = NULL;
	ssize_t text_len;
	FILE *out;

	mailbox_list_free(&list);
	if (verdict != VERDICT_YES)
		return verdict;
	*members = NULL;
	*len = 0;
	out = open_memstream(members, len);
	if (out == NULL)
		return VERDICT_LATER;
	text_len = find_exact_alias(mailboxes, &whole, &text);
	at = text;
	end = text_len < 0 ? text : text + text_len;
	do {
		char printed[ADDRESS_PRINT_MAX + 1];
		struct address member = whole;
		size_t line_len = 0;

		if (text_len >= 0) {
			line_len = next_line(&at, end, &line);
			if (mailbox_parse_alias(line, line_len, &member) <= 0)
				continue;
		}
		member = qualify(&member, whole.domain);
		line_len = address_print(&member, printed);
		(void)fwrite(printed, 1, line_len + 1, out); /* see fclose */
	} while (at < end);
	free(text);
	if (fclose(out) == 0)
		return VERDICT_YES;
	free(*members);
	*members = NULL;
	return VERDICT_LATER;
}
