/* SPDX-License-Identifier: MIT */
/* bulk_list.c - prepares a list for the engine: its id, and which of its questions are equal. It
 * is done here, on the caller's thread, so that the engine opens a list without reading it; and
 * with each entry that is added, so that a caller that reads a list in portions stays responsive.
 */
#include "base/buf.h"
#include "base/mem.h"
#include "lookup/lists/bulk_state.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

const char *bulk_outcome_word(enum bulk_outcome outcome)
{
    static const char *const words[] = {
        [BULK_HIT] = "hit",       [BULK_STALE] = "stale",         [BULK_LOOKED_UP] = "looked-up",
        [BULK_JOINED] = "joined", [BULK_DUPLICATE] = "duplicate", [BULK_REJECTED] = "rejected",
        [BULK_FAILED] = "failed"};

    _Static_assert(ARRAY_LEN(words) == BULK_OUTCOMES, "one word each");
    return words[outcome];
}

/* ---- the id ---- */

/* With its length, so that two lists never have the same bytes. */
static void add_text(struct buf *buf, const char *text)
{
    size_t len = text ? strlen(text) : SIZE_MAX;

    buf_add(buf, &len, sizeof len);
    if (text)
        buf_add(buf, text, len);
}

static void add_number(struct buf *buf, int64_t number)
{
    buf_add(buf, &number, sizeof number);
}

/* The digest so far is the first part of what is hashed next. */
static void extend(struct bulk_list *list, struct buf *buf)
{
    if (buf_check(buf))
        mem_ran_out();
    hash_sha256(buf->data, buf->len, list->digest);
}

static void add_digest(struct buf *buf, const struct bulk_list *list)
{
    buf_add(buf, list->digest, sizeof list->digest);
}

static void hash_entry(struct bulk_list *list, const struct bulk_entry *entry)
{
    struct buf autobuf buf = BUF_INIT(SIZE_MAX / 2); /* its size was limited when it was read */

    add_digest(&buf, list);
    add_text(&buf, entry->input);
    add_text(&buf, entry->tracking_id);
    add_number(&buf, entry->question ? ERR_OK : entry->err);
    if (entry->question)
        buf_add(&buf, entry->question->key, HASH_SIZE);
    extend(list, &buf);
}

static void hash_options(struct bulk_list *list)
{
    struct buf autobuf buf = BUF_INIT(BUF_SMALL);

    add_digest(&buf, list);
    add_text(&buf, list->account);
    add_number(&buf, list->directives.refresh);
    add_number(&buf, list->directives.only_cached);
    add_number(&buf, list->directives.max_age_s);
    add_number(&buf, list->directives.max_stale_s);
    add_number(&buf, list->max_credits);
    extend(list, &buf);
}

/* ---- equal questions ---- */

#define SEEN_MIN 16

/* An open hash table of indexes + 1, at most half full. Keys are digests, so their first bytes are
 * a good hash. */
struct bulk_seen {
    size_t mask;
    uint32_t slots[]; /* 0 = free */
};

static struct bulk_seen *seen_new(size_t n_slots)
{
    struct bulk_seen *seen = xcalloc(1, sizeof *seen + n_slots * sizeof(uint32_t));

    seen->mask = n_slots - 1;
    return seen;
}

/* Returns the slot of the key: it has the index of an earlier record with the same, or is free. */
static uint32_t *slot_of(struct bulk_seen *seen, const struct bulk_record *records,
                         const unsigned char *key)
{
    size_t i;

    memcpy(&i, key, sizeof i);
    for (i &= seen->mask; seen->slots[i]; i = (i + 1) & seen->mask)
        if (memcmp(records[seen->slots[i] - 1].key, key, HASH_SIZE) == 0)
            break;
    return &seen->slots[i];
}

static void grow_seen(struct bulk_list *list)
{
    struct bulk_seen *old = list->seen;
    size_t n_slots = old ? 2 * (old->mask + 1) : SEEN_MIN;

    if (old && list->n_unique < n_slots / 4)
        return;
    list->seen = seen_new(n_slots);
    for (size_t i = 0; old && i <= old->mask; i++)
        if (old->slots[i])
            *slot_of(list->seen, list->records, list->records[old->slots[i] - 1].key) =
                old->slots[i];
    free(old);
}

/* Links the record with the last one that has the same question, or makes it the first one. The
 * slot then has the last one. */
static void link_record(struct bulk_list *list, size_t index)
{
    struct bulk_entry *entry = &list->entries[index];
    struct bulk_record *record = &list->records[index];
    uint32_t *slot = slot_of(list->seen, list->records, entry->question->key);

    memcpy(record->key, entry->question->key, HASH_SIZE);
    if (*slot) {
        struct bulk_record *last = &list->records[*slot - 1];
        last->next_same = (uint32_t)index;
        record->domain = last->domain;
        record->state = RECORD_REPEATS;
        question_free(TAKE(entry->question));
    } else {
        record->domain = entry->question->parts.domain;
        list->n_unique++;
    }
    *slot = (uint32_t)index + 1;
}

/* ---- the list ---- */

/* The room is the smallest power of two that is enough. */
static void grow_records(struct bulk_list *list)
{
    if ((list->n & (list->n - 1)) == 0)
        list->records =
            xrealloc(list->records, (list->n ? 2 * list->n : 1) * sizeof *list->records);
}

void bulk_list_add(struct bulk_list *list, const struct bulk_entry *entry)
{
    size_t index = list->n;

    hash_entry(list, entry);
    grow_seen(list);
    grow_records(list);
    list->entries = arena_grow(&list->arena, list->entries, index, sizeof *list->entries);
    list->entries[index] = *entry;
    list->records[index] =
        (struct bulk_record){.input = entry->input, .tracking_id = entry->tracking_id};
    list->n++;
    if (entry->question)
        link_record(list, index);
    else
        list->n_unique++;
}

void bulk_list_seal(struct bulk_list *list)
{
    hash_options(list);
    hash_hex(list->digest, ID_LEN / 2, list->id);
    free(TAKE(list->seen));
    list->records = xrealloc(list->records, (list->n ? list->n : 1) * sizeof *list->records);
}

void bulk_list_free(struct bulk_list *list)
{
    if (!list)
        return;
    for (size_t i = 0; i < list->n; i++)
        question_free(list->entries[i].question);
    free(list->records);
    free(list->seen);
    arena_free(&list->arena);
    free(list);
}
