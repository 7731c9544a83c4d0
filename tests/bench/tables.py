# SPDX-License-Identifier: MIT
"""tables.py - tables, as they are printed and as docs/benchmarks.md has them."""


def number(value, digits):
    return f"{value:,.{digits}f}"


class Table:
    """A title, columns and rows of text. Without columns it is a remark."""

    def __init__(self, title, columns):
        self.title, self.columns, self.rows, self.notes = title, columns, [], []

    def add(self, *cells):
        if len(cells) != len(self.columns):
            raise ValueError(f"{self.title}: {cells} do not fit {self.columns}")
        self.rows.append([str(cell) for cell in cells])

    def note(self, text):
        self.notes.append(text)

    def as_text(self):
        lines = [self.title]
        widths = [max(map(len, column)) for column in zip(self.columns, *self.rows)]
        for row in [self.columns, *self.rows] if self.columns else []:
            cells = [cell.rjust(width) if i else cell.ljust(width)
                     for i, (cell, width) in enumerate(zip(row, widths))]
            lines.append("  " + "  ".join(cells))
        return "\n".join(lines + [f"  {note}" for note in self.notes])

    def as_markdown(self):
        lines = [f"**{self.title}**", ""] if self.title else []
        if self.columns:
            rule = ["---"] + ["--:"] * (len(self.columns) - 1)
            lines += ["| " + " | ".join(row) + " |" for row in [self.columns, rule, *self.rows]]
            lines.append("")
        for note in self.notes:
            lines += [note, ""]
        return "\n".join(lines)
