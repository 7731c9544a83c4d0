# SPDX-License-Identifier: MIT
"""test_resets.py - clients that reset their connection while an answer is on its way to them."""
import re
import socket
import struct

import pytest

from waiting import eventually
from wire import Connection

MANY = 100  # answers of 50 KB: more than the sockets between us take in
MAILBOXES = [{"email": f"{'box' * 10}{i}@milvali.com", "status": "VALID"} for i in range(1000)]
NOW = struct.pack("ii", 1, 0)  # struct linger: on, 0 s, which makes close() a reset


class Hasty(Connection):
    """Takes little at a time, so that the daemon has to wait in the middle of an answer."""

    def __init__(self, address):
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.settimeout(30)
        raw.connect(address)
        self.socket, self.reader = raw, raw.makefile("rb")

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NOW)
        self.reader.close()
        self.socket.close()


def connections(daemon):
    return int(re.search(r"^emailsd_http_connections (\d+)", daemon.get("/metrics").body.decode(), re.M)[1])


@pytest.mark.parametrize("n", [pytest.param(1, id="C3 one answer"), pytest.param(MANY, id="C3 a hundred in a row")])
def test_a_reset_in_the_middle_of_an_answer_costs_that_connection_only(stage, sim, n):
    sim.rule("milvali.com", data=MAILBOXES)
    daemon = stage.daemon(sim, "--threads", "1")
    whole = daemon.ask("milvali.com").body
    assert len(whole) > 50000
    for _ in range(20):
        client = Hasty(daemon.address)
        for _ in range(n):
            client.send_get("/emails?domain=milvali.com")
        assert client.reader.read(12) == b"HTTP/1.1 200", "it is being written"
        client.reset()
        assert daemon.ask("milvali.com").body == whole
    eventually(lambda: connections(daemon) == 1)
    assert daemon.is_running() and len(sim.ledger()) == 1


def test_c3_a_reset_while_waiting_frees_the_place(stage, sim):
    daemon = stage.daemon(sim, "--max-waiters", "1")
    sim.hold_submits()
    client = Hasty(daemon.address)
    client.send_get("/emails?domain=milvali.com")
    sim.reach(submit=1)
    client.reset()
    eventually(lambda: daemon.ask("other.com", wait=0).status == 504, timeout=2)
    sim.release_submits()
    eventually(lambda: daemon.ask("milvali.com").status == 200)
    assert len(sim.ledger("milvali.com")) == 1
