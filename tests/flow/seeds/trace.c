/* SPDX-License-Identifier: MIT */
/* trace.c - see trace.h. An assertion of the product that fails ends the process by SIGABRT, and
 * prints the trace too. */
#include "trace.h"

#include "tests/flow/flow.h"

#include <check.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROOM  (256 << 10)
#define PRIME UINT64_C(1099511628211) /* of FNV-1a */

static struct {
    uint64_t hash;
    int exit_status;
    size_t len;
    char text[ROOM], name[32], repeat[128];
} trace;

static void put(const char *bytes, size_t len)
{
    if (write(STDERR_FILENO, bytes, len) < 0)
        return; /* there is nowhere to say so */
}

/* Also in a signal handler. */
static void print(const char *why)
{
    put(trace.text, trace.len);
    put(trace.name, strlen(trace.name));
    put(why, strlen(why));
    put(trace.repeat, strlen(trace.repeat));
}

static void aborted(int signal)
{
    (void)signal;
    if (trace.exit_status)
        _exit(trace.exit_status);
    print("aborted");
}

void trace_start(uint64_t seed)
{
    signal(SIGABRT, aborted);
    trace.hash = UINT64_C(14695981039346656037);
    trace.len = 0;
    snprintf(trace.name, sizeof trace.name, "seed %llu: ", (unsigned long long)seed);
    snprintf(trace.repeat, sizeof trace.repeat,
             "\n  repeat with: SEED=%llu build/release/tests/flow/test_seeds\n",
             (unsigned long long)seed);
}

void trace_exit_with(int status)
{
    trace.exit_status = status;
}

static void add_bytes(const char *line, size_t len)
{
    for (size_t i = 0; i < len; i++)
        trace.hash = (trace.hash ^ (unsigned char)line[i]) * PRIME;
    if (trace.len + len > ROOM) /* the end matters */
        trace.len = 0;
    memcpy(trace.text + trace.len, line, len);
    trace.len += len;
}

void trace_add(const char *format, ...)
{
    int64_t now_ms = flow.engine ? flow_now_ms() : 0;
    char line[512];
    va_list arguments;
    size_t len = (size_t)snprintf(line, sizeof line, "%8lld ", (long long)now_ms);

    va_start(arguments, format);
    vsnprintf(line + len, sizeof line - len - 1, format, arguments);
    va_end(arguments);
    len = strlen(line);
    line[len] = '\n';
    add_bytes(line, len + 1);
}

void trace_fail(const char *format, ...)
{
    char why[512];
    va_list arguments;

    if (trace.exit_status)
        _exit(trace.exit_status);
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    print(why);
    ck_abort_msg("%s%s", trace.name, why);
    abort();
}

void trace_print(void)
{
    fprintf(stderr, "%.*s", (int)trace.len, trace.text);
}

uint64_t trace_hash(void)
{
    return trace.hash;
}
