# SPDX-License-Identifier: MIT
"""test_recovery.py - tests a start with many open tasks. Prints its duration; `make bench` measures it."""
import re
import sqlite3
import time

from reconciliation import await_recorded, breaches, drain, read_journal
from programs import HOUR_MS

SUBMITTED = 200  # batches that were submitted
BATCHES, TASKS = 1000, 100  # written into the store, for each batch


def test_d13_start_resumes_hundreds_of_open_batches(testbed, sim, tmp_path):
    """Each batch was submitted by a daemon that was killed; the next daemon reads its results."""
    store = tmp_path / "emailsd.db"
    flags = ["--store", f"sqlite:{store}", "--batch-size", "1"]
    sim.behave(task_time_ms=HOUR_MS, credits=10**6)
    first = testbed.daemon(sim, *flags, "--submit-slots", "64")
    for i in range(SUBMITTED):
        first.lookup(f"company{i}.com", wait=0)
    sim.reach(batches_answered=SUBMITTED)
    await_recorded(store, SUBMITTED)
    first.kill()
    sim.behave(task_time_ms=0)
    begun = time.monotonic()
    second = testbed.daemon(sim, *flags)
    ready_s = time.monotonic() - begun
    assert re.search(rf"event=recovery_finished batches={SUBMITTED} ", second.stderr())
    drain(store)
    finished = [line for line in second.stderr().splitlines() if "event=lookup_finished" in line]
    assert finished and all(" client=127.0.0.1 " in line for line in finished)
    print(f"{SUBMITTED} batches: ready after {ready_s:.2f} s, all answered after {time.monotonic() - begun:.2f} s")
    second.stop()
    assert not breaches(sim.ledger(), read_journal(store))
    assert len(sim.ledger()) == SUBMITTED


def multiply(store):
    """Turns the one open batch of one task into a thousand batches of a hundred tasks."""
    database = sqlite3.connect(store)
    fields = [row[1] for row in database.execute("PRAGMA table_info(tasks)")]
    own = {"tracking_id": "printf('%032x', b * 1000 + t)", "lookup_id": "printf('%032x', b * 1000 + t)",
           "batch": "number + b", "key": "randomblob(32)", "domain": "'company' || (b * 1000 + t) || '.com'"}
    numbers = ("WITH RECURSIVE bs(b) AS (SELECT 1 UNION ALL SELECT b + 1 FROM bs WHERE b < ?),"
               "ts(t) AS (SELECT 0 UNION ALL SELECT t + 1 FROM ts WHERE t < ? - 1)")
    database.execute(f"{numbers} INSERT INTO batches (number, state, batch_id, risked, intended_ms, submitted_ms) "
                     "SELECT number + b, state, 'batch-' || b, risked, intended_ms, submitted_ms "
                     "FROM batches, bs", [BATCHES - 1, TASKS])
    database.execute(f"{numbers} INSERT INTO tasks ({', '.join(fields)}) "
                     f"SELECT {', '.join(own.get(f, 'tasks.' + f) for f in fields)} FROM tasks, bs, ts "
                     "JOIN batches ON batches.number = tasks.batch", [BATCHES - 1, TASKS])
    database.commit()
    database.close()


def test_d13_start_reads_a_hundred_thousand_open_tasks(testbed, sim, tmp_path):
    store = tmp_path / "emailsd.db"
    flags = ["--store", f"sqlite:{store}"]
    sim.behave(task_time_ms=HOUR_MS)
    first = testbed.daemon(sim, *flags)
    first.lookup("milvali.com", wait=0)
    sim.reach(status=1)
    await_recorded(store)
    first.kill()
    multiply(store)
    begun = time.monotonic()
    second = testbed.daemon(sim, *flags)
    ready_s = time.monotonic() - begun
    print(f"{BATCHES} batches with {TASKS} tasks each: ready after {ready_s:.2f} s")
    assert re.search(rf"event=recovery_finished batches={BATCHES} tasks={(BATCHES - 1) * TASKS + 1} ", second.stderr())
    assert second.get("/livez").status == 200
    second.kill()
