/* SPDX-License-Identifier: MIT */
/* test_openmart_id.c - tests which ids are usable, and that each becomes one segment of a path. */
#include "client/openmart/openmart_id.h"

#include "base/mem.h"

#include "tests/support/suite.h"
#include <string.h>

#define ID_64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct {
    const char *id;
    bool ok;
} ids[] = {
    {"2fc8b627-1111-2222-3333-123456789abc", true},
    {"a", true},
    {"batch:1", true},
    {"a b", true},
    {"../x", true},
    {"~!@#$%^&*()", true},
    {ID_64 ID_64, true},
    {ID_64 ID_64 "0", false},
    {"", false},
    {" ", false},
    {" a", false},
    {"a ", false},
    {"a\nb", false},
    {"a\x7F", false},
    {"\xC3\xA9", false},
};

LOOP_TEST(id_is_printable_ascii, ids)
{
    ck_assert_msg(openmart_id_ok(ids[_i].id) == ids[_i].ok, "%s", ids[_i].id);
}

static const struct {
    const char *json, *id; /* NULL: not an id */
} values[] = {
    {"\"a\"", "a"},
    {"\" a b\\t\"", "a b"},
    {"\"\\ufeffa\"", "a"},
    {"7", "7"},
    {"-7", "-7"},
    {"7.0", "7"},
    {"9007199254740992", "9007199254740992"},
    {"7.5", NULL},
    {"1e300", NULL},
    {"\"\"", NULL},
    {"\"  \"", NULL},
    {"\"a\\nb\"", NULL},
    {"\"\\u00e9\"", NULL},
    {"\"" ID_64 ID_64 "0\"", NULL},
    {"null", NULL},
    {"true", NULL},
    {"[\"a\"]", NULL},
    {"{\"a\":1}", NULL},
};

LOOP_TEST(id_is_read_from_a_string_or_an_integer, values)
{
    char id[OPENMART_ID_MAX + 1] = "untouched";
    struct json *doc = NULL;

    ck_assert_int_eq(json_parse(values[_i].json, strlen(values[_i].json), &doc), ERR_OK);
    ck_assert_msg(openmart_id_read(doc, id) == (values[_i].id != NULL), "%s", values[_i].json);
    ck_assert_str_eq(id, values[_i].id ? values[_i].id : "untouched");
    ck_assert(!openmart_id_read(NULL, id));
    json_free(doc);
}

static const struct {
    const char *id, *segment;
} segments[] = {
    {"2fc8b627-1111_~.", "2fc8b627-1111_~."},
    {"a/b?c#d%e", "a%2Fb%3Fc%23d%25e"},
    {"batch:1 <x>", "batch%3A1%20%3Cx%3E"},
    {".", "%2E"},
    {"..", "%2E%2E"},
    {"...", "..."},
    {"../..", "..%2F.."},
};

LOOP_TEST(id_is_encoded_as_one_segment, segments)
{
    struct buf out autobuf = BUF_INIT(64);

    ck_assert_int_eq(openmart_id_add_segment(&out, segments[_i].id), ERR_OK);
    ck_assert_str_eq(buf_str(&out), segments[_i].segment);
}
