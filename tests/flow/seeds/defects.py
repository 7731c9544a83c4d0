#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""defects.py - plants one defect at a time in a copy of the product, and requires that the seeds find it.

Each row is a rule of the core about the order of writes, about money, or about what a caller may receive. The text to
replace must occur exactly once: if the code changes, the row has to follow, which tests/scripts/check_defects.py
requires. `make seed-defects` runs it in about 15 minutes; arguments are names of rows. The defects of the test's own
driver are part of `make flow` (defect.h). Rows `list-...` are for the seeds of lists.
"""
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
COPY = ROOT / "build" / "defects"
# The program that has to find a defect, and its test: that of the lists for the rows `list-...`.
TEST = ("build/release/tests/flow/test_seeds", "seeds_keep_every_promise")
LIST_TEST = ("build/release/tests/flow/test_list_seeds", "list_seeds_keep_every_promise")
SEEDS = os.environ.get("SEEDS", "4800")

BATCH = "server/lookup/batching/batch.c"
PAYMENT = "server/lookup/batching/batch_payment.c"
JOURNAL = "server/lookup/records/journal.c"
READS = "server/lookup/records/reads.c"
RESULTS = "server/lookup/records/results.c"
COOLDOWN = "server/lookup/records/cooldown.c"
WAITING = "server/lookup/lookup_waiting.c"
RECOVERY = "server/lookup/recovery.c"
EXECUTE = "server/store/execute.c"
CHOICE = "server/lookup/batching/batch_choice.c"
MAINTENANCE = "server/lookup/maintenance.c"
MESSAGES = "server/lookup/engine_messages.c"
WINDOW = "server/lookup/lists/bulk_window.c"

# name, file, text, its replacement
DEFECTS = [
    ("sent-before-durable", BATCH, "        batch->probe = circuit_begin_submit(tools->breaker);\n",
     "        batch->probe = circuit_begin_submit(tools->breaker), send(batch);\n"),
    ("failed-intent-is-sent", BATCH, "    if (!err && may_leave", "    if (may_leave"),
    ("returned-before-durable", JOURNAL, "    if (!journal->entries)\n        return false;\n",
     "    return false;\n"),
    ("refund-forgotten", BATCH, "        budget_refund(budget, &task->credit);\n    else",
     "        budget_commit(budget, &task->credit);\n    else"),
    ("failed-intent-is-not-ended", BATCH, "    if (batch->tasks)\n        journal_end_batch(",
     "    if (*batch->id && batch->tasks)\n        journal_end_batch("),
    ("not-sent-is-not-recorded", BATCH, "        next == SUBMIT_UNPAID)\n",
     "        (next == SUBMIT_UNPAID && false))\n"),
    ("old-read-trusted", READS, "    if (!question->is_outdated || !question->waiting ||", "    if (true ||"),
    ("old-read-served", READS, "    if (question->is_outdated || journal_is_forgetting",
     "    if (journal_is_forgetting"),
    ("order-not-stopped", EXECUTE, "    if (keeps_order(call) && call->era <= executor->failed_era) {",
     "    if (false) {"),
    ("repeated-while-in-flight", JOURNAL,
     "    if (journal->flights) {\n        retry_later(journal);\n        return;\n    }\n",
     ""),
    ("failed-entry-is-written", JOURNAL, "    if (call->err != ERR_STORAGE_UNAVAILABLE) {", "    if (true) {"),
    ("paid-while-unusable", JOURNAL, "    return is_stuck(journal) || is_exposed(journal) ?",
     "    return journal->is_slow ?"),
    ("slow-write-holds-receipts", JOURNAL, "    return_all(journal);\n}\n\nstatic void depart",
     "}\n\nstatic void depart"),
    ("batch-id-not-recorded", BATCH, "    journal_submitted(tools->journal, batch->number, batch_id);\n", ""),
    ("no-cooldown", RESULTS, "    if (is_unknown)\n", "    if (is_unknown && put->is_purged)\n"),
    ("older-lookup-ends-a-cooldown", COOLDOWN, "    if (cooldown && is_about(cooldown, lookup_id))\n",
     "    if (cooldown && (is_about(cooldown, lookup_id) || true))\n"),
    ("no-cooldown-after-restart", RECOVERY, "    if (left_ms <= 0)\n", "    if (true)\n"),
    ("sending-is-not-unknown", RECOVERY, "    case STORE_SENDING:\n        close_later(reading, batch, true);",
     "    case STORE_SENDING:\n        close_later(reading, batch, false);"),
    ("not-resumed", RECOVERY, "        if (!resume(reading, batch))\n", "        if (reading)\n"),
    ("deleted-in-the-store-only", RESULTS, "    if (!call->err)\n        forget_in_memory(deletion);\n", ""),
    ("deadline-ignored", WAITING,
     "    timer_arm(lookups->timers, &request->deadline, request->wait_until_ms, deadline_is_over);\n",
     "    timer_arm(lookups->timers, &request->deadline, request->wait_until_ms + 5000, deadline_is_over);\n"),
    ("abandoned-is-sent", BATCH, "        n += task->is_abandoned;", "        n += 0;"),
    ("news-applied-never", MAINTENANCE, "    for (size_t i = 0; i < news->n_changed; i++)\n",
     "    for (size_t i = 0; i < 0 * news->n_changed; i++)\n"),
    ("second-credits-not-repeated", PAYMENT,
     "    if (err)\n        journal_repeat_resubmitted(tools->journal, batch->number, second->day);\n",
     ""),
    ("second-credits-refunded", PAYMENT,
     "        budget_commit(tools->budget, &task->credit);\n        task->credit = *second++;",
     "        budget_refund(tools->budget, &task->credit);\n        task->credit = *second++;"),
    ("watch-outlives-its-request", MESSAGES, "    lookup_request_end_watches(request);\n", ""),
    ("slot-leaks", CHOICE, "        n += batch_is_in_slot(batch);",
     "        n += batch_is_in_slot(batch) || batch->tries > 1;"),
    ("a-paused-intent-is-sent", BATCH, "    if (!err && may_leave && may_pay && !must_wait) {",
     "    if (!err && may_pay && !must_wait) {"),
    ("list-cancelled-is-free", WAITING, "    if (!outcome.charged && (lookup->requests || lookup->promised))\n",
     "    if (false)\n"),
    ("list-spends-beyond-its-credits", WINDOW, "spent < (size_t)max ? (size_t)max - spent : 0;",
     "spent <= (size_t)max ? (size_t)max + 1 - spent : 0;"),
    ("list-forgets-an-entry", WINDOW, "    if (index < bulk->first)\n        bulk->first = index;\n", ""),
]


def test_of(name):
    return LIST_TEST if name.startswith("list-") else TEST


def build(test):
    """Returns whether the test program of the copy could be built."""
    # A defect may leave a parameter or a function unused.
    command = ["make", "-s", "-C", str(COPY), f"-j{os.cpu_count()}", "CPPFLAGS=-Wno-error", test[0]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stderr[-2000:])
    return done.returncode == 0


def seed_of(line):
    return int(line.split()[1].rstrip(":"))


def finds(test):
    """Returns the first seed that failed, and why, or None. The others run too: a defect that few seeds find may be
    missed once the plans have changed."""
    environment = {**os.environ, "SEEDS": SEEDS, "CK_RUN_CASE": test[1], "CK_DEFAULT_TIMEOUT": "600"}
    done = subprocess.run([COPY / test[0]], capture_output=True, text=True, env=environment, check=False, errors="replace")
    if done.returncode == 0:
        return None
    lines = [line for line in done.stderr.splitlines() if line.startswith("seed ")]
    if not lines:
        sys.exit(f"the seeds ended with status {done.returncode}, and no reason")
    return min(lines, key=seed_of)


def stale(root, rows):
    """Returns a line for each row whose text does not occur exactly once below `root`."""
    counts = [(root / file).read_text().count(text) if (root / file).is_file() else 0 for _, file, text, _ in rows]
    return [f"{name}: the text occurs {n} times in {file}" for (name, file, _, _), n in zip(rows, counts) if n != 1]


def try_defect(name, file, text, replacement):
    """Returns whether the defect is found."""
    path = COPY / file
    original = path.read_text()
    path.write_text(original.replace(text, replacement))
    test = test_of(name)
    why = finds(test) if build(test) else None
    path.write_text(original)
    print(f"{'ok  ' if why else 'FAIL'} {name}: {why or 'not found'}", flush=True)
    return bool(why)


def mirror(files, root, target):
    """Copies these files, if they have changed, and deletes all others of the copy: the Makefile would compile a
    file that has been moved since. What was built stays."""
    wanted = {file for file in files if (root / file).is_file()}
    for path in [path for path in target.rglob("*") if path.is_file()]:
        file = path.relative_to(target)
        if str(file) not in wanted and file.parts[0] != "build":
            path.unlink()
    for file in wanted:
        source, copied = root / file, target / file
        if not copied.exists() or copied.read_bytes() != source.read_bytes():
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, copied)


def copy():
    COPY.mkdir(parents=True, exist_ok=True)
    command = ["git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard"]
    mirror(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines(), ROOT, COPY)


def main():
    names = sys.argv[1:]
    faults = stale(ROOT, DEFECTS)
    if faults:
        print("\n".join(faults))
        return 1
    copy()
    rows = [row for row in DEFECTS if not names or row[0] in names]
    for test in sorted({test_of(row[0]) for row in rows}):
        if not build(test) or finds(test):
            print("the product without a defect does not pass")
            return 1
    missed = [row[0] for row in rows if not try_defect(*row)]
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
