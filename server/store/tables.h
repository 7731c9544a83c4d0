/* SPDX-License-Identifier: MIT */
/* tables.h - the tables of a store as rows of values, in which all drivers agree. Only copy.c uses
 * more than the names of the tables. */
#ifndef STORE_TABLES_H
#define STORE_TABLES_H

#include "base/errmsg.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum store_table {
    STORE_BATCHES,
    STORE_TASKS,
    STORE_ANSWERS,
    STORE_RAW_RESULTS,
    STORE_ACCOUNTS,
    STORE_SETTINGS,
    STORE_PROPOSALS,
    STORE_TABLES
};

struct store_table_form {
    const char *name, *columns; /* the columns are separated by commas */
    size_t n;                   /* columns */
};
extern const struct store_table_form store_table_forms[STORE_TABLES];

#define STORE_COLUMNS 16 /* of the table that has the most */

enum store_value_kind { STORE_NULL, STORE_INTEGER, STORE_TEXT, STORE_BYTES };
struct store_value {
    enum store_value_kind kind;
    int64_t integer;
    const void *bytes; /* of a text too; borrowed, not NULL */
    size_t len;
};

/* The functions of a driver. All run between begin() and end(), which the caller must call after
 * begin() has returned ERR_OK. On failure, `why` says what the store reports.
 *
 * Order of the rows: batches by number, tasks by batch and then as they were submitted, raw results
 * as they were stored, all others by their primary key, whose text is compared by bytes. Rows must
 * be added in this order, and those of batches before those of tasks. */
struct store_copier {
    /* Begins a transaction in which no other process writes or becomes the owner. */
    enum err (*begin)(struct store *, struct errmsg *why);
    /* Commits or rolls back. After ERR_STORAGE_UNAVAILABLE, a commit may have been done or not. */
    enum err (*end)(struct store *, bool commits, struct errmsg *why);
    /* next_row() sets the values of the next row, valid until the next call, or returns
     * ERR_NO_ENTRY after the last one. One table is read at a time. */
    enum err (*read_table)(struct store *, enum store_table, struct errmsg *why);
    enum err (*next_row)(struct store *, struct store_value *ret_values, struct errmsg *why);
    /* No table may be read between fill_table() and filled(). */
    enum err (*fill_table)(struct store *, enum store_table, struct errmsg *why);
    enum err (*add_row)(struct store *, const struct store_value *values, struct errmsg *why);
    enum err (*filled)(struct store *, struct errmsg *why);
};

#endif
