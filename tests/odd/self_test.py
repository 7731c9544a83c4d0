# SPDX-License-Identifier: MIT
"""self_test.py - shows that the oracle finds losses, before it is relied on: one paid task, and what a daemon that
works or fails leaves behind of it.
"""
from types import SimpleNamespace

from mutations import Mutation, Reply, legible_id
from verdict import Evidence, expected, judge

DOMAIN, TRACKING_ID = "a.com", 32 * "0"
PAID = {"domain": DOMAIN, "tracking_id": TRACKING_ID, "batch_id": "b1", "task_id": "t1"}
FOUND = b'{"box":["info@a.com","support@a.com"]}'
PAGE = b"<html>502</html>"
SUBMITTED = b'{"batch_id":"b1"}'
ELSEWHERE = b'{"id":"b1"}'

# what it shows, the column, and what differs from a daemon that still waits for the result
CASES = [
    ("the right mailboxes", "answered", {"served": expected(DOMAIN)}),
    ("no mailboxes", "lost", {"served": []}),
    ("mailboxes of another task", "lost", {"served": expected("b.com")}),
    ("a task that is open", "lost", {}),
    ("a task that the journal does not know", "lost", {"outcome": "none"}),
    ("a failure", "lost", {"outcome": "failed"}),
    ("the bytes of its response", "raw", {"sent": FOUND, "raw": FOUND}),
    ("the bytes of its response, with a note", "raw", {"sent": FOUND, "raw": b"note\n" + FOUND}),
    ("other bytes", "lost", {"sent": FOUND, "raw": FOUND[:-9]}),
    ("the bytes of a web page", "lost", {"sent": PAGE, "raw": PAGE}),
    ("no bytes", "lost", {"sent": b"", "raw": b""}),
    ("a lost submit", "unknown", {"outcome": "unknown", "lost": {"b1": None}}),
    ("a lost submit and its response", "unknown", {"outcome": "unknown", "lost": {"b1": PAGE}, "response": PAGE}),
    ("a lost submit without its response", "lost", {"outcome": "unknown", "lost": {"b1": PAGE}}),
    ("a lost submit that is not unknown", "lost", {"outcome": "not-created", "lost": {"b1": None}}),
    ("a submit that was answered", "lost", {"outcome": "unknown"}),
]


def evidence_of(served=None, outcome=None, sent=FOUND, raw=None, lost=None, response=None):
    task = {"outcome": outcome, "code": "", "batch": 1}
    tasks = {} if outcome == "none" else {TRACKING_ID: task}
    journal = SimpleNamespace(tasks=tasks, batches={1: {"response": response}})
    upstream = SimpleNamespace(lost=lost or {}, sent={"t1": {sent}}, of_batch={})
    stored = {} if raw is None else {TRACKING_ID: raw}
    return Evidence(journal, stored, upstream, {DOMAIN: served}, [PAID])


def counts_of(ledger, evidence):
    return judge(ledger, evidence, [Mutation("task", "none", None, 1)]).total()


def check_oracle():
    """Fails if a verdict is wrong."""
    for words, column, left_behind in CASES:
        found = evidence_of(**left_behind).verdict(PAID)
        assert found[0] == column, f"{words}: {found}"
    answered = evidence_of(served=expected(DOMAIN))
    assert counts_of([PAID], answered)["lost"] == 0
    assert counts_of([PAID, PAID], answered)["twice"] == 2
    assert counts_of([], answered)["lost"] == 1, "served, and never paid"
    for status, wire, body, batch_id in [(200, "length", SUBMITTED, "b1"), (206, "folded", SUBMITTED, "b1"),
                                         (200, "cut", SUBMITTED, None), (500, "length", SUBMITTED, None),
                                         (200, "length", ELSEWHERE, None), (200, "length", PAGE, None)]:
        reply = Reply(status, body)
        reply.wire = wire
        assert legible_id(reply) == batch_id, (status, wire, body)
