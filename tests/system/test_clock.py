# SPDX-License-Identifier: MIT
"""test_clock.py - runs the real binary on a wall clock that jumps (libfaketime). Waits use the monotonic
clock, which stays true. flow/test_time.c tests the rules themselves."""
import pathlib
import re
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
    daemon = testbed.daemon(sim, "--sandbox", "off", *flags, env=wall.environment())
    # libfaketime leaves these two behind. The program faketime fails if its process id has them.
    for path in pathlib.Path("/dev/shm").glob(f"*faketime_s*_{daemon.process.pid}"):
        path.unlink()
    return daemon


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


def seconds(answer, header):
    """Returns the number in that header: Age, max-age of Cache-Control, or ttl of Cache-Status."""
    return int(re.search(r"-?\d+$", answer.header(header))[0])


def until_older(daemon, days):
    """Asks until the workers have noticed the jump: each has a clock of its own."""
    return eventually(lambda: (a := daemon.lookup("milvali.com")) and seconds(a, "Age") >= days * 86400 and a)


def test_t2_result_is_fresh_after_10_days_and_refreshed_after_33(testbed, sim, wall):
    flags = ("--store", f"sqlite:{testbed.directory}/old.db")
    daemon = start(testbed, sim, wall, *flags)
    body = daemon.lookup("milvali.com").body
    wall.off("+10d")
    ten = until_older(daemon, 10)
    assert ten.body == body and len(sim.ledger()) == 1
    # A cache subtracts Age from max-age itself.
    assert seconds(ten, "Cache-Control") - seconds(ten, "Age") - seconds(ten, "Cache-Status") in (0, 1)
    daemon.stop()
    wall.off("+804h")  # 33.5 days: results live 27 to 33 days, and are served for 7 more
    daemon = start(testbed, sim, wall, *flags)  # knows of no jump
    stale = daemon.lookup("milvali.com")
    assert stale.body == body and seconds(stale, "Age") > seconds(stale, "Cache-Control") > 20 * 86400
    eventually(lambda: len(sim.ledger()) == 2)  # refreshed in the background
    assert daemon.lookup("milvali.com").status == 200


def test_t1_clock_jump_of_400_days_buys_nothing_and_is_logged(testbed, sim, wall):
    daemon = start(testbed, sim, wall, "--threads", "1")
    body = daemon.lookup("milvali.com").body
    wall.off("+400d")
    late = until_older(daemon, 400)
    assert late.body == body and seconds(late, "Cache-Status") < 0
    eventually(lambda: re.search(r"level=warn event=clock_jumped seconds=345[56]\d{4}\n", daemon.stderr()))
    for _ in range(5):
        assert daemon.lookup("milvali.com").body == body
    assert daemon.lookup("other.com").status == 200  # a refresh would have been submitted before it
    assert [row["domain"] for row in sim.ledger()] == ["milvali.com", "other.com"]
    assert daemon.stderr().count("event=clock_jumped") == 1


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
