# SPDX-License-Identifier: MIT
"""streams.py - a response that is read while it arrives: line by line, or event by event."""
import collections
import http.client
import json
import socket

from waiting import PATIENCE_S

Event = collections.namedtuple("Event", "id name data")


def connect(address, receive_buffer):
    """Returns a socket with a buffer that stays that small: it has to be set before the connection."""
    client = socket.socket()
    client.settimeout(PATIENCE_S)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    client.connect(address)
    return client


class Stream:
    """Closed with its daemon, or by close(); `daemon` may also be a proxy in front of it. With a `receive_buffer` of some bytes, a client that does not read
    soon blocks the server. With a `context`, the connection uses TLS."""

    def __init__(self, daemon, method, target, headers=None, body=None, receive_buffer=None, context=None):
        if context:
            self.connection = http.client.HTTPSConnection(*daemon.address, timeout=PATIENCE_S, context=context)
        else:
            self.connection = http.client.HTTPConnection(*daemon.address, timeout=PATIENCE_S)
        if receive_buffer:
            self.connection.sock = connect(daemon.address, receive_buffer)
        getattr(daemon, "connections", []).append(self)
        self.connection.request(method, target, body, headers or {})
        self.response = self.connection.getresponse()
        self.status = self.response.status

    def header(self, name):
        return self.response.getheader(name)

    def raw_line(self):
        """Returns the next line, with its line end; b"" at the end of the body."""
        return self.response.readline()

    def line(self):
        """Returns the next result of NDJSON; None at the end of the body."""
        while (line := self.raw_line()) == b"\n":
            pass
        return json.loads(line) if line else None

    def event(self):
        """Returns the next event; None at the end of the body. Skips comments and fields without data."""
        fields = {}
        while line := self.raw_line():
            name, _, value = line.decode().rstrip("\n").partition(":")
            if name:
                fields[name] = value.removeprefix(" ")
            elif "data" in fields:
                return Event(fields.get("id"), fields.get("event"), json.loads(fields["data"]))
            elif not line.strip():
                fields = {}
        return None

    def events(self):
        events = []
        while event := self.event():
            events.append(event)
        return events

    def read(self):
        return self.response.read()

    def close(self):
        self.response.close()
        self.connection.close()


# ---- the events of a single lookup ----


def events(daemon, domain, headers=None, **parameters):
    return Stream(daemon, "GET", daemon.question(domain, format="sse", **parameters), headers)


def path_of(stream):
    """Returns the path of the lookup that the stream names."""
    return stream.header("Link").split(">")[0].removeprefix("<")


def until(stream, phase):
    """Reads events until that phase."""
    while (event := stream.event()).data["phase"] != phase:
        assert event.name == "progress", event
    return event


def by_id(daemon, where, **parameters):
    query = "&".join(f"{name}={value}" for name, value in {"format": "sse", **parameters}.items())
    return Stream(daemon, "GET", f"{where}?{query}")
