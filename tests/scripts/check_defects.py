#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Checks that each defect of tests/flow/seeds/defects.py can still be planted: its text occurs exactly once.

`--self-test` does so in a small tree, and requires that a copy of a tree has no file that the tree lost."""
import pathlib
import sys
import tempfile

import lib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "flow" / "seeds"))
import defects  # noqa: E402  pylint: disable=wrong-import-position


def check(root):
    return defects.stale(root, defects.DEFECTS)


def self_test():
    rows = [("once", "a.c", "one", ""), ("twice", "a.c", "two", ""), ("never", "a.c", "no", ""), ("gone", "b.c", "one", "")]
    lib.expect(lambda root: defects.stale(root, rows), {"a.c": "one two two"}, ["twice", "never", "gone"])
    with tempfile.TemporaryDirectory() as folder:
        root, copy = pathlib.Path(folder, "tree"), pathlib.Path(folder, "copy")
        for path in (root / "moved/a.c", copy / "a.c", copy / "build/a.o"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        defects.mirror(["a.c", "moved/a.c"], root, copy)
        files = sorted(str(path.relative_to(copy)) for path in copy.rglob("*") if path.is_file())
        if files != ["build/a.o", "moved/a.c"]:
            sys.exit(f"check_defects: self-test: the copy has {files}")


if __name__ == "__main__":
    lib.main(check, self_test)
