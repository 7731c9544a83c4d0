/* SPDX-License-Identifier: MIT */
/* test_sandbox.c - tests that the reported restrictions are in force, and that the daemon's work
 * continues under them. test_sandbox_calls.c and test_sandbox_files.c test what is denied. */
#include "base/mem.h"
#include "sandbox_fixture.h"

#include "tests/support/suite.h"
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

FIXTURE(sandbox_setup, sandbox_teardown);

/* Reads the state before a restriction makes it hard to read. */
static const char *expected(enum sandbox_part part, const char *word)
{
    return sandbox_can_hold(part) ? word : sandbox_is_sanitized() ? "off" : "unsupported";
}

static int report(unsigned parts)
{
    const char *seccomp = parts & SANDBOX_SECCOMP ? expected(SANDBOX_SECCOMP, "on") : "off";
    const char *landlock = parts & SANDBOX_LANDLOCK ? expected(SANDBOX_LANDLOCK, "abi") : "off";
    struct sandbox_state state = sandbox_close_all(parts);
    bool is_short = strcmp(seccomp, "unsupported") == 0 || strcmp(landlock, "unsupported") == 0;
    bool has_words = is_short || (parts && sandbox_is_sanitized());

    return strcmp(state.seccomp, seccomp) == 0 &&
                   strncmp(state.landlock, landlock, strlen(landlock)) == 0 &&
                   state.is_short == is_short && (*state.why.text != '\0') == has_words
               ? 0
               : EINVAL;
}

static int close_both(void)
{
    return report(WALLS);
}

static int close_calls_alone(void)
{
    return report(SANDBOX_SECCOMP);
}

static int close_files_alone(void)
{
    return report(SANDBOX_LANDLOCK);
}

static int close_nothing(void)
{
    return report(0);
}

TEST(sandbox_layer_works_alone_and_is_reported)
{
    ck_assert_int_eq(sandbox_fares(0, close_both), 0);
    ck_assert_int_eq(sandbox_fares(0, close_calls_alone), 0);
    ck_assert_int_eq(sandbox_fares(0, close_files_alone), 0);
    ck_assert_int_eq(sandbox_fares(0, close_nothing), 0);
}

/* A filter that denies this call simulates a kernel, or a container, without the layers. */
static int close_twice(void)
{
    static const char prefix[] = "landlock: not supported by this kernel; seccomp: ";

    sandbox_close_all(SANDBOX_SECCOMP);
    struct sandbox_state state = sandbox_close_all(WALLS);

    return strcmp(state.seccomp, "unsupported") == 0 &&
                   strcmp(state.landlock, "unsupported") == 0 && state.is_short &&
                   strncmp(state.why.text, prefix, strlen(prefix)) == 0
               ? 0
               : EINVAL;
}

TEST(sandbox_without_kernel_support_is_reported)
{
    if (sandbox_can_hold(SANDBOX_SECCOMP))
        ck_assert_int_eq(sandbox_fares(0, close_twice), 0);
}

/* ---- work that has to continue under both layers ---- */

static int use_the_store(void)
{
    const char *wal = sandbox_in("open/new");
    int fd = open(wal, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    if (fd < 0 || fcntl(fd, F_SETLK, &lock) || pwrite(fd, "page", 4, 0) != 4 || fdatasync(fd) ||
        ftruncate(fd, 4096))
        return errno;
    void *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (shared == MAP_FAILED || munmap(shared, 4096) || close(fd) || unlink(wal))
        return errno;
    return errno_if(open(sandbox_store, O_RDWR | O_CLOEXEC) < 0);
}

static int read_what_is_read_again(void)
{
    static const char *const paths[] = {"/etc/hosts", "/etc/nsswitch.conf", "/proc/self/stat",
                                        "/proc/self/status", "/dev/urandom"};

    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        int error = errno_if(open(paths[i], O_RDONLY | O_CLOEXEC) < 0);
        if (error && error != ENOENT)
            return error;
    }
    return errno_if(open(sandbox_key, O_RDONLY | O_CLOEXEC) < 0);
}

static int resolve_a_name(void)
{
    const struct addrinfo hints = {.ai_flags = AI_ADDRCONFIG, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;

    if (getaddrinfo("localhost", "80", &hints, &found) != 0)
        return EINVAL;
    freeaddrinfo(found);
    return 0;
}

/* As getaddrinfo() does with modules that /etc/nsswitch.conf names. */
static int load_a_library(void)
{
    return dlopen("libnss_compat.so.2", RTLD_NOW) ? 0 : ENOENT;
}

static void *nothing(void *arg)
{
    return arg;
}

static int start_a_thread(void)
{
    pthread_t thread;
    int error = pthread_create(&thread, NULL, nothing, NULL);

    return error ? error : pthread_join(thread, NULL);
}

static int allocate_much(void)
{
    char *memory = malloc((size_t)64 << 20);
    char *more = memory ? realloc(memory, (size_t)128 << 20) : NULL;

    free(more ? more : memory);
    return more ? 0 : ENOMEM;
}

static int abort_by_itself(void)
{
    abort();
}

static const struct {
    sandbox_attempt_fn *attempt;
    int outcome;
} inside[] = {
    {use_the_store, 0},
    {read_what_is_read_again, 0},
    {resolve_a_name, 0},
    {load_a_library, 0},
    {start_a_thread, 0},
    {allocate_much, 0},
    {abort_by_itself, KILLED + SIGABRT},
};

LOOP_TEST(sandbox_permits_the_daemons_work, inside)
{
    ck_assert_int_eq(sandbox_fares(WALLS, inside[_i].attempt), inside[_i].outcome);
}
