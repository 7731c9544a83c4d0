/* SPDX-License-Identifier: MIT */
/* engine_find.c - the calls of engine.h that find a lookup: in flight, or finished, in memory and
 * in the store. One returns what is known, the other one waits for a change. */
#include "lookup/engine_state.h"

#include "base/mem.h"
#include "lookup/lookup_watch.h"
#include "lookup/lookups.h"

#include <stdio.h>
#include <stdlib.h>

/* What differs between the calls. */
struct call_kind {
    /* If the lookup is in flight, returns the call, now or later, and returns true. */
    bool (*takes_in_flight)(struct engine *engine, struct engine_call *call);

    /* Returns the call, with a finished lookup, whose reference it takes, or the error. */
    void (*finish)(struct engine_call *call, enum err err, const struct result *result);
};

/* ---- by id ---- */

struct finding {
    struct engine *engine;
    const struct call_kind *kind;
    struct engine_call *call; /* NULL: it was returned at its deadline */
    const char *id;           /* the call's */
    struct lookup_read read;
    struct timer deadline;
};

static bool find_in_memory(struct engine *engine, const struct call_kind *kind,
                           struct engine_call *call, const char *id)
{
    const struct result *result;

    if (kind->takes_in_flight(engine, call))
        return true;
    result = finished_find(engine->results.finished, id);
    if (result)
        kind->finish(call, ERR_OK, result_ref(result));
    return result != NULL;
}

/* Memory is newer: the lookup may have been resumed or settled since the store was read. */
static void take_stored(const struct finding *finding)
{
    const struct result *result = finding->read.result;
    enum err err = finding->read.err;

    if (find_in_memory(finding->engine, finding->kind, finding->call, finding->id))
        return;
    if (!err)
        finished_add(finding->engine->results.finished, finding->id, result);
    finding->kind->finish(finding->call, err == ERR_NO_ENTRY ? ERR_NOT_FOUND : err,
                          err ? NULL : result_ref(result));
}

static void lookup_was_read(struct lookup_read *read)
{
    autofree struct finding *finding = container_of(read, struct finding, read);

    if (finding->call) {
        timer_disarm(&finding->engine->timers, &finding->deadline);
        take_stored(finding);
    }
    result_unref(read->result);
}

static void finding_is_late(struct timer *timer)
{
    struct finding *finding = container_of(timer, struct finding, deadline);

    finding->kind->finish(TAKE(finding->call), ERR_STORAGE_UNAVAILABLE, NULL);
}

static void find(struct engine *engine, const struct call_kind *kind, struct engine_call *call,
                 const char *id)
{
    if (find_in_memory(engine, kind, call, id))
        return;
    struct finding *finding = xcalloc(1, sizeof *finding);
    finding->engine = engine;
    finding->kind = kind;
    finding->call = call;
    finding->id = id;
    finding->read.done = lookup_was_read;
    timer_arm(&engine->timers, &finding->deadline, engine->clock.now_ms + ENGINE_CALL_MS,
              finding_is_late);
    reads_find_lookup(engine->results.reads, id, &finding->read);
}

/* ---- once ---- */

static bool return_progress(struct engine *engine, struct engine_call *call)
{
    struct find_lookup_call *find = container_of(call, struct find_lookup_call, call);
    const char *domain = lookups_find(engine->lookups, find->id, &find->progress);

    if (!domain)
        return false;
    find->err = ERR_OK;
    snprintf(find->domain, sizeof find->domain, "%s", domain);
    engine_call_return(call);
    return true;
}

static void return_found(struct engine_call *call, enum err err, const struct result *result)
{
    struct find_lookup_call *find = container_of(call, struct find_lookup_call, call);

    find->err = err;
    find->result = result;
    engine_call_return(call);
}

void engine_find_lookup(struct engine *engine, struct engine_call *call)
{
    static const struct call_kind kind = {return_progress, return_found};

    find(engine, &kind, call, container_of(call, struct find_lookup_call, call)->id);
}

/* ---- after a change ---- */

static void return_watched(struct engine_call *call, enum err err, const struct result *result)
{
    struct watch_lookup_call *watched = container_of(call, struct watch_lookup_call, call);

    watched->err = err;
    watched->result = result;
    engine_call_return(call);
}

static void was_watched(struct lookup_watch *watch, const struct lookup_view *view)
{
    struct watch_lookup_call *watched = container_of(watch, struct watch_lookup_call, watch);

    if (!view->err && !view->result) {
        snprintf(watched->found_id, sizeof watched->found_id, "%s", view->id);
        snprintf(watched->domain, sizeof watched->domain, "%s", view->domain);
    }
    if (!view->err)
        watched->progress = view->progress;
    return_watched(&watched->call, view->err, view->result ? result_ref(view->result) : NULL);
}

static bool watch_in_flight(struct engine *engine, struct engine_call *call)
{
    struct watch_lookup_call *watched = container_of(call, struct watch_lookup_call, call);

    return lookups_watch(engine->lookups, watched->id, &watched->watch);
}

static void watch_request(struct engine *engine, struct watch_lookup_call *watched)
{
    struct lookup_request *request = lookups_find_request(engine->lookups, watched->ticket);

    if (!request)
        request = recalls_find(engine->recalls, watched->ticket);
    if (request)
        lookups_watch_request(engine->lookups, request, &watched->watch);
    else
        return_watched(&watched->call, ERR_NOT_FOUND, NULL);
}

void engine_watch_lookup(struct engine *engine, struct engine_call *call)
{
    static const struct call_kind kind = {watch_in_flight, return_watched};
    struct watch_lookup_call *watched = container_of(call, struct watch_lookup_call, call);

    watched->watch = (struct lookup_watch){
        .done = was_watched,
        .seen = watched->seen,
        .until_ms = watched->until_ms,
    };
    if (watched->ticket)
        watch_request(engine, watched);
    else
        find(engine, &kind, call, watched->id);
}
