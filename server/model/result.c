/* SPDX-License-Identifier: MIT */
/* result.c - see result.h. Builds the bodies of a result once, then counts references.
 *
 * The JSON body is compact, in the order of the published contract, and ends with a newline for
 * terminals. The text and CSV bodies are built at the same time: they are short, and a result stays
 * immutable and its bodies comparable by ETag. */
#include "model/result.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/csv_write.h"
#include "base/json.h"
#include "base/mem.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Holds a thousand entries with the longest address and status, even if every byte is escaped. */
#define BODY_MAX ((size_t)4 << 20)

static bool is_repeat(const struct result_email *emails, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (strcasecmp(emails[j].email, emails[i].email) == 0)
            return true;
    return false;
}

/* Copies the entries without repeats, in order. Quadratic in at most a thousand entries, once per
 * lookup. */
static size_t without_repeats(const struct result_facts *facts, struct result_email *kept)
{
    size_t n = 0;

    for (size_t i = 0; i < facts->n_emails; i++)
        if (!is_repeat(facts->emails, i))
            kept[n++] = facts->emails[i];
    return n;
}

static void add_json(struct buf *out, const struct result_facts *facts,
                     const struct result_email *emails, size_t n, int64_t expires_ms)
{
    char fetched[CLOCK_TEXT], expires[CLOCK_TEXT];

    clock_rfc3339(facts->fetched_ms, fetched);
    clock_rfc3339(expires_ms, expires);
    buf_add_str(out, "{\"domain\":");
    json_add_text(out, facts->domain);
    buf_add_str(out, ",\"company_name\":");
    json_add_text(out, facts->company_name);
    buf_add_str(out, ",\"emails\":[");
    for (size_t i = 0; i < n; i++) {
        buf_add_str(out, i ? ",{\"email\":" : "{\"email\":");
        json_add_text(out, emails[i].email);
        buf_add_str(out, ",\"status\":");
        json_add_text(out, emails[i].status);
        buf_add_str(out, "}");
    }
    buf_addf(out, "],\"count\":%zu%s,\"fetched_at\":\"%s\",\"expires_at\":\"%s\"}\n", n,
             facts->truncated ? ",\"truncated\":true" : "", fetched, expires);
}

static void add_text(struct buf *out, const struct result_email *emails, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_addf(out, "%s\n", emails[i].email);
}

static void add_csv(struct buf *out, const struct result_email *emails, size_t n)
{
    buf_add_str(out, "email,status\r\n");
    for (size_t i = 0; i < n; i++) {
        csv_add_cell(out, emails[i].email);
        buf_add_str(out, ",");
        csv_add_cell(out, emails[i].status);
        buf_add_str(out, "\r\n");
    }
}

static void set_body(struct result *result, enum result_format format, struct buf *text)
{
    struct result_body *body = &result->bodies[format];
    unsigned char hash[HASH_SIZE];
    char hex[33];

    if (buf_check(text)) /* never truncated; collected again after the restart */
        mem_ran_out();
    body->data = buf_take(text, &body->len);
    hash_sha256(body->data, body->len, hash);
    hash_hex(hash, 16, hex);
    snprintf(body->etag, sizeof body->etag, "\"%s\"", hex);
    result->bytes += body->len + 1;
}

static struct result *new_result(const unsigned char *key, int64_t fetched_ms, int64_t ttl_ms)
{
    struct result *result = xcalloc(1, sizeof *result);

    atomic_init(&result->refs, 1);
    memcpy(result->key, key, HASH_SIZE);
    result->fetched_ms = fetched_ms;
    result->expires_ms = fetched_ms + ttl_ms;
    result->bytes = sizeof *result;
    return result;
}

const struct result *result_new_answer(const struct result_facts *facts)
{
    autofree struct result_email *kept = xcalloc(facts->n_emails, sizeof *kept);
    size_t n = without_repeats(facts, kept);
    struct result *result =
        new_result(facts->key, facts->fetched_ms, n ? facts->ttl_found_ms : facts->ttl_empty_ms);
    struct buf text = BUF_INIT(BODY_MAX);

    result->domain = xstrdup(facts->domain);
    result->bytes += strlen(facts->domain) + 1;
    result->n_emails = n;
    result->charged = n ? CHARGED_YES : CHARGED_NO;
    add_json(&text, facts, kept, n, result->expires_ms);
    set_body(result, RESULT_JSON, &text);
    add_text(&text, kept, n);
    set_body(result, RESULT_TEXT, &text);
    add_csv(&text, kept, n);
    set_body(result, RESULT_CSV, &text);
    return result;
}

const struct result *result_new_failure(const unsigned char *key, enum err err, const char *detail,
                                        enum charged charged, int64_t fetched_ms, int64_t ttl_ms)
{
    struct result *result = new_result(key, fetched_ms, ttl_ms);

    result->err = err;
    result->charged = charged;
    if (detail) {
        result->detail = xstrdup(detail);
        result->bytes += strlen(detail) + 1;
    }
    return result;
}

bool result_claim_refresh(const struct result *result, int64_t now_ms)
{
    struct result *mine = (struct result *)(uintptr_t)result;
    long long before = atomic_load_explicit(&mine->refresh_claimed_ms, memory_order_relaxed);

    if (before && now_ms - before < RESULT_REFRESH_MS)
        return false;
    return atomic_compare_exchange_strong_explicit(&mine->refresh_claimed_ms, &before, now_ms,
                                                   memory_order_relaxed, memory_order_relaxed);
}

void result_unclaim_refresh(const struct result *result)
{
    struct result *mine = (struct result *)(uintptr_t)result;

    atomic_store_explicit(&mine->refresh_claimed_ms, 0, memory_order_relaxed);
}

const struct result *result_ref(const struct result *result)
{
    /* Only the count and the claim change after creation; the cast is confined to this file. */
    atomic_fetch_add_explicit(&((struct result *)(uintptr_t)result)->refs, 1, memory_order_relaxed);
    return result;
}

void result_unref(const struct result *result)
{
    struct result *mine = (struct result *)(uintptr_t)result;

    if (!mine || atomic_fetch_sub_explicit(&mine->refs, 1, memory_order_acq_rel) > 1)
        return;
    for (int i = 0; i < RESULT_FORMATS; i++)
        free((char *)(uintptr_t)mine->bodies[i].data);
    free(mine->domain);
    free(mine->detail);
    free(mine);
}
