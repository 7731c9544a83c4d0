# SPDX-License-Identifier: MIT
"""test_threads.py - tests a system that creates no threads."""
import subprocess

import pytest
from programs import EMAILSD, KEY, KEY_VARIABLE, PATIENCE_S, environment, is_sanitized
from tracing import can_trace, tracer

pytestmark = [
    pytest.mark.skipif(not can_trace(), reason="strace is missing, or may not attach (root may)"),
    pytest.mark.skipif(is_sanitized(b"t"), reason="ThreadSanitizer begins with a thread of its own"),
]

NEW_THREADS = "clone3,clone"


def start_without(k, tmp_path):
    """Starts a daemon with two threads of the store, an engine and two workers; the creation of its k-th thread fails."""
    command = tracer(tmp_path / "calls", f"trace={NEW_THREADS}", f"inject={NEW_THREADS}:error=EAGAIN:when={k}")
    env = environment({KEY_VARIABLE: KEY, "ASAN_OPTIONS": "detect_leaks=0"})
    return subprocess.run([*command, EMAILSD, "--listen", "127.0.0.1:0", "--threads", "2",
                           "--upstream-url", "http://127.0.0.1:1", "--store", f"sqlite:{tmp_path}/emailsd.db"],
                          env=env, capture_output=True, text=True, timeout=PATIENCE_S, check=False)


@pytest.mark.parametrize("k, words", [
    pytest.param(1, "engine: cannot start the threads of the store: Resource temporarily unavailable",
                 id="R6 the store"),
    pytest.param(2, "engine: cannot start the threads of the store: Resource temporarily unavailable",
                 id="R6 the reads of the store"),
    pytest.param(3, "engine: cannot create thread: Resource temporarily unavailable", id="R6 the engine"),
    pytest.param(4, "cannot start worker 0: Resource temporarily unavailable", id="R6 the first worker"),
    pytest.param(5, "cannot start worker 1: Resource temporarily unavailable", id="R6 the second worker"),
])
def test_start_without_threads_fails_with_a_reason(tmp_path, k, words):
    ended = start_without(k, tmp_path)
    assert "EAGAIN" in (tmp_path / "calls").read_text(), "no such thread was asked for"
    lines = [line for line in ended.stderr.splitlines() if line.startswith("emailsd: ")]
    assert ended.returncode == 1 and len(lines) == 1 and words in lines[0], ended
    assert ended.stdout == ""
