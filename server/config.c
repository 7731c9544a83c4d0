/* SPDX-License-Identifier: MIT */
/* config.c - the table of options and the one reader that serves all of its rows.
 *
 * To add an option: a field in struct config, a row here, a line in the README's table (a test
 * compares the two), and its use in main.c. */
#include "config.h"

#include "base/mem.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum kind { TEXT, LIST, FLAG, COUNT, SIZE, TIME, LEVEL, FORMAT };

struct option {
    const char *flag; /* "--listen" */
    enum kind kind;
    size_t field;              /* offset in struct config */
    const char *standard;      /* default, as one would write it; NULL = none */
    int64_t min, max;          /* of numbers, in the field's unit */
    const char *sample, *help; /* for --help */
};

#define FIELD(name) offsetof(struct config, name)
#define SECOND      INT64_C(1000)
#define DAY         (SECOND * 24 * 3600)
#define MIB         (INT64_C(1) << 20)

/* clang-format off */
static const struct option options[] = {
    {"--listen", LIST, FIELD(listen), "127.0.0.1:8080", 0, 0, "ADDR:PORT",
     "address to serve on; may be given several times; port 0 picks one"},
    {"--upstream-url", TEXT, FIELD(upstream_url), "https://api.openmart.ai", 0, 0, "URL",
     "the vendor's API; http only to loopback"},
    {"--upstream-insecure", FLAG, FIELD(upstream_insecure), NULL, 0, 0, NULL,
     "allow http to any upstream: the API key then travels in clear"},
    {"--api-key-file", TEXT, FIELD(api_key_file), NULL, 0, 0, "FILE",
     "file with the vendor's API key; else the environment's OPENMART_API_KEY"},
    {"--store", TEXT, FIELD(store), NULL, 0, 0, "URL",
     "sqlite:PATH, or memory: to keep nothing; else emailsd.db in the state folder"},
    {"--store-rows", COUNT, FIELD(store_rows), "1000000", 0, INT64_C(1000000000), "N",
     "answers kept in the store; beyond, those that expired first go"},
    {"--client-keys-file", TEXT, FIELD(client_keys_file), NULL, 0, 0, "FILE",
     "file of the clients that are let in, and their rights; see `emailsd key new`"},
    {"--allow-anonymous", FLAG, FIELD(allow_anonymous), NULL, 0, 0, NULL,
     "let everybody in who can connect, also from other machines, without a key"},
    {"--wait", TIME, FIELD(wait_ms), "90s", 0, 300 * SECOND, "TIME",
     "how long a request is held when it does not say"},
    {"--max-wait", TIME, FIELD(max_wait_ms), "300s", 0, 3600 * SECOND, "TIME",
     "the longest that a request may ask to be held"},
    {"--batch-size", COUNT, FIELD(batch_size), "100", 1, 100, "N",
     "lookups in one submit"},
    {"--batch-linger", TIME, FIELD(batch_linger_ms), "100ms", 0, 60 * SECOND, "TIME",
     "how long the first lookup of a batch waits for others"},
    {"--submit-slots", COUNT, FIELD(submit_slots), "4", 1, 64, "N",
     "submits under way at once"},
    {"--submit-timeout", TIME, FIELD(submit_timeout_ms), "120s", SECOND, 600 * SECOND, "TIME",
     "how long a submit may take; the vendor needs about 26s"},
    {"--batch-lifetime", TIME, FIELD(batch_lifetime_ms), "15min", SECOND, DAY, "TIME",
     "how long a submitted batch is polled"},
    {"--reads-per-second", COUNT, FIELD(reads_per_second), "18", 0, 10000, "N",
     "limit on all free calls to the vendor together; 0 = none"},
    {"--unknown-hold", TIME, FIELD(unknown_hold_ms), "10min", 0, DAY, "TIME",
     "how long a question whose outcome is unknown is not paid for again"},
    {"--credits-per-day", COUNT, FIELD(credits_per_day), "0", 0, INT64_C(1000000000), "N",
     "lookups that may be bought in a day of UTC, by all together; 0 = no limit"},
    {"--balance-every", TIME, FIELD(balance_every_ms), "10min", 0, DAY, "TIME",
     "how often the vendor's balance is read, to be shown; free; 0 = never"},
    {"--submit-retry-unknown", FLAG, FIELD(submit_retry_unknown), NULL, 0, 0, NULL,
     "submit once more after an unknown outcome: may pay twice"},
    {"--ttl-found", TIME, FIELD(ttl_found_ms), "30d", 0, 3650 * DAY, "TIME",
     "how long an answer with mailboxes is fresh"},
    {"--ttl-empty", TIME, FIELD(ttl_empty_ms), "24h", 0, 3650 * DAY, "TIME",
     "how long an answer without mailboxes is fresh"},
    {"--ttl-failed", TIME, FIELD(ttl_failed_ms), "60s", 0, DAY, "TIME",
     "how long a failed lookup is remembered"},
    {"--stale-while-revalidate", TIME, FIELD(stale_while_revalidate_ms), "7d", 0, 3650 * DAY,
     "TIME", "how long an expired answer is served at once and refreshed behind"},
    {"--stale-if-error", TIME, FIELD(stale_if_error_ms), "90d", 0, 3650 * DAY, "TIME",
     "how long an expired answer stands in when the upstream fails"},
    {"--cache-size", SIZE, FIELD(cache_bytes), "64MiB", MIB, MIB << 20, "SIZE",
     "memory for cached answers"},
    {"--max-waiters", COUNT, FIELD(max_waiters), "10000", 1, 1000000, "N",
     "requests that may wait at once; more get 503"},
    {"--drain-timeout", TIME, FIELD(drain_timeout_ms), "30s", 0, 600 * SECOND, "TIME",
     "how long the end waits for submits under way, which would be paid for and lost"},
    {"--threads", COUNT, FIELD(threads), "0", 0, 256, "N",
     "HTTP workers; 0 = one per core that affinity and cgroup quota allow"},
    {"--log-level", LEVEL, FIELD(log_level), "info", 0, 0, "LEVEL",
     "debug, info, warn or error"},
    {"--log-format", FORMAT, FIELD(log_json), "logfmt", 0, 0, "FORMAT",
     "logfmt or json; one line per event to stderr"},
    {"--json", FLAG, FIELD(json), NULL, 0, 0, NULL, "with inspect: print JSON"},
    {"--help", FLAG, FIELD(help), NULL, 0, 0, NULL, "print this and exit"},
    {"--version", FLAG, FIELD(version), NULL, 0, 0, NULL, "print the version and exit"},
};
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
static const char *const formats[] = {"logfmt", "json", NULL};

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

static enum err set_list(struct config *config, const char *text)
{
    if (config->n_listen == CONFIG_LISTENS)
        return ERR_TOO_BIG;
    config->listen[config->n_listen++] = xstrdup(text);
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

static enum err set(struct config *config, const struct option *option, const char *text)
{
    void *field = (char *)config + option->field;

    switch (option->kind) {
    case TEXT:
        set_text(field, text);
        return *text ? ERR_OK : ERR_SYNTAX;
    case LIST:
        return set_list(config, text);
    case FLAG:
        return set_bool(field, text);
    case LEVEL:
        return set_word(field, levels, text);
    case FORMAT:
        return set_word(field, formats, text);
    case COUNT:
    case SIZE:
    case TIME:
        return set_number(option, field, text);
    }
    return ERR_SYNTAX;
}

/* ---- the sources ---- */

static void environment_name(const char *flag, char *name, size_t room)
{
    snprintf(name, room, "EMAILSD_%s", flag + 2);
    for (; *name; name++)
        *name = *name == '-' ? '_' : (char)toupper((unsigned char)*name);
}

static enum err refuse(char *why, const char *name, const char *value, const struct option *option)
{
    const char *form = option->kind == TIME    ? "a time such as 90s, 100ms, 15min, 24h, 30d"
                       : option->kind == SIZE  ? "a size such as 64MiB"
                       : option->kind == COUNT ? "a whole number"
                       : option->kind == FLAG  ? "0 or 1"
                                               : "a valid value";

    snprintf(why, CONFIG_WHY, "%s: '%.60s' is not %s within its limits", name, value, form);
    return ERR_SYNTAX;
}

static enum err read_environment(struct config *config, bool *given, char *why)
{
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        char name[64];
        environment_name(options[i].flag, name, sizeof name);
        const char *value = getenv(name);
        if (!value || given[i])
            continue;
        if (set(config, &options[i], value))
            return refuse(why, name, value, &options[i]);
        given[i] = true;
    }
    return ERR_OK;
}

static enum err read_defaults(struct config *config, const bool *given, char *why)
{
    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        if (!given[i] && options[i].standard && set(config, &options[i], options[i].standard))
            return refuse(why, options[i].flag, options[i].standard, &options[i]);
    return ERR_OK;
}

/* The option that `arg` ("--flag" or "--flag=value") names. */
static const struct option *find_option(const char *arg, const char **ret_value)
{
    size_t len = strcspn(arg, "=");

    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        if (strlen(options[i].flag) == len && strncmp(options[i].flag, arg, len) == 0) {
            *ret_value = arg[len] ? arg + len + 1 : NULL;
            return &options[i];
        }
    return NULL;
}

static enum err read_flags(int argc, char *const *argv, struct config *config, bool *given,
                           char *why)
{
    for (int i = 1; i < argc; i++) {
        const char *value = NULL;
        if (argv[i][0] != '-' && config->n_words < CONFIG_WORDS) {
            config->words[config->n_words++] = argv[i];
            continue;
        }
        const struct option *option = find_option(argv[i], &value);
        if (!option) {
            snprintf(why, CONFIG_WHY, "there is no option '%.60s'; see --help", argv[i]);
            return ERR_SYNTAX;
        }
        if (!value && option->kind == FLAG)
            value = "1";
        else if (!value)
            value = i + 1 < argc ? argv[++i] : NULL;
        if (!value) {
            snprintf(why, CONFIG_WHY, "%s wants a value", option->flag);
            return ERR_SYNTAX;
        }
        if (set(config, option, value))
            return refuse(why, option->flag, value, option);
        given[option - options] = true;
    }
    return ERR_OK;
}

enum err config_read(int argc, char *const *argv, struct config *ret_config, char *why)
{
    struct config config = {0};
    bool given[ARRAY_LEN(options)] = {false};
    enum err err = read_flags(argc, argv, &config, given, why);

    if (!err)
        err = read_environment(&config, given, why);
    if (!err)
        err = read_defaults(&config, given, why);
    if (err) {
        config_done(&config);
        return err;
    }
    *ret_config = config;
    return ERR_OK;
}

void config_done(struct config *config)
{
    for (size_t i = 0; i < config->n_listen; i++)
        free(config->listen[i]);
    free(config->upstream_url);
    free(config->api_key_file);
    free(config->store);
    free(config->client_keys_file);
    *config = (struct config){0};
}

void config_print_help(FILE *out)
{
    fputs("\nOptions:\n", out);
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        char left[64];
        snprintf(left, sizeof left, "%s%s%s", options[i].flag, options[i].sample ? " " : "",
                 options[i].sample ? options[i].sample : "");
        fprintf(out, "  %-24s %s", left, options[i].help);
        if (options[i].standard)
            fprintf(out, " [%s]", options[i].standard);
        fputc('\n', out);
    }
    fputs("\nEvery option may also come from the environment: --max-wait is EMAILSD_MAX_WAIT.\n",
          out);
}
