/* SPDX-License-Identifier: MIT */
/* rules.h - the behaviour of the tasks of one domain: their duration, final state and content.
 *
 * A domain without a rule follows its name: "empty..." finds no address, "errored..." and
 * "cancelled..." end in that state, "slow60..." takes a minute longer, all others find info@ and
 * support@. `PUT /sim/domains/{domain}` overrides that field by field. Rules are looked up when
 * a task is read, not when it is created, so a test may change existing tasks. */
#ifndef SIMULATOR_RULES_H
#define SIMULATOR_RULES_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* What a task read returns as tracking_id. SWAP returns that of the next task of the batch. */
enum tracking {
    TRACKING_KEEP,
    TRACKING_MISSING,
    TRACKING_NULL,
    TRACKING_SWAP,
    TRACKING_EMPTY,
    TRACKING_NUMBER
};

/* A rule with its defaults filled in. Strings are borrowed until the next change of the rules. */
struct rule {
    int64_t time_ms;   /* -1: the general task time applies */
    int64_t slower_ms; /* added to either */
    const char *state; /* returned when the task is done; never "PROCESSING" */
    const char *data;  /* JSON, sent verbatim; NULL: generated from the domain */
    size_t emails;     /* number of mailboxes in the data, for the price */
    enum tracking tracking;
    const char *raw_body; /* replaces the whole reply; may contain NULs */
    size_t raw_len;
};

struct rules;

struct rules *rules_new(void);
void rules_free(struct rules *rules);
void rules_clear(struct rules *rules);

/* Returns the rule for `domain`. */
struct rule rules_find(const struct rules *rules, const char *domain);

/* Replaces the settings of `domain` by the JSON object `text`. On failure changes nothing and
 * sets *ret_why (static). */
enum err rules_put(struct rules *rules, const char *domain, const char *text, size_t len,
                   const char **ret_why);

/* Restores the meaning of the name. ERR_NO_ENTRY: nothing was set. */
enum err rules_drop(struct rules *rules, const char *domain);

/* Appends what a COMPLETED task of `domain` returns as data by default. */
void rules_default_data(const char *domain, struct buf *out);

#endif
