/* SPDX-License-Identifier: MIT */
/* behaviour.h - the settings of the simulated upstream, in one table.
 *
 * Each row is a flag of the command line, a key of `PUT /sim/behaviour` and a line of the help,
 * so that the three always agree. rules.h has the settings of single domains, faults.h the
 * faults. Plain data: no thread, no clock. */
#ifndef SIMULATOR_BEHAVIOUR_H
#define SIMULATOR_BEHAVIOUR_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* How GET .../task_ids treats ?status=, in the order of the words in the table. */
enum status_filter { FILTER_HONOUR, FILTER_IGNORE, FILTER_REJECT };

/* When credits are checked: for the whole batch at its submit, or as each task ends. */
enum credits_checked { CREDITS_AT_SUBMIT, CREDITS_AT_TASK };

#define SUBMIT_FOR_ROOM 64

struct behaviour {
    int64_t submit_delay_ms;     /* delay before the submit's handler */
    int64_t task_time_ms;        /* from creation to end */
    int64_t task_time_jitter_ms; /* random addition of at most this, per task */
    int64_t retention_ms;        /* older batches return 404; 0 = never */
    int64_t credits;             /* the initial balance */
    int64_t reserve_per_task;    /* prices in thousandths of a credit */
    int64_t price_per_email;
    int64_t price_per_empty_task;
    int64_t extra_foreign_task_ids; /* foreign ids in each list of task ids */
    int64_t status_filter;          /* enum status_filter */
    int64_t credits_checked;        /* enum credits_checked */
    bool auth_delay;                /* whether the delay also precedes a 401 */
    bool shuffle_task_ids;
    bool duplicate_task_ids;
    bool list_only_at_end; /* lists no task ids before the batch is ready */
    char submit_for[SUBMIT_FOR_ROOM];
};

struct behaviour behaviour_default(void);

/* Sets the flag called `name` (without its dashes). `value` is NULL if there is no value.
 * ERR_NO_ENTRY: unknown flag; ERR_SYNTAX: not a value of its kind. */
enum err behaviour_set_flag(struct behaviour *behaviour, const char *name, const char *value);

/* Returns whether that flag has no value. */
bool behaviour_is_switch(const char *name);

/* Applies all members of the JSON object `text`. On failure applies none of them and sets
 * *ret_why (static). ERR_NO_ENTRY: unknown key; ERR_SYNTAX: not JSON or a value of the wrong kind. */
enum err behaviour_set_json(struct behaviour *behaviour, const char *text, size_t len,
                            const char **ret_why);

/* Appends all settings as a JSON object. */
void behaviour_write(const struct behaviour *behaviour, struct buf *out);

/* Prints one line per flag. */
void behaviour_help(FILE *out);

#endif
