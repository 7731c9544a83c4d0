/* SPDX-License-Identifier: MIT */
/* test_listener_start.c - tests on which addresses a listener may listen, and with how many
 * descriptors. */
#include "base/log.h"
#include "listener_fixture.h"
#include "tests/support/suite.h"

#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

/* ---- the log, inspected instead of written ---- */

static char logged[256];

void log_fields(enum log_level level, const char *event, const struct log_field *fields, size_t n)
{
    (void)level;
    (void)fields;
    (void)n;
    snprintf(logged, sizeof logged, "%s", event);
}

void log_set_level(enum log_level level)
{
    (void)level;
}

bool log_enabled(enum log_level level)
{
    return level >= LOG_WARN;
}

uint64_t log_dropped(void)
{
    return 0;
}

/* ---- addresses ---- */

static enum err try_start(const char *const *addresses, size_t n, struct errmsg *why)
{
    struct listener_options options = patient_options();
    struct listener *listener = NULL;

    options.addresses = addresses;
    options.n_addresses = n;
    enum err err = listener_start(&options, &fixture.service, &listener, why);

    if (err)
        ck_assert_ptr_null(listener);
    else
        stop(listener);
    return err;
}

static const char *const no_addresses[] = {
    "",
    "127.0.0.1",
    "127.0.0.1:",
    ":8080",
    "localhost:8080",
    "::1:8080",
    "127.0.0.1:http",
    "127.0.0.1:-1",
    "127.0.0.1:65536",
    "127.0.0.1:99999",
    "[::1]",
    "[::1:8080",
    "1.2.3.4.5:80",
    "[127.0.0.1]x:1",
    "127.0.0.1:80 ",
    "127.0.0.1:4294967376",
};

LOOP_TEST(listener_invalid_address_is_named, no_addresses)
{
    struct errmsg why = {""};

    ck_assert_msg(try_start(&no_addresses[_i], 1, &why) == ERR_SYNTAX, "%s", no_addresses[_i]);
    ck_assert_msg(strncmp(why.text, no_addresses[_i], strlen(no_addresses[_i])) == 0, "%s",
                  why.text);
}

TEST(listener_port_in_use_is_named)
{
    struct listener *first = start(2);
    const char *taken = listener_url(first, 0) + strlen("http://");
    const char *both[] = {"127.0.0.1:0", taken};
    struct errmsg why = {""};

    ck_assert_int_eq(try_start(&taken, 1, &why), ERR_SYSTEM);
    ck_assert_ptr_nonnull(strstr(why.text, taken));
    ck_assert_ptr_nonnull(strstr(why.text, "in use"));
    ck_assert_int_eq(try_start(both, 2, &why), ERR_SYSTEM);
    int fd = connect_to(first);
    get_and_expect_now(fd); /* the first listener is not affected */
    stop(first);
}

/* No other test takes a port at that address. */
TEST(listener_port_is_free_after_the_stop)
{
    struct listener *listener = start_on("127.0.0.4:0", 2, MANY);
    char address[64];
    const char *addresses[] = {address};
    struct errmsg why = {""};
    int fd = connect_to(listener);

    snprintf(address, sizeof address, "%s", listener_url(listener, 0) + strlen("http://"));
    get_and_expect_now(fd);
    stop(listener); /* closes first, so the port is left in TIME_WAIT */
    ck_assert(raw_is_closed(fd));
    ck_assert_msg(try_start(addresses, 1, &why) == ERR_OK, "%s", why.text);
}

static bool has_ipv6(void)
{
    const struct sockaddr_in6 loopback = {.sin6_family = AF_INET6,
                                          .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    bool has = fd >= 0 && bind(fd, (const struct sockaddr *)&loopback, sizeof loopback) == 0;

    if (fd >= 0)
        close(fd);
    return has;
}

TEST(listener_serves_several_addresses)
{
    const char *const addresses[] = {"127.0.0.1:0", "127.0.0.2:0", "[::1]:0"};
    struct listener_options options = patient_options();
    struct listener *listener = NULL;
    struct errmsg why = {""};

    options.addresses = addresses;
    options.n_addresses = has_ipv6() ? 3 : 2;
    options.threads = 3;
    enum err err = listener_start(&options, &fixture.service, &listener, &why);
    ck_assert_msg(err == ERR_OK, "%s", why.text);
    for (size_t i = 0; i < options.n_addresses; i++) {
        int fd = raw_connect(listener_url(listener, i));
        ck_assert_int_ge(fd, 0);
        raw_get(fd, "/parked");
        wait_parked(1);
        let_all_go();
        expect(fd, "later\n");
        close(fd);
    }
    stop(listener);
}

TEST(listener_reserves_descriptors_for_other_files)
{
    const struct rlimit few = {.rlim_cur = 80, .rlim_max = 96};
    struct raw_answer answer;
    int n = 0;

    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    struct listener *listener = start_on("127.0.0.1:0", 1, 1000);
    ck_assert_str_eq(logged, "connection_limit_reduced");
    for (bool taken = true; taken; n += taken) {
        int fd = connect_to(listener);
        send(fd, "GET /now HTTP/1.1\r\nHost: test\r\n\r\n", 33, MSG_NOSIGNAL);
        taken = raw_read(fd, &answer);
    }
    ck_assert_int_ge(n, 8);
    ck_assert_int_le(n, 96 - 64); /* the test's own ends count against the 64, too */
    stop(listener);
}

TEST(listener_too_few_descriptors_are_named)
{
    const struct rlimit few = {.rlim_cur = 40, .rlim_max = 40};
    const char *address = "127.0.0.1:0";
    struct errmsg why = {""};

    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    ck_assert_int_eq(try_start(&address, 1, &why), ERR_SYSTEM);
    ck_assert_ptr_nonnull(strstr(why.text, "file descriptors"));
}
