# SPDX-License-Identifier: MIT
"""test_answer_shapes.py - tests responses in other shapes than the documented ones, end to end: a paid result is
understood, or its bytes are stored; it is never "no mailboxes". unit/test_openmart_parse.c tests the parser.
"""
import re
import sqlite3

import pytest
from waiting import eventually

DOMAIN = "milvali.com"
BOTH = ["info@milvali.com", "support@milvali.com"]


def addresses(response):
    assert response.status == 200, response
    return [entry["email"] for entry in response.json()["emails"]]


# ---- task reads ----


@pytest.mark.parametrize("shape", ["data_object", "strings", "email_object", "result", "results", "emails",
                                   "not_a_number", "blanks", "text_numbers"])
def test_task_shape_gives_the_mailboxes(daemon, sim, shape):
    sim.behave(task_shape=shape)
    assert addresses(daemon.lookup(DOMAIN)) == BOTH
    assert sim.calls()["task"] == 1


@pytest.mark.parametrize("shape", ["data_object", "email_object", "result", "not_a_number"])
def test_task_shape_gives_no_mailboxes_to_a_lookup_without(daemon, sim, shape):
    sim.behave(task_shape=shape)
    assert addresses(daemon.lookup("empty.com")) == []


def test_task_with_an_unknown_final_word_and_data_is_a_result(daemon, sim):
    sim.rule(DOMAIN, state="SUCCEEDED", data=[{"email": BOTH[0], "status": "VALID"}])
    assert addresses(daemon.lookup(DOMAIN)) == BOTH[:1]


def test_task_without_tracking_id_in_a_batch_of_one_is_a_result(daemon, sim):
    sim.rule(DOMAIN, tracking_id="missing")
    assert addresses(daemon.lookup(DOMAIN)) == BOTH


def raw_result(store):
    """Returns the lookup id and the bytes of the only raw result."""
    database = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
    try:
        [row] = database.execute("SELECT lookup_id, body FROM raw_results WHERE domain = ?", [DOMAIN])
        return row
    finally:
        database.close()


def expect_counted_and_logged_once(daemon, lookup_id, paid, body):
    """Checks the metric and the log line of a result that could not be understood. The log begins to quote the
    response where the response begins."""
    fields = f"lookup={lookup_id} batch={paid['batch_id']} task={paid['task_id']} bytes={len(body)}"
    quoted = f'{{\\"task_id\\":\\"{paid["task_id"]}\\"'
    line = f'level=error event=result_unreadable {fields} excerpt="{quoted}'
    eventually(lambda: line in daemon.stderr())
    assert daemon.stderr().count("event=result_unreadable") == 1
    assert daemon.metric("emailsd_upstream_unreadable_total") == 1


@pytest.mark.parametrize("content, kept", [
    pytest.param({"raw_task_body": '{"task_id":"{{task_id}}","status":"COMPLETED","tracking_id":"{{tracking_id}}",'
                                   '"data":[{"box":"info","at":"milvali.com"}]}'}, b'"box":"info"', id="unknown member"),
    pytest.param({"raw_task_body": '{"task_id":"{{task_id}}","status":"COMPLETED","tracking_id":"{{tracking_id}}",'
                                   '"data":[{"email":7},{"email":["a"]}]}'}, b'"data":[{"email":7}', id="no text"),
    pytest.param({"raw_task_body": '{"task_id":"{{task_id}}","status":"COMPLETED","tracking_id":"{{tracking_id}}",'
                                   '"contacts":{"info":{"n":1}}}'}, b'"contacts"', id="another member"),
    pytest.param({"raw_task_body": '{"task_id":"{{task_id}}","status":"COMPLETED","tracking_id":"{{tracking_id}}",'
                                   '"data":' + 70 * "[" + '"info@milvali.com"' + 70 * "]" + "}"},
                 70 * b"[" + b'"info@milvali.com"', id="nested too deeply"),
])
def test_task_that_cannot_be_understood_is_stored_as_it_was_sent(testbed, sim, tmp_path, content, kept):
    store = tmp_path / "emailsd.db"
    daemon = testbed.daemon(sim, "--store", f"sqlite:{store}")
    sim.rule(DOMAIN, **content)
    assert daemon.lookup(DOMAIN).problem(502, "upstream-invalid-response")["charged"] == "yes"
    lookup_id, body = raw_result(store)
    assert kept in body
    assert sim.calls()["task"] == 3
    daemon.lookup(DOMAIN).problem(502, "upstream-invalid-response")
    [paid] = sim.ledger()
    expect_counted_and_logged_once(daemon, lookup_id, paid, body)


# ---- status ----


@pytest.mark.parametrize("shape", ["nested", "under_data", "texts"])
def test_status_shape_is_understood(daemon, sim, shape):
    sim.behave(status_shape=shape, task_time_ms=100)
    assert addresses(daemon.lookup(DOMAIN)) == BOTH


# ---- submit ----


@pytest.mark.parametrize("behaviour", [{"submit_shape": "under_data"}, {"submit_shape": "under_status"},
                                       {"id_form": "integer"}, {"id_form": "odd"},
                                       {"submit_shape": "under_data", "id_form": "odd"}])
def test_submit_shape_and_ids_of_other_forms_are_understood(testbed, sim, behaviour):
    daemon = testbed.daemon(sim, "--batch-size", "2", "--batch-linger", "60s")
    sim.behave(**behaviour)
    callers = [daemon.park(domain) for domain in ("a.com", "b.com")]
    assert [addresses(caller.read())[0] for caller in callers] == ["info@a.com", "info@b.com"]
    assert len(sim.ledger()) == 2


def test_submit_response_without_an_id_is_logged_and_unknown(daemon, sim):
    sim.behave(submit_shape="no_id")
    assert daemon.lookup(DOMAIN).problem(502, "upstream-outcome-unknown")["charged"] == "maybe"
    eventually(lambda: re.search(r"event=submit_failed .*excerpt=.*lookup_business_email", daemon.stderr()))
    daemon.lookup(DOMAIN).problem(502, "upstream-outcome-unknown")
    assert sim.calls()["submit"] == 1


# ---- content codings ----


@pytest.mark.parametrize("coding", ["accepted", "gzip", "deflate", "deflate_raw"])
def test_content_coding_of_each_response_is_decoded(daemon, sim, coding):
    sim.behave(content_coding=coding)
    assert addresses(daemon.lookup(DOMAIN)) == BOTH
    assert len(sim.ledger()) == 1


def test_content_coding_is_requested(daemon, sim):
    daemon.lookup(DOMAIN)
    accepted = {request["accept_encoding"] for request in sim.requests()}
    assert len(accepted) == 1 and all("gzip" in value and "deflate" in value for value in accepted if value), accepted
    assert None not in accepted


def test_content_coding_that_is_unknown_is_not_a_reason_to_submit_again(daemon, sim):
    sim.fault("submit", "body", coding="br_label")
    response = daemon.lookup(DOMAIN)
    assert response.status == 200 or response.problem(502, "upstream-outcome-unknown")
    assert sim.calls()["submit"] == 1
