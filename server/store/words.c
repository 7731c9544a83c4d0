/* SPDX-License-Identifier: MIT */
/* words.c - see words.h. */
#include "store/words.h"

#include "base/mem.h"

#include <string.h>

static size_t place_of(const char *word, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(words[i], word) == 0)
            return i;
    return 0;
}

enum store_batch_state store_batch_state_of(const char *word)
{
    return (enum store_batch_state)place_of(word, store_batch_words, STORE_DONE + 1);
}

enum store_task_state store_task_state_of(const char *word)
{
    return (enum store_task_state)place_of(word, store_task_words, STORE_TASK_STATES);
}

const char *store_code_of(enum err err)
{
    return err ? err_row(err)->code : "";
}

enum err store_err_of(const char *code)
{
    const struct err_row *row = err_row_by_code(code, strlen(code));

    return row ? row->err : ERR_OK;
}

const char *store_or_empty(const char *text)
{
    return text ? text : "";
}

static enum charged charged_of(const char *word)
{
    return strcmp(word, charged_word(CHARGED_NO)) == 0    ? CHARGED_NO
           : strcmp(word, charged_word(CHARGED_YES)) == 0 ? CHARGED_YES
                                                          : CHARGED_MAYBE;
}

const struct result *store_result_of(const struct store_answer *answer)
{
    const struct result_times times = {answer->fetched_ms, answer->expires_ms};
    enum err err = store_err_of(answer->code);

    if (answer->body)
        return result_from_json(answer->key, answer->body, answer->body_len, &times, NULL);
    return result_new_failure(answer->key, err ? err : ERR_LOOKUP_FAILED,
                              *answer->detail ? answer->detail : NULL, charged_of(answer->charged),
                              times.fetched_ms, times.expires_ms - times.fetched_ms);
}

const struct result *store_failure_of(const struct store_ended *ended)
{
    enum err err = store_err_of(ended->code);
    enum charged charged = ended->state == STORE_NOT_CREATED ? CHARGED_NO
                           : ended->has_raw                  ? CHARGED_YES
                                                             : CHARGED_MAYBE;

    return result_new_failure(ended->key, err ? err : ERR_UPSTREAM_OUTCOME_UNKNOWN,
                              *ended->detail ? ended->detail : NULL, charged, ended->ended_ms, 0);
}
