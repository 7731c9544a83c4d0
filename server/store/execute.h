/* SPDX-License-Identifier: MIT */
/* execute.h - executes calls with one handle of the store, by the synchronous functions of store.h.
 *
 * Keeps the order of the journal: when one of its calls fails by the disk, those of the same era
 * that follow fail too, without having been executed. What waits for the disk at the same time
 * shares a transaction, a group, if the driver has them; else those of one kind are one write, if
 * the driver can.
 *
 * One thread at a time: the engine's, or that of the handle. The era of a call is set by the engine
 * before it posts it; the era that failed is known here only. So neither needs a lock. */
#ifndef STORE_EXECUTE_H
#define STORE_EXECUTE_H

#include "store/call.h"

#include <stddef.h>

#define STORE_GROUP_MAX 128 /* calls */

struct store_executor {
    struct store *store;
    /* Private, zeroed: */
    uint64_t failed_era; /* the last one in which a call of the journal failed */
    size_t one_by_one;   /* so many of the next calls are executed alone, because a group failed */
};

/* Executes one call, and sets its `err`. */
void store_execute(struct store_executor *executor, struct store_call *call);

/* Executes the first calls of a list, which are of the journal, as one transaction or write.
 * Returns how many; their `err` is set. If a group fails, all of it fails, and the next calls are
 * executed one by one: so a call that fails each time keeps back only those that were posted after
 * it. */
size_t store_execute_group(struct store_executor *executor, struct store_call *calls);

#endif
