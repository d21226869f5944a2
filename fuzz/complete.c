/* SPDX-License-Identifier: ISC */
/* What is added to a message as a fuzz target: an octet of settings, the
 * number of slice sizes and these, then the message.
 *
 * What is added is marked by an octet that the message does not have. Without
 * it the output must be the input; slices do not matter; a second pass adds
 * nothing. A model that shares no code with it reads the header, and says
 * where the header ends, what it lacks, and where an address may be. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/complete.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	INPUT_MAX = 20000,
	OUTPUT_MAX = 8 * INPUT_MAX + 1000,
	SLICES_MAX = 16,
};

#define MUST(condition) ((condition) ? (void)0 : fail(#condition, __LINE__))

/* An octet that is one of an atom, so that a second pass can read it, and of
 * no UTF-8. */
#define MARK   "\xff"
#define DOMAIN MARK ".example"
#define DATE   "Date: " MARK "d"
#define ID     "Message-ID: " MARK "i"

static void
fail(const char *condition, int line)
{
	(void)fprintf(stderr, "complete.c:%d: not %s\n", line, condition);
	abort();
}

struct text {
	size_t len;
	char text[OUTPUT_MAX];
};

static void
gather(void *to, const char *bytes, size_t len)
{
	struct text *out = to;

	MUST(len > 0 && len <= OUTPUT_MAX - out->len);
	memcpy(out->text + out->len, bytes, len);
	out->len += len;
}

/* Slices of these sizes in turn, 0 being all there is; each from memory that
 * ends with it. */
static void
run(const struct complete_settings *settings, const char *text, size_t len,
    const uint8_t *sizes, size_t count, struct text *out)
{
	static struct complete complete;

	memset(&complete, 'x', sizeof(complete));
	out->len = 0;
	complete_begin(&complete, settings, gather, out);
	for (size_t i = 0; len > 0; i++) {
		size_t size = count == 0 ? 0 : sizes[i % count];
		char *slice, octet = *text;

		if (size == 0 || size > len)
			size = len;
		if (size == 1) { /* too many for the heap */
			complete_add(&complete, &octet, 1);
			text++;
			len--;
			continue;
		}
		slice = malloc(size);
		if (slice == NULL)
			abort();
		memcpy(slice, text, size);
		complete_add(&complete, slice, size);
		free(slice);
		text += size;
		len -= size;
	}
	complete_end(&complete);
}

/* --- the model --- */

struct model {
	size_t end;	/* of the header */
	bool date, message_id, fields, ended;
};

static bool
starts(const char *text, size_t len, const char *with)
{
	return len >= strlen(with) && memcmp(text, with, strlen(with)) == 0;
}

/* The length of the field name at the start of a line, 0 for none. */
static size_t
name_len(const char *line, size_t len)
{
	size_t name = 0, colon;

	while (name < len && line[name] > ' ' && line[name] < 127 &&
	    line[name] != ':')
		name++;
	colon = name;
	while (colon < len && (line[colon] == ' ' || line[colon] == '\t'))
		colon++;
	return colon < len && line[colon] == ':' && colon < COMPLETE_FIELD_MAX
	    ? name
	    : 0;
}

static bool
is_name(const char *line, size_t len, const char *name)
{
	for (size_t i = 0; i < len; i++)
		if ((line[i] | 32) != (name[i] | 32))
			return false;
	return name[len] == '\0';
}

static struct model
read_header(const char *text, size_t len)
{
	struct model model = { .ended = true };

	while (model.end < len) {
		const char *line = text + model.end;
		size_t left = len - model.end, name = name_len(line, left);
		const char *lf = memchr(line, '\n', left);

		if (!(model.fields && (*line == ' ' || *line == '\t')) &&
		    name == 0)
			break;
		model.fields = true;
		model.date |= name == 4 && is_name(line, 4, "date");
		model.message_id |= name == 10 && is_name(line, 10,
		    "message-id");
		model.ended = lf != NULL;
		model.end += lf == NULL ? left : (size_t)(lf - line) + 1;
	}
	return model;
}

/* What stands before and after an added domain: the end of a word, and what
 * ends an address. */
static void
check_place(const char *before, const char *start, const char *after,
    const char *end)
{
	MUST(before > start);
	MUST(memchr(" \t\r\n<>()[]:;@,.\\", before[-1], 16) == NULL);
	MUST(after == end || memchr(" \t\r\n>(,;", *after, 8) != NULL);
}

/* Take what was added out. *at becomes where the fields were added, or the
 * length of all. */
static void
strip(const struct text *out, const char *line_end, struct text *left,
    const struct model *model, size_t *at)
{
	static const char domain[] = "@" DOMAIN;
	unsigned dates = 0, ids = 0;

	left->len = 0;
	*at = SIZE_MAX;
	for (size_t i = 0; i < out->len;) {
		const char *text = out->text + i;
		size_t rest = out->len - i;
		const char *field = starts(text, rest, DATE) ? DATE :
		    starts(text, rest, ID) ? ID : NULL;

		if (field != NULL) {
			dates += field[0] == 'D';
			ids += field[0] == 'M';
			MUST(*at == SIZE_MAX || *at == left->len);
			*at = left->len;
			i += strlen(field);
			MUST(starts(out->text + i, out->len - i, line_end));
			i += strlen(line_end);
		} else if (starts(text, rest, domain)) {
			MUST(left->len <= model->end && *at == SIZE_MAX);
			i += strlen(domain);
			check_place(text, out->text, out->text + i,
			    out->text + out->len);
		} else {
			MUST(*text != MARK[0]);
			left->text[left->len++] = *text;
			i++;
		}
	}
	MUST(dates == !model->date && ids == !model->message_id);
}

/* Only the fields of the table were changed. */
static void
check_fields(const struct text *out)
{
	static const char *const names[] = { "from", "sender", "reply-to",
	    "to", "cc", "bcc" };
	size_t at = 0;
	bool addresses = false;

	while (at < out->len) {
		const char *line = out->text + at;
		size_t left = out->len - at, name = name_len(line, left);
		const char *lf = memchr(line, '\n', left);
		size_t len = lf == NULL ? left : (size_t)(lf - line) + 1;

		if (*line != ' ' && *line != '\t') {
			addresses = false;
			if (name > 7 && is_name(line, 7, "resent-")) {
				line += 7;
				name -= 7;
			}
			for (size_t i = 0; i < 6; i++)
				addresses |= name > 0 &&
				    name == strlen(names[i]) &&
				    is_name(line, name, names[i]);
		}
		MUST(addresses || memmem(out->text + at, len, "@" DOMAIN,
		    strlen("@" DOMAIN)) == NULL);
		MUST(!addresses || len <= COMPLETE_LINE_MAX + 2 ||
		    memmem(out->text + at, len, "@" DOMAIN,
		    strlen("@" DOMAIN)) == NULL);
		at += len;
	}
}

/* Where a line end was added to make place for the fields, take it out. */
static void
join(struct text *left, const struct model *model, size_t at,
    const char *line_end)
{
	size_t len = strlen(line_end);

	if (at == SIZE_MAX)
		return;
	if (!model->ended) {
		MUST(at == left->len && at >= len &&
		    memcmp(left->text + at - len, line_end, len) == 0);
		left->len -= len;
		MUST(left->len == model->end);
		return;
	}
	MUST(at == model->end);
	if (model->fields || left->len == 0)
		return;
	/* No header: an empty line, ours unless the message has one. */
	MUST(at == 0);
	MUST(left->text[0] == '\n' || starts(left->text, left->len, "\r\n"));
}

static void
check_message(const struct complete_settings *settings, const char *text,
    size_t len, const struct text *out)
{
	static struct text left;
	const char *line_end = settings->newline ? "\n" : "\r\n";
	size_t skip = 0, at;
	struct model model = read_header(text, len);

	strip(out, line_end, &left, &model, &at);
	join(&left, &model, at, line_end);
	if (!model.fields && len > 0 && text[0] != '\n' &&
	    !starts(text, len, "\r\n"))
		skip = strlen(line_end);
	MUST(left.len == len + skip &&
	    memcmp(left.text + skip, text, len) == 0);
	check_fields(out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct text out, again;
	struct complete_settings settings = {
		.domain = DOMAIN,
		.date = MARK "d",
		.message_id = MARK "i",
	};
	static char text[INPUT_MAX];
	size_t count;

	if (size < 2 || size > INPUT_MAX)
		return 0;
	settings.newline = data[0] & 1;
	count = data[1] % SLICES_MAX;
	if (size - 2 < count)
		return 0;
	size -= 2 + count;
	memcpy(text, data + 2 + count, size);
	for (size_t i = 0; i < size; i++)
		if (text[i] == MARK[0])
			text[i] = '\xfe';
	run(&settings, text, size, NULL, 0, &out);
	check_message(&settings, text, size, &out);
	run(&settings, text, size, data + 2, count, &again);
	MUST(again.len == out.len &&
	    memcmp(again.text, out.text, out.len) == 0);
	run(&settings, text, size, (const uint8_t[]){ 1 }, 1, &again);
	MUST(again.len == out.len &&
	    memcmp(again.text, out.text, out.len) == 0);
	run(&settings, out.text, out.len, NULL, 0, &again);
	MUST(again.len == out.len &&
	    memcmp(again.text, out.text, out.len) == 0);
	return 0;
}
