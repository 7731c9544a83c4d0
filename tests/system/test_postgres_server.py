# SPDX-License-Identifier: MIT
"""test_postgres_server.py - tests that the PostgreSQL server of a test leaves nothing, however the test ends."""
import os
import signal
import subprocess
import sys
import tempfile

import postgres
import pytest
from postgres import Postgres, processes_in
from waiting import eventually


def stop_processes(folder):
    """Stops them, so that they do not handle a signal."""
    for pid in processes_in(folder):
        os.kill(pid, signal.SIGSTOP)


def is_gone(folder):
    return not os.path.exists(folder) and not processes_in(folder)


def test_server_that_is_stopped_ends_when_it_is_closed():
    server = Postgres()
    assert server.process.pid in processes_in(server.folder)
    stop_processes(server.folder)
    server.close()
    assert is_gone(server.folder)


RUN = """
import sys
sys.path.insert(0, sys.argv[1])
from postgres import Postgres
server = Postgres()
print(server.folder, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("is_stopped", [False, True], ids=["running", "stopped"])
def test_killed_test_run_leaves_no_server_and_no_folder(is_stopped):
    argv = [sys.executable, "-c", RUN, os.path.dirname(postgres.__file__)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as run:
        folder = run.stdout.readline().strip()
        assert processes_in(folder)
        if is_stopped:
            stop_processes(folder)
        run.kill()
    eventually(lambda: is_gone(folder))


def test_server_that_cannot_start_leaves_nothing():
    with tempfile.TemporaryDirectory() as top:
        os.chmod(top, 0o755)  # the server runs as another user
        with pytest.raises(AssertionError, match="did not start"):
            Postgres("no_such_setting=on", top=top)
        assert not os.listdir(top)
