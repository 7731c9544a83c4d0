/* SPDX-License-Identifier: MIT */
/* emails_query.c - reads the query by a table of parameters. Everything is checked before the
 * request can spend a credit. */
#include "http/endpoints/emails_query.h"

#include "base/mem.h"
#include "http/auth/client_keys.h"
#include "http/core/app.h"
#include "http/core/problem.h"
#include "http/protocol/cache_control.h"
#include "http/protocol/conditional.h"
#include "http/protocol/prefer.h"
#include "http/protocol/query.h"
#include "model/denied_domains.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const char flag_problem[] = "'async', 'refresh' and 'cached' must be 0 or 1";

/* First those of the question, last the one that only a list has. */
static const struct query_parameter table[] = {
    {"domain", QUERY_TEXT, offsetof(struct parameters, fields[QUESTION_DOMAIN]), NULL},
    {"company_name", QUERY_TEXT, offsetof(struct parameters, fields[QUESTION_COMPANY_NAME]), NULL},
    {"city", QUERY_TEXT, offsetof(struct parameters, fields[QUESTION_CITY]), NULL},
    {"state", QUERY_TEXT, offsetof(struct parameters, fields[QUESTION_STATE]), NULL},
    {"country", QUERY_TEXT, offsetof(struct parameters, fields[QUESTION_COUNTRY]), NULL},
    {"wait", QUERY_NUMBER, offsetof(struct parameters, wait_s), WAIT_PROBLEM},
    {"max_age", QUERY_NUMBER, offsetof(struct parameters, max_age_s),
     "'max_age' must be an integer number of seconds, such as 86400"},
    {"async", QUERY_FLAG, offsetof(struct parameters, async), flag_problem},
    {"refresh", QUERY_FLAG, offsetof(struct parameters, refresh), flag_problem},
    {"cached", QUERY_FLAG, offsetof(struct parameters, cached), flag_problem},
    {"format", QUERY_FORMAT, offsetof(struct parameters, format), FORMAT_PROBLEM},
    {"max_credits", QUERY_NUMBER, offsetof(struct parameters, max_credits),
     "'max_credits' must be an integer number of credits, such as 100"},
};

/* Reads the query by `n` rows of the table, from the `first` on. */
static enum err read_rows(const struct request *request, size_t first, size_t n,
                          struct parameters *ret_parameters, struct errmsg *why)
{
    struct parameters parameters = {
        .wait_s = -1, .max_age_s = -1, .max_credits = -1, .format = FORMATS};
    struct query query = {
        .table = table + first, .n_parameters = n, .values = &parameters, .errmsg = why};
    enum err err = request_each_argument(request, query_take, &query);

    if (err)
        return err;
    parameters.has_others = query.given & ~1U; /* bit 0 is the first row */
    *ret_parameters = parameters;
    return ERR_OK;
}

enum err parameters_read(const struct request *request, struct parameters *ret_parameters,
                         struct errmsg *why)
{
    return read_rows(request, 0, ARRAY_LEN(table) - 1, ret_parameters, why);
}

enum err parameters_read_list(const struct request *request, struct parameters *ret_parameters,
                              struct errmsg *why)
{
    return read_rows(request, QUESTION_PARTS, ARRAY_LEN(table) - QUESTION_PARTS, ret_parameters,
                     why);
}

/* ---- with the headers ---- */

int64_t emails_query_max_wait_ms(const struct request *request)
{
    int64_t limit_ms = request_limits(request)->max_wait_ms;
    int64_t theirs_ms = request_client(request)->max_wait_ms;

    return theirs_ms < limit_ms ? theirs_ms : limit_ms;
}

/* 'async' without a wait returns immediately. A wait beyond the maximum is reduced, and
 * Preference-Applied reports that. */
static void set_wait(const struct request *request, const struct parameters *parameters,
                     struct emails_query *query)
{
    int64_t max_wait_ms = emails_query_max_wait_ms(request);
    struct prefer prefer = prefer_read(request_header(request, "Prefer"));
    bool has_wait = parameters->wait_s >= 0;

    query->async = parameters->async || prefer.respond_async;
    query->wait_ms = has_wait                          ? parameters->wait_s * 1000
                     : prefer.has_wait                 ? prefer.wait_s * 1000
                     : format_is_stream(query->format) ? max_wait_ms
                     : query->async                    ? 0
                                                       : request_limits(request)->wait_ms;
    query->has_wait = has_wait || prefer.has_wait;
    bool cut = query->wait_ms > max_wait_ms && query->has_wait;
    if (query->wait_ms > max_wait_ms)
        query->wait_ms = max_wait_ms;
    query->names_wait = (prefer.has_wait && !has_wait) || cut;
}

/* Returns whether a browser fetches what its user has not asked for, and may never ask for. The
 * first name is of the Fetch Standard, with parameters behind the word (`prefetch;prerender`); the
 * others are what browsers sent before. */
static bool is_prefetch(const struct request *request)
{
    static const char *const names[] = {"Sec-Purpose", "Purpose", "X-Moz"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *value = request_header(request, names[i]);
        if (value &&
            slice_equals_nocase((struct slice){value, strcspn(value, " \t;,")}, "prefetch"))
            return true;
    }
    return false;
}

/* Returns whether a precondition is given; an invalid date does not count. */
static bool is_conditional(const struct request *request)
{
    struct precondition precondition;

    conditional_read(request_header(request, "If-Match"),
                     request_header(request, "If-Unmodified-Since"), &precondition);
    return precondition_is_given(&precondition);
}

/* Why a request never spends, the first reason that holds; NULL = it may. */
static const struct never_spends *find_reason(const struct request *request,
                                              const struct parameters *parameters,
                                              const struct cache_directives *cache)
{
    static const struct never_spends prefetch = {
        ERR_PAUSED,
        "a browser's prefetch gets stored results only; the request that its user makes "
        "starts the lookup"};
    static const struct never_spends key = {
        ERR_NOT_CACHED, "nothing that satisfies the request is stored, and this client's key never "
                        "pays for a lookup (cached_only)"};
    static const struct never_spends conditional = {
        ERR_PRECONDITION_FAILED,
        "nothing is stored that satisfies If-Match or If-Unmodified-Since, and a conditional "
        "request never starts a lookup"};
    static const struct never_spends asked = {
        ERR_NOT_CACHED, "nothing that satisfies the request is stored, and it asked for stored "
                        "results only"};

    if (is_prefetch(request))
        return &prefetch;
    if (request_client(request)->cached_only)
        return &key;
    if (is_conditional(request))
        return &conditional;
    return parameters->cached || cache->only_cached || request_method(request) == HTTP_HEAD ? &asked
                                                                                            : NULL;
}

/* Headers can only make the request cheaper; parameters decide. */
static void set_cache(const struct request *request, const struct parameters *parameters,
                      struct emails_query *query)
{
    struct cache_directives *cache = &query->cache;

    *cache = CACHE_DIRECTIVES_NONE;
    cache_control_read(cache, request_header(request, "Cache-Control"));
    query->never_spends = find_reason(request, parameters, cache);
    cache->only_cached = query->never_spends != NULL;
    cache->refresh = parameters->refresh && !cache->only_cached;
    cache->max_age_s = parameters->max_age_s;
    /* By the parameters, not by `cache`: the response cache serves the next client of this text. */
    query->is_plain =
        !parameters->refresh && parameters->max_age_s < 0 && !format_is_stream(query->format);
}

/* Returns whether the request may pay for a result that is known and fresh. */
static bool wants_refresh(const struct cache_directives *cache)
{
    return !cache->only_cached && (cache->refresh || cache->max_age_s >= 0);
}

enum err emails_query_options(struct request *request, const struct parameters *parameters,
                              struct emails_query *query, struct errmsg *why)
{
    const struct client *client = request_client(request);

    query->account = (struct account_ref){request_account(request), client->quota, client->weight};
    query->max_waiters = client->waiters;
    set_wait(request, parameters, query);
    set_cache(request, parameters, query);
    if (!wants_refresh(&query->cache) || client->allow_refresh)
        return ERR_OK;
    errmsg_set(why, "refresh requires the 'allow_refresh' right");
    return ERR_FORBIDDEN;
}

enum err emails_question_new(const struct request *request,
                             const struct slice fields[QUESTION_PARTS],
                             struct question **ret_question, struct errmsg *why)
{
    struct question *question;
    enum err err = question_new(fields, &question, why);

    if (err)
        return err;
    if (denied_domains_contain(request_denied_domains(request), question->parts.domain)) {
        errmsg_set(why, "the operator of this server has excluded '%s' from lookups",
                   question->parts.domain);
        question_free(question);
        return ERR_DENIED_DOMAIN;
    }
    *ret_question = question;
    return ERR_OK;
}

/* ---- both ---- */

static enum err read_query(struct request *request, struct emails_query *query, struct errmsg *why)
{
    struct parameters parameters;
    enum err err = parameters_read(request, &parameters, why);

    if (!err)
        err = negotiate_format(parameters.format, request_header(request, "Accept"), FORMAT_JSON,
                               &query->format);
    if (!err)
        err = emails_question_new(request, parameters.fields, &query->question, why);
    return err ? err : emails_query_options(request, &parameters, query, why);
}

bool emails_query_parse(struct request *request, struct emails_query *ret_query)
{
    struct emails_query query = {0};
    struct errmsg why = {""};
    enum err err = read_query(request, &query, &why);

    if (err) {
        question_free(query.question);
        problem_send(request, err, *why.text ? why.text : NULL);
        return false;
    }
    *ret_query = query;
    return true;
}

void emails_query_preferences(const struct emails_query *query, bool is_async,
                              char text[static PREFERENCES_TEXT])
{
    size_t len = (size_t)snprintf(text, PREFERENCES_TEXT, "%s", is_async ? "respond-async" : "");

    if (query->names_wait)
        snprintf(text + len, PREFERENCES_TEXT - len, "%swait=%lld", is_async ? ", " : "",
                 (long long)(query->wait_ms / 1000));
}
