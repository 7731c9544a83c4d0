# SPDX-License-Identifier: MIT
"""journal.py - measurement 6: the cost of durable writes on this disk (store_bench.c).

The end of a task is measured a second time in a store that is full of ended tasks, each in a batch of its
own. They are written here, because one by one they would take too long.
"""
import hashlib
import json
import os
import sqlite3
import subprocess

from tables import Table, number
from testbed import BIN, Testbed

ENDED = 300000
ROWS = [("floor_per_s", "floor: 4 KiB written and fdatasync()ed, per second"),
        ("intents_per_s", "batches of 1 task written down, per second"),
        ("ends_per_s", "ends of a task with its answer, per second"),
        ("floor_ms", "floor: 4 KiB written and fdatasync()ed, ms"),
        ("submit_ms", "a submit's journal (100 tasks: intent, then id), ms"),
        ("full_end_ms", f"end of a task with {ENDED:,} ended, ms"),
        ("full_end_longest_ms", "the longest of them, ms")]


def _fill(path):
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA synchronous=OFF")
        database.executemany("INSERT INTO batches(number, state, batch_id, intended_ms) VALUES (?, 'over', 'b', 0)",
                             ([1 + i] for i in range(ENDED)))
        database.executemany(
            "INSERT INTO tasks(tracking_id, batch, lookup_id, key, domain, company_name, city, state, country,"
            " outcome, ended_ms) VALUES (?, ?, ?, ?, ?, 'Company', '', '', '', 'answered', ?)",
            ((f"{i:036}", 1 + i, f"{i:036}", hashlib.sha256(b"%d" % i).digest(), f"company-{i}.com", i)
             for i in range(ENDED)))
    database.close()
    with open(path, "rb") as written:  # otherwise the first checkpoint would wait for the disk to take all of it
        os.fsync(written.fileno())


def _run(*argv):
    result = subprocess.run([BIN / "store_bench", *argv], capture_output=True, text=True, timeout=120,
                            check=False)
    if result.returncode != 0:
        raise RuntimeError(result.stderr.strip())
    return json.loads(result.stdout)


def measure(quick):
    table = Table("The store, durable", ["", "median"])
    with Testbed() as testbed:
        try:
            figures = _run(testbed.directory, "200" if quick else "2000")
            _fill(testbed.directory / "store.db")
            figures |= _run(testbed.directory, "5" if quick else "20", str(ENDED))
        except RuntimeError as failure:
            table.note(f"Skipped: {failure}")
            return [table]
    for key, words in ROWS:
        table.add(words, number(figures[key], 0 if key.endswith("_per_s") else 2))
    return [table]
