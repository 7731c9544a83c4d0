#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Compares the documents with the programs of docs/examples: a block of code after a line that ends with a link to a
program and a colon must be a part of it, each program must be linked, and each link must lead to one. Then a reader
sees what the tests run. `--self-test` plants a fault of each kind."""
import re

import lib

FOLDER = "docs/examples"
SHOWN = re.compile(r"\]\(examples/([^)]+)\):\n\n```[a-z]*\n(.*?)^```$", re.M | re.S)


def check(root):
    programs = {path.name: path.read_text(encoding="utf-8") for path in sorted((root / FOLDER).iterdir())}
    faults, linked = [], set()
    for page in sorted((root / "docs").glob("*.md")):
        text = page.read_text(encoding="utf-8")
        where = f"docs/{page.name}"
        names = set(re.findall(r"\]\(examples/([^)]+)\)", text))
        linked |= names
        faults += [f"{where}: there is no {FOLDER}/{name}" for name in sorted(names - set(programs))]
        for match in SHOWN.finditer(text):
            name, block = match.groups()
            if name in programs and "\n" + block not in programs[name]:
                line = text[:match.start()].count("\n") + 1
                faults.append(f"{where}: line {line}: the block is not a part of {FOLDER}/{name}")
    return faults + [f"{FOLDER}/{name}: no document links it" for name in sorted(set(programs) - linked)]


def self_test():
    page = "A [program](examples/a.py):\n\n```python\nx = 1\ny = 2\n```\n\n[Another](examples/b.sh).\n"
    tree = {"docs/page.md": page, f"{FOLDER}/a.py": "# A\nx = 1\ny = 2\nz = 3\n", f"{FOLDER}/b.sh": "true\n"}
    lib.expect(check, tree, [])
    lib.expect(check, {**tree, f"{FOLDER}/a.py": "# A\nx = 1\ny = 3\n"}, ["docs/page.md"])
    lib.expect(check, {**tree, f"{FOLDER}/a.py": "# A\nx = 1\ny = 2z\n"}, ["docs/page.md"])
    lib.expect(check, {**tree, f"{FOLDER}/c.go": "package main\n"}, [f"{FOLDER}/c.go"])
    lib.expect(check, {**tree, "docs/page.md": page + "[It](examples/d.py)\n"}, ["docs/page.md"])


if __name__ == "__main__":
    lib.main(check, self_test)
