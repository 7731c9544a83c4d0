/* SPDX-License-Identifier: MIT */
/* commands.h - runs `emailsd COMMAND [OPERAND]...`, everything besides serving.
 *
 * Commands that use the store work while a daemon is running, or without one. Main thread. */
#ifndef COMMANDS_COMMANDS_H
#define COMMANDS_COMMANDS_H

#include "config/config.h"

#include <stdio.h>

/* Runs the command named on the command line. Returns the exit code: 0; 1 if the system or the
 * store rejected it; 2 if the command is unknown, has the wrong operands, or requires a store and
 * `config` names none; 3 if another process owns a store that the command must own. */
int command_run(const struct config *config);

/* Prints the commands for --help. */
void command_print_help(FILE *out);

#endif
