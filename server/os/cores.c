/* SPDX-License-Identifier: MIT */
/* cores.c - see cores.h. A group's quota applies to all groups below it, so every parent is read.
 * In a container, the group's path may not exist below the mount; then only the top is read. */
#include "os/cores.h"

#include "base/buf.h"
#include "base/mem.h"

#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE 512

/* Reads the first line of a file; false if there is none. */
static bool read_line(const char *folder, const char *file, char *line)
{
    struct buf autobuf path = BUF_INIT(PATH_MAX);

    buf_addf(&path, "%s/%s", folder, file);
    FILE *in = fopen(buf_str(&path), "re");
    if (!in)
        return false;
    bool got = fgets(line, LINE, in) != NULL;
    fclose(in);
    return got;
}

/* Reads quota and period in microseconds; false if the folder sets none ("max" in version 2, -1 in
 * version 1). */
static bool read_quota(const char *folder, long long *ret_quota, long long *ret_period)
{
    char line[LINE], *end = line;

    if (read_line(folder, "cpu.max", line)) {
        *ret_quota = strtoll(line, &end, 10);
        *ret_period = strtoll(end, NULL, 10);
    } else if (read_line(folder, "cpu.cfs_quota_us", line)) {
        *ret_quota = strtoll(line, NULL, 10);
        *ret_period = read_line(folder, "cpu.cfs_period_us", line) ? strtoll(line, NULL, 10) : 0;
    } else {
        return false;
    }
    return *ret_quota > 0 && *ret_period > 0;
}

/* Returns the quota of one folder in whole cores, rounded up; INT_MAX if it sets none. */
static int quota_of(const char *folder)
{
    long long quota, period;

    if (!read_quota(folder, &quota, &period) || quota / period >= INT_MAX)
        return INT_MAX;
    return (int)(quota / period + (quota % period != 0));
}

/* Returns the smallest quota from the folder up to `top`, which is a prefix of it. */
static int least_quota(char *folder, const char *top)
{
    int least = INT_MAX;

    for (;;) {
        int quota = quota_of(folder);
        least = quota < least ? quota : least;
        char *slash = strrchr(folder, '/');
        if (strlen(folder) <= strlen(top) || !slash)
            return least;
        *slash = '\0';
    }
}

/* Returns the quota for one line of /proc/self/cgroup: "0::/path" (v2) or "4:cpu,cpuacct:/path"
 * (v1). */
static int quota_of_line(const char *line, const char *mount)
{
    char controllers[LINE] = "", path[LINE] = "";

    if (sscanf(line, "0::%511[^\n]", path) != 1 &&
        sscanf(line, "%*d:%511[^:]:%511[^\n]", controllers, path) != 2)
        return INT_MAX;
    bool v1 = *controllers;
    if (v1 && strcmp(controllers, "cpu") != 0 && strcmp(controllers, "cpu,cpuacct") != 0 &&
        strcmp(controllers, "cpuacct,cpu") != 0)
        return INT_MAX;
    struct buf autobuf top = BUF_INIT(PATH_MAX), autobuf folder = BUF_INIT(PATH_MAX);
    buf_addf(&top, "%s%s%s", mount, v1 ? "/" : "", controllers);
    buf_addf(&folder, "%s%s", buf_str(&top), strcmp(path, "/") == 0 ? "" : path);
    size_t len;
    autofree char *text = buf_take(&folder, &len);
    return least_quota(text, buf_str(&top));
}

int cores_within_quota(int cores, const char *own_groups, const char *mount)
{
    char line[LINE];
    FILE *in = fopen(own_groups, "re");

    if (!in)
        return cores;
    while (fgets(line, sizeof line, in)) {
        int quota = quota_of_line(line, mount);
        cores = quota < cores ? quota : cores;
    }
    fclose(in);
    return cores > 1 ? cores : 1;
}

int cores_allowed(void)
{
    cpu_set_t mask;
    int cores = sched_getaffinity(0, sizeof mask, &mask) == 0 ? CPU_COUNT(&mask) : 1;

    return cores_within_quota(cores, "/proc/self/cgroup", "/sys/fs/cgroup");
}
