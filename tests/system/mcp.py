# SPDX-License-Identifier: MIT
"""mcp.py - sends messages of the Model Context Protocol as a client does, whole or as a stream."""
import json

import pytest
from streams import Stream

STATELESS = "2026-07-28"
WITH_HANDSHAKE = ["2025-11-25", "2025-06-18", "2025-03-26"]
VERSIONS = [STATELESS, *WITH_HANDSHAKE]
ACCEPT = "application/json, text/event-stream"
META = "io.modelcontextprotocol/"


def message(method, params=None, version=WITH_HANDSHAKE[0], **members):
    """Returns a request; with `id=None` in the members, a notification."""
    params = dict(params or {})
    if version == STATELESS:
        params["_meta"] = {**params.get("_meta", {}), META + "protocolVersion": version, META + "clientCapabilities": {}}
    whole = {"jsonrpc": "2.0", "id": 7, "method": method, "params": params, **members}
    return {name: value for name, value in whole.items() if value is not None}


def headers_of(request, version=WITH_HANDSHAKE[0], headers=None):
    """Returns the headers that a client sends with that request. A value of None leaves one out."""
    own = {"Content-Type": "application/json", "Accept": ACCEPT, "MCP-Protocol-Version": version}
    if version == STATELESS:
        own["Mcp-Method"] = request["method"]
        if request["method"] == "tools/call":
            own["Mcp-Name"] = request["params"]["name"]
    return {name: value for name, value in {**own, **(headers or {})}.items() if value is not None}


def send(daemon, request, version=WITH_HANDSHAKE[0], headers=None):
    """Sends a message and returns the HTTP response."""
    return daemon.request("POST", "/mcp", headers_of(request, version, headers), json.dumps(request).encode())


def ask(daemon, method, params=None, version=WITH_HANDSHAKE[0], headers=None):
    """Sends a request and returns its result."""
    response = send(daemon, message(method, params, version), version, headers)
    assert (response.status, response.header("Content-Type")) == (200, "application/json"), response
    assert response.header("Cache-Control") == "no-store"
    document = response.json()
    assert (document["jsonrpc"], document["id"]) == ("2.0", 7) and "result" in document, document
    return document["result"]


def error(response, status, code):
    """Returns the error of a response, after a check that it is this one."""
    assert (response.status, response.header("Content-Type")) == (status, "application/json"), response
    document = response.json()
    assert document["jsonrpc"] == "2.0" and document["error"]["code"] == code, document
    assert document["error"]["message"], document
    return document["error"]


def call_of(name, arguments=None, token=None, version=WITH_HANDSHAKE[0]):
    params = {"name": name} if arguments is None else {"name": name, "arguments": arguments}
    if token is not None:
        params["_meta"] = {"progressToken": token}
    return message("tools/call", params, version)


def call(daemon, name, arguments=None, version=WITH_HANDSHAKE[0], headers=None):
    """Calls a tool and returns its result."""
    return ask(daemon, "tools/call", call_of(name, arguments, version=version)["params"], version, headers)


def find(daemon, domains, headers=None, version=WITH_HANDSHAKE[0], **arguments):
    return call(daemon, "find_company_emails", {"domains": domains, **arguments}, version, headers)


def stream(daemon, domains, token="t", version=WITH_HANDSHAKE[0], headers=None, **arguments):
    """Calls the tool with a token for progress; returns the response, to be read as it arrives."""
    request = call_of("find_company_emails", {"domains": domains, **arguments}, token, version)
    return Stream(daemon, "POST", "/mcp", headers_of(request, version, headers), json.dumps(request).encode())


def messages_of(response):
    """Returns the messages that are left of a stream: notifications, and last the response."""
    events = response.events()
    assert all((event.id, event.name) == (None, "message") for event in events), events
    return [event.data for event in events]


def schemas(daemon):
    """Returns the output schema of each tool."""
    return {tool["name"]: tool["outputSchema"] for tool in ask(daemon, "tools/list")["tools"]}


def check_schema(document, schema):
    """Checks the document against the schema, in the drafts that clients assume."""
    jsonschema = pytest.importorskip("jsonschema", reason="python3-jsonschema is not installed")
    for validator in (jsonschema.Draft7Validator, jsonschema.Draft202012Validator):
        validator.check_schema(schema)
        validator(schema).validate(document)
