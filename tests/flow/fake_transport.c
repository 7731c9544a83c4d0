/* SPDX-License-Identifier: MIT */
/* fake_transport.c - see fake_transport.h. A list of requests, without HTTP and without time. */
#include "fake_transport.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

struct transfer {
    struct transport *transport;
    char *url, *body;
    bool only_once, seen, ended;
    struct transport_answer answer;
    char *answer_body;
    transport_done_fn *done;
    void *arg;
    struct transfer *prev, *next;
};

struct transport {
    struct transfer *transfers;
    unsigned activity;
};

enum err transport_new(const struct transport_options *options, struct transport **ret_transport)
{
    (void)options;
    *ret_transport = xcalloc(1, sizeof **ret_transport);
    return ERR_OK;
}

static void forget(struct transfer *transfer)
{
    DL_DELETE(transfer->transport->transfers, transfer);
    transfer->transport->activity++;
    free(transfer->url);
    free(transfer->body);
    free(transfer->answer_body);
    free(transfer);
}

void transport_free(struct transport *transport)
{
    if (!transport)
        return;
    while (transport->transfers)
        forget(transport->transfers);
    free(transport);
}

struct transfer *transport_start(struct transport *transport,
                                 const struct transport_request *request, transport_done_fn *done,
                                 void *arg)
{
    struct transfer *transfer = xcalloc(1, sizeof *transfer);

    transfer->transport = transport;
    transfer->url = xstrdup(request->url);
    transfer->body = request->body ? xstrndup(request->body, request->body_len) : NULL;
    transfer->only_once = request->only_once;
    transfer->done = done;
    transfer->arg = arg;
    DL_APPEND(transport->transfers, transfer);
    transport->activity++;
    return transfer;
}

void transport_cancel(struct transfer *transfer)
{
    forget(transfer);
}

void transport_wait(struct transport *transport, int wake_fd, int64_t timeout_ms)
{
    (void)transport;
    (void)wake_fd;
    (void)timeout_ms;
}

static struct transfer *first_ended(struct transport *transport)
{
    struct transfer *transfer;

    DL_FOREACH (transport->transfers, transfer)
        if (transfer->ended)
            return transfer;
    return NULL;
}

void transport_run(struct transport *transport)
{
    struct transfer *transfer;

    while ((transfer = first_ended(transport))) {
        /* Removed from the list first, because `done` may start and cancel other requests. */
        struct transfer ended = *transfer;
        transfer->answer_body = NULL;
        forget(transfer);
        ended.done(ended.arg, &ended.answer);
        free(ended.answer_body);
    }
}

struct transfer *fake_next_new(struct transport *transport)
{
    struct transfer *transfer;

    DL_FOREACH (transport->transfers, transfer)
        if (!transfer->seen) {
            transfer->seen = true;
            return transfer;
        }
    return NULL;
}

unsigned fake_activity(const struct transport *transport)
{
    return transport->activity;
}

const char *fake_url(const struct transfer *transfer)
{
    return transfer->url;
}

const char *fake_body(const struct transfer *transfer)
{
    return transfer->body;
}

bool fake_only_once(const struct transfer *transfer)
{
    return transfer->only_once;
}

bool fake_is_alive(const struct transport *transport, const struct transfer *transfer)
{
    const struct transfer *each;

    DL_FOREACH (transport->transfers, each)
        if (each == transfer)
            return !each->ended;
    return false;
}

static void end(struct transfer *transfer, struct transport_answer answer, const char *body)
{
    transfer->answer_body = xstrdup(body);
    transfer->answer = answer;
    transfer->answer.body = transfer->answer_body;
    transfer->answer.body_len = strlen(body);
    transfer->ended = true;
}

void fake_answer(struct transfer *transfer, int status, const char *body, int64_t retry_after_s)
{
    end(transfer,
        (struct transport_answer){.end = TRANSPORT_ANSWERED,
                                  .status = status,
                                  .retry_after_s = retry_after_s,
                                  .error = ""},
        body);
}

void fake_break(struct transfer *transfer, enum transport_end how)
{
    end(transfer,
        (struct transport_answer){.end = how, .retry_after_s = -1, .error = "broken by the test"},
        "");
}
