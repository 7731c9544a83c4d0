/* SPDX-License-Identifier: MIT */
/* web.c - GET /, /docs and /ui/{}: the web page, the reference of the API, and their files, which
 * are embedded at build time from server/web/.
 *
 * They are the same for all clients and contain no data, so they need no key. The page reads data
 * through the API, with the rights of its reader. The policy allows only what these files need:
 * scripts, styles, images and connections of this server, and no text that becomes markup. */
#include "http/endpoints/endpoints.h"

#include "base/hash.h"
#include "base/mem.h"
#include "http/core/problem.h"
#include "http/endpoints/embedded.h"
#include "http/protocol/conditional.h"

#include <pthread.h>
#include <string.h>

EMBED(web_index, "server/web/index.html");
EMBED(web_docs, "server/web/docs.html");
EMBED(web_counts_js, "server/web/counts.js");
EMBED(web_dom_js, "server/web/dom.js");
EMBED(web_list_js, "server/web/list.js");
EMBED(web_lookup_js, "server/web/lookup.js");
EMBED(web_page_js, "server/web/page.js");
EMBED(web_requests_js, "server/web/requests.js");
EMBED(web_server_js, "server/web/server.js");
EMBED(web_table_js, "server/web/table.js");
EMBED(web_usage_js, "server/web/usage.js");
EMBED(web_page_css, "server/web/page.css");
EMBED(web_docs_css, "server/web/docs.css");
EMBED(web_icon, "server/web/icon.svg");

#define POLICY                                                                                     \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "                    \
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "            \
    "require-trusted-types-for 'script'; trusted-types 'none'"

/* RFC 8631 */
#define DISCOVERY "</openapi.yaml>; rel=\"service-desc\", </docs>; rel=\"service-doc\""

#define HTML   "text/html; charset=utf-8"
#define SCRIPT "text/javascript; charset=utf-8"

static const struct file {
    const char *path, *type;
    const char *text, *end; /* the bytes of the file */
    bool is_page;           /* and not a file that belongs to one */
} files[] = {
    {"/", HTML, web_index_text, web_index_end, true},
    {"/docs", HTML, web_docs_text, web_docs_end, true},
    {"/ui/counts.js", SCRIPT, web_counts_js_text, web_counts_js_end, false},
    {"/ui/dom.js", SCRIPT, web_dom_js_text, web_dom_js_end, false},
    {"/ui/list.js", SCRIPT, web_list_js_text, web_list_js_end, false},
    {"/ui/lookup.js", SCRIPT, web_lookup_js_text, web_lookup_js_end, false},
    {"/ui/page.js", SCRIPT, web_page_js_text, web_page_js_end, false},
    {"/ui/requests.js", SCRIPT, web_requests_js_text, web_requests_js_end, false},
    {"/ui/server.js", SCRIPT, web_server_js_text, web_server_js_end, false},
    {"/ui/table.js", SCRIPT, web_table_js_text, web_table_js_end, false},
    {"/ui/usage.js", SCRIPT, web_usage_js_text, web_usage_js_end, false},
    {"/ui/page.css", "text/css; charset=utf-8", web_page_css_text, web_page_css_end, false},
    {"/ui/docs.css", "text/css; charset=utf-8", web_docs_css_text, web_docs_css_end, false},
    {"/ui/icon.svg", "image/svg+xml", web_icon_text, web_icon_end, false},
};

#define TAG_BYTES 16 /* of the hash of a file */

/* Entity tags of the files, written by the first request; never changed. */
static pthread_once_t tagged = PTHREAD_ONCE_INIT;
static char tags[ARRAY_LEN(files)][2 * TAG_BYTES + sizeof "\"\""];

static void write_tags(void)
{
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct slice text = embedded(files[i].text, files[i].end);
        unsigned char hash[HASH_SIZE];

        hash_sha256(text.data, text.len, hash);
        tags[i][0] = '"';
        hash_hex(hash, TAG_BYTES, tags[i] + 1);
        memcpy(tags[i] + 1 + 2 * TAG_BYTES, "\"", sizeof "\"");
    }
}

/* A cache asks each time whether a file has changed: files of two versions do not fit together. */
static void reply_file(struct request *request, const struct file *file, const char *tag)
{
    bool has_it = conditional_none_match(request_header(request, "If-None-Match"), tag);
    struct slice text = embedded(file->text, file->end);
    struct reply reply;

    reply_init(&reply, has_it ? 304 : 200);
    if (!has_it)
        reply_text(&reply, "Content-Type", file->type);
    reply_text(&reply, "ETag", tag);
    reply_text(&reply, "Cache-Control", "no-cache");
    reply_text(&reply, "Content-Security-Policy", POLICY);
    /* Not no-referrer: the POST of a form would carry `Origin: null`, which is rejected. */
    reply_text(&reply, "Referrer-Policy", "same-origin");
    reply_text(&reply, "Cross-Origin-Opener-Policy", "same-origin");
    reply_text(&reply, "Cross-Origin-Resource-Policy", "same-origin");
    if (file->is_page)
        reply_text(&reply, "Link", DISCOVERY);
    reply_body_static(&reply, text.data, text.len);
    request_reply(request, &reply);
}

void web_get(struct request *request)
{
    const char *path = request_path(request);

    pthread_once(&tagged, write_tags);
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        if (strcmp(files[i].path, path) == 0) {
            reply_file(request, &files[i], tags[i]);
            return;
        }
    problem_send(request, ERR_NOT_FOUND, "unknown file of the web page");
}
