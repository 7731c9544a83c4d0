/* SPDX-License-Identifier: MIT */
/* health.c - see health.h. */
#include "http/health.h"

void health_live(struct request *request)
{
    struct reply reply;

    reply_init(&reply, 200);
    reply_text(&reply, "Content-Type", "text/plain; charset=utf-8");
    reply_text(&reply, "Cache-Control", "no-store");
    reply_body_static(&reply, "ok\n", 3);
    request_reply(request, &reply);
}
