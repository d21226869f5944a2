/* SPDX-License-Identifier: ISC */
/* parameter.c - see parameter.h for the contract. */
#include "parameter.h"

#include <string.h>

#include "lib/address.h"

/* --- each parameter of MAIL --- */

static enum parameter_status
on_size(
    struct parameters *parameters, const struct address_parameter *parameter)
{
	uint64_t max = parameters->size_max;

	if (parameter->value == NULL || parameter->value_len > 20)
		return PARAMETER_VALUE;
	for (size_t i = 0; i < parameter->value_len; i++)
		if (parameter->value[i] < '0' || parameter->value[i] > '9')
			return PARAMETER_VALUE;
	/* Twenty digits may be more than 64 bits hold (RFC 1870, 3): then it
	 * is too large, not wrong. */
	if (!address_parse_number(
		parameter->value, parameter->value_len, &parameters->size))
		parameters->size = UINT64_MAX;
	return max > 0 && parameters->size > max ? PARAMETER_BIG : PARAMETER_OK;
}

static enum parameter_status
on_body(
    struct parameters *parameters, const struct address_parameter *parameter)
{
	static const char *const names[] = {
		[PARAMETER_7BIT] = "7bit",
		[PARAMETER_8BITMIME] = "8bitmime",
		[PARAMETER_BINARYMIME] = "binarymime",
	};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (parameter->value != NULL &&
		    address_same(
			parameter->value, parameter->value_len, names[i])) {
			parameters->body = (enum parameter_body)i;
			return PARAMETER_OK;
		}
	return PARAMETER_VALUE;
}

static enum parameter_status
on_smtputf8(
    struct parameters *parameters, const struct address_parameter *parameter)
{
	parameters->utf8 = true;
	return parameter->value == NULL ? PARAMETER_OK : PARAMETER_VALUE;
}

static int
hex(char byte)
{
	return byte >= '0' && byte <= '9' ? byte - '0'
	    : byte >= 'A' && byte <= 'F'  ? byte - 'A' + 10
					  : -1;
}

/* An address or "<>" as xtext (RFC 3461, 4): who submitted the message first,
 * as the client says. We believe no client so far, which RFC 4954, 5 allows:
 * it is only checked. */
static enum parameter_status
on_auth(
    struct parameters *parameters, const struct address_parameter *parameter)
{
	char text[ADDRESS_PRINT_MAX + 1];
	struct address address;
	size_t len = 0;

	if (!parameters->auth)
		return PARAMETER_UNKNOWN;
	for (size_t i = 0; i < parameter->value_len; i++) {
		const char *at = parameter->value + i;
		bool escaped = *at == '+';

		if (len == ADDRESS_PRINT_MAX ||
		    (escaped &&
			(parameter->value_len - i < 3 || hex(at[1]) < 0 ||
			    hex(at[2]) < 0)))
			return PARAMETER_VALUE;
		text[len++] =
		    escaped ? (char)(hex(at[1]) << 4 | hex(at[2])) : *at;
		i += escaped ? 2 : 0;
	}
	return (len == 2 && memcmp(text, "<>", 2) == 0) ||
		address_parse_mailbox(text, len, &address) == ADDRESS_OK
	    ? PARAMETER_OK
	    : PARAMETER_VALUE;
}

struct row {
	const char *keyword;
	enum parameter_status (*run)(
	    struct parameters *, const struct address_parameter *);
};

static const struct row mail_rows[] = {
	{ "size", on_size },	     /* RFC 1870 */
	{ "body", on_body },	     /* RFC 6152, RFC 3030 */
	{ "smtputf8", on_smtputf8 }, /* RFC 6531 */
	{ "auth", on_auth },	     /* RFC 4954, 5 */
	{ NULL, NULL },
};
static const struct row rcpt_rows[] = { { NULL, NULL } };

static enum parameter_status
parse(struct parameters *parameters, const struct row *rows, const char *text,
    size_t len)
{
	struct address_parameter parameter;
	unsigned seen = 0;
	int more;

	while ((more = address_parse_parameter(&text, &len, &parameter)) > 0) {
		enum parameter_status status;
		unsigned i = 0;

		while (rows[i].keyword != NULL &&
		    !address_same(parameter.keyword, parameter.keyword_len,
			rows[i].keyword))
			i++;
		if (rows[i].keyword == NULL)
			return PARAMETER_UNKNOWN;
		if (seen & 1u << i)
			return PARAMETER_TWICE;
		seen |= 1u << i;
		status = rows[i].run(parameters, &parameter);
		if (status != PARAMETER_OK)
			return status;
	}
	return more < 0 ? PARAMETER_SYNTAX : PARAMETER_OK;
}

enum parameter_status
parameter_parse_mail(
    struct parameters *parameters, const char *text, size_t len)
{
	parameters->size = 0;
	parameters->body = PARAMETER_7BIT;
	parameters->utf8 = false;
	return parse(parameters, mail_rows, text, len);
}

enum parameter_status
parameter_parse_rcpt(const char *text, size_t len)
{
	return parse(NULL, rcpt_rows, text, len);
}
