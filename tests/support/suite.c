/* SPDX-License-Identifier: MIT */
/* suite.c - runs the tests of a program, each in a process of its own, and prints a summary.
 *
 * Exits with 1 if a test fails or no test runs: a program whose tests are not registered must
 * not pass. */
#include "tests/support/suite.h"

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>

/* Ends a test that hangs, and nothing else: a machine can be very busy. Check's own limit is 4 s.
 */
#define TIMEOUT_S "1200"

static struct suite_test *tests; /* by line */
static SFun before, after, before_fork;
static bool is_shared;

/* The compiler chooses the order of constructors. */
void suite_add(struct suite_test *test)
{
    struct suite_test **place = &tests;

    while (*place && (*place)->test.line < test->test.line)
        place = &(*place)->next;
    test->next = *place;
    *place = test;
}

void suite_fixture(SFun setup, SFun teardown, bool shared)
{
    before = setup;
    after = teardown;
    is_shared = shared;
}

void suite_before_tests(SFun setup)
{
    before_fork = setup;
}

static TCase *case_of(const struct suite_test *test)
{
    TCase *tcase = tcase_create(test->test.name);

    if (before_fork)
        tcase_add_unchecked_fixture(tcase, before_fork, NULL);
    if (is_shared)
        tcase_add_unchecked_fixture(tcase, before, after);
    else
        tcase_add_checked_fixture(tcase, before, after);
    tcase_add_loop_test_raise_signal(tcase, &test->test, test->signal, test->first, test->end);
    return tcase;
}

int main(int argc, char **argv)
{
    (void)argc;
    setenv("CK_DEFAULT_TIMEOUT", TIMEOUT_S, 0);
    Suite *suite = suite_create(basename(argv[0]));
    for (const struct suite_test *test = tests; test; test = test->next) {
        if (test->first >= test->end) {
            fprintf(stderr, "%s: no rows for %s\n", test->test.file, test->test.name);
            return EXIT_FAILURE;
        }
        suite_add_tcase(suite, case_of(test));
    }

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int run = srunner_ntests_run(runner);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    if (run == 0)
        fprintf(stderr, "%s: no tests\n", argv[0]);
    return run && !failed ? EXIT_SUCCESS : EXIT_FAILURE;
}
