/* SPDX-License-Identifier: MIT */
/* validate.c - see validate.h. */
#include "tests/simulator/validate.h"

#include "base/mem.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

static const struct {
    const char *key;
    size_t offset;
} fields[] = {
    {"domain", offsetof(struct wanted, domain)},
    {"company_name", offsetof(struct wanted, company_name)},
    {"city", offsetof(struct wanted, city)},
    {"state", offsetof(struct wanted, state)},
    {"country", offsetof(struct wanted, country)},
    {"tracking_id", offsetof(struct wanted, tracking_id)},
    {"notify_url", offsetof(struct wanted, notify_url)},
};

/* An absent or null field stays NULL, as do all fields of a null task; other types do not bind. */
static enum err bind_task(const struct json *value, struct wanted *task)
{
    *task = (struct wanted){0};
    if (!json_is_object(value))
        return json_is_null(value) ? ERR_OK : ERR_SYNTAX;
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        const struct json *member = json_get(value, fields[i].key);
        const char *text = json_string(member);
        if (member && !text && !json_is_null(member))
            return ERR_SYNTAX;
        memcpy((char *)task + fields[i].offset, &text, sizeof(text));
    }
    return ERR_OK;
}

/* All must bind, also those beyond the limit: binding comes first. */
static const char *bind_all(struct submission *submission)
{
    struct wanted beyond;

    if (!json_is_array(submission->doc))
        return DETAIL_ARRAY;
    for (const struct json *value = json_first(submission->doc); value; value = json_next(value)) {
        bool fits = submission->n < SUBMISSION_MAX;
        if (bind_task(value, fits ? &submission->tasks[submission->n] : &beyond) != ERR_OK)
            return DETAIL_TYPE;
        submission->n++;
    }
    return NULL;
}

/* Requires scheme, "://" and more text: about what Go's validator does for the tag `url`. */
static bool is_url(const char *text)
{
    const char *rest = strstr(text, "://");

    if (!rest || rest == text || !isalpha((unsigned char)text[0]))
        return false;
    for (const char *s = text; s < rest; s++)
        if (!isalnum((unsigned char)*s) && !strchr("+-.", *s))
            return false;
    return rest[3] && !strpbrk(rest + 3, " \t\r\n");
}

static bool given(const char *text)
{
    return text && *text;
}

static const char *check_task(const struct wanted *task)
{
    if (!given(task->domain))
        return "Domain is required";
    if (!given(task->company_name))
        return "CompanyName is required";
    if (given(task->notify_url) && !is_url(task->notify_url))
        return DETAIL_URL;
    return NULL;
}

static const char *find_fault(struct submission *submission)
{
    const char *detail = bind_all(submission);

    if (detail)
        return detail;
    if (submission->n < 1 || submission->n > SUBMISSION_MAX)
        return DETAIL_SIZE;
    for (size_t i = 0; i < submission->n; i++) {
        detail = check_task(&submission->tasks[i]);
        if (detail)
            return detail;
    }
    return NULL;
}

enum err submission_read(const char *body, size_t len, struct submission *ret_submission,
                         const char **ret_detail)
{
    struct submission submission = {0};

    if (json_parse(body, len, &submission.doc) != ERR_OK) {
        *ret_detail = DETAIL_JSON;
        return ERR_SYNTAX;
    }
    const char *detail = find_fault(&submission);
    if (detail) {
        *ret_detail = detail;
        json_free(submission.doc);
        return ERR_SYNTAX;
    }
    *ret_submission = submission;
    return ERR_OK;
}

void submission_done(struct submission *submission)
{
    json_free(submission->doc);
    *submission = (struct submission){0};
}
