/* SPDX-License-Identifier: MIT */
/* test_transport_callbacks.c - tests when callbacks run, when they do not, what they may do, and
 * what ends a wait. */
#include "client/transport.h"

#include "base/mem.h"
#include "tests/unit/raw_server.h"
#include "tests/unit/transport_fixture.h"

#include "tests/support/suite.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

FIXTURE(fixture_setup, fixture_teardown);

/* --- Callbacks -------------------------------------------------------------------------------- */

/* Its start fails; the next loop iteration passes the error to the callback. */
static struct transport_request unstartable(void)
{
    static const struct transport_header invalid = {"X-API-Key", "a line\n"};
    struct transport_request request = fixture_get("http://127.0.0.1/");

    request.headers = &invalid;
    request.n_headers = 1;
    return request;
}

TEST(callback_does_not_run_inside_start)
{
    struct transport_request request = unstartable();
    struct seen seen;

    fixture_start(&request, &seen);
    ck_assert_int_eq(seen.times, 0);
    transport_wait(fixture_transport, -1, INT64_MAX); /* with an event pending, it does not sleep */
    ck_assert_int_eq(seen.times, 0);
    transport_run(fixture_transport);
    ck_assert_int_eq(seen.times, 1);
    transport_run(fixture_transport);
    ck_assert_int_eq(seen.times, 1);
}

TEST(callback_of_a_cancelled_transfer_does_not_run)
{
    const struct raw_script scripts[] = {{.reads = 1, .end = RAW_HOLD},
                                         RAW_SENDS_AND_HOLDS(RAW_OK)};
    struct transport_request failing = unstartable();
    struct seen cancelled, failed, last;

    fixture_serve(scripts, 2);
    struct transport_request request = fixture_get(fixture_server_url());
    struct transfer *moving = fixture_start(&request, &cancelled);
    while (!raw_server_requests(fixture_server)) {
        transport_wait(fixture_transport, -1, 1);
        transport_run(fixture_transport);
    }
    transport_cancel(moving);
    transport_cancel(fixture_start(&failing, &failed));
    fixture_fetch(&request, &last);
    ck_assert_int_eq(last.status, 200);
    ck_assert_int_eq(cancelled.times, 0);
    ck_assert_int_eq(failed.times, 0);
}

/* A `done` that cancels itself and another due transfer, and starts a new one. */
struct meddler {
    struct transfer *self, *victim;
    struct seen own, victims, next;
};

static void meddle(void *arg, const struct transport_answer *answer)
{
    struct meddler *meddler = arg;
    struct transport_request request = unstartable();

    fixture_note(&meddler->own, answer);
    transport_cancel(meddler->victim);
    fixture_start(&request, &meddler->next);
    transport_cancel(meddler->self);
    ck_assert_int_eq(answer->end, TRANSPORT_NOT_SENT); /* it is still readable */
}

TEST(callback_may_cancel_and_start_transfers)
{
    struct transport_request request = unstartable();
    struct meddler meddler = {0};

    meddler.self = transport_start(fixture_transport, &request, meddle, &meddler);
    meddler.victim = fixture_start(&request, &meddler.victims);
    transport_run(fixture_transport);
    ck_assert_int_eq(meddler.own.times, 1);
    ck_assert_int_eq(meddler.victims.times, 0);
    ck_assert_int_eq(meddler.next.times, 0);
    transport_run(fixture_transport);
    ck_assert_int_eq(meddler.own.times, 1);
    ck_assert_int_eq(meddler.next.times, 1);
}

TEST(transport_free_cancels_transfers_in_flight)
{
    const struct raw_script script = {.reads = 1, .end = RAW_HOLD};
    struct seen seen;

    fixture_serve(&script, 1);
    struct transport_request request = fixture_get(fixture_server_url());
    fixture_start(&request, &seen);
    transport_run(fixture_transport);
    transport_free(fixture_transport);
    fixture_transport = NULL;
    ck_assert_int_eq(seen.times, 0);
}

TEST(transport_runs_many_transfers_concurrently)
{
    enum { N = 8 };
    struct raw_script scripts[N];
    struct seen seen[N];

    for (size_t i = 0; i < N; i++)
        scripts[i] = (struct raw_script)RAW_SENDS_AND_HOLDS(RAW_OK);
    fixture_serve(scripts, N);
    struct transport_request request = fixture_get(fixture_server_url());
    for (size_t i = 0; i < N; i++)
        fixture_start(&request, &seen[i]);
    for (size_t i = 0; i < N; i++) {
        while (!seen[i].times)
            fixture_turn();
        ck_assert_str_eq(seen[i].body, "ok");
    }
}

TEST(wait_ends_with_a_readable_descriptor)
{
    int fd = eventfd(1, EFD_CLOEXEC);

    transport_wait(fixture_transport, fd, INT64_MAX);
    close(fd);
}

TEST(wait_of_zero_returns_immediately)
{
    transport_wait(fixture_transport, -1, 0);
    transport_wait(fixture_transport, -1, -5);
}
