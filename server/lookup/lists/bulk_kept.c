/* SPDX-License-Identifier: MIT */
/* bulk_kept.c - bulks that have ended: BULKS_KEPT_MS long, and in BULKS_KEPT_BYTES; the oldest go
 * first. One that is being read stays until its last reader is closed, and is counted from then
 * on. */
#include "base/mem.h"
#include "lookup/lists/bulk_state.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

static char *move_text(struct bulk *bulk, const char *text)
{
    if (!text)
        return NULL;
    bulk->bytes += strlen(text) + 1;
    return arena_strdup(&bulk->texts, text);
}

/* Keeps what readers can get about the entries, without the list and its questions. */
static void compact(struct bulk *bulk)
{
    bulk->bytes = sizeof *bulk + bulk->n * (sizeof *bulk->records + sizeof *bulk->ended);
    for (size_t i = 0; i < bulk->n; i++) {
        struct bulk_record *record = &bulk->records[i];
        autofree char *detail = record->detail;
        result_unref(TAKE(record->held));
        record->input = move_text(bulk, record->input);
        record->tracking_id = move_text(bulk, record->tracking_id);
        record->domain = move_text(bulk, record->domain);
        record->detail = move_text(bulk, detail);
    }
    bulk->n_held = 0;
    bulk_list_free(TAKE(bulk->list));
    bulk->owner->kept_bytes += bulk->bytes;
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

void bulk_keep(struct bulk *bulk)
{
    struct bulks *bulks = bulk->owner;

    DL_APPEND(bulks->kept, bulk);
    if (!timer_armed(&bulks->expiry))
        timer_arm(&bulks->engine->timers, &bulks->expiry, bulk->ended_ms + BULKS_KEPT_MS, expire);
}

void bulk_release(struct bulk *bulk)
{
    struct bulks *bulks = bulk->owner;
    struct bulk *next;

    if (!bulk->is_known) {
        bulk_free(bulk);
        return;
    }
    if (bulk->list)
        compact(bulk);
    DL_FOREACH_SAFE (bulks->kept, bulk, next) {
        if (bulks->kept_bytes <= BULKS_KEPT_BYTES)
            break;
        if (!bulk->readers)
            bulk_free(bulk);
    }
}

void bulk_unkeep(struct bulk *bulk)
{
    DL_DELETE(bulk->owner->kept, bulk);
    bulk->owner->kept_bytes -= bulk->bytes;
}
