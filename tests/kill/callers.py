# SPDX-License-Identifier: MIT
"""callers.py - people who ask a daemon that is about to die, all at once, on one thread.

Each question has a connection of its own. What had arrived, whole, before the connection broke
counts as told, also when it is read after the kill: the kernel had it.
"""
import json
import selectors
import socket
import time
import urllib.parse


class Told:
    """An answer that reached its caller."""

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
        self.socket = socket.create_connection(address, timeout=10)
        question = urllib.parse.urlencode({"domain": domain})
        self.socket.sendall(f"GET /emails?{question} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        self.socket.setblocking(False)

    def read(self):
        """Takes what is there; False when nothing more will come."""
        try:
            data = self.socket.recv(65536)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self.data += data
        return bool(data)

    def told(self):
        """The answer, once it is whole."""
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
        self.told = {}

    def ask(self, domain):
        """False when the daemon is gone already."""
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
            goes_on = caller.read()
            answer = caller.told()
            if answer:
                self.told[caller.domain] = answer
            if answer or not goes_on:
                self._leave(caller)

    def waiting(self):
        return len(self.selector.get_map())

    def listen(self, seconds, until_told=False):
        """Reads for that long, or until somebody was told something."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self._turn(left)
            if until_told and self.told:
                return

    def finish(self):
        """Reads what there is to the end, after the daemon's, and hangs up."""
        while self.waiting():
            self._turn(10)
        self.selector.close()
        return self.told


def ask_all(address, domains, at_once=50):
    """Asks a daemon that lives on; every answer."""
    told = {}
    domains = list(domains)
    for first in range(0, len(domains), at_once):
        callers = Callers(address)
        for domain in domains[first:first + at_once]:
            callers.ask(domain)
        told.update(callers.finish())
    return told
