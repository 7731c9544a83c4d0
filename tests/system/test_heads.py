# SPDX-License-Identifier: MIT
"""test_heads.py - tests that a request head of any size gets a response, and that nothing is paid for one
that is rejected, also behind nginx.

emailsd and libmicrohttpd share the memory of a connection: a head that leaves too little for a response is
rejected by emailsd, one that exceeds the memory by libmicrohttpd. Each size asks for a company of its own, so the
ledger shows what was paid for; wait=0 makes the response independent of the upstream.
"""
import http.client
import re

import pytest
from test_nginx import NGINX, Nginx
from waiting import eventually

SIZES = range(7000, 17001, 8)
REJECTIONS = {414: "uri-too-long", 431: "headers-too-large"}
COOKIES = {"none": 0, "medium": 4000, "large": 8000}
OURS = 15400  # bytes; up to this size, the rejection is emailsd's
CHUNK = 4000  # nginx accepts lines of up to 8 KiB


def padding(n):
    """Returns header lines that take `n` bytes with their line ends: 0, or at least 10."""
    lines = []
    while n:
        size = n if n <= CHUNK else min(CHUNK, n - 10)
        lines.append(("X-Pad", (size - 9) * "p"))
        n -= size
    return lines


def fields_of(cookie, n):
    """Returns header lines of `n` bytes in all, with a cookie of that size if it fits."""
    value = min(COOKIES[cookie], n - 100) * "c"
    lines = [("Cookie", value)] if value else []
    return lines + padding(n - sum(len(name) + len(value) + 4 for name, value in lines))


def target_of(size):
    return f"/emails?domain=d{size}.com&wait=0"


def head_of(cookie, size):
    start = f"GET {target_of(size)} HTTP/1.1\r\nHost: localhost\r\n"
    lines = fields_of(cookie, size - len(start) - 2)
    head = start + "".join(f"{name}: {value}\r\n" for name, value in lines) + "\r\n"
    assert len(head) == size
    return head.encode()


def await_purchases(sim, sizes):
    eventually(lambda: len(sim.ledger()) >= len(sizes))
    assert {row["domain"] for row in sim.ledger()} == {f"d{size}.com" for size in sizes}


@pytest.mark.parametrize("cookie", COOKIES)
def test_head_of_any_size_gets_a_response_and_is_paid_for_only_if_accepted(daemon, sim, cookie):
    accepted, connection = [], daemon.connect()
    for size in SIZES:
        connection.send(head_of(cookie, size))
        answer = connection.read()
        if answer.status in (200, 504):
            accepted.append(size)
            continue
        assert answer.status in REJECTIONS, (size, answer)
        if size <= OURS:
            assert answer.problem(answer.status, REJECTIONS[answer.status])["charged"] == "no"
        assert size > OURS or connection.is_closed()
        connection.close()
        connection = daemon.connect()
    assert accepted == list(SIZES[:len(accepted)]), "smaller heads are accepted too"
    await_purchases(sim, accepted)


def test_head_too_large_is_rejected_for_every_path(daemon):
    for path in ("/livez", "/metrics", "/openapi.yaml", "/nowhere", "/usage"):
        answer = daemon.connect().get(path, "Cookie: " + "c" * 13000)
        assert answer.problem(431, "headers-too-large")["charged"] == "no"
    target = "/emails?domain=milvali.com&city=" + "x" * 13000
    assert daemon.connect().get(target).problem(414, "uri-too-long")["charged"] == "no"
    daemon.stop()
    assert re.search(r"event=request .*route=/livez status=431 .*outcome=headers-too-large", daemon.stderr())
    assert re.search(r"event=request .*method=other status=414 .*outcome=uri-too-long", daemon.stderr())


@pytest.fixture
def nginx(daemon, tmp_path):
    started = Nginx(tmp_path / "nginx", daemon.address)
    yield started
    started.stop()


@pytest.mark.skipif(not NGINX, reason="no nginx on this machine")
@pytest.mark.parametrize("cookie", COOKIES)
def test_head_of_any_size_behind_nginx_gets_a_response(nginx, sim, cookie):
    accepted, connection = [], http.client.HTTPConnection(*nginx.address)
    for size in SIZES:
        connection.putrequest("GET", target_of(size))
        for name, value in fields_of(cookie, size - 150):
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status in (200, 504, *REJECTIONS), (size, answer.status, body)
        if answer.status in (200, 504):
            assert b'"code":"still-processing"' in body or answer.status == 200, (size, body)
            accepted.append(size)
    await_purchases(sim, accepted)
