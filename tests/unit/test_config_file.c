/* SPDX-License-Identifier: MIT */
/* test_config_file.c - tests `key = value` lines and the errors that name their lines. */
#include "base/buf.h"
#include "base/mem.h"
#include "config/config_file.h"

#include "tests/support/suite.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Writes "1:key=value;" for each pair. */
static enum err note(void *arg, const char *key, const char *value, int line)
{
    buf_addf(arg, "%d:%s=%s;", line, key, value);
    return strcmp(key, "stop") == 0 ? ERR_TOO_BIG : ERR_OK;
}

static enum err parse(const char *text, struct buf *pairs, struct errmsg *why)
{
    why->text[0] = '\0';
    return config_file_parse("f", text, note, pairs, why);
}

static const struct {
    const char *text, *pairs;
} good[] = {
    {"", ""},
    {"\n\n# comment\n; comment\n", ""},
    {"wait = 90s", "1:wait=90s;"},
    {"wait=90s\n", "1:wait=90s;"},
    {"  wait  =  90s  \r\n\nmax-wait = 1s\n", "1:wait=90s;3:max-wait=1s;"},
    {"listen = [::1]:80\nlisten = 127.0.0.1:80\n", "1:listen=[::1]:80;2:listen=127.0.0.1:80;"},
    {"api-key-file = /a b #c;d\n", "1:api-key-file=/a b #c;d;"},
    {"a = b = c\n", "1:a=b = c;"},
    {"a =\n", "1:a=;"},
    {"\xef\xbb\xbf"
     "a = b\n",
     "1:a=b;"},
};

LOOP_TEST(config_file_pairs_have_line_numbers, good)
{
    struct buf autobuf pairs = BUF_INIT(4096);
    struct errmsg why;

    ck_assert_msg(!parse(good[_i].text, &pairs, &why), "%s", why.text);
    ck_assert_str_eq(buf_str(&pairs), good[_i].pairs);
}

static const struct {
    const char *text, *why;
} bad[] = {
    {"a = b\nnonsense\n", "f:2: must be of the form key = value"},
    {"[section]\na = b\n", "sections are not allowed"},
    {"a = b\n  [section]\n", "sections are not allowed"},
    {"a = b\n[sect", "f:2:"},
};

LOOP_TEST(config_file_error_names_the_line, bad)
{
    struct buf autobuf pairs = BUF_INIT(4096);
    struct errmsg why;

    ck_assert_int_eq(parse(bad[_i].text, &pairs, &why), ERR_SYNTAX);
    ck_assert_msg(strstr(why.text, bad[_i].why), "%s", why.text);
}

TEST(config_file_too_long_line_is_an_error)
{
    struct buf autobuf text = BUF_INIT(8192), pairs = BUF_INIT(8192);
    struct errmsg why;

    buf_add_str(&text, "a = ");
    for (int i = 0; i < CONFIG_LINE - 4; i++)
        buf_add_str(&text, "x");
    buf_add_str(&text, "\n");
    ck_assert_int_eq(parse(buf_str(&text), &pairs, &why), ERR_OK);
    text.len--;
    buf_add_str(&text, "x\nb = c\n");
    ck_assert_int_eq(parse(buf_str(&text), &pairs, &why), ERR_SYNTAX);
    ck_assert_ptr_nonnull(strstr(why.text, "f:1: line too long"));
}

TEST(config_file_stops_if_the_callback_fails)
{
    struct buf autobuf pairs = BUF_INIT(4096);
    struct errmsg why;

    ck_assert_int_eq(parse("a = 1\nstop = 2\nb = 3\n", &pairs, &why), ERR_TOO_BIG);
    ck_assert_str_eq(buf_str(&pairs), "1:a=1;2:stop=2;");
    ck_assert_str_eq(why.text, "");
}

TEST(config_file_unreadable_is_reported)
{
    char path[] = "/tmp/test-config-file-XXXXXX";
    struct errmsg why;
    struct buf autobuf pairs = BUF_INIT(4096);
    int fd = mkstemp(path);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, "a = b\n\0c = d\n", 13), 13);
    close(fd);
    ck_assert_int_eq(config_file_read(path, note, &pairs, &why), ERR_SYNTAX);
    ck_assert_ptr_nonnull(strstr(why.text, "NUL"));
    ck_assert_int_eq(truncate(path, 6), 0);
    ck_assert_int_eq(config_file_read(path, note, &pairs, &why), ERR_OK);
    ck_assert_int_eq(truncate(path, (off_t)CONFIG_FILE_BYTES + 1), 0);
    ck_assert_int_eq(config_file_read(path, note, &pairs, &why), ERR_SYNTAX);
    unlink(path);
    ck_assert_int_eq(config_file_read(path, note, &pairs, &why), ERR_SYSTEM);
    ck_assert_int_eq(config_file_read("/tmp", note, &pairs, &why), ERR_SYSTEM);
}
