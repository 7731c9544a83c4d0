/* SPDX-License-Identifier: MIT */
/* test_sqlite_open.c - tests files that must not be opened: damaged, foreign, newer, or unsafe.
 * A rejected file stays unchanged, byte for byte. */
#include "base/mem.h"
#include "tests/unit/store_fixture.h"

#include "tests/support/suite.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FLIP_RUNS = 16 };

/* Turns a store into one that version 2 wrote. */
#define SCHEMA_2                                                                                   \
    "DROP TABLE raw_results; DROP TABLE not_taken; DROP TABLE proposals;"                          \
    "DROP INDEX tasks_open; DROP INDEX batches_by_token; DROP INDEX batches_with_response;"        \
    "ALTER TABLE batches DROP COLUMN notify_token; ALTER TABLE batches DROP COLUMN response;"      \
    "ALTER TABLE batches DROP COLUMN searched_ms;"                                                 \
    "PRAGMA user_version = 2;"

static struct errmsg why;

FIXTURE(store_fixture_setup, store_fixture_teardown);

/* ---- direct access to the file ---- */

struct content {
    char *bytes;
    size_t len;
};

static struct content content_of(const char *suffix)
{
    char name[PATH_MAX];
    struct content content = {.bytes = xcalloc(1, (size_t)8 << 20)};

    snprintf(name, sizeof name, "%s%s", store_path(), suffix);
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t n = read(fd, content.bytes, (size_t)8 << 20);
        ck_assert_int_ge(n, 0);
        content.len = (size_t)n;
        close(fd);
    }
    return content;
}

static void overwrite(size_t at, const void *bytes, size_t len)
{
    int fd = open(store_path(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(pwrite(fd, bytes, len, (off_t)at), (ssize_t)len);
    close(fd);
}

static void run_sql(const char *sql)
{
    sqlite3 *db;
    char *words = NULL;

    ck_assert_int_eq(sqlite3_open(store_path(), &db), SQLITE_OK);
    ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, &words) == SQLITE_OK, "%s", words);
    sqlite3_close(db);
    ck_assert_int_eq(chmod(store_path(), 0600), 0);
}

static enum err try_to_open(void)
{
    const struct store_options options = {
        .url = store_url(), .max_answers = 1000, .max_ended = 1000};

    memset(why.text, 0, sizeof why);
    return store_open(&options, &store, &why);
}

/* Asserts that the file is rejected with a reason, for an owner and a second process, and stays
 * unchanged. */
static void assert_refused(enum err wanted, const char *words)
{
    struct content before = content_of(""), log_before = content_of("-wal");

    ck_assert_int_eq(try_to_open(), wanted);
    ck_assert_ptr_null(store);
    ck_assert_msg(strstr(why.text, store_path()) != NULL, "%s", why.text);
    ck_assert_msg(strstr(why.text, words) != NULL, "%s", why.text);
    ck_assert_int_eq(store_open_shared(&(struct store_options){.url = store_url()}, &store, &why),
                     wanted);
    ck_assert_ptr_null(store);
    struct content after = content_of(""), log_after = content_of("-wal");
    ck_assert_uint_eq(after.len, before.len);
    ck_assert_mem_eq(after.bytes, before.bytes, before.len);
    ck_assert_uint_eq(log_after.len, log_before.len);
    ck_assert_mem_eq(log_after.bytes, log_before.bytes, log_before.len);
    free(before.bytes);
    free(log_before.bytes);
    free(after.bytes);
    free(log_after.bytes);
}

static void make_a_store(void)
{
    store = store_open_roomy(store_url());
    for (size_t i = 0; i < 100; i++) {
        store_add_batch(store, 2 * i, 2);
        store_end_answered(store, 2 * i, "milvali.com", STORE_DAY_MS);
    }
    store_close(TAKE(store));
}

/* ---- damage ---- */

TEST(sqlite_text_file_is_rejected)
{
    char text[4096];

    memset(text, 'x', sizeof text);
    overwrite(0, text, sizeof text);
    assert_refused(ERR_STORE_DAMAGED, "nothing was changed");
}

TEST(sqlite_short_text_file_is_rejected)
{
    overwrite(0, "hello\n", 6);
    assert_refused(ERR_STORE_DAMAGED, "nothing was changed");
}

TEST(sqlite_truncated_file_is_rejected)
{
    make_a_store();
    struct content content = content_of("");
    ck_assert_int_eq(truncate(store_path(), (off_t)content.len / 2), 0);
    free(content.bytes);
    assert_refused(ERR_STORE_DAMAGED, ".recover");
}

/* Any page of the journal's tables; the reason names the remedy. */
TEST(sqlite_overwritten_page_is_rejected)
{
    unsigned char garbage[4096];
    int refused = 0, opened = 0;

    make_a_store();
    struct content whole = content_of("");
    memset(garbage, 0xa5, sizeof garbage);
    for (size_t at = 0; at + sizeof garbage <= whole.len; at += sizeof garbage) {
        overwrite(at, garbage, sizeof garbage);
        enum err err = try_to_open();
        if (err) {
            ck_assert_int_eq(err, ERR_STORE_DAMAGED);
            ck_assert_ptr_nonnull(strstr(why.text, "nothing was changed"));
            refused++;
        } else {
            opened++;
            store_close(TAKE(store));
        }
        overwrite(0, whole.bytes, whole.len);
    }
    ck_assert_int_gt(refused, 5);
    ck_assert_int_eq(opened, 0);
    ck_assert_int_eq(try_to_open(), ERR_OK);
    free(whole.bytes);
}

TEST(sqlite_damage_with_a_log_is_found_and_the_log_stays)
{
    char garbage[4096];

    memset(garbage, 0xa5, sizeof garbage);
    make_a_store();
    store = store_open_roomy(store_url());
    store_add_batch(store, 500, 2);
    struct content log = content_of("-wal");
    store_close(TAKE(store));
    char name[PATH_MAX];
    snprintf(name, sizeof name, "%s-wal", store_path());
    int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    ck_assert_int_eq(write(fd, log.bytes, log.len), (ssize_t)log.len);
    close(fd);
    free(log.bytes);
    struct content whole = content_of("");
    for (size_t at = 4096; at + sizeof garbage <= whole.len; at += 3 * sizeof garbage)
        overwrite(at, garbage, sizeof garbage);
    free(whole.bytes);
    assert_refused(ERR_STORE_DAMAGED, "nothing was changed");
}

/* Flips single bits all over the file: never a crash, never an invalid result. Each run flips its
 * share of them. */
RANGE_TEST(sqlite_flipped_bits_are_rejected_or_harmless, 0, FLIP_RUNS)
{
    make_a_store();
    struct content whole = content_of("");
    for (size_t at = 97 * (size_t)_i; at < whole.len; at += 97 * FLIP_RUNS) {
        const char flipped = (char)(whole.bytes[at] ^ (1 << at % 8));
        overwrite(at, &flipped, 1);
        if (!try_to_open()) {
            const struct result *result = NULL;
            enum err err = store_find(store, store_key_of(2), &result);
            ck_assert(!err || err == ERR_NO_ENTRY || err == ERR_STORAGE_UNAVAILABLE);
            result_unref(result);
            store_close(TAKE(store));
        }
        overwrite(0, whole.bytes, whole.len);
    }
    free(whole.bytes);
}

TEST(sqlite_unreadable_result_is_not_taken_for_a_miss)
{
    const struct result *result = NULL;

    make_a_store();
    run_sql("UPDATE answers SET body = '{\"domain\":1}'");
    store = store_open_roomy(store_url());
    ck_assert_int_eq(store_find(store, store_key_of(0), &result), ERR_STORAGE_UNAVAILABLE);
    ck_assert_ptr_null(result);
}

/* ---- foreign or newer files ---- */

TEST(sqlite_database_of_another_program_is_unchanged)
{
    run_sql("PRAGMA application_id = 42; CREATE TABLE a(b)");
    assert_refused(ERR_STORE_DAMAGED, "another program");
}

TEST(sqlite_database_without_application_id_is_unchanged)
{
    run_sql("CREATE TABLE a(b)");
    assert_refused(ERR_STORE_DAMAGED, "another program");
}

TEST(sqlite_older_store_is_migrated_completely)
{
    struct store_stats stats;

    make_a_store();
    run_sql(SCHEMA_2
            "DROP TABLE accounts; DROP TABLE settings; ALTER TABLE tasks DROP COLUMN client;"
            "ALTER TABLE tasks DROP COLUMN day; PRAGMA user_version = 1");
    ck_assert_msg(try_to_open() == ERR_OK, "%s", why.text);
    ck_assert_int_eq(store_stats(store, &stats), ERR_OK);
    ck_assert_int_eq(stats.schema, 4);
    ck_assert_uint_gt(stats.tasks[STORE_OPEN] + stats.tasks[STORE_ANSWERED], 0);
    ck_assert_int_eq(store_set_paused(store, true), ERR_OK);
    store_close(TAKE(store));
}

TEST(sqlite_store_of_version_2_keeps_everything)
{
    struct store_end end = store_failed;
    struct store_stats stats;

    make_a_store();
    run_sql(SCHEMA_2);
    ck_assert_msg(try_to_open() == ERR_OK, "%s", why.text);
    ck_assert_int_eq(store_stats(store, &stats), ERR_OK);
    ck_assert_int_eq(stats.schema, 4);
    ck_assert_uint_eq(stats.tasks[STORE_OPEN], 100);
    ck_assert_uint_eq(stats.tasks[STORE_ANSWERED], 100);
    ck_assert_uint_eq(stats.batches[STORE_SENDING], 100);
    ck_assert_uint_eq(stats.found, 100);
    ck_assert_uint_eq(stats.raw + stats.responses, 0);
    ck_assert_int_eq(store_kept(store, 198), ERR_OK);
    end.raw = "{}";
    end.raw_len = 2;
    ck_assert_int_eq(store_end_task(store, store_tracking_id(1), &end, NULL, NULL), ERR_OK);
    ck_assert_int_eq(store_stats(store, &stats), ERR_OK);
    ck_assert_uint_eq(stats.raw, 1);
}

TEST(sqlite_older_store_is_migrated_by_its_owner_only)
{
    make_a_store();
    run_sql(SCHEMA_2);
    ck_assert_int_eq(store_open_shared(&(struct store_options){.url = store_url()}, &store, &why),
                     ERR_STORE_DAMAGED);
    ck_assert_ptr_null(store);
    ck_assert_ptr_nonnull(strstr(why.text, "has schema version 2, and this emailsd requires 4"));
    ck_assert_ptr_nonnull(strstr(why.text, "emailsd migrate"));
    ck_assert_int_eq(try_to_open(), ERR_OK);
}

TEST(sqlite_newer_store_is_unchanged)
{
    make_a_store();
    run_sql("PRAGMA user_version = 5");
    assert_refused(ERR_STORE_DAMAGED, "newer");
}

TEST(sqlite_empty_file_becomes_a_store)
{
    overwrite(0, "", 0);
    ck_assert_int_eq(try_to_open(), ERR_OK);
    store_add_batch(store, 0, 1);
}

/* ---- unsafe files ---- */

TEST(sqlite_link_is_not_followed)
{
    char elsewhere[PATH_MAX];

    snprintf(elsewhere, sizeof elsewhere, "%s/elsewhere", store_folder());
    ck_assert_int_eq(symlink(elsewhere, store_path()), 0);
    ck_assert_int_eq(try_to_open(), ERR_STORE_REFUSED);
    ck_assert_int_eq(access(elsewhere, F_OK), -1);
}

TEST(sqlite_pipe_is_rejected_immediately)
{
    ck_assert_int_eq(mkfifo(store_path(), 0600), 0);
    ck_assert_int_eq(try_to_open(), ERR_STORE_REFUSED);
}

TEST(sqlite_folder_is_rejected)
{
    ck_assert_int_eq(mkdir(store_path(), 0700), 0);
    ck_assert_int_eq(try_to_open(), ERR_STORE_REFUSED);
}

TEST(sqlite_file_readable_by_others_is_rejected)
{
    make_a_store();
    ck_assert_int_eq(chmod(store_path(), 0640), 0);
    assert_refused(ERR_STORE_REFUSED, "chmod 600");
    ck_assert_int_eq(chmod(store_path(), 0602), 0);
    assert_refused(ERR_STORE_REFUSED, "chmod 600");
}

TEST(sqlite_file_of_another_user_is_rejected)
{
    make_a_store();
    if (geteuid() != 0) {
        fprintf(stderr, "only root can give files away: not tested\n");
        return;
    }
    ck_assert_int_eq(chown(store_path(), 65534, 65534), 0);
    assert_refused(ERR_STORE_REFUSED, "another user");
}

TEST(sqlite_link_instead_of_the_lock_is_not_followed)
{
    char lock[PATH_MAX], elsewhere[PATH_MAX];

    snprintf(lock, sizeof lock, "%s.lock", store_path());
    snprintf(elsewhere, sizeof elsewhere, "%s/elsewhere", store_folder());
    ck_assert_int_eq(symlink(elsewhere, lock), 0);
    ck_assert_int_eq(try_to_open(), ERR_STORE_REFUSED);
    ck_assert_int_eq(access(elsewhere, F_OK), -1);
}

/* A path may be longer than a message. */
TEST(sqlite_long_path_does_not_cut_the_reason)
{
    char url[PATH_MAX];
    const struct store_options options = {.url = url};
    int len = snprintf(url, sizeof url, "sqlite:%s", store_folder());

    for (int depth = 0; depth < 4; depth++)
        len += snprintf(url + len, sizeof url - (size_t)len, "/%0110d", depth);
    snprintf(url + len, sizeof url - (size_t)len, "/emailsd.db");
    store = store_open_roomy(url);
    ck_assert_int_eq(chmod(url + strlen("sqlite:"), 0640), 0);
    store_close(TAKE(store));
    ck_assert_int_eq(store_open(&options, &store, &why), ERR_STORE_REFUSED);
    ck_assert_ptr_nonnull(strstr(why.text, "chmod 600"));
    ck_assert_int_eq(store_open_shared(&(struct store_options){.url = url}, &store, &why),
                     ERR_STORE_REFUSED);
    ck_assert_ptr_nonnull(strstr(why.text, "chmod 600"));
}

/* ---- new files ---- */

TEST(sqlite_new_files_are_private)
{
    char url[PATH_MAX], name[PATH_MAX];
    const char *const suffixes[] = {"", "-wal", "-shm", ".lock"};
    struct stat status;
    mode_t before = umask(0);

    snprintf(url, sizeof url, "sqlite:%s/a/b/emailsd.db", store_folder());
    store = store_open_roomy(url);
    umask(before);
    store_add_batch(store, 0, 1);
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        snprintf(name, sizeof name, "%s/a/b/emailsd.db%s", store_folder(), suffixes[i]);
        ck_assert_msg(stat(name, &status) == 0, "%s", name);
        ck_assert_int_eq(status.st_mode & 07777, 0600);
    }
    snprintf(name, sizeof name, "%s/a", store_folder());
    ck_assert_int_eq(stat(name, &status), 0);
    ck_assert_int_eq(status.st_mode & 07777, 0700);
}

TEST(sqlite_folder_creation_failure_is_reported)
{
    char url[PATH_MAX];
    const struct store_options options = {.url = url};

    overwrite(0, "", 0);
    snprintf(url, sizeof url, "sqlite:%s/emailsd.db", store_path());
    ck_assert_int_eq(store_open(&options, &store, &why), ERR_STORAGE_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(why.text, strerror(ENOTDIR)));
}
