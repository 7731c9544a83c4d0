/* SPDX-License-Identifier: MIT */
/* fuzz_accept.c - fuzzes the headers that select a representation: Accept, If-None-Match, If-Match
 * and If-Unmodified-Since. */
#include "base/buf.h"
#include "base/mem.h"
#include "http/protocol/conditional.h"
#include "http/protocol/negotiate.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#define ETAG "\"0123456789abcdef\""
#define OURS "\"0123456789abcdef0123456789abcdef\""

/* Returns the media type, or -1 if no type is acceptable. */
static int form_of(const char *before, const char *accept)
{
    struct buf header autobuf = BUF_INIT(strlen(accept) + 128);
    enum format format = FORMATS;

    buf_addf(&header, "%s%s", before, accept);
    enum err err = negotiate_format(FORMATS, buf_str(&header), FORMAT_JSON, &format);
    FUZZ_WANT(err == ERR_OK || err == ERR_NOT_ACCEPTABLE);
    FUZZ_WANT(err ? format == FORMATS : format < FORMATS);
    return err ? -1 : (int)format;
}

static bool matches(const char *before, const char *list)
{
    struct buf header autobuf = BUF_INIT(strlen(list) + 64);

    buf_addf(&header, "%s%s", before, list);
    return conditional_none_match(buf_str(&header), ETAG);
}

/* A strong tag of ours that is named first matches, whatever follows; all that matches, matches
 * weakly too. */
static void check_preconditions(const char *header)
{
    struct precondition precondition;
    struct result result = {0};

    memcpy(result.bodies[RESULT_JSON].etag, OURS, sizeof OURS);
    conditional_read(header, header, &precondition);
    FUZZ_WANT(precondition.has_tags && precondition.n_tags <= PRECONDITION_TAGS);
    if (precondition_holds(&precondition, &result, RESULT_JSON))
        FUZZ_WANT(conditional_none_match(header, OURS));
    struct buf named autobuf = BUF_INIT(strlen(header) + 64);
    buf_addf(&named, "%s, %s", OURS, header);
    conditional_read(buf_str(&named), NULL, &precondition);
    FUZZ_WANT(precondition_holds(&precondition, &result, RESULT_JSON));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    autofree char *header = input_text(data, size);
    autofree char *other_case = input_other_case(header);
    int form = form_of("", header);

    FUZZ_WANT(form == form_of("", other_case));
    if (form >= 0)
        FUZZ_WANT(strchr(negotiate_content_type((enum format)form), '/'));
    if (header[strspn(header, " \t")]) /* a blank header accepts everything, one type does not */
        FUZZ_WANT(form == form_of("image/png;q=\"0, */*\", ", header));
    /* The exact range has precedence over every wider one, and the first over the second of two
     * equals. */
    FUZZ_WANT(form_of("application/json, ", header) == FORMAT_JSON);
    FUZZ_WANT(form_of("application/json;q=0, text/plain;q=0, text/csv;q=0, "
                      "application/x-ndjson;q=0, text/event-stream;q=0, ",
                      header) == -1);

    check_preconditions(header);
    FUZZ_WANT(matches(ETAG ", ", header));
    FUZZ_WANT(matches("W/" ETAG " ,", header));
    if (!matches("", header))
        FUZZ_WANT(!matches("\"x\", W/\"\", ", header) || strchr(header, '"'));
    else if (strchr(header, '"'))
        FUZZ_WANT(strstr(header, ETAG) && matches("\"x\", W/\"\", ", header));
    return 0;
}
