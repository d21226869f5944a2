/* SPDX-License-Identifier: ISC */
/* sasl.c - see sasl.h for the contract. */
#include "sasl.h"

#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum {
	/* glibc keeps freed chunks up to this size as they were, in lists by
	 * size of which the longest has so many. Larger ones hold nothing that
	 * GNU SASL makes of a password of usual length. */
	CHUNK_MAX = 1032,
	CHUNK_STEP = 16,
	CHUNKS = 10,
};

static const char library_name[] = "libgsasl.so.18";

static const struct {
	const char *name;
	size_t offset;
} functions[] = {
	{ "gsasl_init", offsetof(struct sasl, init) },
	{ "gsasl_done", offsetof(struct sasl, done) },
	{ "gsasl_callback_set", offsetof(struct sasl, callback_set) },
	{ "gsasl_session_hook_set", offsetof(struct sasl, session_hook_set) },
	{ "gsasl_property_set", offsetof(struct sasl, property_set) },
	{ "gsasl_property_fast", offsetof(struct sasl, property_fast) },
	{ "gsasl_server_start", offsetof(struct sasl, server_start) },
	{ "gsasl_step", offsetof(struct sasl, step) },
	{ "gsasl_finish", offsetof(struct sasl, finish) },
	{ "gsasl_strerror", offsetof(struct sasl, strerror) },
	{ "gsasl_saslprep", offsetof(struct sasl, saslprep) },
	{ "gsasl_nonce", offsetof(struct sasl, nonce) },
	{ "gsasl_scram_secrets_from_password",
	    offsetof(struct sasl, scram_secrets_from_password) },
	{ "gsasl_free", offsetof(struct sasl, free) },
};

static bool
find_functions(struct sasl *sasl)
{
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		void *function = dlsym(sasl->library, functions[i].name);

		if (function == NULL)
			return false;
		memcpy((char *)sasl + functions[i].offset, &function,
		    sizeof(function));
	}
	return true;
}

/* GNU SASL and what it calls free their copies of a password as they are. Take
 * what they have freed, wipe it, and give it back. */
static void
wipe_heap(void)
{
	void *chunks[CHUNKS];

	for (size_t size = 24; size <= CHUNK_MAX; size += CHUNK_STEP) {
		for (size_t i = 0; i < CHUNKS; i++) {
			chunks[i] = malloc(size);
			if (chunks[i] != NULL)
				explicit_bzero(chunks[i], size);
		}
		for (size_t i = 0; i < CHUNKS; i++)
			free(chunks[i]);
	}
}

bool
sasl_open(struct sasl *sasl, char *text, size_t size)
{
	*sasl = (struct sasl){ 0 };
	sasl->library = dlopen(library_name, RTLD_NOW | RTLD_LOCAL);
	if (sasl->library != NULL && find_functions(sasl) &&
	    sasl->init(&sasl->context) == GSASL_OK)
		return true;
	(void)snprintf(text, size,
	    "GNU SASL cannot be used: %s; is libgsasl18 installed?",
	    sasl->library != NULL ? "it is not version 18 or memory ends"
				  : dlerror());
	if (sasl->library != NULL)
		dlclose(sasl->library);
	sasl->library = NULL;
	return false;
}

void
sasl_close(struct sasl *sasl)
{
	if (sasl->library == NULL)
		return;
	sasl->done(sasl->context);
	dlclose(sasl->library);
	*sasl = (struct sasl){ 0 };
	wipe_heap();
}

void *
sasl_hook(Gsasl_session *session)
{
	/* It is loaded, since it calls us. */
	void *library = dlopen(library_name, RTLD_NOW | RTLD_NOLOAD);
	__typeof__(gsasl_session_hook_get) *get = NULL;
	void *hook = NULL;

	if (library != NULL)
		get = (__typeof__(get))dlsym(library, "gsasl_session_hook_get");
	if (get != NULL)
		hook = get(session);
	if (library != NULL)
		dlclose(library);
	return hook;
}

bool
sasl_prepare(const struct sasl *sasl, const char *text, char *out, size_t size)
{
	char *prepared = NULL;
	size_t len;
	bool fits;

	if (sasl->saslprep(text, GSASL_ALLOW_UNASSIGNED, &prepared, NULL) !=
	    GSASL_OK)
		prepared = NULL;
	len = strlen(prepared != NULL ? prepared : text);
	fits = len < size;
	if (fits)
		memcpy(out, prepared != NULL ? prepared : text, len + 1);
	if (prepared != NULL) {
		explicit_bzero(prepared, len);
		sasl->free(prepared);
	}
	return fits;
}
