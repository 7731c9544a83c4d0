/* SPDX-License-Identifier: MIT */
/* sandbox_fixture.h - a folder, and processes that restrict themselves and attempt something.
 *
 * The folder has `open/`, where the store is, `keys/` with a key that is read again, and
 * `closed/`, which is not permitted. A build with a sanitizer has no sandbox, and a kernel may
 * lack a layer: sandbox_can_hold() asks the kernel, not the code under test. */
#ifndef UNIT_SANDBOX_FIXTURE_H
#define UNIT_SANDBOX_FIXTURE_H

#include "os/sandbox.h"

#include <errno.h>
#include <stdbool.h>

#define WALLS  (SANDBOX_SECCOMP | SANDBOX_LANDLOCK)
#define KILLED 1000 /* plus the signal */

/* Returns 0, or the errno of the failed call. Runs in a process of its own. */
typedef int sandbox_attempt_fn(void);

extern char sandbox_store[96], sandbox_key[96], sandbox_other[96]; /* in open/, keys/ and closed/ */

void sandbox_setup(void);
void sandbox_teardown(void);

/* Returns a path in the folder; valid until the next call. */
const char *sandbox_in(const char *name);
void sandbox_write(const char *path, const char *text);

struct sandbox_state sandbox_close_all(unsigned parts);

/* Returns the result of the attempt in a process restricted by `parts`, or KILLED + signal. */
int sandbox_fares(unsigned parts, sandbox_attempt_fn *attempt);

bool sandbox_is_sanitized(void);
bool sandbox_can_hold(enum sandbox_part part);

static inline int errno_if(bool failed)
{
    return failed ? errno : 0;
}

/* Attempts that either layer prevents. */
int sandbox_run(void);
int sandbox_run_by_descriptor(void);

#endif
