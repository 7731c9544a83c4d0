/* SPDX-License-Identifier: MIT */
/* store_fixture.c - see store_fixture.h. */
#include "tests/unit/store_fixture.h"

#include "base/mem.h"
#include "tests/support/postgres_server.h"

#include <check.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SAMPLES 1000

struct store *store;

const struct store_end store_failed = {.state = STORE_FAILED,
                                       .task_id = "task-7",
                                       .err = ERR_LOOKUP_FAILED,
                                       .detail = "no luck",
                                       .wall_ms = STORE_NOW_MS + 5};

static char folder[40], path[64], url[80], schema[40];
static struct arena arena; /* of the news */
static struct sample {
    unsigned char key[HASH_SIZE];
    char tracking_id[ID_TEXT], lookup_id[ID_TEXT];
} samples[SAMPLES];

/* ---- the folder ---- */

/* In memory if possible: these tests wait for thousands of syncs. System tests use the disk. */
void store_fixture_setup(void)
{
    const char *top = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

    snprintf(folder, sizeof folder, "%s/emailsd-store-XXXXXX", top);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/emailsd.db", folder);
    snprintf(url, sizeof url, "sqlite:%s", path);
    snprintf(schema, sizeof schema, "test_%d", getpid());
}

static int remove_one(const char *name, const struct stat *status, int type, struct FTW *ftw)
{
    (void)status;
    (void)type;
    (void)ftw;
    return remove(name);
}

void store_fixture_teardown(void)
{
    store_close(TAKE(store));
    arena_free(&arena);
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *store_folder(void)
{
    return folder;
}

const char *store_path(void)
{
    return path;
}

const char *store_url(void)
{
    return url;
}

const char *store_schema(void)
{
    return schema;
}

const char *store_url_of(int which)
{
    static const char memory[] = "memory:";

    return which == IN_FILE ? url : which == IN_MEMORY ? memory : postgres_server_url();
}

/* ---- opening ---- */

struct store *store_open_limited(const char *which, size_t max_answers, size_t max_ended)
{
    const struct store_options options = {.url = which,
                                          .schema = schema,
                                          .statement_ms = STORE_TEST_MS,
                                          .max_answers = max_answers,
                                          .max_ended = max_ended};
    struct errmsg why = {""};
    struct store *opened = NULL;
    enum err err = store_open(&options, &opened, &why);

    ck_assert_msg(!err, "%s: %s", err_words(err), why.text);
    return opened;
}

struct store *store_open_roomy(const char *which)
{
    return store_open_limited(which, 1000, 1000);
}

struct store *store_open_second(const char *which)
{
    struct errmsg why = {""};
    struct store *opened = NULL;
    enum err err = store_open_shared(
        &(struct store_options){.url = which, .schema = schema, .statement_ms = STORE_TEST_MS},
        &opened, &why);

    ck_assert_msg(!err, "%s: %s", err_words(err), why.text);
    return opened;
}

/* ---- samples ---- */

static const struct sample *sample(size_t i)
{
    struct sample *one = &samples[i];

    ck_assert_uint_lt(i, SAMPLES);
    hash_sha256(&i, sizeof i, one->key);
    snprintf(one->tracking_id, sizeof one->tracking_id, "tracking-%zu", i);
    snprintf(one->lookup_id, sizeof one->lookup_id, "lookup-%zu", i);
    return one;
}

const unsigned char *store_key_of(size_t i)
{
    return sample(i)->key;
}

const char *store_tracking_id(size_t i)
{
    return sample(i)->tracking_id;
}

const char *store_lookup_id(size_t i)
{
    return sample(i)->lookup_id;
}

struct store_task store_task_of(size_t i)
{
    return (struct store_task){.tracking_id = store_tracking_id(i),
                               .lookup_id = store_lookup_id(i),
                               .key = store_key_of(i),
                               .parts = {.domain = "milvali.com",
                                         .company_name = "Milvali 'M' \"\xc3\xbc\"",
                                         .city = "Z\xc3\xbcrich",
                                         .state = "",
                                         .country = "CH"},
                               .client = "client"};
}

int64_t store_add(struct store *in, struct store_new_batch batch)
{
    if (!batch.number)
        batch.number = store_new_number();
    ck_assert_int_eq(store_begin_batch(in, &batch), ERR_OK);
    return batch.number;
}

int64_t store_add_batch(struct store *in, size_t from, size_t n)
{
    struct store_task tasks[100];

    for (size_t i = 0; i < n; i++)
        tasks[i] = store_task_of(from + i);
    return store_add(in, (struct store_new_batch){.tasks = tasks, .n = n, .wall_ms = STORE_NOW_MS});
}

const struct result *store_answer(size_t i, const char *domain, int64_t ttl_ms)
{
    char info[128], sales[128];
    const struct result_email emails[] = {{info, "VALID"}, {sales, "CATCH_ALL"}};
    const struct result_facts facts = {.key = store_key_of(i),
                                       .domain = domain,
                                       .company_name = "Milvali \"M\"",
                                       .emails = emails,
                                       .n_emails = ARRAY_LEN(emails),
                                       .fetched_ms = STORE_NOW_MS,
                                       .ttl_found_ms = ttl_ms,
                                       .ttl_empty_ms = ttl_ms};

    snprintf(info, sizeof info, "info@%s", domain);
    snprintf(sales, sizeof sales, "sales@%s", domain);
    return result_new_answer(&facts);
}

void store_end_answered(struct store *in, size_t i, const char *domain, int64_t ttl_ms)
{
    const struct store_end end = {
        .state = STORE_ANSWERED, .task_id = "task", .wall_ms = STORE_NOW_MS + (int64_t)i};
    const struct result *answer = store_answer(i, domain, ttl_ms);

    ck_assert_int_eq(store_end_task(in, store_tracking_id(i), &end, answer, NULL), ERR_OK);
    result_unref(answer);
}

void store_add_answered(size_t n)
{
    for (size_t i = 0; i < n; i++) {
        store_add_batch(store, i, 1);
        store_end_answered(store, i, i % 3 ? "milvali.com" : "other.com", STORE_DAY_MS);
    }
}

void store_fail_task(size_t i, int64_t wall_ms, const struct result *keep)
{
    struct store_end end = store_failed;

    end.wall_ms = wall_ms;
    ck_assert_int_eq(store_end_task(store, store_tracking_id(i), &end, keep, NULL), ERR_OK);
}

/* ---- inspection ---- */

struct look {
    int64_t batch;
    struct store_seen seen;
};

static void see(void *arg, const struct store_batch *batch)
{
    struct look *look = arg;
    struct store_seen *seen = &look->seen;

    seen->n_batches++;
    if (batch->number != look->batch)
        return;
    seen->state = batch->state;
    snprintf(seen->batch_id, sizeof seen->batch_id, "%s", batch->batch_id);
    seen->risked = batch->risked;
    seen->n = batch->n;
    for (size_t i = 0; i < batch->n; i++)
        seen->n_open += batch->tasks[i].task_state == STORE_OPEN;
}

struct store_seen store_look(struct store *in, int64_t batch)
{
    struct look look = {.batch = batch};

    ck_assert_int_eq(store_for_each_open_batch(in, see, &look), ERR_OK);
    return look.seen;
}

enum err store_kept(struct store *in, size_t i)
{
    const struct result *result = NULL;
    enum err err = store_find(in, store_key_of(i), &result);

    if (!err)
        err = result->err;
    result_unref(result);
    return err;
}

struct store_news store_news_since(struct store *in, int64_t since_ms)
{
    struct store_news news = {0};

    ck_assert_int_eq(store_read_news(in, since_ms, &arena, &news), ERR_OK);
    return news;
}

struct store_news store_take_news(struct store *in, int64_t since_ms)
{
    struct store_news news = store_news_since(in, since_ms);

    ck_assert_int_eq(store_confirm_news(in, &news), ERR_OK);
    return news;
}

/* ---- files ---- */

static char *read_all(const char *name, size_t *ret_len)
{
    struct stat status;
    int fd = open(name, O_RDONLY | O_CLOEXEC);

    *ret_len = 0;
    if (fd < 0 || fstat(fd, &status)) {
        if (fd >= 0)
            close(fd);
        return xcalloc(1, 1);
    }
    char *bytes = xcalloc((size_t)status.st_size + 1, 1);
    ssize_t n = read(fd, bytes, (size_t)status.st_size);
    ck_assert_int_eq(n, status.st_size);
    close(fd);
    *ret_len = (size_t)n;
    return bytes;
}

static bool file_holds(const char *suffix, const char *needle)
{
    char name[PATH_MAX + 8];
    size_t len;

    snprintf(name, sizeof name, "%s%s", path, suffix);
    autofree char *bytes = read_all(name, &len);
    return memmem(bytes, len, needle, strlen(needle)) != NULL;
}

bool store_files_hold(const char *needle)
{
    return file_holds("", needle) || file_holds("-wal", needle) || file_holds("-shm", needle);
}

static void copy(const char *suffix, const char *to)
{
    char from[PATH_MAX + 8], name[2 * PATH_MAX];
    size_t len;

    snprintf(from, sizeof from, "%s%s", path, suffix);
    snprintf(name, sizeof name, "%s/emailsd.db%s", to, suffix);
    autofree char *bytes = read_all(from, &len);
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, bytes, len), (ssize_t)len);
    close(fd);
}

const char *store_copy(const char *name)
{
    static char copied[2 * PATH_MAX];
    char to[PATH_MAX + 64];

    snprintf(to, sizeof to, "%s/%s", folder, name);
    ck_assert_int_eq(mkdir(to, 0700), 0);
    copy("", to);
    copy("-wal", to);
    snprintf(copied, sizeof copied, "sqlite:%s/emailsd.db", to);
    return copied;
}
