/* SPDX-License-Identifier: MIT */
/* harden.c - see harden.h. */
#include "os/harden.h"

#include "base/mem.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* What is opened later would get the number of a standard stream that is closed, and then the lines
 * that are meant for the log: the store's lock, a connection to the vendor. */
static void fill_standard_streams(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

void harden(void)
{
    const struct rlimit no_core = {0, 0};
    static const char *const hostile[] = {
        "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",     "ALL_PROXY",
        "no_proxy",   "NO_PROXY",    "HTTP_PROXY",  "SSLKEYLOGFILE", "OPENSSL_CONF"};

    fill_standard_streams();
    setrlimit(RLIMIT_CORE, &no_core);
#if !defined(__SANITIZE_ADDRESS__) /* the leak checker attaches to its own process */
    prctl(PR_SET_DUMPABLE, 0);
#endif
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    for (size_t i = 0; i < ARRAY_LEN(hostile); i++)
        unsetenv(hostile[i]);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file as large as it may be is a write that fails */
}
