/* SPDX-License-Identifier: MIT */
/* vendor_state.h - what vendor.c (calls, faults, time) and vendor_answers.c (normal responses)
 * share. Tests include vendor.h only. */
#ifndef FLOW_VENDOR_STATE_H
#define FLOW_VENDOR_STATE_H

#include "vendor.h"

#define RULES  16
#define FAULTS 64

struct task {
    int number, batch;
    char *domain, *tracking_id;
    int64_t done_ms;
    struct task *prev, *next;
};

/* A call that waits for its response. */
struct call {
    struct transfer *transfer;
    enum vendor_call kind;
    int64_t due_ms;
    bool has_fault;
    struct vendor_fault fault;
    struct call *prev, *next;
};

struct vendor {
    struct transport *transport;
    const struct clock *clock;
    int64_t submit_ms, task_ms;
    bool list_only_at_end, only_once;
    struct vendor_rule rules[RULES];
    size_t n_rules;
    struct vendor_fault faults[FAULTS];
    size_t n_faults;
    int random_percent;
    unsigned seed;
    struct task *tasks;
    struct call *calls;
    int n_tasks, n_batches;
    int64_t balance;
    size_t n_calls[VENDOR_CALLS], largest;
};

/* Creates the tasks of a submit's body; returns the number of the batch. */
int vendor_create_batch(struct vendor *vendor, const char *body);

/* Responds to a call as the upstream does without faults. */
void vendor_answer(struct vendor *vendor, enum vendor_call kind, struct transfer *transfer);

#endif
