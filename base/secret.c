/* SPDX-License-Identifier: MIT */
/* secret.c - see secret.h. The key is in one allocation that is wiped before it is freed. Copies
 * that libcurl and OpenSSL make of a header are not wiped. */
#include "base/secret.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_MAX 512

struct secret {
    char text[KEY_MAX + 1];
    char *path;     /* NULL: not from a file */
    struct stat st; /* of the file last read, valid or not */
};

static bool is_quoted(const char *text, size_t len)
{
    return len >= 2 && (text[0] == '"' || text[0] == '\'') && text[len - 1] == text[0];
}

/* Returns whether the text is a line of a shell or an environment file, such as API_KEY=abc. */
static bool has_name(const char *text, size_t len)
{
    static const char upper[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    size_t n = 0;

    while (n < len && strchr(upper, text[n]))
        n++;
    return n >= 3 && n < len && text[n] == '=' && memcmp(text + n - 3, "KEY", 3) == 0;
}

/* Strips and checks the bytes that came from `name`, and copies them to `text` (KEY_MAX + 1
 * bytes). */
static enum err take_bytes(const char *name, const char *bytes, size_t len, char *text,
                           struct errmsg *why)
{
    if (len && bytes[len - 1] == '\n')
        len--;
    if (len && bytes[len - 1] == '\r')
        len--;
    if (len == 0) {
        errmsg_set(why, "%.180s is empty", name);
        return ERR_SYNTAX;
    }
    if (len > KEY_MAX) {
        errmsg_set(why, "%.180s is longer than %d bytes", name, KEY_MAX);
        return ERR_SYNTAX;
    }
    for (size_t i = 0; i < len; i++)
        if (bytes[i] < 0x21 || bytes[i] > 0x7e) {
            errmsg_set(why, "%.180s contains a byte outside 0x21-0x7e at position %zu", name,
                       i + 1);
            return ERR_SYNTAX;
        }
    if (is_quoted(bytes, len) || has_name(bytes, len)) {
        errmsg_set(why, "%.180s has %s; it must contain the key only", name,
                   is_quoted(bytes, len) ? "quotes around the key" : "a name before the key");
        return ERR_SYNTAX;
    }
    explicit_bzero(text, KEY_MAX + 1);
    memcpy(text, bytes, len);
    return ERR_OK;
}

enum err secret_from_text(const char *name, const char *text, struct secret **ret_secret,
                          struct errmsg *why)
{
    struct secret *secret = xcalloc(1, sizeof *secret);
    enum err err = take_bytes(name, text, strlen(text), secret->text, why);

    if (err) {
        secret_free(secret);
        return err;
    }
    *ret_secret = secret;
    return ERR_OK;
}

static bool is_below(const char *path, const char *dir)
{
    size_t len = dir ? strlen(dir) : 0;

    return len && strncmp(path, dir, len) == 0 && path[len] == '/' && !strstr(path, "/../");
}

/* The platform that provides these secrets also sets their modes. */
static bool is_platform_secret(const char *path)
{
    return is_below(path, getenv("CREDENTIALS_DIRECTORY")) || is_below(path, "/run/secrets");
}

static enum err check_file(int fd, const char *path, struct stat *st, struct errmsg *why)
{
    if (fstat(fd, st) != 0 || !S_ISREG(st->st_mode)) {
        errmsg_set(why, "%.180s is not a regular file", path);
        return ERR_SYNTAX;
    }
    if ((st->st_mode & 077) && !is_platform_secret(path)) {
        errmsg_set(why, "%.180s is readable by others; run chmod 600", path);
        return ERR_SYNTAX;
    }
    return ERR_OK;
}

/* Reads up to `room` bytes. Returns the number read, or -1 with errno set. */
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

static enum err read_key(int fd, const char *path, char *text, struct errmsg *why)
{
    char bytes[KEY_MAX + 3]; /* the longest key, CRLF, and one byte to detect a longer file */
    ssize_t len = read_all(fd, bytes, sizeof bytes);
    enum err err = ERR_SYSTEM;

    if (len < 0)
        errmsg_set(why, "%.180s: %s", path, strerror(errno));
    else
        err = take_bytes(path, bytes, (size_t)len, text, why);
    explicit_bzero(bytes, sizeof bytes);
    return err;
}

/* Opens and checks the file. Returns the descriptor, or -1 with *ret_err set. */
static int open_file(const char *path, struct stat *st, enum err *ret_err, struct errmsg *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0) {
        errmsg_set(why, "%.180s: %s", path, strerror(errno));
        *ret_err = ERR_SYSTEM;
        return -1;
    }
    *ret_err = check_file(fd, path, st, why);
    if (!*ret_err)
        return fd;
    close(fd);
    return -1;
}

/* Fills `secret` from its path. On failure, only its `st` may have changed. */
static enum err load(struct secret *secret, struct errmsg *why)
{
    enum err err;
    int fd = open_file(secret->path, &secret->st, &err, why);

    if (fd < 0)
        return err;
    err = read_key(fd, secret->path, secret->text, why);
    close(fd);
    return err;
}

enum err secret_check_file(const char *path, struct errmsg *why)
{
    struct stat st;
    enum err err;
    int fd = open_file(path, &st, &err, why);

    if (fd >= 0)
        close(fd);
    return err;
}

enum err secret_from_file(const char *path, struct secret **ret_secret, struct errmsg *why)
{
    struct secret *secret = xcalloc(1, sizeof *secret);

    secret->path = xstrdup(path);
    enum err err = load(secret, why);
    if (err) {
        secret_free(secret);
        return err;
    }
    *ret_secret = secret;
    return ERR_OK;
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_mode == b->st_mode;
}

bool secret_refresh(struct secret *secret)
{
    char before[KEY_MAX + 1];
    struct errmsg why;
    struct stat st;

    if (!secret->path || stat(secret->path, &st) != 0 || is_same_file(&st, &secret->st))
        return false;
    memcpy(before, secret->text, sizeof before);
    bool changed = !load(secret, &why) && strcmp(before, secret->text) != 0;
    explicit_bzero(before, sizeof before);
    return changed;
}

void secret_free(struct secret *secret)
{
    if (!secret)
        return;
    free(secret->path);
    explicit_bzero(secret, sizeof *secret);
    free(secret);
}

const char *secret_text(const struct secret *secret)
{
    return secret->text;
}
