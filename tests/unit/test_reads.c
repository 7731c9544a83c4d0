/* SPDX-License-Identifier: MIT */
/* test_reads.c - tests reads of the store that return late: cancelled ones, those that the cache
 * makes superfluous, and those that are repeated because the store has changed. */
#include "lookup/records/reads.h"

#include "base/mem.h"
#include "cache/cache.h"
#include "lookup/records/journal.h"
#include "store/driver.h"

#include "tests/support/suite.h"

static const unsigned char key[HASH_SIZE] = {1}, other_key[HASH_SIZE] = {2};

static struct {
    bool fails, has_result;
    size_t n_reads;
} disk;

static struct clock clock_;
static struct timers timers;
static struct cache *cache;
static struct store_calls *calls;
static struct journal *journal;
static struct reads *reads;
static size_t n_done;
static enum err last;
static int64_t last_fetched_ms; /* of its result */

static const struct result *result_of(int64_t fetched_ms)
{
    return result_new_answer(&(struct result_facts){
        .key = key, .domain = "milvali.com", .company_name = "Milvali", .fetched_ms = fetched_ms});
}

static enum err find(struct store *store, const unsigned char *of, const struct result **ret_result)
{
    (void)store;
    (void)of;
    disk.n_reads++;
    if (disk.fails)
        return ERR_STORAGE_UNAVAILABLE;
    if (!disk.has_result)
        return ERR_NO_ENTRY;
    *ret_result = result_of(1000);
    return ERR_OK;
}

static enum err find_lookup(struct store *store, const char *id, const struct result **ret_result)
{
    ck_assert_str_eq(id, "lookup-1");
    return find(store, key, ret_result);
}

static const struct store_driver driver = {.find = find, .find_lookup = find_lookup};
static struct store store = {&driver};

static void setup(void)
{
    clock_ = clock_fake(INT64_C(1795432804000));
    timers_init(&timers);
    cache = cache_new(1 << 20);
    calls = store_calls_new(&store);
    journal = journal_new(calls, &clock_, &timers);
    reads = reads_new(&(struct read_tools){calls, cache, journal});
}

static void teardown(void)
{
    reads_free(reads);
    journal_free(journal);
    store_calls_free(calls);
    cache_free(cache);
    timers_done(&timers);
}

FIXTURE(setup, teardown);

static void note(struct result_read *read, enum err err, const struct result *result)
{
    ck_assert_ptr_null(read->of);
    n_done++;
    last = err;
    last_fetched_ms = result ? result->fetched_ms : 0;
}

static void cache_newer_result(void)
{
    const struct result *newer = result_of(2000);

    ck_assert(cache_put(cache, newer));
    result_unref(newer);
}

TEST(read_cancelled_is_never_done)
{
    struct result_read first = {.done = note}, second = {.done = note};

    reads_find(reads, key, "milvali.com", &first);
    reads_find(reads, key, "milvali.com", &second);
    reads_cancel(&first);
    reads_cancel(&first);
    store_calls_run(calls);
    reads_cancel(&second); /* too late: a no-op */
    ck_assert_uint_eq(n_done, 1);
    ck_assert_uint_eq(disk.n_reads, 1);
}

static struct result_read follower = {.done = note};

static void cancel_follower(struct result_read *read, enum err err, const struct result *result)
{
    note(read, err, result);
    reads_cancel(&follower);
}

TEST(read_cancelled_by_another_of_its_question_is_not_done)
{
    struct result_read first = {.done = cancel_follower};

    reads_find(reads, key, "milvali.com", &first);
    reads_find(reads, key, "milvali.com", &follower);
    store_calls_run(calls);
    ck_assert_uint_eq(n_done, 1);
}

static void read_again(struct result_read *read, enum err err, const struct result *result)
{
    note(read, err, result);
    reads_find(reads, key, "milvali.com", &follower);
    ck_assert_uint_eq(n_done, 1);
}

TEST(read_started_by_the_end_of_another_reads_again)
{
    struct result_read first = {.done = read_again};

    reads_find(reads, key, "milvali.com", &first);
    store_calls_run(calls);
    ck_assert_uint_eq(n_done, 2);
    ck_assert_uint_eq(disk.n_reads, 2);
}

TEST(read_returns_the_cached_result_if_there_is_one)
{
    struct result_read read = {.done = note};

    disk.has_result = true;
    reads_find(reads, key, "milvali.com", &read);
    cache_newer_result();
    store_calls_run(calls);
    ck_assert_int_eq(last, ERR_OK);
    ck_assert_int_eq(last_fetched_ms, 2000);
    const struct result *cached = cache_find(cache, key);
    ck_assert_int_eq(cached->fetched_ms, 2000); /* not replaced */
    result_unref(cached);
}

TEST(read_that_fails_returns_the_cached_result)
{
    struct result_read read = {.done = note};

    disk.fails = true;
    reads_find(reads, key, "milvali.com", &read);
    reads_stored(reads, key);
    cache_newer_result();
    store_calls_run(calls);
    ck_assert_int_eq(last, ERR_OK);
    ck_assert_uint_eq(disk.n_reads, 1);
}

TEST(read_that_fails_is_not_repeated)
{
    struct result_read read = {.done = note};

    disk.fails = true;
    reads_find(reads, key, "milvali.com", &read);
    reads_stored(reads, key);
    store_calls_run(calls);
    ck_assert_int_eq(last, ERR_STORAGE_UNAVAILABLE);
    ck_assert_uint_eq(disk.n_reads, 1);
}

static void change_key(void)
{
    reads_stored(reads, key);
}

static void delete_key(void)
{
    reads_deleted(reads, key);
}

static void delete_domain(void)
{
    reads_deleted_domain(reads, "milvali.com");
}

static void change_another(void)
{
    reads_stored(reads, other_key);
    reads_deleted(reads, other_key);
    reads_deleted_domain(reads, "other.com");
}

static const struct {
    void (*change)(void);
    size_t n_reads;
} changes[] = {{change_key, 2}, {delete_key, 2}, {delete_domain, 2}, {change_another, 1}};

LOOP_TEST(read_is_repeated_if_its_question_has_changed, changes)
{
    struct result_read read = {.done = note};

    disk.has_result = true;
    reads_find(reads, key, "milvali.com", &read);
    disk.has_result = false;
    changes[_i].change();
    store_calls_run(calls);
    ck_assert_uint_eq(disk.n_reads, changes[_i].n_reads);
    ck_assert_int_eq(last, changes[_i].n_reads == 2 ? ERR_NO_ENTRY : ERR_OK);
}

static void note_lookup(struct lookup_read *read)
{
    n_done++;
    result_unref(read->result);
}

TEST(read_of_a_lookup_is_repeated_after_any_deletion)
{
    struct lookup_read read = {.done = note_lookup};

    disk.has_result = true;
    reads_find_lookup(reads, "lookup-1", &read);
    reads_deleted(reads, other_key);
    store_calls_run(calls);
    ck_assert_uint_eq(n_done, 1);
    ck_assert_int_eq(read.err, ERR_OK);
    ck_assert_uint_eq(disk.n_reads, 2);
}

TEST(read_of_a_lookup_is_not_repeated_after_a_result)
{
    struct lookup_read read = {.done = note_lookup};

    disk.has_result = true;
    reads_find_lookup(reads, "lookup-1", &read);
    reads_stored(reads, key);
    store_calls_run(calls);
    ck_assert_uint_eq(disk.n_reads, 1);
}

TEST(reads_free_accepts_null)
{
    reads_free(NULL);
}
