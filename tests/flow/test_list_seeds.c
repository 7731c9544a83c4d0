/* SPDX-License-Identifier: MIT */
/* test_list_seeds.c - runs random plans with lists: several clients and readers, repeated entries,
 * limits, expired results, pauses, faults of the upstream and of the store, deletions, cancelling,
 * drains, kills, readers that continue where another one has stopped.
 *
 * list_flow.c checks that a reader gets each index once, and all of them. Beyond that:
 * - A list never spends more than its own limit; a client never more than its quota.
 * - A question is paid for once, and again only after a deletion, when its result has expired, or
 *   after a submit whose outcome is unknown.
 * - In the plans in which readers stay (even seeds), the prices of all lists and callers are what
 *   the upstream has created; what may have been paid for covers the rest.
 * - No result is missing unless it was deleted, or the store was away.
 * - At the end, nothing waits, and the lists again cost only what is missing.
 *
 * SEEDS=N runs N seeds; SEED=N runs only that one. */
#include "base/log.h"
#include "list_oracle.h"
#include "lookup/lists/bulk_state.h"
#include "tests/simulator/random.h"
#include "weak_store.h"

#include "base/mem.h"

#include "tests/support/suite.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define DEFAULT_SEEDS 200
#else
#define DEFAULT_SEEDS 2400
#endif
#define PARTS       20
#define STEPS       40
#define ENTRIES_MAX 30
#define QUOTA       12
#define END_MS      (4 * HOUR_MS)

static struct random randomness;
/* ---- the seed that fails ---- */

/* By part, shared with the processes of the tests: the seed that runs, + 1. A check that fails ends
 * its process, so what is left has failed. */
static uint64_t *running;

static void print_failed(void)
{
    for (size_t i = 0; i < PARTS; i++)
        if (running[i])
            fprintf(stderr, "seed %llu: failed; repeat it with SEED=%llu\n",
                    (unsigned long long)(running[i] - 1), (unsigned long long)(running[i] - 1));
}

static void share_running(void)
{
    if (running)
        return;
    running = mmap(NULL, PARTS * sizeof *running, PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(running, MAP_FAILED);
    ck_assert_int_eq(atexit(print_failed), 0);
}

BEFORE_TESTS(share_running);

/* ---- chance ---- */

static size_t below(size_t n)
{
    return (size_t)random_below(&randomness, n);
}

static bool happens(int percent)
{
    return below(100) < (size_t)percent;
}

/* ---- steps ---- */

static void add_reader(struct list_reader *reader)
{
    if (reader->open.err)
        list_free(reader);
    else
        list_plan.readers[list_plan.n_readers++] = reader;
}

static struct list_reader *any_reader(void)
{
    return list_plan.n_readers ? list_plan.readers[below(list_plan.n_readers)] : NULL;
}

static struct bulk_list *random_list(void)
{
    static const int64_t credits[] = {-1, -1, -1, 0, 1, 4};
    struct bulk_list *list = list_new();
    size_t n = below(ENTRIES_MAX), first = below(COMPANIES);

    if (happens(30))
        list_set_account(list, "other");
    if (happens(15)) {
        list_set_account(list, "few");
        list->quota = QUOTA;
    }
    list->max_credits = credits[below(ARRAY_LEN(credits))];
    list->directives.only_cached = happens(10);
    list->is_async = happens(25);
    if (happens(50))
        list->limits = (struct freshness_limits){happens(50) ? 60 * DAY_MS : -1, 90 * DAY_MS};
    for (size_t i = 0; i < n; i++) {
        if (happens(5))
            list_add_rejected(list, "milvali", ERR_INVALID_DOMAIN);
        else
            list_add(list, flow_company((int)((first + below(ENTRIES_MAX)) % COMPANIES)));
    }
    return list;
}

/* Of more than one iteration, and than a reader may leave unread. */
static struct bulk_list *long_list(void)
{
    list_plan.has_long_list = true;
    return list_of_companies(COMPANIES, BULK_STARTS_MAX + (int)below(BULK_UNREAD_MAX));
}

/* Fewer different lists, so that some are sent again. */
static struct bulk_list *usual_list(void)
{
    int n = 5 + (int)below(3);

    return list_of_companies(n, 2 * n);
}

static void open_list(void)
{
    if (list_plan.n_readers == READERS_MAX)
        return;
    bool may_be_long = flow.options.batch.size == 100 && !list_plan.has_long_list;
    struct list_reader *reader = list_try(may_be_long && happens(5) ? long_list()
                                          : happens(40)             ? usual_list()
                                                                    : random_list());
    ck_assert(!reader->open.err || reader->open.err == ERR_OVERLOADED);
    if (!reader->open.err) {
        reader->pull.order = happens(30) ? BULK_AS_LISTED : BULK_AS_ENDED;
        reader->pull.wants_progress = happens(20);
        reader->pull.closes_open = !list_plan.readers_stay && happens(20);
        reader->pull.promises = happens(20);
        if (reader->pull.closes_open || reader->pull.promises)
            reader->pull.until_ms = flow_now_ms() + (int64_t)below(60000);
    }
    add_reader(reader);
}

static void open_known(void)
{
    const struct list_reader *known = any_reader();

    if (known && list_plan.n_readers < READERS_MAX)
        add_reader(list_find(known->open.progress.id, happens(80) ? "client" : "other"));
}

static void pull(void)
{
    struct list_reader *reader = any_reader();

    if (!reader || reader->is_closed || reader->is_over)
        return;
    if (happens(50))
        list_pull(reader);
    else
        for (int i = 0; i < 20 && !reader->is_over && list_pull(reader); i++)
            ;
}

static void leave(void)
{
    struct list_reader *reader = any_reader();

    if (reader && !list_plan.readers_stay)
        list_close(reader);
}

/* The connection breaks, and another one continues. */
static void continue_reading(void)
{
    struct list_reader *reader = any_reader();

    if (!reader || list_plan.readers_stay || list_plan.n_readers == READERS_MAX ||
        reader->is_closed || reader->pull.order == BULK_AS_LISTED)
        return;
    add_reader(list_continue(reader, reader->n - list_errors(reader, ERR_STILL_PROCESSING)));
    list_close(reader);
}

static void cancel(void)
{
    const struct list_reader *reader = any_reader();

    if (reader)
        list_cancel(reader->open.progress.id, "client");
}

static void pause_or_resume(void)
{
    list_plan.is_paused = !list_plan.is_paused;
    engine_set_paused(flow.engine, list_plan.is_paused);
}

static void break_or_mend_store(void)
{
    list_plan.is_store_away = !list_plan.is_store_away;
    list_plan.was_store_away = true;
    weak_store_fail_all(flow.store, list_plan.is_store_away);
}

static void break_submit(void)
{
    static const struct fake_fault faults[] = {
        {.on = FAKE_SUBMIT, .end = TRANSPORT_NOT_SENT},
        {.on = FAKE_SUBMIT, .status = 429, .body = "{\"detail\":\"slow\"}", .retry_after_s = 5},
        {.on = FAKE_SUBMIT, .end = TRANSPORT_BROKEN, .creates = true},
        {.on = FAKE_SUBMIT, .end = TRANSPORT_BROKEN},
    };
    size_t i = below(ARRAY_LEN(faults));

    list_plan.has_lost_submits = list_plan.has_lost_submits || faults[i].end == TRANSPORT_BROKEN;
    fake_upstream_fault(flow.upstream, faults[i]);
}

static void delete_domain(void)
{
    static struct forget_domain_call call;
    static int unused;
    int i = (int)below(COMPANIES);

    if (list_plan.is_store_away)
        return; /* it may have happened */
    call = (struct forget_domain_call){.call.run = engine_forget_domain};
    snprintf(call.domain, sizeof call.domain, "%s", flow_company(i));
    list_plan.deleted[i]++;
    flow_post(&call.call, &unused);
    flow_advance(10);
    inbox_run_all(flow.inbox);
}

static void ask_alone(void)
{
    struct caller *caller =
        flow_request_as(happens(50) ? "client" : "other", flow_company((int)below(COMPANIES)),
                        happens(50) ? WAIT_MS : 0);

    if (!list_plan.readers_stay && happens(30))
        engine_abandon(flow.engine, caller->request.ticket);
}

static void step(void)
{
    static const struct {
        size_t weight;
        void (*run)(void);
    } steps[] = {
        {20, open_list},       {6, open_known},    {40, pull},           {12, leave},
        {6, continue_reading}, {4, cancel},        {4, pause_or_resume}, {4, break_or_mend_store},
        {6, break_submit},     {4, delete_domain}, {8, ask_alone}};
    size_t sum = 0, i = 0;

    for (size_t j = 0; j < ARRAY_LEN(steps); j++)
        sum += steps[j].weight;
    for (size_t at = below(sum); at >= steps[i].weight; i++)
        at -= steps[i].weight;
    steps[i].run();
}

/* ---- a plan ---- */

static void start(uint64_t seed)
{
    static const size_t sizes[] = {1, 2, 5, 100};
    static const int64_t submits_ms[] = {0, 500, 5000, 26000}, tasks_ms[] = {0, 1000, 20000};
    struct engine_options options = flow_options();

    randomness = (struct random){seed};
    list_plan = (struct list_plan){.readers_stay = seed % 2 == 0};
    options.batch.size = sizes[below(ARRAY_LEN(sizes))];
    options.batch.slots = 1 + (int)below(3);
    options.batch.linger_ms = (int64_t)below(2) * 100;
    options.max_bulks = 4 + below(30);
    list_plan.has_expired = happens(20);
    if (list_plan.has_expired)
        options.results.ttl_found_ms = DAY_MS;
    flow_set_cache_bytes(happens(30) ? 0 : 1 << 20);
    flow_start(options);
    fake_upstream_set_submit_ms(flow.upstream, submits_ms[below(ARRAY_LEN(submits_ms))]);
    fake_upstream_set_task_ms(flow.upstream, tasks_ms[below(ARRAY_LEN(tasks_ms))]);
    if (happens(30))
        fake_upstream_rule(flow.upstream,
                           (struct fake_rule){.domain = "company8.com", .is_rejected = true});
    if (list_plan.has_expired) {
        flow_request_companies(0, EXPIRED);
        flow_advance(HOUR_MS);
        flow_advance(2 * DAY_MS);
    }
}

static void end_faults(void)
{
    if (list_plan.is_paused)
        pause_or_resume();
    if (list_plan.is_store_away)
        break_or_mend_store();
    fake_upstream_clear_faults(flow.upstream);
}

/* Reads all lists to their end; the engine may be draining. */
static void read_all(void)
{
    for (size_t i = 0; i < list_plan.n_readers; i++)
        if (!list_plan.readers[i]->is_closed)
            list_read_all(list_plan.readers[i], END_MS);
    int64_t until_ms = flow_now_ms() + END_MS;
    while (engine_status(flow.engine).bulks || engine_status(flow.engine).lookups) {
        flow_advance(1000);
        ck_assert_int_lt(flow_now_ms(), until_ms);
    }
    inbox_run_all(flow.inbox);
}

static void free_readers(void)
{
    for (size_t i = 0; i < list_plan.n_readers; i++)
        list_free(list_plan.readers[i]);
    list_plan.n_readers = 0;
}

/* All of it again costs only what is missing. */
static void read_once_more(void)
{
    size_t before = fake_upstream_ledger(flow.upstream);
    struct list_reader *reader = list_open(list_of_companies(0, COMPANIES));

    list_read_all(reader, END_MS);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream),
                      before + list_charged(reader, CHARGED_YES));
    list_free(reader);
    check_ledger_of_each();
}

static void run_plan(uint64_t seed, int part)
{
    static const int64_t pauses_ms[] = {0, 0, 1, 50, 200, 1000, 6000, 30000, 60000};

    running[part] = seed + 1;
    start(seed);
    for (size_t n = 5 + below(STEPS); n > 0; n--) {
        step();
        flow_advance(pauses_ms[below(ARRAY_LEN(pauses_ms))]);
        check_lists();
    }
    if (!list_plan.readers_stay && happens(20)) {
        free_readers(); /* their calls would be lost */
        end_faults();
        flow_restart();
    }
    end_faults();
    bool is_drained = happens(15);
    if (is_drained)
        engine_drain(flow.engine, (int64_t)below(3) * 20000);
    read_all();
    if (list_plan.readers_stay)
        check_ledger();
    check_ledger_of_each();
    check_missing();
    free_readers();
    flow_settle();
    ck_assert_int_eq(engine_status(flow.engine).bulks, 0);
    if (is_drained)
        flow_restart();
    read_once_more();
    running[part] = 0;
}

static long long number_of(const char *name, long long otherwise)
{
    const char *text = getenv(name);

    return text ? strtoll(text, NULL, 10) : otherwise;
}

RANGE_TEST(list_seeds_keep_every_promise, 0, PARTS)
{
    long long n = number_of("SEEDS", DEFAULT_SEEDS), one = number_of("SEED", -1);

    if (one < 0)
        log_set_level((enum log_level)(LOG_ERROR + 1));
    if (one >= 0 && _i == 0)
        run_plan((uint64_t)one, 0);
    for (long long seed = _i; one < 0 && seed < n; seed += PARTS)
        run_plan((uint64_t)seed, _i);
}
