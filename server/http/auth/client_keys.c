/* SPDX-License-Identifier: MIT */
/* client_keys.c - see client_keys.h. Parses a line into words, and the options by a table. */
#include "http/auth/client_keys.h"

#include "base/mem.h"
#include "http/auth/rate_limit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX   ((size_t)64 << 10)
#define LINE_WORDS 16

struct clients {
    atomic_uint refs;
    size_t n;
    struct client all[CLIENTS_MAX];
};

/* ---- one line ---- */

static bool take_number(struct slice text, int64_t min, int64_t max, int64_t *ret_value)
{
    int64_t value = 0;

    if (text.len < 1 || text.len > 10)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        value = value * 10 + (text.data[i] - '0');
    }
    if (value < min || value > max)
        return false;
    *ret_value = value;
    return true;
}

static bool take_quota(struct client *client, struct slice value)
{
    return take_number(value, 0, INT64_C(1000000000), &client->quota);
}

static bool take_rate(struct client *client, struct slice value)
{
    return take_number(value, 1, 1000000, &client->rate);
}

static bool take_max_wait(struct client *client, struct slice value)
{
    int64_t seconds;

    if (!take_number(value, 0, 3600, &seconds))
        return false;
    client->max_wait_ms = seconds * 1000;
    return true;
}

static bool take_weight(struct client *client, struct slice value)
{
    int64_t weight;

    if (!take_number(value, 1, 100, &weight))
        return false;
    client->weight = (int)weight;
    return true;
}

static bool take_waiters(struct client *client, struct slice value)
{
    int64_t waiters;

    if (!take_number(value, 1, 1000000, &waiters))
        return false;
    client->waiters = (size_t)waiters;
    return true;
}

static bool take_cached_only(struct client *client, struct slice value)
{
    client->cached_only = true;
    return !value.data;
}

static bool take_allow_refresh(struct client *client, struct slice value)
{
    client->allow_refresh = true;
    return !value.data;
}

static bool take_admin(struct client *client, struct slice value)
{
    client->admin = true;
    return !value.data;
}

static const struct {
    const char *name;
    bool (*take)(struct client *client, struct slice value); /* value.data NULL = no value given */
} options[] = {
    {"quota", take_quota},
    {"rate", take_rate},
    {"max_wait", take_max_wait},
    {"weight", take_weight},
    {"waiters", take_waiters},
    {"cached_only", take_cached_only},
    {"allow_refresh", take_allow_refresh},
    {"admin", take_admin},
};

static const char *take_option(struct client *client, struct slice word, unsigned *seen)
{
    const char *equals = memchr(word.data, '=', word.len);
    struct slice name = {word.data, equals ? (size_t)(equals - word.data) : word.len};
    struct slice value = {0};

    if (equals)
        value = (struct slice){equals + 1, word.len - name.len - 1};
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        if (!slice_equals(name, options[i].name))
            continue;
        if (*seen & 1U << i)
            return "duplicate option";
        *seen |= 1U << i;
        return options[i].take(client, value) ? NULL : "invalid option value";
    }
    return "unknown option";
}

static bool take_name(struct client *client, struct slice word)
{
    if (word.len > CLIENT_NAME_MAX)
        return false;
    memcpy(client->name, word.data, word.len);
    return strspn(client->name, CLIENT_NAME_CHARS) == word.len;
}

static int hex_value(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool take_hash(struct client *client, struct slice word)
{
    size_t skip = sizeof CLIENT_KEY_HASH_PREFIX - 1;

    if (word.len != skip + (size_t)2 * HASH_SIZE ||
        memcmp(word.data, CLIENT_KEY_HASH_PREFIX, skip) != 0)
        return false;
    for (size_t i = 0; i < HASH_SIZE; i++) {
        int high = hex_value(word.data[skip + 2 * i]), low = hex_value(word.data[skip + 2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        client->hash[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

/* Splits a line without its comment into words. Returns their number; stores at most LINE_WORDS. */
static size_t split(const char *line, size_t len, struct slice *words)
{
    const char *comment = memchr(line, '#', len);
    const char *end = comment ? comment : line + len;
    size_t n = 0;

    while (line < end) {
        const char *start = line;
        while (line < end && *line != ' ' && *line != '\t' && *line != '\r')
            line++;
        if (line > start && n++ < LINE_WORDS)
            words[n - 1] = (struct slice){start, (size_t)(line - start)};
        if (line < end)
            line++;
    }
    return n;
}

/* Returns NULL or what is wrong with the line. Sets *ret_client unless the line is empty. */
static const char *read_line(const char *line, size_t len, struct client *ret_client, bool *ret_any)
{
    struct client client = {.quota = ACCOUNT_NO_QUOTA, .max_wait_ms = INT64_MAX, .weight = 1};
    struct slice words[LINE_WORDS];
    size_t n = split(line, len, words);
    unsigned seen = 0;

    *ret_any = n > 0;
    if (n == 0)
        return NULL;
    if (n > LINE_WORDS)
        return "too many words";
    if (!take_name(&client, words[0]))
        return "invalid client name";
    if (n < 2 || !take_hash(&client, words[1]))
        return "the name must be followed by sha256: and 64 lower-case hex digits";
    for (size_t i = 2; i < n; i++) {
        const char *fault = take_option(&client, words[i], &seen);
        if (fault)
            return fault;
    }
    *ret_client = client;
    return NULL;
}

/* ---- the file ---- */

static const struct client *find_name(const struct clients *clients, const char *name)
{
    for (size_t i = 0; i < clients->n; i++)
        if (strcmp(clients->all[i].name, name) == 0)
            return &clients->all[i];
    return NULL;
}

static const char *add(struct clients *clients, const struct client *client)
{
    if (clients->n == CLIENTS_MAX)
        return "too many clients";
    if (find_name(clients, client->name))
        return "duplicate client name";
    for (size_t i = 0; i < clients->n; i++)
        if (memcmp(clients->all[i].hash, client->hash, HASH_SIZE) == 0)
            return "another client has the same key";
    clients->all[clients->n] = *client;
    clients->all[clients->n++].rate_limit = rate_limit_new();
    return NULL;
}

static const char *read_lines(struct clients *clients, const char *text, size_t len,
                              size_t *ret_line)
{
    const char *end = text + len;

    for (size_t number = 1; text < end; number++) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        size_t line_len = (size_t)((newline ? newline : end) - text);
        struct client client;
        bool any;
        const char *fault = read_line(text, line_len, &client, &any);
        if (!fault && any)
            fault = add(clients, &client);
        *ret_line = number;
        if (fault)
            return fault;
        text += line_len + (newline ? 1 : 0);
    }
    return NULL;
}

enum err clients_parse(const char *name, const char *text, size_t len, struct clients **ret_clients,
                       struct errmsg *why)
{
    struct clients *clients = xcalloc(1, sizeof *clients);
    size_t line = 0;
    const char *fault = read_lines(clients, text, len, &line);

    atomic_init(&clients->refs, 1);
    if (fault)
        errmsg_set(why, "%.150s: line %zu: %s", name, line, fault);
    else if (clients->n == 0)
        errmsg_set(why, "%.150s contains no clients", name);
    if (fault || clients->n == 0) {
        clients_unref(clients);
        return ERR_SYNTAX;
    }
    *ret_clients = clients;
    return ERR_OK;
}

/* A user who can write the file can grant access. */
static bool is_safe(int fd, const char *path, struct errmsg *why)
{
    struct stat st;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        errmsg_set(why, "%.150s is not a regular file", path);
    else if (st.st_mode & 022)
        errmsg_set(why, "%.150s is writable by others; run chmod go-w", path);
    else
        return true;
    return false;
}

enum err clients_read(const char *path, struct clients **ret_clients, struct errmsg *why)
{
    autofree char *text = xcalloc(1, FILE_MAX + 1);
    enum err err = ERR_SYSTEM;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    size_t len = 0;
    ssize_t n = 0;

    if (fd < 0) {
        errmsg_set(why, "%.150s: %s", path, strerror(errno));
        return ERR_SYSTEM;
    }
    if (!is_safe(fd, path, why)) {
        close(fd);
        return ERR_SYNTAX;
    }
    while (len <= FILE_MAX && (n = read(fd, text + len, FILE_MAX + 1 - len)) > 0)
        len += (size_t)n;
    if (n < 0)
        errmsg_set(why, "%.150s: %s", path, strerror(errno));
    else if (len > FILE_MAX)
        errmsg_set(why, "%.150s is longer than %zu bytes", path, FILE_MAX);
    else
        err = clients_parse(path, text, len, ret_clients, why);
    close(fd);
    return err;
}

/* ---- references ---- */

struct clients *clients_ref(struct clients *clients)
{
    atomic_fetch_add_explicit(&clients->refs, 1, memory_order_relaxed);
    return clients;
}

void clients_unref(struct clients *clients)
{
    if (!clients || atomic_fetch_sub_explicit(&clients->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < clients->n; i++)
        rate_limit_unref(clients->all[i].rate_limit);
    free(clients);
}

void clients_adopt_rate_limits(struct clients *clients, const struct clients *before)
{
    for (size_t i = 0; i < clients->n; i++) {
        const struct client *same = find_name(before, clients->all[i].name);
        if (!same)
            continue;
        rate_limit_unref(clients->all[i].rate_limit);
        clients->all[i].rate_limit = rate_limit_ref(same->rate_limit);
    }
}

size_t clients_count(const struct clients *clients)
{
    return clients->n;
}

/* ---- finding ---- */

const struct client *clients_find(const struct clients *clients, struct slice key)
{
    unsigned char hash[HASH_SIZE];
    const struct client *found = NULL;

    hash_sha256(key.len ? key.data : "", key.len, hash);
    for (size_t i = 0; i < clients->n; i++)
        if (hash_equal(clients->all[i].hash, hash))
            found = &clients->all[i];
    return found;
}

bool client_admits(const struct client *client, int64_t now_ms)
{
    return !client->rate || rate_limit_admits(client->rate_limit, client->rate, now_ms);
}
