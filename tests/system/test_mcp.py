# SPDX-License-Identifier: MIT
"""test_mcp.py - tests the Model Context Protocol at POST /mcp: its versions, its methods and its tools.
test_mcp_rejections.py has what is rejected, test_mcp_calls.py what a call does while it lasts."""
import json

import client_keys
import pytest
from lists import codes, domains, paid
from mcp import META, STATELESS, VERSIONS, WITH_HANDSHAKE, ask, call, check_schema, error, find, message, schemas, send

TOOLS = ["find_company_emails", "usage"]


# ---- versions and methods ----


@pytest.mark.parametrize("version", WITH_HANDSHAKE)
def test_initialize_returns_the_version_that_was_asked_for(daemon, version):
    params = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    result = ask(daemon, "initialize", params, headers={"MCP-Protocol-Version": None})
    assert result["protocolVersion"] == version
    assert result["capabilities"] == {"tools": {}}
    assert result["serverInfo"] == {"name": "emailsd", "version": daemon.get("/version").json()["version"]}
    assert "still-processing" in result["instructions"]
    assert list(result) == ["protocolVersion", "capabilities", "instructions", "serverInfo"]


@pytest.mark.parametrize("version", ["2024-11-05", "2026-07-28", "2099-01-01", None, 3])
def test_initialize_returns_the_latest_version_if_it_does_not_have_another(daemon, version):
    result = ask(daemon, "initialize", {} if version is None else {"protocolVersion": version})
    assert result["protocolVersion"] == "2025-11-25"


def test_initialize_starts_no_session(daemon):
    response = send(daemon, message("initialize", {"protocolVersion": "2025-11-25"}))
    assert response.header("Mcp-Session-Id") is None
    ignored = {"Mcp-Session-Id": "any", "Last-Event-ID": "7"}
    assert send(daemon, message("ping"), headers=ignored).json() == {"jsonrpc": "2.0", "id": 7, "result": {}}


def test_request_without_a_version_uses_that_of_march_2025(daemon):
    assert ask(daemon, "ping", headers={"MCP-Protocol-Version": None}) == {}
    assert len(ask(daemon, "tools/list", headers={"MCP-Protocol-Version": None})["tools"]) == 2


def test_discover_describes_the_server(daemon):
    result = ask(daemon, "server/discover", version=STATELESS)
    assert result["supportedVersions"] == VERSIONS
    assert result["capabilities"] == {"tools": {}}
    assert result["instructions"]
    assert (result["ttlMs"], result["cacheScope"]) == (3600000, "public")


@pytest.mark.parametrize("method, params", [("server/discover", {}), ("tools/list", {}), ("tools/call", {"name": "usage"})])
def test_results_without_a_handshake_name_the_server_and_their_type(daemon, method, params):
    result = ask(daemon, method, params, STATELESS)
    assert result["resultType"] == "complete"
    assert result["_meta"][META + "serverInfo"]["name"] == "emailsd"
    assert ("ttlMs" in result) == (method != "tools/call")


@pytest.mark.parametrize("version, missing", [(STATELESS, "initialize"), (STATELESS, "ping"), ("2025-11-25", "server/discover")])
def test_method_of_another_version_is_unknown(daemon, version, missing):
    error(send(daemon, message(missing, version=version), version), 404 if version == STATELESS else 200, -32601)


@pytest.mark.parametrize("version", [*VERSIONS, "1999-01-01"])
@pytest.mark.parametrize("method", ["notifications/initialized", "notifications/cancelled", "tools/call", "any"])
def test_notification_is_accepted_and_has_no_effect(daemon, sim, version, method):
    params = {"name": "find_company_emails", "arguments": {"domains": ["milvali.com"]}}
    response = send(daemon, message(method, params, id=None), headers={"MCP-Protocol-Version": version})
    assert (response.status, response.body) == (202, b"")
    assert sim.calls()["submit"] == 0


@pytest.mark.parametrize("given", [1, 0, -5, 2**53 - 1, 1 - 2**53, "a", "", "x" * 5000, '"\\\u2028é', "\u007f" * 300])
def test_response_has_the_id_of_its_request(daemon, given):
    for method in ("ping", "nothing"):
        assert send(daemon, message(method, id=given)).json()["id"] == given


# ---- the tools ----


@pytest.mark.parametrize("version", VERSIONS)
def test_tools_are_listed_with_their_schemas(daemon, version):
    result = ask(daemon, "tools/list", {"cursor": "x"}, version)
    assert [tool["name"] for tool in result["tools"]] == TOOLS
    assert "nextCursor" not in result
    for tool in result["tools"]:
        assert tool["description"] and tool["title"]
        assert tool["inputSchema"]["type"] == tool["outputSchema"]["type"] == "object"
        assert tool["inputSchema"]["additionalProperties"] is False
    find_tool, usage_tool = result["tools"]
    assert find_tool["annotations"] == {"readOnlyHint": False, "destructiveHint": False, "idempotentHint": True,
                                        "openWorldHint": True}
    assert usage_tool["annotations"] == {"readOnlyHint": True}


@pytest.mark.parametrize("entries, limit", [(10000, 100), (100, 100), (99, 99), (1, 1)])
def test_number_of_domains_is_limited_by_that_of_lists(testbed, sim, entries, limit):
    daemon = testbed.daemon(sim, "--bulk-entries", str(entries))
    tool = ask(daemon, "tools/list")["tools"][0]
    assert tool["inputSchema"]["properties"]["domains"]["maxItems"] == limit
    assert find(daemon, domains(limit))["isError"] is False
    result = find(daemon, domains(limit + 1, "other"))
    assert result["isError"] and f"1 to {limit}" in result["content"][0]["text"]
    assert len(sim.ledger()) == limit


@pytest.mark.parametrize("version", VERSIONS)
def test_call_returns_the_document_of_a_list(daemon, sim, version):
    result = find(daemon, ["milvali.com", "nothing.com", "milvali", "WWW.milvali.com", "errored.com"], version=version)
    sim_paid = paid(sim)
    assert result["isError"] is False
    [text] = result["content"]
    document = result["structuredContent"]
    assert text["type"] == "text" and json.loads(text["text"]) == document
    check_schema(document, schemas(daemon)["find_company_emails"])
    listed = daemon.request("POST", "/emails", {"Content-Type": "application/json"},
                            json.dumps([line["input"] for line in document["results"]]).encode()).json()
    assert list(document) == list(listed)
    for line, other in zip(document["results"], listed["results"], strict=True):
        assert line.get("emails") == other.get("emails")
    assert [line["index"] for line in document["results"]] == [0, 1, 2, 3, 4]
    assert [line["outcome"] for line in document["results"]] == ["looked-up", "looked-up", "rejected", "duplicate", "failed"]
    assert document["total"] == 5 and document["state"] == "ended"
    assert sim_paid == ["errored.com", "milvali.com", "nothing.com"]


def test_repeated_call_costs_nothing(daemon, sim):
    first = find(daemon, domains(3))["structuredContent"]
    again = find(daemon, domains(3))["structuredContent"]
    assert (first["charged"]["yes"], again["charged"]["yes"]) == (3, 0)
    assert [line["outcome"] for line in again["results"]] == ["hit"] * 3
    assert first["id"] == again["id"]
    assert len(sim.ledger()) == 3


def test_usage_returns_its_document(testbed, sim, keys):
    keys.add("client", "quota=5 rate=1000")
    daemon = client_keys.start(testbed, sim, keys)
    find(daemon, domains(2), keys.bearer("client"))
    for arguments in (None, {}):
        result = call(daemon, "usage", arguments, headers=keys.bearer("client"))
        assert result["structuredContent"] == daemon.get("/usage", keys.bearer("client")).json()
        assert json.loads(result["content"][0]["text"]) == result["structuredContent"]
        assert (result["structuredContent"]["remaining"], result["isError"]) == (3, False)
        check_schema(result["structuredContent"], schemas_of(daemon, keys)["usage"])


def schemas_of(daemon, keys):
    tools = ask(daemon, "tools/list", headers=keys.bearer("client"))["tools"]
    return {tool["name"]: tool["outputSchema"] for tool in tools}


def test_usage_without_limits_matches_its_schema(daemon):
    document = call(daemon, "usage")["structuredContent"]
    assert document["quota"] is None
    check_schema(document, schemas(daemon)["usage"])


# ---- arguments ----


@pytest.mark.parametrize("name, arguments, words", [
    ("find_company_emails", None, "'domains' must be an array"),
    ("find_company_emails", {}, "'domains' must be an array"),
    ("find_company_emails", {"domains": []}, "1 to 100 domains"),
    ("find_company_emails", {"domains": "milvali.com"}, "'domains' must be an array"),
    ("find_company_emails", {"domains": {"0": "milvali.com"}}, "'domains' must be an array"),
    ("find_company_emails", {"domains": ["milvali.com", 1]}, "must be a string"),
    ("find_company_emails", {"domains": ["milvali.com", None]}, "must be a string"),
    ("find_company_emails", {"domains": ["x" * 4097]}, "at most 4096 bytes"),
    ("find_company_emails", {"domains": ["milvali.com"], "max_credit": 1}, "did you mean 'max_credits'?"),
    ("find_company_emails", {"domains": ["milvali.com"], "refresh": True}, "unknown argument 'refresh'"),
    ("find_company_emails", {"domains": ["milvali.com"], "max_credits": -1}, "'max_credits' must be"),
    ("find_company_emails", {"domains": ["milvali.com"], "max_credits": 1.5}, "'max_credits' must be"),
    ("find_company_emails", {"domains": ["milvali.com"], "max_credits": "1"}, "'max_credits' must be"),
    ("find_company_emails", {"domains": ["milvali.com"], "max_credits": None}, "'max_credits' must be"),
    ("usage", {"client": "x"}, "unknown argument 'client'"),
])
def test_invalid_argument_is_an_error_that_a_model_can_read(daemon, sim, name, arguments, words):
    result = call(daemon, name, arguments)
    assert result["isError"] is True
    assert words in result["content"][0]["text"]
    assert "structuredContent" not in result
    assert sim.calls()["submit"] == 0


@pytest.mark.parametrize("body, code", [
    ({"name": "nothing"}, -32602), ({}, -32602), ({"name": 3}, -32602), ({"name": "usage", "arguments": []}, -32602),
    ({"name": "usage", "arguments": None}, -32602), ({"name": "find_company_emails", "arguments": "milvali.com"}, -32602),
])
def test_unknown_tool_and_arguments_of_another_type_are_errors_of_the_protocol(daemon, body, code):
    error(send(daemon, message("tools/call", body)), 200, code)


def test_call_in_which_all_entries_fail_is_an_error_with_the_reasons(daemon, sim):
    result = find(daemon, ["milvali", "errored.com"])
    assert result["isError"] is True
    first, second = result["content"][0]["text"].split("\n")
    assert first.startswith('"milvali": ') and first.endswith(" (invalid-domain)")
    assert second.startswith('"errored.com": ') and second.endswith(" (lookup-failed)")
    assert codes(result["structuredContent"]["results"]) == {"invalid-domain": 1, "lookup-failed": 1}
    check_schema(result["structuredContent"], schemas(daemon)["find_company_emails"])


def test_call_with_a_result_is_no_error(daemon):
    result = find(daemon, ["milvali", "milvali.com"])
    assert result["isError"] is False
    check_schema(result["structuredContent"], schemas(daemon)["find_company_emails"])


# ---- credits ----


def test_max_credits_of_zero_spends_nothing(daemon, sim):
    find(daemon, ["company0.com"])
    result = find(daemon, domains(3), max_credits=0)
    assert codes(result["structuredContent"]["results"]) == {"ok": 1, "credits-exhausted": 2}
    result = find(daemon, ["unknown.com"], max_credits=0)
    assert result["isError"] and "the request's own limit" in result["content"][0]["text"]
    assert paid(sim) == ["company0.com"]


def test_max_credits_limits_a_call(daemon, sim):
    result = find(daemon, domains(5), max_credits=2)
    assert codes(result["structuredContent"]["results"]) == {"ok": 2, "credits-exhausted": 3}
    assert len(sim.ledger()) == 2


def test_quota_limits_a_call(testbed, sim, keys):
    keys.add("client", "quota=2")
    daemon = client_keys.start(testbed, sim, keys)
    result = find(daemon, domains(5), keys.bearer("client"))
    assert codes(result["structuredContent"]["results"]) == {"ok": 2, "quota-exceeded": 3}
    result = find(daemon, ["other.com"], keys.bearer("client"))
    assert result["isError"] and "(quota-exceeded)" in result["content"][0]["text"]
    assert call(daemon, "usage", headers=keys.bearer("client"))["structuredContent"]["remaining"] == 0
    assert len(sim.ledger()) == 2


def test_key_for_stored_results_only_spends_nothing(testbed, sim, keys):
    keys.add("reader", "cached_only")
    daemon = client_keys.start(testbed, sim, keys)
    result = find(daemon, ["milvali.com"], keys.bearer("reader"))
    assert result["isError"] and "cached_only" in result["content"][0]["text"]
    assert sim.calls()["submit"] == 0


def test_header_can_only_make_a_call_cheaper(daemon, sim):
    find(daemon, ["milvali.com"])
    find(daemon, ["milvali.com"], {"Cache-Control": "no-cache", "Pragma": "no-cache"})
    assert paid(sim) == ["milvali.com"]
    result = find(daemon, ["other.com"], {"Cache-Control": "only-if-cached"})
    assert codes(result["structuredContent"]["results"]) == {"not-cached": 1}
    assert paid(sim) == ["milvali.com"]


# ---- the log and the metrics ----


def test_calls_are_logged_with_their_price_and_counted(testbed, sim):
    daemon = testbed.daemon(sim)
    result = find(daemon, domains(2))
    ask(daemon, "ping")
    daemon.stop()
    lines = [line for line in daemon.stderr().splitlines() if "route=/mcp" in line]
    assert "outcome=bulk" in lines[0] and "charged=yes" in lines[0]
    assert f"bulk={result['structuredContent']['id']}" in lines[0]
    assert "outcome=mcp" in lines[1]
