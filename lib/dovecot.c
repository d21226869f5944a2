/* SPDX-License-Identifier: ISC */
/* dovecot.c - see dovecot.h for the contract.
 *
 * The protocol is described in Dovecot's documentation, "Dovecot
 * Authentication Protocol"; the channel binding is not, and is as Dovecot 2.4
 * has it: a CONT with "channel_binding=TYPE" asks for it, the next CONT brings
 * it, and where a challenge is "#" the client is not to see it. */
#include "dovecot.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base64.h"

enum {
	MAJOR = 1,
	MINOR = 3,	 /* the first with channel bindings */
	FIELDS_MAX = 64, /* of a line */
};

static const char silent[] = "it did not answer in time";

/* A line being read: what is behind its end is kept for the next. */
struct input {
	int fd;
	struct timespec end; /* when we cease to wait */
	size_t at, len;
	char buffer[DOVECOT_LINE_MAX];
};

/* A line cut at its tabs, each part unescaped and with a NUL. */
struct line {
	char *fields[FIELDS_MAX];
	size_t len;
};

static struct timespec
deadline(void)
{
	struct timespec now = { 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* it cannot fail */
	now.tv_sec += DOVECOT_SECONDS;
	return now;
}

/* Milliseconds until then, at least 0. */
static int
left_until(const struct timespec *end)
{
	struct timespec now = { 0 };
	long left;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	left = (end->tv_sec - now.tv_sec) * 1000 +
	    (end->tv_nsec - now.tv_nsec) / 1000000;
	return left > 0 ? (int)left : 0;
}

/* Wait for events, also when signals come: what they mean is looked at after
 * the exchange, which is over soon. */
static bool
wait_for(int fd, short events, const struct timespec *end)
{
	struct pollfd polled = { .fd = fd, .events = events };
	int ready, left;

	do {
		left = left_until(end);
		ready = poll(&polled, 1, left);
	} while ((ready < 0 && errno == EINTR) || (ready == 0 && left > 0));
	return ready > 0;
}

/* NULL, or what is wrong. */
static const char *
send_all(int fd, const char *data, size_t len)
{
	struct timespec end = deadline();

	while (len > 0) {
		ssize_t sent = send(fd, data, len, MSG_NOSIGNAL);

		if (sent > 0) {
			data += sent;
			len -= (size_t)sent;
		} else if (errno == EAGAIN) {
			if (!wait_for(fd, POLLOUT, &end))
				return silent;
		} else if (errno != EINTR) {
			return strerror(errno);
		}
	}
	return NULL;
}

/* Read more. NULL, or what is wrong. */
static const char *
fill(struct input *input)
{
	ssize_t got;

	memmove(
	    input->buffer, input->buffer + input->at, input->len - input->at);
	input->len -= input->at;
	input->at = 0;
	if (input->len == sizeof(input->buffer))
		return "it sent a line that is too long";
	for (;;) {
		got = recv(input->fd, input->buffer + input->len,
		    sizeof(input->buffer) - input->len, 0);
		if (got > 0) {
			input->len += (size_t)got;
			return NULL;
		}
		if (got == 0)
			return "it hung up";
		if (errno != EAGAIN && errno != EINTR)
			return strerror(errno);
		if (!wait_for(input->fd, POLLIN, &input->end))
			return silent;
	}
}

/* Undo Dovecot's escapes: 0x01 and a letter for what may not stand in a field.
 * False where it has a NUL, which is in nothing that we look at. */
static bool
unescape(char *field)
{
	static const char from[] = "1tnr", to[] = "\001\t\n\r";
	char *out = field;

	for (; *field != '\0'; field++) {
		const char *known;

		if (*field != 1) {
			*out++ = *field;
			continue;
		}
		field++;
		known = *field == '\0' ? NULL : strchr(from, *field);
		if (known == NULL)
			return false;
		*out++ = to[known - from];
	}
	*out = '\0';
	return true;
}

/* NULL, or what is wrong. */
static const char *
cut_fields(char *text, struct line *out)
{
	static const char wrong[] =
	    "it sent a line that is not of its protocol";

	for (out->len = 0; text != NULL; out->len++) {
		char *field = strsep(&text, "\t");

		if (out->len == FIELDS_MAX || !unescape(field))
			return wrong;
		out->fields[out->len] = field;
	}
	return NULL;
}

/* Read a line into *out, which points into input. NULL, or what is wrong. */
static const char *
next_line(struct input *input, struct line *out)
{
	const char *wrong;

	for (;;) {
		char *start = input->buffer + input->at;
		size_t left = input->len - input->at;
		char *lf = memchr(start, '\n', left);

		if (lf != NULL) {
			*lf = '\0';
			input->at += (size_t)(lf - start) + 1;
			return strlen(start) < (size_t)(lf - start)
			    ? "it sent a NUL"
			    : cut_fields(start, out);
		}
		wrong = fill(input);
		if (wrong != NULL)
			return wrong;
	}
}

static bool
is_field(const struct line *line, size_t i, const char *text)
{
	return i < line->len && strcmp(line->fields[i], text) == 0;
}

/* The value of "name=value" after the first fields, or NULL. A name alone has
 * the value "". */
static const char *
find_value(const struct line *line, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 2; i < line->len; i++) {
		const char *field = line->fields[i];

		if (strncmp(field, name, len) != 0)
			continue;
		if (field[len] == '=')
			return field + len + 1;
		if (field[len] == '\0')
			return field + len;
	}
	return NULL;
}

/* Upper case letters, digits, "-" and "_" (RFC 4422, 3.1). */
static bool
is_name(const char *text)
{
	size_t len = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");

	return len > 0 && len <= DOVECOT_NAME_MAX && text[len] == '\0';
}

static void
add_mechanism(struct dovecot_greeting *greeting, const struct line *line)
{
	struct dovecot_mechanism *mechanism =
	    &greeting->mechanisms[greeting->len];

	if (line->len < 2 || !is_name(line->fields[1]) ||
	    find_value(line, "private") != NULL ||
	    find_value(line, "anonymous") != NULL ||
	    greeting->len == DOVECOT_MECHANISMS)
		return;
	(void)snprintf(
	    mechanism->name, sizeof(mechanism->name), "%s", line->fields[1]);
	mechanism->bound = find_value(line, "channel-binding") != NULL;
	greeting->len++;
}

/* Read its greeting, up to DONE. NULL, or what is wrong. */
static const char *
read_greeting(struct input *input, struct dovecot_greeting *out)
{
	bool versioned = false;

	out->len = 0;
	for (unsigned i = 0; i < DOVECOT_LINES_MAX; i++) {
		struct line line;
		const char *wrong = next_line(input, &line);

		if (wrong != NULL)
			return wrong;
		if (is_field(&line, 0, "VERSION") && is_field(&line, 1, "1"))
			versioned = true;
		else if (!versioned)
			return "it does not speak version 1 of Dovecot's "
			       "authentication protocol";
		if (is_field(&line, 0, "MECH"))
			add_mechanism(out, &line);
		if (is_field(&line, 0, "DONE"))
			return NULL;
	}
	return "its greeting has no end";
}

/* We speak first, as Dovecot 2.4 tells what it has by our version. */
static const char *
greet(int fd, struct dovecot_greeting *out)
{
	struct input *input = malloc(sizeof(*input));
	char ours[64];
	int len = snprintf(ours, sizeof(ours), "VERSION\t%d\t%d\nCPID\t%ld\n",
	    MAJOR, MINOR, (long)getpid());
	const char *wrong;

	if (input == NULL)
		return strerror(errno);
	input->fd = fd;
	input->at = input->len = 0;
	input->end = deadline();
	wrong = send_all(fd, ours, (size_t)len);
	if (wrong == NULL)
		wrong = read_greeting(input, out);
	free(input);
	return wrong;
}

static int
connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t len = strlen(path);
	int fd, error;

	errno = ENAMETOOLONG;
	if (len >= sizeof(address.sun_path))
		return -1;
	memcpy(address.sun_path, path, len + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	/* It does not wait: where nobody accepts it is EAGAIN. */
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

int
dovecot_open(const char *path, struct dovecot_greeting *out,
    char text[DOVECOT_TEXT_MAX + 1])
{
	int fd = connect_to(path);
	const char *wrong = fd < 0 ? strerror(errno) : greet(fd, out);

	if (wrong == NULL)
		return fd;
	(void)snprintf(
	    text, DOVECOT_TEXT_MAX + 1, "dovecot-auth = %s: %s", path, wrong);
	if (fd >= 0)
		close(fd);
	return -1;
}

bool
dovecot_is_open(int fd)
{
	struct pollfd polled = { .fd = fd, .events = POLLIN };

	return fd >= 0 && poll(&polled, 1, 0) == 0;
}

/* A request being written. */
struct request {
	size_t len;
	bool full;
	char text[DOVECOT_LINE_MAX];
};

static void
add(struct request *request, const char *text, size_t len)
{
	if (len > sizeof(request->text) - request->len) {
		request->full = true;
		return;
	}
	memcpy(request->text + request->len, text, len);
	request->len += len;
}

static void
add_text(struct request *request, const char *text)
{
	add(request, text, strlen(text));
}

/* "name=value", with Dovecot's escapes; nothing where the value is "". */
static void
add_field(struct request *request, const char *name, const char *value)
{
	static const char from[] = "\001\t\n\r", to[] = "1tnr";

	if (value[0] == '\0')
		return;
	add_text(request, "\t");
	add_text(request, name);
	add_text(request, "=");
	for (; *value != '\0'; value++) {
		const char *special = strchr(from, *value);

		if (special == NULL) {
			add(request, value, 1);
		} else {
			add_text(request, "\001");
			add(request, &to[special - from], 1);
		}
	}
}

static enum dovecot_result
fail(struct dovecot_exchange *exchange, const char *why)
{
	(void)snprintf(
	    exchange->text, sizeof(exchange->text), "Dovecot: %s", why);
	return DOVECOT_LATER;
}

/* Text that is too long counts as "". */
static void
keep_user(struct dovecot_exchange *exchange, const struct line *line)
{
	const char *user = find_value(line, "user");

	exchange->user[0] = '\0';
	if (user != NULL && strlen(user) < sizeof(exchange->user))
		memcpy(exchange->user, user, strlen(user) + 1);
}

static enum dovecot_result
take_success(struct dovecot_exchange *exchange, const struct line *line)
{
	keep_user(exchange, line);
	if (exchange->user[0] == '\0')
		return fail(exchange, "it names no user, or one too long");
	/* Its passdb says that the user may not log in. A proxy says so too,
	 * of a user who is to log in elsewhere. A master user is not the one
	 * who he acts as. */
	if ((find_value(line, "nologin") != NULL &&
		find_value(line, "proxy") == NULL) ||
	    find_value(line, "auth_user") != NULL)
		return DOVECOT_NO;
	return DOVECOT_YES;
}

static enum dovecot_result
take_failure(struct dovecot_exchange *exchange, const struct line *line)
{
	const char *code = find_value(line, "code");

	keep_user(exchange, line);
	if (code == NULL)
		code = "";
	if (find_value(line, "temp") != NULL || strcmp(code, "temp_fail") == 0)
		return fail(exchange,
		    "it cannot look up users now; its own log says why");
	return strcmp(code, "invalid_base64") == 0 ? DOVECOT_MALFORMED
						   : DOVECOT_NO;
}

/* A challenge. Only tls-exporter is there to be bound to. */
static enum dovecot_result
take_challenge(struct dovecot_exchange *exchange, const struct line *line)
{
	char octets[DOVECOT_MESSAGE_MAX];
	const char *type = find_value(line, "channel_binding");
	const char *challenge = line->len > 2 ? line->fields[2] : "";
	size_t len = strlen(challenge);

	if (type != NULL &&
	    (strcmp(type, "tls-exporter") != 0 ||
		exchange->client->binding == NULL))
		return DOVECOT_NO;
	exchange->bind = type != NULL;
	if (strcmp(challenge, "#") != 0 &&
	    (len >= sizeof(exchange->challenge) ||
		base64_decode(challenge, len, octets, sizeof(octets)) < 0))
		return fail(exchange, "its challenge is not base64");
	memcpy(exchange->challenge, challenge, len + 1);
	return DOVECOT_MORE;
}

static enum dovecot_result
take_answer(struct dovecot_exchange *exchange, const struct line *line)
{
	exchange->bind = false;
	if (!is_field(line, 1, "1"))
		return fail(exchange, "it answers what nobody asked");
	if (is_field(line, 0, "CONT"))
		return take_challenge(exchange, line);
	if (is_field(line, 0, "OK"))
		return take_success(exchange, line);
	if (is_field(line, 0, "FAIL"))
		return take_failure(exchange, line);
	return fail(exchange, "its answer is none");
}

static enum dovecot_result
read_answer(struct dovecot_exchange *exchange)
{
	struct input *input = malloc(sizeof(*input));
	struct line line;
	enum dovecot_result result;
	const char *wrong;

	if (input == NULL)
		return fail(exchange, strerror(errno));
	input->fd = exchange->fd;
	input->at = input->len = 0;
	input->end = deadline();
	wrong = next_line(input, &line);
	if (wrong == NULL && input->at < input->len)
		wrong = "it says more than it was asked";
	result = wrong != NULL ? fail(exchange, wrong)
			       : take_answer(exchange, &line);
	explicit_bzero(input, sizeof(*input));
	free(input);
	return result;
}

/* Send the request, which is wiped, and read what it is answered. */
static enum dovecot_result
ask(struct dovecot_exchange *exchange, struct request *request)
{
	const char *wrong;
	bool full;

	exchange->challenge[0] = exchange->user[0] = exchange->text[0] = '\0';
	add_text(request, "\n");
	full = request->full;
	wrong = full ? "a message is longer than it takes"
		     : send_all(exchange->fd, request->text, request->len);
	explicit_bzero(request, sizeof(*request));
	return wrong != NULL ? fail(exchange, wrong) : read_answer(exchange);
}

static enum dovecot_result
send_response(struct dovecot_exchange *exchange, const char *response,
    size_t response_len)
{
	const struct dovecot_client *client = exchange->client;
	char binding[BASE64_LEN(DOVECOT_BINDING_MAX) + 1];
	struct request request = { 0 };

	add_text(&request, "CONT\t1\t");
	add(&request, response, response_len);
	if (exchange->bind && client->binding_len <= DOVECOT_BINDING_MAX) {
		(void)base64_encode(
		    client->binding, client->binding_len, binding);
		add_field(&request, "channel_binding", binding);
	}
	return ask(exchange, &request);
}

/* Answer what the client is not to see. */
static enum dovecot_result
answer_hidden(struct dovecot_exchange *exchange, enum dovecot_result result)
{
	if (result != DOVECOT_MORE || strcmp(exchange->challenge, "#") != 0)
		return result;
	result = send_response(exchange, "#", 1);
	return result == DOVECOT_MORE && strcmp(exchange->challenge, "#") == 0
	    ? fail(exchange, "it asks for a channel binding twice")
	    : result;
}

enum dovecot_result
dovecot_start(struct dovecot_exchange *exchange, const char *mechanism,
    const char *response, size_t response_len)
{
	const struct dovecot_client *client = exchange->client;
	struct request request = { 0 };

	exchange->bind = false;
	add_text(&request, "AUTH\t1\t");
	add_text(&request, mechanism);
	/* What could be overheard nobody is asked to say. */
	add_text(&request, "\tservice=smtp\tnologin\tsecured");
	add_text(&request, client->tls ? "=tls" : "");
	add_field(&request, "lip", client->here);
	add_field(&request, "rip", client->peer);
	if (client->certificate[0] != '\0')
		add_text(&request, "\tvalid-client-cert");
	add_field(&request, "cert_username", client->certificate);
	if (response != NULL) {
		add_text(&request, "\tresp=");
		add(&request, response, response_len);
	}
	return answer_hidden(exchange, ask(exchange, &request));
}

enum dovecot_result
dovecot_step(struct dovecot_exchange *exchange, const char *response,
    size_t response_len)
{
	return answer_hidden(
	    exchange, send_response(exchange, response, response_len));
}
