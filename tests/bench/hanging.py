# SPDX-License-Identifier: MIT
"""hanging.py - measurement 8: responses while the disk hangs.

strace holds one fdatasync of the thread `store` for 20 s, and a lookup waits for it. Meanwhile requests are sent, in
rounds of one second: one that may wait for a second, some for /usage, some for results that are stored but not in
memory. system/test_hanging_disk.py tests what they get; here is how soon.
"""
import concurrent.futures
import http.client
import json
import time

import machine
from tables import Table, number
from testbed import Testbed, fetch

from tracing import can_trace, hanging  # a module of the system tests; testbed.py adds their path

WAIT_S = 1
GOALS_MS = {"wait": (WAIT_S + 0.2) * 1000, "usage": 100, "stored": 10}
PER_ROUND = 5  # requests of the other kinds, each


class Times:
    """The times of the responses, in ms, by the kind of request."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self.of = {kind: [] for kind in GOALS_MS}

    def measure(self, kind, path, *statuses):
        began = time.monotonic()
        self.connection.request("GET", path)
        answer = self.connection.getresponse()
        answer.read()
        self.of[kind].append((time.monotonic() - began) * 1000)
        if answer.status not in statuses:
            raise RuntimeError(f"{path}: {answer.status} instead of {statuses}")


def _store(port, domains):
    with concurrent.futures.ThreadPoolExecutor(20) as callers:
        for status, _, body in callers.map(lambda domain: fetch(port, f"/emails?domain={domain}"), domains):
            if status != 200:
                raise RuntimeError(f"{status} {body[:200]!r} instead of a result")


def _start(testbed, simulator):
    """Returns the daemon, which shares its store with those that were stopped before."""
    return testbed.emailsd(simulator, "--store", f"sqlite:{testbed.directory}/hanging.db", "--threads", "1",
                           cores=machine.CORES[:1])


def _await_hang(port):
    while json.loads(fetch(port, "/readyz?verbose")[2])["checks"]["store_lag_ms"] == 0:
        time.sleep(0.005)  # polls


def _run(testbed, seconds):
    """Returns the times, and how many ms after the sync the lookup was answered that waited for it."""
    domains = [f"stored-{i}.com" for i in range(seconds * PER_ROUND)]
    simulator = testbed.simulator("--task-time", "0", cores=machine.CORES[1:])
    daemon = _start(testbed, simulator)
    _store(daemon.address[1], domains)
    daemon.stop()
    daemon = _start(testbed, simulator)
    times, port = Times(daemon.address[1]), daemon.address[1]
    waiting = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    with hanging(daemon, "store", "fdatasync"):
        waiting.request("GET", "/emails?domain=waiting.com")
        _await_hang(port)
        began = time.monotonic()
        for i in range(seconds):
            # Once the disk has hung for 10 s, no lookup is accepted.
            times.measure("wait", f"/emails?domain=late-{i}.com&wait={WAIT_S}", 504, 503)
            for k in range(PER_ROUND):
                times.measure("usage", "/usage", 200)
                times.measure("stored", f"/emails?domain={domains[i * PER_ROUND + k]}", 200)
            time.sleep(max(0, began + (i + 1) * WAIT_S - time.monotonic()))  # the next round
        released = time.monotonic()
    if waiting.getresponse().status != 200:
        raise RuntimeError("the lookup that waited for the disk got no result")
    return times.of, (time.monotonic() - released) * 1000


def measure(quick):
    seconds = 5 if quick else 20
    table = Table(f"Responses while a sync hangs for {seconds} s, ms", ["", "requests", "median", "longest", "goal"])
    if not can_trace():
        table.note("Skipped: strace is missing, or may not attach (root may).")
        return [table]
    with Testbed() as testbed:
        times, after_ms = _run(testbed, seconds)
    rows = {"wait": f"wait={WAIT_S}", "usage": "/usage", "stored": "stored result, not in memory"}
    for kind, name in rows.items():
        of = sorted(times[kind])
        table.add(name, len(of), number(of[len(of) // 2], 1), number(of[-1], 1), f"{GOALS_MS[kind]:,.0f}")
    table.note(f"The lookup that waited for the sync was answered {after_ms:,.0f} ms after it. The times include "
               "Python's client.")
    machine.note_sharing(table, 3, "The caller shares its core with the simulator and strace.")
    return [table]
