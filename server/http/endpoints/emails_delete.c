/* SPDX-License-Identifier: MIT */
/* emails_delete.c - DELETE /emails. The engine deletes the results. */
#include "http/endpoints/endpoints.h"

#include "base/mem.h"
#include "http/core/problem.h"
#include "http/endpoints/emails_query.h"
#include "http/endpoints/engine_call.h"
#include "http/protocol/conditional.h"

#include <stdbool.h>
#include <stdio.h>
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

/* DELETE removes all results of a domain, so parameters that seem to narrow it are rejected. The
 * caller frees the question, also after an error. */
static enum err read_question(const struct request *request, struct question **ret_question,
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
    return question_new(parameters.fields, ret_question, why);
}

void emails_delete(struct request *request)
{
    struct question *question = NULL;
    struct errmsg why = {""};
    enum err err = read_question(request, &question, &why);

    if (err) {
        question_free(question);
        problem_send(request, err, *why.text ? why.text : NULL);
        return;
    }
    struct forget_domain_call *forget = xcalloc(1, sizeof *forget);
    forget->call.run = engine_forget_domain;
    snprintf(forget->domain, sizeof forget->domain, "%s", question->parts.domain);
    memcpy(forget->key, question->key, HASH_SIZE);
    conditional_read(request_header(request, "If-Match"),
                     request_header(request, "If-Unmodified-Since"), &forget->precondition);
    question_free(question);
    engine_call_send(request, &forget->call, reply_deleted, NULL);
}
