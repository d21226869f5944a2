/* SPDX-License-Identifier: ISC */
/* idn.h - a domain as it is compared: A-labels in lower case (RFC 5890).
 *
 * Loads libidn2 the first time a domain has an octet over 127, never before.
 * Knows no directory and no SMTP. */
#ifndef IDN_H
#define IDN_H

#include <stddef.h>

enum { IDN_MAX = 255 }; /* octets of a domain, RFC 5321, 4.5.3.1.2 */

enum idn_status {
	IDN_OK,
	IDN_INVALID,	 /* no such domain can exist (RFC 5891) */
	IDN_UNAVAILABLE, /* libidn2 is needed and not installed */
};

/* Fold domain[0..len), len at most IDN_MAX, into out, with a NUL: ASCII to
 * lower case, U-labels to A-labels. out is set only on IDN_OK. */
enum idn_status idn_fold(const char *domain, size_t len, char out[IDN_MAX + 1]);

#endif
