/* SPDX-License-Identifier: MIT */
/* call.h - one call to the store, as those see it that execute it. calls.h has the contract for the
 * caller. */
#ifndef STORE_CALL_H
#define STORE_CALL_H

#include "base/inbox.h"
#include "store/store.h"

/* STORE_JOURNAL_ALONE is STORE_JOURNAL for writes that have transactions of their own, or empty the
 * log: they take part in no group. */
enum store_class { STORE_JOURNAL, STORE_JOURNAL_ALONE, STORE_UPKEEP, STORE_READ };

struct store_call;
struct store_calls;
struct store_thread;
typedef void store_done_fn(struct store_call *call);

/* Static. */
struct store_kind {
    const char *name; /* that of the function in store.h, without the prefix */
    enum store_class class;
    enum err (*execute)(struct store *store, struct store_call *call); /* by store.h */
    /* Executes the first of several calls of this kind, and sets their `err`; the contract is that
     * of store_end_tasks(). NULL: they are executed one by one. */
    enum err (*execute_many)(struct store *store, struct store_call *first, size_t n,
                             size_t *ret_n);
};

/* The first member of the struct of each kind. */
struct store_call {
    store_done_fn *done; /* set by the caller */
    enum err err;        /* the result, when `done` runs */
    /* Private to the store: */
    const struct store_kind *kind;
    uint64_t era;
    struct store_calls *calls;
    struct store_thread *thread;    /* that executes it; NULL = it is inline */
    struct message message;         /* to the thread, and back */
    struct store_call *prev, *next; /* in the order of the posts */
};

/* Posts a call of that kind. Engine thread only; used by the functions of the kinds. */
void store_calls_post(struct store_calls *calls, const struct store_kind *kind,
                      struct store_call *call);

#endif
