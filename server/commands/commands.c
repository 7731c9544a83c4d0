/* SPDX-License-Identifier: MIT */
/* commands.c - see commands.h. The table of commands and the short ones; `inspect` and
 * `healthcheck` have files of their own. */
#include "commands/commands.h"

#include "base/client_key.h"
#include "base/hash.h"
#include "base/mem.h"
#include "commands/copy_store.h"
#include "commands/healthcheck.h"
#include "commands/inspect.h"
#include "commands/resolve.h"
#include "os/state_dir.h"
#include "store/store.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

#define FORGET_TIMES 2
#define NEWS_LOOKS   100 /* polls of a running daemon, each after NEWS_WAIT_NS */
#define NEWS_WAIT_NS 100000000L

enum exit_code { EXIT_CLEAN = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_STORE_BUSY = 3 };

struct command {
    const char *name, *operand; /* operand NULL = none */
    const char *help;
    bool storeless; /* runs without a store */
    int (*run)(struct store *store, const struct config *config);
};

static int fail(int code, const char *why)
{
    fprintf(stderr, "emailsd: %s\n", why);
    return code;
}

static struct store_options options_of(const struct config *config)
{
    return (struct store_options){.url = config->store,
                                  .password_file = config->store_password_file,
                                  .schema = config->store_schema,
                                  .keeps_schema = !config->store_migrate};
}

static int fail_to_own(enum err err, const struct errmsg *why)
{
    return fail(err == ERR_STORE_BUSY      ? EXIT_STORE_BUSY
                : err == ERR_STORE_REFUSED ? EXIT_USAGE
                                           : EXIT_REFUSED,
                why->text);
}

/* ---- forget ---- */

/* Waits until a running daemon has removed the address from memory. Returns false on timeout. */
static bool wait_for_daemon(struct store *store)
{
    const struct timespec pause = {0, NEWS_WAIT_NS};

    for (int i = 0; i < NEWS_LOOKS; i++) {
        if (!store_changes_pending(store))
            return true;
        nanosleep(&pause, NULL);
    }
    return false;
}

/* Deletes twice: a daemon that waits for its disk has results in memory, and has written them when
 * it confirms the first deletion. */
static int forget(struct store *store, const struct config *config)
{
    size_t n = 0;

    if (!strchr(config->words[1], '@'))
        return fail(EXIT_USAGE, "forget requires an e-mail address, such as info@example.com");
    for (int i = 0; i < FORGET_TIMES; i++) {
        size_t found = 0;
        if (store_forget_address(store, config->words[1], &found))
            return fail(EXIT_REFUSED, "cannot write the store now; try again");
        n += found;
        if (!wait_for_daemon(store))
            return fail(EXIT_REFUSED, "deleted from the store, but the running emailsd does not "
                                      "respond, or cannot write the store; try again");
    }
    printf("deleted from %zu stored result%s\n", n, n == 1 ? "" : "s");
    return EXIT_CLEAN;
}

/* ---- key ---- */

/* Prints the key, which is stored nowhere. */
static int new_key(struct store *store, const struct config *config)
{
    const char *name = config->words[2];
    unsigned char hash[HASH_SIZE];
    char key[CLIENT_KEY_TEXT], hex[2 * HASH_SIZE + 1];

    (void)store;
    if (strcmp(config->words[1], "new") != 0 || !*name || strlen(name) > CLIENT_NAME_MAX ||
        strspn(name, CLIENT_NAME_CHARS) != strlen(name))
        return fail(EXIT_USAGE,
                    "usage: emailsd key new NAME; NAME must be 1 to 32 letters, digits, "
                    "dots, hyphens or underscores");
    client_key_new(key);
    hash_sha256(key, strlen(key), hash);
    hash_hex(hash, HASH_SIZE, hex);
    printf("key   %s\nline  %s " CLIENT_KEY_HASH_PREFIX "%s\n", key, name, hex);
    explicit_bzero(key, sizeof key);
    return EXIT_CLEAN;
}

/* ---- copy-store ---- */

/* The password and the schema are those of both, unless there are others for FROM. */
static int copy_store(struct store *store, const struct config *config)
{
    struct store_options from = options_of(config), to = from;
    struct errmsg why;

    (void)store;
    from.url = config->words[1];
    to.url = config->words[2];
    if (config->from_password_file)
        from.password_file = config->from_password_file;
    if (config->from_schema)
        from.schema = config->from_schema;
    enum err err = copy_store_print(&from, &to, stdout, &why);
    return err ? fail_to_own(err, &why) : EXIT_CLEAN;
}

/* ---- migrate ---- */

static int migrate(struct store *store, const struct config *config)
{
    const struct store_options options = options_of(config);
    struct store_schema schema;
    struct errmsg why;

    (void)store;
    if (!config->store)
        return fail(EXIT_USAGE, "--store: " STATE_DIR_MISSING);
    enum err err = store_migrate(&options, &schema, &why);
    if (err)
        return fail_to_own(err, &why);
    if (schema.before >= schema.now)
        printf("schema version %d: nothing to do\n", schema.before);
    else if (schema.before)
        printf("schema version %d: migrated from %d\n", schema.now, schema.before);
    else
        printf("schema version %d: created\n", schema.now);
    return EXIT_CLEAN;
}

/* ---- the table ---- */

static int inspect(struct store *store, const struct config *config)
{
    return inspect_print(store, config->json, stdout) ? fail(EXIT_REFUSED, "cannot read the store")
                                                      : EXIT_CLEAN;
}

static int set_paused(struct store *store, bool paused)
{
    if (store_set_paused(store, paused))
        return fail(EXIT_REFUSED, "cannot write the store now; try again");
    puts(paused ? "paused: paid lookups stop within one second"
                : "resumed: paid lookups continue within one second");
    return EXIT_CLEAN;
}

static int pause_lookups(struct store *store, const struct config *config)
{
    (void)config;
    return set_paused(store, true);
}

static int resume_lookups(struct store *store, const struct config *config)
{
    (void)config;
    return set_paused(store, false);
}

static int resolve(struct store *store, const struct config *config)
{
    const struct resolution resolution = {config->words[1], config->batch, config->not_taken};
    struct errmsg why;

    switch (resolve_print(store, &resolution, stdout, &why)) {
    case RESOLVE_DONE:
        return EXIT_CLEAN;
    case RESOLVE_REJECTED:
        return fail(EXIT_REFUSED, why.text);
    case RESOLVE_USAGE:
        break;
    }
    return fail(EXIT_USAGE, why.text);
}

static int check_health(struct store *store, const struct config *config)
{
    struct errmsg why;

    (void)store;
    return healthcheck(config->listen.values[0], config->tls_cert != NULL, &why)
               ? fail(EXIT_REFUSED, why.text)
               : EXIT_CLEAN;
}

static const struct command commands[] = {
    {"inspect", NULL, "show open and unknown batches, counts and sizes", false, inspect},
    {"pause", NULL, "stop paid lookups until `resume`", false, pause_lookups},
    {"resume", NULL, "resume paid lookups", false, resume_lookups},
    {"forget", "ADDRESS", "delete an e-mail address from all stored results", false, forget},
    {"resolve", "TRACKING-ID", "resume or refund a lookup with unknown outcome", false, resolve},
    {"migrate", NULL, "create or migrate the tables of the store", true, migrate},
    {"copy-store", "FROM TO", "copy journal and results into an empty store", true, copy_store},
    {"key", "new NAME", "create a client key", true, new_key},
    {"healthcheck", NULL, "check /livez of the local daemon", true, check_health},
};

void command_print_help(FILE *out)
{
    fputs("Usage: emailsd [OPTION]...\n"
          "       emailsd COMMAND [OPTION]...\n\n"
          "Serve GET /emails?domain=... with the shared mailboxes of a company.\n\n"
          "Commands:\n",
          out);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        const char *operand = commands[i].operand ? commands[i].operand : "";
        fprintf(out, "  %s %-*s  %s\n", commands[i].name,
                CONFIG_HELP_WIDTH - 1 - (int)strlen(commands[i].name), operand, commands[i].help);
    }
}

static const struct command *find(const struct config *config)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(commands[i].name, config->words[0]) == 0)
            return &commands[i];
    return NULL;
}

/* Returns the number of words: the name and the words of the operand. */
static size_t count_words(const struct command *command)
{
    size_t n = 1;

    if (command->operand)
        n++;
    for (const char *c = command->operand; c && *c; c++)
        n += *c == ' ';
    return n;
}

int command_run(const struct config *config)
{
    const struct command *command = find(config);
    const struct store_options options = options_of(config);
    struct errmsg why;
    struct store *store = NULL;

    if (!command) {
        fprintf(stderr, "emailsd: unknown command '%.60s'; see --help\n", config->words[0]);
        return EXIT_USAGE;
    }
    if (config->n_words != count_words(command)) {
        fprintf(stderr, "emailsd: usage: emailsd %s%s%s\n", command->name,
                command->operand ? " " : "", command->operand ? command->operand : "");
        return EXIT_USAGE;
    }
    if (!command->storeless && !config->store)
        return fail(EXIT_USAGE, "--store: " STATE_DIR_MISSING);
    if (!command->storeless && store_open_shared(&options, &store, &why))
        return fail(EXIT_REFUSED, why.text);
    int code = command->run(store, config);
    store_close(store);
    return code;
}
