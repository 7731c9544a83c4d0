/* SPDX-License-Identifier: MIT */
/* candidates.h - the ids that may be those of a lost batch, or of a task of it, and how each is
 * tried.
 *
 * An id is tried once in each round. A candidate is rejected if the upstream does not know it, or
 * if it belongs to another submit; it stays in the list, so that the same id is not tried again.
 * Used by inquiry.c only. Engine thread only. */
#ifndef LOOKUP_CANDIDATES_H
#define LOOKUP_CANDIDATES_H

#include "client/openmart/openmart.h"

#include <stdbool.h>
#include <stddef.h>

/* What an id is tried as. */
enum trial {
    AS_BATCH,       /* the tasks of the batch are listed */
    AS_LISTED_TASK, /* one of them is read */
    AS_TASK,        /* the task is read */
    REJECTED,
};

struct candidate {
    char id[OPENMART_ID_MAX + 1];
    char listed[OPENMART_ID_MAX + 1]; /* AS_LISTED_TASK: the task that is read */
    const char *by;                   /* static: what named it */
    enum trial trial;
    bool is_tried; /* in this round */
    /* Private to candidates.c: */
    bool was_other; /* the other of AS_BATCH and AS_TASK was tried, or need not be */
    unsigned n_denied, n_empty, n_lists;
    struct candidate *prev, *next;
};

/* Initialize with {0}. */
struct candidates {
    struct candidate *first;
    size_t n;
};

void candidates_clear(struct candidates *all);

/* Returns the candidate with that id; a new one if there is none. */
struct candidate *candidates_add(struct candidates *all, const char *id, enum trial trial,
                                 const char *by);

/* Returns one that is not rejected and not tried in this round, or NULL. */
struct candidate *candidates_next(const struct candidates *all);

/* Ends the round. Returns whether any candidate is not rejected. */
bool candidates_end_round(struct candidates *all);

/* Tries it as a batch, and as nothing else, also if it was rejected before. No read of it may be in
 * flight. */
void candidate_insist(struct candidate *candidate);

/* Tries it as the other kind, or rejects it. */
void candidate_reject(struct candidate *candidate);

/* Its batch lists these tasks. If there are none, it may exist all the same; it is rejected after
 * many such lists. Otherwise one of them is read next, another one each time. */
void candidate_listed(struct candidate *candidate, const char *const *ids, size_t n);

/* Judges a response that is not a success. A 4xx about this id rejects it, after some tries if the
 * id may only not be visible yet. Everything else concerns the upstream: returns false. */
bool candidate_failed(struct candidate *candidate, const struct openmart_reply *reply);

/* The upstream has confirmed that the task, if it is one, is ours. */
void candidate_confirmed(struct candidate *candidate);

#endif
