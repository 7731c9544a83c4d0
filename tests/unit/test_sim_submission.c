/* SPDX-License-Identifier: MIT */
/* test_sim_submission.c - tests that the simulator rejects what Openmart rejects, with the same
 * message. */
#include "base/mem.h"
#include "tests/simulator/upstream.h"

#include "base/buf.h"

#include "tests/support/suite.h"

static void expect_rejected(const char *body, const char *detail)
{
    struct submission submission = {.n = 77};
    const char *why = "";

    ck_assert_int_eq(submission_read(body, strlen(body), &submission, &why), ERR_SYNTAX);
    ck_assert_str_eq(why, detail);
    ck_assert_uint_eq(submission.n, 77);
}

static void fill(struct buf *body, const char *task, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        buf_add_str(body, i ? "," : "[");
        buf_add_str(body, task);
    }
    buf_add_str(body, "]");
}

#define GOOD "{\"domain\":\"milvali.com\",\"company_name\":\"Milvali\"}"

TEST(submission_accepts_1_to_100_tasks)
{
    static const size_t sizes[] = {1, 2, 99, 100};

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        autobuf struct buf body = BUF_INIT(JSON_MAX_BYTES);
        struct submission submission;
        const char *why = NULL;
        fill(&body, GOOD, sizes[i]);
        ck_assert_int_eq(submission_read(body.data, body.len, &submission, &why), ERR_OK);
        ck_assert_uint_eq(submission.n, sizes[i]);
        ck_assert_str_eq(submission.tasks[sizes[i] - 1].domain, "milvali.com");
        ck_assert_ptr_null(submission.tasks[0].tracking_id);
        submission_done(&submission);
    }
}

TEST(submission_checks_the_number_of_tasks_before_fields)
{
    autobuf struct buf body = BUF_INIT(JSON_MAX_BYTES);

    expect_rejected("[]", DETAIL_SIZE);
    fill(&body, "{}", 101);
    expect_rejected(body.data, DETAIL_SIZE);
}

TEST(submission_missing_field_has_its_go_name)
{
    expect_rejected("[{}]", "Domain is required");
    expect_rejected("[null]", "Domain is required");
    expect_rejected("[{\"domain\":\"\",\"company_name\":\"x\"}]", "Domain is required");
    expect_rejected("[{\"domain\":null,\"company_name\":\"x\"}]", "Domain is required");
    expect_rejected("[{\"domain\":\"a.com\"}]", "CompanyName is required");
    expect_rejected("[{\"domain\":\"a.com\",\"company_name\":\"\"}]", "CompanyName is required");
}

TEST(submission_one_invalid_task_rejects_all)
{
    expect_rejected("[" GOOD ",{\"domain\":\"a.com\"}," GOOD "]", "CompanyName is required");
}

TEST(submission_wrong_type_precedes_missing_field)
{
    expect_rejected("[{},{\"domain\":1}]", DETAIL_TYPE);
    expect_rejected("[7]", DETAIL_TYPE);
    expect_rejected("{\"tasks\":[]}", DETAIL_ARRAY);
    expect_rejected("[" GOOD, DETAIL_JSON);
    expect_rejected("", DETAIL_JSON);
}

TEST(submission_notify_url_is_a_url_or_empty)
{
#define WITH_URL(url) "[{\"domain\":\"a\",\"company_name\":\"b\",\"notify_url\":\"" url "\"}]"
    static const char *const good[] = {WITH_URL(""), WITH_URL("https://a.com/x?y=1")};

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct submission submission;
        const char *why = NULL;
        ck_assert_int_eq(submission_read(good[i], strlen(good[i]), &submission, &why), ERR_OK);
        submission_done(&submission);
    }
    expect_rejected(WITH_URL("a.com"), DETAIL_URL);
    expect_rejected(WITH_URL("://a.com"), DETAIL_URL);
    expect_rejected(WITH_URL("https://"), DETAIL_URL);
    expect_rejected(WITH_URL("https://a b"), DETAIL_URL);
}
