#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Compares the code's tables with what is told about them, in both directions:

    server/base/err.h           codes and statuses    openapi.yaml, schemas Code and Problem
    server/http/route_table.c   methods and paths     openapi.yaml, paths
    server/http/parameters.c    parameters of /emails openapi.yaml, its query parameters
    server/config.c             flags and defaults    README.md's table, emailsd --help

`--self-test` checks the comparison itself on differing sets."""
import os
import re
import subprocess
import sys

import yaml


def differences(what, code, told, where):
    return ([f"{what} {x} is in the code and not in {where}" for x in sorted(code - told, key=str)] +
            [f"{what} {x} is in {where} and not in the code" for x in sorted(told - code, key=str)])


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def check_errors(api):
    table = read("server/base/err.h").split("#define ERR_TABLE(X)")[1].split("ERR_INTERNAL_TABLE")[0]
    rows = re.findall(r'X\([A-Z_]+,\s*"([a-z-]+)",\s*(\d+)', table.replace("\\\n", " "))
    schemas = api["components"]["schemas"]
    return (differences("error", {code for code, _ in rows}, set(schemas["Code"]["enum"]),
                        "openapi.yaml") +
            differences("status", {int(status) for _, status in rows},
                        set(schemas["Problem"]["properties"]["status"]["enum"]), "openapi.yaml"))


def check_routes(api):
    rows = set(re.findall(r'\{HTTP_([A-Z]+), "([^"]+)"', read("server/http/route_table.c")))
    methods = {"get", "head", "post", "put", "delete", "options", "patch"}
    told = {(method.upper(), re.sub(r"\{[^}]*\}", "{}", path))
            for path, item in api["paths"].items() for method in item if method in methods}
    return differences("route", rows, told, "openapi.yaml")


def check_parameters(api):
    rows = set(re.findall(r'\{"([a-z_]+)", take_', read("server/http/parameters.c")))
    told = set()
    for parameter in api["paths"]["/emails"]["get"]["parameters"]:
        if "$ref" in parameter:
            parameter = api["components"]["parameters"][parameter["$ref"].split("/")[-1]]
        if parameter["in"] == "query":
            told.add(parameter["name"])
    return differences("parameter", rows, told, "openapi.yaml")


def check_options(binary):
    rows = re.findall(r'\{"(--[a-z-]+)",\s*[A-Z]+,\s*FIELD\([a-z_]+\),\s*(NULL|"[^"]*")',
                      read("server/config.c"))
    code = {(flag, default.strip('"') if default != "NULL" else "") for flag, default in rows}
    told = set()
    for line in read("README.md").split("\n"):
        row = re.match(r"\| `(--[a-z-]+)[^`]*` \| (?:`([^`]*)`)? *\|", line)
        if row:
            told.add((row.group(1), row.group(2) or ""))
    faults = differences("option", code, told, "README.md")
    text = subprocess.run([binary, "--help"], capture_output=True, text=True, check=True).stdout
    shown = set(re.findall(r"^  (--[a-z-]+)", text, re.M))
    return faults + differences("option", {flag for flag, _ in code}, shown, "--help")


def check():
    api = yaml.safe_load(read("openapi.yaml"))
    binary = os.environ.get("EMAILSD_BIN", "build/release/emailsd")
    return check_errors(api) + check_routes(api) + check_parameters(api) + check_options(binary)


def self_test():
    if differences("x", {1, 2}, {2, 3}, "y") != ["x 1 is in the code and not in y",
                                                 "x 3 is in y and not in the code"]:
        sys.exit("check_contract: self-test: a difference was not seen")


if __name__ == "__main__":
    if "--self-test" in sys.argv:
        self_test()
    else:
        found_faults = check()
        print("\n".join(found_faults), end="\n" if found_faults else "")
        sys.exit(1 if found_faults else 0)
