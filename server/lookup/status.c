/* SPDX-License-Identifier: MIT */
/* status.c - see status.h. A dozen relaxed stores per loop iteration are cheaper than detecting
 * changes. */
#include "lookup/status.h"

#include "base/mem.h"

#include <stddef.h>
#include <string.h>

void status_publish(struct status_board *board, const struct status *status)
{
    int64_t words[ARRAY_LEN(board->words)];

    _Static_assert(sizeof words == sizeof *status, "status has only words");
    memcpy(words, status, sizeof words);
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        atomic_store_explicit(&board->words[i], words[i], memory_order_relaxed);
}

struct status status_read(const struct status_board *board)
{
    int64_t words[ARRAY_LEN(board->words)] = {0};
    struct status status;

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        words[i] = atomic_load_explicit(&board->words[i], memory_order_relaxed);
    memcpy(&status, words, sizeof status);
    return status;
}
