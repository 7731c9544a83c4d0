# SPDX-License-Identifier: MIT
"""test_mcp_clients.py - tests POST /mcp with the clients of the project that makes the protocol, in locked versions.

Both check structuredContent against the schema of its tool. The second one knows the version without a handshake, but
uses it only on request, and needs Node.js 20.
"""
import json
import subprocess

import client_keys
import npm
import pytest
from lists import codes, domains, paid
from mcp import check_schema
from programs import tied
from waiting import PATIENCE_S, eventually

pytestmark = npm.needs_packages


def node_version():
    return int(subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout[1:].split(".")[0])


CLIENTS = {"sdk": ("sdk", "legacy", "2025-11-25"), "client": ("client", "legacy", "2025-11-25"),
           "client-auto": ("client", "auto", "2026-07-28"), "client-pinned": ("client", "2026-07-28", "2026-07-28")}


@pytest.fixture(params=CLIENTS)
def kind(request):
    if request.param != "sdk" and node_version() < 20:
        pytest.skip("@modelcontextprotocol/client needs Node.js 20")
    return CLIENTS[request.param]


def command(kind, daemon, *calls):
    package, mode, _ = kind
    return ["node", npm.FOLDER / "mcp_session.mjs", package, mode, daemon.urls[0] + "/mcp", json.dumps(calls)]


def session(kind, daemon, *calls, key=None):
    """Returns what the client saw of a session with these calls."""
    env = {"EMAILSD_TEST_KEY": key} if key else None
    return json.loads(npm.run(*command(kind, daemon, *calls), env=env).splitlines()[-1])


def find(*entries, progress=False, abort=False, **arguments):
    return {"params": {"name": "find_company_emails", "arguments": {"domains": entries, **arguments}}, "progress": progress,
            "abort": abort}


USAGE = {"params": {"name": "usage", "arguments": {}}}


def test_client_connects_and_lists_the_tools(daemon, kind):
    seen = session(kind, daemon)
    assert "error" not in seen, seen
    assert seen["version"] == kind[2]
    assert seen["server"]["name"] == "emailsd" and "still-processing" in seen["instructions"]
    assert [tool["name"] for tool in seen["tools"]] == ["find_company_emails", "usage"]


@pytest.mark.parametrize("progress", [False, True])
def test_client_calls_both_tools(daemon, sim, kind, progress):
    seen = session(kind, daemon, find("milvali.com", "milvali", progress=progress), find("nothing.com", progress=progress),
                   {**USAGE, "progress": progress})
    schemas = {tool["name"]: tool["outputSchema"] for tool in seen["tools"]}
    both, empty, usage = seen["calls"]
    for call, name in ((both, "find_company_emails"), (empty, "find_company_emails"), (usage, "usage")):
        assert "error" not in call, call
        assert not call["result"].get("isError")
        check_schema(call["result"]["structuredContent"], schemas[name])
        assert json.loads(call["result"]["content"][0]["text"]) == call["result"]["structuredContent"]
    assert codes(both["result"]["structuredContent"]["results"]) == {"ok": 1, "invalid-domain": 1}
    assert usage["result"]["structuredContent"]["credits"] == 2
    assert bool(both["progress"]) == bool(empty["progress"]) == progress
    assert paid(sim) == ["milvali.com", "nothing.com"]


def test_client_sees_the_progress_as_it_happens(daemon, sim, kind):
    sim.hold_submits()
    process = subprocess.Popen(tied(command(kind, daemon, find("milvali.com", progress=True))), stdout=subprocess.PIPE, text=True)
    lines = []
    for line in process.stdout:
        lines.append(json.loads(line))
        if lines[-1].get("message") == "milvali.com: submitting":  # while the lookup cannot end
            sim.release_submits()
    assert process.wait(PATIENCE_S) == 0
    *seen, last = lines
    assert last["calls"][0]["result"]["structuredContent"]["ok"] == 1
    assert last["calls"][0]["progress"] == seen
    numbers = [notification["progress"] for notification in seen]
    assert len(numbers) >= 2 and numbers == sorted(set(numbers))


def test_client_that_cancels_drops_what_is_not_submitted(testbed, sim, kind):
    daemon = testbed.daemon(sim, "--batch-size", "2", "--submit-slots", "2")
    sim.hold_submits()
    [call] = session(kind, daemon, find(*domains(10), progress=True, abort=True))["calls"]
    assert "error" in call, call
    eventually(lambda: daemon.metric("emailsd_bulks") == 0)
    sim.release_submits()
    eventually(lambda: sim.ledger() and all(daemon.lookup(task["domain"], cached=1).status == 200 for task in sim.ledger()))
    assert 0 < len(sim.ledger()) <= 4
    [again] = session(kind, daemon, find(*domains(10)))["calls"]
    assert codes(again["result"]["structuredContent"]["results"]) == {"ok": 10}
    assert paid(sim) == sorted(domains(10))


def test_client_reads_why_a_call_has_failed(daemon, kind):
    seen = session(kind, daemon, find("milvali"), find(), find("milvali.com", max_credits=0),
                   {"params": {"name": "nothing", "arguments": {}}})
    invalid, empty, poor, unknown = seen["calls"]
    for call, words in ((invalid, "(invalid-domain)"), (empty, "1 to 100 domains"), (poor, "(credits-exhausted)")):
        assert call["result"]["isError"] and words in call["result"]["content"][0]["text"]
    assert "unknown tool" in unknown["error"]


def test_client_has_the_quota_of_its_key(testbed, sim, keys, kind):
    key = keys.add("client", "quota=2")
    daemon = client_keys.start(testbed, sim, keys)
    some, none, usage = session(kind, daemon, find(*domains(3)), find("other.com"), USAGE, key=key)["calls"]
    assert codes(some["result"]["structuredContent"]["results"]) == {"ok": 2, "quota-exceeded": 1}
    assert none["result"]["isError"] and "(quota-exceeded)" in none["result"]["content"][0]["text"]
    assert (usage["result"]["structuredContent"]["client"], usage["result"]["structuredContent"]["remaining"]) == ("client", 0)


def test_client_without_a_key_cannot_connect(testbed, sim, keys, kind):
    keys.add("client")
    seen = session(kind, client_keys.start(testbed, sim, keys))
    assert "error" in seen and "tools" not in seen
