/* SPDX-License-Identifier: MIT */
/* screen.c - see screen.h. The width of a character depends on the locale, which main() sets. */
#include "client/emails/screen.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#define DEFAULT_COLUMNS 80

size_t screen_unsafe(const char *text)
{
    const unsigned char *c = (const unsigned char *)text;

    if (c[0] < ' ' || c[0] == 0x7F)
        return 1;
    if (c[0] == 0xC2 && c[1] >= 0x80 && c[1] <= 0x9F) /* U+0080 to U+009F */
        return 2;
    if (c[0] == 0xE2 && c[1] == 0x80 && c[2] >= 0xA8 && c[2] <= 0xAE) /* U+2028 to U+202E */
        return 3;
    return c[0] == 0xE2 && c[1] == 0x81 && c[2] >= 0xA6 && c[2] <= 0xA9 ? 3 : 0; /* U+2066 ... */
}

/* Reads one character. Returns its length in bytes and sets its columns, -1 if it must not be
 * shown. */
static size_t take_character(const char *text, int *ret_columns)
{
    mbstate_t state = {0};
    wchar_t wide;
    size_t unsafe = screen_unsafe(text);

    if (unsafe) {
        *ret_columns = -1;
        return unsafe;
    }
    size_t len = mbrtowc(&wide, text, strlen(text), &state);

    if (len == 0 || len > strlen(text)) {
        *ret_columns = -1;
        return 1;
    }
    *ret_columns = wcwidth(wide);
    return len;
}

size_t screen_add(struct buf *out, const char *text, size_t max)
{
    size_t used = 0, len;

    for (; *text; text += len) {
        int columns;
        len = take_character(text, &columns);
        bool is_shown = columns >= 0;
        size_t width = is_shown ? (size_t)columns : 1;
        if (used + width > max)
            break;
        buf_add(out, is_shown ? text : "?", is_shown ? len : 1);
        used += width;
    }
    return used;
}

size_t screen_width(const char *text)
{
    struct buf autobuf unused = BUF_INIT(0);

    return screen_add(&unused, text, SIZE_MAX / 2);
}

size_t screen_columns(int fd)
{
    struct winsize size;
    const char *columns = getenv("COLUMNS");

    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col)
        return size.ws_col;
    unsigned long n = columns ? strtoul(columns, NULL, 10) : 0;
    return n && n < 10000 ? n : DEFAULT_COLUMNS;
}

bool screen_can_redraw(int fd)
{
    const char *term = getenv("TERM");

    return isatty(fd) && term && *term && strcmp(term, "dumb") != 0;
}

bool screen_has_colours(int fd)
{
    const char *no_colour = getenv("NO_COLOR");

    return screen_can_redraw(fd) && !(no_colour && *no_colour);
}
