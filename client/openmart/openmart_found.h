/* SPDX-License-Identifier: MIT */
/* openmart_found.h - finds what may be the id of a batch or of a task in text of any form.
 *
 * Openmart's page on notify_url says nothing about the request that follows: not its method, not
 * its body, not its form. The same text may be JSON, a form, XML, or a submit's response that broke
 * off. So this does not parse: it looks for members that are named like ids, and for UUIDs. Nothing
 * that it finds may be believed before Openmart confirms it. Pure functions; any thread. */
#ifndef CLIENT_OPENMART_OPENMART_FOUND_H
#define CLIENT_OPENMART_OPENMART_FOUND_H

#include "client/openmart/openmart_types.h"

#include <stdbool.h>
#include <stddef.h>

#define OPENMART_FOUND_MAX 16 /* ids of one text; the rest is ignored */

/* What its name says about an id. */
enum openmart_found_kind {
    OPENMART_FOUND_BATCH, /* batch_id, batchId, ... */
    OPENMART_FOUND_TASK,  /* task_id */
    OPENMART_FOUND_ID,    /* id */
    OPENMART_FOUND_UUID,  /* a UUID anywhere, also within a word or an escaped string */
};

struct openmart_found_id {
    enum openmart_found_kind kind;
    char id[OPENMART_ID_MAX + 1]; /* usable, as openmart_id_ok() requires */
};

/* Initialize with {0}. */
struct openmart_found {
    struct openmart_found_id ids[OPENMART_FOUND_MAX]; /* no id twice */
    size_t n;
};

/* Adds the ids of a text: those of the first kind in their order, then those of the next. `text`
 * may contain any bytes and needs no NUL. Takes time proportional to `len`. */
void openmart_find_ids(const char *text, size_t len, struct openmart_found *found);

#endif
