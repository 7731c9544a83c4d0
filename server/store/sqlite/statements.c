/* SPDX-License-Identifier: MIT */
/* statements.c - see sqlite.h. The text of every statement. */
#include "store/sqlite/sqlite.h"

#define TASK_COLUMNS                                                                               \
    "tracking_id, lookup_id, key, domain, company_name, city, state, country, outcome, task_id, "  \
    "code, detail, ended_ms, client"
#define BATCH_COLUMNS "number, state, batch_id, risked, intended_ms, notify_token, response"
#define HAS_RAW                                                                                    \
    "EXISTS(SELECT 1 FROM raw_results WHERE raw_results.tracking_id = tasks.tracking_id)"

#define IS_LOST "outcome = 'unknown' AND NOT " HAS_RAW

const char *const sql_texts[SQL_STATEMENTS] = {
    [SQL_BEGIN_READ] = "BEGIN",
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_SAVEPOINT] = "SAVEPOINT member",
    [SQL_RELEASE] = "RELEASE member",
    [SQL_ROLLBACK_TO] = "ROLLBACK TO member",
    [SQL_DATA_VERSION] = "PRAGMA data_version",
    [SQL_COUNT_ANSWERS] = "SELECT count(*) FROM answers",
    [SQL_COUNT_ENDED] = "SELECT count(*) FROM tasks WHERE outcome IS NOT NULL AND ended_ms >= 0",

    [SQL_ADD_BATCH] = "INSERT INTO batches(number, state, notify_token, intended_ms)"
                      " VALUES(?, 'sending', ?, ?) ON CONFLICT(number) DO NOTHING",
    [SQL_IS_SENDING] = "SELECT count(*) FROM batches WHERE number = ?1 AND state = 'sending'"
                       " AND notify_token = ?2"
                       " AND (SELECT count(*) FROM tasks WHERE batch = ?1) = ?3",
    [SQL_HAS_BATCH] = "SELECT count(*) FROM batches WHERE number = ?",
    [SQL_ADD_HALF] =
        "INSERT INTO batches(number, state, risked, intended_ms)"
        " SELECT ?, state, risked, ? FROM batches WHERE number = ? AND state = 'resting'",
    [SQL_ADD_TASK] = "INSERT INTO tasks(batch, tracking_id, lookup_id, key, domain, company_name,"
                     " city, state, country, client, day)"
                     " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [SQL_CHARGE_OPEN] =
        "INSERT INTO accounts(day, client, credits) SELECT day, client, count(*) FROM tasks"
        " WHERE batch = ? AND outcome IS NULL GROUP BY day, client"
        " ON CONFLICT DO UPDATE SET credits = credits + excluded.credits",
    [SQL_REFUND_OPEN] =
        "UPDATE accounts SET credits = max(0, credits - (SELECT count(*) FROM tasks WHERE batch = "
        "?1"
        " AND outcome IS NULL AND tasks.day = accounts.day AND tasks.client = accounts.client))"
        " WHERE (day, client) IN"
        " (SELECT day, client FROM tasks WHERE batch = ?1 AND outcome IS NULL)",
    [SQL_SET_DAY] = "UPDATE tasks SET day = ? WHERE batch = ? AND outcome IS NULL",
    [SQL_ACCOUNTS] = "SELECT client, credits FROM accounts WHERE day = ?",
    [SQL_LAST_DAY] = "SELECT max(day) FROM accounts",
    [SQL_DROP_ACCOUNTS] = "DELETE FROM accounts WHERE day < ?",
    [SQL_PAUSED] = "SELECT coalesce((SELECT value FROM settings WHERE name = 'paused'), 0)",
    [SQL_SET_PAUSED] = "INSERT INTO settings(name, value) VALUES('paused', ?)"
                       " ON CONFLICT DO UPDATE SET value = excluded.value",
    [SQL_TRY] = "INSERT INTO settings(name, value) VALUES('tried_ms', ?)"
                " ON CONFLICT DO UPDATE SET value = excluded.value",
    [SQL_SET_STATE] = "UPDATE batches SET state = ?"
                      " WHERE number = ? AND state IN ('sending', 'resting')",
    [SQL_SET_TOKEN] = "UPDATE batches SET notify_token = ? WHERE number = ?",
    [SQL_IS_NOT_SENT] = "SELECT count(*) FROM batches WHERE number = ? AND state = 'over'"
                        " AND batch_id = '' AND (risked OR NOT EXISTS"
                        "(SELECT 1 FROM tasks WHERE batch = number AND outcome = 'unknown'))",
    [SQL_SET_RISKED] = "UPDATE batches SET risked = 1"
                       " WHERE number = ? AND state = 'sending' AND NOT risked",
    [SQL_IS_RISKED] = "SELECT count(*) FROM batches WHERE number = ?1 AND state = 'sending'"
                      " AND risked AND NOT EXISTS"
                      "(SELECT 1 FROM tasks WHERE batch = ?1 AND outcome IS NULL AND day <> ?2)",
    [SQL_SET_SUBMITTED] = "UPDATE batches SET state = 'submitted', batch_id = ?, submitted_ms = ?"
                          " WHERE number = ? AND state = 'sending'",
    [SQL_IS_SUBMITTED] = "SELECT count(*) FROM batches WHERE number = ? AND batch_id = ?"
                         " AND batch_id <> '' AND state IN ('submitted', 'over')",
    [SQL_HAS_TASK] = "SELECT count(*) FROM tasks WHERE tracking_id = ? AND batch = ?",
    [SQL_MOVE_TASK] = "UPDATE tasks SET batch = ? WHERE tracking_id = ? AND batch = ?"
                      " AND outcome IS NULL",
    [SQL_END_TASK] = "UPDATE tasks SET outcome = ?, task_id = ?, code = ?, detail = ?, ended_ms = ?"
                     " WHERE tracking_id = ? AND outcome IS NULL RETURNING batch",
    [SQL_HAS_ENDED] = "SELECT count(*) FROM tasks"
                      " WHERE tracking_id = ? AND outcome = ? AND task_id = ? AND code = ?",
    [SQL_END_OPEN] = "UPDATE tasks SET outcome = ?, task_id = ?, code = ?, detail = ?, ended_ms = ?"
                     " WHERE batch = ? AND outcome IS NULL",
    [SQL_BATCH_OF] = "SELECT batch FROM tasks WHERE tracking_id = ?",
    [SQL_CLOSE_BATCH] = "UPDATE batches SET state = 'over' WHERE number = ? AND NOT EXISTS"
                        "(SELECT 1 FROM tasks WHERE batch = number AND outcome IS NULL)",
    [SQL_SET_RESPONSE] = "UPDATE batches SET response = ? WHERE number = ?",
    [SQL_OPEN_BATCHES] = "SELECT " BATCH_COLUMNS " FROM batches"
                         " WHERE state <> 'over' ORDER BY intended_ms, number",
    [SQL_BATCH_BY_TOKEN] = "SELECT " BATCH_COLUMNS " FROM batches"
                           " WHERE notify_token = ? AND notify_token <> ''",
    [SQL_TASKS_OF] = "SELECT " TASK_COLUMNS " FROM tasks WHERE batch = ? ORDER BY rowid",
    [SQL_UNKNOWN_TASKS] =
        "SELECT * FROM (SELECT " TASK_COLUMNS
        ", (SELECT batch_id FROM batches WHERE number = batch)"
        " FROM tasks WHERE outcome = 'unknown' AND ended_ms >= ? ORDER BY ended_ms DESC LIMIT ?)"
        " ORDER BY ended_ms",
    [SQL_FIND_LOOKUP] = "SELECT key, outcome, code, detail, ended_ms, " HAS_RAW " FROM tasks"
                        " WHERE lookup_id = ?",
    [SQL_DROP_ENDED] = "DELETE FROM tasks WHERE tracking_id IN (SELECT tracking_id FROM tasks"
                       " WHERE outcome IS NOT NULL AND ended_ms >= 0"
                       " AND (SELECT state FROM batches WHERE number = batch) = 'over'"
                       " ORDER BY ended_ms LIMIT ?) RETURNING batch",
    [SQL_DROP_EMPTY_BATCH] = "DELETE FROM batches WHERE number = ? AND state = 'over'"
                             " AND NOT EXISTS(SELECT 1 FROM tasks WHERE batch = number)",
    [SQL_REOPEN_TASKS] = "UPDATE tasks SET outcome = NULL, task_id = '', code = '', detail = '',"
                         " ended_ms = NULL WHERE batch = ? AND " IS_LOST,
    [SQL_RESUME_BATCH] = "UPDATE batches SET state = 'submitted', batch_id = ?1, submitted_ms = ?2"
                         " WHERE number = ?3 AND state = 'over' AND batch_id IN ('', ?1)",
    [SQL_IS_RESUMED] = "SELECT count(*) FROM batches WHERE number = ? AND batch_id = ?"
                       " AND submitted_ms = ? AND state IN ('submitted', 'over')"
                       " AND NOT EXISTS(SELECT 1 FROM tasks WHERE batch = number AND " IS_LOST ")",
    [SQL_REFUND_UNKNOWN] = "UPDATE accounts SET credits = max(0, credits - 1) WHERE (day, client) ="
                           " (SELECT day, client FROM tasks WHERE tracking_id = ?)",
    [SQL_SET_NOT_TAKEN] =
        "UPDATE tasks SET outcome = 'not-created', code = ?, detail = ?, ended_ms = ?"
        " WHERE tracking_id = ? AND outcome = 'unknown'"
        " AND (SELECT batch_id FROM batches WHERE number = batch) = ''",
    [SQL_IS_NOT_TAKEN] = "SELECT count(*) FROM tasks"
                         " WHERE tracking_id = ? AND outcome = 'not-created' AND detail = ?",
    [SQL_END_UNKNOWN] =
        "UPDATE tasks SET outcome = ?, task_id = ?, code = ?, detail = ?, ended_ms = ?"
        " WHERE tracking_id = ? AND outcome = 'unknown'",
    [SQL_BATCH_BY_NUMBER] = "SELECT " BATCH_COLUMNS " FROM batches WHERE number = ?",
    [SQL_READ_RESPONSES] =
        "SELECT number, notify_token, response,"
        " EXISTS(SELECT 1 FROM tasks WHERE batch = number AND " IS_LOST ") FROM batches"
        " WHERE response IS NOT NULL AND searched_ms < ?"
        " ORDER BY searched_ms, intended_ms, number LIMIT ?",
    [SQL_SET_SEARCHED] = "UPDATE batches SET searched_ms = ? WHERE number = ?",
    [SQL_EACH_RESPONSE] = "SELECT " BATCH_COLUMNS " FROM batches WHERE response IS NOT NULL"
                          " ORDER BY intended_ms DESC, number DESC LIMIT ?",
    [SQL_ADD_NOT_TAKEN] = "INSERT INTO not_taken(tracking_id) VALUES(?)",
    [SQL_READ_NOT_TAKEN] = "SELECT seq, key, lookup_id, client, day FROM not_taken"
                           " LEFT JOIN tasks USING(tracking_id) ORDER BY seq LIMIT ?",
    [SQL_LAST_NOT_TAKEN] = "SELECT coalesce(max(seq), 0) FROM not_taken",
    [SQL_DROP_NOT_TAKEN] = "DELETE FROM not_taken WHERE seq <= ?",
    [SQL_PROPOSE] = "INSERT OR REPLACE INTO proposals(batch, batch_id) SELECT batch, ?2 FROM tasks"
                    " WHERE tracking_id = ?1 AND " IS_LOST
                    " AND EXISTS(SELECT 1 FROM batches WHERE number = batch AND"
                    " batches.state = 'over' AND batch_id IN ('', ?2))",
    [SQL_DROP_SETTLED] = "DELETE FROM proposals WHERE NOT EXISTS(SELECT 1 FROM tasks"
                         " WHERE tasks.batch = proposals.batch AND " IS_LOST ")",
    [SQL_READ_PROPOSALS] = "SELECT batch, batch_id, EXISTS(SELECT 1 FROM tasks"
                           " WHERE tasks.batch = proposals.batch AND " IS_LOST ") FROM proposals"
                           " ORDER BY batch LIMIT ?",
    [SQL_DROP_PROPOSAL] = "DELETE FROM proposals WHERE batch = ? AND batch_id = ?",
    [SQL_PROPOSAL_STATE] = "SELECT CASE WHEN outcome IS NOT 'unknown' THEN ?2 WHEN EXISTS(SELECT 1"
                           " FROM proposals WHERE proposals.batch = tasks.batch) THEN ?3 ELSE ?4"
                           " END FROM tasks WHERE tracking_id = ?1",
    [SQL_STATS_BATCHES] = "SELECT state, count(*) FROM batches GROUP BY state",
    [SQL_STATS_TASKS] = "SELECT coalesce(outcome, 'open'), count(*) FROM tasks GROUP BY outcome",
    [SQL_STATS_RISKED] = "SELECT count(*) FROM batches WHERE risked",
    [SQL_STATS_RESPONSES] = "SELECT count(*) FROM batches WHERE response IS NOT NULL",

    [SQL_ADD_RAW] = "INSERT OR REPLACE INTO raw_results(tracking_id, lookup_id, key, domain,"
                    " company_name, parser, stored_ms, size, body)"
                    " SELECT tracking_id, lookup_id, key, domain, company_name, ?1, ?2,"
                    " length(?3), ?3 FROM tasks WHERE tracking_id = ?4",
    [SQL_RAW_IS_FULL] = "SELECT count(*) > ? OR total(size) > ? FROM raw_results",
    [SQL_DROP_RAW_BEYOND] =
        "DELETE FROM raw_results WHERE id IN (SELECT id FROM (SELECT id, row_number() OVER newest"
        " AS n, sum(size) OVER newest AS bytes FROM raw_results WINDOW newest AS (ORDER BY id "
        "DESC))"
        " WHERE n > ? OR bytes > ?)",
    [SQL_RAW_BELOW] = "SELECT tracking_id, lookup_id, key, domain, company_name, parser, stored_ms,"
                      " body FROM raw_results WHERE id IN (SELECT id FROM raw_results"
                      " WHERE parser < ? ORDER BY id DESC LIMIT ?) ORDER BY id DESC",
    [SQL_SET_PARSER] = "UPDATE raw_results SET parser = ? WHERE tracking_id = ?",
    [SQL_DROP_RAW] = "DELETE FROM raw_results WHERE tracking_id = ?",
    [SQL_ANSWER_UNKNOWN] = "UPDATE tasks SET outcome = 'answered', code = '', detail = ''"
                           " WHERE tracking_id = ? AND outcome = 'unknown'",
    [SQL_FETCHED] = "SELECT fetched_ms FROM answers WHERE key = ? AND body IS NOT NULL",
    [SQL_DROP_RAW_BEFORE] = "DELETE FROM raw_results WHERE id IN"
                            " (SELECT id FROM raw_results WHERE stored_ms < ? LIMIT ?)",
    [SQL_DROP_RAW_OF_DOMAIN] = "DELETE FROM raw_results WHERE domain = ?",
    [SQL_RAW_WITH_ADDRESS] = "SELECT id FROM raw_results"
                             " WHERE instr(lower(CAST(body AS TEXT)), lower(?)) > 0",
    [SQL_DROP_RAW_ID] = "DELETE FROM raw_results WHERE id = ?",
    [SQL_DROP_RESPONSES_WITH_ADDRESS] =
        "UPDATE batches SET response = NULL WHERE response IS NOT NULL"
        " AND instr(lower(CAST(response AS TEXT)), lower(?)) > 0",
    [SQL_STATS_RAW] = "SELECT count(*), total(size) FROM raw_results",

    [SQL_HAS_ANSWER] = "SELECT count(*) FROM answers WHERE key = ?",
    [SQL_HAS_RESULT] = "SELECT count(*) FROM answers WHERE key = ? AND body IS NOT NULL",
    [SQL_PUT_ANSWER] =
        "INSERT INTO answers(key, domain, body, code, detail, charged, fetched_ms, expires_ms)"
        " VALUES(?, ?, ?, '', '', ?, ?, ?)"
        " ON CONFLICT(key) DO UPDATE SET domain = excluded.domain, body = excluded.body, code = '',"
        " detail = '', charged = excluded.charged, fetched_ms = excluded.fetched_ms,"
        " expires_ms = excluded.expires_ms",
    [SQL_PUT_FAILURE] =
        "INSERT INTO answers(key, domain, body, code, detail, charged, fetched_ms, expires_ms)"
        " VALUES(?, '', NULL, ?, ?, ?, ?, ?)"
        " ON CONFLICT(key) DO UPDATE SET code = excluded.code, detail = excluded.detail,"
        " charged = excluded.charged, fetched_ms = excluded.fetched_ms,"
        " expires_ms = excluded.expires_ms WHERE body IS NULL",
    [SQL_FIND_ANSWER] = "SELECT key, body, code, detail, charged, fetched_ms, expires_ms"
                        " FROM answers WHERE key = ?",
    [SQL_DROP_OLDEST] = "DELETE FROM answers WHERE key IN"
                        " (SELECT key FROM answers ORDER BY expires_ms LIMIT ?)",
    [SQL_DROP_KEY] = "DELETE FROM answers WHERE key = ?",
    [SQL_KEYS_OF_DOMAIN] = "SELECT key FROM answers WHERE domain = ?",
    [SQL_DROP_EXPIRED] = "DELETE FROM answers WHERE key IN"
                         " (SELECT key FROM answers WHERE expires_ms < ? LIMIT ?)",
    [SQL_KEYS_WITH_ADDRESS] =
        "SELECT key FROM answers WHERE body IS NOT NULL AND EXISTS(SELECT 1 FROM"
        " json_each(body, '$.emails') WHERE json_extract(value, '$.email') = ? COLLATE NOCASE)",
    [SQL_SET_BODY] = "UPDATE answers SET body = ?, charged = ? WHERE key = ?",
    [SQL_STATS_ANSWERS] =
        "SELECT CASE WHEN body IS NULL THEN 'failed' WHEN charged = 'no' THEN 'empty'"
        " ELSE 'found' END AS kind, count(*) FROM answers GROUP BY kind",
    [SQL_ADD_CHANGE] = "INSERT INTO forgotten(key) VALUES(?)",
    [SQL_ADD_MARK] = "INSERT INTO forgotten(key) VALUES(x'')",
    [SQL_READ_CHANGES] = "SELECT seq, key FROM forgotten ORDER BY seq LIMIT ?",
    [SQL_DROP_CHANGES] = "DELETE FROM forgotten WHERE seq <= ?",
    [SQL_COUNT_CHANGES] = "SELECT count(*) FROM forgotten",
};
