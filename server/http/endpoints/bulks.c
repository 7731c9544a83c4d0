/* SPDX-License-Identifier: MIT */
/* bulks.c - GET and DELETE /bulks/{id}: reads, or cancels, a bulk that POST /emails started. */
#include "http/endpoints/endpoints.h"

#include "base/mem.h"
#include "http/core/problem.h"
#include "http/endpoints/bulk_delivery.h"
#include "http/endpoints/bulk_query.h"
#include "http/endpoints/engine_call.h"
#include "http/endpoints/result_reply.h"

#include <stdio.h>
#include <string.h>

static const char unknown_id[] = "unknown or expired bulk id";

void bulks_get(struct request *request)
{
    const char *id = request_path_tail(request);
    struct bulk_query query;

    if (!id_is_well_formed(id)) {
        problem_send(request, ERR_NOT_FOUND, unknown_id);
        return;
    }
    if (!bulk_query_parse(request, &query) || answer_received(request, query.common.format))
        return;
    struct bulk_delivery *delivery = bulk_delivery_new(request, &query);
    if (delivery)
        bulk_delivery_start(delivery, NULL, id, query.common.account.name);
}

static void reply_cancelled(struct request *request, struct engine_call *call)
{
    const struct bulk_cancel_call *cancel = container_of(call, struct bulk_cancel_call, call);
    struct reply reply;

    if (cancel->err) {
        problem_send(request, cancel->err, cancel->err == ERR_NOT_FOUND ? unknown_id : NULL);
        return;
    }
    reply_init(&reply, 204);
    request_reply(request, &reply);
}

void bulks_delete(struct request *request)
{
    const char *id = request_path_tail(request);

    if (!id_is_well_formed(id)) {
        problem_send(request, ERR_NOT_FOUND, unknown_id);
        return;
    }
    struct bulk_cancel_call *cancel = xcalloc(1, sizeof *cancel);
    cancel->call.run = bulk_cancel;
    memcpy(cancel->id, id, ID_TEXT);
    snprintf(cancel->account, sizeof cancel->account, "%s", request_account(request));
    engine_call_send(request, &cancel->call, reply_cancelled, NULL);
}
