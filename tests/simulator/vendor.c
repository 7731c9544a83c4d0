/* SPDX-License-Identifier: MIT */
/* vendor.c - see vendor.h. A task that never ends is one whose timer is not armed. Money is in
 * whole credits; prices are in thousandths and rounded up, per batch at the reserve, per task at
 * the charge, as the vendor's support describes it for its other routes. */
#include "tests/simulator/vendor.h"

#include "base/id.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

void uuid_new(char *text)
{
    char hex[ID_TEXT];

    id_new(hex);
    hex[12] = '4';                        /* version */
    hex[16] = "89ab"[id_random() & 0x3u]; /* variant */
    size_t out = 0;
    for (size_t i = 0; i < ID_LEN; i++) {
        if (i == 8 || i == 12 || i == 16 || i == 20)
            text[out++] = '-';
        text[out++] = hex[i];
    }
    text[out] = '\0';
}

static void start(struct vendor *vendor)
{
    vendor->balance = vendor->behaviour->credits;
    vendor->dice = (struct dice){1};
}

void vendor_init(struct vendor *vendor)
{
    start(vendor);
}

static void task_free(struct task *task)
{
    timer_disarm(task->vendor->timers, &task->timer);
    free(task->domain);
    free(task->company_name);
    free(task->city);
    free(task->state);
    free(task->country);
    free(task->tracking_id);
    free(task);
}

void vendor_clear(struct vendor *vendor)
{
    struct batch *batch, *next;

    HASH_CLEAR(hh, vendor->task_by_id);
    for (size_t i = 0; i < vendor->n_tasks; i++)
        task_free(vendor->tasks[i]);
    HASH_ITER (hh, vendor->batch_by_id, batch, next) {
        HASH_DEL(vendor->batch_by_id, batch);
        free(batch);
    }
    vendor->n_tasks = 0;
    vendor->n_batches = 0;
    vendor->n_answered = 0;
    vendor->n_done = 0;
    start(vendor);
}

void vendor_done(struct vendor *vendor)
{
    vendor_clear(vendor);
    free(vendor->tasks);
    vendor->tasks = NULL;
    vendor->room = 0;
}

static int64_t credits(int64_t thousandths)
{
    return (thousandths + 999) / 1000;
}

static int64_t price(const struct behaviour *behaviour, const struct rule *rule)
{
    if (strcmp(rule->state, "COMPLETED") != 0)
        return 0;
    if (rule->emails == 0)
        return credits(behaviour->price_per_empty_task);
    return credits(behaviour->price_per_email * (int64_t)rule->emails);
}

/* The last task of a batch gives back what was held for it and takes what it came to. */
static void settle(struct vendor *vendor, struct batch *batch, int64_t charge)
{
    if (vendor->behaviour->credits_checked == CREDITS_AT_TASK) {
        vendor->balance -= charge;
        return;
    }
    batch->charged += charge;
    if (batch->n_done < batch->n_tasks)
        return;
    vendor->balance += batch->reserved - batch->charged;
    batch->reserved = 0;
    batch->charged = 0;
}

static void task_end(struct timer *timer)
{
    struct task *task = container_of(timer, struct task, timer);
    struct vendor *vendor = task->vendor;
    struct rule rule = rules_find(vendor->rules, task->domain);
    int64_t charge = price(vendor->behaviour, &rule);

    task->done = true;
    task->batch->n_done++;
    vendor->n_done++;
    task->dry = vendor->behaviour->credits_checked == CREDITS_AT_TASK && charge > vendor->balance;
    settle(vendor, task->batch, task->dry ? 0 : charge);
}

static int64_t task_time_ms(const struct task *task, const struct rule *rule)
{
    const struct behaviour *behaviour = task->vendor->behaviour;

    if (rule->time_ms >= 0)
        return rule->time_ms + rule->slower_ms;
    int64_t jitter = behaviour->task_time_jitter_ms;
    if (jitter > 0)
        jitter = (int64_t)(task->jitter % ((uint64_t)jitter + 1));
    return behaviour->task_time_ms + jitter + rule->slower_ms;
}

static void task_time(struct task *task)
{
    struct rule rule = rules_find(task->vendor->rules, task->domain);
    int64_t at_ms = task->batch->created_ms + task_time_ms(task, &rule);

    if (strcmp(rule.state, "PROCESSING") == 0)
        timer_disarm(task->vendor->timers, &task->timer);
    else
        timer_arm(task->vendor->timers, &task->timer, at_ms, task_end);
}

void vendor_retime(struct vendor *vendor, const char *domain)
{
    for (size_t i = 0; i < vendor->n_tasks; i++) {
        struct task *task = vendor->tasks[i];
        if (!task->done && (!domain || strcmp(domain, task->domain) == 0))
            task_time(task);
    }
}

static char *copy(const char *text)
{
    return text ? xstrdup(text) : NULL;
}

static void enter(struct vendor *vendor, struct task *task)
{
    if (vendor->n_tasks == vendor->room) {
        vendor->room = vendor->room ? 2 * vendor->room : 128;
        vendor->tasks = xrealloc(vendor->tasks, vendor->room * sizeof(*vendor->tasks));
    }
    vendor->tasks[vendor->n_tasks++] = task;
    task->n = vendor->n_tasks;
    HASH_ADD_STR(vendor->task_by_id, id, task);
}

static void add_task(struct batch *batch, struct vendor *vendor, const struct wanted *wanted)
{
    struct task *task = xcalloc(1, sizeof(*task));

    task->vendor = vendor;
    task->batch = batch;
    task->place = batch->n_tasks;
    uuid_new(task->id);
    task->domain = xstrdup(wanted->domain);
    task->company_name = xstrdup(wanted->company_name);
    task->city = copy(wanted->city);
    task->state = copy(wanted->state);
    task->country = copy(wanted->country);
    task->tracking_id = copy(wanted->tracking_id);
    task->wall_ms = vendor->clock->wall_ms;
    task->jitter = dice_roll(&vendor->dice);
    batch->tasks[batch->n_tasks++] = task;
    enter(vendor, task);
    task_time(task);
}

enum err vendor_create(struct vendor *vendor, const struct submission *submission, size_t key,
                       const struct batch **ret_batch)
{
    const struct behaviour *behaviour = vendor->behaviour;
    int64_t reserve = 0;

    if (behaviour->credits_checked == CREDITS_AT_SUBMIT)
        reserve = credits(behaviour->reserve_per_task * (int64_t)submission->n);
    if (reserve > vendor->balance)
        return ERR_CREDITS_EXHAUSTED;
    vendor->balance -= reserve;

    struct batch *batch = xcalloc(1, sizeof(*batch));
    uuid_new(batch->id);
    batch->n = ++vendor->n_batches;
    batch->key = key;
    batch->created_ms = vendor->clock->now_ms;
    batch->reserved = reserve;
    HASH_ADD_STR(vendor->batch_by_id, id, batch);
    for (size_t i = 0; i < submission->n; i++)
        add_task(batch, vendor, &submission->tasks[i]);
    *ret_batch = batch;
    return ERR_OK;
}

static bool kept(const struct vendor *vendor, const struct batch *batch)
{
    int64_t retention = vendor->behaviour->retention_ms;

    return retention == 0 || vendor->clock->now_ms - batch->created_ms <= retention;
}

const struct batch *vendor_batch(const struct vendor *vendor, const char *id)
{
    struct batch *batch = NULL;

    HASH_FIND_STR(vendor->batch_by_id, id, batch);
    return batch && kept(vendor, batch) ? batch : NULL;
}

const struct task *vendor_task(const struct vendor *vendor, const char *id)
{
    struct task *task = NULL;

    HASH_FIND_STR(vendor->task_by_id, id, task);
    return task && kept(vendor, task->batch) ? task : NULL;
}

void vendor_answered(struct vendor *vendor, const char *batch_id)
{
    struct batch *batch = NULL;

    HASH_FIND_STR(vendor->batch_by_id, batch_id, batch);
    if (!batch || batch->answered)
        return;
    batch->answered = true;
    vendor->n_answered++;
}

const char *task_state(const struct task *task)
{
    if (!task->done)
        return "PROCESSING";
    return task->dry ? "ERRORED" : rules_find(task->vendor->rules, task->domain).state;
}

struct batch_counts batch_count(const struct batch *batch)
{
    struct batch_counts counts = {0};

    for (size_t i = 0; i < batch->n_tasks; i++) {
        const char *state = task_state(batch->tasks[i]);
        counts.processing += strcmp(state, "PROCESSING") == 0;
        counts.completed += strcmp(state, "COMPLETED") == 0;
        counts.errored += strcmp(state, "ERRORED") == 0;
    }
    return counts;
}
