# SPDX-License-Identifier: MIT
"""lists.py - sends lists of domains, and reads their results whole or as they arrive."""
import collections
import json
import re

from streams import Stream

TYPES = {"text": "text/plain", "json": "application/json", "ndjson": "application/x-ndjson", "csv": "text/csv"}
RESULT = re.compile(rb'"charged":"\w+",')  # its members follow
LINE_KEYS = ["index", "input", "status", "outcome", "charged"]


def domains(n, name="company"):
    return [f"{name}{i}.com" for i in range(n)]


def body_of(entries, kind="text"):
    """Returns a body of that kind; `entries` are domains or dictionaries."""
    if kind == "text":
        return "\n".join(entries)
    if kind == "json":
        return json.dumps(entries)
    if kind == "ndjson":
        return "".join(json.dumps(entry) + "\n" for entry in entries)
    rows = [entry if isinstance(entry, dict) else {"domain": entry} for entry in entries]
    names = list(dict.fromkeys(name for row in rows for name in row))
    return "\r\n".join(",".join(row.get(name, "") for name in names) for row in [dict(zip(names, names)), *rows])


def headers_of(kind, headers=None):
    return {"Content-Type": TYPES.get(kind, kind), **(headers or {})}


def send(daemon, entries, kind="text", query="", headers=None):
    """Sends a list and returns the whole response."""
    return daemon.request("POST", "/emails" + query, headers_of(kind, headers), body_of(entries, kind).encode())


def lines_of(response):
    """Returns the results of a whole NDJSON response, or of a JSON document."""
    assert response.status == 200, response
    if response.header("Content-Type") == "application/json":
        return response.json()["results"]
    return [json.loads(line) for line in response.body.splitlines() if line]


def body_of_lookup(line):
    """Returns the body that a single lookup of the entry would have, from a raw line of NDJSON with a result."""
    return b"{" + RESULT.split(line.rstrip(b"\n"), 1)[1] + b"\n"


def check_lines(lines, n):
    """Checks that there is one line for each of n entries."""
    assert sorted(line["index"] for line in lines) == list(range(n))
    for line in lines:
        assert (line["status"] == 200) == ("problem" not in line), line


def charged(lines, word="yes"):
    return [line["input"] for line in lines if line["charged"] == word]


def by_index(lines):
    return sorted(lines, key=lambda line: line["index"])


def outcomes(lines):
    return collections.Counter(line["outcome"] for line in lines)


def codes(lines):
    return collections.Counter(line["problem"]["code"] if "problem" in line else "ok" for line in lines)


def paid(sim):
    """Returns the domains that were paid for."""
    return sorted(task["domain"] for task in sim.ledger())


def hang_at(sim, domain):
    """Lets the submit of that domain hang, and create nothing."""
    sim.say("POST", "/sim/faults", {"on": "submit", "times": -1, "batch_with": domain, "after_creating": False,
                                    "fault": {"kind": "hang"}})


class ListStream(Stream):
    """The response to a list, or about its bulk."""

    def bulk_id(self):
        return re.fullmatch(r'</bulks/([0-9a-f]{32})>; rel="monitor"', self.header("Link"))[1]

    def lines(self, n=None):
        """Returns the next n results, or all that are left."""
        lines = []
        while len(lines) != n and (line := self.line()):
            lines.append(line)
        return lines


def stream(daemon, entries, kind="text", query="", headers=None, **how):
    """Sends a list and returns its response, to be read as it arrives."""
    return ListStream(daemon, "POST", "/emails" + query, headers_of(kind, headers), body_of(entries, kind).encode(), **how)


def results_of(events):
    return [event.data for event in events if event.name == "result"]
