/* SPDX-License-Identifier: MIT */
/* stream_fixture.h - a listener with an endpoint whose response is a stream, which the test's own
 * thread writes, and a reader of chunked bodies.
 *
 * Each stream is a `struct tap`, in the order in which they started. The test posts what is to
 * happen to a stream to its worker, and waits until it has happened. A test program includes this
 * file once, in place of listener_fixture.h. */
#ifndef UNIT_STREAM_FIXTURE_H
#define UNIT_STREAM_FIXTURE_H

#define LISTENER_ROUTES                                                                            \
    {HTTP_GET, "/stream", get_stream, FOR_ALL, NULL},                                              \
        {HTTP_GET, "/parked-stream", get_parked_stream, FOR_ALL, NULL},                            \
        {HTTP_GET, "/free-stream", get_free_stream, FOR_ALL, NULL},                                \
        {HTTP_POST, "/upload", any_echo, FOR_CLIENTS, &upload_body},

#include "http/core/app.h"
#include "http/core/router.h"
#include "http/core/stream.h"

static endpoint_fn get_stream, get_parked_stream, get_free_stream;

#define UPLOAD_PIECE ((size_t)64 << 10)
#define UPLOAD_MAX   ((size_t)1 << 20)

static size_t max_upload(const struct service *service)
{
    (void)service;
    return UPLOAD_MAX;
}

static const struct route_body upload_body = {.max_bytes = max_upload};

#include "listener_fixture.h"

#include <errno.h>
#include <sys/socket.h>

#define TAPS 512

/* `n_drained` and what follows are guarded by fixture.lock; the rest is the worker's. */
struct tap {
    struct request *request; /* parked; NULL = the stream has started */
    struct stream *stream;   /* NULL = closed, or not started */
    struct inbox *inbox;
    size_t n_more;  /* pieces that drained() still writes */
    bool must_hold; /* closed() is to hold the worker, as if a message were missing */
    struct worker *held;
    size_t n_drained;
    bool has_left; /* the client, while the request was parked */
    bool is_closed, is_complete;
};

static struct {
    struct tap all[TAPS];
    size_t n;
} taps;

static const char piece[] = "0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqr\n";

static void note(bool *flag)
{
    pthread_mutex_lock(&fixture.lock);
    *flag = true;
    pthread_cond_broadcast(&fixture.changed);
    pthread_mutex_unlock(&fixture.lock);
}

/* ---- the owner, on the worker ---- */

static void drained(struct stream *stream)
{
    struct tap *tap = stream_state(stream);

    ck_assert_ptr_eq(stream, tap->stream);
    ck_assert_uint_eq(stream_unsent(stream), 0);
    if (tap->n_more > 0 && --tap->n_more == 0) {
        stream_write(stream, piece, sizeof piece - 1);
        stream_end(stream);
    } else if (tap->n_more > 0) {
        stream_write(stream, piece, sizeof piece - 1);
    }
    pthread_mutex_lock(&fixture.lock);
    tap->n_drained++;
    pthread_cond_broadcast(&fixture.changed);
    pthread_mutex_unlock(&fixture.lock);
}

static void closed(struct stream *stream, bool is_complete)
{
    struct tap *tap = stream_state(stream);

    ck_assert_ptr_eq(stream, tap->stream);
    ck_assert(!tap->is_closed);
    tap->stream = NULL;
    tap->is_complete = is_complete;
    if (tap->must_hold)
        tap->held = request_hold_worker(stream_request(stream));
    note(&tap->is_closed);
}

static void begin_stream(struct tap *tap, struct request *request)
{
    static const struct stream_owner owner = {drained, closed};
    struct reply head;

    reply_init(&head, 200);
    reply_text(&head, "Content-Type", "application/x-ndjson");
    request_set_outcome(request, "streamed", NULL, CHARGED_NO);
    tap->stream = stream_start(request, &head, "waiting\n", &owner, tap);
}

static struct tap *new_tap(struct request *request)
{
    ck_assert_uint_lt(taps.n, TAPS);
    struct tap *tap = &taps.all[taps.n];
    tap->inbox = request_inbox(request);
    return tap;
}

static void count_tap(void)
{
    pthread_mutex_lock(&fixture.lock);
    taps.n++;
    pthread_cond_broadcast(&fixture.changed);
    pthread_mutex_unlock(&fixture.lock);
}

static void get_stream(struct request *request)
{
    if (!stream_reserve(request))
        return;
    struct tap *tap = new_tap(request);
    begin_stream(tap, request);
    count_tap();
}

/* A stream that needs no slot. */
static void get_free_stream(struct request *request)
{
    begin_stream(new_tap(request), request);
    count_tap();
}

static void note_left(struct request *request)
{
    struct tap *tap = request_state(request);

    note(&tap->has_left);
}

static void get_parked_stream(struct request *request)
{
    if (!stream_reserve(request))
        return;
    struct tap *tap = new_tap(request);
    tap->request = request;
    request_park(request, note_left, tap);
    count_tap();
}

/* ---- what the test lets happen ---- */

struct order {
    struct message message;
    struct tap *tap;
    void (*run)(struct tap *tap, const char *data, size_t len);
    const char *data;
    size_t len;
    bool is_done;
};

static void run_order(struct message *message)
{
    struct order *order = container_of(message, struct order, message);

    order->run(order->tap, order->data, order->len);
    note(&order->is_done);
}

static inline void wait_for(const bool *flag)
{
    pthread_mutex_lock(&fixture.lock);
    while (!*flag)
        pthread_cond_wait(&fixture.changed, &fixture.lock);
    pthread_mutex_unlock(&fixture.lock);
}

static void let(struct tap *tap, void (*run)(struct tap *tap, const char *data, size_t len),
                const char *data, size_t len)
{
    struct order order = {.tap = tap, .run = run, .data = data, .len = len};

    inbox_post(tap->inbox, &order.message, run_order);
    wait_for(&order.is_done);
}

static void run_write(struct tap *tap, const char *data, size_t len)
{
    stream_write(tap->stream, data, len);
}

static void run_end(struct tap *tap, const char *data, size_t len)
{
    (void)data;
    (void)len;
    stream_end(tap->stream);
}

static void run_abort(struct tap *tap, const char *data, size_t len)
{
    (void)data;
    (void)len;
    stream_abort(tap->stream);
}

static void run_begin(struct tap *tap, const char *data, size_t len)
{
    (void)data;
    (void)len;
    begin_stream(tap, TAKE(tap->request));
}

static inline void run_release(struct tap *tap, const char *data, size_t len)
{
    (void)data;
    (void)len;
    request_release_worker(tap->held);
}

static inline void write_to(struct tap *tap, const char *text)
{
    let(tap, run_write, text, strlen(text));
}

static inline void end_stream(struct tap *tap)
{
    let(tap, run_end, NULL, 0);
}

static inline void abort_stream(struct tap *tap)
{
    let(tap, run_abort, NULL, 0);
}

static inline void begin_parked(struct tap *tap)
{
    let(tap, run_begin, NULL, 0);
}

/* Returns the i-th stream, when it has started or its request is parked. */
static inline struct tap *tap_at(size_t i)
{
    pthread_mutex_lock(&fixture.lock);
    while (taps.n <= i)
        pthread_cond_wait(&fixture.changed, &fixture.lock);
    pthread_mutex_unlock(&fixture.lock);
    return &taps.all[i];
}

static inline void wait_drained(const struct tap *tap, size_t n)
{
    pthread_mutex_lock(&fixture.lock);
    while (tap->n_drained < n)
        pthread_cond_wait(&fixture.changed, &fixture.lock);
    pthread_mutex_unlock(&fixture.lock);
}

static inline void wait_broken(size_t i)
{
    wait_for(&tap_at(i)->is_closed);
    ck_assert(!tap_at(i)->is_complete);
}

/* ---- the client ---- */

static inline void get_head(int fd, const char *request, struct raw_answer *answer)
{
    raw_send(fd, request);
    ck_assert(raw_read_no_body(fd, answer));
    ck_assert_int_eq(answer->status, 200);
}

/* Reads exactly these bytes. */
static inline void expect_bytes(int fd, const char *text)
{
    char got[512];
    size_t len = strlen(text);

    ck_assert_uint_lt(len, sizeof got);
    for (size_t n = 0; n < len;) {
        ssize_t more = recv(fd, got + n, len - n, 0);
        ck_assert_int_gt(more, 0);
        n += (size_t)more;
        ck_assert_msg(memcmp(got, text, n) == 0, "%.*s", (int)n, got);
    }
}

/* Reads one chunk with exactly this content. */
static inline void expect_chunk(int fd, const char *text)
{
    char chunk[512];

    snprintf(chunk, sizeof chunk, "%zX\r\n%s\r\n", strlen(text), text);
    expect_bytes(fd, chunk);
}

static inline void expect_last_chunk(int fd)
{
    expect_bytes(fd, "0\r\n\r\n");
}

/* Reads until the connection ends. Returns the number of bytes; *ret_error is 0, or why the last
 * read failed. */
static inline size_t read_to_end(int fd, int *ret_error)
{
    static char rest[1 << 16];
    size_t all = 0;
    ssize_t n;

    while ((n = recv(fd, rest, sizeof rest, 0)) > 0)
        all += (size_t)n;
    *ret_error = n < 0 ? errno : 0;
    return all;
}

#define GET_STREAM    "GET /stream HTTP/1.1\r\nHost: test\r\n\r\n"
#define GET_STREAM_10 "GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"

#endif
