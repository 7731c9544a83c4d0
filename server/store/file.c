/* SPDX-License-Identifier: MIT */
/* file.c - see file.h. The lock is on PATH.lock: SQLite locks PATH itself with fcntl(2) for
 * transactions, and closing any descriptor of PATH would release those locks. The lock belongs to
 * the open file description, and it can be queried without being taken, which flock(2) cannot do;
 * so a query never blocks a process that starts. */
#include "store/file.h"

#include "base/mem.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum err system_says(const char *path, struct errmsg *why)
{
    errmsg_set(why, "%.200s: %s", path, strerror(errno));
    return ERR_STORAGE_UNAVAILABLE;
}

/* Returns the folder of the file; heap. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (!slash)
        return xstrdup(".");
    return xstrndup(path, slash == path ? 1 : (size_t)(slash - path));
}

/* A new name survives a power failure only if its folder is synced. */
static void sync_folder(const char *path)
{
    autofree char *folder = folder_of(path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

static enum err make_folders(const char *path, struct errmsg *why)
{
    autofree char *folder = folder_of(path);

    for (char *end = strchr(folder + 1, '/');; end = strchr(end + 1, '/')) {
        if (end)
            *end = '\0';
        if (mkdir(folder, 0700) == 0)
            sync_folder(folder);
        else if (errno != EEXIST)
            return system_says(folder, why);
        if (!end)
            return ERR_OK;
        *end = '/';
    }
}

static enum err refuse(const char *path, const char *words, struct errmsg *why)
{
    errmsg_set(why, "%.200s: %s", path, words);
    return ERR_STORE_REFUSED;
}

static enum err check(const char *path, int fd, struct errmsg *why)
{
    struct stat status;

    if (fstat(fd, &status))
        return system_says(path, why);
    if (S_ISLNK(status.st_mode))
        return refuse(path, "is a symbolic link", why);
    if (!S_ISREG(status.st_mode))
        return refuse(path, "is not a regular file", why);
    if (status.st_uid != geteuid())
        return refuse(path, "is owned by another user", why);
    if (status.st_mode & (S_IRWXG | S_IRWXO))
        return refuse(path, "is accessible to others; run chmod 600", why);
    return ERR_OK;
}

static enum err open_refused(const char *path, struct errmsg *why)
{
    if (errno == ENOENT) {
        errmsg_set(why, "%.200s: store not found", path);
        return ERR_NO_ENTRY;
    }
    if (errno == ELOOP)
        return refuse(path, "is a symbolic link", why);
    if (errno == EISDIR || errno == ENXIO)
        return refuse(path, "is not a regular file", why);
    return system_says(path, why);
}

/* Opens the file; creates it if it is missing and `create`. Returns -1 with errno set on failure.
 * `how` is O_RDWR, or O_PATH for a check that neither blocks on a FIFO nor, when closed, releases
 * locks of this process. */
static int open_file(const char *path, int how, bool create)
{
    int fd = open(path, how | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (fd >= 0 || errno != ENOENT || !create)
        return fd;
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd >= 0)
        sync_folder(path);
    return fd;
}

/* SQLite opens a database in memory for the first name, and reads the second as a URI, so the file
 * that it opens would not be the one that is checked here. */
static bool is_special_to_sqlite(const char *path)
{
    return strcmp(path, STORE_FILE_NONE) == 0 || strncmp(path, "file:", strlen("file:")) == 0;
}

static enum err check_path(const char *path, struct errmsg *why)
{
    if (!*path || path[strlen(path) - 1] == '/' || is_special_to_sqlite(path))
        return refuse(path, "is not a file path", why);
    return ERR_OK;
}

/* Shortens the path of a folder to that of the folder that contains it. */
static void ascend(char *folder)
{
    char *slash = strrchr(folder, '/');

    if (!slash)
        slash = mempcpy(folder, ".", 1);
    else if (slash == folder)
        slash++;
    *slash = '\0';
}

enum err store_file_check(const char *path, struct errmsg *why)
{
    autofree char *folder = folder_of(path);
    enum err err = check_path(path, why);
    struct stat status;

    if (err)
        return err;
    while (stat(folder, &status)) {
        if (errno != ENOENT || strcmp(folder, ".") == 0)
            return system_says(folder, why);
        ascend(folder);
    }
    if (!S_ISDIR(status.st_mode))
        errno = ENOTDIR;
    else if (faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) == 0)
        return ERR_OK;
    return system_says(folder, why);
}

enum err store_file_prepare(const char *path, bool create, struct errmsg *why)
{
    enum err err = check_path(path, why);

    if (!err && create)
        err = make_folders(path, why);
    if (err)
        return err;
    int fd = open_file(path, O_PATH, create);
    if (fd < 0)
        return open_refused(path, why);
    err = check(path, fd, why);
    close(fd);
    return err;
}

/* ---- the lock ---- */

#define WHOLE                                                                                      \
    {                                                                                              \
        .l_type = F_WRLCK, .l_whence = SEEK_SET                                                    \
    }

static char *lock_path(const char *path)
{
    char *lock = xcalloc(strlen(path) + sizeof ".lock", 1);

    memcpy(stpcpy(lock, path), ".lock", sizeof ".lock");
    return lock;
}

static enum err lock(const char *path, const char *name, int fd, struct errmsg *why)
{
    if (fcntl(fd, F_OFD_SETLK, &(struct flock)WHOLE) == 0)
        return ERR_OK;
    if (errno != EAGAIN && errno != EACCES)
        return system_says(name, why);
    errmsg_set(why, "%.200s is in use by another emailsd; each needs its own", path);
    return ERR_STORE_BUSY;
}

enum err store_file_own(const char *path, int *ret_fd, struct errmsg *why)
{
    autofree char *name = lock_path(path);
    int fd = open_file(name, O_RDWR, true);

    if (fd < 0)
        return open_refused(name, why);
    enum err err = check(name, fd, why);
    if (!err)
        err = lock(path, name, fd, why);
    if (err)
        close(fd);
    else
        *ret_fd = fd;
    return err;
}

bool store_file_is_owned(const char *path)
{
    autofree char *name = lock_path(path);
    int fd = open_file(name, O_RDWR, false);

    if (fd < 0)
        return false;
    struct flock held = WHOLE;
    bool is_owned = fcntl(fd, F_OFD_GETLK, &held) == 0 && held.l_type != F_UNLCK;
    close(fd);
    return is_owned;
}
