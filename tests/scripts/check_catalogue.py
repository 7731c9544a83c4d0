#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Checks that the tests cover every fault and every invalid input of the catalogue.

The id of a fault is in a table of docs/testing.md, whose last column names the test, or the reason why
there is none. The id of a value or a query is in a test itself. Every test, and every file with tests, that
docs/testing.md names must exist, and a test that follows "FILE: " must be in that file. `--self-test` removes
ids and tests from a small tree and expects each to be reported."""
import re

import lib

# Submit, reads, clients, disk, process, time: listed in the tables. Values and queries: named by tests.
LISTED = {"U": 46, "S": 20, "C": 14, "D": 18, "R": 17, "T": 7}
TESTED = {"V": 97, "Q": 21}
FOLDERS = ("unit", "flow", "system", "fuzz")
NAME = re.compile(r"`([a-z]\w*_\w+_\w+)`")  # of a test: at least three words
FILE = re.compile(r"(?<![\w/])((?:unit/|flow/|fuzz/|system/)?(?:test|fuzz)_[a-z0-9_]+\.(?:c|py))")
PAIRS = re.compile(FILE.pattern + r": ((?:`\w+`(?:, | and )?)+)")  # a file, and tests of it
DECLARED = re.compile(r"^(?:(?:LOOP_|RANGE_)?TEST\(|def )(\w+)", re.M)


def ids(counts):
    return [f"{letter}{i}" for letter, n in counts.items() for i in range(1, n + 1)]


def path_of(root, name):
    """A file without a folder is a system test."""
    return root / "tests" / (name if "/" in name else f"system/{name}")


def misplaced(root, page):
    """Yields the tests that the page names after a file that does not have them."""
    for name, tests in PAIRS.findall(page):
        path = path_of(root, name)
        declared = DECLARED.findall(path.read_text()) if path.is_file() else []
        for test in re.findall(r"`(\w+)`", tests):
            if declared and test not in declared:
                yield f"{name}: docs/testing.md names `{test}`, but it is not in this file"


def missing(root, page, sources):
    """Returns the tests and the files that the page names and that do not exist."""
    declared = set(DECLARED.findall(sources))
    return ([f"{name}: docs/testing.md names it, but there is no such test"
             for name in sorted(set(NAME.findall(page)) - declared)] +
            [f"{name}: docs/testing.md names it, but there is no such file"
             for name in sorted(set(FILE.findall(page))) if not path_of(root, name).is_file()])


def check(root):
    page = (root / "docs/testing.md").read_text()
    rows = re.findall(r"^\| ((?:[A-Z]\d+ ?)+) \| [^|]+ \| ([^|]+) \|$", page, re.M)
    listed = {i for row, shown in rows if len(shown.strip()) > 2 for i in row.split()}
    sources = "\n".join(p.read_text() for folder in FOLDERS
                        for p in sorted((root / "tests" / folder).glob("test_*.*")) if p.suffix in (".c", ".py"))
    named = set(re.findall(r"(?<![A-Za-z0-9])[VQ]\d+(?![A-Za-z0-9])", sources))
    return ([f"{i}: no row of docs/testing.md names its test" for i in ids(LISTED) if i not in listed] +
            [f"{i}: no test names it" for i in ids(TESTED) if i not in named] +
            missing(root, page, sources) + list(misplaced(root, page)))


def self_test():
    rows = "".join(f"| {i} | something | test_it.py |\n" for i in ids(LISTED))
    test = "# " + " ".join(ids(TESTED)) + "\ndef test_it_is_there():\n"
    for readme, source, missed in [(rows, test, []), (rows.replace("| U7 |", "| |"), test, ["U7"]),
                                   (rows + "`test_it_is_there`, `flow_is_not_there`, unit/test_x.c", test,
                                    ["flow_is_not_there", "unit/test_x.c"]),
                                   (rows + "test_it.py: `test_it_is_there`, `flow_is_not_there`", test,
                                    ["flow_is_not_there", "test_it.py"]),
                                   (rows.replace("| D18 | something | test_it.py |", "| D18 | something | |"),
                                    test, ["D18"]),
                                   (rows, test.replace("V93", ""), ["V93"])]:
        lib.expect(check, {"docs/testing.md": readme, "tests/system/test_it.py": source}, missed)


if __name__ == "__main__":
    lib.main(check, self_test)
