/* SPDX-License-Identifier: MIT */
/* test_openmart_parse_task.c - tests what is read from the response about a task: the documented
 * format, the formats of sibling routes and of other clients, damaged ones, and hostile ones. */
#include "client/openmart/openmart_parse.h"

#include "base/mem.h"
#include "tests/unit/transport_fixture.h"

#include "tests/support/suite.h"
#include <stdlib.h>
#include <string.h>

#define ID_64      "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define DIGITS_64  "1234567890123456789012345678901234567890123456789012345678901234"
#define FFFD       "\xEF\xBF\xBD"
#define FOUND      "{\"status\":\"COMPLETED\",\"data\":["
#define MAIL_A     "{\"email\":\"a@x.com\",\"status\":\"VALID\"}"
#define UNREADABLE "(unreadable)"

/* 70 levels; the limit is 64. */
#define TEN(x)     x x x x x x x x x x
#define SEVENTY(x) TEN(x) TEN(x) TEN(x) TEN(x) TEN(x) TEN(x) TEN(x)
#define DEEP(x)    SEVENTY("[") x SEVENTY("]")

/* --- The documented format -------------------------------------------------------------------- */

static const struct task_row {
    const char *name, *body;
    const char *emails; /* "address/status " for each; NULL: an error */
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
    {"S10 a final word of its own", "{\"status\":\"SUCCEEDED\",\"data\":[" MAIL_A "]}",
     "a@x.com/VALID ", OPENMART_STATE_OTHER, 0, ""},
    {"S10 another case", "{\"status\":\"completed\",\"data\":[" MAIL_A "]}", "a@x.com/VALID ",
     OPENMART_COMPLETED, 0, ""},
    {"errored", "{\"status\":\"ERRORED\"}", "", OPENMART_ERRORED, 0, ""},
    {"errored, with a reason for data", "{\"status\":\"ERRORED\",\"data\":{\"error\":\"x\"}}", "",
     OPENMART_ERRORED, 0, ""},
    {"cancelled", "{\"status\":\"CANCELLED\"}", "", OPENMART_CANCELLED, 0, ""},
    {"S11 data an object", "{\"status\":\"COMPLETED\",\"data\":{}}", UNREADABLE, OPENMART_COMPLETED,
     0, ""},
    {"S11 data a string", "{\"status\":\"COMPLETED\",\"data\":\"none\"}", UNREADABLE,
     OPENMART_COMPLETED, 0, ""},
    {"S11 data a number", "{\"status\":\"COMPLETED\",\"data\":0}", UNREADABLE, OPENMART_COMPLETED,
     0, ""},
    {"S11 data false", "{\"status\":\"COMPLETED\",\"data\":false}", UNREADABLE, OPENMART_COMPLETED,
     0, ""},
    {"no status, but addresses", "{\"tracking_id\":\"m\",\"data\":[" MAIL_A "]}", "a@x.com/VALID ",
     OPENMART_STATE_OTHER, 0, "m"},
    {"no status", "{\"tracking_id\":\"m\",\"data\":[]}", UNREADABLE, OPENMART_STATE_OTHER, 0, "m"},
    {"status a number", "{\"status\":1,\"data\":null}", UNREADABLE, OPENMART_STATE_OTHER, 0, ""},
    {"an empty array", "[]", UNREADABLE, OPENMART_STATE_OTHER, 0, ""},
    {"null", "null", UNREADABLE, OPENMART_STATE_OTHER, 0, ""},
    {"an error with 200", "{\"detail\":\"try later\"}", UNREADABLE, OPENMART_STATE_OTHER, 0, ""},
    {"empty", "", NULL, 0, 0, NULL},
    {"HTML", "<html></html>", NULL, 0, 0, NULL},
    {"cut", FOUND MAIL_A, NULL, 0, 0, NULL},
    {"S13 no email", FOUND "{\"status\":\"VALID\"}," MAIL_A "]}", "a@x.com/VALID ",
     OPENMART_COMPLETED, 1, ""},
    {"S13 email null, empty, a number",
     FOUND "{\"email\":null},{\"email\":\"\"},{\"email\":7}," MAIL_A "]}", "a@x.com/VALID ",
     OPENMART_COMPLETED, 3, ""},
    {"S13 email an object, as in people tasks",
     FOUND "{\"email\":{\"email\":\"p@x.com\",\"verified\":true}}]}", "p@x.com/UNKNOWN ",
     OPENMART_COMPLETED, 0, ""},
    {"S13 entries that are no objects", FOUND "\"b@x.com\",null,7,[]," MAIL_A "]}",
     "b@x.com/UNKNOWN a@x.com/VALID ", OPENMART_COMPLETED, 3, ""},
    {"S13 CR and LF", FOUND "{\"email\":\"a@x.com\\r\\nBcc: b@x.com\"}]}", UNREADABLE,
     OPENMART_COMPLETED, 0, ""},
    {"S13 a raw line break", FOUND "{\"email\":\"a\n@x.com\"}," MAIL_A "]}", "a@x.com/VALID ",
     OPENMART_COMPLETED, 1, ""},
    {"S13 NUL", FOUND "{\"email\":\"b@x.com\\u0000\"}," MAIL_A "]}", "a@x.com/VALID ",
     OPENMART_COMPLETED, 1, ""},
    {"S13 bad UTF-8", FOUND "{\"email\":\"b\xFF@x.com\"}," MAIL_A "]}", "a@x.com/VALID ",
     OPENMART_COMPLETED, 1, ""},
    {"S13 half a surrogate", FOUND "{\"email\":\"b\\ud83d@x.com\"}," MAIL_A "]}", "a@x.com/VALID ",
     OPENMART_COMPLETED, 1, ""},
    {"S13 C1 and separators",
     FOUND "{\"email\":\"b\xC2\x85@x.com\"},{\"email\":\"b\xE2\x80\xA8@x.com\"}]}", UNREADABLE,
     OPENMART_COMPLETED, 0, ""},
    {"S13 markup", FOUND "{\"email\":\"<script>a@b</script>\"}," MAIL_A "]}", "a@x.com/VALID ",
     OPENMART_COMPLETED, 1, ""},
    {"S13 no address",
     FOUND
     "{\"email\":\"n/a\"},{\"email\":\"@x.com\"},{\"email\":\"a@\"},{\"email\":\"a @x.com\"}]}",
     UNREADABLE, OPENMART_COMPLETED, 0, ""},
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
    buf_add_str(out, task->unreadable ? UNREADABLE : "");
    for (size_t i = 0; i < task->n_emails; i++)
        buf_addf(out, "%s/%s ", task->emails[i].email, task->emails[i].status);
}

static void check_task(const struct task_row *row)
{
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

LOOP_TEST(parse_task_is_read_entry_by_entry, tasks)
{
    check_task(&tasks[_i]);
}

/* --- Other formats ---------------------------------------------------------------------------- */

#define TASK_M "\"task_id\":\"t\",\"status\":\"COMPLETED\",\"tracking_id\":\"m\""
#define DONE_M "{" TASK_M ",\"data\":"
#define READS  "a@x.com/VALID ", OPENMART_COMPLETED, 0, "m"
#define BARE   "a@x.com/UNKNOWN ", OPENMART_COMPLETED, 0, "m"
#define NONE   "", OPENMART_COMPLETED, 0, "m"
#define LOST   UNREADABLE, OPENMART_COMPLETED, 0, "m"

static const struct task_row variants[] = {
    {"addresses as strings", DONE_M "[\"a@x.com\"]}", BARE},
    {"address in place of email", DONE_M "[{\"address\":\"a@x.com\",\"status\":\"VALID\"}]}",
     READS},
    {"both, and only one is an address",
     DONE_M "[{\"address\":\"a@x.com\",\"email\":\"n/a\",\"status\":\"VALID\"}]}", READS},
    {"email an object with its own status",
     DONE_M "[{\"email\":{\"email\":\"a@x.com\",\"status\":\"VALID\"}}]}", READS},
    {"data an object with one list", DONE_M "{\"emails\":[" MAIL_A "]}}", READS},
    {"data an object with one list, by another name", DONE_M "{\"n\":1,\"found\":[" MAIL_A "]}}",
     READS},
    {"data an object with a list that is not of addresses",
     DONE_M "{\"phones\":[\"+1 555\"],\"found\":[" MAIL_A "]}}", READS},
    {"data an object with two lists of addresses",
     DONE_M "{\"found\":[" MAIL_A "],\"rejected\":[\"b@x.com\"]}}", LOST},
    {"data an object with two lists, one with a known name",
     DONE_M "{\"emails\":[" MAIL_A "],\"rejected\":[\"b@x.com\"]}}", READS},
    {"data one entry", DONE_M MAIL_A "}", READS},
    {"data one address", DONE_M "\"a@x.com\"}", BARE},
    {"data two levels down", DONE_M "{\"result\":{\"emails\":[" MAIL_A "]}}}", READS},
    {"result", "{" TASK_M ",\"result\":[" MAIL_A "]}", READS},
    {"results", "{" TASK_M ",\"results\":[" MAIL_A "]}", READS},
    {"emails", "{" TASK_M ",\"emails\":[" MAIL_A "]}", READS},
    {"emails beside an empty data", DONE_M "[],\"emails\":[" MAIL_A "]}", READS},
    {"another name", "{" TASK_M ",\"mailboxes\":[" MAIL_A "]}", READS},
    {"another name beside null", DONE_M "null,\"mailboxes\":[" MAIL_A "]}", READS},
    {"another name beside an empty list", DONE_M "[],\"suppressed\":[" MAIL_A "]}", NONE},
    {"inside data", "{\"status\":\"success\",\"data\":" DONE_M "[" MAIL_A "]}}", READS},
    {"inside result", "{\"result\":" DONE_M "[" MAIL_A "]}}", READS},
    {"inside task, beside the addresses", "{\"task\":{" TASK_M "},\"data\":[" MAIL_A "]}", READS},
    {"inside an array", "[" DONE_M "[" MAIL_A "]}]", READS},
    {"tracking id in the echo of the request",
     "{\"status\":\"COMPLETED\",\"request\":{\"tracking_id\":\"m\"},\"data\":[" MAIL_A "]}", READS},
    {"only the addresses", "[" MAIL_A "]", "a@x.com/VALID ", OPENMART_STATE_OTHER, 0, ""},
    {"NaN and Infinity",
     DONE_M "[{\"score\":NaN,\"email\":\"a@x.com\",\"status\":\"VALID\",\"rank\":-Infinity}],"
            "\"ms\":Infinity}",
     READS},
    {"a byte order mark", "\xEF\xBB\xBF" DONE_M "[" MAIL_A "]}", READS},
    {"a number of 80 digits", DONE_M "[" MAIL_A "],\"n\":" DIGITS_64 "0123456789012345}", READS},
    {"a neighbour nested too deeply", DONE_M "[" MAIL_A "],\"x\":" DEEP("\"]\"") "}", READS},
    {"an entry nested too deeply", DONE_M "[" DEEP("") "," MAIL_A "]}", "a@x.com/VALID ",
     OPENMART_COMPLETED, 1, "m"},

    {"an empty list in an object", DONE_M "{\"emails\":[]}}", NONE},
    {"an empty list and its length in an object", DONE_M "{\"emails\":[],\"total\":0}}", NONE},
    {"an empty list inside a task inside an object", "{\"data\":" DONE_M "[]},\"meta\":{\"v\":1}}",
     NONE},
    {"an empty list by another name", "{" TASK_M ",\"results\":[]}", NONE},
    {"an empty list beside something else", DONE_M "[],\"meta\":{\"v\":1}}", NONE},
    {"null beside something else", DONE_M "null,\"meta\":{\"v\":1}}", NONE},
    {"scalars only", "{" TASK_M ",\"price\":1,\"note\":\"x\"}", NONE},

    {"entries without an address", DONE_M "[{\"mail\":\"a@x.com\"}]}", LOST},
    {"entries null", DONE_M "[null]}", LOST},
    {"an unknown word, entries without an address",
     "{\"status\":\"SUCCEEDED\",\"tracking_id\":\"m\",\"data\":[1]}", UNREADABLE,
     OPENMART_STATE_OTHER, 0, "m"},
    {"an object by another name", "{" TASK_M ",\"payload\":{\"x\":1}}", LOST},
    {"an address by another name", "{" TASK_M ",\"email\":\"a@x.com\"}", LOST},
    {"an unusable list beside an empty one", DONE_M "[],\"results\":[1]}", LOST},
    {"addresses in one text by another name", "{" TASK_M ",\"mails\":\"a@x.com, b@x.com\"}", LOST},
    {"addresses nested too deeply", DONE_M DEEP(MAIL_A) "}", LOST},
    {"an empty list nested too deeply", DONE_M DEEP("") "}", LOST},
    {"data in data, too deeply", "{" TASK_M "," SEVENTY("\"data\":{") SEVENTY("}") "}", LOST},
    {"a task nested too deeply", DEEP(DONE_M "[" MAIL_A "]}"), UNREADABLE, OPENMART_STATE_OTHER, 0,
     ""},
    {"nested too deeply, and cut", DONE_M SEVENTY("["), NULL, 0, 0, NULL},
    {"processing, with something in data",
     "{\"status\":\"PROCESSING\",\"tracking_id\":\"m\",\"data\":{\"percent\":7}}", "",
     OPENMART_PROCESSING, 0, "m"},
    {"errored, with entries", "{\"status\":\"ERRORED\",\"data\":[{\"reason\":\"x\"}]}", "",
     OPENMART_ERRORED, 0, ""},
};

LOOP_TEST(parse_task_in_another_format_loses_nothing, variants)
{
    check_task(&variants[_i]);
}

/* --- Blanks around addresses ------------------------------------------------------------------ */

static const char *const padded[] = {
    " a@x.com",
    "a@x.com ",
    "\\ta@x.com\\t",
    "\\u00a0a@x.com\\u00a0",
    "\\u200ba@x.com",
    "a@x.com\\u200b",
    "\\ufeffa@x.com\\ufeff",
    "a@x.com\\r\\n",
    "\ta@x.com\n",
    "\xC2\xA0 a@x.com",
    "a@x.com\xE2\x80\x8B",
    "\\u00ad\\u3000a@x.com\\u2060",
    "mailto:a@x.com",
    "MailTo: a@x.com ",
    "\\u200bmailto:\\ta@x.com\\ufeff",
};

LOOP_TEST(parse_address_is_read_without_the_blanks_around_it, padded)
{
    struct openmart_task_answer got = {0};
    struct buf body autobuf = BUF_INIT(1024);

    buf_addf(&body, FOUND "\"%s\",{\"email\":\"%s\"}]}", padded[_i], padded[_i]);
    ck_assert_int_eq(openmart_parse_task(buf_str(&body), body.len, &got), ERR_OK);
    ck_assert_uint_eq(got.task.n_emails, 2);
    ck_assert_str_eq(got.task.emails[0].email, "a@x.com");
    ck_assert_str_eq(got.task.emails[1].email, "a@x.com");
    openmart_task_done(&got);
}

/* --- Limits ----------------------------------------------------------------------------------- */

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
