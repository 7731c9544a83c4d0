/* SPDX-License-Identifier: MIT */
/* main.c - openmart-sim: the vendor's batch API as a real HTTP server, for tests.
 *
 * It is an independent oracle: apart from the base modules it shares no code with the daemon, and
 * it knows the vendor only from the vendor's documents. What it shows to clients is what the vendor
 * shows; what only tests may know and command is below /sim/. README.md describes both. One thread;
 * SIGTERM and SIGINT end it with status 0. */
#include "base/mem.h"
#include "tests/simulator/options.h"
#include "tests/simulator/server.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void batch_told(void *arg, const char *batch_id)
{
    vendor_answered(&((struct sim *)arg)->vendor, batch_id);
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
    sim->raws = (struct raws){.loop = &sim->loop, .sent = batch_told, .arg = sim};
    sim->vendor = (struct vendor){.clock = &sim->loop.clock,
                                  .timers = &sim->loop.timers,
                                  .behaviour = &sim->behaviour,
                                  .rules = sim->rules};
    vendor_init(&sim->vendor);
}

static void sim_done(struct sim *sim)
{
    vendor_done(&sim->vendor);
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
        fprintf(stderr, "openmart-sim: what is %s? (--help tells)\n", bad);
        return EXIT_FAILURE;
    }
    if (!options.help)
        return run(&options);
    options_help(stdout);
    return EXIT_SUCCESS;
}
