# SPDX-License-Identifier: MIT
"""callers.py - many waiting callers (waiting_client.c), and the result of each."""
import resource
import socket
import subprocess

import machine
from testbed import BIN, programs

PATIENCE_S = 240


class Crowd:
    """`n` callers of `path`, in which '%' is the number of the caller."""

    def __init__(self, port, n, path, cores):
        self.process = subprocess.Popen(
            programs.tied([BIN / "waiting_client", port, n, path, PATIENCE_S]),
            stdout=subprocess.PIPE, text=True)
        machine.pin(self.process.pid, cores)
        self.n = n

    def await_parked(self):
        """Returns when every caller has sent its request."""
        if self.process.stdout.readline() != "parked\n":
            raise RuntimeError(f"{self.n} callers could not be connected")

    def outcomes(self):
        """Returns [(number, sent, answered)], wall time in seconds; every caller must have a 200."""
        lines = self.process.communicate(timeout=PATIENCE_S + 30)[0].splitlines()
        rows = [[int(cell) for cell in line.split()] for line in lines]
        bad = [row for row in rows if row[1] != 200]
        if len(rows) != self.n or bad:
            raise RuntimeError(f"{len(bad)} of {self.n} callers got no 200, the first: {bad[:1]}")
        return [(row[0], row[2] / 1e6, row[3] / 1e6) for row in rows]

    def stop(self):
        """Called by a Testbed that ends before the results because of an error."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


class SecureCrowd:
    """`n` callers of `path` over TLS, in this process. Each has sent its request when the constructor returns."""

    def __init__(self, port, n, path, context):
        resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
        request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        self.connections = []
        for _ in range(n):
            raw = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
            self.connections.append(context.wrap_socket(raw, server_hostname="localhost"))
            self.connections[-1].sendall(request)

    def await_answers(self):
        """Every caller must have a 200. A response is small, so its first bytes come in one record."""
        for connection in self.connections:
            with connection:
                head = connection.recv(12)
                if not head.endswith(b" 200"):
                    raise RuntimeError(f"a caller over TLS got {head!r}")


def affordable(wanted):
    """Returns how many callers the limit on descriptors permits; the server needs some descriptors, too."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    # Also limited by the ports of one client address to one server address.
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as ports:
        low, high = map(int, ports.read().split())
    limit = min(hard if hard != resource.RLIM_INFINITY else wanted + 1000, high - low)
    return min(wanted, (limit - 500) // 1000 * 1000)

