# SPDX-License-Identifier: MIT
"""test_clock.py - runs the real binary on a wall clock that jumps (libfaketime). Waits use the monotonic
clock, which stays true. flow/test_time.c tests the rules themselves."""
import pathlib
from datetime import timedelta
from email.utils import parsedate_to_datetime

import pytest

from programs import EMAILSD, KEY, KEY_VARIABLE
from waiting import eventually

LIBRARY = next(iter(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")), None)
pytestmark = pytest.mark.skipif(
    not LIBRARY or "san" in pathlib.Path(EMAILSD).parent.name,
    reason="libfaketime is not installed; or a sanitizer, which wants to be loaded first")


class Wall:
    """A wall clock with that offset; the daemon reads the offset each time."""

    def __init__(self, directory):
        self.path = directory / "offset"
        self.off("+0")

    def off(self, how_far):
        new = self.path.with_suffix(".new")
        new.write_text(how_far + "\n")
        new.replace(self.path)

    def environment(self):
        return {KEY_VARIABLE: KEY, "LD_PRELOAD": str(LIBRARY), "FAKETIME_TIMESTAMP_FILE": str(self.path),
                "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_RESET": "1"}


@pytest.fixture
def wall(tmp_path):
    return Wall(tmp_path)


def start(stage, sim, wall, *flags):
    """The sandbox would hide the file with the offset."""
    return stage.daemon(sim, "--sandbox", "off", *flags, env=wall.environment())


@pytest.mark.parametrize("jump", ["-10d", "+10d", "-1", "+1"])
def test_t1_t2_clock_jump_during_a_wait_changes_nothing(stage, sim, wall, jump):
    daemon = start(stage, sim, wall)
    sim.hold_submits()
    waiting = daemon.park("milvali.com")
    sim.reach(submit=1)
    wall.off(jump)
    daemon.ask("milvali.com", wait=1).problem(504, "still-processing")
    sim.release_submits()
    assert waiting.read().status == 200
    assert len(sim.ledger()) == 1


def date_of(answer):
    return parsedate_to_datetime(answer.header("Date"))


def test_t1_clock_set_back_does_not_expire_a_result(stage, sim, wall):
    daemon = start(stage, sim, wall)
    first = daemon.ask("milvali.com")
    wall.off("-10d")
    eventually(lambda: date_of(daemon.get("/livez")) < date_of(first) - timedelta(days=9))
    again = daemon.ask("milvali.com")
    assert again.body == first.body and "hit" in again.header("Cache-Status")
    assert int(again.header("Age")) >= 0
    assert len(sim.ledger()) == 1


def test_t2_result_is_fresh_after_10_days_and_refreshed_after_40(stage, sim, wall):
    daemon = start(stage, sim, wall)
    body = daemon.ask("milvali.com").body
    wall.off("+10d")
    ten = eventually(lambda: (a := daemon.ask("milvali.com")) and int(a.header("Age")) > 86400 and a)
    assert ten.body == body and len(sim.ledger()) == 1
    wall.off("+35d")
    # Served immediately, refreshed in the background.
    eventually(lambda: daemon.ask("milvali.com").status == 200 and len(sim.ledger()) == 2)
    assert daemon.ask("milvali.com").status == 200


def test_budget_day_that_repeats_has_no_second_budget(stage, sim, wall):
    store = f"sqlite:{stage.directory}/days.db"
    daemon = start(stage, sim, wall, "--credits-per-day", "1", "--store", store)
    assert daemon.ask("one.com").status == 200
    daemon.ask("two.com").problem(402, "credits-exhausted")
    wall.off("+1d")
    eventually(lambda: daemon.ask("two.com").status == 200)
    wall.off("+0")
    daemon.ask("three.com").problem(402, "credits-exhausted")
    daemon.stop()
    daemon = start(stage, sim, wall, "--credits-per-day", "1", "--store", store)
    daemon.ask("three.com").problem(402, "credits-exhausted")
    assert len(sim.ledger()) == 2
