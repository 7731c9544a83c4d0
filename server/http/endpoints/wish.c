/* SPDX-License-Identifier: MIT */
/* wish.c - see wish.h. Everything is checked before anything can cost. */
#include "http/endpoints/wish.h"

#include "http/auth/client_keys.h"
#include "http/core/app.h"
#include "http/core/problem.h"
#include "http/endpoints/emails_query.h"
#include "http/protocol/cache_control.h"
#include "http/protocol/negotiate.h"
#include "http/protocol/prefer.h"

#include <stdio.h>
#include <string.h>

static void note_applied(struct wish *wish, bool async, bool wait)
{
    snprintf(wish->applied, sizeof wish->applied, "%s%s", async ? "respond-async" : "",
             async && wait ? ", " : "");
    size_t len = strlen(wish->applied);
    if (wait)
        snprintf(wish->applied + len, sizeof wish->applied - len, "wait=%lld",
                 (long long)(wish->wait_ms / 1000));
}

/* Asynchronous without a wait does not hold at all. A wait past the maximum is cut, and the caller
 * is told. */
static void set_wait(const struct request *request, const struct parameters *parameters,
                     struct wish *wish)
{
    const struct limits *limits = request_limits(request);
    int64_t theirs_ms = request_client(request)->max_wait_ms;
    int64_t max_wait_ms = theirs_ms < limits->max_wait_ms ? theirs_ms : limits->max_wait_ms;
    struct prefer prefer = prefer_read(request_header(request, "Prefer"));
    bool prefers_wait = prefer.has_wait && !parameters->has_wait;
    bool prefers_async = prefer.respond_async && !parameters->async;

    wish->async = parameters->async || prefer.respond_async;
    wish->wait_ms = parameters->has_wait ? parameters->wait_ms
                    : prefer.has_wait    ? prefer.wait_s * 1000
                    : wish->async        ? 0
                                         : limits->wait_ms;
    bool cut = wish->wait_ms > max_wait_ms && (parameters->has_wait || prefer.has_wait);
    if (wish->wait_ms > max_wait_ms)
        wish->wait_ms = max_wait_ms;
    note_applied(wish, prefers_async, prefers_wait || cut);
}

static void set_cache(const struct request *request, const struct parameters *parameters,
                      struct wish *wish)
{
    wish->cache = CACHE_WISH_NONE;
    cache_wish_read(&wish->cache, request_header(request, "Cache-Control"));
    wish->cache.no_cache = wish->cache.no_cache || parameters->refresh;
    wish->cache.only_cached = wish->cache.only_cached || parameters->cached;
    if (parameters->has_max_age)
        wish->cache.max_age_s = parameters->max_age_s;
    wish->cache.only_cached = wish->cache.only_cached || request_client(request)->cached_only;
}

/* Would it buy again what is known and fresh? */
static bool wants_refresh(const struct cache_wish *cache)
{
    return !cache->only_cached &&
           (cache->no_cache || cache->max_age_s >= 0 || cache->min_fresh_s > 0);
}

bool wish_read(struct request *request, struct wish *ret_wish)
{
    struct parameters parameters;
    struct wish wish = {0};
    char why[PARAMETERS_WHY] = "";
    _Static_assert(PARAMETERS_WHY >= QUESTION_WHY, "one buffer serves both");

    enum err err = parameters_read(request, &parameters, why);
    if (!err)
        err = negotiate_format(request_header(request, "Accept"), &wish.format);
    if (!err)
        err = question_new(parameters.fields, &wish.question, why);
    if (err) {
        problem_send(request, err, *why ? why : NULL);
        return false;
    }
    set_wait(request, &parameters, &wish);
    set_cache(request, &parameters, &wish);
    if (wants_refresh(&wish.cache) && !request_client(request)->allow_refresh) {
        question_free(wish.question);
        problem_send(request, ERR_FORBIDDEN, "this client may not have fresh answers renewed");
        return false;
    }
    *ret_wish = wish;
    return true;
}
