/* SPDX-License-Identifier: MIT */
/* openmart_parse.h - parses Openmart's five responses and the details of its rejections.
 *
 * Credits were spent on these responses, so whatever can be understood with certainty is used: a
 * value of another JSON type, at another level, under another name. What cannot is reported as
 * unreadable, and never as an empty result. Damaged text (bad UTF-8, NUL, control bytes, half
 * surrogates) and what is nested too deeply is replaced first, so that a damaged value becomes
 * unusable, but not the whole response.
 *
 * Pure functions; any thread. They return ERR_SYNTAX or ERR_TOO_BIG for an unusable response. */
#ifndef CLIENT_OPENMART_OPENMART_PARSE_H
#define CLIENT_OPENMART_OPENMART_PARSE_H

#include "base/err.h"
#include "base/json.h"
#include "client/openmart/openmart_id.h"
#include "client/openmart/openmart_sanitize.h"
#include "client/openmart/openmart_types.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OPENMART_IDS_MAX 1000 /* entries read of a list; ten times what a batch can hold */

/* Parses the response to a submit: a batch id as in openmart_id.h, at the top level or in an object
 * at a known place. `ret_id` holds OPENMART_ID_MAX + 1 bytes. */
enum err openmart_parse_submit(const char *body, size_t len, char *ret_id);

/* Parse the status of a batch, and the balance in credits. Numbers may be strings of digits. An
 * object without any of the members is a status that is not `known`. */
enum err openmart_parse_counts(const char *body, size_t len, struct openmart_counts *ret_counts);
enum err openmart_parse_balance(const char *body, size_t len, int64_t *ret_balance);

/* Ids point into `text`. The caller calls openmart_ids_done(), a no-op on a zeroed struct. */
struct openmart_ids {
    char *text;
    const char **ids;
    size_t n;
};

/* Parses a list of task ids (openmart_id.h), without repeats; at most OPENMART_IDS_MAX entries are
 * read. */
enum err openmart_parse_ids(const char *body, size_t len, struct openmart_ids *ret_ids);
void openmart_ids_done(struct openmart_ids *ids);

/* The strings of `task` point into `doc` and `copies`. The caller calls openmart_task_done(), as
 * above. */
struct openmart_task_answer {
    struct json *doc;
    struct openmart_email *emails;
    char *copies; /* of addresses with something behind them; NULL = none */
    struct openmart_task task;
};

/* Parses one task with its addresses. JSON that is not a task is OPENMART_STATE_OTHER and
 * unreadable. */
enum err openmart_parse_task(const char *body, size_t len, struct openmart_task_answer *ret_answer);
void openmart_task_done(struct openmart_task_answer *answer);

/* Extracts the reason of a rejection from the known formats; "" if the body is not JSON or contains
 * no reason (HTML is not echoed). Sanitized and limited by openmart_clean(): `ret_detail` holds
 * OPENMART_DETAIL_TEXT bytes. Returns whether the body is a rejection by Openmart: JSON with a
 * reason, or an object with any `detail`. */
bool openmart_parse_detail(const char *body, size_t len, const char *key, char *ret_detail);

#endif
