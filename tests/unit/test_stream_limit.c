/* SPDX-License-Identifier: MIT */
/* test_stream_limit.c - tests the limits on open streams: of all clients, and of one of them. */
#include "http/core/stream_limit.h"

#include "tests/support/suite.h"

static struct stream_limit *limit;

static void setup(void)
{
    limit = stream_limit_new();
}

static void teardown(void)
{
    stream_limit_free(limit);
}

FIXTURE(setup, teardown);

static void admit(size_t max, const char *client, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ck_assert_int_eq(stream_limit_acquire(limit, max, client), STREAM_ADMITTED);
}

static void expect(size_t max, const char *client, enum stream_verdict verdict)
{
    ck_assert_int_eq(stream_limit_acquire(limit, max, client), verdict);
}

static const struct {
    size_t max, share;
} shares[] = {{1, 1}, {2, 1}, {3, 1}, {4, 2}, {256, 128}};

LOOP_TEST(client_has_half_of_the_streams_and_at_least_one, shares)
{
    size_t max = shares[_i].max, share = shares[_i].share;

    admit(max, "ann", share);
    expect(max, "ann", max == 1 ? STREAM_LIMIT_REACHED : STREAM_CLIENT_LIMIT_REACHED);
    if (max > share)
        admit(max, "bob", 1);
    stream_limit_release(limit, "ann");
    admit(max, "ann", 1);
}

TEST(clients_without_a_key_have_the_common_limit_only)
{
    admit(4, "", 4);
    expect(4, "", STREAM_LIMIT_REACHED);
    expect(4, "ann", STREAM_LIMIT_REACHED);
    stream_limit_release(limit, "");
    admit(4, "ann", 1);
}

TEST(stream_limit_of_all_clients_precedes_that_of_one)
{
    admit(4, "ann", 2);
    admit(4, "bob", 2);
    expect(4, "ann", STREAM_LIMIT_REACHED);
    expect(4, "carl", STREAM_LIMIT_REACHED);
    stream_limit_release(limit, "bob");
    expect(4, "ann", STREAM_CLIENT_LIMIT_REACHED);
    admit(4, "carl", 1);
}

/* The rest is freed with the limit. */
TEST(client_that_ends_its_streams_begins_again)
{
    for (int i = 0; i < 3; i++) {
        admit(4, "ann", 2);
        stream_limit_release(limit, "ann");
        stream_limit_release(limit, "ann");
    }
    admit(4, "ann", 2);
}
