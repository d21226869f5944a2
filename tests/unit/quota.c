/* SPDX-License-Identifier: ISC */
/* maildirsize by table: the quota, the counts, and what fits. */
#include "unit.h"

#include <stdlib.h>

#include "lib/quota.h"

static const struct {
	const char *text;
	bool good;
	uint64_t octets_max, messages_max;
	int64_t octets, messages;
} rows[] = {
	{ "1000S", true, 1000, 0, 0, 0 },
	{ "1000S\n", true, 1000, 0, 0, 0 },
	{ "10C\n", true, 0, 10, 0, 0 },
	{ "1000S,10C\n", true, 1000, 10, 0, 0 },
	{ "10C,1000S\n", true, 1000, 10, 0, 0 },
	{ "0S\n", true, 0, 0, 0, 0 },
	{ "1000S\n100 1\n200 2\n-100 -1\n", true, 1000, 0, 200, 2 },
	{ "1000S\n         100            1\n", true, 1000, 0, 100, 1 },
	{ "1000S\n100 1  \n5 1", true, 1000, 0, 105, 2 },
	{ "1S\n-5 -1\n", true, 1, 0, -5, -1 },
	{ "922337203685477579S\n", true, 922337203685477579, 0, 0, 0 },
	{ "99999999999999999999S\n", false, 0, 0, 0, 0 },
	{ "", false, 0, 0, 0, 0 },
	{ "\n", false, 0, 0, 0, 0 },
	{ "1000\n", false, 0, 0, 0, 0 },
	{ "S\n", false, 0, 0, 0, 0 },
	{ "-1S\n", false, 0, 0, 0, 0 },
	{ "-0S\n", false, 0, 0, 0, 0 },
	{ "1S,2S\n", false, 0, 0, 0, 0 },
	{ "1S,\n", false, 0, 0, 0, 0 },
	{ "1S,1X\n", false, 0, 0, 0, 0 },
	{ "1S 1C\n", false, 0, 0, 0, 0 },
	{ "1s\n", false, 0, 0, 0, 0 },
	{ "1S\r\n", false, 0, 0, 0, 0 },
	{ "1S\n1\n", false, 0, 0, 0, 0 },
	{ "1S\n1 x\n", false, 0, 0, 0, 0 },
	{ "1S\n1 1 1\n", false, 0, 0, 0, 0 },
	{ "1S\n\n", false, 0, 0, 0, 0 },
	{ "1S\n- 1\n", false, 0, 0, 0, 0 },
	{ "1S\n1 -\n", false, 0, 0, 0, 0 },
	{ "1S\n99999999999999999999 1\n", false, 0, 0, 0, 0 },
};

/* Counts that add up to more than 64 bits are no counts. */
static void
check_overflow(bool negative)
{
	char text[512] = "1S\n";
	size_t len = 3;
	struct quota quota;

	for (int i = 0; i < 10; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
		    "%s922337203685477579 1\n", negative ? "-" : "");
	CHECK(quota_parse(text, len, &quota), "ten of them are counted");
	len += (size_t)snprintf(text + len, sizeof(text) - len,
	    "%s922337203685477579 1\n", negative ? "-" : "");
	CHECK(!quota_parse(text, len, &quota), "eleven are too much");
}

static void
check_fits(void)
{
	static const struct {
		struct quota quota;
		uint64_t octets;
		bool fits;
	} fits[] = {
		{ { false, 1, 1, 5, 5 }, UINT64_MAX, true },
		{ { true, 0, 0, 5, 5 }, UINT64_MAX, true },
		{ { true, 100, 0, 0, 0 }, 100, true },
		{ { true, 100, 0, 0, 0 }, 101, false },
		{ { true, 100, 0, 40, 0 }, 60, true },
		{ { true, 100, 0, 40, 0 }, 61, false },
		{ { true, 100, 0, 40, 0 }, UINT64_MAX, false },
		{ { true, 100, 0, 100, 0 }, 0, false },
		{ { true, 100, 0, 200, 0 }, 0, false },
		{ { true, 100, 0, -50, 0 }, 100, true },
		{ { true, 100, 0, -50, 0 }, 101, false },
		{ { true, 0, 2, 0, 1 }, 1, true },
		{ { true, 0, 2, 0, 2 }, 1, false },
		{ { true, 0, 2, 0, -1 }, 1, true },
		{ { true, 100, 2, 0, 2 }, 1, false },
		{ { true, UINT64_MAX, 0, INT64_MAX, 0 }, 1ull << 63, true },
		{ { true, UINT64_MAX, 0, INT64_MAX, 0 }, UINT64_MAX, false },
	};

	for (size_t i = 0; i < sizeof(fits) / sizeof(fits[0]); i++)
		CHECK(quota_fits(&fits[i].quota, fits[i].octets) ==
		    fits[i].fits, "row %zu", i);
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len = strlen(rows[i].text);
		char *text = malloc(len + 1);
		struct quota quota;
		bool good;

		if (text == NULL)
			abort();
		/* Its end is the end of the memory. */
		memcpy(text + 1, rows[i].text, len);
		good = quota_parse(text + 1, len, &quota);
		free(text);
		CHECK(good == rows[i].good, "%s", rows[i].text);
		if (!good || !rows[i].good)
			continue;
		CHECK(quota.limited && quota.octets_max == rows[i].octets_max &&
		    quota.messages_max == rows[i].messages_max, "%s",
		    rows[i].text);
		CHECK(quota.octets == rows[i].octets &&
		    quota.messages == rows[i].messages, "%s", rows[i].text);
	}
	check_overflow(false);
	check_overflow(true);
	check_fits();
	return unit_end("quota");
}
