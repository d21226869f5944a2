/* SPDX-License-Identifier: ISC */
/* Records by what fits into one: fields, octets, and nothing beyond. */
#include "unit.h"

#include <stdlib.h>
#include <unistd.h>

#include "lib/log.h"

static struct log_record record;

static const char *
value_of(size_t field)
{
	return record.text + record.field[field].value;
}

static void
check_fields(void)
{
	log_begin(&record, LOG_PROBLEM);
	for (int i = 0; i < LOG_FIELDS_MAX + 2; i++)
		log_field(&record, "key", "%d", i);
	CHECK(record.fields == LOG_FIELDS_MAX, "%zu fields", record.fields);
	CHECK(strcmp(value_of(LOG_FIELDS_MAX - 1), "23") == 0, "%s",
	    value_of(LOG_FIELDS_MAX - 1));
	log_begin(&record, LOG_SESSION);
	CHECK(record.fields == 0 && record.len == 0, "begun anew");
}

/* A value of any length before another field: what is more is cut, and what
 * has no room is left out. */
static void
check_octets(void)
{
	static char text[LOG_RECORD_MAX + 100];

	for (size_t len = LOG_RECORD_MAX - 20; len < sizeof(text) - 1; len++) {
		memset(text, 'x', len);
		text[len] = '\0';
		log_begin(&record, LOG_PROBLEM);
		log_field(&record, "key", "%s", text);
		CHECK(record.fields == 1, "%zu", len);
		CHECK(strlen(value_of(0)) ==
			(len < LOG_RECORD_MAX - 5 ? len : LOG_RECORD_MAX - 5),
		    "%zu of %zu", strlen(value_of(0)), len);
		log_field(&record, "two", "%s", "12");
		CHECK(record.fields < 2 || strncmp("12", value_of(1), 1) == 0,
		    "%zu: %s", len, value_of(1));
		CHECK((record.fields == 2) == (len + 5 + 6 <= LOG_RECORD_MAX),
		    "%zu: %zu fields", len, record.fields);
		CHECK(record.len <= LOG_RECORD_MAX, "%zu", record.len);
	}
}

/* The longest line there can be: every octet escaped. */
static void
check_line(void)
{
	static char text[LOG_RECORD_MAX], line[5 * LOG_RECORD_MAX];
	struct log log;
	size_t len = 0;
	ssize_t got;
	int ends[2], saved = dup(STDERR_FILENO);

	memset(text, 0xff, sizeof(text) - 1);
	log_begin(&record, LOG_PROBLEM);
	log_field(&record, "key", "%s", text);
	log_init(&log, LOG_TO_STDERR);
	if (saved < 0 || pipe(ends) < 0 || dup2(ends[1], STDERR_FILENO) < 0)
		exit(1);
	(void)close(ends[1]); /* what is left is standard error */
	log_write(&log, &record);
	if (dup2(saved, STDERR_FILENO) < 0)
		exit(1);
	while ((got = read(ends[0], line + len, sizeof(line) - len)) > 0)
		len += (size_t)got;
	CHECK(len == strlen("problem key=\n") + 4 * (LOG_RECORD_MAX - 5),
	    "%zu octets", len);
	CHECK(memcmp(line, "problem key=\\xff\\xff", 20) == 0, "its start");
	CHECK(memcmp(line + len - 5, "\\xff\n", 5) == 0, "its end");
}

int
main(void)
{
	check_fields();
	check_octets();
	check_line();
	return unit_end("log");
}
