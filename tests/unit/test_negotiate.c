/* SPDX-License-Identifier: MIT */
/* test_negotiate.c - tests Accept, row by row. */
#include "base/mem.h"
#include "http/protocol/negotiate.h"

#include "tests/support/suite.h"

static const struct {
    const char *accept;
    enum err err;
    enum result_format format;
} accepts[] = {
    {NULL, ERR_OK, RESULT_JSON},
    {"", ERR_OK, RESULT_JSON},
    {"*/*", ERR_OK, RESULT_JSON},
    {"application/json", ERR_OK, RESULT_JSON},
    {"APPLICATION/JSON; charset=utf-8", ERR_OK, RESULT_JSON},
    {"text/plain", ERR_OK, RESULT_TEXT},
    {"text/csv", ERR_OK, RESULT_CSV},
    {"text/*", ERR_OK, RESULT_TEXT},
    {"text/csv, text/plain;q=0.5", ERR_OK, RESULT_CSV},
    {"text/plain;q=0.5, text/csv;q=0.9", ERR_OK, RESULT_CSV},
    {"text/html,application/xhtml+xml,*/*;q=0.8", ERR_OK, RESULT_JSON},
    {"application/json;q=0, */*", ERR_OK, RESULT_TEXT},
    {"application/json;q=0.1, text/plain;q=0.2", ERR_OK, RESULT_TEXT},
    {"image/png", ERR_NOT_ACCEPTABLE, RESULT_JSON},
    {"application/json;q=0", ERR_NOT_ACCEPTABLE, RESULT_JSON},
    {"application/json;q=0.000", ERR_NOT_ACCEPTABLE, RESULT_JSON},
    {"application/json;q=-1", ERR_NOT_ACCEPTABLE, RESULT_JSON},
    {"*", ERR_OK, RESULT_JSON},
    /* Weights outside the grammar: the nearest one, or 1. */
    {"application/json;q=2, text/csv", ERR_OK, RESULT_JSON},
    {"text/csv;q=0.999, application/json;q=x", ERR_OK, RESULT_JSON},
    {"text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", ERR_OK, RESULT_JSON},
    {"application/json;q=.2, text/csv;q=.3", ERR_OK, RESULT_CSV},
    {"application/json;q=0.3333, text/csv;q=0.334", ERR_OK, RESULT_CSV},
    {"application/json;q=0.3339, text/csv;q=0.333", ERR_OK, RESULT_JSON},
    {"text/csv;q=0.999, application/json;q=1.0000", ERR_OK, RESULT_JSON},
    {"application/json;q=1., text/csv;q=0.999", ERR_OK, RESULT_JSON},
    {"application/json;q=00.5, text/csv;q=0.4", ERR_OK, RESULT_JSON},
    {"text/plain;q=1.000, text/csv;q=0.999", ERR_OK, RESULT_TEXT},
    {"text/plain; a=\"x,application/json;q=0\";q=0.5", ERR_OK, RESULT_TEXT},
    {"text/plain;;Q=0.001", ERR_OK, RESULT_TEXT},
    {"application/json;q=0.0001", ERR_OK, RESULT_JSON},
    {"application/json;q=0.0001, text/csv;q=0.002", ERR_OK, RESULT_CSV},
    {"application/json;q=1.001, text/csv", ERR_OK, RESULT_JSON},
    {"text/csv;q=0.9, application/json;q=1e0", ERR_OK, RESULT_JSON},
    {"text/csv;q=0.9, application/json;q=0x1", ERR_OK, RESULT_JSON},
    {"text/csv;q=0.9, application/json;q=", ERR_OK, RESULT_JSON},
    {"text/csv;q=0.9, application/json;q=.", ERR_OK, RESULT_JSON},
    {",,;;,", ERR_NOT_ACCEPTABLE, RESULT_JSON},
};

LOOP_TEST(negotiate_chooses_the_best_accepted_type, accepts)
{
    enum result_format format = RESULT_JSON;
    enum err err = negotiate_format(accepts[_i].accept, &format);

    ck_assert_msg(err == accepts[_i].err && format == accepts[_i].format, "Accept: %s",
                  accepts[_i].accept ? accepts[_i].accept : "(none)");
}
