/* SPDX-License-Identifier: MIT */
/* usage.c - GET /usage. Only the engine knows the accounts. */
#include "http/endpoints/usage.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "http/auth/client_keys.h"
#include "http/endpoints/endpoints.h"
#include "http/endpoints/engine_call.h"

#include <stdio.h>

/* Adds `number`, or null if there is no such limit. */
static void add_number(struct buf *out, const char *name, bool is_there, int64_t number)
{
    if (is_there)
        buf_addf(out, ",\"%s\":%lld", name, (long long)number);
    else
        buf_addf(out, ",\"%s\":null", name);
}

void usage_write(const struct usage_call *usage, struct buf *out)
{
    const struct budget_account *account = &usage->account.account;
    const struct quota_status *allowance = &account->allowance;
    char resets_at[CLOCK_TEXT];

    clock_rfc3339(account->day_ends_ms, resets_at);
    buf_add_str(out, "{\"client\":");
    json_add_text(out, usage->account.name);
    buf_addf(out, ",\"lookups\":%lld,\"credits\":%lld", (long long)account->spent,
             (long long)account->spent);
    add_number(out, "quota", allowance->limited, allowance->quota);
    add_number(out, "remaining", account->is_limited, account->remaining);
    buf_addf(out, ",\"resets_at\":\"%s\"", resets_at);
    add_number(out, "requests_per_second", usage->rate > 0, usage->rate);
    buf_addf(out, ",\"cached_only\":%s}\n", usage->cached_only ? "true" : "false");
}

static void reply_usage(struct request *request, struct engine_call *call)
{
    const struct usage_call *usage = container_of(call, struct usage_call, account.call);
    struct buf autobuf out = BUF_INIT(USAGE_MAX);
    struct reply reply;

    usage_write(usage, &out);
    reply_init(&reply, 200);
    reply_text(&reply, "Content-Type", "application/json");
    reply_text(&reply, "Cache-Control", "no-store");
    reply_quota(&reply, &usage->account.account.allowance);
    reply_body_take(&reply, &out);
    request_reply(request, &reply);
}

void usage_call_init(struct usage_call *usage, struct request *request)
{
    const struct client *client = request_client(request);

    usage->rate = client->rate;
    usage->cached_only = client->cached_only;
    usage->account.call.run = engine_read_account;
    usage->account.quota = client->quota;
    snprintf(usage->account.name, sizeof usage->account.name, "%s", request_account(request));
}

void usage_get(struct request *request)
{
    struct usage_call *usage = xcalloc(1, sizeof *usage);

    usage_call_init(usage, request);
    engine_call_send(request, &usage->account.call, reply_usage, NULL);
}
