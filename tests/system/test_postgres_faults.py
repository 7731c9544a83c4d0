# SPDX-License-Identifier: MIT
"""test_postgres_faults.py - tests a PostgreSQL that is away, slow, read-only, full, or loses its replies, while the
daemon runs.

Results in memory are served, nothing is paid for, and service resumes automatically. At the end of each test, the
journal agrees with the upstream's ledger, and nothing was paid for twice.
"""
import os
import re
import signal
import zlib
from pathlib import Path

import pytest
from pg_proxy import BATCH_ID, INTENT, RESULT, TO_DAEMON, TO_SERVER, PgProxy
from postgres import NOBODY, Postgres, Store
from programs import HOUR_MS
from reconciliation import await_recorded, breaches, drain, read_journal
from test_disk import Disk
from waiting import PATIENCE_S, eventually


@pytest.fixture(scope="module")
def shared():
    """A server for the tests that do not change it."""
    one = Postgres()
    yield one
    one.close()


@pytest.fixture
def own():
    """A server for a test that stops or configures it."""
    one = Postgres()
    yield one
    one.close()


@pytest.fixture
def schema(request):
    name = request.node.name.lower()
    return re.sub("[^a-z0-9_]+", "_", name)[:40] + f"_{zlib.crc32(name.encode())}"


class Network:
    """A proxy in front of a server, and the options of a daemon behind it."""

    def __init__(self, server, schema):
        self.proxy, self.server = PgProxy(server), server
        self.store = Store(server, schema)
        self.flags = ["--store", self.proxy.url, "--store-schema", schema]


@pytest.fixture
def network(shared, schema):
    one = Network(shared, schema)
    yield one
    one.proxy.close()


def checks(daemon):
    return daemon.get("/readyz?verbose").json()["checks"]


def expect_unavailable(daemon, domain, **parameters):
    assert daemon.lookup(domain, **parameters).problem(503, "storage-unavailable")["charged"] == "no"


def expect_away(daemon, known):
    """The store cannot be used: results in memory are served, and probes succeed."""
    eventually(lambda: checks(daemon)["store"] == "unavailable")
    assert daemon.lookup("known.com").body == known.body
    assert daemon.get("/readyz").status == 200
    assert daemon.get("/livez").status == 200


def finish(daemon, sim, store):
    """Ends the daemon and compares both sides."""
    drain(store)
    daemon.stop()
    assert not breaches(sim.ledger(), read_journal(store))


# ---- away ----


def test_stop_waits_for_a_server_that_is_away(testbed, sim, network):
    daemon = testbed.daemon(sim, *network.flags, "--drain-timeout", "600s")
    sim.hold_submits()
    client = daemon.park("milvali.com")
    sim.reach(submit=1)
    network.proxy.be_silent()
    sim.release_submits()
    assert client.read().status == 200
    eventually(lambda: "event=journal_entry_deferred entry=batch-id" in daemon.stderr())
    daemon.deliver(signal.SIGTERM)
    eventually(lambda: "event=engine_drain_started" in daemon.stderr())
    network.proxy.await_accepted(4)
    network.proxy.thaw()
    assert daemon.wait() == 0
    daemon.was_checked = True
    assert not breaches(sim.ledger(), read_journal(network.store))


@pytest.mark.parametrize("fault", ["close_port", "be_silent"])
def test_server_that_is_away_stops_paid_lookups_until_it_is_back(testbed, sim, network, fault):
    daemon = testbed.daemon(sim, *network.flags)
    known = daemon.await_result("known.com")
    getattr(network.proxy, fault)()
    expect_unavailable(daemon, "milvali.com")
    expect_away(daemon, known)
    eventually(lambda: daemon.metric("emailsd_store_connected") == 0)
    eventually(lambda: "event=store_disconnected reason=" in daemon.stderr())
    assert sim.calls()["submit"] == 1
    network.proxy.thaw() if fault == "be_silent" else network.proxy.listen()
    daemon.await_result("milvali.com")
    eventually(lambda: checks(daemon)["store"] == "usable")
    eventually(lambda: daemon.metric("emailsd_store_connected") == 1)
    eventually(lambda: "event=store_connected" in daemon.stderr())
    finish(daemon, sim, network.store)


def test_waiting_callers_get_their_results_although_the_server_is_away(testbed, sim, network):
    daemon = testbed.daemon(sim, *network.flags)
    sim.hold_submits()
    paid = daemon.park("milvali.com")
    sim.reach(submit=1)
    network.proxy.close_port()
    expect_unavailable(daemon, "other.com")
    sim.release_submits()
    assert paid.read().status == 200
    assert sim.calls()["submit"] == 1
    network.proxy.listen()
    daemon.await_result("other.com")
    finish(daemon, sim, network.store)


def test_callers_keep_waiting_for_a_batch_over_an_outage(testbed, sim, network):
    daemon = testbed.daemon(sim, *network.flags)
    sim.behave(task_time_ms=HOUR_MS)
    waiting = daemon.park("milvali.com")
    await_recorded(network.store)
    network.proxy.close_port()
    expect_unavailable(daemon, "other.com")
    network.proxy.listen()
    eventually(lambda: checks(daemon)["store"] == "usable")
    assert checks(daemon)["waiters"] == 1
    sim.behave(task_time_ms=0)
    assert waiting.read().status == 200
    finish(daemon, sim, network.store)


def test_request_keeps_its_deadline_while_the_server_is_silent(testbed, sim, network):
    daemon = testbed.daemon(sim, *network.flags)
    daemon.await_result("known.com")  # it has started
    network.proxy.freeze(TO_SERVER)
    waiting = daemon.park("milvali.com", wait=1)
    waiting.read().problem(503, "storage-unavailable")
    network.proxy.thaw()
    daemon.await_result("milvali.com")
    finish(daemon, sim, network.store)


def test_second_fault_while_connecting_changes_nothing(testbed, sim, network):
    daemon = testbed.daemon(sim, *network.flags)
    known = daemon.await_result("known.com")
    network.proxy.be_silent()
    network.proxy.await_accepted(2)
    network.proxy.close_port()
    expect_away(daemon, known)
    network.proxy.thaw()
    network.proxy.listen()
    daemon.await_result("milvali.com")
    finish(daemon, sim, network.store)


# ---- slow ----


@pytest.mark.parametrize("direction", [TO_SERVER, TO_DAEMON])
def test_statement_without_a_reply_ends_after_its_limit(testbed, sim, network, direction):
    """The connection is closed and replaced; whether the statement was executed does not matter."""
    daemon = testbed.daemon(sim, *network.flags)
    known = daemon.await_result("known.com")
    before = network.proxy.n_accepted
    network.proxy.freeze(direction)
    waiting = daemon.park("milvali.com")
    expect_away(daemon, known)
    eventually(lambda: network.proxy.n_accepted > before)
    assert sim.calls()["submit"] == 1
    network.proxy.thaw()
    waiting.read()
    daemon.await_result("milvali.com")
    finish(daemon, sim, network.store)


# ---- lost replies ----


@pytest.mark.parametrize("cuts", [True, False], ids=["cut", "silent"])
def test_lost_reply_to_an_intent_sends_nothing_and_refunds(testbed, sim, network, cuts):
    daemon = testbed.daemon(sim, *network.flags, "--credits-per-day", "100")
    lost = network.proxy.lose_reply(INTENT, cuts)
    answer = daemon.lookup("milvali.com")
    assert lost.is_set()
    assert answer.problem(503, "storage-unavailable")["charged"] == "no"
    assert sim.ledger() == []
    daemon.await_result("milvali.com")
    assert len(sim.ledger()) == 1
    finish(daemon, sim, network.store)
    assert [row["credits"] for row in network.store.rows("accounts")] == [1]
    assert sorted(task["outcome"] for task in network.store.rows("tasks")) == ["answered", "not-created"]


@pytest.mark.parametrize("cuts", [True, False], ids=["cut", "silent"])
@pytest.mark.parametrize("which", [BATCH_ID, RESULT], ids=["batch id", "result"])
def test_fact_whose_confirmation_is_lost_is_written_again(testbed, sim, network, which, cuts):
    daemon = testbed.daemon(sim, *network.flags)
    lost = network.proxy.lose_reply(which, cuts)
    assert daemon.lookup("milvali.com").status == 200
    assert lost.wait(PATIENCE_S)
    daemon.await_result("other.com")
    finish(daemon, sim, network.store)
    assert len(sim.ledger()) == 2
    assert len(network.store.rows("answers")) == 2


def test_killed_after_the_reply_to_a_batch_id_was_lost_resumes(testbed, sim, network):
    daemon = testbed.daemon(sim, *network.flags)
    sim.behave(task_time_ms=HOUR_MS)
    lost = network.proxy.lose_reply(BATCH_ID)
    daemon.park("milvali.com")
    assert lost.wait(PATIENCE_S)
    daemon.kill()
    sim.behave(task_time_ms=0)
    daemon = testbed.daemon(sim, *network.flags)
    daemon.await_store()
    assert daemon.lookup("milvali.com").status == 200
    finish(daemon, sim, network.store)
    assert len(sim.ledger()) == 1


# ---- the server ----


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT], ids=["fast", "as a crash"])
def test_stopped_server_is_used_again_after_its_start(testbed, sim, own, schema, number):
    store = Store(own, schema)
    daemon = testbed.daemon(sim, *store.flags)
    known = daemon.await_result("known.com")
    own.stop(number)
    expect_unavailable(daemon, "milvali.com")
    expect_away(daemon, known)
    own.start()
    daemon.await_result("milvali.com")
    finish(daemon, sim, store)


def test_terminated_sessions_are_replaced(testbed, sim, shared, schema):
    store = Store(shared, schema)
    daemon = testbed.daemon(sim, *store.flags)
    for i in range(3):
        shared.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'emailsd'")
        daemon.await_result(f"number{i}.com")
    finish(daemon, sim, store)


def configure(server, setting):
    server.query_text(f"ALTER SYSTEM {setting}")
    server.query_text("SELECT pg_reload_conf()")


def test_read_only_server_stops_paid_lookups(testbed, sim, own, schema):
    store = Store(own, schema)
    daemon = testbed.daemon(sim, *store.flags)
    known = daemon.await_result("known.com")
    configure(own, "SET default_transaction_read_only = on")
    expect_away(daemon, known)
    expect_unavailable(daemon, "milvali.com")
    assert sim.calls()["submit"] == 1
    eventually(lambda: re.search("event=store_disconnected reason=.*read-only", daemon.stderr()))
    configure(own, "RESET default_transaction_read_only")
    daemon.await_result("milvali.com")
    finish(daemon, sim, store)


def test_missing_privilege_stops_paid_lookups(testbed, sim, own, schema):
    own.query_text("CREATE ROLE plain LOGIN; GRANT CREATE ON DATABASE postgres TO plain")
    store = Store(own, schema)
    daemon = testbed.daemon(sim, "--store", own.url.replace("user=postgres", "user=plain"), "--store-schema", schema)
    known = daemon.await_result("known.com")
    own.query_text(f"REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM plain;"
                   f" GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO plain")
    expect_unavailable(daemon, "milvali.com")
    expect_away(daemon, known)
    assert sim.calls()["submit"] == 1
    own.query_text(f"GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO plain")
    daemon.await_result("milvali.com")
    finish(daemon, sim, store)


def test_commit_that_did_not_wait_for_the_standby_is_not_relied_on(testbed, sim, own, schema):
    """The standby is away: commits wait for it, until the operator cancels them. Then they succeed with a warning."""
    store = Store(own, schema)
    daemon = testbed.daemon(sim, *store.flags)
    known = daemon.await_result("known.com")
    configure(own, "SET synchronous_standby_names = 'nowhere'")
    commits = "FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
    eventually(lambda: own.query(f"SELECT pid {commits}"))  # a heartbeat: from now on, each commit waits
    waiting = daemon.park("milvali.com")
    eventually(lambda: own.query(f"SELECT pg_cancel_backend(pid) {commits}")
               and checks(daemon)["store"] == "unavailable")
    expect_away(daemon, known)
    assert sim.calls()["submit"] == 1
    configure(own, "RESET synchronous_standby_names")
    waiting.read()  # the intent failed, or it waited until now
    daemon.await_result("milvali.com")
    eventually(lambda: checks(daemon)["journal_backlog"] == 0)
    finish(daemon, sim, store)


@pytest.fixture
def space(own):
    """A small file system for the tables of the server; its log is elsewhere, so the server survives."""
    disk = Disk(Path(own.folder) / "space", 64 << 10)
    tables = disk.path / "tables"
    tables.mkdir()
    if os.geteuid() == 0:
        for folder in (disk.path, tables):
            os.chown(folder, NOBODY, NOBODY)
    own.query_text(f"CREATE TABLESPACE space LOCATION '{tables}'")
    own.query_text("CREATE DATABASE small TABLESPACE space")
    yield disk
    own.stop()
    disk.leave()


def test_full_disk_of_the_server_stops_paid_lookups(testbed, sim, own, space):
    own.url = own.url.replace("///postgres", "///small")
    store = Store(own, "emailsd")
    daemon = testbed.daemon(sim, *store.flags)
    known = daemon.await_result("known.com")
    space.fill()
    numbers = iter(range(1000))  # the pages of the tables have some room left
    eventually(lambda: daemon.lookup(f"number{next(numbers)}.com").status == 503)
    expect_unavailable(daemon, "milvali.com")
    expect_away(daemon, known)
    paid = len(sim.ledger())
    expect_unavailable(daemon, "other.com")
    assert len(sim.ledger()) == paid
    space.free()
    daemon.await_result("milvali.com")
    finish(daemon, sim, store)


# ---- another owner ----


def test_replaced_owner_pays_for_nothing_and_is_not_ready(testbed, sim, shared, schema):
    store = Store(shared, schema)
    daemon = testbed.daemon(sim, *store.flags)
    known = daemon.await_result("known.com")
    shared.query_text(f"UPDATE {schema}.leadership SET epoch = epoch + 1, leader = 'another'")
    eventually(lambda: checks(daemon)["store"] == "lost")
    assert "another process" in daemon.get("/readyz").problem(503, "storage-unavailable")["detail"]
    assert daemon.get("/livez").status == 200
    assert daemon.lookup("known.com").body == known.body
    expect_unavailable(daemon, "milvali.com")
    eventually(lambda: daemon.metric("emailsd_store_lost") == 1)
    assert len(sim.ledger()) == 1
    daemon.stop()
    assert daemon.stderr().count("event=store_ownership_lost") == 1
    assert shared.query(f"SELECT leader FROM {schema}.leadership") == [["another"]]
