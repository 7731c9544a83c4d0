/* SPDX-License-Identifier: MIT */
/* test_auth.c - tests who sends a request, by its headers, and that cross-site browser requests
 * are rejected. */
#include "base/mem.h"
#include "http/auth/auth.h"

#include "tests/support/suite.h"
#include <stdio.h>
#include <string.h>

static struct slice slice(const char *text)
{
    return (struct slice){text, strlen(text)};
}

/* Returns the header fields of the pairs of name and value, which NULL ends. */
static struct credentials read(const char *const *headers)
{
    struct credentials credentials = {0};

    for (; *headers; headers += 2)
        auth_header(&credentials, slice(headers[0]), slice(headers[1]));
    return credentials;
}
#define HEADERS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* ---- with keys ---- */

static struct clients *known(void)
{
    char text[256], hex[2 * HASH_SIZE + 1];
    struct errmsg why;
    unsigned char hash[HASH_SIZE];
    struct clients *clients;

    hash_sha256("right", 5, hash);
    hash_hex(hash, HASH_SIZE, hex);
    snprintf(text, sizeof text, "one sha256:%s rate=2\n", hex);
    ck_assert_int_eq(clients_parse("keys", text, strlen(text), &clients, &why), ERR_OK);
    return clients;
}

static const struct {
    const char *headers[7];
    bool is_let_in;
} keys[] = {
    {{"Authorization", "Bearer right"}, true},
    {{"authorization", "bearer right"}, true}, /* RFC 9110, 11.1: schemes are case-insensitive */
    {{"Authorization", "Bearer   right"}, true},
    {{"X-API-Key", "right"}, true},
    {{"x-api-key", "right", "Host", "anything", "Sec-Fetch-Site", "cross-site"}, true},
    {{"X-API-Key", "right", "Origin", "http://evil.example", "Referer", "http://evil.example/"},
     true},
    {{"X-API-Key", "right", "Authorization", "Basic dXNlcjpwYXNz"}, true}, /* for a proxy */
    {{"Authorization", "Basic dXNlcjpwYXNz", "X-API-Key", "right"}, true},
    {{NULL}, false},
    {{"Authorization", "right"}, false},
    {{"Authorization", "Basic right"}, false},
    {{"Authorization", "Bearer"}, false},
    {{"Authorization", "Bearer "}, false},
    {{"Authorization", "Bearer wrong"}, false},
    {{"Authorization", "Bearer righ"}, false},
    {{"Authorization", "Bearer right "}, false},
    {{"X-API-Key", "Bearer right"}, false},
    {{"X-API-Key", ""}, false},
    {{"X-API-Key", "right", "X-API-Key", "right"}, false},
    {{"X-API-Key", "right", "Authorization", "Bearer wrong"}, false},
    {{"Authorization", "Bearer wrong", "Authorization", "Bearer right"}, false},
};

LOOP_TEST(auth_accepts_exactly_one_correct_key, keys)
{
    const struct auth_policy policy = {.local_only = true, .admin = true};
    struct credentials credentials = read(keys[_i].headers);
    struct clients *clients = known();
    const struct client *client = NULL;

    ck_assert_int_eq(auth_identify(clients, &policy, &credentials, &client), ERR_OK);
    ck_assert_int_eq(client != NULL, keys[_i].is_let_in);
    if (client)
        ck_assert_str_eq(client->name, "one");
    clients_unref(clients);
}

TEST(auth_over_the_rate_limit_is_rejected)
{
    const struct auth_policy policy = {0};
    struct credentials credentials = read(HEADERS("X-API-Key", "right"));
    struct clients *clients = known();
    const struct client *client = NULL;

    ck_assert_int_eq(auth_identify(clients, &policy, &credentials, &client), ERR_OK);
    ck_assert_int_eq(auth_check_rate(client, 1000), ERR_OK);
    ck_assert_int_eq(auth_check_rate(client, 1000), ERR_OK);
    ck_assert_int_eq(auth_check_rate(client, 1000), ERR_QUOTA_EXCEEDED);
    ck_assert_int_eq(auth_check_rate(client, 1500), ERR_OK);
    ck_assert_int_eq(auth_check_rate(NULL, 1000),
                     ERR_OK); /* a client without a valid key is rejected elsewhere */
    clients_unref(clients);
}

/* ---- without keys ---- */

static const struct {
    const char *host;
    bool is_local;
} hosts[] = {
    {"localhost", true},
    {"LOCALHOST:8080", true},
    {"localhost.", true},
    {"tools.localhost", true},
    {"127.0.0.1", true},
    {"127.0.0.1:8080", true},
    {"127.255.3.4:1", true},
    {"[::1]", true},
    {"[::1]:8080", true},
    {"example.org", false},
    {"localhost.org", false},
    {"notlocalhost", false},
    {"127.0.0.1.nip.io", false},
    {"127.evil.org", false},
    {"127.0.0", false},
    {"128.0.0.1", false},
    {"[::2]", false},
    {"[fe80::1]:80", false},
    {"", false},
    {":80", false},
};

LOOP_TEST(auth_on_loopback_requires_a_local_host, hosts)
{
    const struct auth_policy here = {.local_only = true}, anywhere = {0};
    struct credentials credentials = read(HEADERS("Host", hosts[_i].host));
    const struct client *client = NULL;

    ck_assert_int_eq(auth_identify(NULL, &here, &credentials, &client),
                     hosts[_i].is_local ? ERR_OK : ERR_FORBIDDEN);
    ck_assert_int_eq(client != NULL, hosts[_i].is_local);
    ck_assert_int_eq(auth_identify(NULL, &anywhere, &credentials, &client), ERR_OK);
    ck_assert_ptr_nonnull(client);
}

static const struct {
    const char *site;
    bool is_let_in;
} sites[] = {{"none", true},        {"same-origin", true}, {"cross-site", false},
             {"same-site", false},  {"Cross-Site", false}, {"", false},
             {"none, none", false}, {"whatever", false}};

LOOP_TEST(auth_rejects_cross_site_requests, sites)
{
    struct credentials credentials =
        read(HEADERS("Host", "localhost", "Sec-Fetch-Site", sites[_i].site));
    const struct client *client = NULL;

    for (int local = 0; local <= 1; local++) {
        const struct auth_policy policy = {.local_only = local};
        ck_assert_int_eq(auth_identify(NULL, &policy, &credentials, &client),
                         sites[_i].is_let_in ? ERR_OK : ERR_FORBIDDEN);
    }
}

static const struct {
    const char *host, *page;
    bool here, there; /* whether a loopback server accepts a page that names this origin, and
                         whether any server does */
} pages[] = {
    {"localhost:8080", "http://localhost:8080", true, true},
    {"localhost:8080", "http://LOCALHOST:8080/docs?x=1", true, true},
    {"localhost:8080", "http://localhost:3000/", true, true}, /* as a proxy that hides the port */
    {"127.0.0.1:8080", "https://localhost", true, false},
    {"[::1]:8080", "http://[::1]:8080/", true, true},
    {"localhost:8080", "", true, true}, /* no information */
    {"localhost:8080", "http://evil.example", false, false},
    {"localhost:8080", "http://evil.example/?http://localhost/", false, false},
    {"localhost:8080", "http://localhost.evil.example", false, false},
    {"localhost:8080", "http://localhost@evil.example/", false, false},
    {"localhost:8080", "http://localhost:x@evil.example/", false, false},
    {"localhost:8080", "null", false, false},
    {"localhost:8080", "about:blank", false, false},
    {"localhost:8080", "localhost", false, false},
    {"localhost:8080", "http://", false, false},
    {"localhost:8080", "http:///localhost", false, false},
    {"localhost:8080", "http://[::2]", false, false},
    {"localhost:8080", "moz-extension://0a1b", false, false},
    {"emails.example:8080", "https://emails.example", false, true},
    {"emails.example", "http://emails.example:8443/x", false, true},
    {"emails.example", "http://other.example", false, false},
    {"emails.example", "http://localhost", false, false},
    {"emails.example", "null", false, false},
};

LOOP_TEST(auth_without_fetch_metadata_checks_origin_and_referer, pages)
{
    const struct auth_policy here = {.local_only = true}, there = {0};
    const struct client *client = NULL;

    for (int i = 0; i < 2; i++) {
        const char *name = i ? "Referer" : "origin";
        struct credentials presented = read(HEADERS(name, pages[_i].page, "Host", pages[_i].host));
        ck_assert_msg(!auth_identify(NULL, &here, &presented, &client) == pages[_i].here, "%s: %s",
                      name, pages[_i].page);
        ck_assert_msg(!auth_identify(NULL, &there, &presented, &client) == pages[_i].there,
                      "%s: %s", name, pages[_i].page);
    }
}

TEST(auth_same_site_page_must_match_in_every_header)
{
    const struct auth_policy here = {.local_only = true};
    struct credentials presented =
        read(HEADERS("Host", "localhost", "Sec-Fetch-Site", "same-origin", "Origin",
                     "http://localhost", "Referer", "http://evil.example/"));
    const struct client *client = NULL;

    ck_assert_int_eq(auth_identify(NULL, &here, &presented, &client), ERR_FORBIDDEN);
    presented = read(HEADERS("Origin", "http://localhost")); /* HTTP/1.0 */
    ck_assert_int_eq(auth_identify(NULL, &here, &presented, &client), ERR_OK);
    ck_assert_int_eq(auth_identify(NULL, &(struct auth_policy){0}, &presented, &client),
                     ERR_FORBIDDEN);
}

TEST(auth_without_a_key_grants_the_rights_of_the_policy)
{
    struct credentials credentials = {0};
    const struct client *client;

    for (int admin = 0; admin <= 1; admin++) {
        const struct auth_policy policy = {.admin = admin};
        ck_assert_int_eq(auth_identify(NULL, &policy, &credentials, &client), ERR_OK);
        ck_assert_int_eq(client->admin, admin);
        ck_assert(client->allow_refresh && !client->cached_only);
        ck_assert_int_eq(client->quota, ACCOUNT_NO_QUOTA);
        ck_assert_str_eq(client->name, "");
    }
}
