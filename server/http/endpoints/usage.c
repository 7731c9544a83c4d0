/* SPDX-License-Identifier: MIT */
/* usage.c - GET /usage. Only the engine knows the accounts, so the request is parked until the
 * engine has replied. */
#include "http/endpoints/endpoints.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "http/auth/client_keys.h"
#include "http/core/app.h"
#include "lookup/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DOCUMENT_MAX 1024

/* A parked request. Owned by the engine from engine_state_account() to stated(), then by the
 * worker. */
struct usage {
    struct statement statement;
    struct message message;
    struct inbox *inbox;
    struct request *request;
    int64_t rate; /* requests per second; 0 = no limit */
};

/* Adds `number`, or null if there is no such limit. */
static void add_number(struct buf *out, const char *name, bool is_there, int64_t number)
{
    if (is_there)
        buf_addf(out, ",\"%s\":%lld", name, (long long)number);
    else
        buf_addf(out, ",\"%s\":null", name);
}

static void write_document(const struct usage *usage, struct buf *out)
{
    const struct statement *statement = &usage->statement;
    const struct budget_account *account = &statement->account;
    const struct quota_status *allowance = &account->allowance;
    char resets_at[CLOCK_TEXT];

    clock_rfc3339(account->day_ends_ms, resets_at);
    buf_add_str(out, "{\"client\":");
    json_add_text(out, statement->name);
    buf_addf(out, ",\"lookups\":%lld,\"credits\":%lld", (long long)account->spent,
             (long long)account->spent);
    add_number(out, "quota", allowance->limited, allowance->quota);
    add_number(out, "remaining", account->is_limited, account->remaining);
    buf_addf(out, ",\"resets_at\":\"%s\"", resets_at);
    add_number(out, "requests_per_second", usage->rate > 0, usage->rate);
    buf_add_str(out, "}\n");
}

/* Worker thread. */
static void deliver(struct message *message)
{
    autofree struct usage *usage = container_of(message, struct usage, message);
    struct buf autobuf out = BUF_INIT(DOCUMENT_MAX);
    struct reply reply;

    write_document(usage, &out);
    reply_init(&reply, 200);
    reply_text(&reply, "Content-Type", "application/json");
    reply_text(&reply, "Cache-Control", "no-store");
    reply_quota(&reply, &usage->statement.account.allowance);
    reply_body_take(&reply, &out);
    request_reply(usage->request, &reply);
}

/* Engine thread. */
static void stated(struct statement *statement)
{
    struct usage *usage = container_of(statement, struct usage, statement);

    inbox_post(usage->inbox, &usage->message, deliver);
}

/* The engine replies within one iteration, so there is nothing to cancel. */
static void client_left(struct request *request)
{
    (void)request;
}

void usage_get(struct request *request)
{
    const struct client *client = request_client(request);
    struct usage *usage = xcalloc(1, sizeof *usage);

    snprintf(usage->statement.name, sizeof usage->statement.name, "%s", request_account(request));
    usage->statement.quota = client->quota;
    usage->statement.done = stated;
    usage->inbox = request_inbox(request);
    usage->request = request;
    usage->rate = client->rate;
    request_park(request, client_left, usage);
    engine_state_account(request_service(request)->engine, &usage->statement);
}
