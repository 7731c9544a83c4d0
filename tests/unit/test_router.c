/* SPDX-License-Identifier: MIT */
/* test_router.c - tests which row handles a request, and what happens to the other requests.
 *
 * Has a table of its own and a request without a server: the functions below replace request.c,
 * which is not linked. */
#include "base/mem.h"
#include "http/auth/client_keys.h"
#include "http/core/app.h"
#include "http/core/router.h"

#include "tests/support/suite.h"
#include <stdlib.h>
#include <string.h>

/* ---- a request without a server ---- */

struct request {
    enum http_method method;
    const char *path, *tail;
    const struct route *route;
    const struct client *client; /* NULL = no known client */
    const char *ran;             /* the endpoint that ran */
    int status;                  /* status of the reply */
    char allow[64];              /* its Allow, "" if absent */
    char challenge[16];          /* its WWW-Authenticate, "" if absent */
};

enum http_method request_method(const struct request *request)
{
    return request->method;
}

const char *request_path(const struct request *request)
{
    return request->path;
}

const char *request_path_tail(const struct request *request)
{
    return request->tail;
}

void request_set_route(struct request *request, const struct route *route, const char *tail)
{
    request->route = route;
    request->tail = tail;
}

const struct route *request_route(const struct request *request)
{
    return request->route;
}

const struct client *request_client(const struct request *request)
{
    return request->client;
}

const char *request_denial(const struct request *request)
{
    (void)request;
    return "denied";
}

static struct service service = {.takes_notifications = true};

struct service *request_service(const struct request *request)
{
    (void)request;
    return &service;
}

void request_set_outcome(struct request *request, const char *outcome, const char *lookup_id,
                         enum charged charged)
{
    (void)request;
    (void)outcome;
    (void)lookup_id;
    (void)charged;
}

const char *request_id(const struct request *request)
{
    (void)request;
    return "id";
}

void request_reply(struct request *request, struct reply *reply)
{
    request->status = reply->status;
    for (size_t i = 0; i < reply->n_headers; i++) {
        const char *name = reply->headers[i].name, *value = reply_value(reply, i);
        if (strcmp(name, "Allow") == 0)
            memcpy(request->allow, value, strlen(value) + 1);
        if (strcmp(name, "WWW-Authenticate") == 0)
            memcpy(request->challenge, value, strlen(value) + 1);
    }
    free(reply->owned_body);
}

/* ---- a table ---- */

static void get_plain(struct request *request)
{
    request->ran = "get_plain";
}

static void head_plain(struct request *request)
{
    request->ran = "head_plain";
}

static void get_only(struct request *request)
{
    request->ran = "get_only";
}

static void delete_it(struct request *request)
{
    request->ran = "delete_it";
}

static void post_it(struct request *request)
{
    request->ran = "post_it";
}

static void get_any(struct request *request)
{
    request->ran = "get_any";
}

static void get_one(struct request *request)
{
    request->ran = "get_one";
}

static size_t max_any(const struct service *of)
{
    (void)of;
    return 100;
}

static const struct route_body any_body = {.max_bytes = max_any};

const struct route routes[] = {
    {HTTP_HEAD, "/plain", head_plain, FOR_ALL, NULL},
    {HTTP_GET, "/plain", get_plain, FOR_ALL, NULL},
    {HTTP_GET, "/only", get_only, FOR_ALL, NULL},
    {HTTP_DELETE, "/only", delete_it, FOR_ALL, NULL},
    {HTTP_POST, "/post", post_it, FOR_ALL, NULL},
    {HTTP_GET, "/items/{}", get_one, FOR_ALL, NULL},
    {HTTP_GET, "/open", get_one, FOR_ALL, NULL},
    {HTTP_GET, "/linked", get_one, FOR_LINKS, NULL},
    {HTTP_GET, "/closed", get_one, FOR_CLIENTS, NULL},
    {HTTP_DELETE, "/closed", delete_it, FOR_ADMINS, NULL},
    {HTTP_ANY_METHOD, "/any/{}", get_any, FOR_UPSTREAM, &any_body},
};
const size_t n_routes = ARRAY_LEN(routes);

/* ---- the tests ---- */

static const struct {
    enum http_method method;
    const char *path, *ran, *tail;
} hits[] = {
    {HTTP_GET, "/plain", "get_plain", ""},
    {HTTP_HEAD, "/plain", "head_plain", ""}, /* its own row has precedence */
    {HTTP_GET, "/only", "get_only", ""},
    {HTTP_HEAD, "/only", "get_only", ""}, /* GET's row handles HEAD */
    {HTTP_DELETE, "/only", "delete_it", ""},
    {HTTP_POST, "/post", "post_it", ""},
    {HTTP_GET, "/items/a", "get_one", "a"},
    {HTTP_HEAD, "/items/a%2Fb", "get_one", "a%2Fb"}, /* not decoded */
    {HTTP_GET, "/items/{}", "get_one", "{}"},
    {HTTP_GET, "/items/..", "get_one", ".."}, /* not resolved: one segment stays one segment */
    {HTTP_GET, "/any/a", "get_any", "a"},
    {HTTP_HEAD, "/any/a", "get_any", "a"},
    {HTTP_DELETE, "/any/a", "get_any", "a"},
    {HTTP_OTHER_METHOD, "/any/a", "get_any", "a"},
};

LOOP_TEST(router_request_finds_its_endpoint, hits)
{
    struct request request = {.method = hits[_i].method, .path = hits[_i].path, .tail = ""};

    router_match(&request);
    router_dispatch(&request);
    ck_assert_ptr_nonnull(request.ran);
    ck_assert_str_eq(request.ran, hits[_i].ran);
    ck_assert_str_eq(request.tail, hits[_i].tail);
    ck_assert(route_match(request.route->path, hits[_i].path, &request.tail));
    ck_assert_int_eq(request.status, 0);
}

static const struct {
    enum http_method method;
    const char *path;
    int status;
    const char *allow;
} misses[] = {
    {HTTP_GET, "/", 404, ""},
    {HTTP_GET, "", 404, ""},
    {HTTP_GET, "*", 404, ""},
    {HTTP_GET, "/plain/", 404, ""},
    {HTTP_GET, "/Plain", 404, ""},
    {HTTP_GET, "/%70lain", 404, ""},
    {HTTP_GET, "//plain", 404, ""},
    {HTTP_GET, "/x/../plain", 404, ""},
    {HTTP_GET, "/plainly", 404, ""},
    {HTTP_GET, "/plai", 404, ""},
    {HTTP_GET, "http://test/plain", 404, ""},
    {HTTP_GET, "/items", 404, ""},
    {HTTP_GET, "/items/", 404, ""},
    {HTTP_GET, "/items/a/", 404, ""},
    {HTTP_GET, "/items/a/b", 404, ""},
    {HTTP_POST, "/nothing", 404, ""},
    {HTTP_POST, "/plain", 405, "GET, HEAD"},
    {HTTP_OTHER_METHOD, "/only", 405, "GET, HEAD, DELETE"},
    {HTTP_GET, "/post", 405, "POST"},
    {HTTP_HEAD, "/post", 405, "POST"},
    {HTTP_DELETE, "/items/a", 405, "GET, HEAD"},
    {HTTP_GET, "/any", 404, ""},
};

/* Compares Allow as a set: the order of its names has no meaning. */
static bool is_same_list(const char *a, const char *b)
{
    size_t len = strlen(a);

    if (strlen(b) != len)
        return false;
    for (const char *name = a; *name; name += strcspn(name, " ") + (strchr(name, ' ') != NULL)) {
        char one[16] = "";
        memcpy(one, name, strcspn(name, ", "));
        if (!strstr(b, one))
            return false;
    }
    return true;
}

LOOP_TEST(router_request_without_a_row_is_rejected, misses)
{
    struct request request = {.method = misses[_i].method, .path = misses[_i].path, .tail = ""};

    router_match(&request);
    router_dispatch(&request);
    ck_assert_msg(request.status == misses[_i].status, "%s: %d", misses[_i].path, request.status);
    ck_assert_msg(is_same_list(misses[_i].allow, request.allow), "%s: Allow: %s", misses[_i].path,
                  request.allow);
    ck_assert_ptr_null(request.ran);
    ck_assert_ptr_null(request.route);
}

TEST(router_path_for_the_upstream_exists_only_with_notifications)
{
    static const enum http_method sent[] = {HTTP_GET, HTTP_POST, HTTP_OTHER_METHOD};

    service.takes_notifications = false;
    for (size_t i = 0; i < ARRAY_LEN(sent); i++) {
        struct request request = {.method = sent[i], .path = "/any/a", .tail = ""};
        router_match(&request);
        router_dispatch(&request);
        ck_assert_int_eq(request.status, 404);
        ck_assert_str_eq(request.allow, "");
        ck_assert_ptr_null(request.ran);
    }
}

static const struct client plain_client, admin_client = {.admin = true};

static const struct {
    enum http_method method;
    const char *path;
    const struct client *client;
    int status; /* 0 = the endpoint ran */
} doors[] = {
    {HTTP_GET, "/open", NULL, 0},
    {HTTP_GET, "/linked", NULL, 0},
    {HTTP_GET, "/closed", NULL, 401},
    {HTTP_HEAD, "/closed", NULL, 401},
    {HTTP_GET, "/closed", &plain_client, 0},
    {HTTP_DELETE, "/closed", NULL, 401},
    {HTTP_DELETE, "/closed", &plain_client, 403},
    {HTTP_DELETE, "/closed", &admin_client, 0},
    {HTTP_GET, "/nothing", NULL, 404}, /* a missing path is not secret */
    {HTTP_POST, "/closed", NULL, 405},
    {HTTP_POST, "/any/a", NULL, 0},
};

LOOP_TEST(router_row_decides_which_clients_are_admitted, doors)
{
    struct request request = {
        .method = doors[_i].method, .path = doors[_i].path, .tail = "", .client = doors[_i].client};

    router_match(&request);
    router_dispatch(&request);
    ck_assert_int_eq(request.status, doors[_i].status);
    ck_assert_int_eq(request.ran != NULL, doors[_i].status == 0);
    ck_assert_str_eq(request.challenge, doors[_i].status == 401 ? "Bearer" : "");
}

/* ---- before the engine has started ---- */

static const struct {
    const char *path;
    const struct client *client;
    int status;
} early[] = {
    {"/open", NULL, 0},     {"/linked", NULL, 0},    {"/closed", &plain_client, 503},
    {"/closed", NULL, 401}, {"/nothing", NULL, 404},
};

LOOP_TEST(router_serves_only_open_routes_while_the_service_starts, early)
{
    struct request request = {
        .method = HTTP_GET, .path = early[_i].path, .tail = "", .client = early[_i].client};

    atomic_store(&service.is_starting, true);
    router_match(&request);
    router_dispatch(&request);
    ck_assert_int_eq(request.status, early[_i].status);
    ck_assert_int_eq(request.ran != NULL, early[_i].status == 0);
}
