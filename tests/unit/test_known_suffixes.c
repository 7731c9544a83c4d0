/* SPDX-License-Identifier: MIT */
/* test_known_suffixes.c - tests the distance of names, and which suffix a mistyped one is taken
 * for. */
#include "base/edit_distance.h"
#include "base/mem.h"
#include "model/known_suffixes.h"

#include "tests/support/suite.h"
#include <string.h>

static const struct {
    const char *a, *b;
    size_t distance;
} pairs[] = {
    {"", "", 0},       {"", "com", 3},          {"com", "", 3},     {"com", "com", 0},
    {"COM", "com", 0}, {"con", "com", 1},       {"comm", "com", 1}, {"cm", "com", 1},
    {"cmo", "com", 1}, {"ocm", "com", 1},       {"ca", "abc", 3}, /* a swapped pair is not edited
                                                                     again */
    {"abc", "xyz", 3}, {"domian", "domain", 1},
};

LOOP_TEST(edit_distance_counts_edits, pairs)
{
    const struct slice a = {pairs[_i].a, strlen(pairs[_i].a)};
    const struct slice b = {pairs[_i].b, strlen(pairs[_i].b)};

    ck_assert_uint_eq(edit_distance(a, pairs[_i].b), pairs[_i].distance);
    ck_assert_uint_eq(edit_distance(b, pairs[_i].a), pairs[_i].distance);
}

TEST(edit_distance_takes_the_longest_name)
{
    char name[EDIT_DISTANCE_MAX];

    memset(name, 'a', sizeof name);
    ck_assert_uint_eq(edit_distance((struct slice){name, sizeof name}, "com"), sizeof name);
}

static const struct {
    const char *label, *nearest;
} labels[] = {
    {"con", "com"},     {"cmo", "com"},           {"comm", "com"},
    {"vom", "com"},     {"nte", "net"},           {"ogr", "org"},
    {"ik", "uk"},       {"infoo", "info"},        {"stroe", "store"},
    {"zzzzzzzz", NULL}, {"xn--80ak6aa92e", NULL},
};

LOOP_TEST(suffix_mistyped_is_taken_for_the_nearest, labels)
{
    const char *near = known_suffix_near(labels[_i].label);

    if (labels[_i].nearest)
        ck_assert_str_eq(near, labels[_i].nearest);
    else
        ck_assert_ptr_null(near);
}
