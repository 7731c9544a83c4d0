/* SPDX-License-Identifier: MIT */
/* cores.h - how many cores this process may use: those of its affinity mask, and no more than the
 * CPU quota of its control group (cgroup v2, else v1) pays for. More busy threads than that would
 * only be throttled, all together. Start-up, main thread. */
#ifndef OS_CORES_H
#define OS_CORES_H

/* At least 1. */
int cores_allowed(void);

/* The part of it that reads files, for tests: `cores`, or the quota found for the groups that the
 * file `own_groups` (/proc/self/cgroup) names, below `mount` (/sys/fs/cgroup), whichever is less.
 */
int cores_within_quota(int cores, const char *own_groups, const char *mount);

#endif
