# SPDX-License-Identifier: MIT
"""test_copy_store.py - tests `emailsd copy-store`: a daemon continues on the copy, and pays for nothing again.

unit/test_store_copy.c has the content of the copy, and its errors.
"""
import subprocess

import pytest
from postgres import Postgres
from programs import EMAILSD, environment, run_to_end, tied
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


HANG = """
CREATE FUNCTION {schema}.hang() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(3600); RETURN NEW; END';
CREATE TRIGGER hang BEFORE INSERT ON {schema}.answers FOR EACH ROW EXECUTE FUNCTION {schema}.hang();
"""


def test_copy_that_is_killed_leaves_an_empty_store(testbed, sim, server, places):
    daemon = testbed.daemon(sim, *places["sqlite"])
    assert daemon.lookup("milvali.com").status == 200
    daemon.stop()
    origin, target, schema = places["sqlite"][1], places["postgresql"][1], places["postgresql"][3]
    assert run_to_end("migrate", *places["postgresql"]).returncode == 0
    server.query(HANG.format(schema=schema))
    command = [EMAILSD, "copy-store", origin, target, "--store-schema", schema]
    backend = "pg_stat_activity WHERE query LIKE 'COPY answers%' AND wait_event = 'PgSleep'"
    with subprocess.Popen(tied(command), env=environment()) as copying:
        eventually(lambda: server.query(f"SELECT count(*) FROM {backend}") == [["1"]])
        copying.kill()
    server.query(f"SELECT pg_terminate_backend(pid, 60000) FROM {backend}")
    server.query(f"DROP TRIGGER hang ON {schema}.answers")
    assert server.query(f"SELECT count(*) FROM {schema}.tasks") == [["0"]]
    copied = run_to_end(*command[1:])
    assert copied.returncode == 0, copied.stderr
