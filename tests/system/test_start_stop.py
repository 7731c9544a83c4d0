# SPDX-License-Identifier: MIT
"""test_start_stop.py - tests start, failed start, protection of the key, and stop.

Exit status 0 is a clean stop, 1 a failure of the system, 2 an error that the operator must fix; a failed
start prints one clear line on stderr. programs.py checks for all tests that every stop is clean and without
a report of a sanitizer.
"""
import os
import re
import signal
import socket
import stat
import subprocess

import pytest
from programs import EMAILSD, KEY, KEY_VARIABLE, PATIENCE_S, Program, run_to_end
from waiting import eventually
from wire import Connection

CANARY = "om_canary_5f1c9d7b20e84a63"
UPSTREAM = ["--upstream-url", "http://127.0.0.1:1"]
ANY_PORT = ["--listen", "127.0.0.1:0"]


def key_file(directory, content, mode=0o600):
    path = directory / "key"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    path.chmod(mode)
    return str(path)


def refused(status, *flags, env=None):
    """Runs a daemon that must fail with that status and one line; returns the line."""
    env = {KEY_VARIABLE: KEY} if env is None else env
    ended = run_to_end(*flags, env=env)
    assert ended.returncode == status, ended
    assert ended.stdout == "", ended
    assert re.fullmatch(r"emailsd: [^\n]+\n", ended.stderr), ended
    return ended.stderr


# ---- the stop ----


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop_of_an_idle_daemon_is_immediate(testbed, sim, number):
    daemon = testbed.daemon(sim)
    daemon.lookup("milvali.com")
    daemon.stop(number)
    assert "event=stopped" in daemon.stderr()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop_rejects_all_waiting_clients_as_draining(testbed, sim, number):
    daemon = testbed.daemon(sim, "--threads", "1", "--max-waiters", "50")
    sim.hold_submits()
    clients = []
    for i in range(50):
        clients.append(daemon.connect())
        assert clients[i].get("/livez").status == 200
        clients[i].send_get(f"/emails?domain=company{i % 10}.com&wait=300")
    daemon.await_waiters(50)
    assert daemon.is_full("company0.com"), "all fifty wait"
    daemon.deliver(number)
    for client in clients:
        answer = client.read()
        assert answer.problem(503, "draining")["retryable"] is True
        assert int(answer.header("Retry-After")) >= 1
        assert client.is_closed()
    assert daemon.wait() == 0
    daemon.stop()


def test_stop_does_not_pay_for_queued_lookups(testbed, sim):
    daemon = testbed.daemon(sim, "--batch-linger", "60s")
    client = daemon.park("milvali.com")
    daemon.await_waiters(1)
    assert daemon.lookup("milvali.com", wait=0).status == 504
    daemon.deliver(signal.SIGTERM)
    client.read().problem(503, "draining")
    assert daemon.wait() == 0
    assert sim.calls()["requests"] == 0


def test_stop_closes_the_port(testbed, sim):
    daemon = testbed.daemon(sim, "--listen", "127.0.0.21:0")  # no other test takes a port there
    daemon.stop()
    with pytest.raises(ConnectionRefusedError):
        Connection(daemon.address)


def test_stop_closes_idle_connections(testbed, sim):
    daemon = testbed.daemon(sim)
    connections = [Connection(daemon.address) for _ in range(10)]
    for connection in connections[:5]:
        assert connection.get("/livez").status == 200
    daemon.stop()
    for connection in connections:
        assert connection.is_closed()
        connection.close()


def test_start_after_a_stop_gets_the_same_port(testbed, sim):
    first = testbed.daemon(sim, "--listen", "127.0.0.22:0")  # no other test takes a port there
    kept = first.connect()
    assert kept.get("/livez").status == 200
    first.stop()
    second = testbed.daemon(sim, "--listen", "%s:%d" % first.address)
    assert second.address == first.address
    assert second.get("/livez").status == 200


# ---- the start ----


def test_stdout_has_only_the_ready_line(testbed, sim):
    daemon = testbed.daemon(sim)
    daemon.lookup("milvali.com")
    daemon.stop()
    assert re.fullmatch(rb"emailsd ready on http://127\.0\.0\.1:\d+\n", daemon.stdout)


def test_listen_on_several_addresses_prints_and_serves_each(testbed, sim):
    flags = [*ANY_PORT, "--listen", "127.0.0.2:0", "--listen", "[::1]:0"]
    daemon = testbed.daemon(sim, *flags, n_addresses=3)
    hosts = []
    for url in daemon.urls:
        connection = Connection(Program.address_of(url))
        assert connection.get("/emails?domain=milvali.com").json()["count"] == 2
        connection.close()
        hosts.append(Program.address_of(url)[0])
    assert hosts == ["127.0.0.1", "127.0.0.2", "::1"]
    assert len(sim.ledger()) == 1


@pytest.mark.parametrize("threads", ["1", "3"])
def test_threads_any_number_of_workers_serves(testbed, sim, threads):
    daemon = testbed.daemon(sim, "--threads", threads)
    for _ in range(20):
        assert daemon.lookup("milvali.com").status == 200
    assert len(sim.ledger()) == 1


def test_start_on_a_port_in_use_exits_with_1(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = "127.0.0.1:%d" % taken.getsockname()[1]
        words = refused(1, "--listen", address, *UPSTREAM)
    assert address in words and "in use" in words


def test_start_of_a_second_daemon_does_not_share_the_port(daemon):
    address = "%s:%d" % daemon.address
    assert address in refused(1, "--listen", address, *UPSTREAM)


def test_start_with_one_of_several_ports_in_use_fails(testbed, sim):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = "127.0.0.1:%d" % taken.getsockname()[1]
        assert address in refused(1, *ANY_PORT, "--listen", address, *UPSTREAM)


def test_start_on_a_foreign_address_exits_with_1():
    assert "192.0.2.1:0" in refused(1, "--listen", "192.0.2.1:0", "--allow-anonymous", *UPSTREAM)


@pytest.mark.parametrize("flags, words", [
    pytest.param(["--frobnicate"], "--frobnicate", id="unknown"),
    pytest.param(["serve"], "serve", id="no flag at all"),
    pytest.param(["--wait"], "--wait", id="value missing"),
    pytest.param(["--wait", "90"], "--wait", id="unit missing"),
    pytest.param(["--wait", "-1s"], "--wait", id="negative"),
    pytest.param(["--wait", "301s"], "--wait", id="too long"),
    pytest.param(["--batch-size", "0"], "--batch-size", id="too small"),
    pytest.param(["--batch-size", "101"], "--batch-size", id="too big"),
    pytest.param(["--cache-size", "64MB"], "--cache-size", id="another unit"),
    pytest.param(["--threads", "many"], "--threads", id="no number"),
    pytest.param(["--log-level", "loud"], "--log-level", id="no level"),
    pytest.param(["--listen", "localhost"], "localhost", id="no port"),
    pytest.param(["--listen", "127.0.0.1:99999"], "127.0.0.1:99999", id="no such port"),
    pytest.param(["--listen", "::1:8080"], "::1:8080", id="no brackets"),
    pytest.param(["--upstream-url", ""], "--upstream-url", id="no URL"),
    pytest.param(["--upstream-url", "ftp://127.0.0.1/"], "--upstream-url", id="neither http"),
    pytest.param(["--upstream-url", "api.openmart.ai"], "--upstream-url", id="no scheme"),
])
def test_option_that_is_invalid_is_named_and_exits_with_2(flags, words):
    base = [] if "--listen" in flags else ANY_PORT
    base += [] if "--upstream-url" in flags else UPSTREAM
    assert words in refused(2, *base, *flags)


def test_variable_that_is_invalid_is_named_and_exits_with_2():
    env = {KEY_VARIABLE: KEY, "EMAILSD_MAX_WAIT": "soon"}
    assert "EMAILSD_MAX_WAIT" in refused(2, *ANY_PORT, *UPSTREAM, env=env)


def test_flag_overrides_the_environment(testbed, sim):
    env = {KEY_VARIABLE: KEY, "EMAILSD_WAIT": "300s", "EMAILSD_MAX_WAIT": "7s"}
    daemon = testbed.daemon(sim, "--wait", "0", env=env)
    sim.hold_submits()
    daemon.lookup("milvali.com").problem(504, "still-processing")
    answer = daemon.lookup("com", wait=8)
    assert answer.status == 422
    assert daemon.lookup("milvali.com", wait=0).status == 504


def test_help_and_version_are_printed_without_a_key():
    help_text = run_to_end("--help")
    assert (help_text.returncode, help_text.stderr) == (0, "")
    for flag in ("--listen", "--upstream-url", "--api-key-file", "--max-wait", "--threads"):
        assert f"  {flag} " in help_text.stdout
    rows = re.findall(r"^  ([a-z-].*?)  +(\S.*)$", help_text.stdout, re.M)
    columns = {line.index(text, 2 + len(left)) for left, text in rows
               for line in help_text.stdout.split("\n") if line.startswith(f"  {left}  ")}
    assert len(rows) > 45 and columns == {35}
    for heading in ("Commands", "Listening", "Upstream", "Spending", "Shutdown"):
        assert f"\n{heading}:\n  " in help_text.stdout
    version = run_to_end("--version")
    assert (version.returncode, version.stderr) == (0, "")
    assert re.fullmatch(r"emailsd \d+\.\d+\.\d+ \(\S+\)\n", version.stdout)


# ---- the upstream ----


@pytest.mark.parametrize("url", [
    "http://api.openmart.ai", "http://10.0.0.1:8080", "http://127.0.0.1.example.com",
    "http://localhost.example.com", "http://0.0.0.0",
])
def test_upstream_url_without_tls_is_rejected(url):
    words = refused(2, *ANY_PORT, "--upstream-url", url)
    assert "--upstream-url" in words and "plaintext" in words


def test_upstream_insecure_is_accepted_and_logged(testbed):
    daemon = testbed.daemon("http://10.0.0.1:8080", "--upstream-insecure")
    assert daemon.get("/livez").status == 200
    assert "level=warn event=upstream_plaintext" in daemon.stderr()


@pytest.mark.parametrize("url", ["http://localhost:1", "http://127.0.0.9:1", "http://[::1]:1",
                                 "https://api.openmart.ai", "https://api.openmart.ai/"])
def test_upstream_url_with_https_or_loopback_is_accepted(testbed, url):
    assert testbed.daemon(url).get("/livez").status == 200


@pytest.mark.parametrize("url", ["https://user:hunter2@api.openmart.ai",
                                 "https://api.openmart.ai/?key=hunter2",
                                 "https://api.openmart.ai/#hunter2"])
def test_upstream_url_with_a_secret_is_rejected(url):
    words = refused(2, *ANY_PORT, "--upstream-url", url)
    assert "--upstream-url" in words and "hunter2" not in words


# ---- the key ----


@pytest.mark.parametrize("content", [KEY, KEY + "\n", KEY + "\r\n"])
def test_key_file_may_end_with_a_newline(testbed, sim, tmp_path, content):
    path = key_file(tmp_path, content)
    daemon = testbed.daemon(sim, "--api-key-file", path, env={})
    assert daemon.lookup("milvali.com").status == 200
    assert sim.calls()["unauthorized"] == 0


@pytest.mark.parametrize("content", [
    pytest.param("", id="empty"),
    pytest.param("\n", id="a line and nothing in it"),
    pytest.param(CANARY + "\n\n", id="two lines"),
    pytest.param(CANARY + " ", id="a blank at the end"),
    pytest.param(" " + CANARY, id="a blank at the start"),
    pytest.param(CANARY + "\tx", id="a tab"),
    pytest.param(CANARY + "\r\nX-Injected: 1", id="another header"),
    pytest.param(CANARY + "\0x", id="a NUL"),
    pytest.param(CANARY + "\u00e9", id="no ASCII"),
    pytest.param(CANARY + "\x7f", id="DEL"),
    pytest.param(CANARY * 100, id="2 KB"),
])
def test_key_file_without_a_key_is_rejected(tmp_path, content):
    path = key_file(tmp_path, content)
    words = refused(2, *ANY_PORT, *UPSTREAM, "--api-key-file", path, env={})
    assert path in words
    assert CANARY not in words


@pytest.mark.parametrize("content", ["", "\n", CANARY + " x", CANARY + "\u00e9"])
def test_key_variable_without_a_key_is_rejected(content):
    words = refused(2, *ANY_PORT, *UPSTREAM, env={KEY_VARIABLE: content})
    assert KEY_VARIABLE in words
    assert CANARY not in words


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o601])
def test_key_file_accessible_by_others_is_rejected(tmp_path, mode):
    path = key_file(tmp_path, CANARY, mode)
    words = refused(2, *ANY_PORT, *UPSTREAM, "--api-key-file", path, env={})
    assert path in words and CANARY not in words
    assert stat.S_IMODE(os.stat(path).st_mode) == mode


def test_key_file_that_is_missing_or_not_a_file_is_rejected(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo, 0o600)
    for path in (tmp_path / "absent", tmp_path, fifo):
        words = refused(2, *ANY_PORT, *UPSTREAM, "--api-key-file", str(path), env={})
        assert str(path) in words


def test_start_without_a_key_is_rejected_with_a_remedy():
    words = refused(2, *ANY_PORT, *UPSTREAM, env={})
    assert "--api-key-file" in words and KEY_VARIABLE in words


def test_start_with_two_keys_is_rejected(tmp_path):
    path = key_file(tmp_path, CANARY)
    words = refused(2, *ANY_PORT, *UPSTREAM, "--api-key-file", path, env={KEY_VARIABLE: CANARY})
    assert KEY_VARIABLE in words and "--api-key-file" in words
    assert CANARY not in words


def shown_by_proc(daemon, name):
    """Returns a file of /proc/PID; nothing if the system denies access."""
    try:
        with open(f"/proc/{daemon.process.pid}/{name}", "rb") as file:
            return file.read()
    except PermissionError:
        return b""


ECHO = '{"detail":"the key %s is bad"}' % CANARY
RESPONSES_WITH_THE_KEY = [
    ("submit", {"kind": "status", "status": 400, "body": ECHO}),
    ("submit", {"kind": "status", "status": 401, "body": ECHO}),
    ("submit", {"kind": "status", "status": 500, "body": ECHO}),
    ("submit", {"kind": "status", "status": 302, "headers": {"Location": f"http://127.0.0.1:1/{CANARY}"}}),
    ("submit", {"kind": "body", "body": CANARY}),
    ("submit", {"kind": "garbage"}),
    ("submit", {"kind": "raw", "body": "HTTP/1.1 400 %s\r\nX: %s\r\n\r\n%s" % (3 * (CANARY,))}),
    ("status", {"kind": "status", "status": 401, "body": ECHO}),
    ("task", {"kind": "status", "status": 500, "body": ECHO}),
]
UNREADABLE = ('{"task_id":"{{task_id}}","status":"COMPLETED","tracking_id":"{{tracking_id}}",'
              '"data":[{"box":"%s"}]}' % CANARY)


def close_circuit(daemon):
    before = daemon.stderr().count("event=reloaded")
    daemon.deliver(signal.SIGHUP)
    eventually(lambda: daemon.stderr().count("event=reloaded") > before)


@pytest.mark.parametrize("source", ["variable", "file"])
def test_key_is_shown_nowhere(testbed, tmp_path, source):
    sim = testbed.simulator("--api-key", CANARY)
    flags = ["--api-key-file", key_file(tmp_path, CANARY)] if source == "file" else []
    daemon = testbed.daemon(sim, *flags, env={} if source == "file" else {KEY_VARIABLE: CANARY})
    answers = [daemon.lookup("milvali.com")]
    sim.fault("balance", "status", times=-1, status=401, body=ECHO)
    for i, (on, fault) in enumerate(RESPONSES_WITH_THE_KEY):
        sim.fault(on, **fault)
        answers.append(daemon.lookup(f"company{i}.com"))
        assert answers[-1].status == (502 if on == "submit" else 200)
        assert [f["on"] for f in sim.say("GET", "/sim/faults")] == ["balance"], "the response was sent"
        close_circuit(daemon)  # the next response must be sent too
    sim.rule("unreadable.com", raw_task_body=UNREADABLE)
    answers.append(daemon.lookup("unreadable.com"))
    answers[-1].problem(502, "upstream-invalid-response")
    assert "the key *** is bad" in answers[1].json()["detail"]
    assert sim.calls()["unauthorized"] == 0, "the key was really used"
    shown = [repr(answer.headers).encode() + answer.body for answer in answers]
    shown += [shown_by_proc(daemon, "cmdline"), shown_by_proc(daemon, "environ"), daemon.get("/metrics").body]
    daemon.stop()
    assert "***" in daemon.stderr(), "the start of a response that cannot be read is logged"
    shown += [daemon.stdout, daemon.stderr().encode()]
    assert not [text for text in shown if CANARY.encode() in text]


def test_process_has_a_core_limit_of_zero(daemon):
    limits = shown_by_proc(daemon, "limits").decode()
    assert not limits or re.search(r"Max core file size +0 +0 ", limits)


# ---- healthcheck ----

def await_healthy(*flags, env=None):
    """Returns the first healthcheck that succeeds: it waits for 3 s only, and a machine may be busy."""
    return eventually(lambda: (ended := run_to_end("healthcheck", *flags, env=env)).returncode == 0 and ended)


def test_healthcheck_detects_whether_a_daemon_runs(testbed, sim):
    # No other test takes a port at the second address.
    daemon = testbed.daemon(sim, *ANY_PORT, "--listen", "127.0.0.26:0", n_addresses=2)
    address = daemon.urls[1].removeprefix("http://")
    alive = await_healthy("--listen", address)
    assert (alive.stdout, alive.stderr) == ("", "")
    await_healthy(env={"EMAILSD_LISTEN": f"0.0.0.0:{daemon.address[1]}"})
    daemon.stop()
    result = run_to_end("healthcheck", "--listen", address)
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1 and address in result.stderr


def test_store_location_is_required_only_by_commands_that_use_it(daemon):
    def run(*words):
        return subprocess.run([EMAILSD, *words], env={}, capture_output=True, text=True, check=False,
                              timeout=PATIENCE_S)

    address = "{}:{}".format(*daemon.address)
    eventually(lambda: run("healthcheck", "--listen", address).returncode == 0)
    assert run("key", "new", "crm").returncode == 0
    refused = run("inspect")
    assert refused.returncode == 2 and "emailsd: --store: " in refused.stderr


def test_healthcheck_rejects_another_server(sim):
    def rejected():
        other = run_to_end("healthcheck", "--listen", "{}:{}".format(*sim.address))
        assert other.returncode == 1
        return "status 404" in other.stderr
    eventually(rejected)
