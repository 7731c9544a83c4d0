/* SPDX-License-Identifier: MIT */
/* fake_faults.c - the ways in which a call to the fake upstream fails at random. */
#include "fake_upstream.h"

#include "base/mem.h"
#include "tests/simulator/random.h"

struct fake_fault fake_fault_random(struct random *random, enum fake_call on)
{
    static const struct fake_fault ways[] = {
        {.status = 500, .body = "<html>oops</html>"},
        {.status = 503, .body = "busy", .retry_after_s = 1},
        {.status = 429, .body = "{\"detail\":\"slow down\"}"},
        {.status = 200, .body = "{\"batch_id\":"},
        {.end = TRANSPORT_NOT_SENT},
        {.end = TRANSPORT_BROKEN},
        {.end = TRANSPORT_TIMEOUT},
    };
    struct fake_fault fault = ways[random_below(random, ARRAY_LEN(ways))];
    bool may_create = fault.status >= 500 || fault.status == 200 ||
                      (!fault.status && fault.end != TRANSPORT_NOT_SENT);

    fault.on = on;
    fault.creates = may_create && random_below(random, 2);
    return fault;
}
