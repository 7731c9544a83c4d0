/* SPDX-License-Identifier: MIT */
/* domain.c - see domain.h. Finds the host name in the input, has host_name.c reduce it to A-labels,
 * and reduces those to the registrable domain. Ambiguous input is rejected with a reason; nothing
 * is repaired.
 *
 * The result is the key of paid and cached results. Two parsers that read different hosts in one
 * text would deliver one company's results for another. So any text that allows that is rejected:
 * ports without a scheme, user info, invisible characters, bytes that UTS 46 maps to ASCII signs.
 *
 * A known trap, covered by a test: libpsl 0.21.2 considers 1.2.3.4 registrable, so addresses are
 * detected first. */
#include "model/domain.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/url.h"
#include "model/domain_reason.h"
#include "model/host_name.h"
#include "model/known_suffixes.h"
#include "model/special_names.h"

#include <ctype.h>
#include <libpsl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define INPUT_MAX 2048 /* as url.c; a Unicode host with 253 A-label bytes fits */
#define QUOTE_MAX 64   /* longer inputs are not repeated in messages */
#define LOCAL_MAX 64   /* of an e-mail address: RFC 5321, 4.5.3.1.1 */

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
    char lower[HOST_LABEL_MAX + 1];

    if (len == 0 || len > HOST_LABEL_MAX)
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

/* ------------------------------------------------------------------ A-labels -> registrable */

_Static_assert(DOMAIN_MAX == HOST_LEN_MAX, "reduce() copies whole names");

/* If the list does not contain the top-level domain, no company can have registered the name,
 * unless the list is older than the domain. If such names are accepted, the list's default rule
 * applies: the last label is the suffix. */
static enum reason check_suffix(const char *name)
{
    const char *dot = strrchr(name, '.');

    if (!dot)
        return is_suffix(name) ? REASON_SUFFIX : REASON_SINGLE;
    return accepts_unknown || is_suffix(dot + 1) ? REASON_NONE : REASON_UNKNOWN;
}

/* Writes the registrable domain of `host` to *domain, the whole name on failure. */
static enum reason reduce(const struct host_name *host, struct domain *domain)
{
    memcpy(domain->name, host->name, sizeof domain->name);
    if (domain_is_ipv4(host->name))
        return REASON_IP;
    if (domain_ends_in_number(host->name))
        return REASON_NUMBER;
    if (domain_is_special(host->name))
        return REASON_SPECIAL;
    const char *registrable = psl_registrable_domain(list, host->name);
    size_t len = registrable ? strlen(registrable) : host->len;
    if (host->odd_end > host->len - len)
        return host->odd_reason;
    enum reason reason = check_suffix(host->name);
    if (reason)
        return reason;
    if (!registrable)
        return REASON_SUFFIX;
    memcpy(domain->name, registrable, len + 1);
    return REASON_NONE;
}

static enum reason parse_host(const char *text, struct domain *domain)
{
    struct host_name host;

    if (!*text)
        return REASON_NO_HOST;
    if (strpbrk(text, ":[")) {
        if (domain_is_ip_literal(text))
            return REASON_IP;
        return strchr(text, ':') ? REASON_COLON : REASON_CHARACTER;
    }
    enum reason reason = host_name_read(text, &host);
    if (reason)
        return reason;
    return reduce(&host, domain);
}

/* ------------------------------------------------------------------ the four accepted forms */

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

/* The text after "mailto:". RFC 6068: the address may be percent-encoded, fields follow a '?'. */
static enum reason parse_mailto(const char *text, struct domain *domain)
{
    autofree char *address = url_decode(text, strcspn(text, "?#"));

    if (!address || !strchr(address, '@'))
        return REASON_ADDRESS;
    return parse_address(address, domain);
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
    if (strncasecmp(copy, "mailto:", 7) == 0)
        return parse_mailto(copy + 7, domain);
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
    char spelled[DOMAIN_MAX + HOST_LABEL_MAX];

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
    char guess[HOST_LABEL_MAX + sizeof ".com"] = "";

    if (quote)
        snprintf(subject, sizeof subject, "'%.*s'", (int)len, text);
    if (quote && reason == REASON_SINGLE)
        snprintf(guess, sizeof guess, "%.*s.com", HOST_LABEL_MAX, name);
    if (reason == REASON_UNKNOWN)
        guess_name(name, guess, sizeof guess);
    errmsg_set(why, "%s %s%s%s%s", subject, reasons[reason].words, *guess ? "; did you mean " : "",
               guess, *guess ? "?" : "");
}

/* Returns the text without white space and control characters at both ends, which copy and paste
 * and line ends leave there. Text that is not UTF-8 stays, and is rejected. */
static struct slice strip(const char *text, size_t len)
{
    if (!len || len > INPUT_MAX || !text_is_utf8(text, len))
        return (struct slice){text, len};
    return text_stripped(text, len);
}

enum err domain_parse(const char *text, size_t len, struct domain *ret_domain, struct errmsg *why)
{
    struct domain domain = {0};
    struct slice input = strip(text, len);
    enum reason reason = parse(input.data, input.len, &domain);

    if (reason) {
        explain(reason, input.data, input.len, domain.name, why);
        return reasons[reason].err;
    }
    *ret_domain = domain;
    return ERR_OK;
}

char *domain_display_name(const struct domain *domain)
{
    autofree char *label = xstrndup(domain->name, strcspn(domain->name, "."));
    autofree char *words = host_label_display(label);
    char *title = NULL;

    if (text_title(words, strlen(words), '-', &title))
        title = xstrdup(label);
    return title;
}
