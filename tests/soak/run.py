#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""run.py - a long run: fifty clients, which also send lists, an upstream that fails at times, restarts and kills.

For the first two fifths of the time, daemons end by SIGTERM and by kill -9 in turn. For the rest, one
daemon runs, whose use of resources must be constant at its end: as many descriptors and threads as after
its start, and no more memory in its last quarter than in the one before. Every response to a question has
to equal the first one, and every failure is one of the upstream or of a waiting time. At the end the
upstream's ledger and the store agree on every task, and most tasks were answered: faults of single calls
must not stop the others. Exits with 1 if any of this fails; the numbers are always printed.

    make soak                 20 minutes
    make soak SOAK_MINUTES=2
    make soak SOAK_FLAGS='--store postgresql'    with a server of its own, which is restarted too
"""
import argparse
import collections
import contextlib
import functools
import http.client
import json
import pathlib
import random
import re
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "system")]

from lists import body_of_lookup  # noqa: E402 - after the line that finds it
from reconciliation import breaches, drain, flags_of, read_journal  # noqa: E402 - after the line that finds it
from postgres import Postgres, Store  # noqa: E402
from programs import Daemon, Simulator  # noqa: E402

CLIENTS, HOT, LIVES = 50, 300, 6
LISTS, ENTRIES, SHARE_OF_LISTS = 30, 20, 0.02  # the same ones again and again, because those that have ended are kept
# The share of new questions: enough to reach every limit on a number (such as 10,000 finished lookups) long
# before the end. Otherwise its filling would look like a leak.
NEW = 0.12
PERCENT = 5
FLAGS = ("--unknown-hold", "24h", "--ttl-failed", "1s", "--batch-linger", "20ms", "--submit-timeout", "10s",
         "--cache-size", "1MiB", "--balance-every", "10s", "--log-level", "info", "--drain-timeout", "5s")
UPSTREAM = ("--submit-delay", "150ms", "--task-time", "200ms", "--task-time-jitter", "400ms",
            "--credits", "100000000")
FAULTS = [("submit", False, {"kind": "status", "status": 503, "headers": {"Retry-After": "1"}}),
          ("submit", True, {"kind": "reset"}),
          ("status", True, {"kind": "status", "status": 500}), ("status", True, {"kind": "truncate"}),
          ("status", True, {"kind": "status", "status": 401}), ("task", True, {"kind": "status", "status": 403}),
          ("task", True, {"kind": "reset"}), ("task", True, {"kind": "not_json"}),
          ("task", True, {"kind": "body", "coding": "gzip"}), ("task_ids", True, {"kind": "close"})]
STATUSES = {200, 502, 503, 504}
ANSWERED = 0.6  # of all tasks: about a tenth of the submits are lost, and those in flight at a kill
LEVEL_BYTES = 1 << 20  # what the last quarter may use more than the one before: the allocator's granularity
SPARE_FDS = 10         # connections to the upstream that stay open for the next read


class Soak:
    def __init__(self, folder, minutes, seed, server=None):
        self.folder = pathlib.Path(folder)
        self.server = server
        self.store = Store(server, "soak") if server else self.folder / "soak.db"
        self.dice = random.Random(seed)
        self.seconds = minutes * 60
        self.sim = Simulator(self.folder / "sim.stderr", *UPSTREAM)
        for on, after, fault in FAULTS:
            self.sim.say("POST", "/sim/faults", {"on": on, "percent": PERCENT, "seed": self.dice.randrange(1 << 30),
                                                 "after_creating": after, "fault": fault})
        self.daemon = None
        self.address = None
        self.is_over = threading.Event()
        self.settling = threading.Event()  # never set: reads twice
        self.lock = threading.Lock()
        self.first = {}
        self.statuses = collections.Counter()
        self.slowest_s = 0.0
        self.faults = []
        self.samples = []
        self.kills = self.stops = self.n_new = 0

    def fault(self, words):
        with self.lock:
            self.faults.append(words)

    # ---- the clients

    def _question(self, dice):
        if dice.random() < NEW:
            with self.lock:
                self.n_new += 1
                return f"new{self.n_new}.com"
        return f"hot{int(dice.paretovariate(1)) % HOT}.com"

    def _request(self, dice):
        """Returns the arguments of a request, and the function that hears its response."""
        if dice.random() < SHARE_OF_LISTS:
            first = dice.randrange(LISTS) * HOT // LISTS
            body = "\n".join(f"hot{(first + i) % HOT}.com" for i in range(ENTRIES))
            return ("POST", "/emails?wait=20", body, {"Content-Type": "text/plain"}), self._hear_list
        domain = self._question(dice)
        return ("GET", f"/emails?domain={domain}&wait=20"), functools.partial(self._hear, domain)

    def _hear(self, domain, status, body):
        with self.lock:
            self.statuses[status] += 1
            if status not in STATUSES:
                self.faults.append(f"{domain}: status {status}")
            if status == 200 and self.first.setdefault(domain, body) != body:
                self.faults.append(f"{domain}: another result than before")

    def _hear_list(self, status, body):
        """A list is rejected as a whole, or has one result for each entry."""
        if status != 200:
            self._hear("a list", status, body)
            return
        lines = [line for line in body.split(b"\n") if line]
        results = [json.loads(line) for line in lines]
        if sorted(result["index"] for result in results) != list(range(ENTRIES)):
            self.fault(f"a list of {ENTRIES} has {len(results)} results")
        for line, result in zip(lines, results):
            self._hear(result["input"], result["status"], b"" if "problem" in result else body_of_lookup(line))

    def client(self, seed):
        dice = random.Random(seed)
        connection = None
        while not self.is_over.is_set():
            arguments, hear = self._request(dice)
            try:
                if connection is None:
                    connection = http.client.HTTPConnection(*self.address, timeout=60)
                begun = time.monotonic()
                connection.request(*arguments)
                if dice.random() < 0.01:
                    connection.close()  # a client that leaves
                    connection = None
                    continue
                answer = connection.getresponse()
                hear(answer.status, answer.read())
                self.slowest_s = max(self.slowest_s, time.monotonic() - begun)
            except (OSError, http.client.HTTPException):
                connection = None  # a restart
                self.is_over.wait(0.05)
            self.is_over.wait(dice.random() * 0.2)

    # ---- the daemon

    def start(self):
        if isinstance(self.store, Store):
            self.store.release()
        self.daemon = Daemon(self.folder / "daemon.stderr", self.sim.urls[0], *FLAGS, *flags_of(self.store),
                             "--listen", self.listen())
        self.address = self.daemon.address

    def listen(self):
        return f"{self.address[0]}:{self.address[1]}" if self.address else "127.0.0.1:0"

    def figures(self):
        proc = pathlib.Path(f"/proc/{self.daemon.process.pid}")
        status = (proc / "status").read_text()
        return {"rss": int(re.search(r"VmRSS:\s+(\d+)", status)[1]) * 1024,
                "threads": int(re.search(r"Threads:\s+(\d+)", status)[1]),
                "fds": len(list((proc / "fd").iterdir()))}

    def live(self, seconds, is_last):
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self.faults:
            self.is_over.wait(1)
            if not self.daemon.is_running():
                self.fault("the daemon ended unexpectedly: " + self.daemon.stderr()[-2000:])
            elif is_last:
                self.samples.append(self.figures())

    def run(self):
        self.start()
        at_rest = self.figures()
        threads = [threading.Thread(target=self.client, args=(self.dice.random(),)) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for life in range(LIVES):
            self.live(self.seconds * 0.4 / LIVES, False)
            if life % 2:
                self.daemon.kill()
                self.kills += 1
            else:
                self.daemon.stop()
                self.stops += 1
            self.start()
            if self.server and life % 2:
                self.server.stop()
                self.server.start()
        at_rest = self.figures()
        self.live(self.seconds * 0.6, True)
        self.is_over.set()
        for thread in threads:
            thread.join()
        drain(self.store)
        self.compare(at_rest)

    def close(self):
        self.is_over.set()
        if self.daemon and self.daemon.is_running():
            self.daemon.kill()
        self.sim.stop()

    # ---- the final checks

    def compare(self, at_rest):
        deadline = time.monotonic() + 30
        while (now := self.figures())["fds"] > at_rest["fds"] + SPARE_FDS and time.monotonic() < deadline:
            self.settling.wait(0.2)
        if now["fds"] > at_rest["fds"] + SPARE_FDS:
            self.fault(f"{now['fds']} descriptors, {at_rest['fds']} at the start")
        if now["threads"] != at_rest["threads"]:
            self.fault(f"{now['threads']} threads, {at_rest['threads']} at the start")
        quarter = max(len(self.samples) // 4, 1)
        before, last = ([s["rss"] for s in part] for part in (self.samples[-2 * quarter:-quarter],
                                                              self.samples[-quarter:]))
        before, last = sum(before) / len(before), sum(last) / len(last)
        if last > before + LEVEL_BYTES:
            self.fault(f"memory grew from {before / 1e6:.2f} to {last / 1e6:.2f} MB in the last quarters")
        self.daemon.stop()
        journal, ledger = read_journal(self.store), self.sim.ledger()
        paid_again = {t["domain"] for t in journal.tasks.values() if t["outcome"] in ("failed", "not-created")}
        for words in breaches(ledger, journal, paid_again):
            self.fault(words)
        outcomes = journal.outcomes()
        if outcomes["answered"] < ANSWERED * len(journal.tasks):
            self.fault(f"of {len(journal.tasks)} tasks, only {outcomes['answered']} were answered")
        print(f"{sum(self.statuses.values())} answers: {dict(sorted(self.statuses.items()))}; the slowest took "
              f"{self.slowest_s:.1f} s")
        print(f"{len(ledger)} tasks paid, {len(journal.tasks)} in the journal: {json.dumps(outcomes)}")
        print(f"{self.stops} stops, {self.kills} kills; the last life took {len(self.samples)} s")
        print(f"memory {before / 1e6:.2f} -> {last / 1e6:.2f} MB; descriptors {at_rest['fds']} -> {now['fds']}; "
              f"threads {at_rest['threads']} -> {now['threads']}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--store", choices=["sqlite", "postgresql"], default="sqlite")
    arguments = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="emailsd-soak-"))
        server = stack.enter_context(contextlib.closing(Postgres())) if arguments.store == "postgresql" else None
        soak = Soak(folder, arguments.minutes, arguments.seed, server)
        stack.callback(soak.close)
        soak.run()
    for words in soak.faults[:20]:
        print("FAULT", words)
    print("soak:", "level, and the records agree" if not soak.faults else f"{len(soak.faults)} faults")
    sys.exit(1 if soak.faults else 0)


if __name__ == "__main__":
    main()
