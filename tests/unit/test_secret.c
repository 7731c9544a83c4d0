/* SPDX-License-Identifier: MIT */
/* test_secret.c - tests which keys are accepted, from which files, and that an error never
 * repeats the rejected key.
 *
 * Every test has a folder of its own, and writes to it as an operator would. */
#include "base/mem.h"
#include "base/secret.h"

#include "tests/support/suite.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_MAX 512

static char folder[64], path[100];
static struct errmsg why;
static struct secret *secret;

static void setup(void)
{
    snprintf(folder, sizeof folder, "/tmp/test_secret.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/key", folder);
    unsetenv("CREDENTIALS_DIRECTORY");
    secret = NULL;
    why.text[0] = '\0';
}

static void teardown(void)
{
    secret_free(secret);
    unlink(path);
    rmdir(folder);
}

FIXTURE(setup, teardown);

static void write_file(const char *name, const char *content, size_t len)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, content, len), (ssize_t)len);
    close(fd);
}

static void write_key(const char *content)
{
    write_file(path, content, strlen(content));
}

static enum err take_file(void)
{
    return secret_from_file(path, &secret, &why);
}

static void expect_rejection(enum err got, enum err wanted, const char *words)
{
    ck_assert_int_eq((int)got, (int)wanted);
    ck_assert_ptr_null(secret);
    ck_assert_msg(strstr(why.text, words) != NULL, "no \"%s\" in: %s", words, why.text);
}

static char *letters(size_t n)
{
    char *text = xcalloc(n + 8, 1);

    memset(text, 'k', n);
    return text;
}

/* ---- valid keys ---- */

static const struct {
    const char *given, *key;
} taken[] = {
    {"abc", "abc"},
    {"abc\n", "abc"},
    {"abc\r\n", "abc"},
    {"a", "a"},
    {"!~\n", "!~"},
    {"abc\r", "abc"},
    {"\"", "\""},
    {"\"abc", "\"abc"},
    {"KEY", "KEY"},
    {"ABC=abc", "ABC=abc"},
    {"aKEY=abc", "aKEY=abc"},
};

LOOP_TEST(secret_key_is_read_without_its_line_end, taken)
{
    write_key(taken[_i].given);
    ck_assert_int_eq((int)take_file(), (int)ERR_OK);
    ck_assert_str_eq(secret_text(secret), taken[_i].key);
    secret_free(TAKE(secret));
    ck_assert_int_eq((int)secret_from_text("KEY", taken[_i].given, &secret, &why), (int)ERR_OK);
    ck_assert_str_eq(secret_text(secret), taken[_i].key);
}

static const struct {
    const char *given, *words;
} rejected[] = {
    {"", "is empty"},
    {"\n", "is empty"},
    {"\r\n", "is empty"},
    {"hush hush", "contains a byte outside 0x21-0x7e at position 5"},
    {" hush", "at position 1"},
    {"hush ", "at position 5"},
    {"hush\n\n", "at position 5"},
    {"hush\thush", "at position 5"},
    {"hush\x7f", "at position 5"},
    {"hush\xc3\xa9", "at position 5"},
    {"\xef\xbb\xbfhush", "at position 1"}, /* a byte order mark */
    {"\"hush\"\n", "has quotes around the key"},
    {"'hush'", "has quotes around the key"},
    {"OPENMART_API_KEY=hush", "has a name before the key"},
    {"KEY=\"hush\"", "has a name before the key"},
};

LOOP_TEST(secret_invalid_key_is_rejected_and_not_repeated, rejected)
{
    write_key(rejected[_i].given);
    expect_rejection(take_file(), ERR_SYNTAX, rejected[_i].words);
    ck_assert_ptr_nonnull(strstr(why.text, path));
    ck_assert_ptr_null(strstr(why.text, "hush"));
    expect_rejection(secret_from_text("THE_KEY", rejected[_i].given, &secret, &why), ERR_SYNTAX,
                     rejected[_i].words);
    ck_assert_ptr_nonnull(strstr(why.text, "THE_KEY"));
    ck_assert_ptr_null(strstr(why.text, "hush"));
}

TEST(secret_with_a_nul_is_rejected)
{
    write_file(path, "hush\0hush", 9);
    expect_rejection(take_file(), ERR_SYNTAX, "at position 5");
}

static const char *const line_ends[] = {"", "\n", "\r\n"};

LOOP_TEST(secret_key_is_limited_to_512_bytes, line_ends)
{
    autofree char *longest = letters(KEY_MAX);
    autofree char *too_long = letters(KEY_MAX + 1);

    memcpy(longest + KEY_MAX, line_ends[_i], strlen(line_ends[_i]));
    memcpy(too_long + KEY_MAX + 1, line_ends[_i], strlen(line_ends[_i]));
    write_key(too_long);
    expect_rejection(take_file(), ERR_SYNTAX, "is longer than 512 bytes");
    expect_rejection(secret_from_text("KEY", too_long, &secret, &why), ERR_SYNTAX,
                     "is longer than");
    write_key(longest);
    ck_assert_int_eq((int)take_file(), (int)ERR_OK);
    ck_assert_uint_eq(strlen(secret_text(secret)), KEY_MAX);
}

TEST(secret_bytes_after_the_longest_key_are_rejected)
{
    autofree char *text = letters(KEY_MAX);

    memcpy(text + KEY_MAX, "\r\nx", 4);
    write_key(text);
    expect_rejection(take_file(), ERR_SYNTAX, "is longer than 512 bytes");
}

TEST(secret_huge_file_is_not_read_completely)
{
    write_key("hush\n");
    ck_assert_int_eq(truncate(path, (off_t)1 << 40), 0); /* a sparse file */
    expect_rejection(take_file(), ERR_SYNTAX, "is longer than 512 bytes");
}

/* ---- files ---- */

TEST(secret_missing_file_is_named)
{
    expect_rejection(take_file(), ERR_SYSTEM, path);
    ck_assert_ptr_nonnull(strstr(why.text, "No such file"));
}

TEST(secret_folder_is_rejected)
{
    expect_rejection(secret_from_file(folder, &secret, &why), ERR_SYNTAX, "not a regular file");
}

TEST(secret_pipe_is_rejected_immediately)
{
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    expect_rejection(take_file(), ERR_SYNTAX, "not a regular file");
}

static const mode_t loose_modes[] = {0640, 0620, 0610, 0604, 0602, 0601, 0666};

LOOP_TEST(secret_file_open_to_others_is_rejected, loose_modes)
{
    write_key("hush\n");
    ck_assert_int_eq(chmod(path, loose_modes[_i]), 0);
    expect_rejection(take_file(), ERR_SYNTAX, "chmod 600");
    ck_assert_ptr_null(strstr(why.text, "hush"));
}

TEST(secret_read_only_file_is_accepted)
{
    write_key("abc\n");
    ck_assert_int_eq(chmod(path, 0400), 0);
    ck_assert_int_eq((int)take_file(), (int)ERR_OK);
}

TEST(secret_mode_set_by_the_platform_is_accepted)
{
    write_key("abc\n");
    ck_assert_int_eq(chmod(path, 0644), 0);
    setenv("CREDENTIALS_DIRECTORY", folder, 1);
    ck_assert_int_eq((int)take_file(), (int)ERR_OK);
    ck_assert_str_eq(secret_text(secret), "abc");
}

TEST(secret_mode_of_a_similar_path_is_checked)
{
    char beside[100], upwards[120];

    write_key("abc\n");
    ck_assert_int_eq(chmod(path, 0644), 0);
    setenv("CREDENTIALS_DIRECTORY", "", 1);
    expect_rejection(take_file(), ERR_SYNTAX, "chmod 600");
    snprintf(beside, sizeof beside, "%.*s", (int)strlen(folder) - 1, folder);
    setenv("CREDENTIALS_DIRECTORY", beside, 1);
    expect_rejection(take_file(), ERR_SYNTAX, "chmod 600");
    snprintf(beside, sizeof beside, "%s/inner", folder);
    setenv("CREDENTIALS_DIRECTORY", beside, 1);
    ck_assert_int_eq(mkdir(beside, 0700), 0);
    snprintf(upwards, sizeof upwards, "%s/../key", beside);
    expect_rejection(secret_from_file(upwards, &secret, &why), ERR_SYNTAX, "chmod 600");
    rmdir(beside);
}

TEST(secret_long_path_is_cut_in_the_error)
{
    autofree char *long_path = letters(2000);

    long_path[0] = '/';
    expect_rejection(secret_from_file(long_path, &secret, &why), ERR_SYSTEM, "File name too long");
    ck_assert_uint_lt(strlen(why.text), ERRMSG_MAX);
}

/* ---- replaced keys ---- */

static void take_first(void)
{
    write_key("first\n");
    ck_assert_int_eq((int)take_file(), (int)ERR_OK);
}

TEST(secret_same_file_is_not_a_new_key)
{
    take_first();
    ck_assert(!secret_refresh(secret));
    ck_assert_str_eq(secret_text(secret), "first");
}

TEST(secret_renamed_file_is_a_new_key)
{
    char fresh[100];

    take_first();
    snprintf(fresh, sizeof fresh, "%s/new", folder);
    write_file(fresh, "other\n", 6); /* of the same size */
    ck_assert_int_eq(rename(fresh, path), 0);
    ck_assert(secret_refresh(secret));
    ck_assert_str_eq(secret_text(secret), "other");
    ck_assert(!secret_refresh(secret));
}

TEST(secret_overwritten_file_is_a_new_key)
{
    take_first();
    write_key("second-key\n");
    ck_assert(secret_refresh(secret));
    ck_assert_str_eq(secret_text(secret), "second-key");
}

TEST(secret_shorter_key_leaves_no_part_of_the_longer)
{
    take_first();
    write_key("2\n");
    ck_assert(secret_refresh(secret));
    ck_assert_str_eq(secret_text(secret), "2");
}

TEST(secret_other_file_with_same_key_is_not_a_new_key)
{
    take_first();
    write_key("first");
    ck_assert(!secret_refresh(secret));
    ck_assert_str_eq(secret_text(secret), "first");
}

TEST(secret_invalid_file_keeps_the_old_key)
{
    take_first();
    write_key("not a key\n");
    ck_assert(!secret_refresh(secret));
    ck_assert_str_eq(secret_text(secret), "first");
    write_key("");
    ck_assert(!secret_refresh(secret));
    ck_assert_str_eq(secret_text(secret), "first");
    ck_assert_int_eq(unlink(path), 0);
    ck_assert(!secret_refresh(secret));
    ck_assert_str_eq(secret_text(secret), "first");
    write_key("fixed\n");
    ck_assert(secret_refresh(secret));
    ck_assert_str_eq(secret_text(secret), "fixed");
}

TEST(secret_file_counts_once_its_mode_is_fixed)
{
    take_first();
    write_key("second-key\n");
    ck_assert_int_eq(chmod(path, 0644), 0);
    ck_assert(!secret_refresh(secret));
    ck_assert_str_eq(secret_text(secret), "first");
    ck_assert_int_eq(chmod(path, 0600), 0);
    ck_assert(secret_refresh(secret));
    ck_assert_str_eq(secret_text(secret), "second-key");
}

TEST(secret_from_the_environment_is_not_reloaded)
{
    ck_assert_int_eq((int)secret_from_text("KEY", "abc", &secret, &why), (int)ERR_OK);
    ck_assert(!secret_refresh(secret));
    ck_assert_str_eq(secret_text(secret), "abc");
}

TEST(secret_free_of_null_is_a_no_op)
{
    secret_free(NULL);
}
