/* SPDX-License-Identifier: MIT */
/* lost_submit.c - see lost_submit.h. */
#include "lookup/batching/lost_submit.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

struct lost_submit *lost_submit_new(struct lost_submit **all, const char *token)
{
    struct lost_submit *lost = xcalloc(1, sizeof *lost);

    lost->all = all;
    lost->n_refs = 1;
    snprintf(lost->token, sizeof lost->token, "%s", token);
    if (*token)
        HASH_ADD_STR(*all, token, lost);
    return lost;
}

struct lost_submit *lost_submit_ref(struct lost_submit *lost)
{
    if (lost)
        lost->n_refs++;
    return lost;
}

void lost_submit_unref(struct lost_submit *lost)
{
    if (!lost || --lost->n_refs > 0)
        return;
    if (*lost->token)
        HASH_DEL(*lost->all, lost);
    free(lost);
}

void lost_submit_prove(struct lost_submit *all, const char *token)
{
    struct lost_submit *lost;

    HASH_FIND_STR(all, token, lost);
    if (lost)
        lost->is_proven = true;
}
