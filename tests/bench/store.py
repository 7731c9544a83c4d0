# SPDX-License-Identifier: MIT
"""store.py - measurement 7: what the threads of the store cost and save, before and after.

"Before" is the daemon of another revision (build_before.sh), by default the last one whose engine waited for the
store. Hits do not use the store, so they must cost the same. A miss now goes from thread to thread. The floor of a
miss is the delay of the simulator, which gives time to record the id of the batch before the result is there, as a
real upstream does. All daemons run concurrently and get their requests in turns, so that a disturbance affects all.

Results that are stored together share a commit (group_bench.c). A slow disk is a real one with a delay before each
sync.

PostgreSQL runs on the same disk, synced, and on the cores of the load. It is reached through TCP on loopback.
"""
import http.client
import json
import os
import statistics
import subprocess
import time

import hits
import machine
from fleet import Server
from tables import Table, number
from testbed import BIN, ROOT, Testbed, free_port, programs, seed

from postgres import Postgres  # a module of the system tests; testbed.py adds their path

BEFORE = ROOT / "build/before/emailsd"
CASES = [(64, False), (256, False)]  # connections, a connection per request?
DELAY_MS = 10  # of a submit, and of a status
WARM_UP = 10
SLOW_MS = 4
SHARED = "The callers share their core with the simulator."
NO_BEFORE = "Skipped: no other revision was built."
IN_MEMORY = {"tmpfs", "ramfs"}


def _version(program):
    return subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10,
                          check=True).stdout.split()[-1].strip("()")


def _names():
    """Returns {name: program}, this one last."""
    found = {f"before ({_version(BEFORE)})": BEFORE} if BEFORE.exists() else {}
    return found | {f"after ({_version(programs.EMAILSD)})": programs.EMAILSD}


def _postgres(testbed):
    """Starts a server; returns it, and its URL on loopback."""
    port = free_port()
    os.chmod(testbed.directory, 0o711)  # its user must get to its folder
    server = Postgres("fsync=on", "listen_addresses=127.0.0.1", f"port={port}", top=testbed.directory)
    testbed.running.append(server)
    server.url += f"&port={port}"
    return server, f"postgresql://postgres@127.0.0.1:{port}/postgres"


# ---- hits ----


def _hits(quick):
    rounds, seconds = (2, 1) if quick else (5, 2)
    if len(_names()) < 2:
        table = Table("Hits, before and after", [])
        table.note(NO_BEFORE)
        return [table]
    cores, load_cores = machine.cores_for(1)
    servers = []
    with Testbed() as testbed:
        for name, program in _names().items():
            simulator = testbed.simulator(cores=load_cores)
            daemon = testbed.emailsd(simulator, "--threads", "1", cores=cores, program=program)
            seed(simulator, daemon.address[1])
            servers.append(Server(name, daemon.address[1], [daemon]))
        found = hits.measure_in_turns(servers, load_cores, CASES, rounds, seconds)
    return [_table_of_hits(found, [server.name for server in servers], *case) for case in CASES]


def _table_of_hits(found, names, connections, close):
    table = Table(f"Hits, before and after, 1 worker, {connections} connections",
                  ["", "hits/s", "CPU per hit, us", "hits/s against before", "CPU against before"])
    first = found[names[0], connections, close]
    for name in names:
        one = found[name, connections, close]
        table.add(name, number(one.rate, 0), number(one.cpu_us, 2), f"{one.rate / first.rate:.2f}",
                  f"{one.cpu_us / first.cpu_us:.2f}")
    table.add("goal", "", "", "1.00", "1.00")
    return table


# ---- misses ----


class Caller:
    """One daemon, and one connection to it."""

    def __init__(self, name, daemon):
        self.name, self.took_ms = name, []
        self.connection = http.client.HTTPConnection(*daemon.address, timeout=30)

    def ask(self, n):
        """Sends the request for a question that is new."""
        began = time.perf_counter()
        self.connection.request("GET", f"/emails?domain={self.name.split()[0]}-{n}.com")
        answer = self.connection.getresponse()
        answer.read()
        self.took_ms.append((time.perf_counter() - began) * 1000 - 2 * DELAY_MS)
        if answer.status != 200:
            raise RuntimeError(f"{self.name}: a miss got {answer.status}")

    @property
    def median_ms(self):
        return statistics.median(self.took_ms[WARM_UP:])

    @property
    def p95_ms(self):
        return statistics.quantiles(self.took_ms[WARM_UP:], n=20)[-1]


def _simulator(testbed, cores):
    simulator = testbed.simulator("--submit-delay", f"{DELAY_MS}ms", cores=cores)
    simulator.fault("status", "delay", times=-1, ms=DELAY_MS)
    return simulator


def _callers(testbed, cores, load_cores):
    url = _postgres(testbed)[1]
    simulator = _simulator(testbed, load_cores)
    flags = ["--threads", "1", "--batch-linger", "0", "--reads-per-second", "0", "--balance-every", "0"]
    found = [Caller(name, testbed.emailsd(simulator, *flags, cores=cores, program=program))
             for name, program in _names().items()]
    return [*found, Caller("PostgreSQL", testbed.emailsd(simulator, *flags, "--store", url, cores=cores))]


def _misses(testbed, quick):
    n = WARM_UP + (100 if quick else 400)
    cores, load_cores = machine.cores_for(1)
    machine.pin(os.getpid(), load_cores)
    try:
        callers = _callers(testbed, cores, load_cores)
        for i in range(n):
            for caller in callers if i % 2 else reversed(callers):
                caller.ask(i)
    finally:
        machine.pin(os.getpid(), machine.CORES)
    return _table_of_misses(callers, n - WARM_UP)


def _table_of_misses(callers, n):
    table = Table(f"{n} misses, one after the other", ["", "over the floor, ms", "p95, ms", "slower than above by, ms", "goal"])
    goals = ["", "0.2", "5"][-len(callers):]
    for caller, other, goal in zip(callers, [None, *callers], goals):
        slower = number(caller.median_ms - other.median_ms, 2) if other else ""
        table.add(caller.name, number(caller.median_ms, 2), number(caller.p95_ms, 2), slower, goal if other else "")
    table.note(f"Medians. The floor is {2 * DELAY_MS} ms: the delay of the submit, and that of the status. A batch "
               "does not wait for more questions (--batch-linger 0). PostgreSQL is the store of a third daemon; the "
               "others have SQLite.")
    machine.note_sharing(table, 3, SHARED)
    return table


# ---- results that are stored together ----


def _file_system(folder):
    output = subprocess.run(["df", "--output=fstype,source", folder], capture_output=True, text=True, timeout=10,
                            check=True).stdout
    return output.splitlines()[1].split()


def _run(url, rounds, *delay):
    result = subprocess.run([BIN / "group_bench", url, str(rounds), *map(str, delay)], capture_output=True,
                            text=True, timeout=60, check=False)
    if result.returncode != 0:
        raise RuntimeError(f"group_bench: {result.stderr.strip()}")
    return json.loads(result.stdout)


def _add_group(table, name, figures):
    one_by_one, together = figures["one_by_one_ms"], figures["together_ms"]
    table.add(name, number(one_by_one, 1), number(together, 1), f"{one_by_one / together:.0f}")


def _add_postgres(table, testbed, rounds, slow_rounds):
    server, url = _postgres(testbed)
    _add_group(table, "PostgreSQL", _run(url, rounds))
    for setting in (f"commit_delay = {SLOW_MS * 1000}", "commit_siblings = 0"):
        server.query(f"ALTER ROLE postgres SET {setting}")
    _add_group(table, f"PostgreSQL, each commit {SLOW_MS} ms slower", _run(url, slow_rounds))


def _groups(testbed, quick):
    rounds, slow_rounds = (5, 2) if quick else (30, 10)
    table = Table("100 ends of a task with their results", ["", "one by one, ms", "together, ms", "times as fast"])
    file_system, device = _file_system(testbed.directory)
    if file_system in IN_MEMORY:
        table.note(f"Caveat: the files are on {file_system}, which has no disk.")
    _add_group(table, "SQLite", _run(f"sqlite:{testbed.directory}/groups.db", rounds))
    _add_group(table, f"SQLite, each sync {SLOW_MS} ms slower",
               _run(f"sqlite:{testbed.directory}/slow.db", slow_rounds, SLOW_MS))
    _add_postgres(table, testbed, rounds // 3, slow_rounds // 2)
    table.add("goal", "", "", "10")
    table.note("Medians. One by one: each is posted when the one before is durable. Files on "
               f"{file_system} ({device}), synced.")
    return table


def measure(quick):
    tables = _hits(quick)
    with Testbed() as testbed:
        tables.append(_misses(testbed, quick))
    with Testbed() as testbed:
        tables.append(_groups(testbed, quick))
    return tables
