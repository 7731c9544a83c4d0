/* SPDX-License-Identifier: MIT */
/* openmart_parse.c - see openmart_parse.h.
 *
 * The documented formats are: submit {"batch_id", "status": {counts}}, status {counts}, task ids as
 * an array of strings, task {"task_id", "status", "tracking_id", "data": [{"email", "status"}]},
 * balance {"balance"}. The counts are at different levels in two of them, which has caused errors
 * in other clients; here, all known places are checked. */
#include "client/openmart/openmart_parse.h"

#include "base/mem.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define COUNT_MAX  1000000
#define EMAIL_MAX  320 /* bytes; RFC 5321: 64 + 1 + 255 */
#define STATUS_MAX 64

bool openmart_id_ok(const char *id)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789_-";
    size_t len = strspn(id, allowed);

    return len > 0 && len <= OPENMART_ID_MAX && !id[len];
}

static enum err parse(const char *body, size_t len, struct json **ret_doc)
{
    struct buf repaired autobuf = BUF_INIT(JSON_MAX_BYTES);
    enum err err = json_parse(body, len, ret_doc);

    if (err != ERR_SYNTAX)
        return err;
    err = openmart_repair(body, len, &repaired);
    if (err)
        return err;
    return json_parse(buf_str(&repaired), repaired.len, ret_doc);
}

enum err openmart_parse_submit(const char *body, size_t len, char *ret_id)
{
    struct json *doc;
    enum err err = parse(body, len, &doc);

    if (err)
        return err;
    const char *id = json_get_string(doc, "batch_id");
    if (id && openmart_id_ok(id))
        memcpy(ret_id, id, strlen(id) + 1);
    else
        err = ERR_SYNTAX;
    json_free(doc);
    return err;
}

/* Returns the first place that has such a member, or NULL. */
static const struct json *place_of(const struct json *doc, const char *key)
{
    const struct json *places[] = {doc, json_get(doc, "status"), json_get(doc, "data")};

    for (size_t i = 0; i < ARRAY_LEN(places); i++)
        if (json_get(places[i], key))
            return places[i];
    return NULL;
}

static int64_t count_of(const struct json *doc, const char *key)
{
    int64_t n = json_get_int(place_of(doc, key), key, 0);

    return n < 0 ? 0 : n > COUNT_MAX ? COUNT_MAX : n;
}

enum err openmart_parse_counts(const char *body, size_t len, struct openmart_counts *ret_counts)
{
    struct json *doc;
    enum err err = parse(body, len, &doc);

    if (err)
        return err;
    if (json_is_object(doc))
        *ret_counts = (struct openmart_counts){
            .processing = count_of(doc, "processing"),
            .completed = count_of(doc, "completed"),
            .errored = count_of(doc, "errored"),
            .total = count_of(doc, "total"),
            .ready = json_get_bool(place_of(doc, "batch_ready"), "batch_ready", false),
            .known = place_of(doc, "processing") || place_of(doc, "completed") ||
                     place_of(doc, "errored") || place_of(doc, "total") ||
                     place_of(doc, "batch_ready"),
        };
    else
        err = ERR_SYNTAX;
    json_free(doc);
    return err;
}

enum err openmart_parse_balance(const char *body, size_t len, int64_t *ret_balance)
{
    struct json *doc;
    enum err err = parse(body, len, &doc);

    if (err)
        return err;
    int64_t balance = json_get_int(doc, "balance", INT64_MIN);
    json_free(doc);
    if (balance == INT64_MIN)
        return ERR_SYNTAX;
    *ret_balance = balance;
    return ERR_OK;
}

/* Returns the list, or JSON null for an empty one; NULL if there is neither. */
static const struct json *id_list(const struct json *doc)
{
    const struct json *places[] = {doc, json_get(doc, "task_ids"), json_get(doc, "data"),
                                   json_get(doc, "tasks")};

    for (size_t i = 0; i < ARRAY_LEN(places); i++)
        if (json_is_array(places[i]) || json_is_null(places[i]))
            return places[i];
    return NULL;
}

static void add_id(struct openmart_ids *ids, const struct json *entry)
{
    const char *id = json_string(entry);

    if (!id)
        id = json_get_string(entry, "task_id");
    if (!id || !openmart_id_ok(id))
        return;
    for (size_t i = 0; i < ids->n; i++)
        if (strcmp(ids->ids[i], id) == 0)
            return;
    ids->ids[ids->n++] = id;
}

enum err openmart_parse_ids(const char *body, size_t len, struct openmart_ids *ret_ids)
{
    struct openmart_ids ids = {0};
    enum err err = parse(body, len, &ids.doc);

    if (err)
        return err;
    const struct json *list = id_list(ids.doc);
    if (!list) {
        json_free(ids.doc);
        return ERR_SYNTAX;
    }
    ids.ids = xcalloc(OPENMART_IDS_MAX, sizeof *ids.ids);
    const struct json *entry = json_first(list);
    for (size_t seen = 0; entry && seen < OPENMART_IDS_MAX; seen++, entry = json_next(entry))
        add_id(&ids, entry);
    *ret_ids = ids;
    return ERR_OK;
}

void openmart_ids_done(struct openmart_ids *ids)
{
    json_free(ids->doc);
    free(ids->ids);
    *ids = (struct openmart_ids){0};
}

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

    for (size_t i = 0; i < ARRAY_LEN(states); i++)
        if (strcasecmp(word, states[i].word) == 0)
            return states[i].state;
    return OPENMART_STATE_OTHER;
}

static bool is_clean(const char *s, size_t max)
{
    size_t len = s ? strlen(s) : 0;

    return len > 0 && len <= max && !text_has_control(s, len) && !strstr(s, "\xEF\xBF\xBD");
}

/* Not an address check: rejects what cannot be an address, such as markup or a name. */
static bool is_address(const char *s)
{
    if (!is_clean(s, EMAIL_MAX) || strpbrk(s, " <>"))
        return false;
    const char *at = strrchr(s, '@');
    return at && at > s && at[1];
}

static void add_email(struct openmart_task_answer *answer, const struct json *entry)
{
    struct openmart_task *task = &answer->task;
    const char *email = json_get_string(entry, "email");
    const char *status = json_get_string(entry, "status");

    if (!is_address(email)) {
        task->n_dropped++;
    } else if (task->n_emails == OPENMART_EMAILS_MAX) {
        task->truncated = true;
    } else {
        answer->emails[task->n_emails].email = email;
        answer->emails[task->n_emails].status = is_clean(status, STATUS_MAX) ? status : "UNKNOWN";
        task->n_emails++;
    }
}

/* Absent data is a valid result ("nothing found"); data of a completed task that is not a list is
 * an error. */
static enum err read_data(struct openmart_task_answer *answer)
{
    const struct json *data = json_get(answer->doc, "data");

    if (!data || json_is_null(data))
        return ERR_OK;
    if (!json_is_array(data)) {
        answer->task.unreadable = true;
        return ERR_OK;
    }
    answer->emails = xcalloc(OPENMART_EMAILS_MAX, sizeof *answer->emails);
    answer->task.emails = answer->emails;
    for (const struct json *entry = json_first(data); entry; entry = json_next(entry))
        add_email(answer, entry);
    answer->task.unreadable = answer->task.n_dropped && !answer->task.n_emails;
    return ERR_OK;
}

enum err openmart_parse_task(const char *body, size_t len, struct openmart_task_answer *ret_answer)
{
    struct openmart_task_answer answer = {0};
    enum err err = parse(body, len, &answer.doc);

    if (err)
        return err;
    const char *state = json_get_string(answer.doc, "status");
    const char *tracking_id = json_get_string(answer.doc, "tracking_id");
    answer.task.tracking_id = tracking_id ? tracking_id : "";
    answer.task.state = state ? state_of(state) : OPENMART_STATE_OTHER;
    err = json_is_object(answer.doc) ? read_data(&answer) : ERR_SYNTAX;
    answer.task.unreadable = answer.task.unreadable || !state;
    if (err) {
        openmart_task_done(&answer);
        return err;
    }
    *ret_answer = answer;
    return ERR_OK;
}

void openmart_task_done(struct openmart_task_answer *answer)
{
    json_free(answer->doc);
    free(answer->emails);
    *answer = (struct openmart_task_answer){0};
}

/* Appends the messages found in `value`; returns whether there were any. json_parse() limits the
 * nesting, and so the recursion. */
static bool add_words(const struct json *value, struct buf *out)
{
    static const char *const keys[] = {"detail", "message", "error", "msg"};
    const char *text = json_string(value);
    bool any = false;

    if (text && text[0]) {
        buf_add_str(out, out->len ? "; " : "");
        return buf_add_str(out, text) == ERR_OK;
    }
    for (size_t i = 0; i < ARRAY_LEN(keys) && !any; i++)
        any = json_get(value, keys[i]) && add_words(json_get(value, keys[i]), out);
    for (value = json_first(value); value; value = json_next(value))
        any |= add_words(value, out);
    return any;
}

void openmart_parse_detail(const char *body, size_t len, const char *key, char *ret_detail)
{
    struct buf words autobuf = BUF_INIT(2 * JSON_MAX_BYTES);
    struct json *doc;

    ret_detail[0] = '\0';
    if (parse(body, len, &doc))
        return;
    add_words(doc, &words);
    json_free(doc);
    openmart_clean(buf_str(&words), key, ret_detail);
}
