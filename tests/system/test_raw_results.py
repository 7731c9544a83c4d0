# SPDX-License-Identifier: MIT
"""test_raw_results.py - tests paid results that an earlier version could not understand, with the real
binary: listed, deleted, and parsed again after an upgrade.
"""
import json
import re
import sqlite3

import pytest
from programs import run_to_end
from reconciliation import files_of, inspect

NO_UPSTREAM = "http://127.0.0.1:1"
OLDER, NEWER = 0, 1000  # than the parser of this version
BODY = {"status": "COMPLETED", "tracking_id": None, "data": [{"email": "Info@milvali.com", "status": "VALID"}]}


@pytest.fixture
def store(tmp_path):
    return tmp_path / "state" / "emailsd.db"


@pytest.fixture
def start(testbed, sim, store):
    def start_one(*flags, upstream=sim):
        return testbed.daemon(upstream, "--store", f"sqlite:{store}", *flags)
    return start_one


@pytest.fixture
def unread(start, store):
    """Returns a function that leaves a store with one raw result, as a version with that parser would."""
    def leave(parser):
        daemon = start()
        daemon.lookup("milvali.com")
        daemon.stop()
        with sqlite3.connect(store) as database:
            database.execute("PRAGMA secure_delete = ON")
            database.execute("DELETE FROM answers")
            database.execute("UPDATE tasks SET outcome = 'unknown', code = 'upstream-invalid-response'")
            body = json.dumps(BODY).encode()
            database.execute(
                "INSERT INTO raw_results(tracking_id, lookup_id, key, domain, company_name, parser, stored_ms, size,"
                " body) SELECT tracking_id, lookup_id, key, domain, company_name, ?, ended_ms, ?, ? FROM tasks",
                [parser, len(body), body])
        database.close()
    return leave


def has_address(store):
    return any(b"info@milvali.com" in path.read_bytes().lower() for path in files_of(store))


def test_inspect_lists_raw_results(unread, store):
    unread(NEWER)
    found = inspect(store)
    assert found["raw"] == {"results": 1, "bytes": len(json.dumps(BODY)), "submit_responses": 0}
    [row] = found["raw_results"]
    assert (row["domain"], row["bytes"], row["parser"]) == ("milvali.com", len(json.dumps(BODY)), NEWER)
    text = run_to_end("inspect", "--store", f"sqlite:{store}").stdout
    assert re.search(r"^raw +1 paid results", text, re.M), text
    assert re.search(rf"^{row['lookup_id']} +\S+ +milvali\.com +{row['bytes']}$", text, re.M), text


def test_inspect_shows_responses_to_submits_that_cannot_be_read(start, sim, store):
    sim.fault("submit", "body", body='{"job":"\\u00e9\u20ac","note":"no id\nhere"}')
    start().lookup("milvali.com").problem(502, "upstream-outcome-unknown")
    found = inspect(store)
    [row] = found["submit_responses"]
    assert row["response"] == '{"job":"\\u00e9\u20ac","note":"no id\nhere"}'
    assert row["bytes"] == len(row["response"].encode())
    assert row["tracking_ids"] == [found["unknown"][0]["tracking_id"]]
    assert (row["batch_id"], found["raw"]["submit_responses"]) == (None, 1)
    text = run_to_end("inspect", "--store", f"sqlite:{store}").stdout
    assert re.search(r"^raw +1 responses to submits", text, re.M), text
    assert text.count(row["tracking_ids"][0]) == 2
    assert r'"note\":\"no id\nhere' in text


def test_upgrade_answers_raw_results_without_paying(unread, start, store, sim):
    unread(OLDER)
    daemon = start(upstream=NO_UPSTREAM)
    response = daemon.lookup("milvali.com")
    assert response.status == 200
    assert [entry["email"] for entry in response.json()["emails"]] == ["Info@milvali.com"]
    assert "event=raw_results_parsed understood=1 kept=0" in daemon.stderr()
    assert inspect(store)["raw"]["results"] == 0
    assert inspect(store)["tasks"]["answered"] == 1
    assert len(sim.ledger()) == 1


@pytest.mark.parametrize("beside", [True, False])
def test_forget_deletes_raw_results_with_the_address(unread, start, store, beside):
    unread(NEWER)
    if beside:
        start(upstream=NO_UPSTREAM)
    assert has_address(store)
    result = run_to_end("forget", "INFO@milvali.com", "--store", f"sqlite:{store}")
    assert (result.returncode, result.stdout) == (0, "deleted from 1 stored result\n"), result
    assert not has_address(store)
    assert inspect(store)["raw"]["results"] == 0


def test_delete_includes_the_raw_results_of_the_domain(unread, start, store):
    unread(NEWER)
    daemon = start("--allow-anonymous=admin", upstream=NO_UPSTREAM)
    assert daemon.lookup("milvali.com", method="DELETE").status == 204
    assert not has_address(store)
    assert daemon.lookup("milvali.com", method="DELETE").status == 404
