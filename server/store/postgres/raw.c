/* SPDX-License-Identifier: MIT */
/* raw.c - see postgres.h. Raw results: the bytes of paid results that could not be understood,
 * until a later parser understands them. */
#include "store/postgres/postgres.h"

void pg_drop_raw(struct pg_store *s)
{
    pg_write(s, NULL, SQL_DROP_RAW_BEYOND, "ii", (int64_t)s->max_raw, (int64_t)s->max_raw_bytes);
}

enum { TRACKING_ID, LOOKUP_ID, KEY, DOMAIN, COMPANY, PARSER, STORED, BODY };

enum err pg_each_raw(struct store *store, int parser, size_t limit, store_raw_fn *each, void *arg)
{
    autorows PGresult *rows = NULL;
    enum err err =
        pg_query(pg_of(store), &rows, SQL_RAW_BELOW, "ii", (int64_t)parser, (int64_t)limit);

    for (int i = 0; !err && i < PQntuples(rows); i++) {
        const struct store_raw raw = {
            .tracking_id = pg_text(rows, i, TRACKING_ID),
            .lookup_id = pg_text(rows, i, LOOKUP_ID),
            .domain = pg_text(rows, i, DOMAIN),
            .company_name = pg_text(rows, i, COMPANY),
            .key = pg_key(rows, i, KEY),
            .parser = (int)pg_int(rows, i, PARSER),
            .stored_ms = pg_int(rows, i, STORED),
            .body = pg_text(rows, i, BODY),
            .len = (size_t)PQgetlength(rows, i, BODY),
        };
        each(arg, &raw);
    }
    return err;
}

/* What SQL_PUT_PARSED returns. */
enum { MAY_WRITE, NEW_ANSWERS, IS_STORED };

static enum err put_parsed(struct pg_store *s, int parser, struct store_parsed *parsed)
{
    autorows PGresult *rows = NULL;

    parsed->is_stored = false;
    if (!parsed->result)
        return pg_write(s, NULL, SQL_SET_PARSER, "it", (int64_t)parser, parsed->tracking_id);
    const struct pg_answer answer = pg_answer_of(s, parsed->result);
    enum err err = pg_write(s, &rows, SQL_PUT_PARSED, "t" PG_ANSWER_KINDS, parsed->tracking_id,
                            PG_ANSWER(answer));
    if (err)
        return err;
    parsed->is_stored = pg_int(rows, 0, IS_STORED) != 0;
    pg_added_answers(s, pg_int(rows, 0, NEW_ANSWERS));
    return ERR_OK;
}

/* One statement for each: after a failure, the caller repeats all, which changes nothing for those
 * that were recorded. */
enum err pg_put_parsed(struct store *store, int parser, struct store_parsed *parsed, size_t n)
{
    enum err err = ERR_OK;

    for (size_t i = 0; i < n && !err; i++)
        err = put_parsed(pg_of(store), parser, &parsed[i]);
    return err;
}
