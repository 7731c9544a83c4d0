/* SPDX-License-Identifier: MIT */
/* test_sandbox_calls.c - tries which system calls the filter denies and for which it kills, and
 * that the filter applies to all threads.
 *
 * A row passes if a restricted process fares as listed and an unrestricted one does not:
 * otherwise the row would prove nothing. */
#include "base/mem.h"
#include "sandbox_fixture.h"

#include "tests/support/suite.h"
#include <fcntl.h>
#include <linux/netlink.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

FIXTURE(sandbox_setup, sandbox_teardown);

static char *const true_words[] = {(char[]){"true"}, NULL};

static int make_a_process(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    return errno_if(pid < 0 || waitpid(pid, NULL, 0) < 0);
}

static int spawn_a_process(void)
{
    pid_t pid;
    int error = posix_spawn(&pid, "/bin/true", NULL, NULL, true_words, &true_words[1]);

    return error ? error : errno_if(waitpid(pid, NULL, 0) < 0);
}

static int look_into_a_process(void)
{
    return errno_if(ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0);
}

static int read_a_process(void)
{
    char from = 'x', to = '\0';
    struct iovec local = {&to, 1}, remote = {&from, 1};

    return errno_if(process_vm_readv(getpid(), &local, 1, &remote, 1, 0) != 1);
}

static int mount_something(void)
{
    return errno_if(mount("none", sandbox_in("closed"), "no-such-type", 0, NULL) != 0);
}

static int change_the_root(void)
{
    return errno_if(chroot(sandbox_in("closed")) != 0);
}

static int leave_the_namespace(void)
{
    return errno_if(unshare(CLONE_NEWNS) != 0);
}

static int load_a_module(void)
{
    return errno_if(syscall(SYS_init_module, NULL, 0, "") != 0);
}

static int see_all_packets(void)
{
    return errno_if(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0) < 0);
}

static int make_raw_packets(void)
{
    return errno_if(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, 1 /* ICMP */) < 0);
}

static int talk_to_another_netlink(void)
{
    return errno_if(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT) < 0);
}

static int open_a_door(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    return errno_if(fd < 0 || listen(fd, 1) != 0);
}

static int make_code(void)
{
    return errno_if(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
                    MAP_FAILED);
}

static int make_a_file_code_that_changes(void)
{
    int fd = open(sandbox_store, O_RDWR | O_CLOEXEC);

    return errno_if(mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE, fd, 0) ==
                    MAP_FAILED);
}

static int turn_data_into_code(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return errno_if(page == MAP_FAILED || mprotect(page, 4096, PROT_READ | PROT_EXEC) != 0);
}

static int make_a_file_in_memory(void)
{
    return errno_if(memfd_create("x", MFD_CLOEXEC) < 0);
}

static int allow_cores(void)
{
    struct rlimit limit;

    return errno_if(getrlimit(RLIMIT_CORE, &limit) != 0 || setrlimit(RLIMIT_CORE, &limit) != 0);
}

static int signal_another(void)
{
    return errno_if(kill(getppid(), 0) != 0);
}

static int signal_a_thread_of_another(void)
{
    return errno_if(syscall(SYS_tgkill, getppid(), getppid(), 0) != 0);
}

static int become_somebody(void)
{
    return errno_if(setuid(getuid()) != 0);
}

static int queue_calls(void)
{
    char parameters[256] = {0};

    return errno_if(syscall(SYS_io_uring_setup, 1, parameters) < 0);
}

static int open_a_file_to_others(void)
{
    return errno_if(chmod(sandbox_store, 0666) != 0);
}

static int rename_the_store(void)
{
    return errno_if(rename(sandbox_store, sandbox_in("open/new")) != 0);
}

static const struct {
    sandbox_attempt_fn *attempt;
    int outcome;
} calls[] = {
    {sandbox_run, KILLED + SIGSYS},
    {sandbox_run_by_descriptor, KILLED + SIGSYS},
    {make_a_process, KILLED + SIGSYS},
    {spawn_a_process, KILLED + SIGSYS},
    {look_into_a_process, KILLED + SIGSYS},
    {read_a_process, KILLED + SIGSYS},
    {mount_something, KILLED + SIGSYS},
    {change_the_root, KILLED + SIGSYS},
    {leave_the_namespace, KILLED + SIGSYS},
    {load_a_module, KILLED + SIGSYS},
    {see_all_packets, ENOSYS},
    {make_raw_packets, ENOSYS},
    {talk_to_another_netlink, ENOSYS},
    {open_a_door, ENOSYS},
    {make_code, ENOSYS},
    {make_a_file_code_that_changes, ENOSYS},
    {turn_data_into_code, ENOSYS},
    {make_a_file_in_memory, ENOSYS},
    {allow_cores, ENOSYS},
    {signal_another, ENOSYS},
    {signal_a_thread_of_another, ENOSYS},
    {become_somebody, ENOSYS},
    {queue_calls, ENOSYS},
    {open_a_file_to_others, ENOSYS},
    {rename_the_store, ENOSYS},
};

/* The unrestricted process runs second, because it may change the folder. */
LOOP_TEST(sandbox_unneeded_call_is_denied_or_kills, calls)
{
    if (!sandbox_can_hold(SANDBOX_SECCOMP))
        return;
    ck_assert_int_eq(sandbox_fares(SANDBOX_SECCOMP, calls[_i].attempt), calls[_i].outcome);
    ck_assert_int_ne(sandbox_fares(0, calls[_i].attempt), calls[_i].outcome);
}

/* ---- threads ---- */

static void *listen_when_told(void *arg)
{
    eventfd_t ignored;
    static int error;

    eventfd_read(*(const int *)arg, &ignored);
    error = open_a_door();
    return &error;
}

/* 1: started before, stopped by the filter; 2: started after it. */
static int listen_in_two_threads(void)
{
    pthread_t thread;
    int *error, doorbell = eventfd(0, EFD_CLOEXEC);

    if (pthread_create(&thread, NULL, listen_when_told, &doorbell) != 0)
        return EAGAIN;
    sandbox_close_all(SANDBOX_SECCOMP);
    eventfd_write(doorbell, 1);
    pthread_join(thread, (void **)&error);
    if (*error != ENOSYS)
        return 1;
    if (pthread_create(&thread, NULL, listen_when_told, &doorbell) != 0)
        return EAGAIN;
    eventfd_write(doorbell, 1);
    pthread_join(thread, (void **)&error);
    return *error == ENOSYS ? 0 : 2;
}

TEST(sandbox_filter_applies_to_earlier_and_later_threads)
{
    if (sandbox_can_hold(SANDBOX_SECCOMP))
        ck_assert_int_eq(sandbox_fares(0, listen_in_two_threads), 0);
}
