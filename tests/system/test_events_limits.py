# SPDX-License-Identifier: MIT
"""test_events_limits.py - tests the streams of single lookups where something ends them or does not let them begin: the
limit on streams, a client that leaves, an engine that hangs. None costs anything that is not in the ledger, and each is
in the log.
"""
import pytest
from client_keys import start
from streams import Stream, by_id, events, path_of, until
from tracing import can_trace, hanging
from waiting import eventually

# ---- the limit on streams ----


def test_stream_beyond_the_limit_is_rejected_and_pays_nothing(testbed, sim):
    daemon = testbed.daemon(sim, "--max-streams", "2", "--batch-size", "2", "--batch-linger", "60s")
    sim.hold_submits()
    streams = [events(daemon, domain) for domain in ("one.com", "two.com")]
    answer = daemon.lookup("three.com", format="sse")
    answer.problem(503, "overloaded")
    assert int(answer.header("Retry-After")) >= 1
    daemon.lookup("three.com", format="ndjson").problem(503, "overloaded")
    sim.reach(submit=1)
    sim.release_submits()
    assert [stream.events()[-1].data["status"] for stream in streams] == [200, 200]
    eventually(lambda: daemon.lookup("one.com", format="sse").status == 200)
    assert sorted(task["domain"] for task in sim.ledger()) == ["one.com", "two.com"]


@pytest.mark.parametrize("name", ["sse", "ndjson"])
def test_asynchronous_stream_beyond_the_limit_pays_nothing(testbed, sim, name):
    """The lookup would continue without its client."""
    daemon = testbed.daemon(sim, "--max-streams", "1", "--threads", "1")
    sim.hold_submits()
    stream = events(daemon, "one.com")
    sim.reach(submit=1)
    problem = daemon.lookup("two.com", format=name, **{"async": 1}).problem(503, "overloaded")
    assert problem["charged"] == "no"
    where = path_of(stream)
    daemon.get(f"{where}?format={name}").problem(503, "overloaded")
    sim.release_submits()
    assert stream.events()[-1].data["status"] == 200
    assert daemon.lookup("three.com").status == 200
    assert sorted(task["domain"] for task in sim.ledger()) == ["one.com", "three.com"]


def test_client_has_half_of_the_streams(testbed, sim, keys):
    """The others keep theirs, and a rejected stream costs nothing."""
    keys.add("greedy")
    keys.add("modest")
    daemon = start(testbed, sim, keys, "--max-streams", "4")
    sim.hold_submits()
    streams = [events(daemon, domain, keys.bearer("greedy")) for domain in ("one.com", "two.com")]
    problem = daemon.lookup("three.com", keys.bearer("greedy"), format="sse").problem(503, "overloaded")
    assert "this client" in problem["detail"] and problem["charged"] == "no"
    streams.append(events(daemon, "four.com", keys.bearer("modest")))
    streams[0].close()
    streams.append(eventually(lambda: (s := events(daemon, "five.com", keys.bearer("greedy"))).status == 200 and s))
    sim.release_submits()
    assert [stream.events()[-1].data["status"] for stream in streams[1:]] == [200, 200, 200]
    assert "three.com" not in [task["domain"] for task in sim.ledger()]


def test_stored_result_needs_no_slot_for_its_stream(testbed, sim):
    daemon = testbed.daemon(sim, "--max-streams", "1")
    daemon.lookup("stored.com")
    sim.hold_submits()
    stream = events(daemon, "one.com")
    assert events(daemon, "stored.com").events()[-1].data["outcome"] == "hit"
    assert daemon.metric("emailsd_streams") == 1
    sim.release_submits()
    assert stream.events()[-1].data["status"] == 200


# ---- the access log ----


def test_stream_is_logged_with_its_outcome(testbed, sim):
    daemon = testbed.daemon(sim)
    sim.hold_submits()
    stream = events(daemon, "milvali.com", {"X-Request-Id": "first"})
    sim.reach(submit=1)
    left = events(daemon, "milvali.com", {"X-Request-Id": "left"})
    daemon.await_waiters(2)
    left.close()
    eventually(lambda: daemon.metric("emailsd_waiters_abandoned_total") == 1)
    sim.release_submits()
    lookup = path_of(stream).removeprefix("/lookups/")
    stream.read()
    assert events(daemon, "milvali.com", {"X-Request-Id": "hit"}).read()

    def line_of(name):
        return eventually(lambda: next((line for line in daemon.stderr().splitlines() if f" id={name} " in line), None))

    assert f"outcome=looked-up lookup={lookup} charged=yes" in line_of("first")
    assert "complete=true" in line_of("first")
    assert f"outcome=client-closed lookup={lookup} charged=maybe" in line_of("left")
    assert "complete=false" in line_of("left")
    assert "outcome=hit charged=no" in line_of("hit")


def test_stream_that_is_abandoned_is_counted_once(testbed, sim):
    daemon = testbed.daemon(sim, "--batch-linger", "60s", "--submit-slots", "1")
    for name in ("sse", "ndjson"):
        stream = Stream(daemon, "GET", daemon.question(f"{name}.com", format=name), {"X-Request-Id": name})
        daemon.await_waiters(1)
        stream.close()
        daemon.await_waiters(0)
    eventually(lambda: daemon.metric('emailsd_cache_outcomes_total{outcome="miss"}') == 2)
    [line] = eventually(lambda: [line for line in daemon.stderr().splitlines() if " id=ndjson " in line])
    assert "outcome=client-closed" in line and "charged=no" in line, "it was still queued"
    assert sim.calls()["submit"] == 0


# ---- an engine that hangs ----


@pytest.mark.skipif(not can_trace(), reason="strace is missing, or may not attach (root may)")
def test_streams_end_in_time_while_the_engine_hangs(testbed, sim):
    """The worker keeps the deadlines, of streams that have begun and of those that could not begin."""
    daemon = testbed.daemon(sim, "--threads", "1")
    sim.hold_submits()
    begun = events(daemon, "milvali.com", wait=3)
    sim.reach(submit=1)
    where = path_of(begun)
    streams = [begun, by_id(daemon, where, wait=3), by_id(daemon, where, format="ndjson", wait=3)]
    until(streams[1], "submitting")
    with hanging(daemon, "engine", "write"):
        parked = daemon.park("other.com", wait=0)
        eventually(lambda: daemon.get("/readyz?verbose").json()["checks"]["engine_lag_ms"] >= 1000)
        daemon.lookup("third.com", format="sse", wait=0).problem(504, "still-processing")
        daemon.get(where + "?format=sse&wait=0").problem(503, "overloaded")
        for stream in streams[:2]:
            last = stream.events()[-1]
            assert (last.id, last.data["status"]) == ("end", 504)
            assert (last.data["charged"], last.data["problem"]["code"]) == ("maybe", "still-processing")
        assert streams[2].line()["problem"]["code"] == "still-processing"
        assert streams[2].line() is None
    parked.read()
    sim.release_submits()
    eventually(lambda: daemon.lookup("milvali.com", cached=1).status == 200)
    assert len(sim.ledger("milvali.com")) == 1
