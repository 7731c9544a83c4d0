/* SPDX-License-Identifier: MIT */
/* tables.c - see tables.h. */
#include "store/tables.h"

const struct store_table_form store_table_forms[STORE_TABLES] = {
    [STORE_BATCHES] = {"batches",
                       "number, state, batch_id, risked, intended_ms, submitted_ms, notify_token,"
                       " response, searched_ms",
                       9},
    [STORE_TASKS] = {"tasks",
                     "batch, tracking_id, lookup_id, key, domain, company_name, city, state,"
                     " country, client, day, outcome, task_id, code, detail, ended_ms",
                     16},
    [STORE_ANSWERS] = {"answers",
                       "key, domain, body, code, detail, charged, fetched_ms, expires_ms", 8},
    [STORE_RAW_RESULTS] = {"raw_results",
                           "tracking_id, lookup_id, key, domain, company_name, parser, stored_ms,"
                           " body",
                           8},
    [STORE_ACCOUNTS] = {"accounts", "day, client, credits", 3},
    [STORE_SETTINGS] = {"settings", "name, value", 2},
    [STORE_PROPOSALS] = {"proposals", "batch, batch_id", 2},
};
