/* SPDX-License-Identifier: MIT */
/* openmart_parse.h - reads the five answers of the vendor, and the reasons it gives for a refusal.
 *
 * Tolerant where the vendor leaves something open, strict where a wrong guess could cost: an id
 * must be one that may stand in a path, only JSON true makes a batch ready, and a list of addresses
 * must be a list. Text that is damaged in places (bad UTF-8, NUL, control bytes, half surrogates)
 * is mended first: a damaged string becomes unusable, not the whole answer that was paid for.
 *
 * Pure functions of the bytes that came; any thread. They return ERR_SYNTAX or ERR_TOO_BIG for an
 * answer that cannot be used. */
#ifndef CLIENT_OPENMART_OPENMART_PARSE_H
#define CLIENT_OPENMART_OPENMART_PARSE_H

#include "base/err.h"
#include "base/json.h"
#include "client/openmart/openmart.h"
#include "client/openmart/openmart_sanitize.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OPENMART_IDS_MAX 1000 /* entries of a list looked at; ten times what a batch can hold */

/* [A-Za-z0-9_-]{1,64} */
bool openmart_id_ok(const char *id);

/* `ret_id` holds OPENMART_ID_MAX + 1 bytes. */
enum err openmart_parse_submit(const char *body, size_t len, char *ret_id);

enum err openmart_parse_counts(const char *body, size_t len, struct openmart_counts *ret_counts);
enum err openmart_parse_balance(const char *body, size_t len, int64_t *ret_balance);

/* Ids point into the answer: freed by openmart_ids_done(), to which a zeroed one is fine. */
struct openmart_ids {
    struct json *doc;
    const char **ids;
    size_t n;
};

enum err openmart_parse_ids(const char *body, size_t len, struct openmart_ids *ret_ids);
void openmart_ids_done(struct openmart_ids *ids);

/* The strings of `task` point into the answer: freed by openmart_task_done(), as above. */
struct openmart_task_answer {
    struct json *doc;
    struct openmart_email *emails;
    struct openmart_task task;
};

enum err openmart_parse_task(const char *body, size_t len, struct openmart_task_answer *ret_answer);
void openmart_task_done(struct openmart_task_answer *answer);

/* Why the vendor refused, out of the shapes that its kind of service gives; "" when the body is no
 * JSON or holds no such thing (a page of HTML is not echoed). Cleaned by openmart_clean(), and as
 * long at most. */
void openmart_parse_detail(const char *body, size_t len, const char *key, char *ret_detail);

#endif
