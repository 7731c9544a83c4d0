/* SPDX-License-Identifier: MIT */
/* test_cores.c - tests that the quotas of a control group and of its parents limit the number of
 * cores. */
#include "base/buf.h"
#include "base/mem.h"
#include "os/cores.h"

#include "tests/support/suite.h"
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char top[] = "/tmp/emailsd-cores-XXXXXX";

static void setup(void)
{
    ck_assert_ptr_nonnull(mkdtemp(top));
}

static int drop(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)status;
    (void)type;
    (void)where;
    return remove(path);
}

static void teardown(void)
{
    nftw(top, drop, 8, FTW_DEPTH | FTW_PHYS);
}

FIXTURE(setup, teardown);

/* Writes a file below the top, and creates its folders. */
static void put(const char *name, const char *text)
{
    struct buf autobuf path = BUF_INIT(PATH_MAX);

    buf_addf(&path, "%s/%s", top, name);
    for (char *slash = strchr(path.data + strlen(top) + 1, '/'); slash;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path.data, 0700);
        *slash = '/';
    }
    FILE *out = fopen(path.data, "w");
    ck_assert_ptr_nonnull(out);
    fputs(text, out);
    fclose(out);
}

static int cores_of_eight(void)
{
    struct buf autobuf own = BUF_INIT(PATH_MAX);

    buf_addf(&own, "%s/own", top);
    return cores_within_quota(8, buf_str(&own), top);
}

static const struct {
    const char *own, *file, *text;
    int cores;
} rows[] = {
    {"0::/a/b\n", "a/b/cpu.max", "200000 100000\n", 2},
    {"0::/a/b\n", "a/b/cpu.max", "150000 100000\n", 2},
    {"0::/a/b\n", "a/b/cpu.max", "10000 100000\n", 1},
    {"0::/a/b\n", "a/b/cpu.max", "max 100000\n", 8},
    {"0::/a/b\n", "a/b/cpu.max", "9000000 100000\n", 8},
    {"0::/a/b\n", "a/cpu.max", "300000 100000\n", 3},
    {"0::/\n", "cpu.max", "400000 100000\n", 4},
    {"0::/not/mounted/here\n", "cpu.max", "400000 100000\n", 4},
    {"0::/a\n", "a/cpu.max", "nonsense\n", 8},
    {"0::/a\n", "a/cpu.max", "100000 0\n", 8},
    {"12:memory:/a\n0::/a\n", "memory/a/cpu.max", "100000 100000\n", 8},
    {"", "cpu.max", "100000 100000\n", 8},
};

LOOP_TEST(cores_use_the_lowest_quota_of_all_parents, rows)
{
    put("own", rows[_i].own);
    put(rows[_i].file, rows[_i].text);
    ck_assert_int_eq(cores_of_eight(), rows[_i].cores);
}

TEST(cores_read_quotas_of_cgroup_v1)
{
    put("own", "5:cpu,cpuacct:/box\n4:memory:/box\n");
    put("cpu,cpuacct/box/cpu.cfs_quota_us", "250000\n");
    put("cpu,cpuacct/box/cpu.cfs_period_us", "100000\n");
    ck_assert_int_eq(cores_of_eight(), 3);
    put("cpu,cpuacct/box/cpu.cfs_quota_us", "-1\n");
    ck_assert_int_eq(cores_of_eight(), 8);
}

TEST(cores_without_cgroups_count_all_and_at_least_one)
{
    ck_assert_int_eq(cores_of_eight(), 8);
    ck_assert_int_ge(cores_allowed(), 1);
}
