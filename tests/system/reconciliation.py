# SPDX-License-Identifier: MIT
"""reconciliation.py - compares the daemon's journal with the upstream's ledger.

The journal (read without the daemon) is one side, the simulator's ledger the other. A store is the path of a
SQLite file, or a postgres.Store. A Journal is a snapshot. breaches() describes every task that one side has and the
other may not have, and everything that was paid twice. A test expects an empty list.
"""
import collections
import json
import pathlib
import shutil
import sqlite3
import tempfile

from postgres import Store
from programs import run_to_end
from waiting import eventually

ENDED = ("answered", "failed", "not-created", "unknown")


class Journal:
    """All rows of a store: batches by number, tasks by tracking id, results by key. `rows` returns those of a
    table as dictionaries, none if it was killed before the tables were created."""

    def __init__(self, rows):
        self.batches = {row["number"]: row for row in rows("batches")}
        self.tasks = {row["tracking_id"]: row for row in rows("tasks")}
        self.answers = {row["key"]: row for row in rows("answers")}

    def tasks_of(self, domain):
        return [task for task in self.tasks.values() if task["domain"] == domain]

    def outcomes(self):
        """Returns the number of tasks by outcome; open tasks have the outcome None."""
        return collections.Counter(task["outcome"] for task in self.tasks.values())

    def batch_ids(self):
        """Returns the batches whose upstream id is known, by number."""
        return {n: b["batch_id"] for n, b in self.batches.items() if b["batch_id"]}

    def bodies(self):
        """Returns the stored results of questions that consist of a domain only; the tests use no others."""
        return {a["domain"]: a["body"].encode() for a in self.answers.values() if a["body"]}


def files_of(store):
    """Returns the existing files of a store: the database and its write-ahead log."""
    paths = [pathlib.Path(f"{store}{end}") for end in ("", "-wal")]
    return [path for path in paths if path.exists()]


def flags_of(store):
    """Returns the options that name a store."""
    return store.flags if isinstance(store, Store) else ["--store", f"sqlite:{store}"]


def _read_file(path):
    database = sqlite3.connect(path)
    database.row_factory = sqlite3.Row

    def rows(table):
        exists = "SELECT count(*) FROM sqlite_schema WHERE name = ?"
        if not database.execute(exists, [table]).fetchone()[0]:
            return []
        return [dict(row) for row in database.execute(f"SELECT * FROM {table}")]
    try:
        return Journal(rows)
    finally:
        database.close()


def read_journal(store):
    """Reads the journal of a store that no daemon has open. A file is read from a copy: SQLite repairs what it
    opens, and that is left to the next daemon."""
    if isinstance(store, Store):
        return Journal(store.rows)
    with tempfile.TemporaryDirectory() as folder:
        for path in files_of(store):
            shutil.copy(path, folder)
        return _read_file(pathlib.Path(folder) / pathlib.Path(store).name)


def query(store, sql):
    """Returns the first value that a statement finds, as text; a daemon may run beside it."""
    if isinstance(store, Store):
        return store.query(sql)[0][0]
    database = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
    try:
        return str(database.execute(sql).fetchone()[0])
    finally:
        database.close()


def inspect(store):
    """Returns what `emailsd inspect --json` prints about a store; a daemon may run beside it."""
    run = run_to_end("inspect", "--json", *flags_of(store))
    assert run.returncode == 0, run
    return json.loads(run.stdout)


def await_recorded(store, n=1):
    """Returns when the ids of that many open batches are in the store: batches are polled before that."""
    eventually(lambda: inspect(store)["batches"]["submitted"] == n)


def drain(store):
    """Waits until the daemon on that store has no open batch."""
    return eventually(lambda: (result := inspect(store))["tasks"]["open"] == 0 and result)


def _of_the_ledger(paid, journal):
    task = journal.tasks.get(paid["tracking_id"])
    if not task:
        return "was paid, and the journal does not know it"
    if task["domain"] != paid["domain"]:
        return f"was paid, and the journal says {task['domain']}"
    if task["outcome"] == "not-created":
        return "was paid, and the journal says that it was not"
    if task["outcome"] is None:
        return "was paid, and is still open"
    return None


def _of_the_journal(task, journal, is_paid):
    batch = journal.batches[task["batch"]]
    expected = "failed" if task["domain"].startswith(("errored", "cancelled")) else "answered"
    if task["outcome"] is None:
        return "is still open"
    if task["outcome"] in ("answered", "failed") and not is_paid:
        return f"{task['outcome']}, and was never paid"
    if batch["batch_id"] and task["outcome"] != expected:
        return f"{task['outcome']}, although its batch id was known"
    if batch["state"] != "over":
        return f"ended, but its batch is {batch['state']}"
    return None


def breaches(ledger, journal, may_be_paid_again=()):
    """Compares journal and ledger after a drain. Domains of `may_be_paid_again` may have been paid twice."""
    paid_ids = {paid["tracking_id"] for paid in ledger}
    times = collections.Counter(paid["domain"] for paid in ledger)
    found = [f"{domain}: paid {n} times" for domain, n in times.items()
             if n > 1 and domain not in may_be_paid_again]
    for paid in ledger:
        fault = _of_the_ledger(paid, journal)
        found += [f"{paid['domain']}: {fault}"] if fault else []
    for tracking_id, task in journal.tasks.items():
        fault = _of_the_journal(task, journal, tracking_id in paid_ids)
        found += [f"{task['domain']}: {fault}"] if fault else []
    return found
