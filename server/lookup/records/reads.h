/* SPDX-License-Identifier: MIT */
/* reads.h - reads stored results by calls to the store, one per question at a time.
 *
 * The store may be slow, and a call of its class STORE_READ may return what a write has replaced
 * since it was posted. So a read that returns is compared with what is known now: a result in the
 * cache is newer, and so is one that was served before the journal could write it; a deletion that
 * waits in the journal counts as done; and if the question's stored result has changed since the
 * call was posted, the store is read again. Each repetition requires another change, so there are
 * few. Therefore a caller that finds no stored result, and no lookup of the question in flight, may
 * start one: nothing was paid for in the meantime.
 *
 * Engine thread only. */
#ifndef LOOKUP_RECORDS_READS_H
#define LOOKUP_RECORDS_READS_H

#include "base/err.h"
#include "base/hash.h"
#include "base/id.h"
#include "store/calls.h"

#include <stdint.h>

struct cache;
struct journal;
struct question_read;
struct reads;
struct result;

/* What the reads use; borrowed. */
struct read_tools {
    struct store_calls *calls;
    struct cache *cache;
    const struct journal *journal;
};

struct reads *reads_new(const struct read_tools *tools);

/* All calls must have returned, and all callers. NULL is a no-op. */
void reads_free(struct reads *reads);

/* ---- by question ---- */

struct result_read;

/* ERR_OK: `result` is the result of the question, in the cache or read from the store (and then
 * added to the cache); borrowed for the call. ERR_NO_ENTRY: there is none.
 * ERR_STORAGE_UNAVAILABLE: the store cannot be read. */
typedef void result_read_fn(struct result_read *read, enum err err, const struct result *result);

/* Embedded in what waits for a result. */
struct result_read {
    result_read_fn *done; /* set by the caller */
    /* Private to reads.c: */
    struct question_read *of; /* NULL = it does not wait */
    struct result_read *prev, *next;
};

/* Reads the result of the question with that key, about that domain. `done` runs exactly once,
 * later, unless the read is cancelled. */
void reads_find(struct reads *reads, const unsigned char key[HASH_SIZE], const char *domain,
                struct result_read *read);

/* `done` will not run. No-op if it has run. */
void reads_cancel(struct result_read *read);

/* ---- by lookup ---- */

/* A read of how a lookup ended. The owner keeps it until `done`. */
struct lookup_read {
    void (*done)(struct lookup_read *read); /* set by the caller */
    /* Results: as of store_find_lookup(); the reference is the caller's. */
    enum err err;
    const struct result *result; /* NULL unless ERR_OK */
    /* Private to reads.c: */
    struct reads *reads;
    struct store_find_lookup_call call;
    uint64_t n_deletions; /* of the reads, when the call was posted */
};

/* Reads the end of the lookup with that id. `done` runs exactly once, later. */
void reads_find_lookup(struct reads *reads, const char *lookup_id, struct lookup_read *read);

/* ---- what changes meanwhile ---- */

/* The stored result of that question was written, or changed or deleted, just now. */
void reads_stored(struct reads *reads, const unsigned char key[HASH_SIZE]);
void reads_deleted(struct reads *reads, const unsigned char key[HASH_SIZE]);

/* All stored results about that domain were deleted just now. */
void reads_deleted_domain(struct reads *reads, const char *domain);

#endif
