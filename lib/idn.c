/* SPDX-License-Identifier: ISC */
/* idn.c - see idn.h for the contract. */
#include "idn.h"

#include <dlfcn.h>
#include <idn2.h>
#include <stdbool.h>
#include <string.h>

#include "address.h"

static enum idn_status
to_ascii(const char *domain, char out[IDN_MAX + 1])
{
	__typeof__(idn2_lookup_u8) *lookup;
	__typeof__(idn2_free) *release;
	uint8_t *ascii = NULL;
	enum idn_status status = IDN_INVALID;
	void *library = dlopen("libidn2.so.0", RTLD_NOW | RTLD_LOCAL);

	if (library == NULL)
		return IDN_UNAVAILABLE;
	lookup = (__typeof__(lookup))dlsym(library, "idn2_lookup_u8");
	release = (__typeof__(release))dlsym(library, "idn2_free");
	if (lookup == NULL || release == NULL) {
		status = IDN_UNAVAILABLE;
	} else if (lookup((const uint8_t *)domain, &ascii,
		       IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) == IDN2_OK &&
	    address_is_domain(
		(const char *)ascii, strlen((const char *)ascii))) {
		/* Checked, because the mapping makes "/" and ".." of their
		 * full-width forms, which the grammar let through. */
		memcpy(out, ascii, strlen((const char *)ascii) + 1);
		status = IDN_OK;
	}
	if (ascii != NULL)
		release(ascii);
	dlclose(library);
	return status;
}

enum idn_status
idn_fold(const char *domain, size_t len, char out[IDN_MAX + 1])
{
	char folded[IDN_MAX + 1];
	bool ascii = true;

	for (size_t i = 0; i < len; i++) {
		folded[i] = address_lower(domain[i]);
		ascii = ascii && (unsigned char)domain[i] < 128;
	}
	folded[len] = '\0';
	if (!ascii)
		return to_ascii(folded, out);
	memcpy(out, folded, len + 1);
	return IDN_OK;
}
