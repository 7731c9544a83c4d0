# SPDX-License-Identifier: MIT
"""tally.py - the results of a stage, and of all stages together."""
COLUMNS = ("kills", "lists", "lookups", "created", "answered", "failed", "unknown", "resolved", "not_created",
           "late", "twice", "lost")


class Tally:
    """Counts, and a sentence for every broken promise. `lost` are tasks that were paid, or results that
    were returned once, and that are not in the journal or no longer served. `resolved` are tasks whose outcome was
    unknown once, and is known at the end. `late` are batch ids that were read so shortly before a kill that they were
    neither stored nor in the spool. `lists` were sent, new or again."""

    def __init__(self, name):
        self.name = name
        self.breaches = []
        for column in COLUMNS:
            setattr(self, column, 0)

    def count(self, ledger, journal, found):
        """Adds the result of a comparison of records."""
        outcomes = journal.outcomes()
        self.lookups += len(journal.tasks)
        self.created += len(ledger)
        self.answered += outcomes["answered"]
        self.failed += outcomes["failed"]
        self.unknown += outcomes["unknown"]
        self.not_created += outcomes["not-created"]
        self.twice += sum(": paid " in words and "times" in words for words in found)
        self.lost += sum("does not know" in words or "batch id was known" in words
                         for words in found)
        self.breaches += found

    def add(self, other):
        for column in COLUMNS:
            setattr(self, column, getattr(self, column) + getattr(other, column))
        self.breaches += [f"{other.name}: {words}" for words in other.breaches]

    def row(self):
        return [getattr(self, column) for column in COLUMNS]
