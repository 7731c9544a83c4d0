#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes the option tables of docs/configuration.md.

    emailsd --help                 groups, options, arguments, meanings
    server/config/config_table.c   kinds, defaults, ranges, and whether SIGHUP applies the option

The tables stand between two comment lines of the page; the text around them is written by hand.
`make docs` runs this script, and check_contract.py fails if the page differs from its output."""
import os
import re
import subprocess
import sys

PAGE = "docs/configuration.md"
TABLE = "server/config/config_table.c"
BEGIN = "<!-- The tables are written by `make docs`. -->\n"
END = "<!-- End of the tables. -->\n"

UNITS = {
    "TIME": [("ms", 1), ("s", 1000), ("min", 60000), ("h", 3600000), ("d", 86400000)],
    "SIZE": [("", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)],
    "COUNT": [("", 1)],
}
NAMES = {"SECOND": 1000, "DAY": 86400000, "MIB": 1 << 20}

ROW = re.compile(r'\{"(--[a-z-]+)",\s*([A-Z]+),\s*FIELD\([a-z_]+\),\s*(NULL|"[^"]*"),\s*'
                 r'([^,"]+),\s*([^,"]+),\s*(?:NULL|"[^"]*"),\s*(?:"[^"]*"\s*)+,\s*(true|false)')


def number(expression):
    """The value of a constant such as `3650 * DAY` or `INT64_C(1000000000)`."""
    text = re.sub(r"INT64_C\((\d+)\)", r"\1", expression)
    text = re.sub(r"[A-Z]+", lambda name: str(NAMES[name[0]]), text)
    if not re.fullmatch(r"[\d\s*()<]+", text):
        raise ValueError(f"{TABLE}: not a number: {expression}")
    return eval(text)  # pylint: disable=eval-used


def written(value, kind):
    unit, factor = [(unit, factor) for unit, factor in UNITS[kind] if value % factor == 0][-1]
    return f"{value // factor}{unit}" if value else "0"


def rows_of(table):
    """{flag: (default, range, whether SIGHUP applies it)}, each as text."""
    rows = {}
    for flag, kind, default, low, high, reloads in ROW.findall(table):
        limits = f"{written(number(low), kind)} to {written(number(high), kind)}" if kind in UNITS else ""
        rows[flag] = ("" if default == "NULL" else f"`{default[1:-1]}`", limits,
                      "yes" if reloads == "true" else "")
    return rows


def tables(table, help_text):
    rows, lines = rows_of(table), []
    for line in help_text.splitlines():
        heading = re.fullmatch(r"(\S.*):", line)
        option = re.fullmatch(r"  (--[a-z-]+)(?: (\S+))?  +(.*)", line)
        if heading and heading[1] != "Commands":
            lines += ["", f"### {heading[1]}", "", "| option | default | range | SIGHUP | meaning |",
                      "|---|---|---|---|---|"]
        elif option:
            default, limits, reloads = rows[option[1]]
            meaning = option[3].removesuffix(f" [{default.strip('`')}]") if default else option[3]
            flag = option[1] + (f" {option[2]}" if option[2] else "")
            lines.append(f"| `{flag}` | {default} | {limits} | {reloads} | {meaning} |")
    return "\n".join(lines) + "\n\n"


def page(before, table, help_text):
    """The page with its tables replaced."""
    if before.count(BEGIN) != 1 or before.count(END) != 1:
        raise ValueError(f"{PAGE}: missing the comment lines around the tables")
    head, rest = before.split(BEGIN)
    return head + BEGIN + tables(table, help_text) + END + rest.split(END)[1]


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def fresh_page(binary):
    """What the page of this tree should be, by the program at `binary`."""
    help_text = subprocess.run([binary, "--help"], capture_output=True, text=True, check=True).stdout
    return page(read(PAGE), read(TABLE), help_text)


if __name__ == "__main__":
    text = fresh_page(os.environ.get("DAEMON_BIN", "build/release/emailsd"))
    with open(PAGE, "w", encoding="utf-8") as output:
        output.write(text)
    sys.exit(0)
