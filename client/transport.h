/* SPDX-License-Identifier: MIT */
/* transport.h - HTTP requests outwards, many at once, on one curl multi handle; the door to
 * libcurl (with url.h).
 *
 * Knows connections, time-outs and sizes, and nothing of the vendor. Never follows redirects, never
 * uses a proxy, cookies, .netrc or a compressed body; http(s) only; HTTP/1.1 only; certificates
 * always verified. The tests of the core link tests/flow/fake_transport.c in its place.
 * Engine thread only. */
#ifndef CLIENT_TRANSPORT_H
#define CLIENT_TRANSPORT_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct transport;
struct transfer; /* one request on its way */

/* How a request ended, seen from the wire. The difference that matters is whether a byte of the
 * request may have been read by the other side. */
enum transport_end {
    TRANSPORT_ANSWERED, /* a complete response; any status */
    TRANSPORT_NOT_SENT, /* resolving, connecting or TLS failed: CURLINFO_REQUEST_SIZE is 0 */
    TRANSPORT_BROKEN,   /* sent, at least in part, and no complete response came */
    TRANSPORT_TIMEOUT,  /* as BROKEN, because time ran out */
    TRANSPORT_TOO_BIG,  /* as BROKEN, because the response went past its limit */
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
    int64_t timeout_ms; /* all of it, name resolution included */
    size_t max_bytes;   /* of the response body */
    bool only_once;     /* a connection of its own, not re-used: libcurl 7.88 re-sends a POST by
                           itself when a re-used connection dies (lib/transfer.c, 5 retries) */
};

/* Valid only during the call of `done`. */
struct transport_answer {
    enum transport_end end;
    int status;       /* 0 unless a status line was read */
    const char *body; /* NUL-terminated; what came, also when broken */
    size_t body_len;
    int64_t retry_after_s; /* of the header, in seconds or as a date; -1 = absent or senseless */
    int64_t took_ms;
    const char *error; /* libcurl's words for the log; "" when answered. Never holds a header */
};

/* Runs exactly once, from transport_run(), never inside transport_start(), and never after
 * transport_cancel(). The transfer is freed when it returns. */
typedef void transport_done_fn(void *arg, const struct transport_answer *answer);

struct transport_options {
    int64_t connect_timeout_ms;
    const char *user_agent;
    const char *ca_file;  /* NULL: the system's */
    bool any_certificate; /* for a look at oneself, where the name is an address and nothing that is
                             sent is secret; never towards the upstream: a test forbids it */
    int max_connections;  /* kept for re-use by reads */
};

/* ERR_SYSTEM when libcurl will not start. Strings in `options` are copied. */
enum err transport_new(const struct transport_options *options, struct transport **ret_transport);

/* Transfers still on their way are cancelled. */
void transport_free(struct transport *transport);

/* Strings in `request` are copied or used up before this returns. A failure to start is reported
 * through `done` like any other (NOT_SENT). */
struct transfer *transport_start(struct transport *transport,
                                 const struct transport_request *request, transport_done_fn *done,
                                 void *arg);
void transport_cancel(struct transfer *transfer); /* fine from inside another transfer's `done` */

/* Sleeps until a socket moves, `wake_fd` is readable or `timeout_ms` passed; runs no callback. */
void transport_wait(struct transport *transport, int wake_fd, int64_t timeout_ms);

/* Moves all transfers on and runs `done` of those that ended. Never blocks. */
void transport_run(struct transport *transport);

#endif
