/* SPDX-License-Identifier: MIT */
/* worker.c - event loop of one HTTP worker; worker.h explains why it is not libmicrohttpd's.
 *
 * Marks in the epoll set: NULL for a daemon, the worker for its inbox, the acceptor for the
 * listening sockets, the request for the socket of a parked request. A request answered earlier in
 * an iteration is not freed before the daemons run, so its address stays valid in that
 * iteration. */
#include "http/core/worker.h"

#include "base/heartbeat.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "http/auth/client_keys.h"
#include "http/core/app.h"
#include "http/core/response.h"
#include "http/core/response_cache.h"
#include "http/core/worker_state.h"
#include "http/net/tls.h"
#include "http/protocol/head_layout.h"
#include "model/denied_domains.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define EVENTS           256
#define MESSAGES_AT_LOAD 64    /* messages per iteration while requests arrive */
#define QUIET_MS         100   /* no limit on messages after this time without a request */
#define IDLE_MS          60000 /* longest sleep; only a bound */
#define SUMMARY_MS       1000  /* longest sleep before a summary in the log */
#define DRAIN_STEP_MS    100   /* while draining, a sent response causes no event */
#define ACCEPTS          10    /* per socket and iteration; open connections come first */
#define QUEUE_TURNS      1024  /* iterations spent on queued connections before the sockets close */

/* ---- epoll ---- */

bool worker_add(struct worker *worker, int fd, uint32_t events, void *mark)
{
    struct epoll_event event = {.events = events, .data.ptr = mark};

    return epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

/* A socket that was watched before is still in the set with the same mark. Setting it again reports
 * a departure that happened while no request was parked. */
void worker_watch(struct worker *worker, int fd, struct request *request)
{
    struct epoll_event event = {.events = EPOLLRDHUP | EPOLLET, .data.ptr = request};

    if (!worker_add(worker, fd, event.events, request) &&
        (errno != EEXIST || epoll_ctl(worker->epoll_fd, EPOLL_CTL_MOD, fd, &event) != 0))
        log_event(LOG_ERROR, "epoll_failed", LOG_STR("error", strerror(errno)));
}

/* ---- parts of an iteration ---- */

static void turn_clock(struct worker *worker)
{
    clock_turn(&worker->clock);
    if (worker->clock.wall_ms / 1000 == worker->date_second)
        return;
    worker->date_second = worker->clock.wall_ms / 1000;
    clock_http_date(worker->clock.wall_ms, worker->date);
    response_cache_new_second(worker->responses);
    response_unref(TAKE(worker->last_response));
}

/* Returns how long the loop may sleep, in milliseconds. */
static int sleep_ms(const struct worker *worker)
{
    bool is_draining = worker->stage >= WORKER_DRAIN_REQUESTED;
    MHD_UNSIGNED_LONG_LONG ms, least = is_draining ? DRAIN_STEP_MS : IDLE_MS;

    if (worker->has_messages)
        return 0;
    if (worker->options.idle_ms && worker->options.idle_ms < (int64_t)least)
        least = (MHD_UNSIGNED_LONG_LONG)worker->options.idle_ms;
    if (least > SUMMARY_MS && access_log_needs_summary())
        least = SUMMARY_MS;
    int64_t accept_ms = acceptor_next_ms(&worker->acceptor);
    int64_t deadline_ms = timers_next_ms(&worker->timers);
    int64_t next_ms = connection_timeouts_next_ms(&worker->timeouts);
    next_ms = next_ms < accept_ms ? next_ms : accept_ms;
    next_ms = (next_ms < deadline_ms ? next_ms : deadline_ms) - worker->clock.now_ms;
    if (next_ms < (int64_t)least)
        least = next_ms > 0 ? (MHD_UNSIGNED_LONG_LONG)next_ms : 0;
    for (size_t i = 0; i < worker->n_daemons; i++)
        if (MHD_get_timeout(worker->daemons[i], &ms) == MHD_YES && ms < least)
            least = ms;
    return (int)least;
}

/* Handles at most MESSAGES_AT_LOAD messages per iteration while requests arrive, so that a mass
 * completion does not delay cache hits. Without new requests it handles all: otherwise clients that
 * got their response would close their connections in between, and the last one would wait twice as
 * long. Runs in every iteration, whatever woke the loop, so a lost wake-up delays a message only
 * until then. */
static void run_messages(struct worker *worker)
{
    bool is_quiet = worker->clock.now_ms - worker->last_request_ms >= QUIET_MS;

    worker->has_messages = inbox_run_some(worker->inbox, is_quiet ? SIZE_MAX : MESSAGES_AT_LOAD);
}

/* The client of a suspended connection closed its sending half, or the connection broke. */
static void on_client_event(struct request *request, uint32_t events)
{
    if (events & (EPOLLHUP | EPOLLERR))
        request_client_left(request);
    else
        request_client_half_closed(request);
}

/* Returns false if no connection waits or none can be accepted. MHD_add_connection() closes a
 * connection if a limit is reached; see mhd_daemon.c. */
static bool accept_connections(struct worker *worker)
{
    bool any = false;
    struct accepted accepted;

    for (size_t i = 0; i < worker->acceptor.n; i++)
        for (int n = 0;
             n < ACCEPTS && acceptor_accept(&worker->acceptor, i, worker->clock.now_ms, &accepted);
             n++) {
            MHD_add_connection(worker->daemons[i], accepted.fd,
                               (const struct sockaddr *)&accepted.from, accepted.from_len);
            any = true;
        }
    return any;
}

static void run_daemons(struct worker *worker)
{
    for (size_t i = 0; i < worker->n_daemons; i++)
        MHD_run(worker->daemons[i]);
}

/* Runs after the daemons have read what has arrived: a worker that got no processor time for a
 * while must not take a request for late that was sent in time. */
static void end_slow_connections(struct worker *worker)
{
    struct connection_timeout *expired;

    while ((expired = connection_timeouts_pop_expired(&worker->timeouts, worker->clock.now_ms)))
        connection_on_timeout(&worker->timeouts, expired, worker->clock.now_ms);
}

/* At the end of the drain, cuts responses whose clients do not read, and waits for the others until
 * stream_drain_ms are over: the owners of streams are to see their end while the loop still runs.
 */
static void cut_streams(struct worker *worker)
{
    int64_t now_ms = worker->clock.now_ms;

    if (!worker->n_streams || worker->stage != WORKER_DRAINING || now_ms < worker->drain_until_ms)
        return;
    if (now_ms >= worker->streams_until_ms) {
        connection_timeouts_end_sending(&worker->timeouts);
        return;
    }
    connection_timeouts_end_stalled(&worker->timeouts, worker->options.drain_ms, now_ms);
    worker->drain_until_ms = now_ms + worker->options.drain_ms;
    if (worker->drain_until_ms > worker->streams_until_ms)
        worker->drain_until_ms = worker->streams_until_ms;
}

/* Returns whether a request may still arrive on an accepted connection. */
static bool awaits_heads(const struct worker *worker)
{
    return worker->clock.now_ms < worker->heads_until_ms &&
           connection_timeouts_await_heads(&worker->timeouts);
}

static bool is_finished(const struct worker *worker)
{
    if (worker->stage != WORKER_DRAINING || worker->n_parked > 0 || worker->n_streams > 0 ||
        worker->n_held > 0)
        return false;
    return worker->clock.now_ms >= worker->drain_until_ms ||
           (worker->n_requests == 0 && !awaits_heads(worker));
}

/* ---- draining ---- */

/* Closing a socket resets the connections in its queue, so they are accepted first. */
static void stop_accepting(struct worker *worker)
{
    worker->stage = WORKER_DRAINING;
    worker->drain_until_ms = worker->clock.now_ms + worker->options.drain_ms;
    worker->streams_until_ms = worker->clock.now_ms + worker->limits.stream_drain_ms;
    worker->heads_until_ms = worker->clock.now_ms + worker->options.head_grace_ms;
    int turns = worker->options.leaves_queue ? 0 : QUEUE_TURNS;
    for (; turns > 0 && accept_connections(worker); turns--)
        run_daemons(worker);
    acceptor_close(&worker->acceptor);
    connection_timeouts_check_idle(&worker->timeouts, worker->clock.now_ms);
}

/* ---- the loop ---- */

static void run_once(struct worker *worker)
{
    struct epoll_event events[EVENTS];
    bool must_accept = false;

    heartbeat_idle(worker->options.heartbeat, worker->clock.now_ms);
    int n = epoll_wait(worker->epoll_fd, events, EVENTS, sleep_ms(worker));
    turn_clock(worker);
    heartbeat_busy(worker->options.heartbeat, worker->clock.now_ms);
    access_log_summary(worker->clock.now_ms);
    if (worker->n_parked) /* their responses come later and need time to be sent */
        worker->drain_until_ms = worker->clock.now_ms + worker->options.drain_ms;
    for (int i = 0; i < n; i++) {
        void *mark = events[i].data.ptr;
        if (mark == &worker->acceptor)
            must_accept = true;
        else if (mark && mark != worker)
            on_client_event(mark, events[i].events);
    }
    run_messages(worker);
    timers_run(&worker->timers, worker->clock.now_ms);
    acceptor_turn(&worker->acceptor, worker->clock.now_ms);
    /* Requests are freed from here on, no earlier: see the file comment. */
    if (must_accept)
        accept_connections(worker);
    run_daemons(worker);
    end_slow_connections(worker);
    cut_streams(worker);
    if (worker->stage == WORKER_DRAIN_REQUESTED)
        stop_accepting(worker);
}

static void stop_daemons(struct worker *worker)
{
    /* A suspended connection would make MHD_stop_daemon() abort the process. */
    assert(worker->n_parked == 0);
    for (size_t i = 0; i < worker->n_daemons; i++)
        MHD_stop_daemon(worker->daemons[i]);
    worker->n_daemons = 0;
}

static void *run(void *arg)
{
    struct worker *worker = arg;
    char name[16];

    snprintf(name, sizeof name, "http-%d", worker->options.number);
    pthread_setname_np(pthread_self(), name);
    tls_serve(worker->tls);
    while (!is_finished(worker))
        run_once(worker);
    stop_daemons(worker);
    heartbeat_stop(worker->options.heartbeat);
    return NULL;
}

/* ---- settings ---- */

struct settings_message {
    struct message message;
    struct worker *worker;
    struct clients *clients;
    struct limits limits;
    struct tls *tls;
    struct denied_domains *denied;
};

static void apply_settings(struct message *message)
{
    autofree struct settings_message *sent =
        container_of(message, struct settings_message, message);
    struct worker *worker = sent->worker;

    clients_unref(worker->clients);
    worker->clients = sent->clients;
    worker->limits = sent->limits;
    tls_unref(worker->tls);
    worker->tls = sent->tls;
    tls_serve(worker->tls);
    denied_domains_unref(worker->denied);
    worker->denied = sent->denied;
    /* It may hold responses about domains that are now denied. */
    response_cache_free(worker->responses);
    worker->responses = response_cache_new(worker->service->cache);
}

void worker_apply_settings(struct worker *worker, const struct settings *settings)
{
    struct settings_message *sent = xcalloc(1, sizeof *sent);

    sent->worker = worker;
    sent->clients = settings->clients ? clients_ref(settings->clients) : NULL;
    sent->limits = *settings->limits;
    sent->tls = settings->tls ? tls_ref(settings->tls) : NULL;
    sent->denied = settings->denied ? denied_domains_ref(settings->denied) : NULL;
    inbox_post(worker->inbox, &sent->message, apply_settings);
}

/* ---- shutdown ---- */

static void announce_drain(struct message *message)
{
    container_of(message, struct worker, announce_message)->stage = WORKER_CLOSING;
}

void worker_announce_drain(struct worker *worker)
{
    inbox_post(worker->inbox, &worker->announce_message, announce_drain);
}

static void begin_drain(struct message *message)
{
    container_of(message, struct worker, drain_message)->stage = WORKER_DRAIN_REQUESTED;
}

void worker_drain(struct worker *worker)
{
    inbox_post(worker->inbox, &worker->drain_message, begin_drain);
}

static void free_worker(struct worker *worker)
{
    stop_daemons(worker);
    acceptor_close(&worker->acceptor);
    response_cache_free(worker->responses);
    response_unref(worker->last_response);
    clients_unref(worker->clients);
    tls_unref(worker->tls);
    denied_domains_unref(worker->denied);
    timers_done(&worker->timers);
    close(worker->epoll_fd);
    inbox_free(worker->inbox);
    free(worker);
}

bool worker_join(struct worker *worker, int64_t within_ms)
{
    if (!thread_join_within(worker->thread, within_ms))
        return false;
    free_worker(worker);
    return true;
}

/* ---- start ---- */

enum err worker_start(const struct worker_options *options, struct service *service,
                      const int *sockets, size_t n, struct worker **ret_worker)
{
    struct inbox *inbox = NULL;
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    enum err err = epoll_fd < 0 ? ERR_SYSTEM : inbox_new(&inbox);

    struct worker *worker = xcalloc(1, sizeof *worker);
    worker->options = *options;
    worker->service = service;
    worker->clients = service->clients ? clients_ref(service->clients) : NULL;
    worker->limits = service->limits;
    worker->tls = service->tls ? tls_ref(service->tls) : NULL;
    worker->denied = service->denied ? denied_domains_ref(service->denied) : NULL;
    worker->knows_head_layout = head_layout_is_known(MHD_get_version());
    worker->responses = response_cache_new(service->cache);
    connection_timeouts_init(&worker->timeouts, options->header_timeout_ms,
                             options->response_timeout_ms, options->idle_timeout_ms);
    timers_init(&worker->timers);
    worker->inbox = inbox;
    worker->epoll_fd = epoll_fd;
    worker->clock = clock_real();
    turn_clock(worker);
    heartbeat_idle(worker->options.heartbeat, worker->clock.now_ms);
    acceptor_init(&worker->acceptor, epoll_fd);
    for (size_t i = 0; i < n; i++)
        if (!acceptor_add(&worker->acceptor, sockets[i]))
            err = ERR_SYSTEM;
    for (size_t i = 0; !err && i < n; i++)
        err = mhd_daemon_start(worker);
    if (!err && !worker_add(worker, inbox_fd(inbox), EPOLLIN, worker))
        err = ERR_SYSTEM;
    int reason = err ? errno : pthread_create(&worker->thread, NULL, run, worker);
    if (err || reason) {
        free_worker(worker);
        errno = reason;
        return err ? err : ERR_SYSTEM;
    }
    *ret_worker = worker;
    return ERR_OK;
}
