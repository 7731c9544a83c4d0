/* SPDX-License-Identifier: MIT */
/* transport.c - see transport.h.
 *
 * Each transfer is in the list of its state: MOVING (libcurl has it), FAILED (not started, not
 * reported yet), DUE (ended; `done` runs in this iteration). Only set_state() moves it.
 * transport_run() first collects all that ended and then calls back, so a callback may start and
 * cancel transfers. A cancelled one leaves its list; one that fails to start inside a callback
 * waits for the next iteration.
 *
 * Ends are classified by measurements of libcurl 7.88.1. CURLINFO_REQUEST_SIZE counts the bytes
 * that the socket or the TLS layer took; while it is 0, the peer cannot have read a request. (A TLS
 * write may send a first record and still count 0; the rest of the body then was never sent.)
 * Otherwise a missing response proves nothing. libcurl accepts truncated headers and invalid
 * status lines (8.14 takes "HTTP/1.1 2000" for 200); this file does not. A truncated body without a
 * length looks complete in HTTP/1, and so does a compressed one that ends early; its reader must
 * detect that.
 *
 * A damaged compressed body ends as TRANSPORT_BROKEN: a submit is then unknown, and a read is
 * retried. */
#include "client/transport.h"

#include "base/buf.h"
#include "base/mem.h"
#include "client/content_coding.h"

#include <assert.h>
#include <curl/curl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <utlist.h>

enum state { MOVING, FAILED, DUE, N_LISTS, IN_CALLBACK = N_LISTS };

struct transfer {
    struct transfer *prev, *next;
    struct transport *transport;
    enum state state;
    CURL *easy;
    struct curl_slist *headers;
    struct buf body, decoded;
    struct content_coding coding;
    enum err decoding;      /* its end; ERR_OK if there was none */
    bool is_status_invalid; /* of the response */
    bool headers_whole;     /* of the response: the empty line was seen */
    CURLcode result;        /* once it is no longer MOVING */
    char error[CURL_ERROR_SIZE];
    transport_done_fn *done;
    void *arg;
};

struct transport {
    CURLM *multi;
    struct transfer *lists[N_LISTS];
    long connect_timeout_ms;
    char *user_agent;
    char *ca_file; /* NULL: the system's */
    bool any_certificate;
};

/* Options of all requests. There is no low-speed limit: the upstream is silent for half a minute
 * before it responds to a submit, and the total timeout is sufficient. */
static const struct {
    CURLoption option;
    long value;
} numbers[] = {
    {CURLOPT_NOSIGNAL, 1},
    {CURLOPT_QUICK_EXIT, 1}, /* or a dead resolver blocks the thread for 10 s after the timeout */
    {CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1}, /* HTTP/2 has its own re-send */
    {CURLOPT_FOLLOWLOCATION, 0},
    {CURLOPT_MAXREDIRS, 0},
    {CURLOPT_PATH_AS_IS, 1}, /* a path is sent as its caller encoded it */
    {CURLOPT_SSL_VERIFYPEER, 1},
    {CURLOPT_SSL_VERIFYHOST, 2},
    {CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2},
    {CURLOPT_NETRC, CURL_NETRC_IGNORED},
    {CURLOPT_DISALLOW_USERNAME_IN_URL, 1},
    {CURLOPT_DNS_CACHE_TIMEOUT, 60},
    {CURLOPT_TCP_KEEPALIVE, 1},
    {CURLOPT_TCP_KEEPIDLE, 15},
    {CURLOPT_TCP_KEEPINTVL, 15},
};

static const struct {
    CURLoption option;
    const char *value;
} strings[] = {
    {CURLOPT_PROTOCOLS_STR, "http,https"}, {CURLOPT_PROXY, ""}, /* overrides the environment */
};

enum err transport_new(const struct transport_options *options, struct transport **ret_transport)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT))
        return ERR_SYSTEM;
    CURLM *multi = curl_multi_init();
    if (!multi) {
        curl_global_cleanup();
        return ERR_SYSTEM;
    }
    curl_multi_setopt(multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)options->max_connections);
    struct transport *transport = xcalloc(1, sizeof *transport);
    transport->multi = multi;
    transport->connect_timeout_ms = options->connect_timeout_ms;
    transport->user_agent = xstrdup(options->user_agent ? options->user_agent : "");
    transport->any_certificate = options->any_certificate;
    transport->ca_file = options->ca_file ? xstrdup(options->ca_file) : NULL;
    *ret_transport = transport;
    return ERR_OK;
}

/* Returns the first transfer in that state, or NULL. */
static struct transfer *first(const struct transport *transport, enum state state)
{
    struct transfer *t = transport->lists[state];

    assert(!t || t->state == state);
    return t;
}

static void set_state(struct transfer *t, enum state state)
{
    struct transfer **lists = t->transport->lists;

    assert(t->state < N_LISTS && lists[t->state]);
    DL_DELETE(lists[t->state], t);
    if (t->state == MOVING)
        curl_multi_remove_handle(t->transport->multi, t->easy);
    t->state = state;
    if (state < N_LISTS)
        DL_APPEND(lists[state], t);
}

static void free_transfer(struct transfer *t)
{
    curl_easy_cleanup(t->easy);
    curl_slist_free_all(t->headers);
    buf_done(&t->body);
    buf_done(&t->decoded);
    free(t);
}

static void drop(struct transfer *t)
{
    set_state(t, IN_CALLBACK);
    free_transfer(t);
}

void transport_cancel(struct transfer *t)
{
    if (t->state != IN_CALLBACK) /* else it ended, and is freed when its callback returns */
        drop(t);
}

void transport_free(struct transport *transport)
{
    if (!transport)
        return;
    struct transfer *t;
    for (enum state state = 0; state < N_LISTS; state++)
        while ((t = first(transport, state)))
            drop(t);
    curl_multi_cleanup(transport->multi);
    free(transport->user_agent);
    free(transport->ca_file);
    free(transport);
    curl_global_cleanup();
}

/* Returning less than was passed makes libcurl abort the transfer. */
static size_t take_body(char *data, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;

    return buf_add(&t->body, data, size * n) ? 0 : size * n;
}

static void take_coding(struct transfer *t, struct slice line)
{
    static const char name[] = "Content-Encoding:";
    const size_t name_len = sizeof name - 1;

    if (line.len >= name_len && strncasecmp(line.data, name, name_len) == 0)
        content_coding_read(&t->coding, (struct slice){line.data + name_len, line.len - name_len});
}

/* Returns whether it is HTTP/1 and a status of three digits (RFC 9112, 4). */
static bool is_status_line_valid(struct slice line)
{
    static const char digits[] = "0123456789";
    char text[sizeof "HTTP/1.1 2000"];

    snprintf(text, sizeof text, "%.*s", (int)line.len, line.data);
    return strncmp(text, "HTTP/1.", 7) == 0 && strspn(text + 7, digits) == 1 && text[8] == ' ' &&
           strspn(text + 9, digits) == 3;
}

/* Runs for each header line, including status lines and interim responses. A response with an
 * invalid status line is aborted, because its meaning is undefined. */
static size_t take_header(char *data, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;
    struct slice line = {data, size * n};

    if (line.len >= 5 && memcmp(data, "HTTP/", 5) == 0) {
        t->is_status_invalid = !is_status_line_valid(line);
        t->headers_whole = false;
        t->coding = (struct content_coding){0};
        if (t->is_status_invalid)
            return 0;
    }
    if (line.len && (data[0] == '\r' || data[0] == '\n'))
        t->headers_whole = true;
    take_coding(t, line);
    return line.len;
}

/* libcurl sends headers unchanged: a line break inside one would start another. */
static bool header_is_clean(const struct transport_header *header)
{
    static const char token[] = "!#$%&'*+-.^_`|~0123456789"
                                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

    if (!header->name[0] || header->name[strspn(header->name, token)])
        return false;
    for (const char *c = header->value; *c; c++)
        if (((unsigned char)*c < 0x20 && *c != '\t') || *c == 0x7F)
            return false;
    return true;
}

static bool add_header(struct transfer *t, const char *line)
{
    struct curl_slist *longer = curl_slist_append(t->headers, line);

    if (longer)
        t->headers = longer;
    return longer != NULL;
}

/* "Name;" makes libcurl send a header without a value; "Name:" removes it. Expect is removed,
 * because a 100 response would only add a way to fail. */
static bool add_headers(struct transfer *t, const struct transport_request *request)
{
    bool ok = add_header(t, "Expect:") && add_header(t, "Accept-Encoding: " CONTENT_CODINGS);

    for (size_t i = 0; ok && i < request->n_headers; i++) {
        const struct transport_header *header = &request->headers[i];
        struct buf line autobuf = BUF_INIT(64 << 10);

        if (!header_is_clean(header)) {
            snprintf(t->error, sizeof t->error,
                     "a header contains a byte that HTTP does not allow");
            return false;
        }
        buf_addf(&line, header->value[0] ? "%s: %s" : "%s;%s", header->name, header->value);
        ok = buf_check(&line) == ERR_OK && add_header(t, buf_str(&line));
    }
    return ok && !curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
}

static bool set_common(struct transfer *t)
{
    struct transport *transport = t->transport;
    unsigned bad = 0;

    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        bad |= curl_easy_setopt(t->easy, numbers[i].option, numbers[i].value);
    for (size_t i = 0; i < ARRAY_LEN(strings); i++)
        bad |= curl_easy_setopt(t->easy, strings[i].option, strings[i].value);
    bad |= curl_easy_setopt(t->easy, CURLOPT_CONNECTTIMEOUT_MS, transport->connect_timeout_ms);
    bad |= curl_easy_setopt(t->easy, CURLOPT_USERAGENT, transport->user_agent);
    bad |= curl_easy_setopt(t->easy, CURLOPT_ERRORBUFFER, t->error);
    bad |= curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, take_body);
    bad |= curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
    bad |= curl_easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, take_header);
    bad |= curl_easy_setopt(t->easy, CURLOPT_HEADERDATA, t);
    bad |= curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
    if (transport->any_certificate) {
        bad |= curl_easy_setopt(t->easy, CURLOPT_SSL_VERIFYPEER, 0L);
        bad |= curl_easy_setopt(t->easy, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    if (transport->ca_file) { /* and no other */
        bad |= curl_easy_setopt(t->easy, CURLOPT_CAINFO, transport->ca_file);
        bad |= curl_easy_setopt(t->easy, CURLOPT_CAPATH, NULL);
    }
    return !bad;
}

static bool set_own(struct transfer *t, const struct transport_request *request)
{
    unsigned bad = 0;
    long once = request->only_once ? 1 : 0;

    bad |= curl_easy_setopt(t->easy, CURLOPT_URL, request->url);
    bad |= curl_easy_setopt(t->easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
    bad |= curl_easy_setopt(t->easy, CURLOPT_FRESH_CONNECT, once);
    bad |= curl_easy_setopt(t->easy, CURLOPT_FORBID_REUSE, once);
    if (request->body) { /* the size first: without it, the copy would end at a NUL */
        bad |=
            curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_len);
        bad |= curl_easy_setopt(t->easy, CURLOPT_COPYPOSTFIELDS, request->body);
    }
    return !bad;
}

struct transfer *transport_start(struct transport *transport,
                                 const struct transport_request *request, transport_done_fn *done,
                                 void *arg)
{
    struct transfer *t = xcalloc(1, sizeof *t);

    t->transport = transport;
    t->body = t->decoded = BUF_INIT(request->max_bytes);
    t->done = done;
    t->arg = arg;
    t->result = CURLE_FAILED_INIT;
    t->easy = curl_easy_init();
    bool is_moving = t->easy && set_common(t) && set_own(t, request) && add_headers(t, request) &&
                     !curl_multi_add_handle(transport->multi, t->easy);
    t->state = is_moving ? MOVING : FAILED;
    DL_APPEND(transport->lists[t->state], t);
    return t;
}

static void decode_body(struct transfer *t)
{
    if (!content_coding_is_decodable(&t->coding))
        return;
    t->decoding = content_coding_decode(&t->coding, &t->body, &t->decoded);
    struct buf sent = t->body;
    t->body = t->decoded;
    t->decoded = sent;
}

static enum transport_end end_of(const struct transfer *t)
{
    long sent = 0;

    if (t->body.overflowed)
        return TRANSPORT_TOO_BIG;
    if (t->result == CURLE_OK)
        return t->headers_whole && !t->decoding ? TRANSPORT_ANSWERED : TRANSPORT_BROKEN;
    if (t->easy)
        curl_easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &sent);
    if (sent == 0)
        return TRANSPORT_NOT_SENT;
    return t->result == CURLE_OPERATION_TIMEDOUT ? TRANSPORT_TIMEOUT : TRANSPORT_BROKEN;
}

static const char *error_text(const struct transfer *t)
{
    if (t->is_status_invalid)
        return "the status line of the response is invalid";
    if (t->result == CURLE_OK && !t->headers_whole)
        return "the response headers are truncated";
    if (t->result == CURLE_OK)
        return t->decoding ? "the compressed body is damaged or too long" : "";
    return t->error[0] ? t->error : curl_easy_strerror(t->result);
}

static int status_of(const struct transfer *t)
{
    long status = 0;

    if (t->easy && !t->is_status_invalid)
        curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    return status >= 100 && status <= 999 ? (int)status : 0;
}

static void report(struct transfer *t)
{
    curl_off_t retry_after = 0, took_us = 0;

    if (t->easy) {
        curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &retry_after);
        curl_easy_getinfo(t->easy, CURLINFO_TOTAL_TIME_T, &took_us);
    }
    decode_body(t);
    /* libcurl returns 0 for an absent Retry-After and for "0", a negative number for "-1" and for
     * past dates. Everything that is not positive counts as absent. 7.88 returns large numbers
     * unchanged, 8.14 at most six hours. */
    struct transport_answer answer = {
        .end = end_of(t),
        .status = status_of(t),
        .body = buf_str(&t->body),
        .body_len = t->body.len,
        .retry_after_s = retry_after > 0 ? retry_after : -1,
        .took_ms = took_us / 1000,
        .error = error_text(t),
    };
    t->done(t->arg, &answer);
}

void transport_wait(struct transport *transport, int wake_fd, int64_t timeout_ms)
{
    struct curl_waitfd wake = {.fd = wake_fd, .events = CURL_WAIT_POLLIN};

    if (timeout_ms < 0 || transport->lists[FAILED])
        timeout_ms = 0;
    if (timeout_ms > INT_MAX)
        timeout_ms = INT_MAX;
    curl_multi_poll(transport->multi, &wake, wake_fd >= 0 ? 1 : 0, (int)timeout_ms, NULL);
}

static void gather(struct transport *transport)
{
    struct transfer *t;
    CURLMsg *message;
    int left;

    while ((t = first(transport, FAILED)))
        set_state(t, DUE);
    while ((message = curl_multi_info_read(transport->multi, &left))) {
        char *private;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
        t = (struct transfer *)(void *)private;
        t->result = message->data.result; /* the next line invalidates the message */
        set_state(t, DUE);
    }
}

void transport_run(struct transport *transport)
{
    struct transfer *t;
    int running;

    curl_multi_perform(transport->multi, &running);
    gather(transport);
    while ((t = first(transport, DUE))) {
        set_state(t, IN_CALLBACK);
        report(t);
        free_transfer(t);
    }
}
