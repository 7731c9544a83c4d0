/* SPDX-License-Identifier: MIT */
/* call_kinds.c - the kinds of calls of calls.h. Each has a function that executes it by the
 * synchronous functions of store.h, and one that posts it. */
#include "store/calls.h"

#include "base/mem.h"

#include <string.h>

/* ---- the journal ---- */

static enum err execute_begin_batch(struct store *store, struct store_call *call)
{
    struct store_begin_batch_call *begin = container_of(call, struct store_begin_batch_call, call);

    return store_begin_batch(store, &begin->batch);
}

void store_post_begin_batch(struct store_calls *calls, struct store_begin_batch_call *begin)
{
    static const struct store_kind kind = {"begin_batch", STORE_JOURNAL, execute_begin_batch, NULL};

    store_calls_post(calls, &kind, &begin->call);
}

static enum err execute_sending(struct store *store, struct store_call *call)
{
    struct store_sending_call *sending = container_of(call, struct store_sending_call, call);

    return store_sending(store, sending->batch, sending->day, sending->notify_token);
}

void store_post_sending(struct store_calls *calls, struct store_sending_call *sending)
{
    static const struct store_kind kind = {"sending", STORE_JOURNAL, execute_sending, NULL};

    store_calls_post(calls, &kind, &sending->call);
}

static enum err execute_mark_resubmitted(struct store *store, struct store_call *call)
{
    struct store_mark_resubmitted_call *mark =
        container_of(call, struct store_mark_resubmitted_call, call);

    return store_mark_resubmitted(store, mark->batch, mark->day);
}

void store_post_mark_resubmitted(struct store_calls *calls,
                                 struct store_mark_resubmitted_call *mark)
{
    static const struct store_kind kind = {"mark_resubmitted", STORE_JOURNAL,
                                           execute_mark_resubmitted, NULL};

    store_calls_post(calls, &kind, &mark->call);
}

static enum err execute_mark_not_sent(struct store *store, struct store_call *call)
{
    struct store_mark_not_sent_call *mark =
        container_of(call, struct store_mark_not_sent_call, call);

    return store_mark_not_sent(store, mark->batch);
}

void store_post_mark_not_sent(struct store_calls *calls, struct store_mark_not_sent_call *mark)
{
    static const struct store_kind kind = {"mark_not_sent", STORE_JOURNAL, execute_mark_not_sent,
                                           NULL};

    store_calls_post(calls, &kind, &mark->call);
}

static enum err execute_submitted(struct store *store, struct store_call *call)
{
    struct store_submitted_call *submitted = container_of(call, struct store_submitted_call, call);

    return store_submitted(store, submitted->batch, submitted->batch_id, submitted->wall_ms);
}

void store_post_submitted(struct store_calls *calls, struct store_submitted_call *submitted)
{
    static const struct store_kind kind = {"submitted", STORE_JOURNAL, execute_submitted, NULL};

    store_calls_post(calls, &kind, &submitted->call);
}

static enum err execute_split(struct store *store, struct store_call *call)
{
    struct store_split_call *split = container_of(call, struct store_split_call, call);

    return store_split(store, split->batch, split->half, split->tracking_ids, split->n,
                       split->wall_ms);
}

void store_post_split(struct store_calls *calls, struct store_split_call *split)
{
    static const struct store_kind kind = {"split", STORE_JOURNAL, execute_split, NULL};

    store_calls_post(calls, &kind, &split->call);
}

static enum err execute_end_task(struct store *store, struct store_call *call)
{
    struct store_end_task_call *end = container_of(call, struct store_end_task_call, call);

    end->stored = false;
    return store_end_task(store, end->tracking_id, &end->end, end->keep, &end->stored);
}

static enum err execute_end_tasks(struct store *store, struct store_call *first, size_t n,
                                  size_t *ret_n)
{
    struct store_task_end ends[STORE_GROUP_MAX];
    struct store_call *call = first;

    for (size_t i = 0; i < n; i++, call = call->next) {
        struct store_end_task_call *end = container_of(call, struct store_end_task_call, call);
        end->stored = false;
        ends[i] = (struct store_task_end){end->tracking_id, &end->end, end->keep, ERR_OK, false};
    }
    enum err err = store_end_tasks(store, ends, n, ret_n);
    call = first;
    for (size_t i = 0; !err && i < *ret_n; i++, call = call->next) {
        call->err = ends[i].err;
        container_of(call, struct store_end_task_call, call)->stored = ends[i].stored;
    }
    return err;
}

void store_post_end_task(struct store_calls *calls, struct store_end_task_call *end)
{
    static const struct store_kind kind = {"end_task", STORE_JOURNAL, execute_end_task,
                                           execute_end_tasks};

    store_calls_post(calls, &kind, &end->call);
}

static enum err execute_end_batch(struct store *store, struct store_call *call)
{
    struct store_end_batch_call *end = container_of(call, struct store_end_batch_call, call);

    return store_end_batch(store, end->batch, &end->end);
}

void store_post_end_batch(struct store_calls *calls, struct store_end_batch_call *end)
{
    static const struct store_kind kind = {"end_batch", STORE_JOURNAL, execute_end_batch, NULL};

    store_calls_post(calls, &kind, &end->call);
}

static enum err execute_forget_key(struct store *store, struct store_call *call)
{
    struct store_forget_key_call *forget = container_of(call, struct store_forget_key_call, call);

    return store_forget_key(store, forget->key);
}

void store_post_forget_key(struct store_calls *calls, struct store_forget_key_call *forget)
{
    static const struct store_kind kind = {"forget_key", STORE_JOURNAL, execute_forget_key, NULL};

    store_calls_post(calls, &kind, &forget->call);
}

static void add_key(void *arg, const unsigned char key[HASH_SIZE])
{
    struct store_forget_domain_call *forget = arg;

    forget->keys = xrealloc(forget->keys, (forget->n_keys + 1) * sizeof *forget->keys);
    memcpy(forget->keys[forget->n_keys++], key, HASH_SIZE);
}

static enum err execute_forget_domain(struct store *store, struct store_call *call)
{
    struct store_forget_domain_call *forget =
        container_of(call, struct store_forget_domain_call, call);

    forget->keys = NULL;
    forget->n_keys = 0;
    return store_forget_domain(store, forget->domain, add_key, forget, &forget->n);
}

void store_post_forget_domain(struct store_calls *calls, struct store_forget_domain_call *forget)
{
    static const struct store_kind kind = {"forget_domain", STORE_JOURNAL_ALONE,
                                           execute_forget_domain, NULL};

    store_calls_post(calls, &kind, &forget->call);
}

static enum err execute_try(struct store *store, struct store_call *call)
{
    struct store_try_call *attempt = container_of(call, struct store_try_call, call);

    return store_try(store, attempt->wall_ms);
}

void store_post_try(struct store_calls *calls, struct store_try_call *attempt)
{
    static const struct store_kind kind = {"try", STORE_JOURNAL, execute_try, NULL};

    store_calls_post(calls, &kind, &attempt->call);
}

/* ---- results ---- */

static enum err execute_find(struct store *store, struct store_call *call)
{
    struct store_find_call *find = container_of(call, struct store_find_call, call);

    find->result = NULL;
    return store_find(store, find->key, &find->result);
}

void store_post_find(struct store_calls *calls, struct store_find_call *find)
{
    static const struct store_kind kind = {"find", STORE_READ, execute_find, NULL};

    store_calls_post(calls, &kind, &find->call);
}

static enum err execute_find_lookup(struct store *store, struct store_call *call)
{
    struct store_find_lookup_call *find = container_of(call, struct store_find_lookup_call, call);

    find->result = NULL;
    return store_find_lookup(store, find->lookup_id, &find->result);
}

void store_post_find_lookup(struct store_calls *calls, struct store_find_lookup_call *find)
{
    static const struct store_kind kind = {"find_lookup", STORE_READ, execute_find_lookup, NULL};

    store_calls_post(calls, &kind, &find->call);
}
