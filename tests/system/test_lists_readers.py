# SPDX-License-Identifier: MIT
"""test_lists_readers.py - tests readers of a list that leave, come back, stall, share a list, or wait for a limited
time only.
"""
import socket
import time

import pytest
from certificates import Authority, listen_flags
from lists import (ListStream, body_of, by_index, charged, check_lines, codes, domains, lines_of, outcomes, paid, results_of,
                   send, stream)
from waiting import PATIENCE_S, eventually


# ---- leaving ----


def test_reader_that_leaves_at_several_lines_pays_for_nothing_twice(daemon, sim):
    """The list is sent again after each disconnect, and continues."""
    entries = domains(200)
    for n in (0, 10, 20, 50, 100, 150):
        reader = stream(daemon, entries)
        assert len(reader.lines(n)) == n
        reader.close()
    lines = lines_of(send(daemon, entries))
    check_lines(lines, 200)
    assert codes(lines) == {"ok": 200}
    assert paid(sim) == sorted(entries)


def test_list_without_a_reader_starts_no_more_lookups(testbed, sim):
    daemon = testbed.daemon(sim, "--batch-size", "10", "--submit-slots", "2")
    sim.hold_submits()
    reader = stream(daemon, domains(100))
    sim.reach(submit=1)
    reader.close()
    eventually(lambda: daemon.metric("emailsd_bulks") == 0)
    sim.release_submits()
    assert daemon.lookup("other.com").status == 200
    assert len(sim.ledger()) <= 11, "what was submitted is paid for, and nothing else"


def test_document_whose_client_leaves_starts_no_more_lookups(testbed, sim):
    daemon = testbed.daemon(sim, "--batch-size", "10", "--submit-slots", "2")
    sim.hold_submits()
    connection = daemon.connect()
    body = "\n".join(domains(100)).encode()
    connection.send_get("/emails?format=json", "Content-Type: text/plain", f"Content-Length: {len(body)}", method="POST")
    connection.send(body)
    sim.reach(submit=1)
    connection.reset()
    eventually(lambda: daemon.metric("emailsd_bulks") == 0)
    sim.release_submits()
    assert daemon.lookup("other.com").status == 200
    assert len(sim.ledger()) <= 11


def test_asynchronous_list_continues_without_a_reader(daemon, sim):
    sim.hold_submits()
    reader = stream(daemon, domains(50), query="?async=1")
    assert reader.status == 200
    sim.reach(submit=1)
    reader.close()
    sim.release_submits()
    eventually(lambda: len(sim.ledger()) == 50)


# ---- stalling ----


def connection_to(testbed, sim, scheme):
    """Starts a daemon; returns it, and a function that connects to it."""
    if scheme == "http":
        daemon = testbed.daemon(sim)
        return daemon, lambda: socket.create_connection(daemon.address, PATIENCE_S)
    authority = Authority(testbed.directory)
    daemon = testbed.daemon(sim, *listen_flags(*authority.sign("server")))
    return daemon, lambda: authority.context().wrap_socket(socket.create_connection(daemon.address, PATIENCE_S),
                                                           server_hostname="localhost")


def send_list(client, entries):
    body = body_of(entries).encode()
    client.sendall(b"POST /emails HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nConnection: close\r\n"
                   b"Content-Length: %d\r\n\r\n" % len(body) + body)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_reader_that_stalls_stops_the_spending_and_is_disconnected(testbed, scheme):
    """A client with ordinary buffers that never reads. Known results come first: more than fit into the buffers on the
    way and 1,000 that are unread, but less than the system would take without a limit. So the list stalls before it gets
    to what has to be paid for."""
    sim = testbed.simulator("--credits", "100000")
    daemon, connect = connection_to(testbed, sim, scheme)
    with connect() as client:
        send_list(client, domains(4000))
        while client.recv(65536):
            pass
    assert len(sim.ledger()) == 4000
    with connect() as client:
        send_list(client, domains(4100))
        eventually(lambda: "complete=false" in daemon.stderr())
        assert len(sim.ledger()) == 4000


def test_reader_that_stalls_for_a_while_gets_all_results(testbed):
    sim = testbed.simulator("--credits", "100000")
    daemon = testbed.daemon(sim)
    reader = stream(daemon, domains(3000))
    eventually(lambda: len(sim.ledger()) >= 1000)
    check_lines(reader.lines(), 3000)
    assert paid(sim) == sorted(domains(3000))


# ---- the same list twice ----


def test_same_list_sent_twice_concurrently_is_one_bulk(daemon, sim):
    sim.hold_submits()
    readers = [stream(daemon, domains(30)) for _ in range(2)]
    assert readers[0].bulk_id() == readers[1].bulk_id()
    assert daemon.metric("emailsd_bulks") == 1
    sim.release_submits()
    for reader in readers:
        check_lines(reader.lines(), 30)
    assert paid(sim) == sorted(domains(30))


def test_other_options_are_another_bulk(daemon):
    ids = [stream(daemon, domains(3), query=query).bulk_id()
           for query in ("", "?cached=1", "?max_credits=1", "?format=json")]
    assert len(set(ids)) == 3 and ids[0] == ids[3]


def test_overlapping_lists_pay_once_for_what_they_share(daemon, sim):
    sim.hold_submits()
    readers = [stream(daemon, domains(30)), stream(daemon, domains(60)[20:])]
    assert [reader.status for reader in readers] == [200, 200]
    sim.release_submits()
    lines = [reader.lines() for reader in readers]
    check_lines(lines[0], 30)
    check_lines(lines[1], 40)
    assert sum(len(charged(part)) for part in lines) == 60
    assert paid(sim) == sorted(domains(60))


def test_list_sends_an_empty_line_after_15_s_without_a_result(daemon, sim):
    sim.hold_submits()
    then = time.monotonic()
    reader = stream(daemon, domains(3))
    assert reader.raw_line() == b"\n"
    assert time.monotonic() - then > 14
    sim.release_submits()
    check_lines(reader.lines(), 3)


# ---- wait ----


def test_wait_ends_a_stream_with_lines_for_what_is_open(daemon, sim):
    daemon.lookup("company0.com")
    sim.hold_submits()
    lines = by_index(stream(daemon, domains(5), query="?wait=1").lines())
    check_lines(lines, 5)
    assert [line["outcome"] for line in lines] == ["hit", *["failed"] * 4]
    assert codes(lines) == {"ok": 1, "still-processing": 4}
    sim.release_submits()
    assert codes(lines_of(send(daemon, domains(5)))) == {"ok": 5}
    assert len(sim.ledger()) == 5


def test_wait_ends_events_with_an_end(daemon, sim):
    sim.hold_submits()
    events = stream(daemon, domains(5), query="?format=sse&wait=1").events()
    assert codes(results_of(events)) == {"still-processing": 5}
    assert (events[-1].id, events[-1].name, events[-1].data["state"]) == ("end", "end", "running")
    sim.release_submits()


@pytest.mark.parametrize("kind", ["json", "csv"])
def test_wait_of_a_document_ends_with_a_link_to_its_bulk(daemon, sim, kind):
    sim.hold_submits()
    response = send(daemon, domains(5), kind, "?wait=1", {"Prefer": "wait=5"})
    problem = response.problem(504, "still-processing")
    assert problem["charged"] == "maybe" and int(response.header("Retry-After")) >= 1
    assert response.header("Server-Timing")
    path = response.header("Link").partition(">")[0][1:]
    assert daemon.get(path).status == 202
    sim.release_submits()
    assert send(daemon, domains(5), kind).status == 200
    assert len(sim.ledger()) == 5, "the bulk continued, and the second request joined it"


def test_asynchronous_document_is_accepted_with_its_progress(daemon, sim):
    sim.hold_submits()
    response = send(daemon, domains(5), "json", headers={"Prefer": "respond-async"})
    assert response.status == 202, response
    document = response.json()
    assert response.header("Location") == f"/bulks/{document['id']}"
    assert response.header("Preference-Applied") == "respond-async"
    assert int(response.header("Retry-After")) >= 1
    assert list(document) == ["id", "state", "total", "unique", "done", "ok", "failed", "charged", "waiting_for",
                              "elapsed_s", "expected_s", "timing"]
    assert (document["state"], document["total"], document["done"]) == ("running", 5, 0)
    sim.release_submits()


# ---- Last-Event-ID ----


def test_last_event_id_continues_at_each_position(daemon):
    reader = stream(daemon, domains(6), query="?format=sse")
    bulk, events = reader.bulk_id(), reader.events()
    seen = results_of(events)
    for n in range(7):
        again = ListStream(daemon, "GET", f"/bulks/{bulk}?format=sse", {"Last-Event-ID": str(n)}).events()
        assert [line["index"] for line in results_of(again)] == [line["index"] for line in seen[n:]]
        assert [event.id for event in again if event.name == "result"] == [str(i + 1) for i in range(n, 6)]
        assert again[-1].id == "end"


def test_last_event_id_continues_after_a_wait_that_has_ended(daemon, sim):
    """What was open then has no result yet, and no id: it is not skipped."""
    daemon.lookup("company0.com")
    sim.hold_submits()
    reader = stream(daemon, domains(4), query="?format=sse&wait=1")
    results = [event for event in reader.events() if event.name == "result"]
    assert [event.id for event in results] == ["1", None, None, None]
    sim.release_submits()
    again = ListStream(daemon, "GET", f"/bulks/{reader.bulk_id()}?format=sse", {"Last-Event-ID": "1"}).events()
    assert codes(results_of(again)) == {"ok": 3}
    assert [event.id for event in again if event.name == "result"] == ["2", "3", "4"]


@pytest.mark.parametrize("last", ["7", "99999999999999999999", "x", ""])
def test_unknown_last_event_id_starts_from_the_first_result(daemon, last):
    bulk = stream(daemon, domains(6), query="?format=sse").bulk_id()
    events = ListStream(daemon, "GET", f"/bulks/{bulk}?format=sse", {"Last-Event-ID": last}).events()
    assert len(results_of(events)) == 6


def test_last_event_id_end_gets_204(daemon, sim):
    send(daemon, domains(3), query="?format=sse", headers={"Last-Event-ID": "end"})
    response = send(daemon, domains(3), query="?format=sse", headers={"Last-Event-ID": "end"})
    assert (response.status, response.body) == (204, b"")
    assert not sim.ledger()
    assert outcomes(lines_of(send(daemon, domains(3), headers={"Last-Event-ID": "end"}))) == {"looked-up": 3}
