/* SPDX-License-Identifier: MIT */
/* main.c - emails: looks up the mailboxes of companies with an emailsd, for users at a terminal and
 * for scripts.
 *
 * Read it from top to bottom: the options, the domains, the server, the question, the lookups. One
 * thread; a signal only sets a number. */
#include "base/mem.h"
#include "base/secret.h"
#include "client/emails/confirm.h"
#include "client/emails/domains.h"
#include "client/emails/options.h"
#include "client/emails/rounds.h"
#include "client/emails/session.h"
#include "client/emails/usage.h"
#include "version.h"

#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the streams ---- */

/* What is written to a closed stream would reach the file or the socket that gets its number. A
 * stream that cannot be written reports an error, as a closed one does. */
static void occupy_closed_streams(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDONLY);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

/* ---- the domains ---- */

static enum err read_domains(const struct options *options, struct domains *list,
                             struct errmsg *why)
{
    const char *file = options->file;

    for (size_t i = 0; i < options->n_domains; i++)
        domains_add(list, (struct slice){options->domains[i], strlen(options->domains[i])});
    if (!file && options->n_domains == 0)
        file = "-";
    return file ? domains_read_file(list, file, why) : ERR_OK;
}

/* Sets what the options say about a single company. */
static enum err set_company(const struct options *options, struct domains *list, struct errmsg *why)
{
    const char *const values[] = {options->company_name, options->city, options->state,
                                  options->country};

    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        if (!values[i])
            continue;
        if (list->n != 1) {
            errmsg_set(why, "--company, --city, --state and --country require a single domain; a "
                            ".csv file can have them for each");
            return ERR_SYNTAX;
        }
        free(list->entries[0].fields[i]);
        list->entries[0].fields[i] = xstrdup(values[i]);
    }
    return ERR_OK;
}

/* ---- the server ---- */

static enum err read_key(const struct options *options, struct secret **ret_key, struct errmsg *why)
{
    if (options->key_file)
        return secret_from_file(options->key_file, ret_key, why);
    if (options->key)
        return secret_from_text("EMAILSD_KEY", options->key, ret_key, why);
    return ERR_OK;
}

/* ---- signals ---- */

static void take_signal(int number)
{
    session_signal = number;
}

/* A signal that is ignored, as SIGINT is in the background of a shell, stays ignored. */
static void catch_signal(int number)
{
    struct sigaction action = {.sa_handler = take_signal, .sa_flags = (int)SA_RESETHAND}, before;

    if (sigaction(number, &action, &before) == 0 && before.sa_handler == SIG_IGN)
        signal(number, SIG_IGN);
}

/* A second signal ends the process immediately. SIGPIPE would end it inside of libcurl. */
static void catch_signals(void)
{
    catch_signal(SIGINT);
    catch_signal(SIGTERM);
    signal(SIGPIPE, SIG_IGN);
}

/* ---- from start to end ---- */

static void start(struct session *session)
{
    const struct options *options = session->options;

    session->started_ms = session_now_ms();
    session->deadline_ms = INT64_MAX;
    session->shown = (struct progress_state){.elapsed_s = -1, .expected_s = -1, .left_s = -1};
    if (session->list.n == 1)
        session->shown.domain = session->list.entries[0].input;
    output_init(&session->output, options, &session->list);
    session->output.gives_up = session_is_interrupted;
    progress_init(&session->progress, options->quiet, session->started_ms);
}

/* The answer to the question is not part of the wait. */
static void start_wait(struct session *session)
{
    session->started_ms = session_now_ms();
    if (session->options->wait_s >= 0)
        session->deadline_ms = session->started_ms + session->options->wait_s * 1000;
}

static int run(struct session *session)
{
    const struct options *options = session->options;

    start(session);
    if (options->usage) {
        usage_print(session);
    } else if (session->list.n == 0) {
        session_note(session, "emails: the input has no domains");
    } else if (confirm_spending(session)) {
        start_wait(session);
        rounds_run(session);
    }
    return session_end(session);
}

static int connect_and_run(struct session *session)
{
    const struct http_options http = {session->options->url, session->key, session_tick, session};

    catch_signals();
    if (http_new(&http, &session->http)) {
        session_error(session, "cannot use libcurl");
        return STATUS_FAILED;
    }
    int status = run(session);
    http_free(session->http);
    output_done(&session->output);
    return status;
}

static int reject(const char *why)
{
    fprintf(stderr, "emails: %s\n", why);
    return STATUS_USAGE;
}

int main(int argc, char **argv)
{
    struct options options;
    struct session session = {.options = &options};
    struct secret *key = NULL;
    struct errmsg why;

    occupy_closed_streams();
    setlocale(LC_CTYPE, "");
    if (options_read(argc, argv, &options, &why))
        return reject(why.text);
    if (options.help || options.version) {
        if (options.help)
            options_print_help(stdout);
        else
            puts("emails " EMAILSD_VERSION " (" EMAILSD_REVISION ")");
        return fflush(stdout) ? STATUS_FAILED : STATUS_OK;
    }
    if (!options.usage && options.n_domains == 0 && !options.file && isatty(STDIN_FILENO)) {
        options_print_usage(stderr);
        return STATUS_USAGE;
    }
    enum err err = read_key(&options, &key, &why);
    if (!err && !options.usage)
        err = read_domains(&options, &session.list, &why);
    if (!err && !options.usage)
        err = set_company(&options, &session.list, &why);
    session.key = key ? secret_text(key) : NULL;
    int status = err ? reject(why.text) : connect_and_run(&session);
    domains_done(&session.list);
    secret_free(key);
    return status;
}
