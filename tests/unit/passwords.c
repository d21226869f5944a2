/* SPDX-License-Identifier: ISC */
/* The password file by table: lines, and what the whole of it comes to. */
#include "unit.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "lib/passwords.h"

#define SALT "W22ZaJ0SNY7soEsUEjb6gQ=="
#define KEY_32 "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY="
#define KEY_20 "6dlGYMOdZcOPutkcNY8U2g7vK9Y="
#define END_43 "NuVsojDChLGkEWfZpKTP6mXjG93yNWYyUZ5fMKgOJz9"
#define END_53 "YhyEdxjgKO3usQ5qt7EWk.VSwKQSB8aWEQS7c/Q/qeFCemH3QekRq"
#define END_86 "k5CSSzelJyTj8uGVucTwxVVEVOLU.RoSdED3GxiuJsy7bsa58MNTd0gvpiUF" \
	"9Z8u6u6OvLap2WuXFvFhy9uBX0"
#define A_HASH "$6$salt$" END_86
#define TEN "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

enum { CRYPT = PASSWORDS_CRYPT, SCRAM_256 = PASSWORDS_SCRAM_SHA_256,
	SCRAM_1 = PASSWORDS_SCRAM_SHA_1, NOTHING = -1, BAD = -2 };

static const struct {
	const char *line;
	int kind; /* or NOTHING or BAD */
} rows[] = {
	{ "", NOTHING },
	{ "#", NOTHING },
	{ "# bob:" A_HASH, NOTHING },
	{ "bob:$6$salt$" END_86, CRYPT },
	{ "bob:$6$rounds=5000$salt$" END_86, CRYPT },
	{ "bob:$5$salt$" END_43, CRYPT },
	{ "bob:$y$j9T$salt$" END_43, CRYPT },
	{ "bob:$2b$12$" END_53, CRYPT },
	{ "bob:$2y$12$" END_53, CRYPT },
	{ "bob:$2a$12$" END_53, CRYPT },
	{ "bob@example.org:" A_HASH, CRYPT },
	{ "bob smith:" A_HASH, CRYPT },
	{ "j\xc3\xbcrgen:" A_HASH, CRYPT },
	{ "bob:SCRAM-SHA-256$4096:" SALT "$" KEY_32 ":" KEY_32, SCRAM_256 },
	{ "bob:SCRAM-SHA-256$9999999:" SALT "$" KEY_32 ":" KEY_32, SCRAM_256 },
	{ "bob:SCRAM-SHA-1$4096:" SALT "$" KEY_20 ":" KEY_20, SCRAM_1 },
	/* no line */
	{ "bob", BAD },
	{ " ", BAD },
	{ " # a comment", BAD },
	{ A_HASH, BAD },
	/* no user */
	{ ":" A_HASH, BAD },
	{ " bob:" A_HASH, BAD },
	{ "bob :" A_HASH, BAD },
	{ "b\tb:" A_HASH, BAD },
	{ "bob\x7f:" A_HASH, BAD },
	{ "bob\xff:" A_HASH, BAD },
	{ "bob\xc3:" A_HASH, BAD },
	{ "bob\xc2\x85:" A_HASH, BAD },
	/* no hash */
	{ "bob:", BAD },
	{ "bob:pencil", BAD },
	{ "bob:{PLAIN}pencil", BAD },
	{ "bob:{SHA512-CRYPT}" A_HASH, BAD },
	{ "bob:*", BAD },
	{ "bob:!" A_HASH, BAD },
	{ "bob:ab01FAX.bQRSU", BAD },			      /* DES */
	{ "bob:_J9..rasmBYk8r9AiWNc", BAD },		      /* BSDi */
	{ "bob:$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/", BAD },    /* MD5 */
	{ "bob:$3$$8846f7eaee8fb117ad06bdd830b7586c", BAD },  /* NT */
	{ "bob:$2x$12$" END_53, BAD },
	{ "bob:$7$CU..../....salt$" END_43, BAD },
	{ "bob:$6$salt$" END_86 ".", BAD },
	{ "bob:$6$salt$" END_43, BAD },
	{ "bob:$6$" END_86, BAD },
	{ "bob:$6$salt", BAD },
	{ "bob:$6$sa lt$" END_86, BAD },
	{ "bob:" A_HASH " ", BAD },
	{ "bob:" A_HASH "\r", BAD },
	{ "bob:" A_HASH ":x", BAD },
	{ "bob: " A_HASH, BAD },
	{ "bob:$6$" HUNDRED HUNDRED "$" END_86, BAD },
	/* no keys */
	{ "bob:SCRAM-SHA-256$", BAD },
	{ "bob:SCRAM-SHA-256$4095:" SALT "$" KEY_32 ":" KEY_32, BAD },
	{ "bob:SCRAM-SHA-256$10000000:" SALT "$" KEY_32 ":" KEY_32, BAD },
	{ "bob:SCRAM-SHA-256$04096:" SALT "$" KEY_32 ":" KEY_32, BAD },
	{ "bob:SCRAM-SHA-256$+4096:" SALT "$" KEY_32 ":" KEY_32, BAD },
	{ "bob:SCRAM-SHA-256$99999999999999999999:" SALT "$" KEY_32 ":" KEY_32,
	    BAD },
	{ "bob:SCRAM-SHA-256$4096:$" KEY_32 ":" KEY_32, BAD },
	{ "bob:SCRAM-SHA-256$4096:c2FsdA==$" KEY_32 ":" KEY_32, BAD },
	{ "bob:SCRAM-SHA-256$4096:" SALT "$" KEY_20 ":" KEY_32, BAD },
	{ "bob:SCRAM-SHA-256$4096:" SALT "$" KEY_32 ":" KEY_20, BAD },
	{ "bob:SCRAM-SHA-256$4096:" SALT "$" KEY_32, BAD },
	{ "bob:SCRAM-SHA-256$4096:" SALT "$" KEY_32 ":", BAD },
	{ "bob:SCRAM-SHA-256$4096:" SALT "$" KEY_32 ":" KEY_32 " ", BAD },
	{ "bob:SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gR==$" KEY_32 ":" KEY_32,
	    BAD },
	{ "bob:SCRAM-SHA-1$4096:" SALT "$" KEY_32 ":" KEY_32, BAD },
	{ "bob:SCRAM-SHA-512$4096:" SALT "$" KEY_32 ":" KEY_32, BAD },
	{ "bob:scram-sha-256$4096:" SALT "$" KEY_32 ":" KEY_32, BAD },
};

static void
check_lines(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len = strlen(rows[i].line);
		char *line = malloc(len + 1);
		struct passwords_entry entry = { 0 };
		const char *why = NULL;
		int result;

		if (line == NULL)
			abort();
		/* Its end is the end of the memory. */
		memcpy(line + 1, rows[i].line, len);
		result = passwords_parse(line + 1, len, &entry, &why);
		free(line);
		CHECK(result == (rows[i].kind == BAD ? -1 :
		    rows[i].kind == NOTHING ? 0 : 1), "%s: %d", rows[i].line,
		    result);
		CHECK(result <= 0 || (int)entry.kind == rows[i].kind, "%s",
		    rows[i].line);
		CHECK(result >= 0 || (why != NULL && strstr(why, "pencil") ==
		    NULL), "%s", rows[i].line);
	}
}

/* The lengths that are just allowed, and those beyond. */
static void
check_limits(void)
{
	char line[PASSWORDS_LINE_MAX + 2];
	struct passwords_entry entry;
	const char *why;
	int len;

	for (int user = PASSWORDS_USER_MAX; user < PASSWORDS_USER_MAX + 2;
	    user++) {
		len = snprintf(line, sizeof(line), "%0*d:%s", user, 0, A_HASH);
		CHECK(passwords_parse(line, (size_t)len, &entry, &why) ==
		    (user > PASSWORDS_USER_MAX ? -1 : 1), "%d", user);
	}
	memset(line, '#', sizeof(line));
	CHECK(passwords_parse(line, sizeof(line), &entry, &why) == 0,
	    "a comment may be as long as it likes");
	line[0] = 'b';
	line[1] = ':';
	CHECK(passwords_parse(line, sizeof(line), &entry, &why) < 0 &&
	    strstr(why, "1023") != NULL, "%s", why);
	/* A NUL ends nothing. */
	CHECK(passwords_parse("bo\0b:" A_HASH, 5 + sizeof(A_HASH) - 1, &entry,
	    &why) < 0, "a NUL in the name");
	CHECK(passwords_parse("bob:" A_HASH "\0", 4 + sizeof(A_HASH), &entry,
	    &why) < 0, "a NUL after the hash");
}

static char path[] = "/tmp/smtpd-passwords-XXXXXX";
static char told[4096];

static void
tell(void *to, bool problem, const char *text)
{
	size_t len = strlen(told);

	(void)to;
	(void)snprintf(told + len, sizeof(told) - len, "%c %s\n",
	    problem ? '!' : ' ', text);
}

static void
write_file(const char *text, size_t times)
{
	FILE *out = fopen(path, "w");

	if (out == NULL)
		abort();
	for (size_t i = 0; i < times; i++)
		if (fputs(text, out) < 0)
			abort();
	if (fclose(out) != 0)
		abort();
}

static void
check_file(void)
{
	static struct passwords found;
	char text[512] = "";

	write_file("# c\n\nAnn:" A_HASH "\nbob:$5$salt$" END_43 "\n"
	    "ann:SCRAM-SHA-1$4096:" SALT "$" KEY_20 ":" KEY_20 "\n"
	    "ANN:$5$salt$" END_43 "\n"
	    "bob:SCRAM-SHA-256$4096:" SALT "$" KEY_32 ":" KEY_32, 1);
	CHECK(passwords_find(path, "aNN", &found, text, sizeof(text)) &&
	    text[0] == '\0', "%s", text);
	CHECK(found.own.has[CRYPT] && found.own.has[SCRAM_1] &&
	    !found.own.has[SCRAM_256], "ann's lines");
	CHECK(strcmp(found.own.entries[CRYPT].user, "Ann") == 0 &&
	    found.own.entries[CRYPT].hash[1] == '6', "the first counts");
	CHECK(found.any.has[SCRAM_256] && !found.first.has[SCRAM_256],
	    "bob has other lines");
	CHECK(passwords_find(path, "bob", &found, text, sizeof(text)) &&
	    found.own.has[SCRAM_256] && found.own.has[CRYPT] &&
	    strcmp(found.first.entries[CRYPT].user, "Ann") == 0,
	    "without a line end");
	CHECK(passwords_find(path, "an", &found, text, sizeof(text)) &&
	    !found.own.has[CRYPT] && !found.own.has[SCRAM_1], "a part of it");
	CHECK(passwords_find(path, NULL, &found, text, sizeof(text)) &&
	    !found.own.has[CRYPT], "nobody");
	CHECK(passwords_check(path, tell, NULL) == 1 && strncmp(told,
	    "! passwords = /tmp", 18) == 0 && strstr(told, ":6: the user has "
	    "another") != NULL && strstr(told, ": 2 users, 5 lines") != NULL,
	    "%s", told);
}

/* Bad lines, one of them longer than what is read at once; after them one that
 * is good. */
static void
check_bad(void)
{
	static struct passwords found;
	static char much[300000];
	char text[512] = "";

	memset(much, 'x', sizeof(much) - 1);
	memcpy(much, "bob:", 4);
	(void)strcpy(much + sizeof(much) - 200, "\nann:" A_HASH "\nbob:x\n");
	write_file(much, 1);
	CHECK(passwords_find(path, "ann", &found, text, sizeof(text)) &&
	    found.own.has[CRYPT] && found.bad, "%s", text);
	CHECK(strstr(text, ":1: the line is longer than 1023 octets") != NULL,
	    "%s", text);
	told[0] = '\0';
	CHECK(passwords_check(path, tell, NULL) == 2 &&
	    strstr(told, ":1: ") != NULL && strstr(told, ":3: ") != NULL,
	    "%s", told);
	much[0] = '#';
	write_file(much, 1);
	CHECK(passwords_find(path, "ann", &found, text, sizeof(text)) &&
	    found.own.has[CRYPT], "%s", text);
	told[0] = '\0';
	CHECK(passwords_check(path, tell, NULL) == 1 &&
	    strstr(told, ":1: ") == NULL, "%s", told);
}

/* A hundred thousand users, the last of them found; and too many. */
static void
check_many(void)
{
	static struct passwords found;
	FILE *out = fopen(path, "w");
	char text[512] = "";

	if (out == NULL)
		abort();
	for (int i = 0; i < 100000; i++)
		(void)fprintf(out, "user%d@example.org:%s\n", i, A_HASH);
	if (fclose(out) != 0)
		abort();
	CHECK(passwords_find(path, "user99999@example.org", &found, text,
	    sizeof(text)) && found.own.has[CRYPT], "%s", text);
	told[0] = '\0';
	CHECK(passwords_check(path, tell, NULL) == 0 &&
	    strstr(told, "100000 users") != NULL, "%s", told);
	if (truncate(path, PASSWORDS_FILE_MAX + 1L) < 0)
		abort();
	CHECK(!passwords_find(path, "bob", &found, text, sizeof(text)) &&
	    strstr(text, "too large") != NULL, "%s", text);
	CHECK(unlink(path) == 0 && !passwords_find(path, "bob", &found, text,
	    sizeof(text)) && strstr(text, "No such file") != NULL, "%s", text);
}

int
main(void)
{
	int fd = mkstemp(path);

	if (fd < 0)
		abort();
	close(fd);
	check_lines();
	check_limits();
	check_file();
	check_bad();
	check_many();
	return unit_end("passwords");
}
