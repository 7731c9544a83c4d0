/* SPDX-License-Identifier: MIT */
/* finished.c - a hash table in order of insertion (which uthash keeps): its head is the oldest. */
#include "lookup/records/finished.h"

#include "base/hashtable.h"
#include "base/mem.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ended {
    char id[ID_TEXT];
    const struct result *result;
    UT_hash_handle hh;
};

struct history {
    size_t max, max_bytes, bytes;
    struct ended *table;
};

struct history *history_new(size_t max, size_t max_bytes)
{
    struct history *history = xcalloc(1, sizeof *history);

    history->max = max;
    history->max_bytes = max_bytes;
    return history;
}

static void forget(struct history *history, struct ended *ended)
{
    HASH_DEL(history->table, ended);
    history->bytes -= ended->result->bytes;
    result_unref(ended->result);
    free(ended);
}

void history_free(struct history *history)
{
    if (!history)
        return;
    while (history->table)
        forget(history, history->table);
    free(history);
}

static bool is_full(const struct history *history, size_t more_bytes)
{
    return HASH_COUNT(history->table) >= history->max ||
           history->bytes + more_bytes > history->max_bytes;
}

void history_add(struct history *history, const char *id, const struct result *result)
{
    struct ended *ended = xcalloc(1, sizeof *ended);

    while (history->table && is_full(history, result->bytes))
        forget(history, history->table);
    snprintf(ended->id, sizeof ended->id, "%s", id);
    ended->result = result_ref(result);
    history->bytes += result->bytes;
    HASH_ADD_STR(history->table, id, ended);
}

const struct result *history_find(const struct history *history, const char *id)
{
    struct ended *ended;

    HASH_FIND_STR(history->table, id, ended);
    return ended ? ended->result : NULL;
}

void history_forget_key(struct history *history, const unsigned char key[HASH_SIZE])
{
    struct ended *ended, *next;

    HASH_ITER (hh, history->table, ended, next)
        if (memcmp(ended->result->key, key, HASH_SIZE) == 0)
            forget(history, ended);
}

void history_forget_domain(struct history *history, const char *domain)
{
    struct ended *ended, *next;

    HASH_ITER (hh, history->table, ended, next)
        if (ended->result->domain && strcmp(ended->result->domain, domain) == 0)
            forget(history, ended);
}
