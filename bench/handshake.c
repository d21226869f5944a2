/* SPDX-License-Identifier: ISC */
/* handshake.c - what STARTTLS costs a process that was exec'ed for one session,
 * step by step: CPU time and page faults.
 *
 *   handshake RUNS CERTIFICATES    a directory as smtpd.conf(5) has it, with
 *                                  mx.example.org in it
 *
 * Each run forks a server that has no library yet, and a client; in turns one
 * server that goes the way of lib/tls and one that does what OpenSSL does when
 * it is told nothing: read openssl.cnf, load the texts of errors, register
 * names of algorithms, read PEM by its decoders, make tickets, free all at
 * exit. Prints medians. */
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <dlfcn.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/openssl.h"
#include "clock.h"

enum step { LIBRARY, BEGINNING, CONTEXT, CERTIFICATE, HANDSHAKE, END, STEPS };
enum way { OURS, DEFAULTS, WAYS };

static const char *const titles[STEPS] = {
	[LIBRARY] = "dlopen of libssl and libcrypto",
	[BEGINNING] = "names looked up, OpenSSL begins",
	[CONTEXT] = "a context",
	[CERTIFICATE] = "the certificate and its key",
	[HANDSHAKE] = "the handshake",
	[END] = "the end",
};

/* Of a process so far. */
struct cost {
	double us;
	double faults;
};

struct costs {
	struct cost at[STEPS]; /* after each step */
};

static struct cost
cost_of(const struct rusage *usage)
{
	return (struct cost){
		.us =
		    (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) *
			1e6 +
		    (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec),
		.faults = (double)usage->ru_minflt,
	};
}

static void
mark(struct costs *costs, enum step step)
{
	struct rusage usage;

	(void)getrusage(RUSAGE_SELF, &usage);
	costs->at[step] = cost_of(&usage);
}

/* What cannot be had cannot be measured. */
static void *
want(void *found, const char *what)
{
	if (found == NULL) {
		(void)fprintf(stderr, "handshake: %s\n", what);
		_exit(1);
	}
	return found;
}

static void
serve_ours(struct costs *costs, const char *certificates, int fd)
{
	const struct tls_settings settings = {
		.certificates = certificates,
		.hostname = "mx.example.org",
		.authorities = "",
	};
	char text[TLS_TEXT_MAX + 1] = "";
	const struct openssl *openssl;
	struct tls *tls;
	struct tls_session *session;

	(void)want(dlopen("libssl.so.3", RTLD_NOW | RTLD_LOCAL), "no libssl");
	mark(costs, LIBRARY);
	openssl = openssl_load(text);
	mark(costs, BEGINNING);
	/* One to throw away: most of what a context costs the first one pays. */
	openssl->SSL_CTX_free(
	    openssl->SSL_CTX_new(openssl->TLS_server_method()));
	mark(costs, CONTEXT);
	tls = want(tls_open(&settings, false, text), text);
	mark(costs, CERTIFICATE);
	session = want(tls_start(tls, fd, fd), "no memory");
	if (tls_handshake(session, text) != 1)
		(void)want(NULL, text);
	mark(costs, HANDSHAKE);
	tls_finish(session, true);
	tls_close(tls);
}

/* As a program would that links it. */
static void
serve_defaults(struct costs *costs, const char *certificates, int fd)
{
	char chain[PATH_MAX], key[PATH_MAX];
	void *library =
	    want(dlopen("libssl.so.3", RTLD_NOW | RTLD_LOCAL), "no libssl");
#define FIND(name)                      \
	__typeof__(name) *find_##name = \
	    (__typeof__(name) *)want(dlsym(library, #name), #name)
	FIND(OPENSSL_init_ssl);
	FIND(TLS_server_method);
	FIND(SSL_CTX_new);
	FIND(SSL_CTX_use_certificate_chain_file);
	FIND(SSL_CTX_use_PrivateKey_file);
	FIND(SSL_CTX_free);
	FIND(SSL_new);
	FIND(SSL_set_fd);
	FIND(SSL_accept);
	FIND(SSL_shutdown);
	FIND(SSL_free);
#undef FIND
	SSL_CTX *context;
	SSL *ssl;

	(void)snprintf(chain, sizeof(chain), "%s/mx.example.org/fullchain.pem",
	    certificates);
	(void)snprintf(
	    key, sizeof(key), "%s/mx.example.org/privkey.pem", certificates);
	mark(costs, LIBRARY);
	(void)find_OPENSSL_init_ssl(0, NULL);
	mark(costs, BEGINNING);
	context = want(find_SSL_CTX_new(find_TLS_server_method()), "context");
	mark(costs, CONTEXT);
	if (find_SSL_CTX_use_certificate_chain_file(context, chain) != 1 ||
	    find_SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) !=
		1)
		(void)want(NULL, "certificate");
	mark(costs, CERTIFICATE);
	ssl = want(find_SSL_new(context), "session");
	if (find_SSL_set_fd(ssl, fd) != 1 || find_SSL_accept(ssl) != 1)
		(void)want(NULL, "handshake");
	mark(costs, HANDSHAKE);
	(void)find_SSL_shutdown(ssl);
	find_SSL_free(ssl);
	find_SSL_CTX_free(context);
}

static void
dial(int fd)
{
	char text[TLS_TEXT_MAX + 1] = "", octet;
	const struct openssl *openssl = openssl_load(text);
	SSL_CTX *context;
	SSL *ssl;

	if (openssl == NULL)
		(void)want(NULL, text);
	context =
	    want(openssl->SSL_CTX_new(openssl->TLS_client_method()), "context");
	ssl = want(openssl->SSL_new(context), "session");
	(void)openssl->SSL_set_rfd(ssl, fd);
	(void)openssl->SSL_set_wfd(ssl, fd);
	if (openssl->SSL_connect(ssl) == 1)
		(void)openssl->SSL_read(ssl, &octet, 1);
	_exit(0);
}

/* What a server cost, by itself and, at the end, by the kernel. */
static void
run(enum way way, const char *certificates, struct costs *costs)
{
	int net[2], out[2], status;
	struct rusage usage;
	pid_t server, client;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, net) < 0 || pipe(out) < 0)
		die("socketpair");
	client = fork();
	if (client == 0) {
		close(net[0]);
		dial(net[1]);
	}
	server = fork();
	if (server == 0) {
		close(net[1]);
		if (way == OURS)
			serve_ours(costs, certificates, net[0]);
		else
			serve_defaults(costs, certificates, net[0]);
		if (write(out[1], costs, sizeof(*costs)) < 0)
			die("write");
		exit(0);
	}
	close(net[0]);
	close(net[1]);
	close(out[1]);
	if (client < 0 || server < 0 ||
	    read(out[0], costs, sizeof(*costs)) != sizeof(*costs) ||
	    wait4(server, &status, 0, &usage) < 0 || status != 0) {
		(void)fprintf(stderr, "handshake: a run failed\n");
		exit(1);
	}
	close(out[0]);
	(void)waitpid(client, NULL, 0);
	costs->at[END] = cost_of(&usage);
}

static int
compare(const void *a, const void *b)
{
	const double *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

/* Of a step alone, or with those before. */
static struct cost
median(const struct costs *all, size_t runs, enum step step, bool alone)
{
	double *us = calloc(runs, sizeof(*us));
	double *faults = calloc(runs, sizeof(*faults));
	struct cost result;

	if (us == NULL || faults == NULL)
		die("calloc");
	for (size_t i = 0; i < runs; i++) {
		const struct cost *now = &all[i].at[step];

		us[i] = now->us - (alone && step > 0 ? now[-1].us : 0);
		faults[i] =
		    now->faults - (alone && step > 0 ? now[-1].faults : 0);
	}
	qsort(us, runs, sizeof(*us), compare);
	qsort(faults, runs, sizeof(*faults), compare);
	result = (struct cost){ us[runs / 2], faults[runs / 2] };
	free(us);
	free(faults);
	return result;
}

int
main(int argc, char *argv[])
{
	size_t runs = argc == 3 ? strtoul(argv[1], NULL, 10) : 0;
	struct costs *all[WAYS];

	if (runs == 0) {
		(void)fputs("usage: handshake RUNS CERTIFICATES\n", stderr);
		return 2;
	}
	for (enum way way = 0; way < WAYS; way++)
		if ((all[way] = calloc(runs, sizeof(*all[way]))) == NULL)
			die("calloc");
	for (size_t i = 0; i < runs; i++)
		for (enum way way = 0; way < WAYS; way++)
			run(way, argv[2], &all[way][i]);
	printf("%-34s %16s    %16s\n", "CPU us and page faults", "smtpd's way",
	    "by default");
	for (int step = 0; step <= STEPS; step++) {
		bool sum = step == STEPS;
		enum step of = sum ? END : (enum step)step;

		printf("%-34s", sum ? "all" : titles[of]);
		for (enum way way = 0; way < WAYS; way++) {
			struct cost cost = median(all[way], runs, of, !sum);

			printf(" %9.0f us %5.0f %s", cost.us, cost.faults, " ");
		}
		printf("\n");
	}
	return 0;
}
