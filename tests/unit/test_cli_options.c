/* SPDX-License-Identifier: MIT */
/* test_cli_options.c - tests the command line of `emails`: values, contradictions, the environment,
 * and the help. */
#include "client/emails/options.h"

#include "tests/support/suite.h"

#include <stdlib.h>
#include <string.h>

#define ARGUMENTS_MAX 8

static void clear_environment(void)
{
    unsetenv("EMAILSD_URL");
    unsetenv("EMAILSD_KEY");
    unsetenv("EMAILSD_KEY_FILE");
}

FIXTURE(clear_environment, NULL);

/* Reads a command line, whose arguments are divided by single blanks. The options borrow its texts
 * until the next call. */
static enum err read_line(const char *line, struct options *ret_options, struct errmsg *why)
{
    static char *argv[ARGUMENTS_MAX + 2], name[] = "emails", text[256];
    char *rest = text;
    int argc = 0;

    ck_assert_uint_lt(strlen(line), sizeof text);
    memccpy(text, line, '\0', sizeof text);
    argv[argc++] = name;
    for (char *word; argc < ARGUMENTS_MAX && (word = strsep(&rest, " "));)
        argv[argc++] = word;
    argv[argc] = NULL;
    return options_read(argc, argv, ret_options, why);
}

static struct options options_of(const char *line)
{
    struct options options;
    struct errmsg why = {""};

    ck_assert_msg(!read_line(line, &options, &why), "%s: %s", line, why.text);
    return options;
}

TEST(options_without_arguments_have_defaults)
{
    char name[] = "emails", *argv[] = {name, NULL};
    struct options options;
    struct errmsg why;

    ck_assert_int_eq(options_read(1, argv, &options, &why), ERR_OK);
    ck_assert_int_eq(options.format, FORMAT_AUTO);
    ck_assert_int_eq(options.wait_s, -1);
    ck_assert_int_eq(options.max_age_s, -1);
    ck_assert_int_eq(options.max_credits, -1);
    ck_assert_str_eq(options.url, "http://127.0.0.1:8080");
    ck_assert_ptr_null(options.key_file);
    ck_assert_ptr_null(options.key);
    ck_assert_uint_eq(options.n_domains, 0);
}

TEST(options_behind_domains_are_read)
{
    struct options options = options_of("a.com -qw 90s b.com --max-credits=7");

    ck_assert(options.quiet);
    ck_assert_int_eq(options.wait_s, 90);
    ck_assert_int_eq(options.max_credits, 7);
    ck_assert_uint_eq(options.n_domains, 2);
    ck_assert_str_eq(options.domains[0], "a.com");
    ck_assert_str_eq(options.domains[1], "b.com");
}

TEST(options_after_two_dashes_are_domains)
{
    struct options options = options_of("-- -q");

    ck_assert(!options.quiet);
    ck_assert_str_eq(options.domains[0], "-q");
}

static const struct {
    const char *line;
    enum format format;
} formats[] = {
    {"-p", FORMAT_PLAIN},  {"--addresses", FORMAT_ADDRESSES}, {"-j", FORMAT_JSON},
    {"--csv", FORMAT_CSV}, {"-p -a -j", FORMAT_JSON},         {"-jc", FORMAT_CSV},
};

LOOP_TEST(options_last_format_counts, formats)
{
    ck_assert_int_eq(options_of(formats[_i].line).format, formats[_i].format);
}

static const struct {
    const char *text;
    int64_t seconds; /* -1 = invalid */
} times[] = {
    {"0", 0},
    {"90", 90},
    {"90s", 90},
    {"2min", 120},
    {"12h", 43200},
    {"30d", 2592000},
    {"", -1},
    {"s", -1},
    {"-1s", -1},
    {"1.5h", -1},
    {" 1s", -1},
    {"1 s", -1},
    {"1m", -1},
    {"1ms", -1},
    {"1w", -1},
    {"1S", -1},
    {"99999d", -1},
    {"2147483648", -1},
    {"2147483647", INT32_MAX},
    {"99999999999999999999", -1},
};

LOOP_TEST(options_time_has_a_unit, times)
{
    int64_t seconds = -1;

    ck_assert_int_eq(options_time(times[_i].text, &seconds),
                     times[_i].seconds < 0 ? ERR_SYNTAX : ERR_OK);
    ck_assert_int_eq(seconds, times[_i].seconds);
}

static const struct {
    const char *line, *why;
} invalid[] = {
    {"--unknown", "unknown option '--unknown'; see --help"},
    {"-x", "unknown option '-x'; see --help"},
    {"--c", "unknown option '--c'; see --help"}, /* several begin so */
    {"a.com -w", "--wait requires a value"},
    {"--max-age", "--max-age requires a value"},
    {"--plain=1", "--plain takes no value"},
    {"-w soon", "--wait: invalid time 'soon'; write it as 90s, 5min, 12h or 30d"},
    {"-m -1", "--max-credits: invalid number '-1'"},
    {"-m 1k", "--max-credits: invalid number '1k'"},
    {"-m 99999999999", "--max-credits: invalid number '99999999999'"},
    {"--usage a.com", "--usage is not allowed with domains"},
    {"--usage -f x", "--usage is not allowed with domains"},
    {"--usage -a", "--addresses is not allowed with --usage"},
    {"-n --refresh a.com", "--refresh is not allowed with --dry-run"},
    {"--url localhost:8080", "--url: invalid URL 'localhost:8080'; write it as "
                             "http://127.0.0.1:8080"},
    {"--url http://u:p@h/", "--url: invalid URL 'http://u:p@h/'; write it as "
                            "http://127.0.0.1:8080"},
    {"--url http://h/?a", "--url: invalid URL 'http://h/?a'; write it as http://127.0.0.1:8080"},
    {"--url ftp://h/", "--url: invalid URL 'ftp://h/'; write it as http://127.0.0.1:8080"},
};

LOOP_TEST(options_that_are_wrong_are_explained, invalid)
{
    struct options options;
    struct errmsg why = {""};

    ck_assert_int_eq(read_line(invalid[_i].line, &options, &why), ERR_SYNTAX);
    ck_assert_str_eq(why.text, invalid[_i].why);
}

TEST(options_of_the_command_line_win_over_the_environment)
{
    setenv("EMAILSD_URL", "http://env:1", 1);
    setenv("EMAILSD_KEY_FILE", "/env", 1);
    setenv("EMAILSD_KEY", "env", 1);
    ck_assert_str_eq(options_of("a.com").url, "http://env:1");
    ck_assert_str_eq(options_of("a.com").key_file, "/env");
    ck_assert_ptr_null(options_of("a.com").key);
    ck_assert_str_eq(options_of("--url http://arg:2/path a.com").url, "http://arg:2/path");
    ck_assert_str_eq(options_of("--key-file /arg a.com").key_file, "/arg");
    setenv("EMAILSD_KEY_FILE", "", 1);
    ck_assert_str_eq(options_of("a.com").key, "env");
    ck_assert_ptr_null(options_of("--key-file /arg a.com").key);
}

TEST(options_help_wins_over_contradictions)
{
    ck_assert(options_of("--help --usage a.com").help);
    ck_assert(options_of("-V --url nonsense").version);
}

TEST(options_help_fits_and_has_all_parts)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    options_print_help(out);
    fclose(out);
    ck_assert_ptr_nonnull(strstr(text, "\n  -m, --max-credits N   maximum credits to spend\n"));
    ck_assert_ptr_nonnull(strstr(text, "\n      --key-file FILE   EMAILSD_KEY_FILE, "));
    ck_assert_ptr_nonnull(strstr(text, "\nCredits:\n"));
    ck_assert_ptr_nonnull(strstr(text, "130 interrupted.\n"));
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
        ck_assert_uint_le(strcspn(line, "\n"), 100);
    free(text);
}
