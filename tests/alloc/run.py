#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""run.py - lets each allocation of emailsd fail, one per run, and checks the result.

For every k, until a scenario no longer reaches the k-th allocation: the daemon runs the scenario and its
k-th allocation fails. Permitted results:

    ended      by abort(), with the one line that reports it: the rule for small allocations
    unstarted  did not start: status 1 and a line
    answered   at least one caller with an error, and kept running
    unnoticed  kept running: the failed call was retried, or was not needed

Any other crash and any leak is a failure: the build has AddressSanitizer. Then a daemon without failing
allocations continues with the same store: it has to start, its records have to agree with the upstream's
ledger, and no task may have been paid twice. The run in which no allocation fails has to be without errors.
Before all runs, a check makes sure that our objects allocate only through functions that can be made to
fail.

    make alloc                every k of every scenario
    make alloc EVERY=10       every tenth
"""
import argparse
import collections
import concurrent.futures
import http.client
import pathlib
import signal
import subprocess
import sys
import tempfile

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent.parent / "system")]

from reconciliation import breaches, drain, read_journal  # noqa: E402 - after the line that finds it
from programs import EMAILSD, KEY, KEY_VARIABLE, PATIENCE_S, REPORTS, Daemon, Simulator  # noqa: E402
from scenarios import SCENARIOS, Files, Life  # noqa: E402
from wire import Response  # noqa: E402

FLAGS = ("--unknown-hold", "24h", "--ttl-failed", "24h", "--sandbox", "off", "--balance-every", "0",
         "--threads", "1")
REACHED = "allocation-failed"
LAST_WORDS = "emailsd: out of memory\n"
LONGEST = 20000  # a scenario that never ends is a defect
ENDS = ("ended", "unstarted", "answered", "unnoticed")

# The permitted error codes. Others, such as draining, belong to a scenario.
ERRORS = {"internal", "overloaded", "storage-unavailable", "upstream-error", "upstream-outcome-unknown",
          "upstream-invalid-response", "circuit-open", "lookup-failed", "credits-exhausted"}

WRAPPED = {"malloc", "calloc", "realloc", "strdup", "aligned_alloc"}
ALLOCATORS = WRAPPED | {"strndup", "asprintf", "vasprintf", "reallocarray", "posix_memalign", "memalign", "valloc",
                        "pvalloc", "getline", "getdelim", "open_memstream", "wcsdup", "tempnam"}


def unwrapped():
    """Returns the functions through which our objects allocate and which wrap.c does not know."""
    built = pathlib.Path(EMAILSD).parent
    symbols = subprocess.run(["nm", "-u", built / "libemailsd.a", built / "server/main.o"], capture_output=True,
                          text=True, check=True).stdout
    used = {line.split()[-1] for line in symbols.splitlines() if line.startswith(" ")}
    assert used & WRAPPED, "nm names none of them"
    return used & ALLOCATORS - WRAPPED


class Candidate(Daemon):
    """A daemon that may end at any time, also during its start."""

    context = None  # of TLS

    def _await_ready(self, n_lines):
        self.has_started = True
        try:
            return super()._await_ready(n_lines)
        except AssertionError:
            self.process.communicate(timeout=PATIENCE_S)
            self.has_started = False
            return ["http://127.0.0.1:0"]

    def request(self, method, target, headers=None, body=None):
        if not self.context:
            return super().request(method, target, headers, body)
        connection = http.client.HTTPSConnection(*self.address, timeout=PATIENCE_S, context=self.context)
        try:
            connection.request(method, target, body, headers or {})
            answer = connection.getresponse()
            return Response("HTTP/1.1", answer.status, answer.getheaders(), answer.read())
        finally:
            connection.close()


class Run:
    """One scenario with one failing allocation."""

    def __init__(self, folder, sim, scenario, files, k):
        self.folder, self.sim, self.scenario, self.files, self.k = pathlib.Path(folder), sim, scenario, files, k
        self.flags, self.context = list(scenario.flags(files)), None
        if scenario.has_tls:
            self.context, flags = files.tls
            self.flags += flags
        self.faults = []

    def name_of(self, domain):
        return f"k{self.k}-{domain}"

    def _life(self, kind, name, k=None):
        env = {} if "--api-key-file" in self.flags else {KEY_VARIABLE: KEY}
        if k:
            env["FAIL_ALLOCATION"] = str(k)
        daemon = kind(self.folder / f"{name}.stderr", self.sim.urls[0], *FLAGS, *self.flags,
                      "--store", f"sqlite:{self.folder}/store.db", env=env)
        if kind is Candidate:
            daemon.context = self.context
        return Life(daemon, self.sim, self.files, self.name_of)

    def _act(self, life):
        """Runs the scenario, up to the end of the daemon if that comes first."""
        try:
            self.scenario.act(life)
        except Exception as fault:
            try:
                life.daemon.process.wait(5)
            except subprocess.TimeoutExpired:
                self.faults.append(f"{type(fault).__name__}: {fault}")

    def _judge(self, life):
        """Returns how the daemon handled the failure; None if that allocation was not reached."""
        daemon = life.daemon
        daemon.was_checked = True
        life.end()
        status, words = daemon.wait(), daemon.stderr()
        was_reached, errors = REACHED in words, [code for code in life.codes if code in ERRORS]
        if any(report in words for report in REPORTS):
            self.faults.append(words[-3000:])
        elif status == -signal.SIGABRT and was_reached and LAST_WORDS in words:
            return "ended"
        elif status == 1 and was_reached and not daemon.has_started and words.split(REACHED)[1].strip():
            return "unstarted"
        elif status != 0 or not daemon.has_started:
            self.faults.append(f"ended with {status}: {words[-600:]}")
        elif not was_reached:
            self.faults += [f"{code}, and no allocation failed" for code in errors]
        if not was_reached:
            return None
        return "answered" if errors else "unnoticed"

    def _go_on(self):
        life = self._life(Daemon, "after")
        drain(self.folder / "store.db")
        life.daemon.stop()
        journal = read_journal(self.folder / "store.db")
        ledger = [row for row in self.sim.ledger() if row["domain"].startswith(self.name_of(""))]
        again = {row["domain"] for row in ledger} if self.scenario.may_be_paid_again else ()
        self.faults += breaches(ledger, journal, again)

    def run(self):
        """Returns how the daemon handled the failure, and the faults."""
        if self.scenario.before:
            self.scenario.before(self._life(Daemon, "before"))
        life = self._life(Candidate, "failing", self.k)
        if life.daemon.has_started:
            self._act(life)
        end = self._judge(life)
        for connection in life.daemon.connections:
            connection.close()
        self.sim.say("DELETE", "/sim/faults")
        self.sim.release_submits()
        self._go_on()
        return end, self.faults


def run_scenario(name, every, first):
    """Prints how many runs ended in which way, and their faults."""
    scenario, ends, faults = SCENARIOS[name], collections.Counter(), []
    with tempfile.TemporaryDirectory(prefix="emailsd-alloc-") as folder:
        files = Files(folder)
        if scenario.has_tls:
            files.tls = files.certificate()
        sim = Simulator(pathlib.Path(folder) / "sim.stderr", "--credits", "1000000000")
        try:
            for k in range(first, LONGEST, every):
                with tempfile.TemporaryDirectory(prefix="emailsd-alloc-") as own:
                    end, found = Run(own, sim, scenario, files, k).run()
                faults += [f"{name}, allocation {k}: {words}" for words in found]
                ends[end] += 1
                if end is None or len(faults) > 20:
                    break
        finally:
            sim.stop()
    return ends, faults


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("scenarios", nargs="*", default=list(SCENARIOS))
    arguments = parser.parse_args()
    assert not unwrapped(), f"not known to wrap.c: {unwrapped()}"
    # The numbers of each scenario are split, so that all processors have work.
    dealt = [(name, arguments.every * arguments.jobs, 1 + arguments.every * i)
             for name in arguments.scenarios for i in range(arguments.jobs)]
    counts, faults = {name: collections.Counter() for name in arguments.scenarios}, []
    with concurrent.futures.ProcessPoolExecutor(arguments.jobs) as pool:
        for (name, _, _), (ends, found) in zip(dealt, pool.map(run_scenario, *zip(*dealt))):
            counts[name] += ends
            faults += found
    counts["all"] = sum(counts.values(), collections.Counter())
    for name, ends in counts.items():
        n = sum(ends[end] for end in ENDS)
        print(f"{name}: {n} failed allocations: " + ", ".join(f"{ends[end]} {end}" for end in ENDS))
    for words in faults[:20]:
        print("FAULT", words)
    print("alloc:", f"{len(faults)} faults" if faults else "no crash, no leak, nothing paid twice, the records agree")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
