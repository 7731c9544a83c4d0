/* SPDX-License-Identifier: MIT */
/* emails_bulk.c - POST /emails: reads a list of domains out of the body and opens its bulk.
 *
 * A long list takes a while to check, so a worker reads PORTION entries per loop iteration; a
 * message to its own inbox continues. Meanwhile it serves other requests. An entry that is not
 * valid does not fail the list: it becomes a rejected entry. Replies are in bulk_delivery.c.
 *
 * Idempotency-Key is ignored: a list that is sent again joins its bulk, and pays for nothing
 * twice. */
#include "http/endpoints/endpoints.h"

#include "base/mem.h"
#include "http/core/app.h"
#include "http/core/problem.h"
#include "http/endpoints/bulk_delivery.h"
#include "http/endpoints/bulk_entries.h"
#include "http/endpoints/bulk_query.h"
#include "http/endpoints/result_reply.h"
#include "http/protocol/list_parser.h"

#include <stdlib.h>

#define PORTION     256 /* entries per loop iteration */
#define ENTRY_BYTES 512 /* of the body, for each entry that is allowed */

/* A list that is being read. Worker thread. */
struct preparation {
    struct message message;
    struct inbox *inbox; /* of the worker */
    struct bulk_delivery *delivery;
    struct list_parser *parser;
    struct bulk_list *list;
    size_t max_entries;
};

/* ---- portions ---- */

/* Reads one portion. Returns ERR_OK if there may be more, ERR_NO_ENTRY at the end of a list, or an
 * error of the list as a whole. */
static enum err read_portion(struct preparation *preparation, struct errmsg *why)
{
    struct list_entry parsed;
    enum err err = ERR_OK;

    for (int i = 0; i < PORTION; i++) {
        err = list_parser_next(preparation->parser, &parsed, why);
        if (err)
            break;
        if (preparation->list->n == preparation->max_entries) {
            errmsg_set(why, "the list has more than %zu entries", preparation->max_entries);
            return ERR_BODY_TOO_LARGE;
        }
        bulk_entries_add(preparation->list, bulk_delivery_request(preparation->delivery), &parsed);
    }
    if (err == ERR_NO_ENTRY && preparation->list->n == 0) {
        errmsg_set(why, "the list has no entry");
        return ERR_MISSING_DOMAIN;
    }
    return err == ERR_AGAIN ? ERR_OK : err;
}

static void preparation_free(struct preparation *preparation)
{
    list_parser_free(preparation->parser);
    bulk_list_free(preparation->list);
    free(preparation);
}

static void fail(struct preparation *preparation, enum err err, const struct errmsg *why)
{
    problem_send(bulk_delivery_request(preparation->delivery), err, *why->text ? why->text : NULL);
    bulk_delivery_free(preparation->delivery);
    preparation_free(preparation);
}

static void open_bulk(struct preparation *preparation)
{
    struct bulk_list *list = TAKE(preparation->list);
    struct bulk_delivery *delivery = preparation->delivery;

    preparation_free(preparation);
    request_drop_body(bulk_delivery_request(delivery));
    bulk_list_seal(list);
    bulk_delivery_start(delivery, list, NULL, list->account);
}

/* Worker thread. */
static void prepare(struct message *message)
{
    struct preparation *preparation = container_of(message, struct preparation, message);
    struct errmsg why = {""};

    if (!bulk_delivery_request(preparation->delivery)) { /* the body has ended with the request */
        bulk_delivery_free(preparation->delivery);
        preparation_free(preparation);
        return;
    }
    enum err err = read_portion(preparation, &why);
    if (!err)
        inbox_post(preparation->inbox, message, prepare);
    else if (err == ERR_NO_ENTRY)
        open_bulk(preparation);
    else
        fail(preparation, err, &why);
}

/* ---- the endpoint ---- */

size_t emails_body_max(const struct service *service)
{
    return service->bulk_entries * ENTRY_BYTES;
}

enum err emails_accepts_type(const struct request *request, struct errmsg *why)
{
    enum list_type type;

    return list_type_read(request_header(request, "Content-Type"), &type, why);
}

static void start_preparation(struct request *request, const struct bulk_query *query,
                              enum list_type type)
{
    struct preparation *preparation;
    struct bulk_list *list = bulk_entries_new(request, query);
    struct bulk_delivery *delivery = bulk_delivery_new(request, query);

    if (!delivery) {
        bulk_list_free(list);
        return;
    }
    preparation = xcalloc(1, sizeof *preparation);
    preparation->inbox = request_inbox(request);
    preparation->delivery = delivery;
    preparation->parser = list_parser_new(type, request_body(request));
    preparation->list = list;
    preparation->max_entries = request_service(request)->bulk_entries;
    inbox_post(preparation->inbox, &preparation->message, prepare);
}

void emails_post(struct request *request)
{
    struct bulk_query query;
    enum list_type type;
    struct errmsg why = {""};
    enum err err = list_type_read(request_header(request, "Content-Type"), &type, &why);

    if (err) {
        problem_send(request, err, why.text);
        return;
    }
    if (!bulk_query_parse_list(request, type, &query))
        return;
    if (!answer_received(request, query.common.format))
        start_preparation(request, &query, type);
}
