/* SPDX-License-Identifier: MIT */
/* bulk_kept.c - bulks that have ended: BULKS_KEPT_MS long, and in BULKS_KEPT_BYTES; the oldest go
 * first. One that is being read is counted too, but stays until its last reader is closed. */
#include "base/mem.h"
#include "lookup/lists/bulk_state.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

static void set_bytes(struct bulk *bulk, size_t bytes)
{
    bulk->owner->kept_bytes += bytes;
    bulk->owner->kept_bytes -= bulk->bytes;
    bulk->bytes = bytes;
}

/* Returns a copy; adds its size. */
static char *keep_text(struct bulk *bulk, const char *text, size_t *bytes)
{
    if (!text)
        return NULL;
    *bytes += strlen(text) + 1;
    return arena_strdup(&bulk->texts, text);
}

/* Keeps what readers can get about the entries, without the list and its questions. The strings
 * that readers have are lent to them until they are closed. */
static void compact(struct bulk *bulk)
{
    size_t entries = 2 * bulk->n * sizeof *bulk->list->entries; /* as they grew */
    size_t texts = 0;

    for (size_t i = 0; i < bulk->n; i++) {
        struct bulk_record *record = &bulk->records[i];
        autofree char *detail = record->detail;
        record->input = keep_text(bulk, record->input, &texts);
        record->tracking_id = keep_text(bulk, record->tracking_id, &texts);
        record->domain = keep_text(bulk, record->domain, &texts);
        record->detail = keep_text(bulk, detail, &texts);
    }
    bulk->lent = bulk->list->arena;
    bulk->list->arena = (struct arena){0};
    bulk_list_free(TAKE(bulk->list));
    bulk->kept_bytes =
        sizeof *bulk + texts + bulk->n * (sizeof *bulk->records + sizeof *bulk->ended);
    set_bytes(bulk, bulk->kept_bytes + entries + texts);
}

static bool is_old(const struct bulk *bulk)
{
    return bulk->ended_ms + BULKS_KEPT_MS <= bulk->owner->engine->clock.now_ms;
}

static void expire(struct timer *timer)
{
    struct bulks *bulks = container_of(timer, struct bulks, expiry);
    struct bulk *bulk, *next;

    DL_FOREACH_SAFE (bulks->kept, bulk, next) {
        if (!is_old(bulk))
            break;
        bulk_hide(bulk);
        if (!bulk->readers)
            bulk_free(bulk);
    }
    DL_FOREACH (bulks->kept, bulk)
        if (!is_old(bulk))
            break;
    if (bulk)
        timer_arm(&bulks->engine->timers, timer, bulk->ended_ms + BULKS_KEPT_MS, expire);
}

/* Frees the oldest ones that no one reads, if all need too much memory. */
static void limit_bytes(struct bulks *bulks)
{
    struct bulk *bulk, *next;

    DL_FOREACH_SAFE (bulks->kept, bulk, next) {
        if (bulks->kept_bytes <= BULKS_KEPT_BYTES)
            break;
        if (!bulk->readers)
            bulk_free(bulk);
    }
}

void bulk_keep(struct bulk *bulk)
{
    struct bulks *bulks = bulk->owner;

    compact(bulk);
    limit_bytes(bulks);
    DL_APPEND(bulks->kept, bulk);
    if (!timer_armed(&bulks->expiry))
        timer_arm(&bulks->engine->timers, &bulks->expiry, bulk->ended_ms + BULKS_KEPT_MS, expire);
}

void bulk_release(struct bulk *bulk)
{
    struct bulks *bulks = bulk->owner;

    arena_free(&bulk->lent);
    bulk_drop_held(bulk);
    set_bytes(bulk, bulk->kept_bytes);
    if (!bulk->is_known)
        bulk_free(bulk);
    limit_bytes(bulks);
}

void bulk_unkeep(struct bulk *bulk)
{
    DL_DELETE(bulk->owner->kept, bulk);
    set_bytes(bulk, 0);
}
