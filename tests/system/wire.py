# SPDX-License-Identifier: MIT
"""wire.py - HTTP/1 as bytes on a socket, and responses as values.

Python's own client rejects what these tests must send (raw bytes in a target, half a request, a hundred
requests in a row). A Connection sends any bytes and reads responses one by one, exactly as long as their
framing says. A client that reads too much or too little of a response would find the fault in the next one;
the same holds for a server that sends too much or too little. It does not apply the rules of HTTP for the
caller: it sends what it is given.
"""
import fcntl
import json
import socket
import struct
import termios

from waiting import PATIENCE_S

PROBLEM_KEYS = [
    "type", "title", "status", "detail", "code", "retryable", "charged", "request_id"
]


class Response:
    """One response: version, status, headers in order, body."""

    def __init__(self, version, status, headers, body):
        self.version = version
        self.status = status
        self.headers = headers
        self.body = body

    def __repr__(self):
        return f"<{self.status} {self.headers} {self.body[:400]!r}>"

    def header(self, name):
        """Returns the value of a header that occurs at most once; None if it is absent."""
        values = [v for n, v in self.headers if n.lower() == name.lower()]
        assert len(values) <= 1, f"{name} came {len(values)} times: {self}"
        return values[0] if values else None

    def json(self):
        return json.loads(self.body)

    def problem(self, status, code):
        """Returns the problem document, after a check that it is this problem, complete, and consistent
        with the response."""
        assert self.status == status, self
        assert self.header("Content-Type") == "application/problem+json", self
        assert self.header("Cache-Control") == "no-store", self
        document = self.json()
        assert list(document) == PROBLEM_KEYS, document
        assert document["code"] == code, document
        assert document["type"] == f"/problems/{code}", document
        assert document["status"] == status, document
        assert document["title"] and document["detail"], document
        assert document["retryable"] in (True, False), document
        assert document["charged"] in ("no", "yes", "maybe"), document
        assert document["request_id"] == self.header("X-Request-Id"), self
        return document


class Connection:
    """A connection to `address`, a (host, port) pair, that sends bytes and reads responses. `from_host` is
    its local address."""

    def __init__(self, address, from_host=""):
        self.socket = socket.create_connection(address, PATIENCE_S, (from_host, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.reader = self.socket.makefile("rb")

    def send(self, data):
        self.socket.sendall(data)

    def has_arrived(self):
        """Returns whether all that was sent is in the other side's socket. On a busy machine, also the
        loopback device takes its time."""
        return fcntl.ioctl(self.socket, termios.TIOCOUTQ, bytes(4)) == bytes(4)

    def send_get(self, target, *header_lines, method="GET"):
        """Sends a complete request; `target` may be text (sent as UTF-8) or any bytes."""
        if isinstance(target, str):
            target = target.encode()
        lines = [f"{method} ".encode() + target + b" HTTP/1.1", b"Host: localhost"]
        lines += [line.encode() for line in header_lines]
        self.send(b"\r\n".join(lines) + b"\r\n\r\n")

    def get(self, target, *header_lines):
        self.send_get(target, *header_lines)
        return self.read()

    def read(self, method="GET"):
        """Returns the next response. A response to HEAD has no body, whatever its headers say."""
        line = self.reader.readline()
        assert line.endswith(b"\r\n"), f"no status line but {line!r}"
        version, status = line.decode("latin-1").split(" ", 2)[:2]
        headers = self._read_headers()
        response = Response(version, int(status), headers, b"")
        if method != "HEAD" and response.status not in (204, 304):
            response.body = self._read_body(response)
        return response

    def read_final(self):
        """Returns the next response that is not an interim one."""
        while (response := self.read("HEAD")).status == 100:
            pass
        response.body = self._read_body(response)
        return response

    def _read_headers(self):
        headers = []
        while (line := self.reader.readline()) != b"\r\n":
            assert line.endswith(b"\r\n"), f"headers end in {line!r}"
            name, _, value = line.decode("latin-1").partition(":")
            headers.append((name, value.strip()))
        return headers

    def _read_body(self, response):
        length = response.header("Content-Length")
        assert length is not None, f"an answer without a length: {response}"
        body = self.reader.read(int(length))
        assert len(body) == int(length), f"the body ends after {len(body)} of {length} bytes"
        return body

    def is_closed(self):
        """Waits for the end of the connection; returns False if bytes arrive instead. Gives up before
        the daemon's idle timeout could be what ends it."""
        self.socket.settimeout(30)
        try:
            return self.reader.read(1) == b""
        except ConnectionResetError:
            return True

    def read_to_end(self):
        """Returns all bytes until the other side ends the connection in any way."""
        parts = []
        try:
            while part := self.socket.recv(65536):
                parts.append(part)
        except ConnectionResetError:
            pass
        return b"".join(parts)

    def reset(self):
        """Closes with RST instead of FIN: SO_LINGER on, 0 s."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def end_writing(self):
        self.socket.shutdown(socket.SHUT_WR)

    def close(self):
        self.reader.close()
        self.socket.close()
