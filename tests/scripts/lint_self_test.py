#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs lint.sh on two small trees: a correct one, and one with a fault for each tool.

Every tool has to pass the first and to name its fault in the second. Otherwise a tool that is called with
wrong arguments would look like one that finds no fault."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

SCRIPT = pathlib.Path(__file__).with_name("lint.sh").resolve()
HEAD = "/* SPDX-License-Identifier: MIT */\n/* x.c - a file. */\n"
FLAGS = "-std=c11 -D_GNU_SOURCE"
WARNINGS = os.environ.get("WARNINGS_FOR_LINT", "-Wall -Wvla -Werror")  # the Makefile's own

WELL = {
    "server/fine.c": HEAD + "int fine(void);\n\nint fine(void)\n{\n    return 0;\n}\n",
    "tests/scripts/fine.sh": "#!/bin/sh\necho fine\n",
    ".ci/run": "#!/bin/sh\necho fine\n",
    "tests/fine.c": HEAD + "int well(void);\n\nint well(void)\n{\n    return 0;\n}\n",
    "tests/fine.py": "import sys\n\nprint(sys.path)\n",
    "openapi.yaml": """\
openapi: 3.1.0
info:
  title: fine
  version: "1"
  description: An API.
  contact: {name: someone, email: someone@fine.invalid}
  license: {name: MIT, identifier: MIT}
servers: [{url: "http://127.0.0.1"}]
security: [{}]
tags: [{name: all, description: All of it.}]
paths:
  /fine:
    get:
      operationId: fine
      summary: Fine
      tags: [all]
      responses:
        "200": {description: Fine.}
        "400": {description: Not fine.}
""",
    "Makefile": "all:\n\tfor c in server/*.c; do $(CC) -c -o /dev/null $$c || exit 1; done\n",
}

# An operation without a tag, for Spectral, and without a 4xx response, for Redocly.
POOR_OPENAPI = WELL["openapi.yaml"].replace("      tags: [all]\n", "").replace('"400"', '"500"')

# Tool: the file with its fault, and words that appear in the finding of this tool only.
FAULTS = {
    "clang-format": ("server/layout.c", "int  layout(void);\n", "layout.c:3:"),
    "clang-tidy": ("server/tidy.c",
                   "#include <string.h>\n\nint tidy(const char *s);\n\n"
                   "int tidy(const char *s)\n{\n    return strcmp(s, \"x\") == -1;\n}\n",
                   "bugprone-suspicious-string-compare"),
    "clang-tidy-tests": ("tests/unit/tidy.c",
                         "#include <stdlib.h>\n\nint tidy(void);\n\n"
                         "int tidy(void)\n{\n    int n;\n\n    return n;\n}\n",
                         "clang-analyzer-core.uninitialized.UndefReturn"),
    "cppcheck": ("server/check.c",
                 "int check(void);\n\nint check(void)\n{\n    int a[2] = {0};\n\n"
                 "    return a[2];\n}\n", "check.c:9:"),
    "gcc-fanalyzer": ("server/twice.c",
                      "#include <stdlib.h>\n\nvoid twice(void *p);\n\n"
                      "void twice(void *p)\n{\n    free(p);\n    free(p);\n}\n",
                      "-Werror=analyzer-double-free"),
    "clang": ("server/narrow.c",
              "int narrow(int n);\n\nint narrow(int n)\n{\n    int a[n];\n\n    a[0] = n;\n    return a[0];\n}\n",
              "-Wvla"),
    "clang-analyzer": ("server/after.c",
                       "#include <stdlib.h>\n\nint after(int *p);\n\n"
                       "int after(int *p)\n{\n    free(p);\n    return *p;\n}\n",
                       "[unix.Malloc]"),
    "scan-build": ("server/zero.c",
                   "int zero(int n);\n\nint zero(int n)\n{\n    return n == 0 ? 1 / n : 0;\n}\n",
                   "[core.DivideZero]"),
    "banned-functions": ("server/banned.c",
                          "#include <string.h>\n\nvoid banned(char *to, const char *from);\n\n"
                          "void banned(char *to, const char *from)\n{\n"
                          "    strcpy(to, from);\n}\n", "strcpy() is banned"),
    "shellcheck": ("tests/scripts/bad.sh", "#!/bin/sh\necho $1\n", "SC2086"),
    "spectral": ("openapi.yaml", POOR_OPENAPI, "operation-tags"),
    "redocly": ("openapi.yaml", POOR_OPENAPI, "operation-4xx-response"),
    "mandoc": ("docs/man/bad.8", ".Dd November 23, 2026\n.Dt BAD 8\n.Os\n.Sh NAME\n.Nm bad\n.Nd a page\n.Bl\n", "mandoc:"),
    "pyflakes": ("tests/bad.py", "import os\n", "'os' imported but unused"),
}

NPM_TOOLS = {"spectral", "redocly"}
NPM_TOOLS_INSTALLED = (SCRIPT.parents[1] / "npm/node_modules/.bin/spectral").exists()


def lint(tree, files):
    """Returns what lint.sh prints about the tree: {tool: (passed?, its output)}."""
    for name, text in files.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for name in (".clang-format", ".clang-tidy"):
        shutil.copy(SCRIPT.parents[2] / name, tree)
    subprocess.run(["git", "init", "-q", str(tree)], check=True)
    # A git hook, or a make that runs this script, would point git and make elsewhere.
    env = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "MAKE"))}
    said = subprocess.run([SCRIPT], cwd=tree, env={**env, "CFLAGS_FOR_LINT": FLAGS, "WARNINGS_FOR_LINT": WARNINGS},
                          capture_output=True, text=True, check=False)
    found, words = {}, ""
    for line in said.stdout.splitlines(keepends=True):
        end = re.fullmatch(r"(ok  |FAIL) (\S+)\n", line)
        if end:
            found[end[2]] = (end[1] != "FAIL", words)
        words = "" if end else words + line
    any_failed = not all(passed for passed, _ in found.values())
    assert (said.returncode != 0) == any_failed, said
    return found


def main():
    faults = []
    with tempfile.TemporaryDirectory() as folder:
        well = lint(pathlib.Path(folder) / "well", WELL)
        bad = lint(pathlib.Path(folder) / "bad",
                   {**WELL, **{name: (HEAD if name.endswith(".c") else "") + text
                               for name, text, _ in FAULTS.values()}})
    tools = set(FAULTS) if NPM_TOOLS_INSTALLED else set(FAULTS) - NPM_TOOLS
    if set(well) != tools:
        faults.append(f"tools without a planted fault, or the reverse: {set(well) ^ tools}")
    for tool in sorted(tools):
        name, _, words = FAULTS[tool]
        passed, said = well.get(tool, (False, "it did not run"))
        if not passed:
            faults.append(f"{tool} reports a fault in the correct tree: {said}")
        passed, said = bad.get(tool, (True, ""))
        if passed or words not in said:
            faults.append(f"{tool} does not find {words} in {name}: {said}")
    print("\n".join(faults) if faults else "ok   every tool finds its planted fault")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
