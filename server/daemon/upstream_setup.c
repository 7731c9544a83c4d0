/* SPDX-License-Identifier: MIT */
/* upstream_setup.c - see upstream_setup.h. */
#include "daemon/upstream_setup.h"

#include "base/url.h"
#include "client/openmart/openmart.h"
#include "client/transport.h"
#include "version.h"

#include <stdlib.h>
#include <string.h>

#define KEY_VARIABLE   "OPENMART_API_KEY" /* the name in Openmart's documents */
#define NOTIFY_URL_MAX 1000               /* each of a hundred tasks carries it */

#define CONNECT_TIMEOUT_MS INT64_C(10000)
#define READ_TIMEOUT_MS    INT64_C(15000)
#define TASK_TIMEOUT_MS    INT64_C(5000)

static enum err reject(struct errmsg *why, const char *what, const char *words)
{
    errmsg_set(why, "%s: %s", what, words);
    return ERR_SYNTAX;
}

/* Paths are appended to the URL. Returns its length. */
static size_t trim_slashes(char *url)
{
    size_t len = strlen(url);

    while (len && url[len - 1] == '/')
        url[--len] = '\0';
    return len;
}

/* Names the key in front of the message of secret.h. */
static enum err reject_key(struct errmsg *why)
{
    errmsg_prefix(why, "API key");
    return ERR_SYNTAX;
}

enum err upstream_load_key(const struct config *config, struct secret **ret_key, struct errmsg *why)
{
    char *variable = getenv(KEY_VARIABLE);
    enum err err;

    if (variable && config->api_key_file)
        return reject(why, KEY_VARIABLE, "not allowed with --api-key-file; choose one");
    if (config->api_key_file) {
        err = secret_from_file(config->api_key_file, ret_key, why);
    } else if (variable) {
        err = secret_from_text(KEY_VARIABLE, variable, ret_key, why);
        explicit_bzero(variable, strlen(variable)); /* visible in /proc/PID/environ */
        unsetenv(KEY_VARIABLE);
    } else {
        return reject(why, "missing API key", "set --api-key-file or " KEY_VARIABLE);
    }
    return err ? reject_key(why) : ERR_OK;
}

enum err upstream_check_key(const struct config *config, struct errmsg *why)
{
    struct secret *key;

    if (!config->api_key_file)
        return ERR_OK;
    if (secret_from_file(config->api_key_file, &key, why))
        return reject_key(why);
    secret_free(key);
    return ERR_OK;
}

static enum err check_notify_url(struct config *config, struct errmsg *why)
{
    static const char flag[] = "--notify-url";
    struct url url;

    if (!config->notify_url)
        return ERR_OK;
    if (url_parse(config->notify_url, strlen(config->notify_url), &url))
        return reject(why, flag, "must be an http or https URL");
    bool bare = !url.has_user_info && !url.has_query && !url.has_fragment;
    url_done(&url);
    if (!bare)
        return reject(why, flag, "must contain only scheme, host, port and path");
    size_t len = trim_slashes(config->notify_url);
    if (len > NOTIFY_URL_MAX)
        return reject(why, flag, "must have at most 1000 bytes");
    return ERR_OK;
}

enum err upstream_check(struct config *config, bool *ret_plaintext, struct errmsg *why)
{
    static const char flag[] = "--upstream-url";
    struct url url;
    enum err err = check_notify_url(config, why);

    if (err)
        return err;
    if (url_parse(config->upstream_url, strlen(config->upstream_url), &url))
        return reject(why, flag, "must be an http or https URL");
    bool plaintext = strcmp(url.scheme, "http") == 0 && !url_is_loopback(&url);
    bool bare = !url.has_user_info && !url.has_query && !url.has_fragment;
    url_done(&url);
    if (!bare)
        return reject(why, flag, "must contain only scheme, host, port and path");
    if (plaintext && !config->upstream_insecure)
        return reject(why, flag,
                      "http sends the API key in plaintext; use https or --upstream-insecure");
    trim_slashes(config->upstream_url);
    *ret_plaintext = plaintext;
    return ERR_OK;
}

enum err upstream_start(const struct config *config, struct secret *key,
                        struct transport **ret_transport, struct openmart **ret_openmart)
{
    const struct transport_options transport = {
        .connect_timeout_ms = CONNECT_TIMEOUT_MS,
        .user_agent = "emailsd/" EMAILSD_VERSION,
        .ca_file = config->upstream_ca,
        .max_connections = 8,
    };
    const struct openmart_options openmart = {
        .base_url = config->upstream_url,
        .key = key,
        .submit_timeout_ms = config->submit_timeout_ms,
        .read_timeout_ms = READ_TIMEOUT_MS,
        .task_timeout_ms = TASK_TIMEOUT_MS,
    };
    enum err err = transport_new(&transport, ret_transport);

    if (!err)
        *ret_openmart = openmart_new(&openmart, *ret_transport);
    return err;
}
