/* SPDX-License-Identifier: MIT */
/* test_openmart_parse.c - tests which upstream responses are usable and what is read from them:
 * the documented shapes, the shapes that clients have met or guard against, and hostile ones. */
#include "client/openmart/openmart_parse.h"

#include "base/mem.h"
#include "tests/unit/transport_fixture.h"

#include "tests/support/suite.h"
#include <stdlib.h>
#include <string.h>

#define ID_64  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define FFFD   "\xEF\xBF\xBD"
#define FOUND  "{\"status\":\"COMPLETED\",\"data\":["
#define MAIL_A "{\"email\":\"a@x.com\",\"status\":\"VALID\"}"

/* --- Ids -------------------------------------------------------------------------------------- */

static const struct {
    const char *id;
    bool ok;
} ids[] = {
    {"2fc8b627-1111-2222-3333-123456789abc", true},
    {"a", true},
    {"A_z-09", true},
    {ID_64, true},
    {ID_64 "0", false},
    {"", false},
    {"a b", false},
    {"a/b", false},
    {"..", false},
    {"a%2e", false},
    {"a?b", false},
    {"a#b", false},
    {"a\nb", false},
    {"\xC3\xA9", false},
};

LOOP_TEST(parse_id_is_valid_only_if_safe_in_a_path, ids)
{
    ck_assert_msg(openmart_id_ok(ids[_i].id) == ids[_i].ok, "%s", ids[_i].id);
}

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
    {"64 characters", "{\"batch_id\":\"" ID_64 "\"}", ID_64},
    {"a damaged neighbour", "{\"x\":\"\xFF\\u0000\",\"batch_id\":\"b\"}", "b"},
    {"white space around it", "\r\n {\"batch_id\":\"b\"}\n", "b"},
    {"no id", "{}", NULL},
    {"null", "{\"batch_id\":null}", NULL},
    {"a number", "{\"batch_id\":7}", NULL},
    {"an empty id", "{\"batch_id\":\"\"}", NULL},
    {"65 characters", "{\"batch_id\":\"" ID_64 "0\"}", NULL},
    {"a path", "{\"batch_id\":\"../../v2\"}", NULL},
    {"an escaped path", "{\"batch_id\":\"a\\u002fb\"}", NULL},
    {"percent", "{\"batch_id\":\"a%2eb\"}", NULL},
    {"a NUL", "{\"batch_id\":\"a\\u0000b\"}", NULL},
    {"another case", "{\"Batch_ID\":\"b\"}", NULL},
    {"another level", "{\"data\":{\"batch_id\":\"b\"}}", NULL},
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
     {0, 1, 2, 3, true}},
    {"{\"status\":{\"processing\":3,\"completed\":2,\"errored\":1,\"total\":6,\"batch_ready\":true}"
     "}",
     {3, 2, 1, 6, true}},
    {"{\"data\":{\"processing\":1,\"total\":1,\"batch_ready\":true}}", {1, 0, 0, 1, true}},
    {"{\"batch_ready\":false,\"status\":{\"batch_ready\":true}}", {0, 0, 0, 0, false}},
    {"{\"status\":{\"batch_ready\":false},\"data\":{\"batch_ready\":true}}", {0, 0, 0, 0, false}},
    {"{\"status\":\"ok\",\"data\":{\"batch_ready\":true}}", {0, 0, 0, 0, true}},
    {"{\"batch_ready\":\"true\"}", {0, 0, 0, 0, false}},
    {"{\"batch_ready\":1}", {0, 0, 0, 0, false}},
    {"{\"batch_ready\":null}", {0, 0, 0, 0, false}},
    {"{\"Batch_Ready\":true}", {0, 0, 0, 0, false}},
    {"{}", {0, 0, 0, 0, false}},
    {"{\"processing\":-5,\"completed\":1e300,\"errored\":\"7\",\"total\":1000001}",
     {0, 1000000, 0, 1000000, false}},
    {"{\"completed\":2.9,\"extra\":[]}", {0, 2, 0, 0, false}},
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
    static const char *const unusable[] = {"{}", "{\"balance\":null}", "{\"balance\":\"7\"}", "7"};
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
    {"[\"t1\",7,null,{},[],\"\",\"a/b\",\"\xC3\xA9\",\"" ID_64 "0\",\"t2\"]", "t1 t2 "},
    {"[\"bad\\u0000id\",\"t1\"]", "t1 "},
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

/* --- Task ------------------------------------------------------------------------------------- */

static const struct task_row {
    const char *name, *body;
    const char *emails; /* "address/status " for each; NULL: unusable */
    enum openmart_state state;
    size_t n_dropped;
    const char *tracking_id;
} tasks[] = {
    {"documented",
     "{\"task_id\":\"t\",\"status\":\"COMPLETED\",\"tracking_id\":\"m\",\"data\":[{\"email\":"
     "\"info@x.com\",\"status\":\"VALID\"},{\"email\":\"support@x.com\",\"status\":\"VALID\"}]}",
     "info@x.com/VALID support@x.com/VALID ", OPENMART_COMPLETED, 0, "m"},
    {"nothing found: []", FOUND "]}", "", OPENMART_COMPLETED, 0, ""},
    {"nothing found: null", "{\"status\":\"COMPLETED\",\"data\":null}", "", OPENMART_COMPLETED, 0,
     ""},
    {"nothing found: absent", "{\"status\":\"COMPLETED\"}", "", OPENMART_COMPLETED, 0, ""},
    {"S9 tracking id null", "{\"status\":\"COMPLETED\",\"tracking_id\":null}", "",
     OPENMART_COMPLETED, 0, ""},
    {"S9 tracking id a number", "{\"status\":\"COMPLETED\",\"tracking_id\":7}", "",
     OPENMART_COMPLETED, 0, ""},
    {"S9 tracking id damaged", "{\"status\":\"COMPLETED\",\"tracking_id\":\"a\\u0000b\"}", "",
     OPENMART_COMPLETED, 0, "a" FFFD "b"},
    {"S10 still processing", "{\"status\":\"PROCESSING\",\"tracking_id\":\"m\",\"data\":null}", "",
     OPENMART_PROCESSING, 0, "m"},
    {"S10 a word of its own", "{\"status\":\"FAILED\"}", "", OPENMART_STATE_OTHER, 0, ""},
    {"S10 another case", "{\"status\":\"completed\",\"data\":[" MAIL_A "]}", "a@x.com/VALID ",
     OPENMART_COMPLETED, 0, ""},
    {"errored", "{\"status\":\"ERRORED\"}", "", OPENMART_ERRORED, 0, ""},
    {"errored, with a reason for data", "{\"status\":\"ERRORED\",\"data\":{\"error\":\"x\"}}", "",
     OPENMART_ERRORED, 0, ""},
    {"cancelled", "{\"status\":\"CANCELLED\"}", "", OPENMART_CANCELLED, 0, ""},
    {"S11 data an object", "{\"status\":\"COMPLETED\",\"data\":{}}", NULL, 0, 0, NULL},
    {"S11 data a string", "{\"status\":\"COMPLETED\",\"data\":\"a@x.com\"}", NULL, 0, 0, NULL},
    {"S11 data a number", "{\"status\":\"COMPLETED\",\"data\":0}", NULL, 0, 0, NULL},
    {"S11 data false", "{\"status\":\"COMPLETED\",\"data\":false}", NULL, 0, 0, NULL},
    {"no status", "{\"data\":[" MAIL_A "]}", NULL, 0, 0, NULL},
    {"status a number", "{\"status\":1,\"data\":[" MAIL_A "]}", NULL, 0, 0, NULL},
    {"an array", "[]", NULL, 0, 0, NULL},
    {"null", "null", NULL, 0, 0, NULL},
    {"empty", "", NULL, 0, 0, NULL},
    {"HTML", "<html></html>", NULL, 0, 0, NULL},
    {"cut", FOUND MAIL_A, NULL, 0, 0, NULL},
    {"S13 no email", FOUND "{\"status\":\"VALID\"}," MAIL_A "]}", "a@x.com/VALID ",
     OPENMART_COMPLETED, 1, ""},
    {"S13 email null, empty, a number",
     FOUND "{\"email\":null},{\"email\":\"\"},{\"email\":7}," MAIL_A "]}", "a@x.com/VALID ",
     OPENMART_COMPLETED, 3, ""},
    {"S13 email an object, as in people tasks",
     FOUND "{\"email\":{\"email\":\"p@x.com\",\"verified\":true}}]}", "", OPENMART_COMPLETED, 1,
     ""},
    {"S13 entries that are no objects", FOUND "\"b@x.com\",null,7,[]," MAIL_A "]}",
     "a@x.com/VALID ", OPENMART_COMPLETED, 4, ""},
    {"S13 CR and LF", FOUND "{\"email\":\"a@x.com\\r\\nBcc: b@x.com\"}]}", "", OPENMART_COMPLETED,
     1, ""},
    {"S13 a raw line break", FOUND "{\"email\":\"a\n@x.com\"}," MAIL_A "]}", "a@x.com/VALID ",
     OPENMART_COMPLETED, 1, ""},
    {"S13 NUL", FOUND "{\"email\":\"b@x.com\\u0000\"}," MAIL_A "]}", "a@x.com/VALID ",
     OPENMART_COMPLETED, 1, ""},
    {"S13 bad UTF-8", FOUND "{\"email\":\"b\xFF@x.com\"}," MAIL_A "]}", "a@x.com/VALID ",
     OPENMART_COMPLETED, 1, ""},
    {"S13 half a surrogate", FOUND "{\"email\":\"b\\ud83d@x.com\"}," MAIL_A "]}", "a@x.com/VALID ",
     OPENMART_COMPLETED, 1, ""},
    {"S13 C1 and separators",
     FOUND "{\"email\":\"b\xC2\x85@x.com\"},{\"email\":\"b\xE2\x80\xA8@x.com\"}]}", "",
     OPENMART_COMPLETED, 2, ""},
    {"S13 markup", FOUND "{\"email\":\"<script>a@b</script>\"}," MAIL_A "]}", "a@x.com/VALID ",
     OPENMART_COMPLETED, 1, ""},
    {"S13 no address",
     FOUND
     "{\"email\":\"n/a\"},{\"email\":\"@x.com\"},{\"email\":\"a@\"},{\"email\":\"a @x.com\"}]}",
     "", OPENMART_COMPLETED, 4, ""},
    {"S14 status as it is", FOUND "{\"email\":\"a@x.com\",\"status\":\"Catch-All ~ 7\"}]}",
     "a@x.com/Catch-All ~ 7 ", OPENMART_COMPLETED, 0, ""},
    {"S14 status of 64 bytes", FOUND "{\"email\":\"a@x.com\",\"status\":\"" ID_64 "\"}]}",
     "a@x.com/" ID_64 " ", OPENMART_COMPLETED, 0, ""},
    {"S14 status of 65 bytes", FOUND "{\"email\":\"a@x.com\",\"status\":\"" ID_64 "0\"}]}",
     "a@x.com/UNKNOWN ", OPENMART_COMPLETED, 0, ""},
    {"S14 status absent, null, empty, a number",
     FOUND "{\"email\":\"a@x.com\"},{\"email\":\"b@x.com\",\"status\":null},"
           "{\"email\":\"c@x.com\",\"status\":\"\"},{\"email\":\"d@x.com\",\"status\":1}]}",
     "a@x.com/UNKNOWN b@x.com/UNKNOWN c@x.com/UNKNOWN d@x.com/UNKNOWN ", OPENMART_COMPLETED, 0, ""},
    {"S14 status with a line break", FOUND "{\"email\":\"a@x.com\",\"status\":\"A\\nB\"}]}",
     "a@x.com/UNKNOWN ", OPENMART_COMPLETED, 0, ""},
    {"S15 another domain, mixed case, repeats, beyond ASCII",
     FOUND "{\"email\":\"Info@Y.org\"},{\"email\":\"Info@Y.org\"},{\"email\":\"g\xC3\xA9@\xC3\xA9."
           "fr\"}]}",
     "Info@Y.org/UNKNOWN Info@Y.org/UNKNOWN g\xC3\xA9@\xC3\xA9.fr/UNKNOWN ", OPENMART_COMPLETED, 0,
     ""},
};

static void write_emails(struct buf *out, const struct openmart_task *task)
{
    for (size_t i = 0; i < task->n_emails; i++)
        buf_addf(out, "%s/%s ", task->emails[i].email, task->emails[i].status);
}

LOOP_TEST(parse_task_is_read_entry_by_entry, tasks)
{
    const struct task_row *row = &tasks[_i];
    struct openmart_task_answer got = {0};
    struct buf emails autobuf = BUF_INIT(4096);
    enum err err = openmart_parse_task(row->body, strlen(row->body), &got);

    ck_assert_msg((err == ERR_OK) == (row->emails != NULL), "%s: %s", row->name, err_words(err));
    if (row->emails) {
        write_emails(&emails, &got.task);
        ck_assert_msg(strcmp(buf_str(&emails), row->emails) == 0, "%s: %s", row->name,
                      buf_str(&emails));
        ck_assert_msg(got.task.state == row->state, "%s: state %d", row->name, got.task.state);
        ck_assert_msg(got.task.n_dropped == row->n_dropped, "%s: dropped %zu", row->name,
                      got.task.n_dropped);
        ck_assert_msg(strcmp(got.task.tracking_id, row->tracking_id) == 0, "%s: tracking id %s",
                      row->name, got.task.tracking_id);
        ck_assert(!got.task.truncated);
    }
    openmart_task_done(&got);
}

/* Writes a task of `n` entries with different addresses. */
static void parse_task_of(int n, struct openmart_task_answer *ret_answer)
{
    struct buf body autobuf = BUF_INIT(JSON_MAX_BYTES);

    buf_add_str(&body, FOUND "{}");
    for (int i = 0; i < n; i++)
        buf_addf(&body, ",{\"email\":\"m%d@x.com\"}", i);
    buf_add_str(&body, "]}");
    ck_assert_int_eq(openmart_parse_task(buf_str(&body), body.len, ret_answer), ERR_OK);
}

TEST(parse_task_addresses_are_limited)
{
    struct openmart_task_answer full, over;

    parse_task_of(OPENMART_EMAILS_MAX, &full);
    ck_assert_uint_eq(full.task.n_emails, OPENMART_EMAILS_MAX);
    ck_assert(!full.task.truncated);
    parse_task_of(OPENMART_EMAILS_MAX + 1, &over);
    ck_assert_uint_eq(over.task.n_emails, OPENMART_EMAILS_MAX);
    ck_assert(over.task.truncated);
    ck_assert_uint_eq(over.task.n_dropped, 1);
    openmart_task_done(&full);
    openmart_task_done(&over);
}

static size_t kept_of_length(size_t len)
{
    struct openmart_task_answer answer;
    struct buf body autobuf = BUF_INIT(4096);

    buf_add_str(&body, FOUND "{\"email\":\"");
    for (size_t i = 0; i < len - 6; i++)
        buf_add_str(&body, "a");
    buf_add_str(&body, "@x.com\"}]}");
    ck_assert_int_eq(openmart_parse_task(buf_str(&body), body.len, &answer), ERR_OK);
    size_t n = answer.task.n_emails;
    openmart_task_done(&answer);
    return n;
}

TEST(parse_address_length_is_limited)
{
    ck_assert_uint_eq(kept_of_length(320), 1);
    ck_assert_uint_eq(kept_of_length(321), 0);
}

TEST(parse_response_over_the_size_limit_is_unusable)
{
    autofree char *body = fixture_filled(JSON_MAX_BYTES + 1, ' ', "{\"status\":\"COMPLETED\"}");
    struct openmart_task_answer answer = {0};

    ck_assert_int_eq(openmart_parse_task(body, JSON_MAX_BYTES + 1, &answer), ERR_TOO_BIG);
    ck_assert_int_eq(openmart_parse_task(body, JSON_MAX_BYTES, &answer), ERR_OK);
    openmart_task_done(&answer);
}
