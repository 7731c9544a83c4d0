/* SPDX-License-Identifier: MIT */
/* test_cli_progress.c - tests the line that shows the progress of `emails`: its text, and how it is
 * cut to the width of a terminal. */
#include "client/emails/progress.h"

#include "client/emails/screen.h"
#include "tests/support/suite.h"

#include <locale.h>
#include <stdlib.h>

static void use_utf8(void)
{
    ck_assert_ptr_nonnull(setlocale(LC_CTYPE, "C.UTF-8"));
}

FIXTURE(use_utf8, NULL);

#define SINGLE .elapsed_s = 31, .expected_s = 48, .left_s = -1
#define LIST   .total = 1000, .elapsed_s = -1, .expected_s = -1

static const struct {
    struct progress_state state;
    size_t columns;
    const char *line;
} lines[] = {
    {{.domain = "milvali.com", .phase = "processing", SINGLE},
     200,
     "milvali.com  processing  31 s of about 48 s  [############--------]"},
    {{.domain = "milvali.com", .phase = "processing", SINGLE},
     39,
     "milvali.com  processing  31 s of about "},
    {{.domain = "milvali.com", .phase = "processing", SINGLE}, 11, "milvali.com"},
    {{.domain = "milvali.com", .phase = "processing", SINGLE}, 0, ""},
    {{.domain = "a.com", .elapsed_s = -1, .expected_s = -1, .left_s = -1}, 80, "a.com  waiting"},
    {{.domain = "a.com", .phase = "queued", .elapsed_s = 4, .expected_s = -1, .left_s = -1},
     80,
     "a.com  queued  4 s"},
    {{.domain = "a.com", .phase = "fetching", .elapsed_s = 300, .expected_s = 48, .left_s = -1},
     80,
     "a.com  fetching  5 min of about 48 s  [####################]"},
    {{.domain = "a.com", .phase = "queued", SINGLE, .note = "draining; next try in 3 s"},
     80,
     "a.com  draining; next try in 3 s"},
    {{.total = 9, .elapsed_s = 31, .expected_s = -1, .failed = 1, .done = 1, .left_s = -1},
     80,
     "1/9  [##------------------]  1 failed, 31 s"},
    {{LIST, .left_s = -1}, 80, "0/1000  [--------------------]"},
    {{LIST, .done = 412, .failed = 12, .credits = 350, .left_s = 125},
     80,
     "412/1000  [########------------]  12 failed, 350 credits, about 2 min left"},
    {{LIST, .done = 412, .failed = 12, .credits = 350, .left_s = 125},
     39,
     "412/1000  [########------------]  12 fa"},
    {{LIST, .done = 999, .credits = 1, .left_s = 0},
     80,
     "999/1000  [###################-]  1 credit, about 0 s left"},
    {{LIST, .done = 1000, .left_s = 0}, 80, "1000/1000  [####################]"},
    {{LIST, .done = 3, .note = "no connection; next try in 5 s", .left_s = -1},
     80,
     "3/1000  no connection; next try in 5 s"},
    /* Wide characters, and what must not reach a terminal. */
    {{.domain = "\xE4\xBE\x8B\xE3\x81\x88.jp", .phase = "queued", SINGLE}, 3, "\xE4\xBE\x8B"},
    {{.domain = "\xE4\xBE\x8B\xE3\x81\x88.jp", .phase = "queued", SINGLE},
     4,
     "\xE4\xBE\x8B\xE3\x81\x88"},
    {{.domain = "a\033[31m\n\xFF", .phase = "queued", SINGLE}, 9, "a?[31m?? "},
    {{.domain = "a\xC2\x9B"
                "1m\xC2\xA0\xE2\x80\xAE\xE2\x80\xA8\xE2\x81\xA7\xE2\x81\xAA\xE2\x80\xA7",
      .phase = "queued",
      SINGLE},
     9,
     "a?1m\xC2\xA0???\xE2\x81\xAA\xE2\x80\xA7"},
};

LOOP_TEST(progress_line_is_cut_by_columns, lines)
{
    struct buf autobuf out = BUF_INIT(4096);

    progress_add_line(&lines[_i].state, lines[_i].columns, false, &out);
    ck_assert_str_eq(buf_str(&out), lines[_i].line);
}

TEST(progress_bar_is_coloured_within_the_cut)
{
    struct progress_state state = {.domain = "a.com", .phase = "queued", SINGLE};
    struct buf autobuf out = BUF_INIT(4096);

    progress_add_line(&state, 80, true, &out);
    ck_assert_str_eq(buf_str(&out), "a.com  queued  31 s of about 48 s  "
                                    "[\033[32m############\033[0m--------]");
    buf_clear(&out);
    progress_add_line(&state, 38, true, &out);
    ck_assert_str_eq(buf_str(&out), "a.com  queued  31 s of about 48 s  [\033[32m##\033[0m");
    buf_clear(&out);
    progress_add_line(&state, 36, true, &out);
    ck_assert_str_eq(buf_str(&out), "a.com  queued  31 s of about 48 s  [");
}

static const struct {
    int64_t seconds;
    const char *text;
} durations[] = {
    {0, "0 s"},     {119, "119 s"},    {120, "2 min"}, {149, "2 min"},
    {150, "3 min"}, {7199, "120 min"}, {7200, "2 h"},  {86400, "24 h"},
};

LOOP_TEST(progress_time_has_one_unit, durations)
{
    struct buf autobuf out = BUF_INIT(64);

    progress_add_time(&out, durations[_i].seconds);
    ck_assert_str_eq(buf_str(&out), durations[_i].text);
}

TEST(screen_without_a_terminal_has_columns_of_the_environment)
{
    unsetenv("COLUMNS");
    ck_assert_uint_eq(screen_columns(-1), 80);
    setenv("COLUMNS", "132", 1);
    ck_assert_uint_eq(screen_columns(-1), 132);
    setenv("COLUMNS", "-1", 1);
    ck_assert_uint_eq(screen_columns(-1), 80);
    ck_assert(!screen_can_redraw(-1));
}

TEST(screen_in_a_plain_locale_shows_ascii_only)
{
    struct buf autobuf out = BUF_INIT(64);

    ck_assert_ptr_nonnull(setlocale(LC_CTYPE, "C"));
    ck_assert_uint_eq(screen_add(&out,
                                 "b\xC3\xBC"
                                 "cher",
                                 80),
                      7);
    ck_assert_str_eq(buf_str(&out), "b??cher");
}
