/* SPDX-License-Identifier: ISC */
/* The session as a fuzz target: two octets of settings, the number of packet
 * sizes and these, then what the client sends.
 *
 * The session is run whole and cut into those packets: replies, bodies and
 * wants must be the same. Then a model that shares no code with the language
 * reads input and replies side by side: each command has one reply, each chunk
 * has exactly the octets it declares, and each message that was complete is
 * what the input holds, without its dots and Return-Path fields, and free of
 * what must not be in it. */
#include <stdint.h>

#include "tests/unit/drive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	INPUT_MAX = 65536,
	HOPS_MAX = 2,
};

/* Our own assert: it must not depend on NDEBUG. */
#define MUST(condition) ((condition) ? (void)0 : fail(#condition, __LINE__))

static void
fail(const char *condition, int line)
{
	(void)fprintf(stderr, "session.c:%d: not %s\n", line, condition);
	abort();
}

/* What the client sent and what it got, read side by side. */
struct model {
	const struct drive *drive;
	const struct protocol_settings *settings;
	bool early;
	const char *in;
	size_t len, at;
	const char *reply[INPUT_MAX];
	size_t replies, next;
	bool exchange;			/* of AUTH: a response is next */
	size_t recipients;		/* accepted in this transaction */
	char text[INPUT_MAX], body[INPUT_MAX];
	size_t text_len, body_len;	/* of the message: sent, to be stored */
	size_t hops;
};

static int
upper(char byte)
{
	return byte >= 'a' && byte <= 'z' ? byte - 32 : byte;
}

static bool
word_is(const char *text, size_t len, const char *word)
{
	size_t i = 0;

	while (i < len && word[i] != '\0' && upper(text[i]) == upper(word[i]))
		i++;
	return i == len && word[i] == '\0';
}

/* The next reply. False when the session is over with it. */
static bool
take_reply(struct model *model, const char **reply)
{
	MUST(model->next < model->replies);
	*reply = model->reply[model->next++];
	return model->next < model->replies || !model->drive->closed;
}

static bool
has_bare(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((text[i] == '\n' && (i == 0 || text[i - 1] != '\r')) ||
		    (text[i] == '\r' && (i + 1 == len || text[i + 1] != '\n')))
			return true;
	return false;
}

/* The length of the field name that ends in a colon soon enough. */
static size_t
name_len(const char *line, size_t len)
{
	size_t colon = 0;

	while (colon < len && colon <= BODY_FIELD_MAX &&
	    line[colon] != ':')
		colon++;
	if (colon == len || colon > BODY_FIELD_MAX)
		return 0;
	while (colon > 0 && (line[colon - 1] == ' ' ||
	    line[colon - 1] == '\t'))
		colon--;
	return colon;
}

/* .body = .text without its Return-Path fields; count Received fields. */
static void
filter(struct model *model)
{
	bool header = true, drop = false;
	size_t at = 0;

	model->body_len = model->hops = 0;
	while (at < model->text_len) {
		const char *line = model->text + at;
		const char *lf = memchr(line, '\n', model->text_len - at);
		size_t len = lf == NULL ? model->text_len - at :
		    (size_t)(lf - line) + 1;

		if (*line == '\r' || *line == '\n')
			header = false;
		if (header && *line != ' ' && *line != '\t') {
			size_t name = name_len(line, len);

			drop = word_is(line, name, "return-path");
			model->hops += word_is(line, name, "received");
		}
		if (!header || !drop) {
			memcpy(model->body + model->body_len, line, len);
			model->body_len += len;
		}
		at += len;
	}
}

/* The message is complete: its replies, and what was stored of it. */
static bool
end_message(struct model *model, bool chunked)
{
	const struct drive *drive = model->drive;
	size_t expected = model->settings->lmtp ? model->recipients : 1;
	uint64_t max = model->settings->size_max;
	bool strict = !model->settings->bare_newline;
	bool bare = has_bare(model->text, model->text_len);
	size_t i = 0, offset = model->next < model->replies ?
	    (size_t)(model->reply[model->next] - drive->replies) : 0;
	const char *reply = "250";
	bool on = true;

	filter(model);
	while (i < drive->bodies && drive->body_reply[i] != offset)
		i++;
	for (size_t k = 0; k < expected; k++) {
		MUST(on);
		on = take_reply(model, &reply);
		if (reply[0] == '2')
			MUST(i < drive->bodies);
	}
	if (strncmp(reply, "550 5.6.11", 10) == 0)
		MUST(strict && bare);
	if (strncmp(reply, "554 5.4.6", 9) == 0)
		MUST(model->hops > HOPS_MAX);
	if (i < drive->bodies) {
		size_t len = drive->body_end[i] - drive->body_start[i];

		MUST(len == model->body_len);
		MUST(memcmp(drive->body + drive->body_start[i], model->body,
		    len) == 0);
		MUST(model->hops <= HOPS_MAX);
		MUST(max == 0 || model->text_len <= max);
		MUST(!strict || !bare || (chunked && drive->body_binary[i]));
	}
	model->recipients = 0;
	return on;
}

/* The octets of DATA: to the line with a dot alone, which is not there yet
 * where this returns false. Lines begin after CR LF, or after any LF. */
static bool
take_data(struct model *model)
{
	bool strict = !model->settings->bare_newline;

	model->text_len = 0;
	while (model->at < model->len) {
		const char *line = model->in + model->at;
		size_t left = model->len - model->at, len = 0;

		while (len < left && !(line[len] == '\n' && (!strict ||
		    (len > 0 && line[len - 1] == '\r'))))
			len++;
		if (len == left)
			return false;
		len++;
		model->at += len;
		if (line[0] == '.' && ((len == 3 && line[1] == '\r') ||
		    (len == 2 && !strict)))
			return true;
		if (line[0] == '.') {
			line++;
			len--;
		}
		memcpy(model->text + model->text_len, line, len);
		model->text_len += len;
	}
	return false;
}

/* A BDAT command with its chunk. False: no more of the session. */
static bool
take_chunk(struct model *model, const char *args, size_t len, bool begins)
{
	uint64_t octets = 0;
	size_t at = 0;
	const char *reply;
	bool last;

	while (at < len && args[at] >= '0' && args[at] <= '9') {
		unsigned digit = (unsigned)(args[at++] - '0');

		if (__builtin_mul_overflow(octets, 10, &octets) ||
		    __builtin_add_overflow(octets, digit, &octets)) {
			at = 0;
			break;
		}
	}
	if (at == 0 || (at < len && args[at] != ' ')) {
		MUST(!take_reply(model, &reply));
		return false;
	}
	last = at < len && word_is(args + at + 1, len - at - 1, "LAST");
	if (octets > model->len - model->at)
		return false;
	if (begins)
		model->text_len = 0;
	memcpy(model->text + model->text_len, model->in + model->at, octets);
	model->text_len += octets;
	model->at += octets;
	if (last && model->recipients > 0)
		return end_message(model, true);
	if (!take_reply(model, &reply))
		return false;
	if (reply[0] != '2')
		model->recipients = 0;	/* or there were none */
	return true;
}

static bool
has_control(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < 32 || text[i] == 127)
			return true;
	return false;
}

/* A line of an exchange of AUTH: another challenge, or the end. */
static bool
take_response(struct model *model, const char *line, size_t len)
{
	const char *reply;
	bool on = take_reply(model, &reply);

	model->exchange = strncmp(reply, "334", 3) == 0;
	MUST(!model->exchange || len % 4 == 0);
	if (len == 1 && line[0] == '*')
		MUST(strncmp(reply, "501", 3) == 0 || !on);
	return on;
}

/* How long a line may be that begins here. */
static size_t
line_max(const struct model *model, const char *line, size_t len)
{
	size_t verb = 0;

	while (verb < len && line[verb] != ' ')
		verb++;
	return model->exchange || word_is(line, verb, "AUTH") ?
	    PROTOCOL_AUTH_MAX : PROTOCOL_LINE_MAX;
}

/* A command that is a line: its reply, and what comes after it. */
static bool
take_command(struct model *model, const char *line, size_t len, size_t size,
    bool *chunks)
{
	size_t verb = 0;
	const char *reply;

	while (len > 0 && line[len - 1] == ' ')
		len--;
	while (verb < len && line[verb] != ' ')
		verb++;
	if (word_is(line, verb, "BDAT") && verb < len && !model->early) {
		bool begins = !*chunks;

		while (line[verb] == ' ')
			verb++;
		if (size > PROTOCOL_COMMAND_MAX || has_control(line, len)) {
			/* It cannot be known what comes next. */
			MUST(!take_reply(model, &reply));
			return false;
		}
		*chunks = model->recipients > 0;
		if (!take_chunk(model, line + verb, len - verb, begins))
			return false;
		*chunks = *chunks && model->recipients > 0;
		return true;
	}
	if (!take_reply(model, &reply))
		return false;
	if (strncmp(reply, "334", 3) == 0) {
		model->exchange = true;
		return true;
	}
	if (reply[0] == '3')
		return take_data(model) && end_message(model, false);
	if (reply[0] == '2' && word_is(line, verb, "STARTTLS")) {
		MUST(model->settings->starttls && !model->early);
		model->recipients = 0;
		*chunks = false;
	}
	if (reply[0] == '2' && (word_is(line, verb, "EHLO") ||
	    word_is(line, verb, "HELO") || word_is(line, verb, "LHLO") ||
	    word_is(line, verb, "RSET") || word_is(line, verb, "MAIL"))) {
		model->recipients = 0;
		*chunks = false;
	}
	/* The store refused to begin: that was the transaction. */
	if (word_is(line, verb, "DATA") && strncmp(reply, "50", 2) != 0)
		model->recipients = 0;
	model->recipients += reply[0] == '2' && word_is(line, verb, "RCPT");
	return true;
}

static void
run_model(struct model *model)
{
	bool chunks = false;
	const char *reply;

	model->next = 1;
	model->recipients = 0;
	model->exchange = false;
	while (model->at < model->len) {
		const char *line = model->in + model->at;
		const char *lf = memchr(line, '\n', model->len - model->at);
		size_t len = lf == NULL ? model->len - model->at :
		    (size_t)(lf - line);
		size_t line_size = len + 1;

		if ((*line < ' ' || *line > '~') && *line != '\r' &&
		    *line != '\n') {
			MUST(!take_reply(model, &reply));
			break;
		}
		if (len >= line_max(model, line, len)) {
			model->exchange = false;
			/* Too long: one reply at its end, or right now. */
			if (lf == NULL && model->next == model->replies)
				return;
			model->at += len + (lf != NULL);
			if (!take_reply(model, &reply))
				break;
			continue;
		}
		if (lf == NULL)
			break;
		model->at += line_size;
		if (len > 0 && line[len - 1] == '\r')
			len--;
		else if (!model->settings->bare_newline) {
			MUST(!take_reply(model, &reply));
			break;
		}
		if (!(model->exchange ? take_response(model, line, len) :
		    take_command(model, line, len, line_size, &chunks)))
			break;
	}
	MUST(model->next == model->replies);
}

static void
finish(struct drive *drive, unsigned why)
{
	if (drive->closed)
		return;
	protocol_end(&drive->protocol, (enum protocol_end)why);
	MUST(!drive_on(drive));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct drive whole, cut;
	static struct model model;
	struct protocol_settings settings;
	struct packets packets = { 0 };
	unsigned flags;
	const char *input;
	size_t count;
	bool early;

	if (size < 3 || size - 3 < (size_t)data[2] % 16 ||
	    size > INPUT_MAX)
		return 0;
	flags = data[0] | (unsigned)data[1] << 8;
	packets.count = data[2] % 16;
	packets.sizes = data + 3;
	if (packets.count == 0)
		packets.every = 1;
	input = (const char *)data + 3 + packets.count;
	size -= 3 + packets.count;
	settings = (struct protocol_settings){
		.hostname = "mx.example.org", .hops_max = HOPS_MAX,
		.lmtp = flags & 1, .bare_newline = flags & 2,
		.vrfy = flags & 4, .expn = flags & 8,
		.size_max = flags & 16 ? 40 : flags & 32 ? 0 : 10000,
		.recipients_max = flags & 64 ? 2 : 1000,
		.messages_max = flags & 128 ? 2 : 1000,
		.errors_max = flags & 256 ? 2 : 1000,
		.starttls = flags & 512, .auth = flags & 1024,
		.tls_required = flags & 2048, .auth_required = flags & 16384,
		.auth_failures_max = 3,
	};
	early = (flags & 0xe00) == 0xe00;

	drive_start(&whole, &settings, early);
	whole.protocol.confidential = flags & 32768;
	drive_input(&whole, input, size, &(struct packets){ 0 });
	MUST(replies_parse(whole.replies, whole.replies_len, model.reply,
	    &model.replies));
	model.drive = &whole;
	model.settings = &settings;
	model.early = early;
	model.in = input;
	model.len = size;
	model.at = 0;
	run_model(&model);
	finish(&whole, (flags >> 12) % PROTOCOL_END_COUNT);

	drive_start(&cut, &settings, early);
	cut.protocol.confidential = flags & 32768;
	drive_input(&cut, input, size, &packets);
	finish(&cut, (flags >> 12) % PROTOCOL_END_COUNT);
	MUST(whole.replies_len == cut.replies_len &&
	    memcmp(whole.replies, cut.replies, cut.replies_len) == 0);
	MUST(whole.body_len == cut.body_len &&
	    memcmp(whole.body, cut.body, cut.body_len) == 0);
	MUST(whole.wants_len == cut.wants_len &&
	    memcmp(whole.wants, cut.wants, cut.wants_len) == 0);
	MUST(replies_parse(cut.replies, cut.replies_len, NULL, &count));
	return 0;
}
