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


def test_budget_is_kept_across_kills(stage):
    """Five new questions for each daemon, which is killed at a random moment."""
    sim = stage.simulator("--submit-delay", "5ms", "--task-time", "5ms")
    store = f"sqlite:{stage.directory}/budget.db"
    chance = random.Random(20261123)
    for life in range(KILLS):
        daemon = stage.daemon(sim, "--store", store, "--credits-per-day", str(CREDITS))
        for n in range(PER_LIFE):
            daemon.park(f"company{life}-{n}.com")
        for _ in range(chance.randrange(12)):  # a duration, in units of a probe
            daemon.get("/livez")
        daemon.kill()
    bought = sim.ledger()
    assert 0 < len(bought) <= CREDITS
    assert len({row["domain"] for row in bought}) == len(bought)
    daemon = stage.daemon(sim, "--store", store, "--credits-per-day", str(CREDITS))
    for n in range(CREDITS):
        daemon.ask(f"late{n}.com")
    assert len(sim.ledger()) <= CREDITS
    spent = daemon.ask("too-late.com")
    problem = spent.problem(402, "credits-exhausted")
    assert problem["charged"] == "no" and int(spent.header("Retry-After")) > 0


def test_budget_spent_still_serves_cached_results(stage, sim):
    daemon = stage.daemon(sim, "--credits-per-day", "1")
    first = daemon.ask("milvali.com")
    daemon.ask("other.com").problem(402, "credits-exhausted")
    assert daemon.ask("milvali.com").body == first.body
    assert "credits_threshold_reached percent=95 spent=1 limit=1" in daemon.stderr()


def warned(daemon):
    return re.findall(r"event=credits_threshold_reached percent=(\d+) spent=(\d+) limit=(\d+)", daemon.stderr())


def test_budget_thresholds_are_logged_once_each(stage, sim):
    daemon = stage.daemon(sim, "--credits-per-day", "20")
    for n in range(20):
        daemon.ask(f"company{n}.com")
    assert warned(daemon) == [("50", "10", "20"), ("80", "16", "20"), ("95", "19", "20")]


def test_budget_thresholds_are_logged_again_for_a_new_limit(stage, sim, tmp_path):
    conf = tmp_path / "emailsd.conf"
    conf.write_text("credits-per-day = 2\n")
    daemon = stage.daemon(sim, "--config", str(conf))
    for n in range(2):
        daemon.ask(f"company{n}.com")
    said = [("50", "1", "2"), ("95", "2", "2")]
    assert warned(daemon) == said
    conf.write_text("credits-per-day = 4\n")
    daemon.deliver(signal.SIGHUP)
    eventually(lambda: warned(daemon) == said + [("50", "2", "4")])
    daemon.ask("more.com")
    daemon.ask("most.com")
    assert warned(daemon)[3:] == [("95", "4", "4")]


def test_joined_and_cached_lookups_cost_no_credit(stage, sim):
    daemon = stage.daemon(sim, "--credits-per-day", "1", "--threads", "1")
    sim.hold_submits()
    waiting = [daemon.park("milvali.com") for _ in range(5)]
    daemon.settle()
    sim.release_submits()
    assert {connection.read().status for connection in waiting} == {200}
    assert len(sim.ledger()) == 1


def test_pause_and_resume_commands_reach_a_running_daemon(stage, sim):
    store = f"sqlite:{stage.directory}/paused.db"
    daemon = stage.daemon(sim, "--store", store)
    first = daemon.ask("milvali.com")
    assert run_to_end("pause", "--store", store).returncode == 0
    fresh = itertools.count()
    eventually(lambda: daemon.ask(f"other{next(fresh)}.com").status == 503)
    refused = daemon.ask("another.com")
    assert refused.problem(503, "paused")["charged"] == "no"
    assert daemon.ask("milvali.com").body == first.body
    before = len(sim.ledger())
    daemon.stop()
    daemon = stage.daemon(sim, "--store", store)
    daemon.ask("another.com").problem(503, "paused")
    assert len(sim.ledger()) == before
    assert run_to_end("resume", "--store", store).returncode == 0
    eventually(lambda: daemon.ask("another.com").status == 200)


def tells(daemon, event, times=1):
    eventually(lambda: daemon.stderr().count(f"event={event}\n") == times)


@pytest.mark.parametrize("store", ["memory:", "sqlite:{}/paused.db"])
def test_pause_and_resume_signals_take_effect_immediately(stage, sim, store):
    daemon = stage.daemon(sim, "--store", store.format(stage.directory))
    first = daemon.ask("milvali.com")
    daemon.deliver(signal.SIGUSR1)
    tells(daemon, "paused")
    assert daemon.ask("another.com").problem(503, "paused")["charged"] == "no"
    assert daemon.ask("milvali.com").body == first.body
    daemon.deliver(signal.SIGUSR1)  # a second call changes nothing
    daemon.deliver(signal.SIGUSR2)
    tells(daemon, "resumed")
    assert daemon.ask("another.com").status == 200
    assert daemon.stderr().count("event=paused") == 1 and len(sim.ledger()) == 2


def test_pause_by_signal_outlives_a_kill_until_the_command_resumes(stage, sim):
    store = f"sqlite:{stage.directory}/paused.db"
    daemon = stage.daemon(sim, "--store", store)
    daemon.deliver(signal.SIGUSR1)
    tells(daemon, "paused")
    daemon.kill()
    daemon = stage.daemon(sim, "--store", store)
    daemon.ask("milvali.com").problem(503, "paused")
    assert run_to_end("resume", "--store", store).returncode == 0
    tells(daemon, "resumed")
    assert daemon.ask("milvali.com").status == 200 and len(sim.ledger()) == 1


def test_pause_does_not_stop_reading_submitted_tasks(stage, sim):
    daemon = stage.daemon(sim, "--store", "memory:")
    sim.hold_submits()
    waits = daemon.park("milvali.com")
    eventually(lambda: sim.calls()["submit"] == 1)
    daemon.deliver(signal.SIGUSR1)
    tells(daemon, "paused")
    sim.release_submits()
    assert waits.read().status == 200
    daemon.ask("another.com").problem(503, "paused")
