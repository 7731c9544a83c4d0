/* SPDX-License-Identifier: MIT */
/* main.c - openmart-sim: the upstream's batch API as a real HTTP server, for tests.
 *
 * An independent oracle: apart from the base modules it shares no code with the daemon, and it
 * implements the upstream's documentation only. Clients see what the upstream shows. Functions
 * for tests are below /sim/. README.md describes both. One thread; SIGTERM and SIGINT end it
 * with status 0. */
#include "tests/simulator/sim.h"

#include "base/mem.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* ---- the command line ---- */

struct options {
    const char *listen_on;      /* borrowed from argv, as are the keys */
    const char *keys[KEYS_MAX]; /* at least one */
    size_t n_keys;
    bool help;
    struct behaviour behaviour;
};

static enum err add_key(struct options *options, const char *key)
{
    if (options->n_keys == KEYS_MAX || !*key)
        return ERR_SYNTAX;
    options->keys[options->n_keys++] = key;
    return ERR_OK;
}

static enum err set(struct options *options, const char *name, const char *value)
{
    if (strcmp(name, "listen") == 0 && value) {
        options->listen_on = value;
        return ERR_OK;
    }
    if (strcmp(name, "api-key") == 0 && value)
        return add_key(options, value);
    return behaviour_set_flag(&options->behaviour, name, value);
}

static bool stands_alone(const char *name)
{
    return strcmp(name, "help") == 0 || behaviour_is_switch(name);
}

/* Reads the flag at argv[*at], and its value, if any. */
static enum err read_flag(int argc, char **argv, int *at, struct options *options)
{
    const char *flag = argv[*at];

    if (strncmp(flag, "--", 2) != 0)
        return ERR_SYNTAX;
    const char *equals = strchr(flag, '=');
    size_t len = equals ? (size_t)(equals - flag) - 2 : strlen(flag) - 2;
    autofree char *name = xstrndup(flag + 2, len);
    const char *value = equals ? equals + 1 : NULL;
    if (!value && !stands_alone(name) && *at + 1 < argc)
        value = argv[++*at];
    if (strcmp(name, "help") == 0 && !value) {
        options->help = true;
        return ERR_OK;
    }
    return set(options, name, value);
}

/* Reads "--name value" and "--name=value". ERR_SYNTAX: *ret_bad is the invalid argument. */
static enum err options_read(int argc, char **argv, struct options *ret_options,
                             const char **ret_bad)
{
    struct options options = {.listen_on = "127.0.0.1:0", .behaviour = behaviour_default()};

    for (int i = 1; i < argc; i++) {
        const char *flag = argv[i];
        if (read_flag(argc, argv, &i, &options) == ERR_OK)
            continue;
        *ret_bad = flag;
        return ERR_SYNTAX;
    }
    if (options.n_keys == 0)
        add_key(&options, "test-key");
    *ret_options = options;
    return ERR_OK;
}

static void options_help(FILE *out)
{
    fputs("openmart-sim - Openmart's batch API, simulated\n\n"
          "  --listen                   address and port (127.0.0.1:0)\n"
          "  --api-key                  a key that is let in; may be repeated (test-key)\n",
          out);
    behaviour_help(out);
    fputs("  --help                     this text\n\nTimes are written 26s, 250ms, 2m or 0.\n",
          out);
}

/* ---- the program ---- */

static void batch_sent(void *arg, const char *batch_id)
{
    upstream_answered(&((struct sim *)arg)->upstream, batch_id);
}

static void on_signal(struct watch *watch, uint32_t events)
{
    (void)events;
    container_of(watch, struct sim, signal_watch)->stopping = true;
}

static enum err watch_signals(struct sim *sim)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return ERR_SYSTEM;
    sim->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    sim->signal_watch.ready = on_signal;
    if (sim->signal_fd < 0)
        return ERR_SYSTEM;
    return loop_add(&sim->loop, sim->signal_fd, EPOLLIN, &sim->signal_watch);
}

/* Thousands of connections need more descriptors than the usual soft limit gives. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void sim_init(struct sim *sim, const struct options *options)
{
    sim->at_start = options->behaviour;
    sim->behaviour = options->behaviour;
    memcpy(sim->keys, options->keys, sizeof(sim->keys));
    sim->n_keys = options->n_keys;
    sim->signal_fd = -1;
    sim->rules = rules_new();
    sim->calls = xcalloc(1, sizeof(*sim->calls));
    sim->sockets = (struct scripted_sockets){.loop = &sim->loop, .sent = batch_sent, .arg = sim};
    sim->upstream = (struct upstream){.clock = &sim->loop.clock,
                                      .timers = &sim->loop.timers,
                                      .behaviour = &sim->behaviour,
                                      .rules = sim->rules};
    upstream_init(&sim->upstream);
    sim->notifier = (struct notifier){.loop = &sim->loop, .behaviour = &sim->behaviour};
    sim->upstream.on_task = notifier_on_task;
    sim->upstream.on_task_arg = &sim->notifier;
}

static void sim_done(struct sim *sim)
{
    notifier_clear(&sim->notifier);
    notifier_bury(&sim->notifier);
    upstream_done(&sim->upstream);
    faults_clear(&sim->faults);
    calls_clear(sim->calls);
    free(sim->calls);
    rules_free(sim->rules);
    if (sim->signal_fd >= 0)
        close(sim->signal_fd);
}

static enum err serve(struct sim *sim, const struct options *options)
{
    enum err err = watch_signals(sim);

    if (!err)
        err = server_start(sim, options->listen_on);
    if (err) {
        server_stop(sim);
        return err;
    }
    const char *colon = strrchr(options->listen_on, ':');
    printf("openmart-sim ready on http://%.*s:%d\n", (int)(colon - options->listen_on),
           options->listen_on, sim->port);
    fflush(stdout);
    server_run(sim);
    server_stop(sim);
    return ERR_OK;
}

static int run(const struct options *options)
{
    struct sim sim = {0};

    raise_descriptor_limit();
    if (loop_init(&sim.loop) != ERR_OK)
        return EXIT_FAILURE;
    sim_init(&sim, options);
    enum err err = serve(&sim, options);
    if (err)
        fprintf(stderr, "openmart-sim: cannot listen on %s: %s\n", options->listen_on,
                err == ERR_SYSTEM ? strerror(errno) : "not an address and a port");
    sim_done(&sim);
    loop_done(&sim.loop);
    return err ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct options options;
    const char *bad = NULL;

    if (options_read(argc, argv, &options, &bad) != ERR_OK) {
        fprintf(stderr, "openmart-sim: unknown or invalid argument '%s'; see --help\n", bad);
        return EXIT_FAILURE;
    }
    if (!options.help)
        return run(&options);
    options_help(stdout);
    return EXIT_SUCCESS;
}
