/* SPDX-License-Identifier: MIT */
/* store_load.c - see store_load.h. */
#include "store_load.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DAY_MS INT64_C(86400000)

double load_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

int64_t load_wall_ms(void)
{
    return (int64_t)time(NULL) * 1000;
}

void load_want(enum err err, const char *what)
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

double load_median(double *values, size_t n)
{
    qsort(values, n, sizeof *values, compare);
    return values[n / 2];
}

void load_make_tasks(struct load_task *tasks, struct store_task *shown, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct load_task *task = &tasks[i];
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

int64_t load_begin_batch(struct store *store, const struct store_task *tasks, size_t n)
{
    const struct store_new_batch batch = {
        .number = store_new_number(), .tasks = tasks, .n = n, .wall_ms = load_wall_ms()};

    load_want(store_begin_batch(store, &batch), "store_begin_batch");
    return batch.number;
}

double load_submit_batch(struct store *store, struct load_task *tasks)
{
    struct store_task shown[LOAD_BATCH];
    char batch_id[ID_TEXT];

    load_make_tasks(tasks, shown, LOAD_BATCH);
    id_new(batch_id);
    double began = load_now_ms();
    int64_t batch = load_begin_batch(store, shown, LOAD_BATCH);
    load_want(store_submitted(store, batch, batch_id, load_wall_ms()), "store_submitted");
    return load_now_ms() - began;
}

struct store_end load_end_of(const struct load_task *task)
{
    return (struct store_end){
        .state = STORE_ANSWERED, .task_id = task->lookup_id, .wall_ms = load_wall_ms()};
}

const struct result *load_result_of(const struct load_task *task)
{
    static const struct result_email emails[] = {{"info@company.com", "VALID"},
                                                 {"support@company.com", "VALID"}};

    return result_new_answer(&(struct result_facts){
        .key = task->key,
        .domain = task->domain,
        .company_name = "Company",
        .emails = emails,
        .n_emails = ARRAY_LEN(emails),
        .fetched_ms = load_wall_ms(),
        .ttl_found_ms = 30 * DAY_MS,
        .ttl_empty_ms = DAY_MS,
    });
}
