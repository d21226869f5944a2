/* SPDX-License-Identifier: ISC */
/* log.c - see log.h for the contract. */
#include "log.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define JOURNAL "/run/systemd/journal/socket"
#define SYSLOG	"/dev/log"

/* systemd/smtpd.catalog explains these. */
static const struct {
	const char *name, *message_id;
	int priority;
} events[LOG_EVENT_COUNT] = {
	[LOG_SESSION] = { "session",
	    "MESSAGE_ID=5d2c6cbc1f0b4d0f9d7d0b8c2a4e6f10", LOG_INFO },
	[LOG_MESSAGE] = { "message",
	    "MESSAGE_ID=5d2c6cbc1f0b4d0f9d7d0b8c2a4e6f11", LOG_INFO },
	[LOG_REJECT] = { "reject",
	    "MESSAGE_ID=5d2c6cbc1f0b4d0f9d7d0b8c2a4e6f12", LOG_NOTICE },
	[LOG_PROBLEM] = { "problem",
	    "MESSAGE_ID=5d2c6cbc1f0b4d0f9d7d0b8c2a4e6f13", LOG_ERR },
	[LOG_AUTHENTICATION] = { "auth",
	    "MESSAGE_ID=5d2c6cbc1f0b4d0f9d7d0b8c2a4e6f15", LOG_NOTICE },
	[LOG_LISTENER] = { "listener",
	    "MESSAGE_ID=5d2c6cbc1f0b4d0f9d7d0b8c2a4e6f14", LOG_INFO },
};

/* Whether standard error is the stream that systemd connected to the journal
 * (JOURNAL_STREAM is "device:inode", systemd.exec(5)). */
static bool
is_journal_stream(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char expected[64];
	struct stat st;

	if (stream == NULL || fstat(STDERR_FILENO, &st) < 0)
		return false;
	(void)snprintf(expected, sizeof(expected), "%ju:%ju",
	    (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return strcmp(stream, expected) == 0;
}

enum log_destination
log_choose(bool client)
{
	struct stat st;

	if (!client && is_journal_stream())
		return LOG_TO_JOURNAL;
	if (!client && fstat(STDERR_FILENO, &st) == 0)
		return LOG_TO_STDERR;
	return access(JOURNAL, W_OK) == 0 ? LOG_TO_JOURNAL : LOG_TO_SYSLOG;
}

void
log_init(struct log *log, enum log_destination destination)
{
	log->destination = destination;
	log->opened = false;
	log->fd = -1;
}

void
log_open(struct log *log)
{
	if (log->opened)
		return;
	log->opened = true;
	/* Not connected, so that it outlives a restart of who listens. */
	if (log->destination != LOG_TO_STDERR)
		log->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

void
log_begin(struct log_record *record, enum log_event event)
{
	record->event = event;
	record->len = record->fields = 0;
}

void
log_field(struct log_record *record, const char *key, const char *format, ...)
{
	size_t room = LOG_RECORD_MAX - record->len, key_len = strlen(key) + 1;
	va_list args;
	int len;

	if (record->fields == LOG_FIELDS_MAX || room < key_len + 2)
		return;
	memcpy(record->text + record->len, key, key_len);
	va_start(args, format);
	len = vsnprintf(
	    record->text + record->len + key_len, room - key_len, format, args);
	va_end(args);
	if (len < 0)
		return;
	if ((size_t)len >= room - key_len)
		len = (int)(room - key_len - 1);
	record->field[record->fields].key = record->len;
	record->field[record->fields].value = record->len + key_len;
	record->fields++;
	record->len += key_len + (size_t)len + 1;
}

/* Append value to line, printable; in quotes where a reader of key=value would
 * need them. */
static size_t
put_value(char *line, size_t len, const char *value)
{
	bool quote = *value == '\0' || strpbrk(value, " \"=") != NULL;

	if (quote)
		line[len++] = '"';
	for (; *value != '\0'; value++) {
		unsigned char byte = (unsigned char)*value;

		if (byte < ' ' || byte > '~' || byte == '\\')
			len += (size_t)sprintf(line + len, "\\x%02x", byte);
		else if (byte == '"')
			len += (size_t)sprintf(line + len, "\\\"");
		else
			line[len++] = (char)byte;
	}
	if (quote)
		line[len++] = '"';
	return len;
}

/* "event key=value ..." without a line end. Returns its length. */
static size_t
format_line(const struct log_record *record, char line[LOG_LINE_MAX])
{
	size_t len = (size_t)sprintf(line, "%s", events[record->event].name);

	for (size_t i = 0; i < record->fields; i++) {
		len += (size_t)sprintf(
		    line + len, " %s=", record->text + record->field[i].key);
		len =
		    put_value(line, len, record->text + record->field[i].value);
	}
	line[len] = '\0';
	return len;
}

/* Append "SMTPD_KEY=value\n", printable like the rest, so that no value can
 * begin another field. */
static size_t
put_field(char *text, size_t len, const char *key, const char *value)
{
	len += (size_t)sprintf(text + len, "SMTPD_");
	for (; *key != '\0'; key++)
		text[len++] = (char)toupper((unsigned char)*key);
	text[len++] = '=';
	for (; *value != '\0'; value++) {
		unsigned char byte = (unsigned char)*value;

		if (byte < ' ' || byte > '~')
			len += (size_t)sprintf(text + len, "\\x%02x", byte);
		else
			text[len++] = (char)byte;
	}
	text[len++] = '\n';
	return len;
}

/* What comes before the line. To syslog as syslog(3) sends it, but without its
 * lock, to wait for where the sandbox ends us, and without connect(2), which it
 * refuses. */
static size_t
put_head(struct log *log, const struct log_record *record)
{
	time_t now = time(NULL);
	struct tm tm;
	size_t len;

	switch (log->destination) {
	case LOG_TO_JOURNAL:
		return (size_t)sprintf(log->out, "MESSAGE=");
	case LOG_TO_SYSLOG:
		len = (size_t)sprintf(log->out, "<%d>",
		    LOG_MAIL | events[record->event].priority);
		/* Beyond reckoning there is no time, and syslogd adds one. */
		if (localtime_r(&now, &tm) != NULL)
			len += strftime(log->out + len,
			    sizeof("Jan  1 00:00:00 "), "%b %e %T ", &tm);
		return len +
		    (size_t)sprintf(
			log->out + len, "smtpd[%ld]: ", (long)getpid());
	default:
		return 0;
	}
}

/* The record as journal fields, a line each, after the MESSAGE that is there
 * already: the protocol that journald promises to keep (systemd.io, "Native
 * Journal Protocol"). Spoken without libsystemd, which takes 1 ms to load. */
static size_t
put_fields(struct log *log, const struct log_record *record, size_t len)
{
	len += (size_t)sprintf(log->out + len,
	    "\nPRIORITY=%d\n%s\n"
	    "SYSLOG_IDENTIFIER=smtpd\nSYSLOG_FACILITY=2\n", /* mail */
	    events[record->event].priority, events[record->event].message_id);
	for (size_t i = 0; i < record->fields; i++)
		len = put_field(log->out, len,
		    record->text + record->field[i].key,
		    record->text + record->field[i].value);
	return len;
}

/* False: nobody took it. */
static bool
send_to(const struct log *log, const char *path, size_t len)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	return sendto(log->fd, log->out, len, MSG_NOSIGNAL,
		   (const struct sockaddr *)&address, sizeof(address)) >= 0;
}

void
log_write(struct log *log, const struct log_record *record)
{
	size_t len = put_head(log, record);

	len += format_line(record, log->out + len);
	log_open(log);
	switch (log->destination) {
	case LOG_TO_JOURNAL:
		if (send_to(log, JOURNAL, put_fields(log, record, len)))
			break;
		/* There is no journal; somebody else may listen. */
		log->destination = LOG_TO_SYSLOG;
		log_write(log, record);
		break;
	case LOG_TO_SYSLOG:
		if (!send_to(log, SYSLOG, len))
			return; /* nowhere left to complain to */
		break;
	case LOG_TO_STDERR:
		log->out[len++] = '\n';
		if (write(STDERR_FILENO, log->out, len) < 0)
			return; /* nowhere left to complain to */
		break;
	}
}

void
log_lines(struct log *log, const char *text)
{
	struct log_record record;

	while (*text != '\0') {
		size_t len = strcspn(text, "\n");

		log_begin(&record, LOG_PROBLEM);
		log_field(&record, "problem", "%.*s", (int)len, text);
		log_write(log, &record);
		text += len + (text[len] == '\n');
	}
}
