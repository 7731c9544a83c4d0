/* SPDX-License-Identifier: MIT */
/* healthcheck.c - see healthcheck.h. */
#include "commands/healthcheck.h"

#include "base/buf.h"
#include "client/transport.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define TIMEOUT_MS   3000
#define RESPONSE_MAX 4096
#define URL_MAX      256

struct probe {
    bool is_done;
    int status;
    char error[256];
};

static void probe_done(void *arg, const struct transport_answer *answer)
{
    struct probe *probe = arg;

    probe->is_done = true;
    probe->status = answer->end == TRANSPORT_ANSWERED ? answer->status : 0;
    snprintf(probe->error, sizeof probe->error, "%s", answer->error);
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

static void run_probe(struct transport *transport, const char *url, struct probe *probe)
{
    const struct transport_request request = {
        .url = url, .timeout_ms = TIMEOUT_MS, .max_bytes = RESPONSE_MAX, .only_once = true};

    transport_start(transport, &request, probe_done, probe);
    while (!probe->is_done) {
        transport_run(transport);
        // cppcheck-suppress knownConditionTrueFalse ; the run may have called probe_done()
        if (!probe->is_done)
            transport_wait(transport, -1, TIMEOUT_MS);
    }
}

enum err healthcheck(const char *address, bool secured, struct errmsg *why)
{
    const struct transport_options options = {.connect_timeout_ms = TIMEOUT_MS,
                                              .user_agent = "emailsd-healthcheck",
                                              .max_connections = 1,
                                              .any_certificate = true};
    struct buf autobuf url = BUF_INIT(URL_MAX);
    struct transport *transport;
    struct probe probe = {.is_done = false};

    buf_add_str(&url, secured ? "https://" : "http://");
    add_reachable(&url, address);
    buf_add_str(&url, "/livez");
    if (buf_check(&url) || transport_new(&options, &transport)) {
        errmsg_set(why, "cannot check %.100s", address);
        return ERR_SYSTEM;
    }
    run_probe(transport, buf_str(&url), &probe);
    transport_free(transport);
    if (probe.status == 200)
        return ERR_OK;
    if (*probe.error)
        errmsg_set(why, "%.100s: %.150s", buf_str(&url), probe.error);
    else
        errmsg_set(why, "%.100s: status %d", buf_str(&url), probe.status);
    return ERR_NO_ENTRY;
}
