# SPDX-License-Identifier: MIT
"""test_disk.py - tests disks that are full, broken, slow or read-only while the daemon runs.

Without the journal nothing is paid for, cached results are served, and no paid result is lost. Service
resumes automatically when the disk works again. Rows have the ids of the fault catalogue. A full disk is a
small tmpfs, which requires root; strace makes the other faults.
"""
import os
import resource
import signal
import sqlite3
import subprocess

import pytest
from reconciliation import await_recorded, breaches, drain, inspect, read_journal
from programs import HOUR_MS, run_to_end
from tracing import Tracing, can_trace, thread_of

DISK_KIB = 2048


def mount(*argv):
    return subprocess.run(argv, capture_output=True, text=True, check=False)


class Disk:
    """A small file system of its own."""

    def __init__(self, path, kib=DISK_KIB):
        self.path = path
        path.mkdir(0o700)
        done = mount("mount", "-t", "tmpfs", "-o", f"size={kib}k,mode=0700", "none", str(path))
        if done.returncode != 0:
            pytest.skip(f"a disk of its own wants root and mount(8): {done.stderr.strip()}")

    def fill(self):
        """Fills the remaining space."""
        with open(self.path / "ballast", "ab", buffering=0) as ballast:
            for size in (65536, 4096, 1):
                try:
                    while ballast.write(b"x" * size):
                        pass
                except OSError:
                    pass

    def free(self):
        (self.path / "ballast").unlink()

    def read_only(self):
        assert mount("mount", "-o", "remount,ro", str(self.path)).returncode == 0

    def leave(self):
        mount("umount", "-l", str(self.path))


@pytest.fixture
def disk(tmp_path):
    own = Disk(tmp_path / "disk")
    yield own
    own.leave()


@pytest.fixture
def store(disk):
    return disk.path / "emailsd.db"


@pytest.fixture
def start(testbed, sim, store):
    return lambda: testbed.daemon(sim, "--store", f"sqlite:{store}")


def expect_storage_unavailable(daemon, domain):
    answer = daemon.lookup(domain)
    assert answer.problem(503, "storage-unavailable")["charged"] == "no"
    assert int(answer.header("Retry-After")) >= 1


def assert_reconciled(sim, store):
    assert not breaches(sim.ledger(), read_journal(store))


# ---- full ----


def test_d1_full_disk_stops_paid_lookups_and_serves_hits(disk, start, sim, store):
    daemon = start()
    known = daemon.lookup("known.com")
    disk.fill()
    for domain in ("first.com", "second.com"):
        expect_storage_unavailable(daemon, domain)
        assert daemon.lookup("known.com").body == known.body
    assert sim.calls()["submit"] == 1
    disk.free()
    daemon.await_result("first.com")
    daemon.stop()
    assert_reconciled(sim, store)


def lookup_with_a_full_disk(disk, daemon, sim):
    """Fills the disk while the submit is in flight; returns the response to the lookup."""
    sim.hold_submits()
    client = daemon.park("milvali.com")
    sim.reach(submit=1)
    disk.fill()
    sim.release_submits()
    answer = client.read()
    assert answer.status == 200
    return answer


def test_d2_unwritten_batch_id_is_kept_until_the_disk_works(disk, start, sim, store):
    daemon = start()
    answer = lookup_with_a_full_disk(disk, daemon, sim)
    batch_id = sim.ledger()[0]["batch_id"]
    assert f"event=journal_entry_deferred entry=batch-id id={batch_id}" in daemon.stderr()
    expect_storage_unavailable(daemon, "example.org")
    assert sim.calls()["submit"] == 1
    disk.free()
    daemon.await_result("example.org")
    daemon.kill()
    assert_reconciled(sim, store)
    assert start().lookup("milvali.com").body == answer.body
    assert len(sim.ledger()) == 2


def test_d2_stop_writes_the_journal_backlog(disk, start, sim, store):
    daemon = start()
    answer = lookup_with_a_full_disk(disk, daemon, sim)
    disk.free()
    daemon.stop()
    assert_reconciled(sim, store)
    assert start().lookup("milvali.com").body == answer.body


def test_d2_stop_with_an_unwritten_batch_id_exits_with_1(disk, start, sim):
    daemon = start()
    lookup_with_a_full_disk(disk, daemon, sim)
    daemon.deliver(signal.SIGTERM)
    assert daemon.wait() == 1
    daemon.was_checked = True
    assert "event=stopped_while_store_fails unwritten=" in daemon.stderr()
    disk.free()


def test_d2_kill_with_an_unwritten_batch_id_leaves_it_unknown(disk, start, sim, store):
    daemon = start()
    lookup_with_a_full_disk(disk, daemon, sim)
    daemon.kill()
    disk.free()
    daemon = start()
    daemon.lookup("milvali.com").problem(502, "upstream-outcome-unknown")
    daemon.stop()
    assert_reconciled(sim, store)


def test_d2_batch_id_that_a_kill_has_lost_is_resolved_by_hand(disk, start, sim, store):
    daemon = start()
    answer = lookup_with_a_full_disk(disk, daemon, sim)
    daemon.kill()
    disk.free()
    daemon = start()
    [lost] = inspect(store)["unknown"]
    [paid] = sim.ledger()
    run = run_to_end("resolve", lost["tracking_id"], "--batch", paid["batch_id"], "--store", f"sqlite:{store}")
    assert run.returncode == 0, run
    assert daemon.await_result("milvali.com").json()["emails"] == answer.json()["emails"]
    daemon.stop()
    assert len(sim.ledger()) == 1
    assert_reconciled(sim, store)


@pytest.mark.parametrize("killed", [False, True])
def test_d3_unwritten_result_is_served_and_fetched_again(disk, start, sim, store,
                                                                      killed):
    daemon = start()
    sim.rule("milvali.com", time_ms=HOUR_MS)
    client = daemon.park("milvali.com")
    sim.reach(status=1)
    await_recorded(store)
    disk.fill()
    sim.rule("milvali.com", time_ms=0)
    answer = client.read()
    assert answer.status == 200
    assert "event=journal_entry_deferred entry=result" in daemon.stderr()
    expect_storage_unavailable(daemon, "example.org")
    if killed:
        daemon.kill()
    disk.free()
    if killed:
        daemon = start()
    assert daemon.await_result("milvali.com").json()["emails"] == answer.json()["emails"]
    daemon.await_result("example.org")
    drain(store)
    daemon.stop()
    assert len(sim.ledger()) == 2
    assert_reconciled(sim, store)


def test_d1_start_on_a_full_disk_fails_with_a_reason_or_serves(disk, start, sim, store):
    daemon = start()
    known = daemon.lookup("known.com")
    daemon.kill()
    disk.fill()
    try:
        daemon = start()
    except AssertionError as refused:
        assert "full" in str(refused)
    else:
        assert daemon.lookup("known.com").body == known.body
        expect_storage_unavailable(daemon, "first.com")
    assert sim.calls()["submit"] == 1
    disk.free()


def test_d10_start_on_a_read_only_disk_fails_with_a_reason(disk, start):
    start().stop()
    disk.read_only()
    with pytest.raises(AssertionError, match="emailsd: --store: .*Read-only"):
        start()


# ---- broken, slow, interrupted ----

needs_strace = pytest.mark.skipif(not can_trace(),
                                  reason="strace is missing, or may not attach (root may)")


@pytest.fixture
def plain(testbed, sim):
    """A daemon on a normal disk."""
    return testbed.daemon(sim)


def with_faults(daemon, *injections, thread="store"):
    calls = ",".join(injection.split(":")[0] for injection in injections)
    return Tracing(thread_of(daemon, thread), os.devnull, f"trace={calls}",
                   *[f"inject={injection}" for injection in injections])


@needs_strace
@pytest.mark.parametrize("faults", [
    pytest.param(["fdatasync:error=EIO"], id="D4 EIO of fdatasync"),
    pytest.param(["fdatasync:error=EIO:when=1"], id="D4 EIO of fdatasync, once"),
    pytest.param(["pwrite64:error=EIO"], id="D4 EIO of writes"),
    pytest.param(["pwrite64:error=EIO:when=5"], id="D4 EIO of the fifth write"),
    pytest.param(["pwrite64:error=ENOSPC"], id="D1 ENOSPC of writes"),
    pytest.param(["pwrite64:error=ENOSPC:when=7"], id="D1 ENOSPC of the seventh write"),
    pytest.param(["pwrite64:error=EROFS"], id="D10 EROFS"),
    pytest.param(["pwrite64:error=EDQUOT"], id="D10 EDQUOT"),
])
def test_disk_failure_stops_paid_lookups_until_the_disk_works(plain, sim, faults):
    known = plain.lookup("known.com")
    with with_faults(plain, *faults):
        expect_storage_unavailable(plain, "milvali.com")
        assert plain.lookup("known.com").body == known.body
        assert sim.calls()["submit"] == 1
    answer = plain.await_result("milvali.com")
    plain.kill()
    journal = read_journal(plain.log.with_suffix(".db"))
    assert not breaches(sim.ledger(), journal)
    assert journal.bodies()["milvali.com"].rstrip() == answer.body.rstrip()


@needs_strace
@pytest.mark.parametrize("thread, fault", [
    pytest.param("store", "pwrite64:error=EINTR:when=1+2", id="D6 writes are interrupted"),
    pytest.param("store", "pread64:error=EINTR:when=1+2", id="D6 reads before writes are interrupted"),
    pytest.param("store-read", "pread64:error=EINTR:when=1+2", id="D6 reads are interrupted"),
])
def test_interrupted_system_calls_are_repeated(plain, sim, thread, fault):
    with with_faults(plain, fault, thread=thread):
        assert plain.lookup("milvali.com").status == 200
    plain.kill()
    assert_reconciled(sim, plain.log.with_suffix(".db"))


def test_d6_short_write_is_a_failed_write(plain, sim):
    """The file size limit is in the middle of a page; the kernel writes up to it."""
    store = plain.log.with_suffix(".db")
    known = plain.lookup("known.com")
    log = store.with_name(store.name + "-wal")
    limit = log.stat().st_size + 1000
    resource.prlimit(plain.process.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    expect_storage_unavailable(plain, "milvali.com")
    assert log.stat().st_size == limit, "half a page was written"
    assert plain.lookup("known.com").body == known.body
    assert sim.calls()["submit"] == 1
    resource.prlimit(plain.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    plain.await_result("milvali.com")
    plain.kill()
    assert_reconciled(sim, store)


def test_store_locked_by_another_program_stops_paid_lookups(plain, sim):
    known = plain.lookup("known.com")
    other = sqlite3.connect(plain.log.with_suffix(".db"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waiting = plain.park("milvali.com")
    for _ in range(50):
        assert plain.lookup("known.com").body == known.body
    waiting.read().problem(503, "storage-unavailable")
    assert sim.calls()["submit"] == 1
    other.close()
    plain.await_result("milvali.com")
