/* SPDX-License-Identifier: MIT */
/* request_target.c - see request_target.h. */
#include "http/protocol/request_target.h"

#include "base/mem.h"

#include <string.h>
#include <strings.h>

/* Returns the path and query of a target in absolute form, and its authority; returns any other
 * target unchanged. */
static const char *origin_form(const char *target, struct slice *ret_authority)
{
    static const char host[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._:[]";
    static const char *const schemes[] = {"http://", "https://"};

    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        size_t len = strlen(schemes[i]);
        if (strncasecmp(target, schemes[i], len) != 0)
            continue;
        size_t host_len = strspn(target + len, host);
        const char *rest = target + len + host_len;
        if (host_len == 0 || !strchr("/?", *rest))
            return target;
        *ret_authority = (struct slice){target + len, host_len};
        return *rest == '/' ? rest : "/"; /* an empty path is the root */
    }
    return target;
}

void request_target_read(struct request_target *ret_target, const char *target)
{
    struct slice authority = {0};
    const char *path = origin_form(target, &authority);
    size_t path_len = strcspn(path, "?"), len = strlen(target);

    /* RFC 9112, 2.2: a CR without an LF is invalid; other recipients may treat it as a line end. */
    ret_target->end = memchr(target, '\r', len) ? NULL : target + len;
    ret_target->authority = authority;
    ret_target->size = len;
    if (path_len >= sizeof ret_target->path)
        path_len = 0;
    memcpy(ret_target->path, path, path_len);
    ret_target->path[path_len] = '\0';
    ret_target->len = len <= sizeof ret_target->text ? len : 0;
    memcpy(ret_target->text, target, ret_target->len);
}
