/* SPDX-License-Identifier: MIT */
/* accounts.c - see memory.h. The daily accounts and the operator's pause. */
#include "store/memory/memory.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

struct account_row {
    int64_t day, credits;
    char *client;
    struct account_row *next;
};

static struct account_row *find(struct memory_store *m, int64_t day, const char *client)
{
    struct account_row *row = m->accounts;

    while (row && (row->day != day || strcmp(row->client, client) != 0))
        row = row->next;
    return row;
}

void memory_charge(struct memory_store *m, const struct store_task *task, int64_t credits)
{
    struct account_row *row = find(m, task->day, task->client);

    if (!row) {
        row = xcalloc(1, sizeof *row);
        row->day = task->day;
        row->client = xstrdup(task->client);
        row->next = m->accounts;
        m->accounts = row;
    }
    row->credits += credits;
    if (row->credits < 0)
        row->credits = 0;
}

static void drop_before(struct memory_store *m, int64_t day)
{
    for (struct account_row **at = &m->accounts; *at;) {
        struct account_row *row = *at;
        if (row->day >= day) {
            at = &row->next;
            continue;
        }
        *at = row->next;
        free(row->client);
        free(row);
    }
}

void memory_drop_accounts(struct memory_store *m)
{
    drop_before(m, INT64_MAX);
}

enum err memory_accounts(struct store *store, int64_t day, store_account_fn *each, void *arg)
{
    struct memory_store *m = memory_of(store);

    drop_before(m, day - STORE_ACCOUNT_DAYS);
    for (const struct account_row *row = m->accounts; row; row = row->next)
        if (row->day == day)
            each(arg, row->client, row->credits);
    return ERR_OK;
}

enum err memory_last_day(struct store *store, int64_t *ret_day)
{
    int64_t last = INT64_MIN;

    for (const struct account_row *row = memory_of(store)->accounts; row; row = row->next)
        last = row->day > last ? row->day : last;
    *ret_day = last;
    return ERR_OK;
}

enum err memory_paused(struct store *store, bool *ret_paused)
{
    *ret_paused = memory_of(store)->paused;
    return ERR_OK;
}

enum err memory_set_paused(struct store *store, bool paused)
{
    memory_of(store)->paused = paused;
    return ERR_OK;
}
