/* SPDX-License-Identifier: MIT */
/* notify.c - see notify.h. A notice waits for its time and for a place among those in flight; then
 * it connects, sends, and reads the begin of the status line. */
#include "tests/simulator/notify.h"

#include "base/mem.h"
#include "tests/simulator/api.h"
#include "tests/simulator/sim.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#define REQUEST_MAX ((size_t)2 << 20)
#define STATUS_LINE "HTTP/1."

enum notice_state { NOTICE_WAITING, NOTICE_SENDING, NOTICE_READING, NOTICE_OVER };

struct notice {
    struct notifier *notifier;
    enum notice_state state;
    int64_t due_ms;
    struct sockaddr_in address;
    struct buf request;
    size_t sent;
    char answer[sizeof(STATUS_LINE) - 1];
    size_t n_answer;
    int fd;
    struct watch watch;
    struct timer timer;
    struct notice *prev, *next;
};

/* ---- the request ---- */

/* Sets the address, and *ret_host and *ret_path to the text of the URL. */
static enum err parse_url(const char *url, struct sockaddr_in *address, struct json_span *ret_host,
                          const char **ret_path)
{
    static const char scheme[] = "http://";
    int64_t port = 80;

    if (strncmp(url, scheme, strlen(scheme)) != 0)
        return ERR_SYNTAX;
    const char *host = url + strlen(scheme);
    size_t len = strcspn(host, "/?#");
    size_t name = strcspn(host, ":/?#");
    autofree char *text = xstrndup(host, len);
    if (name < len) {
        text[name] = '\0';
        if (parse_count(text + name + 1, &port) != ERR_OK || port < 1 || port > UINT16_MAX)
            return ERR_SYNTAX;
    }
    const char *numeric = strcmp(text, "localhost") == 0 ? "127.0.0.1" : text;
    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (inet_pton(AF_INET, numeric, &address->sin_addr) != 1)
        return ERR_SYNTAX;
    *ret_host = (struct json_span){host, len};
    *ret_path = host + len;
    return ERR_OK;
}

static void write_task(const struct task *task, struct buf *out)
{
    struct reply reply;
    struct api_call call = {
        .kind = CALL_TASK, .id = xstrdup(task->id), .authorized = true, .key = task->batch->key};

    reply_init(&reply);
    api_handle(task->upstream, &call, &reply);
    buf_add(out, buf_str(&reply.body), reply.body.len);
    reply_done(&reply);
    free(call.id);
}

/* Writes the body of this kind; returns its type, NULL for a request without a body. */
static const char *write_body(enum notify_body kind, const struct task *task, struct buf *out)
{
    static const char noise[] = "\x16\x03\x01\x80\xff{\"batch_id\":";

    switch (kind) {
    case NOTIFY_TASK:
        write_task(task, out);
        return "application/json";
    case NOTIFY_BATCH:
        buf_addf(out, "{\"batch_id\":\"%s\"}", task->batch->id);
        return "application/json";
    case NOTIFY_FORM:
        buf_addf(out, "batch_id=%s&status=%s", task->batch->id, task_state(task));
        return "application/x-www-form-urlencoded";
    case NOTIFY_GARBAGE:
        buf_add(out, noise, sizeof(noise)); /* with the NUL */
        return "application/octet-stream";
    case NOTIFY_EMPTY:
    case NOTIFY_MIXED:
        break;
    }
    return NULL;
}

static void write_request(const struct notifier *notifier, const struct task *task,
                          struct json_span host, const char *path, struct buf *out)
{
    autobuf struct buf body = BUF_INIT(REQUEST_MAX);
    unsigned kind = notifier->behaviour->notify_body;

    if (kind == NOTIFY_MIXED)
        kind = (unsigned)(task->n % NOTIFY_MIXED);
    const char *type = write_body((enum notify_body)kind, task, &body);
    buf_addf(out, "%s %s%s HTTP/1.1\r\nHost: %.*s\r\nUser-Agent: openmart-sim\r\n",
             type ? "POST" : "GET", *path == '/' ? "" : "/", path, (int)host.len, host.at);
    if (type)
        buf_addf(out, "Content-Type: %s\r\nContent-Length: %zu\r\n", type, body.len);
    buf_add_str(out, "Connection: close\r\n\r\n");
    buf_add(out, buf_str(&body), body.len);
}

/* ---- a notice ---- */

static void start_waiting(struct notifier *notifier);

static void close_notice(struct notice *notice)
{
    struct notifier *notifier = notice->notifier;
    bool waited = notice->state == NOTICE_WAITING;

    timer_disarm(&notifier->loop->timers, &notice->timer);
    if (notice->fd >= 0) {
        loop_remove(notifier->loop, notice->fd);
        close(notice->fd);
    }
    if (waited)
        DL_DELETE(notifier->waiting, notice);
    else
        DL_DELETE(notifier->flying, notice);
    notifier->n_waiting -= waited;
    notifier->n_flying -= !waited;
    notice->state = NOTICE_OVER;
    LL_PREPEND(notifier->dead, notice);
}

static void end_notice(struct notice *notice, bool was_answered)
{
    struct notifier *notifier = notice->notifier;

    notifier->n_answered += was_answered;
    notifier->n_failed += !was_answered;
    close_notice(notice);
    start_waiting(notifier);
}

static void time_is_up(struct timer *timer)
{
    end_notice(container_of(timer, struct notice, timer), false);
}

static void send_rest(struct notice *notice)
{
    size_t left = notice->request.len - notice->sent;
    ssize_t n =
        send(notice->fd, notice->request.data + notice->sent, left, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        end_notice(notice, false);
        return;
    }
    notice->sent += n > 0 ? (size_t)n : 0;
    if (notice->sent < notice->request.len)
        return;
    notice->state = NOTICE_READING;
    loop_change(notice->notifier->loop, notice->fd, EPOLLIN, &notice->watch);
}

static void read_answer(struct notice *notice)
{
    ssize_t n = recv(notice->fd, notice->answer + notice->n_answer,
                     sizeof(notice->answer) - notice->n_answer, MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    notice->n_answer += n > 0 ? (size_t)n : 0;
    if (n > 0 && notice->n_answer < sizeof(notice->answer))
        return;
    bool is_http = notice->n_answer == sizeof(notice->answer) &&
                   memcmp(notice->answer, STATUS_LINE, sizeof(notice->answer)) == 0;
    end_notice(notice, is_http);
}

static void on_ready(struct watch *watch, uint32_t events)
{
    struct notice *notice = container_of(watch, struct notice, watch);

    (void)events;
    if (notice->state == NOTICE_SENDING)
        send_rest(notice);
    else if (notice->state == NOTICE_READING)
        read_answer(notice);
}

static void start_notice(struct notice *notice)
{
    struct notifier *notifier = notice->notifier;
    struct loop *loop = notifier->loop;

    DL_DELETE(notifier->waiting, notice);
    notifier->n_waiting--;
    DL_APPEND(notifier->flying, notice);
    notifier->n_flying++;
    notice->state = NOTICE_SENDING;
    timer_arm(&loop->timers, &notice->timer, loop->clock.now_ms + NOTIFY_TIMEOUT_MS, time_is_up);
    notice->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (notice->fd < 0 || loop_add(loop, notice->fd, EPOLLOUT, &notice->watch) != ERR_OK ||
        (connect(notice->fd, (const struct sockaddr *)&notice->address, sizeof(notice->address)) !=
             0 &&
         errno != EINPROGRESS))
        timer_arm(&loop->timers, &notice->timer, loop->clock.now_ms, time_is_up);
}

/* Starts those whose time has come, as far as there is room. */
static void start_waiting(struct notifier *notifier)
{
    struct notice *notice, *next;

    DL_FOREACH_SAFE (notifier->waiting, notice, next) {
        if (notifier->n_flying == NOTIFY_FLYING)
            return;
        if (notice->due_ms <= notifier->loop->clock.now_ms)
            start_notice(notice);
    }
}

static void is_due(struct timer *timer)
{
    start_waiting(container_of(timer, struct notice, timer)->notifier);
}

/* ---- events ---- */

static void add_notice(struct notifier *notifier, const struct task *task)
{
    struct sockaddr_in address;
    struct json_span host;
    const char *path = NULL;

    if (!task->notify_url || !*task->notify_url)
        return;
    if (notifier->n_waiting == NOTIFY_WAITING ||
        parse_url(task->notify_url, &address, &host, &path) != ERR_OK) {
        notifier->n_failed++;
        return;
    }
    struct notice *notice = xcalloc(1, sizeof(*notice));
    *notice = (struct notice){.notifier = notifier,
                              .address = address,
                              .request = BUF_INIT(REQUEST_MAX),
                              .fd = -1,
                              .watch = {.ready = on_ready}};
    notice->due_ms = notifier->loop->clock.now_ms + notifier->behaviour->notify_delay_ms;
    write_request(notifier, task, host, path, &notice->request);
    DL_APPEND(notifier->waiting, notice);
    notifier->n_waiting++;
    timer_arm(&notifier->loop->timers, &notice->timer, notice->due_ms, is_due);
}

void notifier_on_task(void *arg, const struct task *task)
{
    struct notifier *notifier = arg;
    const struct batch *batch = task->batch;

    switch ((enum notify)notifier->behaviour->notify) {
    case NOTIFY_NEVER:
        break;
    case NOTIFY_CREATED:
        if (!task->done)
            add_notice(notifier, task);
        break;
    case NOTIFY_DONE:
    case NOTIFY_TWICE:
        for (int n = notifier->behaviour->notify == NOTIFY_TWICE ? 2 : 1; task->done && n > 0; n--)
            add_notice(notifier, task);
        break;
    case NOTIFY_REVERSED:
        for (size_t i = batch->n_tasks; batch->n_done == batch->n_tasks && i > 0; i--)
            add_notice(notifier, batch->tasks[i - 1]);
        break;
    }
}

void notifier_clear(struct notifier *notifier)
{
    while (notifier->waiting)
        close_notice(notifier->waiting);
    while (notifier->flying)
        close_notice(notifier->flying);
    notifier->n_answered = 0;
    notifier->n_failed = 0;
}

void notifier_bury(struct notifier *notifier)
{
    while (notifier->dead) {
        struct notice *notice = notifier->dead;
        notifier->dead = notice->next;
        buf_done(&notice->request);
        free(notice);
    }
}
