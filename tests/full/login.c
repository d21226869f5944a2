/* SPDX-License-Identifier: ISC */
/* login - log in by lib/auth.h, with GNU SASL's client at the other end.
 *
 * usage: login passwords|dovecot PATH [MECHANISM USER PASSWORD [AUTHZID]]
 *        login check passwords|dovecot PATH
 *        login hash KIND
 *
 * The channel is one of TLS with a binding. Prints the mechanisms that are
 * offered, or what the exchange comes to, and the problem if there is one. With
 * LOGIN_BINDING=other in the environment the client is at another channel. */
#include <gsasl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/auth.h"
#include "lib/base64.h"

static const unsigned char binding[32] = "0123456789abcdef0123456789abcde";

static Gsasl_session *
start_client(Gsasl *context, char **argv)
{
	char text[BASE64_LEN(sizeof(binding)) + 1];
	const char *other = getenv("LOGIN_BINDING");
	Gsasl_session *client;

	(void)base64_encode(binding, sizeof(binding), text);
	if (other != NULL)
		text[0] ^= 1;
	if (gsasl_client_start(context, argv[0], &client) != GSASL_OK ||
	    gsasl_property_set(client, GSASL_AUTHID, argv[1]) != GSASL_OK ||
	    gsasl_property_set(client, GSASL_PASSWORD, argv[2]) != GSASL_OK ||
	    gsasl_property_set(client, GSASL_AUTHZID, argv[3]) != GSASL_OK ||
	    (strstr(argv[0], "-PLUS") != NULL &&
	    gsasl_property_set(client, GSASL_CB_TLS_EXPORTER, text) !=
	    GSASL_OK)) {
		(void)printf("no client of %s\n", argv[0]);
		exit(1);
	}
	return client;
}

/* Until the server has decided, or the client is not content. */
static void
converse(struct auth *auth, Gsasl_session *client, const char *mechanism)
{
	static const char *const results[] = {
		[AUTH_MORE] = "more",
		[AUTH_YES] = "yes",
		[AUTH_NO] = "no",
		[AUTH_MALFORMED] = "malformed",
		[AUTH_UNKNOWN] = "unknown",
		[AUTH_LATER] = "later",
	};
	enum auth_result result;
	char *text = NULL;
	int status = GSASL_NEEDS_MORE;

	result = auth_start(auth, mechanism, strlen(mechanism), NULL, 0);
	while (result == AUTH_MORE) {
		status = gsasl_step64(client, auth->challenge, &text);
		if (status != GSASL_OK && status != GSASL_NEEDS_MORE) {
			(void)printf("the client says: %s\n",
			    gsasl_strerror(status));
			return;
		}
		result = auth_step(auth, text, strlen(text));
		gsasl_free(text);
	}
	(void)printf("%s %s\n", results[result], auth->user);
}

static void
say(void *to, bool problem, const char *text)
{
	(void)to;
	(void)printf("%s%s\n", problem ? "problem: " : "", text);
}

int
main(int argc, char **argv)
{
	struct auth_settings settings = { "", "", "mx.example.org" };
	struct auth_channel channel = { binding, "", "192.0.2.1", "192.0.2.2",
		true };
	char list[AUTH_MECHANISMS_MAX + 1];
	struct auth auth;
	Gsasl *context;

	bool check = argc > 3 && strcmp(argv[1], "check") == 0;

	if (argc < 3 || gsasl_init(&context) != GSASL_OK)
		return 2;
	if (strcmp(argv[1], "hash") == 0)
		return auth_hash_password(argv[2]);
	argv += check;
	if (strcmp(argv[1], "dovecot") == 0)
		settings.dovecot = argv[2];
	else
		settings.passwords = argv[2];
	if (check)
		return auth_check(&settings, say, NULL) > 0;
	auth_init(&auth, &settings, &channel);
	if (argc < 6) {
		(void)auth_mechanisms(&auth, list);
		(void)puts(list);
	} else {
		Gsasl_session *client = start_client(context, argv + 3);

		converse(&auth, client, argv[3]);
		gsasl_finish(client);
	}
	if (auth.problem[0] != '\0')
		(void)printf("problem: %s\n", auth.problem);
	auth_end(&auth);
	gsasl_done(context);
	return 0;
}
