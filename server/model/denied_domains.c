/* SPDX-License-Identifier: MIT */
/* denied_domains.c - see denied_domains.h. A sorted array of names, for a binary search. */
#include "model/denied_domains.h"

#include "base/mem.h"
#include "base/slice.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct denied_domains {
    atomic_uint refs;
    size_t n, room;
    char **names; /* sorted */
};

/* ---- one line ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Returns the line without its comment and without white space at both ends. */
static struct slice strip(struct slice line)
{
    const char *comment = line.len ? memchr(line.data, '#', line.len) : NULL;

    if (comment)
        line.len = (size_t)(comment - line.data);
    for (; line.len && is_blank(line.data[0]); line.data++)
        line.len--;
    while (line.len && is_blank(line.data[line.len - 1]))
        line.len--;
    return line;
}

static size_t count_dots(const char *text, size_t len)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++)
        n += text[i] == '.';
    return n;
}

/* domain_parse() also reads URLs and addresses, and finds the registrable domain of any host. In a
 * list that would deny more than the line says, so the line must be that domain. */
static const char *read_domain(struct slice line, struct domain *ret_domain)
{
    struct errmsg ignored;
    size_t len = line.data[line.len - 1] == '.' ? line.len - 1 : line.len;

    for (size_t i = 0; i < line.len; i++)
        if (strchr("/:@?\\", line.data[i]))
            return "not a domain";
    if (domain_parse(line.data, line.len, ret_domain, &ignored))
        return "not a registrable domain";
    if (count_dots(line.data, len) != count_dots(ret_domain->name, strlen(ret_domain->name)))
        return "a name below a registrable domain; list the registrable domain";
    return NULL;
}

/* ---- the list ---- */

static void add(struct denied_domains *denied, const struct domain *domain)
{
    if (denied->n == denied->room) {
        denied->room = denied->room ? denied->room * 2 : 64;
        denied->names = xrealloc(denied->names, denied->room * sizeof *denied->names);
    }
    denied->names[denied->n++] = xstrdup(domain->name);
}

static const char *read_lines(struct denied_domains *denied, const char *text, size_t len,
                              size_t *ret_line)
{
    const char *end = text + len;

    for (*ret_line = 1; text < end; ++*ret_line) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        const char *line_end = newline ? newline : end;
        struct slice line = strip((struct slice){text, (size_t)(line_end - text)});
        struct domain domain;
        const char *fault = line.len ? read_domain(line, &domain) : NULL;
        if (fault)
            return fault;
        if (line.len)
            add(denied, &domain);
        text = newline ? newline + 1 : end;
    }
    return NULL;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

enum err denied_domains_parse(const char *name, const char *text, size_t len,
                              struct denied_domains **ret_denied, struct errmsg *why)
{
    struct denied_domains *denied = xcalloc(1, sizeof *denied);
    size_t line = 0;
    const char *fault = read_lines(denied, text, len, &line);

    atomic_init(&denied->refs, 1);
    if (fault)
        errmsg_set(why, "%.150s: line %zu: %s", name, line, fault);
    else if (denied->n == 0)
        errmsg_set(why, "%.150s contains no domains", name);
    if (fault || denied->n == 0) {
        denied_domains_unref(denied);
        return ERR_SYNTAX;
    }
    qsort(denied->names, denied->n, sizeof *denied->names, compare);
    *ret_denied = denied;
    return ERR_OK;
}

/* ---- references ---- */

struct denied_domains *denied_domains_ref(struct denied_domains *denied)
{
    atomic_fetch_add_explicit(&denied->refs, 1, memory_order_relaxed);
    return denied;
}

void denied_domains_unref(struct denied_domains *denied)
{
    if (!denied || atomic_fetch_sub_explicit(&denied->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < denied->n; i++)
        free(denied->names[i]);
    free(denied->names);
    free(denied);
}

/* ---- finding ---- */

size_t denied_domains_count(const struct denied_domains *denied)
{
    return denied->n;
}

bool denied_domains_contain(const struct denied_domains *denied, const char *name)
{
    return denied && bsearch(&name, denied->names, denied->n, sizeof name, compare) != NULL;
}
