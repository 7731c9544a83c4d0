# SPDX-License-Identifier: MIT
"""test_activation.py - tests listening sockets that a service manager opened, instead of --listen.

With one socket and many workers, all accept and no connection is lost. The next daemon serves what waits in
the socket's queue when a daemon ends. A file that is not a listening TCP socket is rejected with a reason.
"""
import os
import re
import shutil
import signal
import socket
import subprocess

import pytest
from activation import Activated, listen
from programs import EMAILSD, KEY, KEY_VARIABLE, PATIENCE_S, environment
from tracing import Tracing, can_trace, thread_of
from waiting import eventually
from wire import Connection

NO_LISTEN = ["--listen", "192.0.2.1:1"]  # an address that cannot be bound


@pytest.fixture
def given():
    """A listening socket of the test."""
    with listen() as made:
        yield made


def request_all(addresses, target):
    """Sends each request on a connection of its own, then reads all responses; returns their statuses."""
    connections = []
    for address in addresses:
        connections.append(Connection(address))
        connections[-1].send_get(target)  # the time for it is limited
    statuses = [connection.read().status for connection in connections]
    for connection in connections:
        connection.socket.close()
    return statuses


# ---- served ----


def test_inherited_sockets_replace_listen_and_are_logged(testbed, sim, given):
    with listen("::1") as other:
        daemon = Activated(testbed, sim, [given, other], *NO_LISTEN)
        assert daemon.urls == ["http://127.0.0.1:%d" % given.getsockname()[1],
                               "http://[::1]:%d" % other.getsockname()[1]]
        assert "event=sockets_inherited sockets=2 instead_of=--listen" in daemon.stderr()
        for listening in (given, other):
            connection = Connection(listening.getsockname()[:2])
            assert connection.get("/emails?domain=milvali.com").status == 200
            connection.socket.close()
    assert len(sim.ledger()) == 1


def test_shared_socket_with_four_workers_serves_every_connection(testbed, sim, given):
    daemon = Activated(testbed, sim, [given], "--threads", "4")
    assert daemon.lookup("milvali.com").status == 200
    for _ in range(10):
        assert request_all([daemon.address] * 200, "/emails?domain=milvali.com") == [200] * 200
    assert len(sim.ledger()) == 1


@pytest.mark.skipif(not can_trace(), reason="strace is missing, or may not attach (root may)")
def test_shared_socket_connections_are_spread_over_workers(testbed, sim, given, tmp_path):
    daemon = Activated(testbed, sim, [given], "--threads", "4")
    traces = [tmp_path / f"http-{i}" for i in range(4)]

    def taken():
        """Returns the number of connections accepted so far, by worker."""
        return [len(re.findall(r"^accept4?\(.*= \d+$", trace.read_text(), re.M)) for trace in traces]

    tracings = [Tracing(thread_of(daemon, trace.name), trace, "trace=accept4") for trace in traces]
    def each_took_ten():
        assert request_all([daemon.address] * 100, "/livez") == [200] * 100
        return min(taken()) >= 10

    try:
        eventually(each_took_ten)  # the scheduler decides which worker is first
    finally:
        for tracing in tracings:
            tracing.detach()


def test_blocking_inherited_socket_does_not_block_the_daemon(testbed, sim, given):
    given.setblocking(True)
    daemon = Activated(testbed, sim, [given], "--threads", "2")
    kept = daemon.connect()
    for _ in range(20):
        assert kept.get("/livez").status == 200
        assert request_all([daemon.address] * 3, "/livez") == [200] * 3


def test_connection_between_two_daemons_is_served_by_the_next(testbed, sim, given):
    first = Activated(testbed, sim, [given], "--threads", "4")
    assert first.lookup("milvali.com").status == 200
    first.stop()
    early = [Connection(first.address) for _ in range(20)]  # no process has them yet
    for connection in early:
        connection.send_get("/livez")
    Activated(testbed, sim, [given], "--threads", "4")
    assert [connection.read().status for connection in early] == [200] * 20
    for connection in early:
        connection.socket.close()


def test_drain_serves_waiting_clients_and_the_next_daemon_new_ones(testbed, sim, given):
    first = Activated(testbed, sim, [given], "--threads", "1", "--drain-timeout", "600s")
    sim.hold_submits()
    waiting = first.park("milvali.com")
    sim.reach(submit=1)
    first.deliver(signal.SIGTERM)
    eventually(lambda: "event=engine_drain_started" in first.stderr())
    sim.release_submits()
    assert waiting.read().status == 200
    assert first.wait() == 0
    late = Connection(first.address)
    late.send_get("/livez")
    Activated(testbed, sim, [given])
    assert late.read().status == 200
    late.socket.close()


def test_inherited_sockets_of_another_process_are_ignored(testbed, sim, given):
    env = {KEY_VARIABLE: KEY, "LISTEN_PID": "1"}
    daemon = Activated(testbed, sim, [given], env=env, n_addresses=1)
    assert daemon.address != given.getsockname()
    assert "sockets_inherited" not in daemon.stderr()
    assert daemon.get("/livez").status == 200


# ---- rejected ----


def unbound():
    return socket.socket(socket.AF_INET, socket.SOCK_STREAM)


def udp():
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", 0))
    return made


def local():
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.bind("")
    made.listen()
    return made


def connected():
    with listen() as listening:
        return socket.create_connection(listening.getsockname())


def plain_file():
    return open(os.devnull, "rb")


@pytest.mark.parametrize("make, words", [
    (unbound, "not a listening socket"), (connected, "not a listening socket"),
    (udp, "not a TCP socket"), (local, "not a TCP socket over IPv4 or IPv6"), (plain_file, "not a socket"),
])
def test_inherited_descriptor_that_is_not_a_tcp_listener_is_rejected(testbed, sim, given, make, words):
    with make() as wrong, pytest.raises(AssertionError) as refused:
        Activated(testbed, sim, [given, wrong])
    assert re.search(f"emailsd: LISTEN_FDS: descriptor 4 is [^\n]*{words}",
                     str(refused.value))


@pytest.mark.parametrize("number", ["9", "many", "-1"])
def test_invalid_number_of_inherited_sockets_is_rejected(testbed, sim, given, number):
    env = {KEY_VARIABLE: KEY, "LISTEN_FDS": number}
    with pytest.raises(AssertionError, match="emailsd: LISTEN_FDS: "):
        Activated(testbed, sim, [given], env=env)


def test_inherited_public_socket_requires_client_keys(testbed, sim):
    with listen("0.0.0.0") as everywhere:
        with pytest.raises(AssertionError, match=r"emailsd: 0\.0\.0\.0:\d+: reachable from other machines"):
            Activated(testbed, sim, [everywhere])
        daemon = Activated(testbed, sim, [everywhere], "--allow-anonymous")
        assert "event=anonymous_access_enabled" in daemon.stderr()
    with listen() as local:
        assert Activated(testbed, sim, [local]).get("/livez").status == 200


@pytest.mark.parametrize("configured", ["0.0.0.0:1", "127.0.0.1:1"])
def test_reload_checks_inherited_sockets_instead_of_listen(testbed, sim, given, configured):
    daemon = Activated(testbed, sim, [given], "--listen", configured)
    daemon.deliver(signal.SIGHUP)
    eventually(lambda: "event=reload" in daemon.stderr())
    assert "event=reloaded" in daemon.stderr() and "restart_required" not in daemon.stderr()
    assert daemon.get("/readyz").status == 200


# ---- by systemd's own launcher ----


@pytest.mark.skipif(not shutil.which("systemd-socket-activate"),
                    reason="no systemd-socket-activate on this machine")
def test_systemd_starts_the_daemon_at_the_first_connection(sim, tmp_path):
    with listen("127.0.0.24") as free:
        address = free.getsockname()
    argv = ["systemd-socket-activate", "-l", "%s:%d" % address, "-E", KEY_VARIABLE, "-E",
            "STATE_DIRECTORY", EMAILSD, *NO_LISTEN, "--upstream-url", sim.urls[0], "--store",
            f"sqlite:{tmp_path}/emailsd.db"]
    with open(tmp_path / "log", "wb") as log:
        process = subprocess.Popen(argv, env=environment({KEY_VARIABLE: KEY}), stderr=log,
                                   stdout=log)
    try:
        client = eventually(lambda: reach(address))
        # The first connection is there before the daemon is ready, and may get that response.
        eventually(lambda: client.get("/readyz").status == 200)
        client.socket.close()
    finally:
        process.terminate()
    assert process.wait(PATIENCE_S) == 0, (tmp_path / "log").read_text()


def reach(address):
    """Returns a connection, or None while no process listens."""
    try:
        return Connection(address)
    except ConnectionRefusedError:
        return None
