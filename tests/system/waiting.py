# SPDX-License-Identifier: MIT
"""waiting.py - the only place where a test polls.

Most tests block on a socket until the expected event. Where no descriptor can signal the event, the
condition is checked again until it holds. The time this takes decides only how long a failing test takes,
never whether a test passes.
"""
import threading
import time

PATIENCE_S = 180  # ends a hanging test; no test is about this time
PAUSE_S = 0.005


def eventually(condition, timeout=PATIENCE_S):
    """Returns the first true value of condition(); fails if there is none in time."""
    pause = threading.Event()
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {timeout} s"
        pause.wait(PAUSE_S)
