/* SPDX-License-Identifier: MIT */
/* test_question.c - tests which questions are equal, and what is finally requested.
 *
 * Two defects would be serious: two questions with one key (a client gets the result of another
 * question), and one question with two keys (paid twice). The tests try both in bulk. */
#include "base/mem.h"
#include "model/question.h"

#include "tests/support/suite.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void start(void)
{
    ck_assert_int_eq(domain_start(), ERR_OK);
}

SHARED_FIXTURE(start, domain_stop);

struct asked {
    const char *domain, *company_name, *city, *state, *country;
};

static void fill(const struct asked *asked, struct slice fields[QUESTION_PARTS])
{
    const char *const texts[QUESTION_PARTS] = {asked->domain, asked->company_name, asked->city,
                                               asked->state, asked->country};

    for (int i = 0; i < QUESTION_PARTS; i++) {
        fields[i].data = texts[i];
        fields[i].len = texts[i] ? strlen(texts[i]) : 0;
    }
}

static struct question *ask(struct asked asked)
{
    struct slice fields[QUESTION_PARTS];
    struct question *question = NULL;
    struct errmsg why = {""};

    fill(&asked, fields);
    ck_assert_msg(question_new(fields, &question, &why) == ERR_OK, "%s: %s", asked.domain,
                  why.text);
    return question;
}

static bool same_key(struct asked a, struct asked b)
{
    struct question *qa = ask(a), *qb = ask(b);
    bool same = memcmp(qa->key, qb->key, HASH_SIZE) == 0;

    question_free(qa);
    question_free(qb);
    return same;
}

static void check_refused(struct asked asked, enum err want, const char *want_why)
{
    struct slice fields[QUESTION_PARTS];
    struct question *question = NULL;
    struct errmsg why = {""};

    fill(&asked, fields);
    ck_assert_int_eq(question_new(fields, &question, &why), want);
    ck_assert_ptr_null(question);
    ck_assert_str_eq(why.text, want_why);
}

TEST(question_parts_are_normalized)
{
    struct question *q =
        ask((struct asked){"https://www.Milvali.com/", "  Cafe\u0301 Milvali ", " San Francisco",
                           "\u00A0"
                           "CA\u3000",
                           "USA"});

    ck_assert_str_eq(q->parts.domain, "milvali.com");
    ck_assert_str_eq(q->parts.company_name, "Café Milvali");
    ck_assert_str_eq(q->parts.city, "San Francisco");
    ck_assert_str_eq(q->parts.state, "CA");
    ck_assert_str_eq(q->parts.country, "USA");
    question_free(q);
}

TEST(question_missing_parts_are_generated_or_empty)
{
    struct question *q = ask((struct asked){.domain = "blue-bottle.com"});

    ck_assert_str_eq(q->parts.company_name, "Blue Bottle");
    ck_assert_str_eq(q->parts.city, "");
    ck_assert_str_eq(q->parts.state, "");
    ck_assert_str_eq(q->parts.country, "");
    question_free(q);
}

RANGE_TEST(question_generated_company_name_equals_a_missing_one, 0, 4)
{
    static const char *const spellings[] = {"Blue Bottle", "blue bottle", "BLUE BOTTLE",
                                            " Blue Bottle\u2003"};
    struct asked plain = {.domain = "blue-bottle.com"};
    struct asked named = {.domain = "blue-bottle.com", .company_name = spellings[_i]};
    struct question *q = ask(named);

    ck_assert_str_eq(q->parts.company_name, "Blue Bottle");
    ck_assert(same_key(plain, named));
    question_free(q);
}

TEST(question_with_other_company_name_has_another_key)
{
    struct asked plain = {.domain = "blue-bottle.com"};
    struct asked named = {.domain = "blue-bottle.com", .company_name = "Blue Bottle Coffee"};

    ck_assert(!same_key(plain, named));
}

TEST(question_ignores_case_spacing_and_normal_form)
{
    struct asked a = {"milvali.com", "Café", "STRASSE", "CA", "USA"};
    struct asked b = {"MILVALI.com.", " cafe\u0301 ", "straße", " ca", "Usa "};

    ck_assert(same_key(a, b));
}

TEST(question_blank_location_equals_a_missing_one)
{
    struct asked given = {.domain = "milvali.com", .city = "  ", .state = "", .country = "\u3000"};

    ck_assert(same_key((struct asked){.domain = "milvali.com"}, given));
}

/* V93: 32 spellings of one domain are one question. */
RANGE_TEST(question_case_spellings_of_a_domain_have_one_key, 0, 32)
{
    static const size_t places[] = {0, 3, 5, 8, 10};
    char spelling[] = "milvali.com";

    for (size_t bit = 0; bit < ARRAY_LEN(places); bit++)
        if (_i >> bit & 1)
            spelling[places[bit]] = (char)(spelling[places[bit]] - 'a' + 'A');
    ck_assert(
        same_key((struct asked){.domain = "milvali.com"}, (struct asked){.domain = spelling}));
}

TEST(question_lookalikes_have_different_keys)
{
    ck_assert(
        !same_key((struct asked){.domain = "аррӏе.com"}, (struct asked){.domain = "apple.com"}));
    ck_assert(!same_key((struct asked){.domain = "faß.de"}, (struct asked){.domain = "fass.de"}));
    ck_assert(!same_key((struct asked){.domain = "a.com", .company_name = "Аpple"},
                        (struct asked){.domain = "a.com", .company_name = "Apple"}));
}

/* ------------------------------------------------------------------ bulk tests */

static const char *const domains[] = {"a.com", "b.com", "ab.com"};
static const char *const words[] = {NULL, "a", "b", "ab", "a b"};
#define N_WORDS ((size_t)5)
#define N_ASKED (3 * N_WORDS * N_WORDS * N_WORDS * N_WORDS)

/* Returns combination `i` of all ways to assign the words to the parts. */
static struct asked combination(size_t i)
{
    struct asked asked = {.domain = domains[i % 3]};

    i /= 3;
    asked.company_name = words[i % N_WORDS];
    asked.city = words[i / N_WORDS % N_WORDS];
    asked.state = words[i / (N_WORDS * N_WORDS) % N_WORDS];
    asked.country = words[i / (N_WORDS * N_WORDS * N_WORDS) % N_WORDS];
    return asked;
}

static bool is_same_question(const struct question *a, const struct question *b)
{
    return strcmp(a->parts.domain, b->parts.domain) == 0 &&
           strcasecmp(a->parts.company_name, b->parts.company_name) == 0 &&
           strcmp(a->parts.city, b->parts.city) == 0 &&
           strcmp(a->parts.state, b->parts.state) == 0 &&
           strcmp(a->parts.country, b->parts.country) == 0;
}

TEST(question_keys_are_equal_exactly_if_questions_are)
{
    static struct question *all[N_ASKED];
    size_t equal = 0;

    for (size_t i = 0; i < N_ASKED; i++)
        all[i] = ask(combination(i));
    for (size_t i = 0; i < N_ASKED; i++)
        for (size_t j = i + 1; j < N_ASKED; j++) {
            bool same = memcmp(all[i]->key, all[j]->key, HASH_SIZE) == 0;
            if (same != is_same_question(all[i], all[j]))
                ck_abort_msg("questions %zu and %zu", i, j);
            equal += same;
        }
    /* Each of the three domains has one word that is its generated company name. */
    ck_assert_uint_eq(equal, N_ASKED / N_WORDS);
    for (size_t i = 0; i < N_ASKED; i++)
        question_free(all[i]);
}

/* ------------------------------------------------------------------ rejections */

TEST(question_returns_the_errors_of_the_domain)
{
    check_refused((struct asked){0}, ERR_MISSING_DOMAIN, "the domain is empty");
    check_refused((struct asked){.domain = "milvali"}, ERR_INVALID_DOMAIN,
                  "'milvali' has no public suffix; did you mean milvali.com?");
    check_refused((struct asked){.domain = "1.2.3.4"}, ERR_IP_ADDRESS,
                  "'1.2.3.4' is an IP address; send the company's domain");
}

TEST(question_blank_company_name_is_rejected)
{
    check_refused((struct asked){.domain = "milvali.com", .company_name = ""},
                  ERR_INVALID_PARAMETER, "company_name is blank");
    check_refused((struct asked){.domain = "milvali.com", .company_name = " \u3000"},
                  ERR_INVALID_PARAMETER, "company_name is blank");
}

TEST(question_invalid_field_is_rejected_by_name)
{
    check_refused((struct asked){.domain = "milvali.com", .city = "\xff"}, ERR_INVALID_PARAMETER,
                  "city is not valid UTF-8");
    check_refused((struct asked){.domain = "milvali.com", .state = "C\nA"}, ERR_INVALID_PARAMETER,
                  "state contains a control character");
    check_refused((struct asked){.domain = "milvali.com", .country = "\u2028USA"},
                  ERR_INVALID_PARAMETER, "country contains a control character");
}

TEST(question_field_with_a_nul_is_not_truncated)
{
    struct slice fields[QUESTION_PARTS] = {
        [QUESTION_DOMAIN] = {"milvali.com", 11},
        [QUESTION_CITY] = {"Paris\0, Texas", 13},
    };
    struct question *question = NULL;
    struct errmsg why;

    ck_assert_int_eq(question_new(fields, &question, &why), ERR_INVALID_PARAMETER);
    ck_assert_ptr_null(question);
}

TEST(question_field_length_is_limited)
{
    char long_name[QUESTION_FIELD_MAX + 2] = {0};

    memset(long_name, 'x', QUESTION_FIELD_MAX);
    question_free(ask((struct asked){.domain = "milvali.com", .city = long_name}));
    long_name[QUESTION_FIELD_MAX] = 'x';
    check_refused((struct asked){.domain = "milvali.com", .city = long_name}, ERR_INVALID_PARAMETER,
                  "city is longer than 200 bytes");
}
