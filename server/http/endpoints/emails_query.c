/* SPDX-License-Identifier: MIT */
/* emails_query.c - reads the query by a table of parameters. Everything is checked before the
 * request can spend a credit. */
#include "http/endpoints/emails_query.h"

#include "base/mem.h"
#include "http/auth/client_keys.h"
#include "http/core/app.h"
#include "http/core/problem.h"
#include "http/protocol/cache_control.h"
#include "http/protocol/negotiate.h"
#include "http/protocol/prefer.h"
#include "http/protocol/query.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const char flag_problem[] = "'async', 'refresh' and 'cached' must be 0 or 1";

static const struct query_parameter table[] = {
    {"domain", QUERY_TEXT, offsetof(struct parameters, fields[QUESTION_DOMAIN]), NULL},
    {"company_name", QUERY_TEXT, offsetof(struct parameters, fields[QUESTION_COMPANY_NAME]), NULL},
    {"city", QUERY_TEXT, offsetof(struct parameters, fields[QUESTION_CITY]), NULL},
    {"state", QUERY_TEXT, offsetof(struct parameters, fields[QUESTION_STATE]), NULL},
    {"country", QUERY_TEXT, offsetof(struct parameters, fields[QUESTION_COUNTRY]), NULL},
    {"wait", QUERY_SECONDS, offsetof(struct parameters, wait_s),
     "'wait' must be an integer number of seconds, such as 30"},
    {"max_age", QUERY_SECONDS, offsetof(struct parameters, max_age_s),
     "'max_age' must be an integer number of seconds, such as 86400"},
    {"async", QUERY_FLAG, offsetof(struct parameters, async), flag_problem},
    {"refresh", QUERY_FLAG, offsetof(struct parameters, refresh), flag_problem},
    {"cached", QUERY_FLAG, offsetof(struct parameters, cached), flag_problem},
};

enum err parameters_read(const struct request *request, struct parameters *ret_parameters,
                         struct errmsg *why)
{
    struct parameters parameters = {.wait_s = -1, .max_age_s = -1};
    struct query query = {
        .table = table, .n_parameters = ARRAY_LEN(table), .values = &parameters, .errmsg = why};
    enum err err = request_each_argument(request, query_take, &query);

    if (err)
        return err;
    parameters.has_others = query.given & ~1U; /* bit 0 is `domain`, the first row */
    *ret_parameters = parameters;
    return ERR_OK;
}

/* ---- with the headers ---- */

static void note_applied(struct emails_query *wish, bool async, bool wait)
{
    snprintf(wish->applied, sizeof wish->applied, "%s%s", async ? "respond-async" : "",
             async && wait ? ", " : "");
    size_t len = strlen(wish->applied);
    if (wait)
        snprintf(wish->applied + len, sizeof wish->applied - len, "wait=%lld",
                 (long long)(wish->wait_ms / 1000));
}

/* 'async' without a wait returns immediately. A wait beyond the maximum is reduced, and
 * Preference-Applied reports that. */
static void set_wait(const struct request *request, const struct parameters *parameters,
                     struct emails_query *wish)
{
    const struct limits *limits = request_limits(request);
    int64_t theirs_ms = request_client(request)->max_wait_ms;
    int64_t max_wait_ms = theirs_ms < limits->max_wait_ms ? theirs_ms : limits->max_wait_ms;
    struct prefer prefer = prefer_read(request_header(request, "Prefer"));
    bool has_wait = parameters->wait_s >= 0;
    bool prefers_wait = prefer.has_wait && !has_wait;
    bool prefers_async = prefer.respond_async && !parameters->async;

    wish->async = parameters->async || prefer.respond_async;
    wish->wait_ms = has_wait          ? parameters->wait_s * 1000
                    : prefer.has_wait ? prefer.wait_s * 1000
                    : wish->async     ? 0
                                      : limits->wait_ms;
    bool cut = wish->wait_ms > max_wait_ms && (has_wait || prefer.has_wait);
    if (wish->wait_ms > max_wait_ms)
        wish->wait_ms = max_wait_ms;
    note_applied(wish, prefers_async, prefers_wait || cut);
}

static void set_cache(const struct request *request, const struct parameters *parameters,
                      struct emails_query *wish)
{
    wish->cache = CACHE_DIRECTIVES_NONE;
    cache_control_read(&wish->cache, request_header(request, "Cache-Control"));
    wish->cache.no_cache = wish->cache.no_cache || parameters->refresh;
    wish->cache.only_cached = wish->cache.only_cached || parameters->cached;
    if (parameters->max_age_s >= 0)
        wish->cache.max_age_s = parameters->max_age_s;
    wish->cache.only_cached = wish->cache.only_cached || request_client(request)->cached_only;
}

/* Returns whether the request may pay for a result that is known and fresh. */
static bool wants_refresh(const struct cache_directives *cache)
{
    return !cache->only_cached &&
           (cache->no_cache || cache->max_age_s >= 0 || cache->min_fresh_s > 0);
}

bool emails_query_parse(struct request *request, struct emails_query *ret_wish)
{
    struct parameters parameters;
    struct emails_query wish = {0};
    struct errmsg why = {""};

    enum err err = parameters_read(request, &parameters, &why);
    if (!err)
        err = negotiate_format(request_header(request, "Accept"), &wish.format);
    if (!err)
        err = question_new(parameters.fields, &wish.question, &why);
    if (err) {
        problem_send(request, err, *why.text ? why.text : NULL);
        return false;
    }
    set_wait(request, &parameters, &wish);
    set_cache(request, &parameters, &wish);
    if (wants_refresh(&wish.cache) && !request_client(request)->allow_refresh) {
        question_free(wish.question);
        problem_send(request, ERR_FORBIDDEN, "refresh requires the 'allow_refresh' right");
        return false;
    }
    *ret_wish = wish;
    return true;
}
