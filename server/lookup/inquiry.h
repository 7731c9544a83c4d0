/* SPDX-License-Identifier: MIT */
/* inquiry.h - tries ids until one proves what became of a batch whose submit got no readable
 * response; see resolver.h. Used by resolver.c only. Engine thread only. */
#ifndef LOOKUP_INQUIRY_H
#define LOOKUP_INQUIRY_H

#include "base/id.h"
#include "base/timer.h"
#include "client/openmart/openmart.h"
#include "client/openmart/openmart_found.h"
#include "lookup/batching/read_limiter.h"
#include "lookup/candidates.h"
#include "lookup/lost_tasks.h"
#include "lookup/records/resolved_task.h"
#include "lookup/recovery.h"
#include "store/calls_upkeep.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INQUIRIES_MAX  1000
#define CANDIDATES_MAX 256 /* of one inquiry: two for each task of a batch, and some */

enum inquiry_state {
    INQUIRY_WAITING, /* the submit has no response yet, or the store fails or is behind */
    INQUIRY_STORING, /* a call to the store is in flight; there is at most one */
    INQUIRY_PAUSING, /* until the next round */
    INQUIRY_READING, /* a read waits for its slot or is in flight */
    INQUIRY_IDLE,    /* all candidates are rejected, and are remembered for a while */
};

/* What the store may have done already, although it failed: it is repeated until that is known. */
enum inquiry_repeat { REPEAT_NOTHING, REPEAT_BATCH, REPEAT_TASK };

/* What all inquiries share. The owner sets `tools`, and frees the inquiries with inquiry_close().
 */
struct inquiries {
    struct {
        struct recover_tools recovery; /* how a batch is resumed */
        struct timers *timers;
        struct openmart *openmart;
        struct read_limiter *limiter;
        int64_t lifetime_ms; /* of one inquiry */
    } tools;
    bool needs_filter; /* the upstream rejected a list of tasks in every state */
    struct inquiry *first;
    size_t n;
};

/* One batch. Private to inquiry.c, except as noted. */
struct inquiry {
    struct inquiries *all;
    struct inquiry *prev, *next; /* read by the owner */
    char token[ID_TEXT];         /* read by the owner; "" = only the number is known */
    enum inquiry_state state;
    int64_t number; /* read by the owner; of the batch in the journal; 0 = not read yet */
    enum inquiry_repeat repeat;
    int64_t opened_ms, round_ms;
    int round;
    struct lost_tasks tasks;
    char proposed[OPENMART_ID_MAX + 1]; /* by the operator, not rejected yet; "" = none */
    struct candidates candidates;
    struct candidate *trying; /* in this round, or last */
    struct store_read_batch_call find;
    struct store_resolve_batch_call resolve;
    struct resolved_task ending; /* of `ended` */
    struct lost_task *ended;
    struct read_slot slot;
    struct openmart_call *call;
    struct timer timer;
};

/* Opens an inquiry about the batch with that token, or with that number in the journal if the token
 * is "". It closes itself when nothing of the batch is unknown any more. Returns NULL if there are
 * INQUIRIES_MAX. */
struct inquiry *inquiry_open(struct inquiries *all, const char *token, int64_t number);

/* Adds ids to try, and starts a round soon if one is new. `by` (static) says what named them. */
void inquiry_add(struct inquiry *inquiry, const struct openmart_found *found, const char *by);

/* Tries the batch's id that the operator proposes; may be called again and again meanwhile. Returns
 * false once the id is rejected; a call after that tries it again. */
bool inquiry_propose(struct inquiry *inquiry, const char *batch_id);

/* Cancels its read and frees it. No call to the store may be in flight. */
void inquiry_close(struct inquiry *inquiry);

#endif
