# SPDX-License-Identifier: MIT
"""test_tls.py - tests HTTPS on the listener, and the verification of the upstream."""
import json
import os
import re
import signal
import socket
import ssl
import struct
import subprocess
import time
import warnings

import pytest

from certificates import Authority, Relay, listen_flags
from programs import KEY_VARIABLE, run_to_end
from waiting import PATIENCE_S, eventually


@pytest.fixture(scope="module")
def certificate(authority):
    return authority.sign("one")


def start(testbed, sim, certificate, *flags):
    return testbed.daemon(sim, *listen_flags(*certificate), *flags)


def dial(daemon, context, version=None):
    if version:
        context.minimum_version = context.maximum_version = version
    raw = socket.create_connection(daemon.address, timeout=PATIENCE_S)
    return context.wrap_socket(raw, server_hostname="localhost")


def exchange(connection, target, *lines):
    """Sends one request over it; returns status and body."""
    text = "\r\n".join([f"GET {target} HTTP/1.1", "Host: localhost", *lines, "", ""])
    connection.sendall(text.encode())
    return answer(connection)


def answer(connection):
    head = b""
    while b"\r\n\r\n" not in head:
        more = connection.recv(1)
        assert more, head
        head += more
    if head.split()[1] == b"100":
        return answer(connection)
    length = int(re.search(rb"(?i)content-length: (\d+)", head)[1])
    body = b""
    while len(body) < length:
        body += connection.recv(length - len(body))
    return int(head.split()[1]), body


def park(daemon, authority):
    """Opens a connection, and sends a request without reading the response."""
    connection = dial(daemon, authority.context())
    connection.sendall(b"GET /emails?domain=milvali.com HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return connection


# ---- the listener

@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_serves_a_lookup_and_its_hits(testbed, sim, authority, certificate, version):
    daemon = start(testbed, sim, certificate)
    assert daemon.urls[0].startswith("https://127.0.0.1:")
    connection = dial(daemon, authority.context(), version)
    first = exchange(connection, "/emails?domain=milvali.com")
    assert first[0] == 200
    for _ in range(50):
        assert exchange(connection, "/emails?domain=milvali.com") == first
    assert connection.version() in ("TLSv1.2", "TLSv1.3")
    # Several requests in one record: decrypted requests must not wait for more bytes.
    one = b"GET /emails?domain=milvali.com HTTP/1.1\r\nHost: localhost\r\n\r\n"
    connection.sendall(one * 20)
    assert [answer(connection) for _ in range(20)] == [first] * 20
    connection.close()


def test_tls_request_in_many_small_records_is_served(testbed, sim, authority, certificate):
    daemon = start(testbed, sim, certificate)
    connection = dial(daemon, authority.context())
    for byte in b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n":
        connection.sendall(bytes([byte]))
    assert answer(connection)[0] == 200


def test_tls_connection_ends_with_a_close_notify(testbed, sim, authority, certificate):
    """Without it, a client that insists on it takes the response for truncated."""
    daemon = start(testbed, sim, certificate)
    with authority.context().wrap_socket(socket.create_connection(daemon.address, timeout=PATIENCE_S),
                                         server_hostname="localhost", suppress_ragged_eofs=False) as connection:
        assert exchange(connection, "/livez", "Connection: close")[0] == 200
        assert connection.recv(1) == b""


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_tls_old_versions_are_rejected(testbed, sim, certificate, version):
    daemon = start(testbed, sim, certificate)
    host, port = daemon.address
    done = subprocess.run(["openssl", "s_client", version, "-cipher", "ALL:@SECLEVEL=0", "-connect",
                           f"{host}:{port}"], input=b"", capture_output=True, timeout=PATIENCE_S, check=False)
    assert done.returncode != 0
    assert re.search(rb"Cipher is \(NONE\)", done.stdout), done.stdout


def test_tls_port_survives_plain_http_and_noise(testbed, sim, authority, certificate):
    daemon = start(testbed, sim, certificate)
    for noise in (b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"x" * 500,
                  b"\x00" * 1000, b"\x16"):
        raw = socket.create_connection(daemon.address, timeout=PATIENCE_S)
        try:
            raw.sendall(noise)
            raw.shutdown(socket.SHUT_WR)
            assert b"200 OK" not in raw.recv(65536)
        except OSError as end:
            assert not isinstance(end, TimeoutError)  # a reset is a valid end, at any of these calls
        raw.close()
    assert exchange(dial(daemon, authority.context()), "/livez")[0] == 200


def test_tls_stalled_handshake_is_closed_at_the_header_deadline(testbed, sim, authority, certificate):
    daemon = start(testbed, sim, certificate)
    begun = time.monotonic()
    silent = socket.create_connection(daemon.address, timeout=PATIENCE_S)
    silent.sendall(b"\x16\x03\x01")
    assert exchange(dial(daemon, authority.context()), "/livez")[0] == 200
    assert silent.recv(1) == b""
    # The worker reads its clock once per loop iteration, so on a busy machine it starts with an old time.
    assert time.monotonic() - begun > 2, "closed before its deadline"


def test_tls_clients_wait_and_leave_as_over_http(testbed, sim, authority, certificate):
    daemon = start(testbed, sim, certificate)
    sim.hold_submits()
    waiting = [park(daemon, authority) for _ in range(50)]
    sim.reach(submit=1)
    probe = dial(daemon, authority.context())

    def waiters():
        return int(re.search(rb"^emailsd_waiters (\d+)", exchange(probe, "/metrics")[1], re.M)[1])
    eventually(lambda: waiters() == 50)
    for connection in waiting[:10]:
        connection.close()
    eventually(lambda: waiters() == 40)
    sim.release_submits()
    assert {answer(connection)[0] for connection in waiting[10:]} == {200}
    assert len(sim.ledger()) == 1


def test_tls_client_that_closes_one_half_gets_its_response(testbed, sim, authority, certificate):
    daemon = start(testbed, sim, certificate)
    sim.hold_submits()
    connection = park(daemon, authority)
    sim.reach(submit=1)
    with socket.socket(fileno=os.dup(connection.fileno())) as raw:
        raw.shutdown(socket.SHUT_WR)
    assert connection.recv(5) == b"HTTP/", "an interim response"
    sim.release_submits()
    assert answer(connection)[0] == 200


def test_tls_head_too_large_is_rejected_as_over_http(testbed, sim, authority, certificate):
    daemon = start(testbed, sim, certificate)
    status, body = exchange(dial(daemon, authority.context()), "/emails?domain=milvali.com",
                            "X-Pad: " + 15000 * "x")
    assert (status, json.loads(body)["code"]) == (431, "headers-too-large")
    status, body = exchange(dial(daemon, authority.context()), "/emails?" + 500 * "a&")
    assert (status, json.loads(body)["code"]) == (414, "uri-too-long")
    assert sim.calls()["requests"] == 0


def test_tls_reload_uses_a_new_certificate_while_clients_wait(testbed, sim, authority, tmp_path):
    cert, key = authority.sign("before")
    daemon = start(testbed, sim, (cert, key))
    sim.hold_submits()
    waiting = [park(daemon, authority) for _ in range(50)]
    sim.reach(submit=1)
    before = dial(daemon, authority.context()).getpeercert(True)
    new_cert, new_key = authority.sign("after")
    cert.write_text("no certificate")
    daemon.deliver(signal.SIGHUP)
    eventually(lambda: "event=reload_rejected" in daemon.stderr())
    assert dial(daemon, authority.context()).getpeercert(True) == before
    cert.write_bytes(new_cert.read_bytes())
    daemon.deliver(signal.SIGHUP)
    eventually(lambda: "does not match the certificate" in daemon.stderr())
    key.write_bytes(new_key.read_bytes())
    daemon.deliver(signal.SIGHUP)
    eventually(lambda: dial(daemon, authority.context()).getpeercert(True) != before)
    sim.release_submits()
    assert {answer(connection)[0] for connection in waiting} == {200}


def test_tls_reloads_do_not_disturb_handshakes(testbed, sim, authority, tmp_path):
    cert, key = authority.sign("first")
    other = [p.read_bytes() for p in authority.sign("second")]
    mine = [cert.read_bytes(), key.read_bytes()]
    daemon = start(testbed, sim, (cert, key))
    for i in range(20):
        new = other if i % 2 == 0 else mine
        cert.write_bytes(new[0])
        key.write_bytes(new[1])
        daemon.deliver(signal.SIGHUP)
        for _ in range(5):
            assert exchange(dial(daemon, authority.context()), "/livez")[0] == 200


def test_healthcheck_works_over_tls(testbed, sim, certificate):
    daemon = start(testbed, sim, certificate, "--listen", "127.0.0.27:0")  # no other test takes a port there
    host, port = daemon.address
    flags = ["--listen", f"{host}:{port}", "--tls-cert", str(certificate[0])]
    eventually(lambda: run_to_end("healthcheck", *flags).returncode == 0)  # it waits for 3 s only
    assert run_to_end("healthcheck", *flags[:2]).returncode == 1
    daemon.stop()
    assert run_to_end("healthcheck", *flags).returncode == 1


def test_tls_files_that_are_invalid_exit_with_2(authority, certificate, tmp_path):
    cert, key = certificate
    other_key = authority.sign("other")[1]
    loose = tmp_path / "loose.key"
    loose.write_bytes(key.read_bytes())
    loose.chmod(0o644)
    empty = tmp_path / "empty"
    empty.write_text("")
    empty.chmod(0o600)
    turned = tmp_path / "turned.crt"
    pems = re.findall("-----BEGIN.*?-----END CERTIFICATE-----\n", cert.read_text(), re.S)
    turned.write_text("".join(reversed(pems)))
    for flags, words in [(["--tls-cert", cert], "must be set together"), (["--tls-key", key], "must be set together"),
                         (["--tls-cert", cert, "--tls-key", other_key], "does not match"),
                         (["--tls-cert", cert, "--tls-key", loose], "is readable by others"),
                         (["--tls-cert", cert, "--tls-key", empty], "empty"),
                         (["--tls-cert", empty, "--tls-key", key], "empty"),
                         (["--tls-cert", turned, "--tls-key", key], "turned.crt"),
                         (["--tls-cert", "/nonexistent", "--tls-key", key], "/nonexistent: No such"),
                         (["--tls-cert", cert, "--tls-key", "/nonexistent"], "/nonexistent: No such")]:
        for check in ([], ["--check-config"]):
            ended = run_to_end(*check, *map(str, flags), "--upstream-url", "http://127.0.0.1:1",
                               "--store", "memory:", env={KEY_VARIABLE: "k"})
            assert ended.returncode == 2 and words in ended.stderr, ended


def test_tls_expired_certificate_is_served_and_logged(testbed, sim, authority):
    daemon = start(testbed, sim, authority.sign("late", days=-1))
    assert "the certificate has expired" in daemon.stderr()
    with pytest.raises(ssl.SSLCertVerificationError):
        dial(daemon, authority.context())


# ---- the upstream

def upstream(testbed, relay, authority, *flags, env=None):
    return testbed.daemon(relay.url, "--upstream-ca", str(authority.path), *flags, env=env)


def test_tls_upstream_with_a_trusted_certificate_is_used(testbed, sim, authority, certificate, tmp_path):
    keylog = tmp_path / "keys.log"
    relay = Relay(sim.address, *certificate)
    daemon = upstream(testbed, relay, authority, env={
        KEY_VARIABLE: "test-key", "SSLKEYLOGFILE": str(keylog), "https_proxy": "http://127.0.0.1:9",
        "HTTPS_PROXY": "http://127.0.0.1:9", "ALL_PROXY": "http://127.0.0.1:9"})
    assert daemon.lookup("milvali.com").status == 200
    assert relay.served >= 1 and relay.failed == 0
    assert not keylog.exists()


def test_u36_http_2_offered_by_the_upstream_is_not_used(testbed, sim, authority, certificate):
    relay = Relay(sim.address, *certificate)
    relay.context.set_alpn_protocols(["h2", "http/1.1"])
    daemon = upstream(testbed, relay, authority)
    assert daemon.lookup("milvali.com").status == 200
    assert {r["version"] for r in sim.requests()} == {"HTTP/1.1"}


def hang(raw):
    raw.recv(1 << 16)
    raw.settimeout(PATIENCE_S)
    try:
        raw.recv(1)
    except OSError:
        pass


def reset(raw):
    raw.recv(1 << 16)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raw.close()


def speak_http(raw):
    raw.recv(1 << 16)
    raw.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    raw.close()


def relay_of(kind, sim, authority, directory):
    if kind == "self-signed":
        stranger = Authority(directory, "stranger")
        return Relay(sim.address, *stranger.sign("stranger-one"))
    if kind == "expired":
        return Relay(sim.address, *authority.sign("expired", days=-1))
    if kind == "wrong name":
        return Relay(sim.address, *authority.sign("elsewhere", alt="DNS:elsewhere.example"))
    if kind == "TLS 1.1":
        with warnings.catch_warnings():  # an old version on purpose
            warnings.simplefilter("ignore", DeprecationWarning)
            return Relay(sim.address, *authority.sign("old"), newest=ssl.TLSVersion.TLSv1_1)
    return Relay(sim.address, spoil={"reset": reset, "plain": speak_http, "hang": hang}[kind])


@pytest.mark.parametrize("kind", ["self-signed", "expired", "wrong name", "TLS 1.1", "reset", "plain",
                                  "hang"])
def test_p18_upstream_without_a_valid_certificate_gets_no_byte(testbed, sim, authority, tmp_path, kind):
    """No byte of the request is sent, so nothing was paid and it may be retried."""
    relay = relay_of(kind, sim, authority, tmp_path)
    daemon = upstream(testbed, relay, authority)
    sent = daemon.connect()
    sent.send_get("/emails?domain=milvali.com&wait=25")
    eventually(lambda: relay.failed + relay.served >= (1 if kind == "hang" else 2))
    metrics = daemon.get("/metrics").body.decode()
    assert 'operation="submit",code="200"' not in metrics
    assert sim.ledger() == [] and sim.requests() == []
    relay.close()
    document = daemon.lookup("milvali.com", wait=0)
    assert document.status in (502, 503, 504), document
    assert document.json()["charged"] in ("no", "maybe")
