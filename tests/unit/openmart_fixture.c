/* SPDX-License-Identifier: MIT */
/* openmart_fixture.c - see openmart_fixture.h. */
#include "tests/unit/openmart_fixture.h"

#include "base/secret.h"
#include "tests/unit/transport_fixture.h"

#include <check.h>
#include <stdio.h>

struct openmart *asker_openmart;
static struct secret *key;

const struct openmart_form asker_form = {.domain = "milvali.com", .company_name = "Milvali"};

void asker_setup(void)
{
    struct errmsg why;

    fixture_setup();
    ck_assert_int_eq(secret_from_text("KEY", ASKER_KEY, &key, &why), ERR_OK);
}

void asker_teardown(void)
{
    openmart_free(asker_openmart);
    fixture_teardown();
    secret_free(key);
}

void asker_use_base(const char *base_url)
{
    const struct openmart_options options = {
        .base_url = base_url,
        .key = key,
        .submit_timeout_ms = FIXTURE_PATIENCE_MS,
        .read_timeout_ms = FIXTURE_PATIENCE_MS,
    };

    asker_openmart = openmart_new(&options, fixture_transport);
}

void asker_serve(const struct raw_script *scripts, size_t n)
{
    char base_url[64];

    fixture_serve(scripts, n);
    snprintf(base_url, sizeof base_url, "http://127.0.0.1:%d", raw_server_port(fixture_server));
    asker_use_base(base_url);
}

static void hear(struct heard *heard, const struct openmart_reply *reply)
{
    heard->times++;
    heard->reply = *reply;
    snprintf(heard->detail, sizeof heard->detail, "%s", reply->detail);
    snprintf(heard->value, sizeof heard->value, "none");
    ck_assert((reply->verdict == VERDICT_DONE) == (reply->err == ERR_OK));
    if (heard->call)
        openmart_cancel(heard->call);
}

void asker_hear_submit(void *arg, const struct openmart_reply *reply, const char *batch_id)
{
    struct heard *heard = arg;

    hear(heard, reply);
    if (batch_id)
        snprintf(heard->value, sizeof heard->value, "%s", batch_id);
}

void asker_hear_counts(void *arg, const struct openmart_reply *reply,
                       const struct openmart_counts *counts)
{
    struct heard *heard = arg;

    hear(heard, reply);
    if (counts)
        snprintf(heard->value, sizeof heard->value, "%d %d %d %d %s", (int)counts->processing,
                 (int)counts->completed, (int)counts->errored, (int)counts->total,
                 counts->ready ? "ready" : "not ready");
}

void asker_hear_ids(void *arg, const struct openmart_reply *reply, const char *const *ids, size_t n)
{
    struct heard *heard = arg;

    hear(heard, reply);
    if (reply->verdict != VERDICT_DONE)
        ck_assert(!ids && n == 0);
    else
        snprintf(heard->value, sizeof heard->value, "%zu %s", n, n ? ids[0] : "");
}

void asker_hear_task(void *arg, const struct openmart_reply *reply,
                     const struct openmart_task *task)
{
    struct heard *heard = arg;

    hear(heard, reply);
    if (task)
        snprintf(heard->value, sizeof heard->value, "%s %zu %s", task->tracking_id, task->n_emails,
                 task->n_emails ? task->emails[0].email : "");
}

void asker_hear_balance(void *arg, const struct openmart_reply *reply, int64_t balance)
{
    struct heard *heard = arg;

    hear(heard, reply);
    snprintf(heard->value, sizeof heard->value, "%d", (int)balance);
}

void asker_run_until_heard(const struct heard *heard)
{
    while (!heard->times)
        fixture_turn();
    ck_assert_int_eq(heard->times, 1);
}

void asker_submit(const struct openmart_form *forms, size_t n, struct heard *heard)
{
    *heard = (struct heard){0};
    openmart_submit(asker_openmart, forms, n, asker_hear_submit, heard);
    ck_assert_int_eq(heard->times, 0);
    asker_run_until_heard(heard);
}
