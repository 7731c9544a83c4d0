# SPDX-License-Identifier: MIT
"""test_resets.py - tests clients that reset their connection while a response is being sent."""
import socket

import pytest

from waiting import PATIENCE_S, eventually
from wire import Connection

MANY = 100  # responses of 50 KB: more than the sockets in between buffer
MAILBOXES = [{"email": f"{'box' * 10}{i}@milvali.com", "status": "VALID"} for i in range(1000)]


class Hasty(Connection):
    """Reads slowly, so that the daemon has to wait in the middle of a response."""

    def __init__(self, address):
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.settimeout(PATIENCE_S)
        raw.connect(address)
        self.socket, self.reader = raw, raw.makefile("rb")


@pytest.mark.parametrize("n", [pytest.param(1, id="C3 one answer"), pytest.param(MANY, id="C3 a hundred in a row")])
def test_reset_during_a_response_ends_that_connection_only(testbed, sim, n):
    sim.rule("milvali.com", data=MAILBOXES)
    daemon = testbed.daemon(sim, "--threads", "1")
    whole = daemon.lookup("milvali.com").body
    assert len(whole) > 50000
    for _ in range(20):
        client = Hasty(daemon.address)
        for _ in range(n):
            client.send_get("/emails?domain=milvali.com")
        assert client.reader.read(12) == b"HTTP/1.1 200", "it is being written"
        client.reset()
        assert daemon.lookup("milvali.com").body == whole
    eventually(lambda: daemon.metric("emailsd_http_connections") == 1)
    assert daemon.is_running() and len(sim.ledger()) == 1
