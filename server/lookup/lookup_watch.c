/* SPDX-License-Identifier: MIT */
/* lookup_watch.c - see lookup_watch.h. */
#include "lookup/lookup_watch.h"

#include "base/clock.h"
#include "base/mem.h"
#include "lookup/lookups_state.h"
#include "model/question.h"

#include <utlist.h>

/* Returns the lookup that is watched; NULL = none yet. */
static const struct lookup *lookup_of(const struct lookup_watch *watch)
{
    return watch->request ? watch->request->lookup : watch->lookup;
}

static void finish(struct lookup_watch *watch, const struct lookup_view *view)
{
    struct lookup_watch **list =
        watch->request ? &watch->request->watches : &watch->lookup->watches;

    DL_DELETE(*list, watch);
    timer_disarm(watch->lookups->timers, &watch->deadline);
    watch->done(watch, view);
}

/* Returns the watch with the progress of its lookup. */
static void show(struct lookup_watch *watch)
{
    const struct lookup *lookup = lookup_of(watch);
    const struct question *question = lookup ? lookup->question : watch->request->question;
    struct lookup_view view = {.id = "", .domain = question->parts.domain};

    if (lookup) {
        view.id = lookup->id;
        view.progress = lookup_progress(lookup);
    }
    finish(watch, &view);
}

static void deadline_is_over(struct timer *timer)
{
    show(container_of(timer, struct lookup_watch, deadline));
}

static bool has_moved(const struct lookup_watch *watch)
{
    const struct lookup *lookup = lookup_of(watch);

    if (!lookup || watch->seen == TASK_IDLE)
        return lookup != NULL;
    return lookup->task.phase != watch->seen && lookup->task.phase != TASK_ENDED;
}

static void add(struct lookup_watch **list, struct lookup_watch *watch)
{
    struct lookups *lookups = watch->lookups;

    watch->deadline = (struct timer){0};
    DL_APPEND(*list, watch);
    if (has_moved(watch) || watch->until_ms <= lookups->clock->now_ms)
        show(watch);
    else
        timer_arm(lookups->timers, &watch->deadline, watch->until_ms, deadline_is_over);
}

void lookups_watch_request(struct lookups *lookups, struct lookup_request *request,
                           struct lookup_watch *watch)
{
    watch->lookups = lookups;
    watch->request = request;
    add(&request->watches, watch);
}

bool lookups_watch(struct lookups *lookups, const char *id, struct lookup_watch *watch)
{
    struct lookup *lookup = lookups_by_id(lookups, id);

    if (!lookup)
        return false;
    watch->lookups = lookups;
    watch->request = NULL;
    watch->lookup = lookup;
    add(&lookup->watches, watch);
    if (lookups->is_drained)
        lookup_watches_end(lookup, ERR_DRAINING, NULL);
    return true;
}

void lookup_watches_check(struct lookup_watch *watches)
{
    struct lookup_watch *watch, *next;

    DL_FOREACH_SAFE (watches, watch, next)
        if (has_moved(watch))
            show(watch);
}

void lookup_watches_end(struct lookup *lookup, enum err err, const struct result *result)
{
    struct lookup_view view = {.err = err, .result = result};

    if (result)
        view.progress = lookup_progress(lookup);
    while (lookup->watches)
        finish(lookup->watches, &view);
}

void lookup_request_end_watches(struct lookup_request *request)
{
    while (request->watches)
        finish(request->watches, &(struct lookup_view){.err = ERR_NOT_FOUND});
}
