/* SPDX-License-Identifier: ISC */
/* plain.c - memchr() and its like, the same on every processor.
 *
 * The C library chooses among a dozen of each by what the processor can do, so
 * the number of instructions would tell more about the machine than about us.
 * These look at eight octets at a time, and are linked only into the program
 * whose instructions bench/counts counts. Compiled with -fno-builtin, or the
 * compiler would make each a call of itself. */
#include <stddef.h>
#include <stdint.h>

#define ONES 0x0101010101010101u
#define HIGHS 0x8080808080808080u

void *memchr(const void *memory, int octet, size_t len);
void *memcpy(void *restrict to, const void *restrict from, size_t len);
void *memmove(void *to, const void *from, size_t len);
size_t strlen(const char *text);
char *strchr(const char *text, int octet);

static uint64_t
word_at(const unsigned char *at)
{
	uint64_t word;

	__builtin_memcpy(&word, at, sizeof(word));
	return word;
}

void *
memchr(const void *memory, int octet, size_t len)
{
	const unsigned char *at = memory, *end = at + len;
	uint64_t pattern = (unsigned char)octet * ONES;

	for (; end - at >= 8; at += 8) {
		uint64_t word = word_at(at) ^ pattern;

		if (((word - ONES) & ~word & HIGHS) != 0)
			break;
	}
	for (; at < end; at++)
		if (*at == (unsigned char)octet)
			return (void *)(uintptr_t)at;
	return NULL;
}

void *
memmove(void *to, const void *from, size_t len)
{
	unsigned char *out = to;
	const unsigned char *in = from;

	if (out > in && out < in + len) {
		while (len-- > 0)
			out[len] = in[len];
		return to;
	}
	for (; len >= 8; len -= 8, in += 8, out += 8) {
		uint64_t word = word_at(in);

		__builtin_memcpy(out, &word, sizeof(word));
	}
	while (len-- > 0)
		*out++ = *in++;
	return to;
}

void *
memcpy(void *restrict to, const void *restrict from, size_t len)
{
	return memmove(to, from, len);
}

size_t
strlen(const char *text)
{
	const char *end = text;

	while (*end != '\0')
		end++;
	return (size_t)(end - text);
}

char *
strchr(const char *text, int octet)
{
	while (*text != (char)octet && *text != '\0')
		text++;
	return *text == (char)octet ? (char *)(uintptr_t)text : NULL;
}
