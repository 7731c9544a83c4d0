/* SPDX-License-Identifier: MIT */
/* cores.c - see cores.h. A group's quota binds all groups below it, so every parent is looked at;
 * in a container the group's path may name nothing below the mount, and then only the top is there.
 */
#include "cores.h"

#include "base/buf.h"
#include "base/mem.h"

#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE 512

/* The numbers at the start of a file, in which "max" (v2) and -1 (v1) mean none. */
static bool read_numbers(const char *folder, const char *file, long long *ret_numbers, int n)
{
    struct buf autobuf path = BUF_INIT(PATH_MAX);

    buf_addf(&path, "%s/%s", folder, file);
    FILE *in = fopen(buf_str(&path), "re");
    if (!in)
        return false;
    int got = n == 2 ? fscanf(in, "%lld %lld", &ret_numbers[0], &ret_numbers[1])
                     : fscanf(in, "%lld", &ret_numbers[0]);
    fclose(in);
    return got == n && ret_numbers[0] > 0;
}

/* Whole cores that the quota of one folder pays for, rounded up; INT_MAX when it sets none. */
static int quota_of(const char *folder)
{
    long long of[2];

    if (!read_numbers(folder, "cpu.max", of, 2) &&
        !(read_numbers(folder, "cpu.cfs_quota_us", of, 1) &&
          read_numbers(folder, "cpu.cfs_period_us", of + 1, 1)))
        return INT_MAX;
    if (of[1] <= 0 || of[0] / of[1] >= INT_MAX)
        return INT_MAX;
    return (int)((of[0] + of[1] - 1) / of[1]);
}

/* The least quota from the folder up to `top`, which is a prefix of it. */
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

/* One line of /proc/self/cgroup: "0::/path" (v2) or "4:cpu,cpuacct:/path" (v1). */
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
