# SPDX-License-Identifier: MIT
"""test_demo.py - tests `make demo`, and that it leaves no process and no file."""
import os
import pathlib
import re
import subprocess

from programs import EMAILSD, SIMULATOR

SCRIPT = pathlib.Path(__file__).parents[1] / "scripts/demo.sh"


def test_demo_pays_once_serves_from_cache_and_cleans_up(tmp_path):
    shown = subprocess.run([SCRIPT], capture_output=True, text=True, check=False,
                           env={**os.environ, "HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path),
                                "TMPDIR": str(tmp_path), "DAEMON_BIN": str(EMAILSD), "SIM_BIN": str(SIMULATOR)})
    assert shown.returncode == 0, shown
    assert re.findall(r"Cache-Status: emailsd; (\S+?);? ", shown.stdout) == ["fwd=uri-miss", "hit"]
    assert "the upstream has received 1 submit" in shown.stdout
    assert not list(tmp_path.iterdir()), "answers that a simulator invented stay"
