#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Prints which lines and branches the tests have run: coverage.py FOLDER, which has the counts.

Covers every file of base/, server/ and client/. Fails if fewer than LINES percent of all lines were run, or
if a branch was not taken in a file that decides about money. A branch that cannot be taken is excused by
GCOVR_EXCL_BR_LINE and a reason beside it. Branches inside the macros of uthash and utlist and inside
assert() are not counted.
"""
import collections
import json
import re
import subprocess
import sys

LINES = 90
MACROS = r".*\b((HASH|DL|LL)_[A-Z0-9_]+|assert) ?\(.*"
EVERY_BRANCH = re.compile(
    r"server/model/(domain|host_name|special_names)\.c"
    r"|server/lookup/(lookups|lookup_waiting|money/budget)\.c"
    r"|server/lookup/batching/(batch|batch_choice|batch_payment|batch_results|batch_split|batcher|lost_submit|"
    r"waiting_batches)\.c"
    r"|server/store/sqlite/(journal|accounts|proposals|resolve)\.c")
EVERY_BRANCH_FILES = 18
EXCUSE = re.compile(r"GCOVR_EXCL_BR_LINE(: \S+)?")

Count = collections.namedtuple("Count", "run of")


def read_counts(folder):
    command = ["gcovr", "--root", ".", "--filter", "base/", "--filter", "server/", "--filter", "client/",
               "--exclude-branches-by-pattern", MACROS, "--json", "-", folder]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    return {file["file"]: file["lines"] for file in json.loads(done.stdout)["files"]}


def count_lines(lines):
    real = [line for line in lines if not line.get("gcovr/noncode")]
    return Count(sum(line["count"] > 0 for line in real), len(real))


def count_branches(lines):
    branches = [branch for line in lines for branch in line["branches"]]
    return Count(sum(branch["count"] > 0 for branch in branches), len(branches))


def percent(count):
    return 100 * count.run / count.of if count.of else 100


def add(counts):
    counts = list(counts)
    return Count(sum(c.run for c in counts), sum(c.of for c in counts))


def show(name, lines, branches):
    print(f"{name:<44} {lines.run:>6}/{lines.of:<6}{percent(lines):>6.1f} %"
          f" {branches.run:>6}/{branches.of:<6}{percent(branches):>6.1f} %")


def missed(name, lines):
    """Yields each line of the file with a branch that was never taken."""
    with open(name, encoding="utf-8") as file:
        text = file.read().split("\n")
    for line in lines:
        if any(branch["count"] == 0 for branch in line["branches"]):
            number = line["line_number"]
            yield f"{name}:{number}: a branch was never taken: {text[number - 1].strip()}"


def bare_excuses(name):
    with open(name, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            excuse = EXCUSE.search(line)
            if excuse and not excuse.group(1):
                yield f"{name}:{number}: an excuse without a reason"


def main(folder):
    files = read_counts(folder)
    strict = [name for name in files if EVERY_BRANCH.fullmatch(name)]
    faults = []

    print(f"{'file':<44} {'lines':>13}{'':>8} {'branches':>13}")
    for name, lines in sorted(files.items()):
        show(name, count_lines(lines), count_branches(lines))
        faults += bare_excuses(name)
    all_lines = add(count_lines(lines) for lines in files.values())
    show("all", all_lines, add(count_branches(lines) for lines in files.values()))
    for name in sorted(strict):
        faults += missed(name, files[name])
    if len(strict) != EVERY_BRANCH_FILES:
        faults.append(f"{EVERY_BRANCH_FILES} files must have every branch taken, and {len(strict)} were found")
    if percent(all_lines) < LINES:
        faults.append(f"fewer than {LINES} % of all lines were run")
    print("\n".join(faults), end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
