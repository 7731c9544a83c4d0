/* SPDX-License-Identifier: MIT */
/* arena.c - see arena.h. A list of blocks; parts are cut from the newest. A part that is too large
 * for a block gets one of its own. */
#include "base/arena.h"

#include "base/mem.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES 4000 /* with the head and malloc's own bytes, about a page */
#define FIRST_ROOM  8    /* elements of a new array */

struct arena_block {
    struct arena_block *older;
    size_t size, used; /* bytes */
    alignas(max_align_t) unsigned char bytes[];
};

static size_t aligned(size_t size)
{
    size_t unit = alignof(max_align_t);

    return (size + unit - 1) / unit * unit;
}

static struct arena_block *add_block(struct arena *arena, size_t size)
{
    struct arena_block *block = xcalloc(1, sizeof *block + size);

    block->size = size;
    block->older = arena->newest;
    arena->newest = block;
    return block;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    size_t need = aligned(size);
    struct arena_block *block = arena->newest;

    if (!block || block->size - block->used < need)
        block = add_block(arena, need > BLOCK_BYTES ? need : aligned(BLOCK_BYTES));
    void *part = block->bytes + block->used;
    block->used += need;
    return part;
}

void *arena_copy(struct arena *arena, const void *bytes, size_t len)
{
    return bytes ? memcpy(arena_alloc(arena, len), bytes, len) : NULL;
}

char *arena_strdup(struct arena *arena, const char *text)
{
    return arena_copy(arena, text, strlen(text) + 1);
}

/* The room is the smallest power of two that is enough. The old array stays until the end; all old
 * ones together are as large as the last. */
void *arena_grow(struct arena *arena, void *array, size_t n, size_t element_size)
{
    if (n == 0)
        return arena_alloc(arena, FIRST_ROOM * element_size);
    if (n < FIRST_ROOM || (n & (n - 1)) != 0)
        return array;
    return memcpy(arena_alloc(arena, 2 * n * element_size), array, n * element_size);
}

void arena_free(struct arena *arena)
{
    struct arena_block *block;

    while ((block = arena->newest)) {
        arena->newest = block->older;
        free(block);
    }
}
