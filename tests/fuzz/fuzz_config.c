/* SPDX-License-Identifier: MIT */
/* fuzz_config.c - fuzzes the values of options: numbers with units, words, lists.
 *
 * First line: the value for options with units, with words, and for a list in the environment, in
 * turn; the result of each is compared with that of a slow parser. Further lines: a command line,
 * one argument each. No argument may name a configuration file, because that file would be read. */
#include "base/mem.h"
#include "config/config.h"
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ARGUMENTS_MAX 64

struct unit {
    const char *name;
    int64_t factor;
};

static const struct unit times[] = {{"ms", 1},      {"s", 1000},     {"min", 60000},
                                    {"h", 3600000}, {"d", 86400000}, {NULL, 0}};
static const struct unit sizes[] = {
    {"", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {NULL, 0}};
static const struct unit counts[] = {{"", 1}, {NULL, 0}};

/* Digits, then a unit; -1 if invalid or too large to matter. */
static int64_t read_slowly(const char *text, const struct unit *units)
{
    const char *digits = text;
    double n = 0;

    while (*text >= '0' && *text <= '9')
        n = n * 10 + (*text++ - '0');
    if (text == digits)
        return -1;
    for (const struct unit *unit = units; unit->name; unit++)
        if (strcmp(text, unit->name) == 0)
            return n * (double)unit->factor > 1e15 ? -1 : (int64_t)n * unit->factor;
    return n == 0 && !*text ? 0 : -1;
}

static enum err read_one(const char *flag, const char *value, struct config *ret_config)
{
    struct errmsg why = {""};
    size_t size = strlen(flag) + strlen(value) + sizeof "=";
    autofree char *argument = xcalloc(1, size);
    char *const argv[] = {(char *)(uintptr_t) "emailsd", argument, NULL};

    snprintf(argument, size, "%s=%s", flag, value);
    enum err err = config_read(2, argv, ret_config, &why);

    FUZZ_WANT(strnlen(why.text, ERRMSG_MAX) < ERRMSG_MAX);
    FUZZ_WANT((err == ERR_OK) == (*why.text == '\0'));
    FUZZ_WANT(!err || strstr(why.text, flag));
    return err;
}

static void check_number(const char *flag, size_t field, const char *value,
                         const struct unit *units, int64_t min, int64_t max)
{
    struct config config = {0};
    int64_t expected = read_slowly(value, units);
    bool fits = expected >= min && expected <= max;

    FUZZ_WANT((read_one(flag, value, &config) == ERR_OK) == fits);
    if (fits)
        FUZZ_WANT(memcmp((char *)&config + field, &expected, sizeof expected) == 0);
    config_done(&config);
}

static void check_word(const char *flag, size_t field, const char *value, const char *const *words)
{
    struct config config = {0};
    int64_t expected = -1;

    for (int64_t i = 0; words[i]; i++)
        if (strcmp(words[i], value) == 0)
            expected = i;
    FUZZ_WANT((read_one(flag, value, &config) == ERR_OK) == (expected >= 0));
    if (expected >= 0)
        FUZZ_WANT(memcmp((char *)&config + field, &expected, sizeof expected) == 0);
    config_done(&config);
}

/* A list in the environment has as many items as commas, plus one; none is empty. */
static void check_list(const char *value)
{
    struct config config = {0};
    struct errmsg why = {""};
    char *const argv[] = {(char *)(uintptr_t) "emailsd", NULL};
    size_t n = 1;

    for (const char *c = value; *c; c++)
        n += *c == ',';
    FUZZ_WANT(setenv("EMAILSD_LISTEN", value, 1) == 0);
    enum err err = config_read(1, argv, &config, &why);
    FUZZ_WANT(unsetenv("EMAILSD_LISTEN") == 0);
    FUZZ_WANT(!err || strstr(why.text, "EMAILSD_LISTEN"));
    FUZZ_WANT(err || (config.listen.n == n && n <= CONFIG_LIST));
    for (size_t i = 0; i < config.listen.n; i++)
        FUZZ_WANT(*config.listen.values[i] && !strchr(config.listen.values[i], ','));
    config_done(&config);
}

static void check_value(const char *value)
{
    static const char *const levels[] = {"debug", "info", "warn", "error", NULL};
    static const char *const formats[] = {"logfmt", "json", NULL};
    static const char *const accesses[] = {"0", "1", "admin", NULL};

    check_number("--wait", offsetof(struct config, wait_ms), value, times, 0, 300000);
    check_number("--ttl-found", offsetof(struct config, ttl_found_ms), value, times, 0,
                 INT64_C(3650) * 86400000);
    check_number("--cache-size", offsetof(struct config, cache_bytes), value, sizes, 1 << 20,
                 INT64_C(1) << 40);
    check_number("--batch-size", offsetof(struct config, batch_size), value, counts, 1, 100);
    check_word("--log-level", offsetof(struct config, log_level), value, levels);
    check_word("--log-format", offsetof(struct config, log_json), value, formats);
    check_word("--allow-anonymous", offsetof(struct config, allow_anonymous), value, accesses);
}

/* A line of a file contains the value unchanged, but the ends of a value are trimmed there. */
static bool fits_a_line(const char *text)
{
    size_t len = text ? strlen(text) : 0;

    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return false;
    return !len || (len < 900 && text[0] != ' ' && text[len - 1] != ' ');
}

static bool is_printable(const struct config *config)
{
    const char *const texts[] = {config->upstream_url,    config->upstream_ca, config->api_key_file,
                                 config->store,           config->tls_cert,    config->tls_key,
                                 config->client_keys_file};

    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (!fits_a_line(texts[i]))
            return false;
    for (size_t i = 0; i < config->listen.n; i++)
        if (!fits_a_line(config->listen.values[i]))
            return false;
    for (size_t i = 0; i < config->hosts.n; i++)
        if (!fits_a_line(config->hosts.values[i]))
            return false;
    /* Accepted on the command line only, and so not printed: */
    return !config->check && !config->print && !config->json && !config->help && !config->version;
}

/* The printed configuration can be read again, and then prints the same. */
static void note_change(void *arg, const char *key, bool reloads)
{
    (void)arg;
    (void)reloads;
    if (strcmp(key, "config") == 0) /* its source differs */
        return;
    fprintf(stderr, "%s is another one when it is read again\n", key);
    FUZZ_WANT(key == NULL);
}

static void check_printing(const struct config *config)
{
    static int fd = -1;
    char argument[64];
    struct errmsg why = {""};
    char *argv[] = {(char *)(uintptr_t) "emailsd", argument, NULL};
    struct config again = {0};

    if (fd < 0)
        fd = memfd_create("settings", MFD_CLOEXEC);
    FUZZ_WANT(fd >= 0 && ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0);
    FILE *file = fdopen(fcntl(fd, F_DUPFD_CLOEXEC, 3), "w");
    config_print(config, file);
    fclose(file);
    snprintf(argument, sizeof argument, "--config=/proc/self/fd/%d", fd);
    if (config_read(2, argv, &again, &why))
        fuzz_fail(__FILE__, __LINE__, why.text);
    config_each_change(config, &again, note_change, NULL);
    config_done(&again);
}

static void check_command_line(int argc, char **argv)
{
    struct config config = {.threads = -7};
    struct errmsg why = {""};
    enum err err = config_read(argc, argv, &config, &why);

    FUZZ_WANT(strnlen(why.text, ERRMSG_MAX) < ERRMSG_MAX);
    FUZZ_WANT((err == ERR_OK) == (*why.text == '\0'));
    if (err) {
        FUZZ_WANT(config.threads == -7); /* unchanged */
        return;
    }
    FUZZ_WANT(config.n_words <= CONFIG_WORDS);
    FUZZ_WANT(config.listen.n >= 1 && config.listen.n <= CONFIG_LIST);
    FUZZ_WANT(config.upstream_url && *config.upstream_url);
    FUZZ_WANT(config.wait_ms >= 0 && config.wait_ms <= 300000);
    FUZZ_WANT(config.batch_size >= 1 && config.batch_size <= 100);
    FUZZ_WANT(config.threads >= 0 && config.threads <= 256);
    FUZZ_WANT(config.cache_bytes >= 1 << 20);
    FUZZ_WANT(config.submit_timeout_ms >= 1000);
    if (is_printable(&config))
        check_printing(&config);
    config_done(&config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = input_of(data, size);
    size_t len;
    autofree char *value = input_line(&input, &len);
    char *argv[ARGUMENTS_MAX + 1] = {(char *)(uintptr_t) "emailsd"};
    int argc = 1;

    if (!value)
        return 0;
    check_value(value);
    check_list(value);
    while (argc < ARGUMENTS_MAX && (argv[argc] = input_line(&input, &len))) {
        if (strstr(argv[argc], "--config"))
            argv[argc][0] = '\0';
        argc++;
    }
    argv[argc] = NULL;
    check_command_line(argc, argv);
    while (argc > 1)
        free(argv[--argc]);
    return 0;
}
