# SPDX-License-Identifier: MIT
"""test_one_batch.py - tests that the trouble of one batch stays its own: its reads are rejected, or hang, or
are too large. Other batches and new submits continue, and nothing that was paid for is given up.
"""
import re

import pytest
from waiting import eventually


def fault_of(sim, domain, on, **fault):
    """Makes calls about the batch of that domain fail until the faults are cleared."""
    sim.say("POST", "/sim/faults", {"on": on, "times": -1, "batch_with": domain, "fault": fault})


def addresses(response):
    assert response.status == 200, response
    return [entry["email"] for entry in response.json()["emails"]]


def expected(domain):
    return [f"info@{domain}", f"support@{domain}"]


# ---- rejected reads ----


@pytest.mark.parametrize("on", ["status", "task"])
@pytest.mark.parametrize("status", [401, 402, 403, 404, 500, 502])
def test_reads_of_one_batch_that_are_rejected_block_no_other(daemon, sim, status, on):
    fault_of(sim, "sick.com", on, kind="status", status=status)
    sick = daemon.park("sick.com")
    sim.reach(**{on: 1})
    for i in range(5):
        assert addresses(daemon.lookup(f"company{i}.com")) == expected(f"company{i}.com")
    assert sim.calls()["submit"] == 6
    sim.say("DELETE", "/sim/faults")
    assert addresses(sick.read()) == expected("sick.com")
    assert len(sim.ledger("sick.com")) == 1


def test_reads_rejected_while_the_balance_route_is_missing_block_no_other(testbed, sim):
    daemon = testbed.daemon(sim)
    sim.behave(balance_shape="missing")
    fault_of(sim, "sick.com", "read", kind="status", status=403)
    daemon.park("sick.com")
    sim.reach(status=1)
    for i in range(5):
        assert addresses(daemon.lookup(f"well{i}.com")) == expected(f"well{i}.com")


# ---- reads that hang ----


def test_task_reads_of_one_batch_that_hang_delay_no_other(testbed, sim):
    """Forty tasks whose reads never end. If they took all connections for reads, one after the other, the tasks of
    the next batch would wait for minutes."""
    daemon = testbed.daemon(sim, "--batch-size", "40", "--batch-linger", "1s")
    fault_of(sim, "sick0.com", "task", kind="hang")
    sick = [daemon.park(f"sick{i}.com") for i in range(40)]
    sim.reach(tasks=40, task=1)
    well = [daemon.park(f"well{i}.com") for i in range(10)]
    assert [addresses(client.read()) for client in well] == [expected(f"well{i}.com") for i in range(10)]
    assert sim.calls()["scripts"] <= 3, "at most three of one batch are in flight"
    sim.say("DELETE", "/sim/faults")
    assert [addresses(client.read()) for client in sick] == [expected(f"sick{i}.com") for i in range(40)]
    assert len(sim.ledger()) == 50


# ---- large bodies ----


def test_task_of_more_than_a_mebibyte_ends_its_lookup_and_delays_no_other(daemon, sim):
    sim.rule("large.com", shape="large")
    large = daemon.park("large.com")
    sim.reach(task=1)
    assert addresses(daemon.lookup("other.com")) == expected("other.com")
    assert large.read().problem(502, "upstream-invalid-response")["charged"] == "yes"
    daemon.lookup("large.com").problem(502, "upstream-invalid-response")
    assert len(sim.ledger("large.com")) == 1


# ---- the balance route is missing ----


def circuit_events(daemon):
    """Returns the log lines about the circuit, without their times."""
    return re.findall(r"(level=\w+ event=circuit_.*)", daemon.stderr())


def test_circuit_closes_again_although_the_balance_cannot_be_read(testbed, sim):
    """Five lost submits open the circuit; the next probe is one submit of one task."""
    daemon = testbed.daemon(sim, "--submit-slots", "8")
    sim.behave(balance_shape="missing")
    sim.fault("submit", "close", times=5)
    for i in range(5):
        daemon.lookup(f"lost{i}.com").problem(502, "upstream-outcome-unknown")
    callers = [daemon.park(f"queued{i}.com") for i in range(3)]
    assert [addresses(caller.read()) for caller in callers] == [expected(f"queued{i}.com") for i in range(3)]
    assert len(sim.ledger()) == 8
    probe = [task["batch_id"] for task in sim.ledger()[5:]]
    assert probe.count(probe[0]) == 1, "the probe has one task"
    eventually(lambda: circuit_events(daemon) == [
        "level=warn event=circuit_opened cause=lost-submits reason=circuit-open confirmed=false probe_s=15",
        "level=info event=circuit_closed cause=lost-submits"])
    assert daemon.metric('emailsd_circuit_probes_total{result="accepted"}') == 1
    assert daemon.metric('emailsd_circuit_probes_total{result="failed"}') == 0
