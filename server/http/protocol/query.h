/* SPDX-License-Identifier: MIT */
/* query.h - reads the parameters of a query by a table of names: each at most once, and no others.
 *
 * A typo must not cost a credit, so an unknown name is rejected with the nearest known one. Pure;
 * any thread. */
#ifndef HTTP_PROTOCOL_QUERY_H
#define HTTP_PROTOCOL_QUERY_H

#include "base/err.h"
#include "base/errmsg.h"
#include "base/slice.h"

#include <stddef.h>

/* What a parameter accepts, and the type of the member that receives it. */
enum query_type {
    QUERY_TEXT,   /* anything; a struct slice, borrowed from the request, "" without a value */
    QUERY_NUMBER, /* a whole number; int64_t */
    QUERY_FLAG,   /* 0 or 1; bool */
    QUERY_SWITCH, /* 0, 1, or no value, which means 1; bool */
    QUERY_FORMAT, /* the name of a format; enum format */
};

struct query_parameter {
    const char *name;
    enum query_type type;
    size_t offset;       /* of the member */
    const char *problem; /* the message for an invalid value; NULL for QUERY_TEXT */
};

#define QUERY_PARAMETERS_MAX 32

/* The caller sets all members; `given` starts at zero. */
struct query {
    const struct query_parameter *table;
    size_t n_parameters;   /* rows of the table, at most QUERY_PARAMETERS_MAX */
    void *values;          /* the struct with the members, which holds the defaults */
    struct errmsg *errmsg; /* set on failure */
    unsigned given;        /* one bit per row that the request contains */
};

/* Reads one argument, in the form of a request_argument_fn. Returns ERR_OK, or
 * ERR_UNKNOWN_PARAMETER, ERR_DUPLICATE_PARAMETER or ERR_INVALID_PARAMETER; *errmsg then explains
 * it to the client. */
enum err query_take(void *query, struct slice name, struct slice value);

#endif
