/* SPDX-License-Identifier: MIT */
/* test_web.c - tests the web page, the reference and their files. The functions below replace
 * request.c, which is not linked. */
#include "base/mem.h"
#include "http/core/problem.h"
#include "http/endpoints/endpoints.h"

#include "tests/support/suite.h"
#include <stdlib.h>
#include <string.h>

/* ---- a request without a server ---- */

struct request {
    const char *path, *if_none_match;
    struct reply reply;
};

const char *request_path(const struct request *request)
{
    return request->path;
}

const char *request_header(const struct request *request, const char *name)
{
    return strcmp(name, "If-None-Match") == 0 ? request->if_none_match : NULL;
}

const char *request_id(const struct request *request)
{
    (void)request;
    return "id-1";
}

void request_set_outcome(struct request *request, const char *outcome, const char *lookup_id,
                         enum charged charged)
{
    (void)request;
    (void)outcome;
    (void)lookup_id;
    (void)charged;
}

void request_reply(struct request *request, struct reply *reply)
{
    request->reply = *reply;
}

static const char *header(const struct reply *reply, const char *name)
{
    for (size_t i = 0; i < reply->n_headers; i++)
        if (strcmp(reply->headers[i].name, name) == 0)
            return reply_value(reply, i);
    return NULL;
}

/* ---- files ---- */

static const struct {
    const char *path, *type;
    bool is_page;
} files[] = {
    {"/", "text/html; charset=utf-8", true},
    {"/docs", "text/html; charset=utf-8", true},
    {"/ui/counts.js", "text/javascript; charset=utf-8", false},
    {"/ui/dom.js", "text/javascript; charset=utf-8", false},
    {"/ui/list.js", "text/javascript; charset=utf-8", false},
    {"/ui/lookup.js", "text/javascript; charset=utf-8", false},
    {"/ui/page.js", "text/javascript; charset=utf-8", false},
    {"/ui/requests.js", "text/javascript; charset=utf-8", false},
    {"/ui/server.js", "text/javascript; charset=utf-8", false},
    {"/ui/table.js", "text/javascript; charset=utf-8", false},
    {"/ui/usage.js", "text/javascript; charset=utf-8", false},
    {"/ui/page.css", "text/css; charset=utf-8", false},
    {"/ui/docs.css", "text/css; charset=utf-8", false},
    {"/ui/icon.svg", "image/svg+xml", false},
};

LOOP_TEST(web_file_is_served_with_its_type, files)
{
    struct request request = {.path = files[_i].path};
    const char *link;

    web_get(&request);
    ck_assert_int_eq(request.reply.status, 200);
    ck_assert_str_eq(header(&request.reply, "Content-Type"), files[_i].type);
    ck_assert_uint_gt(request.reply.body.len, 0);
    link = header(&request.reply, "Link");
    ck_assert_int_eq(link != NULL, files[_i].is_page);
}

LOOP_TEST(web_file_that_the_client_has_is_not_sent_again, files)
{
    struct request first = {.path = files[_i].path}, again = first, changed = first;

    web_get(&first);
    again.if_none_match = header(&first.reply, "ETag");
    web_get(&again);
    ck_assert_int_eq(again.reply.status, 304);
    ck_assert_ptr_null(header(&again.reply, "Content-Type"));
    ck_assert_str_eq(header(&again.reply, "ETag"), header(&first.reply, "ETag"));
    changed.if_none_match = "\"0123456789abcdef0123456789abcdef\"";
    web_get(&changed);
    ck_assert_int_eq(changed.reply.status, 200);
}

TEST(web_files_have_different_tags)
{
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        for (size_t j = 0; j < i; j++) {
            struct request one = {.path = files[i].path}, other = {.path = files[j].path};

            web_get(&one);
            web_get(&other);
            ck_assert_str_ne(header(&one.reply, "ETag"), header(&other.reply, "ETag"));
        }
}

static const char *const unknown[] = {"/ui/",           "/ui/page",      "/ui/page.js2",
                                      "/ui/index.html", "/ui/docs.html", "/ui/PAGE.JS",
                                      "/ui/..",         "/docs/"};

LOOP_TEST(web_file_that_is_unknown_is_not_found, unknown)
{
    struct request request = {.path = unknown[_i]};

    web_get(&request);
    ck_assert_int_eq(request.reply.status, 404);
    free(request.reply.owned_body);
}
