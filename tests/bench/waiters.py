# SPDX-License-Identifier: MIT
"""waiters.py - measurement 3: the cost of many waiting callers, and of answering them all.

All callers ask for one question, whose task the simulator holds back. They arrive in groups, and resident
memory is read after each group. Then the task ends. The result arrives when the simulator has read the
daemon's call for it; the last response arrives when the last caller has read it. The memory of callers over
TLS is measured with one group, because its handshakes take long.
"""
import ssl

import machine
from callers import Crowd, SecureCrowd, affordable
from latency import HOUR_MS
from processes import resident_kib, settle
from tables import Table
from testbed import Testbed

from certificates import Authority  # a module of the system tests; testbed.py adds their path

WANTED = 10000
PORTION = 2000
GOAL_KIB, GOAL_MS = 8, 250
HELD = "held.com"
SHARED = "The callers share their core with the simulator. Their own reading is part of the times."
VERSIONS = [("TLS 1.3", ssl.TLSVersion.TLSv1_3), ("TLS 1.2", ssl.TLSVersion.TLSv1_2)]


def _run(testbed, wanted):
    """Returns [(callers, KiB)], and the times in ms from the arrival of the result to the first and the
    last response."""
    cores, load_cores = machine.cores_for(1)
    simulator = testbed.simulator(cores=load_cores[-1:])
    daemon = testbed.emailsd(simulator, "--threads", "1", "--max-waiters", str(wanted),
                           "--wait", "300s", cores=cores)
    pid, crowds = daemon.process.pid, []
    simulator.rule(HELD, time_ms=HOUR_MS)
    settle(pid)
    curve = [(0, resident_kib(pid))]
    while len(crowds) * PORTION < wanted:
        crowd = Crowd(daemon.address[1], PORTION, f"/emails?domain={HELD}", load_cores[:-1] or load_cores)
        testbed.running.append(crowd)
        crowds.append(crowd)
        crowd.await_parked()
        settle(pid)
        curve.append((len(crowds) * PORTION, resident_kib(pid)))
    simulator.rule(HELD, time_ms=0)
    answered = [at for crowd in crowds for _, _, at in crowd.outcomes()]
    arrived = max(call["at_ms"] for call in simulator.requests("task")) / 1000
    return curve, (min(answered) - arrived) * 1000, (max(answered) - arrived) * 1000


def _secured_kib(testbed, n, version):
    """Returns the resident memory of each of `n` callers over TLS, in KiB."""
    authority = Authority(testbed.directory)
    certificate, key = authority.sign("server")
    context = authority.context()
    context.minimum_version = context.maximum_version = version
    cores, load_cores = machine.cores_for(1)
    simulator = testbed.simulator(cores=load_cores)
    daemon = testbed.emailsd(simulator, "--threads", "1", "--wait", "300s", "--tls-cert", str(certificate),
                             "--tls-key", str(key), cores=cores)
    pid = daemon.process.pid
    simulator.rule(HELD, time_ms=HOUR_MS)
    settle(pid)
    before_kib = resident_kib(pid)
    crowd = SecureCrowd(daemon.address[1], n, f"/emails?domain={HELD}", context)
    settle(pid)
    grown_kib = resident_kib(pid) - before_kib
    simulator.rule(HELD, time_ms=0)
    crowd.await_answers()
    return grown_kib / n


def _add_secured(table, quick):
    n = min(200 if quick else PORTION, affordable(PORTION))
    for name, version in VERSIONS:
        with Testbed() as testbed:
            table.add(f"the same over {name}, {n:,} callers, KiB", f"{_secured_kib(testbed, n, version):.1f}", "")
    if n < PORTION:
        table.note(f"Over TLS, {n:,} callers instead of {PORTION:,}: fixed costs weigh more.")


def measure(quick):
    """Returns tables and the curve of memory."""
    wanted = affordable(WANTED) // PORTION * PORTION
    table = Table(f"{wanted:,} waiting callers of one question, 1 worker",
                  ["", "emailsd", "goal"])
    runs = []
    for _ in range(1 if quick else 3):
        with Testbed() as testbed:
            runs.append(_run(testbed, wanted))
    runs.sort(key=lambda run: run[2])
    curve, first_ms, last_ms = runs[len(runs) // 2]
    grown_kib = curve[-1][1] - curve[0][1]
    table.add("resident memory per caller, KiB", f"{grown_kib / wanted:.1f}", str(GOAL_KIB))
    _add_secured(table, quick)
    table.add("resident memory with all of them, MiB", f"{curve[-1][1] / 1024:.0f}", "")
    table.add("result's arrival to the first answer, ms", f"{first_ms:.0f}", "")
    table.add("result's arrival to the last answer, ms", f"{last_ms:.0f}", str(GOAL_MS))
    if wanted < WANTED:
        table.note(f"Not {WANTED:,}: the limit on descriptors or ports of this machine is too low.")
    machine.note_sharing(table, 3, SHARED)
    return [table], curve
