/* SPDX-License-Identifier: ISC */
/* config.c - see config.h for the contract. */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "address.h"
#include "network.h"

#ifndef SYSCONFDIR
#define SYSCONFDIR "/etc"
#endif
#ifndef LOCALSTATEDIR
#define LOCALSTATEDIR "/var"
#endif

enum type { TEXT, HOST, PATH, NETWORKS, ADDRESSES, COUNT, SIZE, TIME, CHOICE };

enum { CHOICES_MAX = 5 };

struct row {
	const char *name;
	enum type type;
	size_t offset;
	const char *start; /* the default, as it would be written */
	uint64_t min, max; /* of a number; of the length of a text */
	const char *help;
	const char *choices[CHOICES_MAX];
};

#define FIELD(name) offsetof(struct config, name)
#define BOOLEAN	    0, 1

static const struct row rows[] = {
	{ "hostname", HOST, FIELD(hostname), "", 0, 255,
	    "our name in greetings and trace fields", { 0 } },
	{ "domains", PATH, FIELD(domains), "", 1, CONFIG_TEXT_MAX,
	    "the domains directory", { 0 } },
	{ "message-size", SIZE, FIELD(message_size), "50M", 0, INT64_MAX,
	    "largest message, with K, M or G; 0 is no limit", { 0 } },
	{ "recipients", COUNT, FIELD(recipients), "1000", 1, 999999,
	    "most recipients of one message", { 0 } },
	{ "mailboxes", COUNT, FIELD(mailboxes), "10000", 1, 1000000,
	    "most mailboxes of one message, aliases expanded", { 0 } },
	{ "alias-depth", COUNT, FIELD(alias_depth), "10", 1, 100,
	    "most aliases within aliases", { 0 } },
	{ "messages", COUNT, FIELD(messages), "1000", 1, 999999,
	    "most messages in one session", { 0 } },
	{ "hops", COUNT, FIELD(hops), "100", 1, 10000,
	    "most Received fields in a message", { 0 } },
	{ "errors", COUNT, FIELD(errors), "20", 0, 1000000,
	    "most rejected commands in a session", { 0 } },
	{ "idle-timeout", TIME, FIELD(idle_timeout), "5min", 1, 86400,
	    "longest wait for a client, with s, min or h", { 0 } },
	{ "session-timeout", TIME, FIELD(session_timeout), "1h", 1, 2592000,
	    "longest session, with s, min or h", { 0 } },
	{ "data-rate", SIZE, FIELD(data_rate), "100", 0, INT32_MAX,
	    "least octets a second of a message, after idle-timeout", { 0 } },
	{ "sessions", COUNT, FIELD(sessions), "500", 0, 100000,
	    "most sessions at once of the accept loop; 0 is no limit", { 0 } },
	{ "sessions-per-source", COUNT, FIELD(sessions_per_source), "20", 0,
	    100000, "the same of one address, or IPv6 /64; 0 is no limit",
	    { 0 } },
	{ "idle-exit", TIME, FIELD(idle_exit), "5s", 0, 2592000,
	    "how long the accept loop waits for another session", { 0 } },
	{ "drain-timeout", TIME, FIELD(drain_timeout), "30s", 0, 86400,
	    "how long sessions go on when it is to stop", { 0 } },
	{ "lmtp", CHOICE, FIELD(lmtp), "no", BOOLEAN, "speak LMTP",
	    { "no", "yes" } },
	{ "vrfy", CHOICE, FIELD(vrfy), "no", BOOLEAN, "answer VRFY",
	    { "no", "yes" } },
	{ "expn", CHOICE, FIELD(expn), "no", BOOLEAN, "answer EXPN",
	    { "no", "yes" } },
	{ "bare-newline", CHOICE, FIELD(bare_newline), "auto", 0, 2,
	    "whether LF alone ends a line; auto: not on a socket",
	    { "auto", "reject", "accept" } },
	{ "early-talker", CHOICE, FIELD(early_talker), "refuse", 0, 1,
	    "a network client that speaks before the greeting",
	    { "refuse", "allow" } },
	{ "delimiter", TEXT, FIELD(delimiter), "+", 0, 8,
	    "between local part and tag, any of these; empty for none", { 0 } },
	{ "over-quota", CHOICE, FIELD(over_quota), "retry", 0, 1,
	    "a full mailbox: retry (452) or reject (552)",
	    { "retry", "reject" } },
	{ "user", TEXT, FIELD(user), "smtpd", 1, 255,
	    "whom to become when started as root; root: nobody else", { 0 } },
	{ "sandbox", CHOICE, FIELD(sandbox), "auto", 0, 2,
	    "confine sessions: as the kernel can, or not without all of it",
	    { "auto", "require", "off" } },
	{ "memory", SIZE, FIELD(memory), "256M", 0, INT64_MAX,
	    "most memory of a session, with K, M or G; 0 is no limit", { 0 } },
	{ "tls", CHOICE, FIELD(tls), "offer", 0, 3,
	    "TLS, where there are certificates; implicit: from the first octet",
	    { "off", "offer", "require", "implicit" } },
	{ "certificates", PATH, FIELD(certificates), "", 0, CONFIG_TEXT_MAX,
	    "directory of NAME/fullchain.pem and NAME/privkey.pem; empty: none",
	    { 0 } },
	{ "client-authorities", PATH, FIELD(client_authorities), "", 0,
	    CONFIG_TEXT_MAX,
	    "file of authorities; clients are asked for a certificate", { 0 } },
	{ "passwords", PATH, FIELD(passwords), "", 0, CONFIG_TEXT_MAX,
	    "the password file; empty: no AUTH by it", { 0 } },
	{ "dovecot-auth", PATH, FIELD(dovecot_auth), "", 0, CONFIG_TEXT_MAX,
	    "Dovecot's socket for authentication, instead of passwords",
	    { 0 } },
	{ "auth-clear", CHOICE, FIELD(auth_clear), "no", BOOLEAN,
	    "AUTH without TLS: not, or from this machine by loopback or pipe",
	    { "no", "loopback" } },
	{ "auth-failures", COUNT, FIELD(auth_failures), "3", 1, 1000,
	    "most failed AUTH in a session", { 0 } },
	{ "auth-delay", TIME, FIELD(auth_delay), "1s", 0, 60,
	    "wait after a failed AUTH, each time twice as long", { 0 } },
	{ "submission", CHOICE, FIELD(submission), "no", BOOLEAN,
	    "the rules of a submission server, RFC 6409", { "no", "yes" } },
	{ "sender", CHOICE, FIELD(sender), "own", 0, 1,
	    "whose reverse-path a user may give in submission",
	    { "own", "any" } },
	{ "hide-client", CHOICE, FIELD(hide_client), "no", BOOLEAN,
	    "leave the client out of Received in submission", { "no", "yes" } },
	{ "user-messages", COUNT, FIELD(user_messages), "0", 0, 1000000,
	    "most messages of a user in an hour; 0 is no limit", { 0 } },
	{ "user-recipients", COUNT, FIELD(user_recipients), "0", 0, 10000000,
	    "most recipients of a user in an hour; 0 is no limit", { 0 } },
	{ "rates", PATH, FIELD(rates), "", 1, CONFIG_TEXT_MAX,
	    "directory where these are counted", { 0 } },
	{ "networks", NETWORKS, FIELD(networks), "", 0, CONFIG_TEXT_MAX,
	    "networks that submit without AUTH; empty: none", { 0 } },
	{ "network-recipients", ADDRESSES, FIELD(network_recipients), "", 0,
	    CONFIG_TEXT_MAX, "domains and addresses that they may reach",
	    { 0 } },
	{ "log", CHOICE, FIELD(log), "auto", 0, 3, "where records go",
	    { "auto", "journal", "syslog", "stderr" } },
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

/* Add a line to call->problems; where it does not fit, that there is more. */
__attribute__((format(printf, 2, 3))) static int
problem(struct config_call *call, const char *format, ...)
{
	static const char more[] = "and more\n";
	size_t len = strlen(call->problems);
	size_t room = sizeof(call->problems) - len;
	char *end = call->problems + len;
	va_list args;
	int added;

	va_start(args, format);
	added = vsnprintf(end, room, format, args);
	va_end(args);
	if (added >= 0 && (size_t)added + 1 + sizeof(more) <= room) {
		memcpy(end + added, "\n", 2);
		return 1;
	}
	*end = '\0';
	if (len < sizeof(more) || strcmp(end + 1 - sizeof(more), more) != 0)
		memcpy(end, more, sizeof(more));
	return 1;
}

static const struct row *
find_row(const char *name, size_t len)
{
	for (size_t i = 0; i < ROWS; i++)
		if (strlen(rows[i].name) == len &&
		    memcmp(rows[i].name, name, len) == 0)
			return &rows[i];
	return NULL;
}

/* Digits and a unit of the type. False where it is none or overflows. */
static bool
parse_amount(enum type type, const char *value, uint64_t *out)
{
	static const struct {
		enum type type;
		const char *unit;
		uint64_t by;
	} units[] = {
		{ SIZE, "K", 1 << 10 },
		{ SIZE, "M", 1 << 20 },
		{ SIZE, "G", 1 << 30 },
		{ TIME, "s", 1 },
		{ TIME, "min", 60 },
		{ TIME, "h", 3600 },
	};
	size_t digits = strspn(value, "0123456789");
	const char *unit = value + digits + strspn(value + digits, " ");

	if (!address_parse_number(value, digits, out))
		return false;
	if (*unit == '\0')
		return true;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (units[i].type == type && strcmp(units[i].unit, unit) == 0)
			return !__builtin_mul_overflow(*out, units[i].by, out);
	return false;
}

/* What is allowed, for people. */
static void
describe(const struct row *row, char *out, size_t size)
{
	static const char *const units[] = {
		[COUNT] = "",
		[SIZE] = ", with K, M or G",
		[TIME] = " seconds, or with s, min or h",
	};
	size_t len = 0;

	switch (row->type) {
	case HOST:
		(void)snprintf(out, size, "a host name");
		break;
	case PATH:
		(void)snprintf(out, size, "a path");
		break;
	case NETWORKS:
		(void)snprintf(out, size, "networks like 192.0.2.0/24");
		break;
	case ADDRESSES:
		(void)snprintf(out, size, "domains and addresses");
		break;
	case TEXT:
		(void)snprintf(out, size,
		    "%" PRIu64 " to %" PRIu64 " characters", row->min,
		    row->max);
		break;
	case CHOICE:
		for (size_t i = 0; row->choices[i] != NULL; i++)
			len += (size_t)snprintf(out + len, size - len, "%s%s",
			    i > 0 ? ", " : "", row->choices[i]);
		break;
	default:
		(void)snprintf(out, size, "%" PRIu64 " to %" PRIu64 "%s",
		    row->min, row->max, units[row->type]);
		break;
	}
}

static bool
set_text(const struct row *row, char *field, const char *value)
{
	size_t len = strlen(value);

	if (len < row->min || len > row->max)
		return false;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)value[i] < ' ' || value[i] == 127)
			return false;
	if ((row->type == HOST && !address_is_domain(value, len)) ||
	    (row->type == NETWORKS && network_wrong(value, &len) != NULL) ||
	    (row->type == ADDRESSES &&
		network_not_address(value, &len) != NULL))
		return false;
	memcpy(field, value, strlen(value) + 1);
	return true;
}

/* Set a field from a value. False: not allowed; the field is unchanged. */
static bool
set(struct config *config, const struct row *row, const char *value)
{
	void *field = (char *)config + row->offset;
	uint64_t number = 0;

	switch (row->type) {
	case TEXT:
	case HOST:
	case PATH:
	case NETWORKS:
	case ADDRESSES:
		return set_text(row, field, value);
	case CHOICE:
		while (row->choices[number] != NULL &&
		    strcmp(row->choices[number], value) != 0)
			number++;
		if (row->choices[number] == NULL)
			return false;
		break;
	default:
		if (!parse_amount(row->type, value, &number) ||
		    number < row->min || number > row->max)
			return false;
		break;
	}
	memcpy(field, &number, sizeof(number));
	return true;
}

static int
refuse(struct config_call *call, const char *where, const struct row *row,
    const char *value)
{
	char allowed[128];

	describe(row, allowed, sizeof(allowed));
	return problem(call, "%s: %s: \"%s\" is not allowed; it takes %s",
	    where, row->name, value, allowed);
}

/* Trim spaces and tabs at both ends of text[0..*len). */
static const char *
trim(const char *text, size_t *len)
{
	while (*len > 0 && (*text == ' ' || *text == '\t')) {
		text++;
		--*len;
	}
	while (*len > 0 && strchr(" \t\r", text[*len - 1]) != NULL &&
	    text[*len - 1] != '\0')
		--*len;
	return text;
}

/* "[name]": whether the lines after it count. Returns problems. */
static int
parse_section(struct config_call *call, const char *where, const char *line,
    size_t len, const char *profile, bool *counts)
{
	if (len < 3 || line[len - 1] != ']')
		return problem(call, "%s: a section is written [name]", where);
	*counts = profile != NULL && strlen(profile) == len - 2 &&
	    memcmp(profile, line + 1, len - 2) == 0;
	return 0;
}

/* "name = value". Set only where it counts, checked always. */
static int
parse_setting(struct config *config, struct config_call *call,
    const char *where, const char *line, size_t len, bool counts)
{
	const char *equals = memchr(line, '=', len);
	char value[CONFIG_TEXT_MAX + 1];
	struct config scratch;
	const struct row *row;
	size_t name_len, value_len;

	if (equals == NULL)
		return problem(call, "%s: a line is \"name = value\"", where);
	name_len = (size_t)(equals - line);
	value_len = len - name_len - 1;
	line = trim(line, &name_len);
	equals = trim(equals + 1, &value_len);
	row = find_row(line, name_len);
	if (row == NULL)
		return problem(call,
		    "%s: \"%.*s\" is not a setting; see "
		    "smtpd --help",
		    where, (int)name_len, line);
	if (value_len > CONFIG_TEXT_MAX ||
	    memchr(equals, '\0', value_len) != NULL)
		return refuse(call, where, row, "(too long, or with NUL)");
	memcpy(value, equals, value_len);
	value[value_len] = '\0';
	return set(counts ? config : &scratch, row, value)
	    ? 0
	    : refuse(call, where, row, value);
}

bool
config_has_tls(const struct config *config)
{
	return config->tls != CONFIG_TLS_OFF && config->certificates[0] != '\0';
}

bool
config_has_auth(const struct config *config)
{
	return config->passwords[0] != '\0' ||
	    config->dovecot_auth[0] != '\0' ||
	    config->client_authorities[0] != '\0';
}

/* What each setting allows, but not together. Returns problems. */
static int
find_conflicts(const struct config *config, struct config_call *call)
{
	int problems = 0;

	if (config->tls > CONFIG_TLS_OFFER && config->certificates[0] == '\0')
		problems += problem(call,
		    "tls = %s: needs certificates = DIRECTORY",
		    config->tls == CONFIG_TLS_REQUIRE ? "require" : "implicit");
	if (config->passwords[0] != '\0' && config->dovecot_auth[0] != '\0')
		problems += problem(call,
		    "passwords and dovecot-auth: users are in one of "
		    "them, not in both");
	if (config->networks[0] != '\0' &&
	    config->network_recipients[0] == '\0')
		problems += problem(call,
		    "networks: needs network-recipients, those that may be "
		    "reached without authentication");
	return problems;
}

/* What the name of a section already means. The lines of the section win over
 * it, and it over those before all sections. */
static const struct {
	const char *profile, *name, *value;
} presets[] = {
	{ "submission", "submission", "yes" },
	{ "submissions", "submission", "yes" },
	{ "submissions", "tls", "implicit" },
	{ "local", "submission", "yes" },
	{ "lmtp", "lmtp", "yes" },
};

enum { PRESETS = sizeof(presets) / sizeof(presets[0]) };

static bool
has_preset(const char *profile)
{
	size_t i = 0;

	while (i < PRESETS && strcmp(presets[i].profile, profile) != 0)
		i++;
	return i < PRESETS;
}

/* Set what a profile means by its name. Returns whether that is anything. */
static bool
set_presets(struct config *config, const char *profile)
{
	if (profile == NULL || !has_preset(profile))
		return false;
	for (size_t i = 0; i < PRESETS; i++) {
		const char *name = presets[i].name;

		if (strcmp(presets[i].profile, profile) == 0)
			(void)set(config, find_row(name, strlen(name)),
			    presets[i].value); /* it is one that is allowed */
	}
	return true;
}

int
config_parse(struct config *config, struct config_call *call, const char *file,
    const char *text, size_t len, const char *profile)
{
	const char *end = text + len;
	char where[CONFIG_TEXT_MAX + 32];
	bool counts = true, found = profile == NULL, global = true;
	int problems = 0;

	for (unsigned number = 1; text < end; number++) {
		const char *lf = memchr(text, '\n', (size_t)(end - text));
		size_t line_len = (size_t)((lf == NULL ? end : lf) - text);
		const char *line = trim(text, &line_len);

		(void)snprintf(where, sizeof(where), "%s:%u", file, number);
		if (line_len > 0 && *line == '[') {
			found |= global && set_presets(config, profile);
			global = false;
			problems += parse_section(
			    call, where, line, line_len, profile, &counts);
			found |= counts;
		} else if (line_len > 0 && *line != '#') {
			problems += parse_setting(
			    config, call, where, line, line_len, counts);
		}
		text = lf == NULL ? end : lf + 1;
	}
	found |= global && set_presets(config, profile);
	if (!found)
		problems += problem(call, "%s: no section [%s]", file, profile);
	return problems;
}

/* Whether text has a line [name]. */
static bool
has_section(const char *text, size_t len, const char *name)
{
	const char *end = text + len;
	size_t name_len = strlen(name);

	while (text < end) {
		const char *lf = memchr(text, '\n', (size_t)(end - text));
		size_t line_len = (size_t)((lf == NULL ? end : lf) - text);
		const char *line = trim(text, &line_len);

		if (line_len == name_len + 2 && *line == '[' &&
		    line[line_len - 1] == ']' &&
		    memcmp(line + 1, name, name_len) == 0)
			return true;
		text = lf == NULL ? end : lf + 1;
	}
	return false;
}

/* Read the file, if there is one; where it or a section of it was named there
 * must be. The section of a listener there may be. */
static int
read_file(struct config *config, struct config_call *call, bool named,
    const char *profile, const char *listener)
{
	FILE *in = fopen(call->file, "re");
	char *text;
	size_t len;
	int result;

	if (in == NULL && errno == ENOENT && !named) {
		if (set_presets(config, profile != NULL ? profile : listener) ||
		    profile == NULL)
			return 0;
		errno = ENOENT;
	}
	/* Not on the stack, where every session would keep its pages. */
	text = in == NULL ? NULL : malloc(CONFIG_FILE_MAX + 1);
	if (text == NULL) {
		result = problem(call, "%s: %s", call->file, strerror(errno));
		if (in != NULL)
			(void)fclose(in); /* only read, as below */
		return result;
	}
	len = fread(text, 1, CONFIG_FILE_MAX + 1, in);
	if (ferror(in))
		result = problem(call, "%s: %s", call->file, strerror(errno));
	else if (len > CONFIG_FILE_MAX)
		result = problem(call, "%s: longer than 64 KiB", call->file);
	else {
		if (profile == NULL && listener != NULL &&
		    (has_preset(listener) || has_section(text, len, listener)))
			profile = listener;
		result =
		    config_parse(config, call, call->file, text, len, profile);
	}
	(void)fclose(in);
	free(text);
	return result;
}

/* Directories that systemd names win over those we were built with. */
static void
set_defaults(struct config *config, struct config_call *call)
{
	const char *state = getenv("STATE_DIRECTORY");
	const char *configuration = getenv("CONFIGURATION_DIRECTORY");

	*config = (struct config){ 0 };
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].start[0] != '\0')
			(void)set(config, &rows[i], rows[i].start);
	(void)snprintf(config->domains, sizeof(config->domains), "%s/domains",
	    state != NULL ? state : LOCALSTATEDIR "/lib/smtpd");
	(void)snprintf(config->rates, sizeof(config->rates), "%s/rates",
	    state != NULL ? state : LOCALSTATEDIR "/lib/smtpd");
	(void)snprintf(call->file, sizeof(call->file), "%s/smtpd.conf",
	    configuration != NULL ? configuration : SYSCONFDIR "/smtpd");
	if (gethostname(config->hostname, ADDRESS_DOMAIN_MAX) < 0 ||
	    !address_is_domain(config->hostname, strlen(config->hostname)))
		(void)snprintf(
		    config->hostname, sizeof(config->hostname), "localhost");
}

enum { /* getopt_long values after the rows */
	OPTION_CONFIG = 256 + ROWS,
	OPTION_PROFILE,
	OPTION_CHECK,
	OPTION_EXPLAIN,
	OPTION_HASH,
	OPTION_HELP,
	OPTION_VERSION,
};

static void
list_options(struct option options[ROWS + 8])
{
	static const struct option others[] = {
		{ "config", required_argument, NULL, OPTION_CONFIG },
		{ "profile", required_argument, NULL, OPTION_PROFILE },
		{ "check", no_argument, NULL, OPTION_CHECK },
		{ "explain", required_argument, NULL, OPTION_EXPLAIN },
		{ "hash-password", optional_argument, NULL, OPTION_HASH },
		{ "help", no_argument, NULL, OPTION_HELP },
		{ "version", no_argument, NULL, OPTION_VERSION },
		{ NULL, 0, NULL, 0 },
	};

	for (int i = 0; i < ROWS; i++)
		options[i] = (struct option){
			.name = rows[i].name,
			.has_arg = required_argument,
			.val = 256 + i,
		};
	memcpy(options + ROWS, others, sizeof(others));
}

/* A pass over the command line. The first sees what the file depends on, the
 * second sets what wins over it. */
struct pass {
	struct config *config;
	struct config_call *call;
	char *const *argv;
	const char *file, *profile;
	bool first;
};

static int
take_setting(struct pass *pass, const struct row *row)
{
	return pass->first || set(pass->config, row, optarg)
	    ? 0
	    : refuse(pass->call, "command line", row, optarg);
}

static int
take_option(struct pass *pass, int option)
{
	switch (option) {
	case 'c':
	case OPTION_CONFIG:
		pass->file = optarg;
		return 0;
	case OPTION_PROFILE:
		pass->profile = optarg;
		return 0;
	case OPTION_CHECK:
		pass->call->action = CONFIG_CHECK;
		return 0;
	case OPTION_EXPLAIN:
		pass->call->action = CONFIG_EXPLAIN;
		pass->call->address = optarg;
		return 0;
	case OPTION_HASH:
		pass->call->action = CONFIG_HASH;
		pass->call->kind = optarg != NULL ? optarg : "scram-sha-256";
		return 0;
	case 'h':
	case OPTION_HELP:
		pass->call->action = CONFIG_HELP;
		return 0;
	case OPTION_VERSION:
		pass->call->action = CONFIG_VERSION;
		return 0;
	default:
		return take_setting(pass, &rows[option - 256]);
	}
}

/* getopt_long(3) refused a word: ':' for a lack of its value. */
static int
refuse_option(struct config_call *call, int option, const char *word)
{
	/* A letter may be one of several in the word. */
	char letter[] = { '-', (char)optopt, '\0' };

	return problem(call, "command line: \"%s\" %s; see smtpd --help",
	    optopt > 0 && optopt < 256 ? letter : word,
	    option == ':' ? "lacks its value" : "is not an option, or not so");
}

static int
run_pass(struct pass *pass, int argc)
{
	struct option options[ROWS + 8];
	int option, problems = 0;

	list_options(options);
	optind = 1;
	opterr = 0;
	while ((option = getopt_long(
		    argc, pass->argv, ":c:h", options, NULL)) != -1)
		if (option != ':' && option != '?')
			problems += take_option(pass, option);
		else if (pass->first)
			problems += refuse_option(
			    pass->call, option, pass->argv[optind - 1]);
	if (pass->first && optind < argc)
		problems += problem(pass->call,
		    "command line: \"%s\" is not "
		    "an option; a setting is written --name=value",
		    pass->argv[optind]);
	return problems;
}

int
config_load(struct config *config, struct config_call *call, int argc,
    char *const argv[], const char *listener)
{
	struct pass pass = {
		.config = config,
		.call = call,
		.argv = argv,
		.first = true,
	};
	int problems;

	*call = (struct config_call){ 0 };
	set_defaults(config, call);
	problems = run_pass(&pass, argc);
	if (pass.file != NULL)
		(void)snprintf(call->file, sizeof(call->file), "%s", pass.file);
	if (call->action == CONFIG_HASH || call->action == CONFIG_HELP ||
	    call->action == CONFIG_VERSION)
		return problems == 0 ? 0 : -1;
	problems +=
	    read_file(config, call, pass.file != NULL, pass.profile, listener);
	pass.first = false;
	problems += run_pass(&pass, argc);
	problems += find_conflicts(config, call);
	return problems == 0 ? 0 : -1;
}

void
config_help(FILE *out)
{
	struct config config;
	struct config_call call = { 0 };

	set_defaults(&config, &call);
	(void)fprintf(out,
	    "usage: smtpd [-c FILE] [--profile=NAME] [--name=value ...]\n"
	    "       smtpd --check | --explain=ADDRESS | "
	    "--hash-password[=KIND]\n"
	    "       smtpd --help | --version\n\n"
	    "Speaks SMTP on standard input and output for one session and "
	    "puts each message\ninto Maildirs. Settings are lines "
	    "\"name = value\" of %s\nand flags --name=value, which win:\n\n",
	    call.file);
	for (size_t i = 0; i < ROWS; i++) {
		/* Of texts those that were made up are shown, too. */
		const char *start = rows[i].type <= ADDRESSES
		    ? (const char *)&config + rows[i].offset
		    : rows[i].start;

		(void)fprintf(out, "  --%-19s %s (%s)\n", rows[i].name,
		    rows[i].help, start);
	}
	(void)fprintf(out,
	    "\nsmtpd(8), smtpd.conf(5) and smtpd-domains(5) "
	    "tell more.\n");
}
