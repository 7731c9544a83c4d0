#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Compares the code's tables with the documents, in both directions:

    base/err.h                     codes and statuses     openapi.yaml, schemas Code and Problem
    server/http/endpoints/
        route_table.c              methods and paths      openapi.yaml, paths; README.md, its endpoints
        emails_query.c             parameters of /emails  openapi.yaml, its query parameters
    server/config/config_table.c   flags and defaults     emailsd --help, docs/configuration.md,
                                                          docs/man/emailsd.conf.5, emailsd.8
    client/emails/options.c        options of emails      emails --help, docs/man/emails.1,
                                                          packaging/emails.bash-completion
    Makefile                       the version            docker/Dockerfile, debian/changelog

It also rejects a member without a value anywhere in openapi.yaml: an unquoted comma in
`{description: a, b}` makes a member `b` of the second half.

`--self-test` writes a small consistent tree, changes one place at a time, and expects every fault
to be found."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import make_configuration
import yaml


def differences(what, code, told, where):
    if not code:
        return [f"no {what} was found in the code: has the table another form now?"]
    return ([f"{what} {x} is in the code and not in {where}" for x in sorted(code - told, key=str)] +
            [f"{what} {x} is in {where} and not in the code" for x in sorted(told - code, key=str)])


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def without_values(node, path=""):
    """Returns the paths of all members below the YAML node that have no value; an explicit null is a value."""
    if isinstance(node, yaml.MappingNode):
        return [found for key, value in node.value
                for found in without_values(value, f"{path}/{key.value}")]
    if isinstance(node, yaml.SequenceNode):
        return [found for number, value in enumerate(node.value)
                for found in without_values(value, f"{path}/{number}")]
    empty = isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null" and not node.value
    return [path] if empty else []


def check_members():
    return [f"openapi.yaml: {path}: has no value; is a comma in a text not quoted?"
            for path in without_values(yaml.compose(read("openapi.yaml")))]


def check_errors(api):
    table = read("base/err.h").split("#define ERR_TABLE(X)")[1].split("ERR_INTERNAL_TABLE")[0]
    rows = re.findall(r'X\([A-Z_]+,\s*"([a-z-]+)",\s*(\d+)', table.replace("\\\n", " "))
    schemas = api["components"]["schemas"]
    return (differences("error", {code for code, _ in rows}, set(schemas["Code"]["enum"]),
                        "openapi.yaml") +
            differences("status", {int(status) for _, status in rows},
                        set(schemas["Problem"]["properties"]["status"]["enum"]), "openapi.yaml"))


def check_routes(api):
    """A path for every method is described once, as POST."""
    table = read("server/http/endpoints/route_table.c").replace("HTTP_ANY_METHOD", "HTTP_POST")
    rows = set(re.findall(r'\{HTTP_([A-Z]+), "([^"]+)"', table))
    methods = {"get", "head", "post", "put", "delete", "options", "patch"}
    told = {(method.upper(), re.sub(r"\{[^}]*\}", "{}", path))
            for path, item in api["paths"].items() for method in item if method in methods}
    return differences("route", rows, told, "openapi.yaml")


# Paths that README.md leaves out: for the upstream, and parts of the web page.
NOT_IN_README = {"/notify/{}", "/ui/{}"}


def check_readme():
    """Compares the paths with the first column of the table of endpoints."""
    rows = set(re.findall(r'\{HTTP_[A-Z_]+, "([^"]+)"', read("server/http/endpoints/route_table.c")))
    table = read("README.md").partition("| endpoint | purpose |")[2].partition("\n\n")[0]
    cells = " ".join(re.findall(r"^\| (.*?) \|", table, re.M))
    shown = {re.sub(r"\{[^}]*\}", "{}", path) for path in re.findall(r"`(?:[A-Z]+ )?(/[^`?]*)", cells)}
    return differences("path", rows - NOT_IN_README, shown, "README.md")


# Which files read the query parameters of which operations.
PARAMETERS = {
    "server/http/endpoints/emails_query.c": [("/emails", "get"), ("/emails", "post")],
    "server/http/endpoints/lookups.c": [("/lookups/{id}", "get")],
    "server/http/endpoints/bulk_query.c": [("/bulks/{id}", "get")],
}


def query_parameters(api, path, method):
    """Returns the names that openapi.yaml has for an operation."""
    item = api["paths"][path]
    told = item.get("parameters", []) + item[method].get("parameters", [])
    told = [api["components"]["parameters"][p["$ref"].split("/")[-1]] if "$ref" in p else p for p in told]
    return {parameter["name"] for parameter in told if parameter["in"] == "query"}


def check_parameters(api):
    faults = []
    for name, operations in PARAMETERS.items():
        rows = set(re.findall(r'\{"([a-z_]+)", QUERY_', read(name)))
        told = set().union(*(query_parameters(api, *operation) for operation in operations))
        faults += differences(f"{name}: parameter", rows, told, "openapi.yaml")
    return faults


def check_options(binary):
    rows = make_configuration.rows_of(read(make_configuration.TABLE))
    text = subprocess.run([binary, "--help"], capture_output=True, text=True, check=True).stdout
    shown = dict(re.findall(r"^  (--[a-z-]+)(.*)", text, re.M))
    faults = differences("option", set(rows), set(shown), "--help")
    for flag, (default, _, _) in rows.items():
        if default and not shown.get(flag, "").endswith(f" [{default.strip('`')}]"):
            faults.append(f"default of {flag}: {default} in the code is not in --help")
    if faults:
        return faults
    if read(make_configuration.PAGE) != make_configuration.fresh_page(binary):
        faults.append(f"{make_configuration.PAGE} differs from the option table; run make docs")
    return faults


def check_pages():
    """Compares the options with the pages: settings are keys of emailsd.conf.5, with their defaults; flags
    of the command line only are in emailsd.8."""
    rows = re.findall(r'\{"--([a-z-]+)",\s*([A-Z]+),\s*FIELD\([a-z_]+\),\s*(NULL|"[^"]*")',
                      read("server/config/config_table.c"))
    once = {flag for flag, kind, _ in rows if kind in ("SWITCH", "ARGUMENT")} | {"config"}
    keys = {(flag, default.strip('"') if default != "NULL" else "")
            for flag, _, default in rows if flag not in once}
    part = read("docs/man/emailsd.conf.5").split(".Sh KEYS")[1].split(".Sh ")[0]
    told = set()
    for item in part.split("\n.It Cm ")[1:]:
        default = re.search(r"^The default is\n\.Ql (\S+) \.$", item, re.M)
        told.add((item.split()[0], default[1] if default else ""))
    flags = set(re.findall(r"^\.It Fl -([a-z-]+)", read("docs/man/emailsd.8"), re.M))
    return (differences("key", keys, told, "emailsd.conf.5") +
            differences("flag", once & {flag for flag, _, _ in rows}, flags, "emailsd.8"))


# Completes a word as bash does, without the package bash-completion.
COMPLETE = """
_init_completion() { cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} cword=$COMP_CWORD; }
_filedir() { COMPREPLY=(FILE); }
complete() { :; }
source packaging/emails.bash-completion
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_emails "$1"
printf '%s\\n' "${COMPREPLY[@]}"
"""


def completed(binary, *words):
    done = subprocess.run(["bash", "-c", COMPLETE, "bash", binary, *words], capture_output=True, text=True, check=False)
    return set(done.stdout.split())


def check_client(binary):
    """An option is its long name, its letter, and the kind of its value."""
    rows = {(f"--{name}", letter.strip("'") if letter != "0" else "", value.strip('"') if value != "NULL" else "")
            for letter, name, value in re.findall(
                r"""\{('.'|0), "([a-z-]+)", [A-Z]+, FIELD\([a-z_]+\), (NULL|"[A-Z]+"),""",
                read("client/emails/options.c"))}
    text = subprocess.run([binary, "--help"], capture_output=True, text=True, check=True).stdout
    shown = {(name, letter.strip("-, "), value.strip())
             for letter, name, value in re.findall(r"^  (-., |    )(--[a-z-]+)( [A-Z]+)?  ", text, re.M)}
    told = {(f"-{name}", letter, value) for name, value, letter in re.findall(
        r"^\.It Fl (-[a-z-]+)(?: Ar ([A-Z]+))?(?: , Fl (\w)(?: Ar [A-Z]+)?)?$", read("docs/man/emails.1"), re.M)}
    faults = differences("option", rows, shown, "emails --help") + differences("option", rows, told, "emails.1")
    faults += differences("option", {name for name, _, _ in rows}, completed(binary, "--"), "the completion")
    for name, letter, value in sorted(rows):
        for word in filter(None, (name, letter and f"-{letter}")):
            offered = completed(binary, word, "")
            if offered != ({"FILE"} if value == "FILE" else set()):
                faults.append(f"completion after {word}: {sorted(offered)}")
    return faults


def check_version():
    rows = set(re.findall(r"^VERSION := (\S+)$", read("Makefile"), re.M))
    labels = set(re.findall(r"^ARG VERSION=(\S+)$", read("docker/Dockerfile"), re.M))
    package = set(re.findall(r"\A\S+ \((\S+)\)", read("debian/changelog")))
    return (differences("version", rows, labels, "docker/Dockerfile") +
            differences("version", rows, package, "debian/changelog"))


def check(binary, client):
    api = yaml.safe_load(read("openapi.yaml"))
    return (check_members() + check_errors(api) + check_routes(api) + check_readme() + check_parameters(api) +
            check_options(binary) + check_pages() + check_client(client) + check_version())


AGREEING = {
    "base/err.h": """#define ERR_TABLE(X) \\
    X(GONE_WRONG, "gone-wrong", 500, true, MAYBE, "Something") \\
    X(NOT_THERE, "not-there", 404, false, NO, \\
      "Nothing")
#define ERR_INTERNAL_TABLE(X) X(SYSTEM, "no")
""",
    "server/http/endpoints/route_table.c": """{HTTP_GET, "/emails", f}, {HTTP_POST, "/emails", f},
{HTTP_GET, "/lookups/{}", f}, {HTTP_GET, "/bulks/{}", f}, {HTTP_GET, "/problems/{}", f},
""",
    "README.md": """| endpoint | purpose |
|---|---|
| `GET /emails?domain=` | look up |
| `POST /emails` | look up `/many` |
| `GET /lookups/{id}`, `/bulks/{id}` | progress |
| `GET /problems/{code}` | meaning |

`/other`
""",
    "server/http/endpoints/emails_query.c": """{"domain", QUERY_TEXT, 0}, {"wait", QUERY_NUMBER, 1},
""",
    "server/http/endpoints/lookups.c": """{"wait", QUERY_NUMBER, 0},
""",
    "server/http/endpoints/bulk_query.c": """{"after", QUERY_NUMBER, 0},
""",
    "server/config/config_table.c": """{"--listen", TEXT, FIELD(listen), "[::1]:80", 0, 0, "ADDR", "where", false},
{"--insecure", FLAG, FIELD(insecure), NULL, 0, 0, NULL, "how", true},
{"--linger", TIME, FIELD(linger), "100ms", 0, 60 * SECOND, "TIME", "how long", true},
{"--help", SWITCH, FIELD(help), NULL, 0, 0, NULL, "this", false},
""",
    "docs/man/emailsd.conf.5": """.Sh KEYS
.It Cm listen No = Ar ADDR
where
The default is
.Ql [::1]:80 .
.It Cm insecure No = 0 | 1
how
.It Cm linger No = Ar TIME
how long
The default is
.Ql 100ms .
.Sh END
""",
    "docs/man/emailsd.8": """.It Fl -help
""",
    "client/emails/options.c": """{'f', "file", TEXT, FIELD(file), "FILE", "what", "Group", 0},
{0, "refresh", SWITCH, FIELD(refresh), NULL, "again", NULL, 0},
""",
    "docs/man/emails.1": """.It Fl -file Ar FILE , Fl f Ar FILE
.It Fl -refresh
""",
    "client_help": """  -f, --file FILE       what
      --refresh         again
""",
    "packaging/emails.bash-completion": read("packaging/emails.bash-completion"),
    "docs/configuration.md": make_configuration.BEGIN + """
### Listening

| option | default | range | SIGHUP | meaning |
|---|---|---|---|---|
| `--listen ADDR` | `[::1]:80` |  |  | where |
| `--insecure` |  |  | yes | how |

### Other

| option | default | range | SIGHUP | meaning |
|---|---|---|---|---|
| `--linger TIME` | `100ms` | 0 to 1min | yes | how long |
| `--help` |  |  |  | this |

""" + make_configuration.END,
    "Makefile": "VERSION := 1.2\n",
    "docker/Dockerfile": "ARG DEBIAN=x\nARG VERSION=1.2\n",
    "debian/changelog": "emailsd (1.2) unstable; urgency=medium\n\n  * Not (1.1).\n",
    "help": """Commands:
  inspect

Listening:
  --listen ADDR  where [[::1]:80]
  --insecure     how

Other:
  --linger TIME  how long [100ms]
  --help         this
""",
    "openapi.yaml": """
paths:
  /emails:
    get:
      parameters:
        - {name: domain, in: query}
        - {$ref: '#/components/parameters/Wait'}
        - {name: Accept, in: header, example: null, description: "one, two"}
    post:
      parameters: [{$ref: '#/components/parameters/Wait'}]
  /lookups/{id}:
    parameters: [{name: id, in: path}]
    get: {parameters: [{$ref: '#/components/parameters/Wait'}]}
  /bulks/{id}: {get: {parameters: [{name: after, in: query}]}}
  /problems/{code}: {get: {}}
components:
  parameters:
    Wait: {name: wait, in: query}
  schemas:
    Code: {enum: [gone-wrong, not-there]}
    Problem: {properties: {status: {enum: [500, 404]}}}
""",
}

SPOILT = [  # file, its text, other text, what must be reported
    ("base/err.h", '"not-there"', '"not-here"', "error not-here is in the code"),
    ("base/err.h", "404", "410", "status 410 is in the code"),
    ("base/err.h", "X(", "Y(", "no error was found"),
    ("openapi.yaml", "not-there]", "not-there, more]", "error more is in openapi.yaml"),
    ("openapi.yaml", "[500, 404]", "[500]", "status 404 is in the code"),
    ("openapi.yaml", '"one, two"', "one, two", "/paths//emails/get/parameters/2/two: has no value"),
    ("openapi.yaml", "{name: domain,", "{name: domain, more: [{two: }],",
     "/paths//emails/get/parameters/0/more/0/two: has no value"),
    ("server/http/endpoints/route_table.c", '"/problems/{}"', '"/problems"', "'/problems') is in the code"),
    ("README.md", "| `GET /problems/{code}` | meaning |\n", "", "path /problems/{} is in the code and not in README.md"),
    ("README.md", "`POST /emails`", "`POST /mails`", "path /mails is in README.md"),
    ("openapi.yaml", "{get: {}}", "{get: {}, put: {}}", "('PUT', '/problems/{}') is in openapi"),
    ("server/http/endpoints/emails_query.c", '"wait"', '"hold"', "parameter hold is in the code"),
    ("openapi.yaml", "name: wait", "name: hold", "parameter hold is in openapi.yaml"),
    ("openapi.yaml", "name: after", "name: before", "parameter before is in openapi.yaml"),
    ("server/config/config_table.c", "[::1]:80", "[::1]:81", "default of --listen: `[::1]:81` in the code is not"),
    ("server/config/config_table.c", "60 * SECOND", "DAY", "docs/configuration.md differs"),
    ("server/config/config_table.c", '"this", false', '"this", true', "docs/configuration.md differs"),
    ("docs/man/emailsd.conf.5", "[::1]:80", "[::1]:81", "key ('listen', '[::1]:80') is in the code"),
    ("docs/man/emailsd.conf.5", "Cm insecure", "Cm secure", "key ('insecure', '') is in the code"),
    ("docs/man/emailsd.8", "-help", "-halp", "flag help is in the code"),
    ("client/emails/options.c", '"refresh"', '"again"', "('--again', '', '') is in the code and not in emails --help"),
    ("client/emails/options.c", '"FILE"', '"NAME"', "('--file', 'f', 'NAME') is in the code and not in emails.1"),
    ("client_help", "-f, ", "-g, ", "('--file', 'f', 'FILE') is in the code and not in emails --help"),
    ("docs/man/emails.1", ", Fl f", ", Fl g", "('--file', 'g', 'FILE') is in emails.1"),
    ("packaging/emails.bash-completion", "_filedir", "true", "completion after --file: []"),
    ("packaging/emails.bash-completion", '-W "', '-W "--more ', "option --more is in the completion"),
    ("docs/configuration.md", "how long", "how short", "docs/configuration.md differs"),
    ("help", "--insecure", "--careless", "option --insecure is in the code and not in --help"),
    ("docker/Dockerfile", "1.2", "1.1", "version 1.2 is in the code and not in docker/Dockerfile"),
    ("debian/changelog", "1.2", "1.3", "version 1.3 is in debian/changelog"),
]


def faults_of(tree):
    """Returns what is reported for a tree given as text; its programs can only print their help."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in tree.items():
            path = pathlib.Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        for name, text in (("emailsd", "help"), ("emails", "client_help")):
            binary = pathlib.Path(folder, name)
            binary.write_text(f"#!/bin/sh\ncat '{folder}/{text}'\n", encoding="utf-8")
            binary.chmod(0o755)
        before = os.getcwd()
        os.chdir(folder)
        try:
            return check(f"{folder}/emailsd", f"{folder}/emails")
        finally:
            os.chdir(before)


def self_test():
    if faults_of(AGREEING):
        sys.exit(f"check_contract: self-test: false alarm: {faults_of(AGREEING)}")
    for name, words, others, fault in SPOILT:
        tree = {**AGREEING, name: AGREEING[name].replace(words, others)}
        if not any(fault in said for said in faults_of(tree)):
            sys.exit(f"check_contract: self-test: not seen: {fault}: {faults_of(tree)}")


if __name__ == "__main__":
    if "--self-test" in sys.argv:
        self_test()
    else:
        found_faults = check(os.environ.get("DAEMON_BIN", "build/release/emailsd"),
                             os.environ.get("EMAILS_BIN", "build/release/emails"))
        print("\n".join(found_faults), end="\n" if found_faults else "")
        sys.exit(1 if found_faults else 0)
