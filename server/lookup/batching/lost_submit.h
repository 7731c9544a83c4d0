/* SPDX-License-Identifier: MIT */
/* lost_submit.h - a submit whose response was lost, and after which its tasks may be paid for
 * again.
 *
 * If the upstream calls with the token that the tasks carried, the first batch exists. That must
 * reach every batch that has some of the tasks by then. So a batch shares this object with the
 * parts that are split off from it. Found by its token; it is freed with its last reference. Engine
 * thread only. */
#ifndef LOOKUP_BATCHING_LOST_SUBMIT_H
#define LOOKUP_BATCHING_LOST_SUBMIT_H

#include "base/hashtable.h"
#include "base/id.h"

#include <stdbool.h>
#include <stddef.h>

struct lost_submit {
    char token[ID_TEXT]; /* "" = the tasks carried none; it is not found then */
    bool is_proven;      /* the upstream has called: the tasks exist */
    /* Private: */
    struct lost_submit **all;
    size_t n_refs;
    UT_hash_handle hh;
};

/* Returns the only reference to a new one. `all` (borrowed) is the head of the hash table of
 * all, in which no other has that token, except "". */
struct lost_submit *lost_submit_new(struct lost_submit **all, const char *token);

/* NULL is a no-op. */
struct lost_submit *lost_submit_ref(struct lost_submit *lost);
void lost_submit_unref(struct lost_submit *lost);

/* The upstream has called with that token. Takes the same time however many there are. */
void lost_submit_prove(struct lost_submit *all, const char *token);

#endif
