/* SPDX-License-Identifier: MIT */
/* fuzz_secret.c - fuzzes the bytes of a key file: a key that is copied into a header unchanged,
 * or an error that does not expose it. */
#include "base/mem.h"
#include "base/secret.h"
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_MAX 512

/* Returns the length of a key of `len` bytes without an optional line end. */
static size_t stripped(const char *bytes, size_t len)
{
    len -= len && bytes[len - 1] == '\n';
    len -= len && bytes[len - 1] == '\r';
    return len;
}

static bool is_quoted(const char *bytes, size_t len)
{
    return len >= 2 && bytes[0] == bytes[len - 1] && (bytes[0] == '"' || bytes[0] == '\'');
}

/* Returns whether the bytes are a name of upper-case letters that ends in KEY, and "=". */
static bool has_name(const char *bytes, size_t len)
{
    const char *end = memmem(bytes, len, "KEY=", 4);

    for (const char *c = bytes; end && c < end; c++)
        if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_", *c))
            return false;
    return end != NULL;
}

static bool is_key(const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i] < 0x21 || bytes[i] > 0x7e)
            return false;
    return len >= 1 && len <= KEY_MAX && !is_quoted(bytes, len) && !has_name(bytes, len);
}

static void check(enum err err, const struct secret *secret, const char *why, const char *bytes,
                  size_t len)
{
    len = stripped(bytes, len);
    FUZZ_WANT((err == ERR_OK) == is_key(bytes, len));
    if (!err) {
        FUZZ_WANT(strlen(secret_text(secret)) == len &&
                  memcmp(secret_text(secret), bytes, len) == 0);
        return;
    }
    FUZZ_WANT(err == ERR_SYNTAX && !secret);
    size_t n = strnlen(why, ERRMSG_MAX);
    FUZZ_WANT(n > 0 && n < ERRMSG_MAX && input_is_printable(why, n));
    FUZZ_WANT(len < 12 || !memmem(why, n, bytes, len));
}

static void write_file(int fd, const void *bytes, size_t len)
{
    FUZZ_WANT(ftruncate(fd, 0) == 0);
    FUZZ_WANT(pwrite(fd, bytes, len, 0) == (ssize_t)len);
}

/* A regular file that is on no disk. */
static int file(char *path, size_t room)
{
    static int fd = -1;

    if (fd < 0) {
        fd = memfd_create("key", MFD_CLOEXEC);
        FUZZ_WANT(fd >= 0 && fchmod(fd, 0600) == 0);
    }
    snprintf(path, room, "/proc/self/fd/%d", fd);
    return fd;
}

/* If the new key is invalid, the old one stays in use. */
static void check_refresh(int fd, const char *path, const char *bytes, size_t len)
{
    struct secret *secret = NULL;
    struct errmsg why;

    write_file(fd, "old", 3);
    FUZZ_WANT(!secret_from_file(path, &secret, &why));
    write_file(fd, bytes, len);
    bool changed = secret_refresh(secret);
    size_t n = stripped(bytes, len);
    if (changed)
        FUZZ_WANT(is_key(bytes, n) && strlen(secret_text(secret)) == n);
    else if (!is_key(bytes, n))
        FUZZ_WANT(strcmp(secret_text(secret), "old") == 0);
    FUZZ_WANT(!secret_refresh(secret));
    secret_free(secret);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data;
    autofree char *text = input_text(data, size);
    struct secret *secret = NULL;
    char path[64];
    struct errmsg why = {""};

    enum err err = secret_from_text("KEY", text, &secret, &why);
    check(err, secret, why.text, text, strlen(text));
    secret_free(TAKE(secret));

    int fd = file(path, sizeof path);
    write_file(fd, bytes, size);
    err = secret_from_file(path, &secret, &why);
    check(err, secret, why.text, bytes, size);
    secret_free(TAKE(secret));
    check_refresh(fd, path, bytes, size);
    return 0;
}
