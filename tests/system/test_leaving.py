# SPDX-License-Identifier: MIT
"""test_leaving.py - tests clients that close their connection, or half of it, while their request waits."""
import re
import socket
import threading

from waiting import eventually
from wire import Connection


def test_client_that_closes_one_half_gets_its_response_C2(testbed, sim):
    daemon = testbed.daemon(sim)
    sim.hold_submits()
    client = daemon.park("milvali.com")
    sim.reach(submit=1)
    client.end_writing()
    assert client.read("HEAD").status == 100
    sim.release_submits()
    assert client.read_final().json()["domain"] == "milvali.com"
    assert client.is_closed()
    client = daemon.park("milvali.com")
    client.end_writing()
    assert client.read().status == 200, "a hit, too"
    assert daemon.metric("emailsd_waiters_abandoned_total") == 0


def copy(source, sink):
    try:
        while part := source.recv(65536):
            sink.sendall(part)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        source.close()


class Relay:
    """Accepts one connection and copies both ways, as Docker does for a published port: it passes on the end of
    one half, and closes a connection only when it cannot write to the other."""

    def __init__(self, address):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.address = self.server.getsockname()
        self.to = address
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        with self.server, self.server.accept()[0] as near, socket.create_connection(self.to) as far:
            back = threading.Thread(target=copy, args=(far, near))
            back.start()
            copy(near, far)
            back.join()


def test_client_that_leaves_behind_a_relay_releases_its_slot(testbed, sim):
    daemon = testbed.daemon(sim, "--submit-slots", "1")
    sim.hold_submits()
    busy = daemon.park("busy.com")
    sim.reach(submit=1)
    relay = Relay(daemon.address)
    leaves = Connection(relay.address)
    leaves.send_get(daemon.question("milvali.com"))
    daemon.await_waiters(2)
    leaves.close()
    daemon.await_waiters(1)
    relay.thread.join()
    sim.release_submits()
    assert busy.read().status == 200
    assert not sim.ledger("milvali.com"), "queued, and no client waits for it"


def test_client_that_leaves_is_counted_and_logged_as_such(testbed, sim):
    daemon = testbed.daemon(sim)
    sim.hold_submits()
    stays, leaves = daemon.park("milvali.com"), daemon.park("milvali.com")
    sim.reach(submit=1)
    daemon.await_waiters(2)
    leaves.close()
    sample = 'emailsd_http_requests_total{route="/emails",code="client-closed"}'
    eventually(lambda: daemon.metric(sample) == 1)
    sim.release_submits()
    assert stays.read().status == 200
    eventually(lambda: daemon.metric('emailsd_http_requests_total{route="/emails",code="200"}') == 1)
    assert 'code="5' not in daemon.get("/metrics").body.decode()
    daemon.stop()
    [line] = re.findall(r"event=request .*outcome=client-closed.*", daemon.stderr())
    assert "status=" not in line and "charged=maybe" in line
    assert re.search(r"lookup=[0-9a-f]{32}", line)
    assert "status=500" not in daemon.stderr()
