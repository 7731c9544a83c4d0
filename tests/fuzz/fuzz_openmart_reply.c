/* SPDX-License-Identifier: MIT */
/* fuzz_openmart_reply.c - fuzzes a complete call: what is sent, how it ends, what its callback
 * receives.
 *
 * First line: the call (s, c, i, t, r, b), its result (0 to 4), the status and Retry-After. Second
 * line: text for the request, an id or a company name. The rest: the body received. The
 * transport is a fake that keeps one request and ends it as the input says. */
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "client/openmart/openmart.h"
#include "client/openmart/openmart_id.h"
#include "client/openmart/openmart_parse.h"
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY  "om_live_0123456789abcdef"
#define BASE "http://127.0.0.1:1"

#define SUBMIT_MS INT64_C(3000)
#define READ_MS   INT64_C(2000)
#define TASK_MS   INT64_C(1000)

/* ---- the fake of transport.h ---- */

struct transfer {
    struct transport_request request;
    char url[8192];
    char *body;
    transport_done_fn *done;
    void *arg;
};

static struct transfer *on_its_way;

struct transfer *transport_start(struct transport *transport,
                                 const struct transport_request *request, transport_done_fn *done,
                                 void *arg)
{
    struct transfer *t = xcalloc(1, sizeof *t);

    (void)transport;
    FUZZ_WANT(!on_its_way && strlen(request->url) < sizeof t->url);
    t->request = *request;
    snprintf(t->url, sizeof t->url, "%s", request->url);
    t->body = request->body ? xstrndup(request->body, request->body_len) : NULL;
    t->done = done;
    t->arg = arg;
    for (size_t i = 0; i < request->n_headers; i++)
        FUZZ_WANT(!strpbrk(request->headers[i].value, "\r\n"));
    return on_its_way = t;
}

void transport_cancel(struct transfer *transfer)
{
    (void)transfer;
    fuzz_fail(__FILE__, __LINE__, "nothing is cancelled here");
}

static void deliver(const struct transport_answer *answer)
{
    struct transfer *t = TAKE(on_its_way);

    t->done(t->arg, answer);
    free(t->body);
    free(t);
}

/* ---- what the callback receives ---- */

struct delivery {
    char call;
    enum transport_end end;
    int times;
};

static bool reads_a_task(const struct delivery *delivery)
{
    return delivery->call == 't' || delivery->call == 'r';
}

static void note(void *arg, const struct openmart_reply *reply)
{
    struct delivery *delivery = arg;
    size_t len = strnlen(reply->detail, OPENMART_DETAIL_TEXT);

    delivery->times++;
    FUZZ_WANT(reply->verdict <= VERDICT_UNKNOWN);
    FUZZ_WANT((reply->verdict == VERDICT_DONE) == (reply->err == ERR_OK));
    FUZZ_WANT(reply->verdict != VERDICT_DONE || delivery->end == TRANSPORT_ANSWERED ||
              (reads_a_task(delivery) && delivery->end == TRANSPORT_TOO_BIG));
    FUZZ_WANT(reply->timed_out == (delivery->end == TRANSPORT_TIMEOUT));
    if (delivery->call == 's' && reply->verdict == VERDICT_RETRYABLE)
        FUZZ_WANT(delivery->end == TRANSPORT_NOT_SENT || reply->status == 429);
    FUZZ_WANT(reply->retry_after_s == -1 ||
              (reply->retry_after_s >= 1 && reply->retry_after_s <= 3600));
    FUZZ_WANT(len <= OPENMART_DETAIL_MAX);
    FUZZ_WANT(text_is_utf8(reply->detail, len) && !text_has_control(reply->detail, len));
    FUZZ_WANT(!strstr(reply->detail, KEY));
    if (delivery->call != 's')
        FUZZ_WANT(reply->verdict != VERDICT_UNKNOWN);
    else if (delivery->end != TRANSPORT_ANSWERED && delivery->end != TRANSPORT_NOT_SENT)
        FUZZ_WANT(reply->verdict == VERDICT_UNKNOWN); /* or credits would be spent twice */
}

static void on_submit(void *arg, const struct openmart_reply *reply, const char *batch_id)
{
    note(arg, reply);
    FUZZ_WANT((batch_id != NULL) == (reply->verdict == VERDICT_DONE));
    FUZZ_WANT(!batch_id || openmart_id_ok(batch_id));
}

static void on_counts(void *arg, const struct openmart_reply *reply,
                      const struct openmart_counts *counts)
{
    note(arg, reply);
    FUZZ_WANT((counts != NULL) == (reply->verdict == VERDICT_DONE));
}

static void on_ids(void *arg, const struct openmart_reply *reply, const char *const *ids, size_t n)
{
    note(arg, reply);
    FUZZ_WANT(n == 0 || (ids && reply->verdict == VERDICT_DONE));
}

static void on_task(void *arg, const struct openmart_reply *reply, const struct openmart_task *task)
{
    note(arg, reply);
    FUZZ_WANT((task != NULL) == (reply->verdict == VERDICT_DONE));
    FUZZ_WANT(!task || !task->unreadable || task->n_emails == 0);
}

static void on_balance(void *arg, const struct openmart_reply *reply, int64_t balance)
{
    note(arg, reply);
    FUZZ_WANT(balance == 0 || reply->verdict == VERDICT_DONE);
}

/* ---- what is sent ---- */

static void start(struct openmart *openmart, struct delivery *delivery, const char *words)
{
    const struct openmart_form forms[] = {
        {.domain = "milvali.com", .company_name = words, .tracking_id = "t1"},
        {.domain = "example.com", .city = words, .tracking_id = "t2", .notify_url = words},
    };

    switch (delivery->call) {
    case 's':
        openmart_submit(openmart, forms, ARRAY_LEN(forms), on_submit, delivery);
        break;
    case 'c':
        openmart_batch_status(openmart, words, on_counts, delivery);
        break;
    case 'i':
        openmart_task_ids(openmart, "b1", words, on_ids, delivery);
        break;
    case 't':
        openmart_read_task(openmart, words, on_task, delivery);
        break;
    case 'r':
        openmart_reread_task(openmart, words, on_task, delivery);
        break;
    default:
        openmart_credit_balance(openmart, on_balance, delivery);
    }
}

/* Untrusted strings stay inside their quotes. */
static void check_form(const struct json *form, const char *key, const char *words)
{
    const char *sent = json_get_string(form, key);

    FUZZ_WANT((sent != NULL) == (*words != '\0'));
    if (sent && text_is_utf8(words, strlen(words)))
        FUZZ_WANT(strcmp(sent, words) == 0);
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);

    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

static int64_t timeout_of(char call)
{
    return call == 's' ? SUBMIT_MS : call == 't' ? TASK_MS : READ_MS;
}

static void check_request(const struct delivery *delivery, const char *words)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789_-/?=.:%~";
    const struct transfer *t = on_its_way;
    struct json *body = NULL;

    FUZZ_WANT((t->body != NULL) == (delivery->call == 's') && t->request.only_once == !!t->body);
    FUZZ_WANT(t->request.timeout_ms == timeout_of(delivery->call));
    FUZZ_WANT(!*t->url || strncmp(t->url, BASE "/api/", strlen(BASE "/api/")) == 0);
    FUZZ_WANT(!t->url[strspn(t->url, plain)]);
    FUZZ_WANT(!strstr(t->url, "/../") && !strstr(t->url, "/./") && !ends_with(t->url, "/..") &&
              !ends_with(t->url, "/."));
    if (!t->body)
        return;
    FUZZ_WANT(!json_parse(t->body, t->request.body_len, &body) && json_size(body) == 2);
    const struct json *first = json_first(body), *second = json_next(first);
    check_form(first, "company_name", words);
    check_form(second, "city", words);
    check_form(second, "notify_url", words);
    FUZZ_WANT(strcmp(json_get_string(first, "tracking_id"), "t1") == 0);
    FUZZ_WANT(strcmp(json_get_string(second, "tracking_id"), "t2") == 0);
    json_free(body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct secret *key;
    struct input input = input_of(data, size);
    char *rest;
    struct errmsg why;
    size_t len;
    autofree char *how = input_line(&input, &len);
    autofree char *words = input_line(&input, &len);

    if (!words)
        return 0;
    if (!key)
        FUZZ_WANT(!secret_from_text("KEY", KEY, &key, &why));
    autofree char *body = xstrndup(input.at, input.left);
    struct delivery delivery = {.call = how[0] ? how[0] : 'b'};
    long end = strtol(how[0] ? how + 1 : how, &rest, 10);
    delivery.end = (enum transport_end)(end < 0 || end > TRANSPORT_TOO_BIG ? 0 : end);
    struct transport_answer answer = {.end = delivery.end,
                                      .status = (int)(strtol(rest, &rest, 10) % 1000),
                                      .retry_after_s = strtol(rest, &rest, 10),
                                      .body = body,
                                      .body_len = input.left,
                                      .error = words};
    const struct openmart_options options = {.base_url = BASE,
                                             .key = key,
                                             .submit_timeout_ms = SUBMIT_MS,
                                             .read_timeout_ms = READ_MS,
                                             .task_timeout_ms = TASK_MS};
    struct openmart *openmart = openmart_new(&options, NULL);
    start(openmart, &delivery, words);
    FUZZ_WANT(delivery.times == 0);
    check_request(&delivery, words);
    if (!*on_its_way->url && !on_its_way->body) { /* without a URL, nothing is sent */
        answer.end = delivery.end = TRANSPORT_NOT_SENT;
        answer.status = 0;
    }
    deliver(&answer);
    FUZZ_WANT(delivery.times == 1);
    openmart_free(openmart);
    return 0;
}
