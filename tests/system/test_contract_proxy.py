# SPDX-License-Identifier: MIT
"""test_contract_proxy.py - puts Prism, a proxy that validates each request and response against openapi.yaml, between
a client and the daemon.

test_contract.py compares members in both directions. Here a validator that others wrote reads the document:
parameters, media types, headers, and the schemas of bodies.
"""
import json
import re

import client_keys
import contract
import pytest
from lists import TYPES, body_of, domains, headers_of
from npm import needs_packages, program
from proxies import Proxy
from relay import Relay
from streams import Stream
from waiting import eventually

pytestmark = needs_packages
FORMATS = ["json", "csv", "text", "ndjson", "sse"]
ENTRIES = ["milvali.com", "milvali", "www.milvali.com", "empty.com", "errored.com"]
ID = re.compile(r"/(?:bulks|lookups)/[0-9a-f]{32}")


class Prism(Proxy):
    """Reports what contradicts openapi.yaml in the header `sl-violations` of the response, which is passed on in any
    case. It reads a stream to its end before."""

    def __init__(self, folder, url):
        super().__init__(folder, [program("prism"), "proxy", "--host", "127.0.0.1", "--port", "0", contract.OPENAPI, url])
        self.address = "127.0.0.1", eventually(self._port)

    def _port(self):
        assert self.process.poll() is None, self.output()
        found = re.search(r"listening on http://127\.0\.0\.1:(\d+)", self.output())
        return found and int(found[1])


@pytest.fixture(scope="module")
def relay():
    """Leads to the daemon of the test that runs: Prism takes seconds to start."""
    with Relay(None) as leading:
        yield leading


@pytest.fixture(scope="module")
def prism(tmp_path_factory, relay):
    proxy = Prism(tmp_path_factory.mktemp("prism"), relay.url)
    yield proxy
    proxy.stop()
    print(f"--- output of Prism\n{proxy.output()[-4000:]}")


class Exchange:
    """Sends requests through Prism, and requires that they are as documented."""

    def __init__(self, prism, relay, daemon):
        self.prism, self.headers = prism, {}
        relay.lead_to(daemon)

    def __call__(self, status, method, target, headers=None, body=None, is_valid=True):
        """Returns headers and body. An invalid request is one that openapi.yaml does not permit."""
        response = Stream(self.prism, method, target, {**self.headers, **(headers or {})}, body)
        content = response.read()
        response.close()
        assert response.status == status, content
        found = json.loads(response.header("sl-violations") or "[]")
        assert is_valid != any(fault["location"][0] == "request" for fault in found), found
        assert not [fault for fault in found if fault["location"][0] != "request"]
        return response, content

    def path(self, *request):
        """Returns the path of the lookup or bulk that the response names."""
        response = self(*request)[0]
        return ID.search(response.header("Location") or response.header("Link"))[0]


@pytest.fixture
def exchange(prism, relay, daemon):
    return Exchange(prism, relay, daemon)


# ---- one lookup ----


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("domain", ["milvali.com", "empty.com"])
def test_lookup_and_its_hit_are_as_documented(exchange, name, domain):
    for _ in range(2):
        exchange(200, "GET", f"/emails?domain={domain}&company_name=M&city=Bern&format={name}")


def test_lookup_that_fails_is_as_documented(exchange):
    exchange(502, "GET", "/emails?domain=errored.com")
    exchange(502, "GET", "/emails?domain=errored.com")
    exchange(200, "GET", "/emails?domain=errored.com&format=sse")


@pytest.mark.parametrize("status, query, is_valid", [
    (400, "", False), (400, "?domain=milvali", True), (400, "?domain=a.com&format=xml", False),
    (400, "?domain=a.com&wait=x", False), (400, "?domain=a.com&max_age=-1", False), (422, "?domain=co.uk", True),
    (422, "?domain=127.0.0.1", True), (504, "?domain=a.com&cached=1", True),
])
def test_rejected_lookup_is_as_documented(exchange, status, query, is_valid):
    exchange(status, "GET", f"/emails{query}", is_valid=is_valid)


def test_lookup_with_conditions_is_as_documented(exchange):
    etag = exchange(200, "GET", "/emails?domain=milvali.com")[0].header("ETag")
    exchange(304, "GET", "/emails?domain=milvali.com", {"If-None-Match": etag})
    exchange(412, "GET", "/emails?domain=milvali.com", {"If-Match": '"other"'})
    exchange(406, "GET", "/emails?domain=milvali.com", {"Accept": "image/png"})
    exchange(204, "GET", "/emails?domain=milvali.com&format=sse", {"Last-Event-ID": "end"})


def test_lookup_in_flight_is_as_documented(exchange, sim):
    sim.hold_submits()
    exchange(504, "GET", "/emails?domain=milvali.com&wait=0")
    path = exchange.path(202, "GET", "/emails?domain=milvali.com&async=1")
    exchange(202, "GET", path)
    sim.release_submits()
    exchange(200, "GET", f"{path}?format=sse")
    for name in FORMATS:
        exchange(200, "GET", f"{path}?format={name}")
    exchange(404, "GET", "/lookups/" + "0" * 32)


# ---- lists ----


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("kind", TYPES)
def test_list_is_as_documented(exchange, kind, name):
    entries = [{"domain": domain, "tracking_id": str(i)} for i, domain in enumerate(ENTRIES)]
    body = body_of(ENTRIES if kind == "text" else entries, kind)
    for query in ("&max_credits=2", ""):
        exchange(200, "POST", f"/emails?format={name}{query}", headers_of(kind), body)


@pytest.mark.parametrize("status, query, headers, body, is_valid", [
    (400, "?wait=x", {}, "a.com\n", False), (400, "", {}, "\n", True), (400, "", {"Content-Type": TYPES["csv"]}, "name\nA\n", True),
    (406, "", {"Accept": "image/png"}, "a.com\n", True), (413, "", {}, "a.com\nb.com\nc.com\n", True),
    (415, "", {"Content-Type": "application/xml"}, "a.com\n", False), (504, "?format=json&wait=0", {}, "a.com\n", True),
])
def test_rejected_list_is_as_documented(testbed, sim, prism, relay, status, query, headers, body, is_valid):
    exchange = Exchange(prism, relay, testbed.daemon(sim, "--bulk-entries", "2"))
    sim.hold_submits()
    exchange(status, "POST", f"/emails{query}", headers_of("text", headers), body, is_valid)


def test_bulk_is_as_documented(exchange, sim):
    sim.hold_submits()
    path = exchange.path(202, "POST", "/emails?async=1&format=json", headers_of("text"), body_of(ENTRIES))
    exchange(202, "GET", path)
    sim.release_submits()
    exchange(200, "GET", f"{path}?format=sse")
    for name in FORMATS:
        exchange(200, "GET", f"{path}?format={name}&after=1")
    exchange(406, "GET", path, {"Accept": "image/png"})
    exchange(404, "DELETE", path)
    for method in ("GET", "DELETE"):
        exchange(404, method, "/bulks/" + "0" * 32)


def test_cancelled_bulk_is_as_documented(testbed, sim, prism, relay):
    exchange = Exchange(prism, relay, testbed.daemon(sim, "--batch-size", "1", "--submit-slots", "1"))
    sim.hold_submits()
    path = exchange.path(202, "POST", "/emails?async=1&format=json", headers_of("text"), body_of(domains(3)))
    sim.reach(submit=1)
    exchange(204, "DELETE", path)
    sim.release_submits()
    exchange(200, "GET", f"{path}?format=sse")
    content = exchange(200, "GET", path)[1]
    assert b'"code":"cancelled"' in content


# ---- clients ----


def test_client_with_a_key_is_as_documented(testbed, sim, keys, prism, relay):
    key = keys.add("reports", "quota=1")
    exchange = Exchange(prism, relay, client_keys.start(testbed, sim, keys))
    exchange(401, "GET", "/emails?domain=milvali.com")
    exchange(401, "GET", "/usage", {"X-API-Key": "wrong"})
    exchange.headers = {"Authorization": f"Bearer {key}"}
    exchange(200, "GET", "/emails?domain=milvali.com")
    exchange(429, "GET", "/emails?domain=other.com")
    exchange(200, "GET", "/usage")
    exchange(403, "DELETE", "/emails?domain=milvali.com")
    exchange(200, "POST", "/emails?format=json", headers_of("text"), body_of(domains(3)))
    exchange(403, "POST", "/emails?refresh=1", headers_of("text"), body_of(domains(3)))


def test_usage_without_keys_is_as_documented(exchange):
    exchange(200, "GET", "/emails?domain=milvali.com")
    exchange(200, "GET", "/usage")


def test_deletion_is_as_documented(testbed, sim, keys, prism, relay):
    key = keys.add("boss", "admin")
    exchange = Exchange(prism, relay, client_keys.start(testbed, sim, keys))
    exchange.headers = {"X-API-Key": key}
    exchange(200, "GET", "/emails?domain=milvali.com")
    exchange(412, "DELETE", "/emails?domain=milvali.com", {"If-Match": '"other"'})
    exchange(204, "DELETE", "/emails?domain=milvali.com")
    exchange(404, "DELETE", "/emails?domain=milvali.com")


# ---- others ----


@pytest.mark.parametrize("status, target, is_valid", [
    (200, "/livez", True), (200, "/readyz", True), (200, "/readyz?verbose=1", True), (200, "/metrics", True),
    (200, "/version", True), (200, "/openapi.yaml", True), (200, "/problems/invalid-domain", True),
    (404, "/problems/none", False),
])
def test_other_path_is_as_documented(exchange, status, target, is_valid):
    exchange(status, "GET", target, is_valid=is_valid)


def test_exhausted_credits_are_as_documented(testbed, sim, prism, relay):
    exchange = Exchange(prism, relay, testbed.daemon(sim, "--credits-per-day", "1"))
    exchange(200, "GET", "/emails?domain=milvali.com")
    exchange(402, "GET", "/emails?domain=other.com")
    exchange(200, "POST", "/emails?format=json", headers_of("text"), body_of(ENTRIES))
