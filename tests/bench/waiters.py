# SPDX-License-Identifier: MIT
"""waiters.py - measurement 3: the cost of many waiting callers, and of answering them all.

All callers ask for one question, whose task the simulator holds back. They arrive in groups, and resident
memory is read after each group. Then the task ends. The result arrives when the simulator has read the
daemon's call for it; the last response arrives when the last caller has read it.
"""
import machine
from callers import Crowd, affordable
from latency import HOUR_MS
from processes import resident_kib, settle
from tables import Table
from testbed import Testbed

WANTED = 10000
PORTION = 2000
GOAL_KIB, GOAL_MS = 8, 250


def _run(testbed, wanted):
    """Returns [(callers, KiB)], and the times in ms from the arrival of the result to the first and the
    last response."""
    cores, load_cores = machine.cores_for(1)
    simulator = testbed.simulator(cores=load_cores[-1:])
    daemon = testbed.emailsd(simulator, "--threads", "1", "--max-waiters", str(wanted),
                           "--wait", "300s", cores=cores)
    pid, crowds, domain = daemon.process.pid, [], "held.com"
    simulator.rule(domain, time_ms=HOUR_MS)
    settle(pid)
    curve = [(0, resident_kib(pid))]
    while len(crowds) * PORTION < wanted:
        crowd = Crowd(daemon.address[1], PORTION, f"/emails?domain={domain}", load_cores[:-1])
        testbed.running.append(crowd)
        crowds.append(crowd)
        crowd.await_parked()
        settle(pid)
        curve.append((len(crowds) * PORTION, resident_kib(pid)))
    simulator.rule(domain, time_ms=0)
    answered = [at for crowd in crowds for _, _, at in crowd.outcomes()]
    arrived = max(call["at_ms"] for call in simulator.requests("task")) / 1000
    return curve, (min(answered) - arrived) * 1000, (max(answered) - arrived) * 1000


def measure(quick):
    """Returns tables and the curve of memory."""
    wanted = affordable(WANTED) // PORTION * PORTION
    table = Table(f"{wanted:,} waiting callers of one question, 1 worker",
                  ["", "emailsd", "goal"])
    if len(machine.CORES) < 3:
        table.note("Skipped: needs three cores.")
        return [table], []
    runs = []
    for _ in range(1 if quick else 3):
        with Testbed() as testbed:
            runs.append(_run(testbed, wanted))
    runs.sort(key=lambda run: run[2])
    curve, first_ms, last_ms = runs[len(runs) // 2]
    grown_kib = curve[-1][1] - curve[0][1]
    table.add("resident memory per caller, KiB", f"{grown_kib / wanted:.1f}", str(GOAL_KIB))
    table.add("resident memory with all of them, MiB", f"{curve[-1][1] / 1024:.0f}", "")
    table.add("result's arrival to the first answer, ms", f"{first_ms:.0f}", "")
    table.add("result's arrival to the last answer, ms", f"{last_ms:.0f}", str(GOAL_MS))
    if wanted < WANTED:
        table.note(f"Not {WANTED:,}: the limit on descriptors or ports of this machine is too low.")
    return [table], curve
