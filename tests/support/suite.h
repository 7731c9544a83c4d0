/* SPDX-License-Identifier: MIT */
/* suite.h - declares the tests of a program, on top of Check.
 *
 * A test is declared only where it is written: it registers itself before main() runs. suite.c
 * runs the tests in the order of the file, each in a process of its own. Every test is a test
 * case of Check, so `CK_RUN_CASE=name build/release/tests/unit/test_x` runs one of them. */
#ifndef EMAILSD_TESTS_SUPPORT_SUITE_H
#define EMAILSD_TESTS_SUPPORT_SUITE_H

#include <check.h>
#include <stdbool.h>

struct suite_test {
    TTest test;
    int first, end; /* the test runs for each _i from `first` up to, but not including, `end` */
    int signal;     /* the signal that ends the test; 0: the test returns */
    struct suite_test *next;
};

/* Adds `test`. The caller keeps the ownership; it must outlive main(). */
void suite_add(struct suite_test *test);

/* Sets the functions that run before and after every test of the program; NULL for no function.
 * Those of a `shared` fixture run in the process that forks the tests, so that the loop
 * iterations of a test share the result. */
void suite_fixture(SFun setup, SFun teardown, bool shared);

/* Sets a function that runs before each test too, but in the process that forks the tests: for what
 * all of them share. It is called again and again, so it must do its work only once. */
void suite_before_tests(SFun setup);

/* TEST(name) { ... } runs once. */
#define TEST(name) SUITE_TEST(name, 0, 1, 0)

/* LOOP_TEST(name, table) { ... } runs once for each row of the array `table`, whose index is _i. */
#define LOOP_TEST(name, table) RANGE_TEST(name, 0, sizeof(table) / sizeof((table)[0]))

/* RANGE_TEST(name, first, end) { ... } runs with _i from `first` to `end` - 1. */
#define RANGE_TEST(name, first, end) SUITE_TEST(name, first, end, 0)

/* SIGNAL_TEST(name, signal) { ... } passes if the signal ends it. */
#define SIGNAL_TEST(name, signal) SUITE_TEST(name, 0, 1, signal)

/* A file uses at most one of these two: */
#define FIXTURE(setup, teardown)        SUITE_BEFORE_MAIN(suite_fixture(setup, teardown, false))
#define SHARED_FIXTURE(setup, teardown) SUITE_BEFORE_MAIN(suite_fixture(setup, teardown, true))

/* A file may also use this one: */
#define BEFORE_TESTS(setup) SUITE_BEFORE_MAIN(suite_before_tests(setup))

/* ---- implementation of the macros ---- */

#define SUITE_TEST(name, first, end, signal)                                                       \
    static void name(int _i);                                                                      \
    __attribute__((constructor)) static void name##_add(void)                                      \
    {                                                                                              \
        static struct suite_test test = {                                                          \
            {#name, name, __FILE__, __LINE__}, (int)(first), (int)(end), signal, NULL};            \
        suite_add(&test);                                                                          \
    }                                                                                              \
    static void name(int _i __attribute__((unused)))

/* A semicolon follows each use; the declaration at the end consumes it. */
#define SUITE_BEFORE_MAIN(call)          SUITE_BEFORE_MAIN_AT(call, __LINE__)
#define SUITE_BEFORE_MAIN_AT(call, line) SUITE_BEFORE_MAIN_EXPANDED(call, line)
#define SUITE_BEFORE_MAIN_EXPANDED(call, line)                                                     \
    __attribute__((constructor)) static void suite_before_main_##line(void)                        \
    {                                                                                              \
        call;                                                                                      \
    }                                                                                              \
    struct suite_test

#endif
