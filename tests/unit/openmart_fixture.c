/* SPDX-License-Identifier: MIT */
/* openmart_fixture.c - see openmart_fixture.h. */
#include "tests/unit/openmart_fixture.h"

#include "base/secret.h"
#include "tests/unit/transport_fixture.h"

#include <check.h>
#include <stdio.h>

struct openmart *fixture_openmart;
static struct secret *key;

const struct openmart_form fixture_form = {.domain = "milvali.com", .company_name = "Milvali"};

void openmart_fixture_setup(void)
{
    struct errmsg why;

    fixture_setup();
    ck_assert_int_eq(secret_from_text("KEY", FIXTURE_KEY, &key, &why), ERR_OK);
}

void openmart_fixture_teardown(void)
{
    openmart_free(fixture_openmart);
    fixture_teardown();
    secret_free(key);
}

void fixture_use_base(const char *base_url)
{
    const struct openmart_options options = {
        .base_url = base_url,
        .key = key,
        .submit_timeout_ms = FIXTURE_PATIENCE_MS,
        .read_timeout_ms = FIXTURE_PATIENCE_MS,
    };

    fixture_openmart = openmart_new(&options, fixture_transport);
}

void fixture_serve_openmart(const struct raw_script *scripts, size_t n)
{
    char base_url[64];

    fixture_serve(scripts, n);
    snprintf(base_url, sizeof base_url, "http://127.0.0.1:%d", raw_server_port(fixture_server));
    fixture_use_base(base_url);
}

static void hear(struct received *received, const struct openmart_reply *reply)
{
    received->times++;
    received->reply = *reply;
    snprintf(received->detail, sizeof received->detail, "%s", reply->detail);
    snprintf(received->value, sizeof received->value, "none");
    openmart_excerpt(fixture_openmart, reply, received->excerpt);
    ck_assert((reply->verdict == VERDICT_DONE) == (reply->err == ERR_OK));
    if (received->call)
        openmart_cancel(received->call);
}

void fixture_on_submit(void *arg, const struct openmart_reply *reply, const char *batch_id)
{
    struct received *received = arg;

    hear(received, reply);
    if (batch_id)
        snprintf(received->value, sizeof received->value, "%s", batch_id);
}

void fixture_on_counts(void *arg, const struct openmart_reply *reply,
                       const struct openmart_counts *counts)
{
    struct received *received = arg;

    hear(received, reply);
    if (counts)
        snprintf(received->value, sizeof received->value, "%d %d %d %d %s", (int)counts->processing,
                 (int)counts->completed, (int)counts->errored, (int)counts->total,
                 counts->ready ? "ready" : "not ready");
}

void fixture_on_ids(void *arg, const struct openmart_reply *reply, const char *const *ids, size_t n)
{
    struct received *received = arg;

    hear(received, reply);
    if (reply->verdict != VERDICT_DONE)
        ck_assert(!ids && n == 0);
    else
        snprintf(received->value, sizeof received->value, "%zu %s", n, n ? ids[0] : "");
}

void fixture_on_task(void *arg, const struct openmart_reply *reply,
                     const struct openmart_task *task)
{
    struct received *received = arg;

    hear(received, reply);
    if (task)
        snprintf(received->value, sizeof received->value, "%s %zu %s", task->tracking_id,
                 task->n_emails,
                 task->n_emails     ? task->emails[0].email
                 : task->unreadable ? "unreadable"
                                    : "");
}

void fixture_on_balance(void *arg, const struct openmart_reply *reply, int64_t balance)
{
    struct received *received = arg;

    hear(received, reply);
    snprintf(received->value, sizeof received->value, "%d", (int)balance);
}

void fixture_run_until_received(const struct received *received)
{
    while (!received->times)
        fixture_turn();
    ck_assert_int_eq(received->times, 1);
}

void fixture_submit(const struct openmart_form *forms, size_t n, struct received *received)
{
    *received = (struct received){0};
    openmart_submit(fixture_openmart, forms, n, fixture_on_submit, received);
    ck_assert_int_eq(received->times, 0);
    fixture_run_until_received(received);
}
