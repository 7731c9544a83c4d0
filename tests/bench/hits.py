# SPDX-License-Identifier: MIT
"""hits.py - measurement 1: hits per second and CPU time per hit, compared with the floor and the peers.

Every server is measured in turn, round after round, so that a disturbance of the machine affects all; each
figure is the median of its rounds.
"""
import statistics

import fleet
import machine
import wrk
from tables import Table, number
from testbed import Testbed

SHARED = ("The load generator shares the core of one worker. This lowers the hits/s of all servers and changes their "
          "CPU per hit: compare only ratios of this table.")


def _cases(workers, quick):
    """(connections, connection per request?)"""
    if workers == 2:
        return [(64, False), (256, False)]
    plain = [16, 64, 256] if quick else [16, 64, 256, 1000]
    return [(n, False) for n in plain] + [(64, True)]


def _measure(servers, load_cores, cases, rounds, seconds):
    found = {}
    for _ in range(rounds):
        for connections, close in cases:
            for server in servers:
                figures = wrk.run(server.url, connections, seconds, load_cores, server.pids, close)
                found.setdefault((server.name, connections, close), []).append(figures)
    return {case: {name: statistics.median(figures[name] for figures in all_rounds)
                   for name in ("rate", "cpu_us")} for case, all_rounds in found.items()}


def _title(workers, connections, close):
    per = ", a connection per request" if close else ""
    return f"{workers} worker{'s' if workers > 1 else ''}, {connections} connections{per}"


def _table(medians, servers, workers, connections, close):
    ours = medians[("emailsd", connections, close)]
    floor = medians[("bare loop", connections, close)]
    table = Table(_title(workers, connections, close),
                  ["server", "hits/s", "CPU per hit, us", "CPU against bare loop",
                   "emailsd's hits/s against it", "cores busy"])
    for server in servers:
        one = medians[(server.name, connections, close)]
        table.add(server.name, number(one["rate"], 0), number(one["cpu_us"], 1),
                  f"{one['cpu_us'] / floor['cpu_us']:.2f}", f"{ours['rate'] / one['rate']:.2f}",
                  f"{one['rate'] * one['cpu_us'] / 1e6:.2f}")
    machine.note_sharing(table, workers + 1, SHARED)
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
            medians = _measure(servers, load_cores, cases, rounds, seconds)
        for connections, close in cases:
            tables.append(_table(medians, servers, workers, connections, close))
        for server in servers if workers == 1 else []:
            rates[server.name] = medians[(server.name, 64, False)]["rate"]
            curves[server.name] = [(n, medians[(server.name, n, False)]["rate"])
                                   for n, close in cases if not close]
    return tables, curves, rates
