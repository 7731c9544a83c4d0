/* SPDX-License-Identifier: MIT */
/* sandbox.h - restricts what the daemon may do, for installations whose supervisor does not.
 *
 * Two layers, enforced by the kernel and irrevocable:
 * - files: Landlock(7). Reads where a reload, the resolver or the store's client reads, writes only
 *   in the folder of the store or of its spool, executes nothing.
 * - calls: seccomp(2). A list of allowed system calls. Calls that start a program, inspect another
 *   process or change the machine kill the daemon; all others fail with ENOSYS.
 *
 * Both limit the damage if a parser is exploited. Missing kernel support is reported in the state
 * and does not prevent startup. Sanitizer builds have neither, because their runtime needs more.
 * Startup, main thread. */
#ifndef OS_SANDBOX_H
#define OS_SANDBOX_H

#include "base/errmsg.h"

#include <stdbool.h>
#include <stddef.h>

enum sandbox_part { SANDBOX_SECCOMP = 1, SANDBOX_LANDLOCK = 2 };

struct sandbox_options {
    unsigned parts; /* enum sandbox_part, or-ed: the layers to apply */
    /* Files, not folders; NULL entries are skipped. Replacing a file by rename creates a new one,
     * so access is granted to the file's folder, both as named and as links resolve it. Borrowed
     * for the call. */
    const char *const *reread; /* files that are read again while the daemon runs */
    size_t n_reread;
    const char *const
        *written; /* the store or its spool: created, written, truncated and removed */
    size_t n_written;
};

/* The layers in effect, as text for the log. */
struct sandbox_state {
    bool is_short;     /* a requested layer is missing */
    char seccomp[16];  /* on, off, unsupported */
    char landlock[16]; /* such as abi4, off, unsupported */
    struct errmsg why; /* why a layer is missing; "" if there is nothing to report */
};

/* Restricts file access of this thread and of threads that it starts later: must run before other
 * threads exist. Open descriptors stay usable. Sets all of *ret_state, with system calls as
 * "off". */
void sandbox_restrict_files(const struct sandbox_options *options, struct sandbox_state *ret_state);

/* Restricts the system calls of all existing threads and of their children: must run after the last
 * listening socket was opened. `parts` as in the options; `state` comes from
 * sandbox_restrict_files(). */
void sandbox_restrict_syscalls(unsigned parts, struct sandbox_state *state);

/* ---- the two layers; used by sandbox.c only ---- */

/* Return 0, or a negative errno with `why` set. *ret_abi is the ABI of the kernel. */
int sandbox_landlock(const struct sandbox_options *options, int *ret_abi, struct errmsg *why);
int sandbox_seccomp(struct errmsg *why);

#endif
