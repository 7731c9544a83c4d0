/* SPDX-License-Identifier: MIT */
/* test_postgres_dial.c - tests the attempts to connect to PostgreSQL: a resolver or an address that
 * does not answer, what the operator must correct, and what other threads see of the link. */
#include "base/mem.h"
#include "tests/unit/store_fixture.h"

#include "store/postgres/postgres.h"
#include "tests/support/postgres_server.h"
#include "tests/support/suite.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The limits that a test waits for: what does not answer never does. Of the second one, each of two
 * addresses has a half, in which it must be dialled. */
#define LIMIT_MS      INT64_C(200)
#define TWO_TRIALS_MS INT64_C(4000)

FIXTURE(store_fixture_setup, store_fixture_teardown);
BEFORE_TESTS(postgres_server_start);

/* ---- in place of the resolver ---- */

static int silence[2]; /* a pipe that nothing is written to */
static int port;       /* of 127.0.0.1 and 127.0.0.2 */

static void add_address(struct addrinfo **list, const char *text)
{
    struct addrinfo *one = calloc(1, sizeof *one + sizeof(struct sockaddr_in));
    struct sockaddr_in *address = (struct sockaddr_in *)(void *)(one + 1);

    address->sin_family = AF_INET;
    ck_assert_int_eq(inet_pton(AF_INET, text, &address->sin_addr), 1);
    *one = (struct addrinfo){.ai_family = AF_INET,
                             .ai_addr = (struct sockaddr *)(void *)address,
                             .ai_addrlen = sizeof *address,
                             .ai_next = *list};
    *list = one;
}

/* "silent" is never resolved; "two" has two addresses; libpq passes addresses. */
int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret_found)
{
    char byte;

    (void)hints;
    if (strcmp(host, "silent") == 0 && read(silence[0], &byte, 1) < 1)
        return EAI_FAIL;
    *ret_found = NULL;
    if (strcmp(host, "two") != 0) {
        add_address(ret_found, host);
        struct sockaddr_in *address = (struct sockaddr_in *)(void *)(*ret_found)->ai_addr;
        address->sin_port = htons((uint16_t)strtol(service, NULL, 10));
        (*ret_found)->ai_socktype = SOCK_STREAM;
        return 0;
    }
    add_address(ret_found, "127.0.0.2");
    add_address(ret_found, "127.0.0.1");
    return 0;
}

void freeaddrinfo(struct addrinfo *found)
{
    while (found) {
        struct addrinfo *next = found->ai_next;
        free(found);
        found = next;
    }
}

/* ---- what is opened ---- */

static enum err open_url(const char *url, int64_t limit_ms, struct errmsg *why)
{
    const struct store_options options = {
        .url = url, .schema = store_schema(), .statement_ms = limit_ms};

    return store_open(&options, &store, why);
}

/* Listens without ever accepting: a connection is made, and gets no reply. */
static int listen_silently(const char *address)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(inet_pton(AF_INET, address, &at.sin_addr), 1);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    ck_assert_int_eq(listen(fd, 8), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    port = ntohs(at.sin_port);
    return fd;
}

TEST(postgres_silent_resolver_holds_an_attempt_for_its_limit_only)
{
    struct errmsg why = {""};

    ck_assert_int_eq(pipe(silence), 0);
    ck_assert_int_eq(open_url("postgresql://u@silent/d?sslmode=disable", LIMIT_MS, &why),
                     ERR_STORAGE_UNAVAILABLE);
    ck_assert_str_eq(why.text, "PostgreSQL: the resolver does not answer in time for 'silent'");
}

TEST(postgres_each_address_of_a_name_is_tried)
{
    char url[100];
    struct errmsg why = {""};
    int first = listen_silently("127.0.0.1"), second = listen_silently("127.0.0.2");

    snprintf(url, sizeof url, "postgresql://u@two:%d/d?sslmode=disable", port);
    ck_assert_int_eq(open_url(url, TWO_TRIALS_MS, &why), ERR_STORAGE_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(why.text, "no reply in time from"));
    ck_assert_int_ge(accept4(first, NULL, NULL, SOCK_NONBLOCK), 0);
    ck_assert_int_ge(accept4(second, NULL, NULL, SOCK_NONBLOCK), 0);
    close(first);
    close(second);
}

/* ---- what the operator must correct ---- */

static const char *replaced(const char *from, const char *to)
{
    static char url[200];
    const char *before = postgres_server_url(), *at = strstr(before, from);

    snprintf(url, sizeof url, "%.*s%s%s", (int)(at - before), before, to, at + strlen(from));
    return url;
}

static const struct {
    const char *from, *to;
    enum err err;
} urls[] = {
    {"user=postgres", "user=stranger", ERR_STORE_REFUSED},
    {"///postgres?", "///missing?", ERR_STORE_REFUSED},
    {"///postgres?host=", "///postgres?host=/missing", ERR_STORAGE_UNAVAILABLE},
    /* The other host may be the right one. */
    {"///postgres?host=", "///missing?host=/missing,", ERR_STORAGE_UNAVAILABLE},
};

LOOP_TEST(postgres_that_is_away_differs_from_a_wrong_url, urls)
{
    struct errmsg why = {""};

    ck_assert_int_eq(open_url(replaced(urls[_i].from, urls[_i].to), STORE_TEST_MS, &why),
                     urls[_i].err);
    ck_assert_ptr_null(store);
    ck_assert_ptr_nonnull(strstr(why.text, "PostgreSQL: "));
    ck_assert_ptr_null(strpbrk(why.text, "\n\t"));
    ck_assert_ptr_null(strstr(why.text, "LOCATION"));
}

/* ---- the link ---- */

TEST(postgres_link_follows_the_connection_and_the_ownership)
{
    struct errmsg why = {""};

    store = store_open_roomy(postgres_server_url());
    ck_assert_int_eq(store_link(store), STORE_CONNECTED);
    pg_disconnect(pg_of(store));
    ck_assert_int_eq(store_link(store), STORE_DISCONNECTED);
    while (store_try(store, STORE_NOW_MS))
        ;
    ck_assert_int_eq(store_link(store), STORE_CONNECTED);
    ck_assert_int_eq(pg_run(pg_of(store), "UPDATE leadership SET leader = 'other'", NULL, &why),
                     ERR_OK);
    ck_assert_int_eq(store_heartbeat(store, &why), ERR_STORAGE_UNAVAILABLE);
    ck_assert_int_eq(store_link(store), STORE_LOST);
    pg_disconnect(pg_of(store));
    ck_assert_int_eq(store_link(store), STORE_LOST);
}

TEST(postgres_reader_of_a_server_that_is_away_connects_later)
{
    struct store *reader = NULL;
    struct errmsg why = {""};

    store = store_open_roomy(postgres_server_url());
    pg_of(store)->service_ms = STORE_TEST_MS;
    ck_assert_int_eq(store_open_reader(store, &reader, &why), ERR_OK);
    pg_disconnect(pg_of(reader));
    while (store_kept(reader, 0) == ERR_STORAGE_UNAVAILABLE)
        ;
    ck_assert_int_eq(store_link(reader), STORE_CONNECTED);
    store_close(reader);
}

TEST(store_on_a_server_is_known_by_its_url)
{
    ck_assert(store_is_on_server(postgres_server_url()));
    ck_assert(!store_is_on_server(store_url()));
    ck_assert(!store_is_on_server("memory:"));
    ck_assert(!store_is_on_server("nonsense"));
}
