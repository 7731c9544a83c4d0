/* SPDX-License-Identifier: MIT */
/* test_process_stats.c - tests how open descriptors are counted, on new and on old kernels. */
#include "base/process_stats.h"

#include "tests/support/suite.h"
#include <fcntl.h>
#include <unistd.h>

TEST(open_fds_are_the_size_of_the_folder)
{
    ck_assert_uint_eq(process_stats_open_fds(9000, 8000), 9000);
}

/* Old kernels: the descriptors that are no connections are listed once. */
TEST(open_fds_without_that_size_follow_the_connections)
{
    uint64_t before = process_stats_open_fds(0, 1);

    ck_assert_uint_ge(before, 3);
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_uint_eq(process_stats_open_fds(0, 1), before);
    ck_assert_uint_eq(process_stats_open_fds(0, 8001), before + 8000);
    close(fd);
}

TEST(open_fds_are_counted_with_fewer_descriptors_than_connections)
{
    ck_assert_uint_eq(process_stats_open_fds(0, 1000000), 1000001);
}
