# SPDX-License-Identifier: MIT
"""test_haproxy.py - tests emailsd behind HAProxy, with the example of docs/deployment.md.

Only its addresses and the path of its certificate are replaced. HAProxy inherits a listening socket, so the
test needs neither a fixed port nor a wait. `make deps` installs it; without it the tests fail.
"""
import re
import socket
import subprocess

import pytest
from certificates import Authority
from client_keys import start
from programs import EMAILSD, ROOT
from proxies import Proxy, program
from waiting import eventually
from wire import Connection

PAGE = ROOT / "docs" / "deployment.md"


def example():
    """Returns the configuration that the page shows."""
    [block] = re.findall(r"```haproxy\n(.*?)```", PAGE.read_text("utf-8"), re.S)
    return block


def with_places(text, places):
    for words, other in places.items():
        assert text.count(words) == 1, f"{words!r} is not once in the example of {PAGE}"
        text = text.replace(words, other)
    return text


class HAProxy(Proxy):
    """HAProxy in front of the daemon, with a certificate of `authority`."""

    def __init__(self, folder, daemon, authority):
        folder.mkdir()
        self.context = authority.context()
        chain, key = authority.sign("emails.example.com", alt="DNS:emails.example.com")
        pem = folder / "certificate.pem"
        pem.write_text(chain.read_text() + key.read_text())
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.address = listener.getsockname()
            config = folder / "haproxy.cfg"
            config.write_text(with_places(example(), {
                "bind :443 ": f"bind fd@{listener.fileno()} ",
                "/etc/haproxy/emails.example.com.pem": str(pem),
                "127.0.0.1:8080": "%s:%d" % daemon.address}), "utf-8")
            super().__init__(folder, [program("haproxy"), "-db", "-f", config], pass_fds=[listener.fileno()])

    def connect(self):
        assert self.process.poll() is None, self.output()
        connection = Connection(self.address)
        connection.socket = self.context.wrap_socket(connection.socket, server_hostname="emails.example.com")
        connection.reader = connection.socket.makefile("rb")
        return connection


@pytest.fixture
def behind(testbed, sim, keys, tmp_path):
    """Starts a daemon with client keys and an HAProxy in front of it."""
    keys.add("reports")
    started = []

    def start_both(*flags):
        daemon = start(testbed, sim, keys, *flags)
        started.append(HAProxy(tmp_path / "haproxy", daemon, Authority(tmp_path)))
        return daemon, started[-1]

    yield start_both
    for haproxy in started:
        haproxy.stop()
        print(f"--- output of {haproxy.folder}\n{haproxy.output()[-2000:]}")


def test_haproxy_accepts_the_example_without_a_warning(behind, keys):
    _, haproxy = behind()
    assert haproxy.connect().get("/usage", keys.line("reports")).status == 200
    assert "WARNING" not in haproxy.output() and "ALERT" not in haproxy.output(), haproxy.output()


def test_haproxy_passes_a_lookup_and_hides_metrics(behind, keys, sim):
    _, haproxy = behind()
    answer = haproxy.connect().get("/emails?domain=milvali.com", keys.line("reports"), "X-Request-Id: abc.1")
    assert (answer.status, answer.header("X-Request-Id"), answer.json()["count"]) == (200, "abc.1", 2)
    haproxy.connect().get("/emails?domain=milvali.com").problem(401, "unauthorized")
    assert haproxy.connect().get("/metrics").status == 404
    assert len(sim.ledger()) == 1


def test_haproxy_client_that_leaves_frees_its_slot(behind, keys, sim):
    daemon, haproxy = behind("--threads", "1")
    sim.hold_submits()
    caller = haproxy.connect()
    caller.send_get("/emails?domain=milvali.com", keys.line("reports"))
    daemon.await_waiters(1)
    caller.close()
    daemon.await_waiters(0)  # while the lookup continues
    eventually(lambda: daemon.metric("emailsd_waiters_abandoned_total") == 1)
    assert sim.ledger() == []
    sim.release_submits()


def test_haproxy_drops_a_queued_lookup_that_no_client_waits_for(behind, keys, sim):
    daemon, haproxy = behind("--threads", "1", "--submit-slots", "1")
    sim.hold_submits()
    daemon.lookup("busy.com", keys.bearer("reports"), wait=0)
    sim.reach(submit=1)
    queued = haproxy.connect()
    queued.send_get("/emails?domain=queued.com", keys.line("reports"))
    daemon.await_waiters(1)
    queued.close()
    daemon.await_waiters(0)
    sim.release_submits()
    assert daemon.lookup("after.com", keys.bearer("reports")).status == 200
    assert [task["domain"] for task in sim.ledger()] == ["busy.com", "after.com"]


# ---- lists ----


def send_list(haproxy, keys, body, *header_lines):
    caller = haproxy.connect()
    caller.send_get("/emails", keys.line("reports"), "Content-Type: text/plain", *header_lines, method="POST")
    caller.send(body)
    return caller


def await_line(caller, text):
    while text not in (line := caller.reader.readline()):
        assert line, "the response has ended"


def test_haproxy_passes_on_the_lines_of_a_list_as_they_arrive(behind, keys, sim):
    daemon, haproxy = behind()
    daemon.lookup("a.com", keys.bearer("reports"))
    sim.hold_submits()
    caller = send_list(haproxy, keys, b"b.com\na.com\n", "Content-Length: 12")
    await_line(caller, b'"input":"a.com"')
    sim.release_submits()
    await_line(caller, b'"input":"b.com"')
    caller.close()


def test_haproxy_does_not_convert_the_chunks_of_a_list(behind, keys, sim):
    _, haproxy = behind()
    caller = send_list(haproxy, keys, b"6\r\na.com\n\r\n0\r\n\r\n", "Transfer-Encoding: chunked")
    caller.read().problem(400, "invalid-request")
    assert sim.ledger() == []


def test_haproxy_reader_that_leaves_ends_its_list(behind, keys, sim):
    daemon, haproxy = behind()
    sim.hold_submits()
    caller = send_list(haproxy, keys, b"b.com\na.com\n", "Content-Length: 12")
    eventually(lambda: daemon.metric("emailsd_bulks") == 1)
    caller.close()
    eventually(lambda: daemon.metric("emailsd_bulks") == 0)
    sim.release_submits()


# ---- timeouts ----


def test_haproxy_timeouts_fit_those_of_emailsd():
    output = subprocess.run([EMAILSD, "--help"], capture_output=True, text=True, check=True).stdout
    longest = int(re.search(r"--max-wait .*?(\d+)s", output, re.S).group(1))
    for name in ("client", "server"):
        assert int(re.search(rf"timeout {name} +(\d+)s", example()).group(1)) > longest
