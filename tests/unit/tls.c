/* SPDX-License-Identifier: ISC */
/* TLS between our server and OpenSSL's client: what tls.h promises of
 * certificates, handshakes, what is read and written, and how it all ends. */
#include "tls.h"

#include <sys/time.h>
#include <sys/wait.h>
#include <signal.h>

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
static struct tls_settings settings;
static size_t step = 1; /* between the octets that are tried */

/* --- what cannot be opened --- */

static void
check_refused(const char *name, const char *words)
{
	char text[TLS_TEXT_MAX + 1], path[PATH_SIZE];
	struct tls_settings refused = { .hostname = "mx.example",
		.authorities = "" };
	struct tls *tls;

	path_of(path, name, "");
	refused.certificates = path;
	for (int shared = 0; shared < 2; shared++) {
		tls = tls_open(&refused, shared, text);
		CHECK(tls == NULL && strstr(text, words) != NULL &&
			strstr(text, name) != NULL && strchr(text, '\n') == NULL,
		    "%s: %s", name, text);
		tls_close(tls);
	}
}

static void
check_broken(void)
{
	struct wish wish = { .cn = "mx.example", .from = -1, .to = 90 };
	X509 *leaf = make_certificate(ec_key, &wish);
	FILE *out;

	check_refused("absent", "No such file");
	make_directory("empty");
	check_refused("empty", "no certificate is there");
	remove_all("empty");
	make_directory("wrong");
	write_chain("wrong/mx.example", leaf, NULL);
	check_refused("wrong", "privkey.pem: No such file");
	write_key("wrong/mx.example", other_ec_key, NULL);
	check_refused("wrong", "not the key of the certificate");
	write_key("wrong/mx.example", ec_key, "secret");
	check_refused("wrong", "has a passphrase");
	write_text("wrong/mx.example", "privkey.pem", "nonsense\n");
	check_refused("wrong", "no private key");
	write_key("wrong/mx.example", ec_key, NULL);
	write_text("wrong/mx.example", "fullchain.pem", "");
	check_refused("wrong", "no certificate in PEM");
	out = begin_file("wrong/mx.example", "fullchain.pem");
	MUST(PEM_write_X509(out, leaf));
	MUST(fputs("-----BEGIN CERTIFICATE-----\nAAAA\n"
		   "-----END CERTIFICATE-----\n",
		 out) >= 0);
	end_file(out, "wrong/mx.example", "fullchain.pem");
	check_refused("wrong", "is damaged");
	remove_all("wrong/mx.example");
	remove_all("wrong");
	X509_free(leaf);
}

/* --- the handshake and what it says of itself --- */

static void
check_info(struct tls *tls)
{
	for (size_t i = 0; i < 2; i++) {
		SSL_CTX *client = make_client(versions[i]);
		unsigned char ours[TLS_BINDING_LEN], theirs[TLS_BINDING_LEN];
		static const char label[] = "EXPORTER-Channel-Binding";
		struct tls_info info;
		struct pair pair;

		begin(&pair, tls, client);
		MUST(SSL_set_tlsext_host_name(pair.client, "Mx.Example"));
		CHECK(shake(&pair) == 1, "%s", pair.text);
		tls_describe(pair.server, &info);
		CHECK(strcmp(info.version, SSL_get_version(pair.client)) == 0,
		    "%s", info.version);
		CHECK(strcmp(info.cipher,
			  i == 0 ? "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"
				 : "TLS_AES_256_GCM_SHA384") == 0,
		    "%s", info.cipher);
		CHECK(info.group != NULL && strcmp(info.group, "x25519") == 0,
		    "group");
		CHECK(strcmp(info.name, "Mx.Example") == 0, "%s", info.name);
		CHECK(info.client[0] == '\0' && !info.resumed, "nobody known");
		CHECK(!tls_is_stale(pair.server), "nothing changed");
		CHECK(tls_binding(pair.server, ours), "a channel binding");
		MUST(SSL_export_keying_material(pair.client, theirs,
			 sizeof(theirs), label, sizeof(label) - 1,
			 (const unsigned char *)"", 0, 1) == 1);
		CHECK(memcmp(ours, theirs, sizeof(ours)) == 0, "the same");
		end(&pair);
		SSL_CTX_set_options(client, SSL_OP_NO_EXTENDED_MASTER_SECRET);
		begin(&pair, tls, client);
		CHECK(shake(&pair) == 1, "%s", pair.text);
		tls_describe(pair.server, &info);
		CHECK(info.name[0] == '\0', "no name was asked for");
		CHECK(tls_binding(pair.server, ours) == (i == 1),
		    "TLS 1.2 has none without extended_master_secret");
		end(&pair);
		SSL_CTX_free(client);
	}
}

static void
check_not_shared(struct tls *tls, struct pair *pair, const char *words)
{
	(void)tls;
	CHECK(shake(pair) == 0 && strcmp(pair->text, words) == 0, "%s for %s",
	    pair->text, words);
	CHECK(tls_handshake(pair->server, pair->text) == 0 &&
		pair->text[0] != '\0',
	    "it stays so");
	end(pair);
}

static void
check_disagreement(struct tls *tls)
{
	SSL_CTX *client = make_client(TLS1_1_VERSION);
	struct pair pair;

	begin(&pair, tls, client);
	check_not_shared(tls, &pair, "unsupported protocol version");
	SSL_CTX_free(client);
	client = make_client(TLS1_2_VERSION);
	begin(&pair, tls, client);
	MUST(SSL_set_cipher_list(pair.client, "AES128-GCM-SHA256"));
	check_not_shared(tls, &pair, "no shared cipher");
	begin(&pair, tls, client);
	MUST(SSL_set_cipher_list(pair.client, "DHE-RSA-AES128-GCM-SHA256"));
	check_not_shared(tls, &pair, "no shared cipher");
	begin(&pair, tls, client);
	SSL_set_verify(pair.client, SSL_VERIFY_PEER, NULL);
	check_not_shared(tls, &pair, "the client broke off: unknown CA");
	SSL_CTX_free(client);
	client = make_client(TLS1_3_VERSION);
	begin(&pair, tls, client);
	MUST(SSL_set1_groups_list(pair.client, "P-521"));
	check_not_shared(tls, &pair, "no shared group");
	begin(&pair, tls, client);
	MUST(SSL_set1_groups_list(pair.client, "P-521:P-256"));
	CHECK(shake(&pair) == 1, "after a HelloRetryRequest: %s", pair.text);
	end(&pair);
	begin(&pair, tls, client);
	SSL_set_verify(pair.client, SSL_VERIFY_PEER, NULL);
	check_not_shared(tls, &pair, "the client broke off: unknown CA");
	SSL_CTX_free(client);
}

static void
check_garbage(struct tls *tls, SSL_CTX *client)
{
	static const struct {
		const char *sent, *words;
	} rows[] = {
		{ "EHLO client.example\r\n", "not TLS" },
		{ "GET / HTTP/1.1\r\n\r\n", "not TLS, but HTTP" },
		{ "", "the client hung up" },
		{ "\x16", "the client hung up" },
		{ "\x16\x03\x01\x02", "the client hung up" },
		{ "\x15\x03\x01\x00\x02\x02\x28", "unexpected message" },
		{ "\x17\x03\x03\x00\x01x", "" },
		{ "\x16\x03\x01\xff\xff", "" },
		{ "\x80\x2e\x01\x03\x01", "" },
	};
	static const size_t lengths[] = { 0, 0, 0, 0, 0, 7, 6, 5, 5 };
	struct pair pair;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len =
		    lengths[i] > 0 ? lengths[i] : strlen(rows[i].sent);
		int result;

		begin(&pair, tls, client);
		MUST(write(pair.fd, rows[i].sent, len) == (ssize_t)len);
		MUST(shutdown(pair.fd, SHUT_WR) == 0);
		result = tls_handshake(pair.server, pair.text);
		CHECK(result == 0 && pair.text[0] != '\0' &&
			strstr(pair.text, rows[i].words) != NULL,
		    "row %zu: %d %s", i, result, pair.text);
		end(&pair);
	}
}

/* The client's octets end anywhere in its flights. */
static void
check_aborts(struct tls *tls, SSL_CTX *client)
{
	char hello[4096];
	struct pair pair;
	size_t whole;
	int first;

	begin(&pair, tls, client);
	(void)SSL_do_handshake(pair.client);
	first = BIO_read(pair.out, hello, sizeof(hello));
	MUST(first > 0 && write(pair.fd, hello, (size_t)first) == first);
	CHECK(shake(&pair) == 1, "%s", pair.text);
	whole = (size_t)first + pair.sent;
	end(&pair);
	for (size_t n = 0; n < whole; n += step) {
		begin(&pair, tls, client);
		if (n < (size_t)first)
			MUST(write(pair.fd, hello, n) == (ssize_t)n);
		else
			CHECK(shake_limited(&pair, n) == -1, "%zu of %zu: %s",
			    n, whole, pair.text);
		MUST(shutdown(pair.fd, SHUT_WR) == 0);
		CHECK(tls_handshake(pair.server, pair.text) == 0 &&
			strcmp(pair.text, "the client hung up") == 0,
		    "%zu of %zu: %s", n, whole, pair.text);
		end(&pair);
	}
}

/* One of the first octets is another. */
static void
check_changed(struct tls *tls, SSL_CTX *client)
{
	unsigned char hello[4096];
	struct pair pair;
	int len;

	for (size_t place = 0;; place += 16 + step) {
		begin(&pair, tls, client);
		(void)SSL_do_handshake(pair.client);
		len = BIO_read(pair.out, hello, sizeof(hello));
		MUST(len > 0);
		if (place >= (size_t)len)
			break;
		hello[place] ^= 0x41;
		MUST(write(pair.fd, hello, (size_t)len) == len);
		MUST(shake(&pair) != 1);
		MUST(shutdown(pair.fd, SHUT_WR) == 0);
		CHECK(tls_handshake(pair.server, pair.text) == 0,
		    "octet %zu changed: %s", place, pair.text);
		end(&pair);
	}
	end(&pair);
}

/* --- which certificate --- */

static void
check_names(bool shared)
{
	static const struct {
		const char *name, *cn;
	} rows[] = {
		{ NULL, "mx.example" },
		{ "mx.example", "mx.example" },
		{ "MX.EXAMPLE", "mx.example" },
		{ "a.example", "a" },
		{ "b.example", "b" },
		{ "also.a.example", "a" },
		{ "x.w.example", "wild" },
		{ "x.y.w.example", "mx.example" },
		{ "unknown.example", "mx.example" },
		{ "a.example/../a.example", "mx.example" },
		{ "../names/a.example", "mx.example" },
		{ ".a.example", "mx.example" },
		{ ".", "mx.example" },
		{ "..", "mx.example" },
		{ "%s%n", "mx.example" },
		{ "broken.example", "mx.example" },
		{ "example.co", "mx.example" },
	};
	char path[PATH_SIZE];
	struct tls_settings here = settings;
	SSL_CTX *client = make_client(TLS1_3_VERSION);
	struct tls *tls;
	struct pair pair;

	path_of(path, "names", "");
	here.certificates = path;
	tls = must_open(&here, shared);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin(&pair, tls, client);
		MUST(rows[i].name == NULL ||
		    SSL_set_tlsext_host_name(pair.client, rows[i].name));
		CHECK(shake(&pair) == 1, "%s", pair.text);
		CHECK(strcmp(got_name(&pair), rows[i].cn) == 0, "%s got %s",
		    rows[i].name, got_name(&pair));
		end(&pair);
	}
	tls_close(tls);
	/* No directory of our name: who holds it, else the first that can be
	 * read. */
	here.hostname = "also.a.example";
	tls = must_open(&here, shared);
	begin(&pair, tls, client);
	CHECK(shake(&pair) == 1 && strcmp(got_name(&pair), "a") == 0, "%s",
	    got_name(&pair));
	end(&pair);
	tls_close(tls);
	here.hostname = "elsewhere.example";
	tls = must_open(&here, shared);
	begin(&pair, tls, client);
	CHECK(shake(&pair) == 1 && strcmp(got_name(&pair), "a") == 0, "%s",
	    got_name(&pair));
	end(&pair);
	tls_close(tls);
	SSL_CTX_free(client);
}

static void
make_names(void)
{
	char path[PATH_SIZE];

	make_directory("names");
	write_pair("names/mx.example", ec_key, "mx.example", NULL);
	write_pair("names/a.example", ec_key, "a",
	    "DNS:a.example,DNS:also.a.example");
	write_pair("names/b.example", other_ec_key, "b", "DNS:b.example");
	write_pair("names/wild", ec_key, "wild", "DNS:*.w.example");
	write_text("names/broken.example", "fullchain.pem", "nothing");
	write_pair("names/example.co-op.uk", ec_key, "co-op",
	    "DNS:example.co-op.uk");
	write_text("names", "README", "");
	path_of(path, "names", ".hidden");
	MUST(mkdir(path, 0700) == 0);
}

static void
remove_names(void)
{
	char path[PATH_SIZE];

	path_of(path, "names", ".hidden");
	MUST(rmdir(path) == 0);
	path_of(path, "names", "README");
	(void)unlink(path);
	remove_all("names/mx.example");
	remove_all("names/a.example");
	remove_all("names/b.example");
	remove_all("names/wild");
	remove_all("names/broken.example");
	remove_all("names/example.co-op.uk");
	remove_all("names");
}

/* Both kinds of keys, from directories beside each other; one of two orders has
 * expired. */
static void
check_kinds(bool shared)
{
	static const struct {
		const char *algorithms, *cn;
	} rows[] = {
		{ "ECDSA+SHA256", "ecc" },
		{ "RSA-PSS+SHA256", "rsa new" },
	};
	struct wish expired = { .cn = "rsa old",
		.san = "DNS:k.example",
		.from = -90,
		.to = -1 };
	char path[PATH_SIZE];
	struct tls_settings here = settings;
	X509 *leaf = make_certificate(rsa_key, &expired);
	SSL_CTX *client = make_client(TLS1_3_VERSION);
	struct tls *tls;
	struct pair pair;

	make_directory("kinds");
	write_chain("kinds/k.example", leaf, NULL);
	write_key("kinds/k.example", rsa_key, NULL);
	write_pair("kinds/k.example-0001", rsa_key, "rsa new", "DNS:k.example");
	write_pair("kinds/k.example-0002", rsa_key, "rsa 2", "DNS:k.example");
	write_pair("kinds/k.example_ecc", ec_key, "ecc", "DNS:k.example");
	path_of(path, "kinds", "");
	here.certificates = path;
	here.hostname = "k.example";
	tls = must_open(&here, shared);
	for (size_t i = 0; i < 2; i++) {
		begin(&pair, tls, client);
		MUST(SSL_set1_sigalgs_list(pair.client, rows[i].algorithms));
		CHECK(shake(&pair) == 1, "%s", pair.text);
		CHECK(strcmp(got_name(&pair), rows[i].cn) == 0, "%s for %s",
		    got_name(&pair), rows[i].algorithms);
		end(&pair);
	}
	tls_close(tls);
	SSL_CTX_free(client);
	X509_free(leaf);
	remove_all("kinds/k.example");
	remove_all("kinds/k.example-0001");
	remove_all("kinds/k.example-0002");
	remove_all("kinds/k.example_ecc");
	remove_all("kinds");
}

/* Keys in all the forms they are written in. */
static void
check_forms(struct tls *tls, SSL_CTX *client)
{
	EVP_PKEY *p384 = EVP_EC_gen("P-384");
	EVP_PKEY *keys[] = { ec_key, rsa_key, p384 };
	struct pair pair;

	(void)tls;
	for (size_t i = 0; i < 6; i++) {
		EVP_PKEY *key = keys[i / 2];
		struct tls *other;
		FILE *out;

		write_pair("certs/mx.example", key, "form", NULL);
		out = begin_file("certs/mx.example", "privkey.pem");
		if (i % 2 == 0)
			MUST(PEM_write_PKCS8PrivateKey(
			    out, key, NULL, NULL, 0, NULL, NULL));
		else
			MUST(PEM_write_PrivateKey_ex(out, key, NULL, NULL, 0,
			    NULL, NULL, NULL, NULL));
		end_file(out, "certs/mx.example", "privkey.pem");
		if (i % 2 == 1) {
			BIO *bio;
			char path[PATH_SIZE];

			path_of(path, "certs/mx.example", "privkey.pem");
			bio = BIO_new_file(path, "w");
			MUST(bio != NULL &&
			    PEM_write_bio_PrivateKey_traditional(
				bio, key, NULL, NULL, 0, NULL, NULL));
			BIO_free(bio);
		}
		other = must_open(&settings, false);
		begin(&pair, other, client);
		CHECK(shake(&pair) == 1, "form %zu: %s", i, pair.text);
		end(&pair);
		tls_close(other);
	}
	write_pair("certs/mx.example", ec_key, "mx.example", NULL);
	EVP_PKEY_free(p384);
}

/* Files change between handshakes. */
static void
check_renewal(bool shared)
{
	struct tls *tls = must_open(&settings, shared);
	SSL_CTX *client = make_client(TLS1_3_VERSION);
	struct pair pair;

	begin(&pair, tls, client);
	CHECK(shake(&pair) == 1 && strcmp(got_name(&pair), "mx.example") == 0,
	    "%s", got_name(&pair));
	CHECK(!tls_is_stale(pair.server), "not yet");
	end(&pair);
	/* Half of a renewal: the key that is there fits no more. */
	write_key("certs/mx.example", other_ec_key, NULL);
	begin(&pair, tls, client);
	CHECK(shake(&pair) == 1 && strcmp(got_name(&pair), "mx.example") == 0,
	    "%s", pair.text);
	end(&pair);
	write_pair("certs/mx.example", other_ec_key, "renewed", NULL);
	begin(&pair, tls, client);
	CHECK(shake(&pair) == 1 && strcmp(got_name(&pair), "renewed") == 0,
	    "%s %s", got_name(&pair), pair.text);
	CHECK(tls_is_stale(pair.server), "it noticed");
	end(&pair);
	write_pair("certs/new.example", ec_key, "new", NULL);
	begin(&pair, tls, client);
	MUST(SSL_set_tlsext_host_name(pair.client, "new.example"));
	CHECK(shake(&pair) == 1 && strcmp(got_name(&pair), "new") == 0,
	    "%s %s", got_name(&pair), pair.text);
	end(&pair);
	tls_close(tls);
	remove_all("certs/new.example");
	write_pair("certs/mx.example", ec_key, "mx.example", NULL);
	SSL_CTX_free(client);
}

/* As LoadCredential= has them; and links, as certbot has them. */
static void
check_places(SSL_CTX *client)
{
	char from[PATH_SIZE], to[PATH_SIZE], credentials[PATH_SIZE],
	    path[PATH_SIZE];
	static const char *const files[] = { "fullchain.pem", "privkey.pem" };
	struct tls_settings here = settings;
	struct tls *tls;
	struct pair pair;

	make_directory("credentials");
	make_directory("live");
	make_directory("live/l.example");
	write_pair("archive", other_ec_key, "archived", "DNS:l.example");
	write_pair("spare", other_ec_key, "credential", "DNS:c.example");
	for (size_t i = 0; i < 2; i++) {
		char name[64];

		path_of(from, "spare", files[i]);
		(void)snprintf(name, sizeof(name), "certificates_c.example_%s",
		    files[i]);
		path_of(to, "credentials", name);
		MUST(rename(from, to) == 0);
		path_of(to, "live/l.example", files[i]);
		(void)snprintf(from, sizeof(from), "../../archive/%s", files[i]);
		MUST(symlink(from, to) == 0);
	}
	path_of(credentials, "credentials", "");
	path_of(path, "live", "");
	here.certificates = path;
	here.credentials = credentials;
	here.hostname = "c.example";
	tls = must_open(&here, false);
	begin(&pair, tls, client);
	CHECK(shake(&pair) == 1 && strcmp(got_name(&pair), "credential") == 0,
	    "%s %s", got_name(&pair), pair.text);
	end(&pair);
	begin(&pair, tls, client);
	MUST(SSL_set_tlsext_host_name(pair.client, "l.example"));
	CHECK(shake(&pair) == 1 && strcmp(got_name(&pair), "archived") == 0,
	    "%s %s", got_name(&pair), pair.text);
	end(&pair);
	tls_close(tls);
	remove_all("live/l.example");
	remove_all("live");
	/* Credentials alone will do. */
	tls = must_open(&here, true);
	begin(&pair, tls, client);
	CHECK(shake(&pair) == 1 && strcmp(got_name(&pair), "credential") == 0,
	    "%s %s", got_name(&pair), pair.text);
	end(&pair);
	tls_close(tls);
	for (size_t i = 0; i < 2; i++) {
		path_of(to, "credentials", "");
		(void)snprintf(to + strlen(to), sizeof(to) - strlen(to),
		    "/certificates_c.example_%s", files[i]);
		MUST(unlink(to) == 0);
	}
	remove_all("credentials");
	remove_all("archive");
	remove_all("spare");
}

/* --- clients' certificates --- */

static void
check_client(struct tls *tls, int version, const struct wish *wish,
    const char *name)
{
	SSL_CTX *client = make_client(version);
	X509 *leaf = NULL;
	struct tls_info info;
	struct pair pair;

	if (wish != NULL) {
		leaf = make_certificate(other_ec_key, wish);
		MUST(SSL_CTX_use_certificate(client, leaf) == 1);
		MUST(SSL_CTX_use_PrivateKey(client, other_ec_key) == 1);
	}
	begin(&pair, tls, client);
	CHECK(shake(&pair) == 1, "%s", pair.text);
	tls_describe(pair.server, &info);
	CHECK(strcmp(info.client, name) == 0, "%s instead of %s", info.client,
	    name);
	end(&pair);
	X509_free(leaf);
	SSL_CTX_free(client);
}

static void
check_clients(void)
{
	const struct {
		struct wish wish;
		const char *name;
	} rows[] = {
		{ { .cn = "alice", .to = 9, .issuer = ca }, "alice" },
		{ { .cn = "alice",
		      .san = "DNS:x.example,email:alice@a.example,email:b@b",
		      .to = 9,
		      .issuer = ca,
		      .usage = "clientAuth" },
		    "alice@a.example" },
		{ { .cn = "alice", .to = 9, .usage = "serverAuth",
		      .issuer = ca },
		    "" },
		{ { .cn = "alice", .from = -9, .to = -1, .issuer = ca }, "" },
		{ { .cn = "alice", .from = 1, .to = 9, .issuer = ca }, "" },
		{ { .cn = "alice", .to = 9 }, "" },
	};
	struct tls_settings asking = settings;
	char path[PATH_SIZE];
	struct tls *tls;

	write_chain("authorities", ca, NULL);
	path_of(path, "authorities", "fullchain.pem");
	asking.authorities = path;
	tls = must_open(&asking, false);
	for (size_t i = 0; i < 2; i++) {
		for (size_t j = 0; j < sizeof(rows) / sizeof(rows[0]); j++) {
			struct wish wish = rows[j].wish;

			wish.issuer_key = ca_key;
			check_client(tls, versions[i], &wish, rows[j].name);
		}
		check_client(tls, versions[i], NULL, "");
	}
	tls_close(tls);
	asking.authorities = "/nowhere";
	{
		char text[TLS_TEXT_MAX + 1];

		tls = tls_open(&asking, false, text);
		CHECK(tls == NULL && strstr(text, "/nowhere") != NULL, "%s",
		    text);
		tls_close(tls);
	}
}

/* --- session tickets --- */

/* A session in a process forked for it, as by the accept loop: whether it was
 * resumed, or 2 where it failed. */
static int
serve_forked(struct tls *tls, SSL_CTX *context, SSL_SESSION **kept)
{
	int fds[2], status;
	char octet;
	pid_t pid;
	SSL *client;

	MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	pid = fork();
	MUST(pid >= 0);
	if (pid == 0) {
		struct tls_session *server = tls_start(tls, fds[0], fds[0]);
		char text[TLS_TEXT_MAX + 1];
		struct tls_info info;
		int result = 2;

		close(fds[1]);
		if (server != NULL && tls_handshake(server, text) == 1 &&
		    tls_write(server, "x", 1) == 1) {
			tls_describe(server, &info);
			result = info.resumed;
			if (tls_read(server, &octet, 1) != 0)
				result = 2;
		}
		_exit(result);
	}
	close(fds[0]);
	client = SSL_new(context);
	MUST(client != NULL);
	MUST(*kept == NULL || SSL_set_session(client, *kept));
	SSL_SESSION_free(*kept);
	SSL_set_fd(client, fds[1]);
	MUST(SSL_connect(client) == 1 && SSL_read(client, &octet, 1) == 1);
	CHECK(octet == 'x', "what the server sent");
	status = SSL_session_reused(client);
	*kept = SSL_get1_session(client);
	(void)SSL_shutdown(client);
	SSL_free(client);
	close(fds[1]);
	{
		int theirs;

		MUST(waitpid(pid, &theirs, 0) == pid);
		CHECK(WIFEXITED(theirs) && WEXITSTATUS(theirs) == status,
		    "both know whether it is resumed: %d", theirs);
	}
	return status;
}

static void
check_tickets(const struct tls_settings *with)
{
	struct wish wish = {
		.cn = "alice", .to = 9, .issuer = ca, .issuer_key = ca_key
	};
	X509 *leaf = make_certificate(other_ec_key, &wish);

	for (size_t i = 0; i < 2; i++) {
		struct tls *tls = must_open(with, true);
		SSL_CTX *client = make_client(versions[i]);
		SSL_SESSION *kept = NULL, *first;
		time_t now = 1000;

		if (with->authorities[0] != '\0') {
			MUST(SSL_CTX_use_certificate(client, leaf) == 1);
			MUST(
			    SSL_CTX_use_PrivateKey(client, other_ec_key) == 1);
		}
		tls_rotate(tls, now);
		CHECK(serve_forked(tls, client, &kept) == 0, "the first time");
		CHECK(kept != NULL && SSL_SESSION_has_ticket(kept), "a ticket");
		MUST(kept != NULL && SSL_SESSION_up_ref(kept));
		first = kept;
		CHECK(serve_forked(tls, client, &kept) == 1, "resumed");
		tls_rotate(tls, now + TLS_TICKET_SECONDS - 1);
		CHECK(serve_forked(tls, client, &kept) == 1, "still");
		SSL_SESSION_free(kept);
		MUST(SSL_SESSION_up_ref(first));
		kept = first;
		now += TLS_TICKET_SECONDS;
		tls_rotate(tls, now);
		tls_rotate(tls, now);
		CHECK(serve_forked(tls, client, &kept) == 1, "the key before");
		CHECK(kept != first, "and a new ticket");
		SSL_SESSION_free(kept);
		MUST(SSL_SESSION_up_ref(first));
		kept = first;
		tls_rotate(tls, now + TLS_TICKET_SECONDS);
		CHECK(serve_forked(tls, client, &kept) == 0, "no more");
		CHECK(serve_forked(tls, client, &kept) == 1, "the new one");
		now += TLS_TICKET_SECONDS;
		tls_rotate(tls, now + 2 * TLS_TICKET_SECONDS);
		CHECK(serve_forked(tls, client, &kept) == 0, "after a pause");
		SSL_SESSION_free(kept);
		SSL_SESSION_free(first);
		SSL_CTX_free(client);
		tls_close(tls);
	}
	X509_free(leaf);
}

static void
check_resumed_client(void)
{
	struct wish wish = {
		.cn = "alice", .to = 9, .issuer = ca, .issuer_key = ca_key
	};
	X509 *leaf = make_certificate(other_ec_key, &wish);
	struct tls_settings asking = settings;
	char path[PATH_SIZE];
	struct tls *tls;

	path_of(path, "authorities", "fullchain.pem");
	asking.authorities = path;
	check_tickets(&asking);
	tls = must_open(&asking, true);
	for (size_t i = 0; i < 2; i++) {
		SSL_CTX *client = make_client(versions[i]);
		SSL_SESSION *kept = NULL;
		struct tls_info info;
		char octet;

		MUST(SSL_CTX_use_certificate(client, leaf) == 1);
		MUST(SSL_CTX_use_PrivateKey(client, other_ec_key) == 1);
		for (int turn = 0; turn < 2; turn++) {
			struct pair pair;

			begin(&pair, tls, client);
			MUST(SSL_set_tlsext_host_name(
			    pair.client, "mx.example"));
			MUST(kept == NULL ||
			    SSL_set_session(pair.client, kept));
			CHECK(shake(&pair) == 1, "%s", pair.text);
			(void)SSL_read(pair.client, &octet, 1);
			SSL_SESSION_free(kept);
			kept = SSL_get1_session(pair.client);
			(void)SSL_shutdown(pair.client);
			tls_describe(pair.server, &info);
			CHECK(info.resumed == (turn == 1), "turn %d", turn);
			CHECK(strcmp(info.client, "alice") == 0, "%s",
			    info.client);
			CHECK(strcmp(info.name, "mx.example") == 0, "%s",
			    info.name);
			end(&pair);
		}
		SSL_SESSION_free(kept);
		SSL_CTX_free(client);
	}
	tls_close(tls);
	X509_free(leaf);
}

/* One session is all there is of a process: nothing to come back to. */
static void
check_no_tickets(void)
{
	struct tls *tls = must_open(&settings, false);

	for (size_t i = 0; i < 2; i++) {
		SSL_CTX *client = make_client(versions[i]);
		SSL_SESSION *kept = NULL;

		CHECK(serve_forked(tls, client, &kept) == 0, "not resumed");
		CHECK(kept == NULL || !SSL_SESSION_has_ticket(kept), "none");
		SSL_SESSION_free(kept);
		SSL_CTX_free(client);
	}
	tls_close(tls);
}

/* --- reading and writing --- */

static void
check_data(struct tls *tls, int version)
{
	static char large[100000], back[sizeof(large)];
	SSL_CTX *client = make_client(version);
	char text[32];
	size_t sent = 0, got = 0, read_len;
	struct pair pair;
	int waits = 0, room = 8192;

	for (size_t i = 0; i < sizeof(large); i++)
		large[i] = (char)(i * 7 + i / 251);
	begin(&pair, tls, client);
	CHECK(shake(&pair) == 1, "%s", pair.text);
	CHECK(tls_read(pair.server, text, sizeof(text)) == -1 &&
		errno == EAGAIN && tls_events(pair.server) == POLLIN,
	    "nothing is there");
	CHECK(!tls_has_pending(pair.server), "nothing at all");
	MUST(SSL_write(pair.client, "hello", 5) == 5);
	MUST(SSL_write(pair.client, "again", 5) == 5);
	carry_out(&pair, SIZE_MAX);
	CHECK(tls_read(pair.server, text, 2) == 2 && memcmp(text, "he", 2) == 0,
	    "a part of a record");
	CHECK(tls_has_pending(pair.server), "the rest of it");
	CHECK(tls_read(pair.server, text, sizeof(text)) == 3, "the rest");
	CHECK(tls_has_pending(pair.server), "the second record");
	CHECK(tls_read(pair.server, text, sizeof(text)) == 5, "is read");
	CHECK(!tls_has_pending(pair.server), "no more");
	MUST(SSL_write(pair.client, "torn", 4) == 4);
	carry_out(&pair, pair.sent + 9);
	CHECK(tls_read(pair.server, text, sizeof(text)) == -1 &&
		errno == EAGAIN,
	    "half a record is none");
	CHECK(!tls_has_pending(pair.server), "half a record is none");
	end(&pair);

	begin(&pair, tls, client);
	CHECK(shake(&pair) == 1, "%s", pair.text);
	MUST(setsockopt(pair.server_fd, SOL_SOCKET, SO_SNDBUF, &room,
		 sizeof(room)) == 0);
	while (got < sizeof(large)) {
		ssize_t wrote = sent == sizeof(large)
		    ? 0
		    : tls_write(
			  pair.server, large + sent, sizeof(large) - sent);

		if (wrote < 0) {
			CHECK(errno == EAGAIN &&
				tls_events(pair.server) == POLLOUT,
			    "it waits for room");
			waits++;
			carry_in(&pair);
		} else {
			sent += (size_t)wrote;
			if (sent == sizeof(large))
				carry_in(&pair);
		}
		while (SSL_read_ex(pair.client, back + got,
			   sizeof(back) - got, &read_len) == 1)
			got += read_len;
	}
	CHECK(waits > 0, "there was no room at times");
	CHECK(memcmp(large, back, sizeof(large)) == 0, "what came over");
	end(&pair);
	SSL_CTX_free(client);
}

/* The ways a connection ends. */
static void
check_ends(struct tls *tls, int version)
{
	enum { NOTIFY, EOF_ALONE, ALERT, FORGED, CLEAR, ENDS };
	SSL_CTX *client = make_client(version);
	char octets[256];
	struct pair pair;

	for (int how = 0; how < ENDS; how++) {
		begin(&pair, tls, client);
		CHECK(shake(&pair) == 1, "%s", pair.text);
		MUST(SSL_write(pair.client, "last", 4) == 4);
		carry_out(&pair, SIZE_MAX);
		switch (how) {
		case NOTIFY:
			(void)SSL_shutdown(pair.client);
			carry_out(&pair, SIZE_MAX);
			break;
		case FORGED: {
			int len;

			MUST(SSL_write(pair.client, "forged", 6) == 6);
			len = BIO_read(pair.out, octets, sizeof(octets));
			MUST(len > 6);
			octets[len - 1] ^= 1;
			MUST(write(pair.fd, octets, (size_t)len) == len);
			break;
		}
		case ALERT:
			MUST(write(pair.fd, "\x15\x03\x03\x00\x02\x02\x28",
				 7) == 7);
			break;
		case CLEAR:
			MUST(write(pair.fd, "QUIT\r\n", 6) == 6);
			break;
		default:
			break;
		}
		MUST(shutdown(pair.fd, SHUT_WR) == 0);
		CHECK(tls_read(pair.server, octets, sizeof(octets)) == 4,
		    "end %d: what was before it", how);
		CHECK(tls_read(pair.server, octets, sizeof(octets)) == 0,
		    "end %d: the end", how);
		CHECK(tls_read(pair.server, octets, sizeof(octets)) == 0,
		    "end %d: again", how);
		CHECK(!tls_has_pending(pair.server), "end %d", how);
		if (how == FORGED || how == CLEAR)
			CHECK(tls_write(pair.server, "x", 1) == -1 &&
				errno == EPIPE,
			    "end %d: not a word more", how);
		end(&pair);
	}
	/* Nobody is there to read. */
	begin(&pair, tls, client);
	CHECK(shake(&pair) == 1, "%s", pair.text);
	close(pair.fd);
	CHECK(tls_write(pair.server, "x", 1) == -1 && errno == EPIPE, "EPIPE");
	pair.fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	end(&pair);
	/* Our own end. */
	for (int notify = 0; notify < 2; notify++) {
		begin(&pair, tls, client);
		CHECK(shake(&pair) == 1, "%s", pair.text);
		carry_in(&pair);
		tls_finish(pair.server, notify);
		pair.server = NULL;
		carry_in(&pair);
		(void)SSL_read(pair.client, octets, 1);
		CHECK(((SSL_get_shutdown(pair.client) &
			   SSL_RECEIVED_SHUTDOWN) != 0) == notify,
		    "close_notify %d", notify);
		MUST(write(pair.server_fd, "x", 1) == 1);
		end(&pair);
	}
	SSL_CTX_free(client);
}

static void
check_renegotiation(struct tls *tls)
{
	SSL_CTX *client = make_client(TLS1_2_VERSION);
	struct pair pair;
	char text[8];

	SSL_CTX_set_options(client, SSL_OP_LEGACY_SERVER_CONNECT);
	begin(&pair, tls, client);
	CHECK(shake(&pair) == 1, "%s", pair.text);
	MUST(SSL_renegotiate(pair.client) == 1);
	(void)SSL_do_handshake(pair.client);
	carry_out(&pair, SIZE_MAX);
	CHECK(tls_read(pair.server, text, sizeof(text)) == -1 &&
		errno == EAGAIN,
	    "nothing was sent");
	carry_in(&pair);
	ERR_clear_error();
	(void)SSL_do_handshake(pair.client);
	CHECK(ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_NO_RENEGOTIATION,
	    "it is refused");
	ERR_clear_error();
	end(&pair);
	SSL_CTX_free(client);
}

/* New keys without end: the caller gets to look at the clock. */
static void
check_endless(struct tls *tls)
{
	enum { UPDATES = 4000 };
	SSL_CTX *client = make_client(TLS1_3_VERSION);
	struct pair pair;
	char text[8];
	unsigned times = 0;
	ssize_t got;

	begin(&pair, tls, client);
	CHECK(shake(&pair) == 1, "%s", pair.text);
	for (int i = 0; i < UPDATES; i++) {
		MUST(SSL_key_update(pair.client,
			 SSL_KEY_UPDATE_NOT_REQUESTED) == 1);
		MUST(SSL_do_handshake(pair.client) == 1);
	}
	MUST(SSL_write(pair.client, "last", 4) == 4);
	carry_out(&pair, SIZE_MAX);
	while ((got = tls_read(pair.server, text, sizeof(text))) < 0 &&
	    errno == EINTR)
		times++;
	CHECK(got == 4 && times > 0, "%zd, after %u times EINTR", got, times);
	end(&pair);
	SSL_CTX_free(client);
}

static void
check_pipes(struct tls *tls, SSL_CTX *client)
{
	int in[2], out[2];
	struct pair pair;
	char octets[4096];
	ssize_t got;
	int result = -1;

	begin(&pair, tls, client);
	tls_finish(pair.server, false);
	MUST(pipe2(in, O_NONBLOCK | O_CLOEXEC) == 0 &&
	    pipe2(out, O_NONBLOCK | O_CLOEXEC) == 0);
	pair.server = tls_start(tls, in[0], out[1]);
	for (int i = 0; i < 4 && result < 0; i++) {
		int len;

		(void)SSL_do_handshake(pair.client);
		len = BIO_read(pair.out, octets, sizeof(octets));
		MUST(len <= 0 || write(in[1], octets, (size_t)len) == len);
		result = tls_handshake(pair.server, pair.text);
		while ((got = read(out[0], octets, sizeof(octets))) > 0)
			MUST(BIO_write(pair.in, octets, (int)got) == got);
	}
	CHECK(result == 1, "%s", pair.text);
	end(&pair);
	close(in[0]);
	close(in[1]);
	close(out[0]);
	close(out[1]);
}

/* --- signals --- */

static volatile sig_atomic_t alarms;

static void
on_alarm(int number)
{
	(void)number;
	alarms++;
}

static void
set_timer(long microseconds)
{
	struct itimerval timer = {
		.it_value.tv_usec = microseconds,
		.it_interval.tv_usec = microseconds,
	};

	MUST(setitimer(ITIMER_REAL, &timer, NULL) == 0);
}

static void
set_blocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	MUST(flags >= 0 && fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) == 0);
}

static void
check_signals(struct tls *tls, SSL_CTX *client)
{
	static char text[16384], back[16384];
	struct sigaction action = { .sa_handler = on_alarm };
	struct pair pair;
	size_t written = 0, got = 0, len;
	ssize_t wrote;

	MUST(sigaction(SIGALRM, &action, NULL) == 0);
	begin(&pair, tls, client);
	set_blocking(pair.server_fd);
	set_timer(5000);
	CHECK(tls_handshake(pair.server, pair.text) == -1 && errno == EINTR,
	    "a signal interrupts the handshake: %s", pair.text);
	(void)SSL_do_handshake(pair.client);
	carry_out(&pair, 100);
	CHECK(tls_handshake(pair.server, pair.text) == -1 && errno == EINTR,
	    "and in the middle of a message: %s", pair.text);
	end(&pair);
	set_timer(0);
	begin(&pair, tls, client);
	CHECK(shake(&pair) == 1, "%s", pair.text);
	set_blocking(pair.server_fd);
	set_timer(5000);
	CHECK(tls_read(pair.server, text, 1) == -1 && errno == EINTR,
	    "a signal interrupts a read");
	memset(text, 'a', sizeof(text));
	while ((wrote = tls_write(pair.server, text, sizeof(text))) > 0)
		written += (size_t)wrote;
	CHECK(wrote == -1 && errno == EINTR, "a signal interrupts a write");
	set_timer(0);
	MUST(alarms >= 3);
	/* It goes on with the record that is on its way. */
	carry_in(&pair);
	memset(back, 'a', sizeof(back));
	wrote = tls_write(pair.server, back, sizeof(back));
	CHECK(wrote == (ssize_t)sizeof(text),
	    "the same octets from another place, %zd", wrote);
	written += (size_t)wrote;
	carry_in(&pair);
	while (SSL_read_ex(pair.client, back, sizeof(back), &len) == 1)
		got += len;
	CHECK(got == written, "%zu written, %zu came", written, got);
	end(&pair);
	MUST(signal(SIGALRM, SIG_DFL) != SIG_ERR);
}

/* --- --check --- */

struct said {
	char text[8192];
	unsigned problems;
};

static void
say(void *to, bool problem, const char *text)
{
	struct said *said = to;
	size_t len = strlen(said->text);

	said->problems += problem;
	(void)snprintf(said->text + len, sizeof(said->text) - len, "%s%s\n",
	    problem ? "! " : "", text);
}

static void
check_says(const struct tls_settings *here, unsigned problems,
    const char *words)
{
	struct said said = { .problems = 0 };
	unsigned result = tls_check(here, say, &said);

	CHECK(result == problems && said.problems == problems,
	    "%u problems instead of %u:\n%s", result, problems, said.text);
	CHECK(strstr(said.text, words) != NULL, "no \"%s\" in:\n%s", words,
	    said.text);
}

static void
check_check(void)
{
	struct wish wish = { .cn = "mx.example", .from = -9, .to = -1 };
	struct tls_settings here = settings;
	char path[PATH_SIZE], key[PATH_SIZE];
	X509 *leaf;

	path_of(path, "look", "");
	path_of(key, "look/mx.example", "privkey.pem");
	here.certificates = path;
	check_says(&here, 1, "! ");
	make_directory("look");
	check_says(&here, 1, "no certificate is there");
	write_pair("look/mx.example", ec_key, "mx.example", "DNS:mx.example");
	check_says(&here, 0, "self-signed");
	check_says(&here, 0, "valid until ");
	check_says(&here, 0, "for clients that ask for no name");
	MUST(chmod(key, 0644) == 0);
	check_says(&here, 1, "! ");
	check_says(&here, 1, "its mode 0644");
	MUST(chmod(key, 0640) == 0);
	leaf = make_certificate(ec_key, &wish);
	write_chain("look/mx.example", leaf, NULL);
	check_says(&here, 1, "! mx.example: expired on ");
	X509_free(leaf);
	wish.to = 13;
	leaf = make_certificate(ec_key, &wish);
	write_chain("look/mx.example", leaf, NULL);
	check_says(&here, 1, "! mx.example: expires on ");
	X509_free(leaf);
	wish.from = 1;
	wish.to = 90;
	leaf = make_certificate(ec_key, &wish);
	write_chain("look/mx.example", leaf, NULL);
	check_says(&here, 1, "! mx.example: not valid yet");
	X509_free(leaf);
	wish.from = -1;
	wish.issuer = ca;
	wish.issuer_key = ca_key;
	leaf = make_certificate(ec_key, &wish);
	write_chain("look/mx.example", leaf, NULL);
	check_says(&here, 1, "! mx.example: fullchain.pem lacks");
	write_chain("look/mx.example", leaf, ca);
	check_says(&here, 0, "not trusted by this machine");
	path_of(key, "authorities", "fullchain.pem");
	MUST(setenv("SSL_CERT_FILE", key, 1) == 0);
	check_says(&here, 0, "mx.example: trusted by whom");
	MUST(setenv("SSL_CERT_FILE", "/dev/null", 1) == 0);
	write_chain("look/mx.example", leaf, leaf);
	check_says(&here, 1, "was not issued by");
	X509_free(leaf);
	write_pair("look/mx.example", ec_key, "other", "DNS:other.example");
	check_says(&here, 2, "! mx.example: the certificate does not name it");
	check_says(&here, 2, "but does not name mx.example, our hostname");
	write_pair("look/mx.example", ec_key, "mx.example", NULL);
	write_pair("look/mx.example-0001", ec_key, "mx.example", NULL);
	check_says(&here, 0, "mx.example-0001: valid until");
	remove_all("look/mx.example-0001");
	write_key("look/mx.example", ec_key, "secret");
	check_says(&here, 1, "has a passphrase");
	write_key("look/mx.example", other_ec_key, NULL);
	check_says(&here, 1, "not the key");
	write_key("look/mx.example", ec_key, NULL);
	here.authorities = "/nowhere";
	check_says(&here, 1, "/nowhere: ");
	path_of(key, "authorities", "fullchain.pem");
	here.authorities = key;
	check_says(&here, 0, "certificates of clients are asked for");
	remove_all("look/mx.example");
	remove_all("look");
}

static void
check_sessions(bool shared)
{
	struct tls *tls = must_open(&settings, shared);
	SSL_CTX *client = make_client(TLS1_3_VERSION);
	SSL_CTX *older = make_client(TLS1_2_VERSION);

	check_info(tls);
	check_disagreement(tls);
	check_garbage(tls, client);
	if (!shared) {
		check_aborts(tls, client);
		check_changed(tls, client);
		check_aborts(tls, older);
		check_changed(tls, older);
	}
	for (size_t i = 0; i < 2; i++) {
		check_data(tls, versions[i]);
		check_ends(tls, versions[i]);
	}
	check_renegotiation(tls);
	check_pipes(tls, client);
	check_endless(tls);
	check_signals(tls, client);
	if (!shared) {
		check_forms(tls, client);
		check_places(client);
	}
	tls_close(tls);
	SSL_CTX_free(client);
	SSL_CTX_free(older);
}

int
main(void)
{
	char certs[PATH_SIZE];

	MUST(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	/* This machine's own take long to read. */
	MUST(setenv("SSL_CERT_FILE", "/dev/null", 1) == 0);
	/* Under valgrind each takes fifty times as long. */
	if (getenv("UNIT_BRIEF") != NULL)
		step = 37;
	make_keys();
	make_directory("certs");
	write_pair("certs/mx.example", ec_key, "mx.example", NULL);
	path_of(certs, "certs", "");
	settings = (struct tls_settings){
		.certificates = certs,
		.hostname = "mx.example",
		.authorities = "",
	};
	check_broken();
	check_sessions(false);
	check_sessions(true);
	make_names();
	for (int shared = 0; shared < 2; shared++) {
		check_names(shared);
		check_kinds(shared);
		check_renewal(shared);
	}
	remove_names();
	check_clients();
	check_tickets(&settings);
	check_resumed_client();
	check_no_tickets();
	check_check();
	remove_all("authorities");
	remove_all("certs/mx.example");
	remove_all("certs");
	MUST(rmdir(root) == 0);
	free_keys();
	return unit_end("tls");
}
