/* SPDX-License-Identifier: MIT */
/* behaviour.h - how the simulated upstream behaves: settings for all calls, and rules for the tasks
 * of single domains.
 *
 * The settings are one table. Each row is a flag of the command line, a key of `PUT
 * /sim/behaviour` and a line of the help, so that the three always agree.
 *
 * A domain without a rule follows its name: "empty..." finds no address, "errored..." and
 * "cancelled..." end in that state, "slow60..." takes a minute longer, all others find info@ and
 * support@. `PUT /sim/domains/{domain}` overrides that field by field. Rules are looked up when
 * a task is read, not when it is created, so a test may change existing tasks.
 *
 * Plain data: no thread, no clock. faults.h has the faults. */
#ifndef SIMULATOR_BEHAVIOUR_H
#define SIMULATOR_BEHAVIOUR_H

#include "tests/simulator/settings.h"

#include <stdio.h>

/* ---- settings ---- */

/* How GET .../task_ids treats ?status=, in the order of the words in the table. */
enum status_filter { FILTER_HONOUR, FILTER_IGNORE, FILTER_REJECT };

/* When credits are checked: for the whole batch at its submit, or as each task ends. */
enum credits_checked { CREDITS_AT_SUBMIT, CREDITS_AT_TASK };

/* The forms of a response; the first of each is the documented one. shapes.h describes them. */
enum task_shape {
    TASK_DOCUMENTED,
    TASK_DATA_OBJECT,
    TASK_STRINGS,
    TASK_EMAIL_OBJECT,
    TASK_RESULT,
    TASK_RESULTS,
    TASK_EMAILS,
    TASK_NOT_A_NUMBER,
    TASK_BLANKS,
    TASK_TEXT_NUMBERS,
    TASK_LARGE,
    TASK_ADDRESS
};
enum status_shape {
    STATUS_FLAT,
    STATUS_NESTED,
    STATUS_UNDER_DATA,
    STATUS_TEXTS,
    STATUS_FROZEN,
    STATUS_FROZEN_TEXTS,
    STATUS_OTHER
};
enum submit_shape { SUBMIT_DOCUMENTED, SUBMIT_UNDER_DATA, SUBMIT_UNDER_STATUS, SUBMIT_NO_ID };
enum balance_shape {
    BALANCE_DOCUMENTED,
    BALANCE_MISSING, /* there is no such route */
    BALANCE_UNDER_DATA,
    BALANCE_TEXT,
    BALANCE_OTHER
};

/* What the ids of new batches and tasks look like. */
enum id_form { ID_UUID, ID_ODD, ID_INTEGER };

/* How bodies are coded. ACCEPTED: gzip or deflate if the request lists it; all others: whatever
 * the request lists. BR_LABEL is a wrong label on a body that is not coded. */
enum sent_coding {
    CODING_NONE,
    CODING_ACCEPTED,
    CODING_GZIP,
    CODING_DEFLATE,
    CODING_DEFLATE_RAW,
    CODING_BR_LABEL,
    CODINGS
};

/* When the upstream calls a task's notify_url, and with what. notify.h describes them. */
enum notify { NOTIFY_NEVER, NOTIFY_CREATED, NOTIFY_DONE, NOTIFY_TWICE, NOTIFY_REVERSED };
enum notify_body {
    NOTIFY_TASK,
    NOTIFY_BATCH,
    NOTIFY_EMPTY,
    NOTIFY_FORM,
    NOTIFY_GARBAGE,
    NOTIFY_MIXED
};

struct behaviour {
    int64_t submit_delay_ms;     /* delay before the submit's handler */
    int64_t task_time_ms;        /* from creation to end */
    int64_t task_time_jitter_ms; /* random addition of at most this, per task */
    int64_t retention_ms;        /* older batches return 404; 0 = never */
    int64_t reads_per_second;    /* more return 429; 0 = no limit */
    int64_t credits;             /* the initial balance */
    int64_t reserve_per_task;    /* prices in thousandths of a credit */
    int64_t price_per_email;
    int64_t price_per_empty_task;
    int64_t extra_foreign_task_ids; /* foreign ids in each list of task ids */
    unsigned status_filter;         /* enum status_filter */
    unsigned credits_checked;       /* enum credits_checked */
    int64_t notify_delay_ms;
    unsigned notify, notify_body;
    unsigned task_shape, status_shape, submit_shape, balance_shape;
    unsigned id_form, content_coding; /* all of the enums above */
    bool auth_delay;                  /* whether the delay also precedes a 401 */
    bool shuffle_task_ids;
    bool duplicate_task_ids;
    bool list_only_at_end; /* lists no task ids before the batch is ready */
    char submit_for[SETTING_TEXT_ROOM];
};

/* Words of enums that rules and faults use, too; they end with NULL. */
extern const char *const task_shape_words[];
extern const char *const coding_words[];

struct behaviour behaviour_default(void);

/* Sets the flag called `name` (without its dashes). `value` is NULL if there is no value.
 * ERR_NO_ENTRY: unknown flag; ERR_SYNTAX: not a value of its kind. */
enum err behaviour_set_flag(struct behaviour *behaviour, const char *name, const char *value);

/* Returns whether that flag has no value. */
bool behaviour_is_switch(const char *name);

/* Applies all members of the JSON object `text`. On failure applies none of them and sets
 * *ret_why (static). ERR_NO_ENTRY: unknown key; ERR_SYNTAX: not JSON or a value of the wrong kind.
 */
enum err behaviour_set_json(struct behaviour *behaviour, const char *text, size_t len,
                            const char **ret_why);

/* Appends all settings as a JSON object. */
void behaviour_write(const struct behaviour *behaviour, struct buf *out);

/* Prints one line per flag. */
void behaviour_help(FILE *out);

/* ---- rules (rules.c) ---- */

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
    int64_t time_ms;      /* -1: the general task time applies */
    int64_t slower_ms;    /* added to either */
    const char *state;    /* returned when the task is done; never "PROCESSING" */
    const char *data;     /* JSON, sent verbatim; NULL: generated from the domain */
    size_t emails;        /* number of mailboxes in the data, for the price */
    unsigned tracking;    /* enum tracking */
    int64_t shape;        /* enum task_shape; -1: that of all tasks */
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
