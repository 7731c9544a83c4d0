/* SPDX-License-Identifier: MIT */
/* lookup_promise.c - see lookup_promise.h. A lookup outlives the process only if the upstream has
 * accepted it and the journal has the id of its batch: it is collected after the restart. If its
 * submit is in flight at a kill, its outcome is unknown. */
#include "lookup/lookup_promise.h"

static bool is_accepted(enum task_phase phase)
{
    switch (phase) {
    case TASK_IDLE:
    case TASK_QUEUED:
    case TASK_SUBMITTING:
        return false;
    case TASK_PROCESSING:
    case TASK_FETCHING:
    case TASK_ENDED:
        break;
    }
    return true;
}

const char *lookup_promise(enum task_phase phase, bool is_recorded)
{
    if (phase == TASK_QUEUED)
        return "the lookup is queued and not sent yet; repeat the request to join it at no cost, "
               "or to start it again if the server has restarted";
    if (!is_accepted(phase) || !is_recorded)
        return "the lookup continues; repeat the request to join it at no cost";
    return "the lookup continues, even if the server restarts; repeat the request to join it at no "
           "cost";
}

const char *lookup_promise_at_stop(enum task_phase phase, bool is_recorded)
{
    if (!is_accepted(phase) || !is_recorded)
        return "the server stops before it has recorded that the upstream accepted the lookup; its "
               "outcome may be unknown after the restart";
    return "the lookup continues after the restart; repeat the request to join it at no cost";
}
