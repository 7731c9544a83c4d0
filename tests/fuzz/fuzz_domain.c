/* SPDX-License-Identifier: MIT */
/* fuzz_domain.c - fuzzes untrusted text as the key of a paid lookup. */
#include "base/mem.h"
#include "base/text.h"
#include "model/domain.h"
#include "model/special_names.h"
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check_form(const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    size_t len = strlen(name), labels = 0;

    FUZZ_WANT(len >= 3 && len <= DOMAIN_MAX);
    for (const char *label = name;; label++) {
        size_t n = strspn(label, allowed);
        FUZZ_WANT(n >= 1 && n <= 63);
        FUZZ_WANT(label[0] != '-' && label[n - 1] != '-');
        FUZZ_WANT(label[n] == '.' || label[n] == '\0');
        labels++;
        label += n;
        if (!*label)
            break;
    }
    FUZZ_WANT(labels >= 2);
    FUZZ_WANT(!domain_is_ipv4(name) && !domain_ends_in_number(name) && !domain_is_special(name));
}

static void check_why(const char *why, const uint8_t *data, size_t size)
{
    size_t len = strnlen(why, ERRMSG_MAX);

    FUZZ_WANT(len > 0 && len < ERRMSG_MAX);
    FUZZ_WANT(text_is_utf8(why, len) && !text_has_control(why, len));
    if (size >= 16 && memmem(why, len, data, size)) /* shorter ones occur in the text by chance */
        FUZZ_WANT(text_is_name((const char *)data, size));
}

/* Checks another spelling of the same name. */
static void check_same(const char *before, const char *name, const char *behind)
{
    char text[4 * DOMAIN_MAX];
    struct errmsg why;
    struct domain again;

    snprintf(text, sizeof text, "%s%s%s", before, name, behind);
    enum err err = domain_parse(text, strlen(text), &again, &why);
    FUZZ_WANT(err == ERR_OK);
    FUZZ_WANT(strcmp(again.name, name) == 0);
}

static enum err parse_below(const char *label, const char *name)
{
    char text[2 * DOMAIN_MAX];
    struct errmsg why;
    struct domain again;

    snprintf(text, sizeof text, "%s.%s", label, name);
    enum err err = domain_parse(text, strlen(text), &again, &why);
    FUZZ_WANT(err || strcmp(again.name, name) == 0);
    return err;
}

/* Below `name` may be a suffix, as in *.compute.amazonaws.com; an odd label is invalid there. */
static void check_below(const char *name)
{
    static const char plain[] = "zz9zz";
    static const char *const odd[] = {"_a", "a--b", "-", "xn--a", "\u2603", "\u00FC-"};

    if (strlen(name) + sizeof plain > DOMAIN_MAX)
        return;
    enum err err = parse_below(plain, name);
    FUZZ_WANT(err == ERR_OK || err == ERR_PUBLIC_SUFFIX);
    for (size_t i = 0; i < ARRAY_LEN(odd); i++)
        FUZZ_WANT(parse_below(odd[i], name) == (err ? ERR_INVALID_DOMAIN : ERR_OK));
}

static void check_name(const struct domain *domain)
{
    autofree char *upper = input_other_case(domain->name);
    autofree char *title = domain_display_name(domain);

    check_form(domain->name);
    check_same("", domain->name, "");
    check_same("", domain->name, ".");
    check_same("https://", domain->name, ":443/a?b#c");
    check_same("info@", domain->name, "");
    check_same("", domain->name, "/a@b?c#d");
    check_same(" \t", domain->name, "\r\n");
    check_same("MailTo:info@", domain->name, "?subject=a");
    check_below(domain->name);
    struct domain again;
    struct errmsg why;
    FUZZ_WANT(!domain_parse(upper, strlen(upper), &again, &why));
    FUZZ_WANT(strcmp(again.name, domain->name) == 0);
    FUZZ_WANT(*title && text_is_utf8(title, strlen(title)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool started;
    struct domain domain = {.name = "untouched"};
    struct errmsg why = {""};

    if (!started)
        FUZZ_WANT(domain_start() == ERR_OK);
    started = true;
    switch (domain_parse((const char *)data, size, &domain, &why)) {
    case ERR_OK:
        check_name(&domain);
        break;
    case ERR_MISSING_DOMAIN:
        FUZZ_WANT(text_stripped((const char *)data, size).len == 0);
        check_why(why.text, data, size);
        break;
    case ERR_INVALID_DOMAIN:
    case ERR_PUBLIC_SUFFIX:
    case ERR_IP_ADDRESS:
    case ERR_SPECIAL_USE_DOMAIN:
    case ERR_UNKNOWN_SUFFIX:
        FUZZ_WANT(strcmp(domain.name, "untouched") == 0);
        check_why(why.text, data, size);
        break;
    default:
        fuzz_fail(__FILE__, __LINE__, "only the errors that domain.h names");
    }
    return 0;
}
