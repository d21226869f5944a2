/* SPDX-License-Identifier: ISC */
/* log.h - records of named fields: to the journal, to syslog, or as a line
 * key=value on standard error.
 *
 * The one place where untrusted text is made printable: octets outside
 * 0x20-0x7e become \xNN. Knows nothing of what a record means. */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>
#include <stddef.h>

enum {
	LOG_RECORD_MAX = 4096, /* octets of a record; what is more is cut */
	LOG_FIELDS_MAX = 24,
	LOG_LINE_MAX = 4 * LOG_RECORD_MAX + 64, /* every octet as \xNN */
};

enum log_destination { LOG_TO_JOURNAL, LOG_TO_SYSLOG, LOG_TO_STDERR };

/* Kinds of record; each has a name and an entry in the message catalog. */
enum log_event {
	LOG_SESSION,	    /* a session ended */
	LOG_MESSAGE,	    /* a message was stored, or could not be */
	LOG_REJECT,	    /* a command or a message was refused */
	LOG_PROBLEM,	    /* something the operator should mend */
	LOG_AUTHENTICATION, /* an exchange of AUTH ended */
	LOG_LISTENER,	    /* the accept loop began, changed or ended */
	LOG_EVENT_COUNT,
};

/* Large, and meant to be static: on the stack a record would touch every page
 * of it. */
struct log {
	enum log_destination destination;
	bool opened;
	int fd; /* a socket for datagrams, or -1 */
	/* A line and what comes before it; for the journal its fields, too. */
	char out[(size_t)2 * LOG_LINE_MAX +
	    LOG_FIELDS_MAX * sizeof("SMTPD_=\n")];
};

/* A record being gathered: log_begin, fields, log_write. */
struct log_record {
	enum log_event event;
	size_t len, fields;
	struct {
		size_t key, value;
	} field[LOG_FIELDS_MAX];
	char text[LOG_RECORD_MAX];
};

/* Where records go without a setting: to the journal where standard error is
 * its stream; to standard error where that is not the client's (client: it
 * is); else to the journal if there is one, else to syslog. */
enum log_destination log_choose(bool client);

/* Choose a destination. It is opened by the first record. */
void log_init(struct log *log, enum log_destination destination);

/* Open the destination now: before a sandbox, or a fork. */
void log_open(struct log *log);

void log_begin(struct log_record *record, enum log_event event);

/* Add a field. key is lower case letters. What does not fit is cut, or left
 * out with its key. */
void log_field(struct log_record *record, const char *key, const char *format,
    ...) __attribute__((format(printf, 3, 4)));

/* Write the record. What no journal takes goes to syslog from then on; what
 * nobody takes is lost. */
void log_write(struct log *log, const struct log_record *record);

/* Write a LOG_PROBLEM for each line of text. */
void log_lines(struct log *log, const char *text);

#endif
