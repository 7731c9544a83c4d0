/* SPDX-License-Identifier: MIT */
/* openmart_fixture.h - a caller of the upstream for tests: the transport fixture with an
 * openmart client on top of it, and callbacks that record their arguments. */
#ifndef UNIT_OPENMART_FIXTURE_H
#define UNIT_OPENMART_FIXTURE_H

#include "client/openmart/openmart.h"
#include "tests/unit/raw_server.h"

#include <stddef.h>

#define ASKER_KEY "om_canary_4711"

/* A response that ends with its connection and so needs no length. */
#define ASKER_TOLD(status, body)                                                                   \
    RAW_SAYS("HTTP/1.1 " status "\r\nConnection: close\r\n\r\n" body, 0)

/* What a callback received. */
struct heard {
    int times;
    struct openmart_reply reply;
    char detail[256];
    char value[256];            /* the last argument as text; "none" if it was NULL */
    struct openmart_call *call; /* if set, the callback cancels this call */
};

extern struct openmart *asker_openmart; /* NULL until asker_serve() or asker_use_base() */
extern const struct openmart_form asker_form;

void asker_setup(void);
void asker_teardown(void);

void asker_use_base(const char *base_url);
void asker_serve(const struct raw_script *scripts, size_t n);

/* Callbacks; `arg` is a struct heard. */
openmart_submit_fn asker_hear_submit;
openmart_counts_fn asker_hear_counts;
openmart_ids_fn asker_hear_ids;
openmart_task_fn asker_hear_task;
openmart_balance_fn asker_hear_balance;

void asker_run_until_heard(const struct heard *heard);

/* Clears `heard`, submits, and returns after the callback. */
void asker_submit(const struct openmart_form *forms, size_t n, struct heard *heard);

#endif
