/* SPDX-License-Identifier: MIT */
/* test_store_rounds.c - tests in which order a thread of the store executes calls of different
 * classes that wait together. */
#include "base/mem.h"
#include "store/driver.h"
#include "store/thread.h"

#include "tests/support/suite.h"
#include <poll.h>
#include <semaphore.h>

#define CALLS_MAX 200
#define LONG_MS   180000

static char order[CALLS_MAX]; /* the letters of the calls that were executed */
static size_t n_executed, n_returned;
static sem_t is_inside, may_go_on;

static enum err take(struct store *store, struct store_call *call);
static enum err wait_inside(struct store *store, struct store_call *call);

static const struct store_kind first = {"first", STORE_JOURNAL, wait_inside, NULL};
static const struct store_kind journal = {"journal", STORE_JOURNAL, take, NULL};
static const struct store_kind upkeep = {"upkeep", STORE_UPKEEP, take, NULL};
static const struct store_kind read_kind = {"read", STORE_READ, take, NULL};

static enum err take(struct store *store, struct store_call *call)
{
    (void)store;
    order[n_executed++] = call->kind == &upkeep ? 'u' : call->kind == &read_kind ? 'r' : 'j';
    return ERR_OK;
}

static enum err wait_inside(struct store *store, struct store_call *call)
{
    sem_post(&is_inside);
    sem_wait(&may_go_on);
    return take(store, call);
}

static enum err group(struct store *store)
{
    (void)store;
    return ERR_OK;
}

static void returned(struct message *message)
{
    (void)message;
    n_returned++;
}

static void post(struct store_thread *thread, const struct store_kind *kind, size_t n)
{
    static struct store_call calls[CALLS_MAX];
    static size_t n_posted;

    for (size_t i = 0; i < n; i++) {
        struct store_call *call = &calls[n_posted++];
        *call = (struct store_call){.kind = kind, .era = 1};
        store_thread_post(thread, call);
    }
}

/* One round: all reads, a group of the journal, one call of the upkeep. */
TEST(thread_executes_calls_in_rounds)
{
    static const struct store_driver driver = {.group_begin = group, .group_end = group};
    struct store store = {&driver};
    struct store_executor executor = {.store = &store};
    struct inbox *inbox;

    ck_assert_int_eq(inbox_new(&inbox), ERR_OK);
    sem_init(&is_inside, 0, 0);
    sem_init(&may_go_on, 0, 0);
    struct store_thread thread = {.executor = &executor, .returns = inbox, .returned = returned};
    ck_assert_int_eq(store_thread_start(&thread, "store"), ERR_OK);
    post(&thread, &first, 1);
    sem_wait(&is_inside);
    post(&thread, &upkeep, 3);
    post(&thread, &journal, STORE_GROUP_MAX + 2);
    post(&thread, &read_kind, 2);
    sem_post(&may_go_on);
    store_thread_stop(&thread);
    ck_assert(store_thread_join(&thread, LONG_MS));
    inbox_run_all(inbox);
    inbox_free(inbox);

    const size_t full = 1 + 2 + STORE_GROUP_MAX; /* the first call, the reads, the first group */
    ck_assert_uint_eq(n_returned, full + 5);
    ck_assert_mem_eq(order, "jrrj", 4);
    ck_assert_mem_eq(order + full - 1, "jujjuu", 6);
}
