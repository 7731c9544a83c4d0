/* SPDX-License-Identifier: MIT */
/* store_bench.c - measures the store's durable writes on this disk, compared with the disk's
 * floor.
 *
 *     store_bench DIRECTORY ROUNDS [ENDED]
 *
 * The floor is a file in the same directory to which 4 KiB are appended and fdatasync()ed: no
 * durable write can cost less. Each figure is the median of the rounds, printed as one line of
 * JSON. The store is created in DIRECTORY and stays there.
 *
 * With ENDED, only the end of a task is measured, with that limit of ended tasks; journal.py has
 * filled the store up to it, so that each end deletes an old task. */
#include "store/store.h"

#include "base/hash.h"
#include "base/id.h"
#include "base/mem.h"
#include "model/result.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BATCH      100
#define PAGE       4096
#define ROUNDS_MAX 100000
#define DAY_MS     INT64_C(86400000)

struct task {
    char tracking_id[ID_TEXT], lookup_id[ID_TEXT], domain[64];
    unsigned char key[HASH_SIZE];
};

static double now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int64_t wall_ms(void)
{
    return (int64_t)time(NULL) * 1000;
}

static void want(enum err err, const char *what)
{
    if (err == ERR_OK)
        return;
    fprintf(stderr, "%s: %s\n", what, err_words(err));
    exit(1);
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *values, size_t n)
{
    qsort(values, n, sizeof *values, compare);
    return values[n / 2];
}

static void make_tasks(struct task *tasks, struct store_task *shown, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct task *task = &tasks[i];
        id_new(task->tracking_id);
        id_new(task->lookup_id);
        snprintf(task->domain, sizeof task->domain, "company-%s.com", task->lookup_id);
        hash_sha256(task->domain, strlen(task->domain), task->key);
        shown[i] = (struct store_task){.tracking_id = task->tracking_id,
                                       .lookup_id = task->lookup_id,
                                       .key = task->key,
                                       .parts = {.domain = task->domain,
                                                 .company_name = "Company",
                                                 .city = "",
                                                 .state = "",
                                                 .country = ""},
                                       .client = "client"};
    }
}

static double floor_of(const char *directory, double *took, size_t rounds)
{
    char path[4096];
    static const char page[PAGE];

    snprintf(path, sizeof path, "%s/floor", directory);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    for (size_t i = 0; i < rounds; i++) {
        double began = now_ms();
        if (fd < 0 || write(fd, page, sizeof page) != PAGE || fdatasync(fd) != 0) {
            perror(path);
            exit(1);
        }
        took[i] = now_ms() - began;
    }
    close(fd);
    return median(took, rounds);
}

static enum err begin_batch(struct store *store, const struct store_task *tasks, size_t n,
                            int64_t *ret_batch)
{
    const struct store_new_batch batch = {
        .number = store_new_number(), .tasks = tasks, .n = n, .wall_ms = wall_ms()};

    *ret_batch = batch.number;
    return store_begin_batch(store, &batch);
}

/* Journals a batch of one task. */
static double intents_of(struct store *store, double *took, size_t rounds)
{
    struct task task;
    struct store_task shown;
    int64_t batch;

    for (size_t i = 0; i < rounds; i++) {
        make_tasks(&task, &shown, 1);
        double began = now_ms();
        want(begin_batch(store, &shown, 1, &batch), "store_begin_batch");
        took[i] = now_ms() - began;
    }
    return median(took, rounds);
}

/* The writes between a full batch and its submit, and those after the response. `tasks` are
 * those of the last batch, which stays open. */
static double submits_of(struct store *store, double *took, size_t rounds, struct task *tasks)
{
    struct store_task shown[BATCH];
    char batch_id[ID_TEXT];
    int64_t batch;

    for (size_t i = 0; i < rounds; i++) {
        make_tasks(tasks, shown, BATCH);
        id_new(batch_id);
        double began = now_ms();
        want(begin_batch(store, shown, BATCH, &batch), "store_begin_batch");
        want(store_submitted(store, batch, batch_id, wall_ms()), "store_submitted");
        took[i] = now_ms() - began;
    }
    return median(took, rounds);
}

static const struct result *result_of(const struct task *task)
{
    static const struct result_email emails[] = {{"info@company.com", "VALID"},
                                                 {"support@company.com", "VALID"}};

    return result_new_answer(&(struct result_facts){
        .key = task->key,
        .domain = task->domain,
        .company_name = "Company",
        .emails = emails,
        .n_emails = ARRAY_LEN(emails),
        .fetched_ms = wall_ms(),
        .ttl_found_ms = 30 * DAY_MS,
        .ttl_empty_ms = DAY_MS,
    });
}

static void end_task(struct store *store, const struct task *task, const struct result *result)
{
    const struct store_end end = {
        .state = STORE_ANSWERED, .task_id = task->lookup_id, .wall_ms = wall_ms()};

    want(store_end_task(store, task->tracking_id, &end, result, NULL), "store_end_task");
}

static double ends_of(struct store *store, double *took, const struct task *tasks)
{
    for (size_t i = 0; i < BATCH; i++) {
        const struct result *result = result_of(&tasks[i]);
        double began = now_ms();
        end_task(store, &tasks[i], result);
        took[i] = now_ms() - began;
        result_unref(result);
    }
    return median(took, BATCH);
}

/* Ends all tasks of a batch: one by one, or as a group. */
static double whole_batches_of(struct store *store, double *took, size_t rounds, bool as_group)
{
    static struct task tasks[BATCH];
    const struct result *results[BATCH];

    for (size_t i = 0; i < rounds; i++) {
        submits_of(store, took + i, 1, tasks);
        for (size_t n = 0; n < BATCH; n++)
            results[n] = result_of(&tasks[n]);
        double began = now_ms();
        if (as_group)
            want(store_group_begin(store), "store_group_begin");
        for (size_t n = 0; n < BATCH; n++)
            end_task(store, &tasks[n], results[n]);
        if (as_group)
            want(store_group_end(store), "store_group_end");
        took[i] = now_ms() - began;
        for (size_t n = 0; n < BATCH; n++)
            result_unref(results[n]);
    }
    return median(took, rounds);
}

static void measure_full(struct store *store, double *took, size_t rounds)
{
    static struct task tasks[BATCH];
    double *medians = xcalloc(rounds, sizeof *medians), longest_ms = 0;

    for (size_t i = 0; i < rounds; i++) {
        submits_of(store, took, 1, tasks);
        medians[i] = ends_of(store, took, tasks);
        if (took[BATCH - 1] > longest_ms) /* ends_of() has sorted them */
            longest_ms = took[BATCH - 1];
    }
    printf("{\"full_end_ms\": %.3f, \"full_end_longest_ms\": %.3f}\n", median(medians, rounds),
           longest_ms);
    free(medians);
}

static void measure(struct store *store, const char *directory, double *took, size_t rounds)
{
    static struct task tasks[BATCH];
    double floor_ms = floor_of(directory, took, rounds);
    double intent_ms = intents_of(store, took, rounds);
    double submit_ms = submits_of(store, took, rounds / 10 + 1, tasks);
    double end_ms = ends_of(store, took, tasks);
    double batch_ms = whole_batches_of(store, took, rounds / 100 + 1, false);
    double group_ms = whole_batches_of(store, took, rounds / 100 + 1, true);

    printf("{\"floor_per_s\": %.1f, \"floor_ms\": %.3f, \"intents_per_s\": %.1f, "
           "\"submit_ms\": %.3f, \"ends_per_s\": %.1f, \"batch_ends_ms\": %.3f, "
           "\"group_ends_ms\": %.3f}\n",
           1e3 / floor_ms, floor_ms, 1e3 / intent_ms, submit_ms, 1e3 / end_ms, batch_ms, group_ms);
}

int main(int argc, char **argv)
{
    char url[4096];
    struct errmsg why;
    struct store *store = NULL;
    size_t rounds = argc >= 3 ? strtoul(argv[2], NULL, 10) : 0;
    size_t ended = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;

    if (rounds < 1 || rounds > ROUNDS_MAX) {
        fprintf(stderr, "usage: store_bench DIRECTORY ROUNDS [ENDED]\n");
        return 2;
    }
    autofree double *took = xcalloc(rounds > BATCH ? rounds : BATCH, sizeof *took);
    snprintf(url, sizeof url, "sqlite:%s/store.db", argv[1]);
    const struct store_options options = {
        .url = url, .max_answers = 1000000, .max_ended = ended ? ended : 1000000};
    if (store_open(&options, &store, &why) != ERR_OK) {
        fprintf(stderr, "store_open: %s\n", why.text);
        return 1;
    }
    if (ended)
        measure_full(store, took, rounds);
    else
        measure(store, argv[1], took, rounds);
    store_close(store);
    return 0;
}
