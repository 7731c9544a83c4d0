/* SPDX-License-Identifier: MIT */
/* openapi.c - GET /openapi.yaml: the description of the API, embedded at build time. */
#include "http/endpoints/embedded.h"
#include "http/endpoints/endpoints.h"

EMBED(contract, "openapi.yaml");

void openapi_get(struct request *request)
{
    struct slice text = embedded(contract_text, contract_end);
    struct reply reply;

    reply_init(&reply, 200);
    reply_text(&reply, "Content-Type", "application/yaml");
    reply_text(&reply, "Cache-Control", "max-age=3600");
    reply_body_static(&reply, text.data, text.len);
    request_reply(request, &reply);
}
