/* SPDX-License-Identifier: MIT */
/* cooldown.c - a table of questions, each with a timer that frees it. */
#include "lookup/records/cooldown.h"

#include "base/hashtable.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

struct hold {
    struct holds *all;
    unsigned char key[HASH_SIZE];
    enum err err;
    char *detail;
    struct timer timer;
    UT_hash_handle hh;
};

struct holds {
    struct timers *timers;
    struct hold *table;
};

struct holds *holds_new(struct timers *timers)
{
    struct holds *holds = xcalloc(1, sizeof *holds);

    holds->timers = timers;
    return holds;
}

static void let_go(struct hold *hold)
{
    HASH_DEL(hold->all->table, hold);
    timer_disarm(hold->all->timers, &hold->timer);
    free(hold->detail);
    free(hold);
}

void holds_free(struct holds *holds)
{
    if (!holds)
        return;
    while (holds->table)
        let_go(holds->table);
    free(holds);
}

static void hold_is_over(struct timer *timer)
{
    let_go(container_of(timer, struct hold, timer));
}

static struct hold *find(const struct holds *holds, const unsigned char *key)
{
    struct hold *hold;

    HASH_FIND(hh, holds->table, key, HASH_SIZE, hold);
    return hold;
}

void hold_put(struct holds *holds, const unsigned char key[HASH_SIZE], enum err err,
              const char *detail, int64_t until_ms)
{
    struct hold *hold = find(holds, key);

    if (!hold) {
        hold = xcalloc(1, sizeof *hold);
        hold->all = holds;
        memcpy(hold->key, key, HASH_SIZE);
        HASH_ADD(hh, holds->table, key, HASH_SIZE, hold);
    }
    free(hold->detail);
    hold->detail = detail ? xstrdup(detail) : NULL;
    hold->err = err;
    timer_arm(holds->timers, &hold->timer, until_ms, hold_is_over);
}

enum err hold_find(const struct holds *holds, const unsigned char key[HASH_SIZE],
                   const char **ret_detail, int64_t *ret_until_ms)
{
    const struct hold *hold = find(holds, key);

    if (!hold)
        return ERR_OK;
    *ret_detail = hold->detail;
    *ret_until_ms = hold->timer.at_ms;
    return hold->err;
}

size_t holds_count(const struct holds *holds)
{
    return HASH_COUNT(holds->table);
}
