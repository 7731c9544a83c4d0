#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes server/web/docs.html, the reference of the API that the daemon serves at /docs.

    openapi.yaml   everything but the rest
    base/err.h     status, title, price of each error code, and whether a retry can help

`make docs` runs this script, and check_reference.py fails if the page differs from its output. The page is
plain HTML without a script or a style of its own, because its Content-Security-Policy allows neither."""
import html
import json
import re
import shlex

import yaml

PAGE = "server/web/docs.html"
API = "openapi.yaml"
ERRORS = "base/err.h"
METHODS = ("get", "head", "post", "put", "delete")

# The second half of the description of who can act on an error.
WHO = {
    "caller": "The caller, by another request.",
    "operator": "The operator of the server.",
    "both": "The caller, by another request, or the operator of the server.",
    "wait": "No action is needed: it passes. Repeat the request.",
}
CHARGED = {"NO": "no credits spent", "YES": "credits spent", "MAYBE": "credits may have been spent"}


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def rows_of(table):
    """Returns {code: (status, whether a retry can help, what was spent, title)} of the table in base/err.h."""
    part = table.split("#define ERR_TABLE(X)")[1].split("#define ERR_INTERNAL_TABLE")[0].replace("\\\n", " ")
    return {code: (int(status), retry == "true", CHARGED[charged], title) for code, status, retry, charged, title in
            re.findall(r'X\(\w+,\s*"([a-z-]+)",\s*(\d+),\s*(true|false),\s*(\w+),\s*"([^"]*)"\)', part)}


def anchor(kind, name):
    return f"{kind}-{name}"


class Writer:
    """The page as text. All that enters it is escaped here: `text` and `prose` are the only ways in."""

    def __init__(self, api, errors):
        self.api = api
        self.rows = rows_of(errors)
        self.server = api["servers"][0]["url"]
        self.operations = [(path, method, operation) for path, item in api["paths"].items()
                           for method, operation in item.items() if method in METHODS]
        self.targets = self.find_targets()
        self.out = []

    # ---- text ----

    def find_targets(self):
        """Returns the anchors of what code spans in descriptions name: error codes, operations, schemas."""
        targets = {code: anchor("code", code) for code in self.rows}
        targets.update({name: anchor("schema", name) for name in self.api["components"]["schemas"]})
        targets.update({f"{method.upper()} {path}": anchor("op", operation["operationId"])
                        for path, method, operation in self.operations})
        return targets

    def code(self, words, here=""):
        target = self.targets.get(words)
        span = f"<code>{html.escape(words)}</code>"
        return f'<a href="#{target}">{span}</a>' if target and target != here else span

    def inline(self, text, here=""):
        """Returns one paragraph of Markdown as HTML: code spans and bold words."""
        parts = re.split(r"`([^`]+)`", " ".join(text.split()))
        for number, part in enumerate(parts):
            if number % 2:
                parts[number] = self.code(part, here)
            else:
                parts[number] = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", html.escape(part, quote=False))
        return "".join(parts)

    def blocks(self, text, here=""):
        """Returns Markdown as HTML: paragraphs and lists."""
        out = []
        for block in filter(None, re.split(r"\n\s*\n", text.strip())):
            if block.startswith("- "):
                items = "".join(f"<li>{self.inline(item, here)}</li>" for item in re.split(r"(?:^|\n)- ", block)[1:])
                out.append(f"<ul>{items}</ul>")
            else:
                out.append(f"<p>{self.inline(block, here)}</p>")
        return "\n".join(out)

    def add(self, *lines):
        self.out.extend(lines)

    # ---- parts that repeat ----

    def heading(self, level, target, content):
        """`content` is HTML. The heading is a link to itself, so that its address can be copied."""
        self.add(f'<h{level} id="{target}"><a href="#{target}">{content}</a></h{level}>')

    def table(self, label, heads, rows):
        """`rows` are lists of HTML; the first cell of each is its head. Wide tables scroll in their box."""
        self.add(f'<div class="scroll" tabindex="0" role="group" aria-label="{html.escape(label)}">', "<table>",
                 "<thead><tr>" + "".join(f'<th scope="col">{head}</th>' for head in heads) + "</tr></thead>",
                 "<tbody>")
        for first, *others in rows:
            self.add(f'<tr><th scope="row">{first}</th>' + "".join(f"<td>{cell}</td>" for cell in others) + "</tr>")
        self.add("</tbody>", "</table>", "</div>")

    @staticmethod
    def listing(label, text):
        """Returns a block of code; one that is too wide scrolls."""
        return (f'<pre tabindex="0" role="group" aria-label="{html.escape(label)}"><code>'
                f"{html.escape(text.rstrip(), quote=False)}</code></pre>")

    # ---- schemas ----

    def resolve(self, node):
        """Returns what a local reference points to; any other node as it is."""
        if "$ref" not in node:
            return node
        found = self.api
        for step in node["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        return found

    def type_of(self, schema):
        """Returns the type of a value as HTML."""
        if "$ref" in schema:
            return self.code(schema["$ref"].split("/")[-1])
        if "oneOf" in schema:
            return " or ".join(self.type_of(one) for one in schema["oneOf"])
        if schema.get("type") == "array":
            return f"array of {self.type_of(schema['items'])}"
        names = schema.get("type", "any")
        words = [" or ".join(names) if isinstance(names, list) else names]
        words += [schema["format"]] if "format" in schema else []
        words += [f"at least {schema['minimum']}"] if "minimum" in schema else []
        words += [f"at most {schema['maxLength']} characters"] if "maxLength" in schema else []
        return html.escape(", ".join(words))

    def row(self, name, facts, meaning, schema):
        """Returns the row of a parameter or a member: its name and facts, its meaning and values."""
        facts = ", ".join(filter(None, [*facts, self.type_of(schema)]))
        values = schema.get("enum", [])
        if values:
            meaning += f"<p>One of {', '.join(self.code(str(value)) for value in values)}.</p>"
        shown = re.sub(r"([._])", r"\1<wbr>", html.escape(name))
        return [f"<code>{shown}</code> <small>{facts}</small>", meaning]

    def members(self, schema, prefix=""):
        """Yields the rows of a table of members; those of nested objects follow their object."""
        for name, value in schema.get("properties", {}).items():
            path = prefix + name
            required = "required" if name in schema.get("required", []) else ""
            yield self.row(path, [required], self.blocks(value.get("description", "")), value)
            inner = value.get("items", value)
            if "$ref" not in inner:
                yield from self.members(inner, path + ("[]." if "items" in value else "."))

    def schema(self, name, schema):
        target = anchor("schema", name)
        self.add('<section class="part">')
        self.heading(3, target, f"<code>{html.escape(name)}</code>")
        if "description" in schema:
            self.add(self.blocks(schema["description"], target))
        if "enum" in schema:
            self.add(f"<p>One of the {len(schema['enum'])} <a href=\"#errors\">error codes</a>.</p>")
        else:
            self.table(f"Members of {name}", ["member", "meaning"], list(self.members(schema)))
        self.add("</section>")

    # ---- operations ----

    def parameters_of(self, path, operation):
        listed = self.api["paths"][path].get("parameters", []) + operation.get("parameters", [])
        return [self.resolve(parameter) for parameter in listed]

    def example_of(self, parameter):
        """Returns the value that a command uses for a required parameter."""
        if "examples" in parameter:
            return next(iter(parameter["examples"].values()))["value"]
        values = self.resolve(parameter["schema"]).get("enum")
        return str(parameter.get("example", values[0] if values else parameter["name"].upper()))

    def words_of_body(self, content):
        """Returns the words of a curl command that send a body: a file of lines, if it may be one, or the example."""
        if "text/plain" in content:
            return ["-N", "--data-binary", "@domains.txt", "-H", "'Content-Type: text/plain'"]
        kind, one = next(iter(content.items()))
        return ["-H", f"'Content-Type: {kind}'", "-d", shlex.quote(json.dumps(one["example"]))]

    def command(self, path, method, operation):
        """Returns the curl command of an operation."""
        query = []
        for parameter in self.parameters_of(path, operation):
            if parameter["in"] == "path":
                path = path.replace("{%s}" % parameter["name"], self.example_of(parameter))
            elif parameter["in"] == "query" and parameter.get("required"):
                query.append(f"{parameter['name']}={self.example_of(parameter)}")
        words = {"get": ["curl"], "head": ["curl", "--head"]}.get(method, ["curl", "-X", method.upper()])
        body = operation.get("requestBody")
        if body and body["required"]:
            words = ["curl", *self.words_of_body(body["content"])]
        url = self.server + path + ("?" + "&".join(query) if query else "")
        return " ".join([*words, f"'{url}'" if query else url])

    def parameter_table(self, path, operation, label):
        parameters = self.parameters_of(path, operation)
        if not parameters:
            return
        self.add("<h4>Parameters</h4>")
        self.table(f"Parameters of {label}", ["name", "meaning"], [
            self.row(one["name"], [one["in"], "required" if one.get("required") else ""],
                     self.blocks(one.get("description", "")), one["schema"]) for one in parameters])

    def content(self, content, label):
        """The media types of a body, with their examples."""
        rows = []
        for name, one in content.items():
            cell = self.blocks(one["schema"].get("description", "")) or self.type_of(one["schema"])
            if "example" in one:
                cell += self.listing(f"Example of {label} as {name}", self.text_of(one["example"]))
            rows.append([f"<code>{html.escape(name)}</code>", cell])
        self.table(f"Formats of {label}", ["media type", "content"], rows)

    @staticmethod
    def text_of(example):
        return example if isinstance(example, str) else json.dumps(example, indent=2, ensure_ascii=False)

    def response(self, status, response, label):
        self.add(f'<h4><span class="status">{status}</span> '
                 f"{html.escape(self.reason(status))}</h4>", self.blocks(response["description"]))
        headers = {name: self.resolve(header) for name, header in response.get("headers", {}).items()}
        if headers:
            self.table(f"Headers of {status} of {label}", ["header", "meaning"], [
                [f"<code>{html.escape(name)}</code>", self.header_cell(header)] for name, header in headers.items()])
        if "content" in response:
            self.content(response["content"], f"{status} of {label}")

    def header_cell(self, header):
        example = header.get("example")
        cell = self.blocks(header["description"]) if "description" in header else ""
        return cell + (f"<p>Example: <code>{html.escape(str(example))}</code></p>" if example else "")

    @staticmethod
    def reason(status):
        return {"200": "OK", "202": "Accepted", "204": "No content", "304": "Not modified"}.get(status, "")

    def problem_table(self, operation, label):
        """The error codes of an operation, and what its description of a status adds."""
        codes = operation.get("x-codes", [])
        rows = []
        for status, response in operation["responses"].items():
            if int(status) < 400:
                continue
            its_codes = [code for code in codes if self.rows[code][0] == int(status)]
            own = "" if "$ref" in response else self.blocks(response["description"])
            links = ", ".join(self.code(code) for code in its_codes)
            rows.append([f'<span class="status">{status}</span>', f"<p>{links}</p>{own}" if links else own])
        if rows:
            self.add("<h4>Errors</h4>")
            self.table(f"Errors of {label}", ["status", "codes"], rows)

    def operation(self, path, method, operation):
        label = f"{method.upper()} {path}"
        self.add('<section class="part">')
        self.heading(3, anchor("op", operation["operationId"]),
                     f'<span class="method">{method.upper()}</span> <code>{html.escape(path)}</code>')
        self.add(f'<p class="summary">{self.inline(operation["summary"])}</p>')
        self.add(self.listing(f"Command for {label}", self.command(path, method, operation)))
        if "description" in operation:
            self.add(self.blocks(operation["description"]))
        self.parameter_table(path, operation, label)
        if "requestBody" in operation:
            self.add("<h4>Request body</h4>", self.blocks(operation["requestBody"]["description"]))
            self.content(operation["requestBody"]["content"], f"the body of {label}")
        for status, response in operation["responses"].items():
            if int(status) < 400:
                self.response(status, self.resolve(response), label)
        self.problem_table(operation, label)
        self.add("</section>")

    # ---- errors ----

    def error(self, code, about):
        status, retry, charged, title = self.rows[code]
        target = anchor("code", code)
        users = [self.code(f"{method.upper()} {path}") for path, method, operation in self.operations
                 if code in operation.get("x-codes", [])]
        sent_by = html.escape(about.get("sent_by", "")) or ", ".join(users)
        self.add('<section class="part error">')
        self.heading(3, target, f"<code>{code}</code>")
        self.add(f'<p class="summary"><span class="status">{status}</span> {html.escape(title)} · '
                 f'{"a retry can help" if retry else "the same request fails again"} · {charged}</p>', "<dl>")
        for term, meaning in (("Cause", self.blocks(about["cause"], target)),
                              ("Who can act", f"<p>{WHO[about['who']]}</p>"),
                              ("What to do", self.blocks(about["remedy"], target)),
                              ("Sent by", f"<p>{sent_by}</p>")):
            self.add(f"<dt>{term}</dt><dd>{meaning}</dd>")
        self.add("</dl>", "</section>")

    # ---- the page ----

    def contents(self, tags):
        self.add('<nav class="contents" aria-label="Contents">', "<ul>", '<li><a href="#overview">Overview</a></li>',
                 '<li><a href="#authentication">Authentication</a></li>')
        for tag in tags:
            self.add(f'<li><a href="#{anchor("tag", tag["name"])}">{tag["name"].capitalize()}</a>', "<ul>")
            for path, method, operation in self.operations:
                if tag["name"] in operation["tags"]:
                    self.add(f'<li><a href="#{anchor("op", operation["operationId"])}">'
                             f'<span class="method">{method.upper()}</span> {html.escape(path)}</a></li>')
            self.add("</ul></li>")
        for target, title, kind, names in (("errors", "Error codes", "code", self.rows),
                                           ("schemas", "Schemas", "schema", self.api["components"]["schemas"])):
            links = "".join(f'<li><a href="#{anchor(kind, name)}">{name}</a></li>' for name in names)
            self.add(f'<li><a href="#{target}">{title}</a><details><summary>All {title.lower()}</summary>'
                     f"<ul>{links}</ul></details></li>")
        self.add("</ul>", "</nav>")

    def overview(self):
        info = self.api["info"]
        self.heading(2, "overview", "Overview")
        path, method, lookup = self.operations[0]
        self.add(self.listing("Command for a lookup", "$ " + self.command(path, method, lookup)))
        for body in lookup["responses"]["200"].get("content", {}).values():
            if "example" in body:
                self.add(self.listing("Response to it", self.text_of(body["example"])))
        self.add(self.blocks(info["description"]))
        self.heading(2, "authentication", "Authentication")
        self.add("<p>A server with client keys requires exactly one of them, in one of these headers. "
                 f"Without a valid key, the response is 401 {self.code('unauthorized')}.</p>")
        self.add(self.listing("Commands with a key", f"curl -H 'Authorization: Bearer KEY' {self.server}/usage\n"
                                                     f"curl -H 'X-API-Key: KEY' {self.server}/usage"))

    def errors(self):
        self.heading(2, "errors", "Error codes")
        self.add(f"<p>An error is a problem document (RFC 9457, {self.code('Problem')}). Its <code>code</code> is "
                 "stable; <code>type</code> links to a short page about it. <code>retryable</code> says whether the "
                 "same request may succeed later, and <code>charged</code> whether it has spent credits.</p>")
        statuses = sorted({row[0] for row in self.rows.values()})
        self.table("Error codes by status", ["status", "codes"], [
            [f'<span class="status">{status}</span>',
             ", ".join(self.code(code) for code, row in self.rows.items() if row[0] == status)]
            for status in statuses])
        about = self.api["components"]["schemas"]["Code"]["x-codes"]
        for code in sorted(self.rows, key=lambda code: self.rows[code][0]):
            self.error(code, about[code])

    def page(self):
        info, tags = self.api["info"], self.api["tags"]
        self.add(HEAD.format(title=html.escape(info["title"])))
        self.contents(tags)
        self.add('<main id="main">', "<h1>API reference</h1>",
                 f'<p class="lead">{self.inline(info["summary"])} Version {html.escape(info["version"])}.</p>')
        self.overview()
        for tag in tags:
            self.heading(2, anchor("tag", tag["name"]), tag["name"].capitalize())
            self.add(self.blocks(tag["description"]))
            for operation in self.operations:
                if tag["name"] in operation[2]["tags"]:
                    self.operation(*operation)
        self.errors()
        self.heading(2, "schemas", "Schemas")
        for name, schema in self.api["components"]["schemas"].items():
            self.schema(name, schema)
        self.add("</main>", "</div>", TAIL)
        return "\n".join(filter(None, self.out)) + "\n"


HEAD = """<!doctype html>
<!-- Written by tests/scripts/make_reference.py from openapi.yaml and base/err.h; run `make docs`. -->
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} API reference</title>
<meta name="description" content="Paths, parameters, responses and error codes of {title}.">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="ui/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="ui/docs.css">
</head>
<body>
<a class="skip" href="#main">Skip to the reference</a>
<header class="top">
<a class="brand" href="./"><img src="ui/icon.svg" alt="" width="28" height="28"> {title}</a>
<nav aria-label="Pages">
<a href="./#lookup">Look up</a>
<a href="./#many">Many</a>
<a href="./#server">Server</a>
<a href="docs" aria-current="page">Docs</a>
</nav>
</header>
<div class="columns">"""

TAIL = """<footer>
<p>This page is generated from <a href="openapi.yaml">openapi.yaml</a>, the contract of this API (OpenAPI 3.1).
MIT license.</p>
</footer>
</body>
</html>"""


def make_page(api_text, errors_text):
    return Writer(yaml.safe_load(api_text), errors_text).page()


if __name__ == "__main__":
    text = make_page(read(API), read(ERRORS))
    with open(PAGE, "w", encoding="utf-8") as output:
        output.write(text)
