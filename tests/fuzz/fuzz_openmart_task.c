/* SPDX-License-Identifier: MIT */
/* fuzz_openmart_task.c - fuzzes the paid result: the response about one task, up to the bodies
 * that callers get and to what is read back from the store. */
#include "base/mem.h"
#include "base/text.h"
#include "client/openmart/openmart_parse.h"
#include "model/result.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static bool is_line(const char *s, size_t max)
{
    size_t len = strlen(s);

    return len >= 1 && len <= max && text_is_utf8(s, len) && !text_has_control(s, len);
}

static void check_task(const struct openmart_task *task)
{
    FUZZ_WANT(task->state <= OPENMART_STATE_OTHER);
    FUZZ_WANT(text_is_utf8(task->tracking_id, strlen(task->tracking_id)));
    FUZZ_WANT(task->n_emails <= OPENMART_EMAILS_MAX);
    FUZZ_WANT(!task->truncated || task->n_emails == OPENMART_EMAILS_MAX);
    for (size_t i = 0; i < task->n_emails; i++) {
        const char *email = task->emails[i].email;
        FUZZ_WANT(is_line(email, 320) && is_line(task->emails[i].status, 64));
        FUZZ_WANT(strrchr(email, '@') > email && email[strlen(email) - 1] != '@');
        FUZZ_WANT(!strpbrk(email, " <>"));
        FUZZ_WANT(text_trimmed(email, strlen(email)).len == strlen(email));
    }
    FUZZ_WANT(!task->unreadable || task->n_emails == 0);
    FUZZ_WANT(!task->unreadable || task->state == OPENMART_COMPLETED ||
              task->state == OPENMART_STATE_OTHER);
}

static void add_times(struct buf *out, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_add_str(out, s);
}

/* An address is found with every kind of blank around it, beside anything valid, however deep it is
 * nested, in a string or in an object, and also if other members are no JSON. */
static void check_salvage(const char *body, size_t size)
{
    static const char *const blanks[] = {" ", "\\t", "\\u00a0", "\\u200b", "\\ufeff", "mailto:"};
    struct buf text autobuf = BUF_INIT(size + 512);
    struct openmart_task_answer answer = {0};
    struct json *doc = NULL;
    const char *blank = blanks[size % ARRAY_LEN(blanks)];
    const size_t levels = size / ARRAY_LEN(blanks) % 2 ? JSON_MAX_DEPTH : 0;

    if (memmem(body, size, "\xEF\xBB\xBF", 3) || json_parse(body, size, &doc))
        return; /* a byte order mark is valid at the start only */
    json_free(doc);
    buf_addf(&text,
             "{\"status\":\"COMPLETED\",\"tracking_id\":\"m\",\"ms\":NaN,"
             "\"data\":[\"%sa@b.c\",{\"email\":\"%sd@e.f \"}],\"rest\":",
             blank, blank);
    add_times(&text, "[", levels);
    buf_add(&text, body, size);
    add_times(&text, "]", levels);
    buf_add_str(&text, "}");
    FUZZ_WANT(!openmart_parse_task(buf_str(&text), text.len, &answer));
    size_t n = answer.task.n_emails;
    FUZZ_WANT(n == 2 && !answer.task.unreadable);
    FUZZ_WANT(strcmp(answer.task.emails[0].email, "a@b.c") == 0);
    FUZZ_WANT(strcmp(answer.task.emails[1].email, "d@e.f") == 0);
    openmart_task_done(&answer);
}

static size_t count_lines(const struct result_body *body)
{
    size_t n = 0;

    for (size_t i = 0; i < body->len; i++)
        n += body->data[i] == '\n';
    return n;
}

/* One mailbox per line, whatever its address contains. */
static void check_bodies(const struct result *result)
{
    FUZZ_WANT(count_lines(&result->bodies[RESULT_JSON]) == 1);
    FUZZ_WANT(count_lines(&result->bodies[RESULT_TEXT]) == result->n_emails);
    FUZZ_WANT(count_lines(&result->bodies[RESULT_CSV]) == result->n_emails + 1);
    for (int i = 0; i < RESULT_FORMATS; i++)
        FUZZ_WANT(text_is_utf8(result->bodies[i].data, result->bodies[i].len));
}

static void check_result(const struct openmart_task *task)
{
    static const unsigned char key[HASH_SIZE] = {1};
    autofree struct result_email *emails = xcalloc(task->n_emails, sizeof *emails);

    for (size_t i = 0; i < task->n_emails; i++)
        emails[i] = (struct result_email){task->emails[i].email, task->emails[i].status};
    const struct result *result =
        result_new_answer(&(struct result_facts){.key = key,
                                                 .domain = "milvali.com",
                                                 .company_name = "Milvali",
                                                 .emails = emails,
                                                 .n_emails = task->n_emails,
                                                 .fetched_ms = INT64_C(1795432804123),
                                                 .ttl_found_ms = 1000,
                                                 .ttl_empty_ms = 10,
                                                 .truncated = task->truncated});
    FUZZ_WANT(result->n_emails <= task->n_emails && (!task->n_emails || result->n_emails));
    check_bodies(result);
    const struct result_times times = {result->fetched_ms, result->expires_ms};
    const struct result_body *body = &result->bodies[RESULT_JSON];
    const struct result *again = result_from_json(key, body->data, body->len, &times, NULL);
    FUZZ_WANT(again && again->n_emails == result->n_emails);
    for (int i = 0; i < RESULT_FORMATS; i++)
        FUZZ_WANT(strcmp(again->bodies[i].etag, result->bodies[i].etag) == 0);
    result_unref(again);
    result_unref(result);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct openmart_task_answer answer = {0};
    enum err err = openmart_parse_task((const char *)data, size, &answer);

    FUZZ_WANT(err == ERR_OK || err == ERR_SYNTAX);
    FUZZ_WANT((answer.doc != NULL) == (err == ERR_OK));
    if (!err) {
        check_task(&answer.task);
        check_result(&answer.task);
    }
    openmart_task_done(&answer);
    check_salvage((const char *)data, size);
    return 0;
}
