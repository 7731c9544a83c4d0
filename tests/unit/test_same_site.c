/* SPDX-License-Identifier: MIT */
/* test_same_site.c - tests that requests of other sites' pages are rejected, but for links to pages
 * without data. */
#include "tests/unit/auth_fixture.h"

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
