/* SPDX-License-Identifier: MIT */
/* listener_fixture.h - a real listener with endpoints made for tests, and functions to control
 * them.
 *
 * Defines the route table, so each test program includes it once; it is a header because all .c
 * files here are linked into every test program. The test's own thread owns the parked requests:
 * it waits until they are parked, and posts the messages that answer them. All waits are for
 * events. */
#ifndef UNIT_LISTENER_FIXTURE_H
#define UNIT_LISTENER_FIXTURE_H

#include "base/mem.h"
#include "http/core/app.h"
#include "http/core/router.h"
#include "http/listener.h"
#include "raw_client.h"

#include <check.h>
#include <microhttpd.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MANY 1024 /* parked at the same time */

/* ---- shared by worker threads and the test ---- */

struct stay {
    struct message message;
    struct request *request; /* NULL = reply_late() has replied */
    struct worker *worker;   /* then */
    struct inbox *inbox;
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct stay *parked[MANY]; /* in the order in which they were parked; not answered yet */
    size_t n_parked, n_abandoned;
    sem_t held, let_go;
    struct service service;
} fixture = {.lock = PTHREAD_MUTEX_INITIALIZER,
             .changed = PTHREAD_COND_INITIALIZER,
             .service.auth.access = ANONYMOUS_ALL,
             .service.max_streams = 256,
             .service.limits.stream_drain_ms = 600000};

/* ---- endpoints ---- */

static void say(struct request *request, const char *text)
{
    struct reply reply;

    reply_init(&reply, 200);
    reply_header(&reply, "Content-Type", "text/plain");
    reply_body_static(&reply, text, strlen(text));
    request_reply(request, &reply);
}

static void get_now(struct request *request)
{
    say(request, request_service(request) == &fixture.service ? "now\n" : "whose service?\n");
}

static void note_abandoned(struct request *request)
{
    const struct stay *stay = request_state(request);

    pthread_mutex_lock(&fixture.lock);
    ck_assert_ptr_eq(stay->request, request);
    fixture.n_abandoned++;
    pthread_cond_broadcast(&fixture.changed);
    pthread_mutex_unlock(&fixture.lock);
}

static struct stay *park(struct request *request)
{
    struct stay *stay = xcalloc(1, sizeof *stay);

    stay->request = request;
    stay->inbox = request_inbox(request);
    request_park(request, note_abandoned, stay);
    pthread_mutex_lock(&fixture.lock);
    ck_assert_uint_lt(fixture.n_parked, MANY);
    fixture.parked[fixture.n_parked++] = stay;
    pthread_cond_broadcast(&fixture.changed);
    pthread_mutex_unlock(&fixture.lock);
    return stay;
}

static void get_parked(struct request *request)
{
    park(request);
}

static void reply_late(struct request *request)
{
    struct stay *stay = request_state(request);

    stay->worker = request_hold_worker(request);
    ck_assert_ptr_nonnull(stay->worker);
    stay->request = NULL;
    say(request, "too late\n");
}

/* Parked until its deadline, which comes before the test answers it. */
static void get_late(struct request *request)
{
    park(request);
    request_set_deadline(request, request_clock(request)->now_ms + 1, reply_late);
}

/* Parked with a deadline that never comes. */
static void get_early(struct request *request)
{
    park(request);
    request_set_deadline(request, request_clock(request)->now_ms + 1, reply_late);
    request_set_deadline(request, INT64_MAX - 1, reply_late);
}

/* Keeps its worker busy until the test releases it, so that events accumulate for the worker. */
static void get_held(struct request *request)
{
    sem_post(&fixture.held);
    while (sem_wait(&fixture.let_go) != 0)
        ;
    say(request, "held\n");
}

static void get_tail(struct request *request)
{
    struct buf autobuf text = BUF_INIT(4096);
    struct reply reply;

    buf_addf(&text, "%s|%s", request_path(request), request_path_tail(request));
    reply_init(&reply, 200);
    reply_body_take(&reply, &text);
    request_reply(request, &reply);
}

/* Writes "3:a.b=5:value;" for each argument, "3:a.b;" without "=". */
static enum err add_argument(void *arg, struct slice name, struct slice value)
{
    struct buf *text = arg;

    buf_addf(text, "%zu:", name.len);
    buf_add(text, name.data, name.len);
    if (value.data) {
        buf_addf(text, "=%zu:", value.len);
        buf_add(text, value.data, value.len);
    }
    buf_add_str(text, ";");
    return name.len == 4 && memcmp(name.data, "stop", 4) == 0 ? ERR_INVALID_PARAMETER : ERR_OK;
}

static void get_arguments(struct request *request)
{
    struct buf autobuf text = BUF_INIT(60000);
    struct reply reply;
    enum err err = request_each_argument(request, add_argument, &text);

    reply_init(&reply, err ? err_row(err)->status : 200);
    reply_body_take(&reply, &text);
    request_reply(request, &reply);
}

static void get_root(struct request *request)
{
    say(request, "root");
}

/* Asks twice: a joined value stays valid as long as the request. */
static void get_header(struct request *request)
{
    const char *first = request_header(request, "X-List");
    const char *again = request_header(request, "X-List");
    struct buf autobuf text = BUF_INIT(4096);
    struct reply reply;

    ck_assert_pstr_eq(first, again);
    buf_add_str(&text, first ? first : "(none)");
    reply_init(&reply, 200);
    reply_body_take(&reply, &text);
    request_reply(request, &reply);
}

static void get_unchanged(struct request *request)
{
    struct reply reply;

    reply_init(&reply, 304);
    reply_header(&reply, "ETag", "\"x\"");
    reply_body_static(&reply, "unchanged\n", 10);
    request_reply(request, &reply);
}

#define ECHO_MAX 65536

static size_t echo_max(const struct service *service)
{
    (void)service;
    return ECHO_MAX;
}

static const struct route_body echo_body = {.max_bytes = echo_max};

/* Replies with the length of the body and the sum of its bytes. */
static void any_echo(struct request *request)
{
    struct slice body = request_body(request);
    struct buf autobuf text = BUF_INIT(64);
    struct reply reply;
    unsigned sum = 0;

    for (size_t i = 0; i < body.len; i++)
        sum += (unsigned char)body.data[i];
    ck_assert_int_eq(body.data[body.len], '\0');
    buf_addf(&text, "%zu:%u", body.len, sum);
    reply_init(&reply, 200);
    reply_body_take(&reply, &text);
    request_reply(request, &reply);
}

/* More than the socket buffers hold. */
static char big[32 << 20];

static void get_big(struct request *request)
{
    struct reply reply;

    reply_init(&reply, 200);
    reply_body_static(&reply, big, sizeof big);
    request_reply(request, &reply);
}

#ifndef LISTENER_ROUTES
#define LISTENER_ROUTES
#endif

const struct route routes[] = {
    {HTTP_GET, "/now", get_now, FOR_ALL, NULL},
    {HTTP_POST, "/now", get_now, FOR_ALL, NULL},
    {HTTP_GET, "/parked", get_parked, FOR_ALL, NULL},
    {HTTP_GET, "/late", get_late, FOR_ALL, NULL},
    {HTTP_GET, "/early", get_early, FOR_ALL, NULL},
    {HTTP_GET, "/held", get_held, FOR_ALL, NULL},
    {HTTP_GET, "/tail/{}", get_tail, FOR_ALL, NULL},
    {HTTP_GET, "/arguments", get_arguments, FOR_ALL, NULL},
    {HTTP_GET, "/header", get_header, FOR_ALL, NULL},
    {HTTP_GET, "/", get_root, FOR_ALL, NULL},
    {HTTP_GET, "/unchanged", get_unchanged, FOR_ALL, NULL},
    {HTTP_GET, "/big", get_big, FOR_ALL, NULL},
    {HTTP_ANY_METHOD, "/echo", any_echo, FOR_ALL, &echo_body},
    {HTTP_POST, "/closed", any_echo, FOR_ADMINS, &echo_body},
    LISTENER_ROUTES /* of the test program */
};
const size_t n_routes = ARRAY_LEN(routes);

/* ---- control by the test ---- */

static inline void wait_parked(size_t n)
{
    pthread_mutex_lock(&fixture.lock);
    while (fixture.n_parked < n)
        pthread_cond_wait(&fixture.changed, &fixture.lock);
    pthread_mutex_unlock(&fixture.lock);
}

static void deliver(struct message *message)
{
    struct stay *stay = container_of(message, struct stay, message);

    if (stay->request)
        say(stay->request, "later\n");
    else
        request_release_worker(stay->worker);
    free(stay);
}

/* Answers all parked requests from this thread. */
static void let_all_go(void)
{
    struct stay *leaving[MANY];

    pthread_mutex_lock(&fixture.lock);
    size_t n = fixture.n_parked;
    memcpy(leaving, fixture.parked, n * sizeof leaving[0]);
    fixture.n_parked = 0;
    pthread_mutex_unlock(&fixture.lock);
    for (size_t i = 0; i < n; i++)
        inbox_post(leaving[i]->inbox, &leaving[i]->message, deliver);
}

/* ---- start and stop ---- */

static inline struct listener *start_with(const struct listener_options *options)
{
    struct listener *listener = NULL;
    struct errmsg why = {""};

    sem_init(&fixture.held, 0, 0);
    sem_init(&fixture.let_go, 0, 0);
    enum err err = listener_start(options, &fixture.service, &listener, &why);
    ck_assert_msg(err == ERR_OK, "%s", why.text);
    return listener;
}

/* Returns options with one address, one worker and 100 connections. The timeouts are longer than
 * Check lets any test run. */
static inline struct listener_options patient_options(void)
{
    static const char *const addresses[] = {"127.0.0.1:0"};

    return (struct listener_options){.addresses = addresses,
                                     .n_addresses = 1,
                                     .threads = 1,
                                     .max_connections = 100,
                                     .header_timeout_ms = 600000,
                                     .response_timeout_ms = 600000,
                                     .idle_timeout_ms = 600000,
                                     .interim_ms = 600000,
                                     .heartbeat_ms = 600000,
                                     .drain_ms = 600000};
}

static inline struct listener *start_on(const char *address, int threads, int max_connections)
{
    struct listener_options options = patient_options();

    options.addresses = &address;
    options.threads = threads;
    options.max_connections = max_connections;
    return start_with(&options);
}

static inline struct listener *start(int threads)
{
    return start_on("127.0.0.1:0", threads, 2 * MANY);
}

static void stop(struct listener *listener)
{
    listener_drain(listener);
    let_all_go();
    listener_stop(listener);
}

static inline int connect_to(const struct listener *listener)
{
    int fd = raw_connect(listener_url(listener, 0));

    ck_assert_int_ge(fd, 0);
    return fd;
}

/* Reads one response with status 200 and this body. */
static void expect(int fd, const char *body)
{
    struct raw_answer answer;

    ck_assert(raw_read(fd, &answer));
    ck_assert_int_eq(answer.status, 200);
    ck_assert_str_eq(answer.body, body);
}

/* Returns whether libmicrohttpd has rejected the request itself. Versions after 0.9.75 do so with
 * what is malformed: with 400 and a page of their own (mhd_daemon.c). */
static inline bool is_of_library(const struct raw_answer *answer)
{
    return MHD_VERSION > 0x00097500 && answer->status == 400 && !raw_header(answer, "X-Request-Id");
}

static inline void get_and_expect_now(int fd)
{
    raw_get(fd, "/now");
    expect(fd, "now\n");
}

#endif
