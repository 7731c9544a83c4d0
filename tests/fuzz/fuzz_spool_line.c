/* SPDX-License-Identifier: MIT */
/* fuzz_spool_line.c - fuzzes a line of the spool: what is accepted is exactly what was written. The
 * input is such a line, or, without a valid checksum, its fields: two line feeds separate number
 * and time, the name of the store, and the id. */
#include "base/mem.h"
#include "store/spool_line.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static void check_line(const char bytes[SPOOL_LINE])
{
    char again[SPOOL_LINE];
    struct spool_line line;

    if (!spool_line_read(bytes, &line))
        return;
    FUZZ_WANT(!spool_line_is_blank(bytes));
    FUZZ_WANT(line.batch > 0 && line.wall_ms >= 0 && *line.place && *line.batch_id);
    FUZZ_WANT(input_is_printable(line.place, strlen(line.place)));
    FUZZ_WANT(input_is_printable(line.batch_id, strlen(line.batch_id)));
    FUZZ_WANT(spool_line_write(&line, again) && memcmp(again, bytes, SPOOL_LINE) == 0);
}

static void copy_field(struct input *input, char *ret_field, size_t room)
{
    size_t len;
    autofree char *text = input_line(input, &len);

    if (text)
        memccpy(ret_field, text, '\0', room - 1);
}

static void check_fields(struct input input)
{
    char number[24] = "", bytes[SPOOL_LINE];
    struct spool_line line = {0}, read;

    copy_field(&input, number, sizeof number);
    line.batch = strtoll(number, NULL, 10);
    line.wall_ms = line.batch / 2;
    copy_field(&input, line.place, sizeof line.place);
    copy_field(&input, line.batch_id, sizeof line.batch_id);
    if (!spool_line_write(&line, bytes))
        return;
    FUZZ_WANT(bytes[SPOOL_LINE - 1] == '\n' && !memchr(bytes, '\n', SPOOL_LINE - 1));
    FUZZ_WANT(spool_line_read(bytes, &read));
    FUZZ_WANT(read.batch == line.batch && read.wall_ms == line.wall_ms);
    FUZZ_WANT(strcmp(read.place, line.place) == 0 && strcmp(read.batch_id, line.batch_id) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char bytes[SPOOL_LINE] = {0};

    memcpy(bytes, data, size < SPOOL_LINE ? size : SPOOL_LINE);
    check_line(bytes);
    check_fields(input_of(data, size));
    return 0;
}
