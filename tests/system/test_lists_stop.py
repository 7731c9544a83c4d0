# SPDX-License-Identifier: MIT
"""test_lists_stop.py - tests lists while the daemon stops, hangs or is killed: no entry is lost, and nothing is paid
for twice.
"""
import signal

import pytest
from lists import charged, check_lines, codes, domains, hang_at, lines_of, paid, results_of, send, stream
from reconciliation import breaches, read_journal
from tracing import can_trace, hanging
from waiting import eventually

DRAIN = ["--drain-timeout", "600s", "--batch-size", "10", "--submit-slots", "2"]


def store_of(testbed):
    return testbed.directory / "lists.db"


def start(testbed, sim, *flags):
    return testbed.daemon(sim, "--store", f"sqlite:{store_of(testbed)}", *flags)


# ---- SIGTERM ----


@pytest.mark.parametrize("kind", ["ndjson", "sse"])
def test_stop_ends_a_stream_with_a_line_for_each_entry(testbed, sim, kind):
    daemon = start(testbed, sim, *DRAIN)
    sim.hold_submits()
    reader = stream(daemon, domains(100), query=f"?format={kind}")
    sim.reach(submit=1)
    daemon.deliver(signal.SIGTERM)
    eventually(lambda: "event=engine_drain_started" in daemon.stderr())
    sim.release_submits()
    lines = reader.lines() if kind == "ndjson" else results_of(reader.events())
    check_lines(lines, 100)
    assert daemon.wait() == 0
    assert set(codes(lines)) == {"ok", "draining"}
    assert sorted(charged(lines)) == paid(sim) and len(paid(sim)) <= 20
    lines = lines_of(send(start(testbed, sim), domains(100)))
    assert codes(lines) == {"ok": 100}
    assert paid(sim) == sorted(domains(100))


def test_stop_answers_a_document_with_draining(testbed, sim):
    daemon = start(testbed, sim, *DRAIN)
    sim.hold_submits()
    reader = stream_of_document(daemon, domains(100))
    sim.reach(submit=1)
    daemon.deliver(signal.SIGTERM)
    eventually(lambda: "event=engine_drain_started" in daemon.stderr())
    sim.release_submits()
    reader.read().problem(503, "draining")
    assert daemon.wait() == 0
    assert codes(lines_of(send(start(testbed, sim), domains(100)))) == {"ok": 100}
    assert paid(sim) == sorted(domains(100))


def stream_of_document(daemon, entries):
    """Sends a list whose response is a document; returns the connection."""
    body = "\n".join(entries).encode()
    connection = daemon.connect()
    connection.send_get("/emails?format=json", "Content-Type: text/plain", f"Content-Length: {len(body)}", method="POST")
    connection.send(body)
    return connection


def test_stop_does_not_wait_for_a_reader_that_stalls(testbed, sim):
    """Each line repeats its long input: the system takes a small part of them."""
    daemon = start(testbed, sim, "--drain-timeout", "600s")
    entries = [f"https://{domain}/{'x' * 1900}" for domain in domains(2500)]
    reader = stream(daemon, entries, query="?cached=1", receive_buffer=4096)
    assert reader.line()
    daemon.stop()
    [line] = [line for line in daemon.stderr().splitlines() if "method=POST" in line]
    assert "complete=false" in line


# ---- an engine that hangs ----


@pytest.mark.skipif(not can_trace(), reason="strace is missing, or may not attach (root may)")
def test_waits_of_lists_end_in_time_while_the_engine_hangs(testbed, sim):
    """The worker keeps the deadlines. The lists are opened later, promised, and paid for once."""
    daemon = start(testbed, sim, "--threads", "1")
    with hanging(daemon, "engine", "write"):
        first = daemon.park("milvali.com")
        eventually(lambda: daemon.get("/readyz?verbose").json()["checks"]["engine_lag_ms"] >= 1000)
        for query in ("?format=json&wait=1", "?format=csv&async=1", "?format=ndjson&wait=1"):
            response = send(daemon, domains(3), query=query)
            assert response.problem(504, "still-processing")["charged"] == "maybe"
            assert int(response.header("Retry-After")) >= 1
        send(daemon, domains(3), query="?format=json&cached=1&wait=0").problem(503, "overloaded")
        daemon.get("/bulks/" + "0" * 32).problem(503, "overloaded")
    assert first.read().status == 200
    assert codes(lines_of(send(daemon, domains(3)))) == {"ok": 3}
    assert paid(sim) == sorted(["milvali.com", *domains(3)])


@pytest.mark.skipif(not can_trace(), reason="strace is missing, or may not attach (root may)")
@pytest.mark.parametrize("kind", ["ndjson", "sse"])
def test_stream_without_a_wait_is_answered_while_the_engine_hangs(testbed, sim, kind):
    """It may last as long as its list, but it cannot begin: its client gets a response within the default wait."""
    daemon = start(testbed, sim, "--threads", "1", "--wait", "1s")
    with hanging(daemon, "engine", "write"):
        first = daemon.park("milvali.com", wait=60)
        eventually(lambda: daemon.get("/readyz?verbose").json()["checks"]["engine_lag_ms"] >= 1000)
        problem = send(daemon, domains(3), query=f"?format={kind}").problem(504, "still-processing")
        assert problem["charged"] == "maybe"
        daemon.get("/bulks/" + "0" * 32 + f"?format={kind}").problem(503, "overloaded")
    assert first.read().status == 200
    eventually(lambda: send(daemon, domains(3), query="?cached=1&format=json").json()["ok"] == 3)
    assert paid(sim) == sorted(["milvali.com", *domains(3)])


# ---- kill ----


def test_killed_three_times_a_list_has_all_results_and_one_price(testbed, sim):
    """Batches of ten, one after the other. In each round a submit hangs that creates nothing, so it is known what the
    kill finds; the list is sent again after it."""
    flags = ["--batch-size", "10", "--submit-slots", "1", "--unknown-hold", "0"]
    entries = domains(300)
    for kill in range(1, 4):
        hang_at(sim, entries[75 * kill])
        daemon = start(testbed, sim, *flags)
        reader = stream(daemon, entries)
        eventually(lambda: sim.calls()["scripts"] == 1)
        check_lines(reader.lines(len(sim.ledger())), len(sim.ledger()))
        assert len(sim.ledger()) >= 75 * kill - 10
        daemon.kill()
        sim.say("DELETE", "/sim/faults")
    daemon = start(testbed, sim, *flags)
    lines = lines_of(send(daemon, entries))
    check_lines(lines, 300)
    assert codes(lines) == {"ok": 300}
    assert paid(sim) == sorted(entries)
    daemon.stop()
    assert breaches(sim.ledger(), read_journal(store_of(testbed))) == []
