/* SPDX-License-Identifier: MIT */
/* bulk_held.c - the results that a bulk holds until its first reader has read them: at most
 * BULK_UNREAD_MAX. What is deleted meanwhile is dropped; a deletion looks at nothing else. */
#include "base/mem.h"
#include "lookup/lists/bulk_state.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

void bulk_hold(struct bulk *bulk, size_t index, const struct result *result)
{
    struct bulk_record *record = &bulk->records[index];

    if (bulk->is_async || bulk->n_held == BULK_UNREAD_MAX)
        return;
    if (!bulk->held)
        bulk->held = xcalloc(BULK_UNREAD_MAX, sizeof *bulk->held);
    record->held = result_ref(result);
    record->held_at = (uint16_t)bulk->n_held;
    bulk->held[bulk->n_held++] = (uint32_t)index;
}

const struct result *bulk_take_held(struct bulk *bulk, size_t index)
{
    struct bulk_record *record = &bulk->records[index];
    const struct result *result = TAKE(record->held);

    if (result) {
        uint32_t last = bulk->held[--bulk->n_held];
        bulk->held[record->held_at] = last;
        bulk->records[last].held_at = record->held_at;
    }
    return result;
}

void bulk_drop_held(struct bulk *bulk)
{
    while (bulk->n_held)
        result_unref(bulk_take_held(bulk, bulk->held[bulk->n_held - 1]));
    free(TAKE(bulk->held));
}

/* ---- deletions ---- */

bool bulk_record_is_of(const struct bulk_record *record, const unsigned char *key,
                       const char *domain)
{
    return key ? memcmp(record->key, key, HASH_SIZE) == 0 : strcmp(record->domain, domain) == 0;
}

/* From the last to the first: the last one takes the place of one that is dropped. */
static void forget_held(struct bulk *bulk, const unsigned char *key, const char *domain)
{
    for (size_t i = bulk->n_held; i-- > 0;)
        if (bulk_record_is_of(&bulk->records[bulk->held[i]], key, domain))
            result_unref(bulk_take_held(bulk, bulk->held[i]));
}

static void forget(struct bulk *list, const unsigned char *key, const char *domain)
{
    struct bulk *bulk;
    struct bulk_reader *reader;

    DL_FOREACH (list, bulk) {
        forget_held(bulk, key, domain);
        DL_FOREACH (bulk->readers, reader)
            bulk_reader_forget(reader, key, domain);
    }
}

void bulks_forget(void *arg, const unsigned char *key, const char *domain)
{
    const struct bulks *bulks = arg;

    forget(bulks->running, key, domain);
    forget(bulks->kept, key, domain);
}
