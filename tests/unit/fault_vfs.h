/* SPDX-License-Identifier: MIT */
/* fault_vfs.h - a disk that fails on command, between SQLite and the real disk.
 *
 * Counts every operation of the chosen kinds; the k-th fails, alone or with all that follow. A
 * test can so let each single operation fail in turn (k = 1, 2, ... until no operation fails).
 * Also stores what of each file certainly survives a power loss: its content at the last sync.
 * For one thread. */
#ifndef UNIT_FAULT_VFS_H
#define UNIT_FAULT_VFS_H

#include <stdbool.h>

enum fault_kind {
    FAULT_OPEN = 1,
    FAULT_READ = 2,
    FAULT_WRITE = 4, /* includes truncate */
    FAULT_SYNC = 8,
    FAULT_DELETE = 16,
    FAULT_ALL = 31,
    FAULT_HALF = 32 /* used with FAULT_WRITE: half of the failed write still reaches the file */
};

/* Becomes SQLite's default from now on. */
void fault_vfs_register(void);

/* Makes the k-th operation from now (1 = the next) of `kinds` fail, and all after it if
 * `lasting`. Writes fail with SQLITE_FULL if `full`; all other operations fail with an I/O
 * error. */
void fault_vfs_arm(unsigned kinds, int k, bool lasting, bool full);

/* Stops the faults. Returns whether a fault occurred since fault_vfs_arm(). */
bool fault_vfs_heal(void);

/* From now on, stores what survives of the files in that folder. */
void fault_vfs_watch(const char *folder);

/* Writes into `folder`, under their names, the files as a power loss now would leave them. */
void fault_vfs_power_cut(const char *folder);

#endif
