# SPDX-License-Identifier: MIT
"""journal.py - measurement 6: the cost of durable writes on this disk (store_bench.c)."""
import json
import subprocess

from tables import Table, number
from testbed import BIN, Testbed

ROWS = [("floor_per_s", "floor: 4 KiB written and fdatasync()ed, per second"),
        ("intents_per_s", "batches of 1 task written down, per second"),
        ("ends_per_s", "ends of a task with its answer, per second"),
        ("floor_ms", "floor: 4 KiB written and fdatasync()ed, ms"),
        ("submit_ms", "a submit's journal (100 tasks: intent, then id), ms")]


def measure(quick):
    table = Table("The store, durable", ["", "median"])
    program = BIN / "store_bench"
    if not program.exists():
        table.note("Skipped: this emailsd has no store.")
        return [table]
    with Testbed() as testbed:
        result = subprocess.run([program, testbed.directory, "200" if quick else "2000"],
                              capture_output=True, text=True, timeout=120, check=False)
    if result.returncode != 0:
        table.note(f"Skipped: {result.stderr.strip()}")
        return [table]
    figures = json.loads(result.stdout)
    for key, words in ROWS:
        table.add(words, number(figures[key], 0 if key.endswith("_per_s") else 2))
    return [table]
