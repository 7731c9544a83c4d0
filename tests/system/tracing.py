# SPDX-License-Identifier: MIT
"""tracing.py - strace around a daemon: what it asked of the kernel, and calls that go wrong.

strace counts calls per thread, so a fault at the k-th call of one thread wants a strace that is
attached to that thread alone; that takes root, because the daemon makes itself undumpable. Around
the whole start it is put by Victim, which any user may do.
"""
import os
import subprocess

from programs import KEY, KEY_VARIABLE, Daemon, Program, tied
from waiting import eventually

CAP_SYS_PTRACE = 19  # linux/capability.h
HANG_S = 3600  # longer than any test waits


def tracer(out, *expressions):
    """The command that runs a program under strace, with the program as the direct child."""
    flags = [word for expression in expressions for word in ("-e", expression)]
    return ["strace", "-D", "-f", "-qq", "-o", str(out), *flags]


def _may_trace_all():
    """Whether this process has CAP_SYS_PTRACE, without which the undumpable are out of reach."""
    with open("/proc/self/status", encoding="ascii") as status:
        [capabilities] = [line.split()[1] for line in status if line.startswith("CapEff:")]
    return bool(int(capabilities, 16) >> CAP_SYS_PTRACE & 1)


def can_trace():
    """Whether strace is there and this user may attach it to a daemon."""
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
    """The id of the daemon's thread of that name: main, engine, http-0... Each names itself, which
    may be after the daemon is ready."""
    pid = daemon.process.pid
    return pid if name == "main" else eventually(lambda: _threads(pid).get(name))


class Tracing:
    """strace attached to one thread from the constructor to detach()."""

    def __init__(self, pid, out, *expressions, flags=()):
        argv = ["strace", *flags, "-p", str(pid), "-o", str(out)]
        argv += [word for expression in expressions for word in ("-e", expression)]
        self.process = subprocess.Popen(tied(argv), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, text=True)
        said = self.process.stderr.readline()
        if "attached" not in said:
            self.detach()
            raise AssertionError(f"strace does not attach: {said}")

    def detach(self):
        """Returns when the process runs on alone. Fine when it has ended."""
        if self.process.poll() is None:
            self.process.terminate()
        self.process.communicate()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.detach()


def hanging(daemon, thread, call):
    """The next such call of that thread does not return before detach(): order and not time decides
    when it continues, because a strace that ends releases what it delays."""
    return Tracing(thread_of(daemon, thread), os.devnull, f"trace={call}",
                   f"inject={call}:delay_enter={HANG_S}s:when=1")


class _Behind(Program):
    """A program started by another, such as strace."""

    command = ()

    def __init__(self, argv, *rest):
        super().__init__([*self.command, *argv], *rest)


class Victim(Daemon, _Behind):
    """A daemon that may die at any time, also while it starts: no address then."""

    def __init__(self, log, upstream, *flags, command=()):
        self.command = command
        asan = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"  # that would want ptrace, too
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
        """Asks it to stop and waits: whether it did, rather than being killed."""
        if self.is_running():
            self.process.terminate()
        self.was_checked = True
        status, words = self.wait(), self.stderr()
        assert status in (0, -9), f"ended with {status}: {words}"
        return status == 0
