# SPDX-License-Identifier: MIT
"""test_notify.py - tests the messages to a service manager: ready, reloading, stopping, and watchdog pings.

The manager is a datagram socket in this process; a message is a list of assignments. To show that the pings
stop when a thread hangs, strace keeps one of its system calls from returning until the test has seen
enough. So order decides, not time.
"""
import os
import pathlib
import re
import signal
import socket
import struct
import time

import pytest
from programs import KEY, KEY_VARIABLE
from tracing import can_trace, hanging
from waiting import PATIENCE_S, eventually

LIMIT_S = 1
SO_TIMESTAMP = 29  # asm-generic/socket.h; Python has no name for it
PING = {"WATCHDOG": "1"}


class Manager:
    """Receives the daemon's messages."""

    def __init__(self, name):
        self.name = name
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + name[1:] if name.startswith("@") else name)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMP, 1)
        self.socket.settimeout(PATIENCE_S)

    def environment(self, **extra):
        return {KEY_VARIABLE: KEY, "NOTIFY_SOCKET": self.name, **extra}

    def receive(self):
        """Returns the next message as a dictionary."""
        return self.receive_with_time()[0]

    def receive_with_time(self):
        """Returns the next message, and when it was sent: seconds of the wall clock, by the kernel."""
        data, ancillary, _, _ = self.socket.recvmsg(4096, socket.CMSG_SPACE(16))
        seconds, micros = struct.unpack("qq", ancillary[0][2][:16])
        return dict(line.split("=", 1) for line in data.decode().split("\n")), seconds + micros / 1e6

    def receive_all(self):
        """Returns the messages that were sent and not yet read."""
        messages = []
        self.socket.setblocking(False)
        try:
            while True:
                messages.append(self.receive())
        except BlockingIOError:
            return messages
        finally:
            self.socket.settimeout(PATIENCE_S)


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path):
    name = tmp_path / "notify"
    made = Manager(str(name) if request.param == "path" else f"@emailsd-{os.getpid()}-{name}")
    yield made
    made.socket.close()


@pytest.fixture
def watched(testbed, sim, tmp_path):
    """A manager that requires a ping within a second, and a daemon that has reported that it is ready."""
    made = Manager(str(tmp_path / "notify"))
    env = made.environment(WATCHDOG_USEC=str(LIMIT_S * 1000000))
    daemon = testbed.daemon(sim, "--threads", "2", "--drain-timeout", "600s", env=env)
    while "READY" not in made.receive():
        pass
    yield made, daemon
    made.socket.close()


# ---- states ----


def test_notify_reports_states_from_ready_to_stopping(testbed, sim, manager):
    daemon = testbed.daemon(sim, "--drain-delay", "1s", "--drain-timeout", "20s",
                          env=manager.environment())
    assert manager.receive() == {"READY": "1", "STATUS": "serving"}
    before_us = time.clock_gettime(time.CLOCK_MONOTONIC) * 1e6
    daemon.deliver(signal.SIGHUP)
    reloading = manager.receive()
    assert reloading["RELOADING"] == "1"
    assert before_us <= int(reloading["MONOTONIC_USEC"]) <= time.clock_gettime(
        time.CLOCK_MONOTONIC) * 1e6
    assert manager.receive() == {"READY": "1", "STATUS": "serving"}
    daemon.deliver(signal.SIGTERM)
    stopping = manager.receive()
    assert (stopping["STOPPING"], stopping["STATUS"]) == ("1", "draining")
    assert int(stopping["EXTEND_TIMEOUT_USEC"]) >= 21 * 1000000
    assert daemon.wait() == 0
    assert not manager.receive_all(), "no ping was requested"


def test_notify_reports_a_rejected_reload(testbed, sim, tmp_path, manager):
    config = tmp_path / "emailsd.conf"
    config.write_text("wait = 9s\n", "ascii")
    daemon = testbed.daemon(sim, "--config", str(config), env=manager.environment())
    assert manager.receive()["STATUS"] == "serving"
    config.write_text("wait = long\n", "ascii")
    daemon.deliver(signal.SIGHUP)
    assert manager.receive()["RELOADING"] == "1"
    again = manager.receive()
    assert again["READY"] == "1" and "rejected" in again["STATUS"]
    config.write_text("wait = 8s\n", "ascii")
    daemon.deliver(signal.SIGHUP)
    assert manager.receive()["RELOADING"] == "1"
    assert manager.receive() == {"READY": "1", "STATUS": "serving"}


def test_notify_ready_follows_the_first_possible_request(testbed, sim, manager):
    daemon = testbed.daemon(sim, env=manager.environment())
    assert manager.receive()["READY"] == "1"
    assert daemon.get("/readyz").status == 200


def test_notify_sends_no_ready_for_a_failed_start(testbed, manager):
    with pytest.raises(AssertionError, match="emailsd: .*127.0.0.1:99999"):
        testbed.daemon("http://127.0.0.1:1", "--listen", "127.0.0.1:99999", env=manager.environment())
    assert not manager.receive_all()


@pytest.mark.parametrize("name", ["/nowhere/at/all", "relative", "@no-listener-here"])
def test_notify_without_a_receiver_logs_one_line(testbed, sim, name):
    daemon = testbed.daemon(sim, env={KEY_VARIABLE: KEY, "NOTIFY_SOCKET": name})
    assert daemon.lookup("milvali.com").status == 200
    eventually(lambda: "level=warn event=service_manager_notify_failed" in daemon.stderr())


def test_notify_is_silent_without_a_manager(daemon):
    assert daemon.get("/readyz").status == 200
    assert "notify" not in daemon.stderr()


# ---- the watchdog ----


def test_watchdog_is_pinged_at_half_of_the_interval(watched):
    manager, _ = watched
    pings = [manager.receive_with_time() for _ in range(9)]
    assert all(message == PING for message, _ in pings)
    took_s = pings[-1][1] - pings[0][1]  # 4 s, or less if the first one was sent late
    assert took_s > 5 * LIMIT_S / 2, "more often than every half second"


@pytest.mark.skipif(not can_trace(), reason="strace is missing, or may not attach (root may)")
@pytest.mark.parametrize("thread, call", [("store", "fdatasync"), ("store-read", "fcntl")])
def test_watchdog_is_pinged_while_the_store_hangs(watched, thread, call):
    manager, daemon = watched
    with hanging(daemon, thread, call):
        client = daemon.park("milvali.com")
        eventually(lambda: daemon.get("/readyz?verbose").json()["checks"]["waiters"] == 1)
        manager.receive_all()
        for _ in range(4):
            assert manager.receive() == PING
        assert daemon.get("/livez").status == 200
    assert client.read().status == 200


def test_watchdog_is_pinged_during_a_long_drain(watched, sim):
    manager, daemon = watched
    sim.hold_submits()
    client = daemon.park("milvali.com")
    sim.reach(submit=1)
    daemon.deliver(signal.SIGTERM)
    while "STOPPING" not in manager.receive():
        pass
    for _ in range(4):
        assert manager.receive() == PING
    assert daemon.is_running()
    sim.release_submits()
    assert client.read().status == 200
    assert daemon.wait() == 0


def test_watchdog_of_another_process_is_ignored(testbed, sim, manager):
    daemon = testbed.daemon(sim, env=manager.environment(WATCHDOG_USEC="100000", WATCHDOG_PID="1"))
    assert "READY" in manager.receive()
    daemon.stop()
    assert [message for message in manager.receive_all() if "WATCHDOG" in message] == []


@pytest.mark.skipif(not can_trace(), reason="strace is missing, or may not attach (root may)")
@pytest.mark.parametrize("thread, call", [
    pytest.param("engine", "write", id="the engine, in an iteration"),
    pytest.param("engine", "poll", id="the engine, in its wait"),
    pytest.param("http-0", "epoll_wait", id="the first worker"),
    pytest.param("http-1", "epoll_wait", id="the second worker"),
])
def test_watchdog_pings_stop_while_a_thread_hangs(watched, thread, call):
    manager, daemon = watched
    assert manager.receive() == PING
    with hanging(daemon, thread, call):
        eventually(lambda: has_been_silent(manager, daemon))
        n_logged = len(daemon.stderr())
        released = time.time()
    message, when = manager.receive_with_time()
    assert message == PING and when > released, "a ping while the thread hung"
    assert "event=watchdog_ping_resumed" in daemon.stderr()[n_logged:]
    assert re.search(r"event=watchdog_ping_withheld age_ms=\d{3,}", daemon.stderr())


def has_been_silent(manager, daemon):
    """Returns whether the main thread checked five times and sent nothing."""
    manager.receive_all()
    if last_change(daemon) != "watchdog_ping_withheld":
        return False
    seen = waits_of_main(daemon)
    eventually(lambda: waits_of_main(daemon) >= seen + 5)
    return not manager.receive_all()


def waits_of_main(daemon):
    """Returns how often the main thread, which sends the pings, has gone to sleep."""
    status = pathlib.Path(f"/proc/{daemon.process.pid}/task/{daemon.process.pid}/status").read_text()
    return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)$", status, re.M)[1])


def last_change(daemon):
    """Returns the last event about the heartbeat in the log."""
    changes = re.findall(r"event=(watchdog_ping_withheld|watchdog_ping_resumed)", daemon.stderr())
    return changes[-1] if changes else None
