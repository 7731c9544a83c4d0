# SPDX-License-Identifier: MIT
"""test_spool.py - tests that a batch id survives a kill while PostgreSQL is away."""
import os
import pathlib
import signal

import pytest
from postgres import Postgres, processes_in
from programs import KEY, KEY_VARIABLE
from spool import Spool
from waiting import eventually


@pytest.fixture
def server():
    one = Postgres()
    yield one
    one.close()


@pytest.fixture
def spool(testbed):
    return Spool(pathlib.Path(testbed.directory) / "state")


def flags_of(server, schema="emailsd"):
    return ["--store", server.url, "--store-schema", schema]


def crash(server):
    server.stop()


def freeze(server):
    """Its sessions do not reply, and do not close either. It can only be killed then."""
    pid = server.process.pid
    os.kill(pid, signal.SIGSTOP)  # it starts no more children
    server.frozen = [int(one) for one in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]
    for child in server.frozen:
        os.kill(child, signal.SIGSTOP)


def restart(server):
    for one in getattr(server, "frozen", []):
        os.kill(one, signal.SIGKILL)
    server.stop(signal.SIGKILL)
    eventually(lambda: not processes_in(server.folder))  # until then they hold its shared memory
    server.start()


def lose_store_while_paying(testbed, sim, server, spool, take_away=crash):
    """A daemon has paid, and PostgreSQL goes away before the response to the submit arrives. Returns when the
    daemon was killed and PostgreSQL is back."""
    sim.behave(task_time_ms=0)
    sim.hold_submits()
    daemon = testbed.daemon(sim, *flags_of(server))
    daemon.park("milvali.com")
    sim.reach(submit=1)
    take_away(server)
    sim.release_submits()
    eventually(spool.ids)
    assert "event=spool_open_failed" not in daemon.stderr()
    daemon.kill()
    restart(server)
    assert server.query("SELECT state, batch_id FROM emailsd.batches") == [["sending", ""]]


def start_after_kill(testbed, sim, server, **options):
    """Returns when the store is open: the killed owner could come back until then."""
    daemon = testbed.daemon(sim, *flags_of(server), **options)
    daemon.await_store()
    return daemon


def must_have_paid_once(daemon, sim, server, spool):
    assert daemon.lookup("milvali.com").status == 200
    assert [paid["domain"] for paid in sim.ledger()] == ["milvali.com"]
    assert server.query("SELECT state, batch_id <> '' FROM emailsd.batches") == [["over", "t"]]
    assert server.query("SELECT outcome FROM emailsd.tasks") == [["answered"]]
    assert server.query("SELECT sum(credits) FROM emailsd.accounts") == [["1"]]
    assert not spool.path.stat().st_size


@pytest.mark.parametrize("take_away", [crash, freeze])
def test_batch_id_survives_a_kill_while_postgresql_is_away(testbed, sim, server, spool, take_away):
    lose_store_while_paying(testbed, sim, server, spool, take_away)
    daemon = start_after_kill(testbed, sim, server)
    assert "event=spool_recorded entries=1" in daemon.stderr()
    must_have_paid_once(daemon, sim, server, spool)


def test_stop_while_postgresql_is_silent_ends_and_loses_nothing(testbed, sim, server, spool):
    sim.behave(task_time_ms=0)
    sim.hold_submits()
    daemon = testbed.daemon(sim, *flags_of(server), "--drain-timeout", "1s")
    daemon.park("milvali.com")
    sim.reach(submit=1)
    freeze(server)
    sim.release_submits()
    eventually(spool.ids)
    daemon.deliver(signal.SIGTERM)
    assert daemon.wait() == 1
    daemon.was_checked = True
    assert "event=stopped_while_" in daemon.stderr()
    restart(server)
    must_have_paid_once(start_after_kill(testbed, sim, server), sim, server, spool)


def test_batch_id_without_its_spool_is_lost(testbed, sim, server, spool):
    """Shows that the tests around can fail: the spool is what they depend on."""
    lose_store_while_paying(testbed, sim, server, spool)
    spool.path.unlink()
    daemon = start_after_kill(testbed, sim, server)
    daemon.lookup("milvali.com").problem(502, "upstream-outcome-unknown")


def test_batch_that_another_process_gave_up_is_resumed_by_the_spool(testbed, sim, server, spool, tmp_path):
    lose_store_while_paying(testbed, sim, server, spool)
    elsewhere = {KEY_VARIABLE: KEY, "STATE_DIRECTORY": str(tmp_path / "elsewhere")}
    second = start_after_kill(testbed, sim, server, env=elsewhere)
    assert "unknown_batches=1" in second.stderr()
    second.stop()
    assert server.query("SELECT outcome FROM emailsd.tasks") == [["unknown"]]
    must_have_paid_once(start_after_kill(testbed, sim, server), sim, server, spool)


def test_batch_id_of_another_store_stays_in_the_spool(testbed, sim, server, spool):
    lose_store_while_paying(testbed, sim, server, spool)
    other = testbed.daemon(sim, *flags_of(server, "other"))
    [(number, batch_id)] = spool.ids().items()
    assert f'event=spool_entry_rejected error="not found" batch={batch_id} number={number} ' \
           "store=postgres/emailsd" in other.stderr()
    other.stop()
    assert spool.ids() == {number: batch_id}
    must_have_paid_once(start_after_kill(testbed, sim, server), sim, server, spool)


def fill_with_ended_tasks(server):
    """The store then has as many as it retains. They ended after the batch id was read."""
    server.query("INSERT INTO emailsd.batches(number, state, intended_ms) VALUES (1, 'over', 0)")
    server.query("INSERT INTO emailsd.tasks(batch, place, tracking_id, lookup_id, key, domain, company_name, city,"
                 " state, country, client, day, outcome, task_id, code, detail, ended_ms)"
                 " SELECT 1, i, i::text, i::text, decode(repeat('00', 32), 'hex'), 'milvali.com', '', '', '', '', '', 0,"
                 " 'answered', '', '', '',"
                 " (extract(epoch FROM now()) * 1000)::bigint + 3600000 FROM generate_series(1, 100000) AS i")


def test_batch_id_whose_batch_was_deleted_is_removed_and_logged_once(testbed, sim, server, spool, tmp_path):
    """Another process gives the batch up, and later deletes it, because it retains a limited number of tasks."""
    lose_store_while_paying(testbed, sim, server, spool)
    [(number, batch_id)] = spool.ids().items()
    fill_with_ended_tasks(server)
    elsewhere = {KEY_VARIABLE: KEY, "STATE_DIRECTORY": str(tmp_path / "elsewhere")}
    second = start_after_kill(testbed, sim, server, env=elsewhere)
    assert server.query(f"SELECT count(*) FROM emailsd.batches WHERE number = {number}") == [["0"]]
    second.stop()
    daemon = start_after_kill(testbed, sim, server)
    assert f'event=spool_entry_removed error="not found" batch={batch_id} number={number} store=postgres/emailsd' \
        in daemon.stderr()
    daemon.stop()
    assert not spool.path.stat().st_size
    assert "event=spool_entry" not in start_after_kill(testbed, sim, server).stderr()


def test_spool_is_empty_after_postgresql_is_back(testbed, sim, server, spool):
    sim.hold_submits()
    daemon = testbed.daemon(sim, *flags_of(server))
    parked = daemon.park("milvali.com")
    sim.reach(submit=1)
    server.stop()
    sim.release_submits()
    eventually(spool.ids)
    server.start()
    assert parked.read().status == 200
    eventually(lambda: not spool.ids())
    must_have_paid_once(daemon, sim, server, spool)


def test_daemon_that_waited_for_postgresql_has_a_spool(testbed, sim, server, spool):
    """It opens the store in its sandbox, with all layers in effect."""
    server.stop()
    daemon = testbed.daemon(sim, *flags_of(server))
    daemon.get("/readyz").problem(503, "starting")
    server.start()
    daemon.await_store()
    sim.hold_submits()
    parked = daemon.park("milvali.com")
    sim.reach(submit=1)
    server.stop()
    sim.release_submits()
    eventually(spool.ids)
    server.start()
    assert parked.read().status == 200
    assert "event=spool_open_failed" not in daemon.stderr()
    eventually(lambda: daemon.get("/readyz?verbose").json()["checks"]["journal_backlog"] == 0)


def test_second_daemon_in_a_state_directory_has_no_spool(testbed, sim, server):
    testbed.daemon(sim, *flags_of(server))
    second = testbed.daemon(sim, *flags_of(server, "other"))
    assert "event=spool_open_failed" in second.stderr()
    assert "in use by another emailsd" in second.stderr()
    assert second.lookup("milvali.com").status == 200


def test_daemon_without_a_state_directory_has_no_spool(testbed, sim, server):
    nowhere = {KEY_VARIABLE: KEY, "STATE_DIRECTORY": "", "XDG_STATE_HOME": "", "HOME": ""}
    daemon = testbed.daemon(sim, *flags_of(server), env=nowhere)
    assert "event=spool_open_failed" in daemon.stderr()
    assert daemon.lookup("milvali.com").status == 200
