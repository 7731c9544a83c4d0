/* SPDX-License-Identifier: MIT */
/* output.h - writes results to standard output, in one of five formats.
 *
 * --plain, --addresses, --json and --csv are stable; the table is for display and may change. A
 * failure to write is remembered, and its callers stop. Main thread only. */
#ifndef CLIENT_EMAILS_OUTPUT_H
#define CLIENT_EMAILS_OUTPUT_H

#include "base/buf.h"
#include "client/emails/domains.h"
#include "client/emails/line.h"
#include "client/emails/options.h"

#include <stdbool.h>
#include <stddef.h>

struct output {
    enum format format; /* not FORMAT_AUTO */
    bool has_colours;
    bool shows_unknown; /* the table has a row for what is not cached, too */
    size_t domain_width, address_width, address_width_max; /* of the table, in columns */
    bool has_header;
    struct buf text;        /* not written yet */
    int error;              /* errno of the first failure to write; 0 = none */
    bool (*gives_up)(void); /* whether to wait no longer for a reader; NULL = never */
};

/* Chooses the format if `options` leaves it open. The caller calls output_done(). */
void output_init(struct output *output, const struct options *options, const struct domains *list);
void output_done(struct output *output);

/* Adds a result of the entry at `index` of the list; output_flush() writes it. */
void output_add(struct output *output, const struct line *line, const struct entry *entry,
                size_t index);

/* Writes what was added, and waits for the reader if it does not read. Returns false if that
 * failed, now or earlier; `error` says why, EINTR is that `gives_up` has ended the wait. */
bool output_flush(struct output *output);

/* Returns whether nothing reads standard output any more. */
bool output_is_closed(void);

#endif
