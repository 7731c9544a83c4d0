# SPDX-License-Identifier: MIT
"""test_framing.py - tests framing that two parsers could read differently: one rejection, and the
connection closes.

The first part has a row for each oddity, with a second request hidden after it. In the second part, random
bytes are compared with a strict parser of RFC 9112. Each case is a request with spoilt framing, a second
request that a strict parser may or may not see, and a correct one that closes the connection. From all
these bytes the strict parser derives the maximum number of responses. A server that sends more has accepted
as a request what a proxy would have forwarded as part of another. Fewer responses are correct: the daemon
may be stricter. The cases come from a seed, so a failing case can be repeated.
"""
import random
import re

import pytest
from library import IS_STRICT, expect_rejection

# ---- single oddities ----

SMUGGLED = b"GET /emails?domain=smuggled.com HTTP/1.1\r\nHost: localhost\r\n\r\n"
FOLD = len(SMUGGLED)


@pytest.mark.parametrize("head", [
    pytest.param("GET {} HTTP/1.1\r\n", id="no Host"),
    pytest.param("GET {} HTTP/1.1\r\nHost: a\r\nHost: b\r\n", id="two Hosts"),
    pytest.param("GET {} HTTP/1.1\r\nHost: a\r\nHost: a\r\n", id="one Host twice"),
    pytest.param("GET {} HTTP/1.1\r\nHost: a/b\r\n", id="a path for a Host"),
    pytest.param("GET {} HTTP/1.1\r\nHost: user@a\r\n", id="a user in the Host"),
    pytest.param("GET {} HTTP/1.2\r\nHost: a\r\n", id="HTTP/1.2"),
    pytest.param("GET {} HTTP/1.1\r\nHost : a\r\n", id="a blank before the colon"),
    pytest.param("GET {} HTTP/1.1\r\nHost: a\r\nX-\u00fc: 1\r\n", id="an invalid name"),
    pytest.param("GET {} HTTP/1.1\r\nHost: a\r\nX: \x01\r\n", id="a control in a value"),
    pytest.param("GET {} HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n", id="DEL in a value"),
    pytest.param("G\x01T {} HTTP/1.1\r\nHost: a\r\n", id="a control in the method"),
    pytest.param("GET  {} HTTP/1.1\r\nHost: a\r\n", id="two blanks before the target"),
    pytest.param("GET {}\rx HTTP/1.1\r\nHost: a\r\n", id="CR in the target"),
    pytest.param("GET\0X {} HTTP/1.1\r\nHost: a\r\n", id="NUL in the method"),
    pytest.param("GET {}\0x HTTP/1.1\r\nHost: a\r\n", id="NUL in the target"),
    pytest.param("GET {} HTTP/1.1\r\nHost: localhost\0.evil.com\r\n", id="NUL in the Host"),
    pytest.param("GET {} HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n", id="NUL in a value"),
    pytest.param("GET {} HTTP/1.1\r\nHost: a\r\nX: \0\r\n", id="NUL for a value"),
    pytest.param("GET {} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\0 5\r\n", id="NUL in a length"),
    pytest.param("GET {} HTTP/1.1\r\nHost: a\r\n\0X: y\r\n", id="NUL before a name"),
    pytest.param("GET {} HTTP/1.1\r\nHost: a\r\n\0\r\n", id="a line of a NUL"),
    pytest.param("GET {} HTTP/1.0\r\n\0\r\n", id="a line of a NUL and no other"),
    pytest.param("GET {} HTTP/1.1\r\nHost: a\r\n:\r\n", id="a line of a colon"),
    pytest.param("GET {} HTTP/1.1\r\nHost: a\r\n: v\r\n", id="no name"),
    pytest.param("GET {} HTTP/1.1\r\n: v\r\nHost: a\r\n", id="no name in the first line"),
    pytest.param("GET {} HTTP/1.1\r\nHost: a\r\n: v\r\nTransfer-Encoding: chunked\r\n",
                 id="no name before chunks"),
    pytest.param("GET {} HTTP/1.1\nHost: a\r\n", id="LF after the request line"),
    pytest.param("GET {} HTTP/1.1\r\nHost: a\nX: y\r\n", id="LF between two headers"),
    pytest.param("GET {} HTTP/1.1\r\nHost: a\n", id="LF after the last header"),
    pytest.param("GET {} HTTP/1.1\r\nHost: a\r\n\n", id="LF at the end of the head"),
    pytest.param("GET {} HTTP/1.1\r\nHost: a\nX: y\n\n", id="LF alone"),
    pytest.param("GET {} HTTP/1.1\r\nHost: a\r\nX: a\r\r\n", id="CR CR LF"),
    pytest.param("GET {} HTTP/1.1\r\n Host: a\r\nHost: a\r\n", id="a folded line and none before"),
    pytest.param("GET {} HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n", id="a folded line"),
    pytest.param("GET {} HTTP/1.1\r\nHost: a\r\nX: y\r\n \r\n", id="a folded line of a blank"),
    pytest.param("GET {} HTTP/1.1\r\nHost: a\r\nX: y\r\n\tz\r\n\tz\r\n", id="two folded lines"),
    pytest.param("GET {} HTTP/1.1\r\nHost: a\r\nX:      y\r\n z\r\n", id="a fold with room for it"),
    pytest.param("GET {} HTTP/1.1\r\nHost: a\r\nHost:\r\n b\r\n", id="a second Host, folded"),
    pytest.param("GET {} HTTP/1.1\r\nHost:\r\n b\r\nHost: a\r\n", id="a first Host, folded"),
    pytest.param(f"GET {{}} HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n {FOLD}\r\n",
                 id="a folded length"),
    pytest.param(f"GET {{}} HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\t{FOLD}\r\nX: y\r\n",
                 id="a folded length in the midst"),
    pytest.param("GET {} HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n 4\r\n",
                 id="a length continued in a folded line"),
    pytest.param("GET {} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n",
                 id="folded chunks"),
    pytest.param("GET {} HTTP/1.1\r\nHost: a\r\nSec-Fetch-Site:\r\n cross-site\r\n",
                 id="a folded Sec-Fetch-Site"),
    pytest.param("GET {} HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n",
                 id="a blank before the colon of a length"),
    pytest.param("GET {} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding\t: chunked\r\n",
                 id="a tab before the colon of chunks"),
])
@pytest.mark.parametrize("target", ["/emails?domain=milvali.com", "/livez", "/nowhere"])
def test_framing_ambiguity_is_rejected_once_and_closes_the_connection(odd, head, target):
    connection = odd.connect()
    data = head.format(target).encode("latin-1")
    connection.send(data + b"\r\n" + SMUGGLED)
    expect_rejection(connection, data.split(b"\n")[0])


@pytest.mark.parametrize("line", ["garbage", "X\0: y", "Content-Length\0: 5"])
def test_framing_line_without_colon_is_rejected_by_libmicrohttpd(odd, line):
    connection = odd.connect()
    connection.send(f"GET /livez HTTP/1.1\r\nHost: a\r\n{line}\r\n\r\n".encode() + SMUGGLED)
    assert connection.read().status == 400
    assert connection.is_closed(), "a second answer"


@pytest.fixture(scope="module")
def odd(module_testbed):
    """The daemon that gets the invalid requests. Its upstream must receive no call."""
    sim = module_testbed.simulator()
    yield module_testbed.daemon(sim)
    assert sim.ledger() == [] and sim.requests() == []


@pytest.mark.parametrize("lines", [
    pytest.param([f"X-{i}: {i}" for i in range(80)], id="eighty headers"),
    pytest.param(["X:", "Y: ", "Z: \t z \t "], id="blanks around values"),
    pytest.param(["Cookie: a=b; c=\"d\"; e", "Cookie: f=g"], id="cookies"),
    *(pytest.param([f"X: {'x' * n}"], id=f"{n} bytes") for n in range(4000, 12000, 1111)),
])
@pytest.mark.parametrize("piece", [None, 1500])
def test_framing_valid_request_may_come_in_pieces_of_any_size(odd, lines, piece):
    connection = odd.connect()
    head = "\r\n".join(["GET /livez?a&b=c HTTP/1.1", "Host: localhost", *lines, "", ""]).encode()
    data = head * 3
    for at in range(0, len(data), piece or len(data)):
        connection.send(data[at:at + (piece or len(data))])
    assert [connection.read().status for _ in range(3)] == [200] * 3


# ---- random bytes: the strict parser ----

CASES = 1500  # about 3 ms each
SEEDS = 2

HIDDEN = b"GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n"
LAST = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
# The characters of a target belong to its parser, not to framing, as long as no line could end there.
REQUEST_LINE = re.compile(TOKEN + rb" [^\0\r\n ][^\0\r\n]* HTTP/1\.([01])")
HEADER = re.compile(rb"(" + TOKEN + rb"):[ \t]*([^\0-\x08\x0a-\x1f\x7f]*)")


class Reader:
    """Returns what ends a line, what ends the last line, and what is skipped before a request (RFC 9112,
    2.2)."""

    def __init__(self, line_end, head_end, skipped):
        self.line_end = re.compile(line_end)
        self.head_end = re.compile(head_end)
        self.skipped = re.compile(skipped)

    def head(self, data, at):
        """Returns the minor version, the headers, and the end of the head; None if it is invalid."""
        part = line = REQUEST_LINE.match(data, at)
        headers = []
        while part:
            if end := self.head_end.match(data, part.end()):
                return line[1], headers, end.end()
            end = self.line_end.match(data, part.end())
            part = end and HEADER.match(data, end.end())
            if part:
                headers.append((part[1].lower(), part[2].strip(b" \t")))
        return None

    def answers(self, data):
        """Returns the maximum number of responses."""
        at, n = self.skipped.match(data).end(), 0
        while at < len(data):
            n += 1
            head = self.head(data, at)
            if not head or not goes_on(*head[:2]):
                break
            at = self.skipped.match(data, head[2]).end()
        return n


def goes_on(minor, headers):
    """Returns whether another request may follow: this one is valid, has no body, and does not close."""
    hosts = [value for name, value in headers if name == b"host"]
    lengths = [value for name, value in headers if name == b"content-length"]
    names = {name for name, value in headers}
    closes = any(name == b"connection" and b"close" in value for name, value in headers)
    return (minor == b"1" and len(hosts) == 1 and not closes and b"transfer-encoding" not in names
            and len(lengths) < 2 and all(set(value) == set(b"0") for value in lengths))


STRICT = Reader(rb"\r\n", rb"\r\n\r\n", rb"(?:\r?\n)*")

# Bytes that libmicrohttpd 0.9.75 hides from emailsd, as SECURITY.md says: it skips two NULs at the end of a
# line and four at the end of a head, whatever they replace; and it skips more before a request.
HIDES_NULS = Reader(rb"[\r\0]\n", rb"[\r\0]\n[\r\0:]\n|\n[\0:][\r\0]\n|\0[\r\0]\n\n",
                    rb"(?:\r?\n|\0[^\n]*\n)*")
# The strict mode of a later version hides nothing.
SIGHT = STRICT if IS_STRICT else HIDES_NULS


# ---- the cases ----

LINES = [
    b"Content-Length: 0", b"Content-Length: 44", b"Content-Length:\r\n 44", b"Content-Length: 0\r\n 44",
    b"Transfer-Encoding: chunked", b"Transfer-Encoding:\r\n\tchunked", b"Host: localhost", b"Host:\r\n a",
    b"X: y", b"X:", b"X: y\r\n z", b": y", b":", b"\0", b"\0X: y", b"X: a\0b", b"X : y", b"", b" ",
]
SPOILERS = [b"\r", b"\n", b"\r\n", b"\0", b":", b" ", b"\t", b"\r\n ", b"\r\n\t", b"\n ", b"\0\r\n", b":\r\n",
            b"\0\0", b"\n\n", b"a", b"0"]
SEAMS = re.compile(rb"[\r\n: \0]")


def spoil(rng, head):
    """Inserts, removes or replaces bytes, mostly where a line or a token ends."""
    seams = [m.start() for m in SEAMS.finditer(head)]
    at = rng.choice(seams) + rng.randint(0, 1) if seams and rng.random() < 0.8 else rng.randrange(len(head))
    cut = rng.choice([0, 0, 1, 1, 2])
    return head[:at] + (rng.choice(SPOILERS) if rng.random() < 0.8 else b"") + head[at + cut:]


def case(rng):
    target = rng.choice([b"/livez", b"/version?a=b&c", b"/nowhere"])
    lines = [b"GET " + target + b" HTTP/1.1", b"Host: localhost"]
    lines += rng.choices(LINES, k=rng.randint(0, 2))
    head = b"\r\n".join(lines) + b"\r\n\r\n"
    for _ in range(rng.randint(0, 3)):
        head = spoil(rng, head)
    return head + HIDDEN + LAST


# ---- the responses ----


def count(answer):
    """Returns the number of responses: ours by their ids, and one if the library responded itself, which
    0.9.75 does twice for a malformed length."""
    heads = len(re.findall(rb"^HTTP/1\.[01] \d{3} ", answer, re.M))
    ours = len(re.findall(rb"^X-Request-Id: ", answer, re.M))
    return ours + (heads > ours)


def given(daemon, data, cut):
    connection = daemon.connect()
    try:
        connection.send(data[:cut])
        connection.send(data[cut:])
    except (BrokenPipeError, ConnectionResetError):
        pass  # rejected while it was sent
    answer = connection.read_to_end()
    connection.close()
    return count(answer)


@pytest.fixture(scope="module")
def target(module_testbed):
    sim = module_testbed.simulator()
    yield module_testbed.daemon(sim, "--threads", "1")
    assert sim.requests() == []


def test_strict_reader_rejects_ambiguous_framing():
    plain = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    assert STRICT.answers(plain * 3) == STRICT.answers(b"\r\n" + plain * 2 + b"\r\n" + LAST + plain) == 3
    for line in (b"X: y\r\n z", b": y", b":", b"\0", b"X: a\0b", b"X : y", b"Host: a", b"Content-Length: 1",
                 b"Content-Length: 0\r\nContent-Length: 0", b"Transfer-Encoding: x", b"Connection: close"):
        assert STRICT.answers(plain[:-2] + line + b"\r\n\r\n" + plain) == 1, line
    for odd in (plain.replace(b"\r", b""), plain.replace(b"1.1", b"1.0"), plain.replace(b"Host", b"Hose"),
                plain.replace(b" /", b"  /"), plain.replace(b"T ", b"T\0 "), plain.replace(b"/ ", b"/\r ")):
        assert STRICT.answers(odd + plain) == 1, odd


@pytest.mark.parametrize("seed", range(SEEDS))
def test_framing_gets_no_more_responses_than_a_strict_reader_gives(target, seed):
    rng = random.Random(seed)
    seen = set()
    for i in range(CASES):
        data = case(rng)
        cut = rng.choice([0, len(data), rng.randrange(len(data))])
        may, got = SIGHT.answers(data), given(target, data, cut)
        assert got <= may, f"case {i}: {got} answers where there may be {may}: {data!r}"
        seen.add((may, got))
    assert {(1, 1), (3, 3)} <= seen, "cases of every kind"
