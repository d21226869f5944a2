/* SPDX-License-Identifier: ISC */
/* An exchange of SASL as a fuzz target: flags, a mechanism, a line end, and
 * what a client says, a message a line.
 *
 * Against a file whose passwords nobody knows: whatever is said, nobody gets
 * in, but by EXTERNAL who is known by his certificate, as himself. */
#include <sys/mman.h>
#include <sys/stat.h>
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/auth.h"
#include "lib/base64.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* GNU SASL 2.2 loses some octets where SASLprep leaves nothing of a name, as of
 * a soft hyphen; and a session has few tries. */
const char *
__lsan_default_suppressions(void)
{
	return "leak:libgsasl\nleak:libidn\n";
}

#define MUST(condition) ((condition) ? (void)0 : fail(#condition, __LINE__))

enum { RAW = 1, INITIAL = 2, BOUND = 4, KNOWN = 8, MESSAGES_MAX = 20 };

static void
fail(const char *condition, int line)
{
	(void)fprintf(stderr, "auth.c:%d: not %s\n", line, condition);
	abort();
}

/* Of random octets, cheap ones. */
static const char users[] =
    "alice:SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
    "9Y1h8QyHq1cQx0fN1T5bL0b8kq3m2vYk5u8rW3o4a7E=:"
    "Zk4m0p3Xq7u1hQ9d2s8aJ6wR5tY0bN3cV7eG4iK1oLw=\n"
    "bob:$6$rounds=1000$6SYvfrAdKuXncQyY$"
    "k5CSSzelJyTj8uGVucTwxVVEVOLU.RoSdED3GxiuJsy7bsa58MNTd0gvpiUF9Z8u6u6O"
    "vLap2WuXFvFhy9uBX1\n"
    "dora:SCRAM-SHA-1$4096:QSXCR+Q6sek8bf92$"
    "7elGYMOdZcOPutkcNY8U2g7vK9Y=:E+CSWLOshSulAsxiupA+qs2/fTE=\n";

static const unsigned char binding[32] = "0123456789abcdef0123456789abcde";

/* The file, made once. */
static const char *
write_users(void)
{
	static char path[64];
	int fd;

	if (path[0] != '\0')
		return path;
	/* It stays, so that whose a leak is can be told. */
	if (dlopen("libgsasl.so.18", RTLD_NOW | RTLD_LOCAL) == NULL)
		abort();
	fd = memfd_create("users", 0);
	if (fd < 0 || fchmod(fd, 0600) < 0 ||
	    write(fd, users, sizeof(users) - 1) != sizeof(users) - 1)
		abort();
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return path;
}

/* The next message, from a copy of exactly its size: as it is, or made base64.
 * Returns false where there is none. */
static bool
next(const uint8_t **data, size_t *size, bool raw, char **out, size_t *len)
{
	const uint8_t *lf = memchr(*data, '\n', *size);
	size_t octets = lf == NULL ? *size : (size_t)(lf - *data);
	char *text;

	if (*size == 0)
		return false;
	text = malloc(BASE64_LEN(octets) + 1);
	*len = octets;
	if (text == NULL)
		abort();
	if (raw)
		memcpy(text, *data, octets);
	else
		*len = base64_encode(*data, octets, text);
	*out = malloc(*len > 0 ? *len : 1);
	if (*out == NULL)
		abort();
	memcpy(*out, text, *len);
	free(text);
	*data += octets + (lf != NULL);
	*size -= octets + (lf != NULL);
	return true;
}

static void
check_result(const struct auth *auth, enum auth_result result)
{
	char decoded[AUTH_LINE_MAX];

	MUST(result <= AUTH_LATER);
	MUST(result != AUTH_LATER);
	MUST(auth->problem[0] == '\0');
	MUST((result == AUTH_MORE) == (auth->exchange != NULL));
	MUST(base64_decode(auth->challenge, strlen(auth->challenge), decoded,
		 sizeof(decoded)) >= 0);
	if (result == AUTH_YES) {
		MUST(strcmp(auth->mechanism, "EXTERNAL") == 0);
		MUST(strcmp(auth->user, "Grace") == 0);
		MUST(auth->channel->external[0] != '\0');
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct auth_settings settings = { write_users(), "", "mx.example.org" };
	struct auth_channel channel = { .external = "", .peer = "", .here = "" };
	const uint8_t *lf;
	char *message = NULL;
	unsigned flags;
	size_t len = 0, name_len;
	enum auth_result result;
	struct auth auth;

	if (size < 2 || (lf = memchr(data + 1, '\n', size - 1)) == NULL)
		return 0;
	flags = data[0];
	name_len = (size_t)(lf - data) - 1;
	if (flags & BOUND)
		channel.binding = binding;
	if (flags & KNOWN)
		channel.external = "Grace";
	auth_init(&auth, &settings, &channel);
	size -= name_len + 2;
	if (!(flags & INITIAL) ||
	    !next(&(const uint8_t *){ lf + 1 }, &(size_t){ size },
		flags & RAW, &message, &len))
		message = NULL;
	lf++;
	result = auth_start(&auth, (const char *)data + 1, name_len, message,
	    message == NULL ? 0 : len);
	if (message != NULL) {
		free(message);
		(void)next(&lf, &size, flags & RAW, &message, &len);
		free(message);
	}
	check_result(&auth, result);
	for (int i = 0; i < MESSAGES_MAX && result == AUTH_MORE &&
	     next(&lf, &size, flags & RAW, &message, &len);
	     i++) {
		result = auth_step(&auth, message, len);
		free(message);
		check_result(&auth, result);
	}
	auth_end(&auth);
	return 0;
}
