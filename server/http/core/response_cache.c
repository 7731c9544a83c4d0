/* SPDX-License-Identifier: MIT */
/* response_cache.c - see response_cache.h. */
#include "http/core/response_cache.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define HITS_SLOTS 2048 /* a power of two */

struct hit {
    struct hits_text text;
    unsigned char key[HASH_SIZE];
    enum result_format format;
    /* For the current second: */
    struct ready *ready; /* NULL = no response */
    const struct result *result;
    int64_t expires_ms;
    uint64_t changes; /* of the cache, when it was last seen to hold `result` */
};

struct hits {
    struct cache *cache;
    struct hit *slots[HITS_SLOTS]; /* allocated on first use */
};

struct hits *hits_new(struct cache *cache)
{
    struct hits *hits = xcalloc(1, sizeof *hits);

    hits->cache = cache;
    return hits;
}

static void forget_answer(struct hit *hit)
{
    ready_unref(hit->ready);
    result_unref(hit->result);
    hit->ready = NULL;
    hit->result = NULL;
}

void hits_free(struct hits *hits)
{
    if (!hits)
        return;
    for (size_t i = 0; i < HITS_SLOTS; i++)
        if (hits->slots[i]) {
            forget_answer(hits->slots[i]);
            free(hits->slots[i]);
        }
    free(hits);
}

void hits_new_second(struct hits *hits)
{
    for (size_t i = 0; i < HITS_SLOTS; i++)
        if (hits->slots[i] && hits->slots[i]->ready)
            forget_answer(hits->slots[i]);
}

/* FNV-1a. A collision only costs the slow path. */
static size_t slot_of(const struct hits_text *text)
{
    uint64_t hash = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < text->len; i++)
        hash = (hash ^ (unsigned char)text->bytes[i]) * UINT64_C(1099511628211);
    return (hash ^ hash >> 32) % HITS_SLOTS;
}

static struct hit *find(const struct hits *hits, const struct hits_text *text)
{
    struct hit *hit = text->len ? hits->slots[slot_of(text)] : NULL;

    if (!hit || hit->text.len != text->len || memcmp(hit->text.bytes, text->bytes, text->len) != 0)
        return NULL;
    return hit;
}

/* Returns whether the cache still holds `hit->result`. */
static bool is_current(const struct hits *hits, struct hit *hit)
{
    uint64_t changes = cache_changes(hits->cache);

    if (hit->changes == changes)
        return true;
    const struct result *now = cache_find(hits->cache, hit->key);
    bool same = now == hit->result;
    result_unref(now);
    hit->changes = changes;
    return same;
}

struct ready *hits_find(struct hits *hits, const struct hits_text *text, const struct clock *clock)
{
    struct hit *hit = find(hits, text);

    if (!hit || !hit->ready)
        return NULL;
    if (clock->wall_ms < hit->expires_ms && is_current(hits, hit))
        return hit->ready;
    forget_answer(hit);
    return NULL;
}

bool hits_question(const struct hits *hits, const struct hits_text *text,
                   const unsigned char **ret_key, enum result_format *ret_format)
{
    const struct hit *hit = find(hits, text);

    if (!hit)
        return false;
    *ret_key = hit->key;
    *ret_format = hit->format;
    return true;
}

void hits_remember(struct hits *hits, const struct hits_text *text, const struct result *result,
                   enum result_format format, struct ready *ready)
{
    struct hit **slot = &hits->slots[slot_of(text)];

    if (!*slot)
        *slot = xcalloc(1, sizeof **slot);
    forget_answer(*slot);
    /* The cache may have changed since `result` was found. UINT64_MAX makes the next hits_find()
     * check it. */
    **slot = (struct hit){.text = *text,
                          .format = format,
                          .ready = ready_ref(ready),
                          .result = result_ref(result),
                          .expires_ms = result->expires_ms,
                          .changes = UINT64_MAX};
    memcpy((*slot)->key, result->key, HASH_SIZE);
}
