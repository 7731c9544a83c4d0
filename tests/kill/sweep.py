# SPDX-License-Identifier: MIT
"""sweep.py - kill -9 directly before every relevant system call, one after the other.

strace delivers the signal as one thread enters its k-th call of a kind; k grows from 1 until it is not
reached. Three situations: the first start, without a store; a start that finds a batch that was submitted
and one that may have been; and the life of a daemon from its first request to its stop, thread by thread.
After each kill a daemon starts and drains, the request is sent again, and the records are compared.
"""
import pathlib
import shutil

from reconciliation import breaches, drain, files_of, inspect, read_journal
from programs import HOUR_MS, Daemon, Simulator
from tally import Tally
from tracing import Tracing, Victim, thread_of, tracer
from waiting import eventually

START = ["mkdir", "openat", "pwrite64", "fdatasync", "fsync", "ftruncate", "unlink", "fcntl",
         "write"]
RECOVERY = ["openat", "pwrite64", "fdatasync", "fcntl", "connect", "sendto", "recvfrom", "poll"]
LIFE = {"engine": ["socket", "connect", "sendto", "recvfrom", "close", "poll", "read", "write"],
        "store": ["pwrite64", "fdatasync", "fcntl", "poll", "read", "write"],
        "store-read": ["fcntl", "pread64", "poll", "read", "write"],
        "http-0": ["accept4", "recvfrom", "epoll_wait", "epoll_ctl", "write", "read", "sendmsg"],
        "main": ["fcntl", "pwrite64", "fdatasync", "close", "ftruncate", "unlink", "write"]}
SWEEPS = ([("start", "main", call) for call in START]
          + [("recovery", "any", call) for call in RECOVERY]
          + [("life", thread, call) for thread, calls in LIFE.items() for call in calls])
K_MAX = 2000  # far more than there are
FLAGS = ("--unknown-hold", "24h", "--threads", "1", "--submit-timeout", "10s")
TAKEN, SENT = "taken.com", "sent.com"


class Sweep:
    """Runs all kills at one kind of call in one situation. `which` is a row of SWEEPS."""

    def __init__(self, directory, which, step=1):
        self.directory = pathlib.Path(directory)
        self.situation, self.thread, self.call = which
        self.step = step
        self.tally = Tally(" ".join(which))
        self.sim = Simulator(self.directory / "sim.stderr")
        self.k = 0

    def _start(self, kind, store, **how):
        return kind(self.directory / "daemon.stderr", self.sim.urls[0], *FLAGS, "--store",
                    f"sqlite:{store}", **how)

    def _injection(self):
        return f"trace={self.call}", f"inject={self.call}:signal=KILL:when={self.k}"

    def _breach(self, words):
        self.tally.breaches.append(f"k={self.k}: {words}")

    # ---- the situations: each returns whether the kill came ----

    def _killed_at_start(self, store):
        victim = self._start(Victim, store, command=tracer("/dev/null", *self._injection()))
        if not victim.was_killed() and self.situation == "recovery":
            self._await_or_death(victim)
        return victim.was_killed() or not victim.end()

    def _await_or_death(self, victim):
        """Waits until the recovered batches are collected, or the daemon is killed."""
        eventually(lambda: not victim.is_running() or inspect(self.store)["tasks"]["open"] == 0)

    def _killed_in_life(self, store):
        victim = self._start(Victim, store)
        with Tracing(thread_of(victim, self.thread), "/dev/null", *self._injection()):
            self._lookup(victim)
            return not victim.end()

    def _lookup(self, daemon):
        """Sends the request of a run; returns None if the daemon ends."""
        try:
            return daemon.lookup(self.domain)
        except OSError:
            return None
        except Exception:  # http.client raises exceptions of its own
            eventually(lambda: not daemon.is_running())  # its sockets close before its end is reported
            return None

    # ---- what recovery finds ----

    def _prepare(self):
        """Makes a store with two batches: one was submitted and is unfinished, one was in flight."""
        self.template = self.directory / "template" / "emailsd.db"
        self.sim.rule(TAKEN, time_ms=HOUR_MS)
        daemon = self._start(Daemon, self.template)
        daemon.park(TAKEN)
        self.sim.reach(status=1)
        self.sim.hold_submits()
        daemon.park(SENT)
        self.sim.reach(submit=2)
        daemon.kill()
        for connection in daemon.connections:
            connection.close()
        self.sim.release_submits()
        self.sim.reach(tasks=2)
        self.sim.rule(TAKEN, time_ms=0)

    def _fresh_store(self):
        store = self.directory / f"store-{self.k}" / "emailsd.db"
        if self.situation == "recovery":
            store.parent.mkdir(0o700)
            for path in files_of(self.template):
                shutil.copy(path, store.parent)
        return store

    # ---- one run ----

    def _ledger(self):
        if self.situation == "recovery":
            return [paid for paid in self.sim.ledger() if paid["domain"] in (TAKEN, SENT)]
        return self.sim.ledger(self.domain)

    def _check(self, store):
        daemon = self._start(Daemon, store)
        drain(store)
        answer = daemon.lookup(self.domain)
        was_reported = answer.status == 200 or answer.json()["code"] == "upstream-outcome-unknown"
        if not was_reported:
            self._breach(f"{answer}")
        if self.situation == "recovery":
            if answer.status != 200:
                self._breach(f"what was taken is answered {answer}")
            daemon.lookup(SENT).problem(502, "upstream-outcome-unknown")
        daemon.stop()
        journal, ledger = read_journal(store), self._ledger()
        found = breaches(ledger, journal)
        self.tally.count(ledger, journal, [f"k={self.k}: {words}" for words in found])
        shutil.rmtree(store.parent)

    def _run_one(self):
        self.domain = TAKEN if self.situation == "recovery" else f"company-{self.k}.com"
        self.store = self._fresh_store()
        was_killed = (self._killed_in_life if self.situation == "life"
                      else self._killed_at_start)(self.store)
        self._check(self.store)
        return was_killed

    def run(self):
        try:
            if self.situation == "recovery":
                self._prepare()
            self.k = 1
            while self._run_one():
                self.tally.kills += 1
                self.k += self.step
                assert self.k < K_MAX, "the sweep does not end"
        except (AssertionError, OSError) as fault:
            self._breach(f"{type(fault).__name__}: {fault}")
        finally:
            self.sim.stop()
        return self.tally
