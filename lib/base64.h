/* SPDX-License-Identifier: ISC */
/* base64.h - base64 with padding (RFC 4648, 4). Pure. */
#ifndef BASE64_H
#define BASE64_H

#include <stddef.h>

/* Characters that so many octets take. */
#define BASE64_LEN(octets) (((octets) + 2) / 3 * 4)

/* Decode all of text[0..len) into out[0..size). Returns how many octets it
 * were, or -1: no base64 (other characters, padding amiss, bits left over), or
 * more than size. */
long base64_decode(const char *text, size_t len, void *out, size_t size);

/* Write data[0..len) as base64, and a NUL: BASE64_LEN(len) + 1 octets. Returns
 * the length without the NUL. */
size_t base64_encode(const void *data, size_t len, char *out);

#endif
