/* SPDX-License-Identifier: MIT */
/* config_print.c - the options as text for people: --help and --print-config. */
#include "base/mem.h"
#include "config/config.h"
#include "config/config_table.h"

#include <stdio.h>
#include <stdlib.h>

void config_print_help(FILE *out)
{
    fputs("\nOptions:\n", out);
    for (size_t i = 0; i < n_options; i++) {
        char left[64];
        snprintf(left, sizeof left, "%s%s%s", options[i].flag, options[i].sample ? " " : "",
                 options[i].sample ? options[i].sample : "");
        fprintf(out, "  %-24s %s", left, options[i].help);
        if (options[i].standard)
            fprintf(out, " [%s]", options[i].standard);
        fputc('\n', out);
    }
    fputs(
        "\nAn option may also come from the environment (--max-wait is EMAILSD_MAX_WAIT) or from\n"
        "the file of --config (max-wait = 300s); a flag comes first, then the environment.\n",
        out);
}

static void print_origin(const struct config *config, const struct option *option, FILE *out)
{
    const struct origin *origin = &config->origins[option - options];
    char name[OPTION_NAME];

    switch (origin->from) {
    case FROM_NOWHERE:
        fputs("# not set\n", out);
        break;
    case FROM_DEFAULT:
        fputs("# default\n", out);
        break;
    case FROM_FILE:
        fprintf(out, "# from %s, line %d\n", config->config_file, origin->line);
        break;
    case FROM_ENVIRONMENT:
        option_environment_name(option, name);
        fprintf(out, "# from %s\n", name);
        break;
    case FROM_FLAG:
        fprintf(out, "# from %s on the command line\n", option->flag);
        break;
    }
}

static void print_option(const struct config *config, const struct option *option, FILE *out)
{
    bool is_set = false;

    print_origin(config, option, out);
    for (size_t i = 0;; i++) {
        autofree char *text = option_text(config, option, i);
        if (!text)
            break;
        is_set = true;
        fprintf(out, "%s = %s\n", option_key(option), text);
    }
    if (!is_set)
        fprintf(out, "# %s =\n", option_key(option));
    fputc('\n', out);
}

void config_print(const struct config *config, FILE *out)
{
    for (size_t i = 0; i < n_options; i++)
        if (option_is_lasting(&options[i]) &&
            options[i].field != offsetof(struct config, config_file))
            print_option(config, &options[i], out);
}
