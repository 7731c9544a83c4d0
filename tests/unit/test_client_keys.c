/* SPDX-License-Identifier: MIT */
/* test_client_keys.c - tests the file of client keys, finding a client by its key, and its rate
 * limit. */
#include "base/buf.h"
#include "base/mem.h"
#include "http/auth/client_keys.h"
#include "http/auth/rate_limit.h"

#include "tests/support/suite.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct slice slice(const char *text)
{
    return (struct slice){text, strlen(text)};
}

/* Returns a line of the file for that key. */
static char *line_of(const char *name, const char *key, const char *options)
{
    unsigned char hash[HASH_SIZE];
    char hex[2 * HASH_SIZE + 1];
    char *line = xcalloc(1, 256);

    hash_sha256(key, strlen(key), hash);
    hash_hex(hash, HASH_SIZE, hex);
    snprintf(line, 256, "%s sha256:%s%s\n", name, hex, options);
    return line;
}

static struct clients *parse(const char *text)
{
    struct clients *clients;
    struct errmsg why = {""};
    enum err err = clients_parse("keys", text, strlen(text), &clients, &why);

    ck_assert_msg(!err, "%s", why.text);
    return clients;
}

/* ---- the file ---- */

TEST(client_keys_line_without_options_gives_default_rights)
{
    autofree char *line = line_of("reports", "key-a", "");
    struct clients *clients = parse(line);
    const struct client *client = clients_find(clients, slice("key-a"));

    ck_assert_ptr_nonnull(client);
    ck_assert_str_eq(client->name, "reports");
    ck_assert_int_eq(client->quota, ACCOUNT_NO_QUOTA);
    ck_assert_int_eq(client->rate, 0);
    ck_assert_int_eq(client->weight, 1);
    ck_assert_int_eq(client->max_wait_ms, INT64_MAX);
    ck_assert_uint_eq(client->waiters, 0);
    ck_assert(!client->admin && !client->cached_only && !client->allow_refresh);
    clients_unref(clients);
}

TEST(client_keys_accept_every_option)
{
    autofree char *line = line_of("a.b_c-1", "key-a",
                                  "\tquota=0 rate=20  max_wait=120 weight=3 waiters=7 cached_only "
                                  "allow_refresh admin # all\r");
    struct clients *clients = parse(line);
    const struct client *client = clients_find(clients, slice("key-a"));

    ck_assert_ptr_nonnull(client);
    ck_assert_int_eq(client->quota, 0);
    ck_assert_int_eq(client->rate, 20);
    ck_assert_int_eq(client->weight, 3);
    ck_assert_int_eq(client->max_wait_ms, 120000);
    ck_assert_uint_eq(client->waiters, 7);
    ck_assert(client->admin && client->cached_only && client->allow_refresh);
    clients_unref(clients);
}

TEST(client_keys_skip_comments_and_need_no_final_newline)
{
    autofree char *a = line_of("a", "key-a", ""), *b = line_of("b", "key-b", "");
    struct buf autobuf text = BUF_INIT(4096);

    buf_addf(&text, "# who\n\n  \t\n%s   # more\n%s", a, b);
    autofree char *without_end = xstrndup(text.data, text.len - 1);
    struct clients *clients = parse(without_end);
    ck_assert_uint_eq(clients_count(clients), 2);
    clients_unref(clients);
}

#define GOOD "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define LATE "sha256:1123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct {
    const char *text, *why;
} bad[] = {
    {"", "contains no clients"},
    {"# no line\n", "contains no clients"},
    {"a\n", "line 1: the name must be followed"},
    {"a/b " GOOD, "invalid client name"},
    {"abcdefghijklmnopqrstuvwxyz0123456 " GOOD, "invalid client name"},
    {"a 0123456789abcdef", "the name must be followed"},
    {"a sha256:0123", "the name must be followed"},
    {"a " GOOD "0", "the name must be followed"},
    {"a sha256:0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef",
     "the name must be followed"},
    {"a sha256:g123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
     "the name must be followed"},
    {"a " GOOD " bogus", "unknown option"},
    {"a " GOOD " quota", "invalid option value"},
    {"a " GOOD " quota=", "invalid option value"},
    {"a " GOOD " quota=-1", "invalid option value"},
    {"a " GOOD " quota=1.5", "invalid option value"},
    {"a " GOOD " quota=1000000001", "invalid option value"},
    {"a " GOOD " quota=99999999999999999999", "invalid option value"},
    {"a " GOOD " quota=1 quota=2", "duplicate option"},
    {"a " GOOD " rate=0", "invalid option value"},
    {"a " GOOD " weight=0", "invalid option value"},
    {"a " GOOD " weight=101", "invalid option value"},
    {"a " GOOD " max_wait=3601", "invalid option value"},
    {"a " GOOD " waiters=0", "invalid option value"},
    {"a " GOOD " waiters=1000001", "invalid option value"},
    {"a " GOOD " waiters", "invalid option value"},
    {"a " GOOD " admin=1", "invalid option value"},
    {"a " GOOD " admin admin", "duplicate option"},
    {"a " GOOD "\n\nb " GOOD, "line 3: another client has the same key"},
    {"a " GOOD "\na " LATE, "line 2: duplicate client name"},
    {"a " GOOD " 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15", "too many words"},
};

LOOP_TEST(client_keys_error_names_the_line, bad)
{
    struct clients *clients = NULL;
    struct errmsg why = {""};
    enum err err = clients_parse("keys", bad[_i].text, strlen(bad[_i].text), &clients, &why);

    ck_assert_int_eq(err, ERR_SYNTAX);
    ck_assert_ptr_null(clients);
    ck_assert_msg(strstr(why.text, bad[_i].why), "%s", why.text);
    ck_assert_ptr_null(strstr(why.text, "0123456789abcdef")); /* even a hash is not repeated */
}

TEST(client_keys_accept_the_maximum_of_clients_only)
{
    struct buf autobuf text = BUF_INIT(1 << 20);
    struct clients *clients;
    struct errmsg why;

    for (int i = 0; i <= CLIENTS_MAX; i++) {
        char name[16], key[16];
        snprintf(name, sizeof name, "c%d", i);
        snprintf(key, sizeof key, "key-%d", i);
        autofree char *line = line_of(name, key, "");
        if (i == CLIENTS_MAX) {
            struct clients *full = parse(buf_str(&text));
            ck_assert_str_eq(clients_find(full, slice("key-255"))->name, "c255");
            clients_unref(full);
        }
        buf_add_str(&text, line);
    }
    ck_assert_int_eq(clients_parse("keys", text.data, text.len, &clients, &why), ERR_SYNTAX);
    ck_assert_ptr_nonnull(strstr(why.text, "too many clients"));
}

static void write_file(const char *path, const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    fchmod(fd, mode);
    close(fd);
}

TEST(client_keys_file_writable_by_others_is_rejected)
{
    char path[] = "/tmp/test-clients-XXXXXX";
    struct errmsg why;
    struct clients *clients;
    int fd = mkstemp(path);

    ck_assert_int_ge(fd, 0);
    close(fd);
    write_file(path, "a " GOOD "\n", 0644);
    ck_assert_int_eq(clients_read(path, &clients, &why), ERR_OK);
    clients_unref(clients);
    write_file(path, "a " GOOD "\n", 0620);
    ck_assert_int_eq(clients_read(path, &clients, &why), ERR_SYNTAX);
    ck_assert_ptr_nonnull(strstr(why.text, "writable by others"));
    unlink(path);
    ck_assert_int_eq(clients_read(path, &clients, &why), ERR_SYSTEM);
    ck_assert_int_eq(clients_read("/tmp", &clients, &why), ERR_SYNTAX);
    ck_assert_ptr_nonnull(strstr(why.text, "regular file"));
    ck_assert_int_eq(clients_read("/dev/zero", &clients, &why), ERR_SYNTAX);
}

/* ---- finding ---- */

TEST(client_keys_find_client_by_its_exact_key_only)
{
    static const char *const near[] = {"", "key-", "key-aa", "Key-a", "key-a ", "key-b", "key_a"};
    autofree char *line = line_of("a", "key-a", "");
    struct clients *clients = parse(line);

    ck_assert_ptr_nonnull(clients_find(clients, slice("key-a")));
    for (size_t i = 0; i < ARRAY_LEN(near); i++)
        ck_assert_msg(!clients_find(clients, slice(near[i])), "'%s' was let in", near[i]);
    ck_assert_ptr_null(clients_find(clients, (struct slice){NULL, 0}));
    /* The hash itself, which other users may read, is not accepted as a key. */
    ck_assert_ptr_null(clients_find(clients, (struct slice){line + 2, 7 + 64}));
    ck_assert_ptr_null(clients_find(clients, (struct slice){line + 9, 64}));
    clients_unref(clients);
}

TEST(client_keys_find_client_at_any_position)
{
    struct buf autobuf text = BUF_INIT(1 << 20);
    char word[16];

    for (int i = 0; i < CLIENTS_MAX; i++) {
        snprintf(word, sizeof word, "c%d", i);
        autofree char *line = line_of(word, word, "");
        buf_add_str(&text, line);
    }
    struct clients *clients = parse(buf_str(&text));
    for (int i = 0; i < CLIENTS_MAX; i++) {
        snprintf(word, sizeof word, "c%d", i);
        const struct client *client = clients_find(clients, slice(word));
        ck_assert_ptr_nonnull(client);
        ck_assert_str_eq(client->name, word);
    }
    ck_assert_ptr_null(clients_find(clients, slice("c256")));
    clients_unref(clients);
}

TEST(client_key_new_is_long_random_and_prefixed)
{
    char one[CLIENT_KEY_TEXT], other[CLIENT_KEY_TEXT];

    client_key_new(one);
    client_key_new(other);
    ck_assert_uint_eq(strlen(one), 4 + 64);
    ck_assert_int_eq(strncmp(one, CLIENT_KEY_PREFIX, 4), 0);
    ck_assert_str_ne(one, other);
}

/* ---- rate limit ---- */

static size_t count_admitted(const struct client *client, int64_t now_ms, size_t tries)
{
    size_t n = 0;

    for (size_t i = 0; i < tries; i++)
        n += client_admits(client, now_ms);
    return n;
}

TEST(rate_limit_admits_its_rate_per_second)
{
    autofree char *line = line_of("a", "key-a", " rate=5");
    struct clients *clients = parse(line);
    const struct client *client = clients_find(clients, slice("key-a"));

    ck_assert_uint_eq(count_admitted(client, 1000, 20), 5);
    ck_assert_uint_eq(count_admitted(client, 1199, 20), 0);
    ck_assert_uint_eq(count_admitted(client, 1200, 20), 1);
    ck_assert_uint_eq(count_admitted(client, 2200, 20), 5); /* an unused second is not saved */
    ck_assert_uint_eq(count_admitted(client, 99000, 20), 5);
    clients_unref(clients);
}

static const char *const rates[] = {" rate=1", " rate=2", " rate=3", " rate=7", " rate=1000000"};

LOOP_TEST(rate_limit_wait_is_long_enough_at_every_rate, rates)
{
    autofree char *line = line_of("a", "key-a", rates[_i]);
    struct clients *clients = parse(line);
    const struct client *client = clients_find(clients, slice("key-a"));

    ck_assert_uint_eq(count_admitted(client, 1000, 1000001), (size_t)client->rate);
    ck_assert(client_admits(client, 1000 + RATE_LIMIT_WAIT_S * INT64_C(1000)));
    clients_unref(clients);
}

TEST(rate_limit_state_survives_a_changed_key_and_rate)
{
    autofree char *a = line_of("a", "key-a", " rate=5"), *b = line_of("b", "key-b", " rate=5");
    autofree char *new_a = line_of("a", "key-new", " rate=10");
    struct clients *before = parse(a), *now = NULL;
    struct buf autobuf text = BUF_INIT(4096);

    ck_assert_uint_eq(count_admitted(clients_find(before, slice("key-a")), 1000, 20), 5);
    buf_addf(&text, "%s%s", b, new_a);
    now = parse(buf_str(&text));
    clients_adopt_rate_limits(now, before);
    ck_assert_uint_eq(count_admitted(clients_find(now, slice("key-new")), 1000, 20), 0);
    ck_assert_uint_eq(count_admitted(clients_find(now, slice("key-b")), 1000, 20), 5);
    /* Some workers still use the older snapshot for a while. */
    ck_assert_uint_eq(count_admitted(clients_find(before, slice("key-a")), 1200, 20), 1);
    ck_assert_uint_eq(count_admitted(clients_find(now, slice("key-new")), 1200, 20), 0);
    clients_unref(before);
    ck_assert_uint_eq(count_admitted(clients_find(now, slice("key-new")), 1300, 20), 1);
    ck_assert_uint_eq(count_admitted(clients_find(now, slice("key-new")), 3000, 20), 10);
    clients_unref(now);
}

TEST(rate_limit_unset_admits_everything)
{
    autofree char *line = line_of("a", "key-a", "");
    struct clients *clients = parse(line);

    ck_assert_uint_eq(count_admitted(clients_find(clients, slice("key-a")), 1, 1000), 1000);
    clients_unref(clients);
}
