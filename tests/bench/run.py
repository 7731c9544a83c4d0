#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""run.py [--quick] [--only NAME,...] [--out FOLDER] - runs the ten measurements of `make bench`.

Prints the tables and writes benchmarks.md and its figures, by default into docs/. If a measurement fails,
it is named, the others still run, and the exit status is 1. With --only nothing is written unless --out is
given, because the page would lose its other chapters.
"""
import argparse
import pathlib
import shutil
import sys
import tempfile
import time
import traceback

import document
import hanging
import hits
import journal
import latency
import long_lists
import machine
import misses
import outage
import plot
import store
import stored
import testbed
import waiters
from processes import machine_times
from tables import Table


class Bench:
    def __init__(self, quick):
        self.quick = quick
        self.chapters, self.figures, self.failed = {}, {}, []
        self.rates = {}
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="emailsd-figures-"))

    def hits(self):
        tables, curves, self.rates = hits.measure(self.quick)
        if curves and plot.is_there():
            plot.hits(self.folder / "hits.svg", curves)
            self.figures["hits"] = ("hits.svg", "Hits per second against connections")
        return tables

    def latency(self):
        return latency.measure(self.quick, self.rates)

    def waiters(self):
        tables, curve = waiters.measure(self.quick)
        if curve and plot.is_there():
            plot.memory(self.folder / "waiters.svg", curve)
            self.figures["waiters"] = ("waiters.svg", "Memory against waiting callers")
        return tables

    def misses(self):
        return misses.measure(self.quick)

    def stored(self):
        return stored.measure(self.quick)

    def journal(self):
        return journal.measure(self.quick)

    def store(self):
        return store.measure(self.quick)

    def hanging(self):
        return hanging.measure(self.quick)

    def outage(self):
        return outage.measure(self.quick)

    def lists(self):
        return long_lists.measure(self.quick)

    def run(self, name):
        began = time.monotonic()
        try:
            tables = getattr(self, name)()
        except Exception as fault:  # the other measurements still count
            traceback.print_exc()
            self.failed.append(name)
            tables = [Table(f"{name}: failed", [])]
            tables[0].note(str(fault)[:300])
        self.chapters[name] = tables
        for table in tables:
            print(table.as_text() + "\n", flush=True)
        print(f"bench: {name} took {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


def facts_of_run(quick):
    facts = machine.describe()
    facts["revision"] = testbed.programs.run_to_end("--version").stdout.strip()
    peers = {"nginx": ("nginx", "-v"), "HAProxy": ("haproxy", "-v"), "wrk": ("wrk", "-v")}
    versions = {name: machine.version_of(*command) for name, command in peers.items()}
    facts["peers"] = "; ".join(version or f"{name}: not installed" for name, version in versions.items())
    facts["command"] = "`make bench" + (" QUICK=1`" if quick else "`")
    return facts


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default=",".join(document.CHAPTERS))
    parser.add_argument("--out", type=pathlib.Path)
    options = parser.parse_args()
    names = options.only.split(",")
    if set(names) - set(document.CHAPTERS):
        parser.error(f"there are {', '.join(document.CHAPTERS)}")
    if len(machine.CORES) < 2:
        sys.exit("bench: needs two cores, one for the server and one for its load")
    facts = facts_of_run(options.quick)
    bench = Bench(options.quick)
    (all_before, stolen_before), began = machine_times(), time.monotonic()
    for name in names:
        bench.run(name)
    all_after, stolen_after = machine_times()
    facts["taken by the hypervisor"] = (
        f"{(stolen_after - stolen_before) / max(all_after - all_before, 1):.1%} of all CPU time")
    facts["duration"] = f"{time.monotonic() - began:.0f} s"
    out = options.out or (None if len(names) < len(document.CHAPTERS) else testbed.ROOT / "docs")
    if out and not bench.failed:
        out.mkdir(exist_ok=True)
        for file, _ in bench.figures.values():
            shutil.copy(bench.folder / file, out / file)
        document.write(out / "benchmarks.md", options.quick, facts, bench.chapters, bench.figures)
        print(f"bench: wrote {out}/benchmarks.md")
    shutil.rmtree(bench.folder)
    if bench.failed:
        sys.exit(f"bench: FAILED: {', '.join(bench.failed)}")


if __name__ == "__main__":
    main()
