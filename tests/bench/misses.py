# SPDX-License-Identifier: MIT
"""misses.py - measurement 4: many concurrent requests for different questions that are not cached.

The floor of a question is the delay of the submit and the time of its own task: no client can have the
result sooner. The task times are spread, and each is a rule of the simulator, so that every floor is known.
The peer is plain_script.py, with as many concurrent submits. The simulator has no rate limit, so the
daemon's own (--reads-per-second) is off to make both equal.
"""
import statistics
import subprocess
import sys
import time

import machine
import testbed as testbeds
from callers import Crowd
from tables import Table, number
from testbed import Testbed

QUESTIONS = 1000
SLOTS = 10  # all are in flight concurrently, so that the floor is the same for all
CALLS = ["submit", "status", "task_ids", "task"]
SUBMIT_S, TASK_S, SPREAD_S, POLL_S = 26, 5, 20, 2
SHARED = "The callers share their core with the simulator."


def _domain(n):
    return f"company-{n}.com"


def _task_s(n, scale):
    """Returns times that are spread evenly over the questions of every batch."""
    return (TASK_S + SPREAD_S * (n * 37 % 100) / 100) * scale


def _simulator(testbed, scale):
    simulator = testbed.simulator("--submit-delay", f"{SUBMIT_S * scale * 1000:.0f}ms",
                                cores=machine.CORES[-1:])
    for n in range(QUESTIONS):
        simulator.rule(_domain(n), time_ms=round(_task_s(n, scale) * 1000))
    return simulator


def _emailsd(testbed, simulator):
    daemon = testbed.emailsd(simulator, "--submit-slots", str(SLOTS), "--reads-per-second", "0",
                           "--wait", "300s", "--threads", "1", cores=machine.CORES[:1])
    crowd = Crowd(daemon.address[1], QUESTIONS, "/emails?domain=" + _domain("%"), machine.CORES[1:])
    testbed.running.append(crowd)
    crowd.await_parked()
    return {n: answered - sent for n, sent, answered in crowd.outcomes()}


def _script(simulator, scale):
    argv = [sys.executable, str(testbeds.ROOT / "tests/bench/plain_script.py"), simulator.urls[0],
            str(POLL_S * scale), str(SLOTS)]
    began = time.time()
    output = subprocess.run(argv, input="\n".join(map(_domain, range(QUESTIONS))), text=True,
                          stdout=subprocess.PIPE, timeout=300, check=True).stdout
    numbers = {_domain(n): n for n in range(QUESTIONS)}
    return {numbers[line.split()[0]]: float(line.split()[1]) - began
            for line in output.splitlines()}


def _row(name, took, calls, scale):
    floors = {n: SUBMIT_S * scale + _task_s(n, scale) for n in range(QUESTIONS)}
    if set(took) != set(floors):
        raise RuntimeError(f"{name}: {len(took)} of {QUESTIONS} questions were answered")
    over = [took[n] - floor for n, floor in floors.items()]
    shares = sorted(over[n] / floor for n, floor in floors.items())
    return [name, *(str(calls[call]) for call in CALLS), number(max(took.values()), 2),
            number(statistics.mean(over), 2), f"{statistics.mean(shares):.1%}",
            f"{shares[len(shares) * 95 // 100]:.1%}"]


def measure(quick):
    scale = 0.1 if quick else 1.0
    table = Table(f"{QUESTIONS:,} distinct questions, concurrently",
                  ["", "submits", "status", "lists", "reads", "last answer, s", "over the floor, s",
                   "over the floor", "p95"])
    with Testbed() as testbed:
        simulator = _simulator(testbed, scale)
        took = _emailsd(testbed, simulator)
        table.add(*_row("emailsd", took, simulator.calls(), scale))
    with Testbed() as testbed:
        simulator = _simulator(testbed, scale)
        took = _script(simulator, scale)
        table.add(*_row("plain script", took, simulator.calls(), scale))
    table.add("goal", "10-11", "", "", "", "", "", "< 10%", "")
    table.note(f"Submit delay {SUBMIT_S * scale:g} s, tasks {TASK_S * scale:g} to "
               f"{(TASK_S + SPREAD_S) * scale:g} s, {SLOTS} submits at a time; the script polls "
               f"every {POLL_S * scale:g} s." +
               (" A tenth of the real times; the daemon's shortest poll, 250 ms, is not scaled and "
                "weighs ten times as much as it would." if quick else ""))
    machine.note_sharing(table, 3, SHARED)
    return [table]
