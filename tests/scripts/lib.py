# SPDX-License-Identifier: MIT
"""Runs a check of the tree, and its self-test over small trees with planted faults.

A check is a function from the root of a tree to a list of faults, each "WHERE: WHAT".
"""
import pathlib
import sys
import tempfile


def places(check, files):
    """Writes `files` (name: text) into a temporary tree; returns the places of the faults that `check`
    finds."""
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        return {fault.split(":")[0] for fault in check(root)}


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
    faults = check(pathlib.Path("."))
    print("\n".join(faults), end="\n" if faults else "")
    sys.exit(1 if faults else 0)
