/* SPDX-License-Identifier: MIT */
/* test_host_lookup.c - tests lookups of host names, also with a resolver that does not answer. */
#include "base/host_lookup.h"

#include "tests/support/suite.h"

#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TEST_MS INT64_C(180000) /* only ends a test that hangs */

/* In place of the resolver: "silent" ends when the test writes to the pipe; the others are found in
 * a small table. */
static int release[2];

static struct addrinfo *add(struct addrinfo *next, int family, struct sockaddr *address,
                            socklen_t len)
{
    struct addrinfo *one = calloc(1, sizeof *one + len);

    memcpy(one + 1, address, len);
    *one = (struct addrinfo){.ai_family = family,
                             .ai_addr = (struct sockaddr *)(void *)(one + 1),
                             .ai_addrlen = len,
                             .ai_next = next};
    return one;
}

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret_found)
{
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    char byte;

    ck_assert_ptr_null(service);
    ck_assert_int_eq(hints->ai_socktype, SOCK_STREAM);
    if (strcmp(host, "silent") == 0)
        ck_assert_int_eq(read(release[0], &byte, 1), 1);
    if (strcmp(host, "unknown") == 0)
        return EAI_NONAME;
    *ret_found = NULL;
    for (int i = strcmp(host, "many") == 0 ? 9 : 1; i > 0; i--)
        *ret_found = add(*ret_found, AF_INET, (struct sockaddr *)&four, sizeof four);
    *ret_found = add(*ret_found, AF_INET6, (struct sockaddr *)&six, sizeof six);
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

static void setup(void)
{
    ck_assert_int_eq(pipe(release), 0);
}

static void teardown(void)
{
    close(release[0]);
    close(release[1]);
}

FIXTURE(setup, teardown);

static struct host_lookup *start(const char *host)
{
    struct host_lookup *lookup = NULL;

    ck_assert_int_eq(host_lookup_start(host, &lookup), ERR_OK);
    return lookup;
}

static void let_go(void)
{
    ck_assert_int_eq(write(release[1], "x", 1), 1);
}

TEST(host_lookup_returns_addresses_in_their_order)
{
    struct host_lookup *lookup = start("known");
    struct host_addresses found;
    struct errmsg why;

    ck_assert(host_lookup_wait(lookup, TEST_MS));
    ck_assert_int_eq(host_lookup_result(lookup, &found, &why), ERR_OK);
    ck_assert_uint_eq(found.n, 2);
    ck_assert_str_eq(found.text[0], "::1");
    ck_assert_str_eq(found.text[1], "127.0.0.1");
    host_lookup_free(lookup);
}

TEST(host_lookup_of_many_addresses_keeps_the_first)
{
    struct host_lookup *lookup = start("many");
    struct host_addresses found;
    struct errmsg why;

    ck_assert(host_lookup_wait(lookup, TEST_MS));
    ck_assert_int_eq(host_lookup_result(lookup, &found, &why), ERR_OK);
    ck_assert_uint_eq(found.n, HOST_ADDRESSES_MAX);
    host_lookup_free(lookup);
}

TEST(host_lookup_of_an_unknown_name_says_why)
{
    struct host_lookup *lookup = start("unknown");
    struct host_addresses found;
    struct errmsg why = {""};

    ck_assert(host_lookup_wait(lookup, TEST_MS));
    ck_assert_int_eq(host_lookup_result(lookup, &found, &why), ERR_NO_ENTRY);
    ck_assert_ptr_nonnull(strstr(why.text, "cannot resolve 'unknown': "));
    host_lookup_free(lookup);
}

TEST(host_lookup_of_a_silent_resolver_is_awaited_again)
{
    struct host_lookup *lookup = start("silent");
    struct host_addresses found;
    struct errmsg why;

    ck_assert(!host_lookup_wait(lookup, 0));
    ck_assert(!host_lookup_wait(lookup, 20));
    ck_assert(!host_lookup_wait(lookup, -999)); /* the time was over before the call */
    let_go();
    ck_assert(host_lookup_wait(lookup, TEST_MS));
    ck_assert_int_eq(host_lookup_result(lookup, &found, &why), ERR_OK);
    host_lookup_free(lookup);
}

/* As after a process that was stopped. */
TEST(host_lookup_is_not_awaited_if_the_time_is_over)
{
    struct host_lookup *lookup = start("silent");

    ck_assert(!host_lookup_wait(lookup, -1));
    ck_assert(!host_lookup_wait(lookup, -900));
    let_go();
    ck_assert(host_lookup_wait(lookup, TEST_MS));
    host_lookup_free(lookup);
}

/* The thread frees it, which LeakSanitizer would report otherwise. */
TEST(host_lookup_that_is_freed_does_not_wait_for_the_resolver)
{
    struct pollfd fd = {.fd = release[0], .events = POLLIN};

    host_lookup_free(start("silent"));
    let_go();
    while (poll(&fd, 1, 0) > 0) /* until the thread has read it */
        poll(NULL, 0, 1);
    host_lookup_free(NULL);
}
