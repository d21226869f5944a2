/* SPDX-License-Identifier: ISC */
/* A build without OpenSSL says so, and does nothing. */
#include "unit.h"

#include "lib/tls.h"

static void
say(void *to, bool problem, const char *text)
{
	CHECK(problem && strstr(text, "TLS=openssl") != NULL, "%s", text);
	++*(unsigned *)to;
}

int
main(void)
{
	struct tls_settings settings = { .certificates = "/",
		.hostname = "mx.example",
		.authorities = "" };
	char text[TLS_TEXT_MAX + 1] = "";
	unsigned said = 0;

	CHECK(tls_open(&settings, true, text) == NULL, "there is none");
	CHECK(strstr(text, "TLS=openssl") != NULL, "%s", text);
	CHECK(tls_check(&settings, say, &said) == 1 && said == 1, "%u", said);
	tls_close(NULL);
	return unit_end("tls-none");
}
