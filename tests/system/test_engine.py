# SPDX-License-Identifier: MIT
"""test_engine.py - tests many callers with few paid lookups: coalescing, batching, early results,
deadlines, and the reported progress of a lookup.

The simulator's ledger has the paid tasks, its counters the requests.
"""
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from waiting import eventually

DEFAULT_BATCHES = ("--batch-linger", "100ms")
HOUR_MS = 3600 * 1000
QUESTIONS = [f"company{i}.com" for i in range(250)]


def lookup_concurrently(daemon, domains, **parameters):
    """Returns the responses in the order of the domains; all requests are sent before a response is read."""
    connections = [daemon.park(domain, **parameters) for domain in domains]
    return [connection.read() for connection in connections]


# ---- coalescing ----

def test_coalescing_a_thousand_callers_share_one_paid_lookup(testbed, sim):
    daemon = testbed.daemon(sim)
    sim.hold_submits()
    spellings = ["milvali.com", "MILVALI.com.", "https://www.milvali.com/x", "info@milvali.com"]
    connections = [daemon.park(spellings[i % 4]) for i in range(1000)]
    sim.reach(submit=1)
    daemon.await_waiters(1000)
    sim.release_submits()
    answers = [connection.read() for connection in connections]
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    assert len(sim.ledger()) == 1
    kinds = [answer.header("Cache-Status") for answer in answers]
    assert kinds.count("emailsd; fwd=uri-miss; stored") == 1
    assert kinds.count("emailsd; fwd=uri-miss; collapsed; stored") == 999


# ---- batching ----

def test_batching_250_concurrent_questions_take_five_submits(testbed, sim):
    daemon = testbed.daemon(sim, "--batch-size", "50", "--batch-linger", "60s")
    answers = lookup_concurrently(daemon, QUESTIONS)
    for domain, answer in zip(QUESTIONS, answers):
        document = answer.json()
        assert document["domain"] == domain
        assert [e["email"] for e in document["emails"]] == [f"info@{domain}", f"support@{domain}"]
    calls = sim.calls()
    assert calls["submit"] == 5
    assert calls["task"] == 250
    assert sorted(row["domain"] for row in sim.ledger()) == sorted(QUESTIONS)


def test_early_results_are_returned_while_the_last_task_runs(testbed, sim):
    daemon = testbed.daemon(sim, "--batch-linger", "60s")
    sim.rule("company7.com", time_ms=HOUR_MS)
    connections = {domain: daemon.park(domain) for domain in QUESTIONS[:100]}
    for domain, connection in connections.items():
        if domain != "company7.com":
            assert connection.read().json()["domain"] == domain
    assert sim.calls()["submit"] == 1
    sim.rule("company7.com", time_ms=0)
    assert connections["company7.com"].read().json()["domain"] == "company7.com"


def test_random_failures_lose_no_response_and_pay_nothing_twice(
        testbed, sim):
    daemon = testbed.daemon(sim, "--batch-size", "10", "--submit-timeout", "2s",
                          "--submit-slots", "16", "--batch-lifetime", "20s")
    kinds = [{"kind": "status", "status": 500}, {"kind": "status", "status": 503},
             {"kind": "close"}, {"kind": "reset"}, {"kind": "truncate"}, {"kind": "not_json"},
             {"kind": "status", "status": 429, "headers": {"Retry-After": "1"}}]
    for i, kind in enumerate(kinds):
        creates = i % 2 == 0 and kind.get("status") != 429  # which proves that no task was created
        sim.say("POST", "/sim/faults", {"on": "any", "percent": 5, "seed": 300 + i,
                                        "after_creating": creates, "fault": kind})
    domains = [domain for domain in QUESTIONS[:150] for _ in range(2)]
    answers = lookup_concurrently(daemon, domains)
    assert len(answers) == 300
    for domain, answer in zip(domains, answers):
        if answer.status == 200:
            assert answer.json()["domain"] == domain
        else:
            assert answer.status in (502, 503), answer
            assert answer.json()["code"]
    paid = [row["domain"] for row in sim.ledger()]
    assert len(paid) == len(set(paid))


# ---- deadlines ----

@pytest.mark.parametrize("how", [
    pytest.param({"async": 1}, id="async=1"),
    pytest.param({"headers": {"Prefer": "respond-async"}}, id="Prefer: respond-async"),
    pytest.param({"headers": {"Prefer": "respond-async, wait=0"}}, id="Prefer: both"),
])
def test_async_request_gets_the_url_of_its_lookup(testbed, sim, how):
    daemon = testbed.daemon(sim)
    sim.hold_submits()
    answer = daemon.lookup("milvali.com", **how)
    assert answer.status == 202
    assert answer.header("Preference-Applied").startswith("respond-async")
    assert int(answer.header("Retry-After")) >= 1
    document = answer.json()
    assert list(document) == ["id", "domain", "phase", "elapsed_s", "expected_s", "timing"]
    assert answer.header("Location") == "/lookups/" + document["id"]
    assert document["domain"] == "milvali.com"


def test_lookup_url_shows_the_lookup_until_its_end(testbed, sim):
    daemon = testbed.daemon(sim, "--batch-linger", "60s", "--batch-size", "2")
    sim.hold_submits()
    sim.behave(task_time_ms=HOUR_MS)
    where = daemon.lookup("milvali.com", **{"async": 1}).header("Location")
    assert daemon.get(where).json()["phase"] == "queued"
    daemon.lookup("example.org", **{"async": 1})  # fills the batch
    sim.reach(submit=1)
    assert daemon.get(where).json()["phase"] == "submitting"
    sim.release_submits()
    eventually(lambda: daemon.get(where).json()["phase"] == "processing")
    assert daemon.get(where).status == 202
    sim.behave(task_time_ms=0)
    eventually(lambda: daemon.get(where).status == 200)
    assert daemon.get(where).body == daemon.lookup("milvali.com").body


def test_lookup_url_shows_the_failure(testbed, sim):
    daemon = testbed.daemon(sim)
    sim.rule("milvali.com", state="ERRORED", data=None)
    where = daemon.lookup("milvali.com", **{"async": 1}).header("Location")
    eventually(lambda: daemon.get(where).status != 202)
    daemon.get(where).problem(502, "lookup-failed")


@pytest.mark.parametrize("path", ["/lookups/" + 32 * "0", "/lookups/x", "/lookups/"])
def test_lookup_url_of_an_unknown_id_is_not_found(daemon, path):
    daemon.get(path).problem(404, "not-found")


def test_timeout_504_names_the_lookup_and_a_repeat_joins_it(testbed, sim):
    daemon = testbed.daemon(sim)
    sim.hold_submits()
    answer = daemon.lookup("milvali.com", wait=0)
    document = answer.problem(504, "still-processing")
    assert document["retryable"] is True
    assert int(answer.header("Retry-After")) >= 1
    where = answer.header("Link").split(">")[0][1:]
    assert answer.header("Link") == f'<{where}>; rel="monitor"'
    assert daemon.get(where).status == 202
    joined = daemon.park("milvali.com")
    daemon.await_waiters(1)
    sim.reach(submit=1)
    sim.release_submits()
    assert joined.read().header("Cache-Status") == "emailsd; fwd=uri-miss; collapsed; stored"
    assert len(sim.ledger()) == 1


@pytest.mark.parametrize("prefer, applied", [("wait=0", "wait=0"), ("wait=999", "wait=300"),
                                             ("wait=soon", None), ("handling=strict", None)])
def test_preference_applied_is_returned(daemon, prefer, applied):
    answer = daemon.lookup("milvali.com", headers={"Prefer": prefer})
    assert answer.header("Preference-Applied") == applied


def test_preference_is_not_applied_to_a_stored_result(daemon):
    daemon.lookup("milvali.com")
    for prefer in ("respond-async", "wait=5", "respond-async, wait=5"):
        answer = daemon.lookup("milvali.com", headers={"Prefer": prefer})
        assert (answer.status, answer.header("Preference-Applied")) == (200, None)


def test_preference_for_async_is_not_applied_if_the_result_comes_in_time(daemon):
    answer = daemon.lookup("milvali.com", headers={"Prefer": "respond-async, wait=100"})
    assert (answer.status, answer.header("Preference-Applied")) == (200, "wait=100")


# ---- many callers ----

def test_concurrent_callers_get_their_own_results(testbed, sim):
    daemon = testbed.daemon(sim, "--threads", "4", *DEFAULT_BATCHES)
    wrong = []
    lock = threading.Lock()

    def caller(number):
        for turn in range(20):
            domain = QUESTIONS[(number * 7 + turn) % 100]
            answer = daemon.lookup(domain)
            if answer.status != 200 or json.loads(answer.body)["domain"] != domain:
                with lock:
                    wrong.append((domain, answer))

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(caller, range(16)))
    assert not wrong
    paid = [row["domain"] for row in sim.ledger()]
    assert len(paid) == len(set(paid))
