/* SPDX-License-Identifier: MIT */
/* store_fixture.h - a store for one test, in a folder of its own, and sample tasks and results.
 *
 * The folder is new for every test. store_fixture_teardown() closes the store and deletes both. */
#ifndef UNIT_STORE_FIXTURE_H
#define UNIT_STORE_FIXTURE_H

#include "client/openmart/openmart.h"
#include "store/store.h"

#include <stddef.h>
#include <stdint.h>

#define STORE_NOW_MS  INT64_C(1795432804123) /* 2026-11-23T11:20:04.123Z */
#define STORE_TEST_MS INT64_C(180000)        /* a limit that only ends a test that hangs */
#define STORE_DAY_MS  INT64_C(86400000)

/* The store of the test; NULL until the test opens it. */
extern struct store *store;

void store_fixture_setup(void);
void store_fixture_teardown(void);

/* Where a store may be, for tests of the promises that all make: RANGE_TEST(name, 0, STORES). The
 * stores that a second process may open begin with IN_FILE. A program with such tests also needs
 * BEFORE_TESTS(postgres_server_start). */
enum { IN_MEMORY, IN_FILE, IN_POSTGRES, STORES };
const char *store_url_of(int which);

const char *store_folder(void);
const char *store_path(void); /* path of the database, which does not exist yet */
const char *store_url(void);  /* "sqlite:" and that path */

/* Returns the schema of the test in PostgreSQL, which does not exist yet; static. */
const char *store_schema(void);

/* Opens the store and asserts success. */
struct store *store_open_roomy(const char *url);
struct store *store_open_limited(const char *url, size_t max_answers, size_t max_ended);
struct store *store_open_second(const char *url); /* opened as a second process does */

/* Return the key and the task of the i-th question: static strings, i < 1000. */
const unsigned char *store_key_of(size_t i);
const char *store_tracking_id(size_t i);
const char *store_lookup_id(size_t i);
struct store_task store_task_of(size_t i);

/* Writes a batch, and returns its number: a new one if it has none. */
int64_t store_add(struct store *store, struct store_new_batch batch);

/* The same, with the tasks from..from+n-1. */
int64_t store_add_batch(struct store *store, size_t from, size_t n);

/* Returns a result of the i-th question, about `domain`: info@DOMAIN and sales@DOMAIN, which
 * expires that long after STORE_NOW_MS. The caller owns the reference. */
const struct result *store_answer(size_t i, const char *domain, int64_t ttl_ms);

/* Finishes the i-th task as answered and stores a result as above. */
void store_end_answered(struct store *store, size_t i, const char *domain, int64_t ttl_ms);

/* Finishes tasks 0..n-1 of `store` as above, each in a batch of its own: every third one about
 * other.com, the others about milvali.com. */
void store_add_answered(size_t n);

/* Finishes the i-th task of `store` as `store_failed`, but at `now_ms`. Stores `keep` unless
 * NULL. */
extern const struct store_end store_failed;
void store_fail_task(size_t i, int64_t wall_ms, const struct result *keep);

/* What store_for_each_open_batch() reports about one batch; `n` is 0 if the batch is not open. */
struct store_seen {
    enum store_batch_state state;
    char batch_id[OPENMART_ID_MAX + 1];
    bool risked;
    size_t n, n_open, n_batches; /* tasks, open tasks; open batches in total */
};
struct store_seen store_look(struct store *store, int64_t batch);

/* Returns the error of the stored result of the i-th question; ERR_NO_ENTRY if no result is
 * stored. */
enum err store_kept(struct store *store, size_t i);

/* Read the news of the owner, with the responses that were not searched since `since_ms`, and
 * assert success; store_take_news() confirms them too. What they point to stays until the end of
 * the test. */
struct store_news store_news_since(struct store *store, int64_t since_ms);
struct store_news store_take_news(struct store *store, int64_t since_ms);

/* Returns whether the bytes of `needle` are anywhere in the database or its write-ahead log. */
bool store_files_hold(const char *needle);

/* Copies the database and its log into a folder of that name; returns the URL of the copy,
 * static. */
const char *store_copy(const char *folder);

#endif
