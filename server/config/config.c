/* SPDX-License-Identifier: MIT */
/* config.c - see config.h. Reads the four sources of a value, the strongest first. The table of
 * options is in config_table.c. */
#include "config/config.h"

#include "base/mem.h"
#include "config/config_file.h"
#include "config/config_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static size_t row(const struct option *option)
{
    return (size_t)(option - options);
}

/* Sets an option from a source, unless a stronger source has set it; `name` is the option in
 * messages. */
static enum err take(struct config *config, const struct option *option, const char *value,
                     struct origin origin, const char *name, struct errmsg *why)
{
    struct origin *known = &config->origins[row(option)];
    bool is_more = option->kind == LIST && known->from == origin.from;
    enum err err = ERR_OK;

    if (known->from != FROM_NOWHERE && !is_more)
        return ERR_OK; /* set by a stronger source */
    err = option_set(config, option, value);
    if (err) {
        errmsg_set(why, "%s: invalid value '%.60s': must be %s", name, value, option_form(option));
        return ERR_SYNTAX;
    }
    *known = origin;
    return ERR_OK;
}

/* ---- the command line ---- */

static bool is_flag(const struct option *option)
{
    return option->kind == FLAG || option->kind == ACCESS || option->kind == SWITCH;
}

static enum err read_flags(int argc, char *const *argv, struct config *config, struct errmsg *why)
{
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i], *equals = strchr(arg, '=');
        if (arg[0] != '-' && config->n_words < CONFIG_WORDS) {
            config->words[config->n_words++] = arg;
            continue;
        }
        const struct option *option =
            strncmp(arg, "--", 2) == 0 ? option_find(arg + 2, strcspn(arg + 2, "=")) : NULL;
        if (!option) {
            errmsg_set(why, "unknown option '%.60s'; see --help", arg);
            return ERR_SYNTAX;
        }
        const char *value = equals ? equals + 1 : is_flag(option) ? "1" : argv[i + 1];
        if (!value) {
            errmsg_set(why, "%s requires a value", option->flag);
            return ERR_SYNTAX;
        }
        i += !equals && !is_flag(option);
        if (option->kind != LIST) /* of a flag given twice, the last one counts */
            config->origins[row(option)].from = FROM_NOWHERE;
        enum err err =
            take(config, option, value, (struct origin){FROM_FLAG, 0}, option->flag, why);
        if (err)
            return err;
    }
    return ERR_OK;
}

/* ---- the environment ---- */

static bool is_option(const char *name)
{
    char known[OPTION_NAME];

    for (size_t i = 0; i < n_options; i++) {
        option_environment_name(&options[i], known);
        if (option_is_lasting(&options[i]) && strcmp(known, name) == 0)
            return true;
    }
    return false;
}

/* For a service named emailsd or emailsd-something, Kubernetes adds its addresses to the
 * environment of every container: EMAILSD_SERVICE_HOST, EMAILSD_PORT_8080_TCP and the like, and
 * EMAILSD_PORT=tcp://... No option has such a name. */
static bool is_address_of_service(const char *name, const char *value)
{
    static const char *const parts[] = {"_SERVICE_HOST", "_SERVICE_PORT", "_PORT_"};
    static const char end[] = "_PORT";

    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (strstr(name, parts[i]))
            return true;
    return strcmp(name + strlen(name) - strlen(end), end) == 0 && strstr(value, "://");
}

/* The variables of the command line tool `emails`, which users set for all their programs. No
 * option has such a name. */
static bool is_of_client(const char *name)
{
    static const char *const names[] = {"EMAILSD_URL", "EMAILSD_KEY", "EMAILSD_KEY_FILE"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* Rejects unknown names: a typing error could leave a spending limit unset, for example. */
static enum err reject_unknown(struct errmsg *why)
{
    for (char *const *variable = environ; *variable; variable++) {
        size_t len = strcspn(*variable, "=");
        if (strncmp(*variable, OPTION_PREFIX, strlen(OPTION_PREFIX)) != 0)
            continue;
        autofree char *name = xstrndup(*variable, len);
        if (is_option(name) || is_of_client(name) || is_address_of_service(name, *variable + len))
            continue;
        errmsg_set(why, "unknown option '%.60s' in the environment; see --help", name);
        return ERR_SYNTAX;
    }
    return ERR_OK;
}

#define BLANKS " \t"

/* A variable of the environment exists once, so it holds the items of a list with commas between
 * them. Blanks around an item are ignored. */
static enum err take_variable(struct config *config, const struct option *option, const char *value,
                              const char *name, struct errmsg *why)
{
    const struct origin origin = {FROM_ENVIRONMENT, 0};

    if (option->kind != LIST)
        return take(config, option, value, origin, name, why);
    for (;; value++) {
        size_t len = strcspn(value, ","), begin = strspn(value, BLANKS), end = len;
        while (end > begin && strchr(BLANKS, value[end - 1]))
            end--;
        autofree char *item = xstrndup(value + begin, end > begin ? end - begin : 0);
        enum err err = take(config, option, item, origin, name, why);
        value += len;
        if (err || !*value)
            return err;
    }
}

static enum err read_environment(struct config *config, struct errmsg *why)
{
    enum err err = reject_unknown(why);

    for (size_t i = 0; !err && i < n_options; i++) {
        char name[OPTION_NAME];
        option_environment_name(&options[i], name);
        const char *value = option_is_lasting(&options[i]) ? getenv(name) : NULL;
        if (value)
            err = take_variable(config, &options[i], value, name, why);
    }
    return err;
}

/* ---- the file ---- */

struct file_reading {
    struct config *config;
    struct errmsg *why;
};

static enum err reject_line(const struct file_reading *reading, int line, const char *key,
                            const char *words)
{
    errmsg_set(reading->why, "%.120s:%d: '%.40s' %s", reading->config->config_file, line, key,
               words);
    return ERR_SYNTAX;
}

static enum err take_line(void *arg, const char *key, const char *value, int line)
{
    struct file_reading *reading = arg;
    struct config *config = reading->config;
    const struct option *option = option_find(key, strlen(key));
    char name[128];

    if (!option)
        return reject_line(reading, line, key, "is not a known option; see --help");
    if (!option_is_lasting(option) || option->field == offsetof(struct config, config_file))
        return reject_line(reading, line, key, "is not allowed in a configuration file");
    if (option->kind != LIST && config->origins[row(option)].from == FROM_FILE)
        return reject_line(reading, line, key, "is given twice");
    snprintf(name, sizeof name, "%.80s:%d: %s", config->config_file, line, key);
    return take(config, option, value, (struct origin){FROM_FILE, line}, name, reading->why);
}

/* ---- all sources ---- */

static enum err read_defaults(struct config *config, struct errmsg *why)
{
    enum err err = ERR_OK;

    for (size_t i = 0; !err && i < n_options; i++)
        if (options[i].standard)
            err = take(config, &options[i], options[i].standard, (struct origin){FROM_DEFAULT, 0},
                       options[i].flag, why);
    return err;
}

enum err config_read(int argc, char *const *argv, struct config *ret_config, struct errmsg *why)
{
    struct config config = {.origins = xcalloc(n_options, sizeof(struct origin))};
    struct file_reading reading = {&config, why};
    enum err err = read_flags(argc, argv, &config, why);

    if (!err)
        err = read_environment(&config, why);
    if (!err && config.config_file)
        err = config_file_read(config.config_file, take_line, &reading, why);
    if (!err)
        err = read_defaults(&config, why);
    if (err) {
        config_done(&config);
        return ERR_SYNTAX;
    }
    *ret_config = config;
    return ERR_OK;
}

static void list_done(struct config_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->values[i]);
}

void config_done(struct config *config)
{
    for (size_t i = 0; i < n_options; i++) {
        void *field = (char *)config + options[i].field;
        if (options[i].kind == TEXT || options[i].kind == ARGUMENT)
            free(*(char **)field);
        else if (options[i].kind == LIST)
            list_done(field);
    }
    free(config->origins);
    *config = (struct config){0};
}

/* ---- comparing two configurations ---- */

static bool is_same(const struct config *a, const struct config *b, const struct option *option)
{
    for (size_t i = 0;; i++) {
        autofree char *one = option_text(a, option, i), *other = option_text(b, option, i);
        if (!one || !other)
            return !one && !other;
        if (strcmp(one, other) != 0)
            return false;
    }
}

void config_each_change(const struct config *before, const struct config *now,
                        config_change_fn *each, void *arg)
{
    for (size_t i = 0; i < n_options; i++)
        if (!is_same(before, now, &options[i]))
            each(arg, option_key(&options[i]), options[i].reloads);
}

void config_adopt(struct config *running, struct config *read)
{
    for (size_t i = 0; i < n_options; i++) {
        if (!options[i].reloads)
            continue;
        struct origin origin = running->origins[i];
        running->origins[i] = read->origins[i];
        read->origins[i] = origin;
        option_swap(running, read, &options[i]);
    }
}
