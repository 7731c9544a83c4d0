/* SPDX-License-Identifier: MIT */
/* bulks.h - all bulks of the engine, as the engine's own files use them; bulk.h has the calls.
 *
 * Implemented in bulk.c and bulk_held.c. Engine thread only. */
#ifndef LOOKUP_LISTS_BULKS_H
#define LOOKUP_LISTS_BULKS_H

#include <stddef.h>

struct bulks;
struct engine;

struct bulks_options {
    size_t max; /* that run, or have ended and are being read, concurrently; a quarter of them, at
                   least one, for one account */
    size_t window;      /* lookups of one bulk that the upstream has not accepted yet */
    int64_t per_1000_s; /* lookups that the upstream takes in 1,000 s, for estimates */
};

/* `engine` is borrowed for the lifetime. Never NULL. */
struct bulks *bulks_new(struct engine *engine, const struct bulks_options *options);

/* Returns the pulls in flight, and ends the requests of all bulks. Before the lookups and recalls
 * are freed. NULL is a no-op. */
void bulks_free(struct bulks *bulks);

/* Ends all entries without a lookup as ERR_DRAINING; new bulks are rejected. May be called again.
 */
void bulks_drain(struct bulks *bulks);

/* Returns the number of bulks that run. */
size_t bulks_count(const struct bulks *bulks);

/* For struct results: drops the results of a question (`key`), or of a domain, that are held for a
 * reader. The other argument is NULL. `arg` is the bulks. */
void bulks_forget(void *arg, const unsigned char *key, const char *domain);

#endif
