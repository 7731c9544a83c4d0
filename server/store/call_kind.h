/* SPDX-License-Identifier: MIT */
/* call_kind.h - how the calls of one kind are executed. Included by store/ only. */
#ifndef STORE_CALL_KIND_H
#define STORE_CALL_KIND_H

#include "store/calls.h"

struct store_kind {
    const char *name;
    enum store_class class;
    enum err (*execute)(struct store *store, struct store_call *call);
};

/* Posts a call of that kind (static). */
void store_calls_post(struct store_calls *calls, const struct store_kind *kind,
                      struct store_call *call);

#endif
