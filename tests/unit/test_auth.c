/* SPDX-License-Identifier: MIT */
/* test_auth.c - tests who sends a request, by its headers, and that cross-site browser requests
 * are rejected. */
#include "base/mem.h"
#include "http/auth/auth.h"
#include "model/domain.h"

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

static const struct auth_policy here = {.access = ANONYMOUS_LOCAL};
static const struct auth_policy anywhere = {.access = ANONYMOUS_ALL};

/* Returns whether a request without a key is accepted, after a check that a rejected one gets a
 * reason. */
static bool is_accepted(const struct auth_policy *policy, const struct credentials *presented)
{
    const struct client *client = NULL;
    enum err err = auth_identify(NULL, policy, presented, &client);

    ck_assert(err == ERR_OK || err == ERR_FORBIDDEN);
    ck_assert_int_eq(client != NULL, err == ERR_OK);
    ck_assert_int_eq(auth_denial(policy, presented) != NULL, err != ERR_OK);
    return !err;
}

static void setup(void)
{
    ck_assert_int_eq(domain_start(), ERR_OK);
}

static void teardown(void)
{
    domain_stop();
}

FIXTURE(setup, teardown);

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

/* ---- other sites ---- */

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

    ck_assert_int_eq(is_accepted(&here, &credentials), sites[_i].is_let_in);
    ck_assert_int_eq(is_accepted(&anywhere, &credentials), sites[_i].is_let_in);
    if (!sites[_i].is_let_in)
        ck_assert_ptr_nonnull(strstr(auth_denial(&here, &credentials), "Sec-Fetch-Site"));
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
    {"localhost:8080", "evil.example/://localhost", false, false},
    {"localhost:8080", "app://localhost", false, false},
    {"localhost:8080", "HTTPS://localhost", true, true},
    {"localhost:8080", "https:/localhost", false, false},
    {"localhost:8080", " http://localhost", false, false},
    {"localhost:8080", "http://", false, false},
    {"localhost:8080", "http:///localhost", false, false},
    {"localhost:8080", "http://[::2]", false, false},
    {"localhost:8080", "moz-extension://0a1b", false, false},
    {"emails.internal:8080", "https://emails.internal", false, true},
    {"emails.internal", "http://emails.internal:8443/x", false, true},
    {"emails.internal", "http://other.example", false, false},
    {"emails.internal", "http://localhost", false, false},
    {"emails.internal", "null", false, false},
};

LOOP_TEST(auth_without_fetch_metadata_checks_origin_and_referer, pages)
{
    for (int i = 0; i < 2; i++) {
        const char *name = i ? "Referer" : "Origin";
        struct credentials presented = read(HEADERS(name, pages[_i].page, "Host", pages[_i].host));
        ck_assert_msg(is_accepted(&here, &presented) == pages[_i].here, "%s: %s", name,
                      pages[_i].page);
        ck_assert_msg(is_accepted(&anywhere, &presented) == pages[_i].there, "%s: %s", name,
                      pages[_i].page);
        if (!pages[_i].there)
            ck_assert_ptr_nonnull(strstr(auth_denial(&anywhere, &presented), name));
    }
}

TEST(auth_same_site_page_must_match_in_every_header)
{
    struct credentials presented =
        read(HEADERS("Host", "localhost", "Sec-Fetch-Site", "same-origin", "Origin",
                     "http://localhost", "Referer", "http://evil.example/"));

    ck_assert(!is_accepted(&here, &presented));
    presented = read(HEADERS("Origin", "http://localhost")); /* HTTP/1.0 */
    ck_assert(is_accepted(&here, &presented));
    ck_assert(!is_accepted(&anywhere, &presented));
}

static const struct {
    const char *headers[5]; /* besides Sec-Fetch-Site */
    bool here, there;       /* as in pages[], for a route that links of other sites may open */
} links[] = {
    {{"Host", "localhost", "Referer", "http://wiki.example/"}, true, true},
    {{"Host", "emails.internal", "Referer", "http://wiki.example/"}, false, true},
    {{"Host", "evil.com"}, false, false},
    {{"Host", "localhost", "Origin", "http://wiki.example"}, false, false},
    {{"Host", "localhost", "Sec-Fetch-Mode", "no-cors"}, false, false},
    {{"Host", "localhost", "Sec-Fetch-Mode", ""}, false, false},
    {{"Host", "localhost", "Sec-Fetch-Dest", "iframe"}, false, false},
    {{"Host", "localhost", "Sec-Fetch-Dest", "frame"}, false, false},
    {{"Host", "localhost", "Sec-Fetch-Dest", ""}, false, false},
};

LOOP_TEST(auth_link_may_open_a_page_in_a_tab, links)
{
    struct credentials presented = read(HEADERS("Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode",
                                                "navigate", "Sec-Fetch-Dest", "document"));

    for (const char *const *header = links[_i].headers; *header; header += 2)
        auth_header(&presented, slice(header[0]), slice(header[1]));
    ck_assert(!is_accepted(&here, &presented) && !is_accepted(&anywhere, &presented));
    same_site_allow_link(&presented.site);
    ck_assert_int_eq(is_accepted(&here, &presented), links[_i].here);
    ck_assert_int_eq(is_accepted(&anywhere, &presented), links[_i].there);
}

/* Older browsers say so little that a link looks like the request of a page. */
TEST(auth_link_without_fetch_metadata_is_rejected)
{
    struct credentials presented =
        read(HEADERS("Host", "localhost", "Referer", "http://wiki.example/"));

    same_site_allow_link(&presented.site);
    ck_assert(!is_accepted(&here, &presented) && !is_accepted(&anywhere, &presented));
}

/* The first line alone, and the last one alone, would name a page of this server. */
TEST(auth_rejects_an_origin_of_several_lines)
{
    static const char *const lines[][2] = {
        {"http://evil.example", "http://localhost"},
        {"http://localhost", "http://evil.example"},
        {"http://localhost", "http://localhost"},
        {"http://evil.example", ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        for (int j = 0; j < 2; j++) {
            const char *name = j ? "Referer" : "Origin";
            struct credentials presented =
                read(HEADERS("Host", "localhost", name, lines[i][0], name, lines[i][1]));
            ck_assert(!is_accepted(&here, &presented));
            ck_assert(!is_accepted(&anywhere, &presented));
            ck_assert_int_eq(auth_page_denial(&here, &presented) != NULL, j == 0);
        }
}

/* A page of a name that its owner has pointed at this server. */
TEST(auth_rejects_dns_rebinding)
{
    struct credentials presented =
        read(HEADERS("Host", "evil.com:8080", "Origin", "http://evil.com:8080", "Referer",
                     "http://evil.com:8080/", "Sec-Fetch-Site", "same-origin"));

    ck_assert(!is_accepted(&here, &presented));
    ck_assert(!is_accepted(&anywhere, &presented));
}

static const struct {
    const char *host, *origin;
    bool is_accepted;
} callers[] = {
    {"evil.com", NULL, true}, /* a program */
    {"localhost:8080", "http://localhost:3000", true},
    {"localhost:8080", "http://127.0.0.1", true},
    {"localhost:8080", "http://emails.internal", false},
    {"localhost:8080", "null", false},
    {"emails.internal", "http://EMAILS.internal:81", true},
    {"emails.internal", "http://localhost", false},
    {"evil.com:8080", "http://evil.com:8080", false},
    {"evil.com:8080", "http://localhost:8080", false},
    {NULL, "http://localhost", false},
    {NULL, NULL, true},
};

/* For routes that require it, whatever key the page has. */
LOOP_TEST(auth_page_must_be_of_this_server, callers)
{
    const struct auth_policy *const policies[] = {&here, &anywhere};

    for (size_t i = 0; i < ARRAY_LEN(policies); i++) {
        struct credentials presented = {0};
        if (callers[_i].host)
            auth_header(&presented, (struct slice){"Host", 4},
                        (struct slice){callers[_i].host, strlen(callers[_i].host)});
        if (callers[_i].origin)
            auth_header(&presented, (struct slice){"Origin", 6},
                        (struct slice){callers[_i].origin, strlen(callers[_i].origin)});
        const char *why = auth_page_denial(policies[i], &presented);
        ck_assert_int_eq(!why, callers[_i].is_accepted);
    }
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
