/* SPDX-License-Identifier: MIT */
/* spool.c - see spool.h. */
#include "store/spool.h"

#include "base/inbox.h"
#include "base/mem.h"
#include "base/thread.h"
#include "store/spool_file.h"
#include "store/store.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct spool {
    void (*changed)(void *arg, int error); /* may be NULL */
    void *arg;
    char place[SPOOL_PLACE];
    struct spool_file *file; /* the thread's while it runs */
    int error;               /* of the last write; also the thread's */
    struct inbox *inbox;     /* NULL = there is no thread */
    pthread_t thread;
    struct message stop;
    bool is_asked_to_stop; /* the engine's */
    bool is_stopping;      /* the thread's */
    atomic_size_t n_notes, n_unsynced;
};

/* An id, or that it is confirmed, for the thread. */
struct note {
    struct message message;
    struct spool *spool;
    struct spool_line line;
    bool is_confirmed;
};

/* ---- writing: on the thread, or inline ---- */

static void report(struct spool *spool, int error)
{
    int before = spool->error;

    spool->error = error;
    if (error != before && spool->changed)
        spool->changed(spool->arg, error);
}

static void take(struct spool *spool, const struct note *note)
{
    enum err err = ERR_OK;

    if (note->is_confirmed)
        spool_file_remove(spool->file, &note->line);
    else
        err = spool_file_add(spool->file, &note->line);
    if (err)
        report(spool, err == ERR_TOO_BIG ? ENOSPC : EINVAL);
}

static void write_out(struct spool *spool)
{
    bool is_new = spool_file_unsynced(spool->file) > 0;
    int error = spool_file_sync(spool->file);

    atomic_store(&spool->n_unsynced, spool_file_unsynced(spool->file));
    if (is_new)
        report(spool, error);
}

static void arrived(struct message *message)
{
    struct note *note = container_of(message, struct note, message);
    struct spool *spool = note->spool;

    take(spool, note);
    free(note);
    atomic_store(&spool->n_unsynced, spool_file_unsynced(spool->file)); /* always counted as one */
    atomic_fetch_sub(&spool->n_notes, 1);
}

static void *run(void *arg)
{
    struct spool *spool = arg;

    pthread_setname_np(pthread_self(), "spool");
    while (!spool->is_stopping) {
        struct pollfd fd = {.fd = inbox_fd(spool->inbox), .events = POLLIN};
        poll(&fd, 1, spool_file_unsynced(spool->file) ? SPOOL_RETRY_MS : -1);
        inbox_run_all(spool->inbox);
        write_out(spool);
    }
    return NULL;
}

/* ---- the engine's side ---- */

static void pass(struct spool *spool, const struct note *note)
{
    if (!spool->inbox) {
        take(spool, note);
        write_out(spool);
        return;
    }
    if (atomic_load(&spool->n_notes) >= SPOOL_NOTES_MAX)
        return;
    struct note *copy = xcalloc(1, sizeof *copy);
    *copy = *note;
    atomic_fetch_add(&spool->n_notes, 1);
    inbox_post(spool->inbox, &copy->message, arrived);
}

/* Returns false if the id is too long. */
static bool set_id(struct note *note, const char *batch_id)
{
    size_t len = strlen(batch_id);

    if (len >= sizeof note->line.batch_id)
        return false;
    memcpy(note->line.batch_id, batch_id, len + 1);
    return true;
}

void spool_add(struct spool *spool, int64_t batch, const char *batch_id, int64_t wall_ms)
{
    struct note note = {.spool = spool, .line = {.batch = batch, .wall_ms = wall_ms}};

    memcpy(note.line.place, spool->place, sizeof note.line.place);
    if (set_id(&note, batch_id))
        pass(spool, &note);
}

void spool_confirm(struct spool *spool, int64_t batch, const char *batch_id)
{
    struct note note = {.spool = spool, .line.batch = batch, .is_confirmed = true};

    if (set_id(&note, batch_id))
        pass(spool, &note);
}

size_t spool_pending(const struct spool *spool)
{
    return atomic_load(&spool->n_notes) + atomic_load(&spool->n_unsynced);
}

/* ---- handing in ---- */

struct handing_in {
    struct spool *spool;
    struct store *store;
    spool_handed_in_fn *each;
    void *arg;
    bool has_failed;
};

static enum err record(struct store *store, const struct spool_line *line)
{
    enum err err = store_submitted(store, line->batch, line->batch_id, line->wall_ms);

    return err == ERR_NO_ENTRY
               ? store_resolve_batch(store, line->batch, line->batch_id, line->wall_ms)
               : err;
}

/* A batch that is not in the store is over if it was in this one. */
static enum err look_whether_over(const struct handing_in *handing_in,
                                  const struct spool_line *line, bool *ret_over)
{
    if (strcmp(line->place, handing_in->spool->place) != 0)
        return ERR_OK;
    return store_has_outlived(handing_in->store, line->batch, line->wall_ms, ret_over);
}

static void hand_in(void *arg, const struct spool_line *line)
{
    struct handing_in *handing_in = arg;

    if (handing_in->has_failed)
        return;
    enum err err = line ? record(handing_in->store, line) : ERR_SYNTAX;
    bool is_over = !err;
    if (err == ERR_NO_ENTRY &&
        look_whether_over(handing_in, line, &is_over) == ERR_STORAGE_UNAVAILABLE)
        err = ERR_STORAGE_UNAVAILABLE;
    handing_in->has_failed = err == ERR_STORAGE_UNAVAILABLE;
    if (!handing_in->has_failed)
        handing_in->each(handing_in->arg, line, err, is_over);
    if (is_over)
        spool_file_remove(handing_in->spool->file, line);
}

enum err spool_hand_in(struct spool *spool, struct store *store, spool_handed_in_fn *each,
                       void *arg)
{
    struct handing_in handing_in = {spool, store, each, arg, false};

    spool_file_each(spool->file, hand_in, &handing_in);
    return handing_in.has_failed ? ERR_STORAGE_UNAVAILABLE : ERR_OK;
}

/* ---- start and end ---- */

enum err spool_open(const struct spool_options *options, struct spool **ret_spool,
                    struct errmsg *why)
{
    struct spool_file *file;
    enum err err = spool_file_open(options->path, &file, why);

    if (err)
        return err;
    struct spool *spool = xcalloc(1, sizeof *spool);
    spool->changed = options->changed;
    spool->arg = options->arg;
    spool->file = file;
    *ret_spool = spool;
    return ERR_OK;
}

void spool_use_place(struct spool *spool, const char *place)
{
    snprintf(spool->place, sizeof spool->place, "%s", place);
}

void spool_close(struct spool *spool)
{
    if (!spool)
        return;
    spool_file_close(spool->file);
    free(spool);
}

enum err spool_start(struct spool *spool)
{
    enum err err = inbox_new(&spool->inbox);

    if (err)
        return err;
    int reason = thread_create_without_signals(&spool->thread, run, spool);
    if (!reason)
        return ERR_OK;
    inbox_free(TAKE(spool->inbox));
    errno = reason;
    return ERR_SYSTEM;
}

static void must_stop(struct message *message)
{
    container_of(message, struct spool, stop)->is_stopping = true;
}

bool spool_stop(struct spool *spool, int64_t within_ms)
{
    if (!spool->inbox)
        return true;
    if (!spool->is_asked_to_stop)
        inbox_post(spool->inbox, &spool->stop, must_stop);
    spool->is_asked_to_stop = true;
    if (!thread_join_within(spool->thread, within_ms))
        return false;
    inbox_free(TAKE(spool->inbox));
    spool->is_asked_to_stop = spool->is_stopping = false;
    return true;
}
