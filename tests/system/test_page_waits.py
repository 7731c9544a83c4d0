# SPDX-License-Identifier: MIT
"""test_page_waits.py - the web page while it waits, and what it leaves alone: a server that is silent, responses out of
order, focus, announcements."""
import os
import signal

import client_keys
import pytest
from browser import needs_browser
from lists import domains
from test_page import PAID, ask, see_result
from test_page_lists import check, run
from waiting import eventually

pytestmark = needs_browser

HOUR_MS = 3600 * 1000
MINUTE_MS = 60 * 1000


@pytest.fixture
def timed(page):
    """The page, with a clock that the test advances."""
    page.call("clock", "install")
    page.reload()
    page.sees("Look up a company")
    return page


@pytest.fixture
def frozen(daemon):
    """Stops the process of the daemon, and lets it continue at the end."""
    yield lambda: os.kill(daemon.process.pid, signal.SIGSTOP)
    os.kill(daemon.process.pid, signal.SIGCONT)


# ---- a silent server ----


def test_silent_server_is_reported_in_each_tab(timed, frozen):
    timed.show_tab("server")
    timed.sees("lookups are accepted")
    frozen()
    timed.show_tab("lookup")
    ask(timed, "milvali.com")
    see_result(timed, "Looking up milvali.com")
    timed.call("clock", "fastForward", MINUTE_MS)
    see_result(timed, "No connection to emailsd")
    timed.show_tab("many")
    timed.fill("#list", "a.com")
    timed.click("#check")
    timed.sees("Checking", "#price")
    timed.call("clock", "fastForward", MINUTE_MS)
    timed.sees("No connection to emailsd", "#list-fault")
    timed.show_tab("server")
    timed.call("clock", "fastForward", MINUTE_MS)
    timed.sees("No connection to emailsd", "#verdict")


def test_free_request_can_be_stopped(page, frozen):
    frozen()
    ask(page, "milvali.com")
    page.click("#result >> text=Stop")
    see_result(page, "Stopped waiting for milvali.com")
    page.show_tab("many")
    page.fill("#list", "a.com")
    page.click("#check")
    page.click("#stop")
    page.until("!document.querySelector('#check').disabled")
    assert not page.is_visible("#price")


def test_silent_list_says_that_the_server_does_not_respond(timed, frozen, sim):
    sim.behave(task_time_ms=HOUR_MS)
    timed.show_tab("many")
    check(timed, *domains(2))
    timed.click("#start")
    eventually(lambda: len(sim.ledger()) == 2)
    frozen()
    timed.call("clock", "fastForward", MINUTE_MS)
    timed.sees("The connection broke", "#list-fault")
    timed.sees("at least 0 credits spent; up to 2 more in flight")


# ---- several requests ----


def test_late_response_does_not_replace_a_newer_one(page, daemon):
    for domain in ["a.com", "b.com"]:
        daemon.lookup(domain)
    page.call("proxy", "hold", "/emails?domain=a.com*")
    ask(page, "a.com")
    ask(page, "b.com")
    see_result(page, "info@b.com")
    page.call("proxy", "open")
    page.show_tab("server")
    page.sees("lookups are accepted")
    page.show_tab("lookup")
    assert page.texts("#result h3") == ["b.com"]


def test_forgotten_key_spends_no_further(browse, testbed, sim, keys):
    key = keys.add("reports")
    daemon = client_keys.start(testbed, sim, keys)
    page = browse(daemon, "#many")
    page.fill("#key-input", key)
    page.press("Enter")
    page.sees("key: reports")
    sim.hold_submits()
    check(page, *domains(3))
    page.click("#start")
    page.sees("0 of 3", "#running")
    page.click("#forget")
    assert page.text("#forget") == "forget, and stop what is paid" and page.is_visible("#stop")
    page.click("#forget")
    page.sees("This server needs a key")
    posted = "method=POST route=/emails status=200"  # logged at the end of a request: the check, and the run
    eventually(lambda: daemon.log.read_text("utf-8").count(posted) == 2)


def test_list_cannot_change_while_it_runs(page, sim):
    sim.hold_submits()
    page.show_tab("many")
    check(page, "a.com")
    page.click("#start")
    page.sees("0 of 1", "#running")
    assert page.evaluate("document.querySelector('#list').readOnly") and page.is_disabled("#file")
    page.click("#stop")
    page.sees("Stopped")
    assert not page.evaluate("document.querySelector('#list').readOnly")


# ---- focus and announcements ----


def test_result_takes_no_focus_from_the_next_question(page, sim):
    sim.hold_submits()
    ask(page, "milvali.com")
    page.click(PAID)
    see_result(page, "submitting, ")
    page.fill("#domain", "blue-")
    page.click("#domain")
    sim.release_submits()
    see_result(page, "info@milvali.com")
    page.type("x")
    assert page.input_value("#domain") == "blue-x"


def test_result_takes_no_focus_from_another_tab(page, sim):
    sim.hold_submits()
    ask(page, "milvali.com")
    page.click(PAID)
    see_result(page, "submitting, ")
    page.show_tab("many")
    page.click("#list")
    sim.release_submits()
    page.until("document.querySelector('#result .mailboxes') !== null")
    assert page.evaluate("document.activeElement.id") == "list"


def test_progress_is_announced_now_and_then_only(timed, sim):
    sim.behave(task_time_ms=HOUR_MS)
    ask(timed, "milvali.com")
    timed.click(PAID)
    see_result(timed, "processing, ")
    timed.evaluate("""(() => {
        window.announced = [];
        new MutationObserver(() => announced.push(document.querySelector('#status').textContent))
            .observe(document.querySelector('#status'), { childList: true, characterData: true, subtree: true });
    })()""")
    for _ in range(25):
        timed.call("clock", "runFor", 1000)
    announced = timed.evaluate("announced")
    assert 1 <= len(announced) <= 3, announced
    timed.click("text=Stop waiting")


def test_hidden_page_asks_for_nothing(timed):
    timed.show_tab("server")
    timed.sees("lookups are accepted")
    timed.evaluate("void Object.defineProperty(document, 'hidden', { get: () => true })")
    timed.call("clock", "fastForward", 6000)
    timed.until("document.querySelector('#tiles').children.length > 0")
    timed.new_requests()
    timed.call("clock", "fastForward", MINUTE_MS)
    assert timed.new_requests() == []


def test_copied_twice_the_button_keeps_its_label(timed):
    label = timed.text("#copy-curl")
    timed.click("#copy-curl")
    timed.click("#copy-curl")
    assert timed.text("#copy-curl") == "Copied"
    timed.call("clock", "fastForward", 2000)
    timed.until(f"document.querySelector('#copy-curl').innerText === '{label}'")


def test_server_that_denies_access_shows_its_problem(page):
    problem = '{"title":"Not permitted for this client","status":403,"detail":"Host is foreign","code":"forbidden"}'
    page.call("proxy", "block", "/usage", {"status": 403, "contentType": "application/problem+json", "body": problem})
    page.reload()
    page.sees("Host is foreign", "#denied")
    page.call("proxy", "unblock", "/usage")
    page.click("text=Try again")
    page.sees("Look up a company")


def test_list_of_10000_entries(page, sim):
    page.show_tab("many")
    page.call("files", "choose", "#file", "list.txt", "\n".join(domains(10000)))
    page.sees("10,000 lines")
    page.click("#check")
    page.sees("This list costs at most 10,000 credits")
    run(page)
    page.sees("Finished: 10,000 of 10,000 have a result, 10,000 credits spent")
    page.click("#download")
    csv = eventually(lambda: page.call("watch", "take", "downloads"))[0]
    assert len(csv.splitlines()) == 1 + 2 * 10000
    assert len(sim.ledger()) == 10000
