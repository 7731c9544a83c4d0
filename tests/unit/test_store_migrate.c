/* SPDX-License-Identifier: MIT */
/* test_store_migrate.c - tests who creates and migrates the tables of a store. */
#include "base/mem.h"
#include "tests/unit/store_fixture.h"

#include "tests/support/postgres_server.h"
#include "tests/support/suite.h"
#include <string.h>

FIXTURE(store_fixture_setup, store_fixture_teardown);
BEFORE_TESTS(postgres_server_start);

static struct errmsg why;

static struct store_options options_of(int which, bool keeps_schema)
{
    return (struct store_options){.url = store_url_of(which),
                                  .schema = store_schema(),
                                  .statement_ms = STORE_TEST_MS,
                                  .keeps_schema = keeps_schema};
}

static struct store_schema migrate(int which)
{
    const struct store_options options = options_of(which, true);
    struct store_schema schema;

    ck_assert_msg(!store_migrate(&options, &schema, &why), "%s", why.text);
    return schema;
}

RANGE_TEST(store_that_keeps_its_schema_is_created_by_migrate_only, IN_FILE, STORES)
{
    const struct store_options keeping = options_of(_i, true);

    ck_assert_int_eq(store_open(&keeping, &store, &why), ERR_NO_ENTRY);
    ck_assert_ptr_nonnull(strstr(why.text, "run `emailsd migrate`"));
    ck_assert_int_eq(store_open_shared(&keeping, &store, &why), ERR_NO_ENTRY);
    ck_assert_ptr_null(store);
    struct store_schema created = migrate(_i), same = migrate(_i);
    ck_assert_int_eq(created.before, 0);
    ck_assert_int_eq(same.before, created.now);
    ck_assert_int_eq(same.now, created.now);
    ck_assert_msg(!store_open(&keeping, &store, &why), "%s", why.text);
    ck_assert_int_eq(store_try(store, STORE_NOW_MS), ERR_OK);
}

TEST(store_in_use_in_a_file_is_not_migrated)
{
    const struct store_options options = options_of(IN_FILE, false);
    struct store_schema schema;

    store = store_open_roomy(store_url());
    ck_assert_int_eq(store_migrate(&options, &schema, &why), ERR_STORE_BUSY);
}

TEST(store_in_use_in_postgresql_continues_after_migrate)
{
    store = store_open_roomy(postgres_server_url());
    ck_assert_int_eq(migrate(IN_POSTGRES).before, 1);
    ck_assert_int_eq(store_try(store, STORE_NOW_MS), ERR_OK);
}

TEST(store_in_memory_is_not_migrated)
{
    const struct store_options options = options_of(IN_MEMORY, false);
    struct store_schema schema;

    ck_assert_int_eq(store_migrate(&options, &schema, &why), ERR_NO_ENTRY);
}
