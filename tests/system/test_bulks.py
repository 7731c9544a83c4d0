# SPDX-License-Identifier: MIT
"""test_bulks.py - tests GET and DELETE /bulks/{id}: the progress of a list, its results, and its cancellation."""
import json

import client_keys
import pytest
from lists import ListStream, charged, check_lines, codes, domains, lines_of, results_of, send, stream
from waiting import eventually

UNKNOWN = "/bulks/" + "0" * 32


def start(daemon, entries, headers=None):
    """Starts a list that continues without a reader; returns the path of its bulk. It may have ended already."""
    response = send(daemon, entries, "json", "?async=1", headers)
    assert response.status in (200, 202), response
    return f"/bulks/{response.json()['id']}"


# ---- GET ----


def test_running_bulk_reports_its_progress(daemon, sim):
    daemon.lookup("company0.com")
    sim.hold_submits()
    path = start(daemon, domains(5))
    response = eventually(lambda: (r := daemon.get(path)).json()["done"] == 1 and r)
    assert response.status == 202 and int(response.header("Retry-After")) >= 1
    document = response.json()
    assert (document["state"], document["ok"], document["charged"]) == ("running", 1, {"yes": 0, "maybe": 0})
    sim.release_submits()
    response = daemon.get(path + "?wait=60")
    assert response.status == 200, response
    check_lines(lines_of(response), 5)


@pytest.mark.parametrize("name, first", [("json", b'{"id"'), ("csv", b"index,"), ("text", b"info@"),
                                         ("ndjson", b'{"index"'), ("sse", b"retry: 3000")])
def test_ended_bulk_is_returned_in_each_format(daemon, name, first):
    path = start(daemon, domains(3))
    assert daemon.get(path + "?wait=60").status == 200
    response = daemon.get(f"{path}?format={name}")
    assert response.status == 200 and response.body.startswith(first)
    for domain in domains(3):
        assert response.body.count(f"info@{domain}".encode()) == 1


@pytest.mark.parametrize("name", ["json", "ndjson"])
@pytest.mark.parametrize("after, n", [(0, 4), (1, 3), (4, 0), (5, 0)])
def test_after_skips_the_first_results(daemon, name, after, n):
    path = start(daemon, domains(4))
    assert daemon.get(path + "?wait=60").status == 200
    assert len(lines_of(daemon.get(f"{path}?format={name}&after={after}"))) == n


def test_only_a_request_that_waited_reports_where_the_time_went(daemon, sim):
    sim.hold_submits()
    started = send(daemon, domains(3), "json", "?async=1")
    path = started.header("Location")
    late = daemon.get(path + "?wait=1")
    assert [started.status, late.status] == [202, 202]
    assert started.header("Server-Timing") is None and late.header("Server-Timing").startswith("queue;dur=")
    assert daemon.get(path).header("Server-Timing") is None
    connection = daemon.connect()
    connection.send_get(path + "?wait=60")
    connection.end_writing()
    assert connection.read("HEAD").status == 100, "it waits"
    sim.release_submits()
    response = connection.read("HEAD")
    assert response.status == 200 and response.header("Server-Timing").startswith("queue;dur=")
    ended = daemon.get(path + "?wait=60")
    assert ended.status == 200 and ended.header("Server-Timing") is None


@pytest.mark.parametrize("prefer, applied", [(None, None), ("wait=0", "wait=0"), ("respond-async", "respond-async")])
def test_progress_names_the_preferences_of_its_own_request(daemon, sim, prefer, applied):
    sim.hold_submits()
    response = daemon.get(start(daemon, domains(3)), {"Prefer": prefer} if prefer else {})
    assert (response.status, response.header("Preference-Applied")) == (202, applied)
    sim.release_submits()


def test_events_that_end_with_their_wait_report_the_sums_of_their_results(daemon, sim):
    daemon.lookup("company0.com")
    sim.hold_submits()
    events = stream(daemon, domains(3), query="?format=sse&wait=1").events()
    lines, end = results_of(events), events[-1].data
    assert codes(lines) == {"ok": 1, "still-processing": 2}
    assert charged(lines, "maybe") == domains(3)[1:]
    assert (end["state"], end["done"], end["ok"], end["failed"]) == ("running", 1, 1, 0)
    assert end["charged"] == {"yes": 0, "maybe": 2}
    sim.release_submits()


def test_lines_follow_a_running_bulk_to_its_end(daemon, sim):
    sim.hold_submits()
    path = start(daemon, domains(5))
    reader = ListStream(daemon, "GET", path + "?format=ndjson")
    assert reader.status == 200
    sim.release_submits()
    check_lines(reader.lines(), 5)


def test_head_of_a_bulk_has_no_body(daemon):
    path = start(daemon, domains(3))
    assert daemon.get(path + "?wait=60").status == 200
    response = daemon.request("HEAD", path)
    assert (response.status, response.body) == (200, b"")


@pytest.mark.parametrize("path", [UNKNOWN, "/bulks/x", "/bulks/" + "A" * 32])
def test_unknown_bulk_is_not_found(daemon, path):
    daemon.get(path).problem(404, "not-found")
    daemon.request("DELETE", path).problem(404, "not-found")


@pytest.mark.parametrize("query", ["?domain=a.com", "?refresh=1", "?max_credits=1", "?afters=1"])
def test_parameters_of_a_bulk_are_checked(daemon, query):
    daemon.get(UNKNOWN + query).problem(400, "unknown-parameter")


def test_bulk_of_another_account_is_not_found(testbed, sim, keys):
    keys.add("one")
    keys.add("two", "admin")
    daemon = client_keys.start(testbed, sim, keys)
    path = start(daemon, domains(3), keys.bearer("one"))
    assert daemon.get(path + "?wait=60", keys.bearer("one")).status == 200
    daemon.get(path, keys.bearer("two")).problem(404, "not-found")
    daemon.request("DELETE", path, keys.bearer("two")).problem(404, "not-found")
    daemon.get(path).problem(401, "unauthorized")


def test_deleted_addresses_are_in_no_bulk(testbed, sim):
    daemon = testbed.daemon(sim, "--allow-anonymous=admin")
    path = start(daemon, domains(3))
    assert codes(lines_of(daemon.get(path + "?wait=60"))) == {"ok": 3}
    assert daemon.lookup("company1.com", method="DELETE").status == 204
    response = daemon.get(path)
    assert b"info@company1.com" not in response.body
    assert codes(lines_of(response)) == {"ok": 2, "not-cached": 1}


def test_bulk_is_unknown_after_a_restart_until_its_list_is_sent_again(testbed, sim):
    store = ["--store", f"sqlite:{testbed.directory}/bulks.db"]
    daemon = testbed.daemon(sim, *store)
    path = start(daemon, domains(3))
    assert daemon.get(path + "?wait=60").status == 200
    daemon.stop()
    daemon = testbed.daemon(sim, *store)
    daemon.get(path).problem(404, "not-found")
    assert codes(lines_of(send(daemon, domains(3)))) == {"ok": 3}
    assert daemon.get(path).status == 200
    assert len(sim.ledger()) == 3


# ---- DELETE ----


def test_cancelled_bulk_submits_no_more(testbed, sim):
    daemon = testbed.daemon(sim, "--batch-size", "10", "--submit-slots", "2")
    sim.hold_submits()
    reader = stream(daemon, domains(100), query="?async=1")
    sim.reach(submit=1)
    path = f"/bulks/{reader.bulk_id()}"
    response = daemon.request("DELETE", path)
    assert (response.status, response.body) == (204, b"")
    sim.release_submits()
    lines = reader.lines()
    check_lines(lines, 100)
    assert codes(lines) == {"ok": len(sim.ledger()), "cancelled": 100 - len(sim.ledger())}
    assert len(sim.ledger()) <= 20
    assert json.loads(daemon.get(path).body)["state"] == "cancelled"
    assert codes(lines_of(send(daemon, domains(100)))) == {"ok": 100}, "sent again, it runs again"
    assert len(sim.ledger()) == 100
