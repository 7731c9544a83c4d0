/* SPDX-License-Identifier: MIT */
/* result_parse.c - restores a result from the JSON body that result.c built. The body has times in
 * whole seconds only, so exact times are passed separately. */
#include "base/json.h"
#include "base/mem.h"
#include "model/result.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Reads the entries of the body; `emails` has room for all of them. Returns false if one is
 * invalid. */
static bool read_emails(const struct json *array, const char *leave_out,
                        struct result_email *emails, size_t *ret_n)
{
    size_t n = 0;

    for (const struct json *each = json_first(array); each; each = json_next(each)) {
        const char *email = json_get_string(each, "email");
        const char *status = json_get_string(each, "status");
        if (!email || !status)
            return false;
        if (!leave_out || strcasecmp(email, leave_out) != 0)
            emails[n++] = (struct result_email){email, status};
    }
    *ret_n = n;
    return true;
}

static const struct result *read_body(const struct json *body, const unsigned char *key,
                                      const struct result_times *times, const char *leave_out)
{
    const struct json *array = json_get(body, "emails");
    int64_t ttl_ms = times->expires_ms - times->fetched_ms;
    struct result_facts facts = {.key = key,
                                 .domain = json_get_string(body, "domain"),
                                 .company_name = json_get_string(body, "company_name"),
                                 .fetched_ms = times->fetched_ms,
                                 .ttl_found_ms = ttl_ms,
                                 .ttl_empty_ms = ttl_ms,
                                 .truncated = json_get_bool(body, "truncated", false)};

    if (!facts.domain || !facts.company_name || !array || !json_is_array(array))
        return NULL;
    autofree struct result_email *emails = xcalloc(json_size(array), sizeof *emails);
    facts.emails = emails;
    if (!read_emails(array, leave_out, emails, &facts.n_emails))
        return NULL;
    return result_new_answer(&facts);
}

const struct result *result_from_json(const unsigned char *key, const char *json, size_t len,
                                      const struct result_times *times, const char *leave_out)
{
    struct json *body;

    if (json_parse(json, len, &body))
        return NULL;
    const struct result *result = read_body(body, key, times, leave_out);
    json_free(body);
    return result;
}
