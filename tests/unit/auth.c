/* SPDX-License-Identifier: ISC */
/* Exchanges of every mechanism: with GNU SASL's client, by messages that no
 * client of its would send, and what is left of a password afterwards. */
#include "unit.h"

#include <sys/stat.h>
#include <gsasl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "lib/auth.h"
#include "lib/base64.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* All of them "pencil", but for the last. Those of alice and dora are in RFC
 * 7677, 3 and RFC 5802, 5. */
#define SCRAM_SHA_256 "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$" \
	"WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:" \
	"wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
#define SCRAM_SHA_1 "SCRAM-SHA-1$4096:QSXCR+Q6sek8bf92$" \
	"6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+CSWLOshSulAsxiupA+qs2/fTE="
#define SHA_512 "$6$rounds=1000$6SYvfrAdKuXncQyY$" \
	"k5CSSzelJyTj8uGVucTwxVVEVOLU.RoSdED3GxiuJsy7bsa58MNTd0gvpiUF9Z8u6u6O" \
	"vLap2WuXFvFhy9uBX0"
#define SHA_256 "$5$rounds=1000$sSlet3oSIbhdGfBm$" \
	"ikehXRFGbsYxfwHrCMUSuby.bITxcDTuznkFrKaJ5q."
#define BCRYPT "$2b$04$YhyEdxjgKO3usQ5qt7EWk." \
	"VSwKQSB8aWEQS7c/Q/qeFCemH3QekRq"
#define YESCRYPT "$y$j75$DvKHQvRAuTlIv/gwkqMB2/$" \
	"NuVsojDChLGkEWfZpKTP6mXjG93yNWYyUZ5fMKgOJz9"
#define SMILEY "$6$rounds=1000$saltsalt$" \
	"FT1iCdaiKSHAgEyRKkepi6.pCKaCsRAU5f7QoA9VjRT4uar3vvLe/TUZBzyQ3Uphtpca" \
	"xvDBgDeoSkreb6fWc/"

static const char users[] =
	"# who may log in\n"
	"\n"
	"alice:" SCRAM_SHA_256 "\n"
	"bob:" SHA_512 "\n"
	"Carol@Example.Org:" YESCRYPT "\n"
	"carol@example.org:" SCRAM_SHA_256 "\n"
	"carol@example.org:" SCRAM_SHA_1 "\n"
	"dora:" SCRAM_SHA_1 "\n"
	"erin:" SHA_256 "\n"
	"fred:" BCRYPT "\n"
	"gina:" YESCRYPT "\n"
	"j\xc3\xbcrgen:" SHA_512 "\n"
	"smiley:" SMILEY;

static const unsigned char binding[32] = "0123456789abcdef0123456789abcde";
static char path[] = "/tmp/smtpd-auth-XXXXXX";

static struct auth_settings settings = { path, "", "mx.example.org" };
static struct auth_channel clear = { NULL, "", "192.0.2.1", "192.0.2.2",
	false };
static struct auth_channel bound = { binding, "", "192.0.2.1", "192.0.2.2",
	true };
static struct auth_channel known = { binding, "Grace", "192.0.2.1",
	"192.0.2.2", true };

static void
write_users(const char *text, mode_t mode)
{
	FILE *out = fopen(path, "w");

	if (out == NULL || fputs(text, out) < 0 || fclose(out) != 0 ||
	    chmod(path, mode) < 0)
		abort();
}

/* Both sides, until the server has decided. */
static enum auth_result
converse(struct auth *auth, Gsasl_session *client, const char *mechanism,
    bool initial)
{
	char *text = NULL;
	enum auth_result result;
	int status = GSASL_NEEDS_MORE;

	if (initial)
		status = gsasl_step64(client, NULL, &text);
	CHECK(status == GSASL_NEEDS_MORE || status == GSASL_OK, "%s: %s",
	    mechanism, gsasl_strerror(status));
	result = auth_start(auth, mechanism, strlen(mechanism), text,
	    text == NULL ? 0 : strlen(text));
	while (result == AUTH_MORE) {
		gsasl_free(text);
		text = NULL;
		status = gsasl_step64(client, auth->challenge, &text);
		if (status != GSASL_OK && status != GSASL_NEEDS_MORE)
			break;
		result = auth_step(auth, text, strlen(text));
	}
	/* A client that knows the server by its last word is content. */
	CHECK(result != AUTH_YES || status == GSASL_OK, "%s: %s", mechanism,
	    gsasl_strerror(status));
	gsasl_free(text);
	return result;
}

struct row {
	const char *mechanism;
	const struct auth_channel *channel;
	const char *user, *other, *password;
	enum auth_result result;
	const char *name;
};

static const struct row rows[] = {
	{ "PLAIN", &clear, "bob", "", "pencil", AUTH_YES, "bob" },
	{ "PLAIN", &clear, "BOB", "", "pencil", AUTH_YES, "bob" },
	{ "PLAIN", &clear, "bob", "bob", "pencil", AUTH_YES, "bob" },
	{ "PLAIN", &clear, "bob", "Bob", "pencil", AUTH_YES, "bob" },
	{ "PLAIN", &clear, "bob", "alice", "pencil", AUTH_NO, NULL },
	{ "PLAIN", &clear, "bob", "bo", "pencil", AUTH_NO, NULL },
	{ "PLAIN", &clear, "bob", "", "Pencil", AUTH_NO, "bob" },
	{ "PLAIN", &clear, "bob", "", "pencil ", AUTH_NO, "bob" },
	{ "PLAIN", &clear, "bo", "", "pencil", AUTH_NO, "bo" },
	{ "PLAIN", &clear, "bobb", "", "pencil", AUTH_NO, "bobb" },
	{ "PLAIN", &clear, "# who may log in", "", "pencil", AUTH_NO, NULL },
	{ "PLAIN", &clear, "alice", "", "pencil", AUTH_YES, "alice" },
	{ "PLAIN", &clear, "alice", "", "pen", AUTH_NO, "alice" },
	{ "PLAIN", &clear, "dora", "", "pencil", AUTH_YES, "dora" },
	{ "PLAIN", &clear, "erin", "", "pencil", AUTH_YES, "erin" },
	{ "PLAIN", &clear, "fred", "", "pencil", AUTH_YES, "fred" },
	{ "PLAIN", &clear, "fred", "", "pencils", AUTH_NO, "fred" },
	{ "PLAIN", &clear, "gina", "", "pencil", AUTH_YES, "gina" },
	{ "PLAIN", &clear, "gina", "", "pencils", AUTH_NO, "gina" },
	{ "PLAIN", &clear, "carol@example.ORG", "", "pencil", AUTH_YES,
	    "Carol@Example.Org" },
	{ "PLAIN", &clear, "j\xc3\xbcrgen", "", "pencil", AUTH_YES,
	    "j\xc3\xbcrgen" },
	{ "PLAIN", &clear, "j\xc3\x9crgen", "", "pencil", AUTH_NO, NULL },
	{ "LOGIN", &clear, "bob", "", "pencil", AUTH_YES, "bob" },
	{ "LOGIN", &clear, "bob", "", "pencils", AUTH_NO, "bob" },
	{ "LOGIN", &clear, "alice", "", "pencil", AUTH_YES, "alice" },
	{ "LOGIN", &clear, "nobody", "", "pencil", AUTH_NO, "nobody" },
	{ "SCRAM-SHA-256", &clear, "alice", "", "pencil", AUTH_YES, "alice" },
	{ "SCRAM-SHA-256", &clear, "ALICE", "", "pencil", AUTH_YES, "alice" },
	{ "SCRAM-SHA-256", &clear, "alice", "alice", "pencil", AUTH_YES,
	    "alice" },
	{ "SCRAM-SHA-256", &clear, "alice", "bob", "pencil", AUTH_NO, "alice" },
	{ "SCRAM-SHA-256", &clear, "alice", "", "pencils", AUTH_NO, "alice" },
	{ "SCRAM-SHA-256", &clear, "nobody", "", "pencil", AUTH_NO, "nobody" },
	{ "SCRAM-SHA-256", &clear, "bob", "", "pencil", AUTH_NO, "bob" },
	{ "SCRAM-SHA-256", &clear, "dora", "", "pencil", AUTH_NO, "dora" },
	{ "SCRAM-SHA-256", &clear, "carol@example.org", "", "pencil", AUTH_YES,
	    "carol@example.org" },
	{ "SCRAM-SHA-1", &clear, "dora", "", "pencil", AUTH_YES, "dora" },
	{ "SCRAM-SHA-1", &clear, "dora", "", "pencils", AUTH_NO, "dora" },
	{ "SCRAM-SHA-1", &clear, "alice", "", "pencil", AUTH_NO, "alice" },
	{ "SCRAM-SHA-256-PLUS", &bound, "alice", "", "pencil", AUTH_YES,
	    "alice" },
	{ "SCRAM-SHA-256-PLUS", &bound, "alice", "", "pencils", AUTH_NO,
	    "alice" },
	{ "SCRAM-SHA-256-PLUS", &bound, "nobody", "", "pencil", AUTH_NO,
	    "nobody" },
	{ "SCRAM-SHA-1-PLUS", &bound, "dora", "", "pencil", AUTH_YES, "dora" },
	{ "SCRAM-SHA-256-PLUS", &clear, "alice", "", "pencil", AUTH_UNKNOWN,
	    "" },
	{ "EXTERNAL", &known, "", "", "", AUTH_YES, "Grace" },
	{ "EXTERNAL", &known, "", "grace", "", AUTH_YES, "Grace" },
	{ "EXTERNAL", &known, "", "bob", "", AUTH_NO, "Grace" },
	{ "EXTERNAL", &bound, "", "", "", AUTH_UNKNOWN, "" },
	{ "ANONYMOUS", &clear, "", "", "", AUTH_UNKNOWN, "" },
	{ "CRAM-MD5", &clear, "", "", "", AUTH_UNKNOWN, "" },
	{ "plain", &clear, "bob", "", "pencil", AUTH_YES, "bob" },
	{ "PLAI", &clear, "bob", "", "pencil", AUTH_UNKNOWN, "" },
	{ "", &clear, "bob", "", "pencil", AUTH_UNKNOWN, "" },
	{ "PLAIN LOGIN", &clear, "bob", "", "pencil", AUTH_UNKNOWN, "" },
};

/* A client of the mechanism, or of PLAIN where it has none. */
static Gsasl_session *
start_client(Gsasl *context, const struct row *row)
{
	char text[BASE64_LEN(sizeof(binding)) + 1];
	const char *name = row->result == AUTH_UNKNOWN ||
	    row->mechanism[0] == 'p' ? "PLAIN" : row->mechanism;
	Gsasl_session *client;

	if (gsasl_client_start(context, name, &client) != GSASL_OK)
		abort();
	(void)base64_encode(binding, sizeof(binding), text);
	if (gsasl_property_set(client, GSASL_AUTHID, row->user) != 0 ||
	    gsasl_property_set(client, GSASL_PASSWORD, row->password) != 0 ||
	    (row->other[0] != '\0' &&
	    gsasl_property_set(client, GSASL_AUTHZID, row->other) != 0) ||
	    (strstr(name, "-PLUS") != NULL &&
	    gsasl_property_set(client, GSASL_CB_TLS_EXPORTER, text) != 0))
		abort();
	return client;
}

static void
check_row(Gsasl *context, const struct row *row, bool initial)
{
	Gsasl_session *client = start_client(context, row);
	struct auth auth;
	enum auth_result result;

	auth_init(&auth, &settings, row->channel);
	result = converse(&auth, client, row->mechanism, initial);
	CHECK(result == row->result, "%s %s %s %s: %d %s", row->mechanism,
	    row->user, row->other, row->password, result, auth.problem);
	CHECK(row->name == NULL || strcmp(auth.user, row->name) == 0, "%s %s: "
	    "%s", row->mechanism, row->user, auth.user);
	CHECK(auth.problem[0] == '\0', "%s", auth.problem);
	CHECK(auth.exchange == NULL && auth.challenge[0] == '\0', "%s %s",
	    row->mechanism, row->user);
	CHECK(result != AUTH_UNKNOWN || auth.mechanism[0] == '\0', "%s",
	    row->mechanism);
	auth_end(&auth);
	CHECK(auth.user[0] == '\0' && auth.settings == &settings, "ended");
	gsasl_finish(client);
}

static void
check_clients(void)
{
	Gsasl *context;

	if (gsasl_init(&context) != GSASL_OK)
		abort();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		check_row(context, &rows[i], true);
		/* Not LOGIN: its client waits for a question. */
		if (rows[i].mechanism[0] != 'L')
			check_row(context, &rows[i], false);
	}
	gsasl_done(context);
}

/* A dialogue: messages as they are before base64, with the length where they
 * hold a NUL; "" is an empty one, NULL ends them. */
struct talk {
	const char *mechanism;
	const struct auth_channel *channel;
	bool initial; /* the first is the initial response */
	struct {
		const char *text;
		size_t len;
	} said[4];
	enum auth_result result; /* of the last; AUTH_MORE of the others */
	const char *challenge;	 /* the last but one */
};

#define SAY(text) { text, sizeof(text) - 1 }

static const struct talk talks[] = {
	/* PLAIN, RFC 4616 */
	{ "PLAIN", &clear, true, { SAY("\0bob\0pencil") }, AUTH_YES, NULL },
	{ "PLAIN", &clear, false, { SAY("\0bob\0pencil") }, AUTH_YES, "" },
	{ "PLAIN", &clear, true, { SAY("\0bob\0pencil\0") }, AUTH_MALFORMED,
	    NULL },
	{ "PLAIN", &clear, true, { SAY("\0bob\0pencil\0x") }, AUTH_MALFORMED,
	    NULL },
	{ "PLAIN", &clear, true, { SAY("\0bob\0pen\0cil") }, AUTH_MALFORMED,
	    NULL },
	{ "PLAIN", &clear, true, { SAY("\0bob\0") }, AUTH_NO, NULL },
	{ "PLAIN", &clear, true, { SAY("\0\0pencil") }, AUTH_NO, NULL },
	{ "PLAIN", &clear, true, { SAY("\0\0") }, AUTH_NO, NULL },
	{ "PLAIN", &clear, true, { SAY("\0bob") }, AUTH_MALFORMED, NULL },
	{ "PLAIN", &clear, true, { SAY("\0") }, AUTH_MALFORMED, NULL },
	{ "PLAIN", &clear, true, { SAY("bob") }, AUTH_MALFORMED, NULL },
	{ "PLAIN", &clear, true, { SAY("") }, AUTH_MALFORMED, NULL },
	{ "PLAIN", &clear, false, { SAY("") }, AUTH_MALFORMED, "" },
	{ "PLAIN", &clear, true, { SAY("\0bob\xff\0pencil") }, AUTH_NO, NULL },
	{ "PLAIN", &clear, true, { SAY("\0bob\0pencil\xff") }, AUTH_NO, NULL },
	/* a password newer than SASLprep */
	{ "PLAIN", &clear, true, { SAY("\0smiley\0\xf0\x9f\x98\x80") },
	    AUTH_YES, NULL },
	{ "PLAIN", &clear, true, { SAY("\0smiley\0\xf0\x9f\x98\x81") },
	    AUTH_NO, NULL },
	{ "PLAIN", &clear, true, { SAY("bob\0smiley\0\xf0\x9f\x98\x80") },
	    AUTH_NO, NULL },
	{ "LOGIN", &clear, true, { SAY("smiley"), SAY("\xf0\x9f\x98\x80") },
	    AUTH_YES, "Password:" },
	/* LOGIN, with and without a name at once */
	{ "LOGIN", &clear, false, { SAY("bob"), SAY("pencil") }, AUTH_YES,
	    "Password:" },
	{ "LOGIN", &clear, true, { SAY("bob"), SAY("pencil") }, AUTH_YES,
	    "Password:" },
	{ "LOGIN", &clear, false, { SAY("bob") }, AUTH_MORE, "Username:" },
	{ "LOGIN", &clear, true, { SAY("") }, AUTH_MALFORMED, NULL },
	{ "LOGIN", &clear, false, { SAY("") }, AUTH_MALFORMED, "Username:" },
	{ "LOGIN", &clear, true, { SAY("bob"), SAY("") }, AUTH_MALFORMED,
	    "Password:" },
	{ "LOGIN", &clear, true, { SAY("bob\0") }, AUTH_MALFORMED, NULL },
	{ "LOGIN", &clear, true, { SAY("bob"), SAY("pencil\0") },
	    AUTH_MALFORMED, "Password:" },
	{ "LOGIN", &clear, true, { SAY("bob"), SAY("pencil\0x") },
	    AUTH_MALFORMED, "Password:" },
	/* EXTERNAL: "" is to act as yourself, and no message is none */
	{ "EXTERNAL", &known, true, { SAY("") }, AUTH_YES, NULL },
	{ "EXTERNAL", &known, false, { SAY("") }, AUTH_YES, "" },
	{ "EXTERNAL", &known, true, { SAY("Grace") }, AUTH_YES, NULL },
	{ "EXTERNAL", &known, true, { SAY("grace") }, AUTH_YES, NULL },
	{ "EXTERNAL", &known, true, { SAY("bob") }, AUTH_NO, NULL },
	{ "EXTERNAL", &known, true, { SAY("grace\0") }, AUTH_MALFORMED, NULL },
	{ "EXTERNAL", &known, true, { SAY("grace\0x") }, AUTH_MALFORMED, NULL },
	/* SCRAM, RFC 5802 */
	{ "SCRAM-SHA-256", &clear, true, { SAY("n,,n=alice,r=abcdef") },
	    AUTH_MORE, NULL },
	{ "SCRAM-SHA-256", &clear, true, { SAY("y,,n=alice,r=abcdef") },
	    AUTH_MORE, NULL },
	{ "SCRAM-SHA-256", &clear, false, { SAY("n,,n=alice,r=abcdef") },
	    AUTH_MORE, "" },
	{ "SCRAM-SHA-256", &clear, true, { SAY("") }, AUTH_MALFORMED, NULL },
	{ "SCRAM-SHA-256", &clear, false, { SAY("") }, AUTH_MALFORMED, "" },
	{ "SCRAM-SHA-256", &clear, true, { SAY("n,,n=alice") }, AUTH_MALFORMED,
	    NULL },
	{ "SCRAM-SHA-256", &clear, true, { SAY("n,,n=,r=abcdef") },
	    AUTH_MALFORMED, NULL },
	{ "SCRAM-SHA-256", &clear, true, { SAY("n,,m=x,n=alice,r=abcdef") },
	    AUTH_MALFORMED, NULL },
	{ "SCRAM-SHA-256", &clear, true, { SAY("n,,n=alice\0x,r=abcdef") },
	    AUTH_MALFORMED, NULL },
	{ "SCRAM-SHA-256", &clear, true, { SAY("n,,n=alice,r=abcdef\0") },
	    AUTH_MALFORMED, NULL },
	{ "SCRAM-SHA-256", &clear, true, { SAY("n,,n=alice,r=abcdef"),
	    SAY("") }, AUTH_MALFORMED, NULL },
	{ "SCRAM-SHA-256", &clear, true, { SAY("n,,n=alice,r=abcdef"),
	    SAY("c=biws,r=abcdef,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=") }, AUTH_NO,
	    NULL },
	/* the client could bind, and was told that we could not */
	{ "SCRAM-SHA-256", &bound, true, { SAY("n,,n=alice,r=abcdef") },
	    AUTH_MORE, NULL },
	{ "SCRAM-SHA-256", &bound, true, { SAY("y,,n=alice,r=abcdef") },
	    AUTH_NO, NULL },
	{ "SCRAM-SHA-1", &bound, true, { SAY("y,,n=dora,r=abcdef") },
	    AUTH_NO, NULL },
	/* bindings that are none, or not there */
	{ "SCRAM-SHA-256-PLUS", &bound, true, { SAY("n,,n=alice,r=abcdef") },
	    AUTH_NO, NULL },
	{ "SCRAM-SHA-256-PLUS", &bound, true, { SAY("y,,n=alice,r=abcdef") },
	    AUTH_NO, NULL },
	{ "SCRAM-SHA-256-PLUS", &bound, true,
	    { SAY("p=tls-unique,,n=alice,r=abcdef") }, AUTH_NO, NULL },
	{ "SCRAM-SHA-256-PLUS", &bound, true,
	    { SAY("p=tls-server-end-point,,n=alice,r=abcdef") }, AUTH_NO,
	    NULL },
	{ "SCRAM-SHA-256-PLUS", &bound, true,
	    { SAY("p=tls-exporter,,n=alice,r=abcdef") }, AUTH_MORE, NULL },
};

static void
check_talk(const struct talk *talk)
{
	size_t name_len = strlen(talk->mechanism), i = 0;
	char text[1000], last[AUTH_LINE_MAX + 1] = "";
	enum auth_result result;
	struct auth auth;

	auth_init(&auth, &settings, talk->channel);
	if (talk->initial) {
		(void)base64_encode(talk->said[0].text, talk->said[0].len,
		    text);
		result = auth_start(&auth, talk->mechanism, name_len, text,
		    strlen(text));
		i = 1;
	} else {
		result = auth_start(&auth, talk->mechanism, name_len, NULL, 0);
	}
	for (; talk->said[i].text != NULL && result == AUTH_MORE; i++) {
		(void)snprintf(last, sizeof(last), "%s", auth.challenge);
		(void)base64_encode(talk->said[i].text, talk->said[i].len,
		    text);
		result = auth_step(&auth, text, strlen(text));
	}
	CHECK(result == talk->result && talk->said[i].text == NULL,
	    "row %td: %d %s", talk - talks, result, auth.problem);
	if (talk->challenge != NULL) {
		(void)base64_encode(talk->challenge, strlen(talk->challenge),
		    text);
		CHECK(strcmp(text, last) == 0, "row %td: %s", talk - talks,
		    last);
	}
	auth_end(&auth);
}

/* What is no base64, and what is too long. */
static void
check_base64(void)
{
	static const char *const texts[] = {
		"=", "A", "AA", "AAA", "AA=A", "A===", "====", "AGJvYgBwZW5jaWw",
		"AGJvYgBwZW5jaWw==", "AGJvYgBwZW5jaWx=", " AGJvYgBwZW5jaWw=",
		"AGJv YgBwZW5jaWw=", "AGJvYgBwZW5jaWw=\r", "AGJvYgBwZW5jaWw=\t",
		"AGJvYgBwZW5jaW-_", "*",
	};
	static char much[AUTH_LINE_MAX + 5];
	struct auth auth;

	auth_init(&auth, &settings, &clear);
	CHECK(auth_start(&auth, "PLAIN", 5, "AGJvYgBwZW5jaWw=", 16) ==
	    AUTH_YES, "good base64");
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		CHECK(auth_start(&auth, "PLAIN", 5, texts[i],
		    strlen(texts[i])) == AUTH_MALFORMED, "%s", texts[i]);
		CHECK(auth_start(&auth, "PLAIN", 5, NULL, 0) == AUTH_MORE &&
		    auth_step(&auth, texts[i], strlen(texts[i])) ==
		    AUTH_MALFORMED, "%s", texts[i]);
		CHECK(auth_step(&auth, "", 0) == AUTH_MALFORMED, "it is over");
	}
	memset(much, 'A', sizeof(much));
	CHECK(auth_start(&auth, "PLAIN", 5, much, AUTH_LINE_MAX) ==
	    AUTH_MALFORMED, "NULs");
	CHECK(auth_start(&auth, "PLAIN", 5, much, AUTH_LINE_MAX + 4) ==
	    AUTH_MALFORMED, "too long");
	memset(much, 'Y', sizeof(much));
	CHECK(auth_start(&auth, "LOGIN", 5, much, AUTH_LINE_MAX) == AUTH_MORE &&
	    auth_step(&auth, much, AUTH_LINE_MAX) == AUTH_NO &&
	    auth.user[0] == '\0', "a long name and password");
	auth_end(&auth);
}

/* After success in SCRAM only an empty response is an answer. */
static void
check_last_word(void)
{
	Gsasl *context;
	char *text = NULL;
	struct auth auth;

	if (gsasl_init(&context) != GSASL_OK)
		abort();
	for (int good = 0; good < 2; good++) {
		const struct row row = { "SCRAM-SHA-256", &clear, "alice", "",
			"pencil", AUTH_YES, "alice" };
		Gsasl_session *client = start_client(context, &row);
		char *proof = NULL;

		auth_init(&auth, &settings, &clear);
		CHECK(auth_start(&auth, row.mechanism, 13, NULL, 0) ==
		    AUTH_MORE && auth.challenge[0] == '\0', "an empty one");
		CHECK(gsasl_step64(client, "", &text) == GSASL_NEEDS_MORE &&
		    auth_step(&auth, text, strlen(text)) == AUTH_MORE, "first");
		CHECK(gsasl_step64(client, auth.challenge, &proof) ==
		    GSASL_NEEDS_MORE && auth_step(&auth, proof, strlen(proof))
		    == AUTH_MORE && strncmp(auth.challenge, "dj", 2) == 0,
		    "the last word is a challenge: %s", auth.challenge);
		CHECK(good ? auth_step(&auth, "", 0) == AUTH_YES :
		    auth_step(&auth, proof, strlen(proof)) == AUTH_MALFORMED,
		    "%d", good);
		gsasl_free(text);
		gsasl_free(proof);
		gsasl_finish(client);
		auth_end(&auth);
	}
	gsasl_done(context);
}

/* The wrong binding in a client's proof: somebody sits between us. */
static void
check_other_channel(void)
{
	static const unsigned char other[32] = "another";
	struct auth_channel channel = bound;
	const struct row row = { "SCRAM-SHA-256-PLUS", &channel, "alice", "",
		"pencil", AUTH_NO, "alice" };
	Gsasl *context;

	channel.binding = other;
	if (gsasl_init(&context) != GSASL_OK)
		abort();
	check_row(context, &row, true);
	gsasl_done(context);
}

static void
check_offers(void)
{
	static const struct {
		const char *users;
		const struct auth_channel *channel;
		const char *list;
	} offers[] = {
		{ users, &clear, "SCRAM-SHA-256 SCRAM-SHA-1 PLAIN LOGIN" },
		{ users, &bound, "SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS "
		    "SCRAM-SHA-256 SCRAM-SHA-1 PLAIN LOGIN" },
		{ users, &known, "SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS "
		    "SCRAM-SHA-256 SCRAM-SHA-1 EXTERNAL PLAIN LOGIN" },
		{ "a:" SCRAM_SHA_256 "\n", &bound,
		    "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN" },
		{ "a:" SCRAM_SHA_1 "\n", &clear, "SCRAM-SHA-1 PLAIN LOGIN" },
		{ "a:" YESCRYPT "\n", &bound, "PLAIN LOGIN" },
		{ "# nobody\n", &bound, "" },
		{ "", &known, "EXTERNAL" },
		{ "a:b\n", &clear, "" },
	};
	char list[AUTH_MECHANISMS_MAX + 1];
	struct auth auth;

	for (size_t i = 0; i < sizeof(offers) / sizeof(offers[0]); i++) {
		write_users(offers[i].users, 0600);
		auth_init(&auth, &settings, offers[i].channel);
		CHECK(auth_mechanisms(&auth, list), "%s", auth.problem);
		CHECK(strcmp(list, offers[i].list) == 0, "row %zu: %s", i,
		    list);
		auth_end(&auth);
	}
	settings.passwords = "";
	auth_init(&auth, &settings, &known);
	CHECK(auth_mechanisms(&auth, list) && strcmp(list, "EXTERNAL") == 0,
	    "%s", list);
	settings.passwords = path;
}

/* Log in as bob. */
static enum auth_result
try(struct auth *auth)
{
	return auth_start(auth, "PLAIN", 5, "AGJvYgBwZW5jaWw=", 16);
}

static void
check_problems(void)
{
	static const mode_t bad[] = { 0604, 0602, 0601, 0620, 0666, 0644 };
	static const mode_t good[] = { 0600, 0400, 0640, 0440 };
	char list[AUTH_MECHANISMS_MAX + 1];
	struct auth auth;

	auth_init(&auth, &settings, &clear);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		write_users(users, bad[i]);
		CHECK(try(&auth) == AUTH_LATER &&
		    strstr(auth.problem, "chmod") != NULL, "%o: %s", bad[i],
		    auth.problem);
		CHECK(!auth_mechanisms(&auth, list) && list[0] == '\0', "%o",
		    bad[i]);
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		write_users(users, 0600);
		CHECK(chmod(path, good[i]) == 0 && try(&auth) == AUTH_YES,
		    "%o: %s", good[i], auth.problem);
	}
	/* A bad line is told once, and lets nobody in; the others go on. */
	write_users("x:y\nbob:pencil\nbob:" SHA_512 "\n", 0600);
	CHECK(try(&auth) == AUTH_YES, "bob");
	CHECK(strstr(auth.problem, ":1: ") != NULL, "%s", auth.problem);
	CHECK(try(&auth) == AUTH_YES && auth.problem[0] == '\0', "%s",
	    auth.problem);
	write_users("x:" SHA_512 "\nbob:pencil\n", 0600);
	CHECK(try(&auth) == AUTH_NO, "a password is no hash");
	CHECK(strstr(auth.problem, "pencil") == NULL, "%s", auth.problem);
	/* What changes counts at once, also between offer and start. */
	write_users("alice:" SCRAM_SHA_256 "\n", 0600);
	CHECK(auth_mechanisms(&auth, list), "%s", list);
	write_users("bob:" SHA_512 "\n", 0600);
	CHECK(try(&auth) == AUTH_YES, "bob is new");
	CHECK(auth_start(&auth, "SCRAM-SHA-256", 13,
	    "biwsbj1hbGljZSxyPWFiY2RlZg==", 28) == AUTH_LATER &&
	    auth.problem[0] != '\0', "no more keys");
	CHECK(unlink(path) == 0 && try(&auth) == AUTH_LATER &&
	    strstr(auth.problem, "No such file") != NULL, "%s", auth.problem);
	CHECK(mkfifo(path, 0600) == 0 && try(&auth) == AUTH_LATER &&
	    strstr(auth.problem, "not a file") != NULL, "%s", auth.problem);
	CHECK(unlink(path) == 0, "removed");
	auth_end(&auth);
}

/* The salt that a user is told. */
static void
ask_salt(const char *user, char out[AUTH_LINE_MAX + 1])
{
	char first[200], text[sizeof(first) * 2], *salt;
	struct auth auth;
	long len;

	(void)snprintf(first, sizeof(first), "n,,n=%s,r=abcdef", user);
	(void)base64_encode(first, strlen(first), text);
	auth_init(&auth, &settings, &clear);
	CHECK(auth_start(&auth, "SCRAM-SHA-256", 13, text, strlen(text)) ==
	    AUTH_MORE, "%s", user);
	len = base64_decode(auth.challenge, strlen(auth.challenge), out,
	    AUTH_LINE_MAX);
	out[len < 0 ? 0 : len] = '\0';
	salt = strstr(out, ",s=");
	CHECK(salt != NULL, "%s", out);
	if (salt != NULL)
		memmove(out, salt, strlen(salt) + 1);
	auth_end(&auth);
}

/* A user who is not there is told salts like those who are. */
static void
check_salts(void)
{
	char alice[AUTH_LINE_MAX + 1], one[AUTH_LINE_MAX + 1];
	char two[AUTH_LINE_MAX + 1];

	ask_salt("alice", alice);
	CHECK(strcmp(alice, ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096") == 0, "%s",
	    alice);
	ask_salt("nobody", one);
	ask_salt("Nobody", two);
	CHECK(strcmp(one, two) == 0, "%s %s", one, two);
	CHECK(strlen(one) == strlen(alice) && strcmp(strstr(one, ",i="),
	    strstr(alice, ",i=")) == 0, "%s", one);
	ask_salt("nobodi", two);
	CHECK(strcmp(one, two) != 0, "%s", two);
	ask_salt("bob", two); /* has no keys */
	CHECK(strlen(two) == strlen(alice) && strcmp(one, two) != 0, "%s", two);
	/* Of another file they are others. */
	write_users("alice:SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
	    "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=:"
	    "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=\n", 0600);
	ask_salt("nobody", two);
	CHECK(strlen(two) == strlen(alice) && strcmp(one, two) != 0, "%s", two);
	write_users(users, 0600);
}

static bool
is_valgrind(void)
{
	const char *preloaded = getenv("LD_PRELOAD");

	return preloaded != NULL && strstr(preloaded, "vgpreload") != NULL;
}

static double
processor_time(const char *mechanism, const char *user)
{
	struct timespec start, end;
	char text[200], message[100];
	size_t len;
	struct auth auth;

	if (strcmp(mechanism, "PLAIN") == 0)
		len = (size_t)snprintf(message, sizeof(message), "%c%s%cpen",
		    0, user, 0);
	else
		len = (size_t)snprintf(message, sizeof(message),
		    "n,,n=%s,r=abcdef", user);
	(void)base64_encode(message, len, text);
	auth_init(&auth, &settings, &clear);
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
	(void)auth_start(&auth, mechanism, strlen(mechanism), text,
	    strlen(text));
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	auth_end(&auth);
	return (double)(end.tv_sec - start.tv_sec) * 1e6 +
	    (double)(end.tv_nsec - start.tv_nsec) / 1e3;
}

static int
compare_times(const void *one, const void *other)
{
	double a = *(const double *)one, b = *(const double *)other;

	return a < b ? -1 : a > b;
}

/* Who is there and who is not takes the same time: medians, in turns. Without
 * care the one would take many times what the other does. */
static void
check_times(const char *text, const char *mechanism, const char *user)
{
	enum { TURNS = 15 };
	double there[TURNS], absent[TURNS], ratio;

	write_users(text, 0600);
	for (int i = 0; i < TURNS; i++) {
		there[i] = processor_time(mechanism, user);
		absent[i] = processor_time(mechanism, "nobody");
	}
	qsort(there, TURNS, sizeof(there[0]), compare_times);
	qsort(absent, TURNS, sizeof(absent[0]), compare_times);
	ratio = there[TURNS / 2] / absent[TURNS / 2];
	CHECK(ratio > 0.6 && ratio < 1.6, "%s %s: %.1f us, nobody %.1f us",
	    mechanism, user, there[TURNS / 2], absent[TURNS / 2]);
	write_users(users, 0600);
}

/* A password, with a bit of each octet changed, so that this is not found when
 * it is looked for; its end alone is, as what is freed loses its start. */
static const char changed[] = "bo`vc`vufhohcuqdobhm,`oe,rnmd,lnsd,pctfuo";

enum { SECRET = sizeof(changed) - 1, TAIL = 12 };

static void
make_secret(char *out)
{
	for (size_t i = 0; i < SECRET; i++)
		out[i] = (char)(changed[i] ^ 1);
}

static bool
is_secret(const volatile unsigned char *at, size_t width)
{
	const char *tail = changed + SECRET - TAIL;
	size_t same = 0;

	while (same < TAIL && (at[same * width] ^ 1) ==
	    (unsigned char)tail[same])
		same++;
	return same == TAIL;
}

/* How often it is in memory that we write: as octets or, as libidn has it, as
 * words. */
static unsigned
count_in_memory(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[500], mode[8];
	const volatile unsigned char *from, *to;
	unsigned count = 0;
	void *start, *end;

	if (maps == NULL)
		return 0;
	while (fgets(line, sizeof(line), maps) != NULL) {
		if (sscanf(line, "%p-%p %7s", &start, &end, mode) != 3 ||
		    strncmp(mode, "rw", 2) != 0)
			continue;
		to = end;
		for (from = start; from + (size_t)4 * TAIL <= to; from++)
			count += is_secret(from, 1) || is_secret(from, 4);
	}
	(void)fclose(maps);
	return count;
}

/* Say it by a mechanism; it is not his. */
static void
say_secret(const char *mechanism, const char *user)
{
	char message[100], text[200];
	size_t len = 0;
	struct auth auth;

	auth_init(&auth, &settings, &clear);
	if (strcmp(mechanism, "PLAIN") == 0) {
		len = (size_t)snprintf(message, sizeof(message), "%c%s%c", 0,
		    user, 0);
	} else {
		(void)base64_encode(user, strlen(user), text);
		(void)auth_start(&auth, mechanism, strlen(mechanism), text,
		    strlen(text));
	}
	make_secret(message + len);
	len += SECRET;
	(void)base64_encode(message, len, text);
	explicit_bzero(message, sizeof(message));
	CHECK((auth.exchange == NULL ?
	    auth_start(&auth, mechanism, strlen(mechanism), text, strlen(text))
	    : auth_step(&auth, text, strlen(text))) == AUTH_NO, "%s %s",
	    mechanism, user);
	explicit_bzero(text, sizeof(text));
	auth_end(&auth);
}

/* No copy of a password stays: not on the heap, where GNU SASL frees its own
 * as they are, nor on the stack. */
static void
check_memory(void)
{
	static const char *const names[] = { "bob", "alice",
		"carol@example.org", "nobody", "fred" };
	char here[SECRET] = "";

	/* AddressSanitizer keeps what is freed, and so does valgrind. */
	if (SANITIZED || is_valgrind())
		return;
	make_secret(here);
	CHECK(count_in_memory() > 0, "it is seen where it is");
	explicit_bzero(here, sizeof(here));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		say_secret("PLAIN", names[i]);
		CHECK(count_in_memory() == 0, "PLAIN %s", names[i]);
		say_secret("LOGIN", names[i]);
		CHECK(count_in_memory() == 0, "LOGIN %s", names[i]);
	}
}

int
main(void)
{
	int fd = mkstemp(path);

	if (fd < 0)
		abort();
	close(fd);
	write_users(users, 0600);
	check_memory();
	check_clients();
	for (size_t i = 0; i < sizeof(talks) / sizeof(talks[0]); i++)
		check_talk(&talks[i]);
	check_base64();
	check_last_word();
	check_other_channel();
	check_salts();
	if (!is_valgrind()) {
		check_times(users, "PLAIN", "alice");
		check_times("bob:" SHA_512 "\n", "PLAIN", "bob");
		check_times("a:" YESCRYPT "\na:" SCRAM_SHA_256 "\n",
		    "PLAIN", "a");
		check_times(users, "SCRAM-SHA-256", "alice");
	}
	check_offers();
	check_problems();
	return unit_end("auth");
}
