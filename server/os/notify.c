/* SPDX-License-Identifier: MIT */
/* notify.c - see notify.h. A failed notification is logged only; the daemon keeps serving. */
#include "os/notify.h"

#include "base/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#define MESSAGE_MAX   512
#define FOR_EVER_MS   INT64_C(3600000)
#define PINGS         2  /* pings per limit of the manager */
#define TURNS         8  /* iterations of an idle loop per limit */
#define LOOKS         16 /* checks per limit while a ping is withheld */
#define USEC_PER_MSEC 1000

/* ---- state ---- */

static void notify(const char *message)
{
    int rc = sd_notify(0, message);

    if (rc < 0)
        log_event(LOG_WARN, "service_manager_notify_failed", LOG_STR("error", strerror(-rc)));
}

void notify_ready(const char *status)
{
    char message[MESSAGE_MAX];

    snprintf(message, sizeof message, "READY=1\nSTATUS=%s", status);
    notify(message);
}

/* The manager compares this time with its own to identify the reload. */
void notify_reloading(void)
{
    char message[MESSAGE_MAX];
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(message, sizeof message, "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
             (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
    notify(message);
}

void notify_stopping(const char *status, int64_t extend_ms)
{
    char message[MESSAGE_MAX];

    snprintf(message, sizeof message, "STOPPING=1\nSTATUS=%s\nEXTEND_TIMEOUT_USEC=%" PRId64, status,
             extend_ms * USEC_PER_MSEC);
    notify(message);
}

void notify_forget(void)
{
    unsetenv("NOTIFY_SOCKET");
}

/* ---- the watchdog ---- */

struct watchdog notify_watchdog(void)
{
    struct watchdog watchdog = {0};
    uint64_t usec;
    int enabled = sd_watchdog_enabled(0, &usec);

    if (enabled < 0)
        log_event(LOG_WARN, "watchdog_invalid", LOG_STR("error", strerror(-enabled)));
    if (enabled > 0)
        watchdog.limit_ms = usec < USEC_PER_MSEC               ? 1
                            : usec / USEC_PER_MSEC < INT32_MAX ? (int64_t)(usec / USEC_PER_MSEC)
                                                               : INT32_MAX;
    return watchdog;
}

static int64_t part(const struct watchdog *watchdog, int64_t n)
{
    return watchdog->limit_ms > n ? watchdog->limit_ms / n : 1;
}

int64_t notify_turn_ms(const struct watchdog *watchdog)
{
    return watchdog->limit_ms ? part(watchdog, TURNS) : 0;
}

static void note_silence(struct watchdog *watchdog, bool is_silent, int64_t age_ms)
{
    if (is_silent && !watchdog->is_silent)
        log_event(LOG_ERROR, "watchdog_ping_withheld", LOG_INT("age_ms", age_ms));
    else if (!is_silent && watchdog->is_silent)
        log_event(LOG_WARN, "watchdog_ping_resumed");
    watchdog->is_silent = is_silent;
}

int64_t notify_ping(struct watchdog *watchdog, int64_t now_ms, int64_t age_ms)
{
    if (!watchdog->limit_ms)
        return FOR_EVER_MS;
    if (now_ms >= watchdog->due_ms) {
        bool is_silent = age_ms >= part(watchdog, PINGS);
        note_silence(watchdog, is_silent, age_ms);
        if (!is_silent)
            notify("WATCHDOG=1");
        watchdog->due_ms = now_ms + part(watchdog, is_silent ? LOOKS : PINGS);
    }
    return watchdog->due_ms - now_ms;
}

/* ---- sockets ---- */

enum err notify_sockets(int *sockets, size_t max, size_t *ret_n)
{
    int n = sd_listen_fds(1);

    if (n < 0 || (size_t)n > max)
        return ERR_SYNTAX;
    for (int i = 0; i < n; i++)
        sockets[i] = SD_LISTEN_FDS_START + i;
    if (n)
        log_event(LOG_INFO, "sockets_inherited", LOG_INT("sockets", n),
                  LOG_STR("instead_of", "--listen"));
    *ret_n = (size_t)n;
    return ERR_OK;
}
