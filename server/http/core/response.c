/* SPDX-License-Identifier: MIT */
/* response.c - see response.h. */
#include "http/core/response.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "http/core/direct_send.h"

#include <stdlib.h>
#include <string.h>

#define DIRECT_MAX 12288 /* a problem document and its head */

struct response {
    unsigned refs;
    struct MHD_Response *mhd;
    char *id; /* X-Request-Id's value inside `mhd`, overwritten for each use */
    size_t id_len;
    bool closing, comparable;
    char date[CLOCK_TEXT];
    struct reply reply; /* what it was made from; `mhd` owns the body */
};

static void unref_result(void *result)
{
    result_unref(result);
}

/* Moves the body, and the reference that keeps it alive, to the response. */
static struct MHD_Response *mhd_response_of(struct reply *reply)
{
    void *data = (void *)(uintptr_t)reply->body.data;
    size_t len = reply->body.len;

    if (reply->keeper)
        return MHD_create_response_from_buffer_with_free_callback_cls(
            len, data, unref_result, (void *)(uintptr_t)TAKE(reply->keeper));
    if (reply->owned_body) {
        reply->owned_body = NULL;
        return MHD_create_response_from_buffer(len, data, MHD_RESPMEM_MUST_FREE);
    }
    return MHD_create_response_from_buffer(len, data, MHD_RESPMEM_PERSISTENT);
}

/* libmicrohttpd rejects line ends and empty values. No value is made from unchecked input of a
 * client or the upstream, so a rejection is a broken invariant: there is no recovery. */
static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
    if (MHD_add_response_header(response, name, value) == MHD_YES)
        return;
    log_event(LOG_ERROR, "invalid_response_header", LOG_STR("name", name),
              LOG_STR("file", __FILE__));
    abort();
}

static struct response *new_response(struct MHD_Response *mhd, const struct reply *reply,
                                     const char *date, const char *id, bool closing)
{
    struct response *response = xcalloc(1, sizeof *response);

    if (!mhd)
        abort(); /* out of memory */
    response->refs = 1;
    response->mhd = mhd;
    response->reply = *reply;
    response->closing = closing;
    memcpy(response->date, date, sizeof response->date);
    for (size_t i = 0; i < reply->n_headers; i++)
        add_header(response->mhd, reply->headers[i].name, reply_value(reply, i));
    add_header(response->mhd, "Date", date);
    add_header(response->mhd, "X-Request-Id", id);
    add_header(response->mhd, "X-Content-Type-Options", "nosniff");
    if (closing)
        add_header(response->mhd, "Connection", "close");
    response->id = (char *)(uintptr_t)MHD_get_response_header(response->mhd, "X-Request-Id");
    response->id_len = strlen(id);
    return response;
}

struct response *response_new(struct reply *reply, const char *date, const char *id, bool closing)
{
    bool is_comparable = !reply->owned_body;
    struct MHD_Response *mhd = mhd_response_of(reply);
    struct response *response = new_response(mhd, reply, date, id, closing);

    response->comparable = is_comparable;
    return response;
}

struct response *response_new_stream(struct reply *head, const char *date, const char *id,
                                     bool closing, bool is_head, size_t room,
                                     MHD_ContentReaderCallback read, void *arg)
{
    struct MHD_Response *mhd =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, room, read, arg, NULL);

    if (mhd && is_head)
        MHD_set_response_options(mhd, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
    return new_response(mhd, head, date, id, closing);
}

struct response *response_ref(struct response *response)
{
    response->refs++;
    return response;
}

void response_unref(struct response *response)
{
    if (!response || --response->refs > 0)
        return;
    MHD_destroy_response(response->mhd);
    free(response);
}

static bool has_headers_of(const struct reply *a, const struct reply *b)
{
    if (a->n_headers != b->n_headers || a->n_bytes != b->n_bytes)
        return false;
    for (size_t i = 0; i < a->n_headers; i++)
        if (a->headers[i].name != b->headers[i].name ||
            a->headers[i].value_at != b->headers[i].value_at)
            return false;
    return memcmp(a->bytes, b->bytes, a->n_bytes) == 0;
}

bool response_matches(const struct response *response, const struct reply *reply, const char *date,
                      const char *id, bool closing)
{
    const struct reply *made_of = &response->reply;

    return response->comparable && !reply->owned_body && made_of->body.data == reply->body.data &&
           made_of->body.len == reply->body.len && made_of->status == reply->status &&
           response->closing == closing && strlen(id) == response->id_len &&
           strcmp(response->date, date) == 0 && has_headers_of(made_of, reply);
}

int response_status(const struct response *response)
{
    return response->reply.status;
}

enum MHD_Result response_send(struct response *response, struct MHD_Connection *connection,
                              const char *id)
{
    memcpy(response->id, id, response->id_len);
    return MHD_queue_response(connection, (unsigned)response->reply.status, response->mhd);
}

static enum MHD_Result write_header(void *out, enum MHD_ValueKind kind, const char *name,
                                    const char *value)
{
    (void)kind;
    buf_addf(out, "%s: %s\r\n", name, value);
    return MHD_YES;
}

void response_send_directly(struct response *response, struct MHD_Connection *connection,
                            const char *id, bool has_body)
{
    const struct reply *reply = &response->reply;
    struct buf autobuf out = BUF_INIT(DIRECT_MAX);

    memcpy(response->id, id, response->id_len);
    buf_addf(&out, "HTTP/1.1 %d %s\r\n", reply->status,
             MHD_get_reason_phrase_for((unsigned)reply->status));
    MHD_get_response_headers(response->mhd, write_header, &out);
    buf_addf(&out, "Content-Length: %zu\r\n\r\n", reply->body.len);
    if (has_body)
        buf_add(&out, reply->body.data, reply->body.len);
    if (!buf_check(&out))
        direct_send(connection, out.data, out.len);
}
