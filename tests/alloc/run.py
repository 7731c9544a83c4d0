#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""run.py - lets each allocation of ours fail, one in each run, and looks at what is left.

For every k, until a scenario no longer reaches the k-th: the daemon runs the scenario and its k-th
allocation fails. It may answer with an error, or end by abort() with a line that says so, which is
the rule for small allocations; it may not crash. Then a daemon whose allocations all work goes on
with the same store: it has to start, the books have to agree with the vendor's ledger, and nothing
may have been sold twice.

    make alloc                every k of every scenario
    make alloc EVERY=10       each tenth
"""
import argparse
import concurrent.futures
import pathlib
import signal
import sys
import tempfile

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent.parent / "system")]

from books import breaches, drain, read_journal  # noqa: E402 - after the line that finds it
from programs import KEY, KEY_VARIABLE, Daemon, Simulator  # noqa: E402

FLAGS = ("--unknown-hold", "24h", "--ttl-failed", "24h", "--sandbox", "off", "--balance-every", "0")
REACHED = "allocation-failed"
LONGEST = 20000  # a scenario that never ends is a defect of its own


def lookup(ask):
    ask("one.com")


def batch(ask):
    for i in range(5):
        ask(f"company{i}.com", wait=0)
    for i in range(5):
        ask(f"company{i}.com")


def hits(ask):
    ask("one.com")
    for accept in ("application/json", "text/csv", "text/plain"):
        ask("one.com", headers={"Accept": accept, "If-None-Match": '"x"', "Prefer": "wait=1"})


def forget(ask):
    ask("one.com")
    ask("one.com", method="DELETE")
    ask("one.com", cached=1)


def pages(ask):
    for path in ("/metrics", "/usage", "/readyz?verbose", "/version", "/lookups/" + "0" * 32, "/nothing"):
        ask(path)


def recovery(ask):
    """The store holds a batch under way, of a daemon that was killed: see run_one()."""
    ask("under-way.com")


SCENARIOS = {f.__name__: f for f in (lookup, batch, hits, forget, pages, recovery)}


class Run:
    """One scenario with one failure."""

    def __init__(self, folder, sim, name, k):
        self.folder, self.sim, self.name, self.k = pathlib.Path(folder), sim, name, k
        self.domains = set()
        self.faults = []

    def daemon(self, k=None):
        env = {KEY_VARIABLE: KEY}
        if k:
            env["FAIL_ALLOCATION"] = str(k)
        return Daemon(self.folder / f"{k}.stderr", self.sim.urls[0], *FLAGS, "--threads", "1",
                      "--store", f"sqlite:{self.folder}/store.db", env=env)

    def _ask(self, daemon):
        def ask(what, headers=None, method="GET", **parameters):
            if what.startswith("/"):
                daemon.request(method, what, headers)
                return
            # A name of this run alone: the vendor is shared by all runs.
            domain = f"k{self.k}-{what}"
            self.domains.add(domain)
            answer = daemon.ask(domain, headers, method, **parameters)
            if answer.status >= 500 and answer.json()["code"] not in (
                    "internal", "overloaded", "storage-unavailable", "upstream-error", "still-processing",
                    "not-cached", "upstream-outcome-unknown", "upstream-invalid-response", "circuit-open"):
                self.faults.append(f"{answer!r}")
        return ask

    def _with_failure(self):
        """True when the allocation was reached."""
        try:
            daemon = self.daemon(self.k)
        except AssertionError as fault:
            words = str(fault)
            if REACHED not in words or "SIGSEGV" in words:
                self.faults.append(words)
            return True
        try:
            SCENARIOS[self.name](self._ask(daemon))
        except OSError:
            pass  # it ended: that is judged below
        except Exception as fault:  # such as an answer that was cut
            if daemon.is_running():
                self.faults.append(f"{type(fault).__name__}: {fault}")
        daemon.was_checked = True
        if daemon.is_running():
            daemon.process.terminate()
        status, words = daemon.wait(), daemon.stderr()
        was_reached = REACHED in words
        if status not in (0, -signal.SIGABRT) or (status and not was_reached):
            self.faults.append(f"ended with {status}: {words[-600:]}")
        if status == -signal.SIGABRT and "out of memory" not in words:
            self.faults.append(f"ended without a word: {words[-600:]}")
        return was_reached

    def _go_on(self):
        daemon = self.daemon()
        drain(self.folder / "store.db")
        daemon.stop()
        journal = read_journal(self.folder / "store.db")
        ledger = [row for row in self.sim.ledger() if row["domain"].startswith(f"k{self.k}-")]
        self.faults += breaches(ledger, journal)

    def run(self):
        if self.name == "recovery":
            self.sim.rule(f"k{self.k}-under-way.com", time_ms=60000)
            daemon = self.daemon()
            self._ask(daemon)("under-way.com", wait=0)
            while "batch-submitted" not in daemon.stderr():
                daemon.get("/livez")
            daemon.kill()
            self.sim.rule(f"k{self.k}-under-way.com", time_ms=0)
        was_reached = self._with_failure()
        self._go_on()
        return was_reached, self.faults


def run_one(sim, name, k):
    with tempfile.TemporaryDirectory(prefix="emailsd-alloc-") as folder:
        return Run(folder, sim, name, k).run()


def run_scenario(name, every, first):
    """The number of runs, and what was wrong with them."""
    with tempfile.TemporaryDirectory(prefix="emailsd-alloc-") as folder:
        sim = Simulator(pathlib.Path(folder) / "sim.stderr")
        faults, n = [], 0
        try:
            for k in range(first, LONGEST, every):
                was_reached, found = run_one(sim, name, k)
                faults += [f"{name}, allocation {k}: {words}" for words in found]
                n += 1
                if not was_reached or len(faults) > 20:
                    break
        finally:
            sim.stop()
        return n, faults


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("scenarios", nargs="*", default=list(SCENARIOS))
    arguments = parser.parse_args()
    # Each scenario's numbers are dealt out, so that all processors have some.
    dealt = [(name, arguments.every * arguments.jobs, 1 + arguments.every * i)
             for name in arguments.scenarios for i in range(arguments.jobs)]
    counts, faults = {}, []
    with concurrent.futures.ProcessPoolExecutor(arguments.jobs) as pool:
        for (name, _, _), (n, found) in zip(dealt, pool.map(run_scenario, *zip(*dealt))):
            counts[name] = counts.get(name, 0) + n
            faults += found
    for name, n in counts.items():
        print(f"{name}: {n} runs, each with another allocation that fails")
    for words in faults[:20]:
        print("FAULT", words)
    print("alloc:", f"{len(faults)} faults" if faults else "no crash, nothing sold twice, the books agree")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
