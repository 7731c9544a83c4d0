# SPDX-License-Identifier: MIT
"""test_money.py - tests when nothing is paid for, and how paid lookups resume: the circuit breaker,
cooldowns, rejected batches, and the key.
"""
import os
import signal

import pytest
from waiting import eventually

REFUSALS = [
    pytest.param(401, 502, "upstream-auth", id="U21 401"),
    pytest.param(402, 402, "credits-exhausted", id="U22 402"),
    pytest.param(403, 502, "upstream-banned", id="U23 403"),
]


# ---- the circuit breaker ----

@pytest.mark.parametrize("status, answered, code", REFUSALS)
def test_circuit_open_after_a_rejection_serves_cached_results_only(daemon, sim, status,
                                                                          answered, code):
    known = daemon.lookup("known.com")
    sim.fault("submit", "status", after_creating=False, times=-1, status=status)
    sim.fault("balance", "status", times=-1, status=status)
    daemon.lookup("first.com").problem(answered, code)
    for domain in ("second.com", "third.com"):
        answer = daemon.lookup(domain)
        assert answer.problem(answered, code)["charged"] == "no"
        assert int(answer.header("Retry-After")) >= 1
    assert sim.calls()["submit"] == 2
    assert daemon.lookup("known.com").body == known.body
    assert len(sim.ledger()) == 1


def test_circuit_is_closed_immediately_by_sighup(daemon, sim):
    sim.fault("submit", "status", after_creating=False, status=403)
    sim.fault("balance", "status", times=-1, status=403)
    daemon.lookup("first.com").problem(502, "upstream-banned")
    daemon.deliver(signal.SIGHUP)
    eventually(lambda: daemon.lookup("second.com").status == 200)


def write_key(path, key):
    """Replaces a key file atomically."""
    new = path.with_suffix(".new")
    new.write_text(key + "\n")
    new.chmod(0o600)
    os.rename(new, path)


@pytest.fixture
def key_file(tmp_path):
    path = tmp_path / "key"
    write_key(path, "a-key-that-is-wrong")
    return path


def test_circuit_is_closed_by_a_new_key_file_without_a_signal(testbed, sim, key_file):
    daemon = testbed.daemon(sim, "--api-key-file", str(key_file), env={})
    daemon.lookup("first.com").problem(502, "upstream-auth")
    write_key(key_file, "test-key")
    eventually(lambda: daemon.lookup("second.com").status == 200)
    assert len(sim.ledger()) == 1


def test_reload_of_an_invalid_key_file_keeps_the_old_key(testbed, sim, key_file):
    write_key(key_file, "test-key")
    daemon = testbed.daemon(sim, "--api-key-file", str(key_file), env={})
    assert daemon.lookup("first.com").status == 200
    write_key(key_file, "not a key")
    daemon.deliver(signal.SIGHUP)
    eventually(lambda: "event=reload_rejected" in daemon.stderr())
    assert f"API key: {key_file} contains a byte" in daemon.stderr()
    assert "not a key" not in daemon.stderr() and "event=reloaded" not in daemon.stderr()
    assert daemon.lookup("second.com").status == 200
    write_key(key_file, "test-key")
    daemon.deliver(signal.SIGHUP)
    eventually(lambda: "event=reloaded" in daemon.stderr())


def test_reload_without_the_key_file_is_rejected_as_a_whole(testbed, sim, key_file, tmp_path):
    write_key(key_file, "test-key")
    (tmp_path / "c").write_text("credits-per-day = 1\n")
    daemon = testbed.daemon(sim, "--api-key-file", str(key_file), "--config", str(tmp_path / "c"),
                          env={})
    assert daemon.lookup("first.com").status == 200
    (tmp_path / "c").write_text("credits-per-day = 5\n")
    key_file.unlink()
    daemon.deliver(signal.SIGHUP)
    eventually(lambda: "event=reload_rejected" in daemon.stderr())
    daemon.lookup("second.com").problem(402, "credits-exhausted")
    write_key(key_file, "test-key")
    daemon.deliver(signal.SIGHUP)
    eventually(lambda: daemon.lookup("second.com").status == 200)


def test_circuit_opens_without_the_upstream_and_closes_with_it(testbed, sim):
    daemon = testbed.daemon(sim, "--batch-linger", "1ms", "--submit-slots", "8")
    sim.fault("submit", "status", times=-1, after_creating=False, status=500)
    sim.fault("balance", "status", times=-1, status=500)
    for i in range(5):
        daemon.lookup(f"company{i}.com").problem(502, "upstream-outcome-unknown")
    answer = daemon.lookup("another.com", wait=1)
    assert answer.problem(503, "circuit-open")["charged"] == "no"
    assert 1 <= int(answer.header("Retry-After")) <= 15
    assert sim.calls()["submit"] == 5
    sim.say("DELETE", "/sim/faults")
    eventually(lambda: daemon.lookup("another.com").status == 200)


# ---- cooldown ----

def test_cooldown_after_an_unknown_outcome_blocks_a_second_payment(daemon, sim):
    sim.fault("submit", "close")
    daemon.lookup("milvali.com").problem(502, "upstream-outcome-unknown")
    answer = daemon.lookup("milvali.com")
    assert answer.problem(502, "upstream-outcome-unknown")["charged"] == "maybe"
    assert answer.header("Retry-After") is None  # a program would obey it, and pay a second time
    assert len(sim.ledger()) == 1
    assert daemon.lookup("example.org").status == 200


def test_cooldown_that_expired_allows_a_paid_lookup(testbed, sim):
    daemon = testbed.daemon(sim, "--unknown-hold", "10ms")
    sim.fault("submit", "close")
    daemon.lookup("milvali.com").problem(502, "upstream-outcome-unknown")
    eventually(lambda: daemon.lookup("milvali.com").status == 200)
    assert len(sim.ledger()) == 2


def test_submit_retry_unknown_resubmits_once(testbed, sim):
    daemon = testbed.daemon(sim, "--submit-retry-unknown")
    sim.fault("submit", "reset")
    assert daemon.lookup("milvali.com").status == 200
    assert [row["answered"] for row in sim.ledger()] == [False, True]


def test_resubmit_takes_its_own_credit_or_is_omitted(testbed, sim):
    daemon = testbed.daemon(sim, "--submit-retry-unknown", "--credits-per-day", "1")
    sim.fault("submit", "reset")
    daemon.lookup("milvali.com").problem(502, "upstream-outcome-unknown")
    assert len(sim.ledger()) == 1
    daemon = testbed.daemon(sim, "--submit-retry-unknown", "--credits-per-day", "2")
    sim.fault("submit", "reset")
    assert daemon.lookup("other.com").status == 200
    daemon.lookup("third.com").problem(402, "credits-exhausted")
    assert len(sim.ledger()) == 3


def test_duplicate_tracking_id_is_not_cached(testbed, sim):
    daemon = testbed.daemon(sim, "--batch-size", "2", "--batch-linger", "60s")
    sim.rule("one.com", tracking_id="swap")
    one, two = daemon.park("one.com"), daemon.park("two.com")
    one.read().problem(502, "upstream-invalid-response")
    two.read()
    eventually(lambda: daemon.lookup("two.com", cached=1).status == 504)
    assert len(sim.ledger()) == 2


# ---- a rejected batch ----

def test_rejected_batch_is_split_and_fails_one_lookup_only(testbed, sim):
    """One rejection, of the four; then each is submitted alone."""
    daemon = testbed.daemon(sim, "--batch-size", "4", "--batch-linger", "60s",
                          "--submit-slots", "1")
    sim.fault("submit", "status", after_creating=False, status=400,
              body='{"detail":"one of them is not liked"}', content_type="application/json")
    domains = ["a.com", "b.com", "c.com", "d.com"]
    connections = [daemon.park(domain) for domain in domains]
    for domain, connection in zip(domains, connections):
        assert connection.read().json()["domain"] == domain
    assert sorted(row["domain"] for row in sim.ledger()) == domains
    assert sim.calls()["submit"] == 5  # 4 rejected, then 1, 1, 1 and 1


def test_rejected_lookup_gets_the_reason(daemon, sim):
    sim.fault("submit", "status", after_creating=False, status=400,
              body='{"detail":"Domain is required"}', content_type="application/json")
    document = daemon.lookup("milvali.com").problem(502, "upstream-rejected")
    assert document["detail"] == "Domain is required"
    assert document["charged"] == "no"
    assert not sim.ledger()
