# SPDX-License-Identifier: MIT
"""verdict.py - what became of each paid task. README.md defines the words.

_raw_results() is the only function that knows where raw bytes are stored.
"""
import collections
import json
import sqlite3

from reconciliation import read_journal

RAW_MAX = 63 << 10  # of 64 KiB that the store keeps: a note of the daemon may come first

COLUMNS = ("mutations", "applied", "created", "answered", "raw", "unknown", "lost", "twice")


class Tally:
    """Counts by kind of call, and a sentence for each loss."""

    def __init__(self):
        self.rows = collections.defaultdict(collections.Counter)
        self.losses = []

    def add(self, other):
        for kind, counts in other.rows.items():
            self.rows[kind].update(counts)
        self.losses += other.losses

    def total(self):
        return sum(self.rows.values(), collections.Counter())


def _raw_results(store):
    """Returns the raw results of a store that no daemon has open: bytes by tracking id."""
    database = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
    try:
        return dict(database.execute("SELECT tracking_id, body FROM raw_results"))
    except sqlite3.OperationalError:  # no such table
        return {}
    finally:
        database.close()


def expected(domain):
    return [f"info@{domain}", f"support@{domain}"]


def addresses(response):
    """Returns the mailboxes of a 200 response; None for all others."""
    if response.status != 200:
        return None
    return [entry["email"] for entry in json.loads(response.body)["emails"]]


class Evidence:
    """What is known about the tasks of one group, after its daemon has ended."""

    def __init__(self, store, upstream, served, ledger):
        self.journal = read_journal(store)
        self.raw_of_batch = collections.defaultdict(list)
        raw = _raw_results(store)
        for paid in ledger:
            self.raw_of_batch[paid["batch_id"]] += [raw[paid["tracking_id"]]] if paid["tracking_id"] in raw else []
        self.upstream = upstream
        self.served = served  # domain -> mailboxes, or None

    def verdict(self, paid):
        """Returns a column of the tally, and the reason if it is "lost"."""
        served = self.served.get(paid["domain"])
        if served == expected(paid["domain"]):
            return "answered", None
        if served is not None:
            return "lost", f"served {served}"
        if self._is_stored_raw(paid):
            return "raw", None
        task = self.journal.tasks.get(paid["tracking_id"])
        if not task:
            return "lost", "the journal does not know it"
        is_lost_submit = paid["batch_id"] in self.upstream.lost
        if task["outcome"] == "unknown" and is_lost_submit:
            return "unknown", None
        return "lost", f"outcome {task['outcome']} {task['code']}, submit {'' if is_lost_submit else 'not '}lost"

    def _is_stored_raw(self, paid):
        """A response that does not name its task may be stored with another task of its batch."""
        sent = self.upstream.sent.get(str(paid["task_id"]), ())
        return any(body and body[:RAW_MAX] in raw for body in sent for raw in self.raw_of_batch[paid["batch_id"]])


def judge(ledger, evidence, mutations):
    """Returns the tally of one group."""
    tally = Tally()
    for mutation in mutations:
        tally.rows[mutation.on].update(mutations=1, applied=int(mutation.used > 0))
    times = collections.Counter(paid["domain"] for paid in ledger)
    for paid in ledger:
        mutation = evidence.upstream.of_batch.get(str(paid["batch_id"]))
        verdict, reason = evidence.verdict(paid)
        kind = mutation.on if mutation else "none"
        twice = times[paid["domain"]] > 1
        tally.rows[kind].update({"created": 1, verdict: 1, "twice": twice})
        if reason or twice:
            name = mutation.name if mutation else "no mutation"
            tally.losses.append(f"{paid['domain']}: {reason or verdict}{', paid twice' * twice} ({name})")
    return tally
