/* SPDX-License-Identifier: MIT */
/* request.h - one HTTP request as an endpoint sees it: what came, how to answer, how to wait.
 *
 * An endpoint is a function that gets a request and, before it returns, either answers it with
 * request_reply() or parks it with request_park(). A parked request is answered later, on the same
 * worker, with the same request_reply(). Only its own worker thread ever touches a request; other
 * threads reach it by a message to request_inbox(). libmicrohttpd stays behind this header. */
#ifndef HTTP_CORE_REQUEST_H
#define HTTP_CORE_REQUEST_H

#include "base/clock.h"
#include "base/err.h"
#include "base/inbox.h"
#include "base/slice.h"
#include "http/core/reply.h"
#include "model/result.h"

#include <stdbool.h>

struct request;
struct limits;
struct route;
struct client;
struct service; /* what endpoints work with; defined in http/core/app.h */

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_DELETE, HTTP_OTHER_METHOD };

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

/* Answers; exactly once per request. Adds Content-Length, Date, X-Request-Id and
 * X-Content-Type-Options, and while draining Connection: close. On HEAD and with status 304 the
 * body is left out, but counts for Content-Length. Parked requests are resumed. Uses `reply` up in
 * any case. A header value that is empty or has a line end in it is a defect here: logged, and the
 * process ends. */
void request_reply(struct request *request, struct reply *reply);

/* For the log: what came of it, in a static word, and what it cost; `lookup_id` NULL or "" = no
 * lookup had to do with it. problem_reply() notes by itself. */
void request_set_outcome(struct request *request, const char *outcome, const char *lookup_id,
                         enum charged charged);

/* ---- hits; see http/core/response_cache.h ---- */

/* The question that a request of this very text is known to ask; false when it is not known, or
 * this request has something special about it. */
bool request_cached_key(const struct request *request, const unsigned char **ret_key,
                        enum result_format *ret_format);

/* Right after request_reply(): what was said, out of `result`, which is fresh, is good for all
 * requests of this text while the second lasts. */
void request_cache_response(struct request *request, const struct result *result,
                            enum result_format format);

/* ---- waiting ---- */

/* Keeps the request until request_reply(). Park first, then tell others of it. `gone` runs at most
 * once, later, on the worker, when the client leaves meanwhile; the request must be answered all
 * the same (nobody will read it), then or later. Never after request_reply(). A client that closes
 * only its sending half counts as gone. */
typedef void request_abandoned_fn(struct request *request);
void request_park(struct request *request, request_abandoned_fn *gone, void *state);
void *request_state(const struct request *request); /* what request_park() was given */

/* Where messages about the worker's requests go; lives as long as any of them is unanswered. */
struct inbox *request_inbox(const struct request *request);

#endif
