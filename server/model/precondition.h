/* SPDX-License-Identifier: MIT */
/* precondition.h - what a conditional request demands of the stored result before anything is done:
 * If-Match and If-Unmodified-Since (RFC 9110, 13.1.1 and 13.1.4) as data, so that the engine can
 * evaluate them. The result was modified when it was fetched. Pure; any thread. */
#ifndef MODEL_PRECONDITION_H
#define MODEL_PRECONDITION_H

#include "model/result.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PRECONDITION_TAGS 16

/* Zeroed, it is not given. */
struct precondition {
    bool has_tags; /* one of these must match; then the time does not count */
    bool any;      /* any result matches */
    size_t n_tags;
    char tags[PRECONDITION_TAGS][RESULT_ETAG];
    bool has_time;
    int64_t unmodified_since_ms; /* wall time */
};

bool precondition_is_given(const struct precondition *precondition);

/* Returns whether the stored result satisfies the precondition, in that format; RESULT_FORMATS = in
 * any. NULL or a failure = nothing is stored, which satisfies a time and no tag. */
bool precondition_holds(const struct precondition *precondition, const struct result *result,
                        enum result_format format);

#endif
