/* SPDX-License-Identifier: ISC */
/* ticket.c - see ticket.h for the contract.
 *
 * A ticket is encrypted by AES-256-CBC, then authenticated by HMAC-SHA256: the
 * construction of RFC 5077, 4, with a longer key. */
#include "ticket.h"

#include <string.h>

enum {
	CONTEXT_DATA = 0, /* the place for what is ours in a context */
	IV_LEN = 16,
	/* What the callback answers. */
	TICKET_FAILURE = -1,
	TICKET_UNKNOWN = 0,
	TICKET_GOOD = 1,
	TICKET_RENEW = 2, /* good, and the client is to get a new one */
};

static bool
make_key(const struct openssl *openssl, struct ticket_key *key)
{
	return openssl->RAND_bytes(key->name, sizeof(key->name)) == 1 &&
	    openssl->RAND_bytes(key->cipher, sizeof(key->cipher)) == 1 &&
	    openssl->RAND_bytes(key->mac, sizeof(key->mac)) == 1;
}

static bool
use_mac(const struct openssl *openssl, EVP_MAC_CTX *mac, struct ticket_key *key)
{
	char digest[] = "SHA256";
	OSSL_PARAM parameters[] = {
		{ OSSL_MAC_PARAM_KEY, OSSL_PARAM_OCTET_STRING, key->mac,
		    sizeof(key->mac), OSSL_PARAM_UNMODIFIED },
		{ OSSL_MAC_PARAM_DIGEST, OSSL_PARAM_UTF8_STRING, digest,
		    sizeof(digest) - 1, OSSL_PARAM_UNMODIFIED },
		{ NULL, 0, NULL, 0, 0 },
	};

	return openssl->EVP_MAC_CTX_set_params(mac, parameters) == 1;
}

static int
encrypt(struct tickets *tickets, unsigned char *name, unsigned char *iv,
    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
	const struct openssl *openssl = tickets->openssl;
	struct ticket_key *key = &tickets->current;

	memcpy(name, key->name, TICKET_NAME_LEN);
	if (openssl->RAND_bytes(iv, IV_LEN) == 1 &&
	    openssl->EVP_EncryptInit_ex(
		cipher, tickets->cipher, NULL, key->cipher, iv) == 1 &&
	    use_mac(openssl, mac, key))
		return TICKET_GOOD;
	return TICKET_FAILURE;
}

static int
decrypt(struct tickets *tickets, const unsigned char *name,
    const unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
	const struct openssl *openssl = tickets->openssl;
	struct ticket_key *key = NULL;

	if (memcmp(name, tickets->current.name, TICKET_NAME_LEN) == 0)
		key = &tickets->current;
	else if (tickets->has_previous &&
	    memcmp(name, tickets->previous.name, TICKET_NAME_LEN) == 0)
		key = &tickets->previous;
	else
		return TICKET_UNKNOWN;
	if (!use_mac(openssl, mac, key) ||
	    openssl->EVP_DecryptInit_ex(
		cipher, tickets->cipher, NULL, key->cipher, iv) != 1)
		return TICKET_FAILURE;
	return key == &tickets->current ? TICKET_GOOD : TICKET_RENEW;
}

static int
on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv,
    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int encrypting)
{
	const struct openssl *openssl = openssl_loaded();
	struct tickets *tickets = openssl->SSL_CTX_get_ex_data(
	    openssl->SSL_get_SSL_CTX(ssl), CONTEXT_DATA);

	return encrypting ? encrypt(tickets, name, iv, cipher, mac)
			  : decrypt(tickets, name, iv, cipher, mac);
}

bool
ticket_start(
    struct tickets *tickets, const struct openssl *openssl, SSL_CTX *context)
{
	memset(tickets, 0, sizeof(*tickets));
	tickets->openssl = openssl;
	tickets->cipher = openssl->EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
	return tickets->cipher != NULL &&
	    make_key(openssl, &tickets->current) &&
	    openssl->SSL_CTX_set_ex_data(context, CONTEXT_DATA, tickets) == 1 &&
	    openssl->SSL_CTX_set_tlsext_ticket_key_evp_cb(context, on_ticket) ==
	    1;
}

void
ticket_rotate(struct tickets *tickets, time_t now)
{
	time_t age = now - tickets->since;
	struct ticket_key next;

	if (!tickets->is_timed) {
		tickets->is_timed = true;
		tickets->since = now;
		return;
	}
	if (age < TLS_TICKET_SECONDS)
		return;
	/* Without a new key the old one goes on; a next time may be better. */
	if (!make_key(tickets->openssl, &next))
		return;
	/* Where nobody came for long its time as the previous one is over. */
	tickets->has_previous = age < (time_t)2 * TLS_TICKET_SECONDS;
	if (tickets->has_previous)
		tickets->previous = tickets->current;
	else
		explicit_bzero(&tickets->previous, sizeof(tickets->previous));
	tickets->current = next;
	tickets->since = now;
	explicit_bzero(&next, sizeof(next));
}

void
ticket_forget(struct tickets *tickets)
{
	if (tickets->openssl != NULL)
		tickets->openssl->EVP_CIPHER_free(tickets->cipher);
	explicit_bzero(tickets, sizeof(*tickets));
}
