#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Checks what a compiler does not: banned functions, sizes of files and functions, file comments,
tests that wait on time, and modules that hide others. `--self-test` plants violations and wants them
found."""
import re

import lib

# Unbounded writes; no error for invalid numbers; one static buffer for all threads; a shell, or a name that
# another user can take first; predictable numbers; the time of a local zone.
REFUSED_NAMES = """
    gets strcpy strcat stpncpy strncpy strncat sprintf vsprintf wcscpy wcscat getwd alloca
    strdupa strndupa atoi atol atoll atof strtok asctime ctime localtime gmtime inet_ntoa
    gethostbyname gethostbyaddr inet_addr readdir_r system popen vfork mktemp tmpnam tempnam tmpfile
    rand srand random drand48
    localtime_r mktime timelocal tzset""".split()
BANNED = r"\b(" + "|".join(REFUSED_NAMES) + r")\s*\("
WAITS = r"\b(sleep|usleep|nanosleep)\s*\("
FILE_LINES, FUNCTION_LINES = 450, 100
EXCUSE = "Long because"


def may_not_wait(name):
    """A benchmark may wait for time; a test must wait for events."""
    return name.startswith("tests/") and not name.startswith("tests/bench/")


def without_comments_and_strings(text):
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.S)


def functions(code):
    """Yields (line of the opening brace, length) of every block that starts at column 0 with {."""
    start = None
    for number, line in enumerate(code.split("\n"), 1):
        if line.startswith("{"):
            start = number
        elif line.startswith("}") and start:
            yield start, number - start + 1
            start = None


def check_c(name, text):
    faults = []
    code = without_comments_and_strings(text)
    for number, line in enumerate(code.split("\n"), 1):
        banned = re.search(BANNED, line)
        if banned:
            faults.append(f"{name}:{number}: {banned.group(1)}() is banned")
        if "any_certificate" in line and not re.match(r"client/transport\.|server/commands/healthcheck\.", name):
            faults.append(f"{name}:{number}: certificate checks must stay on")
        if may_not_wait(name) and re.search(WAITS, line):
            faults.append(f"{name}:{number}: a test must wait for events, not for time")
    if not text.startswith("/* SPDX-License-Identifier: MIT */\n/* "):
        faults.append(f"{name}:1: must begin with its SPDX line and a file comment")
    if text.count("\n") > FILE_LINES and EXCUSE not in text:
        faults.append(f"{name}: {text.count(chr(10))} lines without a reason")
    for line, length in functions(code):
        if length > FUNCTION_LINES and EXCUSE not in text:
            faults.append(f"{name}:{line}: a function of {length} lines without a reason")
    return faults


def check_py(name, text):
    faults = []
    for number, line in enumerate(text.split("\n"), 1):
        if may_not_wait(name) and re.search(r"\btime\.sleep\s*\(", line) and "polls" not in line:
            faults.append(f"{name}:{number}: a test must wait for events, not for time")
    if text.count("\n") > FILE_LINES and EXCUSE not in text:
        faults.append(f"{name}: {text.count(chr(10))} lines without a reason")
    return faults


def hidden_modules(names):
    """Finds modules with the name of one in tests/system/. Programs import from that folder beside their own, so
    that one of the two hides the other."""
    shared = {name.rsplit("/", 1)[1] for name in names if re.match(r"tests/system/[^/]+\.py$", name)}
    return [f"{name}: tests/system/ has a module of that name" for name in names
            if (match := re.match(r"tests/(?!system/)[^/]+/([^/]+\.py)$", name)) and match[1] in shared]


def check(root):
    faults, seen, modules = [], 0, []
    for folder in ("base", "server", "client", "tests"):
        for path in sorted((root / folder).rglob("*")):
            name = path.relative_to(root).as_posix()
            if path.suffix in (".c", ".h"):
                seen += 1
                faults += check_c(name, path.read_text())
            elif path.suffix == ".py":
                faults += check_py(name, path.read_text())
                modules.append(name)
    faults += hidden_modules(modules)
    if not seen:
        faults.append("no source files found: run from the root of the tree")
    return faults


def self_test():
    head = "/* SPDX-License-Identifier: MIT */\n/* x.c - fine. */\n"
    hidden = dict.fromkeys(["tests/bench/report.py", "tests/odd/report.py", "tests/scripts/report.py"], "")
    planted = {
        "server/fine.c": head + "/* atoi( in a comment */\nint f(void)\n{\n    puts(\"gets(\");\n}\n",
        "server/atoi.c": head + "int f(void)\n{\n    return atoi(s);\n}\n",
        "server/bare.c": "int x;\n",
        "server/long.c": head + "\n" * 460,
        "server/function.c": head + "int f(void)\n{\n" + "    x();\n" * 120 + "}\n",
        "server/excused.c": head + "/* Long because it is a table. */\n" + "\n" * 460,
        "tests/nap.c": head + "int f(void)\n{\n    usleep(5);\n}\n",
        "tests/nap.py": "import time\ntime.sleep(1)\n",
        "tests/bench/nap.c": head + "int f(void)\n{\n    usleep(5);\n}\n",
        "tests/bench/nap.py": "import time\ntime.sleep(1)\n",
        "tests/system/report.py": "",
        **hidden,
    }
    planted["server/trusting.c"] = head + "int any_certificate;\n"
    banned = {f"server/banned_{name}.c": head + f"void f(void)\n{{\n    {name}();\n}}\n"
               for name in REFUSED_NAMES}
    planted.update(banned)
    guilty = {*banned, *hidden, "server/trusting.c", "server/atoi.c", "server/bare.c", "server/long.c",
              "server/function.c", "tests/nap.c", "tests/nap.py"}
    lib.expect(check, planted, guilty)


if __name__ == "__main__":
    lib.main(check, self_test)
