/* SPDX-License-Identifier: MIT */
/* test_sim_api.c - tests which call of the simulator a path is, and which calls a fault applies
 * to. */
#include "base/mem.h"
#include "tests/simulator/faults.h"

#include "tests/support/suite.h"

#include <stdlib.h>

/* ---- paths ---- */

static void expect_id(const char *path, enum call_kind kind, const char *id)
{
    struct api_call call = {0};

    api_route(&call, "GET", path);
    ck_assert_int_eq(call.kind, kind);
    ck_assert_pstr_eq(call.id, id);
    free(call.id);
}

TEST(route_decodes_the_id)
{
    expect_id("/api/v1/task/batch/b%3A1%2F..%2f%25+x/status", CALL_STATUS, "b:1/../%+x");
}

TEST(route_keeps_what_is_not_an_escape)
{
    expect_id("/api/v1/task/100%", CALL_TASK, "100%");
    expect_id("/api/v1/task/%zz%4", CALL_TASK, "%zz%4");
    expect_id("/api/v1/task/%41", CALL_TASK, "A");
}

TEST(route_with_another_segment_is_unknown)
{
    expect_id("/api/v1/task/batch/a/b/status", CALL_OTHER, NULL);
    expect_id("/api/v1/task/", CALL_OTHER, NULL);
}

/* ---- faults ---- */

static struct upstream no_batches;

static void add(struct faults *faults, const char *text)
{
    const char *why = "";
    uint64_t n = 0;

    ck_assert_msg(faults_add(faults, text, strlen(text), &n, &why) == ERR_OK, "%s: %s", text, why);
}

static bool meets(struct faults *faults, enum call_kind kind)
{
    struct api_call call = {.kind = kind};
    struct fault *fault = faults_meet(faults, &no_batches, &call);

    fault_unref(fault);
    return fault != NULL;
}

TEST(fault_on_reads_applies_to_the_three_reads_of_a_batch)
{
    struct faults faults = {0};

    add(&faults, "{\"on\":\"read\",\"times\":-1,\"fault\":{\"kind\":\"hang\"}}");
    ck_assert(meets(&faults, CALL_STATUS) && meets(&faults, CALL_TASK_IDS));
    ck_assert(meets(&faults, CALL_TASK));
    ck_assert(!meets(&faults, CALL_SUBMIT) && !meets(&faults, CALL_BALANCE));
    ck_assert(!meets(&faults, CALL_OTHER));
    faults_clear(&faults);
}

TEST(fault_of_one_batch_ignores_calls_without_a_batch)
{
    struct faults faults = {0};

    add(&faults, "{\"batch_with\":\"a.com\",\"times\":-1,\"fault\":{\"kind\":\"hang\"}}");
    ck_assert(!meets(&faults, CALL_BALANCE) && !meets(&faults, CALL_STATUS));
    ck_assert(!meets(&faults, CALL_SUBMIT));
    faults_clear(&faults);
}

TEST(fault_with_an_unknown_coding_is_rejected)
{
    static const char text[] = "{\"fault\":{\"kind\":\"body\",\"coding\":\"zstd\"}}";
    struct faults faults = {0};
    const char *why = "";
    uint64_t n = 0;

    ck_assert_int_eq(faults_add(&faults, text, strlen(text), &n, &why), ERR_SYNTAX);
    ck_assert_str_eq(why, "coding");
    ck_assert_ptr_null(faults.queue);
}
