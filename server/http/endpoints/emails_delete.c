/* SPDX-License-Identifier: MIT */
/* emails_delete.c - DELETE /emails. The engine deletes the results. */
#include "http/endpoints/endpoints.h"

#include "base/mem.h"
#include "http/core/problem.h"
#include "http/endpoints/emails_query.h"
#include "http/endpoints/engine_call.h"

#include <stdbool.h>
#include <string.h>

static void reply_deleted(struct request *request, struct engine_call *call)
{
    const struct forget_domain_call *forget = container_of(call, struct forget_domain_call, call);
    struct reply reply;

    if (forget->err) {
        problem_send(request, forget->err, NULL);
    } else if (forget->n == 0) {
        problem_send(request, ERR_NOT_FOUND, "no stored results for this domain");
    } else {
        reply_init(&reply, 204);
        request_reply(request, &reply);
    }
}

/* DELETE removes all results of a domain, so parameters that seem to narrow it are rejected. */
static enum err read_domain(const struct request *request, struct domain *ret_domain,
                            struct errmsg *why)
{
    struct parameters parameters;
    enum err err = parameters_read(request, &parameters, why);

    if (err)
        return err;
    if (parameters.has_others) {
        errmsg_set(why, "DELETE accepts only 'domain' and removes all its results");
        return ERR_INVALID_PARAMETER;
    }
    const struct slice *domain = &parameters.fields[QUESTION_DOMAIN];
    return domain_parse(domain->data ? domain->data : "", domain->len, ret_domain, why);
}

void emails_delete(struct request *request)
{
    struct domain domain;
    struct errmsg why = {""};
    enum err err = read_domain(request, &domain, &why);

    if (err) {
        problem_send(request, err, *why.text ? why.text : NULL);
        return;
    }
    struct forget_domain_call *forget = xcalloc(1, sizeof *forget);
    forget->call.run = engine_forget_domain;
    memcpy(forget->domain, domain.name, sizeof forget->domain);
    engine_call_send(request, &forget->call, reply_deleted);
}
