# SPDX-License-Identifier: MIT
"""activation.py - starts a daemon with listening sockets, as systemd does.

LISTEN_PID is the process's own id, so a launcher sets it between fork and exec. The test owns the sockets.
They are sent to the launcher over a socket, become its descriptors 3, 4..., and stay open in the test as
they would in the service manager.
"""
import socket
import sys

from programs import Daemon
from tracing import _Wrapped

LAUNCHER = """
import os, socket, sys
meeting = socket.socket(socket.AF_UNIX)
meeting.connect(sys.argv[1])
_, given, _, _ = socket.recv_fds(meeting, 16, 64)
meeting.close()
given = [os.dup2(fd, 100 + i) for i, fd in enumerate(given)]
for i, fd in enumerate(given):
    os.dup2(fd, 3 + i)
os.closerange(3 + len(given), 256)
os.environ["LISTEN_PID"] = os.environ.get("LISTEN_PID", str(os.getpid()))
os.environ["LISTEN_FDS"] = os.environ.get("LISTEN_FDS", str(len(given)))
os.execv(sys.argv[2], sys.argv[2:])
"""


class Activated(Daemon, _Wrapped):
    """A daemon that inherits those files (sockets, or anything with a descriptor)."""

    def __init__(self, testbed, upstream, files, *flags, n_addresses=None, **how):
        self.files = [file.fileno() for file in files]
        log = testbed._log()
        place = log.with_suffix(".meeting")
        place.unlink(missing_ok=True)  # left by a failed start
        self.meeting = socket.socket(socket.AF_UNIX)
        self.meeting.bind(str(place))
        self.meeting.listen()
        self.command = [sys.executable, "-c", LAUNCHER, str(place)]
        n_addresses = len(files) if n_addresses is None else n_addresses
        super().__init__(log, upstream.urls[0], *flags, n_addresses=n_addresses, **how)
        testbed._add(self)

    def _await_ready(self, n_lines):
        with self.meeting, self.meeting.accept()[0] as launcher:
            socket.send_fds(launcher, [b"sockets"], self.files)
        return super()._await_ready(n_lines)


def listen(host="127.0.0.1", backlog=1024):
    """Opens a socket as the service manager would."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.bind((host, 0))
    listening.listen(backlog)
    return listening
