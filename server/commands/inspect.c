/* SPDX-License-Identifier: MIT */
/* inspect.c - see inspect.h. Both formats read the store in the same order; each has its own
 * callbacks. */
#include "commands/inspect.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"

#include <stdlib.h>

#define UNKNOWN_SHOWN 1000 /* at most this many, the newest */
#define RAW_SHOWN     1000 /* the same, of raw results and of responses to submits */
#define TEXT_MAX      ((size_t)1 << 30)

struct printing {
    struct buf out;
    size_t n; /* rows printed so far */
};

/* ---- text ---- */

static void add_counts(struct buf *out, const char *what, const char *const *names,
                       const size_t *counts, size_t n)
{
    buf_addf(out, "%-9s", what);
    for (size_t i = 0; i < n; i++)
        buf_addf(out, "%s%zu %s", i ? ", " : "", counts[i], names[i]);
    buf_add_str(out, "\n");
}

static void add_text_row(struct buf *out, const struct store_task *task, const char *state,
                         const char *batch_id, int64_t since_ms)
{
    char since[CLOCK_TEXT];

    clock_rfc3339(since_ms, since);
    buf_addf(out, "%-10s  %s  %-32s  %s  %s\n", state, since, task->parts.domain, task->tracking_id,
             *batch_id ? batch_id : "-");
}

static void text_batch(void *arg, const struct store_batch *batch)
{
    struct printing *printing = arg;

    for (size_t i = 0; i < batch->n; i++)
        if (batch->tasks[i].task_state == STORE_OPEN) {
            add_text_row(&printing->out, &batch->tasks[i], store_batch_words[batch->state],
                         batch->batch_id, batch->intended_ms);
            printing->n++;
        }
}

static void text_unknown(void *arg, const struct store_task *task, const char *batch_id)
{
    struct printing *printing = arg;

    add_text_row(&printing->out, task, "unknown", batch_id, task->ended_ms);
    printing->n++;
}

static void text_raw(void *arg, const struct store_raw *raw)
{
    struct printing *printing = arg;
    char since[CLOCK_TEXT];

    clock_rfc3339(raw->stored_ms, since);
    buf_addf(&printing->out, "%-36s  %s  %-32s  %zu\n", raw->lookup_id, since, raw->domain,
             raw->len);
}

static enum err print_raw_text(struct store *store, struct printing *printing)
{
    buf_add_str(&printing->out, "\nLOOKUP ID                             STORED                "
                                "DOMAIN                            BYTES\n");
    return store_each_raw(store, STORE_ANY_PARSER, RAW_SHOWN, text_raw, printing);
}

/* Shows the bytes as JSON does, because they may contain anything. */
static void text_response(void *arg, const struct store_batch *batch)
{
    struct printing *printing = arg;
    struct buf *out = &printing->out;

    for (size_t i = 0; i < batch->n; i++)
        add_text_row(out, &batch->tasks[i], store_task_words[batch->tasks[i].task_state],
                     batch->batch_id, batch->intended_ms);
    json_add_string(out, batch->response, batch->response_len);
    buf_add_str(out, "\n");
}

static enum err print_responses_text(struct store *store, struct printing *printing)
{
    buf_add_str(&printing->out, "\nRESPONSES TO SUBMITS, EACH AFTER ITS LOOKUPS\n");
    return store_each_response(store, RAW_SHOWN, text_response, printing);
}

static enum err print_text(struct store *store, const struct store_stats *stats,
                           struct printing *printing)
{
    static const char *const answers[] = {"found", "empty", "failed"};
    const size_t n_answers[] = {stats->found, stats->empty, stats->failed};
    struct buf *out = &printing->out;

    buf_addf(out, "%-9sschema %d, %.1f MiB, %s\n", "store", stats->schema,
             (double)stats->bytes / (1 << 20),
             stats->owned ? "in use by a running emailsd" : "not in use");
    add_counts(out, "batches", store_batch_words, stats->batches, ARRAY_LEN(store_batch_words));
    add_counts(out, "tasks", store_task_words, stats->tasks, ARRAY_LEN(store_task_words));
    add_counts(out, "results", answers, n_answers, ARRAY_LEN(answers));
    if (stats->risked)
        buf_addf(out,
                 "%-9s%zu batches sent again although the first submit may have been accepted\n",
                 "risked", stats->risked);
    if (stats->raw)
        buf_addf(out, "%-9s%zu paid results that could not be parsed, %.1f MiB; listed below\n",
                 "raw", stats->raw, (double)stats->raw_bytes / (1 << 20));
    if (stats->responses)
        buf_addf(out, "%-9s%zu responses to submits that could not be parsed; listed below\n",
                 "raw", stats->responses);
    buf_add_str(out, "\nSTATE       SINCE                 DOMAIN                            "
                     "TRACKING ID                           BATCH ID\n");
    enum err err = store_for_each_open_batch(store, text_batch, printing);
    if (!err)
        err = store_each_unknown(store, INT64_MIN, UNKNOWN_SHOWN, text_unknown, printing);
    if (!err && printing->n == 0)
        buf_add_str(out, "(no open or unknown lookups)\n");
    if (!err && stats->raw)
        err = print_raw_text(store, printing);
    if (!err && stats->responses)
        err = print_responses_text(store, printing);
    return err;
}

/* ---- JSON ---- */

static void add_json_counts(struct buf *out, const char *what, const char *const *names,
                            const size_t *counts, size_t n)
{
    buf_addf(out, ",\"%s\":{", what);
    for (size_t i = 0; i < n; i++)
        buf_addf(out, "%s\"%s\":%zu", i ? "," : "", names[i], counts[i]);
    buf_add_str(out, "}");
}

static void add_field(struct buf *out, const char *name, const char *value)
{
    buf_addf(out, ",\"%s\":", name);
    if (*value)
        json_add_text(out, value);
    else
        buf_add_str(out, "null");
}

static void add_task(struct buf *out, const struct store_task *task, const char *since)
{
    buf_add_str(out, "{\"domain\":");
    json_add_text(out, task->parts.domain);
    add_field(out, "state", store_task_words[task->task_state]);
    add_field(out, "tracking_id", task->tracking_id);
    add_field(out, "lookup_id", task->lookup_id);
    add_field(out, "task_id", task->task_id);
    add_field(out, "since", since);
}

static void json_batch(void *arg, const struct store_batch *batch)
{
    struct printing *printing = arg;
    struct buf *out = &printing->out;
    char since[CLOCK_TEXT];

    clock_rfc3339(batch->intended_ms, since);
    buf_addf(out, "%s{\"number\":\"%lld\",\"state\":\"%s\",\"risked\":%s", printing->n++ ? "," : "",
             (long long)batch->number, store_batch_words[batch->state],
             batch->risked ? "true" : "false");
    add_field(out, "batch_id", batch->batch_id);
    add_field(out, "since", since);
    buf_add_str(out, ",\"tasks\":[");
    for (size_t i = 0; i < batch->n; i++) {
        buf_add_str(out, i ? "," : "");
        add_task(out, &batch->tasks[i], since);
        buf_add_str(out, "}");
    }
    buf_add_str(out, "]}");
}

static void json_unknown(void *arg, const struct store_task *task, const char *batch_id)
{
    struct printing *printing = arg;
    char since[CLOCK_TEXT];

    clock_rfc3339(task->ended_ms, since);
    buf_add_str(&printing->out, printing->n++ ? "," : "");
    add_task(&printing->out, task, since);
    add_field(&printing->out, "batch_id", batch_id);
    add_field(&printing->out, "detail", task->detail);
    buf_add_str(&printing->out, "}");
}

static void json_raw(void *arg, const struct store_raw *raw)
{
    struct printing *printing = arg;
    char stored[CLOCK_TEXT];

    clock_rfc3339(raw->stored_ms, stored);
    buf_add_str(&printing->out, printing->n++ ? ",{\"domain\":" : "{\"domain\":");
    json_add_text(&printing->out, raw->domain);
    add_field(&printing->out, "tracking_id", raw->tracking_id);
    add_field(&printing->out, "lookup_id", raw->lookup_id);
    add_field(&printing->out, "stored_at", stored);
    buf_addf(&printing->out, ",\"bytes\":%zu,\"parser\":%d}", raw->len, raw->parser);
}

static enum err print_raw_json(struct store *store, const struct store_stats *stats,
                               struct printing *printing)
{
    printing->n = 0;
    buf_addf(&printing->out, "],\"raw\":{\"results\":%zu,\"bytes\":%lld,\"submit_responses\":%zu",
             stats->raw, (long long)stats->raw_bytes, stats->responses);
    buf_add_str(&printing->out, "},\"raw_results\":[");
    return store_each_raw(store, STORE_ANY_PARSER, RAW_SHOWN, json_raw, printing);
}

static void json_response(void *arg, const struct store_batch *batch)
{
    struct printing *printing = arg;
    struct buf *out = &printing->out;
    char since[CLOCK_TEXT];

    clock_rfc3339(batch->intended_ms, since);
    buf_addf(out, "%s{\"number\":\"%lld\"", printing->n++ ? "," : "", (long long)batch->number);
    add_field(out, "batch_id", batch->batch_id);
    add_field(out, "since", since);
    buf_add_str(out, ",\"tracking_ids\":[");
    for (size_t i = 0; i < batch->n; i++) {
        buf_add_str(out, i ? "," : "");
        json_add_text(out, batch->tasks[i].tracking_id);
    }
    buf_addf(out, "],\"bytes\":%zu,\"response\":", batch->response_len);
    json_add_string(out, batch->response, batch->response_len);
    buf_add_str(out, "}");
}

static enum err print_responses_json(struct store *store, struct printing *printing)
{
    printing->n = 0;
    buf_add_str(&printing->out, "],\"submit_responses\":[");
    return store_each_response(store, RAW_SHOWN, json_response, printing);
}

static enum err print_json(struct store *store, const struct store_stats *stats,
                           struct printing *printing)
{
    static const char *const answers[] = {"found", "empty", "failed"};
    const size_t n_answers[] = {stats->found, stats->empty, stats->failed};
    struct buf *out = &printing->out;

    buf_addf(out, "{\"schema\":%d,\"bytes\":%lld,\"in_use\":%s,\"risked\":%zu", stats->schema,
             (long long)stats->bytes, stats->owned ? "true" : "false", stats->risked);
    add_json_counts(out, "batches", store_batch_words, stats->batches,
                    ARRAY_LEN(store_batch_words));
    add_json_counts(out, "tasks", store_task_words, stats->tasks, ARRAY_LEN(store_task_words));
    add_json_counts(out, "answers", answers, n_answers, ARRAY_LEN(answers));
    buf_add_str(out, ",\"open\":[");
    enum err err = store_for_each_open_batch(store, json_batch, printing);
    printing->n = 0;
    buf_add_str(out, "],\"unknown\":[");
    if (!err)
        err = store_each_unknown(store, INT64_MIN, UNKNOWN_SHOWN, json_unknown, printing);
    if (!err)
        err = print_raw_json(store, stats, printing);
    if (!err)
        err = print_responses_json(store, printing);
    buf_add_str(out, "]}\n");
    return err;
}

enum err inspect_print(struct store *store, bool as_json, FILE *out)
{
    struct printing printing = {.out = BUF_INIT(TEXT_MAX)};
    struct store_stats stats;
    enum err err = store_stats(store, &stats);

    if (!err)
        err = as_json ? print_json(store, &stats, &printing) : print_text(store, &stats, &printing);
    if (!err)
        err = buf_check(&printing.out);
    if (!err)
        fputs(buf_str(&printing.out), out);
    buf_done(&printing.out);
    return err;
}
