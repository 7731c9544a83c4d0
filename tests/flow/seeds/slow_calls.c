/* SPDX-License-Identifier: MIT */
/* slow_calls.c - see slow_calls.h. */
#include "slow_calls.h"

#include "defect.h"
#include "lookup/engine_state.h"
#include "store/calls_upkeep.h"
#include "tests/flow/flow.h"
#include "tests/flow/weak_store.h"
#include "trace.h"

#include "base/mem.h"
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define CLASSES (STORE_READ + 1)

enum fate { FATE_DONE, FATE_FAILS, FATE_LOST };

struct held_call {
    struct store_call *call;
    enum fate fate;
    bool was_executed;
    int64_t posted_ms, execute_ms, return_ms;
    struct held_call *prev, *next;
};

static struct {
    struct store_detour detour;
    struct random *random;
    slow_posted_fn *posted;
    struct slow_profile profile, next; /* `next` is zeroed if it does not count */
    struct held_call *waiting[CLASSES];
    int64_t broken_until_ms;
    bool has_failed;  /* a write of the journal has, and not all have returned and worked since */
    bool last_failed; /* the last one that has returned */
    bool is_ending;
} slow;

enum defect seeds_defect;

static bool happens(int percent)
{
    return random_below(slow.random, 100) < (uint64_t)percent;
}

static bool has_defect(enum defect defect, int percent)
{
    return seeds_defect == defect && happens(percent);
}

static int class_of(const struct store_call *call)
{
    enum store_class class = store_call_class(call);

    return (int)(class == STORE_JOURNAL_ALONE ? STORE_JOURNAL : class);
}

static bool is_named(const struct store_call *call, const char *name)
{
    return strcmp(store_call_name(call), name) == 0;
}

/* ---- execution ---- */

static bool says_not_created(const struct store_call *call)
{
    if (is_named(call, "end_batch"))
        return container_of(call, struct store_end_batch_call, call)->end.state ==
               STORE_NOT_CREATED;
    return false;
}

/* Does something else than it should. Returns false if there is no such defect now. */
static bool misbehave(const struct held_call *held)
{
    struct store_call *call = held->call;
    bool is_journal = class_of(call) == STORE_JOURNAL;

    if ((is_journal && has_defect(DEFECT_LOST_IS_DONE, 10)) ||
        (says_not_created(call) && has_defect(DEFECT_LOST_REFUND, 100)) ||
        (is_named(call, "forget_domain") && has_defect(DEFECT_OLD_RESULT, 100)))
        call->err = ERR_OK;
    else if (is_journal && held->fate == FATE_FAILS && has_defect(DEFECT_NOT_STOPPED, 100))
        call->err = ERR_STORAGE_UNAVAILABLE;
    else if (is_named(call, "find") && has_defect(DEFECT_LOST_RESULT, 30))
        call->err = ERR_NO_ENTRY;
    else
        return false;
    return true;
}

static void execute_with(const struct held_call *held, enum fate fate)
{
    if (fate == FATE_FAILS)
        weak_store_fail_all(flow.store, true);
    else if (fate == FATE_LOST)
        weak_store_lose_all(flow.store, true);
    store_calls_execute(flow.engine->calls, held->call);
    if (!flow.is_dying)
        weak_store_fail_all(flow.store, false);
    weak_store_lose_all(flow.store, false);
}

/* They were in one transaction with the call. */
static void lose_before(const struct held_call *held)
{
    const struct held_call *first = slow.waiting[STORE_JOURNAL];
    struct held_call *each = held->prev;

    while (held != first && each->was_executed && each->call->era == held->call->era &&
           happens(50)) {
        each->call->err = ERR_STORAGE_UNAVAILABLE;
        if (each == first)
            break;
        each = each->prev;
    }
}

static const char *words_of(enum err err)
{
    return err == ERR_OK ? "ok" : err == ERR_NO_ENTRY ? "no entry" : err_words(err);
}

static void execute(struct held_call *held)
{
    bool is_broken = flow_now_ms() < slow.broken_until_ms;
    enum fate fate = is_broken ? FATE_FAILS : held->fate;

    held->was_executed = true;
    if (!misbehave(held))
        execute_with(held, fate);
    if (fate == FATE_LOST && class_of(held->call) == STORE_JOURNAL)
        lose_before(held);
    if (held->call->err || class_of(held->call) == STORE_JOURNAL)
        trace_add("  %s %s: %s", store_call_name(held->call),
                  fate == FATE_LOST ? "(lost)" : "executed", words_of(held->call->err));
}

static void return_first(int class)
{
    struct held_call *held = slow.waiting[class];

    DL_DELETE(slow.waiting[class], held);
    if (class == STORE_JOURNAL) {
        slow.last_failed = held->call->err == ERR_STORAGE_UNAVAILABLE;
        slow.has_failed = slow.has_failed || slow.last_failed;
    }
    if (class == STORE_JOURNAL && flow_now_ms() > held->execute_ms)
        trace_add("  %s returns: %s", store_call_name(held->call), words_of(held->call->err));
    store_calls_return(flow.engine->calls, held->call);
    free(held);
}

static void run_class(int class)
{
    int64_t now_ms = slow.is_ending ? INT64_MAX : flow_now_ms();
    struct held_call *held;

    DL_FOREACH (slow.waiting[class], held) {
        if (held->was_executed)
            continue;
        if (held->execute_ms > now_ms)
            break;
        execute(held);
    }
    while ((held = slow.waiting[class]) && held->was_executed && held->return_ms <= now_ms)
        return_first(class);
}

void slow_calls_run(void)
{
    if (!slow.waiting[STORE_JOURNAL] && !slow.last_failed)
        slow.has_failed = false;
    for (int i = 0; i < CLASSES; i++)
        run_class(i);
}

/* ---- fates ---- */

static struct slow_profile profile_for(int class)
{
    bool is_special =
        class == STORE_JOURNAL &&
        (slow.next.delayed_percent || slow.next.failing_percent || slow.next.lost_percent);
    struct slow_profile profile = is_special ? slow.next : slow.profile;

    if (is_special)
        slow.next = (struct slow_profile){0};
    return profile;
}

static int64_t draw_delay(const struct slow_profile *profile)
{
    int64_t longest_ms = profile->longest_ms;

    if (!happens(profile->delayed_percent))
        return 0;
    /* Most are short. */
    longest_ms = happens(50) ? longest_ms / 100 : happens(50) ? longest_ms / 10 : longest_ms;
    return (int64_t)random_below(slow.random, (uint64_t)longest_ms + 1);
}

static enum fate draw_fate(int class, const struct slow_profile *profile)
{
    if (slow.is_ending)
        return FATE_DONE;
    if (happens(profile->failing_percent))
        return FATE_FAILS;
    if (happens(profile->lost_percent)) /* nothing comes of a read */
        return class == STORE_READ ? FATE_FAILS : FATE_LOST;
    return FATE_DONE;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void swap(struct held_call *a, struct held_call *b)
{
    struct store_call *call = a->call;

    a->call = b->call;
    b->call = call;
}

static void take(struct store_detour *detour, struct store_call *call)
{
    int class = class_of(call);
    const struct slow_profile profile = profile_for(class);
    struct held_call *last = slow.waiting[class] ? slow.waiting[class]->prev : NULL;
    struct held_call *held = xcalloc(1, sizeof *held);

    (void)detour;
    held->call = call;
    held->fate = draw_fate(class, &profile);
    held->posted_ms = flow_now_ms();
    held->execute_ms = later(held->posted_ms + draw_delay(&profile), last ? last->execute_ms : 0);
    held->return_ms = later(held->execute_ms + draw_delay(&profile), last ? last->return_ms : 0);
    if (class == STORE_JOURNAL && has_defect(DEFECT_NEVER_RETURNS, 5))
        held->return_ms = INT64_MAX - 1;
    if (slow.posted && !flow.is_dying)
        slow.posted(call);
    DL_APPEND(slow.waiting[class], held);
    if (class == STORE_JOURNAL && last && !last->was_executed && has_defect(DEFECT_REORDERED, 50))
        swap(last, held);
    run_class(class);
}

void slow_calls_start(struct random *random, slow_posted_fn *posted)
{
    const struct slow_profile profile = slow.profile;
    int64_t broken_until_ms = slow.broken_until_ms;

    memset(&slow, 0, sizeof slow);
    slow.detour.take = take;
    slow.random = random;
    slow.posted = posted;
    slow.profile = profile;
    slow.broken_until_ms = broken_until_ms;
    store_calls_set_detour(flow.engine->calls, &slow.detour);
}

void slow_calls_set(const struct slow_profile *profile)
{
    slow.profile = *profile;
    slow.next = (struct slow_profile){0};
}

void slow_calls_set_next(const struct slow_profile *profile)
{
    slow.next = *profile;
}

void slow_calls_break_until(int64_t until_ms)
{
    slow.broken_until_ms = until_ms;
}

/* ---- status ---- */

int64_t slow_calls_next_ms(void)
{
    int64_t next_ms = INT64_MAX;
    const struct held_call *held;

    for (int i = 0; i < CLASSES; i++)
        DL_FOREACH (slow.waiting[i], held) {
            int64_t due_ms = held->was_executed ? held->return_ms : held->execute_ms;
            next_ms = due_ms < next_ms ? due_ms : next_ms;
        }
    return next_ms;
}

size_t slow_calls_count(void)
{
    const struct held_call *held;
    size_t n = 0;

    for (int i = 0; i < CLASSES; i++)
        DL_FOREACH (slow.waiting[i], held)
            n++;
    return n;
}

bool slow_calls_read_waits(void)
{
    return slow.waiting[STORE_READ] != NULL;
}

bool slow_calls_are_suspect(void)
{
    const struct held_call *oldest = slow.waiting[STORE_JOURNAL];

    return slow.has_failed || (oldest && flow_now_ms() - oldest->posted_ms >= JOURNAL_SLOW_MS);
}

void slow_calls_end(void)
{
    slow.is_ending = true;
    slow_calls_run();
}
