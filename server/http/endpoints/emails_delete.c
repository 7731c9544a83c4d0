/* SPDX-License-Identifier: MIT */
/* emails_delete.c - DELETE /emails. The engine deletes the results; the request is parked
 * meanwhile. */
#include "http/endpoints/endpoints.h"

#include "base/mem.h"
#include "http/core/app.h"
#include "http/core/problem.h"
#include "http/endpoints/emails_query.h"
#include "lookup/engine.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Owned by the engine from engine_forget() to forgotten(), then by the worker. */
struct forgetter {
    struct forgetting forgetting;
    struct message message;
    struct inbox *inbox;
    struct request *request;
    enum err err;
    size_t n;
};

/* Worker thread. */
static void deliver(struct message *message)
{
    autofree struct forgetter *forgetter = container_of(message, struct forgetter, message);
    struct reply reply;

    if (forgetter->err) {
        problem_send(forgetter->request, forgetter->err, NULL);
    } else if (forgetter->n == 0) {
        problem_send(forgetter->request, ERR_NOT_FOUND, "no stored results for this domain");
    } else {
        reply_init(&reply, 204);
        request_reply(forgetter->request, &reply);
    }
}

/* Engine thread. */
static void forgotten(struct forgetting *forgetting, enum err err, size_t n)
{
    struct forgetter *forgetter = container_of(forgetting, struct forgetter, forgetting);

    forgetter->err = err;
    forgetter->n = n;
    inbox_post(forgetter->inbox, &forgetter->message, deliver);
}

/* The engine replies within one iteration, so there is nothing to cancel. */
static void client_left(struct request *request)
{
    (void)request;
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

void forget_domain(struct request *request)
{
    struct domain domain;
    struct errmsg why = {""};
    enum err err = read_domain(request, &domain, &why);

    if (err) {
        problem_send(request, err, *why.text ? why.text : NULL);
        return;
    }
    struct forgetter *forgetter = xcalloc(1, sizeof *forgetter);
    memcpy(forgetter->forgetting.domain, domain.name, sizeof forgetter->forgetting.domain);
    forgetter->forgetting.done = forgotten;
    forgetter->inbox = request_inbox(request);
    forgetter->request = request;
    request_park(request, client_left, forgetter);
    engine_forget(request_service(request)->engine, &forgetter->forgetting);
}
