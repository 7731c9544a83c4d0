/* SPDX-License-Identifier: MIT */
/* commands.h - what emailsd does besides serving: `emailsd COMMAND [OPERAND]`.
 *
 * Each works on the store beside a running daemon, or without one. Main thread. */
#ifndef COMMANDS_COMMANDS_H
#define COMMANDS_COMMANDS_H

#include "config/config.h"

#include <stdio.h>

/* Runs the command that the words of the command line name, and returns the exit code: 0, 1 when
 * the system or the store refused, 2 when the words make no command, or one that wants a
 * store while `config` names none. */
int command_run(const struct config *config);

/* The commands, for --help. */
void command_print_help(FILE *out);

#endif
