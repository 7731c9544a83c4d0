/* SPDX-License-Identifier: MIT */
/* allowed_hosts.c - see allowed_hosts.h. Browsers normalize a host before they send it: lower case,
 * A-labels, IPv4 addresses as four decimal numbers. */
#include "http/auth/allowed_hosts.h"

#include "model/domain.h"

#include <string.h>

struct slice host_without_port(struct slice host)
{
    const char *bracket = memrchr(host.data, ']', host.len);
    const char *colon = memrchr(host.data, ':', host.len);

    if (colon && (!bracket || colon > bracket))
        host.len = (size_t)(colon - host.data);
    return host;
}

static struct slice without_final_dot(struct slice host)
{
    if (host.len && host.data[host.len - 1] == '.')
        host.len--;
    return host;
}

static bool ends_with(struct slice slice, const char *tail, size_t len)
{
    return slice.len >= len && strncasecmp(slice.data + slice.len - len, tail, len) == 0;
}

/* Matches 127.0.0.0/8 in its usual form. Other forms that inet_aton() accepts (0x7f.1) do not
 * match. */
static bool is_loopback_v4(struct slice host)
{
    int dots = 0;

    if (host.len < sizeof "127." || strncmp(host.data, "127.", 4) != 0)
        return false;
    for (size_t i = 0; i < host.len; i++) {
        if (host.data[i] != '.' && (host.data[i] < '0' || host.data[i] > '9'))
            return false;
        dots += host.data[i] == '.';
    }
    return dots == 3;
}

bool host_is_local(struct slice host)
{
    host = without_final_dot(host);
    return is_loopback_v4(host) || slice_equals_nocase(host, "localhost") ||
           slice_equals_nocase(host, "[::1]") ||
           ends_with(host, ".localhost", sizeof ".localhost" - 1);
}

/* Returns whether the host is a name that its owner can have in the public DNS. The last label of
 * an IPv4 address is a number, and so not a public top-level domain. */
static bool is_public(struct slice host)
{
    const char *dot = memrchr(host.data, '.', host.len);

    if (!dot || host.data[0] == '[')
        return false;
    dot++;
    return domain_is_top_level(dot, host.len - (size_t)(dot - host.data));
}

bool allowed_hosts_accept(const struct allowed_hosts *listed, struct slice host)
{
    host = without_final_dot(host);
    if (!host.len)
        return false;
    if (!is_public(host))
        return true;
    for (size_t i = 0; i < listed->n; i++) {
        struct slice name = {listed->names[i], strlen(listed->names[i])};
        name = without_final_dot(name);
        if (name.len == host.len && strncasecmp(name.data, host.data, host.len) == 0)
            return true;
    }
    return false;
}

bool allowed_hosts_can_list(const char *name)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";

    return *name && name[strspn(name, allowed)] == '\0';
}
