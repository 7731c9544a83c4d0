# SPDX-License-Identifier: MIT
"""callers.py - concurrent callers of a daemon that is about to be killed, on one thread.

Each request has a connection of its own. A response counts as received if it arrived completely before the
connection broke, also if it is read after the kill: the kernel had it.
"""
import json
import selectors
import socket
import time
import urllib.parse


class Told:
    """A response that reached its caller."""

    def __init__(self, status, body):
        self.status = status
        self.body = body

    def code(self):
        """The code of a problem document."""
        return json.loads(self.body).get("code")


class _Caller:
    def __init__(self, address, domain):
        self.domain = domain
        self.data = b""
        self.socket = socket.create_connection(address, timeout=60)
        question = urllib.parse.urlencode({"domain": domain})
        self.socket.sendall(f"GET /emails?{question} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        self.socket.setblocking(False)

    def read(self):
        """Reads what is available; returns False if no more will come."""
        try:
            data = self.socket.recv(65536)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self.data += data
        return bool(data)

    def response(self):
        """Returns the response, once it is complete."""
        head, end, body = self.data.partition(b"\r\n\r\n")
        if not end:
            return None
        lines = head.decode("latin-1").split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in lines[1:])
        length = int(fields["content-length"])
        return Told(int(lines[0].split()[1]), body) if len(body) == length else None


class Callers:
    def __init__(self, address):
        self.address = address
        self.selector = selectors.DefaultSelector()
        self.answered = {}

    def lookup(self, domain):
        """Returns False if the daemon has already ended."""
        try:
            caller = _Caller(self.address, domain)
        except OSError:
            return False
        self.selector.register(caller.socket, selectors.EVENT_READ, caller)
        return True

    def _leave(self, caller):
        self.selector.unregister(caller.socket)
        caller.socket.close()

    def _turn(self, timeout):
        for key, _ in self.selector.select(timeout):
            caller = key.data
            is_open = caller.read()
            answer = caller.response()
            if answer:
                self.answered[caller.domain] = answer
            if answer or not is_open:
                self._leave(caller)

    def waiting(self):
        return len(self.selector.get_map())

    def listen(self, seconds, until_answered=False):
        """Reads for that long, or until a caller has its response."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self._turn(left)
            if until_answered and self.answered:
                return

    def finish(self):
        """Reads the rest after the end of the daemon, and closes."""
        while self.waiting():
            self._turn(10)
        self.selector.close()
        return self.answered


def request_all(address, domains, concurrently=50):
    """Sends requests to a daemon that keeps running; returns every response."""
    answered = {}
    domains = list(domains)
    for first in range(0, len(domains), concurrently):
        callers = Callers(address)
        for domain in domains[first:first + concurrently]:
            callers.lookup(domain)
        answered.update(callers.finish())
    return answered
