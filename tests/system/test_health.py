# SPDX-License-Identifier: MIT
"""test_health.py - tests /readyz: whether requests should be sent here, and what it reports.

503 means an unusable store (or start and shutdown: unit/test_health.c and test_drain.py). Upstream faults
are reported, but do not affect readiness. The endpoint does not call the engine, so it responds even if the
engine hangs, here in the call that wakes another thread.
"""
import pytest
from client_keys import start
from programs import run_to_end
from test_disk import Disk
from tracing import can_trace, hanging
from waiting import eventually

QUIET = {"store": "usable", "journal_backlog": 0, "upstream": "ok", "budget": "ok",
         "credits_spent": 0, "paused": False, "draining": False, "waiters": 0, "lookups": 0,
         "queue": 0, "submits": 0, "engine_lag_ms": 0, "store_lag_ms": 0}


def is_ready(daemon):
    return daemon.get("/readyz").status == 200


def checks(daemon):
    """Returns the verbose report as JSON; the short response must agree."""
    answer = daemon.get("/readyz?verbose")
    assert answer.status in (200, 503)
    assert (answer.json()["status"] == "ready") == (answer.status == 200)
    return answer.json()["checks"]


def expect_checks(daemon, **expected):
    """Waits until all checks have these values."""
    def shown():
        seen = checks(daemon)
        return seen if all(seen[name] == value for name, value in expected.items()) else None
    return eventually(shown)


# ---- the response ----


@pytest.mark.parametrize("target", ["/readyz", "/readyz?verbose=0"])
def test_readyz_returns_one_word(daemon, target):
    answer = daemon.get(target)
    assert (answer.status, answer.body) == (200, b'{"status":"ready"}\n')
    assert answer.header("Content-Type") == "application/json"
    assert answer.header("Cache-Control") == "no-store"


def test_readyz_head_has_the_same_headers_and_no_body(daemon):
    answer = daemon.request("HEAD", "/readyz")
    assert (answer.status, answer.body) == (200, b"")
    assert answer.header("Content-Length") == "19"


@pytest.mark.parametrize("target", ["/readyz?verbose", "/readyz?verbose=", "/readyz?verbose=1"])
def test_readyz_verbose_lists_every_check(daemon, target):
    answer = daemon.get(target)
    assert answer.status == 200
    lags = {name: answer.json()["checks"][name] for name in ("engine_lag_ms", "store_lag_ms")}
    assert answer.json() == {"status": "ready", "checks": {**QUIET, **lags}}


@pytest.mark.parametrize("query, code", [
    ("domain=milvali.com", "unknown-parameter"), ("Verbose", "unknown-parameter"),
    ("verbose=1&x", "unknown-parameter"), ("=1", "unknown-parameter"),
    ("verbose&verbose", "duplicate-parameter"), ("verbose=2", "invalid-parameter"),
    ("verbose=true", "invalid-parameter"),
])
def test_readyz_rejects_other_parameters(daemon, query, code):
    daemon.get(f"/readyz?{query}").problem(400, code)


def test_readyz_rejects_other_methods(daemon):
    answer = daemon.request("DELETE", "/readyz")
    answer.problem(405, "method-not-allowed")
    assert answer.header("Allow") == "GET, HEAD"


def test_readyz_verbose_counts_waiters_and_lookups_in_flight(testbed, sim):
    daemon = testbed.daemon(sim, "--submit-slots", "1", "--credits-per-day", "10")
    sim.hold_submits()
    waiting = [daemon.park(domain) for domain in ("a.com", "a.com")]
    sim.reach(submit=1)
    waiting.append(daemon.park("b.com"))
    expect_checks(daemon, waiters=3, lookups=2, queue=1, submits=1, credits_spent=2, credits_limit=10)
    sim.release_submits()
    assert [client.read().status for client in waiting] == [200, 200, 200]
    expect_checks(daemon, waiters=0, lookups=0, queue=0, submits=0)


# ---- faults that do not affect readiness ----


@pytest.mark.parametrize("status, code, times", [
    (401, "upstream-auth", 1), (402, "credits-exhausted", 1), (403, "upstream-banned", 1),
    (500, "circuit-open", 5),
])
def test_readyz_reports_upstream_failures_and_stays_ready(daemon, sim, status, code, times):
    sim.fault("balance", "status", times=-1, status=500)  # a probe must not close the circuit meanwhile
    sim.fault("submit", "status", times=times, status=status, after_creating=False)
    for i in range(times):
        assert daemon.lookup(f"company{i}.com").status in (402, 502)
    expect_checks(daemon, upstream=code)
    assert is_ready(daemon)


def test_readyz_reports_429_until_submits_may_leave_and_stays_ready(daemon, sim):
    sim.fault("submit", "status", status=429, after_creating=False, headers={"Retry-After": "1"})
    waiting = daemon.park("milvali.com")
    expect_checks(daemon, upstream="throttled")
    assert is_ready(daemon)
    assert waiting.read().status == 200
    expect_checks(daemon, upstream="ok")


def test_readyz_reports_a_pause_and_stays_ready(daemon):
    store = f"sqlite:{daemon.log.with_suffix('.db')}"
    assert run_to_end("pause", "--store", store).returncode == 0
    expect_checks(daemon, paused=True, upstream="ok")
    assert is_ready(daemon)
    assert run_to_end("resume", "--store", store).returncode == 0
    expect_checks(daemon, paused=False)


def test_readyz_reports_a_spent_budget_and_stays_ready(testbed, sim):
    daemon = testbed.daemon(sim, "--credits-per-day", "1")
    assert daemon.lookup("milvali.com").status == 200
    expect_checks(daemon, budget="credits-exhausted", upstream="ok")
    assert is_ready(daemon)


# ---- the store ----


@pytest.fixture
def disk(tmp_path):
    own = Disk(tmp_path / "disk")
    yield own
    own.leave()


def test_readyz_fails_on_a_full_disk_until_the_disk_works(testbed, sim, disk):
    daemon = testbed.daemon(sim, "--store", f"sqlite:{disk.path}/emailsd.db")
    assert daemon.lookup("known.com").status == 200
    disk.fill()
    daemon.lookup("milvali.com").problem(503, "storage-unavailable")
    expect_checks(daemon, store="unusable")
    answer = daemon.get("/readyz")
    answer.problem(503, "storage-unavailable")
    assert int(answer.header("Retry-After")) >= 1
    assert daemon.lookup("known.com").status == 200, "cached results are served although it is not ready"
    disk.free()
    eventually(lambda: is_ready(daemon))
    assert daemon.lookup("milvali.com").status == 200


def test_readyz_counts_the_journal_backlog_until_it_is_written(testbed, sim, disk):
    daemon = testbed.daemon(sim, "--store", f"sqlite:{disk.path}/emailsd.db")
    sim.hold_submits()
    client = daemon.park("milvali.com")
    sim.reach(submit=1)
    disk.fill()
    sim.release_submits()
    assert client.read().status == 200
    assert expect_checks(daemon, store="unusable")["journal_backlog"] >= 1
    disk.free()
    expect_checks(daemon, store="usable", journal_backlog=0)


# ---- while the engine hangs ----


def await_hang(daemon):
    """Returns when the engine hangs: a slow machine alone does not delay an iteration so long."""
    eventually(lambda: checks(daemon)["engine_lag_ms"] >= 1000)


@pytest.mark.skipif(not can_trace(), reason="strace is missing, or may not attach (root may)")
def test_hits_and_probes_are_served_while_the_engine_hangs(daemon, sim):
    known = daemon.lookup("known.com")
    with hanging(daemon, "engine", "write"):
        waiting = daemon.park("milvali.com")
        await_hang(daemon)
        answer = daemon.get("/readyz?verbose")
        lag_ms = answer.json()["checks"]["engine_lag_ms"]
        assert answer.status == (200 if lag_ms < 10000 else 503)
        assert daemon.get("/livez").status == 200 or lag_ms >= 50000
        for _ in range(50):
            assert daemon.lookup("known.com").body == known.body
        assert sim.calls()["submit"] == 1, "the engine hangs before the submit"
    assert waiting.read().status == 200
    assert len(sim.ledger()) == 2
    expect_checks(daemon, engine_lag_ms=0)


@pytest.mark.skipif(not can_trace(), reason="strace is missing, or may not attach (root may)")
def test_waits_end_in_time_while_the_engine_hangs(testbed, sim):
    """The worker keeps the deadlines that the engine cannot. The lookup is started later, and paid for once."""
    daemon = testbed.daemon(sim, "--threads", "1")
    with hanging(daemon, "engine", "write"):
        first = daemon.park("milvali.com")
        await_hang(daemon)
        for wait in (0, 1, 0):
            answer = daemon.lookup("late.com", wait=wait)
            answer.problem(504, "still-processing")
            assert int(answer.header("Retry-After")) >= 1 and answer.json()["charged"] == "maybe"
        daemon.lookup("other.com", cached=1, wait=0).problem(503, "overloaded")
        assert checks(daemon)["engine_lag_ms"] > 0, "it still hangs"
    assert first.read().status == 200
    assert daemon.lookup("late.com").status == 200
    assert [row["domain"] for row in sim.ledger()].count("late.com") == 1
    assert not sim.ledger("other.com")


@pytest.mark.skipif(not can_trace(), reason="strace is missing, or may not attach (root may)")
def test_calls_end_in_time_while_the_engine_hangs(testbed, sim):
    """Those of requests that do not wait for a lookup. The deletion happens later."""
    daemon = testbed.daemon(sim, "--threads", "1", "--allow-anonymous=admin")
    daemon.lookup("known.com")
    calls = [("GET", "/lookups/" + 32 * "0"), ("GET", "/usage"), ("DELETE", "/bulks/" + 32 * "0"),
             ("DELETE", daemon.question("known.com"))]
    with hanging(daemon, "engine", "write"):
        first = daemon.park("milvali.com")
        await_hang(daemon)
        waiting = [daemon.connect() for _ in calls]
        for connection, (method, target) in zip(waiting, calls):
            connection.send_get(target, method=method)
        for connection in waiting:
            answer = connection.read()
            answer.problem(503, "overloaded")
            assert answer.header("Retry-After") == "5"
        assert checks(daemon)["engine_lag_ms"] > 0, "it still hangs"
    assert first.read().status == 200
    eventually(lambda: daemon.lookup("known.com", cached=1).status == 504)
    assert [daemon.request(method, target).status for method, target in calls] == [404, 200, 404, 404]
    daemon.stop()


@pytest.mark.skipif(not can_trace(), reason="strace is missing, or may not attach (root may)")
def test_late_request_is_paid_by_its_own_client_and_keeps_no_slot(testbed, sim, keys):
    """As behind a proxy, the next request on the connection is another client's."""
    keys.add("small", "waiters=1")
    keys.add("big")
    daemon = start(testbed, sim, keys, "--threads", "1")
    assert daemon.lookup("known.com", keys.bearer("big")).status == 200
    with hanging(daemon, "engine", "write"):
        first = daemon.connect()
        first.send_get(daemon.question("milvali.com"), keys.line("big"))
        await_hang(daemon)
        shared = daemon.connect()
        late = shared.get(daemon.question("late.com", wait=1), keys.line("small"))
        late.problem(504, "still-processing")
        assert shared.get(daemon.question("known.com"), keys.line("big")).status == 200
    assert first.read().status == 200
    assert daemon.lookup("late.com", keys.bearer("small")).status == 200
    assert [daemon.get("/usage", keys.bearer(name)).json()["lookups"] for name in ("small", "big")] == [1, 2]
