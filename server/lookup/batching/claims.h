/* SPDX-License-Identifier: MIT */
/* claims.h - which results of a batch were given to which question, so that a tracking id that
 * comes back twice is noticed.
 *
 * An answer is given as soon as its task is read, so the first of two results with one tracking id
 * is out before the second is seen. Then nobody can tell which was the right one: the owner takes
 * the first out of the cache again. Engine thread only. */
#ifndef LOOKUP_BATCHING_CLAIMS_H
#define LOOKUP_BATCHING_CLAIMS_H

#include "base/hash.h"
#include "base/id.h"
#include "client/openmart/openmart.h"

#include <stddef.h>

/* Zeroed is empty. */
struct claims {
    size_t n;
    struct claim {
        char tracking_id[ID_TEXT];
        unsigned char key[HASH_SIZE]; /* of the question */
    } of[OPENMART_BATCH_MAX];
};

/* At most OPENMART_BATCH_MAX times. */
void claims_add(struct claims *claims, const char *tracking_id, const unsigned char *key);

/* The key of the question that this tracking id was claimed for; NULL when it was not. */
const unsigned char *claims_find(const struct claims *claims, const char *tracking_id);

#endif
