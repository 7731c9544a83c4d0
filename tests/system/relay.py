# SPDX-License-Identifier: MIT
"""relay.py - a network between a client and the daemon that breaks as a test says: it cuts a connection in the middle
of a response, and it can lead to another daemon later.
"""
import contextlib
import socket
import threading

from waiting import PATIENCE_S


class Relay:
    """Listens on a port of loopback. Used as a context manager."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.has_daemon = threading.Event()
        self.has_daemon.set()
        self.cut_behind = None  # bytes of a response; the first connection that carries them ends there
        self.n_cut = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = "http://%s:%d" % self.listener.getsockname()
        threading.Thread(target=self._accept, daemon=True).start()

    def lead_nowhere(self):
        """New connections wait until there is a daemon again."""
        self.has_daemon.clear()

    def lead_to(self, daemon):
        self.daemon = daemon
        self.has_daemon.set()

    def _accept(self):
        with contextlib.suppress(OSError):  # the listener is closed at the end
            while True:
                threading.Thread(target=self._serve, args=[self.listener.accept()[0]], daemon=True).start()

    def _serve(self, client):
        self.has_daemon.wait(PATIENCE_S)
        with contextlib.suppress(OSError), client, socket.create_connection(self.daemon.address) as server:
            threading.Thread(target=self._pump, args=[client, server], daemon=True).start()
            self._pump(server, client, self._cut)

    @staticmethod
    def _pump(source, sink, cut=lambda received: (received, False)):
        """Forwards until one end closes, or `cut` says so; then closes both."""
        with contextlib.suppress(OSError):
            is_cut = False
            while not is_cut and (received := source.recv(65536)):
                received, is_cut = cut(received)
                sink.sendall(received)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _cut(self, received):
        """Returns what is forwarded, and whether the connection ends then."""
        at = received.find(self.cut_behind) if self.cut_behind and not self.n_cut else -1
        if at < 0:
            return received, False
        self.n_cut += 1
        return received[:at + len(self.cut_behind)], True

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
