/* SPDX-License-Identifier: MIT */
/* test_postgres_schema.c - tests migrations in PostgreSQL, and roles with and without the privilege
 * for them. */
#include "base/mem.h"
#include "tests/unit/store_fixture.h"

#include "store/postgres/postgres.h"
#include "tests/support/postgres_server.h"
#include "tests/support/suite.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

FIXTURE(store_fixture_setup, store_fixture_teardown);
BEFORE_TESTS(postgres_server_start);

#define ROUNDS 5

static struct errmsg why;

/* ---- an operator's session ---- */

static PGconn *operator_session(void)
{
    char sql[80];
    PGconn *conn = PQconnectdb(postgres_server_url());

    snprintf(sql, sizeof sql, "SET search_path = %s", store_schema());
    PQclear(PQexec(conn, sql));
    return conn;
}

/* Runs statements and returns the first value of the last one, 0 if it has none. */
static int64_t run_in(PGconn *conn, const char *sql)
{
    PGresult *rows = PQexec(conn, sql);
    bool has_rows = PQresultStatus(rows) == PGRES_TUPLES_OK && PQntuples(rows) > 0;

    ck_assert_msg(has_rows || PQresultStatus(rows) == PGRES_COMMAND_OK, "%s: %s", sql,
                  PQresultErrorMessage(rows));
    int64_t value = has_rows ? strtoll(PQgetvalue(rows, 0, 0), NULL, 10) : 0;
    PQclear(rows);
    return value;
}

static int64_t run(const char *sql)
{
    PGconn *conn = operator_session();
    int64_t value = run_in(conn, sql);

    PQfinish(conn);
    return value;
}

/* ---- versions ---- */

#define HAS_NEXT "SELECT (to_regclass('next_table') IS NOT NULL)::int"

/* The tables of the next version. */
static struct pg_schema next_schema(void)
{
    static const char *scripts[2];

    ck_assert_int_eq(pg_schema.version, 1);
    scripts[0] = pg_schema.scripts[0];
    scripts[1] = "CREATE TABLE next_table(i int)";
    return (struct pg_schema){scripts, 2};
}

TEST(postgres_older_schema_is_migrated_only_if_that_is_allowed)
{
    const struct pg_schema next = next_schema();
    int before = 0;

    store = store_open_roomy(postgres_server_url());
    ck_assert_int_eq(pg_prepare_schema(pg_of(store), &next, false, &before, &why),
                     ERR_STORE_DAMAGED);
    ck_assert_ptr_nonnull(strstr(why.text, "has version 1, and this emailsd requires 2"));
    ck_assert_int_eq(run(HAS_NEXT), 0);
    ck_assert_int_eq(pg_prepare_schema(pg_of(store), &next, true, &before, &why), ERR_OK);
    ck_assert_int_eq(before, 1);
    ck_assert_int_eq(run(HAS_NEXT), 1);
    ck_assert_int_eq(run("SELECT version FROM schema_version"), 2);
    ck_assert_int_eq(run("SELECT oldest FROM schema_version"), 1);
    store_close(TAKE(store));
    store = store_open_roomy(postgres_server_url()); /* this version, with the newer tables */
    ck_assert_int_eq(run("SELECT version FROM schema_version"), 2);
}

TEST(postgres_failed_migration_changes_nothing)
{
    static const char *scripts[2];
    const struct pg_schema broken = {scripts, 2};
    int before;

    store = store_open_roomy(postgres_server_url());
    scripts[0] = pg_schema.scripts[0];
    scripts[1] = "CREATE TABLE next_table(i int); SELECT 1 / 0";
    ck_assert_int_ne(pg_prepare_schema(pg_of(store), &broken, true, &before, &why), ERR_OK);
    ck_assert_ptr_nonnull(strstr(why.text, "division by zero"));
    ck_assert_int_eq(run("SELECT version FROM schema_version"), 1);
    ck_assert_int_eq(run(HAS_NEXT), 0);
}

/* ---- two at the same time ---- */

struct migration {
    char schema[64];
    pthread_barrier_t *start;
    struct store_schema versions;
    struct errmsg why;
    enum err err;
};

static void *migrate(void *arg)
{
    struct migration *migration = arg;
    const struct store_options options = {.url = postgres_server_url(),
                                          .schema = migration->schema};

    pthread_barrier_wait(migration->start);
    migration->err = store_migrate(&options, &migration->versions, &migration->why);
    return NULL;
}

RANGE_TEST(postgres_tables_are_created_once_by_two_at_the_same_time, 0, ROUNDS)
{
    struct migration both[2] = {0};
    pthread_t threads[2];
    pthread_barrier_t start;

    setenv("PGPASSFILE", "/nonexistent", 1); /* the environment is read before there are threads */
    pthread_barrier_init(&start, NULL, 2);
    for (int i = 0; i < 2; i++) {
        snprintf(both[i].schema, sizeof both[i].schema, "%s_%d", store_schema(), _i);
        both[i].start = &start;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, migrate, &both[i]), 0);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        ck_assert_msg(!both[i].err, "%s", both[i].why.text);
    }
    ck_assert_int_eq(both[0].versions.before + both[1].versions.before, pg_schema.version);
}

TEST(postgres_migration_does_not_wait_for_long)
{
    const struct store_options options = {.url = postgres_server_url(), .schema = store_schema()};
    PGconn *conn = operator_session();
    struct store_schema schema;

    run_in(conn, "BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('emailsd', 0))");
    ck_assert_int_eq(store_migrate(&options, &schema, &why), ERR_STORAGE_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(why.text, "another process migrates"));
    PQfinish(conn);
}

/* ---- roles ---- */

/* A role of this test. */
static const char *role(const char *kind)
{
    static char names[2][64];
    static int next;
    char *name = names[next++ % 2];

    snprintf(name, sizeof names[0], "%s_of_%s", kind, store_schema());
    return name;
}

static struct store_options options_of(const char *kind)
{
    static char url[160];
    const char *whole = postgres_server_url(), *user = strstr(whole, "user=");

    snprintf(url, sizeof url, "%.*suser=%s", (int)(user - whole), whole, role(kind));
    return (struct store_options){.url = url,
                                  .schema = store_schema(),
                                  .statement_ms = STORE_TEST_MS,
                                  .keeps_schema = true,
                                  .max_answers = 10,
                                  .max_ended = 10};
}

static void migrate_as_admin(void)
{
    const struct store_options options = options_of("admin");
    struct store_schema schema;

    ck_assert_msg(!store_migrate(&options, &schema, &why), "%s", why.text);
}

/* `admin` owns the schema and cannot create another one; `daemon` only uses the tables. */
static void make_roles(void)
{
    const char *admin = role("admin"), *daemon = role("daemon"), *schema = store_schema();
    char sql[1024];

    snprintf(sql, sizeof sql,
             "CREATE ROLE %s LOGIN; CREATE ROLE %s LOGIN; CREATE SCHEMA %s AUTHORIZATION %s", admin,
             daemon, schema, admin);
    run(sql);
    migrate_as_admin();
    snprintf(sql, sizeof sql,
             "GRANT USAGE ON SCHEMA %s TO %s;"
             "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %s TO %s",
             schema, daemon, schema, daemon);
    run(sql);
}

TEST(postgres_role_that_only_uses_the_tables_owns_the_store)
{
    struct pg_schema next = next_schema();
    size_t n = 0;
    int before;

    make_roles();
    const struct store_options options = options_of("daemon");
    ck_assert_msg(!store_open(&options, &store, &why), "%s", why.text);
    store_add_batch(store, 0, 2);
    store_end_answered(store, 0, "milvali.com", STORE_DAY_MS);
    const struct store_end raw = {.state = STORE_UNKNOWN,
                                  .err = ERR_UPSTREAM_INVALID_RESPONSE,
                                  .wall_ms = STORE_NOW_MS,
                                  .raw = "{}",
                                  .raw_len = 2};
    ck_assert_int_eq(store_end_task(store, store_tracking_id(1), &raw, NULL, NULL), ERR_OK);
    ck_assert_int_eq(store_forget_address(store, "info@milvali.com", &n), ERR_OK);
    ck_assert_uint_eq(n, 1);
    ck_assert_int_ne(pg_prepare_schema(pg_of(store), &next, true, &before, &why), ERR_OK);
    ck_assert_ptr_nonnull(strstr(why.text, "permission denied"));
}

/* The server shows no role when the session of another role began. */
TEST(postgres_owner_of_another_role_is_not_taken_for_gone)
{
    autorows PGresult *rows = NULL;

    make_roles();
    const struct store_options options = options_of("daemon");
    ck_assert_msg(!store_open(&options, &store, &why), "%s", why.text);
    const struct store_options admin = options_of("admin");
    struct store *other;
    ck_assert_msg(!store_open_shared(&admin, &other, &why), "%s", why.text);
    ck_assert_int_eq(pg_query(pg_of(other), &rows, SQL_LOOK_AT_OWNER, ""), ERR_OK);
    ck_assert_int_eq(pg_int(rows, 0, 1), 1);
    store_close(other);
}
