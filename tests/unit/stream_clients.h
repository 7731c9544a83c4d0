/* SPDX-License-Identifier: MIT */
/* stream_clients.h - one listener and one connection to it, for tests of streams whose clients
 * leave, stall or read slowly. Each test starts the listener with options of its own.
 *
 * A test program includes this file once, in place of stream_fixture.h. */
#ifndef UNIT_STREAM_CLIENTS_H
#define UNIT_STREAM_CLIENTS_H

#include "stream_fixture.h"
#include "tests/support/suite.h"

static struct listener *listener;
static int fd = -1;
static struct raw_answer answer;

static const char *const requests[] = {GET_STREAM, GET_STREAM_10};

/* More than the socket buffers hold. */
static char much[32 << 20];

static void start_and_connect(const struct listener_options *options)
{
    listener = start_with(options);
    fd = connect_to(listener);
}

static void start_patiently(void)
{
    const struct listener_options options = patient_options();

    start_and_connect(&options);
}

static void setup(void)
{
    memset(much, '\n', sizeof much);
}

static void teardown(void)
{
    close(fd);
    stop(listener);
}

FIXTURE(setup, teardown);

#endif
