/* SPDX-License-Identifier: MIT */
/* vendor.h - the vendor's API on the fake transport and the fake clock, in memory.
 *
 * Answers the calls of client/openmart as the vendor's page describes them: submits take
 * `submit_ms`, each task takes `task_ms` unless its domain has a rule, reads are answered in the
 * turn in which they come. Keeps the ledger of every task that it created, and counts calls. Faults
 * are queued per kind of call and used up one by one. */
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

/* The clock moved to another place, at the same time. */
void vendor_set_clock(struct vendor *vendor, const struct clock *clock);

void vendor_set_submit_ms(struct vendor *vendor, int64_t ms);
void vendor_set_task_ms(struct vendor *vendor, int64_t ms);
void vendor_list_only_at_end(struct vendor *vendor, bool on);

/* What tasks of a domain do: their time, their final state ("COMPLETED", "ERRORED", "PROCESSING"
 * for ever, ...), the JSON of `data`, and whether the tracking id is told. NULL keeps the usual. */
struct vendor_rule {
    const char *domain;
    int64_t task_ms; /* 0 = the usual */
    const char *state, *data;
    bool without_tracking_id;
    const char *tracking_id_of; /* another domain, whose tracking id is told instead */
    bool disliked; /* a submit that holds it is refused with 400, and creates nothing */
};
void vendor_rule(struct vendor *vendor, struct vendor_rule rule);

/* The next call of that kind fails: with a status and body, or broken on the wire. `creates` says
 * whether a failing submit creates its tasks all the same. */
struct vendor_fault {
    enum vendor_call on;
    int status; /* 0 = broken with `end` */
    const char *body;
    enum transport_end end;
    int64_t retry_after_s; /* 0 = none */
    bool creates;
    bool for_ever; /* and not only once */
};
void vendor_fault(struct vendor *vendor, struct vendor_fault fault);

/* What the credit balance says; 10000 at first. */
void vendor_set_balance(struct vendor *vendor, int64_t balance);

/* Forgets faults that were not used up. */
void vendor_clear_faults(struct vendor *vendor);

/* Every call fails with that chance, in one of many ways; reproducible. A submit fails only after
 * its delay. */
void vendor_fail_randomly(struct vendor *vendor, int percent, unsigned seed);

/* Answers what is due. */
void vendor_turn(struct vendor *vendor);

/* When the vendor has something to do next; INT64_MAX when never. */
int64_t vendor_next_ms(const struct vendor *vendor);

/* ---- what happened ---- */
size_t vendor_calls(const struct vendor *vendor, enum vendor_call call);
size_t vendor_ledger(const struct vendor *vendor);                        /* tasks created */
size_t vendor_ledger_of(const struct vendor *vendor, const char *domain); /* of one domain */
size_t vendor_largest_batch(const struct vendor *vendor);
int64_t vendor_done_ms(const struct vendor *vendor, const char *domain); /* its task's own end */
bool vendor_submits_were_only_once(const struct vendor *vendor);

#endif
