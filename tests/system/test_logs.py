# SPDX-License-Identifier: MIT
"""test_logs.py - tests the log: one line per event, readable by operators and programs, without secrets."""
import contextlib
import json
import os
import re
import shlex
import subprocess
import sys
import time
import urllib.request

import pytest

from activation import listen
from programs import EMAILSD, KEY, KEY_VARIABLE, PATIENCE_S, environment, run_to_end
from waiting import eventually


TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def events(daemon, name, as_json=False):
    """Returns the events of that name so far, each as a dictionary."""
    found = []
    for line in daemon.stderr().splitlines():
        pairs = json.loads(line) if as_json else dict(w.split("=", 1) for w in shlex.split(line))
        assert list(pairs)[:3] == ["ts", "level", "event"], line
        if pairs["event"] == name:
            found.append(pairs)
    return found


@pytest.mark.parametrize("as_json", [False, True])
def test_log_links_a_request_to_its_lookup_and_batch(testbed, sim, as_json):
    daemon = testbed.daemon(sim, "--log-format", "json" if as_json else "logfmt")
    daemon.lookup("milvali.com", {"X-Request-Id": "mine-1", "traceparent": TRACE})
    [request] = events(daemon, "request", as_json)
    [ended] = events(daemon, "lookup_finished", as_json)
    [submitted] = events(daemon, "batch_submitted", as_json)
    assert request["id"] == "mine-1"
    assert (request["trace"], request["span"]) == (TRACE.split("-")[1], TRACE.split("-")[2])
    typed = (lambda number: number) if as_json else str
    assert (request["method"], request["route"], request["status"]) == ("GET", "/emails", typed(200))
    assert (request["outcome"], request["charged"], request["peer"]) == ("looked-up", "yes", "127.0.0.1")
    assert int(request["ms"]) >= 0
    assert request["lookup"] == ended["lookup"] and re.fullmatch("[0-9a-f]{32}", ended["lookup"])
    assert ended["batch"] == submitted["batch"] == sim.ledger()[0]["batch_id"]
    assert (ended["domain"], ended["outcome"], ended["charged"]) == ("milvali.com", "found", "yes")
    assert (ended["waiters"], submitted["tasks"]) == (typed(1), typed(1))


def test_log_has_hits_and_probes_at_level_debug_only(testbed, sim):
    loud, quiet = testbed.daemon(sim), testbed.daemon(sim, "--log-level", "info")
    for daemon in (loud, quiet):
        daemon.lookup("milvali.com")
        daemon.lookup("milvali.com")
        daemon.get("/livez")
        daemon.lookup("milvali")
    outcomes = [(e.get("route"), e["status"], e.get("outcome")) for e in events(loud, "request")]
    assert outcomes == [("/emails", "200", "looked-up"), ("/emails", "200", "hit"),
                        ("/livez", "200", None), ("/emails", "400", "invalid-domain")]
    assert [e["status"] for e in events(quiet, "request")] == ["200", "400"]


def test_log_names_joined_and_abandoned_waits(testbed, sim):
    daemon = testbed.daemon(sim, "--threads", "1")
    sim.hold_submits()
    first, second = daemon.park("milvali.com"), daemon.park("milvali.com")
    daemon.await_waiters(2)
    daemon.lookup("milvali.com", wait=0).problem(504, "still-processing")
    sim.release_submits()
    assert first.read().status == second.read().status == 200
    outcomes = {(e["outcome"], e["status"]) for e in events(daemon, "request") if e.get("lookup")}
    assert outcomes == {("looked-up", "200"), ("joined", "200"), ("still-processing", "504")}


def test_log_of_rejected_requests_is_limited_and_the_rest_is_counted(testbed, sim):
    daemon = testbed.daemon(sim, "--log-level", "info", "--threads", "2")
    begun = time.monotonic()
    clients = [daemon.connect() for _ in range(4)]
    for i in range(400):
        assert clients[i % 4].get("/nothing").status == 404
    seconds = int(time.monotonic() - begun) + 2  # that may have begun meanwhile
    daemon.lookup("milvali.com")

    def logged():
        return [e for e in events(daemon, "request") if e["status"] == "404"]

    eventually(lambda: sum(int(e["not_logged"]) for e in events(daemon, "requests_rejected")) + len(logged()) == 400)
    assert len(logged()) <= 20 * seconds
    assert [e["outcome"] for e in events(daemon, "request") if e["status"] == "200"] == ["looked-up"]


def test_log_of_repeated_questions_is_limited(testbed, sim):
    """A question in cooldown, which may have been charged, and one that joins the lookup in flight."""
    daemon = testbed.daemon(sim, "--log-level", "info", "--threads", "2")
    sim.fault("submit", "status", status=500)
    daemon.lookup("cooldown.com").problem(502, "upstream-outcome-unknown")
    sim.hold_submits()
    daemon.lookup("milvali.com", wait=0)
    begun = time.monotonic()
    for _ in range(100):
        assert daemon.lookup("cooldown.com").json()["charged"] == "maybe"
        assert daemon.lookup("milvali.com", wait=0).status == 504
        assert daemon.lookup("milvali.com", **{"async": 1, "wait": 0}).status == 202
    seconds = int(time.monotonic() - begun) + 2

    def logged():
        return events(daemon, "request")

    eventually(lambda: sum(int(e["not_logged"]) for e in events(daemon, "requests_rejected")) + len(logged()) == 302)
    assert len(logged()) <= 2 + 20 * seconds
    assert [e["outcome"] for e in logged()[:2]] == ["upstream-outcome-unknown", "still-processing"]
    sim.release_submits()


def test_log_has_short_calls_to_the_engine_at_level_debug_only(testbed, sim, keys):
    keys.add("root", "admin")
    daemon = testbed.daemon(sim, "--log-level", "info", "--client-keys-file", keys.path)
    link = daemon.lookup("milvali.com", keys.bearer("root"), wait=0).header("Link")
    target = re.search("<(.*?)>", link)[1]
    eventually(lambda: daemon.get(target, keys.bearer("root")).status == 200)
    assert daemon.get("/usage", keys.bearer("root")).status == 200
    assert daemon.lookup("milvali.com", keys.bearer("root"), "DELETE").status == 204
    logged = [(e["method"], e["route"], e["status"]) for e in events(daemon, "request") if e["status"] != "202"]
    assert logged == [("GET", "/emails", "504"), ("DELETE", "/emails", "204")]


@pytest.mark.parametrize("trace", ["", "00-short", TRACE.upper(), TRACE + "-x", "ff" + TRACE[2:],
                                   TRACE.replace("-", "_"), "00-" + "\x1b" * 52,
                                   f"00-{'0' * 32}-{'b' * 16}-01", f"00-{'a' * 32}-{'0' * 16}-01"])
def test_log_omits_an_invalid_traceparent(daemon, trace):
    connection = daemon.connect()
    connection.send_get("/emails?domain=milvali", f"traceparent: {trace}")
    assert connection.read().status == 400
    assert all("trace" not in e for e in events(daemon, "request"))


def test_log_has_the_known_part_of_a_later_traceparent(daemon):
    daemon.get("/emails?domain=milvali", {"traceparent": "01" + TRACE[2:] + "-later"})
    [request] = events(daemon, "request")
    assert (request["trace"], request["span"]) == (TRACE.split("-")[1], TRACE.split("-")[2])


@pytest.mark.parametrize("as_json", [False, True])
def test_log_has_no_raw_input_and_no_email_address(testbed, sim, as_json):
    daemon = testbed.daemon(sim, "--log-format", "json" if as_json else "logfmt")
    connection = daemon.connect()
    for target in (b"/emails?domain=\x1b[31m", b"/emails?domain=a%0Ab%0D%1b[2J", "/\u00fc\u202e".encode(),
                   b"/emails?domain=milvali.com"):
        connection.send_get(target, "User-Agent: \u00fc", "X-Request-Id: bad id")
        connection.read()
    text = daemon.stderr()
    assert re.fullmatch(r"[\x20-\x7e\n]*", text), text
    assert "@" not in text and "info" not in text.replace("level=info", "").replace('"level":"info"', "")
    events(daemon, "request", as_json)  # every line is valid


def fetch(url):
    with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
        return answer.read().decode()


def lines_dropped(url):
    return int(re.search(r"^emailsd_log_lines_dropped_total (\d+)$", fetch(f"{url}/metrics"), re.M)[1])


def flags(sim, store="memory:"):
    return ["--upstream-url", sim.urls[0], "--store", store, "--batch-linger", "1ms", "--drain-timeout",
            "0", "--log-level", "debug"]


def test_log_without_a_reader_does_not_block_lookups(sim):
    """Lookups continue, and lost lines are counted."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writing, b"x" * 65536)
    os.set_blocking(writing, True)
    daemon = subprocess.Popen([EMAILSD, "--listen", "127.0.0.1:0", *flags(sim)], stderr=writing,
                              env=environment({KEY_VARIABLE: KEY}), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE)
    try:
        url = daemon.stdout.readline().decode().split()[-1]
        for i in range(20):
            fetch(f"{url}/emails?domain=company{i}.com")
        assert lines_dropped(url) >= 60
    finally:
        daemon.terminate()
        assert daemon.wait(PATIENCE_S) == 0
        os.close(reading)
        os.close(writing)


# If stdout is closed, no line has its address, so the daemon inherits its socket.
WITHOUT_STREAMS = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
for stream in sys.argv[2]:
    os.close(int(stream))
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.argv[3], sys.argv[3:])
"""


@pytest.mark.parametrize("closed", ["2", "02", "012"])
def test_log_to_a_closed_stream_goes_into_no_other_file(sim, tmp_path, closed):
    """The line must not go, for instance, into the store's lock, which would be the next file to be opened."""
    store = tmp_path / "store" / "emailsd.db"
    store.parent.mkdir(0o700)
    with listen() as given:
        daemon = subprocess.Popen(
            [sys.executable, "-c", WITHOUT_STREAMS, str(given.fileno()), closed, EMAILSD,
             *flags(sim, f"sqlite:{store}")],
            env=environment({KEY_VARIABLE: KEY}), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, pass_fds=[given.fileno()])
        try:
            url = "http://%s:%d" % given.getsockname()
            for i in range(5):
                assert fetch(f"{url}/emails?domain=company{i}.com")
            assert lines_dropped(url) == 0, "they went where they should, to /dev/null"
            assert store.with_name("emailsd.db.lock").read_bytes() == b""
            with contextlib.suppress(PermissionError):  # only root may read it
                assert {os.readlink(f"/proc/{daemon.pid}/fd/{stream}") for stream in closed} == {"/dev/null"}
        finally:
            daemon.terminate()
            assert daemon.wait(PATIENCE_S) == 0


def test_log_level_and_format_must_be_known_words(testbed):
    for flag in ("--log-level", "--log-format"):
        ended = run_to_end(flag, "loud")
        assert ended.returncode == 2 and flag in ended.stderr
