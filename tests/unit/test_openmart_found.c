/* SPDX-License-Identifier: MIT */
/* test_openmart_found.c - tests which ids are found in the body of a notification. */
#include "client/openmart/openmart_found.h"

#include "base/buf.h"

#include "tests/support/suite.h"
#include <stdio.h>
#include <string.h>

#define A "3f2b8a54-0d7e-4f0c-9a53-6f1d2c4b5a69"
#define B "9C4E1B20-77AA-4D3E-8B1F-0A2B3C4D5E6F"

/* Writes "batch:x task:y id:z uuid:u " for what was found. */
static const char *found_in(const char *text, size_t len)
{
    static const char *const words[] = {"batch", "task", "id", "uuid"};
    static struct buf out = BUF_INIT(1 << 20);
    struct openmart_found found = {0};

    openmart_find_ids(text, len, &found);
    buf_clear(&out);
    for (size_t i = 0; i < found.n; i++)
        buf_addf(&out, "%s%s:%s", i ? " " : "", words[found.ids[i].kind], found.ids[i].id);
    return buf_str(&out);
}

static const struct {
    const char *text, *found;
} texts[] = {
    {"", ""},
    {"hello", ""},
    {"{\"task_id\":\"" A "\",\"status\":\"COMPLETED\",\"tracking_id\":\"t1\",\"data\":[]}",
     "task:" A},
    {"{\"batch_id\": \"b-1\", \"task_id\": \"t-1\"}", "batch:b-1 task:t-1"},
    {"{\"task_id\": \"t-1\", \"batch_id\": \"b-1\"}", "batch:b-1 task:t-1"}, /* by kind */
    {"{\"event\":{\"data\":{\"batch\":{\"id\":\"" A "\"}}}}", "id:" A},
    {"{\"batchId\":\"b1\",\"taskID\":\"t1\",\"ID\":\"x1\"}", "batch:b1 task:t1 id:x1"},
    {"{\"batch-id\":'b1'}", "batch:b1"},
    {"{\"batch_id\":4711}", "batch:4711"},
    {"{\"batch_id\":null,\"x\":NaN}", ""},
    {"{\"batch_id\":\"\"}", ""},
    {"{\"batch_id\":{\"id\":\"y\"}}", "id:y"},
    {"{\"payload\":\"{\\\"batch_id\\\":\\\"b1\\\"}\"}", "batch:b1"}, /* JSON within JSON */
    {"{\"batch_id\":\"" A, "batch:" A},                              /* it broke off */
    {"batch_id=b1&task_id=t1&x=1", "batch:b1 task:t1"},
    {"task_id=" A "&status=COMPLETED", "task:" A},
    {"payload=%7B%22task_id%22%3A%22" A "%22%7D", "uuid:" A},
    {"<task><batch_id>b1</batch_id><id>" A "</id></task>", "batch:b1 id:" A},
    {"task " A " of batch " B " is done", "uuid:" A " uuid:" B},
    {"{\"id\":\"" A "\",\"batch_id\":\"" A "\"}", "batch:" A}, /* once */
    {"{\"tracking_id\":\"t\",\"company_id\":\"c\",\"ids\":[\"x\"],\"idle\":\"y\"}", ""},
    {"batch_id", ""},
    {"batch_id:", ""},
    {"id=\"", ""},
    {A "x", "uuid:" A},
    {"3f2b8a54-0d7e-4f0c-9a53-6f1d2c4b5a6", ""},
    {"3f2b8a54-0d7e-4f0c-9a53-6f1d2c4b5a6g", ""},
};

LOOP_TEST(found_ids_are_members_by_name_then_uuids, texts)
{
    ck_assert_str_eq(found_in(texts[_i].text, strlen(texts[_i].text)), texts[_i].found);
}

TEST(found_ids_may_surround_any_bytes)
{
    static const char text[] = "\0\xFF{\"task_id\":\"t1\"}\0{\"batch_id\":\"b\0x\"}";

    ck_assert_str_eq(found_in(text, sizeof text - 1), "batch:b task:t1");
}

TEST(found_ids_are_at_most_sixteen_and_the_batch_is_among_them)
{
    struct buf text autobuf = BUF_INIT(1 << 20);
    struct openmart_found found = {0};

    for (int i = 0; i < 100; i++)
        buf_addf(&text, "{\"task_id\":\"t%d\"}", i);
    buf_add_str(&text, "{\"batch_id\":\"b1\"}");
    openmart_find_ids(text.data, text.len, &found);
    ck_assert_uint_eq(found.n, OPENMART_FOUND_MAX);
    ck_assert_str_eq(found.ids[0].id, "b1");
    ck_assert_str_eq(found.ids[1].id, "t0");
}

TEST(found_id_of_the_maximum_length_is_used_and_a_longer_one_is_not)
{
    char text[2 * OPENMART_ID_MAX];
    struct openmart_found found = {0};

    snprintf(text, sizeof text, "task_id=");
    memset(text + 8, 'x', OPENMART_ID_MAX + 1);
    openmart_find_ids(text, 8 + OPENMART_ID_MAX + 1, &found);
    ck_assert_uint_eq(found.n, 0);
    openmart_find_ids(text, 8 + OPENMART_ID_MAX, &found);
    ck_assert_uint_eq(found.n, 1);
    ck_assert_uint_eq(strlen(found.ids[0].id), OPENMART_ID_MAX);
}

/* Each name is followed by a value without an end: a reader that reads each to the end of the text
 * needs minutes. */
TEST(found_ids_of_a_text_full_of_names_take_linear_time)
{
    struct buf text autobuf = BUF_INIT(8 << 20);

    while (text.len < (4 << 20))
        buf_add_str(&text, "id:");
    ck_assert_str_eq(found_in(text.data, text.len), "");
}
