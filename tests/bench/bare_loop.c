/* SPDX-License-Identifier: MIT */
/* bare_loop.c - the floor of a hit: what one thread and epoll can do without anything else.
 *
 *     bare_loop PORT BODY_FILE QUERY
 *
 * Does by hand what a hit of emailsd must do: reads the request line, finds the raw query in a
 * table, writes a 200 with the entity's headers and with Age, Date and a request id of its own.
 * Supports only the normal case: GET requests without bodies that fit its buffers, from correct
 * clients; anything else closes the connection. So it is a yardstick, not a server. Several
 * processes share a port by SO_REUSEPORT. */
#include "base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SLOTS       4096 /* of the table, a power of two */
#define ENTRIES     1024 /* so that a look-up is one among many, as in a real cache */
#define BODY_MAX    4096
#define REQUEST_MAX 4096
#define EVENTS      128
#define MAX_AGE_S   2592000

struct entry {
    char query[128]; /* "" = unused */
    char etag[33];
    size_t body_len;
    time_t stored_s;
    char body[BODY_MAX];
};

struct connection {
    int fd;
    size_t len;
    char request[REQUEST_MAX];
};

static struct entry *table[SLOTS];
static uint64_t random_state[2];
static volatile sig_atomic_t asked_to_end;

static void on_signal(int number)
{
    (void)number;
    asked_to_end = 1;
}

/* FNV-1a */
static size_t slot_of(const char *text, size_t len)
{
    uint64_t hash = 14695981039346656037U;

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)text[i]) * 1099511628211U;
    return (size_t)(hash ^ hash >> 32) % SLOTS;
}

static struct entry *find(const char *query, size_t len)
{
    size_t slot = slot_of(query, len);

    for (; table[slot]; slot = (slot + 1) % SLOTS)
        if (strncmp(table[slot]->query, query, len) == 0 && !table[slot]->query[len])
            return table[slot];
    return NULL;
}

static void add(const char *query, const char *body, size_t len)
{
    struct entry *entry = xcalloc(1, sizeof *entry);
    size_t slot = slot_of(query, strlen(query));

    snprintf(entry->query, sizeof entry->query, "%s", query);
    snprintf(entry->etag, sizeof entry->etag, "72671defbaf308b92648c8f160d8f189");
    memcpy(entry->body, body, len);
    entry->body_len = len;
    entry->stored_s = time(NULL);
    while (table[slot])
        slot = (slot + 1) % SLOTS;
    table[slot] = entry;
}

/* xorshift128+: an id that is new, but not unpredictable. */
static void write_id(char *hex)
{
    static const char digits[] = "0123456789abcdef";

    for (int half = 0; half < 2; half++) {
        uint64_t x = random_state[0], y = random_state[1];
        random_state[0] = y;
        x ^= x << 23;
        random_state[1] = x ^ y ^ (x >> 17) ^ (y >> 26);
        uint64_t value = random_state[1] + y;
        for (int i = 0; i < 16; i++, value >>= 4)
            *hex++ = digits[value & 15];
    }
    *hex = '\0';
}

/* The date is formatted again when the second changes. */
static const char *date_at(time_t now)
{
    static char text[40];
    static time_t made;
    struct tm parts;

    if (now != made) {
        gmtime_r(&now, &parts);
        strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
        made = now;
    }
    return text;
}

static bool answer(int fd, const struct entry *entry, bool keep)
{
    char out[BODY_MAX + 1024], id[33];
    struct timespec now;

    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    long age = (long)(now.tv_sec - entry->stored_s);
    write_id(id);
    int n = snprintf(out, sizeof out,
                     "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nETag: \"%s\"\r\n"
                     "Cache-Control: private, max-age=%ld\r\nAge: %ld\r\n"
                     "Cache-Status: emailsd; hit; ttl=%ld\r\nVary: Accept, Prefer\r\n%s"
                     "Date: %s\r\nX-Request-Id: %s\r\nContent-Length: %zu\r\n\r\n",
                     entry->etag, MAX_AGE_S - age, age, MAX_AGE_S - age,
                     keep ? "" : "Connection: close\r\n", date_at(now.tv_sec), id, entry->body_len);
    memcpy(out + n, entry->body, entry->body_len);
    size_t len = (size_t)n + entry->body_len;
    return send(fd, out, len, MSG_NOSIGNAL) == (ssize_t)len;
}

/* Returns false if the connection has to be closed. */
static bool serve(struct connection *c)
{
    static const char start[] = "GET /emails?";
    ssize_t got = recv(c->fd, c->request + c->len, REQUEST_MAX - 1 - c->len, 0);

    if (got <= 0)
        return got < 0 && errno == EAGAIN;
    c->len += (size_t)got;
    c->request[c->len] = '\0';
    if (c->len < 4 || memcmp(c->request + c->len - 4, "\r\n\r\n", 4) != 0)
        return c->len < REQUEST_MAX - 1;
    c->len = 0;
    if (strncmp(c->request, start, sizeof start - 1) != 0)
        return false;
    const char *query = c->request + sizeof start - 1;
    const char *end = strchr(query, ' ');
    const struct entry *entry = end ? find(query, (size_t)(end - query)) : NULL;
    if (!entry)
        return false;
    bool keep = !strstr(end, "Connection: close");
    return answer(c->fd, entry, keep) && keep;
}

static void take_new(int listener, int epoll)
{
    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        struct connection *c = xcalloc(1, sizeof *c);
        c->fd = fd;
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
            close(fd);
            free(c);
        }
    }
}

static void run(int listener)
{
    struct epoll_event events[EVENTS], event = {.events = EPOLLIN, .data.ptr = NULL};
    int epoll = epoll_create1(EPOLL_CLOEXEC);

    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    while (!asked_to_end) {
        int n = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            struct connection *c = events[i].data.ptr;
            if (!c) {
                take_new(listener, epoll);
            } else if (!serve(c)) {
                close(c->fd);
                free(c);
            }
        }
    }
    close(epoll);
}

static int listen_on(uint16_t port)
{
    const int on = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0 ||
        bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 4096) != 0) {
        perror("bare_loop: listen");
        exit(1);
    }
    return fd;
}

static void fill(const char *path, const char *query)
{
    char body[BODY_MAX], other[64];
    FILE *file = fopen(path, "rb");
    size_t len = file ? fread(body, 1, sizeof body, file) : 0;

    if (!file || !len) {
        fprintf(stderr, "bare_loop: cannot read %s\n", path);
        exit(1);
    }
    fclose(file);
    for (int i = 0; i < ENTRIES - 1; i++) {
        snprintf(other, sizeof other, "domain=company-%d.com", i);
        add(other, body, len);
    }
    add(query, body, len);
}

int main(int argc, char **argv)
{
    struct sigaction end = {.sa_handler = on_signal};

    if (argc != 4) {
        fprintf(stderr, "usage: bare_loop PORT BODY_FILE QUERY\n");
        return 2;
    }
    uint16_t port = (uint16_t)strtoul(argv[1], NULL, 10);
    sigaction(SIGTERM, &end, NULL);
    sigaction(SIGINT, &end, NULL);
    random_state[0] = (uint64_t)getpid() * 0x9e3779b97f4a7c15U;
    random_state[1] = (uint64_t)time(NULL) ^ 0xbf58476d1ce4e5b9U;
    fill(argv[2], argv[3]);
    int listener = listen_on(port);
    printf("bare_loop ready on http://127.0.0.1:%u\n", port);
    fflush(stdout);
    run(listener);
    close(listener);
    return 0;
}
