# SPDX-License-Identifier: MIT
"""test_systemd_units.py - tests systemd's own checks of the unit file."""
import shutil
import subprocess

import pytest
from programs import EMAILSD, PATIENCE_S, ROOT

UNIT = ROOT / "docker" / "emailsd.service"
SOCKET = ROOT / "docker" / "emailsd.socket"
pytestmark = pytest.mark.skipif(not shutil.which("systemd-analyze"),
                                reason="no systemd-analyze on this machine")


def analyze(*words):
    return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, timeout=PATIENCE_S,
                          check=False)


def test_service_unit_exposes_little():
    result = analyze("security", "--offline=yes", "--threshold=15", str(UNIT))
    assert result.returncode == 0, result.stdout + result.stderr


def test_service_unit_is_valid(tmp_path):
    unit = tmp_path / "emailsd.service"
    unit.write_text(UNIT.read_text().replace("/usr/bin/emailsd", EMAILSD))
    result = analyze("verify", str(unit))
    assert (result.returncode, result.stderr) == (0, "")


def test_socket_unit_is_valid_and_starts_the_service(tmp_path):
    service, listening = tmp_path / UNIT.name, tmp_path / SOCKET.name
    service.write_text(UNIT.read_text().replace("/usr/bin/emailsd", EMAILSD))
    listening.write_text(SOCKET.read_text())
    result = analyze("verify", str(listening), str(service))
    assert (result.returncode, result.stderr) == (0, "")
