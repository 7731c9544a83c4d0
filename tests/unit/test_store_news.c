/* SPDX-License-Identifier: MIT */
/* test_store_news.c - tests what the owner of a store reads about the work of other processes, and
 * confirms: in a file, and in PostgreSQL. */
#include "base/mem.h"
#include "tests/unit/store_fixture.h"

#include "tests/support/postgres_server.h"
#include "tests/support/suite.h"
#include <string.h>

static struct store *second;

static void teardown(void)
{
    store_close(TAKE(second));
    store_fixture_teardown();
}

FIXTURE(store_fixture_setup, teardown);
BEFORE_TESTS(postgres_server_start);

static bool was_changed(const struct store_news *news, size_t question)
{
    for (size_t i = 0; i < news->n_changed; i++)
        if (memcmp(news->changed[i], store_key_of(question), HASH_SIZE) == 0)
            return true;
    return false;
}

static void own_answers(int which, size_t n)
{
    store = store_open_roomy(store_url_of(which));
    store_add_answered(n);
    second = store_open_second(store_url_of(which));
}

RANGE_TEST(store_owner_gets_each_external_deletion_until_it_is_confirmed, IN_FILE, STORES)
{
    struct store_news news;
    size_t n;

    own_answers(_i, 200);
    ck_assert_uint_eq(store_take_news(store, 0).n_changed, 0);
    ck_assert(!store_changes_pending(second));
    ck_assert_int_eq(store_forget_address(second, "Info@OTHER.com", &n), ERR_OK);
    ck_assert_uint_eq(n, 67);
    for (int i = 0; i < 2; i++) {
        news = store_news_since(store, 0);
        ck_assert_uint_eq(news.n_changed, 67);
        ck_assert(!news.has_more);
        ck_assert(store_changes_pending(second));
    }
    for (size_t i = 0; i < 200; i++)
        ck_assert_int_eq(was_changed(&news, i), i % 3 == 0);
    ck_assert_int_eq(store_confirm_news(store, &news), ERR_OK);
    ck_assert(!store_changes_pending(second));
    ck_assert_uint_eq(store_news_since(store, 0).n_changed, 0);
}

/* What is deleted between the read and its confirmation stays for the next read. */
RANGE_TEST(store_confirmation_is_of_what_was_read, IN_FILE, STORES)
{
    own_answers(_i, 2);
    ck_assert_int_eq(store_forget_key(second, store_key_of(0)), ERR_OK);
    struct store_news news = store_news_since(store, 0);
    ck_assert_int_eq(store_forget_key(second, store_key_of(1)), ERR_OK);
    for (int i = 0; i < 2; i++) { /* the confirmation may be repeated */
        ck_assert_int_eq(store_confirm_news(store, &news), ERR_OK);
        ck_assert(store_changes_pending(second));
    }
    news = store_take_news(store, 0);
    ck_assert_uint_eq(news.n_changed, 1);
    ck_assert(was_changed(&news, 1));
    ck_assert(!store_changes_pending(second));
}

/* A mark is a record too, but has no key. */
RANGE_TEST(store_news_beyond_the_limit_are_read_after_the_first_are_confirmed, IN_FILE, STORES)
{
    size_t n;

    own_answers(_i, 1);
    ck_assert_int_eq(store_forget_address(second, "other@milvali.com", &n), ERR_OK);
    for (int i = 0; i < STORE_NEWS_ROWS; i++)
        ck_assert_int_eq(store_forget_key(second, store_key_of(0)), ERR_OK);
    struct store_news news = store_take_news(store, 0);
    ck_assert_uint_eq(news.n_changed, STORE_NEWS_ROWS - 1);
    ck_assert(news.has_more);
    ck_assert(store_changes_pending(second));
    news = store_take_news(store, 0);
    ck_assert_uint_eq(news.n_changed, 1);
    ck_assert(!news.has_more);
    ck_assert(!store_changes_pending(second));
}

/* A result that the owner has in memory only, until its disk works: it is stored before the owner
 * confirms the deletion, and the second deletion finds it. */
RANGE_TEST(store_deletion_waits_for_the_owner_even_if_nothing_was_found, IN_FILE, STORES)
{
    size_t n;

    own_answers(_i, 1);
    store_add_batch(store, 1, 1);
    ck_assert_int_eq(store_forget_address(second, "info@milvali.com", &n), ERR_OK);
    ck_assert_uint_eq(n, 0);
    ck_assert(store_changes_pending(second));
    store_end_answered(store, 1, "milvali.com", STORE_DAY_MS);
    ck_assert_uint_eq(store_take_news(store, 0).n_changed, 0);
    ck_assert(!store_changes_pending(second));
    ck_assert_int_eq(store_forget_address(second, "info@milvali.com", &n), ERR_OK);
    ck_assert_uint_eq(n, 1);
    struct store_news news = store_take_news(store, 0);
    ck_assert(was_changed(&news, 1));
}

RANGE_TEST(store_owner_gets_deleted_questions_and_domains, IN_FILE, STORES)
{
    size_t n;

    own_answers(_i, 4);
    ck_assert_int_eq(store_forget_key(second, store_key_of(1)), ERR_OK);
    ck_assert_int_eq(store_forget_domain(second, "other.com", NULL, NULL, &n), ERR_OK);
    ck_assert_uint_eq(n, 2);
    struct store_news news = store_take_news(store, 0);
    ck_assert(was_changed(&news, 0) && was_changed(&news, 1) && was_changed(&news, 3));
    ck_assert(!was_changed(&news, 2));
    ck_assert_int_eq(store_kept(store, 0), ERR_NO_ENTRY);
    ck_assert_int_eq(store_kept(store, 1), ERR_NO_ENTRY);
    ck_assert_int_eq(store_kept(store, 2), ERR_OK);
}

RANGE_TEST(store_changes_are_not_stored_without_an_owner, IN_FILE, STORES)
{
    size_t n;

    own_answers(_i, 3);
    store_close(TAKE(store));
    ck_assert_int_eq(store_forget_address(second, "info@milvali.com", &n), ERR_OK);
    ck_assert_uint_eq(n, 2);
    ck_assert(!store_changes_pending(second));
    store = store_open_roomy(store_url_of(_i));
    ck_assert_uint_eq(store_take_news(store, 0).n_changed, 0); /* its memory never contained them */
    ck_assert(!store_changes_pending(second));
}

RANGE_TEST(store_news_have_the_pause_of_another_process, IN_FILE, STORES)
{
    own_answers(_i, 1);
    ck_assert(!store_news_since(store, 0).paused);
    ck_assert_int_eq(store_set_paused(second, true), ERR_OK);
    ck_assert(store_news_since(store, 0).paused);
}
