/* SPDX-License-Identifier: MIT */
/* batch.h - one batch: up to a hundred tasks that are submitted together, until all have ended.
 *
 *     PENDING <-> INTENDING -> SUBMITTING -> COLLECTING -> DONE
 *        ^                         |
 *        |                         v
 *        +----------- BACKING_OFF, UNPAID, REJECTED
 *
 * A batch is journalled before it is submitted: while it is INTENDING, the journal writes that it
 * will be. It keeps its tasks until that has returned. Then it is sent, unless that must not happen
 * any more: the circuit blocks it, a task was abandoned, or a new day has begun. A submit is
 * repeated only if it provably never left, or was rejected with permission to retry
 * (submit_policy.h). A batch that the upstream rejects as a whole (400) created nothing: it is
 * split, down to the task that is rejected (batch_split.h). Once a batch is accepted, each task
 * ends as soon as its result is read (collector.h). A batch can fail in every state, but not while
 * its intent or its submit is in flight. batcher.h decides when a batch is formed and gets a slot.
 * Engine thread only. */
#ifndef LOOKUP_BATCHING_BATCH_H
#define LOOKUP_BATCHING_BATCH_H

#include "base/clock.h"
#include "base/hash.h"
#include "base/hashtable.h"
#include "base/timer.h"
#include "client/openmart/openmart.h"
#include "lookup/batching/circuit_breaker.h"
#include "lookup/batching/collector.h"
#include "lookup/batching/lost_submit.h"
#include "lookup/batching/result_match.h"
#include "lookup/money/budget.h"
#include "lookup/records/journal.h"
#include "lookup/records/task.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum batch_state {
    BATCH_PENDING,     /* waits for a slot: new, split, or to be submitted again */
    BATCH_INTENDING,   /* in a slot; its submit is being recorded */
    BATCH_SUBMITTING,  /* in a slot; the submit is in flight */
    BATCH_BACKING_OFF, /* could not be sent; PENDING after a pause */
    BATCH_UNPAID,      /* got 402; waits until the owner knows the balance */
    BATCH_REJECTED,    /* got 400; waits for the other parts of its batch */
    BATCH_COLLECTING,  /* accepted by the upstream; results are read */
    BATCH_DONE,
};

/* Submitting again after an unknown outcome, if the operator permits it. */
enum batch_risk {
    RISK_NONE,
    RISK_DUE,   /* the outcome is unknown; the next submit pays again */
    RISK_TAKEN, /* it was paid for again */
};

struct batch_owner {
    /* The state changed; not called for DONE. The owner may fail the batch, and so free it. */
    void (*state_changed)(void *arg, struct batch *batch);

    /* One task has ended. */
    void (*task_ended)(void *arg, bool is_listed);

    /* The batch is DONE and all its tasks have ended. The owner must free it. */
    void (*batch_ended)(void *arg, struct batch *batch);
    void *arg;
};

/* What all batches share; borrowed for their lifetime. */
struct batch_tools {
    const struct clock *clock;
    struct timers *timers;
    struct openmart *openmart;
    struct circuit_breaker *breaker;
    struct journal *journal;
    struct budget *budget;
    struct poll_tools poll;
    bool retry_unknown;     /* submit once more after an unknown outcome: may pay twice */
    const char *notify_url; /* prefix of what each task carries; NULL = nothing */
    struct batch **batches; /* head of the list of all batches, oldest first */
    struct batch **noted;   /* the hash table of those with a notify token, by it */
    struct lost_submit **lost_submits; /* the hash table of all, by their tokens */
    struct batch_owner owner;

    /* A second result arrived with the tracking id of one that was already delivered for `key`. */
    void (*conflict)(void *arg, const unsigned char key[HASH_SIZE]);
    void *conflict_arg;
};

struct batch_intent;
struct batch_split;

struct batch {
    struct batch *prev, *next; /* links of the list of all batches */
    enum batch_state state;    /* read by the owner */
    size_t n_tasks;            /* tasks added, ended or not; read by the owner */
    size_t n_open;             /* tasks that have not ended; read by the owner */
    enum batch_risk risk;      /* read by the owner */
    /* Private to the batch: */
    const struct batch_tools *tools;
    struct task *tasks;           /* not ended yet */
    int64_t number;               /* in the journal; 0 until batch_submit() */
    char id[OPENMART_ID_MAX + 1]; /* Openmart's id; "" = not yet known */
    int64_t oldest_ms;            /* when its first task was queued */
    int tries;
    char notify_token[ID_TEXT]; /* "" = none yet; set by batch_set_token() only */
    UT_hash_handle hh;          /* by notify_token */
    bool is_proven;             /* the upstream called with the token: the batch exists */
    struct lost_submit *lost;   /* unless RISK_NONE: the first submit; an owned reference */
    struct timer retry; /* while BACKING_OFF, or until a batch that was not journalled fails */
    struct timer drop;  /* while it waits: until its abandoned tasks are dropped */
    struct batch_intent *intent; /* in flight */
    struct openmart_call *call;  /* the submit in flight */
    unsigned probe;              /* its number, if it probes the circuit; see circuit_breaker.h */
    struct batch_split *split;   /* of which it is a part whose result is not known; may be NULL */
    struct collector *collector; /* while COLLECTING */
    struct delivered delivered;
    struct unmatched unmatched;
};

/* Creates an empty, PENDING batch and appends it to the list of all batches. */
struct batch *batch_new(const struct batch_tools *tools);

/* Cancels a submit in flight and removes the batch from the list. Does not end the tasks. No intent
 * may be in flight. */
void batch_free(struct batch *batch);

/* Adds a task, at most OPENMART_BATCH_MAX, before batch_submit(). It is borrowed until it ends. */
void batch_add(struct batch *batch, struct task *task);

/* Gives the batch its notify token, once. */
void batch_set_token(struct batch *batch, const char *token);

/* Submits a PENDING batch once this is recorded. It occupies a slot from now on. circuit_permit()
 * must allow it, and the journal must be usable. No callback of a task runs inside. */
void batch_submit(struct batch *batch);

/* Makes an UNPAID batch PENDING, because some of its tasks can be paid for. */
void batch_requeue(struct batch *batch);

/* The upstream called with the batch's notify token. A batch that is collected is polled soon. One
 * whose submit has no response yet exists: it is not submitted again if that response is lost. */
void batch_notify(struct batch *batch);

/* Returns whether the batch waits for a submit: PENDING, BACKING_OFF, UNPAID or REJECTED. */
bool batch_waits(const struct batch *batch);

/* Returns whether the batch occupies a slot: INTENDING or SUBMITTING. */
bool batch_is_in_slot(const struct batch *batch);

/* Ends a batch that has no submit in flight and was not accepted. If an earlier submit may have
 * been accepted, reports ERR_UPSTREAM_OUTCOME_UNKNOWN regardless of `end`, and no time after which
 * to retry. */
void batch_fail(struct batch *batch, struct task_end end);

/* Returns whether no submit has left that may have created the task, in a batch or not. */
bool batch_task_is_unsent(const struct task *task);

/* Returns whether all open tasks of the batch are of lists. */
bool batch_is_listed(const struct batch *batch);

#endif
