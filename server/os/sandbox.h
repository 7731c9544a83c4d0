/* SPDX-License-Identifier: MIT */
/* sandbox.h - what the daemon takes away from itself, where no supervisor does it.
 *
 * Two walls, each of which the kernel holds and nothing can take down again:
 *   files   Landlock(7): reads where a reload or the resolver must read, writes beside the store
 * and nowhere else, executes nothing. calls   seccomp(2): a list of allowed system calls. Whatever
 * starts a program, looks into another process or changes the machine kills the daemon; the rest is
 * answered ENOSYS. Both are the second line, for the day on which a parser is fooled. A kernel that
 * lacks one is told in the state and nothing else happens: a small guard is no reason not to serve.
 *
 * Builds with a sanitizer have neither, because its runtime needs more. Start-up, main thread. */
#ifndef OS_SANDBOX_H
#define OS_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

enum sandbox_part { SANDBOX_SECCOMP = 1, SANDBOX_LANDLOCK = 2 };

#define SANDBOX_WHY 160

struct sandbox_options {
    unsigned parts; /* enum sandbox_part, or-ed: which walls are wanted */
    /* Files, not folders; a NULL among them is passed over. Who replaces a file by renaming makes a
     * new one, so it is always the file's folder, as named and as links resolve it, that stays
     * open. */
    const char *const *reread; /* read again while the daemon runs */
    size_t n_reread;
    const char *const *written; /* the store: made, written, truncated and removed */
    size_t n_written;
};

/* What is in force, in words for the log. */
struct sandbox_state {
    bool is_short;         /* a wall that was wanted is not there */
    char seccomp[16];      /* on, off, unsupported */
    char landlock[16];     /* abi4 and the like, off, unsupported */
    char why[SANDBOX_WHY]; /* of what is not there; "" when nothing is to be said */
};

/* For this thread and those that it starts from now on: to be called before there are others.
 * Descriptors that are open stay open. Sets all of *ret_state; the calls are "off" in it. */
void sandbox_restrict_files(const struct sandbox_options *options, struct sandbox_state *ret_state);

/* For all threads that there are, and their children: to be called when the last listening socket
 * is there. `parts` as in the options; `state` is what sandbox_restrict_files() left. */
void sandbox_restrict_syscalls(unsigned parts, struct sandbox_state *state);

/* ---- the two halves; for sandbox.c alone ---- */

/* 0, or a negative errno with `why` (SANDBOX_WHY bytes) set. *ret_abi is what the kernel speaks. */
int sandbox_landlock(const struct sandbox_options *options, int *ret_abi, char *why);
int sandbox_seccomp(char *why);

#endif
