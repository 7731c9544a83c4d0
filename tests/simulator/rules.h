/* SPDX-License-Identifier: MIT */
/* rules.h - what the tasks of one domain do: how long they take, how they end, what they say.
 *
 * A domain without a rule follows its name: "empty..." finds nothing, "errored..." and
 * "cancelled..." end so, "slow60..." takes a minute longer, all others find info@ and support@.
 * `PUT /sim/domains/{domain}` overrides that field by field. Rules are looked up when a task is
 * read, not when it is made, so a test may change the fate of tasks that exist. */
#ifndef SIMULATOR_RULES_H
#define SIMULATOR_RULES_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* What a task read shows as tracking_id. SWAP shows that of the next task of the batch. */
enum tracking {
    TRACKING_KEEP,
    TRACKING_MISSING,
    TRACKING_NULL,
    TRACKING_SWAP,
    TRACKING_EMPTY,
    TRACKING_NUMBER
};

/* A rule with its gaps filled. Strings are borrowed until the next change of the rules. */
struct rule {
    int64_t time_ms;   /* -1: the general task time counts */
    int64_t slower_ms; /* on top of either */
    const char *state; /* shown when the task is done; "PROCESSING" never is */
    const char *data;  /* JSON, sent verbatim; NULL: made from the domain */
    size_t emails;     /* how many the data holds, for the price */
    enum tracking tracking;
    const char *raw_body; /* replaces the whole answer; may hold NULs */
    size_t raw_len;
};

struct rules;

struct rules *rules_new(void);
void rules_free(struct rules *rules);
void rules_clear(struct rules *rules);

/* The rule that holds for `domain`. */
struct rule rules_find(const struct rules *rules, const char *domain);

/* Replaces what was set for `domain` by the JSON object `text`. On failure nothing changes and
 * *ret_why (static) says why. */
enum err rules_put(struct rules *rules, const char *domain, const char *text, size_t len,
                   const char **ret_why);

/* Restores what the name means. ERR_ABSENT: nothing was set. */
enum err rules_drop(struct rules *rules, const char *domain);

/* Appends what a COMPLETED task of `domain` shows as data when no rule gives any. */
void rules_default_data(const char *domain, struct buf *out);

#endif
