/* SPDX-License-Identifier: MIT */
/* candidates.c - see candidates.h. */
#include "lookup/candidates.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define DENIALS_MAX 5   /* responses 404 to one id; the first may come before it is visible */
#define EMPTY_MAX   100 /* empty lists of one id: about eight hours */

void candidates_clear(struct candidates *all)
{
    while (all->first) {
        struct candidate *first = all->first;
        DL_DELETE(all->first, first);
        free(first);
    }
    all->n = 0;
}

struct candidate *candidates_add(struct candidates *all, const char *id, enum trial trial,
                                 const char *by)
{
    struct candidate *candidate;

    DL_FOREACH (all->first, candidate)
        if (strcmp(candidate->id, id) == 0)
            return candidate;
    candidate = xcalloc(1, sizeof *candidate);
    snprintf(candidate->id, sizeof candidate->id, "%s", id);
    candidate->trial = trial;
    candidate->by = by;
    DL_APPEND(all->first, candidate);
    all->n++;
    return candidate;
}

struct candidate *candidates_next(const struct candidates *all)
{
    struct candidate *candidate;

    DL_FOREACH (all->first, candidate)
        if (candidate->trial != REJECTED && !candidate->is_tried)
            return candidate;
    return NULL;
}

bool candidates_end_round(struct candidates *all)
{
    struct candidate *candidate;
    bool any = false;

    DL_FOREACH (all->first, candidate) {
        candidate->is_tried = false;
        any = any || candidate->trial != REJECTED;
    }
    return any;
}

/* ---- one candidate ---- */

void candidate_insist(struct candidate *candidate)
{
    if (candidate->trial == REJECTED || candidate->trial == AS_TASK) {
        candidate->trial = AS_BATCH;
        candidate->is_tried = false;
        candidate->n_denied = candidate->n_empty = 0;
    }
    candidate->was_other = true;
}

void candidate_reject(struct candidate *candidate)
{
    bool as_task = candidate->trial == AS_TASK;

    candidate->trial = candidate->was_other ? REJECTED : as_task ? AS_BATCH : AS_TASK;
    candidate->was_other = true;
    candidate->n_denied = 0;
    candidate->is_tried = false;
}

void candidate_listed(struct candidate *candidate, const char *const *ids, size_t n)
{
    if (n == 0) {
        if (++candidate->n_empty == EMPTY_MAX)
            candidate_reject(candidate);
        return;
    }
    snprintf(candidate->listed, sizeof candidate->listed, "%s", ids[candidate->n_lists++ % n]);
    candidate->trial = AS_LISTED_TASK;
    candidate->is_tried = false;
}

bool candidate_failed(struct candidate *candidate, const struct openmart_reply *reply)
{
    bool is_denied = reply->status == 400 || reply->status == 404 || reply->status == 422;

    if (candidate->trial == AS_LISTED_TASK)
        candidate->trial = AS_BATCH; /* another of its tasks next time */
    else if (is_denied && (reply->status != 404 || ++candidate->n_denied == DENIALS_MAX))
        candidate_reject(candidate);
    return is_denied;
}

void candidate_confirmed(struct candidate *candidate)
{
    candidate->n_denied = 0;
}
