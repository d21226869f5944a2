/* SPDX-License-Identifier: ISC */
/* sasl.h - GNU SASL, loaded when it is first needed.
 *
 * Its functions, under their names without "gsasl_". Knows no mechanism. */
#ifndef SASL_H
#define SASL_H

#include <gsasl.h>
#include <stdbool.h>

struct sasl {
	void *library; /* NULL where it is not open */
	Gsasl *context;
	__typeof__(gsasl_init) *init;
	__typeof__(gsasl_done) *done;
	__typeof__(gsasl_callback_set) *callback_set;
	__typeof__(gsasl_session_hook_set) *session_hook_set;
	__typeof__(gsasl_property_set) *property_set;
	__typeof__(gsasl_property_fast) *property_fast;
	__typeof__(gsasl_server_start) *server_start;
	__typeof__(gsasl_step) *step;
	__typeof__(gsasl_finish) *finish;
	__typeof__(gsasl_strerror) *strerror;
	__typeof__(gsasl_saslprep) *saslprep;
	__typeof__(gsasl_nonce) *nonce;
	__typeof__(gsasl_scram_secrets_from_password)
	    *scram_secrets_from_password;
	__typeof__(gsasl_free) *free;
};

/* Load it. False, and text, where it is not installed or not as it should be.
 * The caller ends it by sasl_close(). */
bool sasl_open(struct sasl *sasl, char *text, size_t size);

/* Unload it, and wipe what it had on the heap. Where it is not open nothing
 * happens. */
void sasl_close(struct sasl *sasl);

/* What session_hook_set() was given: for callbacks, which know nothing else. */
void *sasl_hook(Gsasl_session *session);

/* Write the SASLprep (RFC 4013) of text into out[0..size); or text as it is
 * where SASLprep refuses it, since GNU SASL knows no character that is newer
 * than Unicode 3.2. False where size is too small. */
bool sasl_prepare(
    const struct sasl *sasl, const char *text, char *out, size_t size);

#endif
