/* SPDX-License-Identifier: ISC */
/* Domains as they are compared, by table. Rows with U-labels are left out
 * where libidn2 is not installed, but for the row that says so. */
#include "unit.h"

#include <stdbool.h>

#include "lib/idn.h"

static const struct {
	const char *domain;
	enum idn_status status;
	const char *folded;
} rows[] = {
	{ "example.org", IDN_OK, "example.org" },
	{ "EXAMPLE.Org", IDN_OK, "example.org" },
	{ "XN--TDA.example", IDN_OK, "xn--tda.example" },
	{ "1.2.3.4", IDN_OK, "1.2.3.4" },
	{ "", IDN_OK, "" },
	{ "\xc3\xbc.example", IDN_OK, "xn--tda.example" },
	{ "\xc3\x9c.EXAMPLE", IDN_OK, "xn--tda.example" },
	{ "fa\xc3\x9f.example", IDN_OK, "xn--fa-hia.example" },
	/* Full-width letters and an ideographic stop, RFC 3490, 3.1. */
	{ "\xef\xbc\xa5\xef\xbc\xb8.org", IDN_OK, "ex.org" },
	{ "\xc3\xbc\xe3\x80\x82org", IDN_OK, "xn--tda.org" },
	/* What maps to "/", "..", "@", "_" or a space is no domain. */
	{ "example.org\xef\xbc\x8f" "alice", IDN_INVALID, 0 },
	{ "\xef\xbc\x8e\xef\xbc\x8e", IDN_INVALID, 0 },
	{ "\xef\xbc\x8e", IDN_INVALID, 0 },
	{ "\xe2\x80\xa5", IDN_INVALID, 0 },
	{ "\xef\xbc\xa0", IDN_INVALID, 0 },
	{ "a\xef\xbc\xbf" "b", IDN_INVALID, 0 },
	{ "a\xe3\x80\x80" "b", IDN_INVALID, 0 },
	{ "\xc3\xbc.", IDN_INVALID, 0 },
	{ "\xc3\xbc..org", IDN_INVALID, 0 },
	/* A combining mark first; an octet that is not UTF-8. */
	{ "\xcc\x88.org", IDN_INVALID, 0 },
	{ "\xc3.org", IDN_INVALID, 0 },
};

int
main(void)
{
	char folded[IDN_MAX + 1], longest[IDN_MAX + 1];
	bool available = idn_fold("\xc3\xbc", 2, folded) != IDN_UNAVAILABLE;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *domain = rows[i].domain;
		enum idn_status status;

		memset(folded, '!', sizeof(folded));
		status = idn_fold(domain, strlen(domain), folded);
		if (status == IDN_UNAVAILABLE && !available)
			continue;
		CHECK(status == rows[i].status, "%s: %d", domain, status);
		CHECK(status == IDN_OK || folded[0] == '!', "%s: out is set",
		    domain);
		CHECK(status != IDN_OK || rows[i].status != IDN_OK ||
		    strcmp(folded, rows[i].folded) == 0, "%s: %s", domain,
		    folded);
	}
	memset(longest, 'A', IDN_MAX);
	longest[IDN_MAX] = '\0';
	CHECK(idn_fold(longest, IDN_MAX, folded) == IDN_OK &&
	    strlen(folded) == IDN_MAX && folded[0] == 'a', "the longest");
	/* 255 octets of U-labels, more of A-labels. */
	for (size_t i = 0; i + 8 <= IDN_MAX; i += 8)
		memcpy(longest + i, "\xc3\xbc\xc3\xa4\xc3\xb6" "a.", 8);
	longest[247] = '\0';
	CHECK(idn_fold(longest, 247, folded) != IDN_OK, "longer when folded");
	if (!available)
		(void)printf("idn: libidn2 is not installed: less was seen\n");
	return unit_end("idn");
}
