/* SPDX-License-Identifier: ISC */
/* openssl.h - the functions of OpenSSL 3 that we call, loaded when they are
 * first needed.
 *
 * One list of names; the types are those of OpenSSL's own headers. What these
 * declare as macros over SSL_ctrl and SSL_CTX_ctrl is called by way of them.
 * Knows no certificate and no session. Private to lib/tls.c and its parts. */
#ifndef OPENSSL_H
#define OPENSSL_H

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "tls.h"

#define OPENSSL_FUNCTIONS(ROW)                    \
	/* the library */                         \
	ROW(OPENSSL_init_crypto)                  \
	ROW(OPENSSL_init_ssl)                     \
	ROW(CRYPTO_free)                          \
	ROW(ERR_clear_error)                      \
	ROW(ERR_peek_error)                       \
	ROW(ERR_peek_last_error)                  \
	ROW(ERR_reason_error_string)              \
	ROW(OPENSSL_sk_new_null)                  \
	ROW(OPENSSL_sk_num)                       \
	ROW(OPENSSL_sk_value)                     \
	ROW(OPENSSL_sk_push)                      \
	ROW(OPENSSL_sk_pop_free)                  \
	ROW(RAND_bytes)                           \
	/* a context */                           \
	ROW(TLS_server_method)                    \
	ROW(TLS_client_method)                    \
	ROW(SSL_CTX_new)                          \
	ROW(SSL_CTX_free)                         \
	ROW(SSL_CTX_ctrl)                         \
	ROW(SSL_CTX_callback_ctrl)                \
	ROW(SSL_CTX_set_options)                  \
	ROW(SSL_CTX_set_ex_data)                  \
	ROW(SSL_CTX_get_ex_data)                  \
	ROW(SSL_CTX_set_security_level)           \
	ROW(SSL_CTX_set_cipher_list)              \
	ROW(SSL_CTX_set_num_tickets)              \
	ROW(SSL_CTX_set_timeout)                  \
	ROW(SSL_CTX_set_session_id_context)       \
	ROW(SSL_CTX_set_tlsext_ticket_key_evp_cb) \
	ROW(SSL_CTX_set_verify)                   \
	ROW(SSL_CTX_set_cert_verify_callback)     \
	ROW(SSL_CTX_load_verify_file)             \
	ROW(SSL_CTX_set_client_CA_list)           \
	ROW(SSL_load_client_CA_file)              \
	/* a session */                           \
	ROW(SSL_new)                              \
	ROW(SSL_free)                             \
	ROW(SSL_ctrl)                             \
	ROW(SSL_set_rfd)                          \
	ROW(SSL_set_wfd)                          \
	ROW(SSL_set_bio)                          \
	ROW(SSL_get_rbio)                         \
	ROW(SSL_set0_rbio)                        \
	ROW(SSL_get_SSL_CTX)                      \
	ROW(SSL_set_cert_cb)                      \
	ROW(SSL_use_cert_and_key)                 \
	ROW(SSL_accept)                           \
	ROW(SSL_connect)                          \
	ROW(SSL_read)                             \
	ROW(SSL_peek)                             \
	ROW(SSL_write)                            \
	ROW(SSL_shutdown)                         \
	ROW(SSL_pending)                          \
	ROW(SSL_has_pending)                      \
	ROW(SSL_get_error)                        \
	ROW(SSL_alert_desc_string_long)           \
	ROW(SSL_get_version)                      \
	ROW(SSL_version)                          \
	ROW(SSL_get_current_cipher)               \
	ROW(SSL_CIPHER_standard_name)             \
	ROW(SSL_group_to_name)                    \
	ROW(SSL_get_servername)                   \
	ROW(SSL_session_reused)                   \
	ROW(SSL_get0_peer_certificate)            \
	ROW(SSL_get_verify_result)                \
	ROW(SSL_export_keying_material)           \
	ROW(BIO_new_mem_buf)                      \
	ROW(BIO_new_bio_pair)                     \
	ROW(BIO_new)                              \
	ROW(BIO_s_mem)                            \
	ROW(BIO_up_ref)                           \
	ROW(BIO_set_flags)                        \
	ROW(BIO_set_callback_ex)                  \
	ROW(BIO_set_callback_arg)                 \
	ROW(BIO_get_callback_arg)                 \
	ROW(BIO_free)                             \
	/* certificates and keys */               \
	ROW(PEM_read_bio)                         \
	ROW(PEM_read_bio_X509)                    \
	ROW(PEM_read_bio_PrivateKey)              \
	ROW(EVP_PKEY_CTX_new_from_name)           \
	ROW(EVP_PKEY_CTX_free)                    \
	ROW(EVP_PKEY_fromdata_init)               \
	ROW(EVP_PKEY_fromdata)                    \
	ROW(EVP_PKEY_get_base_id)                 \
	ROW(EVP_PKEY_get_security_bits)           \
	ROW(EVP_PKEY_free)                        \
	ROW(X509_free)                            \
	ROW(X509_check_host)                      \
	ROW(X509_check_private_key)               \
	ROW(X509_check_issued)                    \
	ROW(X509_cmp_time)                        \
	ROW(X509_cmp_current_time)                \
	ROW(X509_get0_pubkey)                     \
	ROW(X509_get_signature_info)              \
	ROW(X509_get0_notAfter)                   \
	ROW(X509_get0_notBefore)                  \
	ROW(X509_get_subject_name)                \
	ROW(X509_get_ext_d2i)                     \
	ROW(X509_NAME_get_index_by_NID)           \
	ROW(X509_NAME_get_entry)                  \
	ROW(X509_NAME_ENTRY_get_data)             \
	ROW(X509_STORE_new)                       \
	ROW(X509_STORE_free)                      \
	ROW(X509_STORE_load_file)                 \
	ROW(X509_STORE_set_default_paths)         \
	ROW(X509_STORE_CTX_new)                   \
	ROW(X509_STORE_CTX_free)                  \
	ROW(X509_STORE_CTX_init)                  \
	ROW(X509_STORE_CTX_get_error)             \
	ROW(X509_STORE_CTX_set_error)             \
	ROW(X509_verify_cert)                     \
	ROW(X509_verify_cert_error_string)        \
	ROW(ASN1_STRING_to_UTF8)                  \
	ROW(ASN1_STRING_length)                   \
	ROW(ASN1_STRING_get0_data)                \
	ROW(ASN1_TIME_to_tm)                      \
	ROW(GENERAL_NAMES_free)                   \
	ROW(EVP_add_digest)                       \
	ROW(EVP_sha224)                           \
	ROW(EVP_sha256)                           \
	ROW(EVP_sha384)                           \
	ROW(EVP_sha512)                           \
	/* session tickets */                     \
	ROW(EVP_CIPHER_fetch)                     \
	ROW(EVP_CIPHER_free)                      \
	ROW(EVP_EncryptInit_ex)                   \
	ROW(EVP_DecryptInit_ex)                   \
	ROW(EVP_MAC_CTX_set_params)

struct openssl {
#define OPENSSL_FIELD(name) __typeof__(name) *name;
	OPENSSL_FUNCTIONS(OPENSSL_FIELD)
#undef OPENSSL_FIELD
};

/* Load it, the first time, and begin with it: with no file of settings, no
 * texts of errors and nothing to do at exit. Returns the functions, for as long
 * as the process lives, or NULL and text. */
const struct openssl *openssl_load(char text[TLS_TEXT_MAX + 1]);

/* What openssl_load() returned before. For callbacks that OpenSSL gives nothing
 * of ours. */
const struct openssl *openssl_loaded(void);

/* Write text, unless something stands there: the first problem is the cause of
 * those that follow. */
void openssl_note(char text[TLS_TEXT_MAX + 1], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Note what an error of OpenSSL's queue means, in a few words. */
void openssl_explain(unsigned long error, char text[TLS_TEXT_MAX + 1]);

#endif
