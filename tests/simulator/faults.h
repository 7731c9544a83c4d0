/* SPDX-License-Identifier: MIT */
/* faults.h - the queue of things that are to go wrong.
 *
 * A fault waits for calls of its kind; the first in the queue that matches is used. One that counts
 * its times leaves the queue when they are used up; one with a percentage draws its own numbers, so
 * that the same seed and the same order of calls give the same faults. Calls in progress keep the
 * fault that they met, hence the reference count. One thread. */
#ifndef SIMULATOR_FAULTS_H
#define SIMULATOR_FAULTS_H

#include "base/buf.h"
#include "base/err.h"
#include "tests/simulator/calls.h"
#include "tests/simulator/random.h"
#include "tests/simulator/scripted_socket.h"

struct reply;

enum fault_kind {
    FAULT_STATUS,
    FAULT_BODY,
    FAULT_NOT_JSON,
    FAULT_DELAY,
    FAULT_CLOSE,
    FAULT_RESET,
    FAULT_HANG,
    FAULT_TRUNCATE,
    FAULT_CUT_NO_LENGTH,
    FAULT_CHUNK_CUT,
    FAULT_DRIBBLE,
    FAULT_GARBAGE,
    FAULT_HUGE_HEADERS,
    FAULT_HUGE_BODY,
    FAULT_RAW,
    FAULT_ACCEPT_CLOSE
};

#define FAULT_ON_ANY CALL_KINDS /* as `on` */

#define FAULT_MAX_BODY ((size_t)1 << 20)

struct fault {
    unsigned refs;
    uint64_t n;      /* from 1 */
    unsigned on;     /* enum call_kind or FAULT_ON_ANY */
    int64_t times;   /* left; -1 = no limit */
    int64_t percent; /* 1..100 */
    int64_t seed;
    struct random random;
    uint64_t used;
    bool after_creating, after_delay;

    enum fault_kind kind;
    char *text;         /* the member "fault" as it was given */
    int64_t status;     /* 0: not given */
    int64_t bytes;      /* of filler, or where to cut; -1: not given */
    int64_t ms;         /* how long to delay */
    int64_t byte_ms;    /* between the bytes of dribble and raw */
    enum ending ending; /* of raw */
    bool has_body;
    struct buf body;
    char *content_type; /* NULL: not given; so is headers, a JSON object of strings */
    char *headers;
    struct fault *prev, *next;
};

struct faults {
    struct fault *queue;
    uint64_t n; /* ever queued since the last clear */
};

/* Reads one fault (fault_read.c); its n and place in a queue are not set. ERR_SYNTAX: *ret_why
 * (static) names what is wrong. The caller unrefs it. */
enum err fault_read(const char *text, size_t len, struct fault **ret_fault, const char **ret_why);
void fault_unref(struct fault *fault); /* NULL is a no-op */

/* Queues what the JSON object says; errors as above. */
enum err faults_add(struct faults *faults, const char *text, size_t len, uint64_t *ret_n,
                    const char **ret_why);

/* The fault for this call or NULL. The caller releases it with fault_unref(). */
struct fault *faults_meet(struct faults *faults, enum call_kind kind);

/* Whether the connection that was just accepted is to be closed. */
bool faults_meet_accept(struct faults *faults);

void faults_clear(struct faults *faults);
void faults_write(const struct faults *faults, struct buf *out);

/* ---- fault_apply.c: pure but for the memory ---- */

/* True: play *ret_script, which is the caller's, instead of sending the reply. False: send the
 * reply, changed or not. */
bool fault_apply(const struct fault *fault, struct reply *reply, struct script *ret_script);

#endif
