/* SPDX-License-Identifier: MIT */
/* problem.h - errors as RFC 9457 documents, from the one table of base/err.h. */
#ifndef HTTP_CORE_PROBLEM_H
#define HTTP_CORE_PROBLEM_H

#include "base/err.h"
#include "http/core/request.h"

struct problem {
    enum err err;
    const char *detail;   /* for people, valid UTF-8; NULL = the title says it all */
    enum charged charged; /* problem_of() sets the table's */
    int retry_after_s;    /* 0 = no Retry-After, unless the status is 503: then 1 */
};

struct problem problem_of(enum err err, const char *detail);

/* Fills `reply` with the document, its status, Content-Type and Cache-Control: no-store, and
 * Retry-After where it applies. The caller may add headers. */
void problem_reply(struct request *request, const struct problem *problem, struct reply *reply);

/* The short form: answers with problem_of(err, detail). */
void problem_send(struct request *request, enum err err, const char *detail);

#endif
