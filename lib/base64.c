/* SPDX-License-Identifier: ISC */
/* base64.c - see base64.h for the contract. */
#include "base64.h"

#include <string.h>

static const char digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* The six bits of a character, or -1. */
static int
value(char digit)
{
	if (digit >= 'A' && digit <= 'Z')
		return digit - 'A';
	if (digit >= 'a' && digit <= 'z')
		return digit - 'a' + 26;
	if (digit >= '0' && digit <= '9')
		return digit - '0' + 52;
	return digit == '+' ? 62 : digit == '/' ? 63 : -1;
}

long
base64_decode(const char *text, size_t len, void *out, size_t size)
{
	unsigned char *to = out;
	size_t at = 0, padding = 0;
	unsigned long bits = 0;

	if (len % 4 != 0)
		return -1;
	while (padding < 2 && padding < len && text[len - 1 - padding] == '=')
		padding++;
	for (size_t i = 0; i < len - padding; i++) {
		int six = value(text[i]);

		if (six < 0)
			return -1;
		bits = (bits << 6 | (unsigned)six) & 0xffff;
		if (i % 4 == 0)
			continue;
		if (at == size)
			return -1;
		to[at++] = (unsigned char)(bits >> (6 - i % 4 * 2));
	}
	/* Two texts for the same octets would be one too many. */
	if (padding > 0 && (bits & (padding == 2 ? 15 : 3)) != 0)
		return -1;
	return (long)at;
}

size_t
base64_encode(const void *data, size_t len, char *out)
{
	const unsigned char *from = data;
	char *to = out;

	for (size_t i = 0; i < len; i += 3) {
		size_t some = len - i < 3 ? len - i : 3;
		unsigned long bits = (unsigned long)from[i] << 16;

		if (some > 1)
			bits |= (unsigned long)from[i + 1] << 8;
		if (some > 2)
			bits |= from[i + 2];
		for (size_t k = 0; k < 4; k++)
			*to++ =
			    k > some ? '=' : digits[bits >> (18 - 6 * k) & 63];
	}
	*to = '\0';
	return (size_t)(to - out);
}
