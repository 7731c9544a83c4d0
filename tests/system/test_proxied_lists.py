# SPDX-License-Identifier: MIT
"""test_proxied_lists.py - tests lists through an nginx with few settings: it buffers responses, or not, and ends one
that sends nothing for a while.

test_nginx.py has the tests of docker/nginx.conf, test_haproxy.py those of HAProxy.
"""
import pytest
from lists import check_lines, codes, domains, lines_of, paid, results_of, send, stream
from proxies import Nginx
from waiting import eventually
from wire import Connection


@pytest.fixture
def proxy(tmp_path):
    """Starts an nginx in front of a daemon, with further lines of its configuration."""
    started = []

    def put_before(daemon, *lines):
        started.append(Nginx(tmp_path / f"nginx{len(started)}", daemon, " ".join(lines)))
        return started[-1]

    yield put_before
    for nginx in started:
        nginx.stop()
        print(f"--- output of {nginx.folder}\n{nginx.output()[-2000:]}")


def inputs(results):
    return [result["input"] for result in results]


def events_until(reader, n):
    """Returns the results among the events, up to the n-th."""
    results = []
    while len(results) < n:
        results += results_of([reader.event()])
    return results


@pytest.mark.parametrize("buffering", ["on", "off"])
def test_nginx_passes_on_results_as_they_arrive_whether_it_buffers(daemon, sim, proxy, buffering):
    nginx = proxy(daemon, f"proxy_buffering {buffering};")
    known, unknown = domains(2), domains(2, "later")
    send(daemon, known)
    sim.hold_submits()
    lines = stream(nginx, [*unknown, *known])
    events = stream(nginx, [*unknown, *known], query="?format=sse")
    assert inputs(lines.lines(2)) == known
    assert inputs(events_until(events, 2)) == known
    sim.release_submits()
    assert sorted(inputs(lines.lines())) == unknown
    assert sorted(inputs(results_of(events.events()))) == unknown


def test_nginx_keeps_a_stream_open_that_has_no_result_for_longer_than_its_timeout(daemon, sim, proxy):
    """emailsd sends something every 15 s. In real time, because nginx measures it."""
    nginx = proxy(daemon, "proxy_read_timeout 20s;")
    sim.hold_submits()
    lines = stream(nginx, domains(2))
    events = stream(nginx, domains(2, "other"), query="?format=sse")
    assert [lines.raw_line(), lines.raw_line()] == [b"\n"] * 2
    sim.release_submits()
    check_lines(lines.lines(), 2)
    assert len(results_of(events.events())) == 2


def test_nginx_client_that_leaves_stops_the_spending(testbed, sim, proxy):
    daemon = testbed.daemon(sim, "--batch-size", "10", "--submit-slots", "2")
    nginx = proxy(daemon)
    sim.hold_submits()
    reader = stream(nginx, domains(100))
    sim.reach(submit=1)
    reader.close()
    eventually(lambda: daemon.metric("emailsd_bulks") == 0)
    sim.release_submits()
    assert daemon.lookup("other.com").status == 200
    assert len(sim.ledger()) <= 11, "what was submitted is paid for, and nothing else"
    assert codes(lines_of(send(daemon, domains(100)))) == {"ok": 100}
    assert paid(sim) == sorted([*domains(100), "other.com"])


def test_nginx_client_that_leaves_during_the_upload_starts_nothing(daemon, sim, proxy):
    """Without its buffering of requests, emailsd sees the upload as it arrives."""
    nginx = proxy(daemon, "proxy_request_buffering off;")
    body = "\n".join(domains(1000)).encode()
    connection = Connection(nginx.address)
    connection.send(b"POST /emails HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n"
                    b"Content-Length: %d\r\n\r\n" % len(body) + body[:-1])
    eventually(lambda: daemon.metric("emailsd_http_connections") > 1)
    connection.reset()
    eventually(lambda: daemon.metric("emailsd_http_connections") == 1)
    assert send(daemon, ["after.com"]).status == 200
    assert paid(sim) == ["after.com"]
