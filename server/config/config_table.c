/* SPDX-License-Identifier: MIT */
/* config_table.c - see config_table.h. CONTRIBUTING.md lists the steps to add an option. */
#include "config/config_table.h"

#include "base/mem.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELD(name) offsetof(struct config, name)
#define SECOND      INT64_C(1000)
#define DAY         (SECOND * 24 * 3600)
#define MIB         (INT64_C(1) << 20)

/* clang-format off */
const char *const option_groups[OPTION_GROUPS] = {
    [LISTENING] = "Listening",
    [UPSTREAM] = "Upstream",
    [BATCHING] = "Batching",
    [SPENDING] = "Spending",
    [WAITING] = "Waiting",
    [CACHING] = "Caching",
    [STORAGE] = "Storage",
    [SHUTDOWN] = "Shutdown",
    [OTHER] = "Logging and other",
};

const struct option options[] = {
    {"--listen", LIST, FIELD(listen), "127.0.0.1:8080", 0, 0, "ADDR:PORT",
     "address to listen on, repeatable; port 0 picks a free port", false, LISTENING},
    {"--tls-cert", TEXT, FIELD(tls_cert), NULL, 0, 0, "FILE",
     "certificate chain (PEM); enables HTTPS", true, LISTENING},
    {"--tls-key", TEXT, FIELD(tls_key), NULL, 0, 0, "FILE",
     "private key of --tls-cert (PEM), readable by the owner only", true, LISTENING},
    {"--client-keys-file", TEXT, FIELD(client_keys_file), NULL, 0, 0, "FILE",
     "keys, rights and limits of clients; see `emailsd key new`", true, LISTENING},
    {"--allow-anonymous", ACCESS, FIELD(allow_anonymous), NULL, 0, 0, NULL,
     "accept clients without a key (=admin: they may delete)", false, LISTENING},
    {"--host", LIST, FIELD(hosts), NULL, 0, 0, "NAME",
     "name by which clients without a key may call this server", false, LISTENING},
    {"--max-connections-per-address", COUNT, FIELD(max_per_address), "0", 0, 1000000, "N",
     "concurrent connections per client address (0 = unlimited)", false, LISTENING},
    {"--idle-timeout", TIME, FIELD(idle_timeout_ms), "75s", SECOND, 3600 * SECOND, "TIME",
     "how long an idle connection is kept open", false, LISTENING},
    {"--threads", COUNT, FIELD(threads), "0", 0, 256, "N",
     "HTTP worker threads (0 = one per available CPU)", false, LISTENING},
    {"--upstream-url", TEXT, FIELD(upstream_url), "https://api.openmart.ai", 0, 0, "URL",
     "Openmart API; plain http only for loopback", false, UPSTREAM},
    {"--upstream-insecure", FLAG, FIELD(upstream_insecure), NULL, 0, 0, NULL,
     "allow http to any host; sends the API key in plaintext", false, UPSTREAM},
    {"--upstream-ca", TEXT, FIELD(upstream_ca), NULL, 0, 0, "FILE",
     "CA certificates (PEM) for the upstream, not the system's", false, UPSTREAM},
    {"--notify-url", TEXT, FIELD(notify_url), NULL, 0, 0, "URL",
     "public URL of /notify, which the upstream calls", false, UPSTREAM},
    {"--api-key-file", TEXT, FIELD(api_key_file), NULL, 0, 0, "FILE",
     "Openmart API key; alternatively OPENMART_API_KEY", false, UPSTREAM},
    {"--reads-per-second", COUNT, FIELD(reads_per_second), "18", 0, 10000, "N",
     "limit on upstream reads, all together (0 = unlimited)", false, UPSTREAM},
    {"--balance-every", TIME, FIELD(balance_every_ms), "10min", 0, DAY, "TIME",
     "interval for reading the credit balance (0 = never)", false, UPSTREAM},
    {"--batch-size", COUNT, FIELD(batch_size), "100", 1, 100, "N",
     "maximum lookups per submit", false, BATCHING},
    {"--batch-linger", TIME, FIELD(batch_linger_ms), "100ms", 0, 60 * SECOND, "TIME",
     "how long a batch waits to fill up", false, BATCHING},
    {"--submit-slots", COUNT, FIELD(submit_slots), "4", 1, 64, "N",
     "maximum concurrent submits", false, BATCHING},
    {"--submit-timeout", TIME, FIELD(submit_timeout_ms), "120s", SECOND, 600 * SECOND, "TIME",
     "timeout of a submit; the upstream needs about 26 s", false, BATCHING},
    {"--batch-lifetime", TIME, FIELD(batch_lifetime_ms), "24h", SECOND, 7 * DAY, "TIME",
     "how long a batch is polled after its submit", false, BATCHING},
    {"--credits-per-day", COUNT, FIELD(credits_per_day), "0", 0, INT64_C(1000000000), "N",
     "paid lookups per UTC day, all clients (0 = unlimited)", true, SPENDING},
    {"--deny-domains", TEXT, FIELD(deny_domains), NULL, 0, 0, "FILE",
     "domains that are never looked up, one a line", true, SPENDING},
    {"--allow-unknown-suffixes", FLAG, FIELD(allow_unknown_suffixes), NULL, 0, 0, NULL,
     "accept top-level domains missing in the Public Suffix List", false, SPENDING},
    {"--unknown-hold", TIME, FIELD(unknown_hold_ms), "10min", 0, DAY, "TIME",
     "cooldown before an unknown lookup may be paid again", false, SPENDING},
    {"--submit-retry-unknown", FLAG, FIELD(submit_retry_unknown), NULL, 0, 0, NULL,
     "retry a submit once after an unknown outcome; may pay twice", false, SPENDING},
    {"--wait", TIME, FIELD(wait_ms), "55s", 0, 300 * SECOND, "TIME",
     "default wait of a request", true, WAITING},
    {"--max-wait", TIME, FIELD(max_wait_ms), "300s", 0, 3600 * SECOND, "TIME",
     "longest wait a request may ask for", true, WAITING},
    {"--max-waiters", COUNT, FIELD(max_waiters), "10000", 1, 1000000, "N",
     "concurrently waiting requests; more get 503", false, WAITING},
    {"--max-streams", COUNT, FIELD(max_streams), "256", 1, 100000, "N",
     "concurrent streams, half per client key; more get 503", false, WAITING},
    {"--bulk-entries", COUNT, FIELD(bulk_entries), "10000", 0, 100000, "N",
     "maximum entries of a list; more get 413 (0 = no lists)", false, WAITING},
    {"--bulks", COUNT, FIELD(max_bulks), "16", 1, 1000, "N",
     "concurrent lists, a quarter per client; more get 503", false, WAITING},
    {"--cache-size", SIZE, FIELD(cache_bytes), "64MiB", MIB, MIB << 20, "SIZE",
     "memory for cached results", false, CACHING},
    {"--ttl-found", TIME, FIELD(ttl_found_ms), "30d", 0, 3650 * DAY, "TIME",
     "freshness of results with mailboxes", false, CACHING},
    {"--ttl-empty", TIME, FIELD(ttl_empty_ms), "24h", 0, 3650 * DAY, "TIME",
     "freshness of results without mailboxes", false, CACHING},
    {"--ttl-failed", TIME, FIELD(ttl_failed_ms), "60s", 0, DAY, "TIME",
     "freshness of failures", false, CACHING},
    {"--stale-while-revalidate", TIME, FIELD(stale_while_revalidate_ms), "7d", 0, 3650 * DAY, "TIME",
     "serve expired results during a background refresh", true, CACHING},
    {"--stale-if-error", TIME, FIELD(stale_if_error_ms), "90d", 0, 3650 * DAY, "TIME",
     "serve expired results if the upstream fails", true, CACHING},
    {"--store", TEXT, FIELD(store), NULL, 0, 0, "URL",
     "sqlite:PATH, memory: or postgresql://... [state directory]", false, STORAGE},
    {"--store-password-file", TEXT, FIELD(store_password_file), NULL, 0, 0, "FILE",
     "password for PostgreSQL, readable by the owner only", false, STORAGE},
    {"--store-schema", TEXT, FIELD(store_schema), NULL, 0, 0, "NAME",
     "schema in the PostgreSQL database [emailsd]", false, STORAGE},
    {"--store-migrate", TOGGLE, FIELD(store_migrate), "on", 0, 0, "WHICH",
     "on, or off: only `emailsd migrate` changes the schema", false, STORAGE},
    {"--store-rows", COUNT, FIELD(store_rows), "1000000", 0, INT64_C(1000000000), "N",
     "maximum stored results; the earliest to expire are evicted", false, STORAGE},
    {"--drain-delay", TIME, FIELD(drain_delay_ms), "0s", 0, 600 * SECOND, "TIME",
     "time between failing /readyz and closing the listener", true, SHUTDOWN},
    {"--drain-timeout", TIME, FIELD(drain_timeout_ms), "30s", 0, 600 * SECOND, "TIME",
     "maximum time to finish waiting requests and submits", true, SHUTDOWN},
    {"--log-level", LEVEL, FIELD(log_level), "info", 0, 0, "LEVEL",
     "debug, info, warn or error", true, OTHER},
    {"--log-format", FORMAT, FIELD(log_json), "logfmt", 0, 0, "FORMAT",
     "logfmt or json, to stderr", true, OTHER},
    {"--sandbox", LAYERS, FIELD(sandbox), "on", 0, 0, "WHICH",
     "on, seccomp, landlock or off", false, OTHER},
    {"--config", TEXT, FIELD(config_file), NULL, 0, 0, "FILE",
     "configuration file of `key = value` lines", false, OTHER},
    {"--check-config", SWITCH, FIELD(check), NULL, 0, 0, NULL,
     "validate the configuration and exit", false, OTHER},
    {"--print-config", SWITCH, FIELD(print), NULL, 0, 0, NULL,
     "print effective settings and their origin, and exit", false, OTHER},
    {"--json", SWITCH, FIELD(json), NULL, 0, 0, NULL,
     "with inspect: print JSON", false, OTHER},
    {"--batch", ARGUMENT, FIELD(batch), NULL, 0, 0, "BATCH-ID",
     "with resolve: the upstream's id of the batch", false, OTHER},
    {"--not-taken", SWITCH, FIELD(not_taken), NULL, 0, 0, NULL,
     "with resolve: the upstream did not accept the lookup", false, OTHER},
    {"--from-password-file", ARGUMENT, FIELD(from_password_file), NULL, 0, 0, "FILE",
     "with copy-store: password for FROM", false, OTHER},
    {"--from-schema", ARGUMENT, FIELD(from_schema), NULL, 0, 0, "NAME",
     "with copy-store: schema of FROM", false, OTHER},
    {"--help", SWITCH, FIELD(help), NULL, 0, 0, NULL,
     "print this help and exit", false, OTHER},
    {"--version", SWITCH, FIELD(version), NULL, 0, 0, NULL,
     "print the version and exit", false, OTHER},
};
const size_t n_options = ARRAY_LEN(options);
/* clang-format on */

struct unit {
    const char *name;
    int64_t factor;
};

static const struct unit times[] = {
    {"ms", 1}, {"s", SECOND}, {"min", 60 * SECOND}, {"h", 3600 * SECOND}, {"d", DAY}, {NULL, 0},
};
static const struct unit sizes[] = {
    {"", 1}, {"KiB", 1 << 10}, {"MiB", MIB}, {"GiB", MIB << 10}, {NULL, 0},
};
static const struct unit counts[] = {{"", 1}, {NULL, 0}};

static enum err parse_number(const char *text, const struct unit *units, int64_t *ret_value)
{
    char *end;

    if (!isdigit((unsigned char)text[0]))
        return ERR_SYNTAX;
    errno = 0;
    long long n = strtoll(text, &end, 10);
    if (errno)
        return ERR_SYNTAX;
    for (const struct unit *unit = units; unit->name; unit++)
        if (strcmp(end, unit->name) == 0) {
            int64_t value;
            if (__builtin_mul_overflow((int64_t)n, unit->factor, &value))
                return ERR_SYNTAX;
            *ret_value = value;
            return ERR_OK;
        }
    if (n == 0 && *end == '\0') { /* zero needs no unit */
        *ret_value = 0;
        return ERR_OK;
    }
    return ERR_SYNTAX;
}

static const char *const levels[] = {"debug", "info", "warn", "error", NULL};
static const char *const toggles[] = {"off", "on", NULL};
static const char *const formats[] = {"logfmt", "json", NULL};
/* The index is the value of enum anonymous_access. */
static const char *const accesses[] = {"0", "1", "admin", NULL};
/* Two bits: the index is the value of enum sandbox_part, or-ed. */
static const char *const layers[] = {"off", "seccomp", "landlock", "on", NULL};

static enum err set_word(int64_t *field, const char *const *words, const char *text)
{
    for (int64_t i = 0; words[i]; i++)
        if (strcmp(text, words[i]) == 0) {
            *field = i;
            return ERR_OK;
        }
    return ERR_SYNTAX;
}

static enum err set_number(const struct option *option, int64_t *field, const char *text)
{
    const struct unit *units = option->kind == TIME ? times : option->kind == SIZE ? sizes : counts;
    int64_t value;
    enum err err = parse_number(text, units, &value);

    if (err)
        return err;
    if (value < option->min || value > option->max)
        return ERR_SYNTAX;
    *field = value;
    return ERR_OK;
}

static enum err add_to_list(struct config_list *list, const char *text)
{
    if (!*text)
        return ERR_SYNTAX;
    if (list->n == CONFIG_LIST)
        return ERR_TOO_BIG;
    list->values[list->n++] = xstrdup(text);
    return ERR_OK;
}

static enum err set_bool(bool *field, const char *text)
{
    if (strcmp(text, "1") != 0 && strcmp(text, "0") != 0)
        return ERR_SYNTAX;
    *field = *text == '1';
    return ERR_OK;
}

static void set_text(char **field, const char *text)
{
    free(*field);
    *field = xstrdup(text);
}

enum err option_set(struct config *config, const struct option *option, const char *text)
{
    void *field = (char *)config + option->field;

    switch (option->kind) {
    case TEXT:
    case ARGUMENT:
        set_text(field, text);
        return *text ? ERR_OK : ERR_SYNTAX;
    case LIST:
        return add_to_list(field, text);
    case FLAG:
    case SWITCH:
        return set_bool(field, text);
    case LEVEL:
        return set_word(field, levels, text);
    case FORMAT:
        return set_word(field, formats, text);
    case LAYERS:
        return set_word(field, layers, text);
    case TOGGLE:
        return set_word(field, toggles, text);
    case ACCESS:
        return set_word(field, accesses, text);
    case COUNT:
    case SIZE:
    case TIME:
        return set_number(option, field, text);
    }
    return ERR_SYNTAX;
}

static size_t field_size(enum kind kind)
{
    switch (kind) {
    case TEXT:
    case ARGUMENT:
        return sizeof(char *);
    case FLAG:
    case SWITCH:
        return sizeof(bool);
    case COUNT:
    case SIZE:
    case TIME:
    case LEVEL:
    case FORMAT:
    case LAYERS:
    case TOGGLE:
    case ACCESS:
        return sizeof(int64_t);
    case LIST:
        break;
    }
    return 0;
}

void option_swap(struct config *a, struct config *b, const struct option *option)
{
    char *one = (char *)a + option->field, *other = (char *)b + option->field;
    char swapped[sizeof(int64_t)];
    size_t size = field_size(option->kind);

    assert(size > 0);
    memcpy(swapped, one, size);
    memcpy(one, other, size);
    memcpy(other, swapped, size);
}

/* ---- values as text ---- */

static char *number_text(int64_t value, const struct unit *units)
{
    const struct unit *best = units;
    char text[32];

    for (const struct unit *unit = units; unit->name; unit++)
        if (value && value % unit->factor == 0 && unit->factor >= best->factor)
            best = unit;
    snprintf(text, sizeof text, "%lld%s", (long long)(value / best->factor), best->name);
    return xstrdup(text);
}

char *option_text(const struct config *config, const struct option *option, size_t i)
{
    const void *field = (const char *)config + option->field;
    const char *text = NULL;

    if (option->kind == LIST) {
        const struct config_list *list = field;
        return i < list->n ? xstrdup(list->values[i]) : NULL;
    }
    if (i > 0)
        return NULL;
    switch (option->kind) {
    case TEXT:
    case ARGUMENT:
        text = *(char *const *)field;
        break;
    case FLAG:
    case SWITCH:
        text = *(const bool *)field ? "1" : "0";
        break;
    case LEVEL:
        text = levels[*(const int64_t *)field];
        break;
    case FORMAT:
        text = formats[*(const int64_t *)field];
        break;
    case LAYERS:
        text = layers[*(const int64_t *)field];
        break;
    case TOGGLE:
        text = toggles[*(const int64_t *)field];
        break;
    case ACCESS:
        text = accesses[*(const int64_t *)field];
        break;
    case LIST:
        break;
    case COUNT:
        return number_text(*(const int64_t *)field, counts);
    case SIZE:
        return number_text(*(const int64_t *)field, sizes);
    case TIME:
        return number_text(*(const int64_t *)field, times);
    }
    return text ? xstrdup(text) : NULL;
}

/* ---- names ---- */

const char *option_form(const struct option *option)
{
    switch (option->kind) {
    case TIME:
        return "a time within its limits, such as 90s, 100ms, 15min, 24h, 30d";
    case SIZE:
        return "a size within its limits, such as 64MiB";
    case COUNT:
        return "an integer within its limits";
    case FLAG:
    case SWITCH:
        return "0 or 1";
    case LEVEL:
        return "debug, info, warn or error";
    case FORMAT:
        return "logfmt or json";
    case LAYERS:
        return "on, seccomp, landlock or off";
    case TOGGLE:
        return "on or off";
    case ACCESS:
        return "0, 1 or admin";
    case TEXT:
    case ARGUMENT:
        return "not empty";
    case LIST:
        break;
    }
    return "not empty, and one of at most 8 values";
}

void option_environment_name(const struct option *option, char *name)
{
    snprintf(name, OPTION_NAME, OPTION_PREFIX "%s", option_key(option));
    for (; *name; name++)
        *name = *name == '-' ? '_' : (char)toupper((unsigned char)*name);
}

const char *option_key(const struct option *option)
{
    return option->flag + 2;
}

bool option_is_lasting(const struct option *option)
{
    return option->kind != SWITCH && option->kind != ARGUMENT;
}

const struct option *option_find(const char *key, size_t len)
{
    for (size_t i = 0; i < n_options; i++)
        if (strlen(option_key(&options[i])) == len &&
            memcmp(option_key(&options[i]), key, len) == 0)
            return &options[i];
    return NULL;
}
