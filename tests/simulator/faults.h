/* SPDX-License-Identifier: MIT */
/* faults.h - the queue of faults.
 *
 * A fault waits for calls of its kind; the first match in the queue is used. A fault with a
 * number of times leaves the queue after the last. A fault with a percentage draws its own
 * random numbers, so that the same seed and the same order of calls give the same faults. Calls
 * in progress keep their fault, hence the reference count. One thread. */
#ifndef SIMULATOR_FAULTS_H
#define SIMULATOR_FAULTS_H

#include "base/buf.h"
#include "base/err.h"
#include "tests/simulator/api.h"
#include "tests/simulator/scripted_socket.h"

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
    FAULT_ACCEPT_CLOSE,
    FAULT_KINDS
};

#define FAULT_MAX_BODY ((size_t)1 << 20)

struct fault {
    unsigned refs;
    uint64_t n;      /* from 1 */
    unsigned on;     /* enum call_kind */
    int64_t times;   /* times left; -1 = no limit */
    int64_t percent; /* 1..100 */
    int64_t seed;
    struct random random;
    uint64_t used;
    bool after_creating, after_delay;
    char batch_with[SETTING_TEXT_ROOM]; /* only calls about a batch with this domain; "": all */

    unsigned kind;   /* enum fault_kind */
    char *text;      /* the member "fault" as given */
    int64_t status;  /* 0: not given */
    int64_t bytes;   /* length of the filler, or position of the cut; -1: not given */
    int64_t ms;      /* length of the delay */
    int64_t byte_ms; /* between the bytes of dribble and raw */
    unsigned end;    /* enum ending, of raw */
    bool has_body;
    struct buf body;
    unsigned coding;                      /* enum sent_coding; CODINGS: not given */
    char content_type[SETTING_TEXT_ROOM]; /* "": not given */
    char *headers;                        /* a JSON object of strings; NULL: not given */
    struct fault *prev, *next;
};

struct faults {
    struct fault *queue;
    uint64_t n; /* number of faults queued since the last clear */
};

void fault_unref(struct fault *fault); /* NULL is a no-op */

/* Queues the fault that the JSON object describes. On failure *ret_why (static) names the problem.
 */
enum err faults_add(struct faults *faults, const char *text, size_t len, uint64_t *ret_n,
                    const char **ret_why);

/* Returns the fault for this call, or NULL. The caller releases it with fault_unref(). */
struct fault *faults_meet(struct faults *faults, const struct upstream *upstream,
                          const struct api_call *call);

/* Returns whether the connection just accepted has to be closed. */
bool faults_meet_accept(struct faults *faults);

void faults_clear(struct faults *faults);
void faults_write(const struct faults *faults, struct buf *out);

/* ---- fault_apply.c: pure, except for memory. The coding of the body comes between the two. ----
 */

/* Changes status, headers and body of the reply. */
void fault_change(const struct fault *fault, struct reply *reply);

/* True: play *ret_script, which the caller owns, instead of sending the reply. */
bool fault_script(const struct fault *fault, struct reply *reply, struct script *ret_script);

#endif
