# SPDX-License-Identifier: MIT
"""test_lists.py - tests lists of domains: each format of the body and of the response, one result for each
entry, and what the results cost.
"""
import csv
import io

import pytest
from lists import (TYPES, by_index, charged, check_lines, codes, domains, lines_of, outcomes, paid, results_of, send,
                   stream)

MIRRORED = {"text": "application/x-ndjson", "json": "application/json", "ndjson": "application/x-ndjson",
            "csv": "text/csv; charset=utf-8; header=present"}
TABLE = ["index", "input", "tracking_id", "domain", "company_name", "email", "email_status", "status", "code",
         "outcome", "charged"]


def addresses(domain):
    return [f"info@{domain}", f"support@{domain}"]


def table_of(response):
    assert response.status == 200, response
    rows = list(csv.reader(io.StringIO(response.body.decode(), newline="")))
    assert rows[0] == TABLE
    return [dict(zip(TABLE, row)) for row in rows[1:]]


# ---- formats ----


@pytest.mark.parametrize("kind", TYPES)
def test_list_of_each_type_is_answered_in_its_own_format(daemon, sim, kind):
    response = send(daemon, domains(3), kind)
    assert response.status == 200, response
    assert response.header("Content-Type") == MIRRORED[kind]
    assert paid(sim) == domains(3)
    for domain in domains(3):
        assert response.body.count(f"info@{domain}".encode()) == 1


@pytest.mark.parametrize("kind", TYPES)
def test_list_of_each_type_is_answered_as_json(daemon, kind):
    document = send(daemon, domains(3), kind, "?format=json").json()
    assert list(document) == ["id", "state", "total", "unique", "ok", "failed", "charged", "started_at", "ended_at",
                              "results"]
    assert (document["state"], document["total"], document["unique"]) == ("ended", 3, 3)
    assert (document["ok"], document["failed"], document["charged"]) == (3, 0, {"yes": 3, "maybe": 0})
    assert [line["index"] for line in document["results"]] == [0, 1, 2]
    for domain, line in zip(domains(3), document["results"]):
        assert (line["input"], line["status"], line["domain"]) == (domain, 200, domain)
        assert [entry["email"] for entry in line["emails"]] == addresses(domain)


def test_list_as_text_has_one_address_per_line_in_order(daemon):
    response = send(daemon, ["b.com", "milvali", "a.com"], query="?format=text")
    assert response.header("Content-Type") == "text/plain; charset=utf-8"
    assert response.body.decode().split() == addresses("b.com") + addresses("a.com")


def test_list_as_csv_has_a_row_for_each_address_and_for_an_entry_without(daemon):
    rows = table_of(send(daemon, [{"domain": "b.com", "tracking_id": "=1+1"}, {"domain": "empty.com"},
                                  {"domain": "milvali"}], "ndjson", headers={"Accept": "text/csv"}))
    assert [(row["index"], row["email"], row["status"]) for row in rows] == [
        ("0", "info@b.com", "200"), ("0", "support@b.com", "200"), ("1", "", "200"), ("2", "", "400")]
    assert rows[0]["tracking_id"] == "'=1+1"
    assert (rows[3]["code"], rows[3]["outcome"], rows[3]["charged"]) == ("invalid-domain", "rejected", "no")


def test_list_as_events_has_progress_results_and_an_end(daemon):
    reader = stream(daemon, domains(3), query="?format=sse")
    assert reader.header("Content-Type") == "text/event-stream"
    events = reader.events()
    assert events[0].name == "progress" and events[0].data["total"] == 3
    check_lines(results_of(events), 3)
    ids = [event.id.partition("-") for event in events if event.name == "result"]
    assert len({run for run, _, _ in ids}) == 1 and [n for _, _, n in ids] == ["1", "2", "3"]
    assert (events[-1].id, events[-1].name) == ("end", "end")
    assert (events[-1].data["state"], events[-1].data["done"]) == ("ended", 3)


def test_parameter_format_overrides_accept(daemon):
    response = send(daemon, ["a.com"], query="?format=ndjson", headers={"Accept": "text/csv"})
    assert response.header("Content-Type") == "application/x-ndjson"
    send(daemon, ["a.com"], headers={"Accept": "image/png"}).problem(406, "not-acceptable")
    send(daemon, ["a.com"], query="?format=xml").problem(400, "invalid-parameter")


def test_stream_has_its_headers_before_its_first_result(daemon, sim):
    sim.hold_submits()
    reader = stream(daemon, ["a.com"], headers={"X-Request-Id": "list-1"})
    assert reader.status == 200
    assert reader.header("Cache-Control") == "no-store"
    assert reader.header("X-Accel-Buffering") == "no"
    assert reader.header("X-Request-Id") == "list-1"
    assert len(reader.bulk_id()) == 32
    assert reader.header("RateLimit") is None and reader.header("Server-Timing") is None
    sim.release_submits()
    assert [line["domain"] for line in reader.lines()] == ["a.com"]


@pytest.mark.parametrize("domain", ["a.com", "errored.com"])
def test_document_that_waited_reports_where_the_time_went(daemon, domain):
    assert send(daemon, [domain], "json").header("Server-Timing").startswith("queue;dur=")
    assert send(daemon, [domain], "json").header("Server-Timing") is None, "a stored result takes no time"


# ---- results ----


def test_results_of_a_list_are_those_of_single_requests(daemon):
    [line] = lines_of(send(daemon, ["milvali.com"]))
    single = daemon.lookup("milvali.com").json()
    assert list(line)[:5] == ["index", "input", "status", "outcome", "charged"]
    assert {name: line[name] for name in single} == single


def test_list_with_places_asks_for_them(daemon, sim):
    send(daemon, [{"domain": "a.com", "company_name": "A", "city": "Bern", "country": "CH"}], "json")
    [task] = sim.ledger()
    assert (task["company_name"], task["city"], task["country"]) == ("A", "Bern", "CH")


def test_repeated_entries_of_a_list_are_paid_for_once(daemon, sim):
    lines = by_index(lines_of(send(daemon, ["a.com", "A.com.", "https://www.a.com/x", "b.com"])))
    check_lines(lines, 4)
    assert [line["outcome"] for line in lines] == ["looked-up", "duplicate", "duplicate", "looked-up"]
    assert [line["charged"] for line in lines] == ["yes", "no", "no", "yes"]
    assert [line["input"] for line in lines] == ["a.com", "A.com.", "https://www.a.com/x", "b.com"]
    assert paid(sim) == ["a.com", "b.com"]


def test_list_sent_again_consists_of_hits(daemon, sim):
    send(daemon, domains(5))
    lines = lines_of(send(daemon, domains(5)))
    assert outcomes(lines) == {"hit": 5} and not charged(lines)
    assert len(sim.ledger()) == 5


def test_invalid_entries_fail_alone(daemon, sim):
    lines = by_index(lines_of(send(daemon, [
        {"domain": "a.com"}, {"domain": "co.uk"}, {"domain": "127.0.0.1"}, {"domain": "a.com", "notify_url": "x"},
        {"company_name": "A"}, {"domain": "b.com", "city": "x" * 300}], "json")))
    assert [line["problem"]["code"] if "problem" in line else "ok" for line in lines] == [
        "ok", "public-suffix", "ip-address", "unknown-parameter", "missing-domain", "invalid-parameter"]
    assert all(line["outcome"] == "rejected" and line["problem"]["detail"] for line in lines[1:])
    assert paid(sim) == ["a.com"]


def test_denied_domains_of_a_list_are_rejected(testbed, sim, tmp_path):
    (tmp_path / "denied").write_text("gmail.com\n")
    daemon = testbed.daemon(sim, "--deny-domains", str(tmp_path / "denied"))
    lines = by_index(lines_of(send(daemon, ["x.gmail.com", "a.com"])))
    assert [line["status"] for line in lines] == [422, 200]
    assert lines[0]["problem"]["code"] == "denied-domain"
    assert "gmail.com" in lines[0]["problem"]["detail"]
    assert paid(sim) == ["a.com"]


@pytest.mark.parametrize("kind", ["text", "json"])
def test_long_list_with_repeats_and_faults_has_each_index_once_and_the_price_of_the_ledger(testbed, sim, kind):
    """Ten thousand entries: a fifth repeats earlier ones, some are invalid, some fail upstream."""
    daemon = testbed.daemon(sim, "--submit-slots", "3")
    entries = domains(7600) + domains(2000) + domains(200, "errored") + domains(200, "not a domain ")
    sim.fault("submit", "reset", times=2)
    response = send(daemon, entries, kind, "?format=ndjson")
    lines = lines_of(response)
    check_lines(lines, 10000)
    assert outcomes(lines)["duplicate"] == 2000
    assert codes(lines)["invalid-domain"] == 200
    assert codes(lines)["lookup-failed"] == 200
    assert all(entries[line["index"]] == line["input"] for line in lines)
    ledger = paid(sim)
    assert len(set(ledger)) == len(ledger), "nothing is paid for twice"
    assert len(charged(lines)) + len(charged(lines, "maybe")) >= len(ledger)
    assert set(charged(lines)) <= set(ledger) <= set(charged(lines) + charged(lines, "maybe"))
