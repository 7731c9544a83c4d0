# SPDX-License-Identifier: MIT
"""test_copy_store.py - tests `emailsd copy-store`: a daemon continues on the copy, and pays for nothing again.

unit/test_store_copy.c has the content of the copy, and its errors.
"""
import pytest
from postgres import Postgres
from programs import run_to_end
from waiting import eventually


@pytest.fixture(scope="module")
def server():
    one = Postgres()
    yield one
    one.close()


@pytest.fixture
def places(server, tmp_path, request):
    """The options of a daemon for a store in a file and for one in PostgreSQL."""
    schema = request.node.name.lower().replace("[", "_").replace("-", "_").rstrip("]")[-60:].strip("_")
    return {"sqlite": ["--store", f"sqlite:{tmp_path}/emailsd.db"],
            "postgresql": ["--store", server.url, "--store-schema", schema]}


@pytest.mark.parametrize("origin, target", [("sqlite", "postgresql"), ("postgresql", "sqlite")])
def test_daemon_on_the_copy_pays_for_nothing_again(testbed, sim, places, origin, target):
    daemon = testbed.daemon(sim, *places[origin])
    before = daemon.lookup("milvali.com")
    assert before.status == 200
    sim.behave(task_time_ms=3600 * 1000)
    daemon.park("example.org")  # submitted, and its results are not there yet
    eventually(lambda: daemon.stderr().count("event=batch_submitted") == 2)
    daemon.stop()
    schema = places["postgresql"][2:]
    copied = run_to_end("copy-store", places[origin][1], places[target][1], *schema)
    assert copied.returncode == 0, copied.stderr
    counts = dict(line.rsplit(None, 1) for line in copied.stdout.splitlines()[:-1])
    assert counts["batches"] == counts["tasks"] == counts["credits"] == "2" and counts["results"] == "1"
    sim.behave(task_time_ms=0)
    daemon = testbed.daemon(sim, *places[target])
    assert daemon.lookup("example.org").status == 200
    assert daemon.lookup("milvali.com").body == before.body
    assert len(sim.ledger()) == 2


def test_copy_of_a_running_daemon_is_rejected(testbed, sim, places):
    testbed.daemon(sim, *places["postgresql"])
    rejected = run_to_end("copy-store", places["postgresql"][1], places["sqlite"][1], *places["postgresql"][2:])
    assert rejected.returncode == 3
    assert "FROM: the schema" in rejected.stderr and "in use by another emailsd" in rejected.stderr


def test_copy_between_schemas_names_that_of_the_origin(testbed, sim, places):
    testbed.daemon(sim, *places["postgresql"]).stop()
    url, schema = places["postgresql"][1], places["postgresql"][3]
    copied = run_to_end("copy-store", url, url, "--from-schema", schema, "--store-schema", f"{schema}_copy")
    assert copied.returncode == 0, copied.stderr


@pytest.mark.parametrize("operands, code, words", [
    ([], 2, "usage: emailsd copy-store FROM TO"),
    (["sqlite:missing/emailsd.db", "sqlite:other.db"], 1, "FROM: "),
    (["mysql:a", "sqlite:other.db"], 2, "FROM: invalid store 'mysql'"),
])
def test_copy_without_a_store_is_rejected(operands, code, words):
    rejected = run_to_end("copy-store", *operands)
    assert rejected.returncode == code
    assert words in rejected.stderr
