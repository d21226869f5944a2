/* SPDX-License-Identifier: ISC */
/* address.c - see address.h for the contract.
 *
 * A recursive descent over a cursor: each take_*() is one production of RFC
 * 5321, 4.1.2, consumes what it matched and says whether it did. */
#include "address.h"

#include <string.h>

struct cursor {
	const char *at, *end;
	bool utf8;     /* an octet over 127 was taken */
	bool too_long; /* a length was exceeded, the grammar was not */
};

static bool
is_digit(char byte)
{
	return byte >= '0' && byte <= '9';
}

static bool
is_let_dig(char byte)
{
	return is_digit(byte) ||
	    (address_lower(byte) >= 'a' && address_lower(byte) <= 'z');
}

static bool
is_high(char byte)
{
	return (unsigned char)byte > 127;
}

static bool
is_atext(char byte)
{
	return is_let_dig(byte) || is_high(byte) ||
	    (byte != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", byte) != NULL);
}

char
address_lower(char byte)
{
	return byte >= 'A' && byte <= 'Z' ? (char)(byte + ('a' - 'A')) : byte;
}

bool
address_same(const char *text, size_t len, const char *word)
{
	for (size_t i = 0; i < len; i++)
		if (word[i] == '\0' || address_lower(text[i]) != word[i])
			return false;
	return word[len] == '\0';
}

bool
address_equal(const char *a, size_t a_len, const char *b, size_t b_len)
{
	if (a_len != b_len)
		return false;
	for (size_t i = 0; i < a_len; i++)
		if (address_lower(a[i]) != address_lower(b[i]))
			return false;
	return true;
}

/* Length of the well-formed UTF-8 sequence at text (RFC 3629, 4), 0 if none:
 * no overlong form, no surrogate, nothing above U+10FFFF. */
static size_t
utf8_sequence(const unsigned char *text, size_t len)
{
	static const struct {
		unsigned char low, high, min, max;
		size_t len;
	} row[] = {
		{ 0x00, 0x7f, 0, 0, 1 },
		{ 0xc2, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 },
		{ 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};
	size_t i = 0;

	while (i < sizeof(row) / sizeof(row[0]) &&
	    (text[0] < row[i].low || text[0] > row[i].high))
		i++;
	if (i == sizeof(row) / sizeof(row[0]) || row[i].len > len)
		return 0;
	for (size_t k = 1; k < row[i].len; k++) {
		unsigned char min = k == 1 ? row[i].min : 0x80;
		unsigned char max = k == 1 ? row[i].max : 0xbf;

		if (text[k] < min || text[k] > max)
			return 0;
	}
	return row[i].len;
}

bool
address_is_utf8(const char *text, size_t len)
{
	const unsigned char *at = (const unsigned char *)text;

	while (len > 0) {
		size_t sequence = utf8_sequence(at, len);

		if (sequence == 0)
			return false;
		at += sequence;
		len -= sequence;
	}
	return true;
}

static bool
take(struct cursor *cursor, char byte)
{
	if (cursor->at == cursor->end || *cursor->at != byte)
		return false;
	cursor->at++;
	return true;
}

/* Atom = 1*atext; RFC 6531, 3.3 adds UTF8-non-ascii to atext. */
static bool
take_atom(struct cursor *cursor)
{
	const char *start = cursor->at;

	while (cursor->at < cursor->end && is_atext(*cursor->at))
		cursor->utf8 |= is_high(*cursor->at++);
	return cursor->at > start;
}

/* Quoted-string, its content unquoted into out. Lengths are checked by the
 * caller: content is never longer than its text. */
static bool
take_quoted(struct cursor *cursor, char *out, size_t *out_len)
{
	size_t len = 0;

	if (!take(cursor, '"'))
		return false;
	while (cursor->at < cursor->end && *cursor->at != '"') {
		char byte = *cursor->at++;

		if (byte == '\\') {
			if (cursor->at == cursor->end || is_high(*cursor->at))
				return false;
			byte = *cursor->at++;
		}
		if (byte < ' ' && !is_high(byte))
			return false;
		if (byte == 127)
			return false;
		cursor->utf8 |= is_high(byte);
		if (len < ADDRESS_LOCAL_MAX)
			out[len++] = byte;
	}
	*out_len = len;
	return take(cursor, '"');
}

/* Local-part = Dot-string / Quoted-string */
static bool
take_local_part(struct cursor *cursor, struct address *out)
{
	const char *start = cursor->at;
	size_t len = 0;

	if (cursor->at < cursor->end && *cursor->at == '"') {
		if (!take_quoted(cursor, out->local, &len))
			return false;
	} else {
		do {
			if (!take_atom(cursor))
				return false;
		} while (take(cursor, '.'));
		len = (size_t)(cursor->at - start);
		if (len <= ADDRESS_LOCAL_MAX)
			memcpy(out->local, start, len);
	}
	if (cursor->at - start > ADDRESS_LOCAL_MAX)
		cursor->too_long = true;
	else
		out->local_len = (uint8_t)len;
	out->local[out->local_len] = '\0';
	return true;
}

/* sub-domain = Let-dig [Ldh-str], or a U-label (RFC 6531, 3.3) */
static bool
take_sub_domain(struct cursor *cursor)
{
	const char *start = cursor->at;
	bool utf8 = false;

	while (cursor->at < cursor->end &&
	    (is_let_dig(*cursor->at) || *cursor->at == '-' ||
		is_high(*cursor->at)))
		utf8 |= is_high(*cursor->at++);
	if (cursor->at == start || *start == '-' || cursor->at[-1] == '-')
		return false;
	cursor->utf8 |= utf8;
	if (!utf8 && cursor->at - start > ADDRESS_LABEL_MAX)
		cursor->too_long = true;
	return true;
}

static bool
take_domain(struct cursor *cursor)
{
	const char *start = cursor->at;

	do {
		if (!take_sub_domain(cursor))
			return false;
	} while (take(cursor, '.'));
	if (cursor->at - start > ADDRESS_DOMAIN_MAX)
		cursor->too_long = true;
	return true;
}

/* IPv4-address-literal = Snum 3("." Snum) */
static bool
take_ipv4(struct cursor *cursor)
{
	for (int part = 0; part < 4; part++) {
		int value = 0, digits = 0;

		if (part > 0 && !take(cursor, '.'))
			return false;
		while (cursor->at < cursor->end && is_digit(*cursor->at) &&
		    digits++ < 3)
			value = value * 10 + (*cursor->at++ - '0');
		if (digits == 0 || value > 255)
			return false;
	}
	return true;
}

static bool
is_hex(char byte)
{
	char lower = address_lower(byte);

	return is_digit(byte) || (lower >= 'a' && lower <= 'f');
}

/* IPv6-addr: 16-bit groups, one "::" for two or more of them, the last two
 * perhaps written as IPv4. */
static bool
take_ipv6(struct cursor *cursor)
{
	int groups = 0;
	bool gap = false;

	if (cursor->end - cursor->at >= 2 && cursor->at[0] == ':' &&
	    cursor->at[1] == ':') {
		cursor->at += 2;
		gap = true;
		if (cursor->at == cursor->end || !is_hex(*cursor->at))
			return true;
	}
	for (;;) {
		struct cursor group = *cursor;
		int digits = 0;

		if (groups <= (gap ? 4 : 6) && (gap || groups == 6) &&
		    take_ipv4(&group)) {
			*cursor = group;
			return true;
		}
		while (cursor->at < cursor->end && is_hex(*cursor->at)) {
			cursor->at++;
			digits++;
		}
		if (digits == 0 || digits > 4)
			return false;
		groups++;
		if (!take(cursor, ':'))
			break;
		if (take(cursor, ':')) {
			if (gap)
				return false;
			gap = true;
			if (cursor->at == cursor->end || !is_hex(*cursor->at))
				break;
		}
	}
	return gap ? groups <= 6 : groups == 8;
}

/* General-address-literal = Standardized-tag ":" 1*dcontent */
static bool
take_general(struct cursor *cursor)
{
	const char *start = cursor->at;

	while (cursor->at < cursor->end &&
	    (is_let_dig(*cursor->at) || *cursor->at == '-'))
		cursor->at++;
	if (cursor->at == start || cursor->at[-1] == '-' || !take(cursor, ':'))
		return false;
	start = cursor->at;
	while (cursor->at<cursor->end && * cursor->at> ' ' &&
	    *cursor->at < 127 && !strchr("[\\]", *cursor->at))
		cursor->at++;
	return cursor->at > start;
}

static bool
take_literal(struct cursor *cursor)
{
	const char *start = cursor->at;
	bool ok;

	if (!take(cursor, '['))
		return false;
	if (cursor->end - cursor->at > 5 &&
	    address_same(cursor->at, 5, "ipv6:")) {
		cursor->at += 5;
		ok = take_ipv6(cursor);
	} else if (cursor->at < cursor->end && is_digit(*cursor->at)) {
		ok = take_ipv4(cursor);
	} else {
		ok = take_general(cursor);
	}
	if (cursor->at - start >= ADDRESS_DOMAIN_MAX)
		cursor->too_long = true;
	return ok && take(cursor, ']');
}

/* Mailbox = Local-part "@" ( Domain / address-literal ). Where alone is true
 * the local-part may be all there is. */
static bool
take_mailbox(struct cursor *cursor, bool alone, struct address *out)
{
	const char *start;
	size_t len;

	if (!take_local_part(cursor, out))
		return false;
	if (alone && cursor->at == cursor->end) {
		out->kind = ADDRESS_LOCAL;
		return true;
	}
	if (!take(cursor, '@'))
		return false;
	start = cursor->at;
	out->kind = start < cursor->end && *start == '[' ? ADDRESS_LITERAL
							 : ADDRESS_DOMAIN;
	if (!(out->kind == ADDRESS_LITERAL ? take_literal(cursor)
					   : take_domain(cursor)))
		return false;
	len = (size_t)(cursor->at - start);
	if (!cursor->too_long) {
		memcpy(out->domain, start, len);
		out->domain_len = (uint8_t)len;
		out->domain[len] = '\0';
	}
	return true;
}

/* A-d-l = At-domain *( "," At-domain ), and its colon. True where there is
 * none. */
static bool
take_route(struct cursor *cursor)
{
	if (cursor->at == cursor->end || *cursor->at != '@')
		return true;
	do {
		if (!take(cursor, '@') || !take_domain(cursor))
			return false;
	} while (take(cursor, ','));
	return take(cursor, ':');
}

/* What is left to say of a text that matched. */
static enum address_status
judge(const struct cursor *cursor, const char *start, bool utf8_allowed,
    struct address *out)
{
	size_t len = (size_t)(cursor->at - start);

	if (cursor->utf8 && !address_is_utf8(start, len))
		return ADDRESS_SYNTAX;
	if (cursor->utf8 && !utf8_allowed)
		return ADDRESS_NEEDS_UTF8;
	if (cursor->too_long || len > ADDRESS_PATH_MAX)
		return ADDRESS_TOO_LONG;
	out->utf8 = cursor->utf8;
	return ADDRESS_OK;
}

static const char postmaster[] = "postmaster";

enum address_status
address_parse_path(const char *text, size_t len, unsigned allow,
    struct address *out, size_t *used)
{
	struct cursor cursor = { .at = text, .end = text + len };
	size_t word = sizeof(postmaster) - 1;

	*out = (struct address){ .kind = ADDRESS_NULL };
	if (!take(&cursor, '<'))
		return ADDRESS_SYNTAX;
	if ((allow & ADDRESS_ALLOW_NULL) && take(&cursor, '>')) {
		*used = 2;
		return ADDRESS_OK;
	}
	if ((allow & ADDRESS_ALLOW_POSTMASTER) && len >= word + 2 &&
	    text[word + 1] == '>' && address_same(text + 1, word, postmaster)) {
		out->kind = ADDRESS_POSTMASTER;
		memcpy(out->local, postmaster, sizeof(postmaster));
		out->local_len = (uint8_t)word;
		*used = word + 2;
		return ADDRESS_OK;
	}
	if (!take_route(&cursor) || !take_mailbox(&cursor, false, out) ||
	    !take(&cursor, '>'))
		return ADDRESS_SYNTAX;
	*used = (size_t)(cursor.at - text);
	return judge(&cursor, text, allow & ADDRESS_ALLOW_UTF8, out);
}

enum address_status
address_parse_mailbox(const char *text, size_t len, struct address *out)
{
	struct cursor cursor = { .at = text, .end = text + len };

	*out = (struct address){ .kind = ADDRESS_LOCAL };
	if (!take_mailbox(&cursor, true, out) || cursor.at != cursor.end)
		return ADDRESS_SYNTAX;
	return judge(&cursor, text, true, out);
}

int
address_parse_parameter(
    const char **text, size_t *len, struct address_parameter *out)
{
	const char *at = *text, *end = at + *len;

	while (at < end && *at == ' ')
		at++;
	if (at == end)
		return 0;
	if (at == *text || !is_let_dig(*at))
		return -1;
	*out = (struct address_parameter){ .keyword = at };
	while (at < end && (is_let_dig(*at) || *at == '-'))
		at++;
	out->keyword_len = (size_t)(at - out->keyword);
	if (at < end && *at == '=') {
		out->value = ++at;
		while (at < end &&
		    (is_high(*at) || (*at > ' ' && *at < 127 && *at != '=')))
			at++;
		out->value_len = (size_t)(at - out->value);
		if (out->value_len == 0 ||
		    !address_is_utf8(out->value, out->value_len))
			return -1;
	}
	if (at < end && *at != ' ')
		return -1;
	*len = (size_t)(end - at);
	*text = at;
	return 1;
}

bool
address_parse_number(const char *text, size_t len, uint64_t *out)
{
	uint64_t value = 0;

	for (size_t i = 0; i < len; i++) {
		uint64_t digit = (uint64_t)(text[i] - '0');

		if (!is_digit(text[i]) || value > (UINT64_MAX - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*out = value;
	return len > 0;
}

bool
address_is_domain(const char *text, size_t len)
{
	struct cursor cursor = { .at = text, .end = text + len };
	bool ok = len > 0 && text[0] == '[' ? take_literal(&cursor)
					    : take_domain(&cursor);

	return ok && cursor.at == cursor.end && !cursor.utf8 &&
	    !cursor.too_long;
}

/* Whether the local-part is a Dot-string, which needs no quotes. */
static bool
is_dot_string(const struct address *address)
{
	struct cursor cursor = { .at = address->local,
		.end = address->local + address->local_len };

	do {
		if (!take_atom(&cursor))
			return false;
	} while (take(&cursor, '.'));
	return cursor.at == cursor.end;
}

size_t
address_print(const struct address *address, char out[ADDRESS_PRINT_MAX + 1])
{
	size_t len = 0;

	if (address->kind == ADDRESS_NULL) {
		out[0] = '\0';
		return 0;
	}
	if (is_dot_string(address)) {
		memcpy(out, address->local, address->local_len);
		len = address->local_len;
	} else {
		out[len++] = '"';
		for (size_t i = 0; i < address->local_len; i++) {
			if (strchr("\"\\", address->local[i]))
				out[len++] = '\\';
			out[len++] = address->local[i];
		}
		out[len++] = '"';
	}
	if (address->domain_len > 0) {
		out[len++] = '@';
		memcpy(out + len, address->domain, address->domain_len);
		len += address->domain_len;
	}
	out[len] = '\0';
	return len;
}
