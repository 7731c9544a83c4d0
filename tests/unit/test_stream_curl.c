/* SPDX-License-Identifier: MIT */
/* test_stream_curl.c - tests with a real client, libcurl, what it makes of a stream: the pieces as
 * they arrive, with TLS and without, and whether it sees that a stream is not whole. */
#include "base/buf.h"
#include "http/net/tls.h"
#include "stream_fixture.h"
#include "tests/support/suite.h"

#include <curl/curl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>

static struct listener *listener;

/* `n_read`, guarded by fixture.lock, and the rest are the client thread's until the join. */
static struct {
    pthread_t thread;
    char url[128];
    long version;
    size_t leaves_after; /* bytes; 0 = never */
    size_t n_read;
    struct buf body;
    CURLcode code;
} client;

static size_t take_body(char *data, size_t size, size_t n, void *arg)
{
    (void)arg;
    buf_add(&client.body, data, size * n);
    pthread_mutex_lock(&fixture.lock);
    client.n_read += size * n;
    pthread_cond_broadcast(&fixture.changed);
    pthread_mutex_unlock(&fixture.lock);
    return client.leaves_after && client.body.len >= client.leaves_after ? 0 : size * n;
}

static void *run_client(void *arg)
{
    CURL *curl = curl_easy_init();

    curl_easy_setopt(curl, CURLOPT_URL, client.url);
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, client.version);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    client.code = curl_easy_perform(curl);
    curl_easy_cleanup(curl);
    return arg;
}

static void start_client(long version)
{
    snprintf(client.url, sizeof client.url, "%s/stream", listener_url(listener, 0));
    client.version = version;
    client.body = BUF_INIT(1 << 20);
    ck_assert_int_eq(pthread_create(&client.thread, NULL, run_client, NULL), 0);
}

static void wait_read(size_t n)
{
    pthread_mutex_lock(&fixture.lock);
    while (client.n_read < n)
        pthread_cond_wait(&fixture.changed, &fixture.lock);
    pthread_mutex_unlock(&fixture.lock);
}

static void expect_end(CURLcode code, const char *body)
{
    pthread_join(client.thread, NULL);
    ck_assert_msg(client.code == code, "%s", curl_easy_strerror(client.code));
    ck_assert_str_eq(buf_str(&client.body), body);
    buf_done(&client.body);
}

/* ---- certificates ---- */

static void run_openssl(const char *key, const char *cert)
{
    const char *const words[] = {
        "openssl", "req",   "-x509", "-newkey", "ec",       "-pkeyopt", "ec_paramgen_curve:P-256",
        "-nodes",  "-days", "2",     "-subj",   "/CN=test", "-keyout",  key,
        "-out",    cert,    NULL};
    pid_t pid;
    int status;

    ck_assert_int_eq(
        posix_spawnp(&pid, words[0], NULL, NULL, (char *const *)(uintptr_t)words, environ), 0);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(chmod(key, 0600), 0);
}

/* A certificate for this test, made as in the system tests. */
static struct tls *make_tls(void)
{
    char folder[] = "/tmp/test_stream.XXXXXX", cert[64], key[64];
    struct tls *tls = NULL;
    struct errmsg why;

    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(cert, sizeof cert, "%s/cert", folder);
    snprintf(key, sizeof key, "%s/key", folder);
    run_openssl(key, cert);
    enum err err = tls_read(cert, key, NULL, &tls, &why);
    ck_assert_msg(!err, "%s", why.text);
    unlink(cert);
    unlink(key);
    rmdir(folder);
    return tls;
}

static const struct {
    bool is_secured;
    long version;
} ways[] = {{false, CURL_HTTP_VERSION_1_1},
            {false, CURL_HTTP_VERSION_1_0},
            {true, CURL_HTTP_VERSION_1_1},
            {true, CURL_HTTP_VERSION_1_0}};

static void start_way(size_t i)
{
    fixture.service.tls = ways[i].is_secured ? make_tls() : NULL;
    listener = start(1);
    start_client(ways[i].version);
}

static void setup(void)
{
    curl_global_init(CURL_GLOBAL_ALL);
    fixture.service.auth.access = ANONYMOUS_LOCAL; /* curl names the address as Host */
}

static void teardown(void)
{
    stop(listener);
    tls_unref(fixture.service.tls);
    curl_global_cleanup();
}

FIXTURE(setup, teardown);

LOOP_TEST(stream_reaches_curl_piece_by_piece, ways)
{
    start_way((size_t)_i);
    for (size_t i = 1; i <= 3; i++) {
        write_to(tap_at(0), "line\n");
        wait_read(5 * i);
        wait_drained(tap_at(0), i);
    }
    end_stream(tap_at(0));
    expect_end(CURLE_OK, "line\nline\nline\n");
    wait_for(&tap_at(0)->is_closed);
    ck_assert(tap_at(0)->is_complete);
}

/* CURLE_PARTIAL_FILE is exit code 18 of the command. */
LOOP_TEST(stream_that_is_aborted_is_an_error_of_curl, ways)
{
    start_way((size_t)_i);
    write_to(tap_at(0), "line\n");
    wait_read(5);
    abort_stream(tap_at(0));
    expect_end(ways[_i].version == CURL_HTTP_VERSION_1_1 ? CURLE_PARTIAL_FILE : CURLE_RECV_ERROR,
               "line\n");
    wait_for(&tap_at(0)->is_closed);
    ck_assert(!tap_at(0)->is_complete);
}

LOOP_TEST(stream_that_curl_leaves_is_closed, ways)
{
    client.leaves_after = 5;
    start_way((size_t)_i);
    write_to(tap_at(0), "line\n");
    expect_end(CURLE_WRITE_ERROR, "line\n");
    wait_for(&tap_at(0)->is_closed);
    ck_assert(!tap_at(0)->is_complete);
}
