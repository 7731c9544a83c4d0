/* SPDX-License-Identifier: MIT */
/* postgres.c - see postgres.h. Opens and closes the store. */
#include "store/postgres/postgres.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

#define DROP_ROWS INT64_C(10000) /* per statement */

static bool is_durable(struct store *store)
{
    (void)store;
    return true;
}

static const char *place(struct store *store)
{
    return pg_of(store)->place;
}

/* A name may contain any character. */
static void set_place(struct pg_store *s)
{
    snprintf(s->place, sizeof s->place, "%.*s/%.*s", PG_NAME_MAX, PQdb(s->conn), PG_NAME_MAX,
             pg_target_schema(s->target));
    for (char *c = s->place; *c; c++)
        if (*c <= ' ' || *c > '~')
            *c = '_';
}

static void begin_close(struct store *store)
{
    struct pg_store *s = pg_of(store);

    if (!s->end_ms)
        s->end_ms = pg_now_ms() + STORE_CLOSE_MS;
}

static void pg_close(struct store *store)
{
    struct pg_store *s = pg_of(store);

    begin_close(store);
    pg_release(s);
    PQfinish(s->conn);
    for (size_t i = 0; i < PG_MAX_HOSTS; i++)
        host_lookup_free(s->lookups[i]);
    if (!s->owner)
        pg_target_free(s->target);
    free(s);
}

static enum err open_reader(struct store *store, struct store **ret_reader, struct errmsg *why);

static const struct store_driver driver = {
    .begin_close = begin_close,
    .close = pg_close,
    .is_durable = is_durable,
    .place = place,
    .open_reader = open_reader,
    .heartbeat = pg_heartbeat,
    .link = pg_link,
    .begin_batch = pg_begin_batch,
    .sending = pg_sending,
    .mark_not_sent = pg_mark_not_sent,
    .mark_resubmitted = pg_mark_resubmitted,
    .submitted = pg_submitted,
    .split = pg_split,
    .end_task = pg_end_task,
    .end_tasks = pg_end_tasks,
    .end_batch = pg_end_batch,
    .for_each_open_batch = pg_for_each_open_batch,
    .each_unknown = pg_each_unknown,
    .find_batch = pg_find_batch,
    .batch_of = pg_batch_of,
    .resolve_batch = pg_resolve_batch,
    .resolve_not_taken = pg_resolve_not_taken,
    .resolve_task = pg_resolve_task,
    .has_outlived = pg_has_outlived,
    .read_batch = pg_read_batch,
    .each_response = pg_each_response,
    .propose_batch = pg_propose_batch,
    .drop_proposal = pg_drop_proposal,
    .proposal_state = pg_proposal_state,
    .read_news = pg_read_news,
    .confirm_news = pg_confirm_news,
    .each_raw = pg_each_raw,
    .put_parsed = pg_put_parsed,
    .accounts = pg_accounts,
    .last_day = pg_last_day,
    .paused = pg_paused,
    .set_paused = pg_set_paused,
    .try = pg_try,
    .find = pg_find,
    .find_lookup = pg_find_lookup,
    .forget_key = pg_forget_key,
    .forget_domain = pg_forget_domain,
    .forget_address = pg_forget_address,
    .changes_pending = pg_changes_pending,
    .trim = pg_trim,
    .stats = pg_stats,
    .copier = &pg_copier,
};

/* Returns the limit for a statement of an owner before its service: the server may be cold, but one
 * whose reply is lost must not hold up the start. */
static int64_t first_ms(const struct store_options *options)
{
    return options->statement_ms ? options->statement_ms : PG_FIRST_MS;
}

/* An owner tries again until it can connect, so its first attempts are as short as all. */
static struct pg_store *new_store(struct pg_target *target, const struct store_options *options,
                                  bool is_owner)
{
    struct pg_store *s = xcalloc(1, sizeof *s);

    s->store.driver = &driver;
    s->target = target;
    s->wait_ms = is_owner ? first_ms(options) : PG_COMMAND_MS;
    s->service_ms = options->statement_ms ? options->statement_ms : STORE_STATEMENT_MS;
    s->connect_ms = is_owner ? s->service_ms : PG_FIRST_MS;
    pg_note_link(s);
    return s;
}

/* Begins the service: from now on, a server that does not reply must not delay the owner for long,
 * nor its reader. If the reader cannot connect now, its first read does. */
static enum err open_reader(struct store *store, struct store **ret_reader, struct errmsg *why)
{
    struct pg_store *s = pg_of(store);
    struct pg_store *reader = xcalloc(1, sizeof *reader);

    reader->store.driver = &driver;
    reader->target = s->target;
    reader->owner = s;
    reader->owner_connects = atomic_load(&s->n_connects);
    s->wait_ms = s->service_ms;
    reader->wait_ms = reader->connect_ms = reader->service_ms = s->service_ms;
    if (pg_connect(reader, why))
        reader->why = *why;
    *ret_reader = &reader->store;
    return ERR_OK;
}

/* Discards changes recorded for an earlier owner, whose memory is gone. */
static enum err drop_changes(struct pg_store *s)
{
    int64_t n = DROP_ROWS;
    enum err err = ERR_OK;

    while (!err && n == DROP_ROWS)
        err = pg_write_int(s, &n, SQL_DROP_CHANGES, "i", DROP_ROWS);
    return err;
}

/* Each statement is short, however many rows there are: heartbeats are sent between them, so that
 * no other process takes the store over. */
static enum err take_stock(struct pg_store *s, struct errmsg *why)
{
    enum err err = drop_changes(s);

    if (!err)
        err = pg_count(s, INT64_MAX);
    if (err)
        errmsg_set(why, "PostgreSQL: cannot count the rows");
    return err;
}

/* Takes the limits of an owner. */
static enum err own(struct pg_store *s, const struct store_options *options, struct errmsg *why)
{
    s->takeover_ms = options->takeover_ms;
    s->max_answers = options->max_answers;
    s->max_ended = options->max_ended;
    s->max_raw = options->max_raw ? options->max_raw : STORE_RAW_ROWS;
    s->max_raw_bytes = options->max_raw_bytes ? options->max_raw_bytes : STORE_RAW_BYTES;
    enum err err = pg_claim(s, why);
    return err ? err : take_stock(s, why);
}

static enum err connect_to(const struct store_options *options, bool is_owner,
                           struct pg_store **ret_store, struct errmsg *why)
{
    struct pg_target *target;
    enum err err = pg_target_new(options, &target, why);

    if (err)
        return err;
    struct pg_store *s = new_store(target, options, is_owner);
    if (is_owner)
        id_new(s->id);
    err = pg_connect(s, why);
    if (err)
        pg_close(&s->store);
    else
        *ret_store = s;
    return err;
}

static enum err open_store(const struct store_options *options, bool is_owner,
                           struct store **ret_store, struct errmsg *why)
{
    struct pg_store *s;
    int before;
    enum err err = connect_to(options, is_owner, &s, why);

    if (err)
        return err;
    set_place(s);
    err = pg_prepare_schema(s, &pg_schema, is_owner && !options->keeps_schema, &before, why);
    if (!err && is_owner)
        err = own(s, options, why);
    if (err)
        pg_close(&s->store);
    else
        *ret_store = &s->store;
    return err;
}

enum err store_postgres_check(const char *rest, const struct store_options *options,
                              struct errmsg *why)
{
    struct pg_target *target = NULL;
    enum err err = pg_target_new(options, &target, why);

    (void)rest;
    if (!err)
        pg_target_free(target);
    return err;
}

void store_postgres_each_file(const struct store_options *options, store_file_fn *each, void *arg)
{
    struct pg_target *target;
    struct errmsg ignored;

    if (pg_target_new(options, &target, &ignored))
        return;
    pg_target_each_file(target, each, arg);
    pg_target_free(target);
}

enum err store_postgres_open(const char *rest, const struct store_options *options,
                             struct store **ret_store, struct errmsg *why)
{
    (void)rest;
    return open_store(options, true, ret_store, why);
}

enum err store_postgres_open_shared(const char *rest, const struct store_options *options,
                                    struct store **ret_store, struct errmsg *why)
{
    (void)rest;
    return open_store(options, false, ret_store, why);
}

/* The tables have no owner meanwhile: another process may use them. */
enum err store_postgres_migrate(const char *rest, const struct store_options *options,
                                struct store_schema *ret_schema, struct errmsg *why)
{
    struct pg_store *s;
    int before;
    enum err err = connect_to(options, false, &s, why);

    (void)rest;
    if (err)
        return err;
    err = pg_prepare_schema(s, &pg_schema, true, &before, why);
    if (!err)
        *ret_schema = (struct store_schema){before, pg_schema.version};
    pg_close(&s->store);
    return err;
}
