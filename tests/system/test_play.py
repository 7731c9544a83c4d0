# SPDX-License-Identifier: MIT
"""test_play.py - tests `make play`, and that it leaves no process and no file."""
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import urllib.request

import pytest

from programs import EMAILSD, PATIENCE_S, SIMULATOR, tied

SCRIPT = pathlib.Path(__file__).parents[1] / "scripts/play.sh"


class Play:
    """play.sh in a process group of its own, as in a terminal."""

    def __init__(self, folder, *command, **env):
        self.process = subprocess.Popen(
            tied([SCRIPT, *command]), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True, text=True,
            env={**os.environ, "HOME": str(folder), "XDG_STATE_HOME": str(folder), "TMPDIR": str(folder),
                 "DAEMON_BIN": str(EMAILSD), "SIM_BIN": str(SIMULATOR), "PORT": "0", **env})

    def shown(self):
        """Returns what it prints before it waits for Ctrl-C."""
        lines = []
        while not lines or not lines[-1].startswith("Ctrl-C"):
            lines.append(self.process.stdout.readline())
            assert lines[-1], f"ended after {lines}"
        return "".join(lines)

    def press_ctrl_c(self):
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(PATIENCE_S)

    def is_gone(self):
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return True
        return False

    def kill(self):
        if not self.is_gone():
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()


@pytest.fixture
def play(tmp_path):
    """Starts the script; what it has started ends with the test."""
    started = []

    def start(*command, **env):
        started.append(Play(tmp_path, *command, **env))
        return started[-1]

    yield start
    for running in started:
        running.kill()


def end_delays(simulator):
    request = urllib.request.Request(f"{simulator}/sim/behaviour", method="PUT",
                                     data=json.dumps({"submit_delay_ms": 0, "task_time_ms": 0}).encode())
    urllib.request.urlopen(request, timeout=PATIENCE_S).close()


def test_play_serves_lookups_until_ctrl_c_and_cleans_up(play, tmp_path):
    running = play(EMAILS_BIN="/bin/true")  # the tool, if it is built
    shown = running.shown()
    assert re.search(r"^  tool +/bin/true --url http", shown, re.M)
    end_delays(re.search(r"curl (\S+)/sim/ledger", shown)[1])
    page = re.search(r"^  page +(\S+)/$", shown, re.M)[1]
    result, = re.findall(r"^  result +curl '(\S+)'$", shown, re.M)
    assert result.startswith(page)
    with urllib.request.urlopen(result, timeout=PATIENCE_S) as response:
        assert "info@milvali.com" in response.read().decode()
    assert running.press_ctrl_c() == 0
    assert running.is_gone()
    assert not list(tmp_path.iterdir()), "answers that a simulator invented stay"


def test_play_runs_a_command_and_ends_with_its_status(play, tmp_path):
    running = play("sh", "-c", 'curl -sS "$EMAILSD_URL/livez"; exit 3')
    assert running.process.communicate(timeout=PATIENCE_S)[0] == "ok\n"
    assert running.process.returncode == 3
    assert running.is_gone()
    assert not list(tmp_path.iterdir())


def test_play_uses_a_free_port_if_its_own_is_in_use(play):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        running = play("sh", "-c", "echo $EMAILSD_URL", PORT=str(port), EMAILSD_LISTEN="127.0.0.1:1")
        url = running.process.communicate(timeout=PATIENCE_S)[0]
        assert url.startswith("http://127.0.0.1:") and str(port) not in url
