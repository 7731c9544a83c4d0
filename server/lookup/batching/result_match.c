/* SPDX-License-Identifier: MIT */
/* result_match.c - see result_match.h. */
#include "lookup/batching/result_match.h"

#include "base/mem.h"
#include "lookup/records/results.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

static struct task *find_task(struct task *open, const char *id, size_t len)
{
    struct task *task;

    DL_FOREACH (open, task)
        if (strlen(task->tracking_id) == len && memcmp(task->tracking_id, id, len) == 0)
            return task;
    return NULL;
}

/* Returns the open task whose id starts at `text`, behind a quote. A backslash ends it too: JSON
 * within a string of JSON. */
static struct task *quoted_task(struct task *open, const char *text, const char *end)
{
    if (end - text <= ID_LEN || (text[ID_LEN] != '"' && text[ID_LEN] != '\\'))
        return NULL;
    return find_task(open, text, ID_LEN);
}

/* Returns the only open task whose tracking id the bytes contain, in quotes; NULL if there is none
 * or more than one. */
static struct task *only_quoted_task(struct task *open, const char *body, size_t len)
{
    const char *end = body + len, *quote = body;
    struct task *found = NULL;

    while ((quote = memchr(quote, '"', (size_t)(end - quote)))) {
        struct task *task = quoted_task(open, ++quote, end);
        if (task && found && task != found)
            return NULL;
        found = task ? task : found;
    }
    return found;
}

struct task *result_match(struct task *open, size_t n_tasks, const struct task_result *result)
{
    const char *id = result->task->tracking_id;
    struct task *task = find_task(open, id, strlen(id));

    if (!task && !*id && n_tasks == 1)
        task = open;
    if (!task && !result->is_understood)
        task = only_quoted_task(open, result->body, result->body_len);
    return task;
}

struct task_end result_end(const struct task_result *result)
{
    if (!result->is_understood)
        return (struct task_end){.err = ERR_UPSTREAM_INVALID_RESPONSE,
                                 .task_id = result->task_id,
                                 .detail = RESULTS_RAW_DETAIL,
                                 .charged = CHARGED_YES,
                                 .raw = result->body,
                                 .raw_len = result->body_len < RESULT_RAW_MAX ? result->body_len
                                                                              : RESULT_RAW_MAX};
    if (result->task->state == OPENMART_ERRORED || result->task->state == OPENMART_CANCELLED)
        return (struct task_end){.err = ERR_LOOKUP_FAILED,
                                 .task_id = result->task_id,
                                 .charged = err_row(ERR_LOOKUP_FAILED)->charged};
    return (struct task_end){.answer = result->task, .task_id = result->task_id};
}

/* ---- results that were delivered ---- */

void delivered_add(struct delivered *delivered, const char *tracking_id,
                   const unsigned char key[HASH_SIZE])
{
    assert(delivered->n < OPENMART_BATCH_MAX);
    snprintf(delivered->results[delivered->n].tracking_id, ID_TEXT, "%s", tracking_id);
    memcpy(delivered->results[delivered->n++].key, key, HASH_SIZE);
}

const unsigned char *delivered_key(const struct delivered *delivered, const char *tracking_id)
{
    for (size_t i = 0; i < delivered->n; i++)
        if (strcmp(delivered->results[i].tracking_id, tracking_id) == 0)
            return delivered->results[i].key;
    return NULL;
}

/* ---- responses without an open task ---- */

#define MARK_LEN (sizeof RESULT_UNMATCHED - 1)

struct unmatched_body {
    bool is_named; /* it names another task */
    char *task_id;
    char *text; /* RESULT_UNMATCHED and the body */
    size_t len; /* of both */
    struct unmatched_body *prev, *next;
};

/* Orders equal ones by their arrival. */
static int order(const struct unmatched_body *body, const struct unmatched_body *added)
{
    return body->is_named > added->is_named ? 1 : -1;
}

void unmatched_add(struct unmatched *unmatched, const struct task_result *result)
{
    if (unmatched->n == OPENMART_BATCH_MAX)
        return;
    struct unmatched_body *body = xcalloc(1, sizeof *body);
    body->is_named = *result->task->tracking_id != '\0';
    body->task_id = xstrdup(result->task_id);
    size_t len = result->body_len < RESULT_RAW_MAX ? result->body_len : RESULT_RAW_MAX;
    body->len = MARK_LEN + len;
    body->text = xcalloc(1, body->len + 1);
    memcpy(body->text, RESULT_UNMATCHED, MARK_LEN);
    memcpy(body->text + MARK_LEN, result->body, len);
    DL_INSERT_INORDER(unmatched->list, body, order);
    unmatched->n++;
    unmatched->n_nameless += !body->is_named;
}

struct task_result unmatched_first(const struct unmatched *unmatched, bool is_only_one)
{
    const struct unmatched_body *body = unmatched->list;
    size_t skip = is_only_one && !body->is_named ? MARK_LEN : 0;

    return (struct task_result){
        .task_id = body->task_id, .body = body->text + skip, .body_len = body->len - skip};
}

void unmatched_drop_first(struct unmatched *unmatched)
{
    struct unmatched_body *body = unmatched->list;

    DL_DELETE(unmatched->list, body);
    unmatched->n--;
    unmatched->n_nameless -= !body->is_named;
    free(body->task_id);
    free(body->text);
    free(body);
}

void unmatched_done(struct unmatched *unmatched)
{
    while (unmatched->list)
        unmatched_drop_first(unmatched);
}
