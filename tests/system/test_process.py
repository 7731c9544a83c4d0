# SPDX-License-Identifier: MIT
"""test_process.py - tests signals, descriptors, stack and processor time: what the system may do to a
process."""
import contextlib
import os
import pathlib
import re
import resource
import select
import signal
import subprocess
import time

import pytest

import programs
from certificates import Authority, Relay
from programs import KEY, KEY_VARIABLE
from tracing import Tracing, can_trace, thread_of
from waiting import eventually


@contextlib.contextmanager
def limited(monkeypatch, tmp_path, words):
    """Daemons of this test start after a line of shell, such as a ulimit."""
    wrapper = tmp_path / "limited"
    wrapper.write_text(f"#!/bin/sh\n{words} && exec {programs.EMAILSD} \"$@\"\n")
    wrapper.chmod(0o755)
    with monkeypatch.context() as patched:
        patched.setattr(programs, "EMAILSD", str(wrapper))
        yield


@pytest.mark.parametrize("number", [signal.SIGPIPE, signal.SIGCHLD, signal.SIGURG, signal.SIGWINCH])
def test_r3_unused_signals_change_nothing(daemon, number):
    daemon.lookup("milvali.com")
    for _ in range(20):
        daemon.deliver(number)
        assert daemon.lookup("milvali.com").status == 200


def test_r3_sigstop_and_sigcont_only_delay(testbed, sim):
    daemon = testbed.daemon(sim)
    sim.hold_submits()
    short, long = daemon.park("milvali.com", wait=1), daemon.park("milvali.com")
    sim.reach(submit=1)
    daemon.deliver(signal.SIGSTOP)
    sim.release_submits()
    sim.reach(tasks_done=1)
    daemon.deliver(signal.SIGCONT)
    assert short.read().status in (200, 504)  # its second may have passed
    assert long.read().status == 200
    assert len(sim.ledger()) == 1


def test_r4_descriptor_limit_keeps_accepted_connections_served(testbed, sim, monkeypatch, tmp_path):
    """The limit permits some connections; descriptors for the daemon itself are reserved."""
    with limited(monkeypatch, tmp_path, "ulimit -n 120"):
        daemon = testbed.daemon(sim, "--threads", "1")
    assert "event=connection_limit_reduced" in daemon.stderr()
    inside = daemon.connect()
    assert inside.get("/livez").status == 200
    crowd = [daemon.connect() for _ in range(300)]
    for i in range(20):
        inside.send_get(f"/emails?domain=company{i}.com")
        assert inside.read().status == 200, "the upstream and the disk are reachable"
    for connection in crowd:
        connection.close()
    eventually(lambda: _answers(daemon))
    assert len(sim.ledger()) == 20


def _answers(daemon):
    try:
        return daemon.get("/livez").status == 200
    except OSError:
        return False


FEWER = 12  # above those of a started daemon, so that none is left
CALM = 0.25  # of a core: a busy loop uses nearly all of one


@contextlib.contextmanager
def out_of_descriptors(daemon):
    """The running daemon gets no new descriptor; the open ones are not affected."""
    soft, hard = resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE, (FEWER, hard))
    try:
        yield
    finally:
        resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE, (soft, hard))


def processor_s(daemon):
    """Returns the processor time that it has used."""
    numbers = pathlib.Path(f"/proc/{daemon.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(numbers[11]) + int(numbers[12])) / os.sysconf("SC_CLK_TCK")


def load(daemon, waiting):
    """Returns how much of a core it uses while no connection is accepted or rejected."""
    before, began = processor_s(daemon), time.monotonic()
    assert select.select([connection.socket for connection in waiting], [], [], 1) == ([], [], [])
    return (processor_s(daemon) - before) / (time.monotonic() - began)


def nobody(_daemon, _sim):
    """The daemon has no connection."""


def an_idle_one(daemon, _sim):
    connection = daemon.connect()
    assert connection.get("/livez").status == 200
    return connection


def one_that_waits(daemon, sim):
    sim.hold_submits()
    connection = daemon.park("milvali.com")
    sim.reach(submit=1)
    return connection


@pytest.mark.parametrize("inside", [nobody, an_idle_one, one_that_waits])
def test_r4_accept_pauses_without_descriptors_and_resumes(testbed, sim, inside):
    daemon = testbed.daemon(sim, "--threads", "1")
    guest = inside(daemon, sim)
    with out_of_descriptors(daemon):
        waiting = [daemon.connect() for _ in range(3)]
        eventually(lambda: "event=accept_paused" in daemon.stderr())
        assert load(daemon, waiting) < CALM
        if inside is an_idle_one:
            assert guest.get("/livez").status == 200, "who is inside notices nothing"
    assert [connection.get("/livez").status for connection in [*waiting, daemon.connect()]] == [200] * 4
    assert daemon.stderr().count("event=accept_paused") == 1
    if inside is one_that_waits:
        sim.release_submits()
        assert guest.read().status == 200


@pytest.mark.skipif(not can_trace(), reason="strace cannot be attached")
@pytest.mark.parametrize("error", ["ENFILE", "ENOBUFS", "ENOMEM"])
def test_r4_accept_pauses_at_enfile_and_resumes(testbed, sim, tmp_path, error):
    """The real ENFILE affects the whole machine, so strace makes the call fail."""
    daemon = testbed.daemon(sim, "--threads", "1")
    with Tracing(thread_of(daemon, "http-0"), tmp_path / "calls", "trace=accept4",
                 f"inject=accept4:error={error}:when=1..3"):
        assert daemon.get("/livez").status == 200
    assert (tmp_path / "calls").read_text().count("INJECTED") == 3
    assert daemon.stderr().count("event=accept_paused") == 1


def test_r4_submits_in_flight_have_reserved_descriptors(testbed, sim, monkeypatch, tmp_path):
    with limited(monkeypatch, tmp_path, "ulimit -n 200"):
        few, many = (testbed.daemon(sim, "--threads", "1", "--submit-slots", n) for n in ("4", "16"))
    possible = [int(re.search(r"event=connection_limit_reduced .*limit=(\d+)", daemon.stderr())[1])
                for daemon in (few, many)]
    assert possible[0] - possible[1] == 12


def test_r4_start_with_too_few_descriptors_is_logged(monkeypatch, tmp_path):
    with limited(monkeypatch, tmp_path, "ulimit -n 24"):
        ended = programs.run_to_end("--upstream-url", "http://127.0.0.1:1", "--listen", "127.0.0.1:0",
                                    "--store", "memory:", env={KEY_VARIABLE: KEY})
    assert ended.returncode == 1 and "RLIMIT_NOFILE" in ended.stderr, ended


def test_r8_starved_processor_only_delays(testbed, sim):
    daemon = testbed.daemon(sim)
    hogs = [subprocess.Popen(programs.tied(["sh", "-c", "while :; do :; done"])) for _ in range(2 * os.cpu_count())]
    try:
        answers = [daemon.lookup(f"company{i % 10}.com").status for i in range(100)]
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()
    assert set(answers) == {200}
    assert len(sim.ledger()) == 10


@pytest.mark.skipif("san" in pathlib.Path(programs.EMAILSD).parent.name, reason="sanitizers want more of it")
def test_r9_small_stack_is_enough(testbed, sim, monkeypatch, tmp_path):
    with limited(monkeypatch, tmp_path, "ulimit -s 256"):
        daemon = testbed.daemon(sim)
    sim.rule("deep.com", raw_task_body="[" * 100000)
    daemon.lookup("deep.com", wait=1).problem(504, "still-processing")  # it is not a response, and is read again
    assert daemon.lookup("milvali.com").status == 200
    assert daemon.get("/metrics").status == 200
    soft, _ = resource.getrlimit(resource.RLIMIT_STACK)
    assert soft != 256 * 1024  # it belongs to the daemon, not to the test


def test_r12_without_certificates_nothing_is_sent(testbed, sim, tmp_path):
    relay = Relay(sim.address, *Authority(tmp_path).sign("upstream"))
    daemon = testbed.daemon(relay.url, "--upstream-ca", "/nonexistent/ca.pem")
    daemon.lookup("milvali.com", wait=0)
    eventually(lambda: "event=submit_failed tasks=1 status=0" in daemon.stderr())
    assert sim.requests() == [] and sim.ledger() == []
