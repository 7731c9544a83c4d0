/* SPDX-License-Identifier: MIT */
/* options.c - see options.h. */
#include "tests/simulator/options.h"

#include "base/mem.h"

#include <string.h>

static enum err add_key(struct options *options, const char *key)
{
    if (options->n_keys == KEYS_MAX || !*key)
        return ERR_SYNTAX;
    options->keys[options->n_keys++] = key;
    return ERR_OK;
}

static enum err set(struct options *options, const char *name, const char *value)
{
    if (strcmp(name, "listen") == 0 && value) {
        options->listen_on = value;
        return ERR_OK;
    }
    if (strcmp(name, "api-key") == 0 && value)
        return add_key(options, value);
    return behaviour_set_flag(&options->behaviour, name, value);
}

static bool stands_alone(const char *name)
{
    return strcmp(name, "help") == 0 || behaviour_is_switch(name);
}

/* Reads the flag at argv[*at], and its value behind it if it has one. */
static enum err read_flag(int argc, char **argv, int *at, struct options *options)
{
    const char *flag = argv[*at];

    if (strncmp(flag, "--", 2) != 0)
        return ERR_SYNTAX;
    const char *equals = strchr(flag, '=');
    size_t len = equals ? (size_t)(equals - flag) - 2 : strlen(flag) - 2;
    autofree char *name = xstrndup(flag + 2, len);
    const char *value = equals ? equals + 1 : NULL;
    if (!value && !stands_alone(name) && *at + 1 < argc)
        value = argv[++*at];
    if (strcmp(name, "help") == 0 && !value) {
        options->help = true;
        return ERR_OK;
    }
    return set(options, name, value);
}

enum err options_read(int argc, char **argv, struct options *ret_options, const char **ret_bad)
{
    struct options options = {.listen_on = "127.0.0.1:0", .behaviour = behaviour_default()};

    for (int i = 1; i < argc; i++) {
        const char *flag = argv[i];
        if (read_flag(argc, argv, &i, &options) == ERR_OK)
            continue;
        *ret_bad = flag;
        return ERR_SYNTAX;
    }
    if (options.n_keys == 0)
        add_key(&options, "test-key");
    *ret_options = options;
    return ERR_OK;
}

void options_help(FILE *out)
{
    fputs("openmart-sim - the vendor's batch API, simulated\n\n"
          "  --listen                   address and port (127.0.0.1:0)\n"
          "  --api-key                  a key that is let in; may be repeated (test-key)\n",
          out);
    behaviour_help(out);
    fputs("  --help                     this text\n\nTimes are written 26s, 250ms, 2m or 0.\n",
          out);
}
