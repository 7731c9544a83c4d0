/* SPDX-License-Identifier: MIT */
/* raw_client.c - see raw_client.h. Reads heads byte by byte: slow, but never a byte too many. */
#include "raw_client.h"

#include <arpa/inet.h>
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

/* Returns what is between "http://" and the port, without brackets. */
static void host_of(const char *url, char *host, size_t room)
{
    const char *start = url + strlen("http://");
    size_t len = (size_t)(strrchr(url, ':') - start);

    if (*start == '[') {
        start++;
        len -= 2;
    }
    ck_assert_uint_lt(len, room);
    memcpy(host, start, len);
    host[len] = '\0';
}

int raw_connect(const char *url)
{
    char host[64];
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    struct sockaddr_in v4 = {.sin_family = AF_INET};

    host_of(url, host, sizeof host);
    bool is_v6 = inet_pton(AF_INET6, host, &v6.sin6_addr) == 1;
    v4.sin_port = v6.sin6_port = htons((unsigned short)strtoul(strrchr(url, ':') + 1, NULL, 10));
    ck_assert(is_v6 || inet_pton(AF_INET, host, &v4.sin_addr) == 1);

    int fd = socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    int failed = is_v6 ? connect(fd, (const struct sockaddr *)&v6, sizeof v6)
                       : connect(fd, (const struct sockaddr *)&v4, sizeof v4);
    if (!failed)
        return fd;
    close(fd);
    return -1;
}

void raw_send(int fd, const char *text)
{
    size_t len = strlen(text);

    ck_assert_int_eq(send(fd, text, len, MSG_NOSIGNAL), (ssize_t)len);
}

void raw_get(int fd, const char *path)
{
    char text[512];

    snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: test\r\n\r\n", path);
    raw_send(fd, text);
}

static bool read_head(int fd, struct raw_answer *answer)
{
    size_t n = 0;

    do {
        if (n == sizeof answer->head - 1 || recv(fd, answer->head + n, 1, 0) != 1)
            return false;
        answer->head[++n] = '\0';
    } while (n < 4 || memcmp(answer->head + n - 4, "\r\n\r\n", 4) != 0);
    return true;
}

bool raw_read_no_body(int fd, struct raw_answer *answer)
{
    memset(answer, 0, sizeof *answer);
    if (!read_head(fd, answer) || strncmp(answer->head, "HTTP/1.1 ", 9) != 0)
        return false;
    const char *length = raw_header(answer, "Content-Length");
    answer->status = (int)strtol(answer->head + 9, NULL, 10);
    answer->announced = length ? strtol(length, NULL, 10) : -1;
    return true;
}

bool raw_read(int fd, struct raw_answer *answer)
{
    if (!raw_read_no_body(fd, answer))
        return false;
    ck_assert_int_lt(answer->announced, RAW_BODY);
    while ((long)answer->len < answer->announced) {
        ssize_t got =
            recv(fd, answer->body + answer->len, (size_t)answer->announced - answer->len, 0);
        if (got <= 0)
            return false;
        answer->len += (size_t)got;
    }
    answer->body[answer->len] = '\0';
    return true;
}

const char *raw_header(const struct raw_answer *answer, const char *name)
{
    static char value[RAW_HEAD];
    size_t len = strlen(name);

    for (const char *line = strstr(answer->head, "\r\n"); line; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, len) != 0 || line[len] != ':')
            continue;
        const char *start = line + len + 1 + strspn(line + len + 1, " ");
        size_t n = strcspn(start, "\r");
        memcpy(value, start, n);
        value[n] = '\0';
        return value;
    }
    return NULL;
}

bool raw_is_closed(int fd)
{
    char byte;

    return recv(fd, &byte, 1, 0) <= 0;
}
