/* SPDX-License-Identifier: MIT */
/* host_name.h - converts a host name as typed to lower-case A-labels.
 *
 * Labels are mapped by UTS 46 (non-transitional; libidn2). The mapped output is checked as letters,
 * digits and hyphens and never repaired, because libidn2's own STD3 flag deletes illegal bytes.
 *
 * No company can register a label such as "_dmarc", "r2---sn" or "-a", but DNS and URLs allow them
 * below a registered name. Such labels are accepted here; the caller rejects the name if one of
 * them is part of the registrable domain. Part of domain.c; the only user of libidn2. Any thread.
 */
#ifndef MODEL_HOST_NAME_H
#define MODEL_HOST_NAME_H

#include "model/domain_reason.h"

#include <stddef.h>

#define HOST_LABEL_MAX 63  /* RFC 1035 */
#define HOST_LEN_MAX   253 /* as text, without the dot of the root */

struct host_name {
    char name[HOST_LEN_MAX + 1];
    size_t len;
    /* Everything up to this offset is in front of the registrable domain, or the name is rejected
     * for `odd_reason`. 0: every label may be registered. An odd label that is not ASCII is
     * replaced by "-". */
    size_t odd_end;
    enum reason odd_reason;
};

/* Reads a host name of any bytes, with or without the dot of the root. Returns REASON_NONE, or what
 * is wrong with it. */
enum reason host_name_read(const char *host, struct host_name *ret_name);

/* Returns an A-label in Unicode, any other text unchanged. Heap, owned by the caller. */
char *host_label_display(const char *label);

#endif
