#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Rejects the words of words.txt in documents, comments and string literals of every file of the tree.

    check_words.py              checks the tree
    check_words.py --count      prints the hits of each folder
    check_words.py --self-test  plants words in each kind of file and expects each to be found"""
import collections
import fnmatch
import io
import pathlib
import re
import subprocess
import sys
import tempfile
import tokenize

import lib

LIST = "tests/scripts/words.txt"
# Input of tests, generated files, texts of law, and the list itself.
SKIPPED = ["tests/fuzz/corpus/*", "*.dict", "*.svg", "*.png", "*/package-lock.json", "LICENSE", "debian/copyright",
           LIST]
IN_NAME = r"(?!\w|/\w|\.(?:[ch]|py|sh|md|html|txt|ya?ml)\b)"  # follows a word that is part of a path
CODE = "\x01"  # stands for each character of code, so that no phrase reaches over it
Word = collections.namedtuple("Word", "pattern better")
Allowed = collections.namedtuple("Allowed", "glob pattern reason")
Hit = collections.namedtuple("Hit", "line found word")


def spaced(pattern):
    return pattern.replace(" ", r"\s+")


def is_pattern(pattern):
    try:
        return "?P<" not in pattern and re.compile(spaced(pattern))
    except re.error:
        return False


def read_list(text):
    """Returns the words, the exceptions, and what is wrong with the lines."""
    words, allowed, faults = [], [], []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        pattern, colon, better = line.partition(":")
        exception = re.fullmatch(r"allow (\S+) (.+)", pattern)
        if not colon or not better.strip() or ":" in better:
            faults.append(f"{LIST}:{number}: must be 'pattern:better words'")
        elif exception:
            allowed.append(Allowed(exception[1], exception[2], better))
        elif is_pattern(pattern):
            words.append(Word(pattern, better))
        else:
            faults.append(f"{LIST}:{number}: invalid pattern '{pattern}'")
    known = {word.pattern for word in words}
    faults += [f"{LIST}: 'allow {item.glob} {item.pattern}' is not the pattern of a line"
               for item in allowed if item.pattern not in known]
    return words, allowed, faults


def blank(text, sign):
    return re.sub(r"[^\n]", sign, text)


def literal(text):
    """A string literal or a comment without quotes, leaders and escapes; as long as before."""
    text = re.sub(r"\\[\\ntr0\"']", "  ", text)
    return re.sub(r'^[ \t]*(\*|//|#+)|/\*+|\*+/|["\']', lambda m: " " * len(m[0]), text, flags=re.M)


def prose_of_c(text):
    parts = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|'
                       r'^[ \t]*#[ \t]*include[^\n]*|[^"\'/#\n]+|.', re.S | re.M)

    def keep(match):
        part = match[0]
        if part.startswith(("/*", "//", '"')):
            return literal(part)
        return re.sub(r"\S", CODE, part)
    return parts.sub(keep, text)


def prose_of_py(text):
    lines = [re.sub(r"\S", CODE, re.sub(r"\\$", " ", line)) for line in text.splitlines(keepends=True)]
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        kind = tokenize.tok_name[token.type]
        if kind not in ("COMMENT", "STRING", "FSTRING_START", "FSTRING_MIDDLE", "FSTRING_END"):
            continue
        said = token.string if kind not in ("FSTRING_START", "FSTRING_END") else blank(token.string, " ")
        head = re.match(r"[a-zA-Z]*", said)[0] if kind == "STRING" else ""
        if "f" in head.lower():
            said = re.sub(r"\{[^{}\n]*\}", lambda m: blank(m[0], CODE), said)
        said = blank(head, " ") + said[len(head):]
        for number, part in enumerate(literal(said).split("\n"), token.start[0] - 1):
            begin = token.start[1] if number == token.start[0] - 1 else 0
            lines[number] = lines[number][:begin] + part + lines[number][begin + len(part):]
    return "".join(lines)


def prose_of_text(text):
    return re.sub(r"^[ \t]*(#+|\.\\\")|[\"']?[ \t]*\\$", lambda m: " " * len(m[0]), text, flags=re.M)


def prose(name, text):
    """The text with all that is not written for readers blanked; every line keeps its number."""
    if name.endswith((".c", ".h")):
        return prose_of_c(text)
    if name.endswith(".py"):
        return prose_of_py(text)
    return prose_of_text(text)


def pattern_of(words):
    parts = (f"(?P<w{number}>{spaced(word.pattern)})" for number, word in enumerate(words))
    return re.compile(r"(?=[a-z])(?<![\w/])(?<!\w-)(?:" + "|".join(parts) + ")" + IN_NAME, re.I)


def hits(name, text, words, pattern):
    return [Hit(found.string.count("\n", 0, found.start()) + 1, " ".join(found[0].split()),
                words[int(found.lastgroup[1:])])
            for found in pattern.finditer(prose(name, text))]


def files_of(root):
    """The tracked and the new files; all files where there is no repository."""
    listed = subprocess.run(["git", "-C", str(root), "ls-files", "-co", "--exclude-standard"],
                            capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        names = listed.stdout.splitlines()
    else:
        names = [path.relative_to(root).as_posix() for path in root.rglob("*")]
        names = [name for name in names if not re.match(r"(build|\.git)/|(.*/)?(__pycache__|\.pytest_cache)/", name)]
    return sorted(name for name in set(names) if (root / name).is_file()
                  and not any(fnmatch.fnmatch(name, glob) for glob in SKIPPED))


def scan(root):
    """Returns {file: its hits} without what is allowed, and what is wrong with the list."""
    words, allowed, faults = read_list((root / LIST).read_text())
    pattern, used, found = pattern_of(words), set(), {}
    names = files_of(root)
    for name in names:
        kept = []
        for hit in hits(name, (root / name).read_text(errors="replace"), words, pattern):
            excuse = next((item for item in allowed if item.pattern == hit.word.pattern
                           and fnmatch.fnmatch(name, item.glob)), None)
            if excuse:
                used.add(excuse)
            else:
                kept.append(hit)
        if kept:
            found[name] = kept
    faults += [f"{LIST}: 'allow {item.glob} {item.pattern}' is not needed" for item in allowed
               if item not in used]
    if not names:
        faults.append("no files found: run from the root of the tree")
    return found, faults


def check(root):
    """Returns what is wrong with the tree and with the list."""
    found, faults = scan(root)
    return faults + [f"{name}:{hit.line}: '{hit.found}': write {hit.word.better}"
                     for name, its_hits in sorted(found.items()) for hit in its_hits]


def count(root):
    """Hits and files by top folder, and below it by the folders of server/ and tests/."""
    found, _ = scan(root)
    table = collections.defaultdict(lambda: [0, 0])
    for name, its_hits in found.items():
        parts = name.split("/")
        places = [parts[0] + "/" if len(parts) > 1 else "(root)"]
        if parts[0] in ("server", "tests") and len(parts) > 2:
            places.append(f"{parts[0]}/{parts[1]}/")
        for place in [*places, "~ all"]:
            table[place][0] += len(its_hits)
            table[place][1] += 1
    print(" hits  files")
    for place, (n_hits, n_files) in sorted(table.items()):
        print(f"{n_hits:5}  {n_files:5}  {'  ' if place.count('/') > 1 else ''}{place.lstrip('~ ')}")


SELF_LIST = """# The words of this test.
zig:x
zag zog:y
allow docs/quote.md zig:it quotes
"""
PLANTED = {  # file: its text, and the lines with hits
    "a.c": ('/* A zig here. */\nint zig; /* zag\n * zog */\nputs("a \\nzig");\n#include "zig"\n', [1, 2, 4]),
    "b.c": ('puts("zag "\n     "zog");\n/* zag */ int x; /* zog */\n// Zig.\nchar c = \'"\'; int zig;\n', [1, 4]),
    "c.h": ("/* zig.c, base/zig, zig/a, zig_new, a-zig, zigs are names. */\n", []),
    "d.py": ('"""Zig.\n\nZag\nzog."""\nzig = 1  # zig\nx = f"{zig} zag " \\\n    "zog"\n', [1, 3, 5, 6]),
    "e.sh": ('#!/bin/sh\n# a zag\n# zog\necho "zig"\n', [2, 4]),
    "f.yaml": ("description: |\n  zag\n  zog\nother: Zig.\n", [2, 4]),
    "g.md": ("The zag\nzog, `zig`.\n", [1, 2]),
    "h.8": (".Sh ZIG\nThe zag\nzog.\n", [1, 2]),
    "docs/quote.md": ("zig\n", []),
}


def self_test():
    words, _, _ = read_list(SELF_LIST)
    for name, (text, lines) in PLANTED.items():
        seen = [hit.line for hit in hits(name, text, words, pattern_of(words))]
        if seen != (lines or ([1] if name.startswith("docs/") else [])):
            sys.exit(f"check_words: self-test: {name}: hits in lines {seen}, not {lines}")
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name, text in {LIST: SELF_LIST, **{name: text for name, (text, _) in PLANTED.items()}}.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        guilty = {name for name, (_, lines) in PLANTED.items() if lines}
        if {fault.split(":")[0] for fault in check(root)} != guilty:
            sys.exit(f"check_words: self-test: a file without its fault: {check(root)}")
        (root / "new.md").write_text("zig\n")
        (root / "docs/quote.md").write_text("fine\n")
        with (root / LIST).open("a") as file:
            file.write("no colon\n(:x\n")
        for fault in ("new.md:1: 'zig': write x", "is not needed", ":5: must be", ":6: invalid pattern"):
            if not any(fault in said for said in check(root)):
                sys.exit(f"check_words: self-test: not seen: {fault}: {check(root)}")


def main():
    if "--count" in sys.argv:
        count(pathlib.Path("."))
    else:
        lib.main(check, self_test)


if __name__ == "__main__":
    main()
