# SPDX-License-Identifier: MIT
"""latency.py - measurement 2: the latency of a hit at a fifth of the maximum load of a server.

Open loop (paced_client.c): the rate does not adapt to the server, so a stall counts for every request that
was due in it. emailsd is measured a second time while many waiting callers get their response, which is the
worst case for hits.
"""
import json
import statistics
import subprocess
import time

import fleet
import machine
from callers import Crowd, affordable
from origin import PATH
from processes import settle
from tables import Table, number
from testbed import BIN, Testbed, programs

POINTS = ["p50", "p99", "p99.9", "max"]
SHARE = 0.2
GUESSED_RATE = 30000  # for a server whose hits were not measured in this run
CONNECTIONS = 64
CROWD = 3000
HOUR_MS = 3600 * 1000
LEAD_S = 1  # the paced load has its connections and a steady rate by then
SHARED = ("The paced load shares its core with the simulator and with the released callers. Their delay is part of "
          "the latency, above all in the row of the released callers.")


class Paced:
    """A running paced_client, with the interface that a Testbed expects of a program."""

    def __init__(self, port, rate, seconds, cores):
        self.process = subprocess.Popen(
            programs.tied([BIN / "paced_client", port, PATH, int(rate), seconds, CONNECTIONS]),
            stdout=subprocess.PIPE, text=True)
        machine.pin(self.process.pid, cores)
        self.seconds = seconds

    def result(self):
        result = json.loads(self.process.communicate(timeout=self.seconds + 20)[0])
        if result["unanswered"] or result["not_200"]:
            raise RuntimeError(f"not only hits: {result}")
        return result

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def _beside_release(testbed, simulator, daemon, domain, rate, seconds, cores):
    """Measures the paced load while the lookup of the waiting callers ends. Returns the result of the load,
    and the time between the first and the last response to these callers in ms."""
    simulator.rule(domain, time_ms=HOUR_MS)
    port = daemon.address[1]
    crowd = Crowd(port, affordable(CROWD), f"/emails?domain={domain}", cores[1:] or cores)
    testbed.running.append(crowd)
    crowd.await_parked()
    settle(daemon.process.pid)
    paced = Paced(port, rate, seconds, cores[:1])
    testbed.running.append(paced)
    time.sleep(LEAD_S)
    simulator.rule(domain, time_ms=0)
    answered = [at for _, _, at in crowd.outcomes()]
    if paced.process.poll() is not None:
        raise RuntimeError("the crowd was released after the paced load was over")
    return paced.result(), (max(answered) - min(answered)) * 1000


def measure(quick, rates):
    """`rates` are the hits per second of measurement 1."""
    rounds, seconds = (1, 4) if quick else (5, 4)
    table = Table(f"Latency of a hit at {SHARE:.0%} load, 1 worker, {CONNECTIONS} connections, us",
                  ["server", "hits/s", *POINTS])
    load_cores = machine.cores_for(1)[1]
    found, spans_ms = {}, []
    with Testbed() as testbed:
        simulator, daemon, servers = fleet.start(testbed, 1)
        paces = {server.name: SHARE * rates.get(server.name, GUESSED_RATE) for server in servers}
        crowd_row = f"emailsd, {affordable(CROWD):,} callers released"
        paces[crowd_row] = paces["emailsd"]
        for n in range(rounds):
            for server in servers:
                paced = Paced(server.port, paces[server.name], seconds, load_cores[:1])
                testbed.running.append(paced)
                found.setdefault(server.name, []).append(paced.result())
            result, span_ms = _beside_release(testbed, simulator, daemon, f"held-{n}.com",
                                              paces[crowd_row], seconds, load_cores)
            found.setdefault(crowd_row, []).append(result)
            spans_ms.append(span_ms)
    for name in ["emailsd", crowd_row, *(server.name for server in servers[1:])]:
        table.add(name, number(paces[name], 0),
                  *(number(statistics.median(one[point] for one in found[name]), 0)
                    for point in POINTS))
    table.note(f"The {affordable(CROWD):,} answers left within {statistics.median(spans_ms):.0f} "
               f"ms of a load of {seconds} s.")
    machine.note_sharing(table, 3, SHARED)
    return [table]
