/* SPDX-License-Identifier: MIT */
/* cores.h - counts the CPUs that this process may use: those of its affinity mask, limited by the
 * CPU quota of its control group (cgroup v2, else v1). More busy threads than that would only be
 * throttled. Startup, main thread. */
#ifndef OS_CORES_H
#define OS_CORES_H

/* Returns at least 1. */
int cores_allowed(void);

/* The part that reads files, for tests. Returns the smaller of `cores` and the quota of the groups
 * named in the file `own_groups` (/proc/self/cgroup), below `mount` (/sys/fs/cgroup); at least
 * 1. */
int cores_within_quota(int cores, const char *own_groups, const char *mount);

#endif
