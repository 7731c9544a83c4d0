/* SPDX-License-Identifier: MIT */
/* calls_upkeep.c - see calls_upkeep.h. */
#include "store/calls_upkeep.h"

#include "base/mem.h"

/* ---- news ---- */

static enum err execute_read_news(struct store *store, struct store_call *call)
{
    struct store_read_news_call *read = container_of(call, struct store_read_news_call, call);

    return store_read_news(store, read->since_ms, &read->arena, &read->news);
}

void store_post_read_news(struct store_calls *calls, struct store_read_news_call *read)
{
    static const struct store_kind kind = {"read_news", STORE_READ, execute_read_news, NULL};

    store_calls_post(calls, &kind, &read->call);
}

static enum err execute_confirm_news(struct store *store, struct store_call *call)
{
    const struct store_confirm_news_call *confirm =
        container_of(call, struct store_confirm_news_call, call);
    enum err err = store_confirm_news(store, confirm->news);

    for (size_t i = 0; i < confirm->n_rejected && !err; i++)
        err = store_drop_proposal(store, confirm->rejected[i].batch, confirm->rejected[i].batch_id);
    return err;
}

void store_post_confirm_news(struct store_calls *calls, struct store_confirm_news_call *confirm)
{
    static const struct store_kind kind = {"confirm_news", STORE_JOURNAL, execute_confirm_news,
                                           NULL};

    store_calls_post(calls, &kind, &confirm->call);
}

/* ---- pause, age ---- */

static enum err execute_heartbeat(struct store *store, struct store_call *call)
{
    struct store_heartbeat_call *heartbeat = container_of(call, struct store_heartbeat_call, call);

    *heartbeat->why.text = '\0';
    enum err err = store_heartbeat(store, &heartbeat->why);
    heartbeat->link = store_link(store);
    return err;
}

void store_post_heartbeat(struct store_calls *calls, struct store_heartbeat_call *heartbeat)
{
    static const struct store_kind kind = {"heartbeat", STORE_UPKEEP, execute_heartbeat, NULL};

    store_calls_post(calls, &kind, &heartbeat->call);
}

static enum err execute_set_paused(struct store *store, struct store_call *call)
{
    return store_set_paused(store, container_of(call, struct store_set_paused_call, call)->paused);
}

void store_post_set_paused(struct store_calls *calls, struct store_set_paused_call *set)
{
    static const struct store_kind kind = {"set_paused", STORE_UPKEEP, execute_set_paused, NULL};

    store_calls_post(calls, &kind, &set->call);
}

static enum err execute_trim(struct store *store, struct store_call *call)
{
    struct store_trim_call *trim = container_of(call, struct store_trim_call, call);

    trim->more = false;
    return store_trim(store, &trim->ages, &trim->more);
}

void store_post_trim(struct store_calls *calls, struct store_trim_call *trim)
{
    static const struct store_kind kind = {"trim", STORE_UPKEEP, execute_trim, NULL};

    store_calls_post(calls, &kind, &trim->call);
}

/* ---- raw results ---- */

static void copy_raw(void *arg, const struct store_raw *raw)
{
    struct store_read_raw_call *read = arg;
    struct arena *arena = &read->arena;

    read->rows = arena_grow(arena, read->rows, read->n, sizeof *read->rows);
    read->rows[read->n++] =
        (struct store_raw){.tracking_id = arena_strdup(arena, raw->tracking_id),
                           .lookup_id = arena_strdup(arena, raw->lookup_id),
                           .domain = arena_strdup(arena, raw->domain),
                           .company_name = arena_strdup(arena, raw->company_name),
                           .key = arena_copy(arena, raw->key, HASH_SIZE),
                           .parser = raw->parser,
                           .stored_ms = raw->stored_ms,
                           .body = arena_copy(arena, raw->body, raw->len),
                           .len = raw->len};
}

static enum err execute_read_raw(struct store *store, struct store_call *call)
{
    struct store_read_raw_call *read = container_of(call, struct store_read_raw_call, call);

    read->rows = NULL;
    read->n = 0;
    return store_each_raw(store, read->parser, read->limit, copy_raw, read);
}

void store_post_read_raw(struct store_calls *calls, struct store_read_raw_call *read)
{
    static const struct store_kind kind = {"each_raw", STORE_READ, execute_read_raw, NULL};

    store_calls_post(calls, &kind, &read->call);
}

static enum err execute_put_parsed(struct store *store, struct store_call *call)
{
    const struct store_put_parsed_call *put =
        container_of(call, struct store_put_parsed_call, call);

    return store_put_parsed(store, put->parser, put->parsed, put->n);
}

void store_post_put_parsed(struct store_calls *calls, struct store_put_parsed_call *put)
{
    static const struct store_kind kind = {"put_parsed", STORE_JOURNAL, execute_put_parsed, NULL};

    store_calls_post(calls, &kind, &put->call);
}

/* ---- unknown outcomes ---- */

struct copying {
    struct arena *arena;
    struct store_batch *batch;
};

static struct store_task copy_task(struct arena *arena, const struct store_task *task)
{
    struct store_task copy = *task;

    copy.tracking_id = arena_strdup(arena, task->tracking_id);
    copy.lookup_id = arena_strdup(arena, task->lookup_id);
    copy.key = arena_copy(arena, task->key, HASH_SIZE);
    copy.parts = (struct question_parts){
        .domain = arena_strdup(arena, task->parts.domain),
        .company_name = arena_strdup(arena, task->parts.company_name),
        .city = arena_strdup(arena, task->parts.city),
        .state = arena_strdup(arena, task->parts.state),
        .country = arena_strdup(arena, task->parts.country),
    };
    copy.client = arena_strdup(arena, task->client);
    copy.task_id = arena_strdup(arena, task->task_id);
    copy.detail = arena_strdup(arena, task->detail);
    return copy;
}

static void copy_batch(void *arg, const struct store_batch *batch)
{
    const struct copying *copying = arg;
    struct arena *arena = copying->arena;
    struct store_task *tasks = arena_alloc(arena, batch->n * sizeof *tasks);

    for (size_t i = 0; i < batch->n; i++)
        tasks[i] = copy_task(arena, &batch->tasks[i]);
    *copying->batch = *batch;
    copying->batch->batch_id = arena_strdup(arena, batch->batch_id);
    copying->batch->notify_token = arena_strdup(arena, batch->notify_token);
    copying->batch->response = arena_copy(arena, batch->response, batch->response_len);
    copying->batch->tasks = tasks;
}

static enum err execute_read_batch(struct store *store, struct store_call *call)
{
    struct store_read_batch_call *read = container_of(call, struct store_read_batch_call, call);
    struct copying copying = {&read->arena, &read->batch};

    return read->number ? store_read_batch(store, read->number, copy_batch, &copying)
                        : store_find_batch(store, read->notify_token, copy_batch, &copying);
}

void store_post_read_batch(struct store_calls *calls, struct store_read_batch_call *read)
{
    static const struct store_kind kind = {"read_batch", STORE_READ, execute_read_batch, NULL};

    store_calls_post(calls, &kind, &read->call);
}

static enum err execute_resolve_batch(struct store *store, struct store_call *call)
{
    struct store_resolve_batch_call *resolve =
        container_of(call, struct store_resolve_batch_call, call);
    struct copying copying = {&resolve->arena, &resolve->batch};
    enum err err = store_resolve_batch(store, resolve->number, resolve->batch_id, resolve->wall_ms);

    return err ? err : store_read_batch(store, resolve->number, copy_batch, &copying);
}

void store_post_resolve_batch(struct store_calls *calls, struct store_resolve_batch_call *resolve)
{
    static const struct store_kind kind = {"resolve_batch", STORE_JOURNAL, execute_resolve_batch,
                                           NULL};

    store_calls_post(calls, &kind, &resolve->call);
}

static enum err execute_resolve_task(struct store *store, struct store_call *call)
{
    const struct store_resolve_task_call *resolve =
        container_of(call, struct store_resolve_task_call, call);

    return store_resolve_task(store, resolve->tracking_id, &resolve->end, resolve->keep);
}

void store_post_resolve_task(struct store_calls *calls, struct store_resolve_task_call *resolve)
{
    static const struct store_kind kind = {"resolve_task", STORE_JOURNAL, execute_resolve_task,
                                           NULL};

    store_calls_post(calls, &kind, &resolve->call);
}
