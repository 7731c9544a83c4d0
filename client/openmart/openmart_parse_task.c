/* SPDX-License-Identifier: MIT */
/* openmart_parse_task.c - parses the paid result; see openmart_parse.h.
 *
 * The documented format is {"task_id", "status", "tracking_id", "data": [{"email", "status"}]}. The
 * sibling routes of Openmart differ from it in names and nesting, so these variants are understood
 * too: the task inside another object; the list under another name or inside an object; an address
 * as a string, as `address`, or inside an object as `email`.
 *
 * Only an empty list, null or nothing is "nothing found". If anything else is where addresses
 * should be and none is usable, the task is unreadable: the caller keeps the bytes, and a later
 * version may understand them. */
#include "client/openmart/openmart_parse.h"

#include "base/mem.h"
#include "base/slice.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define EMAIL_MAX      320 /* bytes; RFC 5321: 64 + 1 + 255 */
#define STATUS_MAX     64
#define ADDRESS_LEVELS 2 /* objects around an address: {"email": {"email": "info@milvali.com"}} */
#define LIST_LEVELS    2 /* objects around a list, in a member of the task */
#define DAMAGED        "\xEF\xBF\xBD" /* U+FFFD; openmart_repair() writes it */

/* The members that hold the addresses. Only the first one is documented. */
static const char *const list_names[] = {"data", "result", "results", "emails"};

/* ---- addresses ---- */

static bool is_clean(struct slice text, size_t max)
{
    return text.len > 0 && text.len <= max && !text_has_control(text.data, text.len) &&
           !memmem(text.data, text.len, DAMAGED, strlen(DAMAGED));
}

static bool has_any(struct slice text, const char *chars)
{
    for (; *chars; chars++)
        if (memchr(text.data, *chars, text.len))
            return true;
    return false;
}

/* Not an address check: rejects what cannot be an address, such as markup or a name. */
static bool is_address(struct slice text)
{
    if (!is_clean(text, EMAIL_MAX) || has_any(text, " <>"))
        return false;
    const char *at = memrchr(text.data, '@', text.len);
    return at && at > text.data && at + 1 < text.data + text.len;
}

/* Reads an address without the blanks around it and without "mailto:". `text` may be NULL. */
static bool read_address(const char *text, struct slice *ret_address)
{
    static const char scheme[] = "mailto:";
    struct slice address = text_trimmed(text ? text : "", text ? strlen(text) : 0);

    if (address.len >= strlen(scheme) && strncasecmp(address.data, scheme, strlen(scheme)) == 0)
        address = text_trimmed(address.data + strlen(scheme), address.len - strlen(scheme));
    if (!is_address(address))
        return false;
    *ret_address = address;
    return true;
}

/* Finds the address in a string, or in an object with at most so many levels. */
static bool find_address(const struct json *value, int levels, struct slice *ret_address)
{
    static const char *const names[] = {"email", "address"};
    bool found = read_address(json_string(value), ret_address);

    for (size_t i = 0; !found && levels > 0 && i < ARRAY_LEN(names); i++)
        found = find_address(json_get(value, names[i]), levels - 1, ret_address);
    return found;
}

static bool has_address(const struct json *value)
{
    struct slice unused;

    return find_address(value, ADDRESS_LEVELS, &unused);
}

/* ---- entries ---- */

static const char *status_of(const struct json *entry)
{
    const char *places[] = {json_get_string(entry, "status"),
                            json_get_string(json_get(entry, "email"), "status")};

    for (size_t i = 0; i < ARRAY_LEN(places); i++)
        if (places[i] && is_clean((struct slice){places[i], strlen(places[i])}, STATUS_MAX))
            return places[i];
    return "UNKNOWN";
}

/* Returns the address as a C string. Only one with something behind it must be copied. */
static const char *keep_address(struct openmart_task_answer *answer, struct slice address)
{
    if (!address.data[address.len])
        return address.data;
    if (!answer->copies)
        answer->copies = xcalloc(OPENMART_EMAILS_MAX, EMAIL_MAX + 1);
    char *copy = answer->copies + answer->task.n_emails * (EMAIL_MAX + 1);
    memcpy(copy, address.data, address.len);
    return copy;
}

static void add_email(struct openmart_task_answer *answer, const struct json *entry)
{
    struct openmart_task *task = &answer->task;
    struct slice address;

    if (!find_address(entry, ADDRESS_LEVELS, &address)) {
        task->n_dropped++;
    } else if (task->n_emails == OPENMART_EMAILS_MAX) {
        task->truncated = true;
    } else {
        answer->emails[task->n_emails].email = keep_address(answer, address);
        answer->emails[task->n_emails].status = status_of(entry);
        task->n_emails++;
    }
}

static void add_emails(struct openmart_task_answer *answer, const struct json *found)
{
    answer->emails = xcalloc(OPENMART_EMAILS_MAX, sizeof *answer->emails);
    answer->task.emails = answer->emails;
    if (!json_is_array(found))
        add_email(answer, found);
    for (const struct json *entry = json_first(found); entry; entry = json_next(entry))
        add_email(answer, entry);
}

/* ---- where the addresses are ---- */

static bool is_list_with_address(const struct json *value)
{
    for (const struct json *entry = json_first(value); entry; entry = json_next(entry))
        if (has_address(entry))
            return true;
    return false;
}

/* Returns the only member of an object that is a list with an address. Of several, one cannot tell
 * which are the mailboxes. */
static const struct json *only_list(const struct json *object)
{
    const struct json *only = NULL;

    for (const struct json *each = json_first_member(object); each; each = json_next(each)) {
        if (!is_list_with_address(each))
            continue;
        if (only)
            return NULL;
        only = each;
    }
    return only;
}

static const struct json *find_emails(const struct json *value, int levels);

/* Returns what holds addresses among the members of an object, or NULL. A list with another name
 * counts only if there is none with a known name. */
static const struct json *find_in_members(const struct json *object, int levels)
{
    const struct json *found = NULL;
    bool has_list = false;

    for (size_t i = 0; !found && i < ARRAY_LEN(list_names); i++) {
        const struct json *member = json_get(object, list_names[i]);
        has_list |= json_is_array(member);
        found = find_emails(member, levels);
    }
    return found || has_list ? found : only_list(object);
}

/* Returns a list that contains an address, or a single string or object that is one; NULL if
 * `value` (NULL = absent) has none within so many levels. */
static const struct json *find_emails(const struct json *value, int levels)
{
    if (is_list_with_address(value) || has_address(value))
        return value;
    return levels > 0 ? find_in_members(value, levels - 1) : NULL;
}

/* ---- what was left behind ---- */

static bool is_list_name(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(list_names); i++)
        if (strcmp(name, list_names[i]) == 0)
            return true;
    return false;
}

/* What an object holds besides its addresses. */
struct remainder {
    bool named;   /* a member with the name of a list */
    bool filled;  /* one that is more than an empty list or null */
    bool another; /* another list or object that is not empty, or text that may have addresses */
};

static bool has_at_sign(const struct json *value)
{
    const char *text = json_string(value);

    return text && strchr(text, '@');
}

static struct remainder remainder_of(const struct json *object, const struct json *except);

/* Returns whether `value` is an empty list, null, or an object with nothing but those. */
static bool is_empty(const struct json *value)
{
    struct remainder inside = remainder_of(value, NULL);

    return json_is_null(value) || (json_is_array(value) && !json_first(value)) ||
           (inside.named && !inside.filled && !inside.another);
}

static struct remainder remainder_of(const struct json *object, const struct json *except)
{
    struct remainder found = {0};

    for (const struct json *each = json_first_member(object); each; each = json_next(each)) {
        if (each == except)
            continue;
        bool named = is_list_name(json_member_name(each));
        found.named |= named;
        found.filled |= named && !is_empty(each);
        found.another |=
            !named && (json_first(each) || json_first_member(each) || has_at_sign(each));
    }
    return found;
}

/* ---- the task ---- */

/* Case is ignored: a different case does not mean a different state. */
static enum openmart_state state_of(const char *word)
{
    static const struct {
        const char *word;
        enum openmart_state state;
    } states[] = {
        {"PROCESSING", OPENMART_PROCESSING},
        {"COMPLETED", OPENMART_COMPLETED},
        {"ERRORED", OPENMART_ERRORED},
        {"CANCELLED", OPENMART_CANCELLED},
    };

    for (size_t i = 0; word && i < ARRAY_LEN(states); i++)
        if (strcasecmp(word, states[i].word) == 0)
            return states[i].state;
    return OPENMART_STATE_OTHER;
}

/* Returns the first member that is an object with a member `name`, or NULL. */
static const struct json *member_with(const struct json *object, const char *name)
{
    for (const struct json *each = json_first_member(object); each; each = json_next(each))
        if (json_get(each, name))
            return each;
    return NULL;
}

/* Returns the task: the document, one of its members, or its only entry. */
static const struct json *find_task(const struct json *doc)
{
    static const char *const names[] = {"tracking_id", "task_id"};

    const struct json *only = json_size(doc) == 1 ? json_first(doc) : NULL;

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (json_get(doc, names[i]))
            return doc;
        if (json_get(only, names[i]))
            return only;
        if (member_with(doc, names[i]))
            return member_with(doc, names[i]);
    }
    return doc;
}

static void read_emails(struct openmart_task_answer *answer, const struct json *task)
{
    const struct json *found = find_in_members(task, LIST_LEVELS);

    if (!found)
        found = find_in_members(answer->doc, LIST_LEVELS);
    if (!found && is_list_with_address(answer->doc))
        found = answer->doc;
    if (found)
        add_emails(answer, found);
}

/* Returns whether addresses may be in the response although none was read. */
static bool is_unreadable(const struct openmart_task_answer *answer, const struct json *task,
                          bool has_status)
{
    struct remainder inside = remainder_of(task, NULL), outside = {0};
    enum openmart_state state = answer->task.state;

    if (answer->task.n_emails || (state != OPENMART_COMPLETED && state != OPENMART_STATE_OTHER))
        return false;
    if (task != answer->doc)
        outside = remainder_of(answer->doc, task);
    bool named = inside.named || outside.named, another = inside.another || outside.another;
    return !has_status || inside.filled || outside.filled || (another && !named);
}

enum err openmart_parse_task(const char *body, size_t len, struct openmart_task_answer *ret_answer)
{
    struct openmart_task_answer answer = {0};
    enum err err = openmart_parse_json(body, len, &answer.doc);

    if (err)
        return err;
    const struct json *task = find_task(answer.doc);
    const char *tracking_id = json_get_string(task, "tracking_id");
    const char *status = json_get_string(task, "status");
    if (!status)
        status = json_get_string(answer.doc, "status");
    answer.task.tracking_id = tracking_id ? tracking_id : "";
    answer.task.state = state_of(status);
    read_emails(&answer, task);
    answer.task.unreadable = is_unreadable(&answer, task, status != NULL);
    *ret_answer = answer;
    return ERR_OK;
}

void openmart_task_done(struct openmart_task_answer *answer)
{
    json_free(answer->doc);
    free(answer->emails);
    free(answer->copies);
    *answer = (struct openmart_task_answer){0};
}
