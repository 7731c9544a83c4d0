/* SPDX-License-Identifier: MIT */
/* history.c - a hash table in order of insertion (which uthash keeps): its head is the oldest. */
#include "lookup/history.h"

#include "base/mem.h"
#include "base/table.h"

#include <stdio.h>
#include <stdlib.h>

struct ended {
    char id[ID_TEXT];
    const struct result *result;
    UT_hash_handle hh;
};

struct history {
    size_t max;
    struct ended *table;
};

struct history *history_new(size_t max)
{
    struct history *history = xcalloc(1, sizeof *history);

    history->max = max;
    return history;
}

static void forget_oldest(struct history *history)
{
    struct ended *oldest = history->table;

    HASH_DEL(history->table, oldest);
    result_unref(oldest->result);
    free(oldest);
}

void history_free(struct history *history)
{
    if (!history)
        return;
    while (history->table)
        forget_oldest(history);
    free(history);
}

void history_add(struct history *history, const char *id, const struct result *result)
{
    struct ended *ended = xcalloc(1, sizeof *ended);

    while (history->table && HASH_COUNT(history->table) >= history->max)
        forget_oldest(history);
    snprintf(ended->id, sizeof ended->id, "%s", id);
    ended->result = result_ref(result);
    HASH_ADD_STR(history->table, id, ended);
}

const struct result *history_find(const struct history *history, const char *id)
{
    struct ended *ended;

    HASH_FIND_STR(history->table, id, ended);
    return ended ? ended->result : NULL;
}
