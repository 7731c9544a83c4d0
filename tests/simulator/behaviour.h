/* SPDX-License-Identifier: MIT */
/* behaviour.h - how the simulated upstream behaves as a whole: ONE table of settings.
 *
 * Each row is a flag of the command line, a key of `PUT /sim/behaviour` and a line of the help, so
 * that the three cannot drift apart. What single domains do lives in rules.h, what goes wrong in
 * faults.h. Plain data: no thread, no clock. */
#ifndef SIMULATOR_BEHAVIOUR_H
#define SIMULATOR_BEHAVIOUR_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* How GET .../task_ids treats ?status=. The order is that of the words in the table. */
enum status_filter { FILTER_HONOUR, FILTER_IGNORE, FILTER_REFUSE };

/* When credits are looked at: for the whole batch at its submit, or as each task ends. */
enum credits_checked { CREDITS_AT_SUBMIT, CREDITS_AT_TASK };

#define SUBMIT_FOR_ROOM 64

struct behaviour {
    int64_t submit_delay_ms;     /* sleep before the submit's handler */
    int64_t task_time_ms;        /* from creation to end */
    int64_t task_time_jitter_ms; /* up to so much more, drawn per task */
    int64_t retention_ms;        /* batches older than this answer 404; 0 = never */
    int64_t credits;             /* the balance to start with */
    int64_t reserve_per_task;    /* prices in thousandths of a credit */
    int64_t price_per_email;
    int64_t price_per_empty_task;
    int64_t extra_foreign_task_ids; /* strangers in each list of task ids */
    int64_t status_filter;          /* enum status_filter */
    int64_t credits_checked;        /* enum credits_checked */
    bool auth_delay;                /* does the sleep come before a 401, too? */
    bool shuffle_task_ids;
    bool duplicate_task_ids;
    bool list_only_at_end; /* no task ids before the batch is ready */
    char submit_for[SUBMIT_FOR_ROOM];
};

struct behaviour behaviour_default(void);

/* The flag called `name` (without its dashes). `value` is NULL when none was given.
 * ERR_ABSENT: no such flag; ERR_SYNTAX: not a value of its kind. */
enum err behaviour_set_flag(struct behaviour *behaviour, const char *name, const char *value);

/* Whether that flag stands alone, without a value. */
bool behaviour_is_switch(const char *name);

/* Takes over all members of the JSON object `text`, or none and says in *ret_why (static) why.
 * ERR_ABSENT: unknown key; ERR_SYNTAX: not JSON or a value of the wrong kind. */
enum err behaviour_set_json(struct behaviour *behaviour, const char *text, size_t len,
                            const char **ret_why);

/* Appends the whole as a JSON object. */
void behaviour_write(const struct behaviour *behaviour, struct buf *out);

/* One line per flag. */
void behaviour_help(FILE *out);

#endif
