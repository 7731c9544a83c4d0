# SPDX-License-Identifier: MIT
"""test_formats.py - tests the format of a single lookup's response, by parameter and by Accept, and what a
response says about the time of the lookup."""
import json
import re
import signal

import pytest
from client_keys import start
from streams import Stream
from waiting import eventually

TABLE = b"email,status\r\ninfo@milvali.com,VALID\r\nsupport@milvali.com,VALID\r\n"
TEXT = b"info@milvali.com\nsupport@milvali.com\n"
MEMBERS = ["domain", "company_name", "emails", "count", "fetched_at", "expires_at"]


def is_document(body):
    return list(json.loads(body)) == MEMBERS


def is_line(body):
    line = json.loads(body)
    return (body.count(b"\n") == 1 and list(line) == ["status", "outcome", "charged", *MEMBERS]
            and (line["status"], line["outcome"], line["charged"]) == (200, "hit", "no"))


def is_event(body):
    start = b"retry: 3000\n\nid: end\nevent: result\ndata: "
    return body.startswith(start) and body.endswith(b"}\n\n") and is_line(body[len(start):-1])


FORMATS = {
    "json": ("application/json", "application/json", is_document),
    "csv": ("text/csv", "text/csv; charset=utf-8; header=present", TABLE.__eq__),
    "text": ("text/plain", "text/plain; charset=utf-8", TEXT.__eq__),
    "ndjson": ("application/x-ndjson", "application/x-ndjson", is_line),
    "sse": ("text/event-stream", "text/event-stream", is_event),
}
OTHERS = {"json": "text/csv", "csv": "text/event-stream", "text": "application/json",
          "ndjson": "text/plain", "sse": "application/x-ndjson"}
STREAMS = ["ndjson", "sse"]


@pytest.fixture(scope="module")
def known(module_testbed):
    """A daemon with a known result, and the two paths to it."""
    sim = module_testbed.simulator()
    daemon = module_testbed.daemon(sim)
    lookup = daemon.lookup("milvali.com", **{"async": 1}).header("Location")
    eventually(lambda: daemon.get(lookup).status == 200)
    yield daemon, {"emails": "/emails?domain=milvali.com&", "lookups": lookup + "?"}
    assert len(sim.ledger()) == 1


@pytest.mark.parametrize("path", ["emails", "lookups"])
@pytest.mark.parametrize("name", FORMATS)
def test_format_by_parameter_by_accept_and_by_both(known, path, name):
    daemon, paths = known
    accept, content_type, is_body = FORMATS[name]
    for query, headers in [(f"format={name}", {}), ("", {"Accept": accept}),
                           (f"format={name}", {"Accept": OTHERS[name]}), (f"format={name}", {"Accept": "image/png"})]:
        for _ in range(2):
            answer = daemon.get(paths[path] + query, headers)
            assert (answer.status, answer.header("Content-Type")) == (200, content_type)
            assert is_body(answer.body), answer
            assert (answer.header("Cache-Control") == "no-store") == (name in STREAMS)
            assert answer.header("X-Request-Id")


@pytest.mark.parametrize("path", ["emails", "lookups"])
@pytest.mark.parametrize("accept", [None, "*/*", "application/*", "text/html,*/*;q=0.8"])
def test_format_without_a_choice_is_json(known, path, accept):
    daemon, paths = known
    answer = daemon.get(paths[path], {"Accept": accept} if accept else {})
    assert answer.header("Content-Type") == "application/json"
    assert is_document(answer.body)


@pytest.mark.parametrize("path", ["emails", "lookups"])
@pytest.mark.parametrize("value", ["xml", "JSON", "", "text/csv"])
def test_format_that_is_unknown_is_rejected_with_the_valid_ones(known, path, value):
    daemon, paths = known
    problem = daemon.get(f"{paths[path]}format={value}").problem(400, "invalid-parameter")
    assert problem["detail"] == "'format' must be json, csv, text, ndjson or sse"


@pytest.mark.parametrize("path", ["emails", "lookups"])
def test_accept_without_an_offered_type_is_not_acceptable(known, path):
    daemon, paths = known
    daemon.get(paths[path], {"Accept": "text/html"}).problem(406, "not-acceptable")


def test_lookup_url_rejects_other_parameters(known):
    daemon, paths = known
    problem = daemon.get(paths["lookups"] + "fromat=csv").problem(400, "unknown-parameter")
    assert "'format'" in problem["detail"]
    problem = daemon.get(paths["lookups"] + "wait=1").problem(400, "invalid-parameter")
    assert "streams" in problem["detail"]


@pytest.mark.parametrize("name", FORMATS)
def test_format_of_a_head_request(known, name):
    daemon, paths = known
    answer = daemon.request("HEAD", f"{paths['emails']}format={name}")
    assert (answer.status, answer.header("Content-Type"), answer.body) == (200, FORMATS[name][1], b"")
    assert daemon.lookup("other.com", method="HEAD", format=name).status == 504


def test_format_is_no_parameter_of_a_deletion(testbed, sim):
    daemon = testbed.daemon(sim, "--allow-anonymous=admin")
    daemon.lookup("milvali.com", method="DELETE", format="csv").problem(400, "invalid-parameter")


def test_format_on_one_connection_is_that_of_each_request(known):
    """Also where the worker repeats a response, or knows the question of a text."""
    daemon, paths = known
    requests = [(f"format={name}", []) for name in FORMATS] + [("", [f"Accept: {FORMATS[name][0]}"]) for name in FORMATS]
    for name in STREAMS:
        body = daemon.get(f"{paths['emails']}format={name}").body
        assert body == daemon.get(f"{paths['emails']}format={name}").body
    connection = daemon.connect()
    for query, lines in 3 * [(q, l) for q, l in requests if not any(s in f"{q}{l}" for s in ("sse", "ndjson", "event"))]:
        name = query.removeprefix("format=") or next(n for n in FORMATS if f"Accept: {FORMATS[n][0]}" in lines)
        answer = connection.get(paths["emails"] + query, *lines)
        assert answer.header("Content-Type") == FORMATS[name][1]
        assert FORMATS[name][2](answer.body)


def test_problem_and_progress_are_json_in_every_format(testbed, sim):
    daemon = testbed.daemon(sim)
    sim.hold_submits()
    for name in ("csv", "text"):
        daemon.lookup("milvali", format=name).problem(400, "invalid-domain")
        answer = daemon.lookup("milvali.com", format=name, **{"async": 1})
        assert (answer.status, answer.header("Content-Type")) == (202, "application/json")
        assert answer.json()["domain"] == "milvali.com"


# ---- streams of one line ----


def test_line_of_a_lookup_has_its_timing_and_its_price(daemon, sim):
    line = Stream(daemon, "GET", daemon.question("milvali.com", format="ndjson")).line()
    assert list(line) == ["status", "outcome", "charged", "timing", *MEMBERS]
    assert (line["status"], line["outcome"], line["charged"]) == (200, "looked-up", "yes")
    assert list(line["timing"]) == ["queue_ms", "submit_ms", "upstream_ms", "read_ms"]
    document = daemon.lookup("milvali.com").json()
    assert {name: line[name] for name in MEMBERS} == document
    assert len(sim.ledger()) == 1


def test_line_of_a_failed_lookup_has_its_problem(daemon):
    line = Stream(daemon, "GET", daemon.question("errored.com", format="ndjson")).line()
    assert list(line) == ["status", "outcome", "charged", "timing", "problem"]
    assert (line["status"], line["outcome"], line["charged"]) == (502, "failed", "maybe")
    assert (line["problem"]["code"], line["problem"]["status"]) == ("lookup-failed", 502)
    assert "request_id" not in line["problem"]
    stored = Stream(daemon, "GET", daemon.question("errored.com", format="ndjson"))
    line = stored.line()
    assert (stored.status, line["status"], line["outcome"], line["charged"]) == (200, 502, "failed", "no")


def test_line_of_an_expired_result_is_stale(testbed, sim):
    daemon = testbed.daemon(sim, "--ttl-found", "1ms")
    daemon.lookup("milvali.com")
    daemon.await_expiry("milvali.com")
    line = Stream(daemon, "GET", daemon.question("milvali.com", format="ndjson")).line()
    assert (line["status"], line["outcome"], line["charged"]) == (200, "stale", "no")
    assert "timing" not in line
    eventually(lambda: len(sim.ledger()) == 2)


def test_line_of_a_fallback_is_stale(testbed, sim):
    daemon = testbed.daemon(sim, "--ttl-found", "1ms", "--stale-while-revalidate", "0")
    daemon.lookup("milvali.com")
    sim.rule("milvali.com", state="ERRORED", data=None)
    eventually(lambda: daemon.lookup("milvali.com", cached=1).status == 504)
    line = Stream(daemon, "GET", daemon.question("milvali.com", format="ndjson")).line()
    assert line["outcome"] == "stale"
    assert (line["status"], line["charged"], line["count"]) == (200, "maybe", 2)
    assert "timing" in line


@pytest.mark.parametrize("name", STREAMS)
def test_condition_that_fails_is_412_for_a_stream_too(known, name):
    daemon, paths = known
    target = f"{paths['emails']}format={name}"
    daemon.get(target, {"If-Match": '"x"'}).problem(412, "precondition-failed")
    assert daemon.get(target, {"If-Match": "*"}).status == 200


# ---- Server-Timing ----

TIMING = re.compile(r"queue;dur=(\d+), submit;dur=(\d+), upstream;dur=(\d+), read;dur=(\d+)")


def timing_of(answer):
    return [int(ms) for ms in TIMING.fullmatch(answer.header("Server-Timing")).groups()]


def test_response_that_waited_has_its_timing(testbed, sim):
    daemon = testbed.daemon(sim)
    sim.behave(submit_delay_ms=60, task_time_ms=40)
    found, failed = daemon.lookup("milvali.com"), daemon.lookup("errored.com")
    failed.problem(502, "lookup-failed")
    for answer in (found, failed):
        queue, submit, upstream, read = timing_of(answer)
        assert submit >= 60 and min(queue, upstream, read) >= 0
    for again in (daemon.lookup("milvali.com"), daemon.lookup("errored.com"), daemon.lookup("milvali.com", format="sse"),
                  daemon.lookup("third.com", cached=1), daemon.lookup("milvali")):
        assert again.header("Server-Timing") is None


def test_joined_request_has_the_timing_of_the_lookup(testbed, sim):
    daemon = testbed.daemon(sim)
    sim.hold_submits()
    waiting = [daemon.park("milvali.com") for _ in range(2)]
    daemon.await_waiters(2)
    sim.reach(submit=1)
    sim.release_submits()
    first, second = [client.read() for client in waiting]
    assert timing_of(first) == timing_of(second)


def test_expired_wait_has_the_timing_so_far(testbed, sim):
    daemon = testbed.daemon(sim)
    sim.hold_submits()
    late = daemon.lookup("milvali.com", wait=1)
    late.problem(504, "still-processing")
    queue, submit, upstream, read = timing_of(late)
    assert (upstream, read) == (0, 0) and queue + submit > 0
    answer = daemon.lookup("milvali.com", wait=1, **{"async": 1})
    queue, submit, upstream, read = timing_of(answer)
    assert (answer.status, upstream, read) == (202, 0, 0)
    assert answer.json()["timing"] == {"queue_ms": queue, "submit_ms": submit}


def test_draining_response_has_the_timing_so_far(testbed, sim):
    daemon = testbed.daemon(sim)
    sim.hold_submits()
    client = daemon.park("milvali.com")
    sim.reach(submit=1)
    daemon.deliver(signal.SIGTERM)
    answer = client.read()
    answer.problem(503, "draining")
    assert timing_of(answer)[2:] == [0, 0]
    assert daemon.wait() == 0


def test_rejected_request_has_no_timing(testbed, sim, keys):
    keys.add("spent", "quota=0")
    daemon = start(testbed, sim, keys)
    rejected = daemon.lookup("milvali.com", keys.bearer("spent"))
    rejected.problem(429, "quota-exceeded")
    assert rejected.header("Server-Timing") is None
