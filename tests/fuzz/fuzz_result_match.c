/* SPDX-License-Identifier: MIT */
/* fuzz_result_match.c - fuzzes the search for a tracking id in a response that is not understood,
 * against a search for each whole quoted id.
 *
 * The first byte says how many tasks are open; the rest is the response. */
#include "base/id.h"
#include "base/mem.h"
#include "lookup/batching/result_match.h"
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <string.h>
#include <utlist.h>

#define TASKS 4

/* Returns whether the body contains the id between quotes; the second may be escaped. */
static bool has_quoted(const char *body, size_t len, const char *id)
{
    for (size_t i = 0; i + ID_LEN + 2 <= len; i++)
        if (body[i] == '"' && memcmp(body + i + 1, id, ID_LEN) == 0 &&
            (body[i + 1 + ID_LEN] == '"' || body[i + 1 + ID_LEN] == '\\'))
            return true;
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct task tasks[TASKS] = {0}, *open = NULL;
    const struct openmart_task task = {.tracking_id = ""};
    struct task *expected = NULL;
    size_t n_found = 0;

    if (!size)
        return 0;
    size_t n = 2 + data[0] % (TASKS - 1);
    const struct task_result result = {
        .task_id = "t", .task = &task, .body = (const char *)data + 1, .body_len = size - 1};
    for (size_t i = 0; i < n; i++) {
        memset(tasks[i].tracking_id, 'a' + (int)i, ID_LEN);
        DL_APPEND(open, &tasks[i]);
        if (has_quoted(result.body, result.body_len, tasks[i].tracking_id)) {
            expected = &tasks[i];
            n_found++;
        }
    }
    FUZZ_WANT(result_match(open, n, &result) == (n_found == 1 ? expected : NULL));
    return 0;
}
