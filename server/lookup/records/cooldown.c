/* SPDX-License-Identifier: MIT */
/* cooldown.c - a table of questions, each with a timer that removes it. */
#include "lookup/records/cooldown.h"

#include "base/hashtable.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cooldown {
    struct cooldowns *all;
    unsigned char key[HASH_SIZE];
    enum err err;
    char *detail;
    char lookup_id[ID_TEXT]; /* "" = none */
    struct timer timer;
    UT_hash_handle hh;
};

struct cooldowns {
    struct timers *timers;
    struct cooldown *table;
};

struct cooldowns *cooldowns_new(struct timers *timers)
{
    struct cooldowns *cooldowns = xcalloc(1, sizeof *cooldowns);

    cooldowns->timers = timers;
    return cooldowns;
}

static void drop(struct cooldown *cooldown)
{
    HASH_DEL(cooldown->all->table, cooldown);
    timer_disarm(cooldown->all->timers, &cooldown->timer);
    free(cooldown->detail);
    free(cooldown);
}

void cooldowns_free(struct cooldowns *cooldowns)
{
    if (!cooldowns)
        return;
    while (cooldowns->table)
        drop(cooldowns->table);
    free(cooldowns);
}

static void cooldown_is_over(struct timer *timer)
{
    drop(container_of(timer, struct cooldown, timer));
}

static struct cooldown *find(const struct cooldowns *cooldowns, const unsigned char *key)
{
    struct cooldown *cooldown;

    HASH_FIND(hh, cooldowns->table, key, HASH_SIZE, cooldown);
    return cooldown;
}

static bool is_about(const struct cooldown *cooldown, const char *lookup_id)
{
    return strcmp(cooldown->lookup_id, lookup_id) == 0;
}

static struct cooldown *add(struct cooldowns *cooldowns, const unsigned char *key)
{
    struct cooldown *cooldown = xcalloc(1, sizeof *cooldown);

    cooldown->all = cooldowns;
    memcpy(cooldown->key, key, HASH_SIZE);
    HASH_ADD(hh, cooldowns->table, key, HASH_SIZE, cooldown);
    return cooldown;
}

void cooldown_set(struct cooldowns *cooldowns, const unsigned char key[HASH_SIZE],
                  const struct cooldown_cause *cause, int64_t until_ms)
{
    const char *lookup_id = cause->lookup_id ? cause->lookup_id : "";
    struct cooldown *cooldown = find(cooldowns, key);

    if (cooldown && !is_about(cooldown, lookup_id) && cooldown->timer.at_ms > until_ms)
        return;
    if (!cooldown)
        cooldown = add(cooldowns, key);
    free(cooldown->detail);
    cooldown->detail = cause->detail ? xstrdup(cause->detail) : NULL;
    cooldown->err = cause->err;
    snprintf(cooldown->lookup_id, sizeof cooldown->lookup_id, "%s", lookup_id);
    timer_arm(cooldowns->timers, &cooldown->timer, until_ms, cooldown_is_over);
}

enum err cooldown_check(const struct cooldowns *cooldowns, const unsigned char key[HASH_SIZE],
                        const char **ret_detail, int64_t *ret_until_ms)
{
    const struct cooldown *cooldown = find(cooldowns, key);

    if (!cooldown)
        return ERR_OK;
    *ret_detail = cooldown->detail;
    *ret_until_ms = cooldown->timer.at_ms;
    return cooldown->err;
}

void cooldown_end(struct cooldowns *cooldowns, const unsigned char key[HASH_SIZE],
                  const char *lookup_id)
{
    struct cooldown *cooldown = find(cooldowns, key);

    if (cooldown && is_about(cooldown, lookup_id))
        drop(cooldown);
}

size_t cooldowns_count(const struct cooldowns *cooldowns)
{
    return HASH_COUNT(cooldowns->table);
}
