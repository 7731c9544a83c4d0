/* SPDX-License-Identifier: MIT */
/* bare_library.c - the floor of a hit with libmicrohttpd: what the library alone needs.
 *
 *     bare_library PORT BODY_FILE
 *
 * One thread answers each GET request with one prepared response of the same size as emailsd's, and
 * reads nothing of the request. libmicrohttpd is set up as in emailsd (http/core/mhd_daemon.c),
 * with a pool of the same size, and its epoll set is nested in another one. So no server that uses
 * the library so can need less. */
#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define BODY_MAX    4096
#define POOL_BYTES  ((size_t)16 << 10)
#define CONNECTIONS 4096U

#if MHD_VERSION >= 0x00097707
#define OF_ONE_THREAD MHD_USE_NO_THREAD_SAFETY
#else
#define OF_ONE_THREAD MHD_NO_FLAG
#endif

static volatile sig_atomic_t asked_to_end;

static void on_signal(int number)
{
    (void)number;
    asked_to_end = 1;
}

/* The first call of a request comes before libmicrohttpd knows that it has no body. */
static enum MHD_Result answer(void *arg, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_len, void **request)
{
    static int seen;

    (void)url;
    (void)method;
    (void)version;
    (void)upload;
    (void)upload_len;
    if (!*request) {
        *request = &seen;
        return MHD_YES;
    }
    return MHD_queue_response(connection, MHD_HTTP_OK, arg);
}

static struct MHD_Response *response_of(const char *path)
{
    static char body[BODY_MAX];
    static const char *const headers[][2] = {
        {"Content-Type", "application/json"},
        {"ETag", "\"72671defbaf308b92648c8f160d8f189\""},
        {"Cache-Control", "private, max-age=2592000"},
        {"Age", "0"},
        {"Cache-Status", "emailsd; hit; ttl=2592000"},
        {"Vary", "Accept, Prefer"},
        {"Date", "Thu, 01 Jan 2026 00:00:00 GMT"},
        {"X-Request-Id", "0123456789abcdef0123456789abcdef"},
    };
    FILE *file = fopen(path, "rb");
    size_t len = file ? fread(body, 1, sizeof body, file) : 0;

    if (!file || !len) {
        fprintf(stderr, "bare_library: cannot read %s\n", path);
        exit(1);
    }
    fclose(file);
    struct MHD_Response *response =
        MHD_create_response_from_buffer(len, body, MHD_RESPMEM_PERSISTENT);
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++)
        MHD_add_response_header(response, headers[i][0], headers[i][1]);
    return response;
}

static void run(struct MHD_Daemon *daemon)
{
    int inner = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    int outer = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN};

    epoll_ctl(outer, EPOLL_CTL_ADD, inner, &event);
    while (!asked_to_end) {
        unsigned long long ms;
        int wait_ms = MHD_get_timeout(daemon, &ms) == MHD_YES ? (int)ms : -1;
        if (epoll_wait(outer, &event, 1, wait_ms) >= 0 || errno == EINTR)
            MHD_run(daemon);
    }
    close(outer);
}

int main(int argc, char **argv)
{
    struct sigaction end = {.sa_handler = on_signal};

    if (argc != 3) {
        fprintf(stderr, "usage: bare_library PORT BODY_FILE\n");
        return 2;
    }
    uint16_t port = (uint16_t)strtoul(argv[1], NULL, 10);
    sigaction(SIGTERM, &end, NULL);
    sigaction(SIGINT, &end, NULL);
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct MHD_Response *response = response_of(argv[2]);
    struct MHD_Daemon *daemon =
        MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_SUPPRESS_DATE_NO_CLOCK |
                             MHD_USE_ERROR_LOG | OF_ONE_THREAD,
                         port, NULL, NULL, answer, response, MHD_OPTION_SOCK_ADDR, &address,
                         MHD_OPTION_LISTENING_ADDRESS_REUSE, 1U, MHD_OPTION_LISTEN_BACKLOG_SIZE,
                         CONNECTIONS, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS,
                         MHD_OPTION_CONNECTION_MEMORY_LIMIT, POOL_BYTES, MHD_OPTION_END);
    if (!daemon) {
        fprintf(stderr, "bare_library: cannot listen on port %u\n", port);
        return 1;
    }
    printf("bare_library ready on http://127.0.0.1:%u\n", port);
    fflush(stdout);
    run(daemon);
    MHD_stop_daemon(daemon);
    MHD_destroy_response(response);
    return 0;
}
