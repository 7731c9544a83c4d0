# SPDX-License-Identifier: MIT
"""test_slow_clients.py - clients that are slow on purpose: whatever they trickle, they are closed
when their time is over, and nobody else waits for them.

The daemon's own times are the ones that count here, so each of these tests takes as long as the
time of a header, and lets all its slow clients run side by side. Shorter times, and the time of an
answer, are tests/unit/test_listener_slow.c's.
"""
import resource
import select
import socket
import time

import pytest

from waiting import eventually

HEADER_S = 8  # HEADER_TIMEOUT_MS in server/main.c
LATE_S = 4  # a next header may take a quarter longer; the rest is the machine's
PACE_MS = 200
SPARE = 1024  # SPARE_CONNECTIONS in server/main.c

# What stands already, and what is sent on and on after it.
TRICKLES = [
    (b"GET /emails?domain=", b"a"),
    (b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX: ", b"x"),
    (b"GET /livez HTTP/1.1\r\nHost: localhost\r\n", b"X: y\r\n"),
]


def trickle(clients, meanwhile):
    """Sends to each of {socket: bytes}, again and again, until it is closed: the seconds that each
    one lasted. Between two rounds `meanwhile` is called."""
    begin, lasted = time.monotonic(), {}
    poll = select.poll()
    for client in clients:
        poll.register(client, select.POLLIN)
    while len(lasted) < len(clients):
        for number, _ in poll.poll(PACE_MS):
            poll.unregister(number)
            lasted[number] = time.monotonic() - begin
        for client, unit in clients.items():
            try:
                client.send(unit)
            except OSError:
                pass  # closed, which poll() tells
        meanwhile()
    return lasted.values()


def assert_on_time(lasted):
    assert HEADER_S - 0.5 < min(lasted), "cut off too early"
    assert max(lasted) < HEADER_S + LATE_S, "a trickle keeps a connection"


def assert_is_served(daemon):
    assert daemon.get("/livez").status == 200


@pytest.mark.parametrize("is_first", [True, False])
def test_c5_who_trickles_a_header_is_closed_in_time(daemon, is_first):
    clients = {}
    for begun, unit in TRICKLES * 20:
        connection = daemon.connect()
        if not is_first:
            assert connection.get("/livez").status == 200
        connection.send(begun)
        clients[connection.socket] = unit
    assert_on_time(trickle(clients, lambda: assert_is_served(daemon)))


def test_c7_those_who_say_nothing_take_all_places_and_give_them_back(stage, sim):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < 2 * SPARE:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(2 * SPARE, hard), hard))
    daemon = stage.daemon(sim, "--max-waiters", "1", "--threads", "1")
    begin = time.monotonic()
    silent = [socket.create_connection(daemon.address) for _ in range(SPARE + 1)]
    assert daemon.connect().is_closed(), "one more than there are places"
    for client in silent:
        assert client.recv(1) == b""
        client.close()
    assert_on_time([time.monotonic() - begin])
    assert_is_served(daemon)


def test_c7_one_address_may_take_its_share_and_no_more(stage, sim):
    daemon = stage.daemon(sim, "--max-connections-per-address", "40")
    hoard = [daemon.connect("127.0.0.2") for _ in range(40)]
    assert all(client.get("/livez").status == 200 for client in hoard), "so they have been accepted"
    assert daemon.connect("127.0.0.2").is_closed()
    assert daemon.get("/livez").status == 200, "from another address"
    assert all(client.get("/livez").status == 200 for client in hoard), "who is in stays in"
    refused = b'emailsd_http_connections_refused_total{limit="%s"} %d\n'
    metrics = daemon.get("/metrics").body
    assert refused % (b"address", 1) in metrics and refused % (b"all", 0) in metrics
    hoard.pop().close()
    left = b"\nemailsd_http_connections %d\n" % (len(hoard) + 1)  # and the one that asks for it
    eventually(lambda: left in daemon.get("/metrics").body)
    assert daemon.connect("127.0.0.2").get("/livez").status == 200


def test_a_client_that_waits_for_its_lookup_is_not_slow(stage, sim):
    daemon = stage.daemon(sim)
    sim.hold_submits()
    waits = daemon.park("milvali.com")
    sim.reach(submit=1)
    assert daemon.connect().is_closed(), "a silent client, which came later"
    sim.release_submits()
    assert waits.read().json()["domain"] == "milvali.com"
    assert waits.get("/livez").status == 200
