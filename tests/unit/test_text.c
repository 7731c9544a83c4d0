/* SPDX-License-Identifier: MIT */
/* test_text.c - tests validity, normal form, case and trimming.
 *
 * Folding must be stable for all of Unicode: a key that changes when it is folded again would
 * not be a key. */
#include "base/mem.h"
#include "base/text.h"

#include "tests/support/suite.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define VALID(text)                                                                                \
    {                                                                                              \
        text, sizeof(text) - 1, true                                                               \
    }
#define INVALID(text)                                                                              \
    {                                                                                              \
        text, sizeof(text) - 1, false                                                              \
    }

static const struct {
    const char *text;
    size_t len;
    bool valid;
} encodings[] = {
    VALID(""),
    VALID("abc"),
    VALID("a\0b"),
    VALID("\x7f"),
    VALID("\xc2\x80"),
    VALID("\xdf\xbf"),
    VALID("\xe0\xa0\x80"),
    VALID("\xed\x9f\xbf"),
    VALID("\xee\x80\x80"),
    VALID("\xef\xbf\xbf"),
    VALID("\xf0\x90\x80\x80"),
    VALID("\xf4\x8f\xbf\xbf"),
    INVALID("\x80"),
    INVALID("\xbf"),
    INVALID("\xc0\xae"), /* overlong '.' */
    INVALID("\xc1\xbf"),
    INVALID("\xe0\x9f\xbf"),     /* overlong */
    INVALID("\xf0\x8f\xbf\xbf"), /* overlong */
    INVALID("\xed\xa0\x80"),     /* surrogates */
    INVALID("\xed\xbf\xbf"),
    INVALID("\xf4\x90\x80\x80"), /* U+110000 */
    INVALID("\xf5\x80\x80\x80"),
    INVALID("\xff"),
    INVALID("\xfe"),
    INVALID("a\xc3"), /* truncated */
    INVALID("a\xe2\x82"),
    INVALID("a\xf0\x9f\x92"),
    INVALID("\xc3("),
    INVALID("\xe2\x82("),
};

LOOP_TEST(text_utf8_validity_follows_rfc_3629, encodings)
{
    size_t len = encodings[_i].len;
    autofree char *exact = xcalloc(len, 1);

    memcpy(exact, encodings[_i].text, len);
    ck_assert(text_is_utf8(exact, len) == encodings[_i].valid);
}

TEST(text_controls_are_c0_del_c1_and_two_separators)
{
    static const char *const controls[] = {"a\n",      "\x1b",      "\t",      "a\x7f",
                                           "\xc2\x80", "b\xc2\x9f", "a\u2028", "\u2029b"};
    static const char *const others[] = {"", " ", "~", "\u00A0", "\u00AD", "\u2027", "\u202A", "ü"};

    for (size_t i = 0; i < ARRAY_LEN(controls); i++)
        ck_assert_msg(text_has_control(controls[i], strlen(controls[i])), "control %zu", i);
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        ck_assert_msg(!text_has_control(others[i], strlen(others[i])), "other %zu", i);
    ck_assert(text_has_control("a\0b", 3));
}

TEST(text_finds_ignorable_characters_other_than_joiners)
{
    static const char *const ignorable[] = {"a\u00ADb", "\u200B", "a\u200D\u200E", "\u2060",
                                            "\uFE0F",   "\uFEFF", "\u034F",        "\U000E0100",
                                            "\u3164",   "\u180B"};
    static const char *const others[] = {"", "e\u0301 a-b.", "a\u200C", "\u200Da"};

    for (size_t i = 0; i < ARRAY_LEN(ignorable); i++)
        ck_assert_msg(text_has_ignorable_but_joiners(ignorable[i], strlen(ignorable[i])),
                      "text %zu", i);
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        ck_assert_msg(!text_has_ignorable_but_joiners(others[i], strlen(others[i])), "other %zu",
                      i);
}

TEST(text_url_label_is_read_as_one_label_by_all)
{
    static const char *const labels[] = {"a", "_dmarc", "-a--Z9-", "~", "bücher", "e\u0301", "東京",
                                         "💩", "☃",      "①",       "ﬁ", "Ａ",     "＿"};
    static const char *const others[] = {"",   ".",  "a.b",      "a b",      "a/b",      "a:b",
                                         "%",  "*",  ",",        "a\n",      "\x7f",     "a\u00A0",
                                         "／", "．", "\u2024",   "℀",        "⒈",        "\u3001",
                                         "¡",  "。", "a\u200Cb", "a\u00ADb", "a\u202Eb", "\uE000"};

    for (size_t i = 0; i < ARRAY_LEN(labels); i++)
        ck_assert_msg(text_is_url_label(labels[i], strlen(labels[i])), "%s", labels[i]);
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        ck_assert_msg(!text_is_url_label(others[i], strlen(others[i])), "%s", others[i]);
    ck_assert(!text_is_url_label("a\0b", 3));
}

TEST(text_name_characters_are_letters_marks_and_numbers)
{
    static const char *const names[] = {"",        "milvali",       "a_b-c d.e", "bücher",
                                        "e\u0301", "Рога и копыта", "東京",      "123"};
    static const char *const others[] = {"a@b",  "a:b",  "a/b",      "a'b",      "<a>",
                                         "a\nb", "\xff", "a＠b",     "a\u00ADb", "a\u202Eb",
                                         "☃",    "a%b",  "a\u00A0b", "a\u3164"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        ck_assert_msg(text_is_name(names[i], strlen(names[i])), "%s", names[i]);
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        ck_assert_msg(!text_is_name(others[i], strlen(others[i])), "%s", others[i]);
    ck_assert(!text_is_name("a\0b", 3));
}

struct change {
    const char *from, *to;
};

static const struct change tidied[] = {
    {"", ""},
    {"   ", ""},
    {"milvali", "milvali"},
    {"  San  Francisco\t\n", "San  Francisco"},
    {"\u00A0\u3000Paris\u2003\u2028\xc2\x85", "Paris"},
    {"e\u0301", "é"},
    {"\u212B", "Å"}, /* the angstrom sign */
    {"\u1100\u1161\u11A8", "각"},
    {"q\u0307\u0323", "q\u0323\u0307"},
    {"ﬁ", "ﬁ"}, /* NFC, not NFKC */
    {"ABC", "ABC"},
    {"\u200B", "\u200B"}, /* not white space in Unicode */
};

static const struct change trimmed[] = {
    {"", ""},
    {" \t\r\n", ""},
    {"a", "a"},
    {" a b\t", "a b"},
    {"\u00A0\u3000a\u2003\u2028\xc2\x85", "a"},
    {"\uFEFF\u200Ba\u200Bb\u200B\u00AD\u2060", "a\u200Bb"},
    {"\u200B\u200B", ""},
    {"\u00E9 ", "\u00E9"},
    {"\x01", "\x01"}, /* a control character is no blank */
};

LOOP_TEST(text_is_trimmed_of_white_space_and_invisible_characters, trimmed)
{
    struct slice got = text_trimmed(trimmed[_i].from, strlen(trimmed[_i].from));

    ck_assert_uint_eq(got.len, strlen(trimmed[_i].to));
    ck_assert(got.len == 0 || memcmp(got.data, trimmed[_i].to, got.len) == 0);
}

static const struct change stripped[] = {
    {"", ""},
    {" \t\r\n", ""},
    {"a", "a"},
    {" a b\t", "a b"},
    {"\u00A0\u3000a\u2003\u2028\xc2\x85", "a"},
    {"\x01\x1f a\x7f\xc2\x9f", "a"},
    {"a\x01z", "a\x01z"},
    {"\uFEFF a", "\uFEFF a"},
    {"a\u200B", "a\u200B"}, /* invisible, but neither */
};

LOOP_TEST(text_is_stripped_of_white_space_and_controls, stripped)
{
    struct slice got = text_stripped(stripped[_i].from, strlen(stripped[_i].from));

    ck_assert_uint_eq(got.len, strlen(stripped[_i].to));
    ck_assert(got.len == 0 || memcmp(got.data, stripped[_i].to, got.len) == 0);
}

LOOP_TEST(text_tidy_trims_and_composes, tidied)
{
    autofree char *got = NULL;

    ck_assert_int_eq(text_tidy(tidied[_i].from, strlen(tidied[_i].from), &got), ERR_OK);
    ck_assert_str_eq(got, tidied[_i].to);
}

static const struct change folded[] = {
    {"", ""},
    {" MILVALI ", "milvali"},
    {"Straße", "strasse"},
    {"STRASSE", "strasse"},
    {"E\u0301COLE", "école"},
    {"ΣΊΣΥΦΟΣ", "σίσυφοσ"},
    {"Σίσυφος", "σίσυφοσ"},
    {"ﬁ", "fi"},
    {"İ", "i\u0307"}, /* no Turkish rules */
    {"I", "i"},
    {"\u212A", "k"}, /* the kelvin sign */
};

LOOP_TEST(text_fold_makes_spellings_equal, folded)
{
    autofree char *got = NULL;

    ck_assert_int_eq(text_fold(folded[_i].from, strlen(folded[_i].from), &got), ERR_OK);
    ck_assert_str_eq(got, folded[_i].to);
}

static const struct change titled[] = {
    {"", ""},
    {"-", ""},
    {"milvali", "Milvali"},
    {"blue-bottle", "Blue Bottle"},
    {"-blue--bottle-", "Blue Bottle"},
    {"mcDonald", "McDonald"},
    {"1und1", "1und1"},
    {"öl-ärzte", "Öl Ärzte"},
    {"ǆ", "ǅ"},
    {"东京", "东京"},
    {"ɐ-ɐ-ɐ-ɐ", "Ɐ Ɐ Ɐ Ɐ"}, /* each longer than its original */
    {"i\u0307", "İ"},       /* composes only as a capital */
};

LOOP_TEST(text_title_capitalizes_each_word, titled)
{
    autofree char *got = NULL;

    ck_assert_int_eq(text_title(titled[_i].from, strlen(titled[_i].from), '-', &got), ERR_OK);
    ck_assert_str_eq(got, titled[_i].to);
}

TEST(text_invalid_utf8_is_rejected_and_writes_nothing)
{
    char *got = NULL;

    ck_assert_int_eq(text_tidy("a\xff", 2, &got), ERR_SYNTAX);
    ck_assert_int_eq(text_fold("\xed\xa0\x80", 3, &got), ERR_SYNTAX);
    ck_assert_int_eq(text_title("\xc3", 1, '-', &got), ERR_SYNTAX);
    ck_assert_int_eq(text_tidy("a\0b", 3, &got), ERR_SYNTAX);
    ck_assert_int_eq(text_fold("\0", 1, &got), ERR_SYNTAX);
    ck_assert_int_eq(text_title("a\0b", 3, '-', &got), ERR_SYNTAX);
    ck_assert_ptr_null(got);
}

/* c >= 0x80. Writes its two to four bytes and returns their number. */
static size_t put_utf8(uint32_t c, char *out)
{
    static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)(lead[n] | c);
    return n;
}

TEST(text_fold_is_idempotent)
{
    char text[16];

    for (uint32_t c = 0x80; c < 0x20000; c = c == 0xd7ff ? 0xe000 : c + 1) {
        autofree char *once = NULL, *twice = NULL;
        size_t n = put_utf8(c, text);
        memcpy(text + n, "\u0345\u0301x", sizeof "\u0345\u0301x");
        if (text_fold(text, strlen(text), &once) || text_fold(once, strlen(once), &twice))
            ck_abort_msg("U+%04X is rejected", c);
        if (strcmp(once, twice) != 0)
            ck_abort_msg("U+%04X: %s becomes %s", c, once, twice);
    }
}
