/* SPDX-License-Identifier: ISC */
/* ticket.h - the keys of session tickets (RFC 5077; RFC 8446, 4.6.1): one that
 * encrypts, and the one before it, which still decrypts.
 *
 * They are in memory alone: whoever is forked from here knows them. Knows keys
 * and time; knows no session. Private to lib/tls.c and its parts. */
#ifndef TICKET_H
#define TICKET_H

#include <stdbool.h>
#include <time.h>

#include "openssl.h"

enum { TICKET_NAME_LEN = 16, TICKET_SECRET_LEN = 32 };

struct ticket_key {
	unsigned char name[TICKET_NAME_LEN]; /* goes with each ticket */
	unsigned char cipher[TICKET_SECRET_LEN], mac[TICKET_SECRET_LEN];
};

/* The context keeps its address. */
struct tickets {
	const struct openssl *openssl;
	EVP_CIPHER *cipher;
	struct ticket_key current, previous;
	bool has_previous;
	bool is_timed; /* since is known */
	time_t since;  /* when current was made */
};

/* Make a key, and have sessions of context get tickets. Returns whether that
 * could be; tickets is ended by ticket_forget() in any case. */
bool ticket_start(
    struct tickets *tickets, const struct openssl *openssl, SSL_CTX *context);

/* As tls_rotate(). */
void ticket_rotate(struct tickets *tickets, time_t now);

void ticket_forget(struct tickets *tickets);

#endif
