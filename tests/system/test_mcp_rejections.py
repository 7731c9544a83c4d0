# SPDX-License-Identifier: MIT
"""test_mcp_rejections.py - tests what POST /mcp rejects: the HTTP request with a problem document, and the message with
an error of JSON-RPC."""
import base64
import json

import client_keys
import pytest
from lists import domains
from mcp import (ACCEPT, META, STATELESS, VERSIONS, ask, call_of, error, headers_of, message, send)
from waiting import eventually

PING = json.dumps(message("ping")).encode()
JSON = "Content-Type: application/json"


def head(daemon, *lines, method="POST"):
    """Sends a head without its body. Returns the response, and whether the connection has ended."""
    connection = daemon.connect()
    connection.send_get("/mcp", *lines, method=method)
    response = connection.read()
    return response, connection.is_closed()


# ---- before the upload ----


@pytest.mark.parametrize("expect", [[], ["Expect: 100-continue"]])
@pytest.mark.parametrize("lines, status, code", [
    ([JSON, "Origin: https://evil.example", "Content-Length: 50"], 403, "forbidden"),
    ([JSON, "Origin: null", "Content-Length: 50"], 403, "forbidden"),
    ([JSON, "Origin: https://evil.example", "Origin: http://localhost", "Content-Length: 50"], 403, "forbidden"),
    ([JSON, "Origin: evil.example/://localhost", "Content-Length: 50"], 403, "forbidden"),
    ([JSON], 411, "length-required"),
    ([JSON, "Content-Length: 65537"], 413, "body-too-large"),
    (["Content-Length: 50"], 415, "unsupported-media-type"),
    (["Content-Type: text/plain", "Content-Length: 50"], 415, "unsupported-media-type"),
    (["Content-Type: application/x-ndjson", "Content-Length: 50"], 415, "unsupported-media-type"),
    (["Content-Type: application/json; charset=latin1", "Content-Length: 50"], 415, "unsupported-media-type"),
])
def test_request_is_rejected_before_its_upload(daemon, lines, status, code, expect):
    response, is_closed = head(daemon, *lines, *expect)
    response.problem(status, code)
    assert response.header("Accept-Post") == ("application/json" if status == 415 else None)
    assert is_closed


@pytest.mark.parametrize("line", [None, "X-API-Key: unknown", "Authorization: Bearer unknown"])
def test_request_without_a_valid_key_is_rejected_before_its_upload(testbed, sim, keys, line):
    keys.add("client")
    daemon = client_keys.start(testbed, sim, keys)
    response, is_closed = head(daemon, JSON, "Content-Length: 50", *([line] if line else []))
    response.problem(401, "unauthorized")
    assert response.header("WWW-Authenticate") == "Bearer" and is_closed


def test_request_over_the_rate_is_rejected_before_its_upload(testbed, sim, keys):
    keys.add("client", "rate=1")
    daemon = client_keys.start(testbed, sim, keys)

    def head_after_others():
        """Returns None if a second has passed meanwhile, so that the server asks for the body."""
        connection = daemon.connect()
        for _ in range(3):
            connection.send_get("/emails?domain=a.com&cached=1", keys.line("client"))
        connection.send_get("/mcp", JSON, "Content-Length: 50", "Expect: 100-continue", keys.line("client"), method="POST")
        for _ in range(3):
            connection.read()
        interim = connection.read("HEAD")
        return None if interim.status == 100 else (interim, connection.reader.read())

    response, body = eventually(head_after_others)
    assert (response.status, json.loads(body)["code"]) == (429, "rate-limited")
    assert response.header("Retry-After") == "1"


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "OPTIONS", "HEAD"])
def test_other_methods_are_not_allowed(daemon, method):
    connection = daemon.connect()
    connection.send_get("/mcp", "Accept: text/event-stream", method=method)
    response = connection.read(method)
    assert (response.status, response.header("Allow")) == (405, "POST")
    assert response.header("Content-Type") == "application/problem+json"


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_without_lists_there_is_no_such_path(testbed, sim, method):
    daemon = testbed.daemon(sim, "--bulk-entries", "0")
    daemon.request(method, "/mcp", headers_of(message("ping")), PING).problem(404, "not-found")


# ---- pages of other sites ----


@pytest.mark.parametrize("origin, status", [
    (None, 200), ("http://localhost", 200), ("http://127.0.0.1:9", 200), ("http://localhost:8080", 200),
    ("https://evil.example", 403), ("http://localhost.evil.example", 403), ("null", 403), ("http://10.0.0.1", 403),
])
@pytest.mark.parametrize("with_keys", [False, True])
def test_origin_must_be_of_this_server_with_and_without_keys(testbed, sim, keys, with_keys, origin, status):
    keys.add("client")
    daemon = client_keys.start(testbed, sim, keys) if with_keys else testbed.daemon(sim)
    headers = {**(keys.bearer("client") if with_keys else {}), "Origin": origin}
    response = send(daemon, message("ping"), headers=headers)
    assert response.status == status, response
    if status == 403:
        assert "Origin" in response.problem(403, "forbidden")["detail"]


@pytest.mark.parametrize("host, origin, flags, status", [
    ("mail.example.com", "https://mail.example.com", ["--host", "mail.example.com"], 200),
    ("mail.example.com", "https://other.example.com", ["--host", "mail.example.com"], 403),
    ("rebound.example.com", "https://rebound.example.com", [], 403),  # DNS rebinding: the page's own name
    ("rebound.example.com", None, [], 200),  # a program with a key
    ("emailsd.internal", "http://emailsd.internal:81", [], 200),  # a name that no other site can have
    ("192.0.2.7:8080", "http://192.0.2.7:8080", [], 200),
])
def test_public_name_of_a_page_must_be_listed_although_it_has_a_key(testbed, sim, keys, host, origin, flags, status):
    keys.add("client")
    daemon = client_keys.start(testbed, sim, keys, *flags)
    headers = {**keys.bearer("client"), "Host": host, "Origin": origin}
    assert send(daemon, message("ping"), headers=headers).status == status


def test_other_paths_accept_pages_with_a_key_as_before(testbed, sim, keys):
    keys.add("client")
    daemon = client_keys.start(testbed, sim, keys)
    assert daemon.lookup("milvali.com", {**keys.bearer("client"), "Origin": "https://other.example"}).status == 200


# ---- after the upload ----


@pytest.mark.parametrize("accept, status", [
    (ACCEPT, 200), (None, 200), ("*/*", 200), ("application/json", 200), ("text/event-stream", 200),
    ("application/*;q=0.1", 200), ("text/html", 406), ("application/json;q=0, text/event-stream;q=0", 406), ("image/*", 406),
])
def test_client_must_accept_json_or_events(daemon, accept, status):
    response = send(daemon, message("ping"), headers={"Accept": accept})
    assert response.status == status
    if status == 406:
        response.problem(406, "not-acceptable")


@pytest.mark.parametrize("body", [
    b"", b" ", b"{", b"ping", b'{"jsonrpc":"2.0","id":1,"method":"ping"}x', b'{"a":"\xff"}', b"[" * 1000,
    b'{"jsonrpc":"2.0","id":1,"method":"pi\\u0000ng"}',
])
def test_body_that_is_not_json_is_a_parse_error(daemon, body):
    response = daemon.request("POST", "/mcp", headers_of(message("ping")), body)
    error(response, 400, -32700)
    assert "id" not in response.json()


@pytest.mark.parametrize("document", [
    [], [message("ping")], "ping", 1, None, {}, {"jsonrpc": "2.0"}, {"jsonrpc": "2.0", "id": 1},
    {"jsonrpc": "2.0", "id": 1, "result": {}}, {"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": "x"}},
    {"jsonrpc": "2.0", "id": None, "method": "ping"}, {"jsonrpc": "2.0", "id": 1.5, "method": "ping"},
    {"jsonrpc": "2.0", "id": {}, "method": "ping"}, {"jsonrpc": "2.0", "id": True, "method": "ping"},
    {"jsonrpc": "2.0", "id": 2**53, "method": "ping"}, {"jsonrpc": "2.0", "id": -2**53 - 1, "method": "ping"},
    {"jsonrpc": "2.0", "id": 1, "method": 3}, {"jsonrpc": "1.0", "id": 1, "method": "ping"}, {"id": 1, "method": "ping"},
    {"jsonrpc": "2.0", "id": 1, "method": "ping", "params": []}, {"jsonrpc": "2.0", "method": "ping", "params": 1},
])
def test_other_json_is_an_invalid_request(daemon, document):
    response = daemon.request("POST", "/mcp", headers_of(message("ping")), json.dumps(document).encode())
    error(response, 400, -32600)
    has_id = isinstance(document, dict) and document.get("id") == 1 and not isinstance(document["id"], bool)
    assert response.json().get("id") == (1 if has_id else None)


@pytest.mark.parametrize("changes", [
    {"MCP-Protocol-Version": None}, {"MCP-Protocol-Version": "2025-11-25"}, {"Mcp-Method": None}, {"Mcp-Method": "ping"},
    {"Mcp-Method": "Tools/Call"}, {"Mcp-Name": None}, {"Mcp-Name": "other"}, {"Mcp-Name": "=?base64?dXNhZ2U?="},
    {"Mcp-Name": "=?base64??="}, {"Mcp-Name": "=?base64?"}, {"Mcp-Name": "=?BASE64?dXNhZ2U=?="},
])
def test_header_that_differs_from_the_body_is_an_error(daemon, changes):
    error(send(daemon, call_of("usage", version=STATELESS), STATELESS, changes), 400, -32020)


@pytest.mark.parametrize("named, header", [("2025-11-25", STATELESS), ("2025-11-25", "1900-01-01"), ("2025-06-18", "2025-11-25")])
@pytest.mark.parametrize("method", ["tools/call", "initialize"])
def test_version_in_the_header_is_the_one_of_the_body_in_all_versions(daemon, sim, named, header, method):
    """Else a proxy that decides by the headers would let a purchase pass as a request for the list of tools."""
    request = message(method, {**call_of("find_company_emails", {"domains": ["milvali.com"]})["params"],
                               "_meta": {META + "protocolVersion": named}})
    headers = {"Mcp-Method": "tools/list", "Mcp-Name": "usage"}
    error(send(daemon, request, header, headers), 400, -32020)
    assert sim.ledger() == []


def test_name_in_a_header_may_be_encoded(daemon):
    for name in ("usage", "find_company_emails", "n", "na", "nam"):
        encoded = base64.b64encode(name.encode()).decode()
        request = call_of(name, {"domains": ["milvali"]} if name[0] == "f" else {}, version=STATELESS)
        response = send(daemon, request, STATELESS, {"Mcp-Name": f"=?base64?{encoded}?="})
        assert response.status == 200 and ("result" in response.json()) == (len(name) > 3)


@pytest.mark.parametrize("method", ["server/discover", "tools/list"])
def test_other_methods_need_no_name(daemon, method):
    assert ask(daemon, method, version=STATELESS, headers={"Mcp-Name": "any"})


def test_header_alone_does_not_select_the_version_without_handshake(daemon):
    error(send(daemon, message("tools/list"), STATELESS), 400, -32020)


@pytest.mark.parametrize("capabilities", [None, [], "x"])
def test_capabilities_of_the_client_are_required(daemon, capabilities):
    request = message("tools/list", version=STATELESS)
    request["params"]["_meta"][META + "clientCapabilities"] = capabilities
    error(send(daemon, request, STATELESS), 400, -32602)
    del request["params"]["_meta"][META + "clientCapabilities"]
    error(send(daemon, request, STATELESS), 400, -32602)


@pytest.mark.parametrize("version", ["2024-11-05", "1999-01-01", "x", "2026-07-28x"])
@pytest.mark.parametrize("method", ["tools/list", "server/discover"])
def test_unsupported_version_names_the_supported_ones(daemon, version, method):
    request = message(method, version=STATELESS)
    request["params"]["_meta"][META + "protocolVersion"] = version
    data = error(send(daemon, request, STATELESS, {"MCP-Protocol-Version": version}), 400, -32022)["data"]
    assert data == {"supported": VERSIONS, "requested": version}


def test_unsupported_version_in_the_header_alone_is_an_error(daemon):
    data = error(send(daemon, message("ping"), "2024-11-05"), 400, -32022)["data"]
    assert data == {"supported": VERSIONS, "requested": "2024-11-05"}


def test_version_that_is_no_string_is_an_error(daemon):
    request = message("tools/list", {"_meta": {META + "protocolVersion": 1}})
    error(send(daemon, request), 400, -32602)


@pytest.mark.parametrize("version", VERSIONS)
def test_unknown_method_is_an_error(daemon, version):
    for method in ("resources/list", "", "TOOLS/LIST"):
        error(send(daemon, message(method, version=version), version), 404 if version == STATELESS else 200, -32601)


def test_rejected_message_keeps_its_connection_and_costs_nothing(daemon, sim):
    connection = daemon.connect()
    for body, status in ((b"{", 400), (json.dumps(message("nothing")).encode(), 200), (PING, 200)):
        connection.send_get("/mcp", JSON, f"Content-Length: {len(body)}", method="POST")
        connection.send(body)
        assert connection.read().status == status
    assert sim.ledger() == []


def test_longest_body_is_accepted(daemon):
    request = message("ping", {"x": ""})
    request["params"]["x"] = "x" * (65536 - len(json.dumps(request)))
    assert send(daemon, request).status == 200
    many = message("tools/call", {"name": "find_company_emails", "arguments": {"domains": domains(100), "max_credits": 0}})
    assert send(daemon, many).status == 200
