/* SPDX-License-Identifier: MIT */
/* process_stats.c - see process_stats.h. Sources: proc(5) and getrusage(2). */
#include "base/process_stats.h"

#include <dirent.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FDS "/proc/self/fd"

static double seconds(const struct timeval *tv)
{
    return (double)tv->tv_sec + (double)tv->tv_usec / 1e6;
}

static double cpu_seconds(void)
{
    struct rusage usage;

    if (getrusage(RUSAGE_SELF, &usage) != 0)
        return 0;
    return seconds(&usage.ru_utime) + seconds(&usage.ru_stime);
}

static uint64_t list_fds(void)
{
    DIR *dir = opendir(FDS);
    uint64_t n = 0;

    if (!dir)
        return 0;
    for (const struct dirent *entry; (entry = readdir(dir));)
        n += entry->d_name[0] != '.';
    closedir(dir);
    return n - 1; /* minus the one used for counting */
}

uint64_t process_stats_open_fds(int64_t size, uint64_t connections)
{
    static atomic_uint_fast64_t others; /* 0 = not counted yet */
    uint64_t n = atomic_load_explicit(&others, memory_order_relaxed);

    if (size > 0)
        return (uint64_t)size;
    if (!n) {
        n = list_fds();
        n = n > connections ? n - connections : 1;
        atomic_store_explicit(&others, n, memory_order_relaxed);
    }
    return n + connections;
}

static int64_t size_of_fds(void)
{
    struct stat status;

    return stat(FDS, &status) == 0 ? (int64_t)status.st_size : 0;
}

static double wall_seconds(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Reads fields 20 (threads), 22 (start, in ticks since boot), 23 (bytes) and 24 (pages) of
 * proc(5)'s stat. Fields are counted from the closing bracket of the name, which may contain any
 * character. */
static void read_stat(struct process_stats *figures)
{
    char text[1024];
    FILE *file = fopen("/proc/self/stat", "re");
    size_t len = file ? fread(text, 1, sizeof text - 1, file) : 0;
    uint64_t fields[25] = {0};

    if (file)
        fclose(file);
    text[len] = '\0';
    char *next = strrchr(text, ')');
    if (!next)
        return;
    next = strlen(next) > 4 ? next + 4 : next + strlen(next); /* field 3 is one letter */
    for (size_t i = 4; i < 25 && *next; i++)
        fields[i] = strtoull(next, &next, 10);
    figures->threads = fields[20];
    figures->virtual_bytes = fields[23];
    figures->resident_bytes = fields[24] * (uint64_t)sysconf(_SC_PAGESIZE);
    figures->started_s = wall_seconds(CLOCK_REALTIME) - wall_seconds(CLOCK_BOOTTIME) +
                         (double)fields[22] / (double)sysconf(_SC_CLK_TCK);
}

struct process_stats process_stats_read(uint64_t connections)
{
    struct process_stats figures = {.cpu_s = cpu_seconds(),
                                    .open_fds = process_stats_open_fds(size_of_fds(), connections)};
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        figures.max_fds = limit.rlim_cur;
    read_stat(&figures);
    return figures;
}
