/* SPDX-License-Identifier: MIT */
/* edit_distance.c - see edit_distance.h. Fills the table of distances between the beginnings of
 * both names; a swap looks back two rows, so three are kept. */
#include "base/edit_distance.h"

#include <assert.h>
#include <string.h>

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static size_t lesser(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The distances of the first j bytes of `b`, for j, j-1 and j-2, to each beginning of `a`. */
struct rows {
    size_t now[EDIT_DISTANCE_MAX + 1], before[EDIT_DISTANCE_MAX + 1], older[EDIT_DISTANCE_MAX + 1];
};

static void fill(struct rows *rows, struct slice a, const char *b, size_t j)
{
    rows->now[0] = j;
    for (size_t i = 1; i <= a.len; i++) {
        char x = lower(a.data[i - 1]), y = lower(b[j - 1]);
        size_t insert_or_remove = lesser(rows->now[i - 1], rows->before[i]) + 1;
        size_t replace = rows->before[i - 1] + (x != y);
        rows->now[i] = lesser(insert_or_remove, replace);
        if (i > 1 && j > 1 && x == lower(b[j - 2]) && y == lower(a.data[i - 2]))
            rows->now[i] = lesser(rows->now[i], rows->older[i - 2] + 1);
    }
}

size_t edit_distance(struct slice a, const char *b)
{
    struct rows rows = {0};

    assert(a.len <= EDIT_DISTANCE_MAX);
    for (size_t i = 0; i <= a.len; i++)
        rows.now[i] = i;
    for (size_t j = 1; b[j - 1]; j++) {
        memcpy(rows.older, rows.before, sizeof rows.older);
        memcpy(rows.before, rows.now, sizeof rows.before);
        fill(&rows, a, b, j);
    }
    return rows.now[a.len];
}
