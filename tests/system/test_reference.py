# SPDX-License-Identifier: MIT
"""test_reference.py - the reference of the API in a real browser: accessible by axe-core, light and dark, wide and
narrow, on paper, and by keyboard. test_web.py tests how it is served."""
from browser import needs_browser

pytestmark = needs_browser

WIDE, PHONE = {"width": 1280, "height": 800}, {"width": 320, "height": 640}


def test_reference_is_accessible_and_fits(browse, daemon):
    page = browse(daemon, "docs")
    page.sees("API reference", "main")
    for size in (WIDE, PHONE):
        page.set_viewport_size(size)
        for scheme in ("light", "dark"):
            page.emulate_media({"colorScheme": scheme})
            assert page.axe() == [], (size, scheme)
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]


def test_reference_prints_without_its_menus(browse, daemon):
    page = browse(daemon, "docs")
    page.sees("API reference", "main")
    assert page.evaluate("document.querySelector('.contents').offsetHeight") > 0
    page.emulate_media({"media": "print"})
    assert page.evaluate("document.querySelector('.contents').offsetHeight") == 0
    assert page.text("h1") == "API reference"


def test_reference_shows_the_code_that_its_address_names(browse, daemon):
    page = browse(daemon, "docs#code-quota-exceeded")
    page.until("Math.abs(document.getElementById('code-quota-exceeded').getBoundingClientRect().top) < innerHeight / 2")
    assert page.text(":target") == "quota-exceeded"


def test_reference_can_be_used_by_keyboard(browse, daemon):
    page = browse(daemon, "docs")
    page.sees("API reference", "main")
    page.press("Tab")
    assert page.focus() == "Skip to the reference"
    page.press("Enter", "Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")
    page.goto(f"{daemon.urls[0]}/docs")
    page.tab_to("summary")
    page.press("Enter")
    page.tab_to("[href='#code-missing-domain']")
    page.press("Enter")
    page.until("location.hash === '#code-missing-domain'")


def test_reference_leads_to_the_page_and_back(browse, daemon):
    page = browse(daemon, "docs")
    page.click("header nav a[href='./#many']")
    page.until("location.pathname === '/' && location.hash === '#many'")
    page.go_back()
    page.sees("API reference", "main")
