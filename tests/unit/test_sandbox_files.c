/* SPDX-License-Identifier: MIT */
/* test_sandbox_files.c - tries which files are inaccessible.
 *
 * A row passes if a restricted process fares as listed and an unrestricted one does not:
 * otherwise the row would prove nothing. */
#include "base/mem.h"
#include "sandbox_fixture.h"

#include "tests/support/suite.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

FIXTURE(sandbox_setup, sandbox_teardown);

static int opens(const char *path, int how)
{
    return errno_if(open(path, how | O_CLOEXEC, 0600) < 0);
}

static int write_elsewhere(void)
{
    return opens(sandbox_other, O_WRONLY);
}

static int read_elsewhere(void)
{
    return opens(sandbox_other, O_RDONLY);
}

static int make_elsewhere(void)
{
    return opens(sandbox_in("closed/new"), O_WRONLY | O_CREAT | O_EXCL);
}

static int make_in_tmp(void)
{
    return errno_if(open("/tmp", O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600) < 0);
}

static int remove_elsewhere(void)
{
    return errno_if(unlink(sandbox_other) != 0);
}

static int list_elsewhere(void)
{
    return opens("/", O_RDONLY | O_DIRECTORY);
}

static int write_beside_the_key(void)
{
    return opens(sandbox_in("keys/made"), O_WRONLY | O_CREAT);
}

static int write_the_key(void)
{
    return opens(sandbox_key, O_WRONLY);
}

static int write_to_etc(void)
{
    return opens("/etc/emailsd-test", O_WRONLY | O_CREAT | O_EXCL) == EACCES ? EACCES : 0;
}

/* Writes through /proc ignore page protections. */
static int write_into_memory(void)
{
    return opens("/proc/self/mem", O_RDWR);
}

static int link_into_the_store(void)
{
    return errno_if(symlink("/etc/passwd", sandbox_in("open/link")) != 0);
}

static int make_a_folder(void)
{
    int error = errno_if(mkdir(sandbox_in("open/made"), 0700) != 0);

    rmdir(sandbox_in("open/made"));
    return error;
}

static const struct {
    sandbox_attempt_fn *attempt;
} outside[] = {
    {write_elsewhere},  {read_elsewhere},       {make_elsewhere}, {make_in_tmp},
    {list_elsewhere},   {write_beside_the_key}, {write_the_key},  {write_into_memory},
    {make_a_folder},    {link_into_the_store},  {sandbox_run},    {sandbox_run_by_descriptor},
    {remove_elsewhere},
};

LOOP_TEST(sandbox_denies_files_elsewhere, outside)
{
    if (!sandbox_can_hold(SANDBOX_LANDLOCK))
        return;
    ck_assert_int_eq(sandbox_fares(SANDBOX_LANDLOCK, outside[_i].attempt), EACCES);
    ck_assert_int_eq(sandbox_fares(0, outside[_i].attempt), 0);
}

TEST(sandbox_permits_reading_etc)
{
    if (!sandbox_can_hold(SANDBOX_LANDLOCK))
        return;
    ck_assert_int_eq(sandbox_fares(SANDBOX_LANDLOCK, write_to_etc), EACCES);
    ck_assert_int_eq(access("/etc/emailsd-test", F_OK), -1);
}

static int read_the_key_after_a_change(void)
{
    int wake_fd = eventfd(0, EFD_CLOEXEC);
    eventfd_t ignored;
    pid_t pid = fork();

    if (pid == 0) {
        eventfd_read(wake_fd, &ignored);
        sandbox_write(sandbox_in("keys/made"), "new key");
        _exit(rename(sandbox_in("keys/made"), sandbox_key) == 0 ? 0 : 1);
    }
    sandbox_close_all(SANDBOX_LANDLOCK);
    eventfd_write(wake_fd, 1);
    if (pid < 0 || waitpid(pid, NULL, 0) != pid)
        return ECHILD;
    return opens(sandbox_key, O_RDONLY);
}

TEST(sandbox_permits_reading_a_replaced_key_file)
{
    ck_assert_int_eq(sandbox_fares(0, read_the_key_after_a_change), 0);
}
