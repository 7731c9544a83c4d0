/* SPDX-License-Identifier: MIT */
/* tls.h - the server's certificate and its key; the one door to GnuTLS.
 *
 * libmicrohttpd does the talking; here is what it talks with: an immutable chain and key, checked
 * to belong together, and the list of what is spoken: TLS 1.2 and 1.3. A reload reads another
 * chain, and each worker goes over to it between two turns: handshakes that have begun end with the
 * one that they began with, so those that were replaced are kept until the end; they are few. */
#ifndef HTTP_NET_TLS_H
#define HTTP_NET_TLS_H

#include "base/err.h"

#include <stdbool.h>

struct tls;

#define TLS_WHY      384
#define TLS_PRIORITY "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

/* Reads both files: PEM, the chain from the server's certificate upwards, the key without a
 * password. The key's file must be readable by its owner only, by the rules of base/secret.h.
 * `before` (may be NULL) is given back, with another reference, when the files hold the same as it
 * does. ERR_SYSTEM or ERR_SYNTAX; `why` (TLS_WHY bytes) says what is wrong and in which file. Main
 * thread. */
enum err tls_read(const char *cert_path, const char *key_path, struct tls *before,
                  struct tls **ret_tls, char *why);

/* Why the certificate will not please clients, though it can be served: it has expired, or is not
 * valid yet. NULL = nothing is to be said. Static. */
const char *tls_remark(const struct tls *tls);

struct tls *tls_ref(struct tls *tls);
void tls_unref(struct tls *tls); /* NULL is fine */

/* What handshakes on this thread, which is a worker's, begin with from now on; borrowed. */
void tls_serve(const struct tls *tls);

/* For MHD_OPTION_HTTPS_CERT_CALLBACK. */
void *tls_callback(void);

#endif
