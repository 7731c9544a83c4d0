# SPDX-License-Identifier: MIT
"""test_kill.py - runs a sample of `make kill` (tests/kill), and tests the order on which it relies: what
may be paid for is on disk before its first byte is sent.
"""
import contextlib
import math
import pathlib
import re
import sys

import pytest
from postgres import Postgres
from reconciliation import read_journal
from programs import ROOT
from tracing import Tracing, can_trace, thread_of

sys.path.append(str(ROOT / "tests/kill"))

from callers import request_all  # noqa: E402 - after the path
from notices import LOST_AT_END  # noqa: E402
from random_kills import Round  # noqa: E402
from sweep import Sweep  # noqa: E402

needs_strace = pytest.mark.skipif(not can_trace(),
                                  reason="strace is missing, or may not attach (root may)")


@pytest.mark.parametrize("seed, rough, notify",
                         [(1, False, False), (2, False, True), (3, True, False), (4, True, True)])
def test_kill_at_random_loses_nothing_and_pays_nothing_twice(tmp_path, seed, rough, notify):
    tally = Round(tmp_path, seed, 15, rough, notify).run()
    assert not tally.breaches
    assert tally.kills == 15 and tally.lists > 0
    assert tally.resolved >= LOST_AT_END if notify else tally.resolved == 0


def test_kill_around_crashes_of_postgresql_loses_nothing_and_pays_nothing_twice(tmp_path):
    server = Postgres()
    try:
        tally = Round(tmp_path, 5, 8, server=server).run()
    finally:
        server.close()
    assert not tally.breaches
    assert tally.kills == 8


@needs_strace
@pytest.mark.parametrize("which", [
    ("life", "store", "fdatasync"), ("life", "store-read", "pread64"), ("life", "engine", "connect"),
    ("life", "engine", "sendto"), ("life", "engine", "recvfrom"), ("life", "http-0", "sendmsg"),
    ("start", "main", "fdatasync"),
    ("recovery", "any", "fdatasync"), ("recovery", "any", "sendto"),
], ids=" ".join)
def test_kill_before_every_system_call_loses_nothing_and_pays_once(tmp_path, which):
    tally = Sweep(tmp_path, which).run()
    assert not tally.breaches
    assert tally.kills > 0


@needs_strace
def test_kill_before_every_fourth_write_loses_nothing_and_pays_once(tmp_path):
    tally = Sweep(tmp_path, ("life", "store", "pwrite64"), step=4).run()
    assert not tally.breaches
    assert tally.kills > 5


# ---- the order ----

CALL = re.compile(r"([\d.]+) (\w+)\((\d+)(?:, (.*))?\) += (-?\d+)(?: \w+ \(.*\))?(?: <([\d.]+)>)?$")


def calls_of(trace):
    """Yields (start time, return time, name, descriptor, arguments, result)."""
    for line in pathlib.Path(trace).read_text("latin-1").splitlines():
        match = CALL.match(line)
        if match:
            began, name, fd, arguments, result, took = match.groups()
            yield (float(began), float(began) + float(took or 0), name, int(fd), arguments or "",
                   int(result))


class Order:
    """Follows the system calls of the engine and of the thread `store`. `written`: bytes written to a file since its last
    sync. `synced`: the same after the sync, with the time when it returned. `sent`: when the connection was
    opened over which a tracking id was sent to the upstream. `used`: the batch ids that were sent."""

    def __init__(self):
        self.written, self.synced, self.connected = {}, [], {}
        self.sent, self.used = {}, set()

    def pwrite64(self, _began, _returned, fd, arguments, result):
        if result > 0:
            self.written[fd] = self.written.get(fd, "") + arguments

    def fdatasync(self, _began, returned, fd, _arguments, result):
        if result == 0:
            self.synced.append((returned, self.written.pop(fd, "")))

    fsync = fdatasync

    def connect(self, began, _returned, fd, _arguments, _result):
        self.connected[fd] = began

    def sendto(self, _began, _returned, fd, arguments, _result):
        for tracking_id in re.findall(r'tracking_id\\":\\"([0-9a-f]{32})', arguments):
            self.sent[tracking_id] = self.connected[fd]
        self.used.update(re.findall("/task/batch/([0-9a-f-]{36})/", arguments))

    def is_late(self, text, needed_at):
        """Returns whether the text was not on disk at that time."""
        durable_at = [at for at, written in self.synced if text in written]
        return not durable_at or durable_at[0] >= needed_at


@needs_strace
def test_p3_journal_syncs_intents_before_their_submits(testbed, sim, tmp_path):
    daemon = testbed.daemon(sim, "--threads", "1", "--batch-size", "3")
    calls, flags = "trace=pwrite64,fdatasync,fsync,connect,sendto", ("-ttt", "-T", "-s", "8192")
    traces = {thread: tmp_path / thread for thread in ("engine", "store")}
    with contextlib.ExitStack() as tracings:
        for thread, trace in traces.items():
            tracings.enter_context(Tracing(thread_of(daemon, thread), trace, calls, flags=flags))
        responses = request_all(daemon.address, [f"company{i}.com" for i in range(50)])
    assert [answer.status for answer in responses.values()] == [200] * 50
    order = Order()
    for began, returned, name, *rest in sorted(call for trace in traces.values() for call in calls_of(trace)):
        getattr(order, name)(began, returned, *rest)
    daemon.stop()
    ids = set(read_journal(daemon.log.with_suffix(".db")).tasks)
    assert set(order.sent) == ids == {paid["tracking_id"] for paid in sim.ledger()}
    assert len(order.used) == sim.calls()["batches"]
    assert not [tracking_id for tracking_id, at in order.sent.items() if order.is_late(tracking_id, at)]
    assert not [batch_id for batch_id in order.used if order.is_late(batch_id, math.inf)]
    assert sim.calls()["submit"] >= 17
