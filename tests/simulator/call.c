/* SPDX-License-Identifier: MIT */
/* call.c - a call's sleep, and what may be asked of its request; see sim.h.
 *
 * A call falls asleep within libmicrohttpd's handler, which suspends the connection when it sees
 * the state; from then on the connection belongs to this file until it is resumed. */
#include "tests/simulator/sim.h"

#include "base/mem.h"

#include <microhttpd.h>
#include <utlist.h>

static void leave_list(struct call *call)
{
    timer_disarm(&call->sim->loop.timers, &call->timer);
    DL_DELETE(call->sim->asleep, call);
    call->sim->n_asleep--;
}

static void resume(struct call *call)
{
    call->sim->resumed = true;
    MHD_resume_connection(call->connection);
}

void call_wake(struct call *call)
{
    leave_list(call);
    call->state = CALL_READING;
    call->next_step(call);
    if (call->state != CALL_ASLEEP)
        resume(call);
}

static void time_is_up(struct timer *timer)
{
    call_wake(container_of(timer, struct call, timer));
}

void call_sleep(struct call *call, int64_t at_ms, call_next_fn *next_step)
{
    struct sim *sim = call->sim;

    if (at_ms <= sim->loop.clock.now_ms) {
        next_step(call);
        return;
    }
    call->state = CALL_ASLEEP;
    call->next_step = next_step;
    DL_APPEND(sim->asleep, call);
    sim->n_asleep++;
    timer_arm(&sim->loop.timers, &call->timer, at_ms, time_is_up);
}

void call_resleep(struct call *call, int64_t at_ms)
{
    timer_arm(&call->sim->loop.timers, &call->timer, at_ms, time_is_up);
}

void call_drop(struct call *call)
{
    leave_list(call);
    call->state = CALL_DROPPED;
    resume(call);
}

const char *call_header(const struct call *call, const char *name)
{
    return MHD_lookup_connection_value(call->connection, MHD_HEADER_KIND, name);
}

const char *call_query(const struct call *call, const char *name)
{
    return MHD_lookup_connection_value(call->connection, MHD_GET_ARGUMENT_KIND, name);
}
