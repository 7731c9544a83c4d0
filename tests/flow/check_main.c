/* SPDX-License-Identifier: MIT */
/* check_main.c - runs the one suite of a test program: every test in a process of its own, a
 * summary at the end, exit 1 when anything failed. */
#include <check.h>
#include <stdlib.h>

Suite *suite(void);

int main(void)
{
    SRunner *runner = srunner_create(suite());

    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
