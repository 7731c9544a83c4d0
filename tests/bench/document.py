# SPDX-License-Identifier: MIT
"""document.py - writes docs/benchmarks.md: the results, the machine, and the commands."""

HEAD = """# Benchmarks

Written by `make bench`; do not edit. Each measurement runs beside its peer or its floor, in turns
in the same run, because requests per second follow the noise of the machine: judge by ratios.
`tests/bench/README.md` says how each figure is made and what it cannot show.

"""

QUICK = """**This is a quick run (`QUICK=1`): few, short rounds, to see that all works. Its figures
move by a tenth or two from one run to the next.**

"""

CHAPTERS = {
    "hits": "Hits",
    "latency": "Latency of a hit",
    "waiters": "Waiting callers",
    "misses": "Misses",
    "stored": "Start with stored answers",
    "journal": "Journal",
    "store": "Threads of the store",
    "hanging": "Hanging disk",
    "outage": "Outages of PostgreSQL",
    "lists": "Lists",
}


def write(path, quick, facts, chapters, figures):
    """Writes the page. `facts`: {what: text}; `chapters`: {name: [Table]}; `figures`: {name: (file, text)}."""
    text = HEAD + (QUICK if quick else "")
    text += "| | |\n|---|---|\n" + "".join(f"| {k} | {v} |\n" for k, v in facts.items())
    for name, tables in chapters.items():
        text += f"\n## {CHAPTERS[name]}\n\n"
        text += "\n".join(table.as_markdown() for table in tables)
        if name in figures:
            text += "\n![{1}]({0})\n".format(*figures[name])
    path.write_text(text.rstrip("\n") + "\n")
