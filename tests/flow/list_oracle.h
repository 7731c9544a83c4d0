/* SPDX-License-Identifier: MIT */
/* list_oracle.h - what must hold in the plans of test_list_seeds.c, and what the checks know of a
 * plan. */
#ifndef FLOW_LIST_ORACLE_H
#define FLOW_LIST_ORACLE_H

#include "list_flow.h"

#include <stdbool.h>
#include <stddef.h>

#define READERS_MAX 48
#define COMPANIES   40
#define EXPIRED     20

struct list_plan {
    bool readers_stay;
    bool has_expired; /* results of the first EXPIRED companies */
    bool has_long_list;
    bool has_lost_submits; /* unknown outcomes, after which a question may be paid for again */
    bool is_paused, is_store_away, was_store_away;
    int deleted[COMPANIES];
    struct list_reader *readers[READERS_MAX];
    size_t n_readers;
};

extern struct list_plan list_plan;

/* After each step: no list spends more than its own limit. */
void check_lists(void);

/* At the end: no question was paid for too often; no result is missing that was not deleted. */
void check_ledger_of_each(void);
void check_missing(void);

/* At the end, only if all readers have stayed: the prices are what the upstream has created. */
void check_ledger(void);

#endif
