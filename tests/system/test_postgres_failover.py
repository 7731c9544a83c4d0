# SPDX-License-Identifier: MIT
"""test_postgres_failover.py - tests a standby of PostgreSQL: it takes over, or commits wait for it."""
import pytest
from postgres import Postgres, Standby, Store
from reconciliation import breaches, drain, read_journal
from waiting import eventually


@pytest.fixture
def pair():
    primary = Postgres()
    standby = Standby(primary)
    yield primary, standby
    standby.close()
    primary.close()


def assert_reconciled(sim, daemon, store):
    drain(store)
    daemon.stop()
    assert not breaches(sim.ledger(), read_journal(store))


@pytest.mark.parametrize("primary_is_first", [True, False])
def test_promoted_standby_is_used_after_the_primary_is_lost(testbed, sim, pair, primary_is_first):
    primary, standby = pair
    folders = [primary.folder, standby.folder] if primary_is_first else [standby.folder, primary.folder]
    daemon = testbed.daemon(sim, "--store", f"postgresql:///postgres?host={','.join(folders)}&user=postgres")
    known = daemon.await_result("known.com")
    eventually(standby.has_all)
    primary.stop()
    assert daemon.lookup("milvali.com").problem(503, "storage-unavailable")["charged"] == "no"
    assert daemon.lookup("known.com").body == known.body
    assert daemon.get("/readyz").status == 200
    standby.promote()
    daemon.await_result("milvali.com")
    assert_reconciled(sim, daemon, Store(standby, "emailsd"))
    assert len(sim.ledger()) == 2


def test_commits_wait_for_a_synchronous_standby_that_is_away(testbed, sim, pair):
    primary, standby = pair
    store = Store(primary, "emailsd")
    daemon = testbed.daemon(sim, *store.flags)
    known = daemon.await_result("known.com")
    primary.query_text("ALTER SYSTEM SET synchronous_standby_names = '*'")
    primary.query_text("SELECT pg_reload_conf()")
    eventually(lambda: primary.query("SELECT sync_state FROM pg_stat_replication") == [["sync"]])
    daemon.await_result("synchronous.com")
    standby.stop()
    assert daemon.lookup("milvali.com").problem(503, "storage-unavailable")["charged"] == "no"
    assert daemon.lookup("known.com").body == known.body
    assert len(sim.ledger()) == 2
    standby.start()
    daemon.await_result("milvali.com")
    assert_reconciled(sim, daemon, store)
    assert len(sim.ledger()) == 3
