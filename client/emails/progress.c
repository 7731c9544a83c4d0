/* SPDX-License-Identifier: MIT */
/* progress.c - see progress.h. */
#include "client/emails/progress.h"

#include "client/emails/screen.h"

#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 4096
#define BAR_WIDTH      20
#define FIRST_MS       500
#define INTERVAL_MS    250
#define CLEAR_LINE     "\r\033[K"

/* ---- its text ---- */

void progress_add_time(struct buf *out, int64_t seconds)
{
    if (seconds < 120)
        buf_addf(out, "%lld s", (long long)seconds);
    else if (seconds < 7200)
        buf_addf(out, "%lld min", (long long)(seconds + 30) / 60);
    else
        buf_addf(out, "%lld h", (long long)(seconds + 1800) / 3600);
}

/* Appends a bar of which `part` of `whole` is full; only the end of the work fills it. */
static void add_bar(struct buf *out, int64_t part, int64_t whole)
{
    int64_t full = whole > 0 ? part * BAR_WIDTH / whole : 0;

    if (full > BAR_WIDTH)
        full = BAR_WIDTH;
    buf_add_str(out, "[");
    for (int64_t i = 0; i < BAR_WIDTH; i++)
        buf_add_str(out, i < full ? "#" : "-");
    buf_add_str(out, "]");
}

static void write_single(const struct progress_state *state, struct buf *out)
{
    buf_add_str(out, state->domain);
    buf_addf(out, "  %s", state->phase ? state->phase : "waiting");
    if (state->elapsed_s < 0)
        return;
    buf_add_str(out, "  ");
    progress_add_time(out, state->elapsed_s);
    if (state->expected_s <= 0)
        return;
    buf_add_str(out, " of about ");
    progress_add_time(out, state->expected_s);
    buf_add_str(out, "  ");
    add_bar(out, state->elapsed_s, state->expected_s);
}

static void write_list(const struct progress_state *state, struct buf *out)
{
    const char *comma = "  ";

    buf_addf(out, "%zu/%zu  ", state->done, state->total);
    add_bar(out, (int64_t)state->done, (int64_t)state->total);
    if (state->failed) {
        buf_addf(out, "%s%zu failed", comma, state->failed);
        comma = ", ";
    }
    if (state->credits) {
        buf_addf(out, "%s%lld credit%s", comma, (long long)state->credits,
                 state->credits == 1 ? "" : "s");
        comma = ", ";
    }
    if (state->left_s >= 0 && state->done < state->total) {
        buf_addf(out, "%sabout ", comma);
        progress_add_time(out, state->left_s);
        buf_add_str(out, " left");
    } else if (state->elapsed_s >= 0) {
        buf_add_str(out, comma);
        progress_add_time(out, state->elapsed_s);
    }
}

static void write_text(const struct progress_state *state, struct buf *out)
{
    if (state->note && state->domain)
        buf_addf(out, "%s  %s", state->domain, state->note);
    else if (state->note)
        buf_addf(out, "%zu/%zu  %s", state->done, state->total, state->note);
    else if (state->domain)
        write_single(state, out);
    else
        write_list(state, out);
}

/* Makes the full part of a bar green. */
static void add_coloured(struct buf *out, const char *text)
{
    const char *bar = strstr(text, "[#");
    size_t full = bar ? strspn(bar + 1, "#") : 0;

    if (!full) {
        buf_add_str(out, text);
        return;
    }
    buf_add(out, text, (size_t)(bar + 1 - text));
    buf_addf(out, "\033[32m%.*s\033[0m%s", (int)full, bar + 1, bar + 1 + full);
}

void progress_add_line(const struct progress_state *state, size_t columns, bool has_colours,
                       struct buf *out)
{
    struct buf autobuf text = BUF_INIT(LINE_MAX_BYTES), cut = BUF_INIT(LINE_MAX_BYTES);

    write_text(state, &text);
    screen_add(&cut, buf_str(&text), columns);
    if (has_colours)
        add_coloured(out, buf_str(&cut));
    else
        buf_add_str(out, buf_str(&cut));
}

/* ---- on the terminal ---- */

void progress_init(struct progress *progress, bool is_quiet, int64_t now_ms)
{
    *progress = (struct progress){.is_on = !is_quiet && screen_can_redraw(STDERR_FILENO),
                                  .has_colours = screen_has_colours(STDERR_FILENO),
                                  .due_ms = now_ms + FIRST_MS};
}

/* A failure to draw changes nothing else. */
static void put(const char *text, size_t len)
{
    ssize_t n = write(STDERR_FILENO, text, len);

    (void)n;
}

void progress_draw(struct progress *progress, const struct progress_state *state, int64_t now_ms)
{
    struct buf autobuf line = BUF_INIT(LINE_MAX_BYTES);

    if (!progress->is_on || now_ms < progress->due_ms)
        return;
    progress->due_ms = now_ms + INTERVAL_MS;
    progress->is_drawn = true;
    buf_add_str(&line, CLEAR_LINE);
    /* One column less: a full line would wrap in some terminals. */
    progress_add_line(state, screen_columns(STDERR_FILENO) - 1, progress->has_colours, &line);
    put(line.data, line.len);
}

void progress_clear(struct progress *progress)
{
    if (progress->is_drawn)
        put(CLEAR_LINE, sizeof CLEAR_LINE - 1);
    progress->is_drawn = false;
}
