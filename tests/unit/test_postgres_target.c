/* SPDX-License-Identifier: MIT */
/* test_postgres_target.c - tests which PostgreSQL URLs are accepted, what is found at them, and the
 * versions of the schema. */
#include "base/buf.h"
#include "base/mem.h"
#include "tests/unit/store_fixture.h"

#include "store/postgres/postgres.h"
#include "tests/support/postgres_server.h"
#include "tests/support/suite.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

FIXTURE(store_fixture_setup, store_fixture_teardown);
BEFORE_TESTS(postgres_server_start);

#define SYSTEM_CA "/etc/ssl/certs/ca-certificates.crt"

static struct errmsg why;

/* ---- URLs ---- */

static const struct {
    const char *url, *schema, *password_file, *words;
} rejected[] = {
    {"postgresql://u:s3cret@db.example.com/emailsd", NULL, NULL, "--store-password-file"},
    {"postgresql://db.example.com/emailsd?password=s3cret", NULL, NULL, "--store-password-file"},
    {"postgresql://db.example.com/emailsd?sslpassword=s3cret", NULL, NULL, "password"},
    {"postgresql://db.example.com/emailsd?pasword=s3cret", NULL, NULL, "invalid PostgreSQL URL"},
    {"postgresql:db", NULL, NULL, "invalid PostgreSQL URL"},
    {"postgres://u:s3cret@db.example.com/emailsd", NULL, NULL, "invalid store"},
    {"postgresql://a,b,c,d,e,f,g,h,i/emailsd", NULL, NULL, "too many hosts"},
    {"postgresql:///emailsd?host=a,b,c&port=1,2", NULL, NULL, "as many ports"},
    {"postgresql:///emailsd", "", NULL, "invalid schema"},
    {"postgresql:///emailsd", "Emailsd", NULL, "invalid schema"},
    {"postgresql:///emailsd", "a\"b", NULL, "invalid schema"},
    {"postgresql:///emailsd", "pg_emailsd", NULL, "invalid schema"},
    {"postgresql:///emailsd", NULL, "/nonexistent/password", "/nonexistent/password"},
};

LOOP_TEST(postgres_url_is_rejected_without_its_password, rejected)
{
    const struct store_options options = {.url = rejected[_i].url,
                                          .schema = rejected[_i].schema,
                                          .password_file = rejected[_i].password_file};

    ck_assert_int_eq(store_check(&options, &why), ERR_STORE_REFUSED);
    ck_assert_msg(strstr(why.text, rejected[_i].words) != NULL, "%s", why.text);
    ck_assert_ptr_null(strstr(why.text, "s3cret"));
    ck_assert_int_eq(store_open(&options, &store, &why), ERR_STORE_REFUSED);
}

static const char *const accepted[] = {
    "postgresql://emailsd@db.example.com/emailsd",
    "postgresql://emailsd@a:5432,b:5433/emailsd?sslmode=require",
    "postgresql:///emailsd?host=/run/postgresql&port=5433",
    "postgresql://emailsd@[2001:db8::1]/emailsd?application_name=x",
};

LOOP_TEST(postgres_url_is_accepted_without_a_connection, accepted)
{
    const struct store_options options = {.url = accepted[_i], .schema = "a_1"};

    ck_assert_msg(!store_check(&options, &why), "%s", why.text);
}

/* ---- parameters ---- */

static const char *parameter(PGconn *conn, const char *name)
{
    PQconninfoOption *options = PQconninfo(conn);
    static char value[200];

    *value = '\0';
    for (PQconninfoOption *o = options; o->keyword; o++)
        if (strcmp(o->keyword, name) == 0 && o->val)
            snprintf(value, sizeof value, "%s", o->val);
    PQconninfoFree(options);
    return value;
}

static PGconn *start(const struct store_options *options, size_t host)
{
    struct pg_target *target = NULL;
    PGconn *conn = NULL;

    ck_assert_msg(!pg_target_new(options, &target, &why), "%s", why.text);
    ck_assert_int_eq(pg_target_start(target, host, NULL, &conn, &why), ERR_OK);
    pg_target_free(target);
    return conn;
}

static const struct {
    const char *url;
    size_t host;
    const char *name, *value;
} parameters[] = {
    {"postgresql://u@192.0.2.1/d", 0, "sslmode", "verify-full"},
    {"postgresql://u@192.0.2.1/d", 0, "sslrootcert", SYSTEM_CA},
    {"postgresql://u@192.0.2.1/d", 0, "target_session_attrs", "primary"},
    {"postgresql://u@192.0.2.1/d?sslmode=require", 0, "sslmode", "require"},
    {"postgresql://u@192.0.2.1/d?sslmode=require", 0, "sslrootcert", ""},
    {"postgresql://u@127.0.0.1/d?sslmode=verify-ca", 0, "sslrootcert", SYSTEM_CA},
    {"postgresql://u@127.0.0.1/d", 0, "sslmode", "prefer"},
    {"postgresql://u@[::1]/d", 0, "sslmode", "prefer"},
    {"postgresql:///d?host=/run/x", 0, "sslmode", "prefer"},
    {"postgresql://u@127.0.0.1,192.0.2.1/d", 0, "sslmode", "prefer"},
    {"postgresql://u@127.0.0.1,192.0.2.1/d", 1, "sslmode", "verify-full"},
    {"postgresql://u@127.0.0.1,192.0.2.1/d", 1, "host", "192.0.2.1"},
    {"postgresql://u@127.0.0.1:1,192.0.2.1:2/d", 1, "port", "2"},
    {"postgresql://u@127.0.0.1,192.0.2.1/d?port=7", 1, "port", "7"},
    {"postgresql://u@127.0.0.1,192.0.2.1/d", 1, "target_session_attrs", "read-write"},
};

LOOP_TEST(postgres_url_has_safe_defaults, parameters)
{
    setenv("PGSSLMODE", "disable", 1);
    setenv("PGTARGETSESSIONATTRS", "standby", 1);
    setenv("PGPORT", "1", 1);
    PGconn *conn = start(&(struct store_options){.url = parameters[_i].url}, parameters[_i].host);
    ck_assert_str_eq(parameter(conn, parameters[_i].name), parameters[_i].value);
    PQfinish(conn);
}

TEST(postgres_password_is_read_for_each_connection)
{
    const struct store_options options = {.url = "postgresql://u@127.0.0.1/d",
                                          .password_file = store_path()};

    for (const char *password = "first"; password; password = *password == 'f' ? "other" : NULL) {
        int fd = open(store_path(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        dprintf(fd, "%s\n", password);
        close(fd);
        PGconn *conn = start(&options, 0);
        ck_assert_str_eq(parameter(conn, "password"), password);
        PQfinish(conn);
    }
}

/* ---- hosts ---- */

/* Returns a port of this machine that accepts connections and never replies. */
static int silent_port(int *ret_fd)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert(!bind(fd, (struct sockaddr *)&address, len) && !listen(fd, 4));
    ck_assert(!getsockname(fd, (struct sockaddr *)&address, &len));
    *ret_fd = fd;
    return ntohs(address.sin_port);
}

TEST(postgres_host_that_does_not_reply_is_skipped)
{
    int fd;
    const char *folder = strstr(postgres_server_url(), "host=") + 5;
    char url[256];
    const struct store_options options = {
        .url = url, .schema = store_schema(), .statement_ms = 3000};

    snprintf(url, sizeof url, "postgresql:///postgres?port=%d,5432&host=127.0.0.1,%s",
             silent_port(&fd), folder);
    ck_assert_msg(!store_open(&options, &store, &why), "%s", why.text);
}

#define LOGIN                                                                                      \
    "R\0\0\0\10\0\0\0\0"                                                                           \
    "S\0\0\0\30server_version\0"                                                                   \
    "15.0\0"                                                                                       \
    "S\0\0\0\31server_encoding\0UTF8\0"                                                            \
    "S\0\0\0\27in_hot_standby\0off\0"                                                              \
    "Z\0\0\0\5I"

/* Accepts one login, and then reads without a reply until the client goes. */
static void *log_in_only(void *arg)
{
    char bytes[4096];
    int fd = accept4(*(int *)arg, NULL, NULL, SOCK_CLOEXEC);

    if (read(fd, bytes, sizeof bytes) > 0 && write(fd, LOGIN, sizeof LOGIN - 1) > 0)
        while (read(fd, bytes, sizeof bytes) > 0)
            ;
    close(fd);
    return NULL;
}

TEST(postgres_server_that_only_accepts_the_login_is_unavailable)
{
    int fd, port = silent_port(&fd);
    char url[80];
    const struct store_options options = {.url = url, .statement_ms = 1000};
    pthread_t thread;

    snprintf(url, sizeof url, "postgresql://u@127.0.0.1:%d/d?sslmode=disable", port);
    ck_assert_int_eq(pthread_create(&thread, NULL, log_in_only, &fd), 0);
    ck_assert_int_eq(store_open(&options, &store, &why), ERR_STORAGE_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(why.text, "no reply in time"));
    pthread_join(thread, NULL);
}

TEST(postgres_without_a_server_is_unavailable)
{
    const struct store_options options = {.url = "postgresql:///postgres?host=/nonexistent"};

    ck_assert_int_eq(store_open(&options, &store, &why), ERR_STORAGE_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(why.text, "/nonexistent"));
    ck_assert_ptr_null(strchr(why.text, '\n'));
    ck_assert_int_eq(store_open_shared(&options, &store, &why), ERR_STORAGE_UNAVAILABLE);
}

/* ---- the schema ---- */

static void run(const char *format)
{
    char sql[200];
    PGconn *conn = PQconnectdb(postgres_server_url());

    snprintf(sql, sizeof sql, "CREATE SCHEMA IF NOT EXISTS %s; SET search_path = %s; %s",
             store_schema(), store_schema(), format);
    PGresult *rows = PQexec(conn, sql);
    ck_assert_msg(PQresultStatus(rows) == PGRES_COMMAND_OK, "%s", PQresultErrorMessage(rows));
    PQclear(rows);
    PQfinish(conn);
}

static enum err open_it(bool is_owner)
{
    const struct store_options options = {
        .url = postgres_server_url(), .schema = store_schema(), .statement_ms = STORE_TEST_MS};

    return is_owner ? store_open(&options, &store, &why)
                    : store_open_shared(&options, &store, &why);
}

TEST(postgres_command_creates_no_schema)
{
    ck_assert_int_eq(open_it(false), ERR_NO_ENTRY);
    ck_assert_ptr_nonnull(strstr(why.text, store_schema()));
    ck_assert_int_eq(open_it(true), ERR_OK);
}

/* Names that are not one without quotes. */
static const char *const names[] = {"1a", "user", "order"};

LOOP_TEST(postgres_schema_of_any_allowed_name_is_created, names)
{
    const struct store_options options = {
        .url = postgres_server_url(), .schema = names[_i], .statement_ms = STORE_TEST_MS};

    for (int twice = 0; twice < 2; twice++) {
        ck_assert_msg(!store_open(&options, &store, &why), "%s", why.text);
        store_close(TAKE(store));
    }
}

TEST(postgres_schema_of_another_program_is_rejected)
{
    run("CREATE TABLE mine(a int)");
    ck_assert_int_eq(open_it(true), ERR_STORE_DAMAGED);
    ck_assert_int_eq(open_it(false), ERR_STORE_DAMAGED);
}

TEST(postgres_empty_schema_is_used)
{
    run("");
    ck_assert_int_eq(open_it(true), ERR_OK);
}

TEST(postgres_newer_schema_is_used_if_it_allows_that)
{
    ck_assert_int_eq(open_it(true), ERR_OK);
    store_close(TAKE(store));
    run("UPDATE schema_version SET version = 99");
    ck_assert_int_eq(open_it(true), ERR_OK);
    store_close(TAKE(store));
    run("UPDATE schema_version SET oldest = 99");
    ck_assert_int_eq(open_it(true), ERR_STORE_DAMAGED);
    ck_assert_int_eq(open_it(false), ERR_STORE_DAMAGED);
    ck_assert_ptr_nonnull(strstr(why.text, "newer"));
}

/* ---- files ---- */

static void note(void *arg, const char *path)
{
    buf_addf(arg, "%s\n", path);
}

/* The sandbox grants access to the folders of these. */
TEST(postgres_files_of_the_url_are_reported_if_they_exist)
{
    char url[400], home[80], expected[1024];
    autobuf struct buf paths = BUF_INIT(BUF_SMALL);
    const char *folder = store_folder();

    snprintf(home, sizeof home, "%s/.postgresql", folder);
    ck_assert_int_eq(mkdir(home, 0700), 0);
    ck_assert_int_eq(close(open(store_path(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), 0);
    setenv("HOME", folder, 1);
    snprintf(url, sizeof url,
             "postgresql://db.example.com/?sslrootcert=system&sslcert=%s/missing&sslkey=%s"
             "&sslcrldir=%s",
             folder, store_path(), folder);
    const struct store_options options = {.url = url};
    store_each_file(&options, note, &paths);
    snprintf(expected, sizeof expected, "%s\n%s/.\n%s/.\n", store_path(), folder, home);
    ck_assert_int_eq(strncmp(buf_str(&paths), expected, strlen(expected)), 0);
    store_each_file(&(struct store_options){.url = store_url()}, NULL, NULL);
    store_each_file(&(struct store_options){.url = "postgresql://u:secret@h"}, NULL, NULL);
}
