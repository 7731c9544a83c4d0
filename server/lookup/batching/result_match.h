/* SPDX-License-Identifier: MIT */
/* result_match.h - finds the task of a batch to which a result belongs, and how it ends.
 *
 * A result that was understood is matched by its tracking id alone, never by its position: a wrong
 * match would deliver one company's addresses as those of another. Exception: without a tracking id
 * it belongs to the only task of a batch of one.
 *
 * A response that was not understood is matched the same way, or by the tracking id that its bytes
 * contain. What has no open task is kept until the others are known. Engine thread only. */
#ifndef LOOKUP_BATCHING_RESULT_MATCH_H
#define LOOKUP_BATCHING_RESULT_MATCH_H

#include "base/hash.h"
#include "base/id.h"
#include "client/openmart/openmart.h"
#include "lookup/batching/task_reader.h"
#include "lookup/records/task.h"

#include <stdbool.h>
#include <stddef.h>

#define RESULT_RAW_MAX ((size_t)64 << 10) /* bytes kept of a response that is not understood */

/* Returns the task of `open` (a utlist) to which the result belongs, or NULL. `n_tasks` is the size
 * of the batch, with the tasks that have ended. */
struct task *result_match(struct task *open, size_t n_tasks, const struct task_result *result);

/* Returns how a result ends its task; `result` must outlive the end. If it was not understood, what
 * the upstream sent is to be stored: it was paid for. */
struct task_end result_end(const struct task_result *result);

/* Results that were delivered, at most OPENMART_BATCH_MAX. One is delivered as soon as its task is
 * read, before a second result with its tracking id can be seen. It is then unknown which one is
 * right. Zeroed: none. */
struct delivered {
    struct {
        char tracking_id[ID_TEXT];
        unsigned char key[HASH_SIZE]; /* of the question */
    } results[OPENMART_BATCH_MAX];
    size_t n;
};

void delivered_add(struct delivered *delivered, const char *tracking_id,
                   const unsigned char key[HASH_SIZE]);

/* Returns the key of the question to which a result with that tracking id was delivered, or
 * NULL. */
const unsigned char *delivered_key(const struct delivered *delivered, const char *tracking_id);

/* Responses without an open task. At most OPENMART_BATCH_MAX, of RESULT_RAW_MAX bytes each. Zeroed:
 * none. */
struct unmatched {
    struct unmatched_body *list; /* private */
    size_t n;                    /* read by the owner */
    size_t n_nameless;           /* of them, those that name no task; read by the owner */
};

/* Copies such a response; ignores it if the limit is reached. */
void unmatched_add(struct unmatched *unmatched, const struct task_result *result);

/* Returns the first one that was added, of those that name no task if there is any. The strings are
 * valid until unmatched_drop_first(). Neither may be called if there is none. `is_only_one`: there
 * is one response for one task; unless it names another, it is known to be its response. All
 * others begin with RESULT_UNMATCHED, so that no later version reads them as the result of a
 * task. */
#define RESULT_UNMATCHED "unmatched: "
struct task_result unmatched_first(const struct unmatched *unmatched, bool is_only_one);
void unmatched_drop_first(struct unmatched *unmatched);

void unmatched_done(struct unmatched *unmatched);

#endif
