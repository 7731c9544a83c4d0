/* SPDX-License-Identifier: MIT */
/* bulk_ending.c - how an entry of a bulk ends: its outcome, its price, and what is kept of it. */
#include "base/mem.h"
#include "base/metrics.h"
#include "lookup/lists/bulk_state.h"

struct ending {
    enum bulk_outcome outcome;
    enum charged charged;
    enum err err;
    const struct result *result; /* borrowed; NULL if `err` is set */
    const char *detail;          /* borrowed; NULL = none */
};

static void end_one(struct bulk *bulk, size_t index, const struct ending *ending)
{
    struct bulk_record *record = &bulk->records[index];

    record->state = RECORD_ENDED;
    record->outcome = (uint8_t)ending->outcome;
    record->charged = (uint8_t)ending->charged;
    record->err = (uint16_t)ending->err;
    if (ending->err && ending->detail)
        record->detail = xstrdup(ending->detail);
    if (!ending->err)
        bulk_hold(bulk, index, ending->result);
    bulk->ended[bulk->n_ended++] = (uint32_t)index;
    bulk->n_ok += !ending->err;
    bulk->n_charged[ending->charged]++;
    metrics_add(&metrics_mine()->bulk_entries[ending->outcome], 1);
}

/* Ends an entry, and those that repeat it. */
static void end_entry(struct bulk *bulk, size_t index, struct ending ending)
{
    end_one(bulk, index, &ending);
    ending.outcome = BULK_DUPLICATE;
    ending.charged = CHARGED_NO;
    while ((index = bulk->records[index].next_same))
        end_one(bulk, index, &ending);
    bulk_changed(bulk);
}

void bulk_reject(struct bulk *bulk, size_t index)
{
    const struct bulk_entry *entry = &bulk->list->entries[index];

    end_entry(bulk, index,
              (struct ending){BULK_REJECTED, CHARGED_NO, entry->err, NULL, entry->detail});
}

static void fail_entry(struct bulk *bulk, size_t index, enum err err)
{
    end_entry(bulk, index, (struct ending){BULK_FAILED, CHARGED_NO, err, NULL, NULL});
}

void bulk_fail_waiting(struct bulk *bulk, size_t to, enum err err)
{
    for (; bulk->first < to; bulk->first++) {
        const struct bulk_record *record = &bulk->records[bulk->first];
        if (record->state != RECORD_WAITING)
            continue;
        if (record->domain)
            fail_entry(bulk, bulk->first, err);
        else
            bulk_reject(bulk, bulk->first);
    }
}

void bulk_stop_entry(struct bulk *bulk, size_t index)
{
    fail_entry(bulk, index, bulk->stopped_by);
}

void bulk_stop_waiting(struct bulk *bulk)
{
    bulk_fail_waiting(bulk, bulk->n, bulk->stopped_by);
}

/* ---- by its request ---- */

enum charged bulk_charged_of(const struct outcome *outcome)
{
    bool has_started =
        outcome->disposition == DISPOSITION_MISS && *outcome->lookup_id && !outcome->collapsed;

    return !has_started ? CHARGED_NO : outcome->err ? outcome->charged : CHARGED_YES;
}

static struct ending ending_of_stored(const struct outcome *outcome)
{
    enum bulk_outcome word = outcome->err                                ? BULK_FAILED
                             : outcome->disposition == DISPOSITION_FRESH ? BULK_HIT
                                                                         : BULK_STALE;

    return (struct ending){word, CHARGED_NO, outcome->err, outcome->result, outcome->detail};
}

static struct ending ending_of_failure(const struct bulk_lookup *lookup,
                                       const struct outcome *outcome)
{
    const struct bulk_list *list = lookup->bulk->list;
    struct ending ending = {BULK_FAILED, bulk_charged_of(outcome), outcome->err, NULL,
                            outcome->detail};

    if (outcome->err == ERR_CANCELLED) {
        ending.err = lookup->ends_with;
    } else if (outcome->err == ERR_NOT_CACHED) {
        ending.outcome = BULK_REJECTED;
        ending.err = list->not_cached ? list->not_cached : ERR_NOT_CACHED;
        ending.detail = list->not_cached_detail;
    } else if (outcome->err == ERR_QUOTA_EXCEEDED || outcome->err == ERR_CREDITS_EXHAUSTED) {
        ending.outcome = BULK_REJECTED;
    }
    return ending;
}

static struct ending ending_of(const struct bulk_lookup *lookup, const struct outcome *outcome)
{
    if (outcome->disposition != DISPOSITION_MISS)
        return ending_of_stored(outcome);
    if (outcome->err && outcome->fallback && lookup->ends_with != ERR_CANCELLED_LOOKUP)
        return (struct ending){BULK_STALE, bulk_charged_of(outcome), ERR_OK, outcome->fallback,
                               NULL};
    if (outcome->err)
        return ending_of_failure(lookup, outcome);
    return (struct ending){outcome->collapsed ? BULK_JOINED : BULK_LOOKED_UP,
                           bulk_charged_of(outcome), ERR_OK, outcome->result, NULL};
}

static void add_timing(struct bulk *bulk, const struct lookup_timing *timing)
{
    bulk->has_lookups = true;
    bulk->timing.queue_ms += timing->queue_ms;
    bulk->timing.submit_ms += timing->submit_ms;
    bulk->timing.upstream_ms += timing->upstream_ms;
    bulk->timing.read_ms += timing->read_ms;
    bulk->n_timed++;
}

void bulk_end_entry(const struct bulk_lookup *lookup, const struct outcome *outcome)
{
    struct ending ending = ending_of(lookup, outcome);

    if (*outcome->lookup_id && outcome->err != ERR_CANCELLED)
        add_timing(lookup->bulk, &outcome->timing);
    end_entry(lookup->bulk, lookup->index, ending);
}
