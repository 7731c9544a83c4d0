/* SPDX-License-Identifier: MIT */
/* config_print.c - prints the options for operators: --help and --print-config. */
#include "base/mem.h"
#include "config/config.h"
#include "config/config_table.h"

#include <stdio.h>
#include <stdlib.h>

static void print_help_row(const struct option *option, FILE *out)
{
    char left[64];

    snprintf(left, sizeof left, "%s%s%s", option->flag, option->sample ? " " : "",
             option->sample ? option->sample : "");
    fprintf(out, "  %-*s  %s", CONFIG_HELP_WIDTH, left, option->help);
    if (option->standard)
        fprintf(out, " [%s]", option->standard);
    fputc('\n', out);
}

void config_print_help(FILE *out)
{
    for (int group = 0; group < OPTION_GROUPS; group++) {
        fprintf(out, "\n%s:\n", option_groups[group]);
        for (size_t i = 0; i < n_options; i++)
            if (options[i].group == (enum option_group)group)
                print_help_row(&options[i], out);
    }
    fputs("\nDefaults are in brackets. An option can also be set in the environment\n"
          "(EMAILSD_MAX_WAIT for --max-wait) or in the --config file (max-wait = 300s).\n"
          "Flags override the environment, which overrides the file.\n",
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
