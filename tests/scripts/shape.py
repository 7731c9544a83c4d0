#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Prints the shape of the product's C code in server/, client/ and base/: files and lines of each
folder, lengths of functions, static helpers with one use, exports without a use elsewhere, and cycles
of #include lines between modules. A module is a .c file together with the .h file of its name.

Works by text: a function is what has its braces in column 0, and a use is the name as an identifier,
not as a member. The figures guide a reader; no figure fails. `--self-test` checks them on a small
tree."""
import collections
import pathlib
import re
import sys
import tempfile

import check_style

FOLDERS = ("base", "client", "server")
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)
NAME = re.compile(r"\b(?!__attribute__\b|if\b|for\b|while\b|switch\b)([a-z_]\w*)\s*\(")

Function = collections.namedtuple("Function", "name file is_static body")


class File:
    """One file: its code without comments and string literals, its functions, prototypes and uses."""

    def __init__(self, name, text):
        self.name = name
        self.lines = text.count("\n")
        self.module = name.rsplit(".", 1)[0]
        self.includes = INCLUDE.findall(text)
        code = check_style.without_comments_and_strings(text)
        self.functions = list(functions(name, code))
        found, without = prototypes(code)
        self.prototypes = found if name.endswith(".h") else set()
        words = re.findall(r"(?<![\w.])(?<!->)([a-z_]\w*)(\s*\()?", without)
        self.uses = collections.Counter(word for word, _ in words)
        self.calls = collections.Counter(word for word, call in words if call)
        for function in self.functions:
            self.uses[function.name] -= 1
            self.calls[function.name] -= 1


def prototypes(code):
    """Returns the names that prototypes in column 0 declare, and the code without the prototypes."""
    names, kept, statement = set(), [], None
    for line in code.split("\n"):
        if statement is None and re.match(r"(?!typedef\b|return\b)[a-z_]", line):
            statement = []
        if statement is None:
            kept.append(line)
            continue
        statement.append(line)
        if not re.search(r"[;{}]|^#|^\s*$", line):
            continue
        text = " ".join(statement)
        found = NAME.search(text) if re.fullmatch(r"[^={}]*\);\s*", text) else None
        if found:
            names.add(found[1])
        else:
            kept += statement
        statement = None
    return names, "\n".join(kept + (statement or []))


def functions(name, code):
    lines = code.split("\n")
    for start, length in check_style.functions(code):
        head, number = [], start - 2
        while number >= 0 and lines[number].strip() and not re.search(r"[;}]\s*$|^#", lines[number]):
            head.insert(0, lines[number])
            number -= 1
        found = NAME.search(" ".join(head))
        if found:
            yield Function(found[1], name, bool(re.search(r"\bstatic\b", " ".join(head))), length - 2)


def read(root, folders):
    paths = [path for folder in folders for path in sorted((root / folder).rglob("*.[ch]"))]
    return [File(path.relative_to(root).as_posix(), path.read_text()) for path in paths]


def quantile(values, part):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * part))] if values else 0


def folders_of(files):
    """Yields (folder, its files) for each folder that contains files, then for all."""
    table = collections.defaultdict(list)
    for file in files:
        table[file.name.rsplit("/", 1)[0] + "/"].append(file)
    yield from sorted(table.items())
    yield "all", files


def sizes(files):
    said = ["folder                    files  lines  median | functions  median  p90  p99  longest"]
    for folder, its in folders_of(files):
        bodies = [function.body for file in its for function in file.functions]
        said.append(f"{folder:24} {len(its):6} {sum(file.lines for file in its):6} "
                    f"{quantile([file.lines for file in its], 0.5):7} | {len(bodies):9} {quantile(bodies, 0.5):7} "
                    f"{quantile(bodies, 0.9):4} {quantile(bodies, 0.99):4} {max(bodies, default=0):8}")
    return said


def longest(files, count=5):
    all_functions = [function for file in files for function in file.functions]
    longer = sorted(all_functions, key=lambda function: -function.body)[:count]
    return [f"{function.body:4} lines  {function.name}  {function.file}" for function in longer]


def helpers(files):
    """Prints the static functions of .c files: those with one use, and how many of these are called and
    short."""
    static = [(function, file) for file in files if file.name.endswith(".c")
              for function in file.functions if function.is_static]
    once = [(function, file) for function, file in static if file.uses[function.name] == 1]
    called = [function for function, file in once if file.calls[function.name] == 1]
    return static, once, called


def helpers_of(files):
    static, once, called = helpers(files)
    said = [f"{len(static)} static functions, {len(once)} used once, {len(called)} of them called (the others are "
            "passed as pointers)",
            *(f"{sum(1 for f in called if f.body <= most)} called once have at most {most} lines" for most in (6, 3))]
    by_file = collections.Counter(function.file for function in called)
    return said + ["most called once: " + ", ".join(f"{name} {n}" for name, n in by_file.most_common(8))]


def exports(files, tests):
    """Returns {kind: names with their files} of exports that no other module of the product uses."""
    defined = {function.name: function.file for file in files for function in file.functions
               if not function.is_static or file.name.endswith(".h")}
    for file in files:
        for name in file.prototypes:
            defined.setdefault(name, file.name)
    found = collections.defaultdict(list)
    for name, where in sorted(defined.items()):
        if name == "main":
            continue
        home = where.rsplit(".", 1)[0]

        def used(these):
            return any(file.uses[name] > 0 for file in these
                       if not any(f.name == name and f.is_static for f in file.functions) or file.name == where)
        at_home = used(file for file in files if file.module == home)
        # A macro or an inline function of the same header uses it on behalf of other modules.
        if used(file for file in files if file.module != home or (file.name != where and file.name.endswith(".h"))):
            continue
        kind = ("at home and in tests" if at_home else "only in tests") if used(tests) else \
            "only at home" if at_home else "nowhere"
        found[kind].append(f"{name} ({where})")
    return found


def exports_of(files, tests):
    said = []
    found = exports(files, tests)
    for kind in ("nowhere", "only at home", "only in tests", "at home and in tests"):
        said += [f"used {kind}: {len(found[kind])}", *(f"    {name}" for name in found[kind])]
    return said


def module_graph(files):
    modules = {file.name: file.module for file in files}
    graph = {module: set() for module in modules.values()}
    for file in files:
        own = file.name.rsplit("/", 1)[0]
        for target in file.includes:
            for base in (own + "/", "server/", "", "client/"):
                found = (pathlib.PurePosixPath(base + target)).as_posix()
                if found in modules:
                    if modules[found] != file.module:
                        graph[file.module].add(modules[found])
                    break
    return graph


def reach(graph, start):
    seen, todo = set(), [start]
    while todo:
        for target in graph[todo.pop()] - seen:
            seen.add(target)
            todo.append(target)
    return seen


def cycles(files):
    """Returns the groups of modules that include each other, directly or indirectly, largest first."""
    graph = module_graph(files)
    reached = {module: reach(graph, module) for module in graph}
    groups = {tuple(sorted(other for other in reached[module] if module in reached[other]))
              for module in graph if module in reached[module]}
    return sorted(groups, key=lambda group: (-len(group), group))


def cycles_of(files):
    groups = cycles(files)
    return [f"{len(groups)} cycles"] + [f"{len(group):4}: " + ", ".join(group) for group in groups]


def shape(root):
    files = read(root, FOLDERS)
    if not files:
        sys.exit("shape: no source files found: run from the root of the tree")
    tests = read(root, ("tests",))
    return [*sizes(files), "", "longest functions:", *longest(files), "", *helpers_of(files), "",
            "exported functions that no other module uses:", *exports_of(files, tests), "",
            "include cycles between modules:", *cycles_of(files)]


PLANTED = {
    "base/a.h": "#include \"base/b.h\"\nint a_used(int x,\n           int y);\nint a_home(void);\nint a_test(void);\n"
                "int a_none(void); /* a_none */\nint a_both(void);\nint a_macro(void);\n#define A a_macro()\nstatic inline int a_inline(void)\n{\n    return 1;\n}\n",
    "base/a.c": "#include \"base/a.h\"\nstatic int once(void);\nstatic int two(void)\n{\n    int n;\n\n    n = 1;\n    n++;\n"
                "    return n;\n}\nint a_used(int x,\n           int y)\n{\n    return once() + two() + two() + a_home();\n}\n"
                "int a_home(void)\n{\n    puts(\"a_none()\");\n    return x.a_none + y->a_none;\n}\nint a_test(void)\n{\n"
                "}\nint a_none(void)\n{\n}\nint a_both(void)\n{\n    return a_both;\n}\n"
                "int a_macro(void)\n{\n    return 1;\n}\n"
                "static int once(void)\n{\n    return 1;\n}\nstatic int passed(void)\n{\n}\nint (*p)(void) = passed;\n",
    "base/b.h": "#include \"c.h\"\n",
    "base/c.h": "#include \"a.h\"\n#include \"d.h\"\n",
    "base/d.h": "",
    "client/openmart/x.c": "#include \"y.h\"\nvoid x(void)\n{\n    a_used(1, 2);\n    a_inline();\n}\n",
    "client/openmart/x.h": "void x(void);\n",
    "client/openmart/y.h": "#include \"client/openmart/x.h\"\n",
    "server/http/core/z.c": "#include \"http/core/w.h\"\nstatic int a_none(void)\n{\n    x();\n    return a_none();\n}\n",
    "server/http/core/w.h": "",
    "tests/unit/test_a.c": "int f(void)\n{\n    return a_test() + a_both();\n}\n",
}


def expect(what, found, wanted):
    if found != wanted:
        sys.exit(f"shape: self-test: {what}: {found}, not {wanted}")


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name, text in PLANTED.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        files, tests = read(root, FOLDERS), read(root, ("tests",))
        shape(root)
    expect("exports", dict(exports(files, tests)),
           {"nowhere": ["a_none (base/a.c)"], "only at home": ["a_home (base/a.c)"],
            "only in tests": ["a_test (base/a.c)"], "at home and in tests": ["a_both (base/a.c)"]})
    static, once, called = helpers(files)
    expect("static", sorted(function.name for function, _ in static), ["a_none", "once", "passed", "two"])
    expect("once", sorted(function.name for function, _ in once), ["a_none", "once", "passed"])
    expect("called", sorted(function.name for function in called), ["a_none", "once"])
    expect("cycles", cycles(files), [("base/a", "base/b", "base/c"), ("client/openmart/x", "client/openmart/y")])
    expect("folders", [(folder, len(its)) for folder, its in folders_of(files)],
           [("base/", 5), ("client/openmart/", 3), ("server/http/core/", 2), ("all", 10)])
    expect("longest", longest(files, 1), ["   5 lines  two  base/a.c"])


if __name__ == "__main__":
    if "--self-test" in sys.argv:
        self_test()
    else:
        print("\n".join(shape(pathlib.Path("."))))
