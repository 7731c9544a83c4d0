/* SPDX-License-Identifier: MIT */
/* main.c - the daemon: reads the configuration, starts modules bottom-up, stops them top-down.
 *
 * The only file that includes all modules; no module includes it. Exit codes: 0 after a clean stop,
 * 1 if the system rejected something (such as a port in use, or the last writes), 2 for a
 * configuration error, 3 if another process owns the store. */
#include "base/err.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/secret.h"
#include "cache/cache.h"
#include "client/openmart/openmart.h"
#include "client/transport.h"
#include "commands/commands.h"
#include "config/config.h"
#include "daemon/access_policy.h"
#include "daemon/engine_setup.h"
#include "daemon/lifecycle.h"
#include "daemon/reload.h"
#include "daemon/sandbox_setup.h"
#include "daemon/socket_activation.h"
#include "daemon/store_setup.h"
#include "daemon/upstream_setup.h"
#include "http/core/app.h"
#include "http/endpoints/health.h"
#include "http/listener.h"
#include "lookup/engine.h"
#include "model/domain.h"
#include "os/cores.h"
#include "os/harden.h"
#include "os/notify.h"
#include "os/state_dir.h"
#include "store/spool.h"
#include "store/store.h"
#include "version.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#define HEADER_TIMEOUT_MS   INT64_C(8000)
#define RESPONSE_TIMEOUT_MS INT64_C(30000)
#define DRAIN_MS            INT64_C(5000)
#define HEAD_GRACE_MS       INT64_C(1000)
#define INTERIM_MS          INT64_C(2000)
#define END_MS              (DRAIN_MS + INT64_C(5000)) /* in addition to configured times */
#define READY_STATUS        "serving"
#define WAITING_STATUS      "waiting for the store"
#define REFUSED_STATUS      "serving with the previous configuration; reload rejected, see the log"
#define SPARE_CONNECTIONS   1024 /* in addition to waiting requests: cache hits and probes */
#define LOOK_MS             INT64_C(100) /* between two looks whether it is open */

enum exit_code { EXIT_CLEAN = 0, EXIT_SYSTEM = 1, EXIT_OPERATOR = 2, EXIT_STORE_BUSY = 3 };

/* Everything that exists from start to stop. */
struct daemon {
    int argc; /* for a reload */
    char *const *argv;
    struct config config;
    struct secret *key;
    struct engine_setup setup;
    struct cache *cache;
    struct transport *transport;
    struct openmart *openmart;
    struct access_policy policy;
    struct health health;
    struct service service;
    struct lifecycle lifecycle;
    struct sockets sockets;
    struct sandbox_state sandbox;
};

static int fail(int code, const char *what, const char *why)
{
    fprintf(stderr, "emailsd: %s%s%s\n", what, *what ? ": " : "", why);
    return code;
}

/* ---- the key and the upstream ---- */

static int load_key(struct daemon *d)
{
    struct errmsg why;

    return upstream_load_key(&d->config, &d->key, &why) ? fail(EXIT_OPERATOR, "", why.text)
                                                        : EXIT_CLEAN;
}

static int check_upstream(struct config *config)
{
    struct errmsg why;
    bool plaintext;

    if (upstream_check(config, &plaintext, &why))
        return fail(EXIT_OPERATOR, "", why.text);
    if (plaintext)
        log_event(LOG_WARN, "upstream_plaintext", LOG_STR("url", config->upstream_url));
    return EXIT_CLEAN;
}

/* ---- addresses and access ---- */

static int take_sockets(struct daemon *d)
{
    struct errmsg why;

    if (sockets_take(&d->sockets, &why))
        return fail(EXIT_OPERATOR, "LISTEN_FDS", why.text);
    sockets_name(&d->sockets, &d->config);
    return EXIT_CLEAN;
}

static int load_suffix_list(const struct config *config)
{
    if (domain_start())
        return fail(EXIT_SYSTEM, "Public Suffix List",
                    "not found; install the package `publicsuffix`");
    if (config->allow_unknown_suffixes)
        domain_accept_unknown_suffixes();
    return EXIT_CLEAN;
}

static int load_access_policy(struct daemon *d)
{
    struct errmsg why;

    return access_policy_load(&d->config, NULL, &d->policy, &why)
               ? fail(EXIT_OPERATOR, "", why.text)
               : EXIT_CLEAN;
}

/* ---- modules, bottom-up ---- */

static int start_upstream(struct daemon *d)
{
    return upstream_start(&d->config, d->key, &d->transport, &d->openmart)
               ? fail(EXIT_SYSTEM, "libcurl", "cannot be initialized")
               : EXIT_CLEAN;
}

static void start_cache(struct daemon *d)
{
    metrics_set(&metrics_mine()->waiters_max, (uint64_t)d->config.max_waiters);
    d->cache = cache_new((size_t)d->config.cache_bytes);
}

static int fail_start(enum err err, const struct errmsg *why)
{
    return fail(err == ERR_STORE_BUSY                                 ? EXIT_STORE_BUSY
                : err == ERR_STORAGE_UNAVAILABLE || err == ERR_SYSTEM ? EXIT_SYSTEM
                                                                      : EXIT_OPERATOR,
                "", why->text);
}

/* A step of the setup of the store and the engine. */
static int set_up(struct daemon *d, enum err (*step)(struct engine_setup *, struct errmsg *))
{
    struct errmsg why;
    enum err err = step(&d->setup, &why);

    d->lifecycle.engine = d->setup.engine;
    return err ? fail_start(err, &why) : EXIT_CLEAN;
}

static int start_store(struct daemon *d)
{
    d->setup = (struct engine_setup){
        .config = &d->config, .key = d->key, .idle_ms = notify_turn_ms(&d->lifecycle.watchdog)};
    return set_up(d, engine_setup_begin);
}

static int start_engine(struct daemon *d)
{
    d->setup.tools = (struct engine_tools){d->cache, NULL, d->openmart, d->transport, NULL};
    return set_up(d, engine_setup_start);
}

static int start_listener(struct daemon *d)
{
    const struct config *c = &d->config;
    const struct listener_options options = {
        .addresses = (const char *const *)c->listen.values,
        .n_addresses = c->listen.n,
        .inherited = d->sockets.n ? d->sockets.fds : NULL,
        .threads = c->threads ? (int)c->threads : cores_allowed(),
        .max_connections = (int)c->max_waiters + SPARE_CONNECTIONS,
        .max_per_address = (int)c->max_per_address,
        .other_files = (int)c->submit_slots,
        .header_timeout_ms = HEADER_TIMEOUT_MS,
        .response_timeout_ms = RESPONSE_TIMEOUT_MS,
        .idle_timeout_ms = c->idle_timeout_ms,
        .drain_ms = DRAIN_MS,
        .head_grace_ms = HEAD_GRACE_MS,
        .interim_ms = INTERIM_MS,
        .idle_ms = notify_turn_ms(&d->lifecycle.watchdog),
    };
    struct errmsg why;

    d->service = (struct service){.engine = d->setup.engine,
                                  .is_starting = !d->setup.engine,
                                  .cache = d->cache,
                                  .health = &d->health,
                                  .takes_notifications = c->notify_url != NULL,
                                  .bulk_entries = (size_t)c->bulk_entries,
                                  .max_streams = (size_t)c->max_streams,
                                  .limits = reload_limits_of(c),
                                  .clients = d->policy.clients,
                                  .tls = d->policy.tls,
                                  .denied = d->policy.denied,
                                  .auth = d->policy.policy};
    enum err err = listener_start(&options, &d->service, &d->lifecycle.listener, &why);
    if (err)
        return fail(err == ERR_SYNTAX ? EXIT_OPERATOR : EXIT_SYSTEM,
                    d->sockets.n ? "LISTEN_FDS" : "--listen", why.text);
    return EXIT_CLEAN;
}

static int start(struct daemon *d)
{
    int code = load_key(d);

    d->lifecycle.watchdog = notify_watchdog();
    if (!code)
        code = check_upstream(&d->config);
    if (!code)
        code = take_sockets(d);
    if (!code)
        code = load_suffix_list(&d->config);
    if (!code)
        code = load_access_policy(d);
    if (!code)
        code = start_store(d);
    if (!code)
        code = start_upstream(d);
    if (!code) {
        start_cache(d);
        sandbox_setup_files(&d->config, &d->sandbox);
        code = start_engine(d);
    }
    if (!code)
        code = start_listener(d);
    if (!code)
        sandbox_setup_calls(&d->config, &d->sandbox);
    return code;
}

/* ---- run and tear down ---- */

static void reload(struct daemon *d)
{
    notify_reloading();
    bool taken = reload_now(&(struct reload){d->argc, d->argv, &d->config, &d->sockets, &d->policy,
                                             d->lifecycle.listener, &d->setup});
    notify_ready(!taken ? REFUSED_STATUS : d->setup.engine ? READY_STATUS : WAITING_STATUS);
}

static void announce(const struct daemon *d)
{
    access_policy_log(&d->policy);
    for (size_t i = 0; i < d->config.listen.n; i++) {
        printf("emailsd ready on %s\n", listener_url(d->lifecycle.listener, i));
        log_event(LOG_INFO, "ready", LOG_STR("url", listener_url(d->lifecycle.listener, i)),
                  LOG_STR("version", EMAILSD_VERSION));
    }
    fflush(stdout);
    notify_ready(d->setup.engine ? READY_STATUS : WAITING_STATUS);
}

/* Waits until the engine runs. *ret_number is the signal that ends the daemon before; 0 = none. The
 * pause is for the engine, so its signals stay pending. */
static int await_engine(struct daemon *d, sigset_t signals, int *ret_number)
{
    int code = EXIT_CLEAN;

    sigdelset(&signals, SIGUSR1);
    sigdelset(&signals, SIGUSR2);
    *ret_number = 0;
    while (!d->setup.engine && !code && !*ret_number) {
        int number = lifecycle_signal_within(&d->lifecycle, &signals, LOOK_MS);
        if (number == SIGHUP)
            reload(d);
        else
            *ret_number = number;
        if (!number)
            code = set_up(d, engine_setup_continue);
    }
    return code;
}

/* Returns the signal that ends the daemon. */
static int run_until_signal(struct daemon *d, const sigset_t *signals)
{
    int number;

    while ((number = lifecycle_next_signal(&d->lifecycle, signals)) != SIGTERM &&
           number != SIGINT) {
        if (number == SIGHUP)
            reload(d);
        else
            engine_set_paused(d->setup.engine, number == SIGUSR1);
    }
    return number;
}

/* The workers read the engine once they see that the start is over. */
static void open_service(struct daemon *d)
{
    d->service.engine = d->setup.engine;
    atomic_store(&d->service.is_starting, false);
    atomic_store(&d->health.stage, HEALTH_RUNNING);
    log_event(LOG_INFO, "store_opened");
    notify_ready(READY_STATUS);
}

/* Runs until a signal ends the daemon, or the store cannot be opened. */
static int run(struct daemon *d, const sigset_t *signals)
{
    bool is_waiting = !d->setup.engine;
    int number;

    if (!is_waiting)
        atomic_store(&d->health.stage, HEALTH_RUNNING);
    announce(d);
    int code = await_engine(d, *signals, &number);
    if (code)
        return code;
    if (is_waiting && !number)
        open_service(d);
    if (!number)
        number = run_until_signal(d, signals);
    atomic_store(&d->health.stage, HEALTH_DRAINING);
    listener_announce_drain(d->lifecycle.listener);
    log_event(LOG_INFO, "draining", LOG_STR("signal", number == SIGINT ? "SIGINT" : "SIGTERM"));
    notify_stopping("draining", d->config.drain_delay_ms + d->config.drain_timeout_ms + END_MS);
    engine_setup_cancel(&d->setup); /* the store is not to be opened during the drain delay */
    return EXIT_CLEAN;
}

/* Also works after a partial start. Returns the exit code. */
static int stop(struct daemon *d, int code)
{
    bool has_setup_ended = engine_setup_cancel(&d->setup);

    d->lifecycle.engine = d->setup.engine;
    lifecycle_shut_down(&d->lifecycle, d->config.drain_timeout_ms, code);
    if (!has_setup_ended) /* a server holds the thread; for the store, this is a kill */
        _exit(code);
    code = lifecycle_free_engine(d->setup.engine, d->setup.store, code);
    notify_forget();
    openmart_free(d->openmart);
    transport_free(d->transport);
    cache_free(d->cache);
    spool_close(d->setup.spool);
    store_close(d->setup.store);
    access_policy_done(&d->policy);
    secret_free(d->key);
    domain_stop();
    config_done(&d->config);
    return code;
}

static int serve(struct daemon *d)
{
    sigset_t signals = lifecycle_block_signals();
    int code = start(d);

    if (!code)
        code = run(d, &signals);
    lifecycle_unblock_termination();
    if (!code) /* load balancers need time to notice that /readyz fails */
        lifecycle_wait(&d->lifecycle, d->config.drain_delay_ms);
    code = stop(d, code);
    if (!code)
        log_event(LOG_INFO, "stopped");
    return code;
}

/* --check-config: checks everything that neither touches the store nor binds a port. The default of
 * --store is left out: it depends on variables that a service manager sets. */
static int check_config(struct daemon *d)
{
    struct errmsg why;
    int code = load_key(d);

    if (!code)
        code = check_upstream(&d->config);
    if (!code)
        code = load_suffix_list(&d->config);
    if (!code)
        code = load_access_policy(d);
    if (!code && store_setup_check(&d->config, &why))
        code = fail(EXIT_OPERATOR, "--store", why.text);
    for (size_t i = 0; !code && i < d->config.listen.n; i++)
        if (listener_check(d->config.listen.values[i], &why))
            code = fail(EXIT_OPERATOR, "--listen", why.text);
    if (!code)
        puts("configuration OK");
    access_policy_done(&d->policy);
    domain_stop();
    secret_free(d->key);
    return code;
}

/* --print-config: prints only after the URLs are known to contain no password. */
static int print_config(struct config *config)
{
    struct errmsg why;
    int code = check_upstream(config);

    if (!code && store_setup_check(config, &why) == ERR_STORE_REFUSED)
        code = fail(EXIT_OPERATOR, "--store", why.text);
    if (!code)
        config_print(config, stdout);
    return code;
}

int main(int argc, char **argv)
{
    struct daemon d = {.argc = argc, .argv = argv};
    struct errmsg why;
    int code = EXIT_CLEAN;

    harden();
    if (config_read(argc, argv, &d.config, &why))
        return fail(EXIT_OPERATOR, "", why.text);
    log_set_level((enum log_level)d.config.log_level);
    log_set_json(d.config.log_json);
    if (d.config.help) {
        command_print_help(stdout);
        config_print_help(stdout);
    } else if (d.config.version) {
        printf("emailsd %s (%s)\n", EMAILSD_VERSION, EMAILSD_REVISION);
    } else if (d.config.print) {
        code = print_config(&d.config);
    } else if (d.config.check) {
        code = check_config(&d);
    } else {
        if (!d.config.store)
            d.config.store = state_dir_store_url();
        if (d.config.n_words)
            code = command_run(&d.config);
        else if (d.config.store)
            return serve(&d);
        else
            code = fail(EXIT_OPERATOR, "--store", STATE_DIR_MISSING);
    }
    config_done(&d.config);
    return code;
}
