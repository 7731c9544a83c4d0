/* SPDX-License-Identifier: MIT */
/* problem.h - errors as RFC 9457 documents, from the table in base/err.h. problem_of() and
 * problem_write() are pure; the other functions run on the worker thread of the request. */
#ifndef HTTP_CORE_PROBLEM_H
#define HTTP_CORE_PROBLEM_H

#include "base/err.h"
#include "http/core/request.h"

struct problem {
    enum err err;
    const char *detail;   /* human-readable, valid UTF-8, borrowed; NULL = use the title */
    enum charged charged; /* problem_of() copies it from the table */
    int retry_after_s;    /* 0 = no Retry-After; with status 503, then 1. Not sent with 502 unless
                             `charged` is CHARGED_NO */
};

struct problem problem_of(enum err err, const char *detail);

/* Appends the document as a JSON object, without a line end. `request_id` NULL leaves that member
 * out. Any thread. */
void problem_write(const struct problem *problem, const char *request_id, struct buf *out);

/* Fills `reply` with the document, its status, Content-Type, Cache-Control: no-store and, where it
 * applies, Retry-After. Sets the request's outcome for the log. The caller may add headers. */
void problem_reply(struct request *request, const struct problem *problem, struct reply *reply);

/* Replies to the request with problem_of(err, detail). */
void problem_send(struct request *request, enum err err, const char *detail);

#endif
