/* SPDX-License-Identifier: MIT */
/* options.c - see options.h. To add an option, add its field, a row here, and an entry in
 * docs/man/emails.1. */
#include "client/emails/options.h"

#include "base/mem.h"
#include "base/url.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

enum kind { SWITCH, TEXT, TIME, NUMBER, OUTPUT };

struct row {
    char letter; /* 0 = none */
    const char *name;
    enum kind kind;
    size_t field;
    const char *value; /* its kind; NULL = no value */
    const char *help;
    const char *group; /* the title above the row; NULL = the group continues */
    enum format format;
};

#define FIELD(name) offsetof(struct options, name)

/* clang-format off */
static const struct row table[] = {
    {'p', "plain", OUTPUT, FIELD(format), NULL, "domain, address and status, separated by tabs",
     "Output (a table on a terminal, otherwise --plain)", FORMAT_PLAIN},
    {'a', "addresses", OUTPUT, FIELD(format), NULL, "addresses only, one per line", NULL, FORMAT_ADDRESSES},
    {'j', "json", OUTPUT, FIELD(format), NULL, "one JSON object per line, as from POST /emails", NULL, FORMAT_JSON},
    {'c', "csv", OUTPUT, FIELD(format), NULL, "CSV with a header row", NULL, FORMAT_CSV},

    {'f', "file", TEXT, FIELD(file), "FILE", "read domains from FILE; a .csv needs a column \"domain\"", "Lookups", 0},
    {0, "company", TEXT, FIELD(company_name), "NAME", "name of the company, for a single domain", NULL, 0},
    {0, "city", TEXT, FIELD(city), "NAME", "its city", NULL, 0},
    {0, "state", TEXT, FIELD(state), "NAME", "its state", NULL, 0},
    {0, "country", TEXT, FIELD(country), "NAME", "its country", NULL, 0},
    {0, "refresh", SWITCH, FIELD(refresh), NULL, "look up again even if a result is known; costs a credit", NULL, 0},
    {0, "max-age", TIME, FIELD(max_age_s), "TIME", "reject results older than TIME (90s, 12h, 30d)", NULL, 0},
    {'w', "wait", TIME, FIELD(wait_s), "TIME", "stop waiting after TIME; the lookup continues [never]", NULL, 0},

    {'n', "dry-run", SWITCH, FIELD(dry_run), NULL, "spend no credits", "Credits", 0},
    {'m', "max-credits", NUMBER, FIELD(max_credits), "N", "maximum credits to spend", NULL, 0},
    {'y', "yes", SWITCH, FIELD(yes), NULL, "skip the confirmation for more than 25 paid lookups", NULL, 0},
    {0, "usage", SWITCH, FIELD(usage), NULL, "print credits spent today and credits left for this key", NULL, 0},

    {0, "url", TEXT, FIELD(url), "URL", "EMAILSD_URL, otherwise http://127.0.0.1:8080", "Server", 0},
    {0, "key-file", TEXT, FIELD(key_file), "FILE", "EMAILSD_KEY_FILE, otherwise the key in EMAILSD_KEY", NULL, 0},
    {'q', "quiet", SWITCH, FIELD(quiet), NULL, "no progress and no warnings", "Other", 0},
    {'h', "help", SWITCH, FIELD(help), NULL, "print this help and exit", NULL, 0},
    {'V', "version", SWITCH, FIELD(version), NULL, "print the version and exit", NULL, 0},
};
/* clang-format on */

#define N_ROWS     ARRAY_LEN(table)
#define FIRST_CODE 256 /* what getopt_long() returns for the first row; above all characters */
#define HELP_WIDTH 20  /* of an option and its value, without the indent */

static const char usage_text[] = "Usage: emails [OPTION]... DOMAIN...\n"
                                 "       emails [OPTION]... < domains.txt\n";

static const char examples_text[] =
    "\n"
    "  emails milvali.com                      mailboxes of one company\n"
    "  emails --dry-run < domains.txt          known results, and the cost of the rest\n"
    "  emails --csv < domains.txt > out.csv    a table, row by row as results arrive\n"
    "  emails -a milvali.com | head -1         one address\n";

static const char exit_text[] =
    "\n"
    "Exit: 0 every domain has a result (no mailboxes is a result), 1 some domains failed, 2 usage "
    "error,\n"
    "3 no emailsd reachable, or none that can serve now, 4 access denied, 5 quota or credits "
    "exhausted,\n"
    "6 lookups still in progress, 130 interrupted.\n";

/* ---- help ---- */

void options_print_usage(FILE *out)
{
    fputs(usage_text, out);
    fputs(examples_text, out);
    fputs("\nSee 'emails --help' for all options.\n", out);
}

/* One option per line: zsh reads only the first one of a line. */
static void print_row(const struct row *row, FILE *out)
{
    char left[64];
    const char letter[] = {'-', row->letter, ',', ' ', '\0'};

    snprintf(left, sizeof left, "%s--%s%s%s", row->letter ? letter : "    ", row->name,
             row->value ? " " : "", row->value ? row->value : "");
    fprintf(out, "  %-*s  %s\n", HELP_WIDTH, left, row->help);
}

void options_print_help(FILE *out)
{
    fputs(usage_text, out);
    fputs(examples_text, out);
    fputs("\n", out);
    for (size_t i = 0; i < N_ROWS; i++) {
        if (table[i].group)
            fprintf(out, "%s:\n", table[i].group);
        print_row(&table[i], out);
    }
    fputs(exit_text, out);
}

/* ---- values ---- */

/* Reads digits and returns what follows them; NULL if there are none, or too many. */
static const char *read_digits(const char *text, int64_t *ret_n)
{
    char *end;

    if (!isdigit((unsigned char)*text))
        return NULL;
    errno = 0;
    *ret_n = strtoll(text, &end, 10);
    return errno ? NULL : end;
}

enum err options_time(const char *text, int64_t *ret_seconds)
{
    static const struct {
        const char *name;
        int64_t seconds;
    } units[] = {{"", 1}, {"s", 1}, {"min", 60}, {"h", 3600}, {"d", 86400}};
    int64_t n, seconds;
    const char *unit = read_digits(text, &n);

    for (size_t i = 0; unit && i < ARRAY_LEN(units); i++)
        if (strcmp(unit, units[i].name) == 0) {
            if (__builtin_mul_overflow(n, units[i].seconds, &seconds) || seconds > INT32_MAX)
                return ERR_SYNTAX;
            *ret_seconds = seconds;
            return ERR_OK;
        }
    return ERR_SYNTAX;
}

static enum err take_number(const char *text, int64_t *ret_n)
{
    int64_t n;
    const char *end = read_digits(text, &n);

    if (!end || *end || n > INT32_MAX)
        return ERR_SYNTAX;
    *ret_n = n;
    return ERR_OK;
}

static enum err take(const struct row *row, const char *value, struct options *options,
                     struct errmsg *why)
{
    void *field = (char *)options + row->field;

    switch (row->kind) {
    case SWITCH:
        *(bool *)field = true;
        return ERR_OK;
    case OUTPUT: /* of several, the last one counts */
        *(enum format *)field = row->format;
        return ERR_OK;
    case TEXT:
        *(const char **)field = value;
        return ERR_OK;
    case TIME:
        if (!options_time(value, field))
            return ERR_OK;
        errmsg_set(why, "--%s: invalid time '%.60s'; write it as 90s, 5min, 12h or 30d", row->name,
                   value);
        return ERR_SYNTAX;
    case NUMBER:
        if (!take_number(value, field))
            return ERR_OK;
        errmsg_set(why, "--%s: invalid number '%.60s'", row->name, value);
        return ERR_SYNTAX;
    }
    return ERR_SYNTAX;
}

/* ---- the command line ---- */

/* What getopt_long() takes, made of the table. A colon in front makes it report a missing value
 * as ':'. */
static void make_arguments(char *letters, struct option *names)
{
    *letters++ = ':';
    for (size_t i = 0; i < N_ROWS; i++) {
        if (table[i].letter)
            *letters++ = table[i].letter;
        if (table[i].letter && table[i].value)
            *letters++ = ':';
        names[i] = (struct option){table[i].name, table[i].value ? required_argument : no_argument,
                                   NULL, FIRST_CODE + (int)i};
    }
    *letters = '\0';
    names[N_ROWS] = (struct option){0};
}

/* Returns NULL for '?' and ':', which are errors. */
static const struct row *find_row(int code)
{
    if (code >= FIRST_CODE)
        return &table[code - FIRST_CODE];
    for (size_t i = 0; i < N_ROWS; i++)
        if (table[i].letter == code)
            return &table[i];
    return NULL;
}

/* `optopt` holds the letter, the code of a known long option, or 0 for an unknown one. */
static enum err reject(int code, char *const *argv, struct errmsg *why)
{
    const struct row *row = find_row(optopt);
    const char *argument = argv[optind - 1];

    if (code == ':' && row)
        errmsg_set(why, "--%s requires a value", row->name);
    else if (row && optopt >= FIRST_CODE)
        errmsg_set(why, "--%s takes no value", row->name);
    else if (optopt)
        errmsg_set(why, "unknown option '-%c'; see --help", optopt);
    else
        errmsg_set(why, "unknown option '%.60s'; see --help", argument);
    return ERR_SYNTAX;
}

static enum err read_arguments(int argc, char **argv, struct options *options, struct errmsg *why)
{
    char letters[2 * N_ROWS + 2];
    struct option names[N_ROWS + 1];
    enum err err = ERR_OK;
    int code;

    make_arguments(letters, names);
    opterr = 0;
    optind = 0; /* glibc: start again, for tests that read several command lines */
    while (!err && (code = getopt_long(argc, argv, letters, names, NULL)) != -1) {
        const struct row *row = find_row(code);
        err = row ? take(row, optarg, options, why) : reject(code, argv, why);
    }
    options->domains = argv + optind;
    options->n_domains = (size_t)(argc - optind);
    return err;
}

/* ---- what contradicts each other ---- */

static enum err check_url(const char *text, struct errmsg *why)
{
    struct url url = {0};
    enum err err = url_parse(text, strlen(text), &url);

    if (url.has_user_info || url.has_query || url.has_fragment)
        err = ERR_SYNTAX;
    url_done(&url);
    if (err)
        errmsg_set(why, "--url: invalid URL '%.180s'; write it as http://127.0.0.1:8080", text);
    return err;
}

static enum err check(const struct options *options, struct errmsg *why)
{
    const char *problem = NULL;

    if (options->help || options->version)
        return ERR_OK;
    if (options->usage && (options->n_domains || options->file))
        problem = "--usage is not allowed with domains";
    else if (options->dry_run && options->refresh)
        problem = "--refresh is not allowed with --dry-run";
    else if (options->usage && options->format == FORMAT_ADDRESSES)
        problem = "--addresses is not allowed with --usage";
    if (!problem)
        return check_url(options->url, why);
    errmsg_set(why, "%s", problem);
    return ERR_SYNTAX;
}

/* Returns the variable; NULL if it is not set or empty. */
static const char *variable(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

enum err options_read(int argc, char **argv, struct options *ret_options, struct errmsg *why)
{
    struct options options = {.max_age_s = -1, .wait_s = -1, .max_credits = -1};
    enum err err = read_arguments(argc, argv, &options, why);

    if (err)
        return err;
    if (!options.url)
        options.url = variable("EMAILSD_URL");
    if (!options.url)
        options.url = "http://127.0.0.1:8080";
    if (!options.key_file)
        options.key_file = variable("EMAILSD_KEY_FILE");
    if (!options.key_file)
        options.key = variable("EMAILSD_KEY");
    err = check(&options, why);
    if (!err)
        *ret_options = options;
    return err;
}
