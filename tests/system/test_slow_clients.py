# SPDX-License-Identifier: MIT
"""test_slow_clients.py - tests clients that are slow on purpose: they are closed at their deadline, however
they trickle, and no other client waits for them.

These tests use the daemon's real timeouts, so each takes as long as the header timeout, and runs all its
slow clients concurrently. tests/unit/test_listener_slow.c tests shorter timeouts, and the response timeout.
"""
import contextlib
import resource
import select
import socket
import time


from waiting import PATIENCE_S, eventually

HEADER_S = 8  # HEADER_TIMEOUT_MS in server/main.c
# The worker reads its clock once per loop iteration, so on a busy machine a timeout starts with an old time.
EARLIEST_S = HEADER_S / 4
PACE_MS = 200
SPARE = 1024  # SPARE_CONNECTIONS in server/main.c

# What is sent first, and what is sent repeatedly after it.
TRICKLES = [
    (b"GET /emails?domain=", b"a"),
    (b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX: ", b"x"),
    (b"GET /livez HTTP/1.1\r\nHost: localhost\r\n", b"X: y\r\n"),
]


class Trickler:
    """A client that sends an endless header, the first or the second of its connection."""

    def __init__(self, daemon, begun, unit, is_first):
        self.unit = unit
        self.since = time.monotonic()
        connection = daemon.connect()
        if not is_first:
            assert connection.get("/livez").status == 200
            self.since = time.monotonic()
        connection.send(begun)
        self.socket = connection.socket
        self.lasted_s = None

    def send(self):
        try:
            self.socket.send(self.unit)
        except OSError:
            pass  # closed, as poll() reports


def trickle(clients, meanwhile):
    """Lets each client send repeatedly until it is closed. Calls `meanwhile` between two rounds."""
    open_ones = {client.socket.fileno(): client for client in clients}
    poll = select.poll()
    for number in open_ones:
        poll.register(number, select.POLLIN)
    deadline = time.monotonic() + HEADER_S + PATIENCE_S
    while open_ones:
        for number, _ in poll.poll(PACE_MS):
            poll.unregister(number)
            client = open_ones.pop(number)
            client.lasted_s = time.monotonic() - client.since
        for client in open_ones.values():
            client.send()
        meanwhile()
        assert time.monotonic() < deadline, "a trickle keeps a connection"


def assert_is_served(daemon):
    assert daemon.get("/livez").status == 200


def test_c5_slow_header_is_closed_and_a_waiting_request_is_not(testbed, sim):
    daemon = testbed.daemon(sim)
    sim.hold_submits()
    waits = daemon.park("milvali.com")
    sim.reach(submit=1)
    clients = [Trickler(daemon, begun, unit, is_first)
               for begun, unit in TRICKLES * 20 for is_first in (True, False)]
    trickle(clients, lambda: assert_is_served(daemon))
    assert min(client.lasted_s for client in clients) > EARLIEST_S, "cut off too early"
    sim.release_submits()
    assert waits.read().json()["domain"] == "milvali.com"
    assert waits.get("/livez").status == 200


def take_all_places(daemon):
    """Opens as many silent connections as there are places, and checks that one more is closed. Returns
    when it began, and the connections; None if it took so long that the first may have been closed."""
    begin = time.monotonic()
    silent = [socket.create_connection(daemon.address, PATIENCE_S) for _ in range(SPARE + 1)]
    extra = daemon.connect()
    with contextlib.suppress(OSError):
        extra.send_get("/livez")  # which would be answered if there were a place
    if extra.is_closed():
        return begin, silent
    assert time.monotonic() - begin > EARLIEST_S, "there is one more place"
    for client in silent:
        client.close()
    return None


def test_c7_silent_connections_release_their_slots(testbed, sim):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < 2 * SPARE:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(2 * SPARE, hard), hard))
    daemon = testbed.daemon(sim, "--max-waiters", "1", "--threads", "1")
    begin, silent = eventually(lambda: take_all_places(daemon))
    for client in silent:
        assert client.recv(1) == b""
        client.close()
    assert time.monotonic() - begin > EARLIEST_S, "cut off too early"
    assert_is_served(daemon)


def test_c7_connection_limit_per_address_is_enforced(testbed, sim):
    daemon = testbed.daemon(sim, "--max-connections-per-address", "40")
    hoard = []
    for _ in range(40):
        hoard.append(daemon.connect("127.0.0.2"))
        assert hoard[-1].get("/livez").status == 200, "so it has been accepted"
    assert daemon.connect("127.0.0.2").is_closed()
    assert daemon.get("/livez").status == 200, "from another address"
    assert all(client.get("/livez").status == 200 for client in hoard), "who is in stays in"
    refused = b'emailsd_http_connections_refused_total{limit="%s"} %d\n'
    metrics = daemon.get("/metrics").body
    assert refused % (b"address", 1) in metrics and refused % (b"all", 0) in metrics
    hoard.pop().close()
    left = b"\nemailsd_http_connections %d\n" % (len(hoard) + 1)  # and the one that requests it
    eventually(lambda: left in daemon.get("/metrics").body)
    assert daemon.connect("127.0.0.2").get("/livez").status == 200
