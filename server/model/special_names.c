/* SPDX-License-Identifier: MIT */
/* special_names.c - see special_names.h. Addresses are detected with the functions that programs
 * use to connect, so that no text that they would read as an address passes as a name. */
#include "model/special_names.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <string.h>

/* Reserved last labels: RFC 6761 (localhost, test, invalid, example), 6762 (local), 7686 (onion),
 * 9476 (alt), 3172 (arpa, which covers home.arpa of RFC 8375), and "internal" by ICANN's resolution
 * of 2024-07-29. example.com and the like are ordinary names here. */
static const char *const special[] = {
    "localhost", "local", "internal", "test", "invalid", "example", "onion", "arpa", "alt",
};

bool domain_is_ipv4(const char *name)
{
    struct in_addr address;

    return inet_aton(name, &address) != 0;
}

bool domain_is_ip_literal(const char *host)
{
    struct in6_addr address;
    size_t len = strlen(host);
    bool bracketed = len >= 2 && host[0] == '[' && host[len - 1] == ']';
    autofree char *inside = bracketed ? xstrndup(host + 1, len - 2) : xstrdup(host);

    if (bracketed && domain_is_ipv4(inside))
        return true;
    inside[strcspn(inside, "%")] = '\0';
    return inet_pton(AF_INET6, inside, &address) == 1;
}

static const char *last_label(const char *name)
{
    const char *dot = strrchr(name, '.');

    return dot ? dot + 1 : name;
}

bool domain_ends_in_number(const char *name)
{
    const char *last = last_label(name);

    if (last[strspn(last, "0123456789")] == '\0')
        return true;
    return strncmp(last, "0x", 2) == 0 && last[2 + strspn(last + 2, "0123456789abcdef")] == '\0';
}

bool domain_is_special(const char *name)
{
    const char *last = last_label(name);

    for (size_t i = 0; i < ARRAY_LEN(special); i++)
        if (strcmp(special[i], last) == 0)
            return true;
    return false;
}
