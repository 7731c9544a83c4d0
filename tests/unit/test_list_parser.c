/* SPDX-License-Identifier: MIT */
/* test_list_parser.c - tests what holds for lists of every type: the encoding of the body, cut
 * bodies, portions, and the limits of an entry; and the text type. */
#include "base/mem.h"
#include "http/protocol/list_parser.h"

#include "tests/support/suite.h"
#include "tests/unit/list_fixture.h"
#include <stdlib.h>
#include <string.h>

/* ---- text ---- */

static const struct {
    const char *body, *text;
} texts[] = {
    {"", "end\n"},
    {"\xEF\xBB\xBF", "end\n"},
    {"milvali.com", "milvali.com\nend\n"},
    {"\xEF\xBB\xBFmilvali.com\nblue-bottle.com\n", "milvali.com\nblue-bottle.com\nend\n"},
    {"milvali.com\r\nblue-bottle.com\r\n", "milvali.com\nblue-bottle.com\nend\n"},
    {"\n \t\r\n# mail\n  # more\nmilvali.com\n\n", "milvali.com\nend\n"},
    {" https://www.milvali.com/#about \t\n", "https://www.milvali.com/#about\nend\n"},
    {"info@milvali.com\nb\u00fccher.de", "info@milvali.com\nb\u00fccher.de\nend\n"},
    {"milvali.com, blue-bottle.com\n", "milvali.com, blue-bottle.com\nend\n"}, /* one domain */
    {"a\rb\n", "a\rb\nend\n"},
};

LOOP_TEST(list_text_has_a_domain_in_each_line, texts)
{
    list_check(LIST_TEXT, texts[_i].body, texts[_i].text);
}

/* ---- every type ---- */

static const struct {
    enum list_type type;
    const char *body;
} samples[] = {
    {LIST_TEXT, "\xEF\xBB\xBF# list\r\nmilvali.com\r\n\r\nb\u00fccher.de\nblue-bottle.com"},
    {LIST_JSON,
     "\xEF\xBB\xBF [\"milvali.com\", {\"domain\":\"b\\u00fccher.de\",\"city\":null,\r\n"
     "\"tracking_id\":\"[{\\\"\"}, {\"domain\" : [{}], \"cty\":1},-1.5e3,true, \"x\"] \n"},
    {LIST_NDJSON,
     "\xEF\xBB\xBF\"milvali.com\"\r\n\n{\"domain\":\"b\u00fccher.de\",\"state\":\"CA\"}\n"
     "{\"domain\"\n[]\n\"x\""},
    {LIST_CSV, "\xEF\xBB\xBF\"Domain\",x,tracking_id\r\nmilvali.com,\"a\r\nb\",\"\"\"1\"\"\"\r\n"
               "\"b\u00fccher.de\"\r\n\r\n,,2\nblue-bottle.com,1,2,3\nx.com,,"},
};

/* Returns how many bytes both texts begin with. */
static size_t common_len(const char *a, const char *b)
{
    size_t n = 0;

    while (a[n] && a[n] == b[n])
        n++;
    return n;
}

/* The entries before the one that is cut are the same as in the whole list. */
LOOP_TEST(list_cut_at_every_byte_keeps_the_entries_before, samples)
{
    const char *body = samples[_i].body;
    struct list_reading whole = list_read(samples[_i].type, body, strlen(body));

    ck_assert_int_eq(whole.err, ERR_NO_ENTRY);
    ck_assert_uint_ge(whole.n, 3);
    for (size_t len = 0; len < strlen(body); len++) {
        struct list_reading cut = list_read(samples[_i].type, body, len);
        size_t same = common_len(buf_str(&cut.text), buf_str(&whole.text)), lines = 0;
        for (const char *at = cut.text.data + same; (at = strchr(at, '\n')); at++)
            lines++;
        ck_assert_msg(cut.n <= whole.n && lines <= 2, "%zu: %s", len, buf_str(&cut.text));
        list_reading_done(&cut);
    }
    list_reading_done(&whole);
}

LOOP_TEST(list_that_is_not_utf8_is_rejected_with_its_line, samples)
{
    static const char *const wrong[] = {"\xff", "\xc3", "\xed\xa0\x80", "\xc0\x80", "\xf5"};
    const char *feed = strchr(samples[_i].body, '\n') + 1;

    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct buf body autobuf = BUF_INIT(4096);
        buf_add(&body, samples[_i].body, (size_t)(feed - samples[_i].body));
        buf_add_str(&body, wrong[i]);
        buf_add_str(&body, feed);
        struct list_reading reading = list_read(samples[_i].type, body.data, body.len);
        ck_assert_uint_eq(reading.n, 0); /* before any entry is returned */
        ck_assert_str_eq(buf_str(&reading.text),
                         "line 2: not valid UTF-8 text; convert the list to UTF-8\n");
        list_reading_done(&reading);
    }
}

RANGE_TEST(list_in_utf16_is_rejected, 0, LIST_TYPES)
{
    static const char little[] = "\xFF\xFE"
                                 "a\0b\0",
                      bare[] = "a\0b\0";
    struct list_reading marked = list_read((enum list_type)_i, little, sizeof little - 1);
    struct list_reading unmarked = list_read((enum list_type)_i, bare, sizeof bare - 1);

    ck_assert_int_eq(marked.err, ERR_INVALID_BODY);
    ck_assert_str_eq(buf_str(&unmarked.text), buf_str(&marked.text));
    list_reading_done(&marked);
    list_reading_done(&unmarked);
}

/* ---- limits ---- */

/* Returns a list of one entry whose domain has `len` bytes. */
static struct buf list_of_one(enum list_type type, size_t len)
{
    static const char *const before[LIST_TYPES] = {"", "[\"", "\"", "domain\n"};
    static const char *const behind[LIST_TYPES] = {"\n", "\"]", "\"\n", "\n"};
    struct buf body = BUF_INIT((size_t)8 << 20);
    autofree char *domain = xcalloc(1, len);

    memset(domain, 'x', len);
    buf_add_str(&body, before[type]);
    buf_add(&body, domain, len);
    buf_add_str(&body, behind[type]);
    return body;
}

/* Quotes count, where the entry has some. */
static size_t quotes_of(enum list_type type)
{
    return type == LIST_JSON || type == LIST_NDJSON ? 2 : 0;
}

RANGE_TEST(list_entry_beyond_the_limit_is_rejected_alone, 0, LIST_TYPES)
{
    enum list_type type = (enum list_type)_i;
    size_t most = LIST_ENTRY_MAX - quotes_of(type);
    struct buf fits autobuf = list_of_one(type, most), not autobuf = list_of_one(type, most + 1);
    struct list_reading good = list_read(type, fits.data, fits.len);
    struct list_reading bad = list_read(type, not .data, not .len);

    ck_assert_uint_eq(good.text.len, most + strlen("\nend\n"));
    ck_assert_str_eq(buf_str(&bad.text),
                     "|!invalid-body: the entry is longer than 4096 bytes\nend\n");
    list_reading_done(&good);
    list_reading_done(&bad);
}

/* It cannot be one of many entries, and to look for its end would take time. */
RANGE_TEST(list_with_an_endless_entry_is_rejected, 0, LIST_TYPES)
{
    enum list_type type = (enum list_type)_i;
    struct buf body autobuf = list_of_one(type, (size_t)5 << 20);
    struct list_reading reading = list_read(type, body.data, body.len);

    ck_assert_int_eq(reading.err, ERR_INVALID_BODY);
    ck_assert_uint_eq(reading.n, 0);
    ck_assert_ptr_nonnull(strstr(reading.text.data, "longer than 65536 bytes"));
    list_reading_done(&reading);
}

#define REPEATED 300000

static const struct {
    enum list_type type;
    const char *before, *repeated, *behind;
    size_t n; /* entries */
    enum err err;
} hostile[] = {
    {LIST_TEXT, "", "\n", "x", 1, ERR_NO_ENTRY},
    {LIST_TEXT, "", "# \u00e4\n", "x", 1, ERR_NO_ENTRY},
    {LIST_TEXT, "", "x\n", "", REPEATED, ERR_NO_ENTRY},
    {LIST_JSON, "[1", ",1", "]", REPEATED + 1, ERR_NO_ENTRY},
    {LIST_JSON, "[1", " ,\n1", "]", REPEATED + 1, ERR_NO_ENTRY},
    {LIST_JSON, "", " ", "[]", 0, ERR_NO_ENTRY},
    {LIST_JSON, "[]", "\n", "", 0, ERR_NO_ENTRY},
    {LIST_JSON, "[", "[", "", 0, ERR_INVALID_BODY},
    {LIST_JSON, "[", "{\"a\":", "", 0, ERR_INVALID_BODY},
    {LIST_JSON, "[", "\"\\", "", 0, ERR_INVALID_BODY},
    {LIST_JSON, "[", ",", "", 0, ERR_INVALID_BODY},
    {LIST_NDJSON, "", " \r\n", "1", 1, ERR_NO_ENTRY},
    {LIST_NDJSON, "", "{\n", "", REPEATED, ERR_NO_ENTRY},
    {LIST_NDJSON, "", "[", "", 0, ERR_INVALID_BODY},
    {LIST_CSV, "domain", "\n", "", 0, ERR_NO_ENTRY},
    {LIST_CSV, "domain\n", "x\n", "", REPEATED, ERR_NO_ENTRY},
    {LIST_CSV, "domain", "\n\"\"", "", REPEATED, ERR_NO_ENTRY},
    {LIST_CSV, "domain\n", "\"\"", "", 0, ERR_INVALID_BODY},
    {LIST_CSV, "domain\n", ",", "", 0, ERR_INVALID_BODY},
    {LIST_CSV, "", ",domain", "", 0, ERR_INVALID_BODY},
    {LIST_CSV, "", "\n", "domain", 0, ERR_NO_ENTRY},
};

/* A parser that looked at a byte again for each entry would need minutes. */
LOOP_TEST(list_of_a_hostile_client_is_read_in_short_portions, hostile)
{
    struct buf body autobuf = BUF_INIT((size_t)8 << 20);

    buf_add_str(&body, hostile[_i].before);
    for (int i = 0; i < REPEATED; i++)
        buf_add_str(&body, hostile[_i].repeated);
    buf_add_str(&body, hostile[_i].behind);
    struct list_reading reading = list_read(hostile[_i].type, body.data, body.len);
    ck_assert_int_eq(reading.err, hostile[_i].err);
    ck_assert_uint_eq(reading.n, hostile[_i].n);
    /* First the encoding is checked, then entries are read. A call reads two portions at most. */
    size_t stages = reading.err == ERR_NO_ENTRY ? 2 : 1;
    ck_assert_uint_ge(reading.n_portions, body.len / (2 * LIST_PORTION) * stages);
    list_reading_done(&reading);
}

/* ---- portions ---- */

TEST(list_character_between_two_portions_is_whole)
{
    for (size_t shift = 0; shift < 4; shift++) {
        struct buf body autobuf = BUF_INIT((size_t)1 << 20);
        buf_add(&body, "####", shift);
        while (body.len < 2 * LIST_PORTION + 8)
            buf_add_str(&body, body.len % 16 < 4 ? "\n#\U0001F600" : "\U0001F600");
        struct list_reading reading = list_read(LIST_TEXT, body.data, body.len);
        ck_assert_str_eq(buf_str(&reading.text), "end\n");
        list_reading_done(&reading);
    }
}

TEST(list_encoding_error_in_a_later_portion_is_found_in_its_line)
{
    struct buf body autobuf = BUF_INIT((size_t)1 << 20);

    for (int i = 1; i < 40000; i++)
        buf_add_str(&body, "abc\n");
    buf_add_str(&body, "\xe2\x82\nabc\n");
    struct list_reading reading = list_read(LIST_TEXT, body.data, body.len);
    ck_assert_str_eq(buf_str(&reading.text),
                     "line 40000: not valid UTF-8 text; convert the list to UTF-8\n");
    list_reading_done(&reading);
}

TEST(list_parser_free_of_nothing_does_nothing)
{
    list_parser_free(NULL);
    list_parser_free(list_parser_new(LIST_CSV, (struct slice){NULL, 0}));
}
