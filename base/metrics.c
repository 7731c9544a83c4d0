/* SPDX-License-Identifier: MIT */
/* metrics.c - see metrics.h. The structs of all threads form a list that only grows, by an atomic
 * exchange of its head. The struct of an ended thread stays in it, because counters never
 * decrease. */
#include "base/metrics.h"

#include "base/mem.h"

#include <stdatomic.h>

const int64_t metrics_duration_bounds_ms[METRICS_DURATIONS - 1] = {
    1, 5, 25, 100, 500, 1000, 2500, 5000, 10000, 30000, 60000, 90000, 120000, 300000};
const int64_t metrics_size_bounds[METRICS_SIZES - 1] = {1, 2, 5, 10, 20, 50, 100};
const int metrics_codes[METRICS_CODES - 1] = {METRICS_NO_CODE,
                                              200,
                                              202,
                                              204,
                                              304,
                                              400,
                                              401,
                                              402,
                                              403,
                                              404,
                                              405,
                                              406,
                                              409,
                                              411,
                                              412,
                                              413,
                                              414,
                                              415,
                                              422,
                                              429,
                                              431,
                                              METRICS_CLIENT_CLOSED,
                                              500,
                                              502,
                                              503,
                                              504};

#define WORDS (sizeof(struct metrics) / sizeof(uint64_t))
_Static_assert(sizeof(struct metrics) % sizeof(uint64_t) == 0,
               "struct metrics must contain only uint64_t");

struct entry {
    struct metrics metrics;
    struct entry *next;
};

static struct entry *_Atomic entries;
static _Thread_local struct entry *mine;

struct metrics *metrics_mine(void)
{
    if (!mine) {
        mine = xcalloc(1, sizeof *mine);
        mine->next = atomic_load(&entries);
        while (!atomic_compare_exchange_weak(&entries, &mine->next, mine))
            ;
    }
    return &mine->metrics;
}

void metrics_set(uint64_t *gauge, uint64_t value)
{
    __atomic_store_n(gauge, value, __ATOMIC_RELAXED);
}

void metrics_add(uint64_t *number, uint64_t n)
{
    metrics_set(number, __atomic_load_n(number, __ATOMIC_RELAXED) + n);
}

void metrics_duration(struct duration_histogram *histogram, int64_t ms)
{
    size_t i = 0;

    while (i < METRICS_DURATIONS - 1 && ms > metrics_duration_bounds_ms[i])
        i++;
    metrics_add(&histogram->buckets[i], 1);
    metrics_add(&histogram->sum_ms, ms > 0 ? (uint64_t)ms : 0);
}

void metrics_size(struct size_histogram *histogram, size_t n)
{
    size_t i = 0;

    while (i < METRICS_SIZES - 1 && (int64_t)n > metrics_size_bounds[i])
        i++;
    metrics_add(&histogram->buckets[i], 1);
    metrics_add(&histogram->sum, n);
}

size_t metrics_code_index(int status)
{
    for (size_t i = 0; i < METRICS_CODES - 1; i++)
        if (metrics_codes[i] == status)
            return i;
    return METRICS_CODES - 1;
}

void metrics_read(struct metrics *ret_sum)
{
    struct metrics sum = {0};
    uint64_t *words = (uint64_t *)&sum;

    for (struct entry *entry = atomic_load(&entries); entry; entry = entry->next) {
        const uint64_t *theirs = (const uint64_t *)&entry->metrics;
        for (size_t i = 0; i < WORDS; i++)
            words[i] += __atomic_load_n(&theirs[i], __ATOMIC_RELAXED);
    }
    *ret_sum = sum;
}
