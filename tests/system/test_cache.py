# SPDX-License-Identifier: MIT
"""test_cache.py - tests the lifecycle of a result: refreshed on request, served stale while a newer one is
fetched, served as a fallback if the upstream fails, and never refreshed by clients that may not spend.

Lifetimes are a few milliseconds; tests wait for the expiry by requesting the result.
"""
import re

import pytest
from waiting import eventually

SHORT = ("--ttl-found", "10ms")
NEVER_SERVED_STALE = ("--stale-while-revalidate", "0")



# ---- refresh on request ----

def test_cache_refresh_request_pays_again(daemon, sim):
    daemon.lookup("milvali.com")
    answer = daemon.lookup("milvali.com", refresh=1)
    assert answer.status == 200
    assert answer.header("Cache-Status") == "emailsd; fwd=request; stored"
    assert len(sim.ledger()) == 2
    assert daemon.lookup("milvali.com").body == answer.body
    assert len(sim.ledger()) == 2


@pytest.mark.parametrize("how", [
    pytest.param({"max_age": 3600}, id="max_age=3600"),
    pytest.param({"cached": 1, "refresh": 1}, id="cached=1 and refresh=1"),
    pytest.param({"headers": {"Cache-Control": "max-stale"}}, id="Cache-Control: max-stale"),
    pytest.param({"headers": {"Cache-Control": "nonsense=, ,,"}}, id="nonsense"),
    pytest.param({"refresh": 0}, id="refresh=0"),
])
def test_cache_only_request_is_free(daemon, sim, how):
    first = daemon.lookup("milvali.com")
    answer = daemon.lookup("milvali.com", **how)
    assert answer.header("Cache-Status").startswith("emailsd; hit; ttl=")
    assert answer.body == first.body
    assert len(sim.ledger()) == 1


@pytest.mark.parametrize("header", [
    "Cache-Control: no-cache", "Cache-Control: no-store", "Cache-Control: max-age=0", "Pragma: no-cache",
    f"Cache-Control: min-fresh={40 * 86400}", "Cache-Control: no-cache, no-store, must-revalidate, max-age=0",
])
def test_cache_header_never_spends(daemon, sim, header):
    """Postman, browsers, Node's fetch and wget send these although no user meant it."""
    first = daemon.lookup("milvali.com", dict([header.split(": ")]))
    assert first.header("Cache-Status") == "emailsd; fwd=uri-miss; stored"
    connection = daemon.connect()
    for lines in ([header], [], [header], ["Accept: text/csv", header]):
        answer = connection.get(daemon.question("milvali.com"), *lines)
        assert answer.status == 200
        assert answer.header("Cache-Status").startswith("emailsd; hit; ttl=")
    assert len(sim.ledger()) == 1


def test_cache_header_no_store_keeps_no_result_from_the_next(testbed, sim):
    """The caller leaves after the submit; what was paid for is stored all the same."""
    daemon = testbed.daemon(sim)
    sim.hold_submits()
    leaver = daemon.connect()
    leaver.send_get(daemon.question("milvali.com"), "Cache-Control: no-store")
    sim.reach(submit=1)
    leaver.close()
    eventually(lambda: daemon.metric("emailsd_waiters_abandoned_total") == 1)
    sim.release_submits()
    eventually(lambda: daemon.lookup("milvali.com", cached=1).status == 200)
    assert daemon.lookup("milvali.com").header("Cache-Status").startswith("emailsd; hit")
    assert len(sim.ledger()) == 1


PREFETCHES = [{"Sec-Purpose": "prefetch"}, {"Sec-Purpose": "prefetch;prerender"}, {"Purpose": "prefetch"},
              {"X-Moz": "Prefetch"}]


@pytest.mark.parametrize("headers", PREFETCHES)
def test_cache_prefetch_of_a_browser_never_spends(daemon, sim, headers):
    refused = daemon.lookup("milvali.com", headers, refresh=1)
    assert "prefetch" in refused.problem(503, "paused")["detail"]
    assert sim.calls()["submit"] == 0
    first = daemon.lookup("milvali.com")
    assert daemon.lookup("milvali.com", headers).body == first.body
    assert daemon.lookup("milvali.com", headers, refresh=1).body == first.body
    assert len(sim.ledger()) == 1
    assert daemon.lookup("other.com", {"Sec-Purpose": "prefetched"}).status == 200


@pytest.mark.parametrize("header", ["Sec-Purpose: prefetch", "Cache-Control: only-if-cached"])
def test_cache_refresh_pays_after_a_free_request_with_the_same_text(daemon, sim, header):
    """The worker remembers the text of requests that any fresh result satisfies."""
    question = daemon.question("milvali.com", refresh=1)
    daemon.lookup("milvali.com")
    connection = daemon.connect()
    for _ in range(2):
        assert connection.get(question, header).header("Cache-Status").startswith("emailsd; hit")
    assert connection.get(question).header("Cache-Status") == "emailsd; fwd=request; stored"
    assert len(sim.ledger()) == 2


@pytest.mark.parametrize("parameters", [{}, {"refresh": 1}, {"max_age": 0}, {"async": 1}, {"wait": 5}])
def test_cache_head_never_spends(daemon, sim, parameters):
    assert daemon.lookup("milvali.com", method="HEAD", **parameters).status == 504
    assert sim.calls()["submit"] == 0
    daemon.lookup("milvali.com")
    expected = {504} if "max_age" in parameters else {200}
    eventually(lambda: daemon.lookup("milvali.com", method="HEAD", **parameters).status in expected)
    assert len(sim.ledger()) == 1


def test_cache_head_has_the_status_of_a_cached_failure(daemon, sim):
    daemon.lookup("errored.com").problem(502, "lookup-failed")
    assert daemon.lookup("errored.com", method="HEAD").status == 502
    assert len(sim.ledger()) == 1


def test_cache_max_age_of_a_second_is_kept_by_repeated_requests(daemon, sim):
    daemon.lookup("milvali.com")
    assert daemon.lookup("milvali.com", max_age=3600).header("Cache-Status").startswith("emailsd; hit")
    eventually(lambda: daemon.lookup("milvali.com", max_age=1).header("Cache-Status")
               == "emailsd; fwd=request; stored")
    assert len(sim.ledger()) == 2


def test_cache_hits_have_different_request_ids(daemon):
    connection = daemon.connect()
    daemon.lookup("milvali.com")
    answers = [connection.get(daemon.question("milvali.com")) for _ in range(20)]
    assert len({answer.header("X-Request-Id") for answer in answers}) == 20
    assert len({answer.body for answer in answers}) == 1
    mine = connection.get(daemon.question("milvali.com"), "X-Request-Id: mine")
    assert mine.header("X-Request-Id") == "mine"
    assert len(connection.get(daemon.question("milvali.com")).header("X-Request-Id")) == 32


def test_cache_deleted_result_is_not_served_within_the_same_second(testbed, sim):
    daemon = testbed.daemon(sim, "--allow-anonymous=admin")
    connection = daemon.connect()
    for _ in range(20):
        assert connection.get(daemon.question("milvali.com")).status == 200
    assert daemon.lookup("milvali.com", method="DELETE").status == 204
    assert connection.get(daemon.question("milvali.com", cached=1)).status == 504
    again = connection.get(daemon.question("milvali.com"))
    assert again.header("Cache-Status") == "emailsd; fwd=uri-miss; stored"
    assert len(sim.ledger()) == 2


@pytest.mark.parametrize("how", [
    pytest.param({"cached": 1}, id="cached=1"),
    pytest.param({"headers": {"Cache-Control": "only-if-cached"}}, id="only-if-cached"),
    pytest.param({"cached": 1, "refresh": 1}, id="cached=1 and refresh=1"),
])
def test_cache_only_request_without_a_result_is_not_cached(daemon, sim, how):
    answer = daemon.lookup("milvali.com", **how)
    assert answer.status == 504
    assert answer.json()["code"] == "not-cached"
    assert sim.calls()["submit"] == 0


# ---- stale ----

def test_cache_stale_result_is_served_and_refreshed_once(testbed, sim):
    daemon = testbed.daemon(sim, *SHORT)
    daemon.lookup("milvali.com")
    daemon.await_expiry("milvali.com")
    sim.hold_submits()
    sim.rule("milvali.com", data=[{"email": "new@milvali.com", "status": "VALID"}])
    before = daemon.lookup("milvali.com")
    assert re.fullmatch(r"emailsd; hit; ttl=-\d+", before.header("Cache-Status"))
    assert before.header("Cache-Control") == "private, max-age=0"
    for _ in range(20):
        assert daemon.lookup("milvali.com").body == before.body
    sim.reach(submit=2)
    sim.release_submits()
    eventually(lambda: b"new@milvali.com" in daemon.lookup("milvali.com", cached=1).body)
    assert len(sim.ledger()) == 2


def test_cache_only_request_does_not_refresh_a_stale_result(testbed, sim):
    daemon = testbed.daemon(sim, *SHORT)
    daemon.lookup("milvali.com")
    daemon.await_expiry("milvali.com")
    assert daemon.lookup("milvali.com", method="HEAD").status == 200
    assert daemon.lookup("milvali.com", cached=1).status == 200
    assert daemon.lookup("milvali.com", PREFETCHES[0]).status == 200
    assert daemon.lookup("other.com").status == 200  # a refresh would have been submitted before it
    assert [row["domain"] for row in sim.ledger()] == ["milvali.com", "other.com"]


def test_cache_result_past_its_stale_time_is_refreshed_first(testbed, sim):
    daemon = testbed.daemon(sim, *SHORT, *NEVER_SERVED_STALE)
    daemon.lookup("milvali.com")
    eventually(lambda: daemon.lookup("milvali.com", cached=1).status == 504)
    answer = daemon.lookup("milvali.com")
    assert answer.header("Cache-Status") == "emailsd; fwd=stale; stored"
    assert len(sim.ledger()) == 2


@pytest.mark.parametrize("status, code", [(402, 402), (403, 502), (500, 502)])
def test_cache_stale_result_is_the_fallback_if_the_upstream_fails(testbed, sim, status, code):
    daemon = testbed.daemon(sim, *SHORT, *NEVER_SERVED_STALE)
    first = daemon.lookup("milvali.com")
    eventually(lambda: daemon.lookup("milvali.com", cached=1).status == 504)
    sim.fault("submit", "status", times=-1, status=status)
    sim.fault("balance", "status", times=-1, status=status)
    for _ in range(2):  # the second finds the circuit open, or the question in cooldown
        answer = daemon.lookup("milvali.com")
        assert answer.status == 200
        assert answer.body == first.body
        assert re.fullmatch(rf"emailsd; fwd=stale; fwd-status={code}; ttl=-\d+",
                            answer.header("Cache-Status"))
    assert sim.calls()["submit"] == 2


def test_cache_refresh_request_gets_the_upstream_error(testbed, sim):
    daemon = testbed.daemon(sim, *SHORT, *NEVER_SERVED_STALE)
    daemon.lookup("milvali.com")
    sim.fault("submit", "status", status=402)
    answer = daemon.lookup("milvali.com", refresh=1)
    assert answer.status == 402
    assert answer.json()["code"] == "credits-exhausted"


def test_cache_without_stale_if_error_returns_the_upstream_error(testbed, sim):
    daemon = testbed.daemon(sim, *SHORT, *NEVER_SERVED_STALE, "--stale-if-error", "0")
    daemon.lookup("milvali.com")
    eventually(lambda: daemon.lookup("milvali.com", cached=1).status == 504)
    sim.fault("submit", "status", status=402)
    assert daemon.lookup("milvali.com").status == 402


def test_cache_failed_refresh_keeps_the_stale_result(testbed, sim):
    daemon = testbed.daemon(sim, *SHORT)
    first = daemon.lookup("milvali.com")
    daemon.await_expiry("milvali.com")
    sim.rule("milvali.com", state="ERRORED", data=None)
    assert daemon.lookup("milvali.com").body == first.body
    eventually(lambda: daemon.metric('emailsd_lookups_total{result="lookup-failed"}') == 1)
    answer = daemon.lookup("milvali.com")
    assert answer.status == 200
    assert answer.body == first.body
