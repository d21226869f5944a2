/* SPDX-License-Identifier: ISC */
/* check.c - see check.h for the contract. */
#include "check.h"

#include <sys/stat.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/beneath.h"
#include "lib/quota.h"
#include "session.h"

/* The walk through the domains directory. */
struct check {
	struct mailboxes mailboxes;
	unsigned problems, domains, mailbox_count, aliases;
	bool postmaster; /* some domain has one */
};

__attribute__((format(printf, 2, 3))) static void
complain(struct check *check, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vprintf(format, args);
	va_end(args);
	(void)putchar('\n');
	check->problems++;
}

static void
print_note(void *to, enum mailbox_note note, const char *text)
{
	(void)to;
	(void)printf(
	    "%s%s\n", note == MAILBOX_PROBLEM ? "problem: " : "  ", text);
}

static void
count_problem(void *to, enum mailbox_note note, const char *text)
{
	if (note == MAILBOX_PROBLEM)
		complain(to, "%s", text);
}

static const char *
describe(enum verdict verdict)
{
	static const char *const texts[VERDICT_COUNT] = {
		[VERDICT_YES] = "may receive (250)",
		[VERDICT_UNKNOWN_USER] = "no such mailbox (550 5.1.1)",
		[VERDICT_RELAY_DENIED] = "not a domain of ours (550 5.7.1)",
		[VERDICT_ALIAS_LOOP] = "an alias loop (451 4.4.6)",
		[VERDICT_MISCONFIGURED] = "to be mended (451 4.3.5)",
		[VERDICT_LATER] = "cannot be said now (451 4.3.0)",
	};

	return texts[verdict] == NULL ? "refused" : texts[verdict];
}

int
check_explain(const struct config *config, const char *text)
{
	struct mailbox_list list = { 0 };
	struct mailboxes mailboxes;
	struct address address;
	enum verdict verdict;
	size_t len = strlen(text), used = len;
	enum address_status status = text[0] == '<'
	    ? address_parse_path(text, len,
		  ADDRESS_ALLOW_POSTMASTER | ADDRESS_ALLOW_UTF8, &address,
		  &used)
	    : address_parse_mailbox(text, len, &address);

	if (status != ADDRESS_OK || used != len) {
		(void)printf("%s: not an address (RFC 5321, 4.1.2)\n", text);
		return EX_USAGE;
	}
	if (session_mailboxes(&mailboxes, config, print_note, NULL) < 0) {
		(void)printf("%s: %s\n", config->domains, strerror(errno));
		return EX_TEMPFAIL;
	}
	mailboxes.steps = true;
	(void)printf("%s in %s\n", text, config->domains);
	verdict = mailbox_find(&mailboxes, &address, &list);
	for (size_t i = 0; i < list.len; i++)
		(void)printf("delivers to %s/%s\n", config->domains,
		    list.targets[i].path);
	(void)printf("%s: %s\n", text, describe(verdict));
	mailbox_list_free(&list);
	if (mailboxes.root_fd >= 0)
		close(mailboxes.root_fd);
	switch (verdict) {
	case VERDICT_YES:
		return EX_OK;
	case VERDICT_UNKNOWN_USER:
	case VERDICT_RELAY_DENIED:
		return EX_NOUSER;
	default:
		return EX_TEMPFAIL;
	}
}

/* Open as a look-up would, which links cannot lead out. Returns -1 after it
 * has complained. */
static int
open_entry(struct check *check, int root_fd, const char *path, int flags,
    struct stat *st)
{
	int fd = beneath_open(root_fd, path, flags, 0);

	if (fd >= 0 && fstat(fd, st) == 0)
		return fd;
	complain(check, "%s: %s%s", path, strerror(errno),
	    errno == EXDEV
		? " (a link must be relative and stay in the domains directory)"
		: "");
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Whether we may deliver into the Maildir at path, as its cur, new and tmp
 * are, or as they would be made. */
static void
check_maildir(struct check *check, int root_fd, const char *path)
{
	static const char *const names[] = { "cur", "new", "tmp" };
	struct quota quota;
	struct stat st;
	int fd = open_entry(check, root_fd, path, O_RDONLY | O_DIRECTORY, &st);

	check->mailbox_count++;
	if (fd < 0)
		return;
	if (st.st_mode & S_IWOTH)
		complain(
		    check, "%s: everybody may write here; chmod o-w", path);
	for (size_t i = 0; i < 3; i++) {
		const char *what = names[i];

		if (faccessat(fd, what, F_OK, AT_EACCESS) < 0)
			what = ".";
		if (faccessat(fd, what, R_OK | W_OK | X_OK, AT_EACCESS) < 0)
			complain(check, "%s/%s: uid %lu cannot write: %s", path,
			    names[i], (unsigned long)geteuid(),
			    strerror(errno));
	}
	if (quota_load(fd, &quota) < 0)
		complain(check, "%s/maildirsize: %s", path,
		    errno == EINVAL ? "not a Maildir++ quota"
				    : strerror(errno));
	close(fd);
}

/* An alias is checked as a recipient: its notes say what is wrong. */
static void
check_alias(struct check *check, const char *domain, const char *name)
{
	struct mailbox_list list = { 0 };
	/* "@" too is looked up as the domain that it is the directory of. */
	struct address address = { .kind = ADDRESS_DOMAIN };
	size_t domain_len = strlen(domain), len = strlen(name);
	unsigned before = check->problems;
	enum verdict verdict;

	check->aliases++;
	if (domain_len > ADDRESS_DOMAIN_MAX || len > ADDRESS_LOCAL_MAX)
		return;
	memcpy(address.domain, domain, domain_len + 1);
	memcpy(address.local, name, len + 1);
	address.domain_len = (uint8_t)domain_len;
	address.local_len = (uint8_t)len;
	verdict = mailbox_find(&check->mailboxes, &address, &list);
	if (verdict != VERDICT_YES && check->problems == before)
		complain(check, "%s/%s: %s", domain, name, describe(verdict));
	mailbox_list_free(&list);
}

/* Whether some local-part is looked up by this name. */
static bool
check_name(struct check *check, const char *domain, const char *name)
{
	bool upper = false;

	if (strcmp(name, "@") == 0)
		return true;
	for (const char *at = name; *at != '\0'; at++)
		upper |= address_lower(*at) != *at;
	if (!upper && strchr(name, '@') == NULL &&
	    strlen(name) <= ADDRESS_LOCAL_MAX)
		return true;
	complain(check,
	    "%s/%s: no address leads here: names are lower case, "
	    "at most %d octets, without \"@\"",
	    domain, name, ADDRESS_LOCAL_MAX);
	return false;
}

/* A name in the directory of a domain. */
static void
check_entry(
    struct check *check, int root_fd, const char *domain, const char *name)
{
	char path[PATH_MAX];
	struct stat st;
	int fd;

	if (strcmp(name, "postmaster") == 0 || strcmp(name, "@") == 0)
		check->postmaster = true;
	(void)snprintf(path, sizeof(path), "%s/%s", domain, name);
	fd = open_entry(check, root_fd, path, O_PATH, &st);
	if (fd < 0)
		return;
	close(fd);
	if (S_ISDIR(st.st_mode))
		check_maildir(check, root_fd, path);
	else if (S_ISREG(st.st_mode))
		check_alias(check, domain, name);
	else
		complain(check, "%s: neither a directory nor a file", path);
}

static void
check_domain(struct check *check, int root_fd, const char *domain)
{
	struct stat st;
	int fd =
	    open_entry(check, root_fd, domain, O_RDONLY | O_DIRECTORY, &st);
	struct dirent **names = NULL;
	int count = fd < 0 ? 0 : scandirat(fd, ".", &names, NULL, alphasort);

	if (fd < 0)
		return;
	if (count < 0)
		complain(check, "%s: %s", domain, strerror(errno));
	close(fd);
	check->domains++;
	for (int i = 0; i < count; i++) {
		const char *name = names[i]->d_name;

		if (name[0] != '.' && check_name(check, domain, name))
			check_entry(check, root_fd, domain, name);
		free(names[i]);
	}
	free(names);
}

/* Whether a name in the domains directory could be a domain of mail. */
static bool
is_domain(struct check *check, int root_fd, const char *name)
{
	struct stat st;
	int fd;

	if (name[0] == '.' || strcmp(name, "lost+found") == 0)
		return false;
	fd = open_entry(check, root_fd, name, O_PATH, &st);
	if (fd < 0)
		return false;
	close(fd);
	if (!S_ISDIR(st.st_mode))
		return false;
	if (strcmp(name, "@") != 0 && !address_is_domain(name, strlen(name))) {
		complain(check,
		    "%s: not a domain name; an internationalized "
		    "one is written as A-labels (xn--...)",
		    name);
		return false;
	}
	for (const char *at = name; *at != '\0'; at++)
		if (address_lower(*at) != *at) {
			complain(check, "%s: a domain is written in lower case",
			    name);
			return false;
		}
	return true;
}

int
check_domains(const struct config *config, unsigned problems)
{
	struct check check = {
		.mailboxes.root_fd = -1,
		.problems = problems,
	};
	struct dirent **names = NULL;
	int fd, count;

	fd = open(config->domains, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	count = fd < 0 ? -1 : scandirat(fd, ".", &names, NULL, alphasort);
	if (count < 0 ||
	    session_mailboxes(&check.mailboxes, config, count_problem, &check) <
		0) {
		complain(&check, "domains = %s: %s", config->domains,
		    strerror(errno));
	}
	for (int i = 0; i < count; i++) {
		if (check.mailboxes.root_fd >= 0 &&
		    is_domain(&check, fd, names[i]->d_name))
			check_domain(&check, fd, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	if (check.mailboxes.root_fd >= 0)
		close(check.mailboxes.root_fd);
	if (fd >= 0)
		close(fd);
	if (fd >= 0 && check.domains == 0)
		complain(&check,
		    "domains = %s: no domain in it; mkdir -p "
		    "DOMAIN/USER makes one",
		    config->domains);
	/* Not a problem: mail for users arrives. But RFC 5321, 4.5.1 asks. */
	if (check.domains > 0 && !check.postmaster)
		(void)puts("warning: no domain has a postmaster; make a "
			   "mailbox or an alias of that name");
	(void)printf("%u domains, %u mailboxes, %u aliases, %u problems\n",
	    check.domains, check.mailbox_count, check.aliases, check.problems);
	return check.problems == 0 ? EX_OK : EX_CONFIG;
}

static void
say(void *to, bool problem, const char *text)
{
	(void)to, (void)problem; /* the text tells */
	(void)puts(text);
}

unsigned
check_secrets(const struct config *config)
{
	struct tls_settings tls = session_tls(config);
	struct auth_settings auth = {
		.passwords = config->passwords,
		.dovecot = config->dovecot_auth,
		.hostname = config->hostname,
	};
	unsigned problems = 0;

	if (config_has_tls(config))
		problems += tls_check(&tls, say, NULL);
	if (config_has_auth(config))
		problems += auth_check(&auth, say, NULL);
	return problems;
}
