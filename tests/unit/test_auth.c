/* SPDX-License-Identifier: MIT */
/* test_auth.c - tests who sends a request, by its headers. */
#include "tests/unit/auth_fixture.h"

#include <stdio.h>

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
    {{"X-API-Key", "right", "X-Forwarded-For", "192.0.2.1", "Via", "1.1 proxy"}, true},
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
    struct credentials credentials = read(keys[_i].headers);
    struct clients *clients = known();
    const struct client *client = NULL;

    ck_assert_int_eq(auth_identify(clients, &here, &credentials, &client), ERR_OK);
    ck_assert_int_eq(client != NULL, keys[_i].is_let_in);
    if (client)
        ck_assert_str_eq(client->name, "one");
    clients_unref(clients);
}

TEST(auth_over_the_rate_limit_is_rejected)
{
    struct credentials credentials = read(HEADERS("X-API-Key", "right"));
    struct clients *clients = known();
    const struct client *client = NULL;

    ck_assert_int_eq(auth_identify(clients, &here, &credentials, &client), ERR_OK);
    ck_assert_int_eq(auth_check_rate(client, 1000), ERR_OK);
    ck_assert_int_eq(auth_check_rate(client, 1000), ERR_OK);
    ck_assert_int_eq(auth_check_rate(client, 1000), ERR_RATE_LIMITED);
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
    struct credentials presented = read(HEADERS("Host", hosts[_i].host));

    ck_assert_int_eq(is_accepted(&here, &presented), hosts[_i].is_local);
}

/* Names by which a page of another site can reach a server, and others. */
static const struct {
    const char *host;
    bool is_safe;
} open_hosts[] = {
    {"localhost:8080", true},
    {"emailsd", true},
    {"emailsd:8080", true},
    {"emailsd.", true},
    {"127.0.0.1:8080", true},
    {"192.0.2.7", true},
    {"10.0.0.7:8080", true},
    {"[2001:db8::1]:8080", true},
    {"printer.local", true},
    {"emails.internal:8080", true},
    {"emailsd.default.svc.cluster.local", true},
    {"EMAILS.LAN", true},
    {"listed.example.com", true},
    {"LISTED.example.com.:8080", true},
    {"listed.org", true}, /* listed with a final dot */
    {"example.com", false},
    {"not.listed.example.com", false},
    {"xlisted.example.com", false},
    {"evil.com:8080", false},
    {"evil.com.", false},
    {"EVIL.COM", false},
    {"evil.co.uk", false},
    {"evil.github.io", false},
    {"evil.ck", false}, /* the list has only *.ck */
    {"127.0.0.1.nip.io", false},
    {"xn--b1aew.xn--p1ai", false},
    {"localhost.com", false},
    {"[::1].evil.com", true}, /* not a host that a browser sends */
    {"", false},
    {":8080", false},
    {".", false},
};

LOOP_TEST(auth_of_all_clients_rejects_public_host_names, open_hosts)
{
    static const char *const names[] = {"listed.example.com", "listed.org."};
    const struct auth_policy policy = {.access = ANONYMOUS_ALL, .hosts = {names, 2}};
    struct credentials presented = read(HEADERS("Host", open_hosts[_i].host));

    ck_assert_msg(is_accepted(&policy, &presented) == open_hosts[_i].is_safe, "%s",
                  open_hosts[_i].host);
    if (!open_hosts[_i].is_safe)
        ck_assert_ptr_nonnull(strstr(auth_denial(&policy, &presented), "Host"));
}

TEST(auth_of_all_clients_accepts_a_request_without_host)
{
    struct credentials presented = {0}; /* HTTP/1.0 */

    ck_assert(is_accepted(&anywhere, &presented));
}

TEST(host_name_with_a_port_or_a_path_cannot_be_listed)
{
    static const char *const good[] = {"a", "emails.internal.com", "emails.internal.com.",
                                       "A-1_b.c"};
    static const char *const bad[] = {
        "", "a:8080", "http://a", "a/b", "*.example.com", "a b", "[::1]", "b\303\274cher.example",
    };

    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        ck_assert_msg(allowed_hosts_can_list(good[i]), "%s", good[i]);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(!allowed_hosts_can_list(bad[i]), "%s", bad[i]);
}

/* ---- proxies ---- */

static const struct {
    const char *name;
    bool is_of_a_proxy;
} forwarding[] = {
    {"X-Forwarded-For", true},    {"x-forwarded-host", true}, {"X-Forwarded-Proto", true},
    {"X-Forwarded-Server", true}, {"Forwarded", true},        {"Via", true},
    {"X-Real-IP", true},          {"X-Forwarded-", false},    {"X-Forwarded", false},
    {"X-Forward-For", false},     {"X-Request-Id", false},    {"Viaduct", false},
};

LOOP_TEST(auth_on_loopback_rejects_what_a_proxy_passes_on, forwarding)
{
    struct credentials presented =
        read(HEADERS("Host", "127.0.0.1:8080", forwarding[_i].name, "192.0.2.7"));

    ck_assert_msg(is_accepted(&here, &presented) != forwarding[_i].is_of_a_proxy, "%s",
                  forwarding[_i].name);
    if (forwarding[_i].is_of_a_proxy)
        ck_assert_ptr_nonnull(strstr(auth_denial(&here, &presented), "client keys"));
    ck_assert(is_accepted(&anywhere, &presented)); /* the operator accepts every client */
}

TEST(auth_without_a_key_grants_admin_only_if_the_policy_says_so)
{
    static const enum anonymous_access all[] = {ANONYMOUS_LOCAL, ANONYMOUS_ALL, ANONYMOUS_ADMIN};
    struct credentials credentials = {0};
    const struct client *client;

    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        const struct auth_policy policy = {.access = all[i]};
        ck_assert_int_eq(auth_identify(NULL, &policy, &credentials, &client), ERR_OK);
        ck_assert_int_eq(client->admin, all[i] == ANONYMOUS_ADMIN);
        ck_assert(client->allow_refresh && !client->cached_only);
        ck_assert_int_eq(client->quota, ACCOUNT_NO_QUOTA);
        ck_assert_uint_eq(client->waiters, 0);
        ck_assert_str_eq(client->name, "");
    }
}
