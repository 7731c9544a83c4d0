/* SPDX-License-Identifier: MIT */
/* auth.c - see auth.h. */
#include "http/auth/auth.h"

#include <string.h>
#include <strings.h>

/* ---- headers ---- */

/* Removes the scheme "Bearer". Returns false for any other scheme: its value is not a client key
 * but, for example, a user and password that a proxy passes on. */
static bool take_bearer(struct slice *value)
{
    static const char scheme[] = "Bearer ";

    if (value->len < sizeof scheme - 1 || strncasecmp(value->data, scheme, sizeof scheme - 1) != 0)
        return false;
    value->data += sizeof scheme - 1;
    value->len -= sizeof scheme - 1;
    while (value->len && *value->data == ' ') {
        value->data++;
        value->len--;
    }
    return true;
}

static void note_key(struct credentials *credentials, struct slice key)
{
    credentials->n_keys++;
    credentials->key = key;
}

/* The X-Forwarded family has no standard and many members (-For, -Host, -Proto, -Port, -Server). */
static bool is_of_a_proxy(struct slice name)
{
    static const char family[] = "X-Forwarded-";

    return slice_equals_nocase(name, "Forwarded") || slice_equals_nocase(name, "Via") ||
           slice_equals_nocase(name, "X-Real-IP") ||
           (name.len >= sizeof family && strncasecmp(name.data, family, sizeof family - 1) == 0);
}

void auth_header(struct credentials *credentials, struct slice name, struct slice value)
{
    if (slice_equals_nocase(name, "Authorization")) {
        if (take_bearer(&value))
            note_key(credentials, value);
    } else if (slice_equals_nocase(name, "X-API-Key")) {
        note_key(credentials, value);
    } else if (is_of_a_proxy(name)) {
        credentials->forwarded = true;
    } else {
        same_site_header(&credentials->site, name, value);
    }
}

/* ---- authentication ---- */

static const struct client *anonymous(bool admin)
{
    static const struct client all[2] = {
        {.quota = ACCOUNT_NO_QUOTA, .max_wait_ms = INT64_MAX, .weight = 1, .allow_refresh = true},
        {.quota = ACCOUNT_NO_QUOTA,
         .max_wait_ms = INT64_MAX,
         .weight = 1,
         .allow_refresh = true,
         .admin = true},
    };

    return &all[admin];
}

const char *auth_denial(const struct auth_policy *policy, const struct credentials *credentials)
{
    bool is_local = policy->access == ANONYMOUS_LOCAL;

    if (is_local && credentials->forwarded)
        return "a proxy passes this request on (Forwarded, X-Forwarded-*, X-Real-IP or Via); "
               "behind a proxy, the server requires client keys";
    return same_site_fault(&credentials->site, is_local ? NULL : &policy->hosts);
}

const char *auth_page_denial(const struct auth_policy *policy,
                             const struct credentials *credentials)
{
    return same_site_page_fault(&credentials->site, &policy->hosts);
}

enum err auth_identify(const struct clients *clients, const struct auth_policy *policy,
                       const struct credentials *credentials, const struct client **ret_client)
{
    struct slice none = {"", 0};

    if (!clients) {
        if (auth_denial(policy, credentials))
            return ERR_FORBIDDEN;
        *ret_client = anonymous(policy->access == ANONYMOUS_ADMIN);
        return ERR_OK;
    }
    /* A request with two keys has no valid key, even if one of them is known. */
    *ret_client = clients_find(clients, credentials->n_keys == 1 ? credentials->key : none);
    return ERR_OK;
}

enum err auth_check_rate(const struct client *client, int64_t now_ms)
{
    return client && !client_admits(client, now_ms) ? ERR_RATE_LIMITED : ERR_OK;
}
