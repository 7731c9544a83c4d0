/* SPDX-License-Identifier: MIT */
/* claims.c - a list of at most a hundred, searched from the start. */
#include "lookup/batching/claims.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

void claims_add(struct claims *claims, const char *tracking_id, const unsigned char *key)
{
    assert(claims->n < OPENMART_BATCH_MAX);
    struct claim *claim = &claims->of[claims->n++];
    snprintf(claim->tracking_id, sizeof claim->tracking_id, "%s", tracking_id);
    memcpy(claim->key, key, HASH_SIZE);
}

const unsigned char *claims_find(const struct claims *claims, const char *tracking_id)
{
    for (size_t i = 0; i < claims->n; i++)
        if (strcmp(claims->of[i].tracking_id, tracking_id) == 0)
            return claims->of[i].key;
    return NULL;
}
