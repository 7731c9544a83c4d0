/* SPDX-License-Identifier: MIT */
/* listener_connection.h - the fixture of tests that need one listener and one connection to it. A
 * test program includes it once, in place of listener_fixture.h. */
#ifndef UNIT_LISTENER_CONNECTION_H
#define UNIT_LISTENER_CONNECTION_H

#include "listener_fixture.h"
#include "tests/support/suite.h"

static struct listener *listener;
static int fd;
static struct raw_answer answer; /* the last response */

static void setup(void)
{
    listener = start(1);
    fd = connect_to(listener);
}

static void teardown(void)
{
    stop(listener);
    close(fd);
}

FIXTURE(setup, teardown);

#endif
