/* SPDX-License-Identifier: MIT */
/* fuzz_answer.c - fuzzes the bytes of an HTTP response over a real socket, through libcurl:
 * status, headers, Retry-After in seconds or as a date, body.
 *
 * The input is what the server sends before it closes. The server is this thread, between two
 * iterations of the transport. */
#include "base/mem.h"
#include "client/transport.h"
#include "tests/fuzz/fuzz.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_BYTES   4096
#define PATIENCE_MS 20000

static struct transport *transport;
static int listener;
static char url[64];

static void start_once(void)
{
    const struct transport_options options = {
        .connect_timeout_ms = PATIENCE_MS, .user_agent = "fuzz", .max_connections = 1};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;

    if (transport)
        return;
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    FUZZ_WANT(listener >= 0 && bind(listener, (struct sockaddr *)&address, len) == 0);
    FUZZ_WANT(listen(listener, 16) == 0);
    FUZZ_WANT(getsockname(listener, (struct sockaddr *)&address, &len) == 0);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", ntohs(address.sin_port));
    FUZZ_WANT(!transport_new(&options, &transport));
}

struct seen {
    int times;
    enum transport_end end;
};

static void check_answer(void *arg, const struct transport_answer *answer)
{
    struct seen *seen = arg;

    seen->times++;
    seen->end = answer->end;
    FUZZ_WANT(answer->body_len <= MAX_BYTES && answer->body[answer->body_len] == '\0');
    FUZZ_WANT(answer->retry_after_s == -1 || answer->retry_after_s > 0);
    FUZZ_WANT(answer->status == 0 || (answer->status >= 100 && answer->status <= 999));
    FUZZ_WANT(answer->took_ms >= 0);
    FUZZ_WANT((answer->end == TRANSPORT_ANSWERED) == (*answer->error == '\0'));
    FUZZ_WANT(answer->end != TRANSPORT_ANSWERED || answer->status >= 100);
}

/* Waits until the request has arrived, sends the input and closes. */
static int serve(const uint8_t *data, size_t size)
{
    char request[8192];
    int fd = -1;
    size_t have = 0;

    do {
        transport_wait(transport, fd < 0 ? listener : fd, PATIENCE_MS);
        transport_run(transport);
        if (fd < 0) {
            struct sockaddr_storage peer;
            socklen_t len = sizeof peer;
            fd = accept4(listener, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
            FUZZ_WANT(fd >= 0);
        }
        ssize_t n = recv(fd, request + have, sizeof request - 1 - have, 0);
        have += n > 0 ? (size_t)n : 0;
        request[have] = '\0';
    } while (!strstr(request, "\r\n\r\n"));
    ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
    FUZZ_WANT(sent == (ssize_t)size);
    return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seen seen = {0};
    char byte;

    start_once();
    const struct transport_request request = {
        .url = url, .timeout_ms = PATIENCE_MS, .max_bytes = MAX_BYTES, .only_once = true};
    transport_start(transport, &request, check_answer, &seen);
    int fd = serve(data, size);
    shutdown(fd, SHUT_WR);
    while (!seen.times) {
        transport_wait(transport, -1, PATIENCE_MS);
        transport_run(transport);
    }
    FUZZ_WANT(seen.times == 1);
    /* The request was read, so the result must not be not-sent or timeout. */
    FUZZ_WANT(seen.end != TRANSPORT_NOT_SENT && seen.end != TRANSPORT_TIMEOUT);
    while (recv(fd, &byte, 1, 0) > 0)
        ;
    close(fd);
    return 0;
}
