# SPDX-License-Identifier: MIT
"""pg_proxy.py - a network between the daemon and PostgreSQL that fails as a test says.

It listens on a port of loopback and forwards to the socket of a server. It reads the protocol (PostgreSQL's manual,
"Frontend/Backend Protocol") as far as it must to find the reply to one statement. A reply that is lost was sent by
the server after its commit. The connections of a test use no TLS.
"""
import contextlib
import socket
import threading

from waiting import PATIENCE_S

TO_SERVER, TO_DAEMON = "to the server", "to the daemon"
INTENT = "INSERT INTO batches(number, state, notify_token"
BATCH_ID = "SET state = 'submitted', batch_id"
RESULT = "INSERT INTO answers"
CLAIM = "SET epoch = epoch + 1, leader"
COUNT = "FROM answers"  # the only statement of a start that reads them


def _messages(data, has_type=True):
    """Splits complete messages off a bytearray; yields (type, content, all bytes)."""
    while len(data) >= has_type + 4:
        length = has_type + int.from_bytes(data[has_type:has_type + 4], "big")
        if len(data) < length:
            return
        whole = bytes(data[:length])
        del data[:length]
        yield whole[:has_type], whole[has_type + 4:], whole
        has_type = True  # only the first message of a client has no type


class Hold:
    """One execution of a statement that the server gets only when `ended` is set."""

    def __init__(self, text):
        self.text, self.began, self.ended = text, threading.Event(), threading.Event()


class _Link:
    """One connection of the daemon, with its connection to the server."""

    def __init__(self, proxy, client):
        self.proxy, self.client = proxy, client
        self.server = socket.socket(socket.AF_UNIX)
        self.server.connect(proxy.path)
        self.statements = {}  # name -> text, as prepared
        self.is_reply_lost = False
        for pump in (self._pump_to_server, self._pump_to_daemon):
            threading.Thread(target=self._run, args=[pump], daemon=True).start()

    def _run(self, pump):
        with contextlib.suppress(OSError):
            pump()
        self.close()

    def close(self):
        for end in (self.client, self.server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self.proxy.forget(self)

    def _pump_to_server(self):
        data, has_type = bytearray(), False
        while received := self.client.recv(65536):
            data += received
            for kind, content, whole in _messages(data, has_type):
                has_type = True
                self._note(kind, content)
                self.proxy.await_flow(TO_SERVER)
                self.server.sendall(whole)

    def _note(self, kind, content):
        parts = content.split(b"\0")
        if kind == b"P":
            self.statements[parts[0]] = parts[1].decode()
        elif kind == b"B":
            self.proxy.await_turn(self.statements[parts[1]])
            if self.proxy.takes(self.statements[parts[1]]):
                self.is_reply_lost = True

    def _pump_to_daemon(self):
        data = bytearray()
        while received := self.server.recv(65536):
            data += received
            for kind, _, whole in _messages(data):
                if not self.is_reply_lost:
                    self.proxy.await_flow(TO_DAEMON)
                    self.client.sendall(whole)
                elif kind == b"Z":  # ready for the next statement: this one is committed
                    self.proxy.has_lost.set()
                    if self.proxy.cuts:
                        return


class PgProxy:
    """`server` is a postgres.Postgres."""

    def __init__(self, server):
        self.path = f"{server.folder}/.s.PGSQL.5432"
        self.changed = threading.Condition()
        self.links = set()
        self.silent = []  # connections that are accepted, and get no reply
        self.frozen = ()  # directions in which nothing is forwarded
        self.is_silent = self.is_closed = False
        self.lost_text, self.cuts = None, True
        self.held = None
        self.has_lost = threading.Event()
        self.n_accepted = 0
        self.listener = None
        self.port = 0
        self.listen()
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres?sslmode=disable"

    def listen(self):
        """Accepts connections, also after close_port()."""
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, args=[self.listener], daemon=True).start()

    def _accept(self, listener):
        with contextlib.suppress(OSError):
            while True:
                client = listener.accept()[0]
                self._take(client)

    def _take(self, client):
        with self.changed:
            self.n_accepted += 1
            self.changed.notify_all()
            if self.is_silent:
                self.silent.append(client)
                return
        try:
            link = _Link(self, client)
        except OSError:  # the server is not there
            client.close()
            return
        with self.changed:
            self.links.add(link)

    # ---- faults ----

    def cut(self):
        """Breaks all connections; new ones work."""
        for link in list(self.links):
            link.close()

    def close_port(self):
        """Breaks all connections; new ones are rejected by the kernel."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.cut()

    def be_silent(self):
        """Breaks all connections; new ones are accepted, and get no reply."""
        self.is_silent = True
        self.cut()

    def freeze(self, *directions):
        """Forwards nothing in these directions until thaw()."""
        with self.changed:
            self.frozen = directions

    def lose_reply(self, text, cuts=True):
        """Loses the reply to the next execution of a statement that contains `text`, after the server has committed
        it. Then the connection is cut, or stays silent. Returns the event."""
        self.has_lost.clear()
        self.lost_text, self.cuts = text, cuts
        return self.has_lost

    def hold(self, text):
        """Holds the next execution of a statement that contains `text`. Returns the Hold."""
        with self.changed:
            self.held = Hold(text)
            return self.held

    def thaw(self):
        """Ends be_silent() and freeze(). What was accepted meanwhile stays without a reply."""
        with self.changed:
            self.is_silent, self.frozen = False, ()
            self.changed.notify_all()

    def await_accepted(self, n):
        """Waits until `n` more connections were accepted."""
        with self.changed:
            end = self.n_accepted + n
            assert self.changed.wait_for(lambda: self.n_accepted >= end, PATIENCE_S)

    # ---- for the links ----

    def await_flow(self, direction):
        with self.changed:
            self.changed.wait_for(lambda: direction not in self.frozen or self.is_closed)

    def await_turn(self, statement):
        with self.changed:
            hold = self.held
            if not hold or hold.text not in statement:
                return
            self.held = None
        hold.began.set()
        hold.ended.wait(PATIENCE_S)

    def takes(self, statement):
        with self.changed:
            is_taken = self.lost_text is not None and self.lost_text in statement
            if is_taken:
                self.lost_text = None
            return is_taken

    def forget(self, link):
        with self.changed:
            self.links.discard(link)
            self.changed.notify_all()

    def close(self):
        self.is_closed = True
        self.thaw()
        with contextlib.suppress(OSError):
            self.close_port()
        for client in self.silent:
            client.close()
