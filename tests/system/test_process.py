# SPDX-License-Identifier: MIT
"""test_process.py - signals, descriptors, stack and processor: what the system may do to a process."""
import contextlib
import pathlib
import resource
import signal
import subprocess

import pytest

import programs
from certificates import Authority, Relay
from programs import KEY, KEY_VARIABLE
from waiting import eventually


@contextlib.contextmanager
def limited(monkeypatch, tmp_path, words):
    """Daemons of this test start behind a line of shell, such as a ulimit."""
    wrapper = tmp_path / "limited"
    wrapper.write_text(f"#!/bin/sh\n{words} && exec {programs.EMAILSD} \"$@\"\n")
    wrapper.chmod(0o755)
    with monkeypatch.context() as patched:
        patched.setattr(programs, "EMAILSD", str(wrapper))
        yield


@pytest.mark.parametrize("number", [signal.SIGPIPE, signal.SIGCHLD, signal.SIGURG, signal.SIGWINCH])
def test_r3_a_signal_without_meaning_changes_nothing(daemon, number):
    daemon.ask("milvali.com")
    for _ in range(20):
        daemon.deliver(number)
        assert daemon.ask("milvali.com").status == 200


def test_r3_stopped_for_a_while_it_goes_on_where_it_was(stage, sim):
    daemon = stage.daemon(sim)
    sim.hold_submits()
    short, long = daemon.park("milvali.com", wait=1), daemon.park("milvali.com", wait=60)
    sim.reach(submit=1)
    daemon.deliver(signal.SIGSTOP)
    sim.release_submits()
    sim.reach(tasks_done=1)
    daemon.deliver(signal.SIGCONT)
    assert short.read().status in (200, 504)  # its second may have passed
    assert long.read().status == 200
    assert len(sim.ledger()) == 1


def test_r4_without_descriptors_for_more_callers_those_inside_are_served(stage, sim, monkeypatch, tmp_path):
    """The limit leaves room for some connections; what it needs for itself is kept apart."""
    with limited(monkeypatch, tmp_path, "ulimit -n 120"):
        daemon = stage.daemon(sim, "--threads", "1")
    assert "event=fewer-connections" in daemon.stderr()
    inside = daemon.connect()
    crowd = [daemon.connect() for _ in range(300)]
    for i in range(20):
        inside.send_get(f"/emails?domain=company{i}.com")
        assert inside.read().status == 200, "the way to the vendor and to the disk is open"
    for connection in crowd:
        connection.close()
    eventually(lambda: _answers(daemon))
    assert len(sim.ledger()) == 20


def _answers(daemon):
    try:
        return daemon.get("/livez").status == 200
    except OSError:
        return False


def test_r4_too_few_descriptors_are_told_at_the_start(monkeypatch, tmp_path):
    with limited(monkeypatch, tmp_path, "ulimit -n 24"):
        ended = programs.run_to_end("--upstream-url", "http://127.0.0.1:1", "--listen", "127.0.0.1:0",
                                    "--store", "memory:", env={KEY_VARIABLE: KEY})
    assert ended.returncode == 1 and "RLIMIT_NOFILE" in ended.stderr, ended


def test_r8_a_starved_processor_only_takes_longer(stage, sim):
    daemon = stage.daemon(sim)
    hogs = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(16)]
    try:
        answers = [daemon.ask(f"company{i % 10}.com").status for i in range(100)]
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()
    assert set(answers) == {200}
    assert len(sim.ledger()) == 10


@pytest.mark.skipif("san" in pathlib.Path(programs.EMAILSD).parent.name, reason="sanitizers want more of it")
def test_r9_a_small_stack_is_enough(stage, sim, monkeypatch, tmp_path):
    with limited(monkeypatch, tmp_path, "ulimit -s 256"):
        daemon = stage.daemon(sim)
    sim.rule("deep.com", raw_task_body="[" * 100000)
    daemon.ask("deep.com", wait=1).problem(504, "still-processing")  # it is no answer, and is read again
    assert daemon.ask("milvali.com").status == 200
    assert daemon.get("/metrics").status == 200
    soft, _ = resource.getrlimit(resource.RLIMIT_STACK)
    assert soft != 256 * 1024  # it is the daemon's and not ours


def test_r12_without_certificates_nothing_is_sent(stage, sim, tmp_path):
    relay = Relay(sim.address, *Authority(tmp_path).sign("vendor"))
    daemon = stage.daemon(relay.url, "--upstream-ca", "/nonexistent/ca.pem")
    daemon.ask("milvali.com", wait=0)
    eventually(lambda: "event=submit-failed tasks=1 status=0" in daemon.stderr())
    assert sim.requests() == [] and sim.ledger() == []
