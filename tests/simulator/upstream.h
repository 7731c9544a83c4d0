/* SPDX-License-Identifier: MIT */
/* upstream.h - the model of the upstream: what it accepts as a submit, batches, tasks, credits.
 *
 * Creating a batch writes its tasks here immediately, whether or not a client gets their ids.
 * This array is the ledger from which tests read what was paid, so a task never leaves it before
 * a reset. Each task ends at its own time. Credits are reserved when a batch is created and
 * committed when its last task ends.
 *
 * Knows neither HTTP (api.c renders it) nor access rights; it only records which key created a
 * batch. The owner supplies the clock and runs the timers, so that the flow tests use it on their
 * fake clock. One thread. Batches and tasks are borrowed until upstream_clear(). */
#ifndef SIMULATOR_UPSTREAM_H
#define SIMULATOR_UPSTREAM_H

#include "base/clock.h"
#include "base/err.h"
#include "base/hashtable.h"
#include "base/json.h"
#include "base/timer.h"
#include "tests/simulator/behaviour.h"
#include "tests/simulator/random.h"

/* ---- submits ----
 *
 * The order is the upstream's: the JSON must bind, then the size of the batch is checked, then
 * each task, field by field. The first fault is returned, and one invalid task rejects the whole
 * batch. The messages on size, Domain and CompanyName are the upstream's. Those on binding and
 * NotifyURL imitate its style, since only their shape is known. */

#define SUBMISSION_MAX 100

#define DETAIL_JSON  "invalid character in request body"
#define DETAIL_ARRAY "json: cannot unmarshal request body into a list of tasks"
#define DETAIL_TYPE  "json: cannot unmarshal field of task into Go value of type string"
#define DETAIL_SIZE  "the number of tasks in each batch should be between 1 and 100"
#define DETAIL_URL   "NotifyURL must be a valid URL"

/* One task of a submit. Strings are borrowed from the document; NULL = not given. */
struct task_form {
    const char *domain, *company_name, *city, *state, *country, *tracking_id, *notify_url;
};

struct submission {
    struct json *doc;
    struct task_form tasks[SUBMISSION_MAX];
    size_t n;
};

/* ERR_SYNTAX: rejected, and *ret_detail (static) has the reason. The caller frees the result
 * with submission_done(). */
enum err submission_read(const char *body, size_t len, struct submission *ret_submission,
                         const char **ret_detail);
void submission_done(struct submission *submission);

/* ---- batches and tasks ---- */

#define UUID_TEXT 37

struct upstream;
struct batch;

struct task {
    struct upstream *upstream;
    struct batch *batch;
    size_t n;     /* from 1, in the order of creation */
    size_t place; /* position in its batch, from 0 */
    char id[UUID_TEXT];
    char *domain, *company_name;                             /* as submitted */
    char *city, *state, *country, *tracking_id, *notify_url; /* NULL: not submitted */
    int64_t wall_ms; /* time of creation, on the wall clock */
    uint64_t jitter; /* drawn once; used modulo the current jitter */
    bool done;
    bool dry; /* ended because no credits were left */
    struct timer timer;
    UT_hash_handle hh;
};

struct batch {
    char id[UUID_TEXT]; /* of the form that was set when it was created */
    size_t n;           /* from 1 */
    size_t key;         /* index of the API key that created it */
    struct task *tasks[SUBMISSION_MAX];
    size_t n_tasks, n_done;
    int64_t created_ms; /* monotonic */
    int64_t reserved, charged;
    bool answered; /* its id was sent completely to the client */
    UT_hash_handle hh;
};

/* Called when a task was created, and when it ended. The function must not change the model. */
typedef void task_event_fn(void *arg, const struct task *task);

struct upstream {
    const struct clock *clock; /* borrowed, as are the next three */
    struct timers *timers;
    const struct behaviour *behaviour;
    const struct rules *rules;
    int64_t balance;
    struct task **tasks; /* the ledger */
    size_t n_tasks, room;
    struct task *task_by_id;
    struct batch *batch_by_id;
    size_t n_batches, n_answered; /* n_answered: batches */
    size_t n_done;                /* tasks */
    struct random random;
    task_event_fn *on_task; /* NULL: not called */
    void *on_task_arg;
};

/* Reads the balance from the behaviour. */
void upstream_init(struct upstream *upstream);
void upstream_clear(struct upstream *upstream); /* deletes all, as after upstream_init() */
void upstream_done(struct upstream *upstream);

/* Creates a batch with the tasks of `submission`. ERR_CREDITS_EXHAUSTED if the credits do not
 * suffice; then nothing is created. */
enum err upstream_create(struct upstream *upstream, const struct submission *submission, size_t key,
                         const struct batch **ret_batch);

/* Returns NULL if it is unknown or past its retention. */
const struct batch *upstream_batch(const struct upstream *upstream, const char *id);
const struct task *upstream_task(const struct upstream *upstream, const char *id);

/* Records that the client received this batch id. */
void upstream_answered(struct upstream *upstream, const char *batch_id);

/* Returns PROCESSING until it is done, then the state of its rule. Borrowed until the rules
 * change. */
const char *task_state(const struct task *task);

struct batch_counts {
    size_t processing, completed, errored; /* cancelled tasks are not counted */
};
struct batch_counts batch_count(const struct batch *batch);

/* Applies changed times to the tasks of `domain`, or to all (NULL): unfinished tasks get a new
 * time, counted from their creation. */
void upstream_retime(struct upstream *upstream, const char *domain);

/* Writes a UUID of version 4 (RFC 9562); `text` has UUID_TEXT bytes. */
void uuid_new(char *text);

#endif
