/* SPDX-License-Identifier: MIT */
/* domain.c - see domain.h. Reduces the input to a host name, the host name to A-labels, and those
 * to the registrable domain. Ambiguous input is rejected with a reason; nothing is repaired.
 *
 * The result is the key of paid and cached results. Two parsers that read different hosts in one
 * text would deliver one company's results for another. So any text that allows that is rejected:
 * ports without a scheme, user info, invisible characters, bytes that UTS 46 maps to ASCII signs.
 *
 * Known traps, each covered by a test: libidn2 2.3.3 with its STD3 flag deletes illegal bytes
 * ("a_b.com" becomes "ab.com"); without, it accepts them, as well as empty labels and whatever maps
 * to '/', ':' or '@'. It drops ignorable code points silently. So the flag is never set, ignorables
 * are rejected first, and the output is checked. libpsl 0.21.2 considers 1.2.3.4 registrable, so
 * addresses are detected first. */
#include "model/domain.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/url.h"
#include "model/known_suffixes.h"
#include "model/special_names.h"

#include <ctype.h>
#include <idn2.h>
#include <libpsl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define INPUT_MAX 2048 /* as url.c; a Unicode host with 253 A-label bytes fits */
#define LABEL_MAX 63
#define QUOTE_MAX 64 /* longer inputs are not repeated in messages */
#define LOCAL_MAX 64 /* of an e-mail address: RFC 5321, 4.5.3.1.1 */
#define IDN_FLAGS (IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT)

/*  X(reason, error, problem: completes "'input' " or "the domain ") */
#define REASON_TABLE(X)                                                                            \
    X(EMPTY, MISSING_DOMAIN, "is empty")                                                           \
    X(INPUT, INVALID_DOMAIN, "is longer than 2048 bytes")                                          \
    X(UTF8, INVALID_DOMAIN, "is not valid UTF-8")                                                  \
    X(CONTROL, INVALID_DOMAIN, "contains a space or a control character")                          \
    X(INVISIBLE, INVALID_DOMAIN, "contains an invisible character")                                \
    X(URL, INVALID_DOMAIN, "is not a complete http or https URL")                                  \
    X(USER_INFO, INVALID_DOMAIN, "contains a user name or password; send only the host name")      \
    X(ADDRESS, INVALID_DOMAIN, "is not a single plain e-mail address")                             \
    X(COLON, INVALID_DOMAIN, "contains a colon; send the host name or a complete http(s) URL")     \
    X(NO_HOST, INVALID_DOMAIN, "does not start with a host name")                                  \
    X(CHARACTER, INVALID_DOMAIN, "contains a character that is not allowed in host names")         \
    X(IDN, INVALID_DOMAIN, "violates the rules for internationalized names (IDNA 2008)")           \
    X(EMPTY_LABEL, INVALID_DOMAIN, "has an empty label between dots")                              \
    X(LONG_LABEL, INVALID_DOMAIN, "has a label longer than 63 characters")                         \
    X(LONG, INVALID_DOMAIN, "is longer than 253 characters")                                       \
    X(HYPHEN, INVALID_DOMAIN, "has a label that starts or ends with a hyphen")                     \
    X(HYPHENS, INVALID_DOMAIN, "has a label with hyphens as third and fourth characters")          \
    X(NUMBER, INVALID_DOMAIN, "ends in a number, which is not a valid top-level domain")           \
    X(SINGLE, INVALID_DOMAIN, "has no public suffix")                                              \
    X(SUFFIX, PUBLIC_SUFFIX, "is a public suffix; company domains are registered below it")        \
    X(IP, IP_ADDRESS, "is an IP address; send the company's domain")                               \
    X(SPECIAL, SPECIAL_USE_DOMAIN, "ends in a reserved name that cannot belong to a company")      \
    X(UNKNOWN, UNKNOWN_SUFFIX, "ends in an unknown top-level domain")

enum reason {
    REASON_NONE = 0,
#define X(reason, error, words) REASON_##reason,
    REASON_TABLE(X)
#undef X
};

static const struct {
    enum err err;
    const char *words;
} reasons[] = {
#define X(reason, error, words) [REASON_##reason] = {ERR_##error, words},
    REASON_TABLE(X)
#undef X
};

/* Written by domain_start(), read-only until domain_stop(). */
static psl_ctx_t *list;
static char list_source[512] = "none";
static bool accepts_unknown;

/* ------------------------------------------------------------------ the suffix list */

static bool is_suffix(const char *name)
{
    return psl_is_public_suffix2(list, name, PSL_TYPE_ANY | PSL_TYPE_NO_STAR_RULE);
}

bool domain_is_top_level(const char *label, size_t len)
{
    char lower[LABEL_MAX + 1];

    if (len == 0 || len > LABEL_MAX)
        return false;
    for (size_t i = 0; i < len; i++)
        lower[i] = (char)tolower((unsigned char)label[i]);
    lower[len] = '\0';
    return is_suffix(lower);
}

/* libpsl does not report which list it loaded, only whether it is the built-in one. */
static void describe_list(void)
{
    const char *file = psl_dist_filename();
    struct stat st;
    char date[CLOCK_TEXT];

    if (list == psl_builtin() || !file || stat(file, &st) != 0) {
        clock_rfc3339((int64_t)psl_builtin_file_time() * 1000, date);
        snprintf(list_source, sizeof list_source, "built into libpsl, %.10s", date);
        return;
    }
    clock_rfc3339((int64_t)st.st_mtime * 1000, date);
    snprintf(list_source, sizeof list_source, "%s, %.10s", file, date);
}

enum err domain_start(void)
{
    list = psl_latest(NULL);
    /* A list without "com" is damaged, and would allow paid lookups of suffixes. */
    if (!list || !is_suffix("com")) {
        domain_stop();
        return ERR_NO_ENTRY;
    }
    describe_list();
    return ERR_OK;
}

void domain_stop(void)
{
    psl_free(list);
    list = NULL;
    accepts_unknown = false;
    snprintf(list_source, sizeof list_source, "none");
}

void domain_accept_unknown_suffixes(void)
{
    accepts_unknown = true;
}

const char *domain_list_source(void)
{
    return list_source;
}

/* ------------------------------------------------------------------ host name -> A-labels */

/* Most names are plain ASCII and need only lower-casing. Those with "--" may be A-labels, or
 * invalid. */
static bool is_plain(const char *host)
{
    for (const char *s = host; *s; s++)
        if ((unsigned char)*s >= 0x80)
            return false;
    return !strstr(host, "--");
}

static enum reason reason_of_idn(int rc)
{
    switch (rc) {
    case IDN2_TOO_BIG_LABEL:
    case IDN2_PUNYCODE_BIG_OUTPUT:
        return REASON_LONG_LABEL;
    case IDN2_TOO_BIG_DOMAIN:
        return REASON_LONG;
    case IDN2_HYPHEN_STARTEND:
        return REASON_HYPHEN;
    case IDN2_2HYPHEN:
        return REASON_HYPHENS;
    default:
        return REASON_IDN;
    }
}

static enum reason map_host(const char *host, char **ret_mapped)
{
    if (is_plain(host)) {
        *ret_mapped = xstrdup(host);
        for (char *s = *ret_mapped; *s; s++)
            if (*s >= 'A' && *s <= 'Z')
                *s = (char)(*s - 'A' + 'a');
        return REASON_NONE;
    }
    unsigned char *out = NULL;
    int rc = idn2_lookup_u8((const unsigned char *)host, &out, IDN_FLAGS);
    if (rc != IDN2_OK)
        return reason_of_idn(rc);
    *ret_mapped = xstrdup((const char *)out);
    idn2_free(out);
    return REASON_NONE;
}

static enum reason check_labels(const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-";

    for (const char *label = name;; label++) {
        size_t len = strcspn(label, ".");
        if (strspn(label, allowed) < len)
            return REASON_CHARACTER;
        if (!len)
            return REASON_EMPTY_LABEL;
        if (len > LABEL_MAX)
            return REASON_LONG_LABEL;
        if (label[0] == '-' || label[len - 1] == '-')
            return REASON_HYPHEN;
        label += len;
        if (!*label)
            return REASON_NONE;
    }
}

/* Writes `ret_domain` only if all checks pass. */
static enum reason canonical_host(const char *host, struct domain *ret_domain)
{
    size_t len = strlen(host);

    /* Checked again, because libcurl decodes percent signs in the host of a URL. */
    if (!text_is_utf8(host, len))
        return REASON_UTF8;
    if (text_has_ignorable(host, len))
        return REASON_INVISIBLE;
    autofree char *name = NULL;
    enum reason reason = map_host(host, &name);
    if (!name)
        return reason;
    len = strlen(name);
    if (len > 1 && name[len - 1] == '.') /* one trailing dot means the root; two are an error */
        name[--len] = '\0';
    reason = check_labels(name);
    if (reason)
        return reason;
    if (len > DOMAIN_MAX)
        return REASON_LONG;
    memcpy(ret_domain->name, name, len + 1);
    return REASON_NONE;
}

/* ------------------------------------------------------------------ A-labels -> registrable */

/* Reduces domain->name. If the list does not contain the top-level domain, no company can
 * have registered the name, unless the list is older than the domain. If such names are accepted,
 * the list's default rule applies: the last label is the suffix. */
static enum reason reduce(struct domain *domain)
{
    if (domain_is_ipv4(domain->name))
        return REASON_IP;
    if (domain_ends_in_number(domain->name))
        return REASON_NUMBER;
    if (domain_is_special(domain->name))
        return REASON_SPECIAL;
    if (!strchr(domain->name, '.'))
        return is_suffix(domain->name) ? REASON_SUFFIX : REASON_SINGLE;
    if (!accepts_unknown && !is_suffix(strrchr(domain->name, '.') + 1))
        return REASON_UNKNOWN;
    const char *registrable = psl_registrable_domain(list, domain->name);
    if (!registrable)
        return REASON_SUFFIX;
    memmove(domain->name, registrable, strlen(registrable) + 1);
    return REASON_NONE;
}

static enum reason parse_host(const char *host, struct domain *domain)
{
    if (!*host)
        return REASON_NO_HOST;
    if (strpbrk(host, ":[")) {
        if (domain_is_ip_literal(host))
            return REASON_IP;
        return strchr(host, ':') ? REASON_COLON : REASON_CHARACTER;
    }
    enum reason reason = canonical_host(host, domain);
    if (reason)
        return reason;
    return reduce(domain);
}

/* ------------------------------------------------------------------ the three accepted forms */

/* Returns whether `s` is a dot-atom of RFC 5322, 3.2.3 and RFC 6531, without '/', '?' and '#',
 * which could make the address look like a URL. */
static bool is_local_part(const char *s, size_t len)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "!$%&'*+-=^_`{|}~.";

    if (!len || len > LOCAL_MAX || s[0] == '.' || s[len - 1] == '.')
        return false;
    for (size_t i = 0; i < len; i++) {
        bool twice = i && s[i] == '.' && s[i - 1] == '.';
        if (twice || ((unsigned char)s[i] < 0x80 && !strchr(allowed, s[i])))
            return false;
    }
    return true;
}

static enum reason parse_address(const char *text, struct domain *domain)
{
    const char *at = strrchr(text, '@');
    size_t local_len = (size_t)(at - text);

    if (memchr(text, ':', local_len))
        return REASON_USER_INFO;
    if (!is_local_part(text, local_len))
        return REASON_ADDRESS;
    return parse_host(at + 1, domain); /* an address has no path: '/' is rejected */
}

static enum reason parse_url(const char *text, struct domain *domain)
{
    struct url url;
    enum reason reason = REASON_USER_INFO;

    if (url_parse(text, strlen(text), &url))
        return REASON_URL;
    if (!url.has_user_info)
        reason = parse_host(url.host, domain);
    url_done(&url);
    return reason;
}

static enum reason parse(const char *text, size_t len, struct domain *domain)
{
    if (!len)
        return REASON_EMPTY;
    if (len > INPUT_MAX)
        return REASON_INPUT;
    if (!text_is_utf8(text, len))
        return REASON_UTF8;
    if (memchr(text, ' ', len) || text_has_control(text, len))
        return REASON_CONTROL;
    autofree char *copy = xstrndup(text, len); /* contains no NUL: that is a control character */
    if (strncasecmp(copy, "http://", 7) == 0 || strncasecmp(copy, "https://", 8) == 0)
        return parse_url(copy, domain);
    size_t host_len = strcspn(copy, "/?#");
    if (memchr(copy, '@', host_len))
        return parse_address(copy, domain);
    copy[host_len] = '\0';
    return parse_host(copy, domain);
}

/* ------------------------------------------------------------------ error messages */

/* Writes what the name below a misspelled top-level domain was probably meant to be; "" if there is
 * no guess. */
static void guess_name(const char *name, char *ret_guess, size_t size)
{
    const char *dot = strrchr(name, '.');
    const char *suffix = known_suffix_near(dot + 1);
    char spelled[DOMAIN_MAX + LABEL_MAX];

    *ret_guess = '\0';
    if (!suffix)
        return;
    snprintf(spelled, sizeof spelled, "%.*s.%s", (int)(dot - name), name, suffix);
    const char *registrable = psl_registrable_domain(list, spelled);
    if (registrable && strlen(registrable) < size)
        memcpy(ret_guess, registrable, strlen(registrable) + 1);
}

/* Repeats the input only if it consists of characters of names: a mistyped URL may contain a
 * password. A host name that was found in it, `name`, has only such characters. */
static void explain(enum reason reason, const char *text, size_t len, const char *name,
                    struct errmsg *why)
{
    bool quote = len && len <= QUOTE_MAX && text_is_name(text, len);
    char subject[QUOTE_MAX + 3] = "the domain";
    char guess[LABEL_MAX + sizeof ".com"] = "";

    if (quote)
        snprintf(subject, sizeof subject, "'%.*s'", (int)len, text);
    if (quote && reason == REASON_SINGLE)
        snprintf(guess, sizeof guess, "%.*s.com", LABEL_MAX, name);
    if (reason == REASON_UNKNOWN)
        guess_name(name, guess, sizeof guess);
    errmsg_set(why, "%s %s%s%s%s", subject, reasons[reason].words, *guess ? "; did you mean " : "",
               guess, *guess ? "?" : "");
}

enum err domain_parse(const char *text, size_t len, struct domain *ret_domain, struct errmsg *why)
{
    struct domain domain = {0};
    enum reason reason = parse(text, len, &domain);

    if (reason) {
        explain(reason, text, len, domain.name, why);
        return reasons[reason].err;
    }
    *ret_domain = domain;
    return ERR_OK;
}

char *domain_display_name(const struct domain *domain)
{
    autofree char *label = xstrndup(domain->name, strcspn(domain->name, "."));
    char *decoded = NULL, *title = NULL;

    if (strncmp(label, "xn--", 4) != 0 || idn2_to_unicode_8z8z(label, &decoded, 0) != IDN2_OK)
        decoded = NULL;
    const char *words = decoded ? decoded : label;
    if (text_title(words, strlen(words), '-', &title))
        title = xstrdup(label);
    idn2_free(decoded);
    return title;
}
