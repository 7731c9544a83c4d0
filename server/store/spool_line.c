/* SPDX-License-Identifier: MIT */
/* spool_line.c - see spool_line.h. */
#include "store/spool_line.h"

#include "base/hash.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERSION      "1 "
#define CHECKSUM     8 /* bytes of the hash */
#define CHECKSUM_END (sizeof VERSION - 1 + (size_t)2 * CHECKSUM)

static bool is_printable(const char *text)
{
    for (; *text; text++)
        if (*text < 0x20 || *text > 0x7E)
            return false;
    return true;
}

static bool is_acceptable(const struct spool_line *line)
{
    size_t len = strlen(line->batch_id);

    return line->batch > 0 && line->wall_ms >= 0 && *line->place && !strchr(line->place, ' ') &&
           is_printable(line->place) && len > 0 && line->batch_id[0] != ' ' &&
           line->batch_id[len - 1] != ' ' && is_printable(line->batch_id);
}

bool spool_line_write(const struct spool_line *line, char ret_bytes[SPOOL_LINE])
{
    unsigned char hash[HASH_SIZE];
    char fields[SPOOL_LINE], checksum[2 * CHECKSUM + 1];

    if (!is_acceptable(line))
        return false;
    int len = snprintf(fields, sizeof fields, " %" PRId64 " %" PRId64 " %s %s", line->batch,
                       line->wall_ms, line->place, line->batch_id);
    hash_sha256(fields, (size_t)len, hash);
    hash_hex(hash, CHECKSUM, checksum);
    memset(ret_bytes, ' ', SPOOL_LINE);
    memcpy(ret_bytes, VERSION, sizeof VERSION - 1);
    memcpy(ret_bytes + sizeof VERSION - 1, checksum, sizeof checksum - 1);
    memcpy(ret_bytes + CHECKSUM_END, fields, (size_t)len);
    ret_bytes[SPOOL_LINE - 1] = '\n';
    return true;
}

/* Reads the field at *at up to the next space, which is skipped. Returns false if it is empty, is
 * not followed by a space, or does not fit. */
static bool read_field(const char **at, char *ret_field, size_t room)
{
    size_t len = strcspn(*at, " ");

    if (len == 0 || len >= room || (*at)[len] != ' ')
        return false;
    memcpy(ret_field, *at, len);
    ret_field[len] = '\0';
    *at += len + 1;
    return true;
}

static bool read_number(const char **at, int64_t *ret_number)
{
    char digits[24];

    if (!read_field(at, digits, sizeof digits))
        return false;
    *ret_number = strtoll(digits, NULL, 10);
    return true;
}

/* Reads `text`, the rest of a line, without judging it. */
static bool read_fields(const char *text, struct spool_line *ret_line)
{
    if (!read_number(&text, &ret_line->batch) || !read_number(&text, &ret_line->wall_ms) ||
        !read_field(&text, ret_line->place, sizeof ret_line->place))
        return false;
    size_t len = strlen(text);
    while (len > 0 && text[len - 1] == ' ')
        len--;
    if (len >= sizeof ret_line->batch_id)
        return false;
    memcpy(ret_line->batch_id, text, len);
    ret_line->batch_id[len] = '\0';
    return true;
}

bool spool_line_read(const char bytes[SPOOL_LINE], struct spool_line *ret_line)
{
    char text[SPOOL_LINE], again[SPOOL_LINE];
    struct spool_line line = {0};

    memcpy(text, bytes, sizeof text);
    text[SPOOL_LINE - 1] = '\0';
    if (!read_fields(text + CHECKSUM_END + 1, &line) || !spool_line_write(&line, again) ||
        memcmp(bytes, again, SPOOL_LINE) != 0)
        return false;
    *ret_line = line;
    return true;
}

bool spool_line_is_blank(const char bytes[SPOOL_LINE])
{
    for (size_t i = 0; i < SPOOL_LINE; i++)
        if (bytes[i] != ' ' && bytes[i] != '\n' && bytes[i] != '\0')
            return false;
    return true;
}
