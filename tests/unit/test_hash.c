/* SPDX-License-Identifier: MIT */
/* test_hash.c - tests SHA-256 with the examples of FIPS 180, and its hex digits. */
#include "base/hash.h"
#include "base/mem.h"

#include "tests/support/suite.h"
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *text, *hex;
} examples[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
};

static const char million_a[] = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";

static void expect(const void *data, size_t len, const char *hex)
{
    unsigned char hash[HASH_SIZE];
    char text[2 * HASH_SIZE + 1];

    hash_sha256(data, len, hash);
    hash_hex(hash, HASH_SIZE, text);
    ck_assert_str_eq(text, hex);
}

LOOP_TEST(hash_matches_the_examples_of_fips_180, examples)
{
    expect(examples[_i].text, strlen(examples[_i].text), examples[_i].hex);
}

TEST(hash_of_a_million_letters_matches)
{
    autofree char *text = xcalloc(1000000, 1);

    memset(text, 'a', 1000000);
    expect(text, 1000000, million_a);
}

TEST(hash_of_no_bytes_accepts_null)
{
    expect(NULL, 0, examples[0].hex);
}

TEST(hash_includes_nul_bytes)
{
    unsigned char with[HASH_SIZE], without[HASH_SIZE];

    hash_sha256("abc\0", 4, with);
    hash_sha256("abc", 3, without);
    ck_assert_mem_ne(with, without, HASH_SIZE);
}

TEST(hash_writes_the_requested_number_of_digits)
{
    static const unsigned char bytes[] = {0x00, 0x0f, 0xf0, 0xff, 0xa5};
    char text[2 * ARRAY_LEN(bytes) + 2];

    memset(text, '#', sizeof text);
    hash_hex(bytes, ARRAY_LEN(bytes), text);
    ck_assert_str_eq(text, "000ff0ffa5");
    ck_assert_int_eq(text[sizeof text - 1], '#');
    memset(text, '#', sizeof text);
    hash_hex(bytes, 2, text);
    ck_assert_mem_eq(text, "000f\0#", 6);
    hash_hex(bytes, 0, text);
    ck_assert_str_eq(text, "");
}

static const struct {
    const char *bytes, *text;
} encodings[] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"\xff\xfe\xfd", "//79"}, /* RFC 4648, 10 */
};

LOOP_TEST(hash_writes_base64, encodings)
{
    char text[HASH_BASE64_TEXT(3)];

    hash_base64(encodings[_i].bytes, strlen(encodings[_i].bytes), text);
    ck_assert_str_eq(text, encodings[_i].text);
}
