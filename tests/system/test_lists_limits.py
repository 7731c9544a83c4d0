# SPDX-License-Identifier: MIT
"""test_lists_limits.py - tests what a list may contain, cost and ask for, and what rejects it."""
import re

import client_keys
import pytest
from lists import (body_of, by_index, charged, check_lines, codes, domains, hang_at, headers_of, lines_of, outcomes, paid, send,
                   stream)
from waiting import eventually


# ---- the list as a whole ----


@pytest.mark.parametrize("kind, body", [
    ("json", "{}"), ("json", '["a.com"'), ("csv", "name\na.com\n"), ("text", b"a.com\n\xff\n"),
])
def test_unreadable_list_is_rejected_and_starts_no_lookup(daemon, sim, kind, body):
    response = daemon.request("POST", "/emails", headers_of(kind), body)
    assert response.problem(400, "invalid-body")["detail"]
    assert not sim.calls()["submit"]


@pytest.mark.parametrize("kind, body", [
    ("text", ""), ("json", ""), ("ndjson", ""), ("csv", ""), ("text", "\n# comment\n\n"), ("json", "\n"), ("json", "[]"),
    ("ndjson", "\n"), ("csv", "domain\n"),
])
def test_list_without_an_entry_is_rejected(daemon, kind, body):
    daemon.request("POST", "/emails", headers_of(kind), body).problem(400, "missing-domain")


def test_list_with_too_many_entries_is_rejected_and_starts_no_lookup(testbed, sim):
    daemon = testbed.daemon(sim, "--bulk-entries", "10")
    check_lines(lines_of(send(daemon, domains(10))), 10)
    problem = send(daemon, domains(11, "other")).problem(413, "body-too-large")
    assert "10 entries" in problem["detail"]
    assert paid(sim) == domains(10)


def test_lists_can_be_disabled(testbed, sim):
    response = send(testbed.daemon(sim, "--bulk-entries", "0"), domains(3))
    response.problem(405, "method-not-allowed")
    assert "POST" not in response.header("Allow")
    assert not sim.calls()["submit"]


# ---- parameters ----


@pytest.mark.parametrize("query, code", [
    ("?domain=a.com", "unknown-parameter"), ("?city=Bern", "unknown-parameter"), ("?waits=1", "unknown-parameter"),
    ("?wait=1&wait=2", "duplicate-parameter"), ("?max_credits=-1", "invalid-parameter"),
    ("?max_credits=", "invalid-parameter"), ("?cached=yes", "invalid-parameter"), ("?after=1", "unknown-parameter"),
])
def test_parameters_of_a_list_are_checked(daemon, sim, query, code):
    send(daemon, domains(3), query=query).problem(400, code)
    assert not sim.calls()["submit"]


def test_parameter_of_lists_is_none_of_a_single_request(daemon):
    daemon.lookup("a.com", max_credits=1).problem(400, "unknown-parameter")


def test_idempotency_key_is_ignored(daemon, sim):
    for key in ("one", "two"):
        assert len(lines_of(send(daemon, domains(2), headers={"Idempotency-Key": key}))) == 2
    assert len(sim.ledger()) == 2


# ---- credits ----


@pytest.mark.parametrize("query, headers", [("?cached=1", {}), ("", {"Cache-Control": "only-if-cached"}),
                                            ("", {"Sec-Purpose": "prefetch"})])
def test_list_for_stored_results_spends_nothing(daemon, sim, query, headers):
    daemon.lookup("company1.com")
    lines = by_index(lines_of(send(daemon, domains(3), query=query, headers=headers)))
    assert [line["status"] == 200 for line in lines] == [False, True, False]
    assert [line["outcome"] for line in lines] == ["rejected", "hit", "rejected"]
    assert not charged(lines) and len(sim.ledger()) == 1


@pytest.mark.parametrize("kind", ["json", "csv", "text"])
def test_document_reports_what_is_left_of_the_quota(testbed, sim, keys, kind):
    keys.add("small", "quota=5")
    keys.add("big")
    daemon = client_keys.start(testbed, sim, keys)
    query = f"?format={kind}"
    for _ in range(2):
        response = send(daemon, domains(3), query=query, headers=keys.bearer("small"))
        assert response.status == 200, response
        assert response.header("RateLimit-Policy") == '"day";q=5;w=86400'
        assert re.fullmatch(r'"day";r=2;t=\d+', response.header("RateLimit"))
    path = response.header("Link").partition(">")[0][1:]
    assert daemon.get(path + query, keys.bearer("small")).header("RateLimit").startswith('"day";r=2;')
    assert stream(daemon, domains(3), headers=keys.bearer("small")).header("RateLimit") is None
    assert send(daemon, domains(3), query=query, headers=keys.bearer("big")).header("RateLimit") is None


@pytest.mark.parametrize("query, status", [("?format=json&async=1", 202), ("?format=csv&wait=1", 504)])
def test_unfinished_list_reports_what_is_left_of_the_quota(testbed, sim, keys, query, status):
    keys.add("small", "quota=5")
    daemon = client_keys.start(testbed, sim, keys)
    sim.hold_submits()
    response = send(daemon, domains(3), query=query, headers=keys.bearer("small"))
    assert response.status == status, response
    assert re.fullmatch(r'"day";r=[2-5];t=\d+', response.header("RateLimit"))
    path = "/bulks/" + re.search("/bulks/([0-9a-f]{32})", response.header("Location") or response.header("Link"))[1]
    sim.reach(submit=1)
    answer = daemon.get(path, keys.bearer("small"))
    assert answer.status == 202 and answer.header("RateLimit").startswith('"day";r=2;')
    sim.release_submits()


def test_key_for_stored_results_only_spends_nothing_with_a_list(testbed, sim, keys):
    keys.add("reader", "cached_only")
    daemon = client_keys.start(testbed, sim, keys)
    lines = lines_of(send(daemon, domains(3), headers=keys.bearer("reader")))
    assert codes(lines) == {"not-cached": 3}
    assert "cached_only" in lines[0]["problem"]["detail"]
    assert not sim.ledger()


@pytest.mark.parametrize("query", ["?refresh=1", "?max_age=0"])
def test_refresh_of_a_list_requires_its_right(testbed, sim, keys, query):
    keys.add("plain")
    keys.add("fresh", "allow_refresh")
    daemon = client_keys.start(testbed, sim, keys)
    send(daemon, domains(3), query=query, headers=keys.bearer("plain")).problem(403, "forbidden")
    assert not sim.ledger()
    for _ in range(2):
        lines = lines_of(send(daemon, domains(3), query=query, headers=keys.bearer("fresh")))
        assert codes(lines) == {"ok": 3}
    assert len(sim.ledger()) == 6


def test_quota_of_five_pays_for_five_of_twenty(testbed, sim, keys):
    keys.add("small", "quota=5")
    daemon = client_keys.start(testbed, sim, keys)
    lines = lines_of(send(daemon, domains(20), headers=keys.bearer("small")))
    check_lines(lines, 20)
    assert codes(lines) == {"ok": 5, "quota-exceeded": 15}
    assert outcomes(lines) == {"looked-up": 5, "rejected": 15}
    assert sorted(charged(lines)) == paid(sim) and len(paid(sim)) == 5


@pytest.mark.parametrize("limit", [0, 1, 7])
def test_max_credits_limits_what_a_list_spends(daemon, sim, limit):
    daemon.lookup("company3.com")
    lines = lines_of(send(daemon, domains(20), query=f"?max_credits={limit}"))
    check_lines(lines, 20)
    assert codes(lines) == {"ok": limit + 1, "credits-exhausted": 19 - limit}
    assert all(line["problem"]["detail"].startswith("the request's own limit") for line in lines if "problem" in line)
    assert len(charged(lines)) == limit and len(paid(sim)) == limit + 1


# ---- concurrent lists ----


def test_seventeenth_list_is_rejected_until_another_has_ended(testbed, sim, keys):
    """Sixteen at a time, of which a client may have a quarter."""
    for i in range(5):
        keys.add(f"client{i}")
    daemon = client_keys.start(testbed, sim, keys)
    sim.hold_submits()

    def start(client, n):
        return stream(daemon, domains(2, f"c{client}n{n}x"), headers=keys.bearer(f"client{client}"))

    running = [start(client, n) for client in range(4) for n in range(4)]
    assert [reader.status for reader in running] == [200] * 16
    for client in (0, 4):
        response = send(daemon, domains(2, "late"), headers=keys.bearer(f"client{client}"))
        response.problem(503, "overloaded")
        assert int(response.header("Retry-After")) >= 1
    assert daemon.metric("emailsd_bulks") == daemon.metric("emailsd_bulks_max") == 16
    sim.release_submits()
    for reader in running:
        check_lines(reader.lines(), 2)
    eventually(lambda: send(daemon, domains(2, "late"), headers=keys.bearer("client4")).status == 200)


def test_stream_beyond_the_limit_is_rejected(testbed, sim):
    daemon = testbed.daemon(sim, "--max-streams", "2")
    sim.hold_submits()
    for i in range(2):
        assert stream(daemon, [f"a{i}.com"]).status == 200
    send(daemon, ["b.com"]).problem(503, "overloaded")
    sim.release_submits()


@pytest.mark.parametrize("kind", ["ndjson", "sse"])
def test_asynchronous_list_beyond_the_limit_on_streams_pays_nothing(testbed, sim, kind):
    """The list would continue without its client."""
    daemon = testbed.daemon(sim, "--max-streams", "1")
    sim.hold_submits()
    reader = stream(daemon, ["a.com"])
    problem = send(daemon, domains(120), query=f"?async=1&format={kind}").problem(503, "overloaded")
    assert problem["charged"] == "no"
    assert daemon.metric("emailsd_bulks") == 1
    sim.release_submits()
    check_lines(reader.lines(), 1)
    assert daemon.lookup("b.com").status == 200
    assert paid(sim) == ["a.com", "b.com"]


@pytest.mark.parametrize("kind", ["json", "csv"])
def test_document_needs_no_slot_for_a_stream(testbed, sim, kind):
    """It has been paid for when it can begin. A stream that does not end has the only slot."""
    daemon = testbed.daemon(sim, "--max-streams", "1")
    hang_at(sim, "a.com")
    stream(daemon, ["a.com"])
    eventually(lambda: sim.calls()["scripts"] == 1)
    response = send(daemon, domains(20), query=f"?format={kind}")
    assert response.status == 200, response
    assert daemon.metric("emailsd_streams") == 1
    assert paid(sim) == sorted(domains(20))
    daemon.kill()


# ---- before the upload ----


@pytest.mark.parametrize("expect", [[], ["Expect: 100-continue"]])
@pytest.mark.parametrize("lines, status, code", [
    (["Content-Type: application/x-www-form-urlencoded", "Content-Length: 1000"], 415, "unsupported-media-type"),
    (["Content-Length: 1000"], 415, "unsupported-media-type"),
    (["Content-Type: text/plain", "Content-Length: 99999999"], 413, "body-too-large"),
    (["Content-Type: text/plain"], 411, "length-required"),
])
def test_list_is_rejected_before_its_upload(daemon, lines, status, code, expect):
    connection = daemon.connect()
    connection.send_get("/emails", *lines, *expect, method="POST")
    response = connection.read()
    response.problem(status, code)
    assert (status == 415) == (response.header("Accept-Post") is not None)
    assert connection.is_closed()


def post(target, body, *lines):
    """Returns the bytes of a request with a body."""
    head = [f"POST {target} HTTP/1.1", "Host: localhost", "Content-Type: text/plain", f"Content-Length: {len(body)}", *lines]
    return "\r\n".join([*head, "", ""]).encode() + body


NOT_A_REQUEST = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize("status, code, target, lines, flags", [
    (403, "forbidden", "/emails", ["Origin: https://evil.example"], []),
    (404, "not-found", "/lists", [], []),
    (405, "method-not-allowed", "/bulks/" + 32 * "0", [], []),
    (405, "method-not-allowed", "/emails", [], ["--bulk-entries", "0"]),
    (413, "body-too-large", "/emails", [], ["--bulk-entries", "1"]),
])
def test_body_of_a_rejected_list_is_never_a_request(testbed, sim, status, code, target, lines, flags):
    connection = testbed.daemon(sim, *flags).connect()
    connection.send(post(target, 20 * NOT_A_REQUEST, *lines))
    connection.read().problem(status, code)
    assert connection.is_closed()


def test_body_of_a_list_without_a_key_or_over_the_rate_is_never_a_request(testbed, sim, keys):
    keys.add("client", "rate=1")
    daemon = client_keys.start(testbed, sim, keys)
    connection = daemon.connect()
    connection.send(post("/emails", NOT_A_REQUEST))
    connection.read().problem(401, "unauthorized")
    assert connection.is_closed()
    connection = daemon.connect()
    get = "\r\n".join(["GET /emails?domain=a.com&cached=1 HTTP/1.1", "Host: localhost", keys.line("client"), "", ""])
    connection.send(10 * get.encode() + post("/emails", NOT_A_REQUEST, keys.line("client")))
    *before, last = [connection.read() for _ in range(11)]
    assert before[-1].status == 429
    last.problem(429, "rate-limited")
    assert connection.is_closed()


def test_expected_body_of_a_list_is_asked_for(daemon):
    body = body_of(domains(3)).encode()
    connection = daemon.connect()
    connection.send_get("/emails?format=json&wait=60", "Content-Type: text/plain", f"Content-Length: {len(body)}",
                        "Expect: 100-continue", "Connection: close", method="POST")
    assert connection.read("HEAD").status == 100
    connection.send(body)
    assert b'"results"' in connection.read_to_end()
