/* SPDX-License-Identifier: MIT */
/* arena.h - memory of many small parts that is freed in one go.
 *
 * What a read of the store returns has strings, keys and arrays that belong together and end
 * together. The parts lie in blocks; each stays where it is until arena_free(). Allocation cannot
 * fail, as in base/mem.h, so the caller limits what it copies. One thread at a time. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena_block;

/* Initialize with {0}: that allocates nothing. */
struct arena {
    /* Private: */
    struct arena_block *newest;
};

/* Returns zeroed memory, aligned for any type. */
void *arena_alloc(struct arena *arena, size_t size);

/* Return copies. arena_copy() returns NULL for NULL. */
void *arena_copy(struct arena *arena, const void *bytes, size_t len);
char *arena_strdup(struct arena *arena, const char *text);

/* Returns an array with room for element `n`, zeroed, and with the first `n` elements of `array`,
 * which was returned by this function for n - 1; NULL for the first one. The array may have
 * moved. */
void *arena_grow(struct arena *arena, void *array, size_t n, size_t element_size);

/* Frees everything. The arena is empty then and may be used again. */
void arena_free(struct arena *arena);

#endif
