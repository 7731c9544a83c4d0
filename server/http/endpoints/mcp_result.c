/* SPDX-License-Identifier: MIT */
/* mcp_result.c - see mcp_result.h. */
#include "http/endpoints/mcp_result.h"

#include "base/json.h"
#include "base/mem.h"
#include "http/endpoints/bulk_body.h"
#include "http/endpoints/timing_text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define DOCUMENT_MAX ((size_t)15 << 20) /* bytes; the response has it twice, once escaped */
#define OPEN_DETAIL  "the lookup continues in the background; repeat the call to join it at no cost"

/* ---- collecting ---- */

static void release(struct bulk_result *entry)
{
    result_unref(entry->result);
    free(entry->detail);
    *entry = (struct bulk_result){0};
}

void mcp_result_init(struct mcp_result *result, size_t total)
{
    result->entries = xcalloc(total, sizeof *result->entries);
    result->total = total;
}

void mcp_result_done(struct mcp_result *result)
{
    for (size_t i = 0; i < result->total; i++)
        release(&result->entries[i]);
    free(result->entries);
    *result = (struct mcp_result){0};
}

/* The detail of an open entry speaks of a list that can be sent again. */
static void reword(struct bulk_result *entry)
{
    if (entry->err != ERR_STILL_PROCESSING)
        return;
    free(entry->detail);
    entry->detail = xstrdup(OPEN_DETAIL);
}

void mcp_result_take(struct mcp_result *result, struct bulk_pull_call *pull)
{
    for (size_t i = 0; i < pull->n; i++) {
        struct bulk_result *entry = &pull->results[i];
        if (entry->index < result->total) {
            reword(entry);
            result->entries[entry->index] = *entry;
            result->n++;
        } else {
            release(entry);
        }
    }
    pull->n = 0;
}

/* ---- the response ---- */

static bool has_success(const struct mcp_result *result)
{
    for (size_t i = 0; i < result->total; i++)
        if (!result->entries[i].err)
            return true;
    return false;
}

/* Removes the line ends, so that an event has one line. They stand between the entries only: in a
 * string, JSON escapes them. */
static void join_lines(struct buf *json)
{
    size_t n = 0;

    for (size_t i = 0; i < json->len; i++)
        if (json->data[i] != '\n')
            json->data[n++] = json->data[i];
    json->data[n] = '\0';
    json->len = n;
}

static void write_document(const struct mcp_result *result, const struct bulk_progress *progress,
                           struct buf *out)
{
    struct bulk_body body = {.format = FORMAT_JSON};

    bulk_body_begin(&body, progress, out);
    for (size_t i = 0; i < result->total; i++)
        bulk_body_add_result(&body, &result->entries[i], out);
    bulk_body_end(&body, progress, out);
    if (!buf_check(out))
        join_lines(out);
}

/* One line for each entry, such as `"milvali": has no public suffix (invalid-domain)`. */
static void write_reasons(const struct mcp_result *result, struct buf *out)
{
    for (size_t i = 0; i < result->total; i++) {
        const struct bulk_result *entry = &result->entries[i];
        const struct err_row *row = err_row(entry->err);
        buf_add_str(out, i ? "\n" : "");
        json_add_text(out, entry->input); /* it may have line ends */
        buf_addf(out, ": %s (%s)", entry->detail ? entry->detail : row->title, row->code);
    }
}

static struct slice text_of(const struct buf *buf)
{
    return (struct slice){buf_str(buf), buf->len};
}

void mcp_result_write(const struct mcp_result *result, const struct bulk_progress *progress,
                      const struct mcp_caller *caller, struct buf *out)
{
    static const char too_long[] =
        "the results are too long for one response; repeat the call with "
        "fewer domains, which costs nothing for these";
    struct buf autobuf document = BUF_INIT(DOCUMENT_MAX), reasons = BUF_INIT(DOCUMENT_MAX);

    write_document(result, progress, &document);
    if (buf_check(&document)) {
        mcp_write_call(caller, (struct slice){too_long, sizeof too_long - 1}, (struct slice){0},
                       true, out);
    } else if (has_success(result)) {
        mcp_write_document(caller, text_of(&document), out);
    } else {
        write_reasons(result, &reasons);
        mcp_write_call(caller, text_of(&reasons), text_of(&document), true, out);
    }
}

/* ---- progress ---- */

void mcp_progress_init(struct mcp_progress *progress, const struct bulk_list *list)
{
    const struct question *question = list->n_unique == 1 ? list->entries[0].question : NULL;

    progress->domain = question ? xstrdup(question->parts.domain) : NULL;
    progress->elapsed_ms = -1;
}

void mcp_progress_done(struct mcp_progress *progress)
{
    mem_autofree(&progress->domain);
}

static void write_message(const struct mcp_progress *progress, const struct bulk_progress *bulk,
                          struct buf *out)
{
    if (progress->domain)
        buf_addf(out, "%s: %s", progress->domain, timing_phase_word(bulk->phase));
    else
        buf_addf(out, "%zu of %zu done", bulk->done, bulk->total);
    if (!progress->domain && bulk->failed)
        buf_addf(out, ", %zu failed", bulk->failed);
}

static void write_seconds(const char *name, int64_t ms, struct buf *out)
{
    buf_addf(out, ",\"%s\":%" PRId64 ".%03d", name, ms / 1000, (int)(ms % 1000));
}

/* A total that is not greater than the progress is left out: nothing is known of the rest. */
bool mcp_progress_write(struct mcp_progress *progress, const struct bulk_progress *bulk,
                        const char *token, struct buf *out)
{
    struct buf autobuf message = BUF_INIT(BUF_SMALL);

    if (bulk->elapsed_ms <= progress->elapsed_ms)
        return false;
    progress->elapsed_ms = bulk->elapsed_ms;
    buf_add_str(out, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{"
                     "\"progressToken\":");
    buf_add_str(out, token);
    write_seconds("progress", bulk->elapsed_ms, out);
    if (bulk->expected_ms > bulk->elapsed_ms)
        write_seconds("total", bulk->expected_ms, out);
    write_message(progress, bulk, &message);
    buf_add_str(out, ",\"message\":");
    json_add_text(out, buf_str(&message));
    buf_add_str(out, "}}\n");
    return !buf_check(out);
}
