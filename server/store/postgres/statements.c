/* SPDX-License-Identifier: MIT */
/* statements.c - see postgres.h. The text of every statement.
 *
 * A write begins with LEAD, and does nothing unless LEAD has its row: $1 is the owner's epoch, or 0
 * for another process. After a failover that lost the last commits, two owners may have one epoch,
 * so the owner's id is compared too. FOR SHARE makes a new owner wait for the writes that began
 * before. Another process locks nothing here, so that the owner's heartbeat never waits for it. Its
 * first column says whether LEAD had its row, its second what was done: 0 = nothing, because what
 * is recorded contradicts it. It finds out whether the same was done before, which is a success.
 *
 * Long because it is a table. */
#include "store/postgres/postgres.h"

/* The session's own mark is compared, so that the statement does nothing in a session of another
 * process, to which a pooler has brought it. */
#define IS_MINE "leader = current_setting('emailsd.owner', true)"
#define LEAD                                                                                       \
    "WITH owner AS MATERIALIZED"                                                                   \
    " (SELECT 1 FROM leadership WHERE $1::bigint <> 0 AND epoch = $1 AND " IS_MINE " FOR SHARE),"  \
    " lead AS MATERIALIZED (SELECT 1 FROM owner UNION ALL SELECT 1 WHERE $1 = 0), "
#define MAY          "EXISTS(SELECT FROM lead)"
#define HAS_LED      "(SELECT count(*) FROM lead)"
#define COUNT(name)  "(SELECT count(*) FROM " name ")"
#define EXISTS(name) "EXISTS(SELECT FROM " name ")"

/* The ends of a write. */
#define COUNT_OF(name)     "SELECT " HAS_LED ", " COUNT(name)
#define DONE_IF(condition) "SELECT " HAS_LED ", (" condition ")::int::bigint"

#define SEEN "(extract(epoch FROM seen_at) * 1000000)::bigint"
#define SESSION                                                                                    \
    "seen_at = clock_timestamp(), pid = pg_backend_pid(), session_start ="                         \
    " (SELECT backend_start FROM pg_stat_get_activity(pg_backend_pid()))"

#define TASK_COLUMNS                                                                               \
    "t.tracking_id, t.lookup_id, t.key, t.domain, t.company_name, t.city, t.state, t.country,"     \
    " t.client, t.day, coalesce(t.outcome, 'open'), t.task_id, t.code, t.detail, t.ended_ms"
#define HAS_RAW "EXISTS(SELECT FROM raw_results r WHERE r.tracking_id = t.tracking_id)"
#define IS_LOST "t.outcome = 'unknown' AND NOT " HAS_RAW

/* One row for each task, in the order of the batch; one with NULLs if it has no task. */
#define BATCH_ROWS                                                                                 \
    "SELECT b.number, b.state, b.batch_id, b.risked, b.intended_ms, b.notify_token, "              \
    "b.response, " TASK_COLUMNS " FROM batches b LEFT JOIN tasks t ON t.batch = b.number "
#define OLDEST_FIRST " ORDER BY b.intended_ms, b.number, t.place, t.tracking_id"
#define NEWEST_FIRST " ORDER BY b.intended_ms DESC, b.number DESC, t.place, t.tracking_id"

/* Adds `sums` (day, client, n) to the accounts, or takes it from them. */
#define CHARGE(name, sums)                                                                         \
    name " AS (INSERT INTO accounts(day, client, credits) SELECT day, client, n FROM " sums        \
         " ORDER BY day, client ON CONFLICT (day, client)"                                         \
         " DO UPDATE SET credits = accounts.credits + excluded.credits) "
#define REFUND(name, sums)                                                                         \
    name " AS (UPDATE accounts a SET credits = greatest(0, a.credits - s.n) FROM " sums            \
         " s WHERE a.day = s.day AND a.client = s.client) "

/* The same end is recorded already. */
#define HAS_ENDED                                                                                  \
    "EXISTS(SELECT FROM tasks WHERE tracking_id = $2 AND outcome = $3 AND task_id = $4"            \
    " AND code = $5)"
#define SET_OUTCOME                                                                                \
    "UPDATE tasks SET outcome = $3, task_id = $4, code = $5, detail = $6, ended_ms = $7 WHERE "

/* The tasks that are deleted first. */
#define FIRST_ENDED                                                                                \
    "FROM tasks t JOIN batches b ON b.number = t.batch WHERE t.outcome IS NOT NULL"                \
    " AND t.ended_ms >= 0 AND b.state = 'over' ORDER BY t.ended_ms LIMIT "

/* Stores the result in the parameters key to expires, unless the key is NULL. A failure replaces no
 * result. */
#define KEEP(key, domain, body, code, detail, charged, fetched, expires, rows, and)                \
    "kept AS (INSERT INTO answers AS old(key, domain, body, code, detail, charged, fetched_ms,"    \
    " expires_ms) SELECT " key "::bytea, " domain ", " body ", " code ", " detail ", " charged     \
    ", " fetched "::bigint, " expires "::bigint FROM " rows " WHERE " key " IS NOT NULL" and       \
        " ON CONFLICT (key) DO UPDATE SET domain = excluded.domain, body = excluded.body,"         \
        " code = excluded.code, detail = excluded.detail, charged = excluded.charged,"             \
        " fetched_ms = excluded.fetched_ms, expires_ms = excluded.expires_ms"                      \
        " WHERE excluded.body IS NOT NULL OR old.body IS NULL RETURNING key, xmax = 0 AS is_new) "
#define NEW_ROWS "(SELECT count(*) FROM kept WHERE is_new)"

/* Records for the owner what another process has deleted: the column `key` of `rows`. */
#define NOTE(rows)                                                                                 \
    "next AS (UPDATE head SET seq = head.seq + " COUNT(rows) " WHERE $1 = 0 AND " EXISTS(          \
        rows) " RETURNING head.seq),"                                                              \
              " noted AS (INSERT INTO forgotten(seq, key)"                                         \
              " SELECT next.seq + 1 - row_number() OVER (), " rows ".key FROM next, " rows ") "

/* Compares bytes, without ASCII case: `encode` makes a text of any bytes, the same of equal ones.
 */
#define CONTAINS(column, parameter)                                                                \
    "strpos(lower(encode(" column ", 'escape') COLLATE \"C\"),"                                    \
    " lower(encode(convert_to(" parameter ", 'UTF8'), 'escape') COLLATE \"C\")) > 0"

/* A part of a table: of its pages, those from $1 on and before $2. They are read in their order,
 * without the rest of the table. */
#define IN_PAGES                                                                                   \
    "ctid >= ('(' || $1::bigint || ',0)')::tid AND ctid < ('(' || $2::bigint || ',0)')::tid"
#define PAGES(table) "pg_relation_size('" table "') / current_setting('block_size')::bigint"

/* clang-format off */
const char *const pg_statements[SQL_STATEMENTS] = {
    [SQL_CLAIM] =
        "UPDATE leadership SET epoch = epoch + 1, leader = $1, " SESSION
        " WHERE leader = '' OR " SEEN " = $2::bigint RETURNING epoch",
    /* Without privileges, a session of another role has no start. */
    [SQL_LOOK_AT_OWNER] =
        "SELECT CASE WHEN leader = '' THEN 0::bigint ELSE " SEEN " END,"
        " EXISTS(SELECT FROM pg_stat_activity a WHERE a.pid = l.pid"
        " AND coalesce(a.backend_start = l.session_start, true)) FROM leadership l",
    [SQL_HEARTBEAT] =
        "WITH lead AS (UPDATE leadership SET " SESSION
        " WHERE epoch = $1::bigint AND " IS_MINE " RETURNING 1) SELECT " HAS_LED,
    /* The number also exceeds those that were tried in vain: a late statement changes nothing. */
    [SQL_RENEW] =
        "WITH renewed AS (UPDATE leadership SET epoch = $2::bigint, " SESSION
        " WHERE leader = $1 AND " IS_MINE " AND epoch < $2 RETURNING 1) SELECT " COUNT("renewed")
        ", EXISTS(SELECT FROM leadership WHERE leader = $1)",
    [SQL_RELEASE] =
        "WITH lead AS (UPDATE leadership SET leader = '' WHERE epoch = $1::bigint"
        " AND " IS_MINE " RETURNING 1) SELECT " HAS_LED,
    [SQL_IS_OWNED] =
        "SELECT leader <> '' AND seen_at > clock_timestamp() - interval '1 ms'"
        " * $1::bigint FROM leadership",

    [SQL_BEGIN_BATCH] =
        LEAD "new AS (INSERT INTO batches(number, state, notify_token, intended_ms)"
        " SELECT $2::bigint, 'sending', $3, $4 FROM lead"
        " ON CONFLICT (number) DO NOTHING RETURNING number),"
        " added AS (INSERT INTO tasks(batch, place, tracking_id, lookup_id, key, domain,"
        " company_name, city, state, country, client, day) SELECT new.number, u.place,"
        " u.tracking_id, u.lookup_id, u.key, u.domain, u.company_name, u.city, u.state,"
        " u.country, u.client, u.day FROM new, unnest($5::text[], $6::text[], $7::bytea[],"
        " $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[],"
        " $14::bigint[]) WITH ORDINALITY AS u(tracking_id, lookup_id, key, domain,"
        " company_name, city, state, country, client, day, place) RETURNING day, client),"
        " sums AS (SELECT day, client, count(*) AS n FROM added GROUP BY day, client), "
        CHARGE("charged", "sums")
        DONE_IF(EXISTS("new") " OR (EXISTS(SELECT FROM batches WHERE number = $2"
        " AND state = 'sending' AND notify_token = $3) AND (SELECT count(*) = cardinality($5)"
        " AND bool_and(tracking_id = ANY($5)) FROM tasks WHERE batch = $2))"),
    /* Tasks that are charged to that day already stay as they are, also if the same statement has
     * changed them since this one began: FOR UPDATE reads the days that it has written. */
    [SQL_SENDING] =
        LEAD "sent AS (UPDATE batches SET state = 'sending',"
        " notify_token = coalesce(nullif($4, ''), notify_token)"
        " WHERE number = $2 AND state IN ('sending', 'resting') AND " MAY " RETURNING number),"
        " old AS (SELECT tracking_id, day, client FROM tasks, sent WHERE batch = number"
        " AND outcome IS NULL AND day <> $3::bigint FOR UPDATE OF tasks),"
        " days AS (UPDATE tasks t SET day = $3 FROM old WHERE t.tracking_id = old.tracking_id"
        " RETURNING old.day, old.client),"
        " moved AS (SELECT day, client, count(*) AS n FROM days GROUP BY day, client),"
        " sums AS (SELECT $3::bigint AS day, client, sum(n)::bigint AS n FROM moved"
        " GROUP BY client), " REFUND("refunded", "moved") ", " CHARGE("charged", "sums")
        COUNT_OF("sent"),
    [SQL_NOT_SENT] =
        LEAD "changed AS (UPDATE batches SET state = 'resting' WHERE number = $2"
        " AND state IN ('sending', 'resting') AND " MAY " RETURNING 1) "
        DONE_IF(EXISTS("changed") " OR EXISTS(SELECT FROM batches WHERE number = $2"
        " AND state = 'over' AND batch_id = '' AND (risked OR NOT EXISTS(SELECT FROM tasks"
        " WHERE batch = number AND outcome = 'unknown')))"),
    [SQL_RESUBMITTED] =
        LEAD "risked AS (UPDATE batches SET risked = true WHERE number = $2"
        " AND state = 'sending' AND NOT risked AND " MAY " RETURNING number),"
        " days AS (UPDATE tasks SET day = $3::bigint FROM risked WHERE batch = number"
        " AND outcome IS NULL RETURNING client),"
        " sums AS (SELECT $3::bigint AS day, client, count(*) AS n FROM days GROUP BY client), "
        CHARGE("charged", "sums")
        DONE_IF(EXISTS("risked") " OR EXISTS(SELECT FROM batches WHERE number = $2"
        " AND state = 'sending' AND risked AND NOT EXISTS(SELECT FROM tasks"
        " WHERE batch = number AND outcome IS NULL AND day <> $3))"),
    [SQL_SUBMITTED] =
        LEAD "changed AS (UPDATE batches SET state = 'submitted', batch_id = $3,"
        " submitted_ms = $4 WHERE number = $2 AND state = 'sending' AND " MAY " RETURNING 1) "
        DONE_IF(EXISTS("changed") " OR EXISTS(SELECT FROM batches WHERE number = $2"
        " AND state IN ('submitted', 'over') AND batch_id = $3 AND batch_id <> '')"),
    /* Repeated, the tasks may have left the half too. */
    [SQL_SPLIT] =
        LEAD "half AS (INSERT INTO batches(number, state, risked, intended_ms)"
        " SELECT $3::bigint, state, risked, $5 FROM batches WHERE number = $2"
        " AND state = 'resting' AND " MAY " AND cardinality($4::text[]) = (SELECT count(*)"
        " FROM tasks WHERE batch = $2 AND tracking_id = ANY($4) AND outcome IS NULL)"
        " ON CONFLICT (number) DO NOTHING RETURNING number),"
        " moved AS (UPDATE tasks SET batch = half.number FROM half WHERE batch = $2"
        " AND tracking_id = ANY($4) RETURNING 1) "
        DONE_IF(EXISTS("half") " OR (EXISTS(SELECT FROM batches WHERE number = $3)"
        " AND NOT EXISTS(SELECT FROM tasks WHERE batch = $2 AND tracking_id = ANY($4)))"),

    /* Neither a task nor a key occurs twice. See ends.c for the columns. */
    [SQL_END_TASKS] =
        LEAD "u AS MATERIALIZED (SELECT * FROM unnest((SELECT $2::text[]), $3::text[], $4::text[],"
        " $5::text[], $6::text[], $7::bigint[], $8::bytea[], $9::text[], $10::text[], $11::text[],"
        " $12::text[], $13::text[], $14::bigint[], $15::bigint[], $16::int[], $17::bytea[])"
        " WITH ORDINALITY AS u(tracking_id, outcome, task_id, code, detail, ended_ms, key, domain,"
        " body, error, words, charged, fetched_ms, expires_ms, parser, raw, place)),"
        " ended AS (UPDATE tasks t SET outcome = u.outcome, task_id = u.task_id, code = u.code,"
        " detail = u.detail, ended_ms = u.ended_ms FROM u WHERE t.tracking_id = u.tracking_id"
        " AND t.outcome IS NULL AND " MAY " RETURNING t.tracking_id, t.batch, t.lookup_id,"
        " t.key AS question, t.domain AS name, t.company_name),"
        " closed AS (UPDATE batches SET state = 'over' WHERE number IN (SELECT batch FROM ended)"
        " AND NOT EXISTS(SELECT FROM tasks t WHERE t.batch = number AND t.outcome IS NULL"
        " AND t.tracking_id NOT IN (SELECT tracking_id FROM ended))), "
        KEEP("key", "domain", "body", "error", "words", "charged", "fetched_ms", "expires_ms",
             "u JOIN ended USING (tracking_id)", " ORDER BY key")
        ", raw AS (INSERT INTO raw_results(tracking_id, lookup_id, key, domain, company_name,"
        " parser, stored_ms, body) SELECT tracking_id, lookup_id, question, name, company_name,"
        " parser, ended_ms, raw FROM u JOIN ended USING (tracking_id) WHERE raw IS NOT NULL"
        " ORDER BY place ON CONFLICT (tracking_id) DO UPDATE SET id = excluded.id,"
        " parser = excluded.parser, stored_ms = excluded.stored_ms, body = excluded.body)"
        " SELECT " HAS_LED ", CASE WHEN ended.batch IS NOT NULL THEN 1::bigint"
        " WHEN EXISTS(SELECT FROM tasks t WHERE t.tracking_id = u.tracking_id"
        " AND t.outcome = u.outcome AND t.task_id = u.task_id AND t.code = u.code) THEN 2 ELSE 0"
        " END, coalesce(kept.is_new, false), u.body IS NOT NULL OR NOT EXISTS(SELECT FROM answers a"
        " WHERE a.key = (SELECT t.key FROM tasks t WHERE t.tracking_id = u.tracking_id)"
        " AND a.body IS NOT NULL)"
        " FROM u LEFT JOIN ended USING (tracking_id) LEFT JOIN kept ON kept.key = u.key"
        " ORDER BY u.place",
    /* A batch whose tasks were all moved by splits is deleted. A response is not stored again,
     * because it may have been deleted since. */
    [SQL_END_BATCH] =
        LEAD "ended AS (" SET_OUTCOME "batch = $2 AND outcome IS NULL AND " MAY
        " RETURNING day, client),"
        " sums AS (SELECT day, client, count(*) AS n FROM ended WHERE $8::bigint <> 0"
        " GROUP BY day, client), " REFUND("refunded", "sums")
        ", closed AS (UPDATE batches SET state = 'over', response = CASE WHEN " EXISTS("ended")
        " THEN coalesce($9::bytea, response) ELSE response END WHERE number = $2 AND " MAY
        " AND EXISTS(SELECT FROM tasks WHERE batch = $2)),"
        " dropped AS (DELETE FROM batches WHERE number = $2 AND " MAY
        " AND NOT EXISTS(SELECT FROM tasks WHERE batch = $2)) " COUNT_OF("ended"),
    [SQL_COUNT_ENDED] =
        "SELECT count(*), " PAGES("tasks") " FROM tasks WHERE " IN_PAGES
        " AND outcome IS NOT NULL AND ended_ms >= 0",
    [SQL_DROP_ENDED] =
        LEAD "dropped AS (DELETE FROM tasks WHERE tracking_id IN"
        " (SELECT t.tracking_id " FIRST_ENDED "$2) AND " MAY " RETURNING tracking_id, batch),"
        " emptied AS (DELETE FROM batches WHERE number IN (SELECT batch FROM dropped)"
        " AND NOT EXISTS(SELECT FROM tasks t WHERE t.batch = number"
        " AND t.tracking_id NOT IN (SELECT tracking_id FROM dropped))) " COUNT_OF("dropped"),

    [SQL_OPEN_BATCHES] = BATCH_ROWS "WHERE b.state <> 'over'" OLDEST_FIRST,
    [SQL_BATCH_BY_TOKEN] =
        BATCH_ROWS "WHERE b.notify_token = $1 AND b.notify_token <> ''" OLDEST_FIRST,
    [SQL_BATCH_BY_NUMBER] = BATCH_ROWS "WHERE b.number = $1" OLDEST_FIRST,
    [SQL_BATCH_OF] = "SELECT batch FROM tasks WHERE tracking_id = $1",
    [SQL_RESPONSES] =
        BATCH_ROWS "WHERE b.number IN (SELECT number FROM batches"
        " WHERE response IS NOT NULL ORDER BY intended_ms DESC, number DESC LIMIT $1)" NEWEST_FIRST,
    [SQL_UNKNOWN_TASKS] =
        "SELECT * FROM (SELECT " TASK_COLUMNS ", b.batch_id FROM tasks t"
        " JOIN batches b ON b.number = t.batch WHERE t.outcome = 'unknown' AND t.ended_ms >= $1"
        " ORDER BY t.ended_ms DESC LIMIT $2) AS newest ORDER BY ended_ms",
    [SQL_FIND_LOOKUP] =
        "SELECT t.key, t.outcome, t.code, t.detail, t.ended_ms, " HAS_RAW
        " FROM tasks t WHERE t.lookup_id = $1 AND t.outcome IS NOT NULL"
        " ORDER BY t.ended_ms LIMIT 1",
    [SQL_STATS] =
        "SELECT 'batch', state, count(*) FROM batches GROUP BY state"
        " UNION ALL SELECT 'task', coalesce(outcome, 'open'), count(*) FROM tasks GROUP BY outcome"
        " UNION ALL SELECT CASE WHEN body IS NULL THEN 'failed' WHEN charged = 'no' THEN 'empty'"
        " ELSE 'found' END AS kind, '', count(*) FROM answers GROUP BY kind"
        " UNION ALL SELECT 'risked', '', count(*) FROM batches WHERE risked"
        " UNION ALL SELECT 'responses', '', count(*) FROM batches WHERE response IS NOT NULL"
        " UNION ALL SELECT 'raw', '', count(*) FROM raw_results"
        " UNION ALL SELECT 'raw_bytes', '', coalesce(sum(length(body)), 0)::bigint"
        " FROM raw_results"
        " UNION ALL SELECT 'bytes', '', sum(pg_total_relation_size(oid))::bigint FROM pg_class"
        " WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'"
        " UNION ALL SELECT 'schema', '', version FROM schema_version",

    [SQL_RESOLVE_BATCH] =
        LEAD "reopened AS (UPDATE tasks t SET outcome = NULL, task_id = '', code = '', detail = '',"
        " ended_ms = NULL FROM batches b WHERE b.number = $2 AND t.batch = b.number"
        " AND b.state = 'over' AND b.batch_id IN ('', $3) AND " IS_LOST " AND " MAY
        " RETURNING t.batch),"
        " resumed AS (UPDATE batches SET state = 'submitted', batch_id = $3, submitted_ms = $4"
        " WHERE number IN (SELECT batch FROM reopened) RETURNING 1) "
        DONE_IF(EXISTS("resumed") " OR EXISTS(SELECT FROM batches WHERE number = $2"
        " AND state IN ('submitted', 'over') AND batch_id = $3 AND submitted_ms = $4"
        " AND NOT EXISTS(SELECT FROM tasks t WHERE t.batch = number AND " IS_LOST "))")
        ", " COUNT("reopened"),
    [SQL_NOT_TAKEN] =
        LEAD "changed AS (UPDATE tasks t SET outcome = 'not-created', code = $3, detail = $4,"
        " ended_ms = $5 WHERE tracking_id = $2 AND outcome = 'unknown' AND " MAY
        " AND (SELECT batch_id FROM batches WHERE number = t.batch) = ''"
        " RETURNING day, client),"
        " sums AS (SELECT day, client, 1 AS n FROM changed), " REFUND("refunded", "sums")
        ", next AS (UPDATE head SET seq = seq + 1 WHERE $1 = 0 AND " EXISTS("changed")
        " RETURNING seq), noted AS (INSERT INTO not_taken(seq, tracking_id)"
        " SELECT seq, $2 FROM next) "
        DONE_IF(EXISTS("changed") " OR EXISTS(SELECT FROM tasks WHERE tracking_id = $2"
        " AND outcome = 'not-created' AND detail = $4)"),
    [SQL_RESOLVE_TASK] =
        LEAD "ended AS (" SET_OUTCOME "tracking_id = $2 AND outcome = 'unknown' AND " MAY
        " RETURNING 1), " KEEP("$8", "$9", "$10", "$11", "$12", "$13", "$14", "$15", "ended", "")
        DONE_IF(EXISTS("ended") " OR " HAS_ENDED) ", " NEW_ROWS,
    [SQL_HAS_OUTLIVED] =
        "SELECT NOT EXISTS(SELECT FROM batches WHERE number = $1)"
        " AND coalesce((SELECT t.ended_ms " FIRST_ENDED "1) > $2, false)",
    [SQL_PROPOSE] =
        LEAD "proposed AS (INSERT INTO proposals(batch, batch_id) SELECT t.batch, $3 FROM tasks t"
        " JOIN batches b ON b.number = t.batch WHERE t.tracking_id = $2 AND " IS_LOST
        " AND b.state = 'over' AND b.batch_id IN ('', $3) AND " MAY
        " ON CONFLICT (batch) DO UPDATE SET batch_id = excluded.batch_id RETURNING 1) "
        COUNT_OF("proposed"),
    [SQL_DROP_PROPOSAL] =
        LEAD "dropped AS (DELETE FROM proposals WHERE batch = $2"
        " AND batch_id = $3 AND " MAY " RETURNING 1) " COUNT_OF("dropped"),
    [SQL_PROPOSAL_STATE] =
        "SELECT CASE WHEN t.outcome IS DISTINCT FROM 'unknown' THEN $2::bigint"
        " WHEN EXISTS(SELECT FROM proposals p WHERE p.batch = t.batch) THEN $3::bigint"
        " ELSE $4::bigint END FROM tasks t WHERE t.tracking_id = $1",

    /* See news.c for the columns and the kinds. */
    [SQL_READ_NEWS] =
        "SELECT 0::bigint AS kind, 0::bigint AS place, 0::bigint, NULL::bytea, NULL::text,"
        " coalesce((SELECT value FROM settings WHERE name = 'paused'), 0::bigint), NULL::text"
        " UNION ALL (SELECT 1, seq, seq, key, NULL, 0, NULL FROM forgotten ORDER BY seq LIMIT $2)"
        " UNION ALL (SELECT 2, n.seq, n.seq, t.key, t.client, t.day, t.lookup_id FROM not_taken n"
        " LEFT JOIN tasks t USING (tracking_id) ORDER BY n.seq LIMIT $2)"
        " UNION ALL (SELECT 3, p.batch, p.batch, NULL, p.batch_id, EXISTS(SELECT FROM tasks t"
        " WHERE t.batch = p.batch AND " IS_LOST ")::int, NULL FROM proposals p"
        " ORDER BY p.batch LIMIT $2)"
        " UNION ALL (SELECT 4, row_number() OVER searched, b.number, b.response, b.notify_token,"
        " EXISTS(SELECT FROM tasks t WHERE t.batch = b.number AND " IS_LOST ")::int, NULL"
        " FROM batches b WHERE b.response IS NOT NULL AND b.searched_ms < $1"
        " WINDOW searched AS (ORDER BY b.searched_ms, b.intended_ms, b.number)"
        " ORDER BY b.searched_ms, b.intended_ms, b.number LIMIT $3) ORDER BY kind, place",
    [SQL_CONFIRM_NEWS] =
        LEAD "changes AS (DELETE FROM forgotten WHERE seq <= $2 AND " MAY "),"
        " refunds AS (DELETE FROM not_taken WHERE seq <= $3 AND " MAY "),"
        " settled AS (DELETE FROM proposals p WHERE $4::bigint <> 0 AND " MAY
        " AND NOT EXISTS(SELECT FROM tasks t WHERE t.batch = p.batch AND " IS_LOST ")),"
        " searched AS (UPDATE batches SET searched_ms = $5"
        " WHERE number = ANY($6::bigint[]) AND " MAY ") SELECT " HAS_LED,

    [SQL_RAW_BELOW] =
        "SELECT tracking_id, lookup_id, key, domain, company_name, parser,"
        " stored_ms, body FROM raw_results WHERE parser < $1 ORDER BY id DESC"
        " LIMIT $2",
    [SQL_DROP_RAW_BEYOND] =
        LEAD "dropped AS (DELETE FROM raw_results WHERE " MAY " AND id IN (SELECT id FROM"
        " (SELECT id, row_number() OVER newest AS n, sum(length(body)) OVER newest AS bytes"
        " FROM raw_results WINDOW newest AS (ORDER BY id DESC)) AS sizes"
        " WHERE n > $2 OR bytes > $3) RETURNING 1) " COUNT_OF("dropped"),
    [SQL_SET_PARSER] =
        LEAD "changed AS (UPDATE raw_results SET parser = $2 WHERE tracking_id = $3"
        " AND " MAY " RETURNING 1) " COUNT_OF("changed"),
    /* If another process has deleted the raw result since it was read, nothing is stored. */
    [SQL_PUT_PARSED] =
        LEAD "dropped AS (DELETE FROM raw_results WHERE tracking_id = $2 AND " MAY " RETURNING 1),"
        " answered AS (UPDATE tasks SET outcome = 'answered', code = '', detail = ''"
        " WHERE tracking_id = $2 AND outcome = 'unknown' AND " EXISTS("dropped") "), "
        KEEP("$3", "$4", "$5", "$6", "$7", "$8", "$9", "$10", "dropped",
             " AND NOT EXISTS(SELECT FROM answers WHERE key = $3 AND body IS NOT NULL"
             " AND fetched_ms >= $9)")
        "SELECT " HAS_LED ", " NEW_ROWS ", CASE WHEN $3 IS NULL THEN " EXISTS("dropped")
        " ELSE " EXISTS("kept") " OR EXISTS(SELECT FROM answers WHERE key = $3"
        " AND body IS NOT NULL AND fetched_ms = $9) END",
    [SQL_DROP_RAW_WITH_ADDRESS] =
        LEAD "dropped AS (DELETE FROM raw_results WHERE " CONTAINS("body", "$2") " AND " MAY
        " RETURNING 1) " COUNT_OF("dropped"),

    [SQL_ACCOUNTS] =
        LEAD "dropped AS (DELETE FROM accounts WHERE day < $2 AND " MAY ") SELECT " HAS_LED
        ", coalesce((SELECT max(seq) FROM not_taken), 0::bigint), client, credits"
        " FROM (SELECT) one LEFT JOIN accounts ON day = $3",
    [SQL_LAST_DAY] = "SELECT max(day) FROM accounts",
    [SQL_PAUSED] = "SELECT coalesce((SELECT value FROM settings WHERE name = 'paused'), 0::bigint)",
    [SQL_SET_SETTING] =
        LEAD "changed AS (INSERT INTO settings(name, value) SELECT $2, $3::bigint FROM lead"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value RETURNING 1) "
        COUNT_OF("changed"),

    [SQL_FIND_ANSWER] =
        "SELECT key, body, code, detail, charged, fetched_ms, expires_ms"
        " FROM answers WHERE key = $1",
    [SQL_COUNT_ANSWERS] =
        "SELECT count(*), " PAGES("answers") " FROM answers WHERE " IN_PAGES,
    [SQL_DROP_OLDEST] =
        LEAD "dropped AS (DELETE FROM answers WHERE " MAY " AND key IN"
        " (SELECT key FROM answers ORDER BY expires_ms LIMIT $2) RETURNING 1) "
        COUNT_OF("dropped"),
    [SQL_TRIM] =
        LEAD "results AS (DELETE FROM answers WHERE " MAY " AND key IN"
        " (SELECT key FROM answers WHERE expires_ms < $2 LIMIT $3) RETURNING 1),"
        " raw AS (DELETE FROM raw_results WHERE " MAY " AND id IN"
        " (SELECT id FROM raw_results WHERE stored_ms < $4 LIMIT $5) RETURNING 1),"
        " days AS (DELETE FROM accounts WHERE day < $6 AND " MAY ") "
        COUNT_OF("results") ", " COUNT("raw"),
    [SQL_DROP_KEY] =
        LEAD "keys AS (SELECT $2::bytea AS key FROM lead),"
        " dropped AS (DELETE FROM answers a USING keys WHERE a.key = keys.key RETURNING 1), "
        NOTE("keys") COUNT_OF("dropped"),
    [SQL_DROP_DOMAIN] =
        LEAD "dropped AS (DELETE FROM answers WHERE domain = $2 AND " MAY " RETURNING key),"
        " raw AS (DELETE FROM raw_results WHERE domain = $2 AND " MAY " RETURNING 1), "
        NOTE("dropped") COUNT_OF("raw") ", dropped.key FROM (SELECT) one LEFT JOIN dropped ON true",
    [SQL_WITH_ADDRESS] =
        "SELECT key, body, fetched_ms, expires_ms FROM answers WHERE body IS NOT NULL"
        " AND EXISTS(SELECT FROM json_array_elements(body::json -> 'emails') e"
        " WHERE lower((e ->> 'email') COLLATE \"C\") = lower($1::text COLLATE \"C\"))",
    [SQL_SET_BODY] =
        LEAD "changed AS (UPDATE answers SET body = $4, charged = $5 WHERE key = $2 AND body = $3"
        " AND " MAY " RETURNING key), " NOTE("changed") COUNT_OF("changed"),
    /* Also leaves a mark, a change without a key: the owner may have results to write that it has
     * not stored yet, and confirms the changes only after these. */
    [SQL_DROP_RESPONSES_WITH_ADDRESS] =
        LEAD "marks AS (SELECT NULL::bytea AS key FROM lead), " NOTE("marks")
        ", changed AS (UPDATE batches SET response = NULL WHERE response IS NOT NULL AND "
        CONTAINS("response", "$2") " AND " MAY " RETURNING 1) " COUNT_OF("changed"),
    [SQL_DROP_CHANGES] =
        LEAD "dropped AS (DELETE FROM forgotten WHERE " MAY " AND seq IN"
        " (SELECT seq FROM forgotten ORDER BY seq LIMIT $2) RETURNING 1) "
        COUNT_OF("dropped"),
    [SQL_COUNT_CHANGES] = "SELECT count(*) FROM forgotten",
};
/* clang-format on */

const bool pg_may_contradict[SQL_STATEMENTS] = {
    [SQL_BEGIN_BATCH] = true, [SQL_SENDING] = true,       [SQL_NOT_SENT] = true,
    [SQL_RESUBMITTED] = true, [SQL_SUBMITTED] = true,     [SQL_SPLIT] = true,
    [SQL_NOT_TAKEN] = true,   [SQL_RESOLVE_BATCH] = true, [SQL_RESOLVE_TASK] = true,
};
