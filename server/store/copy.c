/* SPDX-License-Identifier: MIT */
/* copy.c - see copy.h. Opens both stores, and moves rows between the drivers. */
#include "store/copy.h"

#include "store/driver.h"

#include <string.h>

#define CREDITS 2 /* the column of the accounts */

/* One of the two stores. */
struct side {
    const char *name; /* for messages */
    struct store *store;
    const struct store_copier *copier;
    bool has_begun;
};

struct copy {
    struct side from, to;
    struct store_copied copied;
};

/* Puts the name of the side in front of the message. */
static enum err name_side(const struct side *side, enum err err, struct errmsg *why)
{
    if (err)
        errmsg_prefix(why, side->name);
    return err;
}

/* ---- opening ---- */

static enum err begin(struct side *side, struct errmsg *why)
{
    side->copier = side->store->driver->copier;
    enum err err = side->copier->begin(side->store, why);
    side->has_begun = !err;
    return err;
}

/* Nothing is created or changed if there is no such store. */
static enum err open_from(struct side *from, const struct store_options *options,
                          struct errmsg *why)
{
    enum err err = store_open_shared(options, &from->store, why);

    if (err)
        return err;
    store_close(from->store);
    from->store = NULL;
    err = store_open(options, &from->store, why);
    return err ? err : begin(from, why);
}

static enum err read_row(const struct side *side, struct store_value *values, struct errmsg *why)
{
    return side->copier->next_row(side->store, values, why);
}

static enum err check_empty(const struct side *to, struct errmsg *why)
{
    struct store_value values[STORE_COLUMNS];
    enum err err = ERR_OK;

    for (int table = 0; table < STORE_TABLES && !err; table++) {
        err = to->copier->read_table(to->store, (enum store_table)table, why);
        if (!err)
            err = read_row(to, values, why);
        if (!err) {
            errmsg_set(why, "the store is not empty: it has %s", store_table_forms[table].name);
            return ERR_STORE_REFUSED;
        }
        if (err == ERR_NO_ENTRY)
            err = ERR_OK;
    }
    return err;
}

static size_t sum(const size_t *numbers, size_t n)
{
    size_t total = 0;

    while (n)
        total += numbers[--n];
    return total;
}

/* Rejects a store with rows before it is owned, because an owner may change it. Other errors are
 * left to store_open(). */
static enum err look_at(const struct store_options *options, struct errmsg *why)
{
    struct store *store;
    struct store_stats stats = {0};

    if (store_open_shared(options, &store, why))
        return ERR_OK;
    enum err err = store_stats(store, &stats);
    store_close(store);
    if (err ||
        sum(stats.batches, STORE_DONE + 1) + stats.found + stats.empty + stats.failed + stats.raw ==
            0)
        return ERR_OK;
    errmsg_set(why, "the store is not empty; nothing was changed");
    return ERR_STORE_REFUSED;
}

static enum err open_to(struct side *to, const struct store_options *options, struct errmsg *why)
{
    enum err err = look_at(options, why);

    if (!err)
        err = store_open(options, &to->store, why);
    if (err)
        return err;
    if (!store_is_durable(to->store)) {
        errmsg_set(why, "'%s' ends with this command", options->url);
        return ERR_STORE_REFUSED;
    }
    err = begin(to, why);
    return err ? err : check_empty(to, why);
}

/* ---- rows ---- */

static enum err copy_row(struct copy *copy, enum store_table table, struct errmsg *why)
{
    struct store_value values[STORE_COLUMNS];
    enum err err = read_row(&copy->from, values, why);

    if (err)
        return name_side(&copy->from, err, why);
    err = copy->to.copier->add_row(copy->to.store, values, why);
    if (err)
        return name_side(&copy->to, err, why);
    copy->copied.rows[table]++;
    if (table == STORE_ACCOUNTS)
        copy->copied.credits += values[CREDITS].integer;
    return ERR_OK;
}

static enum err copy_table(struct copy *copy, enum store_table table, struct errmsg *why)
{
    const struct side *from = &copy->from, *to = &copy->to;
    enum err err = from->copier->read_table(from->store, table, why);

    if (err)
        return name_side(from, err, why);
    err = to->copier->fill_table(to->store, table, why);
    if (err)
        return name_side(to, err, why);
    while (!err)
        err = copy_row(copy, table, why);
    return err == ERR_NO_ENTRY ? name_side(to, to->copier->filled(to->store, why), why) : err;
}

static bool is_same(const struct store_value *a, const struct store_value *b)
{
    if (a->kind != b->kind)
        return false;
    if (a->kind == STORE_NULL || a->kind == STORE_INTEGER)
        return a->kind == STORE_NULL || a->integer == b->integer;
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

static enum err differs(enum store_table table, int64_t row, struct errmsg *why)
{
    errmsg_set(why, "%s: row %lld was not copied as it is", store_table_forms[table].name,
               (long long)row);
    return ERR_INTERNAL;
}

static enum err compare_row(const struct copy *copy, enum store_table table, int64_t row,
                            struct errmsg *why)
{
    struct store_value from[STORE_COLUMNS], to[STORE_COLUMNS];
    enum err ended = read_row(&copy->from, from, why), err = ended;

    if (err && err != ERR_NO_ENTRY)
        return name_side(&copy->from, err, why);
    err = read_row(&copy->to, to, why);
    if (err && err != ERR_NO_ENTRY)
        return name_side(&copy->to, err, why);
    if (err != ended)
        return differs(table, row, why);
    for (size_t i = 0; !err && i < store_table_forms[table].n; i++)
        if (!is_same(&from[i], &to[i]))
            return differs(table, row, why);
    return err;
}

static enum err compare_table(const struct copy *copy, enum store_table table, struct errmsg *why)
{
    const struct side *const sides[] = {&copy->from, &copy->to};
    enum err err = ERR_OK;

    for (size_t i = 0; i < 2; i++) {
        err = sides[i]->copier->read_table(sides[i]->store, table, why);
        if (err)
            return name_side(sides[i], err, why);
    }
    int64_t row = 0;
    while (!err)
        err = compare_row(copy, table, ++row, why);
    if (err == ERR_NO_ENTRY && row - 1 != copy->copied.rows[table])
        return differs(table, row, why);
    return err == ERR_NO_ENTRY ? ERR_OK : err;
}

static enum err copy_all(struct copy *copy, struct errmsg *why)
{
    enum err err = ERR_OK;

    for (int table = 0; table < STORE_TABLES && !err; table++)
        err = copy_table(copy, (enum store_table)table, why);
    for (int table = 0; table < STORE_TABLES && !err; table++)
        err = compare_table(copy, (enum store_table)table, why);
    return err;
}

/* ---- the copy ---- */

static enum err commit(const struct side *to, struct errmsg *why)
{
    struct errmsg words;
    enum err err = to->copier->end(to->store, true, &words);

    if (err)
        errmsg_set(why,
                   "%s: it is unknown whether the rows were committed (%.300s); see `emailsd "
                   "inspect`",
                   to->name, words.text);
    return err;
}

static enum err finish(struct copy *copy, enum err err, struct errmsg *why)
{
    struct errmsg ignored;

    if (!err)
        err = commit(&copy->to, why);
    else if (copy->to.has_begun)
        copy->to.copier->end(copy->to.store, false, &ignored);
    if (copy->from.has_begun)
        copy->from.copier->end(copy->from.store, false, &ignored);
    store_close(copy->to.store);
    store_close(copy->from.store);
    return err;
}

enum err store_copy_all(const struct store_options *from, const struct store_options *to,
                        struct store_copied *ret_copied, struct errmsg *why)
{
    struct copy copy = {.from = {.name = "FROM"}, .to = {.name = "TO"}};
    enum err err = name_side(&copy.from, open_from(&copy.from, from, why), why);

    if (!err)
        err = name_side(&copy.to, open_to(&copy.to, to, why), why);
    if (!err)
        err = copy_all(&copy, why);
    err = finish(&copy, err, why);
    if (!err)
        *ret_copied = copy.copied;
    return err;
}
