# SPDX-License-Identifier: MIT
"""test_page_look.py - the web page in a real browser: each state is accessible by axe-core and fits, light and dark, wide
and narrow. SCREENSHOTS=docs/screenshots writes the pictures of the documents; any other folder gets all."""
import os
import pathlib

import client_keys
import pytest
from browser import needs_browser
from programs import ROOT

pytestmark = needs_browser

WIDE, PHONE = {"width": 1280, "height": 800}, {"width": 320, "height": 640}
FOLDER = os.environ.get("SCREENSHOTS")
PUBLISHED = ["result-light", "result-dark", "list-light", "server-light", "result-phone"]
COMPANIES = ["milvali.com", "blue-bottle.com", "empty-harbour.com", "northwind-traders.com", "www.milvali.com", "globex",
             "fabrikam.com", "errored-example.com", "tailspin-toys.com", "contoso.com"]


def take(page, name):
    if not FOLDER:
        return
    folder = pathlib.Path(FOLDER)
    if (ROOT / folder).resolve() != ROOT / "docs/screenshots" or name in PUBLISHED:
        page.screenshot({"path": str(folder / f"{name}.png"), "animations": "disabled"})


# Elements that cross the right edge of their card.
WIDER_THAN_CARD = """[...document.querySelectorAll(".card *")]
    .filter((e) => e.checkVisibility() && !e.closest(".unseen"))
    .filter((e) => e.getBoundingClientRect().right > e.closest(".card").getBoundingClientRect().right)
    .map((e) => e.outerHTML)"""


def check_look(page, name):
    """Checks the state that the page has now, in each look."""
    for size, suffix in [(WIDE, ""), (PHONE, "-phone")]:
        page.set_viewport_size(size)
        for scheme in ["dark", "light"]:
            page.emulate_media({"colorScheme": scheme, "reducedMotion": "reduce"})
            assert page.axe() == [], (name, size, scheme)
            take(page, name + (suffix or f"-{scheme}"))
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], (name, size)
        assert page.evaluate(WIDER_THAN_CARD) == [], (name, size)
    page.set_viewport_size(WIDE)


def ask(page, domain):
    page.fill("#domain", domain)
    page.click("#question button")


def test_lookup_is_accessible_in_each_state(browse, testbed, sim, keys):
    key = keys.add("reports", "quota=500")
    page = browse(client_keys.start(testbed, sim, keys))
    page.sees("This server needs a key")
    check_look(page, "key")
    page.fill("#key-input", key)
    page.press("Enter")
    page.sees("500 of 500 lookups left")
    check_look(page, "empty")
    ask(page, "milvali.com")
    page.sees("is not known yet")
    check_look(page, "offer")
    sim.behave(task_time_ms=3600 * 1000)
    page.click("text=Start paid lookup")
    page.sees("processing, ")
    check_look(page, "progress")
    page.click("text=Stop waiting")
    page.sees("Stopped waiting")
    check_look(page, "stopped")
    page.click("text=Look up again, for free")
    page.sees("has no result yet")
    check_look(page, "offer-again")
    page.click("text=Wait for it")
    page.sees("processing, ")
    ask(page, "blue-bottle.com")
    page.sees("is not known yet")
    check_look(page, "beside")
    ask(page, "milvali.com")
    sim.behave(task_time_ms=0)
    page.sees("info@milvali.com", "#result")
    page.sees("499 of 500")
    check_look(page, "result")
    page.click("text=JSON")
    page.click("text=Company and place")
    check_look(page, "details")
    ask(page, "milvali")
    page.sees("Invalid domain")
    check_look(page, "problem")


def test_list_is_accessible_in_each_state(page, sim, daemon):
    page.show_tab("many")
    check_look(page, "list-empty")
    daemon.lookup("milvali.com")
    page.fill("#list", "\n".join(COMPANIES))
    page.click("#check")
    page.sees("costs at most")
    check_look(page, "list-price")
    sim.rule("contoso.com", time_ms=3600 * 1000)
    sim.rule("tailspin-toys.com", time_ms=3600 * 1000)
    page.click("#start")
    page.sees("5 of 7")
    page.evaluate("scrollTo(0, document.querySelector('#price').offsetTop - 24)")
    check_look(page, "list")
    page.click("#stop")
    page.sees("Stopped: 4 of 7")
    check_look(page, "list-stopped")
    page.check("[value=none]")
    check_look(page, "list-none")


def test_server_is_accessible_in_each_state(browse, testbed, sim):
    daemon = testbed.daemon(sim, "--credits-per-day", "3")
    page = browse(daemon, "#server")
    daemon.lookup("a.com")
    page.sees("1 of 3")
    page.sees("since the start")
    check_look(page, "server")
    daemon.lookup("b.com")
    daemon.lookup("c.com")
    page.sees("without paid lookups")
    check_look(page, "server-spent")
    daemon.kill()
    page.sees("No connection")
    check_look(page, "server-gone")


def test_page_without_connection_is_accessible(page, daemon):
    page.call("proxy", "block", "/usage")
    page.reload()
    page.sees("HTTP status 404")
    check_look(page, "denied")


def test_reference_is_accessible(browse, daemon):
    check_look(browse(daemon, "docs"), "docs")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_without_javascript_is_accessible(browse, daemon, scheme):
    page = browse(daemon, javaScriptEnabled=False, colorScheme=scheme, viewport=PHONE)
    assert page.is_visible("pre")
    take(page, f"no-script-{scheme}")


def test_page_fits_at_double_zoom(browse, daemon):
    page = browse(daemon, viewport={"width": 640, "height": 400}, deviceScaleFactor=2)
    for tab in ["lookup", "many", "server"]:
        page.show_tab(tab)
        assert page.evaluate("document.documentElement.scrollWidth") <= 640, tab


def test_nothing_moves_for_users_who_want_that(browse, daemon):
    page = browse(daemon, reducedMotion="reduce")
    page.sees("Look up a company")
    moving = ("[...document.querySelectorAll('*')].map((e) => getComputedStyle(e))"
              ".filter((s) => s.animationName !== 'none' || parseFloat(s.transitionDuration)).length")
    assert page.evaluate(moving) == 0
