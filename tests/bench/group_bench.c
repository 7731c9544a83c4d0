/* SPDX-License-Identifier: MIT */
/* group_bench.c - measures how fast the threads of the store write 100 results: one by one, and
 * together.
 *
 *     group_bench URL ROUNDS [SYNC_MS]
 *
 * Each round posts the ends of two batches of 100 tasks, with their results: those of the first one
 * by one, each when the one before is durable; those of the second all in a row. The medians of the
 * rounds are printed as one line of JSON, and how many syncs of files in this process a batch took
 * on average.
 *
 * With SYNC_MS, each sync of a file takes so many milliseconds more: a slow disk. That needs a
 * driver that syncs its files in this process. */
#include "store_load.h"

#include "base/mem.h"
#include "store/calls.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS_MAX  1000
#define SYNC_MS_MAX 1000
#define STOP_MS     60000

struct bench {
    struct inbox *inbox;
    struct store_calls *calls;
    struct store_end_task_call ends[LOAD_BATCH];
};

static struct timespec sync_delay;
static atomic_size_t n_syncs;
static size_t n_returned;

/* Takes the place of the function of the C library, also for SQLite. */
int fdatasync(int fd)
{
    atomic_fetch_add(&n_syncs, 1);
    nanosleep(&sync_delay, NULL);
    return (int)syscall(SYS_fdatasync, fd);
}

static void end_returned(struct store_call *call)
{
    load_want(call->err, "store_post_end_task");
    n_returned++;
}

static void await(struct inbox *inbox, size_t n)
{
    while (n_returned < n) {
        struct pollfd fd = {.fd = inbox_fd(inbox), .events = POLLIN};
        if (poll(&fd, 1, -1) < 0 && errno != EINTR) {
            perror("poll");
            exit(1);
        }
        inbox_run_all(inbox);
    }
}

/* How the ends of `rounds` batches were written. */
struct figures {
    double *took_ms;
    size_t rounds, syncs;
};

/* Ends all tasks of a batch, and adds that to the figures. */
static void end_batch(struct bench *bench, const struct load_task *tasks, bool one_by_one,
                      struct figures *figures)
{
    for (size_t i = 0; i < LOAD_BATCH; i++)
        bench->ends[i] = (struct store_end_task_call){.call.done = end_returned,
                                                      .tracking_id = tasks[i].tracking_id,
                                                      .end = load_end_of(&tasks[i]),
                                                      .keep = load_result_of(&tasks[i])};
    n_returned = 0;
    size_t syncs = atomic_load(&n_syncs);
    double began = load_now_ms();
    for (size_t i = 0; i < LOAD_BATCH; i++) {
        store_post_end_task(bench->calls, &bench->ends[i]);
        if (one_by_one)
            await(bench->inbox, i + 1);
    }
    await(bench->inbox, LOAD_BATCH);
    figures->took_ms[figures->rounds++] = load_now_ms() - began;
    figures->syncs += atomic_load(&n_syncs) - syncs;
    for (size_t i = 0; i < LOAD_BATCH; i++)
        result_unref(bench->ends[i].keep);
}

static void print(const char *name, const struct figures *figures)
{
    printf("\"%s_ms\": %.3f, \"%s_syncs\": %.1f", name,
           load_median(figures->took_ms, figures->rounds), name,
           (double)figures->syncs / (double)figures->rounds);
}

/* `tasks` are those of 2 * `rounds` batches that were submitted. */
static void measure(struct bench *bench, const struct load_task *tasks, size_t rounds)
{
    autofree double *took_ms = xcalloc(2 * rounds, sizeof *took_ms);
    struct figures one_by_one = {.took_ms = took_ms}, together = {.took_ms = took_ms + rounds};

    for (size_t i = 0; i < rounds; i++) {
        end_batch(bench, tasks + 2 * i * LOAD_BATCH, true, &one_by_one);
        end_batch(bench, tasks + (2 * i + 1) * LOAD_BATCH, false, &together);
    }
    putchar('{');
    print("one_by_one", &one_by_one);
    printf(", ");
    print("together", &together);
    puts("}");
}

static void run(struct store *store, size_t rounds, long sync_ms)
{
    struct bench bench = {0};
    struct errmsg why = {""};
    autofree struct load_task *tasks = xcalloc(2 * rounds * LOAD_BATCH, sizeof *tasks);

    for (size_t i = 0; i < 2 * rounds; i++)
        load_submit_batch(store, tasks + i * LOAD_BATCH);
    sync_delay = (struct timespec){.tv_sec = sync_ms / 1000, .tv_nsec = sync_ms % 1000 * 1000000};
    load_want(inbox_new(&bench.inbox), "inbox_new");
    bench.calls = store_calls_new(store);
    load_want(store_calls_start(bench.calls, bench.inbox, &why), why.text);
    measure(&bench, tasks, rounds);
    if (!store_calls_stop(bench.calls, STOP_MS))
        load_want(ERR_STORAGE_UNAVAILABLE, "store_calls_stop");
    inbox_run_all(bench.inbox);
    store_calls_free(bench.calls);
    inbox_free(bench.inbox);
}

int main(int argc, char **argv)
{
    struct errmsg why;
    struct store *store = NULL;
    size_t rounds = argc >= 3 ? strtoul(argv[2], NULL, 10) : 0;
    long sync_ms = argc == 4 ? strtol(argv[3], NULL, 10) : 0;

    if (rounds < 1 || rounds > ROUNDS_MAX || sync_ms < 0 || sync_ms > SYNC_MS_MAX) {
        fprintf(stderr, "usage: group_bench URL ROUNDS [SYNC_MS]\n");
        return 2;
    }
    const struct store_options options = {
        .url = argv[1], .max_answers = 1000000, .max_ended = 1000000};
    if (store_open(&options, &store, &why) != ERR_OK) {
        fprintf(stderr, "store_open: %s\n", why.text);
        return 1;
    }
    run(store, rounds, sync_ms);
    store_close(store);
    if (sync_ms > 0 && atomic_load(&n_syncs) == 0) {
        fprintf(stderr, "this store syncs no file here\n");
        return 1;
    }
    return 0;
}
