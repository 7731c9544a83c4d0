/* SPDX-License-Identifier: MIT */
/* sandbox.c - see sandbox.h. Decides which of the two layers are requested and available, and
 * reports that. The layers are in sandbox_files.c and sandbox_calls.c. */
#include "os/sandbox.h"

#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

/* Covers only gcc and clang of Debian 12: gcc defines macros, clang has features. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SANITIZED true
#endif
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED false
#endif

static bool is_wanted(unsigned parts, enum sandbox_part part)
{
    return !IS_SANITIZED && (parts & (unsigned)part) != 0;
}

/* An unprivileged process must set this before it may use either layer. */
static void gain_nothing(void)
{
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

void sandbox_restrict_files(const struct sandbox_options *options, struct sandbox_state *ret_state)
{
    struct sandbox_state state = {.seccomp = "off", .landlock = "off"};
    int abi;

    if (IS_SANITIZED && options->parts)
        errmsg_set(&state.why, "disabled in sanitizer builds");
    if (is_wanted(options->parts, SANDBOX_LANDLOCK)) {
        gain_nothing();
        state.is_short = sandbox_landlock(options, &abi, &state.why) != 0;
        if (state.is_short)
            snprintf(state.landlock, sizeof state.landlock, "unsupported");
        else
            snprintf(state.landlock, sizeof state.landlock, "abi%d", abi);
    }
    *ret_state = state;
}

void sandbox_restrict_syscalls(unsigned parts, struct sandbox_state *state)
{
    struct errmsg why = {""};

    if (!is_wanted(parts, SANDBOX_SECCOMP))
        return;
    gain_nothing();
    if (sandbox_seccomp(&why) == 0) {
        snprintf(state->seccomp, sizeof state->seccomp, "on");
        return;
    }
    state->is_short = true;
    snprintf(state->seccomp, sizeof state->seccomp, "unsupported");
    struct errmsg files = state->why;
    errmsg_set(&state->why, "%.250s%s%.250s", files.text, *files.text ? "; " : "", why.text);
}
