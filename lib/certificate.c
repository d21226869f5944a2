/* SPDX-License-Identifier: ISC */
/* certificate.c - see certificate.h for the contract. */
#include "certificate.h"

#include <sys/stat.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "pem.h"

static const char *const file_names[CERTIFICATE_FILES] = {
	[CERTIFICATE_CHAIN] = "fullchain.pem",
	[CERTIFICATE_KEY] = "privkey.pem",
};
static const char credential_prefix[] = "certificates_";

/* --- files --- */

static struct certificate_stamp
stamp_of(const struct stat *st)
{
	return (struct certificate_stamp){
		.device = st->st_dev,
		.inode = st->st_ino,
		.changed = st->st_ctim,
	};
}

static bool
is_same(
    const struct certificate_stamp *one, const struct certificate_stamp *other)
{
	return one->device == other->device && one->inode == other->inode &&
	    one->changed.tv_sec == other->changed.tv_sec &&
	    one->changed.tv_nsec == other->changed.tv_nsec;
}

static bool
has_credentials(const struct tls_settings *settings)
{
	return settings->credentials != NULL &&
	    settings->credentials[0] != '\0';
}

/* Where a file is: number 0 among the credentials, 1 in the directory. False
 * where it cannot be. */
static bool
make_path(const struct tls_settings *settings, const char *name,
    enum certificate_file file, int number, char path[PATH_MAX])
{
	int len;

	if (number == 0 && !has_credentials(settings))
		return false;
	if (number == 0)
		len = snprintf(path, PATH_MAX, "%s/%s%s_%s",
		    settings->credentials, credential_prefix, name,
		    file_names[file]);
	else
		len = snprintf(path, PATH_MAX, "%s/%s/%s",
		    settings->certificates, name, file_names[file]);
	return len > 0 && len < PATH_MAX;
}

int
certificate_open(const struct certificates *certificates, const char *name,
    enum certificate_file file, char path[PATH_MAX])
{
	int fd = -1;

	errno = ENOENT;
	for (int number = 0; number < 2 && fd < 0 && errno == ENOENT; number++)
		if (make_path(certificates->settings, name, file, number, path))
			/* A FIFO must not make us wait. */
			fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	return fd;
}

static struct certificate_stamp
look(const struct certificates *certificates, const char *name,
    enum certificate_file file)
{
	char path[PATH_MAX];
	struct stat st;

	for (int number = 0; number < 2; number++)
		if (make_path(
			certificates->settings, name, file, number, path) &&
		    stat(path, &st) == 0)
			return stamp_of(&st);
	return (struct certificate_stamp){ 0 };
}

/* Forget what was read of the files. */
static void
drop(const struct openssl *openssl, struct certificate *certificate)
{
	openssl->X509_free(certificate->leaf);
	openssl->EVP_PKEY_free(certificate->key);
	pem_free_chain(openssl, certificate->chain);
	certificate->leaf = NULL;
	certificate->key = NULL;
	certificate->chain = NULL;
}

/* Open a file and note which one it is. A descriptor, or -1 and text. */
static int
open_file(const struct certificates *certificates,
    struct certificate *certificate, enum certificate_file file,
    char path[PATH_MAX], char text[TLS_TEXT_MAX + 1])
{
	struct stat st;
	int fd = certificate_open(certificates, certificate->name, file, path);

	if (fd < 0)
		openssl_note(text, "%s: %s%s", path, strerror(errno),
		    errno == EACCES ? "; let the user of smtpd read it" : "");
	else if (fstat(fd, &st) == 0)
		certificate->files[file] = stamp_of(&st);
	return fd;
}

bool
certificate_read(const struct certificates *certificates,
    struct certificate *certificate, char text[TLS_TEXT_MAX + 1])
{
	const struct openssl *openssl = certificates->openssl;
	char path[PATH_MAX];
	int fd =
	    open_file(certificates, certificate, CERTIFICATE_CHAIN, path, text);

	certificate->looked = true;
	if (fd >= 0) {
		(void)pem_read_certificates(openssl, fd, path,
		    &certificate->leaf, &certificate->chain, text);
		close(fd);
	}
	fd = open_file(certificates, certificate, CERTIFICATE_KEY, path, text);
	if (fd >= 0) {
		certificate->key = pem_read_key(openssl, fd, path, text);
		close(fd);
	}
	if (certificate->leaf != NULL && certificate->key != NULL) {
		if (openssl->X509_check_private_key(
			certificate->leaf, certificate->key) == 1)
			return true;
		openssl_note(text, "%s: not the key of the certificate", path);
	}
	openssl->ERR_clear_error();
	drop(openssl, certificate);
	return false;
}

/* Read it, unless that was done and the files are the same. Where they are not
 * and what they hold is of no use, as in the middle of a renewal, what was read
 * before still is. Returns whether there is a certificate. */
static bool
refresh(struct certificates *certificates, struct certificate *certificate,
    char text[TLS_TEXT_MAX + 1])
{
	struct certificate fresh = { 0 };
	struct certificate_stamp now[CERTIFICATE_FILES];

	for (int i = 0; i < CERTIFICATE_FILES && certificate->looked; i++)
		now[i] = look(
		    certificates, certificate->name, (enum certificate_file)i);
	if (certificate->looked && is_same(&now[0], &certificate->files[0]) &&
	    is_same(&now[1], &certificate->files[1])) {
		if (certificate->leaf == NULL)
			openssl_note(text, "%s/%s: still of no use",
			    certificates->settings->certificates,
			    certificate->name);
		return certificate->leaf != NULL;
	}
	certificates->changed = certificates->changed || certificate->looked;
	memcpy(fresh.name, certificate->name, sizeof(fresh.name));
	if (certificate_read(certificates, &fresh, text) ||
	    certificate->leaf == NULL) {
		drop(certificates->openssl, certificate);
		*certificate = fresh;
	}
	/* Once is enough, until they change again. */
	memcpy(certificate->files, fresh.files, sizeof(fresh.files));
	return certificate->leaf != NULL;
}

void
certificate_read_all(
    struct certificates *certificates, char text[TLS_TEXT_MAX + 1])
{
	for (size_t i = 0; i < certificates->len; i++)
		(void)refresh(certificates, &certificates->list[i], text);
}

/* --- names --- */

static int
compare(const void *one, const void *other)
{
	return strcmp(((const struct certificate *)one)->name,
	    ((const struct certificate *)other)->name);
}

/* Add a name once. False where there are too many, or memory ends. */
static bool
add_name(struct certificates *to, const char *name, size_t len)
{
	struct certificate *list;

	if (len == 0 || len > NAME_MAX)
		return true;
	for (size_t i = 0; i < to->len; i++)
		if (strncmp(to->list[i].name, name, len) == 0 &&
		    to->list[i].name[len] == '\0')
			return true;
	if (to->len == TLS_CERTIFICATES_MAX)
		return false;
	/* Doubled at each power of two. */
	if ((to->len & (to->len - 1)) == 0) {
		list = realloc(
		    to->list, (to->len > 0 ? 2 * to->len : 1) * sizeof(*list));
		if (list == NULL)
			return false;
		to->list = list;
	}
	to->list[to->len] = (struct certificate){ 0 };
	memcpy(to->list[to->len].name, name, len);
	to->len++;
	return true;
}

static bool
add_entry(struct certificates *to, const struct dirent *entry)
{
	if (entry->d_name[0] == '.' ||
	    (entry->d_type != DT_DIR && entry->d_type != DT_LNK &&
		entry->d_type != DT_UNKNOWN))
		return true;
	return add_name(to, entry->d_name, strlen(entry->d_name));
}

/* certificates_NAME_fullchain.pem */
static bool
add_credential(struct certificates *to, const struct dirent *entry)
{
	const char *name = entry->d_name + sizeof(credential_prefix) - 1;
	size_t end;

	if (strncmp(entry->d_name, credential_prefix,
		sizeof(credential_prefix) - 1) != 0)
		return true;
	for (int i = 0; i < CERTIFICATE_FILES; i++) {
		size_t suffix = strlen(file_names[i]) + 1;

		if (strlen(name) <= suffix)
			continue;
		end = strlen(name) - suffix;
		if (name[0] != '.' && name[end] == '_' &&
		    strcmp(name + end + 1, file_names[i]) == 0)
			return add_name(to, name, end);
	}
	return true;
}

/* Add the names in a directory. 0, or -1 and text. */
static int
add_all(struct certificates *to, const char *path,
    bool (*add)(struct certificates *to, const struct dirent *entry),
    char text[TLS_TEXT_MAX + 1])
{
	DIR *directory = opendir(path);
	const struct dirent *entry;
	bool ok = true;

	if (directory == NULL) {
		openssl_note(text, "%s: %s", path, strerror(errno));
		return -1;
	}
	while (ok && (entry = readdir(directory)) != NULL)
		ok = add(to, entry);
	closedir(directory);
	if (!ok)
		openssl_note(text, "%s: more than %d certificates", path,
		    TLS_CERTIFICATES_MAX);
	return ok ? 0 : -1;
}

static struct certificate_stamp
look_at_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? stamp_of(&st)
				    : (struct certificate_stamp){ 0 };
}

/* What was read of a name that is still there needs not be read again. */
static void
take_over(struct certificates *to, struct certificates *from)
{
	for (size_t i = 0; i < from->len && to->len > 0; i++) {
		struct certificate *same = bsearch(&from->list[i], to->list,
		    to->len, sizeof(to->list[0]), compare);

		if (same == NULL)
			continue;
		*same = from->list[i];
		from->list[i] = (struct certificate){ 0 };
	}
}

int
certificate_list(struct certificates *certificates, char text[TLS_TEXT_MAX + 1])
{
	const struct tls_settings *settings = certificates->settings;
	struct certificates found = {
		.openssl = certificates->openssl,
		.settings = settings,
		.directory = look_at_directory(settings->certificates),
		.changed = certificates->changed,
	};
	bool missing = found.directory.inode == 0 && errno == ENOENT;
	int result = 0;

	if (has_credentials(settings)) {
		found.credentials = look_at_directory(settings->credentials);
		result = add_all(
		    &found, settings->credentials, add_credential, text);
	}
	/* Credentials alone will do. */
	if (result == 0 && (!missing || found.len == 0))
		result =
		    add_all(&found, settings->certificates, add_entry, text);
	if (result == 0 && found.len == 0) {
		openssl_note(text,
		    "%s: no certificate is there; NAME/fullchain.pem and "
		    "NAME/privkey.pem are looked for",
		    settings->certificates);
		result = -1;
	}
	if (result < 0) {
		free(found.list);
		return -1;
	}
	qsort(found.list, found.len, sizeof(found.list[0]), compare);
	take_over(&found, certificates);
	certificate_free(certificates);
	*certificates = found;
	return 0;
}

void
certificate_free(struct certificates *certificates)
{
	for (size_t i = 0; i < certificates->len; i++)
		drop(certificates->openssl, &certificates->list[i]);
	free(certificates->list);
	certificates->list = NULL;
	certificates->len = 0;
}

/* --- which one --- */

bool
certificate_names(const struct openssl *openssl,
    const struct certificate *certificate, const char *host)
{
	return openssl->X509_check_host(
		   certificate->leaf, host, strlen(host), 0, NULL) == 1;
}

/* What a client may ask for: nothing that leads elsewhere. */
static bool
is_host(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > TLS_NAME_MAX || name[0] == '.')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isascii((unsigned char)name[i]) ||
		    (!isalnum((unsigned char)name[i]) &&
			strchr("-._", name[i]) == NULL))
			return false;
	return true;
}

struct choice {
	const struct certificate *chosen[CERTIFICATE_KINDS_MAX];
	size_t len;
};

static bool
is_expired(const struct openssl *openssl, const struct certificate *certificate)
{
	return openssl->X509_cmp_current_time(
		   openssl->X509_get0_notAfter(certificate->leaf)) <= 0;
}

/* Take the first of each kind of key, but rather one that has not expired. */
static void
offer(struct choice *choice, const struct openssl *openssl,
    const struct certificate *certificate)
{
	int kind = openssl->EVP_PKEY_get_base_id(certificate->key);

	for (size_t i = 0; i < choice->len; i++) {
		if (openssl->EVP_PKEY_get_base_id(choice->chosen[i]->key) !=
		    kind)
			continue;
		if (is_expired(openssl, choice->chosen[i]) &&
		    !is_expired(openssl, certificate))
			choice->chosen[i] = certificate;
		return;
	}
	if (choice->len < CERTIFICATE_KINDS_MAX)
		choice->chosen[choice->len++] = certificate;
}

/* Offer the directory called name, and those beside it for another kind of key
 * or by another order: NAME-ecdsa, NAME_ecc, NAME-0001. The name of these may
 * mean something else, example.co-op.uk beside example.co, so that their
 * certificate has to name the host, too. */
static void
gather(struct certificates *certificates, const char *name, const char *host,
    struct choice *choice, char text[TLS_TEXT_MAX + 1])
{
	size_t len = strlen(name);

	for (size_t i = 0; i < certificates->len; i++) {
		struct certificate *one = &certificates->list[i];
		bool exact;

		if (strncasecmp(one->name, name, len) != 0)
			continue;
		exact = one->name[len] == '\0';
		if (!exact && one->name[len] != '-' && one->name[len] != '_')
			continue;
		if (refresh(certificates, one, text) &&
		    (exact ||
			certificate_names(certificates->openssl, one, host)))
			offer(choice, certificates->openssl, one);
	}
}

/* Whether it is worth reading for a host. Who asks for names that nobody has
 * would otherwise have us read each certificate, at 0.4 ms. */
static bool
may_name(const struct certificates *certificates,
    const struct certificate *certificate, const char *host)
{
	char path[PATH_MAX];
	bool found;
	int fd;

	if (certificate->looked)
		return true;
	fd = certificate_open(
	    certificates, certificate->name, CERTIFICATE_CHAIN, path);
	if (fd < 0)
		return false;
	found = pem_mentions(certificates->openssl, fd, path, host);
	close(fd);
	return found;
}

/* Offer the first that names a host, with those beside it; host NULL: the first
 * at all. */
static void
search(struct certificates *certificates, const char *host,
    struct choice *choice, char text[TLS_TEXT_MAX + 1])
{
	for (size_t i = 0; i < certificates->len && choice->len == 0; i++) {
		struct certificate *one = &certificates->list[i];

		if (host != NULL && !may_name(certificates, one, host))
			continue;
		if (!refresh(certificates, one, text) ||
		    (host != NULL &&
			!certificate_names(certificates->openssl, one, host)))
			continue;
		gather(certificates, one->name, host != NULL ? host : one->name,
		    choice, text);
	}
}

static void
find(struct certificates *certificates, const char *host, struct choice *choice,
    char text[TLS_TEXT_MAX + 1])
{
	gather(certificates, host, host, choice, text);
	if (choice->len == 0)
		search(certificates, host, choice, text);
}

/* Whether names may have come or gone. */
static bool
is_list_old(const struct certificates *certificates)
{
	const struct tls_settings *settings = certificates->settings;
	struct certificate_stamp now =
	    look_at_directory(settings->certificates);

	if (!is_same(&now, &certificates->directory))
		return true;
	if (!has_credentials(settings))
		return false;
	now = look_at_directory(settings->credentials);
	return !is_same(&now, &certificates->credentials);
}

size_t
certificate_choose(struct certificates *certificates, const char *name,
    const struct certificate *chosen[CERTIFICATE_KINDS_MAX],
    char text[TLS_TEXT_MAX + 1])
{
	struct choice choice = { .len = 0 };
	char ignored[TLS_TEXT_MAX + 1] = "";

	if (is_list_old(certificates)) {
		certificates->changed = true;
		/* Else those that were known are still there to be had. */
		(void)certificate_list(certificates, ignored);
	}
	if (is_host(name))
		find(certificates, name, &choice, text);
	if (choice.len == 0)
		find(certificates, certificates->settings->hostname, &choice,
		    text);
	if (choice.len == 0)
		search(certificates, NULL, &choice, text);
	memcpy(chosen, choice.chosen, sizeof(choice.chosen));
	return choice.len;
}

/* --- whose it is --- */

/* Text in a certificate, as it is: cut short by a NUL it would mean somebody
 * else. */
static void
copy_text(char out[TLS_NAME_MAX + 1], const unsigned char *text, int len)
{
	if (len <= 0 || len > TLS_NAME_MAX ||
	    memchr(text, '\0', (size_t)len) != NULL)
		return;
	memcpy(out, text, (size_t)len);
	out[len] = '\0';
}

/* The first rfc822Name of subjectAltName. Returns whether there is one. */
static bool
find_address(const struct openssl *openssl, const X509 *certificate,
    char out[TLS_NAME_MAX + 1])
{
	GENERAL_NAMES *names = openssl->X509_get_ext_d2i(
	    certificate, NID_subject_alt_name, NULL, NULL);
	const OPENSSL_STACK *list = (const OPENSSL_STACK *)names;
	bool found = false;

	for (int i = 0; list != NULL && i < openssl->OPENSSL_sk_num(list);
	     i++) {
		const GENERAL_NAME *name = openssl->OPENSSL_sk_value(list, i);

		if (name->type != GEN_EMAIL)
			continue;
		/* One that is no text says nothing; nor may its CN then. */
		copy_text(out,
		    openssl->ASN1_STRING_get0_data(name->d.rfc822Name),
		    openssl->ASN1_STRING_length(name->d.rfc822Name));
		found = true;
		break;
	}
	openssl->GENERAL_NAMES_free(names);
	return found;
}

static void
find_common_name(const struct openssl *openssl, const X509 *certificate,
    char out[TLS_NAME_MAX + 1])
{
	const X509_NAME *subject = openssl->X509_get_subject_name(certificate);
	int place =
	    openssl->X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	unsigned char *text = NULL;
	int len;

	if (place < 0)
		return;
	len = openssl->ASN1_STRING_to_UTF8(&text,
	    openssl->X509_NAME_ENTRY_get_data(
		openssl->X509_NAME_get_entry(subject, place)));
	copy_text(out, text, len);
	openssl->CRYPTO_free(text, __FILE__, __LINE__);
}

void
certificate_holder(const struct openssl *openssl, const X509 *certificate,
    char out[TLS_NAME_MAX + 1])
{
	out[0] = '\0';
	if (!find_address(openssl, certificate, out))
		find_common_name(openssl, certificate, out);
}
