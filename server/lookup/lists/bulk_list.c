/* SPDX-License-Identifier: MIT */
/* bulk_list.c - prepares a list for the engine: its id, and which of its questions are equal. It
 * is done here, on the caller's thread, so that the engine opens a list without reading it. */
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

static void add_options(struct buf *buf, const struct bulk_list *list)
{
    add_text(buf, list->account);
    add_number(buf, list->directives.refresh);
    add_number(buf, list->directives.only_cached);
    add_number(buf, list->directives.max_age_s);
    add_number(buf, list->directives.max_stale_s);
    add_number(buf, list->max_credits);
}

static void add_entry(struct buf *buf, const struct bulk_entry *entry)
{
    add_text(buf, entry->input);
    add_text(buf, entry->tracking_id);
    add_number(buf, entry->question ? ERR_OK : entry->err);
    if (entry->question)
        buf_add(buf, entry->question->key, HASH_SIZE);
}

/* The size of the list was limited when it was read. */
static void write_id(struct bulk_list *list)
{
    struct buf autobuf buf = BUF_INIT(SIZE_MAX / 2);
    unsigned char hash[HASH_SIZE];

    add_options(&buf, list);
    for (size_t i = 0; i < list->n; i++)
        add_entry(&buf, &list->entries[i]);
    if (buf_check(&buf))
        mem_ran_out();
    hash_sha256(buf.data, buf.len, hash);
    hash_hex(hash, ID_LEN / 2, list->id);
}

/* ---- equal questions ---- */

/* An open hash table of indexes + 1. Keys are digests, so their first bytes are a good hash. */
struct seen {
    uint32_t *slots; /* 0 = free */
    size_t mask;
};

static struct seen seen_new(size_t n)
{
    size_t size = 8;

    while (size < 2 * n)
        size *= 2;
    return (struct seen){xcalloc(size, sizeof(uint32_t)), size - 1};
}

/* Returns the slot of the key: it has the index of an earlier record with the same, or is free. */
static uint32_t *slot_of(const struct seen *seen, const struct bulk_record *records,
                         const unsigned char *key)
{
    size_t i;

    memcpy(&i, key, sizeof i);
    for (i &= seen->mask; seen->slots[i]; i = (i + 1) & seen->mask)
        if (memcmp(records[seen->slots[i] - 1].key, key, HASH_SIZE) == 0)
            break;
    return &seen->slots[i];
}

/* Links the record with the last one that has the same question, or makes it the first one. The
 * slot then has the last one. */
static void link_record(struct bulk_list *list, const struct seen *seen, size_t index)
{
    struct bulk_entry *entry = &list->entries[index];
    struct bulk_record *record = &list->records[index];
    uint32_t *slot = slot_of(seen, list->records, entry->question->key);

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

void bulk_list_seal(struct bulk_list *list)
{
    write_id(list);
    struct seen seen = seen_new(list->n);
    list->records = xcalloc(list->n ? list->n : 1, sizeof *list->records);
    for (size_t i = 0; i < list->n; i++) {
        list->records[i].input = list->entries[i].input;
        list->records[i].tracking_id = list->entries[i].tracking_id;
        if (list->entries[i].question)
            link_record(list, &seen, i);
        else
            list->n_unique++;
    }
    free(seen.slots);
}

void bulk_list_free(struct bulk_list *list)
{
    if (!list)
        return;
    for (size_t i = 0; i < list->n; i++)
        question_free(list->entries[i].question);
    free(list->records);
    arena_free(&list->arena);
    free(list);
}
