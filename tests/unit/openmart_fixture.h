/* SPDX-License-Identifier: MIT */
/* openmart_fixture.h - a caller of the upstream for tests: the transport fixture with an
 * openmart client on top of it, and callbacks that record their arguments. */
#ifndef UNIT_OPENMART_FIXTURE_H
#define UNIT_OPENMART_FIXTURE_H

#include "client/openmart/openmart.h"
#include "tests/unit/raw_server.h"

#include <stddef.h>

#define FIXTURE_KEY "om_canary_4711"

/* A response that ends with its connection and so needs no length. */
#define FIXTURE_RESPONSE(status, body)                                                             \
    RAW_SENDS("HTTP/1.1 " status "\r\nConnection: close\r\n\r\n" body, 0)

/* What a callback received. */
struct received {
    int times;
    struct openmart_reply reply;
    char detail[256];
    char value[256];                     /* the last argument as text; "none" if it was NULL */
    char excerpt[OPENMART_EXCERPT_TEXT]; /* of the body */
    struct openmart_call *call;          /* if set, the callback cancels this call */
};

extern struct openmart
    *fixture_openmart; /* NULL until fixture_serve_openmart() or fixture_use_base() */
extern const struct openmart_form fixture_form;

void openmart_fixture_setup(void);
void openmart_fixture_teardown(void);

void fixture_use_base(const char *base_url);
void fixture_serve_openmart(const struct raw_script *scripts, size_t n);

/* Callbacks; `arg` is a struct received. */
openmart_submit_fn fixture_on_submit;
openmart_counts_fn fixture_on_counts;
openmart_ids_fn fixture_on_ids;
openmart_task_fn fixture_on_task;
openmart_balance_fn fixture_on_balance;

void fixture_run_until_received(const struct received *received);

/* Clears `received`, submits, and returns after the callback. */
void fixture_submit(const struct openmart_form *forms, size_t n, struct received *received);

#endif
