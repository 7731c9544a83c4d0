/* SPDX-License-Identifier: MIT */
/* test_openmart_parse.c - tests which upstream responses are usable and what is read from them:
 * the documented shapes, the shapes that clients have met or guard against, and hostile ones.
 * test_openmart_parse_task.c has the tasks. */
#include "client/openmart/openmart_parse.h"

#include "base/mem.h"

#include "tests/support/suite.h"
#include <string.h>

#define ID_64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* 100 levels; the limit is 64. */
#define TEN(x)  x x x x x x x x x x
#define DEEP(x) TEN(TEN("[")) x TEN(TEN("]"))

/* --- Submit ----------------------------------------------------------------------------------- */

static const struct {
    const char *name, *body, *id; /* NULL: unusable */
} submits[] = {
    {"documented",
     "{\"batch_id\":\"2fc8b627-1111\",\"submit_for\":\"lookup_people\",\"status\":{\"processing\":"
     "1,"
     "\"batch_ready\":false}}",
     "2fc8b627-1111"},
    {"nothing but the id", "{\"batch_id\":\"b\"}", "b"},
    {"ready immediately", "{\"status\":{\"batch_ready\":true},\"batch_id\":\"b\"}", "b"},
    {"128 characters", "{\"batch_id\":\"" ID_64 ID_64 "\"}", ID_64 ID_64},
    {"no UUID", "{\"batch_id\":\"batch:1 of <2fc8.b627>\"}", "batch:1 of <2fc8.b627>"},
    {"a number", "{\"batch_id\":12345}", "12345"},
    {"a number beyond 2^53", "{\"batch_id\":90071992547409931234567}", "90071992547409931234567"},
    {"blanks around it", "{\"batch_id\":\" \\tb\\u00a0\\n\"}", "b"},
    {"a path", "{\"batch_id\":\"../../v2\"}", "../../v2"},
    {"an escaped path", "{\"batch_id\":\"a\\u002fb\"}", "a/b"},
    {"percent", "{\"batch_id\":\"a%2eb\"}", "a%2eb"},
    {"below data", "{\"data\":{\"batch_id\":\"b\"}}", "b"},
    {"below status", "{\"status\":{\"batch_id\":\"b\"}}", "b"},
    {"at two levels", "{\"data\":{\"batch_id\":\"a\"},\"batch_id\":\"b\"}", "b"},
    {"null, and below data", "{\"batch_id\":null,\"data\":{\"batch_id\":\"b\"}}", "b"},
    {"NaN in a neighbour", "{\"price\":NaN,\"batch_id\":\"b\"}", "b"},
    {"a byte order mark", "\xEF\xBB\xBF{\"batch_id\":\"b\"}", "b"},
    {"a damaged neighbour", "{\"x\":\"\xFF\\u0000\",\"batch_id\":\"b\"}", "b"},
    {"a neighbour nested too deeply", "{\"x\":" DEEP("") ",\"batch_id\":\"b\"}", "b"},
    {"white space around it", "\r\n {\"batch_id\":\"b\"}\n", "b"},
    {"no id", "{}", NULL},
    {"null", "{\"batch_id\":null}", NULL},
    {"a number with a fraction", "{\"batch_id\":7.5}", NULL},
    {"true", "{\"batch_id\":true}", NULL},
    {"NaN", "{\"batch_id\":NaN}", NULL},
    {"an empty id", "{\"batch_id\":\"\"}", NULL},
    {"blank", "{\"batch_id\":\" \\u200b\"}", NULL},
    {"129 characters", "{\"batch_id\":\"" ID_64 ID_64 "0\"}", NULL},
    {"beyond ASCII", "{\"batch_id\":\"caf\u00e9\"}", NULL},
    {"a control character", "{\"batch_id\":\"a\\nb\"}", NULL},
    {"a NUL", "{\"batch_id\":\"a\\u0000b\"}", NULL},
    {"another case", "{\"Batch_ID\":\"b\"}", NULL},
    {"a level that is not known", "{\"x\":{\"batch_id\":\"b\"}}", NULL},
    {"nested too deeply", "{\"batch_id\":" DEEP("\"b\"") "}", NULL},
    {"an array", "[\"b\"]", NULL},
    {"cut", "{\"batch_id\":\"b\"", NULL},
    {"HTML", "<html>batch_id</html>", NULL},
    {"empty", "", NULL},
};

LOOP_TEST(parse_submit_requires_a_batch_id_only, submits)
{
    char id[OPENMART_ID_MAX + 1] = "untouched";
    enum err err = openmart_parse_submit(submits[_i].body, strlen(submits[_i].body), id);

    ck_assert_msg((err == ERR_OK) == (submits[_i].id != NULL), "%s", submits[_i].name);
    ck_assert_str_eq(id, submits[_i].id ? submits[_i].id : "untouched");
}

/* --- Status ----------------------------------------------------------------------------------- */

static const struct {
    const char *body;
    struct openmart_counts counts;
} statuses[] = {
    {"{\"processing\":0,\"completed\":1,\"errored\":2,\"total\":3,\"batch_ready\":true}",
     {0, 1, 2, 3, true, true}},
    {"{\"status\":{\"processing\":3,\"completed\":2,\"errored\":1,\"total\":6,\"batch_ready\":true}"
     "}",
     {3, 2, 1, 6, true, true}},
    {"{\"data\":{\"processing\":1,\"total\":1,\"batch_ready\":true}}", {1, 0, 0, 1, true, true}},
    {"{\"data\":{\"status\":{\"completed\":1,\"batch_ready\":true}}}", {0, 1, 0, 0, true, true}},
    {"{\"batch\":{\"completed\":1,\"batch_ready\":true}}", {0, 1, 0, 0, true, true}},
    {"{\"result\":{\"status\":{\"completed\":1}}}", {0, 1, 0, 0, false, true}},
    {"{\"batch_ready\":false,\"status\":{\"batch_ready\":true}}", {.known = true}},
    {"{\"status\":{\"batch_ready\":false},\"data\":{\"batch_ready\":true}}", {.known = true}},
    {"{\"batch_ready\":null,\"data\":{\"batch_ready\":true}}", {.ready = true, .known = true}},
    {"{\"status\":\"ok\",\"data\":{\"batch_ready\":true}}", {.ready = true, .known = true}},
    {"{\"processing\":\"0\",\"completed\":\"1\",\"errored\":\"2\",\"total\":\"3\",\"batch_ready\":"
     "\"1\"}",
     {0, 1, 2, 3, true, true}},
    {"{\"batch_ready\":\"true\"}", {.ready = true, .known = true}},
    {"{\"batch_ready\":\"True\"}", {.ready = true, .known = true}},
    {"{\"batch_ready\":1}", {.ready = true, .known = true}},
    {"{\"batch_ready\":\"false\"}", {.known = true}},
    {"{\"batch_ready\":0}", {.known = true}},
    {"{\"batch_ready\":2}", {.known = false}},
    {"{\"batch_ready\":\"yes\"}", {.known = false}},
    {"{\"batch_ready\":null}", {.known = false}},
    {"{\"Batch_Ready\":true}", {.known = false}},
    {"{\"state\":\"done\"}", {.known = false}},
    {"{\"completed\":[1],\"total\":\"many\",\"errored\":\"\"}", {.known = false}},
    {"{}", {.known = false}},
    {"{\"processing\":-5,\"completed\":1e300,\"errored\":\"7\",\"total\":1000001}",
     {0, 1000000, 7, 1000000, false, true}},
    {"{\"completed\":99999999999999999999,\"total\":\"-99999999999999999999\"}",
     {0, 1000000, 0, 0, false, true}},
    {"{\"completed\":2.9,\"extra\":[]}", {0, 2, 0, 0, false, true}},
    {"{\"x\":" DEEP("1") ",\"completed\":1}", {0, 1, 0, 0, false, true}},
    {"{\"completed\":1,\"eta\":NaN,\"rate\":[Infinity,-Infinity]}", {0, 1, 0, 0, false, true}},
};

LOOP_TEST(parse_status_is_read_at_any_of_its_positions, statuses)
{
    struct openmart_counts got;
    const struct openmart_counts *want = &statuses[_i].counts;
    const char *body = statuses[_i].body;

    ck_assert_int_eq(openmart_parse_counts(body, strlen(body), &got), ERR_OK);
    ck_assert_int_eq(got.processing, want->processing);
    ck_assert_int_eq(got.completed, want->completed);
    ck_assert_int_eq(got.errored, want->errored);
    ck_assert_int_eq(got.total, want->total);
    ck_assert_msg(got.ready == want->ready, "%s", body);
    ck_assert_msg(got.known == want->known, "%s", body);
}

static const char *const no_objects[] = {"", "null", "[]", "true", "\"x\"", "{", "<html>", "7"};

LOOP_TEST(parse_status_must_be_an_object, no_objects)
{
    struct openmart_counts counts;

    ck_assert_int_eq(openmart_parse_counts(no_objects[_i], strlen(no_objects[_i]), &counts),
                     ERR_SYNTAX);
}

TEST(parse_balance_must_be_an_object_with_a_number)
{
    static const char *const unusable[] = {"{}", "{\"balance\":null}", "{\"balance\":\"x\"}",
                                           "{\"balance\":NaN}", "7"};
    const char *body = "{\"period_start\":\"2025-08-05T20:22:47Z\",\"balance\":998931751}";
    int64_t balance = -1;

    for (size_t i = 0; i < ARRAY_LEN(unusable); i++)
        ck_assert_int_eq(openmart_parse_balance(unusable[i], strlen(unusable[i]), &balance),
                         ERR_SYNTAX);
    for (size_t i = 0; i < ARRAY_LEN(no_objects); i++)
        ck_assert_int_eq(openmart_parse_balance(no_objects[i], strlen(no_objects[i]), &balance),
                         ERR_SYNTAX);
    ck_assert_int_eq(balance, -1);
    ck_assert_int_eq(openmart_parse_balance(body, strlen(body), &balance), ERR_OK);
    ck_assert_int_eq(balance, 998931751);
    ck_assert_int_eq(openmart_parse_balance("{\"balance\":0}", 13, &balance), ERR_OK);
    ck_assert_int_eq(balance, 0);
    ck_assert_int_eq(openmart_parse_balance("{\"balance\":\"7\"}", 15, &balance), ERR_OK);
    ck_assert_int_eq(balance, 7);
}

/* --- Task ids --------------------------------------------------------------------------------- */

static const struct {
    const char *body, *ids; /* each followed by a space; NULL: unusable */
} lists[] = {
    {"[\"t1\",\"t2\"]", "t1 t2 "},
    {"[]", ""},
    {"null", ""},
    {"{\"task_ids\":[\"t1\"]}", "t1 "},
    {"{\"task_ids\":[]}", ""},
    {"{\"task_ids\":null}", ""},
    {"{\"data\":[\"t1\",\"t2\"]}", "t1 t2 "},
    {"{\"data\":null}", ""},
    {"{\"tasks\":[{\"task_id\":\"t1\"},{\"task_id\":\"t2\",\"status\":\"COMPLETED\"}]}", "t1 t2 "},
    {"[{\"task_id\":\"t1\"}]", "t1 "},
    {"{\"total\":1,\"task_ids\":[\"t1\"],\"data\":[\"t9\"]}", "t1 "},
    {"[\"b\",\"a\",\"b\",\"a\",\"c\"]", "b a c "},
    {"[\"t1\",7.5,null,true,{},[],\"\",\"\xC3\xA9\",\"" ID_64 ID_64 "0\",\"t2\"]", "t1 t2 "},
    {"[\"t:1\",7,\"a/b\",90071992547409931234567]", "t:1 7 a/b 90071992547409931234567 "},
    {"[\" t1\\t\",\"t1\"]", "t1 "},
    {"[{\"task_id\":7},{\"id\":\"t2\"},{\"id\":\"x\",\"task_id\":\"t3\"}]", "7 t2 t3 "},
    {"{\"data\":{\"task_ids\":[\"t1\"]}}", "t1 "},
    {"{\"data\":null,\"tasks\":[\"t1\"]}", "t1 "},
    {"{\"results\":[\"t1\"],\"next\":NaN}", "t1 "},
    {"[\"bad\\u0000id\",\"t1\"]", "t1 "},
    {"[" DEEP("\"t0\"") ",\"t1\"]", "t1 "},
    {"{}", NULL},
    {"{\"task_ids\":\"t1\"}", NULL},
    {"{\"task_ids\":{\"0\":\"t1\"}}", NULL},
    {"{\"detail\":\"no\"}", NULL},
    {"\"t1\"", NULL},
    {"7", NULL},
    {"[\"t1\"", NULL},
    {"", NULL},
    {"<html>", NULL},
};

LOOP_TEST(parse_task_ids_accepts_every_known_list, lists)
{
    struct openmart_ids got = {0};
    struct buf all autobuf = BUF_INIT(4096);
    enum err err = openmart_parse_ids(lists[_i].body, strlen(lists[_i].body), &got);

    ck_assert_msg((err == ERR_OK) == (lists[_i].ids != NULL), "%s", lists[_i].body);
    for (size_t i = 0; i < got.n; i++)
        buf_addf(&all, "%s ", got.ids[i]);
    ck_assert_str_eq(buf_str(&all), lists[_i].ids ? lists[_i].ids : "");
    openmart_ids_done(&got);
}

TEST(parse_task_ids_are_limited)
{
    struct openmart_ids got = {0};
    struct buf body autobuf = BUF_INIT(JSON_MAX_BYTES);

    buf_add_str(&body, "[\"first\"");
    for (int i = 0; i < 3 * OPENMART_IDS_MAX; i++)
        buf_addf(&body, ",\"t%d\"", i);
    buf_add_str(&body, "]");
    ck_assert_int_eq(openmart_parse_ids(buf_str(&body), body.len, &got), ERR_OK);
    ck_assert_uint_eq(got.n, OPENMART_IDS_MAX);
    openmart_ids_done(&got);
}
