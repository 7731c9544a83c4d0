/* SPDX-License-Identifier: MIT */
/* fake_upstream.h - the upstream on the fake transport and the fake clock, in memory.
 *
 * Batches, tasks and replies are those of the simulator (tests/simulator/api.h), so that flow tests
 * and system tests share one model. This adds what takes time and what goes wrong on the wire: a
 * submit takes `submit_ms`, reads are answered in the iteration in which they arrive unless a test
 * sets their latency, and faults are queued per kind of call and used in order. Nothing costs
 * credits unless a test sets the balance. */
#ifndef FLOW_FAKE_UPSTREAM_H
#define FLOW_FAKE_UPSTREAM_H

#include "base/clock.h"
#include "client/transport.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fake_upstream;
struct random;
struct upstream;

enum fake_call { FAKE_SUBMIT, FAKE_STATUS, FAKE_TASK_IDS, FAKE_TASK, FAKE_BALANCE, FAKE_CALLS };

/* The base URL under which it takes calls. */
#define FAKE_UPSTREAM_URL "http://upstream"

struct fake_upstream *fake_upstream_new(struct transport *transport, const struct clock *clock);
void fake_upstream_free(struct fake_upstream *upstream);

/* The client was killed: its calls get no response. A submit in flight still creates its tasks with
 * that chance. */
void fake_upstream_disconnect(struct fake_upstream *upstream, int percent, struct random *random);

/* Moves to another clock that shows the same time. */
void fake_upstream_set_clock(struct fake_upstream *upstream, const struct clock *clock);

void fake_upstream_set_submit_ms(struct fake_upstream *upstream, int64_t ms);
void fake_upstream_set_read_ms(struct fake_upstream *upstream, int64_t ms); /* 0 by default */
void fake_upstream_set_task_ms(struct fake_upstream *upstream, int64_t ms);
void fake_upstream_list_only_at_end(struct fake_upstream *upstream);
void fake_upstream_ignore_status_filter(struct fake_upstream *upstream);

/* Sets for the tasks of a domain: their time, their final state ("COMPLETED", "ERRORED",
 * "PROCESSING" indefinitely, ...), the JSON of `data`, and how the tracking id is returned ("null",
 * or "swap" for that of the next task of the batch). 0 and NULL keep the default. */
struct fake_rule {
    const char *domain;
    int64_t task_ms;
    const char *state, *data, *tracking_id;
    bool is_rejected; /* a submit that contains `domain` gets 400 and creates nothing */
};
void fake_upstream_rule(struct fake_upstream *upstream, struct fake_rule rule);

/* Makes the next call of that kind fail: with a status and body, or broken on the wire.
 * `creates` says whether the failing submit still creates its tasks. */
struct fake_fault {
    enum fake_call on;
    int status; /* 0 = broken with `end` */
    const char *body;
    enum transport_end end;
    int64_t retry_after_s; /* 0 = no header */
    bool creates;
    size_t n_cut;       /* sends the response to the created batch, without its last bytes */
    bool is_permanent;  /* and not only once */
    int64_t takes_ms;   /* until it arrives; for reads */
    const char *beside; /* only for the batch that has a task of this domain; NULL = any */
    const char *filter; /* only for lists with this ?status=, "" = without; NULL = any */
};
void fake_upstream_fault(struct fake_upstream *upstream, struct fake_fault fault);

/* Returns one of many faults of a call of that kind. */
struct fake_fault fake_fault_random(struct random *random, enum fake_call on);

/* Sets the credit balance; 10000 by default. */
void fake_upstream_set_balance(struct fake_upstream *upstream, int64_t balance);

/* From now on a task costs a credit: a submit that costs more than the balance gets 402. */
void fake_upstream_charge(struct fake_upstream *upstream);

/* Removes the faults that were not used. */
void fake_upstream_clear_faults(struct fake_upstream *upstream);

/* Makes every call fail with that chance, in one of many ways; reproducible. A submit fails only
 * after its delay. */
void fake_upstream_fail_randomly(struct fake_upstream *upstream, int percent, unsigned seed);

/* Sends the responses that are due. */
void fake_upstream_turn(struct fake_upstream *upstream);

/* Returns the time of the next response; INT64_MAX if there is none. */
int64_t fake_upstream_next_ms(const struct fake_upstream *upstream);

/* Returns the model of the simulator: its tasks are the ledger. */
struct upstream *fake_upstream_model(struct fake_upstream *upstream);

/* ---- results ---- */
size_t fake_upstream_calls(const struct fake_upstream *upstream, enum fake_call call);
/* Return the number of tasks created, and of those of one domain. */
size_t fake_upstream_ledger(const struct fake_upstream *upstream);
size_t fake_upstream_ledger_of(const struct fake_upstream *upstream, const char *domain);
size_t fake_upstream_largest_batch(const struct fake_upstream *upstream);
/* Return the id of the last task of that domain, its tracking id, and the time at which it ends.
 * The task must exist. */
const char *fake_upstream_task_id(const struct fake_upstream *upstream, const char *domain);
/* Returns the id of its batch. */
const char *fake_upstream_batch_id(const struct fake_upstream *upstream, const char *domain);
/* Returns what follows the last slash of the notify_url of the last submit; "" if it had none. */
const char *fake_upstream_notify_token(const struct fake_upstream *upstream);
const char *fake_upstream_tracking_id(const struct fake_upstream *upstream, const char *domain);
int64_t fake_upstream_done_ms(const struct fake_upstream *upstream, const char *domain);
bool fake_upstream_submits_were_only_once(const struct fake_upstream *upstream);

#endif
