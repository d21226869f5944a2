/* SPDX-License-Identifier: ISC */
/* tls.h - what the tests of TLS share: certificates in a directory of their
 * own, and a client of OpenSSL's whose octets the test carries. */
#ifndef UNIT_TLS_H
#define UNIT_TLS_H

#include "unit.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/tls.h"

#define MUST(condition)                                                     \
	do {                                                                \
		if (!(condition)) {                                         \
			(void)fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, \
			    __LINE__, #condition, strerror(errno));         \
			ERR_print_errors_fp(stderr);                        \
			exit(2);                                            \
		}                                                           \
	} while (0)

enum { DAY = 24 * 3600, PATH_SIZE = 512 };

static char root[] = "/tmp/smtpd-tls.XXXXXX";

/* --- certificates --- */

/* What a certificate is to say. */
struct wish {
	const char *cn, *san, *usage; /* the last two may be NULL */
	int from, to;		      /* days from now */
	X509 *issuer;		      /* NULL: signed by itself */
	EVP_PKEY *issuer_key;
	bool authority;
};

static EVP_PKEY *ec_key, *other_ec_key, *rsa_key, *ca_key;
static X509 *ca;

static void
extend(X509 *certificate, int nid, const char *value)
{
	X509_EXTENSION *extension =
	    X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	MUST(extension != NULL && X509_add_ext(certificate, extension, -1));
	X509_EXTENSION_free(extension);
}

static X509 *
make_certificate(EVP_PKEY *key, const struct wish *wish)
{
	static long serial;
	X509 *certificate = X509_new();
	X509_NAME *name;

	MUST(certificate != NULL);
	MUST(X509_set_version(certificate, 2));
	MUST(ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial));
	MUST(X509_gmtime_adj(
	    X509_getm_notBefore(certificate), (long)wish->from * DAY));
	MUST(X509_gmtime_adj(
	    X509_getm_notAfter(certificate), (long)wish->to * DAY));
	MUST(X509_set_pubkey(certificate, key));
	name = X509_get_subject_name(certificate);
	MUST(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
	    (const unsigned char *)wish->cn, -1, -1, 0));
	MUST(X509_set_issuer_name(certificate,
	    wish->issuer == NULL ? name : X509_get_subject_name(wish->issuer)));
	if (wish->san != NULL)
		extend(certificate, NID_subject_alt_name, wish->san);
	if (wish->usage != NULL)
		extend(certificate, NID_ext_key_usage, wish->usage);
	if (wish->authority)
		extend(certificate, NID_basic_constraints, "CA:TRUE");
	MUST(X509_sign(certificate,
	    wish->issuer == NULL ? key : wish->issuer_key, EVP_sha256()));
	return certificate;
}

static void
path_of(char out[PATH_SIZE], const char *name, const char *file)
{
	MUST(snprintf(out, PATH_SIZE, "%s/%s%s%s", root, name,
		 file[0] == '\0' ? "" : "/", file) < PATH_SIZE);
}

static void
make_directory(const char *name)
{
	char path[PATH_SIZE];

	path_of(path, name, "");
	MUST(mkdir(path, 0700) == 0 || errno == EEXIST);
}

/* Files are replaced, as renewals do. */
static FILE *
begin_file(const char *name, const char *file)
{
	char path[PATH_SIZE];
	FILE *out;

	make_directory(name);
	path_of(path, name, "new");
	out = fopen(path, "w");
	MUST(out != NULL && fchmod(fileno(out), 0640) == 0);
	(void)file;
	return out;
}

static void
end_file(FILE *out, const char *name, const char *file)
{
	char path[PATH_SIZE], to[PATH_SIZE];

	MUST(fclose(out) == 0);
	path_of(path, name, "new");
	path_of(to, name, file);
	MUST(rename(path, to) == 0);
}

static void
write_text(const char *name, const char *file, const char *text)
{
	FILE *out = begin_file(name, file);

	MUST(fputs(text, out) >= 0);
	end_file(out, name, file);
}

static void
write_key(const char *name, EVP_PKEY *key, const char *passphrase)
{
	FILE *out = begin_file(name, "privkey.pem");

	MUST(PEM_write_PKCS8PrivateKey(out, key,
	    passphrase == NULL ? NULL : EVP_aes_128_cbc(), NULL, 0, NULL,
	    (void *)(uintptr_t)passphrase));
	end_file(out, name, "privkey.pem");
}

static void
write_chain(const char *name, X509 *leaf, X509 *next)
{
	FILE *out = begin_file(name, "fullchain.pem");

	MUST(PEM_write_X509(out, leaf));
	MUST(next == NULL || PEM_write_X509(out, next));
	end_file(out, name, "fullchain.pem");
}

/* A directory as a client of ACME makes it. */
static void
write_pair(const char *name, EVP_PKEY *key, const char *cn, const char *san)
{
	struct wish wish = { .cn = cn, .san = san, .from = -1, .to = 90 };
	X509 *leaf = make_certificate(key, &wish);

	write_chain(name, leaf, NULL);
	write_key(name, key, NULL);
	X509_free(leaf);
}

static void
remove_all(const char *name)
{
	static const char *const files[] = { "fullchain.pem", "privkey.pem",
		"new" };
	char path[PATH_SIZE];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		path_of(path, name, files[i]);
		(void)unlink(path);
	}
	path_of(path, name, "");
	MUST(rmdir(path) == 0 || errno == ENOENT);
}

/* By openssl(1), because that is quick under valgrind, too. */
static EVP_PKEY *
make_rsa_key(void)
{
	char command[PATH_SIZE];
	FILE *in;
	EVP_PKEY *key;

	(void)snprintf(command, sizeof(command),
	    "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 "
	    "2>%s/rsa.log",
	    root);
	in = popen(command, "r");
	MUST(in != NULL);
	key = PEM_read_PrivateKey(in, NULL, NULL, NULL);
	MUST(pclose(in) == 0);
	(void)snprintf(command, sizeof(command), "%s/rsa.log", root);
	(void)unlink(command);
	return key;
}

static void
make_keys(void)
{
	struct wish wish = {
		.cn = "Authority", .from = -1, .to = 90, .authority = true
	};

	MUST(mkdtemp(root) != NULL);
	ec_key = EVP_EC_gen("P-256");
	other_ec_key = EVP_EC_gen("P-256");
	ca_key = EVP_EC_gen("P-256");
	rsa_key = make_rsa_key();
	MUST(ec_key && other_ec_key && ca_key && rsa_key);
	ca = make_certificate(ca_key, &wish);
}

static void
free_keys(void)
{
	EVP_PKEY_free(ec_key);
	EVP_PKEY_free(other_ec_key);
	EVP_PKEY_free(ca_key);
	EVP_PKEY_free(rsa_key);
	X509_free(ca);
}

/* --- a client --- */

/* A server's session, and a client in memory. */
struct pair {
	struct tls_session *server;
	SSL *client;
	BIO *in, *out; /* of the client */
	int fd;	       /* the client's end of a connection */
	int server_fd;
	size_t sent; /* octets of the client so far */
	char text[TLS_TEXT_MAX + 1];
};

static struct tls *
must_open(const struct tls_settings *settings, bool shared)
{
	char text[TLS_TEXT_MAX + 1];
	struct tls *tls = tls_open(settings, shared, text);

	if (tls == NULL) {
		(void)fprintf(stderr, "tls_open: %s\n", text);
		exit(2);
	}
	return tls;
}

static void
begin(struct pair *pair, struct tls *tls, SSL_CTX *client)
{
	int fds[2];

	MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
	*pair = (struct pair){
		.server = tls_start(tls, fds[0], fds[0]),
		.client = SSL_new(client),
		.in = BIO_new(BIO_s_mem()),
		.out = BIO_new(BIO_s_mem()),
		.fd = fds[1],
		.server_fd = fds[0],
	};
	MUST(pair->server && pair->client && pair->in && pair->out);
	SSL_set_bio(pair->client, pair->in, pair->out);
	SSL_set_connect_state(pair->client);
}

static void
end(struct pair *pair)
{
	tls_finish(pair->server, false);
	SSL_free(pair->client);
	close(pair->fd);
	close(pair->server_fd);
}

/* Carry what the client has to say, up to limit octets in all. */
static void
carry_out(struct pair *pair, size_t limit)
{
	char octets[4096];
	int got;

	while ((got = BIO_read(pair->out, octets, sizeof(octets))) > 0) {
		size_t len = (size_t)got;

		if (len > limit - pair->sent)
			len = limit - pair->sent;
		if (len == 0)
			break;
		MUST(send(pair->fd, octets, len, MSG_NOSIGNAL) ==
			(ssize_t)len ||
		    errno == EPIPE);
		pair->sent += len;
	}
}

static void
carry_in(struct pair *pair)
{
	char octets[4096];
	ssize_t got;

	while ((got = read(pair->fd, octets, sizeof(octets))) > 0)
		MUST(BIO_write(pair->in, octets, (int)got) == got);
}

/* Until the server knows: 1 or 0; -1 when neither has more to say. */
static int
shake_limited(struct pair *pair, size_t limit)
{
	int result = -1;

	for (int i = 0; i < 8 && result != 0; i++) {
		(void)SSL_do_handshake(pair->client);
		ERR_clear_error();
		carry_out(pair, limit);
		if (result < 0)
			result = tls_handshake(pair->server, pair->text);
		if (result < 0)
			CHECK(errno == EAGAIN &&
				tls_events(pair->server) == POLLIN,
			    "it waits for the client");
		carry_in(pair);
		if (result == 1 && SSL_is_init_finished(pair->client))
			break;
	}
	return result;
}

static int
shake(struct pair *pair)
{
	return shake_limited(pair, SIZE_MAX);
}

/* The CN of what the client got, or "". */
static const char *
got_name(const struct pair *pair)
{
	static char name[256];
	X509 *peer = SSL_get0_peer_certificate(pair->client);

	name[0] = '\0';
	if (peer != NULL)
		(void)X509_NAME_get_text_by_NID(X509_get_subject_name(peer),
		    NID_commonName, name, sizeof(name));
	return name;
}

static SSL_CTX *
make_client(int version)
{
	SSL_CTX *client = SSL_CTX_new(TLS_client_method());

	MUST(client != NULL);
	SSL_CTX_set_security_level(client, 0);
	MUST(SSL_CTX_set_min_proto_version(client, version));
	MUST(SSL_CTX_set_max_proto_version(client, version));
	return client;
}

#endif
