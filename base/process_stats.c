/* SPDX-License-Identifier: MIT */
/* process_stats.c - see process_stats.h. Sources: proc(5) and getrusage(2). */
#include "base/process_stats.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

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

static uint64_t count_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    uint64_t n = 0;

    if (!dir)
        return 0;
    for (const struct dirent *entry; (entry = readdir(dir));)
        n += entry->d_name[0] != '.';
    closedir(dir);
    return n - 1; /* minus the one used for counting */
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

struct process_stats process_stats_read(void)
{
    struct process_stats figures = {.cpu_s = cpu_seconds(), .open_fds = count_fds()};
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        figures.max_fds = limit.rlim_cur;
    read_stat(&figures);
    return figures;
}
