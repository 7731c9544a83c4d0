# SPDX-License-Identifier: MIT
"""test_faults.py - tests rows of the fault catalogue without a file of their own: batch responses of the
upstream, and actions of clients. tests/README.md has the whole list, with ids.
"""
import json

import pytest
from waiting import eventually

QUESTIONS = [f"company{i}.com" for i in range(200)]


def say(sim, on, document, times=1):
    """Makes the next such calls return this JSON, whatever the true state is."""
    sim.fault(on, "body", times=times, body=json.dumps(document), content_type="application/json")


# ---- the upstream ----

def test_u17_repeated_batch_id_mixes_up_no_results(testbed, sim):
    daemon = testbed.daemon(sim)
    assert daemon.lookup("first.com").status == 200
    first = sim.ledger()[0]
    sim.fault("submit", "body", after_creating=True,
              body=json.dumps({"batch_id": first["batch_id"]}), content_type="application/json")
    daemon.lookup("second.com").problem(502, "upstream-invalid-response")
    assert "first.com" in daemon.lookup("first.com").body.decode()
    assert len(sim.ledger("second.com")) == 1


def test_s2_batch_once_ready_stays_ready(testbed, sim):
    daemon = testbed.daemon(sim)
    sim.behave(task_time_ms=0)
    say(sim, "task_ids", [], times=2)  # an empty list at first, so that the status is requested again
    say(sim, "status", {"processing": 0, "completed": 1, "errored": 0, "total": 1,
                        "batch_ready": True})
    say(sim, "status", {"processing": 1, "completed": 0, "errored": 0, "total": 1,
                        "batch_ready": False}, times=-1)
    assert daemon.lookup("milvali.com").status == 200
    assert sim.calls()["status"] >= 2, "the status was not polled again"
    assert sim.calls()["task_ids"] == 3


@pytest.mark.parametrize("wrap", [
    pytest.param(lambda task: [task], id="S8 a bare list"),
    pytest.param(lambda task: {"task_ids": [task]}, id="S8 task_ids"),
    pytest.param(lambda task: {"data": [task]}, id="S8 data"),
    pytest.param(lambda task: {"tasks": [{"task_id": task}]}, id="S8 tasks"),
])
def test_task_list_may_be_wrapped_in_an_object(testbed, sim, wrap):
    daemon = testbed.daemon(sim)
    sim.behave(task_time_ms=3600000)
    client = daemon.park("milvali.com")
    sim.reach(submit=1)
    eventually(sim.ledger)
    say(sim, "task_ids", wrap(sim.ledger()[0]["task_id"]))
    sim.behave(task_time_ms=0)
    assert client.read().status == 200


def test_s18_outdated_status_only_delays(daemon, sim):
    say(sim, "status", {"processing": 1, "completed": 0, "errored": 0, "total": 1,
                        "batch_ready": False}, times=3)
    assert daemon.lookup("milvali.com").status == 200
    calls = sim.calls()
    assert (calls["status"], calls["task_ids"], calls["task"]) == (4, 1, 1), "three times old, then true"
    assert len(sim.ledger()) == 1


# ---- clients ----

def test_c9_waiters_over_the_limit_are_rejected_immediately(testbed, sim):
    daemon = testbed.daemon(sim, "--max-waiters", "50", "--threads", "1")
    sim.hold_submits()
    waiting = [daemon.park(domain) for domain in QUESTIONS[:50]]
    daemon.await_waiters(50)
    assert daemon.is_full(QUESTIONS[0])
    for domain in QUESTIONS[50:100]:
        answer = daemon.lookup(domain)
        assert answer.problem(503, "overloaded")["charged"] == "no"
        assert int(answer.header("Retry-After")) >= 1
    sim.release_submits()
    assert {connection.read().status for connection in waiting} == {200}
    assert len(sim.ledger()) == 50


def test_c10_repeated_requests_pay_nothing_more(testbed, sim):
    daemon = testbed.daemon(sim)
    sim.hold_submits()
    for _ in range(50):
        daemon.lookup("milvali.com", wait=0).problem(504, "still-processing")
    sim.release_submits()
    eventually(lambda: daemon.lookup("milvali.com", wait=0).status == 200)
    assert len(sim.ledger()) == 1


@pytest.mark.parametrize("tag", [
    pytest.param('"' + 8000 * "x" + '"', id="C13 8 KB"),
    pytest.param(",,,,", id="C13 commas"),
    pytest.param('"', id="C13 half a tag"),
    pytest.param("Mon, 99 Nov 2026", id="C13 a date"),
])
def test_conditional_headers_that_are_invalid_are_ignored(daemon, tag):
    daemon.lookup("milvali.com")
    answer = daemon.lookup("milvali.com", headers={"If-None-Match": tag,
                                                "If-Modified-Since": "yesterday"})
    assert answer.status == 200
    assert answer.json()["domain"] == "milvali.com"
