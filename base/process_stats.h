/* SPDX-License-Identifier: MIT */
/* process_stats.h - reads the resource usage of this process from the kernel. Any thread. */
#ifndef BASE_PROCESS_STATS_H
#define BASE_PROCESS_STATS_H

#include <stdint.h>

/* Values that cannot be read are 0. */
struct process_stats {
    double cpu_s;
    uint64_t resident_bytes, virtual_bytes;
    uint64_t open_fds, max_fds;
    uint64_t threads;
    double started_s; /* since 1970 */
};

/* Reads the current figures; takes a few system calls. */
struct process_stats process_stats_read(void);

#endif
