/* SPDX-License-Identifier: MIT */
/* finished.c - a hash table in order of insertion (which uthash keeps): its head is the oldest. */
#include "lookup/records/finished.h"

#include "base/hashtable.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    char id[ID_TEXT];
    const struct result *result;
    UT_hash_handle hh;
};

struct finished {
    size_t max, max_bytes, bytes;
    struct entry *table;
};

struct finished *finished_new(size_t max, size_t max_bytes)
{
    struct finished *finished = xcalloc(1, sizeof *finished);

    finished->max = max;
    finished->max_bytes = max_bytes;
    return finished;
}

static void drop(struct finished *finished, struct entry *entry)
{
    HASH_DEL(finished->table, entry);
    finished->bytes -= entry->result->bytes;
    result_unref(entry->result);
    free(entry);
}

void finished_free(struct finished *finished)
{
    if (!finished)
        return;
    while (finished->table)
        drop(finished, finished->table);
    free(finished);
}

void finished_add(struct finished *finished, const char *id, const struct result *result)
{
    struct entry *entry;

    HASH_FIND_STR(finished->table, id, entry);
    if (entry)
        drop(finished, entry);
    entry = xcalloc(1, sizeof *entry);
    while (finished->table && (HASH_COUNT(finished->table) >= finished->max ||
                               finished->bytes + result->bytes > finished->max_bytes))
        drop(finished, finished->table);
    snprintf(entry->id, sizeof entry->id, "%s", id);
    entry->result = result_ref(result);
    finished->bytes += result->bytes;
    HASH_ADD_STR(finished->table, id, entry);
}

const struct result *finished_find(const struct finished *finished, const char *id)
{
    struct entry *entry;

    HASH_FIND_STR(finished->table, id, entry);
    return entry ? entry->result : NULL;
}

void finished_forget_key(struct finished *finished, const unsigned char key[HASH_SIZE])
{
    struct entry *entry, *next;

    HASH_ITER (hh, finished->table, entry, next)
        if (memcmp(entry->result->key, key, HASH_SIZE) == 0)
            drop(finished, entry);
}

void finished_forget_domain(struct finished *finished, const char *domain)
{
    struct entry *entry, *next;

    HASH_ITER (hh, finished->table, entry, next)
        if (entry->result->domain && strcmp(entry->result->domain, domain) == 0)
            drop(finished, entry);
}
