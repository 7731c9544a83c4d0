/* SPDX-License-Identifier: MIT */
/* target.c - see postgres.h. The URL, split into one set of connection parameters for each host.
 *
 * libpq tries several hosts itself, but only if the connection is opened in one blocking call: a
 * host that does not answer would use up the deadline of all. So each host gets its own attempt.
 *
 * A password in the URL is rejected, because `ps` shows it. So is nothing else: the URL has what
 * the operator wants. But libpq's environment variables (PGHOST and so on) are ignored, except
 * PGPASSFILE: they are meant for programs that are run by hand. */
#include "store/postgres/postgres.h"

#include "base/mem.h"
#include "base/secret.h"

#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_PARAMETERS 60
#define SYSTEM_CA      "/etc/ssl/certs/ca-certificates.crt"
#define DEFAULT_SCHEMA "emailsd"
#define MAX_SCHEMA     63 /* bytes of a name; PostgreSQL cuts longer ones */

struct pg_target {
    PQconninfoOption *options; /* of the URL */
    char *schema, *password_file;
    size_t n_hosts;
    char *hosts[PG_MAX_HOSTS], *addresses[PG_MAX_HOSTS], *ports[PG_MAX_HOSTS]; /* "" = not given */
};

static enum err reject(struct errmsg *why, const char *words)
{
    errmsg_set(why, "%s", words);
    return ERR_STORE_REFUSED;
}

/* ---- the environment ---- */

/* Its first run is before there are threads; a later one finds nothing to remove. */
static void ignore_environment(void)
{
    for (size_t i = 0; environ[i];) {
        const char *equals = strchr(environ[i], '=');
        autofree char *name = xstrndup(environ[i], equals ? (size_t)(equals - environ[i]) : 0);
        if (strncmp(name, "PG", 2) == 0 && strcmp(name, "PGPASSFILE") != 0)
            unsetenv(name); /* the next variable is at `i` now */
        else
            i++;
    }
}

/* ---- reading the URL ---- */

static const char *option(const struct pg_target *target, const char *name)
{
    for (const PQconninfoOption *o = target->options; o->keyword; o++)
        if (strcmp(o->keyword, name) == 0 && o->val)
            return o->val;
    return "";
}

/* Splits a list with commas; an element may be empty. Returns the number, 0 if there are too
 * many. */
static size_t split(const char *list, char *parts[static PG_MAX_HOSTS])
{
    for (size_t n = 0; n < PG_MAX_HOSTS; n++) {
        size_t len = strcspn(list, ",");
        parts[n] = xstrndup(list, len);
        if (!list[len])
            return n + 1;
        list += len + 1;
    }
    return 0;
}

/* Fewer addresses or ports than hosts: the only one is for all, as in libpq. */
static enum err spread(char *parts[static PG_MAX_HOSTS], size_t n, size_t n_hosts,
                       struct errmsg *why)
{
    if (n != 1 && n != n_hosts)
        return reject(why, "the URL must have as many ports and addresses as hosts");
    for (size_t i = n; i < n_hosts; i++)
        parts[i] = xstrdup(parts[0]);
    return ERR_OK;
}

static enum err read_hosts(struct pg_target *target, struct errmsg *why)
{
    size_t n_hosts = split(option(target, "host"), target->hosts);
    size_t n_addresses = split(option(target, "hostaddr"), target->addresses);
    size_t n_ports = split(option(target, "port"), target->ports);

    if (!n_hosts || !n_addresses || !n_ports)
        return reject(why, "too many hosts in the URL: the maximum is 8");
    if (n_hosts == 1 && n_addresses > 1 && !*target->hosts[0])
        n_hosts = n_addresses;
    for (size_t i = 1; i < n_hosts; i++)
        if (!target->hosts[i])
            target->hosts[i] = xstrdup("");
    target->n_hosts = n_hosts;
    enum err err = spread(target->addresses, n_addresses, n_hosts, why);
    return err ? err : spread(target->ports, n_ports, n_hosts, why);
}

static enum err read_url(struct pg_target *target, const char *url, struct errmsg *why)
{
    char *message = NULL;

    target->options = PQconninfoParse(url, &message);
    if (!target->options) { /* the message may quote a password */
        PQfreemem(message);
        return reject(why, "invalid PostgreSQL URL; must be postgresql://USER@HOST/DATABASE");
    }
    if (*option(target, "password") || *option(target, "sslpassword"))
        return reject(why, "a password in the URL is not allowed: `ps` shows it; use "
                           "--store-password-file");
    return read_hosts(target, why);
}

static enum err read_schema(struct pg_target *target, const char *schema, struct errmsg *why)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
    size_t len = strlen(schema);

    target->schema = xstrdup(schema);
    if (len && len <= MAX_SCHEMA && strspn(schema, letters) == len &&
        strncmp(schema, "pg_", 3) != 0)
        return ERR_OK;
    return reject(why, "invalid schema: must be at most 63 lower-case letters, digits and "
                       "underscores, and not begin with pg_");
}

enum err pg_target_new(const struct store_options *options, struct pg_target **ret_target,
                       struct errmsg *why)
{
    struct pg_target *target = xcalloc(1, sizeof *target);
    enum err err = read_url(target, options->url, why);

    ignore_environment();
    if (!err)
        err = read_schema(target, options->schema ? options->schema : DEFAULT_SCHEMA, why);
    if (!err && options->password_file) {
        target->password_file = xstrdup(options->password_file);
        if (secret_check_file(target->password_file, why))
            err = ERR_STORE_REFUSED;
    }
    if (err)
        pg_target_free(target);
    else
        *ret_target = target;
    return err;
}

void pg_target_free(struct pg_target *target)
{
    if (!target)
        return;
    for (size_t i = 0; i < PG_MAX_HOSTS; i++) {
        free(target->hosts[i]);
        free(target->addresses[i]);
        free(target->ports[i]);
    }
    PQconninfoFree(target->options);
    free(target->schema);
    free(target->password_file);
    free(target);
}

const char *pg_target_schema(const struct pg_target *target)
{
    return target->schema;
}

size_t pg_target_hosts(const struct pg_target *target)
{
    return target->n_hosts;
}

/* ---- files ---- */

/* What is not a file has no '/' and does not exist, such as sslrootcert=system. */
static void report(const char *path, store_file_fn *each, void *arg)
{
    if (*path && access(path, F_OK) == 0)
        each(arg, path);
}

static void report_folder(const char *path, store_file_fn *each, void *arg)
{
    char folder[PATH_MAX];

    if (*path && (size_t)snprintf(folder, sizeof folder, "%s/.", path) < sizeof folder)
        report(folder, each, arg);
}

/* Where libpq looks for certificates and passwords of the user. Older versions of it do not look at
 * the variable. */
static void report_home(const char *home, store_file_fn *each, void *arg)
{
    char path[PATH_MAX];

    if (!home || *home != '/')
        return;
    if ((size_t)snprintf(path, sizeof path, "%s/.postgresql", home) < sizeof path)
        report_folder(path, each, arg);
    if ((size_t)snprintf(path, sizeof path, "%s/.pgpass", home) < sizeof path)
        report(path, each, arg);
}

void pg_target_each_file(const struct pg_target *target, store_file_fn *each, void *arg)
{
    static const char *const files[] = {"sslrootcert", "sslcert", "sslkey", "sslcrl", "passfile"};
    const struct passwd *user = getpwuid(geteuid());

    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        report(option(target, files[i]), each, arg);
    report_folder(option(target, "sslcrldir"), each, arg);
    report_home(getenv("HOME"), each, arg);
    report_home(user ? user->pw_dir : NULL, each, arg);
}

/* ---- parameters of one host ---- */

struct parameters {
    size_t n;
    const char *names[MAX_PARAMETERS + 1], *values[MAX_PARAMETERS + 1];
};

static void set(struct parameters *p, const char *name, const char *value)
{
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->names[i], name) == 0) {
            p->values[i] = value;
            return;
        }
    if (p->n == MAX_PARAMETERS)
        abort(); /* more than libpq has */
    p->names[p->n] = name;
    p->values[p->n++] = value;
}

const char *pg_target_name(const struct pg_target *target, size_t i)
{
    const char *host = target->hosts[i];

    return *target->addresses[i] || !*host || *host == '/' || *host == '@' ? NULL : host;
}

static bool is_local(const char *host, const char *address)
{
    const char *name = *address ? address : host;

    return !*name || *name == '/' || *name == '@' || strcmp(name, "localhost") == 0 ||
           strcmp(name, "::1") == 0 || strncmp(name, "127.", 4) == 0;
}

/* With certificates, libpq checks that of the server also for sslmode=require, so they are named
 * only if it shall. */
static void set_tls(struct parameters *p, const struct pg_target *target, size_t i)
{
    const char *mode = option(target, "sslmode");

    if (!*mode && !is_local(target->hosts[i], target->addresses[i]))
        mode = "verify-full";
    if (*mode)
        set(p, "sslmode", mode);
    if (strncmp(mode, "verify-", 7) == 0)
        set(p, "sslrootcert", SYSTEM_CA);
}

/* What the URL does not say otherwise. */
static void set_defaults(struct parameters *p, const struct pg_target *target, size_t i)
{
    set_tls(p, target, i);
    set(p, "gssencmode", "disable");
    set(p, "keepalives_idle", "10");
    set(p, "keepalives_interval", "3");
    set(p, "keepalives_count", "3");
    set(p, "tcp_user_timeout", "10000");
    set(p, "fallback_application_name", "emailsd");
    set(p, "target_session_attrs", target->n_hosts > 1 ? "read-write" : "primary");
}

static void set_host(struct parameters *p, const struct pg_target *target, size_t i,
                     const char *address)
{
    for (const PQconninfoOption *o = target->options; o->keyword; o++)
        if (o->val)
            set(p, o->keyword, o->val);
    set(p, "host", target->hosts[i]);
    set(p, "hostaddr", address ? address : target->addresses[i]);
    set(p, "port", target->ports[i]);
    set(p, "client_encoding", "UTF8");
}

enum err pg_target_start(const struct pg_target *target, size_t i, const char *address,
                         PGconn **ret_conn, struct errmsg *why)
{
    struct parameters p = {0};
    struct secret *password = NULL;

    set_defaults(&p, target, i);
    set_host(&p, target, i, address);
    if (target->password_file) { /* read for each connection, because it may change */
        if (secret_from_file(target->password_file, &password, why))
            return ERR_STORAGE_UNAVAILABLE;
        set(&p, "password", secret_text(password));
    }
    *ret_conn = PQconnectStartParams(p.names, p.values, 0);
    secret_free(password);
    if (!*ret_conn)
        mem_ran_out();
    return ERR_OK;
}
