# SPDX-License-Identifier: MIT
"""test_contract.py - compares the members of documents and lines with the schemas of openapi.yaml: none is missing,
none is undocumented, and each has its type.
"""
import re

import contract
import pytest
import yaml
from streams import Stream

TYPES = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list, "object": dict,
         "null": type(None)}
LIST = b"milvali.com\nmilvali\nwww.milvali.com\nempty.com\n"


@pytest.fixture(scope="module")
def schemas():
    return yaml.load(contract.OPENAPI.read_text("utf-8"), yaml.CSafeLoader)["components"]["schemas"]


def operations():
    paths = yaml.load(contract.OPENAPI.read_text("utf-8"), yaml.CSafeLoader)["paths"]
    return [(method.upper(), path, operation) for path, item in paths.items()
            for method, operation in item.items() if "responses" in operation]


def test_rejection_of_a_malformed_request_is_in_each_operation(daemon):
    for method, path, operation in operations():
        connection = daemon.connect()
        connection.send_get(re.sub("{.*}", "x", path), "Host: another", method=method)
        assert connection.read(method).status == 400
        assert "400" in operation["responses"], (method, path)
        assert "invalid-request" in operation["x-codes"], (method, path)


def check(schemas, document, *names):
    """Checks a document against the schemas of these names together."""
    known = {}
    for name in names:
        known.update(schemas[name]["properties"])
        assert set(schemas[name].get("required", [])) <= set(document), (name, document)
    assert set(document) <= set(known), (names, set(document) - set(known))
    for member, value in document.items():
        check_value(schemas, member, value, known[member])


def check_value(schemas, member, value, schema):
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        schema = schemas[name]
        if "properties" in schema:
            check(schemas, value, name)
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    assert isinstance(value, tuple(TYPES[word] for word in types)), (member, value)
    assert value in schema.get("enum", [value]), (member, value)


def check_line(schemas, line):
    if "problem" not in line:
        check(schemas, line, "Line", "Answer")
        return
    check(schemas, line, "Line")
    assert list(line["problem"]) == schemas["Line"]["properties"]["problem"]["required"]
    assert line["problem"]["code"] in schemas["Code"]["enum"]


def send(daemon, query):
    return daemon.request("POST", f"/emails{query}", {"Content-Type": "text/plain"}, LIST)


def test_document_of_a_list_has_the_members_of_the_contract(daemon, schemas):
    document = send(daemon, "?format=json").json()
    results = document["results"]
    check(schemas, {**document, "results": []}, "Bulk")
    for line in results:
        check_line(schemas, line)
    assert {line["outcome"] for line in results} == {"looked-up", "rejected", "duplicate"}


def test_progress_of_a_list_has_the_members_of_the_contract(daemon, sim, schemas):
    sim.hold_submits()
    response = send(daemon, "?async=1&format=json")
    assert response.status == 202
    check(schemas, response.json(), "BulkProgress")
    check(schemas, daemon.get(response.header("Location")).json(), "BulkProgress")
    sim.release_submits()


def test_events_of_a_list_have_the_members_of_the_contract(daemon, schemas):
    events = Stream(daemon, "POST", "/emails?format=sse", {"Content-Type": "text/plain"}, LIST).events()
    for event in events:
        if event.name == "result":
            check_line(schemas, event.data)
        else:
            check(schemas, event.data, "BulkProgress")
    assert events[-1].name == "end"


def test_events_of_a_lookup_have_the_members_of_the_contract(daemon, sim, schemas):
    sim.behave(submit_delay_ms=50)
    *progress, result = Stream(daemon, "GET", "/emails?domain=milvali.com&format=sse").events()
    assert progress
    for event in progress:
        check(schemas, event.data, "Progress")
    check_line(schemas, result.data)
    assert "timing" in result.data


def test_progress_of_a_lookup_has_the_members_of_the_contract(daemon, sim, schemas):
    sim.hold_submits()
    check(schemas, daemon.lookup("milvali.com", {"Prefer": "respond-async, wait=0"}).json(), "Progress")
    sim.release_submits()
