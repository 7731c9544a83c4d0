/* SPDX-License-Identifier: MIT */
/* healthcheck.c - see healthcheck.h. */
#include "commands/healthcheck.h"

#include "base/buf.h"
#include "client/transport.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define PATIENCE_MS 3000
#define ANSWER_MAX  4096
#define URL_MAX     256

struct asked {
    bool is_over;
    int status;
    char error[256];
};

static void answered(void *arg, const struct transport_answer *answer)
{
    struct asked *asked = arg;

    asked->is_over = true;
    asked->status = answer->end == TRANSPORT_ANSWERED ? answer->status : 0;
    snprintf(asked->error, sizeof asked->error, "%s", answer->error);
}

/* Converts wildcard addresses: "0.0.0.0:80" -> "127.0.0.1:80", "[::]:80" -> "[::1]:80". */
static void add_reachable(struct buf *url, const char *address)
{
    const char *port = strrchr(address, ':');

    if (strncmp(address, "0.0.0.0:", 8) == 0)
        buf_addf(url, "127.0.0.1%s", port);
    else if (strncmp(address, "[::]:", 5) == 0)
        buf_addf(url, "[::1]%s", port);
    else
        buf_add_str(url, address);
}

static void ask(struct transport *transport, const char *url, struct asked *asked)
{
    const struct transport_request request = {
        .url = url, .timeout_ms = PATIENCE_MS, .max_bytes = ANSWER_MAX, .only_once = true};

    transport_start(transport, &request, answered, asked);
    while (!asked->is_over) {
        transport_run(transport);
        // cppcheck-suppress knownConditionTrueFalse ; the run may have called answered()
        if (!asked->is_over)
            transport_wait(transport, -1, PATIENCE_MS);
    }
}

enum err healthcheck(const char *address, bool secured, struct errmsg *why)
{
    const struct transport_options options = {.connect_timeout_ms = PATIENCE_MS,
                                              .user_agent = "emailsd-healthcheck",
                                              .max_connections = 1,
                                              .any_certificate = true};
    struct buf autobuf url = BUF_INIT(URL_MAX);
    struct transport *transport;
    struct asked asked = {.is_over = false};

    buf_add_str(&url, secured ? "https://" : "http://");
    add_reachable(&url, address);
    buf_add_str(&url, "/livez");
    if (buf_check(&url) || transport_new(&options, &transport)) {
        errmsg_set(why, "cannot check %.100s", address);
        return ERR_SYSTEM;
    }
    ask(transport, buf_str(&url), &asked);
    transport_free(transport);
    if (asked.status == 200)
        return ERR_OK;
    if (*asked.error)
        errmsg_set(why, "%.100s: %.150s", buf_str(&url), asked.error);
    else
        errmsg_set(why, "%.100s: status %d", buf_str(&url), asked.status);
    return ERR_NO_ENTRY;
}
