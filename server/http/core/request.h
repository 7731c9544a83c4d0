/* SPDX-License-Identifier: MIT */
/* request.h - one HTTP request as an endpoint sees it: what came, how to answer, how to wait.
 *
 * An endpoint is a function that gets a request and, before it returns, either answers it with
 * request_reply() or parks it with request_park(). A parked request is answered later, on the same
 * worker, with the same request_reply(). Only its own worker thread ever touches a request; other
 * threads reach it by a letter to request_inbox(). libmicrohttpd stays behind this header. */
#ifndef HTTP_CORE_REQUEST_H
#define HTTP_CORE_REQUEST_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/inbox.h"
#include "model/result.h"

#include <stdbool.h>
#include <stddef.h>

struct request;
struct limits;
struct route;
struct client;
struct service; /* what endpoints work with; defined in http/core/app.h */

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_DELETE, HTTP_OTHER_METHOD };

/* Bytes by length; `data` NULL = absent. */
struct slice {
    const char *data;
    size_t len;
};

/* ---- what came; borrowed for the life of the request ---- */

enum http_method request_method(const struct request *request);
/* Raw, undecoded, without the query; "" when it is longer than any path that is served. */
const char *request_path(const struct request *request);
struct service *request_service(const struct request *request);
const struct limits *request_limits(const struct request *request); /* until it returns or parks */
const char *request_id(const struct request *request); /* the caller's X-Request-Id or a new one */
const struct clock *request_clock(const struct request *request); /* the worker's, this turn */

/* The client's address, "127.0.0.1" or "::1", without its port. */
const char *request_peer(struct request *request);

/* The header of that name (without case), NUL-terminated; NULL when absent. Several of one name are
 * one, joined by commas (RFC 9110, 5.3). */
const char *request_header(const struct request *request, const char *name);

/* The part of the path that the route's trailing {} stands for; "" without one. Set by router.c,
 * with the row; `tail` points into request_path(). */
const char *request_path_tail(const struct request *request);
const struct route *request_route(const struct request *request); /* NULL = no row takes it */
void request_set_route(struct request *request, const struct route *route, const char *tail);

/* Who sends it (auth.h); NULL = nobody who is known. Until the endpoint returns: a parked request
 * has none, for the file of keys may be another one by then. */
const struct client *request_client(const struct request *request);

/* The name of its account: the client's, else the peer's address. For the request's life. */
const char *request_account(struct request *request);

/* Runs `each` for every query argument in order, names and values percent-decoded once, empty pairs
 * ("&&") left out; `value.data` is NULL for an argument without "=". Stops at, and returns, the
 * first error. */
typedef enum err request_argument_fn(void *arg, struct slice name, struct slice value);
enum err request_each_argument(const struct request *request, request_argument_fn *each, void *arg);

/* ---- the answer ---- */

#define REPLY_HEADERS      12
#define REPLY_HEADER_BYTES 768

/* Made on the stack, filled by reply_...(), used up by request_reply(). */
struct reply {
    int status;
    struct slice body;
    char *owned_body;            /* heap, freed by the request; or NULL */
    const struct result *keeper; /* a reference that keeps `body` alive, given back; or NULL */
    size_t n_headers, n_bytes;
    struct {
        const char *name; /* static */
        size_t value_at;  /* in `bytes`; an offset, so that a reply may be copied */
    } headers[REPLY_HEADERS];
    char bytes[REPLY_HEADER_BYTES];
};

void reply_init(struct reply *reply, int status);

/* `name` is static. A header past the limits above is a defect here: asserted. */
void reply_header(struct reply *reply, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for a value that needs no format: much faster. */
void reply_text(struct reply *reply, const char *name, const char *value);

/* The value of the i-th header; borrowed from the reply. */
const char *reply_value(const struct reply *reply, size_t i);

void reply_body_static(struct reply *reply, const char *data, size_t len);
void reply_body_take(struct reply *reply, struct buf *buf); /* empties the buf */
void reply_body_of(struct reply *reply, const struct result *result, enum result_format format);

/* Answers; exactly once per request. Adds Content-Length, Date, X-Request-Id and
 * X-Content-Type-Options, and while draining Connection: close. On HEAD and with status 304 the
 * body is left out, but counts for Content-Length. Parked requests are resumed. Uses `reply` up in
 * any case. A header value that is empty or has a line end in it is a defect here: logged, and the
 * process ends. */
void request_reply(struct request *request, struct reply *reply);

/* For the log: what came of it, in a static word, and what it cost; `lookup_id` NULL or "" = no
 * lookup had to do with it. problem_reply() notes by itself. */
void request_note(struct request *request, const char *outcome, const char *lookup_id,
                  enum charged charged);

/* ---- hits; see http/core/response_cache.h ---- */

/* The question that a request of this very text is known to ask; false when it is not known, or
 * this request has something special about it. */
bool request_recall(const struct request *request, const unsigned char **ret_key,
                    enum result_format *ret_format);

/* Right after request_reply(): what was said, out of `result`, which is fresh, is good for all
 * requests of this text while the second lasts. */
void request_remember(struct request *request, const struct result *result,
                      enum result_format format);

/* ---- waiting ---- */

/* Keeps the request until request_reply(). Park first, then tell others of it. `gone` runs at most
 * once, later, on the worker, when the client leaves meanwhile; the request must be answered all
 * the same (nobody will read it), then or later. Never after request_reply(). A client that closes
 * only its sending half counts as gone. */
typedef void request_gone_fn(struct request *request);
void request_park(struct request *request, request_gone_fn *gone, void *state);
void *request_state(const struct request *request); /* what request_park() was given */

/* Where letters about the worker's requests go; lives as long as any of them is unanswered. */
struct mailbox *request_inbox(const struct request *request);

#endif
