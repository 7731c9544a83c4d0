/* SPDX-License-Identifier: MIT */
/* fuzz_query.c - fuzzes a request to /emails: its query and its headers, up to the question.
 *
 * First line: the query after the '?'. Further lines: header lines, NAME:VALUE. The request is a
 * fake that splits and decodes the query as libmicrohttpd does. All code above it is real,
 * rejections included. */
#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "http/auth/client_keys.h"
#include "http/core/app.h"
#include "http/endpoints/emails_query.h"
#include "http/protocol/field_value.h"
#include "model/denied_domains.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#define ARGUMENTS_MAX 1200 /* about as much as a connection's memory holds */
#define HEADERS_MAX   64
#define DENIED        "gmail.com"
#define MAX_WAIT_MS   INT64_C(300000)
#define THEIR_WAIT_MS INT64_C(120000)

struct request {
    struct {
        struct slice name, value;
    } arguments[ARGUMENTS_MAX];
    size_t n_arguments;
    char *headers[HEADERS_MAX];
    size_t n_headers;
    enum http_method method;
    bool backwards; /* passes its arguments in reverse order */
    struct client client;
    struct joined_lines *joined;
    int replies, status;
};

static const struct limits limits = {.wait_ms = 90000, .max_wait_ms = MAX_WAIT_MS};
static struct denied_domains *denied;

/* ---- the fake of request.h ---- */

enum err request_each_argument(const struct request *request, request_argument_fn *each, void *arg)
{
    enum err err = ERR_OK;

    for (size_t i = 0; !err && i < request->n_arguments; i++) {
        size_t at = request->backwards ? request->n_arguments - 1 - i : i;
        err = each(arg, request->arguments[at].name, request->arguments[at].value);
    }
    return err;
}

const char *request_header(const struct request *request, const char *name)
{
    struct field_lines lines = {.name = name};

    for (size_t i = 0; i < request->n_headers; i++) {
        const char *line = request->headers[i];
        size_t name_len = strcspn(line, ":");
        const char *value = line + name_len + (line[name_len] == ':');
        value += strspn(value, " ");
        field_lines_add(&lines, (struct slice){line, name_len},
                        (struct slice){value, strlen(value)});
    }
    return field_lines_join(&lines, &((struct request *)(uintptr_t)request)->joined);
}

const struct limits *request_limits(const struct request *request)
{
    (void)request;
    return &limits;
}

const struct client *request_client(const struct request *request)
{
    return &request->client;
}

enum http_method request_method(const struct request *request)
{
    return request->method;
}

const struct denied_domains *request_denied_domains(const struct request *request)
{
    (void)request;
    return denied;
}

const char *request_account(struct request *request)
{
    (void)request;
    return "fuzz";
}

const char *request_id(const struct request *request)
{
    (void)request;
    return "fuzz";
}

const char *request_path_tail(const struct request *request)
{
    (void)request;
    return "";
}

void request_set_outcome(struct request *request, const char *outcome, const char *lookup_id,
                         enum charged charged)
{
    const struct err_row *row = err_row_by_code(outcome, strlen(outcome));

    FUZZ_WANT(row && !lookup_id && charged == CHARGED_NO);
    request->status = row->status;
}

static const char *value_of(const struct reply *reply, const char *name)
{
    for (size_t i = 0; i < reply->n_headers; i++)
        if (strcmp(reply->headers[i].name, name) == 0)
            return reply_value(reply, i);
    return "";
}

void request_reply(struct request *request, struct reply *reply)
{
    struct json *document = NULL;

    request->replies++;
    FUZZ_WANT(reply->status == request->status && reply->status >= 400 && reply->status < 500);
    FUZZ_WANT(strcmp(value_of(reply, "Content-Type"), "application/problem+json") == 0);
    FUZZ_WANT(strcmp(value_of(reply, "Cache-Control"), "no-store") == 0);
    FUZZ_WANT(reply->body.len < 2048); /* an input is not repeated to its sender */
    FUZZ_WANT(!json_parse(reply->body.data, reply->body.len, &document));
    FUZZ_WANT(json_get_int(document, "status", 0) == reply->status);
    FUZZ_WANT(*json_get_string(document, "detail"));
    json_free(document);
    free(reply->owned_body);
}

/* ---- libmicrohttpd's reading of a query ---- */

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *at = c ? strchr(digits, c) : NULL;

    return at ? (int)(at - digits) & 15 : -1;
}

/* In place; text that is not an escape stays unchanged. */
static struct slice decode(char *text, size_t len)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        int high = i + 2 < len ? hex_digit(text[i + 1]) : -1;
        int low = i + 2 < len ? hex_digit(text[i + 2]) : -1;
        if (text[i] == '%' && high >= 0 && low >= 0) {
            text[n++] = (char)(high << 4 | low);
            i += 2;
        } else {
            text[n++] = text[i] == '+' ? ' ' : text[i];
        }
    }
    return (struct slice){text, n};
}

/* The slices point into `query`. */
static void split(struct request *request, char *query)
{
    while (*query && request->n_arguments < ARGUMENTS_MAX) {
        size_t len = strcspn(query, "&");
        bool is_last = !query[len];
        size_t name_len = strcspn(query, "&=");
        struct slice name = decode(query, name_len), value = {0};
        if (query[name_len] == '=')
            value = decode(query + name_len + 1, len - name_len - 1);
        if (name.len || value.data) {
            request->arguments[request->n_arguments].name = name;
            request->arguments[request->n_arguments++].value = value;
        }
        query += len + !is_last;
    }
}

/* ---- the promises ---- */

static bool has_argument(const struct request *request, const char *name)
{
    for (size_t i = 0; i < request->n_arguments; i++)
        if (slice_equals(request->arguments[i].name, name))
            return true;
    return false;
}

/* Whatever the headers say, only parameters spend. */
static void check_spending(const struct emails_query *query, const struct request *request)
{
    FUZZ_WANT(!query->cache.refresh || has_argument(request, "refresh"));
    FUZZ_WANT(query->cache.max_age_s < 0 || has_argument(request, "max_age"));
    FUZZ_WANT(query->cache.only_cached || request->method != HTTP_HEAD);
    FUZZ_WANT(query->cache.only_cached == (query->never_spends != NULL));
    FUZZ_WANT(!query->cache.only_cached || !query->cache.refresh);
    FUZZ_WANT(strcmp(query->question->parts.domain, DENIED) != 0);
}

static void check_reading(const struct emails_query *query, const struct client *client)
{
    FUZZ_WANT(query->format < FORMATS);
    FUZZ_WANT(query->wait_ms >= 0 && query->wait_ms <= MAX_WAIT_MS);
    FUZZ_WANT(query->wait_ms <= client->max_wait_ms);
    FUZZ_WANT(query->cache.max_age_s >= -1 && query->cache.max_age_s <= INT64_C(2147483648));
    FUZZ_WANT(query->cache.only_cached || !client->cached_only);
    FUZZ_WANT(query->cache.only_cached || client->allow_refresh || !query->cache.refresh);
}

/* The canonical form of a question is the same question. */
static void check_question(const struct question *question)
{
    const char *parts[QUESTION_PARTS] = {
        [QUESTION_DOMAIN] = question->parts.domain,
        [QUESTION_COMPANY_NAME] = question->parts.company_name,
        [QUESTION_CITY] = question->parts.city,
        [QUESTION_STATE] = question->parts.state,
        [QUESTION_COUNTRY] = question->parts.country,
    };
    struct slice fields[QUESTION_PARTS];
    struct question *again;
    struct errmsg why;

    for (int i = 0; i < QUESTION_PARTS; i++) {
        size_t len = strlen(parts[i]);
        FUZZ_WANT(text_is_utf8(parts[i], len) && !text_has_control(parts[i], len));
        if (len > QUESTION_FIELD_MAX && i != QUESTION_DOMAIN)
            return; /* the normal form of some texts is longer than the text */
        fields[i] = (struct slice){parts[i], len};
    }
    FUZZ_WANT(*question->parts.company_name);
    FUZZ_WANT(question_new(fields, &again, &why) == ERR_OK);
    FUZZ_WANT(memcmp(again->key, question->key, HASH_SIZE) == 0);
    FUZZ_WANT(strcmp(again->parts.domain, question->parts.domain) == 0);
    question_free(again);
}

/* Parses once for a client with these rights. Returns the question's key, or false if it is
 * rejected. */
static bool read_as(struct request *request, bool allow_refresh, bool cached_only,
                    unsigned char *ret_key)
{
    struct emails_query query;

    request->client = (struct client){.max_wait_ms = cached_only ? THEIR_WAIT_MS : INT64_MAX,
                                      .allow_refresh = allow_refresh,
                                      .cached_only = cached_only};
    request->replies = 0;
    bool ok = emails_query_parse(request, &query);
    joined_lines_free(request->joined);
    request->joined = NULL;
    FUZZ_WANT(request->replies == !ok);
    if (!ok)
        return false;
    check_reading(&query, &request->client);
    check_spending(&query, request);
    check_question(query.question);
    memcpy(ret_key, query.question->key, HASH_SIZE);
    question_free(query.question);
    return true;
}

static void check_request(struct request *request)
{
    unsigned char key[HASH_SIZE], other[HASH_SIZE];
    bool ok = read_as(request, true, false, key);

    /* Rights change what may be paid for, but not the question; the order changes neither. */
    if (read_as(request, false, false, other))
        FUZZ_WANT(ok && memcmp(key, other, HASH_SIZE) == 0);
    FUZZ_WANT(read_as(request, false, true, other) == ok);
    FUZZ_WANT(!ok || memcmp(key, other, HASH_SIZE) == 0);
    request->method = HTTP_HEAD; /* no right is missing for what never spends */
    FUZZ_WANT(read_as(request, false, false, other) == ok);
    request->method = HTTP_GET;
    request->backwards = true;
    FUZZ_WANT(read_as(request, true, false, other) == ok);
    FUZZ_WANT(!ok || memcmp(key, other, HASH_SIZE) == 0);
}

static void start(void)
{
    struct errmsg why;

    FUZZ_WANT(domain_start() == ERR_OK);
    FUZZ_WANT(denied_domains_parse("list", DENIED, strlen(DENIED), &denied, &why) == ERR_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool started;
    static struct request request;
    struct input input = input_of(data, size);
    size_t len;
    autofree char *query = input_line(&input, &len);
    char *line;

    if (!started)
        start();
    started = true;
    if (!query)
        return 0;
    request = (struct request){.method = HTTP_GET};
    split(&request, query);
    while (request.n_headers < HEADERS_MAX && (line = input_line(&input, &len)))
        request.headers[request.n_headers++] = line;
    check_request(&request);
    while (request.n_headers)
        free(request.headers[--request.n_headers]);
    return 0;
}
