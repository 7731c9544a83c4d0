/* SPDX-License-Identifier: MIT */
/* tls.h - certificate and key of the server; the only user of GnuTLS.
 *
 * libmicrohttpd runs the protocol. This file provides an immutable, reference-counted chain with
 * its matching key, and the protocol versions: TLS 1.2 and 1.3. After a reload each worker switches
 * to the new chain between two loop iterations. Handshakes in progress end with the chain they
 * began with, so replaced chains are kept until shutdown; they are few. Any thread, except as
 * noted. */
#ifndef HTTP_NET_TLS_H
#define HTTP_NET_TLS_H

#include "base/err.h"
#include "base/errmsg.h"

#include <stdbool.h>
#include <stddef.h>

struct tls;

#define TLS_PRIORITY "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

/* Reads both files as PEM: the chain from the server's certificate upwards, the key without a
 * password. The key file must be readable by its owner only (base/secret.h). If the files have the
 * same content as `before` (may be NULL), *ret_tls is another reference to it. Returns ERR_SYSTEM
 * or ERR_SYNTAX on failure; `why` then names the file and the problem. Main thread. */
enum err tls_read(const char *cert_path, const char *key_path, struct tls *before,
                  struct tls **ret_tls, struct errmsg *why);

/* Returns a static warning if the certificate has expired or is not valid yet; NULL = no warning.
 * Such a certificate can still be served. */
const char *tls_remark(const struct tls *tls);

struct tls *tls_ref(struct tls *tls);
void tls_unref(struct tls *tls); /* NULL is a no-op */

/* Sets the chain for new handshakes on this worker thread; borrowed. */
void tls_serve(const struct tls *tls);

/* Returns the callback for MHD_OPTION_HTTPS_CERT_CALLBACK. */
void *tls_callback(void);

/* Sends bytes on a session of libmicrohttpd (MHD_CONNECTION_INFO_GNUTLS_SESSION), at most 16 KiB,
 * on its worker thread. Does not block. Returns false unless the system took all of them. */
bool tls_send(void *session, const char *data, size_t len);

#endif
