# SPDX-License-Identifier: MIT
"""verdict.py - what became of each paid task. README.md defines the words.

read_raw_results() and _unknown() know where raw bytes are stored.
"""
import collections
import json
import sqlite3

RAW_MAX = 63 << 10  # of 64 KiB that the store keeps: a note of the daemon may come first
RESPONSE_MAX = 512  # bytes of a response to a submit that the store keeps

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


def read_raw_results(store):
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


def carries(body, domain):
    """Returns whether the mailboxes of the domain can be found in these bytes, by whatever parser."""
    return any(all(address.encode(coding) in body for address in expected(domain)) for coding in ("utf-8", "utf-16-le"))


class Evidence:
    """What is known about the tasks of one group, after its daemon has ended. `raw` has the stored raw results by
    tracking id, `served` the mailboxes by domain, or None."""

    def __init__(self, journal, raw, upstream, served, ledger):
        self.journal, self.upstream, self.served = journal, upstream, served
        self.raw_of_batch = collections.defaultdict(list)
        for paid in ledger:
            self.raw_of_batch[paid["batch_id"]] += [raw[paid["tracking_id"]]] if paid["tracking_id"] in raw else []

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
        if paid["batch_id"] not in self.upstream.lost:
            return "lost", f"outcome {task['outcome']} {task['code']}, submit not lost"
        return self._unknown(task, self.upstream.lost[paid["batch_id"]])

    def _unknown(self, task, response):
        """The verdict if the submit got this response, which need not be understood."""
        stored = self.journal.batches[task["batch"]]["response"]
        if task["outcome"] != "unknown":
            return "lost", f"outcome {task['outcome']} {task['code']}, submit lost"
        if response is not None and stored != response[:RESPONSE_MAX]:
            return "lost", f"of the response to the submit, {stored} is stored"
        return "unknown", None

    def _is_stored_raw(self, paid):
        """A response that does not name its task may be stored with another task of its batch."""
        bodies = [body for body in self.upstream.sent.get(paid["task_id"], ()) if carries(body, paid["domain"])]
        return any(body[:RAW_MAX] in raw for body in bodies for raw in self.raw_of_batch[paid["batch_id"]])


def judge(ledger, evidence, mutations):
    """Returns the tally of one group."""
    tally = Tally()
    for mutation in mutations:
        tally.rows[mutation.on].update(mutations=1, applied=int(mutation.used > 0))
    times = collections.Counter(paid["domain"] for paid in ledger)
    for paid in ledger:
        mutation = evidence.upstream.of_batch.get(paid["batch_id"])
        verdict, reason = evidence.verdict(paid)
        kind = mutation.on if mutation else "none"
        twice = times[paid["domain"]] > 1
        tally.rows[kind].update({"created": 1, verdict: 1, "twice": int(twice)})
        if reason or twice:
            name = mutation.name if mutation else "no mutation"
            tally.losses.append(f"{paid['domain']}: {reason or verdict}{', paid twice' * twice} ({name})")
    for domain, served in evidence.served.items():
        if served is not None and domain not in times:
            tally.rows["none"].update(lost=1)
            tally.losses.append(f"{domain}: served {served}, and never paid")
    return tally
