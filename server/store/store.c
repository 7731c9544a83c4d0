/* SPDX-License-Identifier: MIT */
/* store.c - see store.h. Selects the driver by the scheme of the URL, and forwards every call to
 * it. */
#include "base/id.h"
#include "base/mem.h"
#include "store/driver.h"

#include <string.h>

const char *const store_batch_words[STORE_DONE + 1] = {
    [STORE_SENDING] = "sending",
    [STORE_RESTING] = "resting",
    [STORE_SUBMITTED] = "submitted",
    [STORE_DONE] = "over",
};
const char *const store_task_words[STORE_TASK_STATES] = {
    [STORE_OPEN] = "open",       [STORE_ANSWERED] = "answered",
    [STORE_FAILED] = "failed",   [STORE_NOT_CREATED] = "not-created",
    [STORE_UNKNOWN] = "unknown",
};

static const struct scheme {
    const char *prefix;
    enum err (*check)(const char *rest, const struct store_options *options, struct errmsg *why);
    enum err (*open)(const char *rest, const struct store_options *options,
                     struct store **ret_store, struct errmsg *why);
    /* NULL: no other process can open the store. */
    enum err (*open_shared)(const char *rest, const struct store_options *options,
                            struct store **ret_store, struct errmsg *why);
    enum err (*migrate)(const char *rest, const struct store_options *options,
                        struct store_schema *ret_schema, struct errmsg *why);
    void (*each_file)(const struct store_options *options, store_file_fn *each, void *arg);
    bool is_on_server;
} schemes[] = {
    {"sqlite:", store_sqlite_check, store_sqlite_open, store_sqlite_open_shared,
     store_sqlite_migrate, NULL, false},
    {"memory:", store_sqlite_check_memory, store_sqlite_open_memory, NULL, NULL, NULL, false},
    {"postgresql:", store_postgres_check, store_postgres_open, store_postgres_open_shared,
     store_postgres_migrate, store_postgres_each_file, true},
};

static const struct scheme *find(const char *url, const char **ret_rest, struct errmsg *why)
{
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        size_t len = strlen(schemes[i].prefix);
        if (strncmp(url, schemes[i].prefix, len) == 0) {
            *ret_rest = url + len;
            return &schemes[i];
        }
    }
    /* Without what follows: a URL that is almost right may contain a password. */
    errmsg_set(why, "invalid store '%.*s': must be sqlite:PATH, memory: or postgresql://...",
               (int)strcspn(url, ":"), url);
    return NULL;
}

enum err store_check(const struct store_options *options, struct errmsg *why)
{
    const char *rest;
    const struct scheme *scheme = find(options->url, &rest, why);

    return scheme ? scheme->check(rest, options, why) : ERR_STORE_REFUSED;
}

void store_each_file(const struct store_options *options, store_file_fn *each, void *arg)
{
    struct errmsg ignored;
    const char *rest;
    const struct scheme *scheme = find(options->url, &rest, &ignored);

    if (scheme && scheme->each_file)
        scheme->each_file(options, each, arg);
}

bool store_is_on_server(const char *url)
{
    const char *rest;
    struct errmsg why;
    const struct scheme *scheme = find(url, &rest, &why);

    return scheme && scheme->is_on_server;
}

enum err store_open(const struct store_options *options, struct store **ret_store,
                    struct errmsg *why)
{
    const char *rest;
    const struct scheme *scheme = find(options->url, &rest, why);

    return scheme ? scheme->open(rest, options, ret_store, why) : ERR_STORE_REFUSED;
}

static enum err find_shared(const char *url, const struct scheme **ret_scheme,
                            const char **ret_rest, struct errmsg *why)
{
    *ret_scheme = find(url, ret_rest, why);
    if (!*ret_scheme)
        return ERR_STORE_REFUSED;
    if ((*ret_scheme)->open_shared)
        return ERR_OK;
    errmsg_set(why, "%s is not accessible to other processes", (*ret_scheme)->prefix);
    return ERR_NO_ENTRY;
}

enum err store_open_shared(const struct store_options *options, struct store **ret_store,
                           struct errmsg *why)
{
    const struct scheme *scheme;
    const char *rest;
    enum err err = find_shared(options->url, &scheme, &rest, why);

    return err ? err : scheme->open_shared(rest, options, ret_store, why);
}

enum err store_migrate(const struct store_options *options, struct store_schema *ret_schema,
                       struct errmsg *why)
{
    const struct scheme *scheme;
    const char *rest;
    enum err err = find_shared(options->url, &scheme, &rest, why);

    return err ? err : scheme->migrate(rest, options, ret_schema, why);
}

enum err store_open_reader(struct store *store, struct store **ret_reader, struct errmsg *why)
{
    if (store->driver->open_reader)
        return store->driver->open_reader(store, ret_reader, why);
    *ret_reader = NULL;
    return ERR_OK;
}

void store_begin_close(struct store *store)
{
    if (store && store->driver->begin_close)
        store->driver->begin_close(store);
}

void store_close(struct store *store)
{
    if (store)
        store->driver->close(store);
}

bool store_is_durable(struct store *store)
{
    return store->driver->is_durable(store);
}

const char *store_place(struct store *store)
{
    return store->driver->place ? store->driver->place(store) : NULL;
}

bool store_needs_heartbeat(const struct store *store)
{
    return store->driver->heartbeat != NULL;
}

enum err store_heartbeat(struct store *store, struct errmsg *why)
{
    return store->driver->heartbeat(store, why);
}

enum store_link store_link(const struct store *store)
{
    return store->driver->link ? store->driver->link(store) : STORE_LOCAL;
}

/* ---- groups ---- */

bool store_has_groups(const struct store *store)
{
    return store->driver->group_begin != NULL;
}

enum err store_group_begin(struct store *store)
{
    return store->driver->group_begin(store);
}

enum err store_group_end(struct store *store)
{
    return store->driver->group_end(store);
}

/* ---- the journal ---- */

int64_t store_new_number(void)
{
    int64_t number;

    do
        number = (int64_t)(((uint64_t)id_random() << 32 | id_random()) >> 1);
    while (number == 0);
    return number;
}

enum err store_begin_batch(struct store *store, const struct store_new_batch *batch)
{
    return store->driver->begin_batch(store, batch);
}

enum err store_sending(struct store *store, int64_t batch, int64_t day, const char *notify_token)
{
    return store->driver->sending(store, batch, day, notify_token);
}

enum err store_mark_not_sent(struct store *store, int64_t batch)
{
    return store->driver->mark_not_sent(store, batch);
}

enum err store_mark_resubmitted(struct store *store, int64_t batch, int64_t day)
{
    return store->driver->mark_resubmitted(store, batch, day);
}

enum err store_submitted(struct store *store, int64_t batch, const char *batch_id, int64_t wall_ms)
{
    return store->driver->submitted(store, batch, batch_id, wall_ms);
}

enum err store_split(struct store *store, int64_t batch, int64_t half,
                     const char *const *tracking_ids, size_t n, int64_t wall_ms)
{
    return store->driver->split(store, batch, half, tracking_ids, n, wall_ms);
}

enum err store_end_task(struct store *store, const char *tracking_id, const struct store_end *end,
                        const struct result *keep, bool *ret_stored)
{
    return store->driver->end_task(store, tracking_id, end, keep, ret_stored);
}

static enum err end_one(struct store *store, struct store_task_end *one, size_t *ret_n)
{
    bool stored = false;
    enum err err = store_end_task(store, one->tracking_id, one->end, one->keep, &stored);

    if (err && err != ERR_NO_ENTRY)
        return err;
    one->err = err;
    one->stored = stored;
    *ret_n = 1;
    return ERR_OK;
}

enum err store_end_tasks(struct store *store, struct store_task_end *ends, size_t n, size_t *ret_n)
{
    if (!store->driver->end_tasks)
        return end_one(store, ends, ret_n);
    return store->driver->end_tasks(store, ends, n, ret_n);
}

enum err store_end_batch(struct store *store, int64_t batch, const struct store_end *end)
{
    return store->driver->end_batch(store, batch, end);
}

enum err store_for_each_open_batch(struct store *store, store_batch_fn *each, void *arg)
{
    return store->driver->for_each_open_batch(store, each, arg);
}

enum err store_each_unknown(struct store *store, int64_t since_ms, size_t limit,
                            store_task_fn *each, void *arg)
{
    return store->driver->each_unknown(store, since_ms, limit, each, arg);
}

/* ---- unknown outcomes ---- */

enum err store_find_batch(struct store *store, const char *notify_token, store_batch_fn *each,
                          void *arg)
{
    return store->driver->find_batch(store, notify_token, each, arg);
}

enum err store_batch_of(struct store *store, const char *tracking_id, int64_t *ret_batch)
{
    return store->driver->batch_of(store, tracking_id, ret_batch);
}

enum err store_resolve_batch(struct store *store, int64_t batch, const char *batch_id,
                             int64_t wall_ms)
{
    return store->driver->resolve_batch(store, batch, batch_id, wall_ms);
}

enum err store_resolve_not_taken(struct store *store, const char *tracking_id, int64_t wall_ms)
{
    return store->driver->resolve_not_taken(store, tracking_id, wall_ms);
}

enum err store_resolve_task(struct store *store, const char *tracking_id,
                            const struct store_end *end, const struct result *keep)
{
    return store->driver->resolve_task(store, tracking_id, end, keep);
}

enum err store_has_outlived(struct store *store, int64_t batch, int64_t wall_ms, bool *ret_outlived)
{
    if (store->driver->has_outlived)
        return store->driver->has_outlived(store, batch, wall_ms, ret_outlived);
    *ret_outlived = false;
    return ERR_OK;
}

enum err store_read_batch(struct store *store, int64_t batch, store_batch_fn *each, void *arg)
{
    return store->driver->read_batch(store, batch, each, arg);
}

enum err store_each_response(struct store *store, size_t limit, store_batch_fn *each, void *arg)
{
    return store->driver->each_response(store, limit, each, arg);
}

enum err store_propose_batch(struct store *store, const char *tracking_id, const char *batch_id)
{
    return store->driver->propose_batch(store, tracking_id, batch_id);
}

enum err store_drop_proposal(struct store *store, int64_t batch, const char *batch_id)
{
    return store->driver->drop_proposal(store, batch, batch_id);
}

enum err store_proposal_state(struct store *store, const char *tracking_id,
                              enum store_proposal_state *ret_state)
{
    return store->driver->proposal_state(store, tracking_id, ret_state);
}

/* ---- news ---- */

enum err store_read_news(struct store *store, int64_t since_ms, struct arena *arena,
                         struct store_news *ret_news)
{
    return store->driver->read_news(store, since_ms, arena, ret_news);
}

enum err store_confirm_news(struct store *store, const struct store_news *news)
{
    return store->driver->confirm_news(store, news);
}

/* ---- raw results ---- */

enum err store_each_raw(struct store *store, int parser, size_t limit, store_raw_fn *each,
                        void *arg)
{
    return store->driver->each_raw(store, parser, limit, each, arg);
}

enum err store_put_parsed(struct store *store, int parser, struct store_parsed *parsed, size_t n)
{
    return store->driver->put_parsed(store, parser, parsed, n);
}

/* ---- money ---- */

enum err store_accounts(struct store *store, int64_t day, store_account_fn *each, void *arg,
                        int64_t *ret_not_taken)
{
    return store->driver->accounts(store, day, each, arg, ret_not_taken);
}

enum err store_last_day(struct store *store, int64_t *ret_day)
{
    return store->driver->last_day(store, ret_day);
}

enum err store_paused(struct store *store, bool *ret_paused)
{
    return store->driver->paused(store, ret_paused);
}

enum err store_set_paused(struct store *store, bool paused)
{
    return store->driver->set_paused(store, paused);
}

enum err store_try(struct store *store, int64_t wall_ms)
{
    return store->driver->try(store, wall_ms);
}

/* ---- results ---- */

enum err store_find(struct store *store, const unsigned char key[HASH_SIZE],
                    const struct result **ret_result)
{
    return store->driver->find(store, key, ret_result);
}

enum err store_find_lookup(struct store *store, const char *lookup_id,
                           const struct result **ret_result)
{
    return store->driver->find_lookup(store, lookup_id, ret_result);
}

enum err store_forget_key(struct store *store, const unsigned char key[HASH_SIZE])
{
    return store->driver->forget_key(store, key);
}

enum err store_forget_domain(struct store *store, const char *domain, store_key_fn *each, void *arg,
                             size_t *ret_n)
{
    return store->driver->forget_domain(store, domain, each, arg, ret_n);
}

enum err store_forget_address(struct store *store, const char *address, size_t *ret_n)
{
    return store->driver->forget_address(store, address, ret_n);
}

bool store_changes_pending(struct store *store)
{
    return store->driver->changes_pending(store);
}

enum err store_trim(struct store *store, const struct store_ages *ages, bool *ret_more)
{
    return store->driver->trim(store, ages, ret_more);
}

enum err store_stats(struct store *store, struct store_stats *ret_stats)
{
    return store->driver->stats(store, ret_stats);
}
