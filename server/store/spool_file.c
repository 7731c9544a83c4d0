/* SPDX-License-Identifier: MIT */
/* spool_file.c - see spool_file.h. A failure to remove a line is not reported: the line is handed
 * in again by the next process. */
#include "store/spool_file.h"

#include "base/mem.h"
#include "store/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum slot_state {
    SLOT_FREE,
    SLOT_ADDED,   /* nothing of it is written */
    SLOT_WRITTEN, /* but not synced */
    SLOT_SYNCED,
    SLOT_DAMAGED,
};

struct slot {
    enum slot_state state;
    struct spool_line line;
};

struct spool_file {
    int fd, lock_fd;
    struct slot *slots; /* the i-th line of the file is the i-th slot */
    size_t n;
};

/* ---- slots ---- */

static struct slot *find(const struct spool_file *file, const struct spool_line *line)
{
    for (size_t i = 0; i < file->n; i++) {
        struct slot *slot = &file->slots[i];
        if (slot->state != SLOT_FREE && slot->state != SLOT_DAMAGED &&
            slot->line.batch == line->batch && strcmp(slot->line.batch_id, line->batch_id) == 0)
            return slot;
    }
    return NULL;
}

/* Returns NULL if all are in use. */
static struct slot *free_slot(struct spool_file *file)
{
    for (size_t i = 0; i < file->n; i++)
        if (file->slots[i].state == SLOT_FREE)
            return &file->slots[i];
    if (file->n == SPOOL_SLOTS_MAX)
        return NULL;
    file->slots = xrealloc(file->slots, (file->n + 1) * sizeof *file->slots);
    file->slots[file->n] = (struct slot){.state = SLOT_FREE};
    return &file->slots[file->n++];
}

static bool is_empty(const struct spool_file *file)
{
    for (size_t i = 0; i < file->n; i++)
        if (file->slots[i].state != SLOT_FREE)
            return false;
    return true;
}

static size_t count(const struct spool_file *file, enum slot_state state)
{
    size_t n = 0;

    for (size_t i = 0; i < file->n; i++)
        n += file->slots[i].state == state;
    return n;
}

void spool_file_each(struct spool_file *file, spool_line_fn *each, void *arg)
{
    for (size_t i = 0; i < file->n; i++) {
        const struct slot slot = file->slots[i];
        if (slot.state != SLOT_FREE)
            each(arg, slot.state == SLOT_DAMAGED ? NULL : &slot.line);
    }
}

size_t spool_file_unsynced(const struct spool_file *file)
{
    return count(file, SLOT_ADDED) + count(file, SLOT_WRITTEN);
}

/* ---- writing ---- */

static bool put(const struct spool_file *file, const struct slot *slot,
                const char bytes[SPOOL_LINE])
{
    off_t at = (off_t)(slot - file->slots) * SPOOL_LINE;
    ssize_t n = pwrite(file->fd, bytes, SPOOL_LINE, at);

    if (n >= 0 && n < SPOOL_LINE)
        errno = ENOSPC;
    return n == SPOOL_LINE;
}

enum err spool_file_add(struct spool_file *file, const struct spool_line *line)
{
    char bytes[SPOOL_LINE];

    if (!spool_line_write(line, bytes))
        return ERR_SYNTAX;
    if (find(file, line))
        return ERR_OK;
    struct slot *slot = free_slot(file);
    if (!slot)
        return ERR_TOO_BIG;
    *slot = (struct slot){SLOT_ADDED, *line};
    return ERR_OK;
}

int spool_file_sync(struct spool_file *file)
{
    char bytes[SPOOL_LINE];

    if (spool_file_unsynced(file) == 0)
        return 0;
    for (size_t i = 0; i < file->n; i++) {
        struct slot *slot = &file->slots[i];
        if (slot->state != SLOT_ADDED && slot->state != SLOT_WRITTEN)
            continue;
        slot->state = SLOT_WRITTEN;
        spool_line_write(&slot->line, bytes);
        if (!put(file, slot, bytes))
            return errno;
    }
    if (fdatasync(file->fd))
        return errno;
    for (size_t i = 0; i < file->n; i++)
        if (file->slots[i].state == SLOT_WRITTEN)
            file->slots[i].state = SLOT_SYNCED;
    return 0;
}

static void blank(const struct spool_file *file, const struct slot *slot)
{
    char bytes[SPOOL_LINE];

    memset(bytes, ' ', sizeof bytes);
    bytes[SPOOL_LINE - 1] = '\n';
    put(file, slot, bytes);
}

void spool_file_remove(struct spool_file *file, const struct spool_line *line)
{
    struct slot *slot = find(file, line);

    if (!slot)
        return;
    bool is_written = slot->state != SLOT_ADDED;
    slot->state = SLOT_FREE;
    if (is_empty(file) && ftruncate(file->fd, 0) == 0)
        file->n = 0;
    else if (is_written)
        blank(file, slot);
}

/* ---- opening ---- */

static struct slot slot_of(const char bytes[SPOOL_LINE])
{
    struct slot slot = {.state = SLOT_SYNCED};

    if (!spool_line_read(bytes, &slot.line))
        slot.state = spool_line_is_blank(bytes) ? SLOT_FREE : SLOT_DAMAGED;
    return slot;
}

static enum err system_says(const char *path, struct errmsg *why)
{
    errmsg_set(why, "%.200s: %s", path, strerror(errno));
    return ERR_STORAGE_UNAVAILABLE;
}

static enum err read_lines(struct spool_file *file, const char *path, struct errmsg *why)
{
    char bytes[SPOOL_LINE];
    struct stat status;

    if (fstat(file->fd, &status))
        return system_says(path, why);
    if (status.st_size > (off_t)SPOOL_SLOTS_MAX * SPOOL_LINE) {
        errmsg_set(why, "%.200s: is not a spool, or has too many lines", path);
        return ERR_STORE_DAMAGED;
    }
    size_t n = (size_t)status.st_size / SPOOL_LINE;
    file->slots = xcalloc(n + 1, sizeof *file->slots);
    for (; file->n < n; file->n++) {
        ssize_t got = pread(file->fd, bytes, SPOOL_LINE, (off_t)file->n * SPOOL_LINE);
        if (got < 0)
            return system_says(path, why);
        if (got < SPOOL_LINE) /* it became shorter: the operator edits it */
            return ERR_OK;
        file->slots[file->n] = slot_of(bytes);
    }
    return ERR_OK;
}

static enum err open_file(struct spool_file *file, const char *path, struct errmsg *why)
{
    enum err err = store_file_prepare(path, true, why);

    if (!err)
        err = store_file_own(path, &file->lock_fd, why);
    if (err)
        return err;
    file->fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    return file->fd < 0 ? system_says(path, why) : read_lines(file, path, why);
}

enum err spool_file_open(const char *path, struct spool_file **ret_file, struct errmsg *why)
{
    struct spool_file *file = xcalloc(1, sizeof *file);

    file->fd = file->lock_fd = -1;
    enum err err = open_file(file, path, why);
    if (err)
        spool_file_close(file);
    else
        *ret_file = file;
    return err;
}

void spool_file_close(struct spool_file *file)
{
    if (!file)
        return;
    if (file->fd >= 0)
        close(file->fd);
    if (file->lock_fd >= 0)
        close(file->lock_fd);
    free(file->slots);
    free(file);
}
