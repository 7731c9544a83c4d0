/* SPDX-License-Identifier: MIT */
/* postgres_server.c - see postgres_server.h. A keeper process of its own starts the server and
 * waits until the last process with the other end of a pipe has ended. So a killed program leaves
 * nothing. */
#include "tests/support/postgres_server.h"

#include "base/mem.h"

#include <check.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAMS "/usr/lib/postgresql/*/bin" /* of Debian; the highest version is the last one */
#define READY    "database system is ready to accept connections"
#define PID      "pid " /* begins the line that names the process id of the server */
#define NOBODY   65534

static char folder[40], data[48], url[128], programs[PATH_MAX];
static int server; /* 0 = not started */

static void find_programs(void)
{
    glob_t found;

    ck_assert_msg(glob(PROGRAMS, 0, NULL, &found) == 0, "no PostgreSQL server: install postgresql");
    snprintf(programs, sizeof programs, "%s", found.gl_pathv[found.gl_pathc - 1]);
    globfree(&found);
}

/* In memory if possible. Root gives the folder to another user, because the server rejects root. */
static void make_folder(void)
{
    const char *top = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

    snprintf(folder, sizeof folder, "%s/emailsd-pg-XXXXXX", top);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(data, sizeof data, "%s/data", folder);
    snprintf(url, sizeof url, "postgresql:///postgres?host=%s&user=postgres", folder);
    if (geteuid() == 0)
        ck_assert_int_eq(chown(folder, NOBODY, NOBODY), 0);
}

static int remove_one(const char *name, const struct stat *status, int type, struct FTW *ftw)
{
    (void)status;
    (void)type;
    (void)ftw;
    return remove(name);
}

/* ---- the keeper; it exits instead of failing a test ---- */

/* Starts a program without privileges, which ends with this process. Its name becomes its path:
 * from PostgreSQL 17 on, a program finds the others by that. */
static pid_t start(const char **argv, int output)
{
    char path[2 * PATH_MAX];
    pid_t parent = getpid(), pid = fork();

    if (pid)
        return pid;
    snprintf(path, sizeof path, "%s/%s", programs, argv[0]);
    if (dup2(output, 1) < 0 || dup2(output, 2) < 0 || chdir("/"))
        _exit(127);
    if (geteuid() == 0 && (setgroups(0, NULL) || setgid(NOBODY) || setuid(NOBODY)))
        _exit(127);
    prctl(PR_SET_PDEATHSIG, SIGQUIT);
    argv[0] = path;
    if (getppid() == parent)
        execv(path, (char *const *)(uintptr_t)argv);
    _exit(127);
}

static void remove_folder(void)
{
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

_Noreturn static void give_up(void)
{
    remove_folder();
    _exit(EXIT_FAILURE);
}

static void make_database(int output)
{
    const char *argv[] = {
        "initdb",          "--pgdata",   data, "--username=postgres", "--auth=trust", "--no-sync",
        "--encoding=UTF8", "--locale=C", NULL};
    int status = 0;
    pid_t pid = start(argv, output);

    if (waitpid(pid, &status, 0) != pid || status != 0)
        give_up();
}

static pid_t start_server(int output)
{
    char sockets[64];
    const char *argv[] = {"postgres",
                          "-D",
                          data,
                          "-c",
                          sockets,
                          "-c",
                          "listen_addresses=",
                          "-c",
                          "fsync=off",
                          "-c",
                          "max_connections=40",
                          "-c",
                          "dynamic_shared_memory_type=mmap", /* in its folder */
                          NULL};

    snprintf(sockets, sizeof sockets, "unix_socket_directories=%s", folder);
    return start(argv, output);
}

/* Passes the server's output on to `out`, which closes when nothing reads it any more, until the
 * program has ended. */
static void await_end(int from, int out, int program)
{
    struct pollfd fds[] = {{.fd = from, .events = POLLIN}, {.fd = program, .events = POLLIN}};
    char bytes[4096];

    while (poll(fds, ARRAY_LEN(fds), -1) > 0 && !fds[1].revents) {
        ssize_t n = read(from, bytes, sizeof bytes);
        if (n <= 0)
            fds[0].fd = -1; /* the server has ended */
        else if (write(out, bytes, (size_t)n) < 0)
            continue;
    }
}

_Noreturn static void keep(int out, int program)
{
    int output[2];

    signal(SIGPIPE, SIG_IGN);
    setpgid(0, 0); /* a signal to the program's group ends the program, and the pipe then this */
    if (pipe2(output, O_CLOEXEC))
        give_up();
    make_database(out);
    pid_t pid = start_server(output[1]);
    close(output[1]);
    dprintf(out, PID "%d\n", pid);
    await_end(output[0], out, program);
    kill(pid, SIGQUIT);
    kill(pid, SIGCONT); /* a test may have stopped it */
    waitpid(pid, NULL, 0);
    remove_folder();
    _exit(EXIT_SUCCESS);
}

/* ---- the program ---- */

static void await_server(int from)
{
    char line[1024] = "", last[1024] = "no output";
    FILE *lines = fdopen(from, "r");

    ck_assert_ptr_nonnull(lines);
    while (!strstr(line, READY)) {
        ck_assert_msg(fgets(line, sizeof line, lines), "PostgreSQL did not start: %s", last);
        memcpy(last, line, sizeof last);
        if (!server && strncmp(line, PID, strlen(PID)) == 0)
            server = (pid_t)strtol(line + strlen(PID), NULL, 10);
    }
    fclose(lines);
}

void postgres_server_start(void)
{
    int output[2], life[2];

    if (server)
        return;
    find_programs();
    make_folder();
    ck_assert(!pipe2(output, O_CLOEXEC) && !pipe2(life, O_CLOEXEC));
    pid_t keeper = fork();
    ck_assert_int_ge(keeper, 0);
    if (keeper == 0) {
        close(output[0]);
        close(life[1]);
        keep(output[1], life[0]);
    }
    close(output[1]);
    close(life[0]); /* the other end stays open until this process ends */
    await_server(output[0]);
}

const char *postgres_server_url(void)
{
    return url;
}

int postgres_server_pid(void)
{
    return server;
}
