/* SPDX-License-Identifier: MIT */
/* hashtable.h - configures uthash: memory by the rules of mem.h, and FNV as its hash function.
 *
 * uthash's default allocator ends the process without a message. Its default hash function falls
 * through a switch in a way that clang's -Wimplicit-fallthrough rejects. FNV does not resist chosen
 * keys and need not: keys are SHA-256 digests, numbers, ids generated here, or at most a few
 * hundred ids of one batch. */
#ifndef BASE_HASHTABLE_H
#define BASE_HASHTABLE_H

#define HASH_FUNCTION(key, len, hash) HASH_FNV(key, len, hash)

#include "base/mem.h"

#define uthash_malloc(size) xcalloc(1, size)

#include <uthash.h>

#endif
