/* SPDX-License-Identifier: MIT */
/* process_stats.h - what this process takes of the machine, by the kernel's books. Any thread. */
#ifndef BASE_PROCESS_STATS_H
#define BASE_PROCESS_STATS_H

#include <stdint.h>

/* What cannot be told is 0. */
struct process_figures {
    double cpu_s;
    uint64_t resident_bytes, virtual_bytes;
    uint64_t open_fds, max_fds;
    uint64_t threads;
    double started_s; /* since 1970 */
};

struct process_figures process_read(void);

#endif
