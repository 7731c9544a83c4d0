/* SPDX-License-Identifier: MIT */
/* test_url.c - tests which URLs are accepted, and how they are split. */
#include "base/mem.h"
#include "base/url.h"

#include "tests/support/suite.h"
#include <stdlib.h>
#include <string.h>

struct good {
    const char *text, *scheme, *host, *path;
    bool user_info, query, fragment;
};

static const struct good goods[] = {
    {"http://milvali.com", "http", "milvali.com", "/", false, false, false},
    {"HTTPS://Milvali.com:8443/a/b?c#d", "https", "Milvali.com", "/a/b", false, true, true},
    {"http://milvali.com?", "http", "milvali.com", "/", false, true, false},
    {"http://milvali.com/?@evil.com", "http", "milvali.com", "/", false, true, false},
    {"http://milvali.com#@evil.com", "http", "milvali.com", "/", false, false, true},
    {"http://user:pw@milvali.com/", "http", "milvali.com", "/", true, false, false},
    {"http://user@milvali.com/", "http", "milvali.com", "/", true, false, false},
    {"http://@milvali.com/", "http", "milvali.com", "/", true, false, false},
    {"http://:@milvali.com/", "http", "milvali.com", "/", true, false, false},
    {"http://milvali.com\\@evil.com/", "http", "evil.com", "/", true, false, false},
    {"http://milvali%2ecom/", "http", "milvali.com", "/", false, false, false},
    {"http://bücher.de/", "http", "bücher.de", "/", false, false, false},
    {"https://[::1]:80/x", "https", "[::1]", "/x", false, false, false},
    {"http://127.0.0.1:1/", "http", "127.0.0.1", "/", false, false, false},
};

LOOP_TEST(url_is_split_into_its_parts, goods)
{
    const struct good *good = &goods[_i];
    size_t len = strlen(good->text);
    autofree char *exact = xcalloc(len, 1); /* without a NUL: a sanitizer detects reads beyond it */
    struct url url;

    memcpy(exact, good->text, len);
    ck_assert_msg(url_parse(exact, len, &url) == ERR_OK, "%s", good->text);
    ck_assert_str_eq(url.scheme, good->scheme);
    ck_assert_str_eq(url.host, good->host);
    ck_assert_str_eq(url.path, good->path);
    ck_assert_msg(url.has_user_info == good->user_info, "%s: user info", good->text);
    ck_assert_msg(url.has_query == good->query, "%s: query", good->text);
    ck_assert_msg(url.has_fragment == good->fragment, "%s: fragment", good->text);
    url_done(&url);
    ck_assert_ptr_null(url.host);
}

static const char *const bads[] = {
    "",
    "milvali.com",
    "//milvali.com",
    "http",
    "http:",
    "http://",
    "http:milvali.com",
    "http:/milvali.com",
    "http:///milvali.com",
    "http://?x",
    "http://#x",
    "http://\\milvali.com",
    "ftp://milvali.com/",
    "httpx://milvali.com/",
    "file:///etc/passwd",
    " http://milvali.com",
    "http://milvali.com ",
    "http://milvali.com/a b",
    "http://milvali.com/\n",
    "http://milvali.com/\x7f",
    "http://milvali.com\\b",
    "http://milvali.com:99999/",
    "http://milvali.com:80:90/",
    "http://milvali.com:x/",
    "http://a%2fb.com/",
    "http://a%00b.com/",
    "http://a%0ab.com/",
    "http://[::1/",
    "http://[zz]/",
};

LOOP_TEST(url_invalid_or_incomplete_is_rejected, bads)
{
    struct url url = {.host = (char *)1};

    ck_assert_msg(url_parse(bads[_i], strlen(bads[_i]), &url) == ERR_SYNTAX, "%s", bads[_i]);
    ck_assert_ptr_eq(url.host, (char *)1);
}

TEST(url_with_a_nul_is_rejected)
{
    struct url url;

    ck_assert_int_eq(url_parse("http://milvali.com\0.evil.com", 28, &url), ERR_SYNTAX);
}

TEST(url_is_limited_to_2048_bytes)
{
    static const char start[] = "http://milvali.com/";
    char text[2049];
    struct url url;

    memset(text, 'x', sizeof text);
    memcpy(text, start, sizeof start);
    text[sizeof start - 1] = 'x';
    ck_assert_int_eq(url_parse(text, 2048, &url), ERR_OK);
    url_done(&url);
    ck_assert_int_eq(url_parse(text, 2049, &url), ERR_SYNTAX);
}

static void check_loopback(const char *text, bool want)
{
    struct url url;

    ck_assert_msg(url_parse(text, strlen(text), &url) == ERR_OK, "%s", text);
    ck_assert_msg(url_is_loopback(&url) == want, "%s", text);
    url_done(&url);
}

TEST(url_loopback_is_recognized_exactly)
{
    check_loopback("http://127.0.0.1:8080/", true);
    check_loopback("http://127.255.255.254/", true);
    check_loopback("http://127.1/", true);
    check_loopback("http://LocalHost:1/", true);
    check_loopback("http://[::1]/", true);
    check_loopback("http://[0:0::1]/", true);
    check_loopback("http://128.0.0.1/", false);
    check_loopback("http://127.0.0.1.example.com/", false);
    check_loopback("http://localhost.example.com/", false);
    check_loopback("http://notlocalhost/", false);
    check_loopback("http://localhost@example.com/", false);
    check_loopback("http://[::2]/", false);
    check_loopback("http://[::]/", false);
    check_loopback("http://0.0.0.0/", false);
}

static const struct {
    const char *text, *decoded; /* NULL: it contains a NUL */
} encoded[] = {
    {"", ""},        {"a@b.com", "a@b.com"}, {"%61%2f%2F", "a//"}, {"b%C3%BCcher", "bücher"},
    {"%ff", "\xff"}, {"100%", "100%"},       {"%zz%4", "%zz%4"},   {"a%00b", NULL},
    {"a+b", "a+b"},  {"%2541", "%41"},
};

LOOP_TEST(url_percent_encoding_is_decoded_once, encoded)
{
    autofree char *decoded = url_decode(encoded[_i].text, strlen(encoded[_i].text));

    if (encoded[_i].decoded)
        ck_assert_str_eq(decoded, encoded[_i].decoded);
    else
        ck_assert_ptr_null(decoded);
}

TEST(url_decoding_ends_at_the_given_length)
{
    autofree char *none = url_decode("%41", 0), *half = url_decode("a%41", 1);

    ck_assert_str_eq(none, "");
    ck_assert_str_eq(half, "a");
}
