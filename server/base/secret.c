/* SPDX-License-Identifier: MIT */
/* secret.c - see secret.h. The bytes live in one allocation that is wiped before it is freed;
 * copies that libcurl and OpenSSL make of a header are theirs and are not wiped. */
#include "base/secret.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_MAX 512

struct secret {
    char text[KEY_MAX + 1];
};

/* `name` says where the bytes came from. */
static enum err from_bytes(const char *name, const char *bytes, size_t len,
                           struct secret **ret_secret, char *why)
{
    if (len && bytes[len - 1] == '\n')
        len--;
    if (len && bytes[len - 1] == '\r')
        len--;
    if (len == 0) {
        snprintf(why, SECRET_WHY, "%.180s is empty", name);
        return ERR_SYNTAX;
    }
    if (len > KEY_MAX) {
        snprintf(why, SECRET_WHY, "%.180s is longer than %d bytes", name, KEY_MAX);
        return ERR_SYNTAX;
    }
    for (size_t i = 0; i < len; i++)
        if (bytes[i] < 0x21 || bytes[i] > 0x7e) {
            snprintf(why, SECRET_WHY, "%.180s holds a byte outside 0x21-0x7e at position %zu", name,
                     i + 1);
            return ERR_SYNTAX;
        }
    *ret_secret = xcalloc(1, sizeof **ret_secret);
    memcpy((*ret_secret)->text, bytes, len);
    return ERR_OK;
}

enum err secret_from_text(const char *name, const char *text, struct secret **ret_secret, char *why)
{
    return from_bytes(name, text, strlen(text), ret_secret, why);
}

static bool is_below(const char *path, const char *dir)
{
    size_t len = dir ? strlen(dir) : 0;

    return len && strncmp(path, dir, len) == 0 && path[len] == '/' && !strstr(path, "/../");
}

/* Where the platform hands out secrets it also sets their modes. */
static bool is_platform_secret(const char *path)
{
    return is_below(path, getenv("CREDENTIALS_DIRECTORY")) || is_below(path, "/run/secrets");
}

static enum err check_file(int fd, const char *path, char *why)
{
    struct stat st;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        snprintf(why, SECRET_WHY, "%.180s is not a regular file", path);
        return ERR_SYNTAX;
    }
    if ((st.st_mode & 077) && !is_platform_secret(path)) {
        snprintf(why, SECRET_WHY, "%.180s may be read by others; chmod 600 it", path);
        return ERR_SYNTAX;
    }
    return ERR_OK;
}

/* Reads up to `room` bytes; -1 when the system refuses. */
static ssize_t read_all(int fd, char *bytes, size_t room)
{
    size_t len = 0;

    while (len < room) {
        ssize_t n = read(fd, bytes + len, room - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        len += (size_t)n;
    }
    return (ssize_t)len;
}

enum err secret_from_file(const char *path, struct secret **ret_secret, char *why)
{
    char bytes[KEY_MAX + 3]; /* the longest key, CRLF, and one more to see that there is more */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0) {
        snprintf(why, SECRET_WHY, "%.180s: %s", path, strerror(errno));
        return ERR_SYSTEM;
    }
    enum err err = check_file(fd, path, why);
    if (!err) {
        ssize_t len = read_all(fd, bytes, sizeof bytes);
        if (len < 0) {
            snprintf(why, SECRET_WHY, "%.180s: %s", path, strerror(errno));
            err = ERR_SYSTEM;
        } else {
            err = from_bytes(path, bytes, (size_t)len, ret_secret, why);
        }
        explicit_bzero(bytes, sizeof bytes);
    }
    close(fd);
    return err;
}

void secret_free(struct secret *secret)
{
    if (!secret)
        return;
    explicit_bzero(secret, sizeof *secret);
    free(secret);
}

const char *secret_text(const struct secret *secret)
{
    return secret->text;
}
