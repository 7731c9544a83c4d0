# SPDX-License-Identifier: MIT
"""test_mcp_calls.py - tests what a call of a tool does while it lasts: its wait, its progress, a client that leaves, and a
daemon that stops or hangs."""
import json
import signal

import client_keys
import pytest
from lists import charged, codes, domains, paid, results_of
from lists import stream as list_stream
from mcp import (ACCEPT, STATELESS, VERSIONS, call_of, check_schema, find, message, messages_of, schemas, send, stream)
from programs import HOUR_MS
from tracing import can_trace, hanging
from waiting import eventually

CAN_TRACE = pytest.mark.skipif(not can_trace(), reason="strace is missing, or may not attach (root may)")


def has_no_list(daemon):
    return eventually(lambda: daemon.metric("emailsd_bulks") == 0)


def open_call(daemon, entries, *lines, token=None, **arguments):
    """Sends a call without reading its response; returns the connection."""
    request = call_of("find_company_emails", {"domains": entries, **arguments}, token)
    body = json.dumps(request).encode()
    connection = daemon.connect()
    connection.send_get("/mcp", "Content-Type: application/json", f"Content-Length: {len(body)}", *lines, method="POST")
    connection.send(body)
    return connection


# ---- the wait ----


@pytest.mark.parametrize("limit", ["--wait", "--max-wait", "max_wait", "Prefer"])
def test_call_whose_wait_is_over_can_be_repeated_at_no_cost(testbed, sim, keys, limit):
    keys.add("client", "max_wait=1" if limit == "max_wait" else "")
    flags = {"--wait": ["--wait", "1s"], "--max-wait": ["--wait", "1s", "--max-wait", "1s"]}.get(limit, [])
    daemon = client_keys.start(testbed, sim, keys, *flags)
    sim.hold_submits()
    headers = {**keys.bearer("client"), **({"Prefer": "wait=1, respond-async"} if limit == "Prefer" else {})}
    find(daemon, ["known.com"], headers, max_credits=0)
    result = find(daemon, ["milvali.com", "milvali"], headers)
    text = result["content"][0]["text"]
    assert result["isError"] and "repeat the call to join it at no cost (still-processing)" in text
    document = result["structuredContent"]
    assert (document["state"], document["ok"], document["failed"]) == ("running", 0, 1) and "ended_at" not in document
    assert codes(document["results"]) == {"still-processing": 1, "invalid-domain": 1}
    tools = {tool["name"]: tool for tool in send(daemon, message("tools/list"), headers=headers).json()["result"]["tools"]}
    check_schema(document, tools["find_company_emails"]["outputSchema"])
    sim.reach(submit=1)
    sim.release_submits()
    result = eventually(lambda: (r := find(daemon, ["milvali.com", "milvali"], headers))["isError"] is False and r)
    assert codes(result["structuredContent"]["results"]) == {"ok": 1, "invalid-domain": 1}
    assert paid(sim) == ["milvali.com"]


def test_call_with_results_and_open_entries_is_no_error(testbed, sim):
    daemon = testbed.daemon(sim, "--wait", "1s")
    eventually(lambda: find(daemon, ["known.com"])["isError"] is False)
    sim.hold_submits()
    result = find(daemon, ["known.com", "milvali.com"])
    assert result["isError"] is False
    document = result["structuredContent"]
    assert codes(document["results"]) == {"ok": 1, "still-processing": 1}
    assert document["charged"]["maybe"] == len(charged(document["results"], "maybe"))
    check_schema(document, schemas(daemon)["find_company_emails"])


# ---- progress ----


@pytest.mark.parametrize("version", VERSIONS)
def test_progress_of_one_domain_names_its_phases(testbed, sim, version):
    daemon = testbed.daemon(sim)
    sim.hold_submits()
    response = stream(daemon, ["WWW.milvali.com"], "token", version)
    assert (response.status, response.header("Content-Type")) == (200, "text/event-stream")
    assert (response.header("Cache-Control"), response.header("X-Accel-Buffering")) == ("no-store", "no")
    assert response.raw_line() == b"event: message\n"  # no id, and no time after which to connect again
    seen = [first := json.loads(response.raw_line().removeprefix(b"data: "))]
    assert (first["jsonrpc"], first["method"]) == ("2.0", "notifications/progress")
    while seen[-1]["params"]["message"] != "milvali.com: submitting":
        seen.append(response.event().data)
    sim.behave(submit_delay_ms=0, task_time_ms=HOUR_MS)
    while seen[-1]["params"]["message"] != "milvali.com: processing":
        seen.append(response.event().data)
    sim.behave(task_time_ms=0)
    *more, last = messages_of(response)
    check_progress([*seen, *more], "token")
    assert (last["id"], last["result"]["isError"]) == (7, False)
    assert last["result"]["structuredContent"]["results"][0]["outcome"] == "looked-up"
    assert ("resultType" in last["result"]) == (version == STATELESS)


def check_progress(notifications, token):
    """Checks what the protocol demands: the number grows from one to the next."""
    params = [notification["params"] for notification in notifications]
    assert all(p["progressToken"] == token for p in params)
    numbers = [p["progress"] for p in params]
    assert numbers == sorted(set(numbers))
    assert all("total" not in p or p["total"] > p["progress"] for p in params)


def test_progress_of_several_domains_counts_them(testbed, sim):
    daemon = testbed.daemon(sim, "--batch-size", "1", "--submit-slots", "2")
    find(daemon, ["known.com"])
    sim.say("POST", "/sim/faults", {"on": "submit", "times": -1, "batch_with": "slow.com", "after_creating": False,
                                    "fault": {"kind": "hang"}})
    response = stream(daemon, ["known.com", "milvali", "slow.com"], 12345)
    seen = [response.event().data]
    while seen[-1]["params"]["message"] != "2 of 3 done, 1 failed":
        seen.append(response.event().data)
    check_progress(seen, 12345)
    response.close()
    has_no_list(daemon)
    daemon.kill()  # a submit hangs


def test_progress_is_repeated_after_five_seconds(testbed, sim):
    daemon = testbed.daemon(sim)
    sim.hold_submits()
    response = stream(daemon, ["milvali.com"])
    seen = [response.event().data]
    while seen[-1]["params"]["message"] != "milvali.com: submitting":
        seen.append(response.event().data)
    again = response.event().data
    assert again["params"]["message"] == "milvali.com: submitting"
    assert again["params"]["progress"] >= seen[-1]["params"]["progress"] + 4
    sim.release_submits()
    assert messages_of(response)[-1]["result"]["isError"] is False


@pytest.mark.parametrize("token, accept", [
    (None, "application/json, text/event-stream"), ("t", "application/json"), ([], "application/json, text/event-stream"),
    (1.5, "application/json, text/event-stream"),
])
def test_response_is_json_unless_progress_is_wanted_and_accepted(daemon, token, accept):
    request = call_of("find_company_emails", {"domains": ["milvali.com"]}, token)
    response = send(daemon, request, headers={"Accept": accept})
    assert response.header("Content-Type") == "application/json"
    assert response.json()["result"]["isError"] is False


@pytest.mark.parametrize("token", ["", 0, -1, "x" * 20000, '"\\\u2028'])
def test_token_is_returned_as_it_was_sent(daemon, token):
    *notifications, last = messages_of(stream(daemon, ["milvali.com"], token))
    check_progress(notifications, token)
    assert notifications and last["result"]["isError"] is False


def test_invalid_arguments_get_json_although_progress_is_wanted(daemon):
    response = stream(daemon, [], "t")
    assert (response.status, response.header("Content-Type")) == (200, "application/json")
    assert json.loads(response.read())["result"]["isError"] is True


def test_stream_ends_with_the_open_entries_when_its_wait_is_over(testbed, sim):
    daemon = testbed.daemon(sim, "--wait", "1s")
    sim.hold_submits()
    *_, last = messages_of(stream(daemon, ["milvali.com"]))
    assert last["result"]["isError"] and "(still-processing)" in last["result"]["content"][0]["text"]
    sim.reach(submit=1)
    sim.release_submits()
    eventually(lambda: daemon.lookup("milvali.com", cached=1).status == 200)
    assert paid(sim) == ["milvali.com"]


def test_call_without_a_slot_of_a_stream_has_no_progress(testbed, sim):
    daemon = testbed.daemon(sim, "--max-streams", "1")
    sim.hold_submits()
    first = stream(daemon, ["milvali.com"])
    assert first.event()
    second = open_call(daemon, ["other.com"], f"Accept: {ACCEPT}", token="t")
    eventually(lambda: daemon.metric("emailsd_bulks") == 2)
    sim.release_submits()
    response = second.read()
    assert (response.status, response.header("Content-Type")) == (200, "application/json")
    assert response.json()["result"]["isError"] is False
    assert messages_of(first)[-1]["result"]["isError"] is False
    eventually(lambda: daemon.metric("emailsd_streams") == 0)
    assert paid(sim) == ["milvali.com", "other.com"]


@pytest.mark.parametrize("flags, n", [([], 4), (["--bulks", "1"], 1)])
def test_call_beyond_the_limit_on_lists_tells_the_model(testbed, sim, flags, n):
    """A client has a quarter of the lists. A status of 503 would be an error of the transport, which no model sees."""
    daemon = testbed.daemon(sim, *flags)
    sim.hold_submits()
    running = [open_call(daemon, [domain]) for domain in domains(n)]
    eventually(lambda: daemon.metric("emailsd_bulks") == n)
    for token in (None, "t"):
        request = call_of("find_company_emails", {"domains": ["other.com"]}, token)
        result = send(daemon, request).json()["result"]
        text = result["content"][0]["text"]
        assert result["isError"] and "(overloaded); repeat the call in " in text and "structuredContent" not in result
    sim.release_submits()
    assert all(call.read().json()["result"]["isError"] is False for call in running)
    assert paid(sim) == sorted(domains(n))


# ---- clients that leave ----


@pytest.mark.parametrize("is_stream", [False, True])
def test_client_that_leaves_drops_what_is_not_submitted(testbed, sim, is_stream):
    daemon = testbed.daemon(sim, "--batch-size", "2", "--submit-slots", "2")
    sim.hold_submits()
    client = stream(daemon, domains(10)) if is_stream else open_call(daemon, domains(10))
    sim.reach(submit=1)
    client.close()
    has_no_list(daemon)
    sim.release_submits()
    eventually(lambda: all(daemon.lookup(task["domain"], cached=1).status == 200 for task in sim.ledger()))
    assert 0 < len(sim.ledger()) <= 4
    result = find(daemon, domains(10))
    assert codes(result["structuredContent"]["results"]) == {"ok": 10}
    assert paid(sim) == sorted(domains(10))


def test_call_joins_a_list_and_a_list_joins_a_call(testbed, sim):
    daemon = testbed.daemon(sim)
    sim.hold_submits()
    call = open_call(daemon, ["milvali.com"])
    sim.reach(submit=1)
    reader = list_stream(daemon, ["milvali.com"], query="?format=sse&max_credits=1")
    assert daemon.metric("emailsd_bulks") == 1
    sim.release_submits()
    assert call.read().json()["result"]["isError"] is False
    assert results_of(reader.events())[0]["status"] == 200
    assert paid(sim) == ["milvali.com"]


# ---- a daemon that stops or hangs ----


@pytest.mark.parametrize("is_stream", [False, True])
def test_stop_ends_a_call_with_what_is_known(testbed, sim, is_stream):
    daemon = testbed.daemon(sim, "--drain-timeout", "600s", "--batch-size", "2", "--submit-slots", "2")
    sim.hold_submits()
    client = stream(daemon, domains(10)) if is_stream else open_call(daemon, domains(10))
    sim.reach(submit=1)
    daemon.deliver(signal.SIGTERM)
    eventually(lambda: "event=engine_drain_started" in daemon.stderr())
    sim.release_submits()
    last = messages_of(client)[-1] if is_stream else client.read().json()
    assert daemon.wait() == 0
    lines = last["result"]["structuredContent"]["results"]
    assert set(codes(lines)) == {"ok", "draining"}
    assert sorted(charged(lines)) == paid(sim) and len(paid(sim)) <= 4


@CAN_TRACE
@pytest.mark.parametrize("token", [None, "t"])
def test_call_ends_in_time_while_the_engine_hangs(testbed, sim, token):
    daemon = testbed.daemon(sim, "--threads", "1", "--wait", "1s")
    with hanging(daemon, "engine", "write"):
        first = daemon.park("milvali.com", wait=60)
        eventually(lambda: daemon.get("/readyz?verbose").json()["checks"]["engine_lag_ms"] >= 1000)
        result = send(daemon, call_of("find_company_emails", {"domains": domains(3)}, token)).json()["result"]
        assert result["isError"] and "repeat the call" in result["content"][0]["text"]
        usage = send(daemon, call_of("usage", {}, "x" * 60000 if token else None)).json()["result"]
        assert usage["isError"] and "(overloaded); repeat the call in 5 s" in usage["content"][0]["text"]
    assert first.read().status == 200
    eventually(lambda: find(daemon, domains(3))["structuredContent"]["ok"] == 3)
    assert paid(sim) == sorted([*domains(3), "milvali.com"])
