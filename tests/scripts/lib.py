# SPDX-License-Identifier: MIT
"""Runs a check of the tree, and its self-test over small trees with planted faults.

A check is a function from the root of a tree to a list of faults, each "WHERE: WHAT".
"""
import pathlib
import sys
import tempfile


def faults(check, files):
    """Writes `files` (name: text) into a temporary tree; returns the faults that `check` finds."""
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        return check(root)


def places(check, files):
    """Returns the places of the faults that `check` finds in such a tree."""
    return {fault.split(":")[0] for fault in faults(check, files)}


def expect(check, files, guilty):
    """Ends the self-test unless `check` finds faults in exactly the places `guilty`."""
    found = places(check, files)
    if found != set(guilty):
        name = pathlib.Path(sys.argv[0]).stem
        sys.exit(f"{name}: self-test: found {sorted(found)}, not {sorted(guilty)}")


def main(check, self_test):
    """Runs the self-test with --self-test; otherwise prints the faults of the tree and fails if there are
    any."""
    if "--self-test" in sys.argv:
        self_test()
        return
    found = check(pathlib.Path("."))
    print("\n".join(found), end="\n" if found else "")
    sys.exit(1 if found else 0)
