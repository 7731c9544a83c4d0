/* SPDX-License-Identifier: MIT */
/* request.h - one HTTP request as an endpoint sees it: its input, the reply, waiting.
 *
 * An endpoint is a function that receives a request. Before it returns, it either replies with
 * request_reply() or parks the request with request_park(). A parked request gets its
 * request_reply() later, on the same worker. Instead of a reply, it may start a stream (stream.h).
 * Only its worker thread touches a request; other threads reach it through a message to
 * request_inbox(). Endpoints do not see libmicrohttpd. */
#ifndef HTTP_CORE_REQUEST_H
#define HTTP_CORE_REQUEST_H

#include "base/clock.h"
#include "base/err.h"
#include "base/inbox.h"
#include "base/slice.h"
#include "http/core/reply.h"
#include "model/result.h"

#include <stdbool.h>

struct denied_domains;
struct request;
struct limits;
struct route;
struct client;
struct worker;
struct service; /* what endpoints use; defined in http/core/app.h */

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_DELETE,
    HTTP_OTHER_METHOD,
    HTTP_ANY_METHOD, /* of a route, never of a request */
};

/* ---- input; borrowed for the life of the request ---- */

enum http_method request_method(const struct request *request);
/* Returns the raw path, not decoded, without the query; "" if longer than any served path. */
const char *request_path(const struct request *request);
struct service *request_service(const struct request *request);
const struct limits *request_limits(const struct request *request); /* until the endpoint returns */
/* NULL = none. Until the endpoint, or another function on the worker, returns: ask again then,
 * because a reload replaces it. */
const struct denied_domains *request_denied_domains(const struct request *request);
const char *request_id(const struct request *request); /* the client's X-Request-Id or a new one */
const struct clock *request_clock(const struct request *request); /* the worker's */

/* Returns the client's address without its port, such as "127.0.0.1" or "::1". */
const char *request_peer(struct request *request);

/* Returns the header of that name (case-insensitive), NUL-terminated, or NULL if absent. Several
 * lines of one name are joined by commas (RFC 9110, 5.3). */
const char *request_header(const struct request *request, const char *name);

/* Returns the part of the path that matches the trailing {} of the route; "" without one. router.c
 * sets it with the route; `tail` points into request_path(). */
const char *request_path_tail(const struct request *request);
const struct route *request_route(const struct request *request); /* NULL = no route matches */
void request_set_route(struct request *request, const struct route *route, const char *tail);

/* Returns the accepted client (auth.h); NULL = not authenticated. Valid until the endpoint returns:
 * the key file may be reloaded while a request is parked. */
const struct client *request_client(const struct request *request);

/* Returns why a request without a key was rejected (auth_denial()); NULL = it was not. */
const char *request_denial(const struct request *request);

/* Returns the whole body, of at most the bytes that its route accepts, followed by a NUL that `len`
 * does not count; empty if there is none. Trailer fields are not part of it and are ignored. */
struct slice request_body(const struct request *request);

/* Frees the body before the request ends, for one that waits for long. */
void request_drop_body(struct request *request);

/* Returns the name of the account: the client's name, else the peer's address. */
const char *request_account(struct request *request);

/* Calls `each` for every query argument in order, with name and value percent-decoded once. Empty
 * pairs ("&&") are skipped; `value.data` is NULL for an argument without "=". Stops at the first
 * error and returns it. */
typedef enum err request_argument_fn(void *arg, struct slice name, struct slice value);
enum err request_each_argument(const struct request *request, request_argument_fn *each, void *arg);

/* ---- the response ---- */

/* Sends the response; exactly once per request. Adds Content-Length, Date, X-Request-Id and
 * X-Content-Type-Options, and Connection: close once the drain is announced. With HEAD and status
 * 304 the body is omitted but counts for Content-Length. Resumes a parked request. Consumes `reply`
 * in any case, and releases the slot of stream_reserve(). A header value that is empty or contains
 * a line end is a programming error: it is logged and the process aborts. */
void request_reply(struct request *request, struct reply *reply);

/* Sets what the access log reports: `outcome`, a static word, and the charge; with NULL neither is
 * known. `lookup_id` NULL or "" = no lookup was involved. problem_reply() calls this for errors. */
void request_set_outcome(struct request *request, const char *outcome, const char *lookup_id,
                         enum charged charged);

/* Sets the bulk that the request started or joined, for the access log. */
void request_set_bulk(struct request *request, const char *id);

/* Says that the request started a lookup: the access log always has a line about it. */
void request_started_lookup(struct request *request);

/* ---- hits; see http/core/response_cache.h ---- */

/* Finds the question key and format known for the text of this request; the second hit path.
 * Returns false if the text is unknown or the response depends on more than the text. *ret_key is
 * borrowed until request_cache_response(). */
bool request_cached_key(const struct request *request, const unsigned char **ret_key,
                        enum result_format *ret_format);

/* Caches the response of the request_reply() just called, made from the fresh `result`: until the
 * second ends it serves all requests with this text. */
void request_cache_response(struct request *request, const struct result *result,
                            enum result_format format);

/* ---- waiting ---- */

/* Suspends the request until request_reply(). Park before sharing the request with another thread.
 * `abandoned` runs at most once, later, on the worker, if the client leaves meanwhile; never after
 * request_reply(). The endpoint must still reply, then or later, although no client will read it. A
 * client that closes only its sending half still gets its response, except in HTTP/1.0. */
typedef void request_abandoned_fn(struct request *request);
void request_park(struct request *request, request_abandoned_fn *abandoned, void *state);
void *request_state(const struct request *request); /* as passed to request_park() */

/* Runs `late` at `at_ms` of the worker's clock if the request is still parked then and its client
 * present. It may reply in place of the owner, who will still post its message: see
 * request_hold_worker(). Once, after request_park(). */
typedef void request_late_fn(struct request *request);
void request_set_deadline(struct request *request, int64_t at_ms, request_late_fn *late);

/* Keeps the worker and its inbox alive, although the request that a message is about ends before
 * the message arrives, and returns the worker. Its thread calls request_release_worker() when the
 * message has arrived. Returns NULL if too many messages are outstanding: then do not send another
 * one about a request that may end before it, or leave that request parked. */
struct worker *request_hold_worker(struct request *request);
void request_release_worker(struct worker *worker);

/* Returns where messages about the worker's requests go. Valid as long as one of them is
 * unanswered. */
struct inbox *request_inbox(const struct request *request);

#endif
