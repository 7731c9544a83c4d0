/* SPDX-License-Identifier: MIT */
/* faults.c - see faults.h. Faults on accept() have no call to match and are met apart. */
#include "tests/simulator/faults.h"

#include "base/json.h"

#include <stdlib.h>
#include <utlist.h>

void fault_unref(struct fault *fault)
{
    if (!fault || --fault->refs > 0)
        return;
    free(fault->text);
    free(fault->headers);
    free(fault->content_type);
    buf_done(&fault->body);
    free(fault);
}

enum err faults_add(struct faults *faults, const char *text, size_t len, uint64_t *ret_n,
                    const char **ret_why)
{
    struct fault *fault = NULL;
    enum err err = fault_read(text, len, &fault, ret_why);

    if (err)
        return err;
    fault->n = ++faults->n;
    DL_APPEND(faults->queue, fault);
    *ret_n = fault->n;
    return ERR_OK;
}

/* The queue's reference goes over to the call when the last of its times is used. */
static struct fault *use(struct faults *faults, struct fault *fault)
{
    fault->used++;
    fault->refs++;
    if (fault->times > 0 && --fault->times == 0) {
        DL_DELETE(faults->queue, fault);
        fault_unref(fault);
    }
    return fault;
}

static bool lands(struct fault *fault)
{
    return fault->percent == 100 || (int64_t)dice_below(&fault->dice, 100) < fault->percent;
}

struct fault *faults_meet(struct faults *faults, enum call_kind kind)
{
    struct fault *fault = NULL;

    DL_FOREACH (faults->queue, fault) {
        bool matches = fault->on == FAULT_ON_ANY || fault->on == (unsigned)kind;
        if (matches && fault->kind != FAULT_ACCEPT_CLOSE && lands(fault))
            return use(faults, fault);
    }
    return NULL;
}

bool faults_meet_accept(struct faults *faults)
{
    struct fault *fault = NULL;

    DL_FOREACH (faults->queue, fault) {
        if (fault->kind != FAULT_ACCEPT_CLOSE || !lands(fault))
            continue;
        fault_unref(use(faults, fault));
        return true;
    }
    return false;
}

void faults_clear(struct faults *faults)
{
    struct fault *fault, *next;

    DL_FOREACH_SAFE (faults->queue, fault, next) {
        DL_DELETE(faults->queue, fault);
        fault_unref(fault);
    }
    faults->n = 0;
}

void faults_write(const struct faults *faults, struct buf *out)
{
    const struct fault *fault = NULL;

    buf_add_str(out, "[");
    DL_FOREACH (faults->queue, fault) {
        const char *on = fault->on == FAULT_ON_ANY ? "any" : call_names[fault->on];
        buf_addf(out, "%s{\"n\":%llu,\"on\":\"%s\",\"times_left\":%lld,\"used\":%llu,",
                 fault == faults->queue ? "" : ",\n", (unsigned long long)fault->n, on,
                 (long long)fault->times, (unsigned long long)fault->used);
        buf_addf(out, "\"percent\":%lld,\"fault\":", (long long)fault->percent);
        buf_add_str(out, fault->text);
        buf_add_str(out, "}");
    }
    buf_add_str(out, "]");
}
