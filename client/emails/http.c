/* SPDX-License-Identifier: MIT */
/* http.c - see http.h.
 *
 * libcurl's easy interface would wait for up to a second between two looks at the terminal, so the
 * one easy handle runs in a multi handle. Redirects are not followed: the key would follow them. */
#include "client/emails/http.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/url.h"
#include "version.h"

#include <curl/curl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LINE_MAX_BYTES     ((size_t)9 << 20) /* the longest line of a server */
#define PROBLEM_MAX        ((size_t)64 << 10)
#define TICK_MS            100
#define STALL_MS           60000 /* a stream sends at least an empty line every 15 s */
#define CONNECT_TIMEOUT_MS 10000L

struct http {
    struct http_options options;
    char *base; /* the URL without a slash at the end */
    char *key_header;
    bool is_local;
    bool was_reached;
    CURLM *multi;
    CURL *easy;
    /* Of the current request: */
    const struct http_request *request;
    struct http_reply *reply;
    struct buf line;   /* the start of a line */
    bool has_news;     /* something has arrived since the last look */
    curl_off_t n_sent; /* bytes of the body at the last look */
    bool is_too_long;  /* a line or a body */
    char error[CURL_ERROR_SIZE];
};

/* ---- the response ---- */

/* Delivers the whole lines in `line`, and keeps the rest. */
static void deliver(struct http *http)
{
    char *data = http->line.data;
    size_t left = http->line.len;
    const char *end;

    while (left && (end = memchr(data, '\n', left))) {
        size_t len = (size_t)(end - data);
        bool has_return = len && data[len - 1] == '\r';
        http->request->take_line(http->request->arg, (struct slice){data, len - has_return});
        data += len + 1;
        left -= len + 1;
    }
    if (left && data != http->line.data)
        memmove(http->line.data, data, left);
    http->line.len = left;
    http->line.data[left] = '\0';
}

/* Returning less than was passed makes libcurl abort the transfer. */
static size_t take_body(char *data, size_t size, size_t n, void *arg)
{
    struct http *http = arg;
    long status = 0;
    size_t len = size * n;

    http->has_news = true;
    curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &status);
    bool is_streamed = status == 200 && http->request->take_line;
    if (buf_add(is_streamed ? &http->line : &http->reply->body, data, len)) {
        http->is_too_long = true;
        return 0;
    }
    if (is_streamed && memchr(data, '\n', len))
        deliver(http);
    return len;
}

static size_t take_header(char *data, size_t size, size_t n, void *arg)
{
    struct http *http = arg;

    (void)data;
    http->has_news = true;
    return size * n;
}

/* ---- the handle ---- */

/* The proxies of the environment are used, but not for this machine. */
static void set_options(const struct http *http)
{
    const char *authorities = getenv("SSL_CERT_FILE");
    CURL *easy = http->easy;

    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* does not wait for a resolver that hangs */
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "emails/" EMAILSD_VERSION);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, http->error);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, http);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, http);
    if (http->is_local)
        curl_easy_setopt(easy, CURLOPT_PROXY, "");
    if (authorities && *authorities)
        curl_easy_setopt(easy, CURLOPT_CAINFO, authorities);
}

/* The URL was checked by options_read(). */
static void set_server(struct http *http, const struct http_options *options)
{
    struct url url = {0};

    url_parse(options->url, strlen(options->url), &url);
    http->is_local = url.host && url_is_loopback(&url);
    url_done(&url);
    http->base = xstrdup(options->url);
    for (size_t len = strlen(http->base); len && http->base[len - 1] == '/'; len--)
        http->base[len - 1] = '\0';
    if (options->key && asprintf(&http->key_header, "Authorization: Bearer %s", options->key) < 0)
        mem_ran_out();
}

enum err http_new(const struct http_options *options, struct http **ret_http)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT))
        return ERR_SYSTEM;
    struct http *http = xcalloc(1, sizeof *http);
    http->options = *options;
    http->line = BUF_INIT(LINE_MAX_BYTES);
    set_server(http, options);
    http->multi = curl_multi_init();
    http->easy = curl_easy_init();
    if (!http->multi || !http->easy) {
        http_free(http);
        return ERR_SYSTEM;
    }
    *ret_http = http;
    return ERR_OK;
}

void http_free(struct http *http)
{
    if (!http)
        return;
    curl_easy_cleanup(http->easy);
    if (http->multi)
        curl_multi_cleanup(http->multi);
    if (http->key_header)
        explicit_bzero(http->key_header, strlen(http->key_header));
    free(http->key_header);
    free(http->base);
    buf_done(&http->line);
    free(http);
    curl_global_cleanup();
}

/* ---- one request ---- */

/* With Expect, the server rejects a request before the list is sent. */
static struct curl_slist *headers_of(const struct http *http, const struct http_request *request)
{
    struct buf autobuf accept = BUF_INIT(256);
    struct curl_slist *headers = NULL;
    const char *const lines[] = {
        http->key_header,
        request->body ? "Content-Type: application/x-ndjson" : NULL,
        request->body ? "Expect: 100-continue" : NULL,
        buf_str(&accept),
    };

    buf_addf(&accept, "Accept: %s", request->accept);
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        const char *line = i == ARRAY_LEN(lines) - 1 ? buf_str(&accept) : lines[i];
        struct curl_slist *longer = line ? curl_slist_append(headers, line) : headers;
        if (line && !longer)
            mem_ran_out();
        headers = longer;
    }
    return headers;
}

static void set_request(struct http *http, const struct http_request *request, const char *url,
                        const struct curl_slist *headers)
{
    CURL *easy = http->easy;

    curl_easy_reset(easy);
    set_options(http);
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    if (!request->body)
        return;
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, buf_str(request->body));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body->len);
}

static int64_t now_ms(void)
{
    return clock_real().now_ms;
}

/* Returns whether anything has arrived, or was sent, since the last call. */
static bool advances(struct http *http)
{
    curl_off_t n_sent = 0;

    curl_easy_getinfo(http->easy, CURLINFO_SIZE_UPLOAD_T, &n_sent);
    bool is_advancing = http->has_news || n_sent > http->n_sent;
    http->n_sent = n_sent;
    http->has_news = false;
    return is_advancing;
}

/* Runs the transfer to its end. A stall is counted in loop iterations of limited length, because
 * this process may have been stopped meanwhile, with data waiting in its socket. Returns false if
 * `tick` stops it, also before anything is sent; *ret_stalled says whether nothing moves any
 * more. */
static bool run(struct http *http, bool *ret_stalled)
{
    int64_t quiet_ms = 0, before_ms = now_ms();
    int running = 1;

    if (!http->options.tick(http->options.arg))
        return false;
    while (curl_multi_perform(http->multi, &running) == CURLM_OK && running) {
        int64_t passed_ms = now_ms() - before_ms;
        before_ms += passed_ms;
        quiet_ms += passed_ms < 2 * TICK_MS ? passed_ms : 2 * TICK_MS;
        if (advances(http))
            quiet_ms = 0;
        *ret_stalled = quiet_ms > STALL_MS;
        if (*ret_stalled)
            return true;
        if (!http->options.tick(http->options.arg))
            return false;
        curl_multi_poll(http->multi, NULL, 0, TICK_MS, NULL);
    }
    return true;
}

static CURLcode result_of(struct http *http)
{
    int left;
    const CURLMsg *message = curl_multi_info_read(http->multi, &left);

    return message && message->msg == CURLMSG_DONE ? message->data.result : CURLE_RECV_ERROR;
}

static enum http_end classify(const struct http *http, CURLcode code)
{
    long sent = 0;

    switch ((int)code) {
    case CURLE_OK:
        return HTTP_COMPLETE;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        return HTTP_UNTRUSTED;
    default:
        curl_easy_getinfo(http->easy, CURLINFO_REQUEST_SIZE, &sent);
        return sent ? HTTP_BROKEN : HTTP_UNREACHABLE;
    }
}

static void set_reply(struct http *http, CURLcode code)
{
    const char *type = NULL, *accepted = http->request->accept;
    curl_off_t retry_after = 0;
    long status = 0;

    curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(http->easy, CURLINFO_CONTENT_TYPE, &type);
    http->reply->is_accepted_type = type && strncasecmp(type, accepted, strlen(accepted)) == 0;
    curl_easy_getinfo(http->easy, CURLINFO_RETRY_AFTER, &retry_after);
    http->reply->status = (int)status;
    http->reply->retry_after_s = retry_after > 0 ? (int64_t)retry_after : -1;
    if (http->is_too_long)
        snprintf(http->reply->error, sizeof http->reply->error, "the response is too long");
    else
        snprintf(http->reply->error, sizeof http->reply->error, "%s",
                 *http->error ? http->error : curl_easy_strerror(code));
}

enum http_end http_send(struct http *http, const struct http_request *request,
                        struct http_reply *ret_reply)
{
    autofree char *url = NULL;
    struct curl_slist *headers = headers_of(http, request);
    bool stalled = false;

    if (asprintf(&url, "%s%s", http->base, request->target) < 0)
        mem_ran_out();
    *ret_reply = (struct http_reply){.retry_after_s = -1, .body = BUF_INIT(PROBLEM_MAX)};
    http->request = request;
    http->reply = ret_reply;
    http->has_news = http->is_too_long = false;
    http->n_sent = 0;
    http->error[0] = '\0';
    buf_clear(&http->line);
    set_request(http, request, url, headers);
    curl_multi_add_handle(http->multi, http->easy);
    bool is_stopped = !run(http, &stalled);
    CURLcode code = stalled ? CURLE_OPERATION_TIMEDOUT : result_of(http);
    enum http_end end = is_stopped ? HTTP_STOPPED : classify(http, code);
    if (end == HTTP_COMPLETE && http->line.len) /* the last line may have no end */
        request->take_line(request->arg, (struct slice){http->line.data, http->line.len});
    http->was_reached |= end == HTTP_COMPLETE || end == HTTP_BROKEN;
    set_reply(http, code);
    curl_multi_remove_handle(http->multi, http->easy);
    curl_slist_free_all(headers);
    return end;
}

bool http_was_reached(const struct http *http)
{
    return http->was_reached;
}

void http_reply_done(struct http_reply *reply)
{
    buf_done(&reply->body);
}

bool http_pause(struct http *http, int64_t ms)
{
    int64_t until_ms = now_ms() + ms;

    while (now_ms() < until_ms) {
        if (!http->options.tick(http->options.arg))
            return false;
        curl_multi_poll(http->multi, NULL, 0, TICK_MS, NULL);
    }
    return true;
}

/* RFC 3986, 2.3: everything but unreserved characters is encoded. */
void http_add_parameter(struct buf *target, const char *name, const char *value)
{
    static const char plain[] = "-._~0123456789abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

    buf_addf(target, "%s%s=", strchr(buf_str(target), '?') ? "&" : "?", name);
    for (; *value; value++)
        if (strchr(plain, *value))
            buf_add(target, value, 1);
        else
            buf_addf(target, "%%%02X", (unsigned char)*value);
}
