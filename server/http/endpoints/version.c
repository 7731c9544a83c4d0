/* SPDX-License-Identifier: MIT */
/* version.c - GET /version. The Public Suffix List decides what counts as a company domain, so its
 * version is included. */
#include "http/endpoints/endpoints.h"

#include "base/json.h"
#include "model/domain.h"
#include "version.h"

#define DOCUMENT_MAX 1024

void version_get(struct request *request)
{
    struct buf autobuf out = BUF_INIT(DOCUMENT_MAX);
    struct reply reply;

    buf_add_str(&out, "{\"name\":\"emailsd\",\"version\":");
    json_add_text(&out, EMAILSD_VERSION);
    buf_add_str(&out, ",\"revision\":");
    json_add_text(&out, EMAILSD_REVISION);
    buf_add_str(&out, ",\"public_suffix_list\":");
    json_add_text(&out, domain_list_source());
    buf_add_str(&out, "}\n");
    reply_init(&reply, 200);
    reply_text(&reply, "Content-Type", "application/json");
    reply_text(&reply, "Cache-Control", "no-store");
    reply_body_take(&reply, &out);
    request_reply(request, &reply);
}
