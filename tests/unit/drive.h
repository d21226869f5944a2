/* SPDX-License-Identifier: ISC */
/* drive.h - a session without a descriptor: input in packets of any size,
 * canned verdicts, and all that came out.
 *
 * Shared by the table test of the language and its fuzz target. Verdicts come
 * from the text of the addresses, so that no packet boundary can change them:
 *   local-part "full@..."           that verdict at MAIL, RCPT, VRFY, EXPN
 *   reverse-path "open-full@..."    at the opening of the message
 *   reverse-path "commit-full@..."  at its commit
 *   recipient "outcome-full@..."    accepted, and that outcome under LMTP
 *   "list7@..."                     EXPN has 7 members; "longN" longest ones
 *   EHLO "tls-later"                that verdict at STARTTLS; "tls-fails": the
 *                                   handshake does
 *   EHLO "none"                     no mechanism is offered
 *   AUTH mechanism "wrong"          that verdict; "more": a challenge
 *   response "wron", "more"         the same by its first four octets
 * The verdicts are the names in verdict_names. TLS is a cipher that changes
 * nothing; where STARTTLS is offered no packet goes beyond the end of a line,
 * as no client does that waits for the reply. */
#ifndef DRIVE_H
#define DRIVE_H

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol.h"

enum {
	DRIVE_MAX = 1 << 22,		/* octets of each thing that came out */
	DRIVE_RECIPIENTS = 64,		/* outcomes remembered */
	DRIVE_MESSAGES = 4096,
};

/* Whether text is replies only (RFC 5321, 4.2), each of the same code in all
 * of its lines. Sets *count to how many, and where is not NULL, where[i] to
 * the last line of each. */
static bool
replies_parse(const char *text, size_t len, const char **where, size_t *count)
{
	const char *end = text + len, *code = NULL;

	*count = 0;
	while (text < end) {
		const char *lf = memchr(text, '\n', (size_t)(end - text));

		if (lf == NULL || lf - text < 4 || lf[-1] != '\r' ||
		    memchr(text, '\r', (size_t)(lf - text)) != lf - 1 ||
		    text[0] < '2' || text[0] > '5' || text[1] < '0' ||
		    text[1] > '5' || text[2] < '0' || text[2] > '9' ||
		    (text[3] != ' ' && text[3] != '-'))
			return false;
		for (const char *at = text; at < lf - 1; at++)
			if ((unsigned char)*at < ' ' || *at == 127)
				return false;
		if (code != NULL && memcmp(code, text, 3) != 0)
			return false;
		code = text[3] == '-' ? text : NULL;
		if (code == NULL && where != NULL)
			where[*count] = text;
		*count += code == NULL;
		text = lf + 1;
	}
	return code == NULL;
}

/* How a packet is chosen: at most len octets of what is left. */
struct packets {
	const unsigned char *sizes;	/* each of them plus one, in turn, or */
	size_t count;
	size_t every;			/* this many each time; 0: all */
};

struct drive {
	struct protocol protocol;
	size_t replies_len, body_len, wants_len, bodies;
	size_t body_start[DRIVE_MESSAGES];	/* of each whole message */
	size_t body_end[DRIVE_MESSAGES];
	size_t body_reply[DRIVE_MESSAGES];	/* octets replied before */
	bool body_binary[DRIVE_MESSAGES];
	unsigned opened, committed;
	bool closed;
	enum verdict open, commit, outcome[DRIVE_RECIPIENTS];
	char wants[DRIVE_MAX];		/* a letter each, "A" once for many */
	char replies[DRIVE_MAX];
	char body[DRIVE_MAX];		/* of all messages, one after another */
};

static const char *const verdict_names[VERDICT_COUNT] = {
	[VERDICT_YES] = "yes",
	[VERDICT_UNKNOWN_USER] = "unknown",
	[VERDICT_RELAY_DENIED] = "relay",
	[VERDICT_NO_QUEUE] = "queue",
	[VERDICT_NOT_OWNER] = "owner",
	[VERDICT_NOT_FOR_NETWORK] = "network",
	[VERDICT_TOO_FAST_MESSAGES] = "fast",
	[VERDICT_TOO_FAST_RECIPIENTS] = "faster",
	[VERDICT_NOT_AUTHENTIC] = "wrong",
	[VERDICT_MALFORMED] = "malformed",
	[VERDICT_UNKNOWN_MECHANISM] = "mechanism",
	[VERDICT_EARLY] = "early",
	[VERDICT_NOT_LISTED] = "unlisted",
	[VERDICT_OVER_QUOTA] = "full",
	[VERDICT_OVER_QUOTA_NEVER] = "never",
	[VERDICT_NO_SPACE] = "space",
	[VERDICT_TOO_BIG] = "big",
	[VERDICT_TOO_MANY] = "many",
	[VERDICT_ALIAS_LOOP] = "loop",
	[VERDICT_MISCONFIGURED] = "config",
	[VERDICT_LATER] = "later",
};

static enum verdict
verdict_of(const char *local, const char *prefix)
{
	size_t len = strlen(prefix);

	for (int i = 0; i < VERDICT_COUNT; i++)
		if (strncmp(local, prefix, len) == 0 &&
		    strcmp(local + len, verdict_names[i]) == 0)
			return (enum verdict)i;
	return VERDICT_YES;
}

/* An exchange of AUTH goes on as the client's own words say. */
static void
drive_auth(struct protocol *p, const char *word, size_t len)
{
	enum verdict verdict = VERDICT_YES;

	for (int i = VERDICT_COUNT - 1; i > 0 && len >= 4; i--)
		if (strncmp(word, verdict_names[i], 4) == 0)
			verdict = (enum verdict)i;
	if (len >= 4 && strncmp(word, "more", 4) == 0)
		protocol_challenge(p, "Zm9vYmFy");
	else
		protocol_answer(p, verdict);
}

static void
drive_want(struct drive *drive, char letter)
{
	assert(drive->wants_len < DRIVE_MAX);
	if (letter == 'A' && drive->wants_len > 0 &&
	    drive->wants[drive->wants_len - 1] == 'A')
		return;
	drive->wants[drive->wants_len++] = letter;
}

static void
drive_member(struct drive *drive)
{
	struct protocol *p = &drive->protocol;
	bool longest = strncmp(p->path.local, "long", 4) == 0;
	bool list = strncmp(p->path.local, "list", 4) == 0;
	unsigned members = list || longest ?
	    (unsigned)atoi(p->path.local + 4) % 1000 : 1;
	char text[ADDRESS_PRINT_MAX + 1];
	enum verdict verdict = verdict_of(p->path.local, "");

	if (verdict != VERDICT_YES || strcmp(p->path.local, "yes") == 0) {
		protocol_answer(p, verdict);
		return;
	}
	if (drive->replies_len + p->out_len > DRIVE_MAX / 4)
		members = 1;		/* enough is enough */
	memset(text, 'm', sizeof(text));
	protocol_member(p, text, longest ? ADDRESS_PRINT_MAX : 3,
	    p->index + 1 < members);
}

static void
drive_serve(struct drive *drive, enum protocol_want want)
{
	struct protocol *p = &drive->protocol;
	unsigned recipient = p->recipients % DRIVE_RECIPIENTS;
	enum verdict verdict;

	switch (want) {
	case PROTOCOL_WANT_STARTTLS:
		drive_want(drive, 'T');
		protocol_answer(p, verdict_of(p->helo, "tls-"));
		break;
	case PROTOCOL_WANT_HANDSHAKE:
		drive_want(drive, 'H');
		assert(p->in_start == p->in_end);
		if (strcmp(p->helo, "tls-fails") == 0)
			protocol_end(p, PROTOCOL_END_TLS);
		else
			protocol_secured(p);
		break;
	case PROTOCOL_WANT_MECHANISMS:
		drive_want(drive, 'E');
		assert(p->confidential);
		protocol_mechanisms(p,
		    strcmp(p->helo, "none") == 0 ? "" : "PLAIN LOGIN");
		break;
	case PROTOCOL_WANT_AUTH_START:
		drive_want(drive, 'L');
		assert(p->confidential && !p->authenticated);
		drive_auth(p, p->mechanism, p->mechanism_len);
		break;
	case PROTOCOL_WANT_AUTH_STEP:
		drive_want(drive, 'l');
		drive_auth(p, p->response, p->response_len);
		break;
	case PROTOCOL_WANT_SENDER:
		assert(p->secure || !p->settings->tls_required);
		assert(p->authenticated || !p->settings->auth_required);
		drive_want(drive, 'S');
		drive->open = verdict_of(p->path.local, "open-");
		drive->commit = verdict_of(p->path.local, "commit-");
		protocol_answer(p, verdict_of(p->path.local, ""));
		break;
	case PROTOCOL_WANT_RECIPIENT:
		drive_want(drive, 'R');
		verdict = verdict_of(p->path.local, "");
		drive->outcome[recipient] = verdict_of(p->path.local,
		    "outcome-");
		protocol_answer(p, verdict);
		break;
	case PROTOCOL_WANT_VERIFY:
		drive_want(drive, 'V');
		protocol_answer(p, verdict_of(p->path.local, ""));
		break;
	case PROTOCOL_WANT_MEMBER:
		drive_want(drive, 'M');
		drive_member(drive);
		break;
	case PROTOCOL_WANT_OPEN:
		drive_want(drive, 'O');
		assert(p->recipients > 0);
		memcpy(p->id, "1a-2b", sizeof("1a-2b"));
		drive->opened += drive->open == VERDICT_YES;
		drive->body_start[drive->bodies] = drive->body_len;
		protocol_answer(p, drive->open);
		break;
	case PROTOCOL_WANT_APPEND:
		drive_want(drive, 'A');
		assert(p->body_len > 0);
		assert(drive->opened > 0);
		assert(drive->body_len + p->body_len <= DRIVE_MAX);
		memcpy(drive->body + drive->body_len, p->body, p->body_len);
		drive->body_len += p->body_len;
		break;
	case PROTOCOL_WANT_COMMIT:
		drive_want(drive, 'C');
		assert(drive->opened == 1);
		drive->opened = 0;
		drive->committed += drive->commit == VERDICT_YES;
		drive->body_end[drive->bodies] = drive->body_len;
		drive->body_reply[drive->bodies] = drive->replies_len +
		    p->out_len;
		drive->body_binary[drive->bodies++] = p->parameters.body ==
		    PARAMETER_BINARYMIME;
		assert(drive->bodies < DRIVE_MESSAGES);
		protocol_answer(p, drive->commit);
		break;
	case PROTOCOL_WANT_OUTCOME:
		drive_want(drive, 'U');
		assert(p->index < p->recipients);
		protocol_answer(p, drive->outcome[p->index %
		    DRIVE_RECIPIENTS]);
		break;
	case PROTOCOL_WANT_RESET:
		drive_want(drive, 'Z');
		drive->opened = 0;
		break;
	case PROTOCOL_WANT_NOTE:
		drive_want(drive, 'N');
		assert(p->rejected[0] == '4' || p->rejected[0] == '5');
		break;
	default:
		abort();		/* a want nobody knows */
	}
}

static void
drive_send(struct drive *drive)
{
	struct protocol *p = &drive->protocol;

	assert(drive->replies_len + p->out_len <= DRIVE_MAX);
	memcpy(drive->replies + drive->replies_len, p->out, p->out_len);
	drive->replies_len += p->out_len;
	p->out_len = 0;
}

static void
drive_start(struct drive *drive, const struct protocol_settings *settings,
    bool early)
{
	drive->replies_len = drive->body_len = drive->wants_len = 0;
	drive->bodies = 0;
	drive->opened = drive->committed = 0;
	drive->closed = false;
	protocol_init(&drive->protocol, settings, early);
}

/* Step until input is wanted, or the end. Says whether it goes on. */
static bool
drive_on(struct drive *drive)
{
	for (;;) {
		enum protocol_want want = protocol_step(&drive->protocol);

		/* At the limit a reply would have been cut off. */
		assert(drive->protocol.out_len < PROTOCOL_OUT_MAX);
		if (want == PROTOCOL_WANT_INPUT)
			break;
		if (want == PROTOCOL_WANT_CLOSE) {
			drive_send(drive);
			drive_want(drive, 'X');
			drive->closed = true;
			return false;
		}
		if (want == PROTOCOL_WANT_OUTPUT)
			drive_send(drive);
		else
			drive_serve(drive, want);
		assert(drive->protocol.out_len < PROTOCOL_OUT_MAX);
	}
	drive_send(drive);
	return true;
}

/* Run a session over input: all of it, or until it closes. */
static void
drive_input(struct drive *drive, const char *input, size_t len,
    const struct packets *packets)
{
	struct protocol *p = &drive->protocol;
	size_t at = 0, turn = 0;

	while (drive_on(drive) && at < len) {
		size_t room, take = len - at;
		char *place = protocol_room(p, &room);
		size_t most = packets->count > 0 ?
		    (size_t)packets->sizes[turn++ % packets->count] + 1 :
		    packets->every;

		assert(room >= 1 && place + room == p->in + PROTOCOL_IN_MAX);
		if (take > room)
			take = room;
		if (most > 0 && take > most)
			take = most;
		if (p->settings->starttls &&
		    memchr(input + at, '\n', take) != NULL)
			take = (size_t)((const char *)memchr(input + at, '\n',
			    take) - input) - at + 1;
		memcpy(place, input + at, take);
		protocol_add(p, take);
		at += take;
	}
}

#endif
