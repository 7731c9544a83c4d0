# SPDX-License-Identifier: MIT
"""tracing.py - strace around a daemon: its system calls, and calls that fail.

strace counts calls per thread, so a fault at the k-th call of one thread requires a strace that is attached
to that thread only. Attaching requires root, because the daemon makes itself undumpable. Victim runs the
whole start under strace, which any user may do.
"""
import os
import subprocess

from programs import KEY, KEY_VARIABLE, Daemon, Program, tied
from waiting import eventually

CAP_SYS_PTRACE = 19  # linux/capability.h
HANG_S = 3600  # longer than any test waits


def tracer(out, *expressions):
    """Returns the command that runs a program under strace, with the program as the direct child."""
    flags = [word for expression in expressions for word in ("-e", expression)]
    return ["strace", "-D", "-f", "-qq", "-o", str(out), *flags]


def _may_trace_all():
    """Returns whether this process has CAP_SYS_PTRACE, without which undumpable processes are out of reach."""
    with open("/proc/self/status", encoding="ascii") as status:
        [capabilities] = [line.split()[1] for line in status if line.startswith("CapEff:")]
    return bool(int(capabilities, 16) >> CAP_SYS_PTRACE & 1)


def can_trace():
    """Returns whether strace is installed and this user may attach it to a daemon."""
    try:
        with Tracing(os.getpid(), os.devnull, "trace=fsync"):
            return _may_trace_all()
    except (OSError, AssertionError):
        return False


def _threads(pid):
    names = {}
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/comm", encoding="ascii") as comm:
            names[comm.read().strip()] = int(thread)
    return names


def thread_of(daemon, name):
    """Returns the id of the daemon's thread of that name: main, engine, http-0... A thread sets its own
    name, perhaps after the daemon is ready."""
    pid = daemon.process.pid
    return pid if name == "main" else eventually(lambda: _threads(pid).get(name))


class Tracing:
    """strace attached to one thread, from the constructor to detach()."""

    def __init__(self, pid, out, *expressions, flags=()):
        argv = ["strace", *flags, "-p", str(pid), "-o", str(out)]
        argv += [word for expression in expressions for word in ("-e", expression)]
        self.process = subprocess.Popen(tied(argv), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, text=True)
        line = self.process.stderr.readline()
        if "attached" not in line:
            self.detach()
            raise AssertionError(f"strace does not attach: {line}")

    def detach(self):
        """Returns when the process runs without strace. No-op if it has ended."""
        if self.process.poll() is None:
            self.process.terminate()
        self.process.communicate()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.detach()


def hanging(daemon, thread, call):
    """Keeps the next such call of that thread from returning before detach(). Order, not time, decides when
    it continues, because a strace that ends releases the call that it delays."""
    return Tracing(thread_of(daemon, thread), os.devnull, f"trace={call}",
                   f"inject={call}:delay_enter={HANG_S}s:when=1")


class _Wrapped(Program):
    """A program that another one starts, such as strace."""

    command = ()

    def __init__(self, argv, *rest):
        super().__init__([*self.command, *argv], *rest)


class Victim(Daemon, _Wrapped):
    """A daemon that may end at any time, also during its start: then it has no address."""

    def __init__(self, log, upstream, *flags, command=()):
        self.command = command
        asan = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"  # it would require ptrace, too
        super().__init__(log, upstream, *flags, env={KEY_VARIABLE: KEY, "ASAN_OPTIONS": asan})

    def _await_ready(self, n_lines):
        try:
            return super()._await_ready(n_lines)
        except AssertionError:
            self.process.communicate()
            if self.was_killed():
                return ["http://127.0.0.1:0"]
            raise

    def was_killed(self):
        return self.process.returncode == -9

    def end(self):
        """Requests a stop and waits; returns whether it stopped, instead of being killed."""
        if self.is_running():
            self.process.terminate()
        self.was_checked = True
        status, words = self.wait(), self.stderr()
        assert status in (0, -9), f"ended with {status}: {words}"
        return status == 0
