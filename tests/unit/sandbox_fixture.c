/* SPDX-License-Identifier: MIT */
/* sandbox_fixture.c - see sandbox_fixture.h. */
#include "sandbox_fixture.h"

#include "base/mem.h"

#include <check.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64];
char sandbox_store[96], sandbox_key[96], sandbox_other[96];

void sandbox_write(const char *path, const char *text)
{
    FILE *out = fopen(path, "we");

    ck_assert_ptr_nonnull(out);
    fputs(text, out);
    fclose(out);
}

const char *sandbox_in(const char *name)
{
    static char path[128];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

void sandbox_setup(void)
{
    snprintf(folder, sizeof folder, "/tmp/test_sandbox.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(mkdir(sandbox_in("open"), 0700), 0);
    ck_assert_int_eq(mkdir(sandbox_in("keys"), 0700), 0);
    ck_assert_int_eq(mkdir(sandbox_in("closed"), 0700), 0);
    snprintf(sandbox_store, sizeof sandbox_store, "%s/open/emailsd.db", folder);
    snprintf(sandbox_key, sizeof sandbox_key, "%s/keys/key", folder);
    snprintf(sandbox_other, sizeof sandbox_other, "%s/closed/file", folder);
    sandbox_write(sandbox_store, "store");
    sandbox_write(sandbox_key, "key");
    sandbox_write(sandbox_other, "other");
}

void sandbox_teardown(void)
{
    static const char *const names[] = {"open/emailsd.db", "open/new",  "open/made",
                                        "open/link",       "keys/key",  "keys/made",
                                        "closed/file",     "closed/new"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        remove(sandbox_in(names[i]));
    rmdir(sandbox_in("open"));
    rmdir(sandbox_in("keys"));
    rmdir(sandbox_in("closed"));
    rmdir(folder);
}

struct sandbox_state sandbox_close_all(unsigned parts)
{
    const char *const reread[] = {NULL, sandbox_key};
    const char *const written[] = {sandbox_store};
    const struct sandbox_options options = {.parts = parts,
                                            .reread = reread,
                                            .n_reread = ARRAY_LEN(reread),
                                            .written = written,
                                            .n_written = ARRAY_LEN(written)};
    struct sandbox_state state;

    sandbox_restrict_files(&options, &state);
    sandbox_restrict_syscalls(parts, &state);
    return state;
}

/* Returns how a process of its own fares under the restrictions of `parts`. */
int sandbox_fares(unsigned parts, sandbox_attempt_fn *attempt)
{
    int status;
    pid_t pid = fork();

    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        sandbox_close_all(parts);
        _exit(attempt());
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? KILLED + WTERMSIG(status) : WEXITSTATUS(status);
}

bool sandbox_is_sanitized(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return true;
#else
    return false;
#endif
}

static bool kernel_has_landlock(void)
{
    return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) > 0;
}

/* Asks by the call itself: /proc is that of the kernel, also below an emulator without seccomp. */
static bool kernel_has_seccomp(void)
{
    uint32_t action = SECCOMP_RET_KILL_PROCESS;

    return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

/* If a layer is missing, its rows cannot be tested. */
bool sandbox_can_hold(enum sandbox_part part)
{
    return !sandbox_is_sanitized() &&
           (part == SANDBOX_LANDLOCK ? kernel_has_landlock() : kernel_has_seccomp());
}

/* ---- attempts ---- */

static char *const no_words[] = {NULL};
static char *const true_words[] = {(char[]){"true"}, NULL};

int sandbox_run(void)
{
    return errno_if(execve("/bin/true", true_words, no_words) != 0);
}

int sandbox_run_by_descriptor(void)
{
    int fd = open("/bin/true", O_PATH | O_CLOEXEC);

    return errno_if(syscall(SYS_execveat, fd, "", true_words, no_words, AT_EMPTY_PATH) != 0);
}
