# SPDX-License-Identifier: MIT
"""test_events.py - tests the progress of a single lookup as events: when they come, how the stream ends, and
which requests get a plain response instead."""
import json
import signal
import subprocess
import time

import pytest
from client_keys import start
from lists import lines_of, send
from programs import HOUR_MS
from streams import Stream, by_id, events, path_of, until
from waiting import PATIENCE_S, eventually

PROGRESS = ["id", "domain", "phase", "elapsed_s", "expected_s", "timing"]
PHASES = ["queued", "submitting", "processing", "fetching"]


def abandoned(daemon):
    return daemon.metric("emailsd_waiters_abandoned_total")


# ---- progress ----


def test_events_show_the_progress_and_end_with_the_result(testbed, sim):
    daemon = testbed.daemon(sim)
    sim.hold_submits()
    sim.behave(task_time_ms=HOUR_MS)
    stream = events(daemon, "milvali.com")
    assert (stream.status, stream.header("Content-Type")) == (200, "text/event-stream")
    assert (stream.header("Cache-Control"), stream.header("X-Accel-Buffering")) == ("no-store", "no")
    assert stream.header("X-Request-Id")
    for name in ("Server-Timing", "RateLimit", "Content-Length", "ETag", "Age"):
        assert stream.header(name) is None
    assert (stream.raw_line(), stream.raw_line()) == (b"retry: 3000\n", b"\n")
    event = until(stream, "submitting")
    assert list(event.data) == PROGRESS
    assert (event.id, event.data["domain"]) == (None, "milvali.com")
    assert path_of(stream) == "/lookups/" + event.data["id"]
    assert list(event.data["timing"]) == ["queue_ms", "submit_ms"]
    sim.release_submits()
    event = until(stream, "processing")
    assert list(event.data["timing"]) == ["queue_ms", "submit_ms", "upstream_ms"]
    sim.behave(task_time_ms=0)
    *between, last = stream.events()
    phases = [event.data["phase"] for event in between]
    assert phases == sorted(phases, key=PHASES.index) and set(phases) <= {"processing", "fetching"}
    assert (last.id, last.name) == ("end", "result")
    assert list(last.data)[:4] == ["status", "outcome", "charged", "timing"]
    assert (last.data["status"], last.data["outcome"], last.data["charged"]) == (200, "looked-up", "yes")
    assert {**last.data, **daemon.lookup("milvali.com").json()} == last.data
    assert len(sim.ledger()) == 1


def test_events_repeat_the_progress_every_five_seconds(testbed, sim):
    daemon = testbed.daemon(sim)
    sim.hold_submits()
    stream = events(daemon, "milvali.com")
    first = until(stream, "submitting")
    second = stream.event()
    assert second.data["phase"] == "submitting"
    assert second.data["elapsed_s"] >= first.data["elapsed_s"] + 4
    assert second.data["timing"]["submit_ms"] >= first.data["timing"]["submit_ms"] + 4000
    sim.release_submits()
    assert stream.events()[-1].name == "result"


def test_events_of_a_joined_lookup_cost_nothing(testbed, sim):
    daemon = testbed.daemon(sim)
    sim.hold_submits()
    streams = [events(daemon, "milvali.com") for _ in range(2)]
    sim.reach(submit=1)
    daemon.await_waiters(2)
    sim.release_submits()
    results = [stream.events()[-1].data for stream in streams]
    assert [(result["outcome"], result["charged"]) for result in results] == [("looked-up", "yes"), ("joined", "no")]
    assert results[0]["timing"] == results[1]["timing"]
    assert len(sim.ledger()) == 1


def test_events_of_a_failed_lookup_end_with_its_problem(testbed, sim):
    daemon = testbed.daemon(sim)
    last = events(daemon, "errored.com").events()[-1]
    assert (last.id, last.name, last.data["status"]) == ("end", "result", 502)
    assert last.data["problem"]["code"] == "lookup-failed"


def test_events_of_a_stored_failure_are_one_result_that_costs_nothing(testbed, sim):
    daemon = testbed.daemon(sim)
    daemon.lookup("errored.com").problem(502, "lookup-failed")
    stream = events(daemon, "errored.com")
    assert (stream.status, stream.header("Content-Type")) == (200, "text/event-stream")
    [last] = stream.events()
    assert (last.id, last.name, last.data["status"]) == ("end", "result", 502)
    assert last.data["problem"]["code"] == "lookup-failed"
    [line] = lines_of(send(daemon, ["errored.com"]))
    for data in (last.data, line):
        assert (data["outcome"], data["charged"], data["problem"]["charged"]) == ("failed", "no", "no")
    assert len(sim.ledger()) == 1


@pytest.mark.parametrize("wait", [0, 1])
def test_events_end_when_the_wait_is_over(testbed, sim, wait):
    daemon = testbed.daemon(sim)
    sim.hold_submits()
    stream = events(daemon, "milvali.com", wait=wait)
    *_, last = stream.events()
    assert (last.id, last.name, last.data["status"]) == ("end", "result", 504)
    assert (last.data["outcome"], last.data["problem"]["code"]) == ("failed", "still-processing")
    sim.reach(submit=1)
    sim.release_submits()
    eventually(lambda: daemon.lookup("milvali.com", cached=1).status == 200)
    assert len(sim.ledger()) == 1


@pytest.mark.parametrize("limit", ["--max-wait", "max_wait"])
def test_events_wait_as_long_as_the_client_may(testbed, sim, keys, limit):
    keys.add("client", "max_wait=1" if limit == "max_wait" else "")
    daemon = start(testbed, sim, keys, *(["--wait", "1s", "--max-wait", "1s"] if limit == "--max-wait" else []))
    sim.hold_submits()
    *_, last = events(daemon, "milvali.com", keys.bearer("client")).events()
    assert last.data["problem"]["code"] == "still-processing"
    *_, last = events(daemon, "milvali.com", {**keys.bearer("client"), "Prefer": "respond-async"}).events()
    assert last.data["problem"]["code"] == "still-processing"


def test_events_end_at_a_shutdown(testbed, sim):
    daemon = testbed.daemon(sim)
    sim.hold_submits()
    stream = events(daemon, "milvali.com")
    until(stream, "submitting")
    daemon.deliver(signal.SIGTERM)
    *_, last = stream.events()
    assert (last.id, last.data["status"], last.data["problem"]["code"]) == ("end", 503, "draining")
    assert daemon.wait() == 0


# ---- which requests become a stream ----


def test_rejected_request_for_events_gets_its_problem(testbed, sim, keys):
    keys.add("client")
    keys.add("spent", "quota=0")
    daemon = start(testbed, sim, keys)
    for code, status, headers, parameters in [
            ("unauthorized", 401, {}, {}), ("invalid-domain", 400, keys.bearer("client"), {"domain": "milvali"}),
            ("unknown-parameter", 400, keys.bearer("client"), {"wiat": 1}),
            ("forbidden", 403, keys.bearer("client"), {"refresh": 1}),
            ("not-cached", 504, keys.bearer("client"), {"cached": 1}),
            ("quota-exceeded", 429, keys.bearer("spent"), {})]:
        target = daemon.question(**{"domain": "milvali.com", "format": "sse", **parameters})
        daemon.get(target, headers).problem(status, code)
    daemon.deliver(signal.SIGUSR1)
    eventually(lambda: "event=paused" in daemon.stderr())
    daemon.get(daemon.question("milvali.com", format="sse"), keys.bearer("client")).problem(503, "paused")
    assert sim.ledger() == []


def test_last_event_id_end_stops_the_browser(daemon, sim):
    daemon.lookup("milvali.com")
    where = daemon.lookup("milvali.com", refresh=1, **{"async": 1}).header("Location")
    connection = daemon.connect()
    for target in (daemon.question("milvali.com", format="sse"), daemon.question("other.com", format="sse"),
                   where + "?format=sse", "/lookups/" + 32 * "0" + "?format=sse"):
        answer = connection.get(target, "Last-Event-ID: end")
        assert (answer.status, answer.body) == (204, b"")
    for other in ("", "412", "END", "end2"):
        assert events(daemon, "milvali.com", {"Last-Event-ID": other}).event().name == "result"
    for name in ("json", "ndjson"):
        assert daemon.lookup("milvali.com", {"Last-Event-ID": "end"}, format=name).status == 200
    eventually(lambda: daemon.get(where).status == 200)
    assert [task["domain"] for task in sim.ledger()] == ["milvali.com", "milvali.com"]


def test_preference_for_a_wait_is_named_by_its_stream(testbed, sim):
    daemon = testbed.daemon(sim)
    sim.hold_submits()
    for prefer, applied in (("wait=1", "wait=1"), ("respond-async, wait=1", "wait=1"), ("respond-async", None)):
        stream = events(daemon, "milvali.com", {"Prefer": prefer})
        assert stream.header("Preference-Applied") == applied
        stream.close()


# ---- readers that leave ----


def test_reader_that_leaves_releases_its_slot(testbed, sim):
    daemon = testbed.daemon(sim, "--submit-slots", "1", "--batch-linger", "60s")
    stream = events(daemon, "milvali.com")
    until(stream, "queued")
    stream.close()
    eventually(lambda: abandoned(daemon) == 1)
    eventually(lambda: daemon.get("/readyz?verbose").json()["checks"]["waiters"] == 0)
    eventually(lambda: daemon.get(path_of(stream)).status == 404)
    assert sim.calls()["submit"] == 0


def test_reader_that_leaves_an_asynchronous_lookup_does_not_end_it(testbed, sim):
    daemon = testbed.daemon(sim, "--batch-linger", "60s", "--batch-size", "2")
    stream = events(daemon, "milvali.com", **{"async": 1})
    until(stream, "queued")
    stream.close()
    eventually(lambda: daemon.metric("emailsd_streams") == 0)
    other = events(daemon, "other.com")  # fills the batch
    assert other.events()[-1].data["status"] == 200
    eventually(lambda: daemon.lookup("milvali.com", cached=1).status == 200)
    assert abandoned(daemon) == 0


def test_reader_that_leaves_before_the_result_does_not_lose_it(testbed, sim):
    daemon = testbed.daemon(sim)
    sim.hold_submits()
    stream = events(daemon, "milvali.com")
    sim.reach(submit=1)
    stream.close()
    eventually(lambda: abandoned(daemon) == 1)
    sim.release_submits()
    eventually(lambda: daemon.lookup("milvali.com", cached=1).status == 200)
    assert len(sim.ledger()) == 1


def test_one_line_is_preceded_by_an_empty_line_after_15_s(testbed, sim):
    daemon = testbed.daemon(sim)
    sim.hold_submits()
    then = time.monotonic()
    stream = Stream(daemon, "GET", daemon.question("milvali.com", format="ndjson"))
    assert stream.raw_line() == b"\n"
    assert time.monotonic() - then > 14
    sim.release_submits()
    assert json.loads(stream.raw_line())["count"] == 2
    assert stream.raw_line() == b""


# ---- GET /lookups/{id} ----


def test_events_of_a_lookup_url_follow_it_to_its_end(testbed, sim):
    daemon = testbed.daemon(sim)
    sim.hold_submits()
    where = daemon.lookup("milvali.com", **{"async": 1}).header("Location")
    sim.reach(submit=1)
    stream, line = by_id(daemon, where), by_id(daemon, where, format="ndjson")
    assert path_of(stream) == path_of(line) == where
    event = until(stream, "submitting")
    assert list(event.data) == PROGRESS
    assert "/lookups/" + event.data["id"] == where
    sim.release_submits()
    *_, last = stream.events()
    assert (last.id, last.name) == ("end", "result")
    for data in (last.data, line.line()):
        assert (data["status"], data["outcome"], data["charged"]) == (200, "joined", "no")
        assert list(data["timing"]) == ["queue_ms", "submit_ms", "upstream_ms", "read_ms"]
        assert {**data, **daemon.get(where).json()} == data
    assert line.line() is None
    assert by_id(daemon, where).events()[0].data["outcome"] == "hit"
    assert len(sim.ledger()) == 1


def test_events_of_a_lookup_url_end_with_its_failure(testbed, sim):
    daemon = testbed.daemon(sim)
    sim.hold_submits()
    where = daemon.lookup("errored.com", **{"async": 1}).header("Location")
    sim.reach(submit=1)
    stream = by_id(daemon, where)
    until(stream, "submitting")
    sim.release_submits()
    last = stream.events()[-1].data
    assert (last["status"], last["outcome"], last["problem"]["code"]) == (502, "failed", "lookup-failed")
    [stored] = by_id(daemon, where).events()
    assert (stored.id, stored.name) == ("end", "result")
    assert (stored.data["status"], stored.data["outcome"], stored.data["charged"]) == (502, "failed", "no")


def test_events_of_a_lookup_url_end_when_the_wait_is_over(testbed, sim):
    daemon = testbed.daemon(sim)
    sim.hold_submits()
    where = daemon.lookup("milvali.com", **{"async": 1}).header("Location")
    *_, last = by_id(daemon, where, wait=1).events()
    assert (last.id, last.data["problem"]["code"]) == ("end", "still-processing")
    assert by_id(daemon, where, wait=0, format="ndjson").line()["problem"]["code"] == "still-processing"
    assert daemon.get(where).status == 202


def test_events_of_a_lookup_url_end_at_a_shutdown(testbed, sim):
    daemon = testbed.daemon(sim)
    sim.hold_submits()
    where = daemon.lookup("milvali.com", **{"async": 1}).header("Location")
    sim.reach(submit=1)
    stream = by_id(daemon, where)
    until(stream, "submitting")
    daemon.deliver(signal.SIGTERM)
    *_, last = stream.events()
    assert (last.id, last.data["status"], last.data["problem"]["code"]) == ("end", 503, "draining")
    assert daemon.wait() == 0


def test_head_of_a_lookup_url_has_no_events(testbed, sim):
    daemon = testbed.daemon(sim)
    sim.hold_submits()
    where = daemon.lookup("milvali.com", **{"async": 1}).header("Location")
    answer = daemon.request("HEAD", where + "?format=sse")
    assert (answer.status, answer.header("Content-Type"), answer.body) == (200, "text/event-stream", b"")
    assert daemon.get(where).status == 202
    eventually(lambda: daemon.metric("emailsd_streams") == 0)


@pytest.mark.parametrize("path", ["/lookups/" + 32 * "0", "/lookups/x"])
def test_events_of_an_unknown_lookup_url_are_not_found(daemon, path):
    daemon.get(path + "?format=sse").problem(404, "not-found")


def test_events_of_a_lookup_url_end_with_their_reader(testbed, sim):
    daemon = testbed.daemon(sim)
    sim.hold_submits()
    where = daemon.lookup("milvali.com", **{"async": 1}).header("Location")
    stream = by_id(daemon, where)
    until(stream, "submitting")
    assert daemon.metric("emailsd_streams") == 1
    stream.close()
    eventually(lambda: daemon.metric("emailsd_streams") == 0)
    assert daemon.get(where).status == 202


# ---- real curl ----


def test_events_reach_curl_as_they_happen(testbed, sim):
    daemon = testbed.daemon(sim)
    sim.hold_submits()
    curl = subprocess.Popen(["curl", "-sSN", daemon.urls[0] + daemon.question("milvali.com", format="sse")],
                            stdout=subprocess.PIPE, text=True)
    lines, is_held = [], True
    for line in curl.stdout:
        lines.append(line.rstrip("\n"))
        if is_held and '"phase":"submitting"' in line:  # while the lookup cannot end
            is_held = False
            sim.release_submits()
    assert curl.wait(PATIENCE_S) == 0
    assert not is_held
    assert lines[:2] == ["retry: 3000", ""]
    assert lines[-4:-2] == ["id: end", "event: result"] and lines[-1] == ""
    assert json.loads(lines[-2].removeprefix("data: "))["count"] == 2
