/* SPDX-License-Identifier: MIT */
/* vendor.h - simulates the upstream's API on the fake transport and the fake clock, in memory.
 *
 * Responds to the calls of client/openmart as Openmart's documentation describes them. A submit
 * takes `submit_ms`; a task takes `task_ms` unless its domain has a rule; reads are answered in
 * the iteration in which they arrive. Keeps the ledger of every task created, and counts calls.
 * Faults are queued per kind of call and used in order. */
#ifndef FLOW_VENDOR_H
#define FLOW_VENDOR_H

#include "base/clock.h"
#include "client/transport.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vendor;

enum vendor_call {
    VENDOR_SUBMIT,
    VENDOR_STATUS,
    VENDOR_IDS,
    VENDOR_TASK,
    VENDOR_BALANCE,
    VENDOR_CALLS
};

struct vendor *vendor_new(struct transport *transport, const struct clock *clock);
void vendor_free(struct vendor *vendor);

/* Moves to another clock that shows the same time. */
void vendor_set_clock(struct vendor *vendor, const struct clock *clock);

void vendor_set_submit_ms(struct vendor *vendor, int64_t ms);
void vendor_set_task_ms(struct vendor *vendor, int64_t ms);
void vendor_list_only_at_end(struct vendor *vendor, bool on);

/* Sets for the tasks of a domain: their time, their final state ("COMPLETED", "ERRORED",
 * "PROCESSING" indefinitely, ...), the JSON of `data`, and whether the tracking id is returned.
 * NULL keeps the default. */
struct vendor_rule {
    const char *domain;
    int64_t task_ms; /* 0 = default */
    const char *state, *data;
    bool without_tracking_id;
    const char *tracking_id_of; /* another domain, whose tracking id is returned instead */
    bool disliked; /* a submit that contains it is rejected with 400 and creates nothing */
};
void vendor_rule(struct vendor *vendor, struct vendor_rule rule);

/* Makes the next call of that kind fail: with a status and body, or broken on the wire.
 * `creates` says whether the failing submit still creates its tasks. */
struct vendor_fault {
    enum vendor_call on;
    int status; /* 0 = broken with `end` */
    const char *body;
    enum transport_end end;
    int64_t retry_after_s; /* 0 = no header */
    bool creates;
    bool for_ever; /* and not only once */
};
void vendor_fault(struct vendor *vendor, struct vendor_fault fault);

/* Sets the credit balance; 10000 by default. */
void vendor_set_balance(struct vendor *vendor, int64_t balance);

/* Removes the faults that were not used. */
void vendor_clear_faults(struct vendor *vendor);

/* Makes every call fail with that chance, in one of many ways; reproducible. A submit fails only
 * after its delay. */
void vendor_fail_randomly(struct vendor *vendor, int percent, unsigned seed);

/* Sends the responses that are due. */
void vendor_turn(struct vendor *vendor);

/* Returns the time of the next event of the upstream; INT64_MAX if there is none. */
int64_t vendor_next_ms(const struct vendor *vendor);

/* ---- results ---- */
size_t vendor_calls(const struct vendor *vendor, enum vendor_call call);
size_t vendor_ledger(const struct vendor *vendor); /* number of tasks created */
size_t vendor_ledger_of(const struct vendor *vendor, const char *domain); /* of one domain */
size_t vendor_largest_batch(const struct vendor *vendor);
int64_t vendor_done_ms(const struct vendor *vendor, const char *domain); /* when its task ended */
bool vendor_submits_were_only_once(const struct vendor *vendor);

#endif
