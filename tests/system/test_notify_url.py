# SPDX-License-Identifier: MIT
"""test_notify_url.py - tests that a notification of the upstream resolves a submit whose response was lost,
whenever it comes and whatever it contains, and that nothing depends on it.
"""
import re
import socket

import pytest
from waiting import eventually

DOMAIN = "milvali.com"


def free_port():
    """A port of 127.0.0.24, which no other test uses."""
    with socket.create_server(("127.0.0.24", 0)) as listener:
        return listener.getsockname()[1]


@pytest.fixture
def notified(testbed, sim):
    """A daemon that the upstream can notify."""
    address = f"127.0.0.24:{free_port()}"
    return testbed.daemon(sim, "--listen", address, "--notify-url", f"http://{address}/notify")


def is_served_once(daemon, sim):
    eventually(lambda: daemon.lookup(DOMAIN, cached=1).status == 200)
    assert daemon.lookup(DOMAIN).json()["emails"][0]["email"] == f"info@{DOMAIN}"
    assert len(sim.ledger()) == 1


def test_notify_url_has_a_token_of_its_own_for_each_batch(notified, sim):
    for domain in ("a.com", "b.com"):
        notified.lookup(domain)
    urls = [task["notify_url"] for task in sim.ledger()]
    assert len(set(urls)) == 2
    assert all(re.fullmatch(r"http://127\.0\.0\.24:\d+/notify/[\w-]{16,}", url) for url in urls), urls


@pytest.mark.parametrize("body", ["task", "batch", "form"])
@pytest.mark.parametrize("when", ["done", "twice", "reversed"])
def test_notification_with_an_id_resolves_a_lost_submit(notified, sim, when, body):
    sim.behave(notify=when, notify_body=body)
    sim.fault("submit", "close")
    notified.lookup(DOMAIN)
    sim.reach(notified=1)
    is_served_once(notified, sim)


def test_notification_before_the_response_is_lost_resolves_it_too(notified, sim):
    sim.behave(notify="created", notify_body="batch")
    sim.fault("submit", "delay", ms=300)
    assert notified.lookup(DOMAIN).status == 200
    sim.fault("submit", "reset")
    notified.lookup("second.com")
    eventually(lambda: notified.lookup("second.com", cached=1).status == 200)
    assert len(sim.ledger()) == 2


def test_notification_that_is_late_resolves_a_lost_submit(notified, sim):
    sim.behave(notify="done", notify_body="task", notify_delay_ms=2000)
    sim.fault("submit", "close")
    assert notified.lookup(DOMAIN).problem(502, "upstream-outcome-unknown")["charged"] == "maybe"
    is_served_once(notified, sim)


@pytest.mark.parametrize("body", ["empty", "garbage"])
def test_notification_without_an_id_breaks_nothing(notified, sim, body):
    sim.behave(notify="twice", notify_body=body)
    assert notified.lookup(DOMAIN).status == 200
    sim.fault("submit", "close")
    notified.lookup("lost.com").problem(502, "upstream-outcome-unknown")
    sim.reach(notified=4)
    assert notified.lookup("other.com").status == 200
    assert len(sim.ledger()) == 3


def test_notification_that_never_comes_delays_nothing(notified, sim):
    assert notified.lookup(DOMAIN).status == 200
    assert sim.calls()["notified"] == 0
