# SPDX-License-Identifier: MIT
"""test_lists_memory.py - tests that the memory of many long lists is bounded, while they run and afterwards."""
import pathlib
import re

import pytest
from lists import domains, stream
from programs import is_sanitized

pytestmark = pytest.mark.skipif(is_sanitized(), reason="a sanitizer needs memory of its own")
ENTRIES = 10000
MIB = 1 << 20
KEPT_BYTES = 64 * MIB  # of lists that have ended
SPARE_BYTES = 48 * MIB  # of the allocator, of a list that is read, and of all else


def resident_bytes(daemon):
    status = pathlib.Path(f"/proc/{daemon.process.pid}/status").read_text("ascii")
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) * 1024


def test_sixteen_full_lists_take_less_than_a_kib_for_each_entry(testbed, sim):
    daemon = testbed.daemon(sim, "--bulks", "64", "--log-level", "warn")  # 16 of one client
    sim.hold_submits()
    before = resident_bytes(daemon)
    readers = [stream(daemon, domains(ENTRIES, f"list{i}-")) for i in range(16)]
    assert daemon.metric("emailsd_bulks") == 16
    assert resident_bytes(daemon) - before < 16 * ENTRIES * 1024
    for reader in readers:
        reader.close()


def test_lists_that_have_ended_take_a_bounded_memory(testbed, sim):
    """Fifty of them would take 160 MiB, above all for the long inputs."""
    daemon = testbed.daemon(sim, "--log-level", "warn")
    before = resident_bytes(daemon)
    ids = []
    for i in range(50):
        entries = [f"https://{domain}/{'x' * 200}" for domain in domains(ENTRIES, f"list{i}-")]
        reader = stream(daemon, entries, query="?cached=1")
        ids.append(reader.bulk_id())
        reader.read()
        reader.close()
    assert resident_bytes(daemon) - before < KEPT_BYTES + SPARE_BYTES
    assert daemon.get(f"/bulks/{ids[0]}").status == 404
    assert daemon.get(f"/bulks/{ids[-1]}").status == 200
