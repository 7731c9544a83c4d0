#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Checks the reference of the API, server/web/docs.html: it is what make_reference.py writes from openapi.yaml and
base/err.h; its links and ids agree, and lead to what the daemon serves; and openapi.yaml explains each error code, and
names the codes of each status of each operation.

`--self-test` changes a small tree in one place at a time, and expects every fault to be found."""
import html.parser
import re
import sys

import yaml

import lib
import make_reference


HOME = "server/web/index.html"
FILES = "server/http/endpoints/web.c"


class Page(html.parser.HTMLParser):
    """The ids and links of a page, and the elements that are open."""

    EMPTY = {"meta", "link", "br", "wbr", "img", "input"}

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.faults, self.open, self.headings = [], [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        if "id" in values:
            self.ids.append(values["id"])
        self.links += [values[name] for name in ("href", "src") if name in values]
        if tag in ("script", "style") or "style" in values or any(name.startswith("on") for name in values):
            self.faults.append(f"has a <{tag}> that its policy forbids")
        if tag[0] == "h" and tag[1:].isdigit():
            self.headings.append(int(tag[1:]))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> in line {self.getpos()[0]} closes another element")


def check_links(page, paths, home):
    """Compares the links of a page with its ids, the paths that the daemon serves, and the ids of its home page."""
    for link in sorted(set(page.links)):
        path, _, target = link.partition("#")
        if path and (path.startswith("/") or "/" + path.removeprefix("./") not in paths):
            yield f"a link leads to '{path}', which the daemon does not serve"
        elif target and target not in (home.ids if path == "./" else page.ids):
            yield f"a link leads to '{link}', which does not exist"


def check_page(text, paths, home):
    """Returns what is wrong with a page, whatever it was made from."""
    page = Page(text)
    faults = list(page.faults)
    faults += [f"id '{name}' occurs more than once" for name in sorted(set(page.ids)) if page.ids.count(name) > 1]
    faults += check_links(page, paths, home)
    if page.headings.count(1) != 1:
        faults.append("must have one h1")
    faults += [f"h{level} follows h{before}" for before, level in zip(page.headings, page.headings[1:])
               if level > before + 1]
    return [f"{make_reference.PAGE}: {fault}" for fault in faults]


def check_explanations(api, rows):
    about = api["components"]["schemas"]["Code"]["x-codes"]
    faults = [f"{make_reference.API}: x-codes lacks {code}" for code in rows if code not in about]
    faults += [f"{make_reference.API}: x-codes has the unknown code {code}" for code in about if code not in rows]
    for code, what in about.items():
        if not {"cause", "who", "remedy"} <= set(what) or what["who"] not in make_reference.WHO:
            faults.append(f"{make_reference.API}: x-codes/{code} must have cause, who and remedy")
    return faults


def check_codes(api, rows):
    """Compares the codes of each operation with the statuses of its problem documents."""
    faults = []
    for path, item in api["paths"].items():
        for method, operation in item.items():
            if method not in make_reference.METHODS:
                continue
            listed = {str(rows[code][0]) for code in operation.get("x-codes", []) if code in rows}
            documented = {status for status in operation["responses"] if int(status) >= 400}
            where = f"{make_reference.API}: {method.upper()} {path}"
            faults += [f"{where}: {status} is in x-codes or in responses only" for status in sorted(listed ^ documented)]
            faults += [f"{where}: unknown code {code}" for code in operation.get("x-codes", []) if code not in rows]
    return faults


def check(root):
    api_text = (root / make_reference.API).read_text()
    errors = (root / make_reference.ERRORS).read_text()
    api, rows = yaml.load(api_text, yaml.CSafeLoader), make_reference.rows_of(errors)
    faults = check_explanations(api, rows) + check_codes(api, rows)
    if faults:
        return faults
    text = make_reference.make_page(api_text, errors)
    if (root / make_reference.PAGE).read_text() != text:
        faults.append(f"{make_reference.PAGE}: differs from {make_reference.API}; run make docs")
    paths = set(api["paths"]) | set(re.findall(r'^    \{"(/[^"]*)", ', (root / FILES).read_text(), re.M))
    return faults + check_page(text, paths, Page((root / HOME).read_text()))


SMALL_ERRORS = """#define ERR_TABLE(X) \\
    X(NOT_THERE, "not-there", 404, false, NO, "Not there") \\
    X(BUSY, "busy", 503, true, MAYBE, \\
      "Busy <now>")
#define ERR_INTERNAL_TABLE(X)
"""
SMALL_API = """
info: {title: small, summary: A <small> API., version: "1", description: "See `GET /a`.\\n\\n- **one** & `busy`\\n- two"}
servers: [{url: "http://127.0.0.1:80"}]
tags: [{name: all, description: All of it.}]
paths:
  /openapi.yaml: {}
  /a/{id}:
    get:
      operationId: getA
      tags: [all]
      summary: Get it
      parameters:
        - {name: id, in: path, required: true, schema: {type: string}}
        - {$ref: '#/components/parameters/Wait'}
      x-codes: [not-there, busy]
      responses:
        "200":
          description: The `Thing`.
          headers: {Age: {description: Seconds., schema: {type: integer}}}
          content: {application/json: {schema: {$ref: '#/components/schemas/Thing'}, example: {a: [1]}}}
        "404": {$ref: '#/components/responses/Problem'}
        "503": {description: "Too much."}
components:
  parameters: {Wait: {name: wait, in: query, schema: {type: integer, minimum: 0}}}
  responses: {Problem: {description: A problem.}}
  schemas:
    Thing: {type: object, required: [a], properties: {a: {type: array, items: {type: object, properties: {b: {type: string}}}}}}
    Problem: {type: object, properties: {code: {$ref: '#/components/schemas/Code'}}}
    Code:
      type: string
      enum: [not-there, busy]
      x-codes:
        not-there: {cause: It is not there., who: caller, remedy: Look elsewhere.}
        busy: {cause: "`busy` again.", who: wait, remedy: Wait., sent_by: Every path.}
"""
SPOILT = [  # what is changed in openapi.yaml, to what, and the fault that must be found
    ("A <small>", "A <big>", "run make docs"),
    ("x-codes: [not-there, busy]", "x-codes: [not-there]", "503 is in x-codes or in responses only"),
    ("x-codes: [not-there, busy]", "x-codes: [not-there, busy, odd]", "unknown code odd"),
    ('        "404": {$ref', '        "405": {$ref', "405 is in x-codes or in responses only"),
    ("        busy: {cause", "        lazy: {cause", "x-codes lacks busy"),
    ("who: wait", "who: all", "x-codes/busy must have cause, who and remedy"),
    (", remedy: Wait.", "", "x-codes/busy must have cause, who and remedy"),
]
BAD_PAGES = [
    ("<h1>a</h1><script></script>", "policy forbids"),
    ('<h1>a</h1><p style="x">b</p>', "policy forbids"),
    ('<h1 id="a">a</h1><p id="a">b</p>', "more than once"),
    ('<h1>a</h1><a href="#b">b</a>', "'#b', which does not exist"),
    ('<h1>a</h1><a href="./#b">b</a>', "'./#b', which does not exist"),
    ('<h1>a</h1><a href="ui/a.css">b</a>', "'ui/a.css', which the daemon does not serve"),
    ('<h1>a</h1><img src="https://a.example/a.png">', "'https://a.example/a.png', which the daemon does not serve"),
    ('<h1>a</h1><a href="//a.example/docs">b</a>', "'//a.example/docs', which the daemon does not serve"),
    ("<h1>a</h1><h1>b</h1>", "one h1"),
    ("<h1>a</h1><h3>b</h3>", "h3 follows h1"),
    ("<h1>a</h1><ul><li>b</ul></li>", "closes another element"),
]


SMALL_HOME = '<p id="lookup"><p id="many"><p id="server">'
SMALL_FILES = """    {"/", HTML, a, b, true},
    {"/docs", HTML, a, b, true},
    {"/ui/docs.css", CSS, a, b, false},
    {"/ui/icon.svg", SVG, a, b, false},
"""


def self_test():
    page = make_reference.make_page(SMALL_API, SMALL_ERRORS)
    tree = {make_reference.API: SMALL_API, make_reference.ERRORS: SMALL_ERRORS, make_reference.PAGE: page,
            HOME: SMALL_HOME, FILES: SMALL_FILES}
    lib.expect(check, tree, [])
    lib.expect(check, {**tree, HOME: '<p id="lookup"><p id="many">'}, [make_reference.PAGE])
    for part in ("&lt;small&gt;", "Busy &lt;now&gt;", '<a href="#code-busy"><code>busy</code></a>', "a[].<wbr>b",
                 "<li><strong>one</strong> &amp; ", "http://127.0.0.1:80/a/ID"):
        if part not in page:
            sys.exit(f"check_reference: self-test: the page lacks {part}")
    for words, others, fault in SPOILT:
        assert words in SMALL_API, words
        found = lib.faults(check, {**tree, make_reference.API: SMALL_API.replace(words, others)})
        if not any(fault in said for said in found):
            sys.exit(f"check_reference: self-test: not seen: {fault}: {found}")
    for text, fault in BAD_PAGES:
        found = check_page(text, {"/", "/docs"}, Page(SMALL_HOME))
        if not any(fault in said for said in found):
            sys.exit(f"check_reference: self-test: not seen: {fault}: {found}")


if __name__ == "__main__":
    lib.main(check, self_test)
