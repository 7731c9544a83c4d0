/* SPDX-License-Identifier: MIT */
/* sandbox_calls.c - restricts system calls by seccomp, see sandbox.h; the only user of libseccomp.
 *
 * Allowed: what our code, libmicrohttpd, libcurl, OpenSSL, SQLite and glibc's resolver need on
 * Debian 12, Debian 13 and Ubuntu 24.04. Killed: what no library tries (another program, process or
 * root, a kernel module). Such a call means that the daemon was taken over; the journal makes a
 * kill safe. All others: ENOSYS, as on an older kernel, so that a newer library falls back; after
 * EPERM it might give up. The audit log has the kills, and the rejections too if actions_logged
 * contains errno.
 *
 * listen() is not allowed: all sockets are open by now. Neither is rename(), chmod() of a path,
 * setuid() and the like.
 *
 * Cost: since 5.11 the kernel caches which calls are allowed with any arguments, so most do not run
 * the filter; for the others it is a binary tree. See docs/performance.md. */
#include "base/mem.h"
#include "os/sandbox.h"

#include <errno.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOCKET_TYPE 0x0f /* mask of the type, without SOCK_NONBLOCK and SOCK_CLOEXEC */

/* The argument of clone that holds its flags. */
#if defined(__s390x__)
#define CLONE_FLAGS 1
#else
#define CLONE_FLAGS 0
#endif

static const int allowed[] = {
    /* descriptors */
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(readv),
    SCMP_SYS(writev),
    SCMP_SYS(pread64),
    SCMP_SYS(pwrite64),
    SCMP_SYS(preadv),
    SCMP_SYS(pwritev),
    SCMP_SYS(lseek),
    SCMP_SYS(close),
    SCMP_SYS(dup),
    SCMP_SYS(dup2),
    SCMP_SYS(dup3),
    SCMP_SYS(fcntl),
    SCMP_SYS(pipe),
    SCMP_SYS(pipe2),
    SCMP_SYS(eventfd2),
    /* files: SQLite, key files, the resolver's and OpenSSL's configuration, /proc/self */
    SCMP_SYS(open),
    SCMP_SYS(openat),
    SCMP_SYS(stat),
    SCMP_SYS(lstat),
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(statx),
    SCMP_SYS(statfs),
    SCMP_SYS(fstatfs),
    SCMP_SYS(access),
    SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(getdents64),
    SCMP_SYS(getcwd),
    SCMP_SYS(unlink),
    SCMP_SYS(unlinkat),
    SCMP_SYS(fsync),
    SCMP_SYS(fdatasync),
    SCMP_SYS(ftruncate),
    SCMP_SYS(fallocate),
    SCMP_SYS(flock),
    SCMP_SYS(fadvise64),
    SCMP_SYS(fchmod),
    SCMP_SYS(fchown),
    /* sockets */
    SCMP_SYS(connect),
    SCMP_SYS(bind),
    SCMP_SYS(accept),
    SCMP_SYS(accept4),
    SCMP_SYS(socketpair),
    SCMP_SYS(getsockname),
    SCMP_SYS(getpeername),
    SCMP_SYS(getsockopt),
    SCMP_SYS(setsockopt),
    SCMP_SYS(sendto),
    SCMP_SYS(recvfrom),
    SCMP_SYS(sendmsg),
    SCMP_SYS(recvmsg),
    SCMP_SYS(sendmmsg),
    SCMP_SYS(recvmmsg),
    SCMP_SYS(shutdown),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(select),
    SCMP_SYS(pselect6),
    SCMP_SYS(epoll_create1),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_pwait2),
    /* memory */
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    /* threads and signals */
    SCMP_SYS(futex),
    SCMP_SYS(futex_waitv),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(get_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(membarrier),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(getcpu),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(gettid),
    SCMP_SYS(getpid),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigtimedwait),
    SCMP_SYS(rt_sigpending),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(restart_syscall),
    /* identity and time */
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(getppid),
    SCMP_SYS(uname),
    SCMP_SYS(sysinfo),
    SCMP_SYS(getrusage),
    SCMP_SYS(getrlimit),
    SCMP_SYS(times),
    SCMP_SYS(time),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(getrandom),
};

static const int deadly[] = {
    SCMP_SYS(execve),
    SCMP_SYS(execveat),
    SCMP_SYS(fork),
    SCMP_SYS(vfork),
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(pidfd_getfd),
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
    SCMP_SYS(move_mount),
    SCMP_SYS(fsmount),
    SCMP_SYS(open_tree),
    SCMP_SYS(pivot_root),
    SCMP_SYS(chroot),
    SCMP_SYS(unshare),
    SCMP_SYS(setns),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(delete_module),
    SCMP_SYS(kexec_load),
    SCMP_SYS(kexec_file_load),
    SCMP_SYS(reboot),
    SCMP_SYS(swapon),
    SCMP_SYS(swapoff),
    SCMP_SYS(acct),
    SCMP_SYS(settimeofday),
    SCMP_SYS(clock_settime),
    SCMP_SYS(open_by_handle_at),
};

/* A call, and what some of its arguments have to be; others of the same call are alternatives. */
struct rule {
    int call;
    uint32_t action;
    unsigned n;
    struct scmp_arg_cmp args[3];
};

/* clang-format off */
#define IS(arg, value)         {(arg), SCMP_CMP_EQ, (value), 0}
#define BITS(arg, mask, value) {(arg), SCMP_CMP_MASKED_EQ, (mask), (value)}
#define OKAY(call, n, ...)     {SCMP_SYS(call), SCMP_ACT_ALLOW, (n), {__VA_ARGS__}}

/* Calls that are allowed with some arguments only:
 *   clone           threads; a new process is killed. clone3 passes its flags in memory, where no
 *                   filter can read them, so it gets ENOSYS and glibc falls back to clone.
 *   mmap, mprotect  only a file that is mapped read-only may be executable: getaddrinfo loads its
 *                   modules on first use.
 *   socket          unix, IPv4, IPv6, streams and datagrams; netlink routes, for the resolver.
 *   tgkill          this process: abort() and raise(); see add_rules().
 *   prlimit64       reading limits only.
 *   prctl           the name of a thread.
 *   ioctl           a few that read, and FIONBIO; not TIOCSTI, which injects terminal input. */
static const struct rule rules[] = {
    OKAY(clone, 1, BITS(CLONE_FLAGS, CLONE_THREAD, CLONE_THREAD)),
    {SCMP_SYS(clone), SCMP_ACT_KILL_PROCESS, 1, {BITS(CLONE_FLAGS, CLONE_THREAD, 0)}},
    OKAY(mmap, 1, BITS(2, PROT_EXEC, 0)),
    OKAY(mmap, 2, BITS(2, PROT_EXEC | PROT_WRITE, PROT_EXEC), BITS(3, MAP_ANONYMOUS, 0)),
    OKAY(mprotect, 1, BITS(2, PROT_EXEC, 0)),
    OKAY(socket, 1, IS(0, AF_UNIX)),
    OKAY(socket, 2, IS(0, AF_INET), BITS(1, SOCKET_TYPE, SOCK_STREAM)),
    OKAY(socket, 2, IS(0, AF_INET), BITS(1, SOCKET_TYPE, SOCK_DGRAM)),
    OKAY(socket, 2, IS(0, AF_INET6), BITS(1, SOCKET_TYPE, SOCK_STREAM)),
    OKAY(socket, 2, IS(0, AF_INET6), BITS(1, SOCKET_TYPE, SOCK_DGRAM)),
    OKAY(socket, 2, IS(0, AF_NETLINK), IS(2, NETLINK_ROUTE)),
    OKAY(prlimit64, 1, IS(2, 0)),
    OKAY(prctl, 1, IS(0, PR_SET_NAME)),
    OKAY(prctl, 1, IS(0, PR_GET_NAME)),
    OKAY(ioctl, 1, IS(1, FIONBIO)),
    OKAY(ioctl, 1, IS(1, FIONREAD)),
    OKAY(ioctl, 1, IS(1, TCGETS)),
    OKAY(ioctl, 1, IS(1, SIOCGIFNAME)),
    OKAY(ioctl, 1, IS(1, SIOCGIFINDEX)),
};
/* clang-format on */

/* ---- the filter ---- */

/* Settings that a kernel or library may lack only affect logging and speed; the essential ones are
 * checked. */
static int set_up(scmp_filter_ctx filter)
{
    seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);
    seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a binary tree */
    int rc = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    return rc ? rc : seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
}

static int add_lists(scmp_filter_ctx filter)
{
    int rc = 0;

    for (size_t i = 0; i < ARRAY_LEN(allowed) && !rc; i++)
        rc = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, allowed[i], 0, NULL);
    for (size_t i = 0; i < ARRAY_LEN(deadly) && !rc; i++)
        rc = seccomp_rule_add_array(filter, SCMP_ACT_KILL_PROCESS, deadly[i], 0, NULL);
    return rc;
}

static int add_rules(scmp_filter_ctx filter)
{
    const struct scmp_arg_cmp self = IS(0, (scmp_datum_t)getpid());
    int rc = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, &self);

    for (size_t i = 0; i < ARRAY_LEN(rules) && !rc; i++)
        rc = seccomp_rule_add_array(filter, rules[i].action, rules[i].call, rules[i].n,
                                    rules[i].args);
    return rc;
}

int sandbox_seccomp(struct errmsg *why)
{
    /* 32-bit machines use other calls for times and sizes, which are untested here. */
    if (sizeof(void *) != 8) {
        errmsg_set(why, "seccomp: only supported on 64-bit machines");
        return -ENOSYS;
    }
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    int rc = filter ? set_up(filter) : -ENOMEM;

    if (!rc)
        rc = add_lists(filter);
    if (!rc)
        rc = add_rules(filter);
    if (!rc)
        rc = seccomp_load(filter);
    if (filter)
        seccomp_release(filter);
    if (rc)
        errmsg_set(why, "seccomp: %s",
                   rc == -ECANCELED ? "the kernel rejected the filter" : strerror(-rc));
    return rc;
}
