# SPDX-License-Identifier: MIT
"""test_budget.py - tests the daily budget under kills and restarts, and the operator's pause."""
import itertools
import random
import re
import signal

import pytest
from programs import run_to_end
from waiting import eventually

CREDITS, KILLS, PER_LIFE = 50, 50, 5


def test_budget_is_kept_across_kills(testbed):
    """Five new questions for each daemon, which is killed at a random moment."""
    sim = testbed.simulator("--submit-delay", "5ms", "--task-time", "5ms")
    store = f"sqlite:{testbed.directory}/budget.db"
    chance = random.Random(20261123)
    for life in range(KILLS):
        daemon = testbed.daemon(sim, "--store", store, "--credits-per-day", str(CREDITS))
        for n in range(PER_LIFE):
            daemon.park(f"company{life}-{n}.com")
        if life == 0:
            sim.reach(tasks=1)  # whatever the others do
        for _ in range(chance.randrange(12)):  # a duration, in units of a probe
            daemon.get("/livez")
        daemon.kill()
    paid = sim.ledger()
    assert 0 < len(paid) <= CREDITS
    assert len({row["domain"] for row in paid}) == len(paid)
    daemon = testbed.daemon(sim, "--store", store, "--credits-per-day", str(CREDITS))
    for n in range(CREDITS):
        daemon.lookup(f"late{n}.com")
    assert len(sim.ledger()) <= CREDITS
    spent = daemon.lookup("too-late.com")
    problem = spent.problem(402, "credits-exhausted")
    assert problem["charged"] == "no" and int(spent.header("Retry-After")) > 0


def test_budget_spent_still_serves_cached_results(testbed, sim):
    daemon = testbed.daemon(sim, "--credits-per-day", "1")
    first = daemon.lookup("milvali.com")
    daemon.lookup("other.com").problem(402, "credits-exhausted")
    assert daemon.lookup("milvali.com").body == first.body
    assert "credits_threshold_reached percent=95 spent=1 limit=1" in daemon.stderr()


def warned(daemon):
    return re.findall(r"event=credits_threshold_reached percent=(\d+) spent=(\d+) limit=(\d+)", daemon.stderr())


def test_budget_thresholds_are_logged_once_each(testbed, sim):
    daemon = testbed.daemon(sim, "--credits-per-day", "20")
    for n in range(20):
        daemon.lookup(f"company{n}.com")
    assert warned(daemon) == [("50", "10", "20"), ("80", "16", "20"), ("95", "19", "20")]


def test_budget_thresholds_are_logged_again_for_a_new_limit(testbed, sim, tmp_path):
    conf = tmp_path / "emailsd.conf"
    conf.write_text("credits-per-day = 2\n")
    daemon = testbed.daemon(sim, "--config", str(conf))
    for n in range(2):
        daemon.lookup(f"company{n}.com")
    expected = [("50", "1", "2"), ("95", "2", "2")]
    assert warned(daemon) == expected
    conf.write_text("credits-per-day = 4\n")
    daemon.deliver(signal.SIGHUP)
    eventually(lambda: warned(daemon) == expected + [("50", "2", "4")])
    daemon.lookup("more.com")
    daemon.lookup("most.com")
    assert warned(daemon)[3:] == [("95", "4", "4")]


def test_joined_and_cached_lookups_cost_no_credit(testbed, sim):
    daemon = testbed.daemon(sim, "--credits-per-day", "1")
    sim.hold_submits()
    waiting = [daemon.park("milvali.com") for _ in range(5)]
    daemon.await_waiters(5)
    sim.release_submits()
    assert {connection.read().status for connection in waiting} == {200}
    assert len(sim.ledger()) == 1


def test_pause_and_resume_commands_reach_a_running_daemon(testbed, sim):
    store = f"sqlite:{testbed.directory}/paused.db"
    daemon = testbed.daemon(sim, "--store", store)
    first = daemon.lookup("milvali.com")
    assert run_to_end("pause", "--store", store).returncode == 0
    fresh = itertools.count()
    eventually(lambda: daemon.lookup(f"other{next(fresh)}.com").status == 503)
    refused = daemon.lookup("another.com")
    assert refused.problem(503, "paused")["charged"] == "no"
    assert daemon.lookup("milvali.com").body == first.body
    before = len(sim.ledger())
    daemon.stop()
    daemon = testbed.daemon(sim, "--store", store)
    daemon.lookup("another.com").problem(503, "paused")
    assert len(sim.ledger()) == before
    assert run_to_end("resume", "--store", store).returncode == 0
    eventually(lambda: daemon.lookup("another.com").status == 200)


def await_event(daemon, event, persisted=True):
    eventually(lambda: f"event={event} persisted={str(persisted).lower()}\n" in daemon.stderr())


@pytest.mark.parametrize("store, persisted", [("memory:", False), ("sqlite:{}/paused.db", True)])
def test_pause_and_resume_signals_take_effect_immediately(testbed, sim, store, persisted):
    daemon = testbed.daemon(sim, "--store", store.format(testbed.directory))
    first = daemon.lookup("milvali.com")
    daemon.deliver(signal.SIGUSR1)
    await_event(daemon, "paused", persisted)
    assert daemon.lookup("another.com").problem(503, "paused")["charged"] == "no"
    assert daemon.lookup("milvali.com").body == first.body
    daemon.deliver(signal.SIGUSR1)  # a second call changes nothing
    daemon.deliver(signal.SIGUSR2)
    await_event(daemon, "resumed", persisted)
    assert daemon.lookup("another.com").status == 200
    assert daemon.stderr().count("event=paused") == 1 and len(sim.ledger()) == 2


def test_pause_by_signal_outlives_a_kill_until_the_command_resumes(testbed, sim):
    store = f"sqlite:{testbed.directory}/paused.db"
    daemon = testbed.daemon(sim, "--store", store)
    daemon.deliver(signal.SIGUSR1)
    await_event(daemon, "paused")
    daemon.kill()
    daemon = testbed.daemon(sim, "--store", store)
    daemon.lookup("milvali.com").problem(503, "paused")
    assert run_to_end("resume", "--store", store).returncode == 0
    await_event(daemon, "resumed")
    assert daemon.lookup("milvali.com").status == 200 and len(sim.ledger()) == 1


def test_pause_does_not_stop_reading_submitted_tasks(testbed, sim):
    daemon = testbed.daemon(sim)
    sim.hold_submits()
    waits = daemon.park("milvali.com")
    sim.reach(submit=1)
    daemon.deliver(signal.SIGUSR1)
    await_event(daemon, "paused")
    sim.release_submits()
    assert waits.read().status == 200
    daemon.lookup("another.com").problem(503, "paused")
