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

/* Reads the current figures; takes a few system calls. `connections` is the number of open
 * connections of clients, for process_stats_open_fds(). */
struct process_stats process_stats_read(uint64_t connections);

/* Returns the number of open descriptors. `size` is the size of /proc/self/fd, which is that number
 * since Linux 6.2, and 0 before. There, listing the folder would take a millisecond for each
 * thousand descriptors, so it is listed once; later calls return the connections plus the others
 * that were open then. */
uint64_t process_stats_open_fds(int64_t size, uint64_t connections);

#endif
