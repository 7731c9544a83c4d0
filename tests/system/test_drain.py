# SPDX-License-Identifier: MIT
"""test_drain.py - tests shutdown with waiting clients and lookups in flight.

From SIGTERM on nothing is paid for. Waiting requests are served if their lookup ends within
--drain-timeout; otherwise they get the id under which it continues after the restart. The ledger is the
simulator's. The harness ends a hanging shutdown and fails the test.
"""
import re
import signal

import pytest
from waiting import eventually
from wire import Connection

# No other test takes a port there, so that a port that was closed stays closed.
PATIENT = ["--listen", "127.0.0.25:0", "--threads", "1", "--drain-timeout", "600s"]
MANY = 200


def store_of(testbed):
    return ["--store", f"sqlite:{testbed.directory}/end.db"]


def park_many(daemon, domain="milvali.com"):
    """Starts two hundred waiting requests, with their submit in flight."""
    waiting = [daemon.park(domain) for _ in range(MANY)]
    daemon.await_waiters(MANY)
    return waiting


def monitor_of(answer):
    """Returns the path that a problem's Link says to watch."""
    return re.fullmatch(r"<(/lookups/[0-9a-f]{32})>; rel=\"monitor\"", answer.header("Link"))[1]


def refuses(daemon):
    """Returns whether new connections are refused."""
    try:
        Connection(daemon.address).close()
    except (ConnectionRefusedError, ConnectionResetError):
        return True
    return False


def is_draining(daemon):
    """Returns whether SIGTERM has reached all threads: the engine reports it, and no worker listens."""
    return "event=engine_drain_started" in daemon.stderr() and refuses(daemon)


# ---- waiting requests ----


def test_drain_serves_waiting_clients_if_the_submit_ends_in_time(testbed, sim):
    daemon = testbed.daemon(sim, *store_of(testbed), *PATIENT)
    sim.hold_submits()
    waiting = park_many(daemon)
    sim.reach(submit=1)
    daemon.deliver(signal.SIGTERM)
    eventually(lambda: is_draining(daemon))
    sim.release_submits()
    for client in waiting:
        answer = client.read()
        assert (answer.status, answer.header("Connection")) == (200, "close")
        assert answer.json()["count"] == 2
        assert client.is_closed()
    assert daemon.wait() == 0, "long before the drain timeout"
    again = testbed.daemon(sim, *store_of(testbed)).lookup("milvali.com")
    assert (again.status, again.body) == (200, answer.body)
    assert len(sim.ledger()) == 1


@pytest.mark.parametrize("late", [signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2])
def test_drain_is_not_disturbed_by_other_signals(testbed, sim, late):
    daemon = testbed.daemon(sim, *store_of(testbed), *PATIENT)
    sim.hold_submits()
    client = daemon.park("milvali.com")
    sim.reach(submit=1)
    daemon.deliver(signal.SIGTERM)
    eventually(lambda: is_draining(daemon))
    daemon.deliver(late)
    sim.release_submits()
    assert client.read().status == 200
    assert daemon.wait() == 0


@pytest.mark.parametrize("threads", ["1", "4"])
def test_drain_returns_lookup_urls_for_unfinished_lookups(testbed, sim, threads):
    """The submit gets its response before the drain timeout, its task is not done."""
    daemon = testbed.daemon(sim, *store_of(testbed), "--threads", threads, "--drain-timeout", "500ms")
    sim.behave(task_time_ms=3600 * 1000)
    waiting = [daemon.park("milvali.com") for _ in range(MANY)]
    sim.reach(status=1)
    daemon.await_waiters(MANY)
    daemon.deliver(signal.SIGTERM)
    answers = [client.read() for client in waiting]
    assert all(answer.problem(503, "draining")["charged"] == "maybe" for answer in answers)
    assert all(int(answer.header("Retry-After")) >= 1 for answer in answers)
    [path] = {monitor_of(answer) for answer in answers}
    assert daemon.wait() == 0
    daemon = testbed.daemon(sim, *store_of(testbed))
    assert "event=recovery_finished batches=1 tasks=1 unknown_batches=0" in daemon.stderr()
    assert daemon.get(path).status == 202
    sim.behave(task_time_ms=0)
    assert daemon.lookup("milvali.com").status == 200
    assert daemon.get(path).status == 200
    assert len(sim.ledger()) == 1


def test_drain_timeout_leaves_a_submit_unknown_and_not_repeated(testbed, sim):
    daemon = testbed.daemon(sim, *store_of(testbed), "--threads", "1", "--drain-timeout", "300ms")
    sim.hold_submits()
    waiting = park_many(daemon)
    sim.reach(submit=1)
    daemon.deliver(signal.SIGTERM)
    for client in waiting:
        assert client.read().problem(503, "draining")["charged"] == "maybe"
    assert daemon.wait() == 0
    sim.release_submits()
    daemon = testbed.daemon(sim, *store_of(testbed))
    assert "unknown_batches=1 unknown_tasks=1" in daemon.stderr()
    daemon.lookup("milvali.com").problem(502, "upstream-outcome-unknown")
    assert sim.calls()["submit"] == 1


def test_drain_without_waiting_clients_still_reads_the_batch_id(testbed, sim):
    daemon = testbed.daemon(sim, *store_of(testbed), *PATIENT)
    sim.behave(task_time_ms=3600 * 1000)
    sim.hold_submits()
    assert daemon.lookup("milvali.com", wait=0).status == 504
    sim.reach(submit=1)
    daemon.deliver(signal.SIGTERM)
    eventually(lambda: is_draining(daemon))
    sim.release_submits()
    assert daemon.wait() == 0
    daemon = testbed.daemon(sim, *store_of(testbed))
    assert "event=recovery_finished batches=1 tasks=1 unknown_batches=0" in daemon.stderr()
    sim.behave(task_time_ms=0)
    assert daemon.lookup("milvali.com").status == 200
    assert len(sim.ledger()) == 1


def test_drain_does_not_change_the_end_of_a_wait(testbed, sim):
    daemon = testbed.daemon(sim, *PATIENT)
    sim.hold_submits()
    long = daemon.park("milvali.com")
    daemon.await_waiters(1)
    short = daemon.park("milvali.com", wait=1)
    eventually(lambda: daemon.metric("emailsd_lookups_coalesced_total") == 1)
    sim.reach(submit=1)
    daemon.deliver(signal.SIGTERM)
    answer = short.read()
    answer.problem(504, "still-processing")
    assert monitor_of(answer)
    sim.release_submits()
    assert long.read().status == 200
    assert daemon.wait() == 0


def test_drain_does_not_wait_for_a_client_that_left(testbed, sim):
    daemon = testbed.daemon(sim, *PATIENT)
    sim.behave(task_time_ms=3600 * 1000)
    client = daemon.park("milvali.com")
    sim.reach(status=1)
    daemon.deliver(signal.SIGTERM)
    eventually(lambda: is_draining(daemon))
    assert daemon.is_running()
    client.close()
    assert daemon.wait() == 0


# ---- requests during the drain ----


@pytest.fixture
def drained(testbed, sim):
    """A draining daemon, kept alive by a waiting request, and a connection that was opened before."""
    daemon = testbed.daemon(sim, *PATIENT)
    known = daemon.lookup("known.com")
    assert known.status == 200
    kept = []
    for _ in range(50):
        kept.append(daemon.connect())
        assert kept[-1].get("/livez").status == 200
    sim.hold_submits()
    waiting = daemon.park("milvali.com")
    sim.reach(submit=2)
    daemon.deliver(signal.SIGTERM)
    eventually(lambda: is_draining(daemon))
    yield daemon, iter(kept)
    sim.release_submits()
    assert waiting.read().status == 200
    assert daemon.wait() == 0


def test_drain_serves_cached_results_and_rejects_new_lookups(drained, sim):
    daemon, kept = drained
    hit = next(kept).get(daemon.question("known.com"))
    assert (hit.status, hit.header("Connection")) == (200, "close")
    assert hit.header("Cache-Status").startswith("emailsd; hit")
    new = next(kept).get(daemon.question("new.com"))
    assert new.problem(503, "draining")["charged"] == "no"
    assert new.header("Link") is None and int(new.header("Retry-After")) >= 1
    refresh = next(kept).get(daemon.question("known.com", refresh=1))
    assert refresh.problem(503, "draining")["charged"] == "no"
    assert sim.calls()["submit"] == 2


def test_drain_lets_requests_join_a_lookup_in_flight(drained, sim):
    daemon, kept = drained
    joining = next(kept)
    joining.send_get(daemon.question("milvali.com"))
    eventually(joining.has_arrived)
    assert next(kept).get("/livez").status == 200  # the one worker has read what came before
    sim.release_submits()
    answer = joining.read()
    assert (answer.status, answer.header("Connection")) == (200, "close")
    assert len(sim.ledger("milvali.com")) == 1


def test_drain_is_reported_by_the_probes(drained):
    _, kept = drained
    assert next(kept).get("/livez").status == 200
    next(kept).get("/readyz").problem(503, "draining")
    response = next(kept).get("/readyz?verbose=1")
    assert (response.status, response.header("Retry-After")) == (503, "1")
    assert response.json()["status"] == "draining"
    assert response.json()["checks"]["draining"] is True
    assert response.json()["checks"]["submits"] == 1


# ---- the drain delay, and immediate termination ----


def test_drain_delay_fails_readyz_only(testbed, sim):
    daemon = testbed.daemon(sim, "--drain-delay", "600s")
    assert daemon.get("/readyz").status == 200
    daemon.deliver(signal.SIGTERM)
    eventually(lambda: daemon.get("/readyz").status == 503)
    daemon.get("/readyz").problem(503, "draining")
    answer = daemon.lookup("milvali.com")
    assert (answer.status, answer.header("Connection")) == (200, "close")
    assert "event=engine_drain_started" not in daemon.stderr()
    daemon.deliver(signal.SIGTERM)
    daemon.was_checked = True
    assert daemon.wait() == -signal.SIGTERM


def test_drain_delay_ends_kept_connections_with_their_next_response(testbed, sim):
    daemon = testbed.daemon(sim, "--drain-delay", "600s")
    daemon.lookup("milvali.com")
    kept = [daemon.connect() for _ in range(20)]
    assert {client.get(daemon.question("milvali.com")).header("Connection") for client in kept} == {None}
    daemon.deliver(signal.SIGTERM)
    eventually(lambda: daemon.get("/readyz").status == 503)
    eventually(lambda: daemon.get("/livez").header("Connection") == "close")
    for client in kept:
        answer = client.get(daemon.question("milvali.com"))
        assert (answer.status, answer.header("Connection")) == (200, "close")
        assert client.is_closed()
    daemon.deliver(signal.SIGTERM)
    daemon.was_checked = True
    assert daemon.wait() == -signal.SIGTERM


def test_drain_delay_is_followed_by_the_end(testbed, sim):
    daemon = testbed.daemon(sim, "--drain-delay", "200ms")
    daemon.deliver(signal.SIGTERM)
    assert daemon.wait() == 0
    assert "event=stopped" in daemon.stderr()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_drain_ends_immediately_at_a_second_signal(testbed, sim, number):
    daemon = testbed.daemon(sim, *PATIENT)
    sim.hold_submits()
    client = daemon.park("milvali.com")
    sim.reach(submit=1)
    daemon.deliver(signal.SIGTERM)
    eventually(lambda: is_draining(daemon))
    daemon.deliver(number)
    daemon.was_checked = True
    assert daemon.wait() == -number
    assert client.is_closed()
