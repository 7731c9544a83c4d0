/* SPDX-License-Identifier: MIT */
/* tls.c - see tls.h. GnuTLS requests the certificate through a callback that receives only the
 * session, so each worker's certificate is thread-local. */
#include "http/net/tls.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/secret.h"

#include <errno.h>
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CHAIN_MAX  16
#define FILE_BYTES ((size_t)256 << 10)

struct tls {
    atomic_uint refs;
    unsigned char hash[HASH_SIZE]; /* of both files */
    unsigned n_chain;
    gnutls_pcert_st chain[CHAIN_MAX];
    gnutls_privkey_t key;
    time_t from, until;
    struct tls *before; /* the one it replaced, kept for handshakes in progress */
};

static _Thread_local const struct tls *served;

/* ---- reading ---- */

static enum err reject(struct errmsg *why, const char *path, const char *words)
{
    errmsg_set(why, "%.180s: %s", path, words);
    return ERR_SYNTAX;
}

/* Returns NUL-terminated text on the heap, owned by the caller; NULL if the file cannot be read. */
static char *read_text(const char *path, size_t *ret_len, struct errmsg *why)
{
    autofree char *text = xcalloc(1, FILE_BYTES + 1);
    FILE *file = fopen(path, "re");
    size_t len = file ? fread(text, 1, FILE_BYTES + 1, file) : 0;
    int error = !file || ferror(file) ? errno : 0;

    if (file)
        fclose(file);
    if (error)
        errmsg_set(why, "%.180s: %s", path, strerror(error));
    else if (len > FILE_BYTES)
        errmsg_set(why, "%.180s: file too long", path);
    if (error || len > FILE_BYTES) {
        explicit_bzero(text, FILE_BYTES + 1);
        return NULL;
    }
    *ret_len = len;
    return TAKE(text);
}

/* GnuTLS does not sort the chain, and clients may reject an unsorted one. It is rejected here,
 * where the operator sees the reason. */
static enum err read_chain(const char *path, const gnutls_datum_t *text, struct tls *tls,
                           struct errmsg *why)
{
    gnutls_x509_crt_t certs[CHAIN_MAX];
    unsigned n = CHAIN_MAX;
    int rc = gnutls_x509_crt_list_import(certs, &n, text, GNUTLS_X509_FMT_PEM,
                                         GNUTLS_X509_CRT_LIST_IMPORT_FAIL_IF_EXCEED |
                                             GNUTLS_X509_CRT_LIST_FAIL_IF_UNSORTED);
    enum err err = ERR_OK;

    if (rc <= 0)
        return reject(why, path, rc < 0 ? gnutls_strerror(rc) : "contains no certificate");
    for (unsigned i = 0; i < n; i++)
        if (!err && gnutls_pcert_import_x509(&tls->chain[tls->n_chain], certs[i], 0) == 0)
            tls->n_chain++;
        else
            err = ERR_SYNTAX;
    tls->from = gnutls_x509_crt_get_activation_time(certs[0]);
    tls->until = gnutls_x509_crt_get_expiration_time(certs[0]);
    if (tls->from == (time_t)-1 || tls->until == (time_t)-1)
        err = ERR_SYNTAX;
    for (unsigned i = 0; i < n; i++)
        gnutls_x509_crt_deinit(certs[i]);
    return err ? reject(why, path, "contains an unusable certificate") : ERR_OK;
}

static enum err read_key(const char *path, const gnutls_datum_t *text, struct tls *tls,
                         struct errmsg *why)
{
    int rc = gnutls_privkey_init(&tls->key);

    if (rc == 0)
        rc = gnutls_privkey_import_x509_raw(tls->key, text, GNUTLS_X509_FMT_PEM, NULL, 0);
    return rc ? reject(why, path, gnutls_strerror(rc)) : ERR_OK;
}

/* Returns whether the key matches the certificate. */
static bool belong_together(const struct tls *tls)
{
    unsigned char key_id[64], cert_id[64];
    size_t key_len = sizeof key_id, cert_len = sizeof cert_id;
    gnutls_pubkey_t public = NULL;
    bool same = gnutls_pubkey_init(&public) == 0 &&
                gnutls_pubkey_import_privkey(public, tls->key, 0, 0) == 0 &&
                gnutls_pubkey_get_key_id(public, GNUTLS_KEYID_USE_SHA256, key_id, &key_len) == 0 &&
                gnutls_pubkey_get_key_id(tls->chain[0].pubkey, GNUTLS_KEYID_USE_SHA256, cert_id,
                                         &cert_len) == 0 &&
                key_len == cert_len && memcmp(key_id, cert_id, key_len) == 0;

    gnutls_pubkey_deinit(public);
    return same;
}

static void hash_files(const gnutls_datum_t *cert, const gnutls_datum_t *key,
                       unsigned char hash[HASH_SIZE])
{
    unsigned char both[2 * HASH_SIZE];

    hash_sha256(cert->data, cert->size, both);
    hash_sha256(key->data, key->size, both + HASH_SIZE);
    hash_sha256(both, sizeof both, hash);
}

static enum err parse(const char *cert_path, const gnutls_datum_t *cert, const char *key_path,
                      const gnutls_datum_t *key, struct tls *tls, struct errmsg *why)
{
    enum err err = read_chain(cert_path, cert, tls, why);

    if (!err)
        err = read_key(key_path, key, tls, why);
    if (!err && !belong_together(tls))
        err = reject(why, key_path, "does not match the certificate");
    hash_files(cert, key, tls->hash);
    return err;
}

enum err tls_read(const char *cert_path, const char *key_path, struct tls *before,
                  struct tls **ret_tls, struct errmsg *why)
{
    size_t cert_len, key_len;

    if (secret_check_file(key_path, why))
        return ERR_SYNTAX;
    autofree char *cert_text = read_text(cert_path, &cert_len, why);
    autofree char *key_text = cert_text ? read_text(key_path, &key_len, why) : NULL;
    if (!key_text)
        return ERR_SYSTEM;
    const gnutls_datum_t cert = {(unsigned char *)cert_text, (unsigned)cert_len};
    const gnutls_datum_t key = {(unsigned char *)key_text, (unsigned)key_len};
    struct tls *tls = xcalloc(1, sizeof *tls);
    atomic_init(&tls->refs, 1);
    enum err err = parse(cert_path, &cert, key_path, &key, tls, why);
    explicit_bzero(key_text, key_len);
    if (!err && before && hash_equal(before->hash, tls->hash)) {
        tls_unref(tls);
        tls = tls_ref(before);
    } else if (!err && before) {
        tls->before = tls_ref(before);
    }
    if (err)
        tls_unref(tls);
    else
        *ret_tls = tls;
    return err;
}

const char *tls_remark(const struct tls *tls)
{
    time_t now = time(NULL);

    return now > tls->until  ? "the certificate has expired"
           : now < tls->from ? "the certificate is not valid yet"
                             : NULL;
}

/* ---- references ---- */

struct tls *tls_ref(struct tls *tls)
{
    atomic_fetch_add_explicit(&tls->refs, 1, memory_order_relaxed);
    return tls;
}

void tls_unref(struct tls *tls)
{
    if (!tls || atomic_fetch_sub_explicit(&tls->refs, 1, memory_order_acq_rel) > 1)
        return;
    for (unsigned i = 0; i < tls->n_chain; i++)
        gnutls_pcert_deinit(&tls->chain[i]);
    gnutls_privkey_deinit(tls->key);
    tls_unref(tls->before);
    free(tls);
}

/* ---- serving ---- */

void tls_serve(const struct tls *tls)
{
    served = tls;
}

/* GnuTLS modifies neither, but its interface requires non-const pointers. */
static int retrieve(gnutls_session_t session, const gnutls_datum_t *ca_names, int n_ca_names,
                    const gnutls_pk_algorithm_t *algorithms, int n_algorithms,
                    gnutls_pcert_st **ret_chain, unsigned *ret_n, gnutls_privkey_t *ret_key)
{
    (void)session;
    (void)ca_names;
    (void)n_ca_names;
    (void)algorithms;
    (void)n_algorithms;
    if (!served)
        return -1;
    *ret_chain = (gnutls_pcert_st *)(uintptr_t)served->chain;
    *ret_n = served->n_chain;
    *ret_key = served->key;
    return 0;
}

void *tls_callback(void)
{
    return (void *)(uintptr_t)retrieve;
}

bool tls_send(void *session, const char *data, size_t len)
{
    return gnutls_record_send(session, data, len) == (ssize_t)len;
}
