/* SPDX-License-Identifier: MIT */
/* histogram.h - counts durations in buckets whose width is at most 1/64 of their value.
 *
 * Any number of durations fits into a fixed size. A percentile is at most 1.6 % too high, never
 * too low. */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BITS    6
#define HISTOGRAM_BUCKETS ((64 - HISTOGRAM_BITS + 1) << HISTOGRAM_BITS)

struct histogram {
    uint64_t n, max;
    uint64_t counts[HISTOGRAM_BUCKETS];
};

static inline unsigned histogram_bucket(uint64_t value)
{
    if (value < 1U << HISTOGRAM_BITS)
        return (unsigned)value;
    unsigned shift = 63U - (unsigned)__builtin_clzll(value) - HISTOGRAM_BITS;
    return ((shift + 1) << HISTOGRAM_BITS) + (unsigned)(value >> shift) - (1U << HISTOGRAM_BITS);
}

static inline void histogram_add(struct histogram *histogram, uint64_t value)
{
    histogram->counts[histogram_bucket(value)]++;
    histogram->n++;
    if (value > histogram->max)
        histogram->max = value;
}

/* Returns the value that `share` (0..1) of all durations do not exceed; 0 if there are none. */
static inline uint64_t histogram_at(const struct histogram *histogram, double share)
{
    uint64_t wanted = (uint64_t)((double)histogram->n * share), seen = 0;

    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->counts[i];
        if (seen > wanted) {
            unsigned shift = i >> HISTOGRAM_BITS;
            uint64_t low = i & ((1U << HISTOGRAM_BITS) - 1);
            uint64_t top = shift ? ((low + (1U << HISTOGRAM_BITS) + 1) << (shift - 1)) - 1 : low;
            return top < histogram->max ? top : histogram->max;
        }
    }
    return histogram->max;
}

#endif
