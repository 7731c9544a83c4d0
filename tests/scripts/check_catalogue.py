#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Requires a test for every fault and every bad input of the catalogue. The id is in a table of
docs/testing.md, where a column names the tests or says why there is none, or in a test itself.

`--self-test` removes ids from a small tree, and requires a report of each."""
import re

import lib

# Submit, reads, clients, disk, process, time: listed in the tables. Values and queries: named by tests.
TOLD = {"U": 38, "S": 20, "C": 13, "D": 18, "R": 17, "T": 7}
TESTED = {"V": 93, "Q": 21}


def ids(counts):
    return [f"{letter}{i}" for letter, n in counts.items() for i in range(1, n + 1)]


def check(root):
    rows = re.findall(r"^\| ((?:[A-Z]\d+ ?)+) \| [^|]+ \| ([^|]+) \|$", (root / "docs/testing.md").read_text(), re.M)
    told = {i for row, shown in rows if len(shown.strip()) > 2 for i in row.split()}
    sources = "\n".join(p.read_text() for folder in ("unit", "flow", "system")
                        for p in sorted((root / "tests" / folder).glob("test_*.*")) if p.suffix in (".c", ".py"))
    named = set(re.findall(r"(?<![A-Za-z0-9])[VQ]\d+(?![A-Za-z0-9])", sources))
    return ([f"{i}: no row of docs/testing.md says what shows it" for i in ids(TOLD) if i not in told] +
            [f"{i}: no test names it" for i in ids(TESTED) if i not in named])


def self_test():
    rows = "".join(f"| {i} | something | test_it.py |\n" for i in ids(TOLD))
    test = " ".join(ids(TESTED))
    for readme, source, missed in [(rows, test, []), (rows.replace("| U7 |", "| |"), test, ["U7"]),
                                   (rows.replace("| D18 | something | test_it.py |", "| D18 | something | |"),
                                    test, ["D18"]),
                                   (rows, test.replace("V93", ""), ["V93"])]:
        lib.expect(check, {"docs/testing.md": readme, "tests/system/test_it.py": source}, missed)


if __name__ == "__main__":
    lib.main(check, self_test)
