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


def start(testbed, sim, wall, *flags):
    """The sandbox would hide the file with the offset."""
    return testbed.daemon(sim, "--sandbox", "off", *flags, env=wall.environment())


@pytest.mark.parametrize("jump", ["-10d", "+10d", "-1", "+1"])
def test_t1_t2_clock_jump_during_a_wait_changes_nothing(testbed, sim, wall, jump):
    daemon = start(testbed, sim, wall)
    sim.hold_submits()
    waiting = daemon.park("milvali.com")
    sim.reach(submit=1)
    wall.off(jump)
    daemon.lookup("milvali.com", wait=1).problem(504, "still-processing")
    sim.release_submits()
    assert waiting.read().status == 200
    assert len(sim.ledger()) == 1


def date_of(answer):
    return parsedate_to_datetime(answer.header("Date"))


def test_t1_clock_set_back_does_not_expire_a_result(testbed, sim, wall):
    daemon = start(testbed, sim, wall)
    first = daemon.lookup("milvali.com")
    wall.off("-10d")
    eventually(lambda: date_of(daemon.get("/livez")) < date_of(first) - timedelta(days=9))
    again = daemon.lookup("milvali.com")
    assert again.body == first.body and "hit" in again.header("Cache-Status")
    assert int(again.header("Age")) >= 0
    assert len(sim.ledger()) == 1


def test_t2_result_is_fresh_after_10_days_and_refreshed_after_40(testbed, sim, wall):
    daemon = start(testbed, sim, wall)
    body = daemon.lookup("milvali.com").body
    wall.off("+10d")
    ten = eventually(lambda: (a := daemon.lookup("milvali.com")) and int(a.header("Age")) > 86400 and a)
    assert ten.body == body and len(sim.ledger()) == 1
    wall.off("+35d")
    # Served immediately, refreshed in the background.
    eventually(lambda: daemon.lookup("milvali.com").status == 200 and len(sim.ledger()) == 2)
    assert daemon.lookup("milvali.com").status == 200


def test_budget_day_that_repeats_has_no_second_budget(testbed, sim, wall):
    store = f"sqlite:{testbed.directory}/days.db"
    daemon = start(testbed, sim, wall, "--credits-per-day", "1", "--store", store)
    assert daemon.lookup("one.com").status == 200
    daemon.lookup("two.com").problem(402, "credits-exhausted")
    wall.off("+1d")
    eventually(lambda: daemon.lookup("two.com").status == 200)
    wall.off("+0")
    daemon.lookup("three.com").problem(402, "credits-exhausted")
    daemon.stop()
    daemon = start(testbed, sim, wall, "--credits-per-day", "1", "--store", store)
    daemon.lookup("three.com").problem(402, "credits-exhausted")
    assert len(sim.ledger()) == 2
