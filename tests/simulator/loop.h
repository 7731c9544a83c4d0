/* SPDX-License-Identifier: MIT */
/* loop.h - the loop of the simulator: descriptors, timers, and the time of the iteration.
 *
 * libmicrohttpd's own epoll loops stall if exactly 128 or 256 connections are ready, so its
 * epoll descriptor is only one of those that this loop waits for. All are level-triggered. One
 * thread. */
#ifndef SIMULATOR_LOOP_H
#define SIMULATOR_LOOP_H

#include "base/clock.h"
#include "base/err.h"
#include "base/timer.h"

struct watch;
typedef void watch_fn(struct watch *watch, uint32_t events);

/* Embedded in what waits for a descriptor. Must outlive the iteration in which it is removed,
 * because its event may already be fetched. */
struct watch {
    watch_fn *ready;
};

struct loop {
    int epoll;
    struct clock clock;
    struct timers timers;
};

enum err loop_init(struct loop *loop); /* ERR_SYSTEM */
void loop_done(struct loop *loop);

enum err loop_add(struct loop *loop, int fd, uint32_t events, struct watch *watch);
void loop_change(struct loop *loop, int fd, uint32_t events, struct watch *watch);
void loop_remove(struct loop *loop, int fd);

/* Waits until an event happens, a timer is due or `at_most_ms` have passed (-1: no limit), and
 * handles it. */
void loop_turn(struct loop *loop, int64_t at_most_ms);

/* Opens "127.0.0.1:0" or "[::1]:8080". The caller owns the socket, which is non-blocking.
 * ERR_SYNTAX: not an address and a port; ERR_SYSTEM: see errno. */
enum err listen_open(const char *text, int *ret_fd, int *ret_port);

#endif
