/* SPDX-License-Identifier: MIT */
/* sandbox_files.c - restricts file access by Landlock, see sandbox.h and landlock(7).
 *
 * Landlock denies every right that a ruleset handles and no rule grants. The ruleset handles every
 * right that the kernel knows, up to the newest one named here. An older kernel knows fewer:
 * truncating is a separate right from ABI 3, ioctl on devices from ABI 5. libc has no wrappers, so
 * the three system calls are made by number. Paths that do not exist are skipped; a scratch image
 * has no /usr/share, for example.
 *
 * Landlock limits opening. It does not affect open descriptors, chmod, or connect(2) to a socket
 * with a path. */
#include "base/mem.h"
#include "os/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Missing in Debian 12's header; from linux/landlock.h of Linux 6.2 and 6.10. */
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif
#ifndef LANDLOCK_ACCESS_FS_IOCTL_DEV
#define LANDLOCK_ACCESS_FS_IOCTL_DEV (1ULL << 15)
#endif

#define READ    (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define REWRITE (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE)
#define KEEP    (READ | REWRITE | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE)
/* The rights that a rule on a file, not a folder, may grant. */
#define OF_FILES                                                                                   \
    (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | REWRITE |                         \
     LANDLOCK_ACCESS_FS_IOCTL_DEV)

struct place {
    const char *path;
    uint64_t rights;
};

static const struct place everywhere[] = {
    {"/etc", READ},       /* resolv.conf, hosts, nsswitch.conf, gai.conf, ssl */
    {"/usr/share", READ}, /* publicsuffix, ca-certificates */
    {"/usr/local/share", READ},
    {"/usr/lib", READ}, /* NSS modules, gconv, OpenSSL's providers */
    {"/usr/lib64", READ},
    {"/usr/local/lib", READ},
    {"/lib", READ},
    {"/lib64", READ},
    {"/proc/self", READ}, /* own statistics and cgroup */
    {"/proc/stat", READ}, /* time of boot */
    {"/proc/sys", READ},
    {"/sys/devices/system/cpu", READ},
    {"/sys/fs/cgroup", READ}, /* CPU quota */
    {"/dev/null", READ | LANDLOCK_ACCESS_FS_WRITE_FILE},
    {"/dev/random", READ},
    {"/dev/urandom", READ},
};

/* Files in /etc may be links to folders that are updated by other programs, such as
 * /run/systemd/resolve. */
static const char *const linked[] = {"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf",
                                     "/etc/ssl/certs/ca-certificates.crt"};

/* ---- system calls ---- */

static int create_ruleset(const struct landlock_ruleset_attr *attr, size_t size, uint32_t flags)
{
    return (int)syscall(SYS_landlock_create_ruleset, attr, size, flags);
}

static uint64_t known_rights(int abi)
{
    uint64_t rights = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;

    if (abi >= 2)
        rights |= LANDLOCK_ACCESS_FS_REFER;
    if (abi >= 3)
        rights |= LANDLOCK_ACCESS_FS_TRUNCATE;
    if (abi >= 5)
        rights |= LANDLOCK_ACCESS_FS_IOCTL_DEV;
    return rights;
}

/* ---- rules ---- */

struct ruleset {
    int fd;
    uint64_t handled;
    int fault; /* errno of the first rule that failed; 0 = none */
};

/* A path that cannot be opened is not an error: it stays inaccessible. */
static void allow(struct ruleset *ruleset, const char *path, uint64_t rights)
{
    struct stat status;
    int fd = open(path, O_PATH | O_CLOEXEC);

    if (fd < 0)
        return;
    if (fstat(fd, &status) == 0) {
        const struct landlock_path_beneath_attr rule = {
            .allowed_access = rights & ruleset->handled &
                              (S_ISDIR(status.st_mode) ? UINT64_MAX : (uint64_t)OF_FILES),
            .parent_fd = fd};
        if (syscall(SYS_landlock_add_rule, ruleset->fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0)
            ruleset->fault = ruleset->fault ? ruleset->fault : errno;
    }
    close(fd);
}

static void allow_folder_of(struct ruleset *ruleset, const char *file, uint64_t rights)
{
    autofree char *path = xstrdup(file);

    allow(ruleset, dirname(path), rights);
}

/* Grants rights on the folder that contains the name, and on the folder of the resolved file. */
static void allow_around(struct ruleset *ruleset, const char *file, uint64_t rights)
{
    char real[PATH_MAX];

    allow_folder_of(ruleset, file, rights);
    if (realpath(file, real))
        allow_folder_of(ruleset, real, rights);
}

static void allow_all(struct ruleset *ruleset, const struct sandbox_options *options)
{
    for (size_t i = 0; i < ARRAY_LEN(everywhere); i++)
        allow(ruleset, everywhere[i].path, everywhere[i].rights);
    for (size_t i = 0; i < ARRAY_LEN(linked); i++)
        allow_around(ruleset, linked[i], READ);
    for (size_t i = 0; i < options->n_reread; i++)
        if (options->reread[i])
            allow_around(ruleset, options->reread[i], READ);
    for (size_t i = 0; i < options->n_written; i++)
        if (options->written[i])
            allow_around(ruleset, options->written[i], KEEP);
}

static int refused(int error, struct errmsg *why)
{
    errmsg_set(why, "landlock: %s",
               error == ENOSYS || error == EOPNOTSUPP ? "not supported by this kernel"
                                                      : strerror(error));
    return -error;
}

int sandbox_landlock(const struct sandbox_options *options, int *ret_abi, struct errmsg *why)
{
    int abi = create_ruleset(NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

    if (abi < 1)
        return refused(abi < 0 ? errno : ENOSYS, why);
    const struct landlock_ruleset_attr attr = {.handled_access_fs = known_rights(abi)};
    /* All ABIs accept the first member alone, whatever members were added after it. */
    struct ruleset ruleset = {.fd = create_ruleset(&attr, sizeof attr.handled_access_fs, 0),
                              .handled = attr.handled_access_fs};
    if (ruleset.fd < 0)
        return refused(errno, why);
    allow_all(&ruleset, options);
    if (!ruleset.fault && syscall(SYS_landlock_restrict_self, ruleset.fd, 0) != 0)
        ruleset.fault = errno;
    close(ruleset.fd);
    if (ruleset.fault)
        return refused(ruleset.fault, why);
    *ret_abi = abi;
    return 0;
}
