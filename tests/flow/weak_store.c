/* SPDX-License-Identifier: MIT */
/* weak_store.c - see weak_store.h. */
#include "weak_store.h"

#include "base/mem.h"
#include "store/driver.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

struct weak_store {
    struct store store;
    struct store *inner;
    bool is_volatile;
    enum err errors[WEAK_CALLS]; /* with which calls fail; ERR_OK = they work */
    bool loses[WEAK_CALLS];
    size_t calls[WEAK_CALLS];
    /* The records of another process; their numbers begin with 1. */
    unsigned char changed[WEAK_NEWS][HASH_SIZE];
    struct store_not_taken not_taken[WEAK_NEWS];
    size_t n_changed, n_not_taken, n_changes_confirmed, n_refunds_confirmed;
};

static struct weak_store *weak(const struct store *store)
{
    return (struct weak_store *)(uintptr_t)store; /* must be the first member */
}

/* Returns the wrapped store, or NULL if this call has to fail. */
static struct store *behind(struct store *store, enum weak_call call)
{
    struct weak_store *me = weak(store);

    if (me->errors[call])
        return NULL;
    me->calls[call]++;
    return me->inner;
}

/* Returns what the caller gets. */
static enum err confirm(struct store *store, enum weak_call call, enum err err)
{
    return weak(store)->loses[call] ? ERR_STORAGE_UNAVAILABLE : err;
}

#define PASS(call, expression)                                                                     \
    struct store *inner = behind(store, call);                                                     \
    return inner ? confirm(store, call, (expression)) : weak(store)->errors[call]

static void close_it(struct store *store)
{
    store_close(weak(store)->inner);
    free(store);
}

static bool is_durable(struct store *store)
{
    return !weak(store)->is_volatile;
}

static enum err begin_batch(struct store *store, const struct store_new_batch *batch)
{
    PASS(WEAK_BEGIN_BATCH, store_begin_batch(inner, batch));
}

static enum err sending(struct store *store, int64_t batch, int64_t day, const char *notify_token)
{
    PASS(WEAK_SENDING, store_sending(inner, batch, day, notify_token));
}

static enum err mark_not_sent(struct store *store, int64_t batch)
{
    PASS(WEAK_MARK_NOT_SENT, store_mark_not_sent(inner, batch));
}

static enum err mark_resubmitted(struct store *store, int64_t batch, int64_t day)
{
    PASS(WEAK_MARK_RESUBMITTED, store_mark_resubmitted(inner, batch, day));
}

static enum err submitted(struct store *store, int64_t batch, const char *batch_id, int64_t wall_ms)
{
    PASS(WEAK_SUBMITTED, store_submitted(inner, batch, batch_id, wall_ms));
}

static enum err split(struct store *store, int64_t batch, int64_t half, const char *const *ids,
                      size_t n, int64_t wall_ms)
{
    PASS(WEAK_SPLIT, store_split(inner, batch, half, ids, n, wall_ms));
}

static enum err end_task(struct store *store, const char *tracking_id, const struct store_end *end,
                         const struct result *keep, bool *ret_stored)
{
    PASS(WEAK_END_TASK, store_end_task(inner, tracking_id, end, keep, ret_stored));
}

static enum err end_batch(struct store *store, int64_t batch, const struct store_end *end)
{
    PASS(WEAK_END_BATCH, store_end_batch(inner, batch, end));
}

static enum err for_each_open_batch(struct store *store, store_batch_fn *each, void *arg)
{
    return store_for_each_open_batch(weak(store)->inner, each, arg);
}

static enum err each_unknown(struct store *store, int64_t since_ms, size_t limit,
                             store_task_fn *each, void *arg)
{
    return store_each_unknown(weak(store)->inner, since_ms, limit, each, arg);
}

static enum err accounts(struct store *store, int64_t day, store_account_fn *each, void *arg,
                         int64_t *ret_not_taken)
{
    return store_accounts(weak(store)->inner, day, each, arg, ret_not_taken);
}

static enum err last_day(struct store *store, int64_t *ret_day)
{
    return store_last_day(weak(store)->inner, ret_day);
}

static enum err paused(struct store *store, bool *ret_paused)
{
    return store_paused(weak(store)->inner, ret_paused);
}

static enum err try_disk(struct store *store, int64_t wall_ms)
{
    PASS(WEAK_TRY, store_try(inner, wall_ms));
}

static enum err set_paused(struct store *store, bool on)
{
    PASS(WEAK_SET_PAUSED, store_set_paused(inner, on));
}

static enum err find(struct store *store, const unsigned char *key, const struct result **ret)
{
    PASS(WEAK_FIND, store_find(inner, key, ret));
}

static enum err find_lookup(struct store *store, const char *id, const struct result **ret)
{
    PASS(WEAK_FIND, store_find_lookup(inner, id, ret));
}

static enum err forget_key(struct store *store, const unsigned char *key)
{
    PASS(WEAK_FORGET, store_forget_key(inner, key));
}

static enum err forget_domain(struct store *store, const char *domain, store_key_fn *each,
                              void *arg, size_t *ret_n)
{
    PASS(WEAK_FORGET, store_forget_domain(inner, domain, each, arg, ret_n));
}

static enum err trim(struct store *store, const struct store_ages *ages, bool *ret_more)
{
    return store_trim(weak(store)->inner, ages, ret_more);
}

static enum err each_raw(struct store *store, int parser, size_t limit, store_raw_fn *each,
                         void *arg)
{
    return store_each_raw(weak(store)->inner, parser, limit, each, arg);
}

static enum err put_parsed(struct store *store, int parser, struct store_parsed *parsed, size_t n)
{
    PASS(WEAK_PUT_PARSED, store_put_parsed(inner, parser, parsed, n));
}

static enum err find_batch(struct store *store, const char *token, store_batch_fn *each, void *arg)
{
    PASS(WEAK_FIND_BATCH, store_find_batch(inner, token, each, arg));
}

static enum err read_batch(struct store *store, int64_t batch, store_batch_fn *each, void *arg)
{
    PASS(WEAK_FIND_BATCH, store_read_batch(inner, batch, each, arg));
}

static enum err batch_of(struct store *store, const char *tracking_id, int64_t *ret_batch)
{
    PASS(WEAK_FIND_BATCH, store_batch_of(inner, tracking_id, ret_batch));
}

static enum err resolve_batch(struct store *store, int64_t batch, const char *id, int64_t wall_ms)
{
    PASS(WEAK_RESOLVE, store_resolve_batch(inner, batch, id, wall_ms));
}

static enum err resolve_not_taken(struct store *store, const char *tracking_id, int64_t wall_ms)
{
    PASS(WEAK_RESOLVE, store_resolve_not_taken(inner, tracking_id, wall_ms));
}

static enum err resolve_task(struct store *store, const char *tracking_id,
                             const struct store_end *end, const struct result *keep)
{
    PASS(WEAK_RESOLVE, store_resolve_task(inner, tracking_id, end, keep));
}

static enum err propose_batch(struct store *store, const char *tracking_id, const char *batch_id)
{
    return store_propose_batch(weak(store)->inner, tracking_id, batch_id);
}

static enum err drop_proposal(struct store *store, int64_t batch, const char *batch_id)
{
    return store_drop_proposal(weak(store)->inner, batch, batch_id);
}

static enum err proposal_state(struct store *store, const char *tracking_id,
                               enum store_proposal_state *ret_state)
{
    return store_proposal_state(weak(store)->inner, tracking_id, ret_state);
}

static enum err stats(struct store *store, struct store_stats *ret_stats)
{
    return store_stats(weak(store)->inner, ret_stats);
}

/* The store in memory has no records of other processes. Each read returns one task not taken, as
 * if more did not fit. */
static enum err add_news(const struct weak_store *me, enum err err, struct store_news *news)
{
    if (err)
        return err;
    news->changed = &me->changed[me->n_changes_confirmed];
    news->n_changed = me->n_changed - me->n_changes_confirmed;
    news->last_change = news->n_changed ? (int64_t)me->n_changed : 0;
    news->not_taken = &me->not_taken[me->n_refunds_confirmed];
    news->n_not_taken = me->n_not_taken > me->n_refunds_confirmed;
    news->last_not_taken = news->n_not_taken ? (int64_t)me->n_refunds_confirmed + 1 : 0;
    news->has_more = me->n_not_taken > me->n_refunds_confirmed + 1;
    return ERR_OK;
}

static enum err read_news(struct store *store, int64_t since_ms, struct arena *arena,
                          struct store_news *ret_news)
{
    PASS(WEAK_READ_NEWS,
         add_news(weak(store), store_read_news(inner, since_ms, arena, ret_news), ret_news));
}

static enum err confirm_news(struct store *store, const struct store_news *news)
{
    struct weak_store *me = weak(store);

    if (!me->errors[WEAK_CONFIRM_NEWS] && news->last_change)
        me->n_changes_confirmed = (size_t)news->last_change;
    if (!me->errors[WEAK_CONFIRM_NEWS] && news->last_not_taken)
        me->n_refunds_confirmed = (size_t)news->last_not_taken;
    PASS(WEAK_CONFIRM_NEWS, store_confirm_news(inner, news));
}

static const struct store_driver driver = {
    .close = close_it,
    .is_durable = is_durable,
    .begin_batch = begin_batch,
    .sending = sending,
    .mark_not_sent = mark_not_sent,
    .mark_resubmitted = mark_resubmitted,
    .submitted = submitted,
    .split = split,
    .end_task = end_task,
    .end_batch = end_batch,
    .for_each_open_batch = for_each_open_batch,
    .each_unknown = each_unknown,
    .accounts = accounts,
    .last_day = last_day,
    .paused = paused,
    .set_paused = set_paused,
    .try = try_disk,
    .find = find,
    .find_lookup = find_lookup,
    .forget_key = forget_key,
    .forget_domain = forget_domain,
    .read_news = read_news,
    .confirm_news = confirm_news,
    .trim = trim,
    .each_raw = each_raw,
    .put_parsed = put_parsed,
    .find_batch = find_batch,
    .read_batch = read_batch,
    .batch_of = batch_of,
    .resolve_batch = resolve_batch,
    .resolve_not_taken = resolve_not_taken,
    .resolve_task = resolve_task,
    .propose_batch = propose_batch,
    .drop_proposal = drop_proposal,
    .proposal_state = proposal_state,
    .stats = stats,
};

struct store *weak_store_new(const struct store_options *options)
{
    struct weak_store *me = xcalloc(1, sizeof *me);
    struct errmsg why;

    me->store.driver = &driver;
    ck_assert_int_eq(store_open(options, &me->inner, &why), ERR_OK);
    return &me->store;
}

void weak_store_fail(struct store *store, enum weak_call call, bool fails)
{
    weak_store_fail_with(store, call, fails ? ERR_STORAGE_UNAVAILABLE : ERR_OK);
}

void weak_store_fail_with(struct store *store, enum weak_call call, enum err err)
{
    weak(store)->errors[call] = err;
}

void weak_store_fail_all(struct store *store, bool fails)
{
    for (int i = 0; i < WEAK_CALLS; i++)
        weak_store_fail(store, (enum weak_call)i, fails);
}

void weak_store_lose(struct store *store, enum weak_call call, bool loses)
{
    weak(store)->loses[call] = loses;
}

void weak_store_lose_all(struct store *store, bool loses)
{
    for (int i = 0; i < WEAK_CALLS; i++)
        weak_store_lose(store, (enum weak_call)i, loses);
}

void weak_store_set_durable(struct store *store, bool is_durable)
{
    weak(store)->is_volatile = !is_durable;
}

void weak_store_note_change(struct store *store, const unsigned char key[HASH_SIZE])
{
    struct weak_store *me = weak(store);

    ck_assert_uint_lt(me->n_changed, WEAK_NEWS);
    memcpy(me->changed[me->n_changed++], key, HASH_SIZE);
}

void weak_store_note_not_taken(struct store *store, const struct store_not_taken *task)
{
    struct weak_store *me = weak(store);

    ck_assert_uint_lt(me->n_not_taken, WEAK_NEWS);
    me->n_not_taken++;
    me->not_taken[me->n_not_taken - 1] = *task;
    me->not_taken[me->n_not_taken - 1].number = (int64_t)me->n_not_taken;
}

size_t weak_store_unconfirmed(const struct store *store)
{
    const struct weak_store *me = weak(store);

    return me->n_changed - me->n_changes_confirmed + me->n_not_taken - me->n_refunds_confirmed;
}

size_t weak_store_calls(const struct store *store, enum weak_call call)
{
    return weak(store)->calls[call];
}
