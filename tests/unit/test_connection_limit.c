/* SPDX-License-Identifier: MIT */
/* test_connection_limit.c - tests the limits of connections, for all clients together and for
 * one address. */
#include "http/net/connection_limit.h"

#include "base/mem.h"

#include "tests/support/suite.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/un.h>

static struct sockaddr_storage address;

/* Returns an address as the kernel does; the port has no influence. */
static const struct sockaddr *from(const char *text)
{
    static in_port_t port;
    struct sockaddr_in *v4 = (struct sockaddr_in *)&address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address;

    address = (struct sockaddr_storage){0};
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = ++port;
    } else {
        ck_assert_int_eq(inet_pton(AF_INET6, text, &v6->sin6_addr), 1);
        v6->sin6_family = AF_INET6;
        v6->sin6_port = ++port;
    }
    return (const struct sockaddr *)&address;
}

static void take_from(struct connection_limit *limit, const char *text, int n)
{
    for (int i = 0; i < n; i++) {
        ck_assert_int_eq(connection_limit_check(limit, from(text)), LIMIT_NOT_REACHED);
        connection_limit_acquire(limit, from(text));
    }
}

TEST(limit_per_address_unset_allows_one_address_all_slots)
{
    struct connection_limit *limit = connection_limit_new(3, 0);

    ck_assert_int_eq(connection_limit_max(limit), 3);
    take_from(limit, "192.0.2.1", 3);
    ck_assert_int_eq(connection_limit_check(limit, from("192.0.2.1")), LIMIT_TOTAL);
    ck_assert_int_eq(connection_limit_check(limit, from("192.0.2.2")), LIMIT_TOTAL);
    connection_limit_release(limit, from("192.0.2.1"));
    ck_assert_int_eq(connection_limit_check(limit, from("192.0.2.2")), LIMIT_NOT_REACHED);
    connection_limit_free(limit);
}

TEST(limit_per_address_reached_leaves_slots_to_others)
{
    struct connection_limit *limit = connection_limit_new(5, 2);

    take_from(limit, "192.0.2.1", 2);
    ck_assert_int_eq(connection_limit_check(limit, from("192.0.2.1")), LIMIT_PER_ADDRESS);
    take_from(limit, "192.0.2.2", 2);
    take_from(limit, "2001:db8::1", 1);
    ck_assert_int_eq(connection_limit_check(limit, from("192.0.2.3")), LIMIT_TOTAL);
    connection_limit_free(limit);
}

TEST(limit_released_slot_is_free_for_the_same_address)
{
    struct connection_limit *limit = connection_limit_new(9, 2);

    take_from(limit, "192.0.2.1", 2);
    connection_limit_release(limit, from("192.0.2.1"));
    take_from(limit, "192.0.2.1", 1);
    ck_assert_int_eq(connection_limit_check(limit, from("192.0.2.1")), LIMIT_PER_ADDRESS);
    connection_limit_release(limit, from("192.0.2.1"));
    connection_limit_release(limit, from("192.0.2.1"));
    take_from(limit, "192.0.2.1", 2);
    connection_limit_free(limit);
}

static const struct {
    const char *one, *other;
    enum connection_limit_verdict verdict;
} pairs[] = {
    {"2001:db8:0:1::1", "2001:db8:0:1:ffff::2", LIMIT_PER_ADDRESS},
    {"2001:db8:0:1::1", "2001:db8:0:2::1", LIMIT_NOT_REACHED},
    {"192.0.2.1", "::ffff:192.0.2.1", LIMIT_PER_ADDRESS},
    {"::ffff:192.0.2.1", "::ffff:192.0.2.2", LIMIT_NOT_REACHED},
    {"192.0.2.1", "192.0.2.2", LIMIT_NOT_REACHED},
    {"0.0.0.0", "::", LIMIT_NOT_REACHED},
};

LOOP_TEST(limit_counts_ipv6_by_64_and_mapped_ipv4_as_ipv4, pairs)
{
    struct connection_limit *limit = connection_limit_new(9, 1);

    take_from(limit, pairs[_i].one, 1);
    ck_assert_int_eq(connection_limit_check(limit, from(pairs[_i].other)), pairs[_i].verdict);
    connection_limit_free(limit);
}

TEST(limit_without_ip_address_is_global_only)
{
    const struct sockaddr_un local = {.sun_family = AF_UNIX};
    const struct sockaddr *froms[] = {(const struct sockaddr *)&local, NULL};
    struct connection_limit *limit = connection_limit_new(8, 1);

    for (size_t i = 0; i < 8; i++) {
        ck_assert_int_eq(connection_limit_check(limit, froms[i % 2]), LIMIT_NOT_REACHED);
        connection_limit_acquire(limit, froms[i % 2]);
    }
    ck_assert_int_eq(connection_limit_check(limit, froms[0]), LIMIT_TOTAL);
    for (size_t i = 0; i < 8; i++)
        connection_limit_release(limit, froms[i % 2]);
    ck_assert_int_eq(connection_limit_check(limit, froms[0]), LIMIT_NOT_REACHED);
    connection_limit_free(limit);
}

#define THREADS 4
#define ROUNDS  2000

static void *come_and_go(void *arg)
{
    struct sockaddr_in caller = {.sin_family = AF_INET,
                                 .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};

    for (int i = 0; i < ROUNDS; i++) {
        (void)connection_limit_check(arg, (struct sockaddr *)&caller);
        connection_limit_acquire(arg, (struct sockaddr *)&caller);
        connection_limit_release(arg, (struct sockaddr *)&caller);
    }
    return NULL;
}

TEST(limit_after_concurrent_use_has_all_slots_free)
{
    struct connection_limit *limit = connection_limit_new(2, 1);
    pthread_t threads[THREADS];

    for (size_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, come_and_go, limit), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    take_from(limit, "127.0.0.1", 1);
    take_from(limit, "127.0.0.2", 1);
    ck_assert_int_eq(connection_limit_check(limit, from("127.0.0.3")), LIMIT_TOTAL);
    connection_limit_free(limit);
}
