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
#include "store_load.h"

#include "base/mem.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PAGE       4096
#define ROUNDS_MAX 100000

static double floor_of(const char *directory, double *took, size_t rounds)
{
    char path[4096];
    static const char page[PAGE];

    snprintf(path, sizeof path, "%s/floor", directory);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    for (size_t i = 0; i < rounds; i++) {
        double began = load_now_ms();
        if (fd < 0 || write(fd, page, sizeof page) != PAGE || fdatasync(fd) != 0) {
            perror(path);
            exit(1);
        }
        took[i] = load_now_ms() - began;
    }
    close(fd);
    return load_median(took, rounds);
}

/* Journals a batch of one task. */
static double intents_of(struct store *store, double *took, size_t rounds)
{
    struct load_task task;
    struct store_task shown;

    for (size_t i = 0; i < rounds; i++) {
        load_make_tasks(&task, &shown, 1);
        double began = load_now_ms();
        load_begin_batch(store, &shown, 1);
        took[i] = load_now_ms() - began;
    }
    return load_median(took, rounds);
}

/* The writes between a full batch and its submit, and those after the response. `tasks` are
 * those of the last batch, which stays open. */
static double submits_of(struct store *store, double *took, size_t rounds, struct load_task *tasks)
{
    for (size_t i = 0; i < rounds; i++)
        took[i] = load_submit_batch(store, tasks);
    return load_median(took, rounds);
}

static double ends_of(struct store *store, double *took, const struct load_task *tasks)
{
    for (size_t i = 0; i < LOAD_BATCH; i++) {
        const struct result *result = load_result_of(&tasks[i]);
        const struct store_end end = load_end_of(&tasks[i]);
        double began = load_now_ms();
        load_want(store_end_task(store, tasks[i].tracking_id, &end, result, NULL),
                  "store_end_task");
        took[i] = load_now_ms() - began;
        result_unref(result);
    }
    return load_median(took, LOAD_BATCH);
}

static void measure_full(struct store *store, double *took, size_t rounds)
{
    static struct load_task tasks[LOAD_BATCH];
    double *medians = xcalloc(rounds, sizeof *medians), longest_ms = 0;

    for (size_t i = 0; i < rounds; i++) {
        load_submit_batch(store, tasks);
        medians[i] = ends_of(store, took, tasks);
        if (took[LOAD_BATCH - 1] > longest_ms) /* ends_of() has sorted them */
            longest_ms = took[LOAD_BATCH - 1];
    }
    printf("{\"full_end_ms\": %.3f, \"full_end_longest_ms\": %.3f}\n", load_median(medians, rounds),
           longest_ms);
    free(medians);
}

static void measure(struct store *store, const char *directory, double *took, size_t rounds)
{
    static struct load_task tasks[LOAD_BATCH];
    double floor_ms = floor_of(directory, took, rounds);
    double intent_ms = intents_of(store, took, rounds);
    double submit_ms = submits_of(store, took, rounds / 10 + 1, tasks);
    double end_ms = ends_of(store, took, tasks);

    printf("{\"floor_per_s\": %.1f, \"floor_ms\": %.3f, \"intents_per_s\": %.1f, "
           "\"submit_ms\": %.3f, \"ends_per_s\": %.1f}\n",
           1e3 / floor_ms, floor_ms, 1e3 / intent_ms, submit_ms, 1e3 / end_ms);
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
    autofree double *took = xcalloc(rounds > LOAD_BATCH ? rounds : LOAD_BATCH, sizeof *took);
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
