# SPDX-License-Identifier: MIT
"""test_upstream_proxies.py - tests a real Varnish and a real nginx between the daemon and the upstream.

What a proxy says about a submit proves nothing: it may have passed the request on. So a timeout, a redirect or
an error page of a proxy is an unknown outcome, reported once and never sent again. A proxy also answers reads
from its cache, compresses, and sends web pages.
"""
import http.client

import pytest
from programs import KEY, PATIENCE_S, Program
from proxies import Nginx, Varnish
from waiting import eventually

SHORT = "300ms"  # nothing depends on it: the upstream holds the submit until the proxy has given up


@pytest.fixture
def proxy(tmp_path):
    """Starts proxies that end with the test."""
    started = []

    def start(kind, *arguments, **how):
        started.append(kind(tmp_path / f"proxy{len(started)}", *arguments, **how))
        return started[-1]

    yield start
    for program in reversed(started):
        program.stop()
        print(f"--- output of {program.folder}\n{program.output()[-2000:]}")


# ---- submits ----


def is_unknown_and_paid_once(daemon, sim, domain="milvali.com"):
    """Asks for a domain whose submit the upstream handles only after the proxy has answered."""
    sim.hold_submits()
    caller = daemon.park(domain)
    sim.reach(submit=1)
    assert caller.read().problem(502, "upstream-outcome-unknown")["charged"] == "maybe"
    sim.release_submits()
    sim.reach(tasks=1)
    assert daemon.lookup(domain).problem(502, "upstream-outcome-unknown")["charged"] == "maybe"
    assert [task["domain"] for task in sim.ledger()] == [domain]
    assert sim.calls()["submit"] == 1


def post(url, body):
    """Submits as the daemon does; returns the response."""
    connection = http.client.HTTPConnection(*Program.address_of(url), timeout=PATIENCE_S)
    try:
        connection.request("POST", "/api/v1/task/batch/lookup_business_email", body, {"X-API-Key": KEY})
        return connection.getresponse()
    finally:
        connection.close()


def test_varnish_503_with_retry_after_is_an_unknown_outcome(testbed, sim, proxy):
    varnish = proxy(Varnish, sim, first_byte_timeout=SHORT)
    is_unknown_and_paid_once(testbed.daemon(varnish.url), sim)
    sim.hold_submits()
    answer = post(varnish.url, b"not a batch")  # which creates nothing
    assert answer.status == 503 and int(answer.headers["Retry-After"]) > 0


def test_nginx_504_is_an_unknown_outcome(testbed, sim, proxy):
    nginx = proxy(Nginx, sim, server=f"proxy_read_timeout {SHORT};")
    is_unknown_and_paid_once(testbed.daemon(nginx.url), sim)
    assert eventually(nginx.calls)[0][2] == "504"


@pytest.mark.parametrize("status", ["301", "302", "303", "307", "308"])
def test_nginx_redirect_after_the_request_was_passed_on_is_an_unknown_outcome(testbed, sim, proxy, status):
    nginx = proxy(Nginx, sim, server=f"proxy_read_timeout {SHORT}; error_page 504 ={status} http://127.0.0.1:1/x;")
    is_unknown_and_paid_once(testbed.daemon(nginx.url), sim)
    assert eventually(nginx.calls)[0][2] == status


def challenge(folder, location):
    """Returns a location of nginx that answers 403 with a web page while the file exists."""
    return f"""
        location {location} {{
            if (-f {folder}/challenge) {{ return 403; }}
            proxy_pass %s;
        }}"""


def test_nginx_challenge_to_a_submit_blocks_no_other_lookup(testbed, sim, proxy, tmp_path):
    location = challenge(tmp_path, "= /api/v1/task/batch/lookup_business_email") % sim.urls[0]
    daemon = testbed.daemon(proxy(Nginx, sim, server=location).url)
    (tmp_path / "challenge").touch()
    assert daemon.lookup("first.com").problem(502, "upstream-error")["charged"] == "no"
    assert sim.calls()["submit"] == 0
    (tmp_path / "challenge").unlink()
    assert daemon.lookup("second.com").status == 200


def test_nginx_challenge_to_a_poll_delays_only_its_batch(testbed, sim, proxy, tmp_path):
    location = challenge(tmp_path, "~ /status$") % sim.urls[0]
    nginx = proxy(Nginx, sim, server=location)
    daemon = testbed.daemon(nginx.url)
    (tmp_path / "challenge").touch()
    first = daemon.park("first.com")
    eventually(lambda: any(status == "403" for _, _, status, _ in nginx.calls()))
    second = daemon.park("second.com")
    sim.reach(submit=2)
    (tmp_path / "challenge").unlink()
    assert [first.read().status, second.read().status] == [200, 200]
    assert len(sim.ledger()) == 2


# ---- reads ----


def test_varnish_cache_does_not_delay_results(testbed, sim, proxy):
    """The first poll says that nothing is done; Varnish would say so for an hour."""
    varnish = proxy(Varnish, sim)
    daemon = testbed.daemon(varnish.url)
    sim.behave(task_time_ms=3600 * 1000)
    caller = daemon.park("milvali.com")
    sim.reach(status=1)
    sim.behave(task_time_ms=0)
    assert caller.read().json()["count"] == 2
    assert len(sim.ledger()) == 1


def test_nginx_compresses_each_response_and_it_is_read(testbed, sim, proxy):
    nginx = proxy(Nginx, sim, http="gzip on; gzip_types application/json; gzip_min_length 1; gzip_proxied any;")
    daemon = testbed.daemon(nginx.url)
    assert daemon.lookup("milvali.com").json()["count"] == 2
    calls = eventually(lambda: (logged := nginx.calls()) and len(logged) >= 4 and logged)  # a call of each kind
    assert {coding for _, _, _, coding in calls} == {"gzip"}, calls
