# SPDX-License-Identifier: MIT
"""test_page_server.py - the tab "Server" of the web page in a real browser: what it shows of /readyz, /usage, /metrics
and /version, and when it asks for them."""
import client_keys
from browser import needs_browser
from waiting import eventually

pytestmark = needs_browser


def tiles(page):
    """Returns the tiles of the tab: {"Store": ["usable"], ...}."""
    return {name: value.split("\n")[1:] for name, value in
            ((tile.split("\n")[0], tile) for tile in page.texts("#tiles > div"))}


def test_server_tab_shows_the_state(browse, testbed, sim):
    daemon = testbed.daemon(sim, "--credits-per-day", "500")
    daemon.lookup("a.com")
    daemon.lookup("a.com")
    page = browse(daemon, "#server")
    page.sees("Known results are served, and lookups are accepted.")
    shown = tiles(page)
    assert shown["Store"] == ["usable"] and shown["Upstream"] == ["ok"] and shown["Paused"] == ["no"]
    assert shown["Budget"] == ["1 of 500", "credits spent today"]
    assert shown["Queue"] == ["0", "lookups wait"]
    assert shown["In flight"] == ["0", "lookups in 0 submits"]
    version = daemon.get("/version").json()
    assert f"emailsd {version['version']}, revision {version['revision']}" in page.text("#build")
    page.sees("1 miss since the start")
    assert tiles(page)["Hits"][0] == "1" and tiles(page)["Your lookups"] == ["1", "paid today"]


def test_server_tab_says_why_nothing_is_paid_for(browse, testbed, sim):
    daemon = testbed.daemon(sim, "--credits-per-day", "1")
    page = browse(daemon, "#server")
    page.sees("lookups are accepted")
    daemon.lookup("a.com")
    page.sees("Ready, without paid lookups")
    page.sees("The server's credits are used up until 00:00 UTC.")
    assert "credits spent today" in tiles(page)["Budget"]
    page.until("document.querySelector('#status').textContent.includes('without paid lookups')")


def test_server_tab_reports_a_rejected_key_of_the_upstream(browse, testbed, sim):
    daemon = testbed.daemon(sim)
    sim.fault("submit", "status", times=-1, status=401, after_creating=False)
    daemon.lookup("a.com")
    browse(daemon, "#server").sees("The upstream rejects the server's key.")


def test_server_tab_survives_a_killed_server(page, daemon):
    page.show_tab("server")
    page.sees("lookups are accepted")
    daemon.kill()
    page.sees("No connection to emailsd")
    assert tiles(page)["Store"] == ["usable"]  # the last known state, dimmed
    assert page.get_attribute("#tiles", "class") == "tiles old"


def test_only_the_visible_tab_is_refreshed(page):
    page.show_tab("server")
    page.sees("lookups are accepted")
    page.call("clock", "install")
    page.reload()
    page.sees("lookups are accepted")
    page.new_requests()
    page.call("clock", "fastForward", 6000)
    eventually(lambda: "GET /readyz?verbose" in page.new_requests())
    page.show_tab("many")
    page.new_requests()
    page.call("clock", "fastForward", 60000)
    assert page.new_requests() == []


def test_server_tab_needs_no_key(browse, testbed, sim, keys):
    keys.add("reports")
    page = browse(client_keys.start(testbed, sim, keys), "#server")
    page.sees("lookups are accepted")
    assert "Your lookups" not in tiles(page)
    page.click("header nav a[href='#many']")
    page.sees("This server needs a key")


def test_server_tab_does_without_metrics(browse, testbed, sim):
    daemon = testbed.daemon(sim)
    page = browse(daemon)
    page.call("proxy", "block", "/metrics")
    page.show_tab("server")
    page.sees("lookups are accepted")
    assert "Hits" not in tiles(page)
