/* SPDX-License-Identifier: MIT */
/* options.h - the command line: --listen, --api-key, --help, and every row of the behaviour. */
#ifndef SIMULATOR_OPTIONS_H
#define SIMULATOR_OPTIONS_H

#include "tests/simulator/sim.h"

struct options {
    const char *listen_on;      /* borrowed from argv, as are the keys */
    const char *keys[KEYS_MAX]; /* at least one */
    size_t n_keys;
    bool help;
    struct behaviour behaviour;
};

/* "--name value" and "--name=value". ERR_SYNTAX: *ret_bad is the argument that is wrong. */
enum err options_read(int argc, char **argv, struct options *ret_options, const char **ret_bad);

void options_help(FILE *out);

#endif
