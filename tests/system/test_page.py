# SPDX-License-Identifier: MIT
"""test_page.py - the web page in a real browser: one lookup, keys, tabs, and what the page never does.

Every test also fails if the console has an error, the policy was violated, or a request went to another origin
(Page.stop).
"""
import signal

import client_keys
from browser import needs_browser
from waiting import eventually

pytestmark = needs_browser

MARKUP = "<img src=x onerror=alert(1)>"
PAID = "text=Start paid lookup"


def ask(page, domain):
    """Looks a domain up, as a user with a mouse."""
    page.fill("#domain", domain)
    page.click("#question button")


def see_result(page, *texts):
    for text in texts:
        page.sees(text, "#result")


# ---- one lookup ----


def test_lookup_names_its_price_before_it_spends(page, sim):
    ask(page, "milvali.com")
    see_result(page, "milvali.com is not known yet", "Nothing was spent", "request ")
    assert page.text("#result button") == "Start paid lookup: 1 credit"
    assert sim.ledger() == []
    page.click(PAID)
    see_result(page, "info@milvali.com", "support@milvali.com", "VALID", "looked-up, 1 credit", "fetched ", "fresh for ")
    assert len(sim.ledger()) == 1


def test_lookup_of_a_known_domain_is_free(page, sim, daemon):
    daemon.lookup("milvali.com")
    ask(page, "https://www.milvali.com/contact")
    see_result(page, "info@milvali.com", "hit, free")
    assert len(sim.ledger()) == 1


def test_reload_spends_nothing(page, sim, daemon):
    daemon.lookup("milvali.com")
    ask(page, "milvali.com")
    see_result(page, "hit, free")
    for _ in range(2):
        page.reload()
        see_result(page, "info@milvali.com", "hit, free")
    ask(page, "unknown.com")
    see_result(page, "unknown.com is not known yet")
    page.reload()
    see_result(page, "unknown.com is not known yet")
    assert len(sim.ledger()) == 1


def test_lookup_shows_each_phase(page, sim):
    sim.hold_submits()
    ask(page, "milvali.com")
    page.click(PAID)
    see_result(page, "submitting, ", "s of about")
    sim.behave(task_time_ms=1000 * 3600)
    sim.release_submits()
    see_result(page, "processing, ")
    assert page.texts(".steps .done") == ["queued", "submitting"]
    assert page.texts(".steps .current") == ["processing"]
    sim.behave(task_time_ms=0)
    see_result(page, "info@milvali.com")


def test_stop_waiting_does_not_lose_the_result(page, sim):
    sim.hold_submits()
    ask(page, "milvali.com")
    page.click(PAID)
    see_result(page, "submitting, ")
    page.click("text=Stop waiting")
    see_result(page, "Stopped waiting for milvali.com", "its result will be free")
    assert page.focus() == "Stopped waiting for milvali.com"
    sim.release_submits()

    def is_known():
        page.click("#question button")
        page.until("!document.querySelector('#result').hasAttribute('aria-busy')")
        return "hit, free" in page.text("#result")
    eventually(is_known)
    assert len(sim.ledger()) == 1


def test_lookup_sends_company_and_place(page, sim):
    page.click("summary")
    page.fill("#company_name", "Milvali Group")
    page.fill("#country", "Italy")
    ask(page, "milvali.com")
    assert "company_name=Milvali+Group&country=Italy'" in page.text("#curl")
    page.click(PAID)
    see_result(page, "Milvali Group", "looked-up")
    assert [(task["company_name"], task["country"]) for task in sim.ledger()] == [("Milvali Group", "Italy")]


def test_paid_lookup_is_the_one_whose_price_was_named(page, sim):
    ask(page, "milvali.com")
    page.sees("milvali.com is not known yet")
    page.fill("#domain", "other.com")
    page.click(PAID)
    see_result(page, "info@milvali.com")
    assert [task["domain"] for task in sim.ledger()] == ["milvali.com"]


def test_empty_result_is_a_result(page):
    ask(page, "empty.com")
    page.click(PAID)
    see_result(page, "No shared mailboxes were found", "looked-up, 1 credit")


def test_problem_has_title_detail_request_and_link(page):
    ask(page, "milvali")
    see_result(page, "Invalid domain", "did you mean milvali.com?", "request ")
    assert page.get_attribute("#result a", "href") == "problems/invalid-domain"
    page.click("text=Look up milvali.com")
    see_result(page, "milvali.com is not known yet")
    assert page.input_value("#domain") == "milvali.com"


def test_failed_lookup_offers_a_free_and_a_paid_repetition(page):
    ask(page, "errored.com")
    page.click(PAID)
    see_result(page, "Lookup failed upstream", "charged: maybe")
    assert page.texts("#result button") == ["Look up again, for free", "Start paid lookup: at most 1 credit"]


def test_server_killed_during_a_lookup_is_reported(page, sim, daemon):
    sim.hold_submits()
    ask(page, "milvali.com")
    page.click(PAID)
    see_result(page, "submitting, ")
    daemon.kill()
    see_result(page, "The connection broke")
    page.click("text=Look up again, for free")
    see_result(page, "No connection to emailsd")


def test_copied_text_is_in_the_clipboard(page, daemon):
    page.call("context", "grantPermissions", ["clipboard-read", "clipboard-write"])
    daemon.lookup("milvali.com")
    ask(page, "milvali.com")
    page.click("text=Copy addresses")
    page.sees("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == "info@milvali.com\nsupport@milvali.com"
    page.click("#copy-curl")
    page.until("document.querySelector('#copy-curl').innerText === 'Copied'")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == f"curl '{daemon.urls[0]}/emails?domain=milvali.com'"


def test_markup_in_results_stays_text(page, sim, daemon):
    sim.rule("milvali.com", data=[{"email": "info@milvali.com", "status": MARKUP}])
    page.click("summary")
    page.fill("#company_name", MARKUP)
    ask(page, "milvali.com")
    page.click(PAID)
    see_result(page, "info@milvali.com")
    assert page.texts("#result .between .muted") == [MARKUP]
    assert page.texts("#result li .muted") == [MARKUP]
    ask(page, MARKUP)
    see_result(page, "Invalid domain")
    assert page.evaluate("document.querySelectorAll('#app img').length") == 1
    assert page.evaluate("document.querySelectorAll('#result img').length") == 0
    assert daemon.is_running()


# ---- keys ----


def test_key_is_rejected_stored_and_forgotten(browse, testbed, sim, keys):
    key = keys.add("reports", "quota=500")
    page = browse(client_keys.start(testbed, sim, keys))
    page.sees("This server needs a key")
    assert page.evaluate("document.activeElement.id") == "key-input"
    assert page.get_attribute("#key-input", "type") == "password"
    for wrong, fault in [("esd_wrong", "The server does not know this key"), ("\u20ac uro", "This is not a key")]:
        page.fill("#key-input", wrong)
        page.click("text=Use this key")
        page.sees(fault, "#key-form")
        assert page.evaluate("sessionStorage.length") == 0
        assert page.input_value("#key-input") == ""
    page.fill("#key-input", key)
    page.press("Enter")
    page.sees("key: reports")
    page.sees("500 of 500 lookups left, until 00:00 UTC")
    assert page.focus() == "Look up a company"
    ask(page, "milvali.com")
    page.click(PAID)
    see_result(page, "info@milvali.com")
    page.sees("499 of 500 lookups left")
    assert '-H "Authorization: Bearer $EMAILSD_KEY"' in page.text("#curl")
    page.reload()
    see_result(page, "hit, free")
    assert page.evaluate("localStorage.length") == 0 and page.evaluate("document.cookie") == ""
    assert not [request for request in page.new_requests() if key in request]
    page.click("#forget")
    page.sees("This server needs a key")
    assert page.evaluate("sessionStorage.length") == 0
    assert not page.is_visible("#lookup")


def test_key_that_is_withdrawn_is_deleted(browse, testbed, sim, keys):
    key = keys.add("reports")
    keys.add("other")
    daemon = client_keys.start(testbed, sim, keys)
    page = browse(daemon)
    page.fill("#key-input", key)
    page.press("Enter")
    page.sees("key: reports")
    del keys.lines["reports"]
    keys.write()
    daemon.deliver(signal.SIGHUP)
    eventually(lambda: daemon.get("/usage", {"X-API-Key": key}).status == 401)
    ask(page, "milvali.com")
    page.sees("The server does not know this key")
    assert page.evaluate("sessionStorage.length") == 0


def test_server_that_does_not_accept_the_host_shows_its_problem(browse, daemon):
    page = browse(daemon, extraHTTPHeaders={"X-Forwarded-For": "192.0.2.1"})
    assert page.evaluate("JSON.parse(document.body.innerText).code") == "forbidden"


def test_link_of_another_site_opens_the_page(page, daemon):
    page.goto("about:blank")
    page.set_content(f'<a href="{daemon.urls[0]}">emailsd</a>')
    page.click("a")
    page.wait_for_selector("#lookup-title")
    page.reload()
    page.wait_for_selector("#lookup-title")


# ---- tabs, keyboard ----


def test_back_returns_to_the_tab_before(page):
    page.show_tab("many")
    assert page.focus() == "Look up a list"
    page.show_tab("server")
    page.go_back()
    page.wait_for_selector("#many-title")
    assert page.text("nav [aria-current=page]") == "Many"
    assert page.title() == "Look up a list - emailsd"
    page.go_back()
    page.wait_for_selector("#lookup-title")
    page.go_forward()
    page.wait_for_selector("#many-title")


def test_back_returns_to_the_domain_before(page, sim, daemon):
    for domain in ["a.com", "b.com"]:
        daemon.lookup(domain)
        ask(page, domain)
        see_result(page, f"info@{domain}")
    page.go_back()
    see_result(page, "info@a.com", "hit, free")
    assert page.input_value("#domain") == "a.com"
    assert len(sim.ledger()) == 2


def test_lookup_works_by_keyboard_only(page, sim):
    page.tab_to("#domain")
    page.type("milvali.com")
    page.press("Enter")
    see_result(page, "milvali.com is not known yet")
    assert page.focus() == "milvali.com is not known yet"
    page.new_requests()
    page.press("Enter", "Space")  # a second time does not spend anything
    page.press("Tab")
    assert page.focus().startswith("Start paid lookup")
    assert page.new_requests() == []
    page.press("Enter")
    see_result(page, "info@milvali.com")
    assert page.focus() == "milvali.com"
    assert "milvali.com: 2 mailboxes" in page.evaluate("document.querySelector('#status').textContent")


def test_without_javascript_the_page_names_command_and_reference(browse, daemon):
    page = browse(daemon, javaScriptEnabled=False)
    shown = page.call("page", "innerText", "body")
    assert "curl 'http://127.0.0.1:8080/emails?domain=milvali.com'" in shown
    assert page.get_attribute("main a", "href") == "docs"
    assert "Look up" not in shown
