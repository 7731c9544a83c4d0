/* SPDX-License-Identifier: MIT */
/* fault_vfs.c - see fault_vfs.h. A file of this disk is a head followed by the real file; the
 * methods count the calls and pass them on. What survives is kept in memory: a copy of each
 * file, taken when it was synced. */
#include "tests/unit/fault_vfs.h"

#include "base/mem.h"

#include <check.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SYNCED_MAX 8 /* files */

struct fault_file {
    sqlite3_file file; /* must be first: the part that SQLite sees */
    char name[PATH_MAX];
    sqlite3_file *real; /* follows this struct in memory */
};

static struct {
    unsigned kinds;
    int left; /* operations until the fault; 0 = the fault has occurred */
    bool armed, lasting, full, fired;
} fault;

static struct synced {
    char name[PATH_MAX];
    char *bytes;
    size_t len;
} synced[SYNCED_MAX];

static char watched[PATH_MAX]; /* the folder whose files are stored */
static sqlite3_vfs *real_vfs;

static sqlite3_file *real_of(sqlite3_file *file)
{
    return ((struct fault_file *)(void *)file)->real;
}

/* Returns whether this operation has to fail. */
static bool strikes(enum fault_kind kind)
{
    if (!fault.armed || !(fault.kinds & (unsigned)kind))
        return false;
    if (fault.left > 1) {
        fault.left--;
        return false;
    }
    fault.armed = fault.lasting;
    fault.fired = true;
    return true;
}

/* ---- what survives ---- */

void fault_vfs_watch(const char *folder)
{
    for (size_t i = 0; i < SYNCED_MAX; i++)
        free(synced[i].bytes);
    memset(synced, 0, sizeof synced);
    snprintf(watched, sizeof watched, "%s", folder);
}

/* Returns NULL for a file in another folder. */
static struct synced *slot_of(const char *name)
{
    size_t len = strlen(watched);

    if (!len || strncmp(name, watched, len) != 0 || strchr(name + len + 1, '/'))
        return NULL;
    for (size_t i = 0; i < SYNCED_MAX; i++)
        if (!*synced[i].name || strcmp(synced[i].name, name) == 0)
            return &synced[i];
    ck_abort_msg("more files than a database has");
    return NULL;
}

static void keep_synced(const struct fault_file *file)
{
    struct synced *slot = slot_of(file->name);
    sqlite3_int64 size = 0;

    if (!slot)
        return;
    file->real->pMethods->xFileSize(file->real, &size);
    snprintf(slot->name, sizeof slot->name, "%s", file->name);
    slot->bytes = xrealloc(slot->bytes, (size_t)size + 1);
    slot->len = (size_t)size;
    file->real->pMethods->xRead(file->real, slot->bytes, (int)size, 0);
}

/* The name disappears immediately. Whether a power loss would restore it is not simulated. */
static void drop_synced(const char *name)
{
    struct synced *slot = slot_of(name);

    if (slot)
        free(TAKE(slot->bytes));
}

void fault_vfs_power_cut(const char *folder)
{
    for (size_t i = 0; i < SYNCED_MAX && *synced[i].name; i++) {
        char name[PATH_MAX + 64];
        if (!synced[i].bytes)
            continue;
        snprintf(name, sizeof name, "%s%s", folder, strrchr(synced[i].name, '/'));
        int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(write(fd, synced[i].bytes, synced[i].len), (ssize_t)synced[i].len);
        close(fd);
    }
}

/* ---- methods of a file ---- */

static int vfs_close(sqlite3_file *file)
{
    return real_of(file)->pMethods->xClose(real_of(file));
}

static int vfs_read(sqlite3_file *file, void *to, int n, sqlite3_int64 at)
{
    if (strikes(FAULT_READ))
        return SQLITE_IOERR_READ;
    return real_of(file)->pMethods->xRead(real_of(file), to, n, at);
}

static int vfs_write(sqlite3_file *file, const void *from, int n, sqlite3_int64 at)
{
    bool fails = strikes(FAULT_WRITE);

    if (fails && (fault.kinds & FAULT_HALF))
        real_of(file)->pMethods->xWrite(real_of(file), from, n / 2, at);
    if (fails)
        return fault.full ? SQLITE_FULL : SQLITE_IOERR_WRITE;
    return real_of(file)->pMethods->xWrite(real_of(file), from, n, at);
}

static int vfs_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    if (strikes(FAULT_WRITE))
        return SQLITE_IOERR_TRUNCATE;
    return real_of(file)->pMethods->xTruncate(real_of(file), size);
}

static int vfs_sync(sqlite3_file *file, int flags)
{
    if (strikes(FAULT_SYNC))
        return SQLITE_IOERR_FSYNC;
    int rc = real_of(file)->pMethods->xSync(real_of(file), flags);
    if (rc == SQLITE_OK)
        keep_synced((struct fault_file *)(void *)file);
    return rc;
}

static int vfs_size(sqlite3_file *file, sqlite3_int64 *ret_size)
{
    return real_of(file)->pMethods->xFileSize(real_of(file), ret_size);
}

static int vfs_lock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int vfs_unlock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int vfs_check_lock(sqlite3_file *file, int *ret_locked)
{
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), ret_locked);
}

static int vfs_control(sqlite3_file *file, int what, void *arg)
{
    return real_of(file)->pMethods->xFileControl(real_of(file), what, arg);
}

static int vfs_sector(sqlite3_file *file)
{
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}

/* No flags: the disk promises nothing beyond a plain disk. */
static int vfs_traits(sqlite3_file *file)
{
    (void)file;
    return 0;
}

static int vfs_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **ret)
{
    return real_of(file)->pMethods->xShmMap(real_of(file), page, size, extend, ret);
}

static int vfs_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
    return real_of(file)->pMethods->xShmLock(real_of(file), offset, n, flags);
}

static void vfs_shm_barrier(sqlite3_file *file)
{
    real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int vfs_shm_unmap(sqlite3_file *file, int remove_it)
{
    return real_of(file)->pMethods->xShmUnmap(real_of(file), remove_it);
}

static const sqlite3_io_methods methods = {.iVersion = 2, /* without mapped reads */
                                           .xClose = vfs_close,
                                           .xRead = vfs_read,
                                           .xWrite = vfs_write,
                                           .xTruncate = vfs_truncate,
                                           .xSync = vfs_sync,
                                           .xFileSize = vfs_size,
                                           .xLock = vfs_lock,
                                           .xUnlock = vfs_unlock,
                                           .xCheckReservedLock = vfs_check_lock,
                                           .xFileControl = vfs_control,
                                           .xSectorSize = vfs_sector,
                                           .xDeviceCharacteristics = vfs_traits,
                                           .xShmMap = vfs_shm_map,
                                           .xShmLock = vfs_shm_lock,
                                           .xShmBarrier = vfs_shm_barrier,
                                           .xShmUnmap = vfs_shm_unmap};

/* ---- methods of the disk ---- */

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *ret)
{
    struct fault_file *ours = (struct fault_file *)(void *)file;

    (void)vfs;
    file->pMethods = NULL;
    if (strikes(FAULT_OPEN))
        return SQLITE_CANTOPEN;
    ours->real = (sqlite3_file *)(void *)(ours + 1);
    snprintf(ours->name, sizeof ours->name, "%s", name ? name : "");
    int rc = real_vfs->xOpen(real_vfs, name, ours->real, flags, ret);
    if (ours->real->pMethods)
        file->pMethods = &methods;
    return rc;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
    (void)vfs;
    if (strikes(FAULT_DELETE))
        return SQLITE_IOERR_DELETE;
    int rc = real_vfs->xDelete(real_vfs, name, sync);
    if (rc == SQLITE_OK)
        drop_synced(name);
    return rc;
}

void fault_vfs_register(void)
{
    static sqlite3_vfs ours;

    real_vfs = sqlite3_vfs_find(NULL);
    ours = *real_vfs;
    ours.zName = "fault";
    ours.szOsFile = (int)sizeof(struct fault_file) + real_vfs->szOsFile;
    ours.xOpen = vfs_open;
    ours.xDelete = vfs_delete;
    ck_assert_int_eq(sqlite3_vfs_register(&ours, 1), SQLITE_OK);
}

void fault_vfs_arm(unsigned kinds, int k, bool lasting, bool full)
{
    fault.kinds = kinds;
    fault.left = k;
    fault.armed = true;
    fault.lasting = lasting;
    fault.full = full;
    fault.fired = false;
}

bool fault_vfs_heal(void)
{
    fault.armed = false;
    return fault.fired;
}
