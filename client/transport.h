/* SPDX-License-Identifier: MIT */
/* transport.h - sends concurrent HTTP requests over one curl multi handle; with url.h, the only
 * user of libcurl in the daemon.
 *
 * Handles connections, timeouts, content codings and size limits, and knows nothing of Openmart.
 * Never follows redirects; never uses a proxy, cookies or .netrc. Accepts and decodes gzip and
 * deflate; a body with another coding is returned as it was sent (content_coding.h). http(s) only,
 * HTTP/1.1 only. Certificates are always verified, unless `any_certificate` is set. The flow tests
 * link tests/flow/fake_transport.c instead.
 *
 * Engine thread only; `emailsd healthcheck` uses it on the main thread. */
#ifndef CLIENT_TRANSPORT_H
#define CLIENT_TRANSPORT_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct transport;
struct transfer; /* one request in flight */

/* Result of a request, seen from the wire. What matters most is whether the peer may have read a
 * byte of the request. */
enum transport_end {
    TRANSPORT_ANSWERED, /* a complete response; any status */
    TRANSPORT_NOT_SENT, /* resolving, connecting or TLS failed: CURLINFO_REQUEST_SIZE is 0 */
    TRANSPORT_BROKEN,  /* sent, at least in part, without a complete response that can be decoded */
    TRANSPORT_TIMEOUT, /* as BROKEN, because of a timeout */
    TRANSPORT_TOO_BIG, /* as BROKEN, because the response exceeded its limit */
};

struct transport_header {
    const char *name, *value;
};

struct transport_request {
    const char *url;
    const char *body; /* NULL: GET; else POST with these bytes, which are copied */
    size_t body_len;
    const struct transport_header *headers; /* copied */
    size_t n_headers;
    int64_t timeout_ms; /* total, name resolution included */
    size_t max_bytes;   /* of the response body, decoded */
    bool only_once; /* uses its own connection and does not reuse one: libcurl 7.88 re-sends a POST
                       when a reused connection fails (lib/transfer.c, 5 retries) */
};

/* The response, complete or not. Valid only during the call of `done`. */
struct transport_answer {
    enum transport_end end;
    int status;       /* 0 unless a status line was read */
    const char *body; /* NUL-terminated, decoded if possible; what arrived, also when broken */
    size_t body_len;
    int64_t retry_after_s; /* of Retry-After, in seconds or as a date; -1 = absent or invalid */
    int64_t took_ms;
    const char *error; /* a message for the log, without headers; "" when complete */
};

/* Runs exactly once, from transport_run(), never inside transport_start(), and never after
 * transport_cancel(). The transfer is freed when the callback returns. */
typedef void transport_done_fn(void *arg, const struct transport_answer *answer);

struct transport_options {
    int64_t connect_timeout_ms;
    const char *user_agent;
    const char *ca_file;  /* NULL: the system's */
    bool any_certificate; /* for the health check of this daemon only, where the host is an address
                             and nothing secret is sent; never for the upstream: a check rejects
                             that */
    int max_connections;  /* limit of idle connections kept for reuse by reads */
};

/* Returns ERR_SYSTEM if libcurl cannot be initialized. Strings in `options` are copied. */
enum err transport_new(const struct transport_options *options, struct transport **ret_transport);

/* Cancels the transfers in flight. NULL is a no-op. */
void transport_free(struct transport *transport);

/* Starts a request. Strings in `request` are copied or used before it returns. A failure to start
 * is reported through `done` like any other (NOT_SENT). The transport owns the returned transfer,
 * which is valid until `done` or transport_cancel(). */
struct transfer *transport_start(struct transport *transport,
                                 const struct transport_request *request, transport_done_fn *done,
                                 void *arg);
void transport_cancel(struct transfer *transfer); /* allowed inside another transfer's `done` */

/* Waits until a socket is ready, `wake_fd` (-1 = none) is readable or `timeout_ms` has passed. Runs
 * no callback. */
void transport_wait(struct transport *transport, int wake_fd, int64_t timeout_ms);

/* Advances all transfers and runs `done` of those that ended. Never blocks. */
void transport_run(struct transport *transport);

#endif
