# SPDX-License-Identifier: MIT
"""hits.py - measurement 1: hits per second and CPU time per hit, compared with the floor and the peers.

Every server is measured in turn, round after round, so that a disturbance of the machine affects all. Each
figure is that of the least disturbed round: the highest hits/s, and the lowest CPU time. A disturbance only takes
hits and adds CPU time, so these come closest to what the server itself needs. Medians do not: in some rounds
the load generator sleeps between responses, and then the server pays for waking it.
"""
import collections

import fleet
import machine
import wrk
from tables import Table, number
from testbed import Testbed

SHARED = ("The load generator shares the core of one worker. This lowers the hits/s of all servers and changes their "
          "CPU per hit: compare only ratios of this table.")
LIMITED = ("The load generator limits these hits/s: emailsd's core is idle for {idle:.0%} of the time. Compare the "
           "CPU per hit.")
SATURATED = 0.9  # cores busy; below, the server waits for its load


def _cases(workers, quick):
    """(connections, connection per request?)"""
    if workers == 2:
        return [(64, False), (256, False)]
    plain = [16, 64, 256] if quick else [16, 64, 256, 1000]
    return [(n, False) for n in plain] + [(64, True)]


class Figures:
    """The rounds of one server and case: {"rate", "cpu_us"} each."""

    def __init__(self):
        self.rounds = []

    @property
    def rate(self):
        return max(one["rate"] for one in self.rounds)

    @property
    def cpu_us(self):
        return min(one["cpu_us"] for one in self.rounds)

    @property
    def cores_busy(self):
        """In the round with the highest rate."""
        fastest = max(self.rounds, key=lambda one: one["rate"])
        return fastest["rate"] * fastest["cpu_us"] / 1e6


def measure_in_turns(servers, load_cores, cases, rounds, seconds):
    """Returns {(name of the server, connections, close): Figures}."""
    found = collections.defaultdict(Figures)
    for server in servers:  # the first second after idle time is slower
        wrk.run(server.url, cases[0][0], 1, load_cores, server.pids)
    for _ in range(rounds):
        for connections, close in cases:
            for server in servers:
                figures = wrk.run(server.url, connections, seconds, load_cores, server.pids, close)
                found[server.name, connections, close].rounds.append(figures)
    return found


def _title(workers, connections, close):
    per = ", a connection per request" if close else ""
    return f"{workers} worker{'s' if workers > 1 else ''}, {connections} connections{per}"


def _table(found, servers, workers, connections, close):
    ours = found["emailsd", connections, close]
    floor = found["bare loop", connections, close]
    table = Table(_title(workers, connections, close),
                  ["server", "hits/s", "CPU per hit, us", "CPU against bare loop",
                   "emailsd's hits/s against it", "cores busy"])
    for server in servers:
        one = found[server.name, connections, close]
        table.add(server.name, number(one.rate, 0), number(one.cpu_us, 1), f"{one.cpu_us / floor.cpu_us:.2f}",
                  f"{ours.rate / one.rate:.2f}", f"{one.cores_busy:.2f}")
    machine.note_sharing(table, workers + 1, SHARED)
    if workers == 1 and ours.cores_busy < SATURATED:
        table.note(LIMITED.format(idle=1 - ours.cores_busy))
    return table


def measure(quick):
    """Returns tables, the curves {server: [(connections, hits/s)]} of one worker, and the hits/s of each
    server with one worker and 64 connections."""
    rounds, seconds = (2, 1) if quick else (5, 3)
    tables, curves, rates = [], {}, {}
    for workers in (1, 2):
        _, load_cores = machine.cores_for(workers)
        with Testbed() as testbed:
            _, _, servers = fleet.start(testbed, workers)
            cases = _cases(workers, quick)
            found = measure_in_turns(servers, load_cores, cases, rounds, seconds)
        for connections, close in cases:
            tables.append(_table(found, servers, workers, connections, close))
        for server in servers if workers == 1 else []:
            rates[server.name] = found[server.name, 64, False].rate
            curves[server.name] = [(n, found[server.name, n, False].rate)
                                   for n, close in cases if not close]
    return tables, curves, rates
