/* SPDX-License-Identifier: MIT */
/* test_id.c - tests the form of ids, and that ids are unique within a thread and between
 * threads.
 *
 * With 128 random bits, the tests cannot fail by chance in practice. */
#include "base/id.h"
#include "base/mem.h"

#include "tests/support/suite.h"
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 4
#define IDS     2000 /* by each thread; the pool of a thread has 256 bytes */

static char ids[THREADS * IDS][ID_TEXT];

TEST(id_is_32_lower_case_hex_digits)
{
    char room[ID_TEXT + 1];

    room[ID_TEXT] = '#';
    for (int i = 0; i < IDS; i++) {
        id_new(room);
        ck_assert_uint_eq(strlen(room), ID_LEN);
        ck_assert_uint_eq(strspn(room, "0123456789abcdef"), ID_LEN);
        ck_assert_int_eq(room[ID_TEXT], '#');
    }
}

static const struct {
    const char *text;
    bool is_well_formed;
} forms[] = {
    {"0123456789abcdef0123456789abcdef", true},    {"", false},
    {"0123456789abcdef0123456789abcde", false},    {"0123456789abcdef0123456789abcdef0", false},
    {"0123456789ABCDEF0123456789abcdef", false},   {"0123456789abcdef0123456789abcdeg", false},
    {"0123456789abcdef0123456789abcdef\n", false}, {"../../../../../../../../../../../", false},
};

LOOP_TEST(id_form_is_exact, forms)
{
    ck_assert_int_eq(id_is_well_formed(forms[_i].text), forms[_i].is_well_formed);
}

static void *draw_ids(void *arg)
{
    char(*mine)[ID_TEXT] = arg;

    for (int i = 0; i < IDS; i++)
        id_new(mine[i]);
    return NULL;
}

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

TEST(id_is_unique)
{
    pthread_t threads[THREADS];

    for (size_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, draw_ids, ids[i * IDS]), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    qsort(ids, ARRAY_LEN(ids), sizeof ids[0], compare);
    for (size_t i = 1; i < ARRAY_LEN(ids); i++)
        ck_assert_str_ne(ids[i - 1], ids[i]);
}

static size_t value_of(char digit)
{
    static const char digits[] = "0123456789abcdef";

    return (size_t)(strchr(digits, digit) - digits);
}

TEST(id_every_byte_takes_every_value)
{
    bool seen[256] = {false};
    char id[ID_TEXT];

    for (int i = 0; i < IDS; i++) {
        id_new(id);
        for (size_t place = 0; place < ID_LEN; place += 2)
            seen[16 * value_of(id[place]) + value_of(id[place + 1])] = true;
    }
    for (size_t value = 0; value < ARRAY_LEN(seen); value++)
        ck_assert_msg(seen[value], "%zu", value);
}

TEST(id_every_digit_occurs_at_every_position)
{
    unsigned seen[ID_LEN] = {0};
    char id[ID_TEXT];

    for (int i = 0; i < IDS; i++) {
        id_new(id);
        for (size_t place = 0; place < ID_LEN; place++)
            seen[place] |= 1U << value_of(id[place]);
    }
    for (size_t place = 0; place < ID_LEN; place++)
        ck_assert_uint_eq(seen[place], 0xffff);
}

TEST(random_number_uses_all_of_its_bits)
{
    uint32_t ever_set = 0, always_set = UINT32_MAX;

    for (int i = 0; i < IDS; i++) {
        uint32_t value = id_random();
        ever_set |= value;
        always_set &= value;
    }
    ck_assert_uint_eq(ever_set, UINT32_MAX);
    ck_assert_uint_eq(always_set, 0);
}

/* Numbers of 4 bytes leave the pool at positions where the rest is too short for the next id. */
TEST(id_is_unique_between_random_numbers)
{
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        id_new(ids[i]);
        for (size_t n = 0; n < i % 4; n++)
            id_random();
    }
    qsort(ids, ARRAY_LEN(ids), sizeof ids[0], compare);
    for (size_t i = 1; i < ARRAY_LEN(ids); i++)
        ck_assert_str_ne(ids[i - 1], ids[i]);
}
