# SPDX-License-Identifier: MIT
"""test_hanging_disk.py - tests a disk that hangs while the daemon runs: a sync, or a read.

The engine does not wait for the disk. So waits end in time, and what is stored is served; nothing is paid for.
strace holds one system call of a thread of the store until the test releases it, so whatever a test receives
before was answered while the disk hung. bench/hanging.py measures how soon.
"""
import os
import signal

import pytest
from programs import KEY, KEY_VARIABLE
from reconciliation import breaches, read_journal
from tracing import can_trace, hanging
from waiting import eventually

pytestmark = pytest.mark.skipif(not can_trace(), reason="strace is missing, or may not attach (root may)")


@pytest.fixture
def store(tmp_path):
    return tmp_path / "emailsd.db"


@pytest.fixture
def start(testbed, sim, store):
    return lambda *flags, **how: testbed.daemon(sim, "--store", f"sqlite:{store}", *flags, **how)


@pytest.fixture
def start_unjoined(start):
    """Starts a daemon that ends without the thread that hangs. ThreadSanitizer must not call that a leak."""
    options = os.environ.get("TSAN_OPTIONS", "") + ":report_thread_leaks=0"
    return lambda: start(env={KEY_VARIABLE: KEY, "TSAN_OPTIONS": options})


def checks(daemon):
    return daemon.get("/readyz?verbose").json()["checks"]


def await_hang(daemon):
    eventually(lambda: checks(daemon)["store_lag_ms"] > 0)


def await_unready(daemon):
    """Returns when the disk has hung for as long as /readyz allows."""
    eventually(lambda: daemon.get("/readyz").status == 503)
    daemon.get("/readyz").problem(503, "storage-unavailable")
    # The journal has waited for that long a moment before the disk has: "unusable" may come first.
    seen = eventually(lambda: (now := checks(daemon))["store"] == "unavailable" and now)
    assert seen["store_lag_ms"] >= 10000
    assert seen["engine_lag_ms"] < 10000, "the engine does not wait for the disk"
    assert daemon.get("/livez").status == 200


def expect_storage_unavailable(daemon, domain, **parameters):
    assert daemon.lookup(domain, **parameters).problem(503, "storage-unavailable")["charged"] == "no"


def await_last_line(daemon, unwritten):
    """Returns when the process has logged its last line. Its end is reported after strace has let the thread go
    that hangs."""
    line = f"event=stopped_while_disk_hangs unwritten={unwritten}\n"
    eventually(lambda: daemon.stderr().endswith(line))


def assert_reconciled(sim, store):
    assert not breaches(sim.ledger(), read_journal(store))
    paid = [row["domain"] for row in sim.ledger()]
    assert len(paid) == len(set(paid))


# ---- a sync ----


def test_d5_requests_are_answered_while_a_sync_hangs(start, sim, store):
    daemon = start()
    stored, cached = daemon.lookup("stored.com"), daemon.lookup("cached.com")
    daemon.stop()
    daemon = start()
    assert daemon.lookup("cached.com").body == cached.body
    with hanging(daemon, "store", "fdatasync"):
        paying = daemon.park("milvali.com")
        await_hang(daemon)
        daemon.lookup("late.com", wait=1).problem(504, "still-processing")
        assert daemon.get("/usage").status == 200
        assert daemon.lookup("stored.com").body == stored.body
        assert daemon.lookup("cached.com").body == cached.body
        assert daemon.get("/livez").status == 200
        assert checks(daemon)["store_lag_ms"] > 0, "all that was answered while the sync hung"
        await_unready(daemon)
        expect_storage_unavailable(daemon, "other.com")
        assert daemon.lookup("stored.com").body == stored.body
        assert sim.calls()["submit"] == 2, "no submit leaves before its intent is on disk"
        assert checks(daemon)["store_lag_ms"] > 0, "the same sync still hangs"
    assert paying.read().status == 200
    eventually(lambda: daemon.get("/readyz").status == 200)
    assert daemon.lookup("late.com").status == 200
    assert daemon.lookup("other.com").status == 200
    daemon.stop()
    assert_reconciled(sim, store)


def park_submitted(daemon, sim):
    """Returns a client whose submit is in flight."""
    sim.hold_submits()
    client = daemon.park("milvali.com")
    sim.reach(submit=1)
    return client


def test_d5_result_is_returned_while_a_sync_hangs_and_is_written_later(start, sim, store):
    daemon = start()
    client = park_submitted(daemon, sim)
    with hanging(daemon, "store", "fdatasync"):
        sim.release_submits()
        answer = client.read()
        assert answer.status == 200
        assert "event=journal_write_delayed" in daemon.stderr()
        assert daemon.lookup("milvali.com").body == answer.body
        expect_storage_unavailable(daemon, "other.com")
    eventually(lambda: daemon.get("/readyz").status == 200)
    daemon.kill()
    assert start().lookup("milvali.com").body == answer.body
    assert_reconciled(sim, store)


def test_d5_stop_while_a_sync_hangs_ends_in_time_and_logs_the_ids(start_unjoined, sim):
    daemon = start_unjoined()
    client = park_submitted(daemon, sim)
    with hanging(daemon, "store", "fdatasync"):
        sim.release_submits()
        assert client.read().status == 200
        daemon.was_checked = True  # its status is not 0
        daemon.deliver(signal.SIGTERM)
        await_last_line(daemon, 2)
    assert daemon.wait() == 1
    [paid] = sim.ledger()
    log = daemon.stderr()
    assert f"event=journal_entry_deferred entry=batch-id id={paid['batch_id']}" in log
    assert f"event=journal_entry_deferred entry=result id={paid['tracking_id']}" in log


def test_d5_stop_while_an_intent_hangs_pays_nothing(start_unjoined, sim):
    daemon = start_unjoined()
    with hanging(daemon, "store", "fdatasync"):
        client = daemon.park("milvali.com")
        await_hang(daemon)
        daemon.deliver(signal.SIGTERM)
        assert client.read().problem(503, "draining")["charged"] == "no"
        await_last_line(daemon, 0)
    assert daemon.wait() == 0
    assert not sim.ledger()


# ---- a read ----


def test_d5_requests_are_answered_while_a_read_hangs(start, sim, store):
    daemon = start()
    known = daemon.lookup("known.com")
    with hanging(daemon, "store-read", "fcntl"):
        waiting = daemon.park("milvali.com")
        await_hang(daemon)
        expect_storage_unavailable(daemon, "late.com", wait=1)
        assert daemon.lookup("known.com").body == known.body
        await_unready(daemon)
        assert sim.calls()["submit"] == 1
    assert waiting.read().status == 200
    eventually(lambda: daemon.get("/readyz").status == 200)
    daemon.stop()
    assert_reconciled(sim, store)


def test_d5_stop_while_a_read_hangs_ends_in_time(start_unjoined):
    daemon = start_unjoined()
    with hanging(daemon, "store-read", "fcntl"):
        await_hang(daemon)
        daemon.deliver(signal.SIGTERM)
        await_last_line(daemon, 0)
    assert daemon.wait() == 0
