# SPDX-License-Identifier: MIT
"""waiting.py - the one place where a test looks twice.

Most tests block on a socket until the thing they wait for has happened. Where nothing can be
blocked on, the condition itself is asked again until it holds; how long that takes never decides
whether a test passes, only how long a failing one takes to fail.
"""
import threading
import time

PATIENCE_S = 60  # ends a test that hangs; no test is about this time
PAUSE_S = 0.005


def eventually(condition, timeout=PATIENCE_S):
    """The first true value of condition(); fails when there was none in time."""
    pause = threading.Event()
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {timeout} s"
        pause.wait(PAUSE_S)
