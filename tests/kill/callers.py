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

from lists import body_of_lookup

LAST_CHUNK = b"\r\n0\r\n\r\n"


class Told:
    """A response that reached its caller, or a result of a list."""

    def __init__(self, status, body):
        self.status = status
        self.body = body

    def code(self):
        """The code of a problem document."""
        return json.loads(self.body).get("code")


class _Caller:
    def __init__(self, address, request):
        self.data = b""
        self.socket = socket.create_connection(address, timeout=60)
        self.socket.sendall(request)
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

    def head(self):
        """Returns status, header fields and the start of the body; None before the head is complete."""
        head, end, body = self.data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in lines[1:]) if end else {}
        return (int(lines[0].split()[1]), fields, body) if end else None

    def whole(self):
        """Returns the response, once it is complete. It has a length."""
        status, fields, body = self.head() or (0, {}, b"")
        return Told(status, body) if len(body) == int(fields.get("content-length", -1)) else None


class _Lookup(_Caller):
    def __init__(self, address, domain):
        question = urllib.parse.urlencode({"domain": domain})
        super().__init__(address, f"GET /emails?{question} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        self.domain = domain

    def is_over(self):
        return self.whole() is not None

    def results(self):
        answer = self.whole()
        return [(self.domain, answer)] if answer else []


class _List(_Caller):
    """A list, whose results are read as they arrive. They have the bodies that single lookups would have."""

    def __init__(self, address, domains, query):
        body = "\n".join(domains)
        super().__init__(address, f"POST /emails{query} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n"
                                  f"Content-Length: {len(body)}\r\n\r\n{body}".encode())
        self.domains = domains

    def is_streamed(self):
        return bool(self.head()) and "transfer-encoding" in self.head()[1]

    def is_over(self):
        return self.data.endswith(LAST_CHUNK) if self.is_streamed() else self.whole() is not None

    def rejected(self):
        """Returns the problem of the list as a whole; None if it has results, or no response."""
        return None if self.is_streamed() else self.whole()

    def _lines(self):
        """Returns the complete lines of all chunks, also of one that was cut."""
        rest, body = self.head()[2] if self.is_streamed() else b"", b""
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            body += rest[:int(size or b"0", 16)]
            rest = rest[int(size or b"0", 16) + 2:]
        return [line for line in body.split(b"\n")[:-1] if line]

    def indexes(self):
        return [json.loads(line)["index"] for line in self._lines()]

    def results(self):
        results = []
        for line in self._lines():
            document = json.loads(line)
            body = json.dumps(document["problem"]) if "problem" in document else body_of_lookup(line)
            results.append((document["input"], Told(document["status"], body)))
        return results


class Callers:
    def __init__(self, address):
        self.address = address
        self.selector = selectors.DefaultSelector()
        self.callers, self.lists = [], []
        self.is_answered = False

    def _add(self, kind, *arguments):
        try:
            caller = kind(self.address, *arguments)
        except OSError:
            return None
        self.selector.register(caller.socket, selectors.EVENT_READ, caller)
        self.callers.append(caller)
        return caller

    def lookup(self, domain):
        """Returns False if the daemon has already ended."""
        return self._add(_Lookup, domain) is not None

    def send_list(self, domains, query=""):
        """Returns the list, with what will have arrived of its results; None if the daemon has already ended."""
        sent = self._add(_List, domains, query)
        self.lists += [sent] if sent else []
        return sent

    def _leave(self, caller):
        self.selector.unregister(caller.socket)
        caller.socket.close()

    def _turn(self, timeout):
        for key, _ in self.selector.select(timeout):
            caller = key.data
            is_open = caller.read()
            self.is_answered = self.is_answered or bool(caller.results())
            if caller.is_over() or not is_open:
                self._leave(caller)

    def waiting(self):
        return len(self.selector.get_map())

    def listen(self, seconds, until_answered=False):
        """Reads for that long, or until a caller has a result."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self._turn(left)
            if until_answered and self.is_answered:
                return

    def finish(self):
        """Reads the rest after the end of the daemon, and closes. Returns the results as pairs of domain and
        response."""
        while self.waiting():
            self._turn(10)
        self.selector.close()
        return [result for caller in self.callers for result in caller.results()]


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


def send_list(address, domains, query=""):
    """Sends a list to a daemon that keeps running; returns it when its response has ended."""
    callers = Callers(address)
    sent = callers.send_list(domains, query)
    callers.finish()
    return sent
