/* SPDX-License-Identifier: MIT */
/* fault_vfs.h - a disk that fails on command, between SQLite and the real one.
 *
 * Every operation of the chosen kinds is counted; the k-th fails, alone or with all that follow. So
 * a test can let each single one fail in turn (k = 1, 2, ... until none fails any more). It also
 * keeps, beside the files, what of each is certain to survive the loss of power: the content at its
 * last sync. One thread. */
#ifndef UNIT_FAULT_VFS_H
#define UNIT_FAULT_VFS_H

#include <stdbool.h>

enum fault_kind {
    FAULT_OPEN = 1,
    FAULT_READ = 2,
    FAULT_WRITE = 4, /* and truncate */
    FAULT_SYNC = 8,
    FAULT_DELETE = 16,
    FAULT_ALL = 31,
    FAULT_HALF = 32 /* beside FAULT_WRITE: half of what fails is written all the same */
};

/* From now on SQLite's default. */
void fault_vfs_register(void);

/* The k-th operation from now (1 = the next) of `kinds` fails, and all after it when `lasting`:
 * writes with SQLITE_FULL when `full`, everything else as an error of input or output. */
void fault_vfs_arm(unsigned kinds, int k, bool lasting, bool full);

/* No more faults. Was there one since it was armed? */
bool fault_vfs_heal(void);

/* Keeps what survives of the files in that folder, from now on. */
void fault_vfs_watch(const char *folder);

/* Writes what would be left of the files after a loss of power now into `folder`, under their
 * names. */
void fault_vfs_power_cut(const char *folder);

#endif
