# SPDX-License-Identifier: MIT
"""test_store.py - tests what survives the process: restarts and kills, the file and its owner, and the
commands that inspect and delete.

Rows of the fault catalogue have their ids; test_disk.py tests disks that fail while the daemon runs.
"""
import os
import re
import sqlite3
import stat

import pytest
from reconciliation import await_recorded, breaches, drain, files_of, inspect, read_journal
from programs import HOUR_MS, KEY, KEY_VARIABLE, run_to_end
from waiting import eventually

NO_UPSTREAM = "http://127.0.0.1:1"
HIT = r"emailsd; hit; ttl=\d+"


@pytest.fixture
def store(tmp_path):
    """Returns the path of a store that does not exist yet."""
    return tmp_path / "state" / "emailsd.db"


@pytest.fixture
def start(testbed, sim, store):
    """Starts a daemon on the store of this test; upstream=NO_UPSTREAM for one that cannot pay for lookups."""
    def start_one(*flags, upstream=sim):
        return testbed.daemon(upstream, "--store", f"sqlite:{store}", *flags)
    return start_one


ADMIN = "--allow-anonymous=admin"  # clients without a key may delete


def end(daemon, how):
    daemon.kill() if how == "kill" else daemon.stop()


ENDS = pytest.mark.parametrize("how", ["stop", "kill"])


# ---- restarts ----


@ENDS
def test_restart_serves_stored_results_unchanged(start, sim, how):
    daemon = start()
    before = {domain: daemon.lookup(domain) for domain in ("milvali.com", "empty.com", "example.org")}
    assert before["empty.com"].json()["count"] == 0
    end(daemon, how)
    daemon = start(upstream=NO_UPSTREAM)
    for domain, answer in before.items():
        again = daemon.lookup(domain)
        assert again.body == answer.body
        assert again.header("ETag") == answer.header("ETag")
        assert re.fullmatch(HIT, again.header("Cache-Status"))
    assert len(sim.ledger()) == 3


@ENDS
def test_restart_keeps_a_cached_failure(start, sim, how):
    daemon = start("--ttl-failed", "1h")
    before = daemon.lookup("errored.com").problem(502, "lookup-failed")
    end(daemon, how)
    again = start("--ttl-failed", "1h").lookup("errored.com").problem(502, "lookup-failed")
    del before["request_id"], again["request_id"]
    assert again == before
    assert len(sim.ledger()) == 1


@ENDS
@pytest.mark.parametrize("flags, status", [
    pytest.param((), r"emailsd; hit; ttl=-\d+", id="stale-while-revalidate"),
    pytest.param(("--stale-while-revalidate", "0"), r"emailsd; fwd=stale; fwd-status=\d+; ttl=-\d+",
                 id="stale-if-error"),
])
def test_restart_keeps_a_stale_result_as_fallback(start, how, flags, status):
    daemon = start("--ttl-found", "1ms")
    before = daemon.lookup("milvali.com")
    end(daemon, how)
    again = start(*flags, upstream=NO_UPSTREAM).lookup("milvali.com")
    assert again.body == before.body
    assert re.fullmatch(status, again.header("Cache-Status"))


def test_restart_refreshes_a_stale_result_once(start, sim):
    daemon = start("--ttl-found", "1ms")
    before = daemon.lookup("milvali.com")
    daemon.kill()
    daemon = start()
    sim.rule("milvali.com", data=[{"email": "new@milvali.com", "status": "VALID"}])
    assert daemon.lookup("milvali.com").body == before.body
    eventually(lambda: b"new@milvali.com" in daemon.lookup("milvali.com").body)
    assert len(sim.ledger()) == 2


@ENDS
def test_restart_keeps_lookup_ids_valid(start, how):
    daemon = start()
    where = {domain: daemon.lookup(domain, **{"async": 1}).header("Location")
             for domain in ("milvali.com", "errored.com")}
    answer = eventually(lambda: (r := daemon.get(where["milvali.com"])).status == 200 and r)
    eventually(lambda: daemon.get(where["errored.com"]).status == 502)
    end(daemon, how)
    daemon = start(upstream=NO_UPSTREAM)
    assert daemon.get(where["milvali.com"]).body == answer.body
    daemon.get(where["errored.com"]).problem(502, "lookup-failed")


# ---- tasks in flight ----


@ENDS
def test_r1_restart_reads_the_tasks_of_accepted_batches(start, sim, store, how):
    sim.rule("milvali.com", time_ms=HOUR_MS)
    daemon = start()
    where = daemon.lookup("milvali.com", **{"async": 1}).header("Location")
    sim.reach(status=1)
    await_recorded(store)
    end(daemon, how)
    daemon = start()
    assert daemon.get(where).status == 202
    sim.rule("milvali.com", time_ms=0)
    answer = daemon.lookup("milvali.com")
    assert answer.status == 200
    assert daemon.get(where).body == answer.body
    daemon.stop()
    assert not breaches(sim.ledger(), read_journal(store))


def kill_during_a_submit(start, sim):
    sim.hold_submits()
    daemon = start()
    daemon.park("milvali.com")
    sim.reach(submit=1)
    daemon.kill()
    sim.release_submits()


def test_r1_kill_during_a_submit_leaves_it_unknown_and_listed(start, sim, store):
    kill_during_a_submit(start, sim)
    sim.reach(tasks=1)
    daemon = start()
    problem = daemon.lookup("milvali.com").problem(502, "upstream-outcome-unknown")
    assert problem["charged"] == "maybe"
    assert [task["domain"] for task in inspect(store)["unknown"]] == ["milvali.com"]
    assert sim.calls()["submit"] == 1
    daemon.stop()
    assert not breaches(sim.ledger(), read_journal(store))


def test_r1_cooldown_of_an_unknown_outcome_outlives_restarts(start, sim):
    kill_during_a_submit(start, sim)
    for _ in range(2):
        daemon = start()
        daemon.lookup("milvali.com").problem(502, "upstream-outcome-unknown")
        daemon.kill()
    daemon = start("--unknown-hold", "1ms")
    assert daemon.lookup("milvali.com").status == 200
    assert len(sim.ledger()) == 2


# ---- the file ----


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def refused(status, store, words):
    """Checks that a start on that store ends with the status and a message that contains those words."""
    ended = run_to_end("--listen", "127.0.0.1:0", "--upstream-url", NO_UPSTREAM, "--store",
                       f"sqlite:{store}", env={KEY_VARIABLE: KEY})
    assert ended.returncode == status, ended
    assert ended.stderr.startswith("emailsd: --store: ") and re.search(words, ended.stderr), ended


def contents(store):
    """Returns the bytes of all its files, one after the other."""
    return b"".join(path.read_bytes() for path in files_of(store))


def test_d9_missing_folders_and_files_are_created_for_the_owner_only(tmp_path, testbed, sim):
    store = tmp_path / "a" / "b" / "emailsd.db"
    daemon = testbed.daemon(sim, "--store", f"sqlite:{store}")
    assert daemon.lookup("milvali.com").status == 200
    assert [mode(folder) for folder in (tmp_path / "a", tmp_path / "a" / "b")] == [0o700, 0o700]
    files = {path.name: mode(path) for path in store.parent.iterdir()}
    assert set(files.values()) == {0o600}, files


def make_link(path):
    os.symlink("/dev/null", path)


def make_loose(path):
    path.touch(0o666)
    path.chmod(0o666)


def make_foreign(path):
    path.touch(0o600)
    os.chown(path, 1, 1)


@pytest.mark.parametrize("make, words", [
    pytest.param(make_link, "symbolic link|not a regular file", id="D11 a symbolic link"),
    pytest.param(os.mkfifo, "not a regular file", id="D11 a FIFO"),
    pytest.param(os.mkdir, "not a regular file", id="D11 a folder"),
    pytest.param(make_loose, "chmod 600", id="D11 open to others"),
    pytest.param(make_foreign, "is owned by another user", id="D11 another owner", marks=[
        pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")]),
])
def test_store_file_that_is_unsafe_is_rejected(tmp_path, make, words):
    path = tmp_path / "emailsd.db"
    make(path)
    refused(2, path, words)


def test_d12_second_daemon_on_the_same_store_is_rejected(start, store):
    first = start()
    refused(3, store, "in use by another emailsd")
    assert first.lookup("milvali.com").status == 200
    first.kill()
    assert start().lookup("milvali.com").status == 200


@pytest.mark.parametrize("sql, words", [
    pytest.param("PRAGMA user_version = 99", "newer emailsd", id="D15 a newer version"),
    pytest.param("PRAGMA application_id = 99", "another program's", id="D15 another program's"),
])
def test_store_of_another_program_is_rejected_and_not_written(start, store, sql, words):
    daemon = start()
    daemon.lookup("milvali.com")
    daemon.stop()
    database = sqlite3.connect(store, isolation_level=None)
    database.execute(sql)
    database.close()
    before = contents(store)
    refused(2, store, words)
    assert contents(store) == before


# ---- damage ----


def test_d7_torn_write_ahead_log_loses_nothing_that_was_returned(start, store):
    daemon = start()
    before = {f"company{i}.com": daemon.lookup(f"company{i}.com").body for i in range(5)}
    daemon.kill()
    log = files_of(store)[1]
    with open(log, "ab") as file:  # an unfinished transaction
        file.write(log.read_bytes()[-4120 * 2:-1000])
    daemon = start(upstream=NO_UPSTREAM)
    assert {domain: daemon.lookup(domain).body for domain in before} == before


def test_d7_truncated_write_ahead_log_is_valid_up_to_its_end(start, sim, store):
    daemon = start()
    before = daemon.lookup("milvali.com").body
    kept = os.path.getsize(files_of(store)[1])
    daemon.lookup("example.org")
    daemon.kill()
    os.truncate(files_of(store)[1], kept + 1000)
    daemon = start()
    assert daemon.lookup("milvali.com").body == before
    drain(store)
    assert sim.calls()["submit"] == 2


def pages_of(store):
    """Returns the first page of each table and index, and so of all objects."""
    database = sqlite3.connect(store)
    pages = [1] + [page for page, in database.execute("SELECT rootpage FROM sqlite_schema")]
    database.close()
    return pages


def test_d8_corrupt_store_is_rejected_and_not_written(start, store):
    daemon = start()
    for i in range(20):
        daemon.lookup(f"company{i}.com")
    daemon.stop()
    whole = store.read_bytes()
    assert len(files_of(store)) == 1  # no change is left in a log
    for page in pages_of(store):
        damaged = bytearray(whole)
        damaged[(page - 1) * 4096:(page - 1) * 4096 + 512] = b"\xa5" * 512
        store.write_bytes(damaged)
        refused(2, store, "is damaged")
        assert store.read_bytes() == damaged
    store.write_bytes(whole)
    assert start(upstream=NO_UPSTREAM).lookup("company1.com").status == 200


# ---- inspection ----


def leave_one_open_and_one_unknown(start, sim, store):
    """A daemon whose store has one task of each state, and one with a result."""
    daemon = start()
    daemon.lookup("milvali.com")
    sim.rule("open.com", time_ms=HOUR_MS)
    daemon.park("open.com")
    sim.reach(submit=2)
    eventually(lambda: inspect(store)["batches"]["submitted"] == 1)
    sim.fault("submit", "close")
    daemon.lookup("unknown.com").problem(502, "upstream-outcome-unknown")
    return daemon


@pytest.mark.parametrize("beside", [True, False])
def test_inspect_prints_the_store_as_json(start, sim, store, beside):
    daemon = leave_one_open_and_one_unknown(start, sim, store)
    if not beside:
        daemon.kill()
    result = inspect(store)
    assert result["in_use"] is beside
    assert result["batches"] == {"sending": 0, "resting": 0, "submitted": 1, "over": 2}
    assert result["tasks"] == {"open": 1, "answered": 1, "failed": 0, "not-created": 0, "unknown": 1}
    assert result["answers"] == {"found": 1, "empty": 0, "failed": 0}
    [batch], [unknown] = result["open"], result["unknown"]
    assert [task["domain"] for task in batch["tasks"]] == ["open.com"]
    assert batch["batch_id"] == sim.ledger("open.com")[0]["batch_id"]
    assert unknown["domain"] == "unknown.com"
    assert unknown["tracking_id"] == sim.ledger("unknown.com")[0]["tracking_id"]


@pytest.mark.parametrize("beside", [True, False])
def test_inspect_prints_the_store_as_text(start, sim, store, beside):
    daemon = leave_one_open_and_one_unknown(start, sim, store)
    if not beside:
        daemon.kill()
    result = run_to_end("inspect", "--store", f"sqlite:{store}")
    assert result.returncode == 0, result
    assert ("in use by a running emailsd" in result.stdout) is beside
    for row in (r"^submitted +\S+ +open\.com ", r"^unknown +\S+ +unknown\.com "):
        assert re.search(row, result.stdout, re.M), result.stdout


@pytest.mark.parametrize("command", [("inspect",), ("forget", "info@milvali.com")])
def test_commands_create_no_store(tmp_path, command):
    result = run_to_end(*command, "--store", f"sqlite:{tmp_path}/none/emailsd.db")
    assert (result.returncode, result.stdout) == (1, ""), result
    assert "store not found" in result.stderr
    assert not (tmp_path / "none").exists()


# ---- deletion ----


def forget(store, address):
    result = run_to_end("forget", address, "--store", f"sqlite:{store}")
    assert result.returncode == 0, result
    return result.stdout


def has_bytes(store, text):
    return text in contents(store).lower()


@pytest.mark.parametrize("beside", [True, False])
def test_forget_removes_an_address_from_results_memory_and_files(start, sim, store, beside):
    daemon = start()
    daemon.lookup("milvali.com")
    assert has_bytes(store, b"info@milvali.com")
    if not beside:
        daemon.kill()
    assert forget(store, "INFO@Milvali.com") == "deleted from 1 stored result\n"
    assert not has_bytes(store, b"info@milvali.com")
    if not beside:
        daemon = start()
    left = daemon.lookup("milvali.com").json()
    assert [entry["email"] for entry in left["emails"]] == ["support@milvali.com"]
    assert left["count"] == 1
    assert forget(store, "info@milvali.com") == "deleted from 0 stored results\n"
    daemon.stop()
    assert not has_bytes(store, b"info@milvali.com")
    assert len(sim.ledger()) == 1


def test_forget_requires_an_address(start, store):
    start()
    result = run_to_end("forget", "milvali.com", "--store", f"sqlite:{store}")
    assert result.returncode == 2
    assert "requires an e-mail address" in result.stderr


@ENDS
def test_delete_removes_all_results_of_a_domain(start, store, how):
    daemon = start(ADMIN)
    daemon.lookup("milvali.com")
    daemon.lookup("milvali.com", city="Graz")
    kept = daemon.lookup("example.org")
    assert daemon.lookup("milvali.com", method="DELETE").status == 204
    end(daemon, how)
    daemon = start()
    daemon.lookup("milvali.com", cached=1).problem(504, "not-cached")
    daemon.lookup("milvali.com", cached=1, city="Graz").problem(504, "not-cached")
    assert daemon.lookup("example.org", cached=1).body == kept.body
    assert inspect(store)["answers"]["found"] == 1


def test_delete_without_results_or_with_other_parameters_is_rejected(start):
    daemon = start(ADMIN)
    daemon.lookup("milvali.com", method="DELETE").problem(404, "not-found")
    daemon.lookup("milvali.com")
    daemon.lookup("milvali.com", method="DELETE", city="Graz").problem(400, "invalid-parameter")
    assert daemon.lookup("milvali.com", cached=1).status == 200
