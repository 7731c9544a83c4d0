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

/* A file or socket opened later would get the number of a closed standard stream, and log lines
 * would be written to it: to the store's lock file or to a connection to the upstream. */
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
    signal(SIGXFSZ, SIG_IGN); /* exceeding the file size limit is then a failed write */
}
