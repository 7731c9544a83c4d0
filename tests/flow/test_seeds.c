/* SPDX-License-Identifier: MIT */
/* test_seeds.c - runs random plans over a store that delays, reorders, fails and loses calls; see
 * seeds/oracle.h for what must hold.
 *
 * SEEDS=N runs N seeds, at least one; SEED=N runs only that one, and prints its trace. Each is
 * repeatable: the same seed gives the same trace. */
#include "base/log.h"
#include "flow.h"
#include "seeds/defect.h"
#include "seeds/plan.h"
#include "seeds/trace.h"

#include "tests/support/suite.h"
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define DEFAULT_SEEDS 200
#else
#define DEFAULT_SEEDS 2400
#endif
#define PARTS        24
#define DEFECT_SEEDS 4000 /* within which each defect is found */
#define FOUND        3    /* exit status of a run that found one */

static long long number_of(const char *name, long long otherwise)
{
    const char *text = getenv(name);

    return text ? strtoll(text, NULL, 10) : otherwise;
}

static void be_silent(void)
{
    log_set_level((enum log_level)(LOG_ERROR + 1));
}

RANGE_TEST(seeds_keep_every_promise, 0, PARTS)
{
    long long n = number_of("SEEDS", DEFAULT_SEEDS), one = number_of("SEED", -1);

    be_silent();
    ck_assert_int_ge(n, 1);
    if (one >= 0) {
        if (_i == 0) {
            plan_run((uint64_t)one);
            trace_print();
        }
        return;
    }
    for (long long seed = _i; seed < n; seed += PARTS)
        plan_run((uint64_t)seed);
}

TEST(seed_is_repeatable)
{
    be_silent();
    for (uint64_t seed = 0; seed < 20; seed++)
        ck_assert_uint_eq(plan_run(seed), plan_run(seed));
}

/* Returns whether the oracle finds the defect. */
static bool finds(enum defect defect)
{
    int status;
    pid_t child = fork();

    ck_assert_int_ge(child, 0);
    if (child == 0) {
        trace_exit_with(FOUND);
        seeds_defect = defect;
        for (uint64_t seed = 0; seed < DEFECT_SEEDS; seed++)
            plan_run(seed);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return WIFEXITED(status) && WEXITSTATUS(status) == FOUND;
}

RANGE_TEST(oracle_finds_each_defect, DEFECT_NONE + 1, DEFECTS)
{
    be_silent();
    ck_assert(finds((enum defect)_i));
}
