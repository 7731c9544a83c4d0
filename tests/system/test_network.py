# SPDX-License-Identifier: MIT
"""test_network.py - tests a network that drops packets, delays them, and resolves no names.

Each test has a network namespace of its own, so that its rules do not affect this machine: the test's
thread enters it, and so do the programs that it starts.
"""
import ctypes
import os
import pathlib
import signal
import subprocess

import pytest

import programs
from pg_proxy import PgProxy
from postgres import Postgres
from programs import HOUR_MS, KEY_VARIABLE
from waiting import eventually

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000  # linux/sched.h
HERE = "/proc/thread-self/ns/net"


def run(*words):
    subprocess.run(words, check=True, capture_output=True)


@pytest.fixture
def apart():
    before = os.open(HERE, os.O_RDONLY)
    try:
        if os.geteuid() != 0 or LIBC.unshare(CLONE_NEWNET) != 0:
            pytest.skip("network namespaces want root")
        run("ip", "link", "set", "lo", "up")
        yield
    finally:
        LIBC.setns(before, CLONE_NEWNET)
        os.close(before)


def rule(*words):
    """Adds one rule for incoming packets."""
    run("nft", "add", "table", "ip", "t")
    run("nft", "add", "chain", "ip", "t", "in", "{ type filter hook input priority 0; }")
    run("nft", "add", "rule", "ip", "t", "in", *words)


def calm():
    run("nft", "flush", "ruleset")


def to_upstream(sim):
    """Matches what a daemon sends to the simulator. The test's own connection is left alone: its
    acknowledgements may still be in flight when a rule begins, and a reset would end it."""
    own = sim.control.sock.getsockname()[1]
    return "tcp", "dport", str(sim.address[1]), "tcp", "sport", "!=", str(own)


@pytest.mark.parametrize("how", [["drop"], ["reject", "with", "tcp", "reset"]], ids=["U7 dropped", "U6 reset"])
def test_upstream_that_is_unreachable_costs_nothing(apart, testbed, how):
    sim = testbed.simulator()
    daemon = testbed.daemon(sim)
    sim.calls()  # the control connection exists before the rule
    rule(*to_upstream(sim), "tcp", "flags", "syn", *how)
    waiting = daemon.park("milvali.com", wait=120)
    if how == ["drop"]:
        daemon.lookup("milvali.com", wait=1).problem(504, "still-processing")
    else:
        eventually(lambda: 'operation="submit",code="none"' in daemon.get("/metrics").body.decode())
    assert sim.requests() == [] and sim.ledger() == []
    calm()
    answer = waiting.read()
    assert answer.status in (200, 502, 503), answer
    if answer.status != 200:
        assert answer.json()["charged"] == "no", answer
    assert len(sim.ledger()) == (answer.status == 200)


def test_s20_connections_reset_during_polling_only_delay(apart, testbed):
    """All connections break while the batch is polled, and work again later: nothing is paid twice."""
    sim = testbed.simulator()
    sim.behave(task_time_ms=HOUR_MS)
    daemon = testbed.daemon(sim)
    waiting = daemon.park("milvali.com")
    sim.reach(submit=1, tasks=1)
    eventually(lambda: "batch_submitted" in daemon.stderr())
    rule(*to_upstream(sim), "reject", "with", "tcp", "reset")
    eventually(lambda: 'operation="status",code="none"' in daemon.get("/metrics").body.decode())
    calm()
    sim.behave(task_time_ms=0)
    assert waiting.read().status == 200
    assert len(sim.ledger()) == 1


def test_r17_packet_loss_of_a_fifth_only_delays(apart, testbed):
    sim = testbed.simulator()
    daemon = testbed.daemon(sim)
    sim.calls()
    rule("numgen", "random", "mod", "100", "<", "20", *to_upstream(sim), "drop")
    waiting = [daemon.park(f"company{i}.com") for i in range(10)]
    statuses = [c.read().status for c in waiting]
    calm()
    assert set(statuses) <= {200, 502, 503}, statuses
    assert statuses.count(200) >= 5
    domains = [row["domain"] for row in sim.ledger()]
    assert len(set(domains)) == len(domains)


def test_r17_low_bandwidth_only_delays(apart, testbed):
    sim = testbed.simulator()
    daemon = testbed.daemon(sim)
    run("tc", "qdisc", "add", "dev", "lo", "root", "tbf", "rate", "256kbit", "burst", "4kb", "latency", "2s")
    assert daemon.lookup("milvali.com").status == 200
    assert len(sim.ledger()) == 1


SILENT = "nameserver 127.0.0.1\noptions timeout:30 attempts:3\n"


@pytest.fixture
def dead_resolver(request, tmp_path, monkeypatch):
    """Names are resolved at this machine, where no server runs: emailsd has a resolv.conf of its own."""
    conf, wrapper = tmp_path / "resolv.conf", tmp_path / "emailsd"
    conf.write_text(request.param)
    wrapper.write_text(f"""#!/bin/sh
exec unshare -m sh -c 'mount --bind {conf} /etc/resolv.conf && exec {programs.EMAILSD} "$@"' emailsd "$@"
""")
    wrapper.chmod(0o755)
    monkeypatch.setattr(programs, "EMAILSD", str(wrapper))


@pytest.mark.parametrize("dead_resolver", [SILENT], indirect=True)
def test_u10_silent_resolver_delays_nothing_else(apart, dead_resolver, testbed):
    rule("udp", "dport", "53", "drop")
    daemon = testbed.daemon("https://upstream.example", env={KEY_VARIABLE: "k"})
    waiting = daemon.park("milvali.com", wait=100)
    for _ in range(20):
        assert daemon.get("/livez").status == 200
    eventually(lambda: "event=submit_failed tasks=1 status=0" in daemon.stderr())
    # It is being retried when the shutdown begins, which does not wait for the resolver.
    daemon.deliver(signal.SIGTERM)
    assert waiting.read().status == 503
    assert daemon.wait() == 0


@pytest.mark.parametrize("dead_resolver", [pytest.param("", id="R12 empty"),
                                           pytest.param("nonsense\n", id="R12 nonsense")], indirect=True)
def test_machine_without_a_resolver_pays_nothing_and_logs_why(apart, dead_resolver, testbed):
    daemon = testbed.daemon("https://upstream.example", env={KEY_VARIABLE: "k"})
    waiting = daemon.park("milvali.com", wait=100)
    answer = waiting.read()
    assert answer.problem(502, "upstream-error")["charged"] == "no"
    assert "event=submit_failed tasks=1 status=0" in daemon.stderr()
    assert daemon.get("/livez").status == 200


# ---- the name of PostgreSQL ----


@pytest.fixture
def proxy(apart):
    """A server, and a port of the network namespace that leads to it."""
    server = Postgres()
    try:
        one = PgProxy(server)
        yield one
        one.close()
    finally:
        server.close()


@pytest.mark.parametrize("dead_resolver", [SILENT], indirect=True)
def test_silent_resolver_does_not_hold_a_daemon_with_postgresql(proxy, dead_resolver, testbed):
    """At its start, and later: there the name is in a file of hosts that loses it."""
    sim = testbed.simulator()
    hosts = pathlib.Path(programs.EMAILSD).with_name("hosts")
    hosts.write_text("127.0.0.1 db.example\n")
    wrapper = pathlib.Path(programs.EMAILSD)
    wrapper.write_text(wrapper.read_text().replace("mount --bind", f"mount --bind {hosts} /etc/hosts && mount --bind", 1))
    rule("udp", "dport", "53", "drop")
    url = f"postgresql://postgres@db.example:{proxy.port}/postgres?sslmode=disable"
    daemon = testbed.daemon(sim, "--store", url)
    known = daemon.lookup("known.com")
    hosts.write_text("\n")  # the same file
    proxy.cut()
    daemon.lookup("milvali.com", wait=1).problem(503, "storage-unavailable")
    eventually(lambda: "the resolver does not answer in time for 'db.example'" in daemon.stderr())
    assert daemon.lookup("known.com").body == known.body
    assert daemon.get("/livez").status == 200
    assert daemon.get("/readyz").status == 200
    # An attempt to connect ends before the next one begins.
    eventually(lambda: daemon.get("/readyz?verbose").json()["checks"]["store_lag_ms"] == 0)
    daemon.stop()
    daemon = testbed.daemon(sim, "--store", url)
    daemon.get("/readyz").problem(503, "starting")
    assert daemon.get("/livez").status == 200
    daemon.stop()
    assert len(sim.ledger()) == 1
