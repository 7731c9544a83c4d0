/* SPDX-License-Identifier: MIT */
/* small_file.c - see small_file.h. */
#include "base/small_file.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Reads up to `size` bytes. Returns their number, or -1 with errno set. */
static ssize_t read_all(int fd, char *text, size_t size)
{
    size_t len = 0;
    ssize_t n = 0;

    while (len < size && (n = read(fd, text + len, size - len)) > 0)
        len += (size_t)n;
    return n < 0 ? -1 : (ssize_t)len;
}

enum err small_file_read(const char *path, size_t max, char **ret_text, size_t *ret_len,
                         struct errmsg *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    autofree char *text = xcalloc(max + 2, 1); /* one byte more than allowed, and the NUL */
    ssize_t len = fd < 0 ? -1 : read_all(fd, text, max + 1);

    if (len < 0)
        errmsg_set(why, "%.150s: %s", path, strerror(errno));
    else if ((size_t)len > max)
        errmsg_set(why, "%.150s is longer than %zu bytes", path, max);
    if (fd >= 0)
        close(fd);
    if (len < 0)
        return ERR_SYSTEM;
    if ((size_t)len > max)
        return ERR_TOO_BIG;
    *ret_text = TAKE(text);
    *ret_len = (size_t)len;
    return ERR_OK;
}
