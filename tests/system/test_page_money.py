# SPDX-License-Identifier: MIT
"""test_page_money.py - what the web page says about credits is what the ledger of the upstream says: repeated runs,
quotas, stopped lookups, several lookups, several keys."""
import client_keys
import pytest
from browser import needs_browser
from lists import domains
from test_page import PAID, ask, see_result
from test_page_lists import check, column, figures, run
from waiting import eventually

pytestmark = needs_browser

HOUR_MS = 3600 * 1000


def sign_in(page, key, name):
    page.fill("#key-input", key)
    page.press("Enter")
    page.sees(f"key: {name}")


# ---- lists ----


def test_second_run_pays_for_what_it_offers_and_shows_it(browse, testbed, sim):
    page = browse(testbed.daemon(sim, "--ttl-failed", "1s"), "#many")
    page.sees("Look up a list")
    for domain in ["bad0.com", "bad1.com"]:
        sim.rule(domain, state="ERRORED", data=None)
    check(page, "bad0.com", "bad1.com", "b.com", "c.com")
    page.fill("#limit", "3")
    run(page)
    assert page.text("#price-title") == "Finished: 1 of 4 have a result, 2 failed, 1 credit spent, 2 perhaps"
    assert figures(page) == {"known": 1, "not known": 1, "failed": 2}
    assert page.text("#start") == "Spend at most 3 credits"
    for domain in ["bad0.com", "bad1.com"]:
        sim.rule(domain, state="COMPLETED", data=[{"email": f"info@{domain}", "status": "VALID"}])
    n = len(sim.ledger())

    def are_paid_again():
        run(page)
        return not page.is_visible("#offer")
    eventually(are_paid_again)  # the failed ones are kept for a second
    assert column(page, 2) == [f"info@{d}" for d in ["bad0.com", "bad1.com"]] + [
        f"info@{d}\nsupport@{d}" for d in ["b.com", "c.com"]]
    assert sorted(task["domain"] for task in sim.ledger()[n:]) == ["bad0.com", "bad1.com", "c.com"]


def test_stopped_list_names_what_may_be_in_flight(page, sim):
    page.show_tab("many")
    sim.behave(task_time_ms=HOUR_MS)
    check(page, *domains(3))
    page.fill("#limit", "2")
    page.click("#start")
    eventually(lambda: len(sim.ledger()) == 2)
    page.click("#stop")
    page.sees("Stopped: 0 of 3 have a result, at least 0 credits spent; up to 2 more in flight")


def test_list_over_the_quota_is_offered_and_counted_as_such(browse, testbed, sim, keys):
    key = keys.add("reports", "quota=5")
    page = browse(client_keys.start(testbed, sim, keys), "#many")
    sign_in(page, key, "reports")
    check(page, *domains(20))
    assert page.text("#price-title") == "This list costs at most 20 credits"
    page.sees("Your quota pays for 5 of them today.", "#price")
    assert page.text("#start") == "Spend at most 5 credits"
    page.fill("#limit", "20")
    run(page)
    assert page.text("#price-title") == "Finished: 5 of 20 have a result, 15 failed, 5 credits spent"
    assert figures(page) == {"known": 5, "not known": 0, "failed": 15}
    page.sees("No paid lookups are left until 00:00 UTC.", "#price")
    assert not page.is_visible("#start")
    assert len(sim.ledger()) == 5


def test_equal_entries_are_counted_once_everywhere(page, sim):
    page.show_tab("many")
    sim.hold_submits()
    check(page, "a.com", "www.a.com", "https://a.com/x")
    assert page.text("#start") == "Spend at most 1 credit"
    page.click("#start")
    page.sees("0 of 1,", "#running")
    sim.release_submits()
    page.sees("Finished: 1 of 1 have a result, 1 credit spent")
    assert len(sim.ledger()) == 1


@pytest.mark.parametrize("limit", ["", "0", "2.5", "-1", "4"])
def test_limit_that_is_not_one_sends_nothing(page, limit):
    page.show_tab("many")
    check(page, *domains(3))
    page.fill("#limit", limit)
    page.new_requests()
    page.click("#start")
    assert page.evaluate("document.activeElement.id") == "limit"
    assert page.new_requests() == []
    page.fill("#limit", "2")
    assert page.text("#start") == "Spend at most 2 credits"


def test_check_without_a_server_keeps_the_results(page, daemon):
    page.show_tab("many")
    check(page, "a.com")
    run(page)
    daemon.kill()
    page.click("#check")
    page.sees("No connection to emailsd", "#list-fault")
    assert column(page, 3) == ["200"] and page.text("#price-title").startswith("Finished: 1 of 1")


def test_list_in_flight_does_not_wait_for_credits(browse, testbed, sim):
    page = browse(testbed.daemon(sim, "--credits-per-day", "2"), "#many")
    page.sees("Look up a list")
    page.call("clock", "install")
    page.reload()
    page.sees("Look up a list")
    sim.behave(task_time_ms=HOUR_MS)
    check(page, *domains(2))
    page.click("#start")
    eventually(lambda: len(sim.ledger()) == 2)
    page.new_requests()
    page.call("clock", "fastForward", 9000)
    eventually(lambda: any("GET /bulks/" in request for request in page.new_requests()))
    assert page.text("#run-note") == ""
    page.click("#stop")


# ---- single lookups ----


def test_back_and_reload_ask_with_company_and_place(page, sim, daemon):
    daemon.lookup("a.com")
    ask(page, "a.com")
    see_result(page, "hit, free")
    page.click("summary")
    page.fill("#company_name", "Beta")
    page.fill("#city", "Rome")
    ask(page, "b.com")
    see_result(page, "b.com, Beta, Rome is not known yet")
    page.click(PAID)
    see_result(page, "looked-up, 1 credit")
    page.go_back()
    see_result(page, "info@a.com", "hit, free")
    assert page.input_value("#company_name") == ""
    page.go_forward()
    see_result(page, "info@b.com", "hit, free")
    page.reload()
    see_result(page, "info@b.com", "hit, free")
    assert page.input_value("#city") == "Rome" and page.is_visible("#city")
    assert len(sim.ledger()) == 2


def test_link_asks_for_nothing_that_the_form_does_not(page, sim):
    page.new_requests()
    page.evaluate("void (location.hash = 'lookup?domain=a.com&refresh=1&wait=0')")
    see_result(page, "a.com is not known yet")
    assert [r for r in page.new_requests() if "/emails" in r] == ["GET /emails?domain=a.com&format=sse&cached=1"]
    assert sim.ledger() == []


def test_stopped_lookup_is_not_offered_as_a_new_one(page, sim):
    sim.rule("milvali.com", time_ms=HOUR_MS)
    ask(page, "milvali.com")
    page.click(PAID)
    see_result(page, "processing, ")
    page.click("text=Stop waiting")
    page.click("text=Look up again, for free")
    see_result(page, "milvali.com has no result yet", "may still be in progress")
    assert "Nothing was spent" not in page.text("#result")
    page.click("text=Wait for it: free if it is, otherwise 1 credit")
    see_result(page, "processing, ")
    sim.rule("milvali.com", time_ms=0)
    see_result(page, "info@milvali.com", "joined, free")
    assert len(sim.ledger()) == 1


def test_paid_lookup_continues_beside_the_next_one(page, sim):
    sim.rule("a.com", time_ms=HOUR_MS)
    ask(page, "a.com")
    page.click(PAID)
    see_result(page, "processing, ")
    ask(page, "b.com")
    see_result(page, "b.com is not known yet")
    page.sees("processing, ", "#earlier")
    page.evaluate("void setTimeout(() => location.reload())")
    assert eventually(lambda: page.call("watch", "take", "dialogs")) == ["beforeunload"]
    ask(page, "a.com")
    see_result(page, "processing, ")  # the same request
    ask(page, "b.com")
    see_result(page, "b.com is not known yet")
    sim.rule("a.com", time_ms=0)
    page.sees("info@a.com", "#earlier")
    assert "b.com is not known yet" in page.text("#result")
    assert [task["domain"] for task in sim.ledger()] == ["a.com"]


def test_links_leave_the_results_in_place(page):
    page.show_tab("many")
    check(page, "milvali")
    for link in ["#rows a", "nav a[href=docs]"]:
        assert page.get_attribute(link, "target") == "_blank"


def test_broken_lookup_says_what_becomes_of_its_credit(page, sim, daemon):
    sim.rule("milvali.com", time_ms=HOUR_MS)
    ask(page, "milvali.com")
    page.click(PAID)
    see_result(page, "processing, ")
    daemon.kill()
    see_result(page, "The connection broke", "What has been submitted continues")


# ---- keys ----


def test_key_that_never_pays_is_offered_nothing(browse, testbed, sim, keys):
    key = keys.add("reader", "cached_only")
    page = browse(client_keys.start(testbed, sim, keys))
    sign_in(page, key, "reader")
    ask(page, "milvali.com")
    see_result(page, "milvali.com is not known yet", "This key gets known results only, and never pays.")
    assert page.texts("#result button") == []
    page.show_tab("many")
    check(page, *domains(3))
    page.sees("never pays", "#price")
    assert not page.is_visible("#start")


def test_key_without_lookups_left_is_offered_nothing(browse, testbed, sim, keys):
    key = keys.add("reports", "quota=1")
    page = browse(client_keys.start(testbed, sim, keys))
    sign_in(page, key, "reports")
    ask(page, "a.com")
    page.click(PAID)
    page.sees("0 of 1 lookup left")
    ask(page, "b.com")
    see_result(page, "b.com is not known yet", "No paid lookups are left until 00:00 UTC.")
    assert page.texts("#result button") == []


def test_next_key_sees_nothing_of_the_last_one(browse, testbed, sim, keys):
    first, second = keys.add("reports", "quota=9"), keys.add("other", "quota=7")
    page = browse(client_keys.start(testbed, sim, keys))
    sign_in(page, first, "reports")
    ask(page, "milvali.com")
    page.click(PAID)
    see_result(page, "info@milvali.com")
    page.show_tab("many")
    check(page, *domains(3))
    page.click("#forget")
    page.sees("This server needs a key")
    sign_in(page, second, "other")
    assert page.input_value("#list") == "" and not page.is_visible("#price") and not page.is_visible("#results")
    page.show_tab("lookup")
    assert "milvali.com" not in page.text("#result") and page.input_value("#domain") == ""
    assert "milvali" not in page.evaluate("location.hash")
