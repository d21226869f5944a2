/* SPDX-License-Identifier: ISC */
/* complete.c - see complete.h for the contract.
 *
 * Two halves. The first reads an address field that is held as a whole: a
 * recursive descent over a cursor, where each take_*() is a production of RFC
 * 5322, 3.2 and 3.4, and obsolete forms that are still written: dots in a
 * display name, routes, empty elements. It runs twice: first to see that the
 * field is all grammar, then to write. The second cuts the header into fields,
 * an octet at a time up to the colon. */
#include "complete.h"

#include <string.h>

#include "address.h"

/* --- address fields --- */

struct cursor {
	const char *start, *at, *end; /* of the field */
	const struct complete *complete;
	bool write;
	const char *written; /* up to here */
	const char *line;    /* the one that got a domain last */
	size_t added;	     /* octets to that line */
};

static bool
is_blank(char byte)
{
	return byte == ' ' || byte == '\t';
}

/* VCHAR, and with RFC 6532, 3.2 what is beyond ASCII: in any encoding, because
 * a display name in an old one is no reason to leave an address alone. */
static bool
is_visible(char byte)
{
	return (unsigned char)byte > 127 || (byte > ' ' && byte < 127);
}

static bool
is_atext(char byte)
{
	return is_visible(byte) && strchr("()<>[]:;@\\,.\"", byte) == NULL;
}

static bool
is_next(const struct cursor *cursor, char byte)
{
	return cursor->at < cursor->end && *cursor->at == byte;
}

static bool
take(struct cursor *cursor, char byte)
{
	if (!is_next(cursor, byte))
		return false;
	cursor->at++;
	return true;
}

/* A space, a tab, or a line end before one of these. */
static bool
take_blank(struct cursor *cursor)
{
	const char *at = cursor->at, *end = cursor->end;

	if (at < end && is_blank(*at)) {
		cursor->at++;
		return true;
	}
	if (end - at >= 2 && at[0] == '\r' && at[1] == '\n')
		at++;
	if (end - at < 2 || at[0] != '\n' || !is_blank(at[1]))
		return false;
	cursor->at = at + 1;
	return true;
}

/* What may stand in a quoted-string, a comment or a domain-literal, if it is
 * none of special. */
static bool
take_content(struct cursor *cursor, const char *special)
{
	if (take_blank(cursor))
		return true;
	if (take(cursor, '\\')) {
		if (cursor->at == cursor->end ||
		    (!is_visible(*cursor->at) && !is_blank(*cursor->at)))
			return false;
	} else if (cursor->at == cursor->end || !is_visible(*cursor->at) ||
	    strchr(special, *cursor->at) != NULL) {
		return false;
	}
	cursor->at++;
	return true;
}

/* Comments in comments are counted: no depth of theirs is one of ours. */
static bool
take_comment(struct cursor *cursor)
{
	size_t depth = 0;

	do {
		if (take(cursor, '('))
			depth++;
		else if (take(cursor, ')'))
			depth--;
		else if (!take_content(cursor, ""))
			return false;
	} while (depth > 0);
	return true;
}

/* [CFWS]. False only where a comment does not end. */
static bool
skip(struct cursor *cursor)
{
	for (;;) {
		if (is_next(cursor, '(')) {
			if (!take_comment(cursor))
				return false;
		} else if (!take_blank(cursor)) {
			return true;
		}
	}
}

static bool
take_enclosed(struct cursor *cursor, char open, char close, const char *special)
{
	if (!take(cursor, open))
		return false;
	while (take_content(cursor, special))
		continue;
	return take(cursor, close);
}

/* Atoms and dots in any order: whether they are a dot-atom is asked where that
 * matters. */
static bool
take_dotted(struct cursor *cursor)
{
	const char *start = cursor->at;

	while (cursor->at < cursor->end &&
	    (is_atext(*cursor->at) || *cursor->at == '.'))
		cursor->at++;
	return cursor->at > start;
}

/* A run of words, which is a display name or a local-part: what follows tells.
 * And the CFWS behind it. */
struct words {
	const char *text; /* the last one */
	size_t len, count;
};

static bool
take_words(struct cursor *cursor, struct words *words)
{
	words->count = 0;
	for (;;) {
		const char *start = cursor->at;

		if (is_next(cursor, '"')) {
			if (!take_enclosed(cursor, '"', '"', "\""))
				return false;
		} else if (!take_dotted(cursor)) {
			return true;
		}
		words->text = start;
		words->len = (size_t)(cursor->at - start);
		words->count++;
		if (!skip(cursor))
			return false;
	}
}

/* Whether the words are a local-part: one, that RFC 5321 can carry, too, and
 * no encoded-word, which is never part of an address (RFC 2047, 5). */
static bool
is_local_part(const struct words *words)
{
	const char *text = words->text;
	size_t len = words->len;
	struct address address;

	return words->count == 1 &&
	    address_parse_mailbox(text, len, &address) == ADDRESS_OK &&
	    !(len >= 4 && memcmp(text, "=?", 2) == 0 &&
		memcmp(text + len - 2, "?=", 2) == 0);
}

/* Count a domain to the line that it goes into. False where that gets too
 * long. */
static bool
make_room(struct cursor *cursor, const char *at)
{
	const char *start = at, *end;

	while (start > cursor->start && start[-1] != '\n')
		start--;
	end = memchr(at, '\n', (size_t)(cursor->end - at));
	if (end == NULL)
		end = cursor->end;
	else if (end[-1] == '\r')
		end--;
	if (cursor->line != start)
		cursor->added = 0;
	cursor->line = start;
	cursor->added += 1 + strlen(cursor->complete->settings->domain);
	return (size_t)(end - start) + cursor->added <= COMPLETE_LINE_MAX;
}

/* A local-part that stands alone gets its domain. */
static bool
add_domain(struct cursor *cursor, const struct words *words)
{
	const struct complete *complete = cursor->complete;
	const char *domain = complete->settings->domain;
	const char *at = words->text + words->len;

	if (!is_local_part(words) || !make_room(cursor, at))
		return false;
	if (!cursor->write)
		return true;
	complete->put(
	    complete->to, cursor->written, (size_t)(at - cursor->written));
	complete->put(complete->to, "@", 1);
	complete->put(complete->to, domain, strlen(domain));
	cursor->written = at;
	return true;
}

/* [CFWS] domain [CFWS] */
static bool
take_domain(struct cursor *cursor)
{
	return skip(cursor) &&
	    (is_next(cursor, '[') ? take_enclosed(cursor, '[', ']', "[]")
				  : take_dotted(cursor)) &&
	    skip(cursor);
}

/* obs-route = obs-domain-list ":". True where there is none. */
static bool
take_route(struct cursor *cursor, bool *routed)
{
	*routed = is_next(cursor, '@');
	if (!*routed)
		return true;
	do {
		if (!skip(cursor))
			return false;
		if (take(cursor, '@') && !take_domain(cursor))
			return false;
	} while (take(cursor, ','));
	return take(cursor, ':') && skip(cursor);
}

/* "<" [obs-route] addr-spec ">". A local-part behind a route belongs to a host
 * of the route, not to us. */
static bool
take_angle(struct cursor *cursor)
{
	struct words words;
	bool routed;

	if (!take(cursor, '<') || !skip(cursor) ||
	    !take_route(cursor, &routed) || !take_words(cursor, &words) ||
	    words.count != 1)
		return false;
	if (take(cursor, '@')) {
		if (!take_domain(cursor))
			return false;
	} else if (routed || !add_domain(cursor, &words)) {
		return false;
	}
	return take(cursor, '>') && skip(cursor);
}

/* A mailbox, or where a group may stand the head of one, whose members come
 * next: then *group becomes true. */
static bool
take_address(struct cursor *cursor, bool *group)
{
	struct words words;

	if (!take_words(cursor, &words))
		return false;
	if (is_next(cursor, '<'))
		return take_angle(cursor);
	if (words.count == 0)
		return false;
	if (take(cursor, '@'))
		return words.count == 1 && take_domain(cursor);
	if (take(cursor, ':')) {
		if (*group)
			return false;
		*group = true;
		return true;
	}
	return add_domain(cursor, &words);
}

/* address-list, with the empty elements of obs-addr-list, to the end. */
static bool
take_list(struct cursor *cursor)
{
	bool group = false, ended = true;

	while (skip(cursor)) {
		if (cursor->at == cursor->end)
			return !group;
		if (take(cursor, ',')) {
			ended = true;
		} else if (group && take(cursor, ';')) {
			group = ended = false;
		} else {
			bool inside = group;

			if (!ended || !take_address(cursor, &group))
				return false;
			/* The members of a group follow its colon at once. */
			ended = group && !inside;
		}
	}
	return false;
}

static void
put(const struct complete *complete, const char *bytes, size_t len)
{
	if (len > 0)
		complete->put(complete->to, bytes, len);
}

/* The field that is held, whose name ends at the first colon, comes out. */
static void
put_field(struct complete *complete)
{
	const char *field = complete->field;
	const char *end = field + complete->held, *text = end;
	const char *colon = memchr(field, ':', complete->held);
	struct cursor cursor;

	/* Never beyond the colon. The message may end within a line end. */
	text -= text[-1] == '\n';
	text -= text[-1] == '\r';
	cursor = (struct cursor){
		.start = field,
		.at = colon + 1,
		.end = text,
		.complete = complete,
		.written = field,
	};
	if (take_list(&cursor) && cursor.added > 0) {
		cursor.at = colon + 1;
		cursor.line = NULL;
		cursor.write = true;
		(void)take_list(&cursor); /* as before */
	}
	put(complete, cursor.written, (size_t)(end - cursor.written));
	complete->held = 0;
}

/* --- the header --- */

enum {
	NAME,	    /* at the start of a line, or in a field name: held */
	FIELD,	    /* in an address field: held */
	FIELD_LINE, /* at the start of a line after one */
	PASS,	    /* in another field */
	PASS_LINE,  /* at the start of a line after it */
	BODY,
};

enum role { OTHER, DATE, MESSAGE_ID, ADDRESSES };

static const struct {
	const char *name;
	enum role role;
} fields[] = {
	/* One without a value is there: a second one would be one too many
	 * (RFC 5322, 3.6), and whether to correct what is in it is left to a
	 * server (RFC 6409, 8.2 and 8.3). */
	{ "date", DATE },
	{ "message-id", MESSAGE_ID },
	{ "from", ADDRESSES },
	{ "sender", ADDRESSES },
	{ "reply-to", ADDRESSES },
	{ "to", ADDRESSES },
	{ "cc", ADDRESSES },
	{ "bcc", ADDRESSES },
	{ "resent-from", ADDRESSES },
	{ "resent-sender", ADDRESSES },
	{ "resent-reply-to", ADDRESSES },
	{ "resent-to", ADDRESSES },
	{ "resent-cc", ADDRESSES },
	{ "resent-bcc", ADDRESSES },
};

static enum role
find_role(const char *name, size_t len)
{
	/* Blanks before the colon, RFC 5322, 4.5. */
	while (len > 0 && is_blank(name[len - 1]))
		len--;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (address_same(name, len, fields[i].name))
			return fields[i].role;
	return OTHER;
}

static void
put_text(const struct complete *complete, const char *text)
{
	put(complete, text, strlen(text));
}

static void
put_line_end(const struct complete *complete)
{
	put_text(complete, complete->settings->newline ? "\n" : "\r\n");
}

static bool
is_missing(const struct complete *complete)
{
	return !complete->has_date || !complete->has_message_id;
}

/* The header is over: what it lacks comes out. */
static void
end_header(struct complete *complete)
{
	if (!complete->has_date) {
		put_text(complete, "Date: ");
		put_text(complete, complete->settings->date);
		put_line_end(complete);
	}
	if (!complete->has_message_id) {
		put_text(complete, "Message-ID: ");
		put_text(complete, complete->settings->message_id);
		put_line_end(complete);
	}
	complete->state = BODY;
}

static void
put_held(struct complete *complete)
{
	put(complete, complete->field, complete->held);
	complete->held = 0;
}

/* The line that begins with what is held is no field. Where there is no header
 * before it, an empty line has to say so; after fields it stays for a reader
 * to make of it what he likes. */
static void
end_at_junk(struct complete *complete)
{
	end_header(complete);
	if (!complete->has_field)
		put_line_end(complete);
	put_held(complete);
}

static void
end_name(struct complete *complete)
{
	enum role role = find_role(complete->field, complete->held - 1);

	complete->has_field = true;
	complete->has_date |= role == DATE;
	complete->has_message_id |= role == MESSAGE_ID;
	complete->state = role == ADDRESSES ? FIELD : PASS;
	if (role != ADDRESSES)
		put_held(complete);
}

/* Whether an octet goes on with what is held at the start of a line: a name,
 * blanks after it, or the CR of an empty line. */
static bool
goes_on(const struct complete *complete, char byte)
{
	bool first = complete->held == 0;
	bool visible = byte > ' ' && byte < 127;

	if (first)
		return visible || byte == '\r';
	return is_blank(byte) ||
	    (visible && !is_blank(complete->field[complete->held - 1]));
}

/* One octet at the start of a line. False: it is no longer there, and the
 * octet is still to be taken. */
static bool
take_name(struct complete *complete, char byte)
{
	size_t held = complete->held;

	if (byte == '\n' &&
	    (held == 0 || (held == 1 && complete->field[0] == '\r'))) {
		end_header(complete);
		put_held(complete);
		return false;
	}
	/* A colon ends a name, which has at least an octet. */
	if (held == COMPLETE_FIELD_MAX ||
	    (byte == ':' && (held == 0 || complete->field[0] == '\r')) ||
	    (byte != ':' && !goes_on(complete, byte))) {
		end_at_junk(complete);
		return false;
	}
	complete->field[complete->held++] = byte;
	if (byte == ':')
		end_name(complete);
	return true;
}

/* Octets of a line whose name is known, up to its end: how many. */
static size_t
take_line(struct complete *complete, const char *bytes, size_t len)
{
	const char *lf = memchr(bytes, '\n', len);

	if (lf != NULL)
		len = (size_t)(lf - bytes) + 1;
	if (complete->state == FIELD &&
	    len > COMPLETE_FIELD_MAX - complete->held) {
		put_held(complete);
		complete->state = PASS;
	}
	if (complete->state == PASS) {
		put(complete, bytes, len);
	} else {
		memcpy(complete->field + complete->held, bytes, len);
		complete->held += len;
	}
	if (lf != NULL)
		complete->state =
		    complete->state == PASS ? PASS_LINE : FIELD_LINE;
	return len;
}

/* Whether a line is a continuation shows its first octet. */
static void
begin_line(struct complete *complete, char byte)
{
	bool held = complete->state == FIELD_LINE;

	if (is_blank(byte)) {
		complete->state = held ? FIELD : PASS;
		return;
	}
	if (held)
		put_field(complete);
	complete->state = NAME;
}

void
complete_begin(struct complete *complete,
    const struct complete_settings *settings,
    void (*put_out)(void *to, const char *bytes, size_t len), void *to)
{
	complete->settings = settings;
	complete->put = put_out;
	complete->to = to;
	complete->state = NAME;
	complete->has_date = complete->has_message_id = false;
	complete->has_field = false;
	complete->held = 0;
}

void
complete_add(struct complete *complete, const char *bytes, size_t len)
{
	while (len > 0) {
		size_t taken = 0;

		switch (complete->state) {
		case NAME:
			taken = take_name(complete, *bytes);
			break;
		case FIELD_LINE:
		case PASS_LINE:
			begin_line(complete, *bytes);
			break;
		case BODY:
			put(complete, bytes, len);
			return;
		default:
			taken = take_line(complete, bytes, len);
			break;
		}
		bytes += taken;
		len -= taken;
	}
}

void
complete_end(struct complete *complete)
{
	int state = complete->state;

	if (state == BODY)
		return;
	if (state == NAME && complete->held > 0) {
		end_at_junk(complete);
		return;
	}
	if (state == FIELD || state == FIELD_LINE)
		put_field(complete);
	/* The last line has no end, and now is no longer the last. */
	if ((state == FIELD || state == PASS) && is_missing(complete))
		put_line_end(complete);
	end_header(complete);
}
