/* SPDX-License-Identifier: MIT */
/* spool.h - keeps the ids of batches in a local file until the store has confirmed them.
 *
 * A batch id was paid for, and nothing else leads to what it paid for. A store on another machine
 * may be away when an id is read. So the id is written to the spool, too, and removed after the
 * store has returned ERR_OK. A process that is killed while the store is away leaves the id in the
 * file, and the next one hands it in.
 *
 * An id that the store does not accept, because it contradicts what is stored or because its batch
 * is not there, stays in the file and is handed in at each start: the batch may be another store's,
 * or come back with a database that was restored. It is removed once it cannot matter any more: its
 * own store has deleted the batch, with its tasks, as one of those that ended first.
 *
 * The thread `spool` writes the file, so neither the engine nor the threads of the store wait for
 * this disk, nor the spool for the store. Ids that wait together share a sync. If the disk fails,
 * the ids are written again every second, and the store is not affected. If it hangs, the first
 * SPOOL_NOTES_MAX ids and confirmations wait, and the rest is dropped.
 *
 * The functions are the engine's, except spool_pending(). */
#ifndef STORE_SPOOL_H
#define STORE_SPOOL_H

#include "base/err.h"
#include "base/errmsg.h"
#include "store/spool_line.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPOOL_NOTES_MAX 1000
#define SPOOL_RETRY_MS  1000

struct spool;
struct store;

struct spool_options {
    const char *path; /* borrowed for the call */
    /* Runs on the thread that writes: with an errno after a failure, with 0 after the first success
     * that follows. NULL = nothing runs. */
    void (*changed)(void *arg, int error);
    void *arg;
};

/* Opens or creates the file. The caller closes *ret_spool. Errors as spool_file_open(). */
enum err spool_open(const struct spool_options *options, struct spool **ret_spool,
                    struct errmsg *why);
void spool_close(struct spool *spool); /* after spool_stop(); NULL is a no-op */

/* Before the first id: sets the name of the store, see store_place(). Copied. */
void spool_use_place(struct spool *spool, const char *place);

/* Before recovery: records what is in the file by store_submitted(), or, if an earlier process has
 * given the batch up as unknown, by store_resolve_batch(). Runs `each` for every line: ERR_OK = it
 * was recorded; `line` is NULL if it is damaged. `is_over`: it is removed when `each` returns.
 * Returns ERR_STORAGE_UNAVAILABLE if the store fails: what is left may be handed in later. */
typedef void spool_handed_in_fn(void *arg, const struct spool_line *line, enum err err,
                                bool is_over);
enum err spool_hand_in(struct spool *spool, struct store *store, spool_handed_in_fn *each,
                       void *arg);

/* Starts the thread; returns ERR_SYSTEM, with errno, if the system has none left. Until then, and
 * after spool_stop(), the functions below write before they return. */
enum err spool_start(struct spool *spool);

/* Ends the thread after it has tried to write what waits. Returns false if the time is over first;
 * may be called again. Until it returns true, the thread uses the spool. */
bool spool_stop(struct spool *spool, int64_t within_ms);

/* Keeps the id of a batch. No-op if it is in the spool. An id that spool_line_write() would not
 * accept is not kept; see also above. */
void spool_add(struct spool *spool, int64_t batch, const char *batch_id, int64_t wall_ms);

/* The store has it: it is removed. */
void spool_confirm(struct spool *spool, int64_t batch, const char *batch_id);

/* Any thread. Returns how many ids and confirmations are not written yet. */
size_t spool_pending(const struct spool *spool);

#endif
