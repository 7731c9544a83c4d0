/* SPDX-License-Identifier: MIT */
/* emails_query.c - parses by one table of names, each with the function that reads its value.
 * Everything is checked before the request can spend a credit. */
#include "http/endpoints/emails_query.h"

#include "base/mem.h"
#include "http/auth/client_keys.h"
#include "http/core/app.h"
#include "http/core/problem.h"
#include "http/protocol/cache_control.h"
#include "http/protocol/negotiate.h"
#include "http/protocol/prefer.h"

#include <stdio.h>
#include <string.h>

#define NAME_ECHO      32 /* an unknown name is repeated up to this length */
#define SECONDS_DIGITS 9  /* longer values are not plausible */

struct reading {
    struct parameters parameters;
    unsigned seen; /* one bit per row of the table */
    struct errmsg *why;
};

typedef enum err take_fn(struct reading *reading, int part, struct slice value);

static enum err take_field(struct reading *reading, int part, struct slice value)
{
    reading->parameters.fields[part] = value;
    return ERR_OK;
}

static enum err refuse_value(const struct reading *reading, const char *words)
{
    errmsg_set(reading->why, "%s", words);
    return ERR_INVALID_PARAMETER;
}

/* Reads a whole number of seconds; returns false for anything else. */
static bool read_seconds(struct slice value, int64_t *ret_seconds)
{
    return value.len <= SECONDS_DIGITS && slice_parse_seconds(value, ret_seconds);
}

static enum err take_wait(struct reading *reading, int part, struct slice value)
{
    int64_t seconds;

    (void)part;
    if (!read_seconds(value, &seconds))
        return refuse_value(reading, "'wait' must be an integer number of seconds, such as 30");
    reading->parameters.has_wait = true;
    reading->parameters.wait_ms = seconds * 1000;
    return ERR_OK;
}

static enum err take_max_age(struct reading *reading, int part, struct slice value)
{
    (void)part;
    if (!read_seconds(value, &reading->parameters.max_age_s))
        return refuse_value(reading,
                            "'max_age' must be an integer number of seconds, such as 86400");
    reading->parameters.has_max_age = true;
    return ERR_OK;
}

enum flag { FLAG_ASYNC, FLAG_REFRESH, FLAG_CACHED };

static enum err take_flag(struct reading *reading, int part, struct slice value)
{
    bool *const flags[] = {[FLAG_ASYNC] = &reading->parameters.async,
                           [FLAG_REFRESH] = &reading->parameters.refresh,
                           [FLAG_CACHED] = &reading->parameters.cached};

    if (value.len != 1 || (value.data[0] != '0' && value.data[0] != '1'))
        return refuse_value(reading, "'async', 'refresh' and 'cached' must be 0 or 1");
    *flags[part] = value.data[0] == '1';
    return ERR_OK;
}

static const struct {
    const char *name;
    take_fn *take;
    int part;
} table[] = {
    {"domain", take_field, QUESTION_DOMAIN},
    {"company_name", take_field, QUESTION_COMPANY_NAME},
    {"city", take_field, QUESTION_CITY},
    {"state", take_field, QUESTION_STATE},
    {"country", take_field, QUESTION_COUNTRY},
    {"wait", take_wait, 0},
    {"max_age", take_max_age, 0},
    {"async", take_flag, FLAG_ASYNC},
    {"refresh", take_flag, FLAG_REFRESH},
    {"cached", take_flag, FLAG_CACHED},
};

/* ---- the nearest known name ---- */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static size_t least(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;

    return ab < c ? ab : c;
}

/* Returns Levenshtein's distance, ignoring case, row by row. `a` has at most NAME_ECHO bytes. */
static size_t distance(struct slice a, const char *b)
{
    size_t row[NAME_ECHO + 1];

    for (size_t i = 0; i <= a.len; i++)
        row[i] = i;
    for (size_t j = 1; b[j - 1]; j++) {
        size_t diagonal = row[0];
        row[0] = j;
        for (size_t i = 1; i <= a.len; i++) {
            size_t above = row[i];
            size_t change = diagonal + (lower(a.data[i - 1]) != b[j - 1]);
            row[i] = least(above + 1, row[i - 1] + 1, change);
            diagonal = above;
        }
    }
    return row[a.len];
}

static const char *nearest(struct slice name)
{
    const char *best = NULL;
    size_t best_distance = name.len / 2 + 1; /* a more distant name is no help */

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        size_t d = distance(name, table[i].name);
        if (d < best_distance) {
            best_distance = d;
            best = table[i].name;
        }
    }
    return best;
}

static bool is_plain(struct slice name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.data[i] < 0x20 || name.data[i] > 0x7e || name.data[i] == '\'')
            return false;
    return name.len >= 1 && name.len <= NAME_ECHO;
}

static enum err refuse_unknown(const struct reading *reading, struct slice name)
{
    const char *hint = is_plain(name) ? nearest(name) : NULL;

    if (!is_plain(name))
        errmsg_set(reading->why, "the query contains an invalid parameter name");
    else if (hint)
        errmsg_set(reading->why, "unknown parameter '%.*s'; did you mean '%s'?", (int)name.len,
                   name.data, hint);
    else
        errmsg_set(reading->why, "unknown parameter '%.*s'", (int)name.len, name.data);
    return ERR_UNKNOWN_PARAMETER;
}

/* ---- reading ---- */

static enum err take_argument(void *arg, struct slice name, struct slice value)
{
    struct reading *reading = arg;

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (!slice_equals(name, table[i].name))
            continue;
        if (reading->seen & 1u << i) {
            errmsg_set(reading->why, "duplicate parameter '%s'", table[i].name);
            return ERR_DUPLICATE_PARAMETER;
        }
        reading->seen |= 1u << i;
        if (!value.data)
            value = (struct slice){"", 0};
        return table[i].take(reading, table[i].part, value);
    }
    return refuse_unknown(reading, name);
}

enum err parameters_read(const struct request *request, struct parameters *ret_parameters,
                         struct errmsg *why)
{
    struct reading reading = {.why = why};
    enum err err = request_each_argument(request, take_argument, &reading);

    if (err)
        return err;
    *ret_parameters = reading.parameters;
    return ERR_OK;
}

/* ---- with the headers ---- */

static void note_applied(struct emails_query *query, bool async, bool wait)
{
    snprintf(query->applied, sizeof query->applied, "%s%s", async ? "respond-async" : "",
             async && wait ? ", " : "");
    size_t len = strlen(query->applied);
    if (wait)
        snprintf(query->applied + len, sizeof query->applied - len, "wait=%lld",
                 (long long)(query->wait_ms / 1000));
}

/* 'async' without a wait returns immediately. A wait beyond the maximum is reduced, and
 * Preference-Applied reports that. */
static void set_wait(const struct request *request, const struct parameters *parameters,
                     struct emails_query *query)
{
    const struct limits *limits = request_limits(request);
    int64_t theirs_ms = request_client(request)->max_wait_ms;
    int64_t max_wait_ms = theirs_ms < limits->max_wait_ms ? theirs_ms : limits->max_wait_ms;
    struct prefer prefer = prefer_read(request_header(request, "Prefer"));
    bool prefers_wait = prefer.has_wait && !parameters->has_wait;
    bool prefers_async = prefer.respond_async && !parameters->async;

    query->async = parameters->async || prefer.respond_async;
    query->wait_ms = parameters->has_wait ? parameters->wait_ms
                     : prefer.has_wait    ? prefer.wait_s * 1000
                     : query->async       ? 0
                                          : limits->wait_ms;
    bool cut = query->wait_ms > max_wait_ms && (parameters->has_wait || prefer.has_wait);
    if (query->wait_ms > max_wait_ms)
        query->wait_ms = max_wait_ms;
    note_applied(query, prefers_async, prefers_wait || cut);
}

static void set_cache(const struct request *request, const struct parameters *parameters,
                      struct emails_query *query)
{
    query->cache = CACHE_DIRECTIVES_NONE;
    cache_control_read(&query->cache, request_header(request, "Cache-Control"));
    query->cache.no_cache = query->cache.no_cache || parameters->refresh;
    query->cache.only_cached = query->cache.only_cached || parameters->cached;
    if (parameters->has_max_age)
        query->cache.max_age_s = parameters->max_age_s;
    query->cache.only_cached = query->cache.only_cached || request_client(request)->cached_only;
}

/* Returns whether the request may pay for a result that is known and fresh. */
static bool wants_refresh(const struct cache_directives *cache)
{
    return !cache->only_cached &&
           (cache->no_cache || cache->max_age_s >= 0 || cache->min_fresh_s > 0);
}

bool emails_query_parse(struct request *request, struct emails_query *ret_query)
{
    const struct client *client = request_client(request);
    struct parameters parameters;
    struct emails_query query = {0};
    struct errmsg why = {""};

    enum err err = parameters_read(request, &parameters, &why);
    if (!err)
        err = negotiate_format(request_header(request, "Accept"), &query.format);
    if (!err)
        err = question_new(parameters.fields, &query.question, &why);
    if (err) {
        problem_send(request, err, *why.text ? why.text : NULL);
        return false;
    }
    query.account = (struct account_ref){request_account(request), client->quota, client->weight};
    set_wait(request, &parameters, &query);
    set_cache(request, &parameters, &query);
    if (wants_refresh(&query.cache) && !client->allow_refresh) {
        question_free(query.question);
        problem_send(request, ERR_FORBIDDEN, "refresh requires the 'allow_refresh' right");
        return false;
    }
    *ret_query = query;
    return true;
}
