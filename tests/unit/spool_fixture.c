/* SPDX-License-Identifier: MIT */
/* spool_fixture.c - see spool_fixture.h. */
#include "tests/unit/spool_fixture.h"

#include <check.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILLED ((off_t)100 * SPOOL_LINE)

static char top[] = "/tmp/spool-XXXXXX";
static char folder[40], path[60], lock[80];

void spool_fixture_setup(void)
{
    ck_assert_ptr_nonnull(mkdtemp(top));
    snprintf(folder, sizeof folder, "%s/state", top);
    snprintf(path, sizeof path, "%s/emailsd.spool", folder);
    snprintf(lock, sizeof lock, "%s.lock", path);
}

void spool_fixture_teardown(void)
{
    unlink(path);
    unlink(lock);
    rmdir(folder);
    rmdir(top);
}

const char *spool_path(void)
{
    return path;
}

struct spool_line spool_line_of(int64_t batch)
{
    struct spool_line line = {.batch = batch, .wall_ms = SPOOL_NOW_MS, .place = SPOOL_STORE};

    snprintf(line.batch_id, sizeof line.batch_id, "id-%" PRId64, batch);
    return line;
}

off_t spool_size(void)
{
    struct stat status;

    ck_assert_int_eq(stat(path, &status), 0);
    return status.st_size;
}

size_t spool_holds(int64_t batch)
{
    char expected[SPOOL_LINE], bytes[SPOOL_LINE];
    const struct spool_line line = spool_line_of(batch);
    size_t n = 0;

    ck_assert(spool_line_write(&line, expected));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    while (read(fd, bytes, sizeof bytes) == SPOOL_LINE)
        n += memcmp(bytes, expected, SPOOL_LINE) == 0;
    close(fd);
    return n;
}

void spool_write_at(off_t at, const void *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    ck_assert_int_eq(pwrite(fd, bytes, len, at), (ssize_t)len);
    close(fd);
}

void spool_fill(void)
{
    for (off_t at = 0; at < FILLED; at += SPOOL_LINE)
        spool_write_at(at, "?", 1);
    ck_assert_int_eq(truncate(path, FILLED), 0);
}

/* Check writes shorter files. */
void spool_fail_writes(bool fail)
{
    struct rlimit limit;

    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = fail ? (rlim_t)FILLED : limit.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}
