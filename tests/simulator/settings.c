/* SPDX-License-Identifier: MIT */
/* settings.c - see settings.h. */
#include "tests/simulator/settings.h"

#include "base/mem.h"

#include <string.h>

/* ---- numbers ---- */

/* Far below INT64_MAX, so that sums of two and multiples by 1000 cannot overflow. */
#define NUMBER_MAX ((int64_t)1 << 50)

/* Reads digits and moves *text past them; ERR_SYNTAX if there are none or too many. */
static enum err digits(const char **text, int64_t *ret_value)
{
    const char *s = *text;
    int64_t value = 0;

    for (; *s >= '0' && *s <= '9'; s++) {
        value = value * 10 + (*s - '0');
        if (value > NUMBER_MAX / 1000)
            return ERR_SYNTAX;
    }
    if (s == *text)
        return ERR_SYNTAX;
    *text = s;
    *ret_value = value;
    return ERR_OK;
}

enum err parse_count(const char *text, int64_t *ret_count)
{
    int64_t value = 0;

    if (digits(&text, &value) != ERR_OK || *text)
        return ERR_SYNTAX;
    *ret_count = value;
    return ERR_OK;
}

enum err parse_duration(const char *text, int64_t *ret_ms)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
    int64_t value = 0;

    if (digits(&text, &value) != ERR_OK)
        return ERR_SYNTAX;
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (strcmp(text, units[i].name) != 0 || value > NUMBER_MAX / units[i].ms)
            continue;
        *ret_ms = value * units[i].ms;
        return ERR_OK;
    }
    if (*text || value)
        return ERR_SYNTAX;
    *ret_ms = 0;
    return ERR_OK;
}

enum err parse_thousandths(const char *text, int64_t *ret_thousandths)
{
    int64_t value = 0;

    if (digits(&text, &value) != ERR_OK)
        return ERR_SYNTAX;
    value *= 1000;
    if (*text == '.') {
        text++;
        int64_t worth = 100;
        for (; *text >= '0' && *text <= '9' && worth; text++, worth /= 10)
            value += (*text - '0') * worth;
    }
    if (*text)
        return ERR_SYNTAX;
    *ret_thousandths = value;
    return ERR_OK;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

enum err parse_hex(const char *hex, struct buf *out)
{
    for (; *hex; hex += 2) {
        int high = digit(hex[0]), low = high < 0 ? -1 : digit(hex[1]);
        if (low < 0)
            return ERR_SYNTAX;
        char byte = (char)(unsigned char)(high * 16 + low);
        enum err err = buf_add(out, &byte, 1);
        if (err)
            return err;
    }
    return ERR_OK;
}

/* ---- parts of a JSON text ---- */

static size_t skip_space(struct json_span text, size_t pos)
{
    while (pos < text.len && strchr(" \t\r\n", text.at[pos]))
        pos++;
    return pos;
}

/* Returns the position after the string that starts at `pos`. */
static size_t skip_string(struct json_span text, size_t pos)
{
    for (pos++; pos < text.len && text.at[pos] != '"'; pos++)
        if (text.at[pos] == '\\')
            pos++;
    return pos < text.len ? pos + 1 : text.len;
}

static size_t skip_scalar(struct json_span text, size_t pos)
{
    while (pos < text.len && !strchr(" \t\r\n,]}", text.at[pos]))
        pos++;
    return pos;
}

static size_t skip_nested(struct json_span text, size_t pos)
{
    size_t depth = 0;

    while (pos < text.len) {
        char c = text.at[pos];
        if (c == '"') {
            pos = skip_string(text, pos);
            continue;
        }
        pos++;
        if (c == '{' || c == '[')
            depth++;
        else if ((c == '}' || c == ']') && --depth == 0)
            break;
    }
    return pos;
}

static size_t skip_value(struct json_span text, size_t pos)
{
    if (pos >= text.len)
        return pos;
    if (text.at[pos] == '"')
        return skip_string(text, pos);
    if (text.at[pos] == '{' || text.at[pos] == '[')
        return skip_nested(text, pos);
    return skip_scalar(text, pos);
}

bool json_span_member(struct json_span text, size_t *pos, struct json_span *ret_key,
                      struct json_span *ret_value)
{
    size_t at = skip_space(text, *pos);

    if (at >= text.len || !strchr("{,", text.at[at]))
        return false;
    size_t key = skip_space(text, at + 1);
    if (key >= text.len || text.at[key] != '"')
        return false;
    size_t key_end = skip_string(text, key);
    size_t value = skip_space(text, skip_space(text, key_end) + 1); /* skips the colon */
    size_t value_end = skip_value(text, value);
    *pos = value_end;
    *ret_key = (struct json_span){text.at + key + 1, key_end - key - 2};
    *ret_value = (struct json_span){text.at + value, value_end - value};
    return true;
}

bool json_span_get(struct json_span text, const char *key, struct json_span *ret_value)
{
    struct json_span name, value;

    for (size_t pos = 0; json_span_member(text, &pos, &name, &value);) {
        if (!json_span_is(name, key))
            continue;
        *ret_value = value;
        return true;
    }
    return false;
}

bool json_span_is(struct json_span span, const char *s)
{
    return span.len == strlen(s) && memcmp(span.at, s, span.len) == 0;
}

/* ---- tables of keys ---- */

static enum err read_number(const struct setting *setting, const struct json *object, int64_t *slot)
{
    int64_t value = json_get_int(object, setting->key, INT64_MIN);

    if (value < setting->min || (setting->max && value > setting->max))
        return ERR_SYNTAX;
    *slot = value;
    return ERR_OK;
}

static enum err read_price(const struct json *object, const char *key, int64_t *slot)
{
    const char *text = json_get_string(object, key);
    int64_t whole = json_get_int(object, key, -1);

    if (text)
        return parse_thousandths(text, slot);
    if (whole < 0)
        return ERR_SYNTAX;
    *slot = whole * 1000;
    return ERR_OK;
}

static enum err read_switch(const struct json *object, const char *key, bool *slot)
{
    bool value = json_get_bool(object, key, false);

    if (value != json_get_bool(object, key, true))
        return ERR_SYNTAX;
    *slot = value;
    return ERR_OK;
}

enum err setting_word(const struct setting *setting, const char *text, unsigned *ret_index)
{
    for (unsigned i = 0; text && setting->words[i]; i++) {
        if (strcmp(setting->words[i], text) != 0)
            continue;
        *ret_index = i;
        return ERR_OK;
    }
    return ERR_SYNTAX;
}

enum err setting_text(const char *text, char *ret_text)
{
    if (!text || strlen(text) >= SETTING_TEXT_ROOM)
        return ERR_SYNTAX;
    memcpy(ret_text, text, strlen(text) + 1);
    return ERR_OK;
}

static enum err read_value(const struct setting *setting, void *target,
                           const struct setting_value *value, const char **ret_why)
{
    const char *string = json_get_string(value->object, value->key);
    void *slot = (char *)target + setting->offset;

    switch (setting->kind) {
    case SETTING_NUMBER:
    case SETTING_TIME:
        return read_number(setting, value->object, slot);
    case SETTING_PRICE:
        return read_price(value->object, value->key, slot);
    case SETTING_SWITCH:
        return read_switch(value->object, value->key, slot);
    case SETTING_WORD:
        return setting_word(setting, string, slot);
    case SETTING_TEXT:
        return setting_text(string, slot);
    case SETTING_OTHER:
        return setting->read(target, value, ret_why);
    }
    return ERR_SYNTAX;
}

static bool is_known(const struct setting *settings, size_t n, struct json_span key)
{
    for (size_t i = 0; i < n; i++)
        if (json_span_is(key, settings[i].key))
            return true;
    return false;
}

enum err settings_read(const struct setting *settings, size_t n, void *target,
                       const struct json *object, struct json_span text, const char **ret_why)
{
    struct json_span key, ignored;

    for (size_t pos = 0; json_span_member(text, &pos, &key, &ignored);) {
        if (is_known(settings, n, key))
            continue;
        *ret_why = "unknown key";
        return ERR_NO_ENTRY;
    }
    for (size_t i = 0; i < n; i++) {
        struct setting_value value = {.object = object, .key = settings[i].key};
        const char *why = value.key;
        if (!json_span_get(text, value.key, &value.text) ||
            read_value(&settings[i], target, &value, &why) == ERR_OK)
            continue;
        *ret_why = why;
        return ERR_SYNTAX;
    }
    return ERR_OK;
}

enum err settings_parse(const struct setting *settings, size_t n, void *target,
                        struct json_span text, const char **ret_why)
{
    struct json *object = NULL;
    enum err err = ERR_SYNTAX;

    *ret_why = "not a JSON object";
    if (json_parse(text.at, text.len, &object) == ERR_OK && json_is_object(object))
        err = settings_read(settings, n, target, object, text, ret_why);
    json_free(object);
    return err;
}
