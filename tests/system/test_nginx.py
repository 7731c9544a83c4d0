# SPDX-License-Identifier: MIT
"""test_nginx.py - tests emailsd behind nginx, with the docker/nginx.conf that is delivered.

Only its two addresses are replaced, because the ports of a test are not known before. nginx inherits a
listening socket, as it does when its program is replaced, so the test needs neither a fixed port nor a
wait.
"""
import os
import re
import shutil
import signal
import socket
import subprocess
import threading

import pytest
from lists import check_lines, domains, headers_of, stream
from programs import EMAILSD, PATIENCE_S, ROOT, Daemon, tied
from waiting import eventually
from wire import Connection

CONF = ROOT / "docker" / "nginx.conf"
NGINX = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
pytestmark = pytest.mark.skipif(not NGINX, reason="no nginx on this machine")
ID = "0123.abc_DEF-9"


class Nginx:
    """nginx in front of `upstream`, an address, with a folder of its own."""

    def __init__(self, folder, upstream):
        self.folder = folder
        folder.mkdir()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)  # nginx accepts an inherited socket in this form
            self.address = listener.getsockname()
            conf = self._with_addresses({"server emailsd:8080;": upstream,
                                         "listen 8080;": self.address})
            number = listener.fileno()
            # As root it would switch to another user, which may not read this folder.
            user = ["-g", "user root;"] if os.geteuid() == 0 else []
            with open(folder / "stdout", "wb") as out, open(folder / "stderr", "wb") as err:
                self.process = subprocess.Popen(
                    tied([NGINX, "-e", "stderr", "-p", folder, "-c", conf, *user]),
                    env={**os.environ, "NGINX": f"{number};"}, pass_fds=[number],
                    stdin=subprocess.DEVNULL, stdout=out, stderr=err)

    def _with_addresses(self, places):
        text = CONF.read_text("utf-8")
        for words, address in places.items():
            assert text.count(words) == 1, f"{words!r} is not once in {CONF}"
            text = text.replace(words, f"{words.split()[0]} {address[0]}:{address[1]};")
        path = self.folder / "nginx.conf"
        path.write_text(text, "utf-8")
        return path

    def output(self, name):
        return (self.folder / name).read_text("utf-8")

    def connect(self):
        assert self.process.poll() is None, self.output("stderr")
        return Connection(self.address)

    def get(self, target, *header_lines, method="GET"):
        connection = self.connect()
        connection.send_get(target, *header_lines, "Connection: close", method=method)
        return connection.read(method)

    def stop(self):
        self.process.terminate()
        # A test that fails early stops it before it handles the signal.
        assert self.process.wait(PATIENCE_S) in (0, -signal.SIGTERM), self.output("stderr")


@pytest.fixture
def proxy(tmp_path):
    """Starts an nginx in front of an address."""
    started = []

    def put_before(upstream):
        started.append(Nginx(tmp_path / f"nginx{len(started)}", upstream))
        return started[-1]

    yield put_before
    for nginx in started:
        nginx.stop()


class Breaker(threading.Thread):
    """An upstream that responds to the first request of a connection and closes at the second; it closes
    immediately if the client does not want to keep the connection open."""

    def __init__(self):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = self.listener.getsockname()
        self.requests_by_connection = []

    def run(self):
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            self.requests_by_connection.append(0)
            with connection, connection.makefile("rb") as reader:
                while self._take(reader) and self.requests_by_connection[-1] < 2:
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    def _take(self, reader):
        line, is_last = b"-", False
        while line not in (b"\r\n", b""):
            line = reader.readline()
            is_last = is_last or line.lower() == b"connection: close\r\n"
        self.requests_by_connection[-1] += line != b""
        return line != b"" and not is_last

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exception):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def get_emails(nginx, domain, *header_lines):
    return nginx.get(Daemon.question(domain), *header_lines)


MOMENT = re.compile(r"(?<=ttl=|age=)\d+")  # decreases each second


def text_of(answer):
    """Returns a response without what identifies its time, its request and its server."""
    own = ("date", "server", "connection", "x-request-id", "age")
    return (answer.status,
            sorted((name, MOMENT.sub("N", value)) for name, value in answer.headers if name.lower() not in own),
            re.sub(rb'"request_id":"[^"]*"', b"", answer.body))


# ---- requests that pass ----

@pytest.mark.parametrize("target", [
    "/emails?domain=milvali.com", "/emails?domain=MILVALI.com%2Fcontact", "/emails?domain=b%C3%BCcher",
    "/emails", "/emails?domain=milvali.com&cached=1&max_age=0", "/livez", "/version", "/openapi.yaml",
    "/problems/invalid-domain", "/", "/docs", "/ui/page.js", "/ui/page.css", "/ui/icon.svg", "/nothing//here", "/lookups/../emails",
])
def test_nginx_does_not_change_a_response(daemon, proxy, target):
    nginx = proxy(daemon.address)
    daemon.lookup("milvali.com")
    for method in ("GET", "HEAD", "PUT"):
        direct = daemon.connect()
        direct.send_get(target, method=method)
        assert text_of(nginx.get(target, method=method)) == text_of(direct.read(method))


def test_nginx_passes_conditional_accept_and_cache_headers(daemon, proxy):
    nginx = proxy(daemon.address)
    tag = daemon.lookup("milvali.com").header("ETag")
    assert get_emails(nginx, "milvali.com", f"If-None-Match: {tag}").status == 304
    assert get_emails(nginx, "milvali.com", "Accept: text/csv").body.startswith(b"email,")
    answer = get_emails(nginx, "other.com", "Cache-Control: only-if-cached")
    answer.problem(504, "not-cached")


def test_nginx_passes_a_request_id_that_is_logged(daemon, proxy):
    nginx = proxy(daemon.address)
    assert get_emails(nginx, "milvali.com", f"X-Request-Id: {ID}").header("X-Request-Id") == ID
    eventually(lambda: f"id={ID}" in nginx.output("stdout"))
    assert "milvali" not in nginx.output("stdout")


@pytest.mark.parametrize("lines", [[], ["X-Request-Id: a\"b"], ["X-Request-Id: " + 65 * "a"]])
def test_nginx_generates_a_request_id_for_emailsd(daemon, proxy, lines):
    nginx = proxy(daemon.address)
    made = get_emails(nginx, "milvali.com", *lines).header("X-Request-Id")
    assert re.fullmatch("[0-9a-f]{32}", made)
    eventually(lambda: f"id={made}" in nginx.output("stdout"))


def test_nginx_does_not_expose_metrics(daemon, proxy):
    answer = proxy(daemon.address).get("/metrics")
    assert (answer.status, answer.header("Content-Type")) == (404, "text/html")  # nginx's own


# ---- long responses ----

def test_nginx_lets_a_client_wait_for_the_upstream(testbed, sim, proxy):
    daemon = testbed.daemon(sim)
    nginx = proxy(daemon.address)
    sim.hold_submits()
    callers = []
    for _ in range(20):
        callers.append(nginx.connect())
        callers[-1].send_get(daemon.question("milvali.com"))
    daemon.await_waiters(20)
    assert nginx.get("/livez").status == 200  # the waiting requests do not block it
    sim.release_submits()
    assert {caller.read().status for caller in callers} == {200}
    assert len(sim.ledger()) == 1


def test_nginx_timeouts_fit_those_of_emailsd():
    output = subprocess.run([EMAILSD, "--help"], capture_output=True, text=True, check=True).stdout
    longest = int(re.search(r"--max-wait .*?(\d+)s", output, re.S).group(1))
    idle = int(re.search(r"--idle-timeout .*?(\d+)s", output, re.S).group(1))
    conf = CONF.read_text("utf-8")
    assert int(re.search(r"proxy_read_timeout (\d+)s;", conf).group(1)) > longest
    assert int(re.search(r"keepalive_timeout (\d+)s;", conf).group(1)) < idle


def test_nginx_passes_a_504_unchanged(testbed, sim, proxy):
    daemon = testbed.daemon(sim)
    nginx = proxy(daemon.address)
    sim.hold_submits()
    answer = nginx.get(daemon.question("milvali.com", wait=0))
    answer.problem(504, "still-processing")
    assert answer.header("Link").startswith("</lookups/")


def test_nginx_client_that_leaves_frees_its_slot(testbed, sim, proxy):
    daemon = testbed.daemon(sim, "--max-waiters", "1", "--threads", "1")
    nginx = proxy(daemon.address)
    sim.hold_submits()
    caller = nginx.connect()
    caller.send_get(daemon.question("milvali.com"))
    daemon.await_waiters(1)
    assert daemon.is_full("milvali.com")
    caller.close()
    eventually(lambda: not daemon.is_full("milvali.com"))


# ---- lists ----

def test_nginx_passes_on_the_lines_of_a_list_as_they_arrive(daemon, sim, proxy):
    """The head arrives while no lookup has ended, and a line while others have not."""
    nginx = proxy(daemon.address)
    daemon.lookup("company0.com")
    sim.hold_submits()
    reader = stream(nginx, domains(3))
    assert (reader.status, reader.header("X-Accel-Buffering")) == (200, None), "the header is nginx's"
    assert reader.line()["input"] == "company0.com"
    sim.release_submits()
    assert len(reader.lines()) == 2


def test_nginx_converts_the_chunks_of_a_list_into_a_length(daemon, proxy):
    """In one send: emailsd rejects the head, and a client that sends on may then meet a closed connection."""
    body = "".join(f"{domain}\n" for domain in domains(3))
    lines = ["POST /emails HTTP/1.1", "Host: localhost", "Transfer-Encoding: chunked",
             *(f"{name}: {value}" for name, value in headers_of("text").items())]
    request = "\r\n".join([*lines, "", f"{len(body):x}", body, "0", "", ""]).encode()
    for server, status in ((daemon, 400), (proxy(daemon.address), 200)):
        connection = Connection(server.address)
        connection.send(request)
        assert connection.reader.readline().startswith(f"HTTP/1.1 {status} ".encode())


def test_nginx_passes_a_long_list(daemon, proxy):
    """Of more than a MiB, which nginx would reject by default."""
    entries = [f"https://{domain}/{'x' * 200}" for domain in domains(9000)]
    check_lines(stream(proxy(daemon.address), entries, query="?cached=1").lines(), 9000)


# ---- without emailsd ----

def is_nobody(answer, request_id):
    assert (answer.status, answer.header("Content-Type")) == (502, "application/problem+json")
    assert (answer.header("Retry-After"), answer.header("X-Request-Id")) == ("5", request_id)
    assert answer.header("Cache-Control") == "no-store"
    assert answer.json() == {"type": "about:blank", "title": "emailsd does not answer", "status": 502,
                             "request_id": request_id}


def test_nginx_returns_502_only_while_emailsd_is_down(testbed, sim, proxy):
    daemon = testbed.daemon(sim, "--listen", "127.0.0.23:0")  # no other test takes a port there
    nginx = proxy(daemon.address)
    assert get_emails(nginx, "milvali.com").status == 200
    daemon.stop()
    is_nobody(get_emails(nginx, "milvali.com", f"X-Request-Id: {ID}"), ID)
    testbed.daemon(sim, "--listen", f"{daemon.address[0]}:{daemon.address[1]}")
    assert get_emails(nginx, "milvali.com").status == 200


def test_nginx_returns_502_if_emailsd_is_killed_during_a_wait(testbed, sim, proxy):
    daemon = testbed.daemon(sim)
    nginx = proxy(daemon.address)
    sim.hold_submits()
    caller = nginx.connect()
    caller.send_get(daemon.question("milvali.com"), f"X-Request-Id: {ID}")
    sim.reach(submit=1)
    daemon.kill()
    is_nobody(caller.read(), ID)


def test_nginx_sends_no_request_twice(proxy):
    with Breaker() as upstream:
        nginx = proxy(upstream.address)
        caller = nginx.connect()
        assert caller.get("/emails?domain=milvali.com").body == b"ok"
        assert caller.get("/emails?domain=milvali.com").status == 502
        assert upstream.requests_by_connection == [2]
