/* SPDX-License-Identifier: MIT */
/* openmart.c - see openmart.h.
 *
 * Each request in flight has a struct openmart_call; its function `deliver` depends on the kind of
 * request. It parses the body if there is one, gets a verdict from openmart_verdict.c, and calls
 * the caller back. The key is sent in X-API-Key, and with reads also in Authorization: shared
 * caches store no response to such a request (RFC 9111, 3.5), and some ignore its Cache-Control.
 *
 * A request that cannot be sent (an invalid id, a number of forms that Openmart would reject) also
 * ends through its callback: it starts a transfer without a URL, which is never sent. */
#include "client/openmart/openmart.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "client/openmart/openmart_id.h"
#include "client/openmart/openmart_parse.h"
#include "client/openmart/openmart_sanitize.h"
#include "client/openmart/openmart_verdict.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_AFTER_MAX_S 3600
#define PATH_MAX_BYTES    1024
#define SUBMIT_PATH       "/api/v1/task/batch/lookup_business_email"
#define STATE_MAX         32
#define URL_MAX           4096
#define HEADER_MAX        1024

struct openmart {
    char *base_url;
    const struct secret *key;
    int64_t submit_timeout_ms, read_timeout_ms, task_timeout_ms;
    struct transport *transport;
    size_t n_calls;
    const struct openmart_call *delivering; /* the call whose callback is running now */
};

typedef void deliver_fn(struct openmart_call *call, const struct transport_answer *answer);

struct openmart_call {
    struct openmart *openmart;
    struct transfer *transfer;
    enum metrics_operation operation;
    deliver_fn *deliver;
    bool is_submit;
    bool unsendable;
    int64_t timeout_ms;
    union {
        openmart_submit_fn *submit;
        openmart_counts_fn *counts;
        openmart_ids_fn *ids;
        openmart_task_fn *task;
        openmart_balance_fn *balance;
    } done;
    void *arg;
};

struct openmart *openmart_new(const struct openmart_options *options, struct transport *transport)
{
    struct openmart *openmart = xcalloc(1, sizeof *openmart);

    openmart->base_url = xstrdup(options->base_url);
    openmart->key = options->key;
    openmart->submit_timeout_ms = options->submit_timeout_ms;
    openmart->read_timeout_ms = options->read_timeout_ms;
    openmart->task_timeout_ms =
        options->task_timeout_ms ? options->task_timeout_ms : options->read_timeout_ms;
    openmart->transport = transport;
    return openmart;
}

void openmart_free(struct openmart *openmart)
{
    if (!openmart)
        return;
    assert(openmart->n_calls == 0);
    free(openmart->base_url);
    free(openmart);
}

static void free_call(struct openmart_call *call)
{
    call->openmart->n_calls--;
    free(call);
}

void openmart_cancel(struct openmart_call *call)
{
    if (call == call->openmart->delivering)
        return; /* it ended, and is freed when its callback returns */
    transport_cancel(call->transfer);
    free_call(call);
}

static void count(const struct openmart_call *call, const struct transport_answer *answer)
{
    struct metrics *metrics = metrics_mine();
    int code = answer->end == TRANSPORT_ANSWERED ? answer->status : METRICS_NO_CODE;

    metrics_add(&metrics->upstream_requests[call->operation][metrics_code_index(code)], 1);
    metrics_duration(&metrics->upstream_durations[call->operation], answer->took_ms);
}

static void finish(void *arg, const struct transport_answer *answer)
{
    struct openmart_call *call = arg;

    count(call, answer);
    call->openmart->delivering = call;
    call->deliver(call, answer);
    call->openmart->delivering = NULL;
    free_call(call);
}

static bool is_2xx(const struct transport_answer *answer)
{
    return answer->status >= 200 && answer->status <= 299;
}

static bool has_2xx(const struct transport_answer *answer)
{
    return answer->end == TRANSPORT_ANSWERED && is_2xx(answer);
}

/* Returns whether the response is a rejection by Openmart. */
static bool read_detail(const struct openmart_call *call, const struct transport_answer *answer,
                        char *ret_detail)
{
    const char *key = secret_text(call->openmart->key);

    if (!call->unsendable && answer->end == TRANSPORT_ANSWERED)
        return openmart_parse_detail(answer->body, answer->body_len, key, ret_detail);
    openmart_clean(call->unsendable ? "the request contains a part that cannot be sent"
                                    : answer->error,
                   key, ret_detail);
    return false;
}

/* Builds the reply. `detail` holds OPENMART_DETAIL_TEXT bytes, which the reply points to. */
static struct openmart_reply judge(const struct openmart_call *call,
                                   const struct transport_answer *answer, bool readable,
                                   char *detail)
{
    detail[0] = '\0';
    const struct openmart_seen seen = {
        .is_submit = call->is_submit,
        .end = answer->end,
        .status = call->unsendable ? OPENMART_UNSENDABLE : answer->status,
        .readable = readable,
        .is_rejection = !readable && read_detail(call, answer, detail),
    };
    struct openmart_meaning meaning = openmart_verdict(&seen);
    int64_t retry_after_s = answer->retry_after_s > 0 ? answer->retry_after_s : -1;

    return (struct openmart_reply){
        .verdict = meaning.verdict,
        .err = meaning.err,
        .status = answer->status,
        .timed_out = answer->end == TRANSPORT_TIMEOUT,
        .retry_after_s = retry_after_s > RETRY_AFTER_MAX_S ? RETRY_AFTER_MAX_S : retry_after_s,
        .took_ms = answer->took_ms,
        .detail = detail,
        .body = answer->body,
        .body_len = answer->body_len,
    };
}

static void deliver_submit(struct openmart_call *call, const struct transport_answer *answer)
{
    char detail[OPENMART_DETAIL_TEXT], id[OPENMART_ID_MAX + 1];
    bool readable = has_2xx(answer) && !openmart_parse_submit(answer->body, answer->body_len, id);
    struct openmart_reply reply = judge(call, answer, readable, detail);

    call->done.submit(call->arg, &reply, readable ? id : NULL);
}

static void deliver_counts(struct openmart_call *call, const struct transport_answer *answer)
{
    char detail[OPENMART_DETAIL_TEXT];
    struct openmart_counts counts;
    bool readable =
        has_2xx(answer) && !openmart_parse_counts(answer->body, answer->body_len, &counts);
    struct openmart_reply reply = judge(call, answer, readable, detail);

    call->done.counts(call->arg, &reply, readable ? &counts : NULL);
}

static void deliver_ids(struct openmart_call *call, const struct transport_answer *answer)
{
    char detail[OPENMART_DETAIL_TEXT];
    struct openmart_ids ids = {0};
    bool readable = has_2xx(answer) && !openmart_parse_ids(answer->body, answer->body_len, &ids);
    struct openmart_reply reply = judge(call, answer, readable, detail);

    call->done.ids(call->arg, &reply, ids.ids, ids.n);
    openmart_ids_done(&ids);
}

/* Reads a task. One that is larger than what can be parsed is unreadable, and not an error: its
 * next read would be as large. */
static bool read_task(const struct transport_answer *answer,
                      struct openmart_task_answer *ret_answer)
{
    enum err err = ERR_SYNTAX;

    if (has_2xx(answer))
        err = openmart_parse_task(answer->body, answer->body_len, ret_answer);
    else if (answer->end == TRANSPORT_TOO_BIG && is_2xx(answer))
        err = ERR_TOO_BIG;
    if (err == ERR_TOO_BIG)
        ret_answer->task = (struct openmart_task){
            .state = OPENMART_STATE_OTHER, .tracking_id = "", .unreadable = true};
    return err == ERR_OK || err == ERR_TOO_BIG;
}

static void deliver_task(struct openmart_call *call, const struct transport_answer *answer)
{
    char detail[OPENMART_DETAIL_TEXT];
    struct openmart_task_answer task = {0};
    bool readable = read_task(answer, &task);
    struct openmart_reply reply = judge(call, answer, readable, detail);

    call->done.task(call->arg, &reply, readable ? &task.task : NULL);
    openmart_task_done(&task);
}

static void deliver_balance(struct openmart_call *call, const struct transport_answer *answer)
{
    char detail[OPENMART_DETAIL_TEXT];
    int64_t balance = 0;
    bool readable =
        has_2xx(answer) && !openmart_parse_balance(answer->body, answer->body_len, &balance);
    struct openmart_reply reply = judge(call, answer, readable, detail);

    call->done.balance(call->arg, &reply, balance);
}

static struct openmart_call *new_call(struct openmart *openmart, enum metrics_operation operation,
                                      deliver_fn *deliver, void *arg)
{
    struct openmart_call *call = xcalloc(1, sizeof *call);

    call->openmart = openmart;
    call->operation = operation;
    call->deliver = deliver;
    call->arg = arg;
    call->timeout_ms =
        operation == UPSTREAM_SUBMIT ? openmart->submit_timeout_ms : openmart->read_timeout_ms;
    openmart->n_calls++;
    return call;
}

/* Starts the request. `path` NULL or `body` overflowed: it cannot be sent. `body` NULL: a GET. */
static struct openmart_call *start(struct openmart_call *call, const char *path,
                                   const struct buf *body)
{
    struct openmart *openmart = call->openmart;
    struct buf url autobuf = BUF_INIT(URL_MAX), bearer autobuf = BUF_INIT(HEADER_MAX);
    const char *key = secret_text(openmart->key);

    buf_addf(&bearer, "Bearer %s", key);
    const struct transport_header headers[] = {
        {"X-API-Key", key},
        {"Accept", "application/json"},
        body ? (struct transport_header){"Content-Type", "application/json"}
             : (struct transport_header){"Cache-Control", "no-store"},
        {"Authorization", buf_str(&bearer)}, /* of reads only, see above */
    };

    call->is_submit = body != NULL;
    if (path)
        buf_addf(&url, "%s%s", openmart->base_url, path);
    call->unsendable = !path || buf_check(&url) || (body && buf_check(body));
    const struct transport_request request = {
        .url = call->unsendable ? "" : buf_str(&url),
        .body = body ? buf_str(body) : NULL,
        .body_len = body ? body->len : 0,
        .headers = headers,
        .n_headers = ARRAY_LEN(headers) - (body ? 1 : 0),
        .timeout_ms = call->timeout_ms,
        .max_bytes = JSON_MAX_BYTES,
        .only_once = call->is_submit,
    };
    call->transfer = transport_start(openmart->transport, &request, finish, call);
    return call;
}

static void add_form(struct buf *out, const struct openmart_form *form)
{
    const struct {
        const char *name, *value;
    } fields[] = {
        {"domain", form->domain},
        {"company_name", form->company_name},
        {"city", form->city},
        {"state", form->state},
        {"country", form->country},
        {"tracking_id", form->tracking_id},
        {"notify_url", form->notify_url},
    };
    const char *comma = "";

    buf_add_str(out, "{");
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (!fields[i].value || !fields[i].value[0])
            continue;
        buf_addf(out, "%s\"%s\":", comma, fields[i].name);
        json_add_text(out, fields[i].value);
        comma = ",";
    }
    buf_add_str(out, "}");
}

struct openmart_call *openmart_submit(struct openmart *openmart, const struct openmart_form *forms,
                                      size_t n, openmart_submit_fn *done, void *arg)
{
    struct openmart_call *call = new_call(openmart, UPSTREAM_SUBMIT, deliver_submit, arg);
    struct buf body autobuf = BUF_INIT(JSON_MAX_BYTES);
    bool fits = n >= 1 && n <= OPENMART_BATCH_MAX;

    call->done.submit = done;
    for (size_t i = 0; fits && i < n; i++) {
        buf_add_str(&body, i ? "," : "[");
        add_form(&body, &forms[i]);
    }
    buf_add_str(&body, "]");
    return start(call, fits ? SUBMIT_PATH : NULL, &body);
}

/* Writes the path to `path`. Returns it, or NULL if the id is invalid. */
static const char *path_to(struct buf *path, const char *before, const char *id, const char *behind)
{
    if (!openmart_id_ok(id))
        return NULL;
    buf_addf(path, "/api/v1/task/%s", before);
    openmart_id_add_segment(path, id);
    buf_add_str(path, behind);
    return buf_check(path) ? NULL : buf_str(path);
}

struct openmart_call *openmart_batch_status(struct openmart *openmart, const char *batch_id,
                                            openmart_counts_fn *done, void *arg)
{
    struct openmart_call *call = new_call(openmart, UPSTREAM_STATUS, deliver_counts, arg);
    struct buf path autobuf = BUF_INIT(PATH_MAX_BYTES);

    call->done.counts = done;
    return start(call, path_to(&path, "batch/", batch_id, "/status"), NULL);
}

static bool is_state(const char *text)
{
    size_t len = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_");

    return len > 0 && len <= STATE_MAX && !text[len];
}

struct openmart_call *openmart_task_ids(struct openmart *openmart, const char *batch_id,
                                        const char *state, openmart_ids_fn *done, void *arg)
{
    struct openmart_call *call = new_call(openmart, UPSTREAM_IDS, deliver_ids, arg);
    struct buf path autobuf = BUF_INIT(PATH_MAX_BYTES);
    char behind[STATE_MAX + 32] = "/task_ids";
    bool fits = !state || is_state(state);

    call->done.ids = done;
    if (state && fits)
        snprintf(behind, sizeof behind, "/task_ids?status=%s", state);
    return start(call, fits ? path_to(&path, "batch/", batch_id, behind) : NULL, NULL);
}

static struct openmart_call *start_read(struct openmart *openmart, const char *task_id,
                                        int64_t timeout_ms, openmart_task_fn *done, void *arg)
{
    struct openmart_call *call = new_call(openmart, UPSTREAM_TASK, deliver_task, arg);
    struct buf path autobuf = BUF_INIT(PATH_MAX_BYTES);

    call->done.task = done;
    call->timeout_ms = timeout_ms;
    return start(call, path_to(&path, "", task_id, ""), NULL);
}

struct openmart_call *openmart_read_task(struct openmart *openmart, const char *task_id,
                                         openmart_task_fn *done, void *arg)
{
    return start_read(openmart, task_id, openmart->task_timeout_ms, done, arg);
}

struct openmart_call *openmart_reread_task(struct openmart *openmart, const char *task_id,
                                           openmart_task_fn *done, void *arg)
{
    return start_read(openmart, task_id, openmart->read_timeout_ms, done, arg);
}

struct openmart_call *openmart_credit_balance(struct openmart *openmart, openmart_balance_fn *done,
                                              void *arg)
{
    struct openmart_call *call = new_call(openmart, UPSTREAM_BALANCE, deliver_balance, arg);

    call->done.balance = done;
    return start(call, "/api/v2/credit-balance", NULL);
}

void openmart_excerpt(const struct openmart *openmart, const struct openmart_reply *reply,
                      char *ret_excerpt)
{
    openmart_clean_body(reply->body, reply->body_len, secret_text(openmart->key), ret_excerpt);
}
