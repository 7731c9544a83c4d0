/* SPDX-License-Identifier: MIT */
/* openapi.c - GET /openapi.yaml. The assembler's .incbin embeds openapi.yaml in the read-only data,
 * so the document always matches the daemon that serves it. The compiler must run in the root of
 * the source tree. */
#include "http/endpoints/endpoints.h"

__asm__(".section .rodata\n"
        ".global contract_text, contract_end\n"
        "contract_text:\n"
        ".incbin \"openapi.yaml\"\n"
        "contract_end:\n"
        ".byte 0\n"
        ".previous\n");

extern const char contract_text[], contract_end[];

void openapi_get(struct request *request)
{
    struct reply reply;

    reply_init(&reply, 200);
    reply_text(&reply, "Content-Type", "application/yaml");
    reply_text(&reply, "Cache-Control", "max-age=3600");
    /* Two labels around one text; the analyser takes them for two objects. */
    // cppcheck-suppress comparePointers
    reply_body_static(&reply, contract_text, (size_t)(contract_end - contract_text));
    request_reply(request, &reply);
}
