/* SPDX-License-Identifier: MIT */
/* test_domain_any.c - tests what holds for every input.
 *
 * Parsing a result again gives the same result, results are plain names, reasons are safe to
 * print, no character vanishes, and lookalikes stay distinct. A generator with a fixed seed
 * makes the strings. */
#include "domain_check.h"
#include "tests/support/suite.h"

#include <stdio.h>

static void start(void)
{
    ck_assert_int_eq(domain_start(), ERR_OK);
}

SHARED_FIXTURE(start, domain_stop);

static const char *const pairs[][2] = {
    {"аррӏе.com", "apple.com"},
    {"раураl.com", "paypal.com"},
    {"gооgle.com", "google.com"},
    {"miⅼvali.com", "mi1vali.com"},
    {"mılvali.com", "milvali.com"},
    {"faß.de", "fass.de"},
    {"ϲ.com", "c.com"},
    {"εxample.com", "example.com"},
    {"rnilvali.com", "milvali.com"},
    {"ƅank.com", "bank.com"},
    {"οne.com", "one.com"},
    {"κ.com", "k.com"},
};

LOOP_TEST(domain_lookalikes_have_different_keys, pairs)
{
    struct domain a, b;
    struct errmsg why;

    ck_assert_int_eq(parse(pairs[_i][0], strlen(pairs[_i][0]), &a, &why), ERR_OK);
    ck_assert_int_eq(parse(pairs[_i][1], strlen(pairs[_i][1]), &b, &why), ERR_OK);
    ck_assert_str_ne(a.name, b.name);
}

/* All parts of Unicode that have or may soon have characters, without the surrogates. */
static const struct {
    uint32_t from, to;
} ranges[] = {{0x80, 0xd7ff}, {0xe000, 0x1ffff}, {0xe0000, 0xe0fff}};

/* c >= 0x80. Writes its two to four bytes and returns their number. */
static size_t put_utf8(uint32_t c, char *out)
{
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};

    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)(lead[n] | c);
    return n;
}

/* libidn2 drops invisible characters; a name with such a character must not become another name. */
LOOP_TEST(domain_drops_no_character, ranges)
{
    struct domain domain;
    char text[16] = "a";
    struct errmsg why;
    int accepted = 0;

    for (uint32_t c = ranges[_i].from; c <= ranges[_i].to; c++) {
        size_t len = 1 + put_utf8(c, text + 1);
        memcpy(text + len, "b.com", 6);
        enum err err = parse(text, len + 5, &domain, &why);
        check_answer(text, err, &domain, why.text);
        REQUIRE(err || strcmp(domain.name, "ab.com") != 0, "U+%04X vanished", c);
        accepted += !err;
    }
    ck_assert_msg(accepted > 0 || ranges[_i].from == 0xe0000, "nothing got through");
}

TEST(domain_local_part_is_limited_to_64_bytes)
{
    struct domain domain;
    char local[65], text[128];
    struct errmsg why;

    memset(local, 'a', sizeof local);
    int len = snprintf(text, sizeof text, "%.64s@b.com", local);
    ck_assert_int_eq(parse(text, (size_t)len, &domain, &why), ERR_OK);
    len = snprintf(text, sizeof text, "%.65s@b.com", local);
    ck_assert_int_eq(parse(text, (size_t)len, &domain, &why), ERR_INVALID_DOMAIN);
}

/* Not from domain_parse(), but from a journal that another program changed. */
static const struct {
    struct domain domain;
    const char *name;
} odd_names[] = {{{"xn--zzzzzz.com"}, "Xn Zzzzzz"}, {{"\xff\xfe.com"}, "\xff\xfe"}};

LOOP_TEST(domain_undecodable_name_is_shown_unchanged, odd_names)
{
    autofree char *name = domain_display_name(&odd_names[_i].domain);

    ck_assert_str_eq(name, odd_names[_i].name);
}

/* ------------------------------------------------------------------ any input at all */

static uint64_t random_state = 0x9e3779b97f4a7c15;

/* xorshift64*: the same strings on every run. */
static size_t random_below(size_t n)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (size_t)((random_state * 0x2545f4914f6cdd1d) >> 33) % n;
}

static const char *const pieces[] = {
    "a",
    "z9",
    "-",
    "--",
    ".",
    "..",
    "xn--",
    "com",
    ".com",
    ".co.uk",
    "www.",
    "http://",
    "@",
    ":",
    "/",
    "?",
    "ü",
    "ß",
    "א",
    "1",
    "0x",
    "bücher",
    "рф",
    "。",
    "\u00AD",
    "％",
    "e\u0301",
    "I\u0307",
    ".ck",
    "xn--p1ai",
    "İ",
    "github.io",
    "ς",
    "\u0660",
    "ﬁ",
    "한",
    "xn--bcher-kva",
    "kva",
    "\xff",
    "。jp",
};

static size_t add(char *text, size_t len, size_t max, const char *piece, size_t n)
{
    if (n > max - len)
        return len;
    memcpy(text + len, piece, n);
    return len + n;
}

/* Joins random pieces, changes up to three bytes, and mostly adds a known suffix. */
static size_t make_input(char *text, size_t max)
{
    size_t len = 0;

    for (size_t n = 1 + random_below(6); n > 0; n--) {
        const char *piece = pieces[random_below(ARRAY_LEN(pieces))];
        len = add(text, len, max, piece, strlen(piece));
    }
    for (size_t n = len ? random_below(4) : 0; n > 0; n--) {
        int letter = 'a' + (int)random_below(26), byte = (int)random_below(256);
        text[random_below(len)] = (char)(random_below(4) ? letter : byte);
    }
    return random_below(3) ? add(text, len, max, ".com", 4) : len;
}

TEST(domain_parsing_is_idempotent_and_well_formed)
{
    struct domain domain, again;
    char text[400];
    struct errmsg why;
    int accepted = 0, international = 0;

    for (int i = 0; i < 200000; i++) {
        size_t len = make_input(text, sizeof text);
        enum err err = parse(text, len, &domain, &why);
        check_answer("random", err, &domain, why.text);
        if (err)
            continue;
        REQUIRE(parse(domain.name, strlen(domain.name), &again, &why) == ERR_OK, "%s: %s",
                domain.name, why.text);
        REQUIRE(strcmp(again.name, domain.name) == 0, "%s: %s", domain.name, again.name);
        accepted++;
        international += strstr(domain.name, "xn--") != NULL;
    }
    /* Enough inputs of both kinds, accepted and rejected. */
    ck_assert_int_gt(accepted, 20000);
    ck_assert_int_gt(international, 5000);
}
