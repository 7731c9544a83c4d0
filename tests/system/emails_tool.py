# SPDX-License-Identifier: MIT
"""emails_tool.py - the command line tool `emails` as a real process: with pipes, or on a pseudo terminal.

EMAILS_BIN names the program; the release build is the default. What a test starts ends with it, as the other
programs do.
"""
import fcntl
import os
import re
import select
import struct
import subprocess
import termios
import time

from programs import REPORTS, ROOT, environment, tied
from waiting import PATIENCE_S

EMAILS = os.environ.get("EMAILS_BIN", str(ROOT / "build/release/emails"))
DRAWN = b"\r\x1b[K"  # precedes each progress line, and removes the last one
STYLE = re.compile(rb"\x1b\[[0-9;]*m")


def client_environment(daemon=None, env=None):
    """Returns an environment without settings of the user's terminal; the URL is that of a daemon."""
    url = {"EMAILSD_URL": daemon.urls[0]} if daemon else {}
    fixed = {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TERM": "xterm", **url, **(env or {})}
    unset = ("COLUMNS", "NO_COLOR", "STATE_DIRECTORY")
    return {name: value for name, value in environment(fixed).items() if name not in unset or name in (env or {})}


def listed(n):
    """Returns a list of n domains, one per line."""
    return "".join(f"c{i}.com\n" for i in range(n))


def paid(sim):
    return sorted(task["domain"] for task in sim.ledger())


class Tool:
    """A run with pipes, for tests that act in the middle of it."""

    def __init__(self, daemon, *words, text="", env=None, **how):
        self.process = subprocess.Popen(tied([EMAILS, *words]), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, env=client_environment(daemon, env),
                                        start_new_session=True, **how)
        self.process.stdin.write(text.encode())
        self.process.stdin.close()

    def line(self):
        """Returns the next line of standard output."""
        return self.process.stdout.readline().decode()

    def finish(self):
        """Returns the status and the rest of both outputs."""
        out, err = self.process.stdout, self.process.stderr
        rest = (b"" if out.closed else out.read()), err.read()
        status = self.process.wait(PATIENCE_S)
        out.close()
        err.close()
        assert not any(report.encode() in rest[1] for report in REPORTS), rest[1]
        return status, rest[0].decode(), rest[1].decode()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.process.kill()
        self.process.wait()


def run(daemon, *words, text="", env=None):
    """Runs it to its end without a terminal: returns the status and both outputs."""
    with Tool(daemon, *words, text=text, env=env) as tool:
        return tool.finish()


class Terminal:
    """A run whose standard streams are a pseudo terminal, which is its controlling terminal, too. `files` are
    redirections of a shell, such as "<list >out"; they are relative to `cwd`."""

    def __init__(self, daemon, *words, columns=80, files="", env=None, cwd=None, program=EMAILS):
        self.master, slave = os.openpty()
        self.resize(columns)
        command = ["setsid", "--ctty", "sh", "-c", f'exec "$0" "$@" {files}', program, *words]
        self.process = subprocess.Popen(tied(command), stdin=slave, stdout=slave, stderr=slave,
                                        env=client_environment(daemon, env), cwd=cwd)
        os.close(slave)
        self.seen = b""

    def resize(self, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def _read(self):
        """Reads what arrives next. Returns False at the end."""
        assert select.select([self.master], [], [], PATIENCE_S)[0], self.seen
        try:
            data = os.read(self.master, 65536)
        except OSError:  # no process has the terminal open any more
            return False
        self.seen += data
        return bool(data)

    def await_match(self, pattern):
        while not re.search(pattern, self.seen):
            assert self._read(), self.seen

    def await_text(self, text):
        self.await_match(re.escape(text.encode()))

    def type(self, text):
        os.write(self.master, text.encode())

    def finish(self):
        """Returns the status; then everything is in `seen`."""
        deadline = time.monotonic() + PATIENCE_S
        while self._read():
            assert time.monotonic() < deadline
        return self.process.wait(PATIENCE_S)

    def progress_lines(self):
        """Returns the lines that were drawn, without styles."""
        drawn = STYLE.sub(b"", self.seen).split(DRAWN)[1:]
        return [line.decode() for line in drawn if line and b"\n" not in line]

    def screen(self):
        """Returns the lines that stay on the screen."""
        lines = STYLE.sub(b"", self.seen).split(b"\r\n")
        return [line.rpartition(DRAWN)[2].decode() for line in lines]

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.process.kill()
        self.process.wait()
        os.close(self.master)
