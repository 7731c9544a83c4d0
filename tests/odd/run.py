#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""run.py - random changes of the upstream's responses, and what becomes of the paid tasks; see README.md.

Each group has its own simulator, changing upstream, store and daemon. Questions are sent batch by batch; each
batch meets one mutation. Then the mutations end, the daemon gets time to read what is left, every question is
asked once more without spending, and the store is compared with the ledger.
"""
import argparse
import concurrent.futures
import http.client
import pathlib
import random
import select
import signal
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "system")]

from mutations import draw  # noqa: E402 - the path is set above
from programs import Daemon, Simulator  # noqa: E402
from reconciliation import inspect, read_journal  # noqa: E402
from self_test import check_oracle  # noqa: E402
from upstream import Upstream  # noqa: E402
from verdict import COLUMNS, Evidence, Tally, addresses, judge, read_raw_results  # noqa: E402

GROUP = 25        # mutations of one daemon
QUESTIONS = 3     # at most, of one batch
MUTATED_S = 8     # mutations continue that long after the last batch: an unreadable result is read three times
GRACE_S = 600     # then the daemon has at most that long to read what is left; a busy machine needs more
BATCH_S = 20      # for one batch to be submitted,
ATTEMPTS = 10     # that often
POLL_S = 0.2
FLAGS = ("--batch-size", "4", "--batch-linger", "50ms", "--batch-lifetime", "24h", "--unknown-hold", "24h",
         "--submit-timeout", "20s", "--submit-slots", "8", "--max-wait", "300s", "--balance-every", "1s")


def poll(condition, seconds):
    """Returns whether the condition holds within that time. What the daemon does has no descriptor here."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)  # polls
    return True


def has_response(sockets):
    """Returns whether all callers have a response: nothing was submitted for them."""
    return len(select.select(sockets, [], [], 0)[0]) == len(sockets)


class Group:
    def __init__(self, directory, seed, number, n_mutations):
        self.name = f"c{seed}-{number}"
        self.directory = pathlib.Path(directory) / self.name
        self.directory.mkdir()
        self.dice = random.Random(self.name)
        self.mutations = [draw(self.dice) for _ in range(n_mutations)]
        self.store = self.directory / "emailsd.db"
        self.domains = []

    def run(self):
        """Returns the tally. A daemon that ends badly, or submits nothing, is a loss."""
        try:
            return self._run()
        except (AssertionError, OSError, http.client.HTTPException) as fault:
            tally = Tally()
            tally.rows["none"].update(lost=1)
            tally.losses.append(f"{self.name}: {type(fault).__name__}: {fault}")
            return tally

    def _run(self):
        sim = Simulator(self.directory / "sim.stderr", "--id-form", self.dice.choice(["uuid", "uuid", "odd", "integer"]),
                        "--task-time", "300ms", "--task-time-jitter", "500ms", "--credits", "1000000")
        try:
            with Upstream(sim, self.mutations) as upstream:
                return self._with_upstream(sim, upstream)
        finally:
            sim.stop()

    def _with_upstream(self, sim, upstream):
        daemon = Daemon(self.directory / "daemon.stderr", upstream.url, *FLAGS, "--store", f"sqlite:{self.store}")
        try:
            while upstream.mutations:
                self._ask(daemon, upstream)
            upstream.calm.wait(MUTATED_S)
            upstream.calm.set()
            poll(self._is_settled, GRACE_S)
            served = {domain: addresses(daemon.lookup(domain, cached=1)) for domain in self.domains}
        finally:
            daemon.stop()
        ledger = sim.ledger()
        evidence = Evidence(read_journal(self.store), read_raw_results(self.store), upstream, served, ledger)
        return judge(ledger, evidence, self.mutations)

    def _is_settled(self):
        return inspect(self.store)["tasks"]["open"] == 0

    def _ask(self, daemon, upstream):
        """Sends the questions of one batch, and returns when it was submitted. If the circuit is open, closes it
        as an operator would."""
        domains = [f"{self.name}-{len(self.domains) + i}.com" for i in range(self.dice.randint(1, QUESTIONS))]
        self.domains += domains
        before = upstream.n_submits
        for _ in range(ATTEMPTS):
            callers = [daemon.park(domain).socket for domain in domains]
            poll(lambda: upstream.n_submits > before or has_response(callers), BATCH_S)
            if upstream.n_submits > before:
                return
            daemon.deliver(signal.SIGHUP)
        raise AssertionError(f"no submit for {domains}")


def table(tally):
    """Returns the summary as lines."""
    rows = [("", *COLUMNS)]
    rows += [(kind, *(counts[column] for column in COLUMNS)) for kind, counts in sorted(tally.rows.items())]
    rows += [("all", *(tally.total()[column] for column in COLUMNS))]
    return ["  ".join(f"{cell!s:>9}" for cell in row) for row in rows]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=500, help="number of mutations of a seed [500]")
    parser.add_argument("--seed", type=int, default=1, help="the first seed [1]")
    parser.add_argument("--seeds", type=int, default=1, help="number of seeds [1]")
    parser.add_argument("--jobs", type=int, default=2, help="groups at a time [2]")
    options = parser.parse_args()
    check_oracle()
    sizes = [min(GROUP, options.runs - first) for first in range(0, options.runs, GROUP)]
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="emailsd-odd-") as directory, \
            concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        groups = [Group(directory, options.seed + i, number, size)
                  for i in range(options.seeds) for number, size in enumerate(sizes)]
        for result in pool.map(Group.run, groups):
            tally.add(result)
    print(f"seeds {options.seed} to {options.seed + options.seeds - 1}", *table(tally), *tally.losses, sep="\n")
    counts = tally.total()
    is_weak = 2 * counts["applied"] < counts["mutations"] or not counts["answered"]
    if is_weak:
        print("odd: too few mutations changed a response, or nothing was answered")
    return 1 if counts["lost"] or counts["twice"] or is_weak else 0


if __name__ == "__main__":
    sys.exit(main())
