/* SPDX-License-Identifier: MIT */
/* memory.c - see memory.h. A store without persistence: the same contract, for the life of the
 * process.
 *
 * uthash keeps the tables in insertion order. Rare queries (by domain, by address, unknown tasks)
 * scan everything. */
#include "store/memory/memory.h"

#include "base/json.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define TRIM_ROWS 500

/* ---- results ---- */

static void drop_answer(struct memory_store *m, struct answer_row *row)
{
    HASH_DEL(m->answers, row);
    result_unref(row->result);
    free(row);
}

static struct answer_row *find_answer(struct memory_store *m, const unsigned char *key)
{
    struct answer_row *row;

    HASH_FIND(hh, m->answers, key, HASH_SIZE, row);
    return row;
}

void memory_keep(struct memory_store *m, const struct result *result)
{
    struct answer_row *row = find_answer(m, result->key);

    if (m->max_answers == 0 || result->bodies[RESULT_JSON].len > JSON_MAX_BYTES)
        return; /* a body that could not be read back is not stored */
    if (row && result->err && !row->result->err)
        return; /* a failure never replaces a result */
    if (row)
        drop_answer(m, row);
    row = xcalloc(1, sizeof *row);
    row->result = result_ref(result);
    HASH_ADD_KEYPTR(hh, m->answers, row->result->key, HASH_SIZE, row);
    while (HASH_COUNT(m->answers) > m->max_answers) {
        struct answer_row *first = m->answers;
        for (row = m->answers; row; row = row->hh.next)
            if (row->result->expires_ms < first->result->expires_ms)
                first = row;
        drop_answer(m, first);
    }
}

enum err memory_find(struct store *store, const unsigned char *key,
                     const struct result **ret_result)
{
    const struct answer_row *row = find_answer(memory_of(store), key);

    if (!row)
        return ERR_NO_ENTRY;
    *ret_result = result_ref(row->result);
    return ERR_OK;
}

/* ---- deletion ---- */

static enum err forget_key(struct store *store, const unsigned char *key)
{
    struct memory_store *m = memory_of(store);
    struct answer_row *row = find_answer(m, key);

    if (row)
        drop_answer(m, row);
    return ERR_OK;
}

static enum err forget_domain(struct store *store, const char *domain, store_key_fn *each,
                              void *arg, size_t *ret_n)
{
    struct memory_store *m = memory_of(store);
    struct answer_row *row, *next;
    size_t n = 0;

    HASH_ITER (hh, m->answers, row, next)
        if (row->result->domain && strcmp(row->result->domain, domain) == 0) {
            if (each)
                each(arg, row->result->key);
            drop_answer(m, row);
            n++;
        }
    *ret_n = n;
    return ERR_OK;
}

static enum err forget_address(struct store *store, const char *address, size_t *ret_n)
{
    struct memory_store *m = memory_of(store);
    struct answer_row *row, *next;
    size_t n = 0;

    HASH_ITER (hh, m->answers, row, next) {
        const struct result *old = row->result;
        const struct result_times times = {old->fetched_ms, old->expires_ms};
        const struct result_body *body = &old->bodies[RESULT_JSON];
        if (old->err)
            continue;
        const struct result *without =
            result_from_json(old->key, body->data, body->len, &times, address);
        if (without->n_emails < old->n_emails) {
            memory_keep(m, without);
            n++;
        }
        result_unref(without);
    }
    *ret_n = n;
    return ERR_OK;
}

static enum err trim(struct store *store, int64_t expired_before_ms, bool *ret_more)
{
    struct memory_store *m = memory_of(store);
    struct answer_row *row, *next;
    int n = 0;

    HASH_ITER (hh, m->answers, row, next)
        if (row->result->expires_ms < expired_before_ms && n < TRIM_ROWS) {
            drop_answer(m, row);
            n++;
        }
    *ret_more = n == TRIM_ROWS;
    return ERR_OK;
}

/* ---- counts ---- */

static enum err stats(struct store *store, struct store_stats *ret_stats)
{
    struct memory_store *m = memory_of(store);
    struct store_stats counted = {.owned = true};

    for (const struct batch_row *row = m->batches; row; row = row->hh.next) {
        counted.batches[row->state]++;
        counted.risked += row->risked;
    }
    for (const struct task_row *row = m->tasks; row; row = row->hh.next)
        counted.tasks[row->task.task_state]++;
    for (const struct answer_row *row = m->answers; row; row = row->hh.next) {
        counted.failed += row->result->err != ERR_OK;
        counted.found += !row->result->err && row->result->n_emails;
        counted.empty += !row->result->err && !row->result->n_emails;
    }
    *ret_stats = counted;
    return ERR_OK;
}

/* ---- open and close ---- */

static void memory_close(struct store *store)
{
    struct memory_store *m = memory_of(store);

    memory_drop_journal(m);
    memory_drop_accounts(m);
    while (m->answers)
        drop_answer(m, m->answers);
    free(m);
}

static const struct store_driver driver = {
    .close = memory_close,
    .intend = memory_intend,
    .sending = memory_sending,
    .resting = memory_resting,
    .risk = memory_risk,
    .submitted = memory_submitted,
    .split = memory_split,
    .end_task = memory_end_task,
    .end_batch = memory_end_batch,
    .each_open = memory_each_open,
    .each_unknown = memory_each_unknown,
    .accounts = memory_accounts,
    .last_day = memory_last_day,
    .paused = memory_paused,
    .set_paused = memory_set_paused,
    .find = memory_find,
    .find_lookup = memory_find_lookup,
    .forget_key = forget_key,
    .forget_domain = forget_domain,
    .forget_address = forget_address,
    .trim = trim,
    .stats = stats,
};

enum err store_memory_open(const char *rest, const struct store_options *options,
                           struct store **ret_store, struct errmsg *why)
{
    if (*rest) {
        errmsg_set(why, "memory: accepts no path");
        return ERR_STORE_REFUSED;
    }
    struct memory_store *m = xcalloc(1, sizeof *m);
    m->store.driver = &driver;
    m->max_answers = options->max_answers;
    m->max_ended = options->max_ended;
    *ret_store = &m->store;
    return ERR_OK;
}
