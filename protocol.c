/* SPDX-License-Identifier: ISC */
/* protocol.c - see protocol.h for the contract.
 *
 * In order: the voice (replies), the verb table's law, the body, the handlers,
 * the table, the steps. */
#include "protocol.h"

#include <string.h>

/* The whole voice of the server: code, enhanced code (RFC 3463), text. */
/* clang-format off */
static const char
	OK[] = "250 2.0.0 OK",
	SENDER_OK[] = "250 2.1.0 sender OK",
	RECIPIENT_OK[] = "250 2.1.5 recipient OK",
	CHUNK_OK[] = "250 2.0.0 chunk OK",
	STORED[] = "250 2.0.0 stored, id=",
	GO_AHEAD[] = "354 end the message with <CR><LF>.<CR><LF>",
	BYE[] = "221 2.0.0 bye",
	TLS_READY[] = "220 2.0.0 begin TLS",
	AUTH_OK[] = "235 2.7.0 authenticated",
	UNVERIFIED[] = "252 2.0.0 not verified; try RCPT",

	UNKNOWN[] = "500 5.5.1 command not known; try HELP",
	LINE_LONG[] = "500 5.5.2 line too long",
	LINE_BARE[] = "500 5.5.2 bare LF: lines end with CR LF; goodbye",
	NOT_SMTP[] = "500 5.5.2 this is a mail server; goodbye",
	CONTROL[] = "501 5.5.2 control character in command",
	ARGUMENTS[] = "501 5.5.4 syntax: ",
	CHUNK_SIZE[] = "501 5.5.4 not a chunk size; goodbye",
	HELO_SYNTAX[] = "501 5.5.2 not a host name",
	SENDER_SYNTAX[] = "501 5.1.7 not a reverse-path",
	SENDER_LONG[] = "501 5.1.7 reverse-path too long",
	RECIPIENT_SYNTAX[] = "501 5.1.3 not a forward-path",
	RECIPIENT_LONG[] = "501 5.1.3 forward-path too long",
	BAD_PARAMETER[] = "501 5.5.4 bad parameter syntax",
	NOT_IMPLEMENTED[] = "502 5.5.1 command not implemented",
	NO_TOPIC[] = "504 5.5.4 no help on that",
	SENDER_UTF8[] = "550 5.6.7 a UTF-8 reverse-path needs SMTPUTF8",
	RECIPIENT_UTF8[] = "553 5.6.7 a UTF-8 forward-path needs SMTPUTF8",
	RECIPIENTS_FULL[] = "452 4.5.3 too many recipients",
	MESSAGES_FULL[] = "421 4.5.3 too many messages in this session",
	NO_RECIPIENTS[] = "554 5.5.1 no valid recipients",
	NO_RECIPIENTS_LMTP[] = "503 5.5.1 no valid recipients",
	BINARY_DATA[] = "503 5.5.1 BINARYMIME needs BDAT",
	TOO_BIG[] = "552 5.3.4 message too large",
	TLS_FIRST[] = "530 5.7.0 STARTTLS first",
	TLS_ALREADY[] = "503 5.5.1 TLS is on already",
	TLS_LATER[] = "454 4.7.0 TLS is not available now",
	TLS_EARLY[] = "554 5.5.1 input behind STARTTLS came before TLS; "
	    "goodbye",
	AUTH_FIRST[] = "530 5.7.0 authentication required",
	AUTH_ALREADY[] = "503 5.5.1 authenticated already",
	AUTH_EHLO[] = "503 5.5.1 EHLO first",
	AUTH_OPEN[] = "538 5.7.11 encryption required for authentication",
	AUTH_LATER[] = "454 4.7.0 authentication is not available now",
	AUTH_CANCELLED[] = "501 5.7.0 authentication cancelled",
	AUTH_BASE64[] = "501 5.5.2 not base64",
	AUTH_LONG[] = "500 5.5.6 authentication exchange line too long",
	AUTH_FULL[] = "421 4.7.0 too many failed authentications; goodbye",
	ERRORS_FULL[] = "421 4.7.0 too many errors; goodbye";
/* clang-format on */

/* What each verdict sounds like to a client. */
static const char *const verdict_reply[VERDICT_COUNT] = {
	[VERDICT_YES] = OK,
	[VERDICT_UNKNOWN_USER] = "550 5.1.1 no such mailbox here",
	[VERDICT_RELAY_DENIED] = "550 5.7.1 relaying denied",
	[VERDICT_NO_QUEUE] =
	    "550 5.7.1 no outgoing queue: only recipients here",
	[VERDICT_NOT_OWNER] = "550 5.7.1 this reverse-path is not yours",
	[VERDICT_NOT_FOR_NETWORK] =
	    "550 5.7.1 not a recipient for clients without AUTH",
	[VERDICT_TOO_FAST_MESSAGES] = "450 4.7.1 too many messages in an hour",
	[VERDICT_TOO_FAST_RECIPIENTS] =
	    "452 4.5.3 too many recipients in an hour",
	[VERDICT_NOT_AUTHENTIC] = "535 5.7.8 wrong user name or password",
	[VERDICT_MALFORMED] = "501 5.5.2 not a message of this mechanism",
	[VERDICT_UNKNOWN_MECHANISM] = "504 5.5.4 mechanism not offered",
	[VERDICT_EARLY] = TLS_EARLY,
	[VERDICT_NOT_LISTED] = UNVERIFIED,
	[VERDICT_OVER_QUOTA] = "452 4.2.2 mailbox full",
	[VERDICT_OVER_QUOTA_NEVER] = "552 5.2.2 mailbox full",
	[VERDICT_NO_SPACE] = "452 4.3.1 not enough storage",
	[VERDICT_TOO_BIG] = TOO_BIG,
	[VERDICT_TOO_MANY] = RECIPIENTS_FULL,
	[VERDICT_ALIAS_LOOP] = "451 4.4.6 the alias leads back to itself",
	[VERDICT_MISCONFIGURED] = "451 4.3.5 a local configuration error",
	[VERDICT_LATER] = "451 4.3.0 a local error; try again later",
};

static const char *const parameter_reply[PARAMETER_STATUSES] = {
	[PARAMETER_SYNTAX] = BAD_PARAMETER,
	[PARAMETER_UNKNOWN] = "555 5.5.4 parameter not known",
	[PARAMETER_TWICE] = "501 5.5.4 parameter given twice",
	[PARAMETER_VALUE] = "501 5.5.4 bad value of parameter",
	[PARAMETER_BIG] = TOO_BIG,
};

static const char *const fault_reply[BODY_FAULTS] = {
	[BODY_BARE] = "550 5.6.11 bare CR or LF in message; lines end with "
		      "CR LF",
	[BODY_LOOP] = "554 5.4.6 too many Received fields: a mail loop",
	[BODY_BIG] = TOO_BIG,
};

static const char *const end_reply[PROTOCOL_END_COUNT] = {
	[PROTOCOL_END_IDLE] = "421 4.4.2 nothing came for too long; goodbye",
	[PROTOCOL_END_SLOW] = "421 4.4.2 the message comes too slowly",
	[PROTOCOL_END_DEADLINE] = "421 4.4.2 the session lasted too long",
	[PROTOCOL_END_SHUTDOWN] = "421 4.3.2 shutting down; try again soon",
};

enum phase {
	PHASE_COMMAND,	/* a command line is next */
	PHASE_AUTH,	/* a line of a SASL exchange is next */
	PHASE_OVERLONG, /* the rest of a line that was too long */
	PHASE_TLS,	/* the handshake is next */
	PHASE_BODY,	/* octets of a message, DATA or BDAT */
	PHASE_OUTCOMES, /* LMTP: a reply for each recipient */
	PHASE_MEMBERS,	/* EXPN: a reply line for each member */
};

enum state {		/* bits, so that a verb can name several */
	REFUSED = 1,	/* greeted with 554: only QUIT */
	START = 2,	/* before EHLO */
	READY = 4,	/* no transaction */
	SENDER = 8,	/* after MAIL */
	RECIPIENT = 16, /* after an accepted RCPT */
	CHUNKS = 32,	/* after an accepted BDAT */
	FAILED = 64,	/* after a refused BDAT: RSET (RFC 3030, 2) */
	SERVED = START | READY | SENDER | RECIPIENT | CHUNKS | FAILED,
	ANY = REFUSED | SERVED,
};

struct protocol_verb {
	const char *name;
	const char *usage; /* of the arguments; NULL: it takes none */
	enum protocol_want (*run)(struct protocol *, const char *, size_t);
	unsigned states;
	unsigned flags;
	size_t line_max;
};

enum { /* verb flags */
	NEEDS_ARGUMENTS = 1,
	SMTP_ONLY = 2,
	LMTP_ONLY = 4,
	FOREIGN = 8,  /* another protocol's: hang up */
	FRAMES = 16,  /* it says how many octets follow that are no
				 * commands: hang up where it is not clear */
	GUARDED = 32, /* only after TLS and AUTH, where these are required */
};

/* --- saying things --- */

static void
put_text(struct protocol *p, const char *text, size_t len)
{
	if (len > PROTOCOL_OUT_MAX - p->out_len)
		len = PROTOCOL_OUT_MAX - p->out_len;
	memcpy(p->out + p->out_len, text, len);
	p->out_len += len;
}

static void
put(struct protocol *p, const char *text)
{
	put_text(p, text, strlen(text));
}

static void
put_number(struct protocol *p, uint64_t number)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	put_text(p, digits + at, sizeof(digits) - at);
}

/* Reply without counting: whoever asks for n replies must get n. */
static void
reply(struct protocol *p, const char *text)
{
	put(p, text);
	put(p, "\r\n");
	if (text[0] >= '4') {
		p->rejected = text;
		p->noted = false;
	}
}

static void
hang_up(struct protocol *p, const char *text)
{
	reply(p, text);
	p->closing = p->reset = true;
}

/* Reply to a command; one 5yz too many ends the session. */
static enum protocol_want
respond(struct protocol *p, const char *text)
{
	if (text[0] == '5' && p->errors++ >= p->settings->errors_max)
		hang_up(p, ERRORS_FULL);
	else
		reply(p, text);
	return PROTOCOL_WANT_NOTHING;
}

static void
put_usage(struct protocol *p, const struct protocol_verb *verb)
{
	put(p, verb->name);
	if (verb->usage != NULL) {
		put(p, " ");
		put(p, verb->usage);
	}
}

/* The arguments are wrong: say what they are. */
static enum protocol_want
respond_usage(struct protocol *p)
{
	size_t before = p->out_len;

	(void)respond(p, ARGUMENTS);
	if (!p->closing) {
		p->out_len = before + sizeof(ARGUMENTS) - 1;
		put_usage(p, p->command);
		put(p, "\r\n");
	}
	return PROTOCOL_WANT_NOTHING;
}

static const char *
sequence_error(const struct protocol *p)
{
	switch (p->state) {
	case REFUSED:
		return "503 5.5.1 no service in this session; QUIT";
	case START:
		return p->settings->lmtp ? "503 5.5.1 LHLO first"
					 : "503 5.5.1 EHLO or HELO first";
	case READY:
		return "503 5.5.1 MAIL first";
	case CHUNKS:
		return "503 5.5.1 BDAT LAST or RSET first";
	case FAILED:
		return "503 5.5.1 RSET first";
	default:
		return "503 5.5.1 a transaction is open; RSET drops it";
	}
}

static const char *
no_recipients(const struct protocol *p)
{
	/* RFC 2033, 4.2 wants 503; RFC 5321, 3.3 allows either. */
	return p->settings->lmtp ? NO_RECIPIENTS_LMTP : NO_RECIPIENTS;
}

static enum protocol_want
ask(struct protocol *p, enum protocol_want want)
{
	return p->asked = want;
}

/* The transaction is over, whatever became of it. */
static void
finish(struct protocol *p, enum state next)
{
	p->reset = true;
	p->state = (int)next;
	p->phase = PHASE_COMMAND;
}

/* --- the body --- */

static void
refuse(struct protocol *p, const char *text)
{
	if (p->refusal == NULL)
		p->refusal = text;
}

static void
begin_body(struct protocol *p, bool chunked)
{
	p->chunked = chunked;
	p->octets = 0;
	body_begin(&p->message, chunked, p->settings->bare_newline,
	    p->settings->hops_max);
}

/* Octets that may come now: all of DATA's, the rest of a chunk. */
static size_t
body_ahead(const struct protocol *p)
{
	size_t len = p->in_end - p->in_start;

	return p->chunked && p->chunk < len ? (size_t)p->chunk : len;
}

static void
take_body(struct protocol *p)
{
	bool raw = p->chunked &&
	    (p->settings->bare_newline || p->refusal != NULL ||
		p->parameters.body == PARAMETER_BINARYMIME);
	size_t len =
	    body_take(&p->message, p->in + p->in_start, body_ahead(p), raw);
	uint64_t max = p->settings->size_max;

	p->in_start += len;
	if (p->chunked)
		p->chunk -= len;
	p->octets += p->message.slice_len;
	if (max > 0 && p->octets > max && p->refusal == NULL)
		body_limit(&p->message, (size_t)(p->octets - max));
}

/* A chunk that is not the last was taken, or refused. */
static enum protocol_want
end_chunk(struct protocol *p)
{
	const char *refusal = p->refusal;

	p->phase = PHASE_COMMAND;
	if (refusal == NULL)
		return respond(p, CHUNK_OK);
	p->refusal = NULL;
	if (p->state == CHUNKS)
		finish(p, p->last ? READY : FAILED);
	return respond(p, refusal);
}

static enum protocol_want
append(struct protocol *p)
{
	p->body = p->message.out;
	p->body_len = p->message.out_len;
	return PROTOCOL_WANT_APPEND;
}

/* What the message itself did wrong. */
static void
refuse_fault(struct protocol *p)
{
	if (p->message.fault != BODY_GOOD)
		refuse(p, fault_reply[p->message.fault]);
}

static enum protocol_want
end_body(struct protocol *p)
{
	if (p->chunked && (!p->last || p->state != CHUNKS))
		return end_chunk(p);
	body_end(&p->message, p->parameters.body == PARAMETER_BINARYMIME);
	refuse_fault(p);
	if (p->refusal == NULL && body_rest(&p->message))
		return append(p);
	p->index = 0;
	p->phase = PHASE_OUTCOMES;
	return p->refusal == NULL ? ask(p, PROTOCOL_WANT_COMMIT)
				  : PROTOCOL_WANT_NOTHING;
}

static enum protocol_want
step_body(struct protocol *p)
{
	if (p->refusal == NULL && body_next(&p->message))
		return append(p);
	refuse_fault(p);
	if (p->chunked ? p->chunk == 0 : body_has_ended(&p->message))
		return end_body(p);
	if (body_ahead(p) == 0)
		return PROTOCOL_WANT_INPUT;
	take_body(p);
	return PROTOCOL_WANT_NOTHING;
}

/* After the message: one reply, or in LMTP one for each recipient. */
static enum protocol_want
step_outcomes(struct protocol *p)
{
	const char *refusal = p->refusal;

	if (p->settings->lmtp && p->index < p->recipients) {
		if (refusal == NULL)
			return ask(p, PROTOCOL_WANT_OUTCOME);
		reply(p, refusal);
		p->index++;
		return PROTOCOL_WANT_NOTHING;
	}
	p->refusal = NULL;
	finish(p, READY);
	return refusal == NULL || p->settings->lmtp ? PROTOCOL_WANT_NOTHING
						    : respond(p, refusal);
}

static void
put_stored(struct protocol *p)
{
	put(p, STORED);
	put(p, p->id);
	put(p, "\r\n");
}

/* --- the verbs: each gets its arguments without the spaces around them --- */

static void
put_limits(struct protocol *p)
{
	put(p, "250-SIZE ");
	put_number(p, p->settings->size_max);
	put(p, "\r\n250-LIMITS RCPTMAX=");
	put_number(p, p->settings->recipients_max);
	put(p, " MAILMAX=");
	put_number(p, p->settings->messages_max);
	put(p, "\r\n");
}

/* A line of the reply to EHLO, if it is to be there. */
static void
put_extension(struct protocol *p, bool offered, const char *text)
{
	if (!offered)
		return;
	put(p, "250-");
	put(p, text);
	put(p, "\r\n");
}

static void
put_mechanisms(struct protocol *p)
{
	if (p->mechanisms == NULL || p->mechanisms[0] == '\0')
		return;
	put(p, "250-AUTH ");
	put(p, p->mechanisms);
	put(p, "\r\n");
}

static bool
offers_tls(const struct protocol *p)
{
	return p->settings->starttls && !p->secure;
}

static void
put_hello(struct protocol *p)
{
	put(p, p->extended ? "250-" : "250 ");
	put(p, p->settings->hostname);
	put(p, "\r\n");
	if (!p->extended)
		return;
	put_extension(p, true, "PIPELINING");
	put_limits(p);
	put_extension(p, true, "8BITMIME\r\n250-BINARYMIME\r\n250-CHUNKING");
	put_extension(p, offers_tls(p), "STARTTLS");
	put_mechanisms(p);
	put_extension(p, p->settings->vrfy, "VRFY");
	put_extension(p, p->settings->expn, "EXPN");
	put(p, "250-ENHANCEDSTATUSCODES\r\n250 SMTPUTF8\r\n");
}

static enum protocol_want
hello(struct protocol *p, const char *args, size_t len, bool extended)
{
	if (len > PROTOCOL_HELO_MAX)
		return respond(p, HELO_SYNTAX);
	/* Real clients send names with "_", and RFC 5321, 4.1.4 forbids to
	 * refuse mail for a name that is wrong: any visible ASCII will do. */
	for (size_t i = 0; i < len; i++)
		if (args[i] <= ' ' || args[i] > '~')
			return respond(p, HELO_SYNTAX);
	memcpy(p->helo, args, len);
	p->helo[len] = '\0';
	p->extended = extended;
	p->mechanisms = NULL;
	finish(p, READY);
	if (extended && p->settings->auth && p->confidential)
		return ask(p, PROTOCOL_WANT_MECHANISMS);
	put_hello(p);
	return PROTOCOL_WANT_NOTHING;
}

static enum protocol_want
on_ehlo(struct protocol *p, const char *args, size_t len)
{
	return hello(p, args, len, true);
}

static enum protocol_want
on_helo(struct protocol *p, const char *args, size_t len)
{
	return hello(p, args, len, false);
}

/* Skip "FROM:" or "TO:". A space after the colon is against RFC 5321, 3.3 but
 * unambiguous, and old devices send it. False when the word is not there. */
static bool
skip_word(const char **args, size_t *len, const char *word)
{
	size_t word_len = strlen(word);

	if (*len < word_len || !address_same(*args, word_len, word))
		return false;
	*args += word_len;
	*len -= word_len;
	while (*len > 0 && **args == ' ') {
		++*args;
		--*len;
	}
	return true;
}

static enum protocol_want
on_mail(struct protocol *p, const char *args, size_t len)
{
	enum address_status status;
	const char *problem;
	struct parameters *parameters = &p->parameters;
	size_t used;

	if (p->transactions >= p->settings->messages_max) {
		hang_up(p, MESSAGES_FULL);
		return PROTOCOL_WANT_NOTHING;
	}
	if (!skip_word(&args, &len, "from:"))
		return respond_usage(p);
	status = address_parse_path(args, len,
	    ADDRESS_ALLOW_NULL | ADDRESS_ALLOW_UTF8, &p->path, &used);
	if (status != ADDRESS_OK)
		return respond(p,
		    status == ADDRESS_TOO_LONG ? SENDER_LONG : SENDER_SYNTAX);
	p->has_path = true;
	p->recipients = 0;
	parameters->size_max = p->settings->size_max;
	parameters->auth = p->settings->auth;
	problem = parameter_reply[parameter_parse_mail(
	    parameters, args + used, len - used)];
	if (problem != NULL)
		return respond(p, problem);
	if (p->path.utf8 && !p->parameters.utf8)
		return respond(p, SENDER_UTF8);
	return ask(p, PROTOCOL_WANT_SENDER);
}

static enum protocol_want
on_rcpt(struct protocol *p, const char *args, size_t len)
{
	enum address_status status;
	const char *problem;
	size_t used;

	if (!skip_word(&args, &len, "to:"))
		return respond_usage(p);
	status = address_parse_path(args, len,
	    ADDRESS_ALLOW_POSTMASTER |
		(p->parameters.utf8 ? ADDRESS_ALLOW_UTF8 : 0),
	    &p->path, &used);
	if (status == ADDRESS_NEEDS_UTF8)
		return respond(p, RECIPIENT_UTF8);
	if (status != ADDRESS_OK)
		return respond(p,
		    status == ADDRESS_TOO_LONG ? RECIPIENT_LONG
					       : RECIPIENT_SYNTAX);
	p->has_path = true;
	problem =
	    parameter_reply[parameter_parse_rcpt(args + used, len - used)];
	if (problem != NULL)
		return respond(p, problem);
	if (p->recipients >= p->settings->recipients_max)
		return respond(p, RECIPIENTS_FULL);
	return ask(p, PROTOCOL_WANT_RECIPIENT);
}

static enum protocol_want
on_data(struct protocol *p, const char *args, size_t len)
{
	(void)args, (void)len;
	if (p->state == SENDER)
		return respond(p, no_recipients(p));
	if (p->parameters.body == PARAMETER_BINARYMIME)
		return respond(p, BINARY_DATA);
	begin_body(p, false);
	return ask(p, PROTOCOL_WANT_OPEN);
}

/* Whatever the reply will be, exactly the octets announced are taken first
 * (RFC 3030, 2); only where their number is unknown the session ends. */
static enum protocol_want
on_bdat(struct protocol *p, const char *args, size_t len)
{
	const char *space = memchr(args, ' ', len);
	size_t digits = space == NULL ? len : (size_t)(space - args);

	if (!address_parse_number(args, digits, &p->chunk)) {
		hang_up(p, CHUNK_SIZE);
		return PROTOCOL_WANT_NOTHING;
	}
	p->last =
	    space != NULL && address_same(space + 1, len - digits - 1, "last");
	p->phase = PHASE_BODY;
	if (p->state != CHUNKS)
		begin_body(p, true);
	if (space != NULL && !p->last)
		refuse(p, BAD_PARAMETER);
	else if (p->state == SENDER)
		refuse(p, no_recipients(p));
	else if (p->state != RECIPIENT && p->state != CHUNKS)
		refuse(p, sequence_error(p));
	else if (p->settings->size_max > 0 &&
	    (p->octets > p->settings->size_max ||
		p->chunk > p->settings->size_max - p->octets))
		refuse(p, TOO_BIG);
	if (p->state == RECIPIENT) {
		p->state = CHUNKS;
		if (p->refusal == NULL)
			return ask(p, PROTOCOL_WANT_OPEN);
	}
	return PROTOCOL_WANT_NOTHING;
}

static enum protocol_want
on_rset(struct protocol *p, const char *args, size_t len)
{
	(void)args, (void)len;
	finish(p, p->state == START ? START : READY);
	return respond(p, OK);
}

static enum protocol_want
on_noop(struct protocol *p, const char *args, size_t len)
{
	(void)args, (void)len;
	return respond(p, OK);
}

/* The argument of VRFY and EXPN: a path, a mailbox or a user name, and
 * perhaps SMTPUTF8 (RFC 6531, 3.7.4.2). NULL, or what is wrong. */
static const char *
parse_who(struct protocol *p, const char *args, size_t len)
{
	static const char word[] = " smtputf8";
	size_t used = len, word_len = sizeof(word) - 1;
	enum address_status status;
	bool utf8 = len > word_len &&
	    address_same(args + len - word_len, word_len, word);

	p->utf8_reply = utf8;
	if (utf8)
		used = len -= word_len;
	status = args[0] == '<'
	    ? address_parse_path(args, len,
		  ADDRESS_ALLOW_POSTMASTER | ADDRESS_ALLOW_UTF8, &p->path,
		  &used)
	    : address_parse_mailbox(args, len, &p->path);
	if (status != ADDRESS_OK || used != len)
		return RECIPIENT_SYNTAX;
	p->has_path = true;
	return p->path.utf8 && !utf8 ? RECIPIENT_UTF8 : NULL;
}

static enum protocol_want
on_vrfy(struct protocol *p, const char *args, size_t len)
{
	const char *problem;

	if (!p->settings->vrfy)
		return respond(p, UNVERIFIED);
	problem = parse_who(p, args, len);
	return problem != NULL ? respond(p, problem)
			       : ask(p, PROTOCOL_WANT_VERIFY);
}

static enum protocol_want
on_expn(struct protocol *p, const char *args, size_t len)
{
	const char *problem;

	if (!p->settings->expn)
		return respond(p, NOT_IMPLEMENTED);
	problem = parse_who(p, args, len);
	if (problem != NULL)
		return respond(p, problem);
	p->index = 0;
	p->phase = PHASE_MEMBERS;
	return PROTOCOL_WANT_NOTHING;
}

/* --- STARTTLS and AUTH --- */

static enum protocol_want
on_starttls(struct protocol *p, const char *args, size_t len)
{
	(void)args, (void)len;
	if (!p->settings->starttls)
		return respond(p, NOT_IMPLEMENTED);
	if (p->secure)
		return respond(p, TLS_ALREADY);
	if (!(p->state & (START | READY)))
		return respond(p, sequence_error(p));
	if (p->in_end > p->in_start) {
		/* It would be taken for input that came through TLS
		 * (CVE-2011-0411). */
		hang_up(p, TLS_EARLY);
		return PROTOCOL_WANT_NOTHING;
	}
	return ask(p, PROTOCOL_WANT_STARTTLS);
}

/* RFC 4648, 4: whole groups of four, padding in the last alone. */
static bool
is_base64(const char *text, size_t len)
{
	size_t digits = len;

	while (digits > 0 && len - digits < 2 && text[digits - 1] == '=')
		digits--;
	for (size_t i = 0; i < digits; i++) {
		char lower = address_lower(text[i]);

		if (!(lower >= 'a' && lower <= 'z') &&
		    !(lower >= '0' && lower <= '9') && lower != '+' &&
		    lower != '/')
			return false;
	}
	return len % 4 == 0;
}

/* Whether AUTH may begin at all: NULL, or why not. */
static const char *
auth_obstacle(const struct protocol *p)
{
	if (!p->settings->auth)
		return NOT_IMPLEMENTED;
	if (p->state != READY)
		return sequence_error(p);
	if (p->authenticated)
		return AUTH_ALREADY;
	if (!p->confidential)
		return AUTH_OPEN;
	return p->mechanisms == NULL ? AUTH_EHLO : NULL;
}

/* There may have been a password in it: nothing of what was read remains, nor
 * where protocol_room() moved it from. */
static void
forget_input(struct protocol *p)
{
	memset(p->in, 0, p->in_start);
	memset(p->in + p->in_end, 0, PROTOCOL_IN_MAX - p->in_end);
}

static enum protocol_want
on_auth(struct protocol *p, const char *args, size_t len)
{
	const char *space = memchr(args, ' ', len);
	const char *obstacle = auth_obstacle(p);

	if (obstacle != NULL)
		return respond(p, obstacle);
	p->mechanism = args;
	p->mechanism_len = space == NULL ? len : (size_t)(space - args);
	p->response = NULL;
	p->response_len = 0;
	if (space != NULL) {
		p->response = space + 1;
		p->response_len = len - p->mechanism_len - 1;
		/* "=" is a response without octets (RFC 4954, 4). */
		if (p->response_len == 1 && p->response[0] == '=')
			p->response_len = 0;
		else if (memchr(p->response, ' ', p->response_len) != NULL)
			return respond_usage(p);
		else if (!is_base64(p->response, p->response_len))
			return respond(p, AUTH_BASE64);
	}
	return ask(p, PROTOCOL_WANT_AUTH_START);
}

/* The exchange is over, and not for the good: what it holds is dropped. */
static enum protocol_want
end_exchange(struct protocol *p, const char *text)
{
	p->phase = PHASE_COMMAND;
	p->reset = true;
	forget_input(p);
	return respond(p, text);
}

/* A line of the exchange, without its end. */
static enum protocol_want
take_response(struct protocol *p, const char *line, size_t len)
{
	p->commands++;
	if (len == 1 && line[0] == '*')
		return end_exchange(p, AUTH_CANCELLED);
	if (!is_base64(line, len))
		return end_exchange(p, AUTH_BASE64);
	p->response = line;
	p->response_len = len;
	return ask(p, PROTOCOL_WANT_AUTH_STEP);
}

static enum protocol_want on_help(struct protocol *, const char *, size_t);

static enum protocol_want
on_quit(struct protocol *p, const char *args, size_t len)
{
	(void)args, (void)len;
	p->quit = true;
	hang_up(p, BYE);
	return PROTOCOL_WANT_NOTHING;
}

/* --- the verb table: what is understood, when, and with what --- */

enum {			      /* how extensions lengthen MAIL */
	SIZE_GROWTH = 26,     /* RFC 1870, 3 */
	BODY_GROWTH = 17,     /* RFC 6152, 2; RFC 3030, 3 */
	SMTPUTF8_GROWTH = 10, /* RFC 6531, 3.1 */
	AUTH_GROWTH = 500,    /* RFC 4954, 3 */
	MAIL_MAX = PROTOCOL_COMMAND_MAX + SIZE_GROWTH + BODY_GROWTH +
	    SMTPUTF8_GROWTH + AUTH_GROWTH,
	LINE = PROTOCOL_COMMAND_MAX,
};

static const struct protocol_verb verbs[] = {
	{ "EHLO", "domain", on_ehlo, SERVED, NEEDS_ARGUMENTS | SMTP_ONLY,
	    LINE },
	{ "HELO", "domain", on_helo, SERVED, NEEDS_ARGUMENTS | SMTP_ONLY,
	    LINE },
	{ "LHLO", "domain", on_ehlo, SERVED, NEEDS_ARGUMENTS | LMTP_ONLY,
	    LINE },
	{ "MAIL", "FROM:<reverse-path> [SIZE=n] [BODY=type] [SMTPUTF8]",
	    on_mail, READY, NEEDS_ARGUMENTS | GUARDED, MAIL_MAX },
	{ "RCPT", "TO:<forward-path>", on_rcpt, SENDER | RECIPIENT,
	    NEEDS_ARGUMENTS, LINE },
	{ "DATA", NULL, on_data, SENDER | RECIPIENT, 0, LINE },
	{ "BDAT", "octets [LAST]", on_bdat, SERVED, NEEDS_ARGUMENTS | FRAMES,
	    LINE },
	{ "RSET", NULL, on_rset, SERVED, 0, LINE },
	{ "NOOP", "[text]", on_noop, SERVED, 0, LINE },
	{ "VRFY", "address [SMTPUTF8]", on_vrfy, SERVED,
	    NEEDS_ARGUMENTS | GUARDED, LINE },
	{ "EXPN", "address [SMTPUTF8]", on_expn, SERVED,
	    NEEDS_ARGUMENTS | GUARDED, LINE },
	{ "STARTTLS", NULL, on_starttls, SERVED, 0, LINE },
	{ "AUTH", "mechanism [initial-response]", on_auth, SERVED,
	    NEEDS_ARGUMENTS, PROTOCOL_AUTH_MAX },
	{ "HELP", "[command]", on_help, SERVED, 0, LINE },
	{ "QUIT", NULL, on_quit, ANY, 0, LINE },

	/* Known, but not for us: 502, and not in HELP. */
	{ "ETRN", "", NULL, SERVED, 0, LINE },
	{ "TURN", "", NULL, SERVED, 0, LINE },
	{ "SEND", "", NULL, SERVED, 0, LINE },
	{ "SOML", "", NULL, SERVED, 0, LINE },
	{ "SAML", "", NULL, SERVED, 0, LINE },

	/* A web page may make a browser talk to us: not one line further. */
	{ "GET", "", NULL, ANY, FOREIGN, PROTOCOL_LINE_MAX },
	{ "POST", "", NULL, ANY, FOREIGN, PROTOCOL_LINE_MAX },
	{ "PUT", "", NULL, ANY, FOREIGN, PROTOCOL_LINE_MAX },
	{ "HEAD", "", NULL, ANY, FOREIGN, PROTOCOL_LINE_MAX },
	{ "CONNECT", "", NULL, ANY, FOREIGN, PROTOCOL_LINE_MAX },
	{ "OPTIONS", "", NULL, ANY, FOREIGN, PROTOCOL_LINE_MAX },
	{ "DELETE", "", NULL, ANY, FOREIGN, PROTOCOL_LINE_MAX },
	{ "PRI", "", NULL, ANY, FOREIGN, PROTOCOL_LINE_MAX },
};

enum { VERBS = sizeof(verbs) / sizeof(verbs[0]) };

static bool
is_spoken(const struct protocol *p, const struct protocol_verb *verb)
{
	return !(verb->flags & (p->settings->lmtp ? SMTP_ONLY : LMTP_ONLY));
}

static bool
has_help(const struct protocol *p, const struct protocol_verb *verb)
{
	return is_spoken(p, verb) && verb->run != NULL &&
	    (verb->run != on_expn || p->settings->expn) &&
	    (verb->run != on_starttls || p->settings->starttls) &&
	    (verb->run != on_auth || p->settings->auth);
}

static size_t
word_len(const char *line, size_t len)
{
	const char *space = memchr(line, ' ', len);

	return space == NULL ? len : (size_t)(space - line);
}

static const struct protocol_verb *
find_verb(const struct protocol *p, const char *text, size_t len)
{
	for (size_t i = 0; i < VERBS; i++) {
		size_t at = 0;

		while (at < len && verbs[i].name[at] != '\0' &&
		    address_lower(text[at]) == address_lower(verbs[i].name[at]))
			at++;
		if (at == len && verbs[i].name[at] == '\0' &&
		    is_spoken(p, &verbs[i]))
			return &verbs[i];
	}
	return NULL;
}

static enum protocol_want
on_help(struct protocol *p, const char *args, size_t len)
{
	const struct protocol_verb *verb;

	if (len > 0) {
		verb = find_verb(p, args, len);
		if (verb == NULL || !has_help(p, verb))
			return respond(p, NO_TOPIC);
		put(p, "214 2.0.0 ");
		put_usage(p, verb);
		put(p, "\r\n");
		return PROTOCOL_WANT_NOTHING;
	}
	put(p, "214-2.0.0 commands:");
	for (size_t i = 0; i < VERBS; i++)
		if (has_help(p, &verbs[i])) {
			put(p, " ");
			put(p, verbs[i].name);
		}
	put(p, "\r\n214 2.0.0 HELP command tells its arguments\r\n");
	return PROTOCOL_WANT_NOTHING;
}

/* --- the steps --- */

static bool
has_control(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 127)
			return true;
	return false;
}

/* The last command is past: a record must not name it, nor its path. */
static void
forget_command(struct protocol *p)
{
	p->verb = "";
	p->has_path = false;
}

/* What must come before a verb that is guarded: NULL, or what. */
static const char *
guard(const struct protocol *p)
{
	if (!(p->command->flags & GUARDED))
		return NULL;
	if (p->settings->tls_required && !p->secure)
		return TLS_FIRST;
	return p->settings->auth_required && !p->authenticated && !p->admitted
	    ? AUTH_FIRST
	    : NULL;
}

/* A line that is wrong as a line, whatever its verb. What follows one that
 * cannot be understood is not looked at if it may be no command. */
static enum protocol_want
refuse_line(struct protocol *p, const char *text)
{
	unsigned flags = p->command->flags;

	if (!(flags & (FOREIGN | FRAMES)))
		return respond(p, text);
	hang_up(p, flags & FOREIGN ? NOT_SMTP : text);
	return PROTOCOL_WANT_NOTHING;
}

/* A command line without its end. size counts that end. */
static enum protocol_want
dispatch(struct protocol *p, const char *line, size_t len, size_t size)
{
	size_t verb_len;

	while (len > 0 && line[len - 1] == ' ')
		len--;
	verb_len = word_len(line, len);
	p->commands++;
	forget_command(p);
	p->command = find_verb(p, line, verb_len);
	if (p->command == NULL && p->state != REFUSED)
		return respond(p,
		    size > PROTOCOL_COMMAND_MAX	 ? LINE_LONG
			: has_control(line, len) ? CONTROL
						 : UNKNOWN);
	if (p->command == NULL || !(p->command->states & (unsigned)p->state))
		return respond(p, sequence_error(p));
	p->verb = p->command->name;
	if (size > p->command->line_max || p->command->flags & FOREIGN)
		return refuse_line(p, LINE_LONG);
	if (has_control(line, len))
		return refuse_line(p, CONTROL);
	if (p->command->run == NULL)
		return respond(p, NOT_IMPLEMENTED);
	if (guard(p) != NULL)
		return respond(p, guard(p));
	while (verb_len < len && line[verb_len] == ' ')
		verb_len++;
	line += verb_len;
	len -= verb_len;
	if (len == 0 ? (p->command->flags & NEEDS_ARGUMENTS) != 0
		     : p->command->usage == NULL)
		return respond_usage(p);
	return p->command->run(p, line, len);
}

/* How long a line may be, and its octet after the last: past the LF, or where
 * the octets end that were looked at. */
static const char *
find_line_end(
    const struct protocol *p, const char *line, size_t ahead, size_t *max)
{
	const char *lf;

	*max = p->phase == PHASE_AUTH ? PROTOCOL_AUTH_MAX : PROTOCOL_LINE_MAX;
	lf = memchr(line, '\n', ahead < *max ? ahead : *max);
	if (lf == NULL && ahead >= *max && p->phase == PHASE_COMMAND) {
		const struct protocol_verb *verb =
		    find_verb(p, line, word_len(line, *max));

		if (verb == NULL || verb->line_max <= *max)
			return NULL;
		*max = verb->line_max;
		lf = memchr(line, '\n', ahead < *max ? ahead : *max);
	}
	return lf;
}

/* A line without an end so far. */
static enum protocol_want
step_endless(struct protocol *p, const char *line, size_t max)
{
	p->too_long = LINE_LONG;
	if (p->phase == PHASE_AUTH) {
		p->too_long = AUTH_LONG;
		p->reset = true;
	} else {
		forget_command(p);
		p->command = find_verb(p, line, word_len(line, max));
		if (p->command != NULL &&
		    p->command->flags & (FOREIGN | FRAMES))
			return refuse_line(p, LINE_LONG);
	}
	p->phase = PHASE_OVERLONG;
	p->skipped = 0;
	return PROTOCOL_WANT_NOTHING;
}

/* Cut a line off the input: a command, or a part of a SASL exchange. Only CR LF
 * ends one, unless LF alone may. */
static enum protocol_want
step_line(struct protocol *p)
{
	const char *line = p->in + p->in_start, *lf;
	size_t ahead = p->in_end - p->in_start, len, max;

	if (ahead == 0)
		return PROTOCOL_WANT_INPUT;
	if (((unsigned char)line[0] < ' ' || (unsigned char)line[0] > '~') &&
	    line[0] != '\r' && line[0] != '\n') {
		/* A TLS hello, a screen reader's escape: not SMTP. */
		forget_command(p);
		hang_up(p, NOT_SMTP);
		return PROTOCOL_WANT_NOTHING;
	}
	lf = find_line_end(p, line, ahead, &max);
	if (lf == NULL)
		return ahead < max ? PROTOCOL_WANT_INPUT
				   : step_endless(p, line, max);
	len = (size_t)(lf - line);
	p->in_start += len + 1;
	p->newline = len == 0 || lf[-1] != '\r';
	if (p->newline && !p->settings->bare_newline) {
		/* Two readers may differ on where this line ends: smuggling. */
		forget_command(p);
		hang_up(p, LINE_BARE);
		return PROTOCOL_WANT_NOTHING;
	}
	return p->phase == PHASE_AUTH
	    ? take_response(p, line, len - !p->newline)
	    : dispatch(p, line, len - !p->newline, len + 1);
}

/* The last octet seen stays in the buffer: it may be the CR of the line end. */
static enum protocol_want
step_overlong(struct protocol *p)
{
	const char *in = p->in + p->in_start;
	size_t ahead = p->in_end - p->in_start;
	size_t len = PROTOCOL_JUNK_MAX - p->skipped;
	const char *lf = memchr(in, '\n', ahead < len ? ahead : len);

	if (lf != NULL) {
		p->in_start += (size_t)(lf - in) + 1;
		p->phase = PHASE_COMMAND;
		if (lf[-1] == '\r' || p->settings->bare_newline)
			return respond(p, p->too_long);
		hang_up(p, LINE_BARE);
		return PROTOCOL_WANT_NOTHING;
	}
	if (ahead >= len) {
		hang_up(p, p->too_long);
		return PROTOCOL_WANT_NOTHING;
	}
	p->skipped += ahead - 1;
	p->in_start = p->in_end - 1;
	return PROTOCOL_WANT_INPUT;
}

enum protocol_want
protocol_step(struct protocol *p)
{
	enum protocol_want want = PROTOCOL_WANT_NOTHING;

	while (want == PROTOCOL_WANT_NOTHING) {
		if (!p->noted) {
			p->noted = true;
			return PROTOCOL_WANT_NOTE;
		}
		if (p->reset) {
			p->reset = false;
			return PROTOCOL_WANT_RESET;
		}
		if (p->closing)
			return PROTOCOL_WANT_CLOSE;
		if (PROTOCOL_OUT_MAX - p->out_len < PROTOCOL_REPLY_MAX)
			return PROTOCOL_WANT_OUTPUT;
		switch (p->phase) {
		case PHASE_COMMAND:
		case PHASE_AUTH:
			want = step_line(p);
			break;
		case PHASE_TLS:
			want = PROTOCOL_WANT_HANDSHAKE;
			break;
		case PHASE_OVERLONG:
			want = step_overlong(p);
			break;
		case PHASE_BODY:
			want = step_body(p);
			break;
		case PHASE_OUTCOMES:
			want = step_outcomes(p);
			break;
		case PHASE_MEMBERS:
			want = ask(p, PROTOCOL_WANT_MEMBER);
			break;
		}
	}
	return want;
}

/* DATA or the first BDAT may go on, or not. */
static void
answer_open(struct protocol *p, enum verdict verdict)
{
	if (p->chunked) {
		if (verdict != VERDICT_YES)
			refuse(p, verdict_reply[verdict]);
	} else if (verdict == VERDICT_YES) {
		put(p, GO_AHEAD);
		put(p, "\r\n");
		p->phase = PHASE_BODY;
	} else {
		finish(p, READY);
		(void)respond(p, verdict_reply[verdict]);
	}
}

static void
answer_commit(struct protocol *p, enum verdict verdict)
{
	if (verdict != VERDICT_YES) {
		p->refusal = verdict_reply[verdict];
		return;
	}
	if (!p->settings->lmtp)
		put_stored(p);
}

static void
answer_verify(struct protocol *p, enum verdict verdict)
{
	char text[ADDRESS_PRINT_MAX + 1];

	if (verdict != VERDICT_YES) {
		(void)respond(p, verdict_reply[verdict]);
		return;
	}
	address_print(&p->path, text);
	put(p, "250 2.1.5 <");
	put(p, text);
	if (p->path.domain_len == 0) {
		put(p, "@");
		put(p, p->settings->hostname);
	}
	put(p, ">\r\n");
}

static void
answer_starttls(struct protocol *p, enum verdict verdict)
{
	if (verdict == VERDICT_YES) {
		reply(p, TLS_READY);
		p->phase = PHASE_TLS;
	} else if (verdict == VERDICT_EARLY) {
		hang_up(p, TLS_EARLY);
	} else {
		(void)respond(p, TLS_LATER);
	}
}

/* The caller records how each exchange ended, so no note of these replies. */
static void
answer_auth(struct protocol *p, enum verdict verdict)
{
	bool failed = verdict == VERDICT_NOT_AUTHENTIC;

	forget_input(p);
	p->phase = PHASE_COMMAND;
	p->authenticated = verdict == VERDICT_YES;
	if (failed && ++p->auth_failures >= p->settings->auth_failures_max)
		hang_up(p, AUTH_FULL);
	else
		(void)respond(p,
		    verdict == VERDICT_YES	   ? AUTH_OK
			: verdict == VERDICT_LATER ? AUTH_LATER
						   : verdict_reply[verdict]);
	p->noted = true;
}

/* Whether a verdict answers what was asked: "not listed" is a 2yz, which to
 * RCPT or a message would promise what nobody does. */
static bool
has_meaning(enum protocol_want asked, enum verdict verdict)
{
	bool lists =
	    asked == PROTOCOL_WANT_VERIFY || asked == PROTOCOL_WANT_MEMBER;

	if (verdict == VERDICT_YES)
		return asked != PROTOCOL_WANT_MEMBER;
	return verdict != VERDICT_NOT_LISTED || lists;
}

void
protocol_answer(struct protocol *p, enum verdict verdict)
{
	enum protocol_want asked = p->asked;

	p->asked = PROTOCOL_WANT_NOTHING;
	if (!has_meaning(asked, verdict))
		verdict = VERDICT_LATER;
	switch (asked) {
	case PROTOCOL_WANT_STARTTLS:
		answer_starttls(p, verdict);
		break;
	case PROTOCOL_WANT_AUTH_START:
	case PROTOCOL_WANT_AUTH_STEP:
		answer_auth(p, verdict);
		break;
	case PROTOCOL_WANT_SENDER:
		if (verdict == VERDICT_YES) {
			p->state = SENDER;
			p->transactions++;
		}
		(void)respond(p,
		    verdict == VERDICT_YES ? SENDER_OK
					   : verdict_reply[verdict]);
		break;
	case PROTOCOL_WANT_RECIPIENT:
		if (verdict == VERDICT_YES) {
			p->state = RECIPIENT;
			p->recipients++;
		}
		(void)respond(p,
		    verdict == VERDICT_YES ? RECIPIENT_OK
					   : verdict_reply[verdict]);
		break;
	case PROTOCOL_WANT_VERIFY:
		answer_verify(p, verdict);
		break;
	case PROTOCOL_WANT_MEMBER:
		p->phase = PHASE_COMMAND;
		(void)respond(p, verdict_reply[verdict]);
		break;
	case PROTOCOL_WANT_OPEN:
		answer_open(p, verdict);
		break;
	case PROTOCOL_WANT_COMMIT:
		answer_commit(p, verdict);
		break;
	case PROTOCOL_WANT_OUTCOME:
		if (verdict == VERDICT_YES)
			put_stored(p);
		else
			reply(p, verdict_reply[verdict]);
		p->index++;
		break;
	default:
		break;
	}
}

void
protocol_member(struct protocol *p, const char *text, size_t len, bool more)
{
	put(p, more ? "250-2.1.5 <" : "250 2.1.5 <");
	put_text(p, text, len < ADDRESS_PRINT_MAX ? len : ADDRESS_PRINT_MAX);
	put(p, ">\r\n");
	p->index++;
	if (!more)
		p->phase = PHASE_COMMAND;
}

void
protocol_secured(struct protocol *p)
{
	p->secure = p->confidential = true;
	p->authenticated = p->extended = false;
	p->helo[0] = '\0';
	p->mechanisms = NULL;
	p->phase = PHASE_COMMAND;
	if (p->state != REFUSED)
		p->state = START;
	p->in_start = p->in_end = 0;
}

void
protocol_mechanisms(struct protocol *p, const char *names)
{
	if (p->asked != PROTOCOL_WANT_MECHANISMS)
		return;
	p->asked = PROTOCOL_WANT_NOTHING;
	p->mechanisms = names;
	put_hello(p);
}

void
protocol_challenge(struct protocol *p, const char *challenge)
{
	p->asked = PROTOCOL_WANT_NOTHING;
	p->phase = PHASE_AUTH;
	forget_input(p);
	put(p, "334 ");
	put(p, challenge);
	put(p, "\r\n");
}

void
protocol_init(
    struct protocol *p, const struct protocol_settings *settings, bool early)
{
	/* All but the buffers: their pages stay untouched until they are
	 * used. */
	memset(p, 0, offsetof(struct protocol, out));
	p->settings = settings;
	p->state = early ? REFUSED : START;
	p->verb = "";
	p->noted = true;
	put(p, early ? "554 " : "220 ");
	put(p, settings->hostname);
	put(p,
	    early ? " you spoke before this greeting (RFC 5321, 3.1)\r\n"
		: settings->lmtp ? " LMTP smtpd\r\n"
				 : " ESMTP smtpd\r\n");
}

char *
protocol_room(struct protocol *p, size_t *room)
{
	size_t ahead = p->in_end - p->in_start;

	if (p->in_start > 0) {
		memmove(p->in, p->in + p->in_start, ahead);
		p->in_start = 0;
		p->in_end = ahead;
	}
	*room = PROTOCOL_IN_MAX - p->in_end;
	return p->in + p->in_end;
}

void
protocol_add(struct protocol *p, size_t len)
{
	p->in_end += len;
}

void
protocol_end(struct protocol *p, enum protocol_end why)
{
	const char *text = end_reply[why];

	if (why == PROTOCOL_END_IDLE && p->refusal == fault_reply[BODY_BARE])
		text = "421 4.4.2 waiting for <CR><LF>.<CR><LF>, but a line "
		       "ended with LF alone";
	if (text != NULL)
		reply(p, text);
	p->closing = p->reset = true;
}

bool
protocol_in_body(const struct protocol *p)
{
	return p->phase == PHASE_BODY;
}

bool
protocol_at_rest(const struct protocol *p)
{
	return p->phase == PHASE_COMMAND && p->noted && !p->reset &&
	    !p->closing;
}
