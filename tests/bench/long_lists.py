# SPDX-License-Identifier: MIT
"""long_lists.py - measurement 10: a list of 10,000 unknown domains, and what another client notices of it.

The floor follows from the upstream's limits alone: the submits of one batch after the other in each slot that a
list may use, then the slowest task of the last batch; or the reads, if these take longer. The upstream has the
limit on reads that Openmart's documentation is read as having, and would show it with 429.

Then the same list is sent again. Meanwhile another client gets hits at a steady rate, on the same worker. Reading a
list takes a moment only, so for that row the list, then known, is sent again and again.
"""
import json
import math
import statistics
import subprocess
import sys
import time

import machine
import testbed as testbeds
from latency import CONNECTIONS, GUESSED_RATE, LEAD_S, SHARE, Paced
from processes import peak_kib, resident_kib, settle
from tables import Table, number
from testbed import Testbed, programs

ENTRIES = 10000
SUBMIT_S, TASK_S, SPREAD_S = 26, 5, 20
BATCH, SLOTS, READS = 100, 4, 18  # emailsd's defaults
LIMIT = 20                        # reads per second that the upstream allows
QUICK = 0.05
CONCURRENT = 16                   # lists of --bulks, all together
GOAL_OVER, GOAL_MIB, GOAL_AGAIN_S, GOAL_MS = "5%", "32", "2", "2"
GOAL_ENTRY = "1,024"
SECONDS = 4  # of a load
POINTS = ["p50", "p99", "p99.9", "max"]
SHARED = ("The hits, the upstream and the client of the list share a core. What these two take from the hits is part "
          "of their latency.")


def _task_s(n, scale):
    """Returns times that are spread evenly over the tasks of every batch."""
    return (TASK_S + SPREAD_S * (n * 37 % 100) / 100) * scale


def _floor_s(scale):
    """Returns the least time of the list, if its batches are formed in its order."""
    times = [_task_s(n, scale) for n in range(ENTRIES)]
    slowest = [max(times[first:first + BATCH]) for first in range(0, ENTRIES, BATCH)]
    slots = SLOTS - 1  # the last one is for single lookups
    submitted = max(math.ceil((i + 1) / slots) * SUBMIT_S * scale + slowest_s for i, slowest_s in enumerate(slowest))
    return max(submitted, ENTRIES / READS * scale)


class ListClient:
    """A running list_client.py, with the interface that a Testbed expects of a program."""

    def __init__(self, testbed, port, name, target="/emails", seconds=0):
        argv = [sys.executable, testbeds.ROOT / "tests/bench/list_client.py", port, target, ENTRIES, name, seconds]
        self.process = subprocess.Popen(programs.tied(argv), stdout=subprocess.PIPE, text=True)
        testbed.add(self, machine.CORES[1:])

    def has_ended(self):
        return self.process.poll() is not None

    def result(self, outcome):
        """Returns its figures when its list has ended; every entry must have that outcome."""
        result = json.loads(self.process.communicate()[0] or "{}")
        if result.get("outcomes") != {outcome: ENTRIES}:
            raise RuntimeError(f"not only {outcome}: {result}")
        return result

    def stop(self):
        if not self.has_ended():
            self.process.kill()
            self.process.wait()


class Hits:
    """The hits of another client. Each row is the median of some loads."""

    def __init__(self, testbed, port, rate, rounds):
        self.testbed, self.port, self.rate, self.rounds = testbed, port, rate, rounds
        self.table = Table(f"Latency of {number(rate, 0)} hits per second of another client, 1 worker, {CONNECTIONS} "
                           "connections, us", ["", *POINTS, "p99 more, ms", "goal"])
        self.without_us = None

    def measure(self, name, lists=None):
        """Measures while the list of `lists` runs, if there is one."""
        found = []
        for _ in range(self.rounds):
            paced = Paced(self.port, self.rate, SECONDS, machine.CORES[1:])
            self.testbed.running.append(paced)
            found.append(paced.result())
            if lists and lists.has_ended():
                raise RuntimeError(f"{name}: the list was over before the hits")
        us = {point: statistics.median(one[point] for one in found) for point in POINTS}
        self.without_us = self.without_us or us
        more_ms = (us["p99"] - self.without_us["p99"]) / 1000
        self.table.add(name, *(number(us[point], 0) for point in POINTS),
                       *([number(more_ms, 2), GOAL_MS] if lists else ["", ""]))


def _start(testbed, scale):
    simulator = testbed.simulator("--submit-delay", f"{SUBMIT_S * scale * 1000:.0f}ms", "--reads-per-second",
                                  f"{LIMIT / scale:.0f}", cores=machine.CORES[-1:])
    for n in range(ENTRIES):
        simulator.rule(f"company-{n}.com", time_ms=round(_task_s(n, scale) * 1000))
    daemon = testbed.emailsd(simulator, "--batch-size", str(BATCH), "--submit-slots", str(SLOTS),
                             "--reads-per-second", f"{READS / scale:.0f}", "--threads", "1", cores=machine.CORES[:1])
    testbeds.seed(simulator, daemon.address[1])
    return simulator, daemon


def _list(testbed, hits, daemon, scale):
    """Returns the figures of the list, and of the same list sent again, and the memory that the first one took."""
    port, pid = daemon.address[1], daemon.process.pid
    settle(pid)
    idle_kib = resident_kib(pid)
    first = ListClient(testbed, port, "company")
    time.sleep(LEAD_S + SUBMIT_S * scale)  # tasks are submitted, processed and read from then on
    hits.measure("while the list runs", first)
    first = first.result("looked-up")
    grown_kib = peak_kib(pid) - idle_kib
    return first, ListClient(testbed, port, "company").result("hit"), grown_kib


def _hits_beside_lists_that_are_read(testbed, hits, daemon):
    """Returns how many lists were read per second. Their results are known, in memory."""
    seconds = hits.rounds * (SECONDS + LEAD_S) + 2 * LEAD_S
    lists = ListClient(testbed, daemon.address[1], "company", "/emails?cached=1", seconds)
    time.sleep(LEAD_S)
    hits.measure("while lists are read", lists)
    return lists.result("hit")["lists"] / seconds


def _bytes_of_an_entry(testbed):
    """Returns the memory of each entry of many lists, none of which has ended."""
    simulator = testbed.simulator("--submit-delay", "1h", cores=machine.CORES[-1:])
    daemon = testbed.emailsd(simulator, "--bulks", str(4 * CONCURRENT), "--threads", "1", cores=machine.CORES[:1])
    pid = daemon.process.pid
    settle(pid)
    idle_kib = resident_kib(pid)
    for i in range(CONCURRENT):
        ListClient(testbed, daemon.address[1], f"list{i}")
    while f"emailsd_bulks {CONCURRENT}\n" not in testbeds.fetch(daemon.address[1], "/metrics")[2].decode():
        time.sleep(0.1)  # polls
    settle(pid)
    return (resident_kib(pid) - idle_kib) * 1024 / (CONCURRENT * ENTRIES)


def _table_of_times(scale, first, again, grown_kib, calls):
    floor_s = _floor_s(scale)
    table = Table(f"A list of {ENTRIES:,} unknown domains", ["", "emailsd", "goal"])
    table.add("the upstream's limits allow, s", number(floor_s, 1), "")
    table.add("last result, s", number(first["took_s"], 1), "")
    table.add("over that", f"{first['took_s'] / floor_s - 1:.1%}", GOAL_OVER)
    table.add("first result, s", number(first["first_s"], 1), "")
    table.add("memory above idle, MiB", number(grown_kib / 1024, 0), GOAL_MIB)
    table.add("the same list again, s", number(again["took_s"], 2), GOAL_AGAIN_S)
    table.add("submits", str(calls["submit"]), str(ENTRIES // BATCH))
    table.add("other calls", str(sum(calls[call] for call in ("status", "task_ids", "task"))), "")
    table.add("calls beyond the upstream's limit", str(calls["throttled"]), "0")
    return table


def measure(quick):
    scale = QUICK if quick else 1.0
    with Testbed() as testbed:
        simulator, daemon = _start(testbed, scale)
        hits = Hits(testbed, daemon.address[1], SHARE * GUESSED_RATE, 1 if quick else 5)
        hits.measure("without a list")
        before = simulator.calls()
        figures = _list(testbed, hits, daemon, scale)
        calls = {name: n - before[name] for name, n in simulator.calls().items()}
        per_second = _hits_beside_lists_that_are_read(testbed, hits, daemon)
    times = _table_of_times(scale, *figures, calls)
    with Testbed() as testbed:
        times.add(f"memory of {CONCURRENT} such lists, bytes per entry", number(_bytes_of_an_entry(testbed), 0),
                  GOAL_ENTRY)
    times.note(f"Submit delay {SUBMIT_S * scale:g} s, tasks {TASK_S * scale:g} to {(TASK_S + SPREAD_S) * scale:g} s, "
               f"{READS / scale:.0f} reads per second, --submit-slots {SLOTS}, of which a list uses {SLOTS - 1}." +
               (f" {scale:.0%} of the real times; the daemon's linger and shortest poll are not scaled."
                if quick else ""))
    hits.table.note(f"In the last row, {number(per_second, 1)} lists of {ENTRIES:,} known entries per second were read "
                    "and answered, one after the other.")
    machine.note_sharing(hits.table, 4, SHARED)
    return [times, hits.table]
