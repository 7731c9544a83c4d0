/* SPDX-License-Identifier: MIT */
/* transport_fixture.c - see transport_fixture.h. */
#include "tests/unit/transport_fixture.h"

#include "base/mem.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

struct transport *fixture_transport;
struct raw_server *fixture_server;

void fixture_setup(void)
{
    const struct transport_options options = {
        .connect_timeout_ms = FIXTURE_PATIENCE_MS,
        .user_agent = "emailsd-test/1",
        .max_connections = 4,
    };

    ck_assert_int_eq(transport_new(&options, &fixture_transport), ERR_OK);
}

void fixture_teardown(void)
{
    transport_free(fixture_transport);
    fixture_transport = NULL;
    if (fixture_server)
        raw_server_free(fixture_server);
    fixture_server = NULL;
}

void fixture_serve(const struct raw_script *scripts, size_t n)
{
    fixture_server = raw_server_new(scripts, n);
}

const char *fixture_url_at(const char *scheme, int port)
{
    static char url[64];

    snprintf(url, sizeof url, "%s://127.0.0.1:%d/path", scheme, port);
    return url;
}

const char *fixture_server_url(void)
{
    return fixture_url_at("http", raw_server_port(fixture_server));
}

void fixture_overwrite(char *place, const char *piece)
{
    while (*piece)
        *place++ = *piece++;
}

char *fixture_filled(size_t len, char with, const char *head)
{
    char *text = xcalloc(len + 1, 1);

    memset(text, with, len);
    fixture_overwrite(text, head);
    return text;
}

struct transport_request fixture_get(const char *url)
{
    return (struct transport_request){
        .url = url,
        .timeout_ms = FIXTURE_PATIENCE_MS,
        .max_bytes = FIXTURE_MAX_BYTES,
    };
}

struct transport_request fixture_post(const char *url, const char *body)
{
    struct transport_request request = fixture_get(url);

    request.body = body;
    request.body_len = strlen(body);
    return request;
}

void fixture_note(void *arg, const struct transport_answer *answer)
{
    struct seen *seen = arg;

    seen->times++;
    seen->end = answer->end;
    seen->status = answer->status;
    ck_assert_uint_le(answer->body_len, FIXTURE_MAX_BYTES);
    ck_assert_int_eq(answer->body[answer->body_len], '\0');
    memcpy(seen->body, answer->body, answer->body_len + 1);
    seen->body_len = answer->body_len;
    seen->retry_after_s = answer->retry_after_s;
    seen->took_ms = answer->took_ms;
    snprintf(seen->error, sizeof seen->error, "%s", answer->error);
}

struct transfer *fixture_start(const struct transport_request *request, struct seen *seen)
{
    *seen = (struct seen){0};
    return transport_start(fixture_transport, request, fixture_note, seen);
}

void fixture_turn(void)
{
    transport_wait(fixture_transport, -1, FIXTURE_PATIENCE_MS);
    transport_run(fixture_transport);
}

void fixture_fetch(const struct transport_request *request, struct seen *seen)
{
    fixture_start(request, seen);
    while (!seen->times)
        fixture_turn();
    ck_assert_int_eq(seen->times, 1);
}
